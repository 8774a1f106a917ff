"""The store for one download, as long as it can be used; after an error the download goes on without it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.engine.waiting import wait_for_other
from pip_resume.errors import NamesInUse, StoreUnusable
from pip_resume.protocol.planning import is_storable
from pip_resume.storage.housekeeping import make_room
from pip_resume.storage.store import SPARE_BYTES
from pip_resume.wording import format_size

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display
    from pip_resume.engine.reading import Speeds
    from pip_resume.protocol.messages import ResponseHead
    from pip_resume.storage.store import Store
    from pip_resume.storage.stored_partial import StoredPartial


class StoreAccess:
    """The store, or nothing."""

    def __init__(self, artifact: Artifact, store: Store | None, display: Display) -> None:
        self._artifact = artifact
        self._store = store
        self._display = display

    def may_find_earlier(self) -> bool:
        """Whether an earlier run, or another pip at this moment, has stored bytes of the artifact."""
        return self._store is not None and self._store.holds(self._artifact)

    def forget_earlier(self) -> None:
        """Remove what an earlier run has stored: the file has been obtained another way."""
        if self._store is not None:
            self._store.forget(self._artifact)

    def claim(self) -> StoredPartial | None:
        """Return the store's partial, or None if the store cannot be used. Raises PartialBusy."""
        if self._store is None:
            return None
        try:
            return self._store.claim(self._artifact)
        except NamesInUse:
            self._store = None
            return None
        except (OSError, StoreUnusable) as error:
            self.give_up(error)
            return None

    def claim_for(self, head: ResponseHead, complete_length: int | None) -> StoredPartial | None:
        """Return a partial for a first body, if that is storable and there is room for it; else None.

        Raises PartialBusy.
        """
        store = self._store
        if store is None or head.from_cache or not is_storable(head, self._artifact):
            return None
        if not store.may_keep(self._artifact):
            return None
        needed = complete_length or 0
        if store.free_bytes() < needed:
            make_room(store.paths[:1], needed - store.free_bytes(), spare=self._artifact.key)
        if store.free_bytes() < needed:
            # pip needs room as well. The number that is named as free is the one that other programs show.
            free, least = int(store.free_bytes()) + SPARE_BYTES, needed + SPARE_BYTES
            sizes = f"{format_size(free)} free, {format_size(least)} needed"
            self.give_up(StoreUnusable(f"not enough free space in {store.path} ({sizes})"))
        return self.claim()

    def give_up(self, error: Exception) -> None:
        """Use the store no more, and say why."""
        if isinstance(error, OSError) and self._store is not None and not _names_path(error):
            error.filename = str(self._store.path)
        self._display.store_unusable(error)
        self._store = None

    def wait_for_other(self, clock: Clock, speeds: Speeds) -> None:
        """Wait while another pip downloads the same artifact.

        If it is too slow, stop waiting and download without storing a partial.
        """
        if self._store is None:
            return
        try:
            if not wait_for_other(self._store, self._artifact, self._display, clock, speeds):
                self._store = None
        finally:
            self._display.other_has_ended()


def _names_path(error: OSError) -> bool:
    """Whether an error names a complete path. One of a call with a descriptor names nothing, or a file below it."""
    return isinstance(error.filename, str) and Path(error.filename).is_absolute()

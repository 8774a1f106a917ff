"""The bytes that one run has of an artifact: where each block goes, and where it goes once the disk is full."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.errors import ConnectionLost, PipError, StoreUnusable, WrongBytes
from pip_resume.protocol.checkpoint import Checkpoint, with_length
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.verdicts import OVERLAP_BYTES, Action, Verdict, is_storable
from pip_resume.storage.housekeeping import make_room
from pip_resume.storage.partial import Partial
from pip_resume.storage.stored_partial import StoredPartial

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display
    from pip_resume.storage.store import Store

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""The errors of a disk that is full, or of a quota that is used up."""
STALL_S = 30.0
"""If another pip's file has not grown for this long, stop waiting for it: twice pip's own ``--timeout``."""
_POLL_S = 0.5
"""How often to look whether another pip has finished: a delay that nobody notices beside a download."""


class Origin(NamedTuple):
    """Where the bytes held came from."""

    overlap: int = 0
    """How many bytes before the offset have to be requested again and compared. They are an earlier run's."""
    is_this_run: bool = True
    """Whether this run has downloaded all of them, so that a wrong digest is not an earlier run's fault."""
    resumed_at: int = 0
    """The highest first-pos from which a server has continued; 0 if everything came anew."""


class LocalCopy:
    """The partial of one download: none yet, one of the store's, or one in pip's temporary directory."""

    def __init__(self, artifact: Artifact, location: Path, store: Store | None, display: Display) -> None:
        self._artifact = artifact
        self._location = location
        self._store = store
        self._display = display
        self._partial: Partial | None = None
        self._abandoned: Partial | None = None
        """The store's partial on a disk that is full. It stays locked and unchanged until the download is complete."""
        self.origin = Origin()

    @property
    def partial(self) -> Partial:
        """The partial, once there is one."""
        assert self._partial is not None
        return self._partial

    @property
    def held(self) -> Held:
        """The same as a value, for ``protocol``."""
        digest_known = self._artifact.digest is not None
        if self._partial is None:
            return Held(digest_known=digest_known)
        return Held(self._partial.offset, self._partial.checkpoint, digest_known, self.origin.overlap)

    @property
    def is_complete(self) -> bool:
        """Whether no request is needed. Without a hash an earlier run's bytes are compared with the server's first."""
        return self.held.is_complete and (self._artifact.digest is not None or self.origin.overlap == 0)

    @property
    def stored(self) -> Partial | None:
        """What the next run finds; None if that is nothing."""
        found = self._abandoned or self._partial
        return found if found is not None and found.is_stored and found.offset > 0 else None

    def may_find_earlier(self) -> bool:
        """Whether an earlier run, or another pip at this moment, has stored bytes that are not claimed yet."""
        return self._partial is None and self._store is not None and self._store.holds(self._artifact)

    def claim_earlier(self) -> None:
        """Take over what an earlier run has stored. Raises PartialBusy."""
        partial = self._claim()
        if partial is None:
            return
        if partial.offset == 0:
            # An empty partial is useless. The first response decides whether this download may be stored.
            partial.close()
            return
        self.origin = Origin(overlap=OVERLAP_BYTES, is_this_run=False)
        self._partial = partial

    def forget_earlier(self) -> None:
        """Remove what an earlier run has stored: the file has been obtained another way."""
        if self._store is not None:
            self._store.forget(self._artifact)

    def open(self, head: ResponseHead, verdict: Verdict, offered: Checkpoint) -> Cursor:
        """Prepare for a body. ``offered``, which its response says of the file, is on disk before the first byte.

        Raises PartialBusy.
        """
        if self._partial is None:
            self._partial = self._new_partial(head, verdict)
        try:
            self._record(verdict, offered)
        except OSError as error:
            self._leave_store(error)
            self._record(verdict, offered)
        # Bytes that are compared were downloaded again, so this counts the first-pos, not the offset.
        self.origin = self.origin._replace(resumed_at=max(self.origin.resumed_at, verdict.first_pos))
        return Cursor(self, verdict.first_pos, offered)

    def write(self, position: int, block: bytes, cursor: Cursor) -> None:
        """Compare what is held of a block and append the rest. Raises WrongBytes."""
        try:
            self._put(position, block, cursor)
        except OSError as error:
            self._leave_store(error)
            self._put(position, block, cursor)

    def take_file(self, source: Path) -> bool:
        """Hold the bytes of a file in pip's cache, without reading them; return False if that is not possible."""
        self.drop()
        self._partial = Partial.in_directory(self._location, self._artifact)
        try:
            self._partial.take_file(source)
        except OSError:
            self.drop()
            return False
        return True

    def has_right_digest(self) -> bool:
        """Whether the digest is known and matches. False if the file cannot be read back."""
        if self._artifact.digest is None:
            return False
        try:
            return self.partial.has_right_digest()
        except OSError:
            return False

    def discard_abandoned(self) -> None:
        """Remove the partial on the full disk: the file is complete, or its bytes were wrong."""
        if self._abandoned is not None:
            abandoned, self._abandoned = self._abandoned, None
            abandoned.discard()

    def reset(self) -> None:
        """Hold nothing: the bytes so far are wrong."""
        self.discard_abandoned()
        self.origin = Origin()
        if self._partial is not None:
            try:
                self._partial.reset(Checkpoint())
            except OSError:
                self.drop()

    def drop(self) -> None:
        """Remove the partial, and have none."""
        if self._partial is not None:
            self._partial.discard()
            self._partial = None

    def sync(self) -> None:
        """Sync what the next run finds, so that it survives even a power cut. Raises nothing."""
        if self.stored is not None:
            with contextlib.suppress(OSError):
                self.stored.sync()

    def release(self) -> None:
        """Close the partial. What is in the store stays for the next run."""
        for partial in (self._partial, self._abandoned):
            if partial is not None:
                partial.close()

    def wait_for_other(self, clock: Clock) -> None:
        """Wait while another pip downloads the same artifact.

        If the other process stalls, stop waiting and download without storing a partial.
        """
        store = self._store
        if store is None:
            return
        size, grown_s = store.size_held(self._artifact), clock.elapsed_s()
        while store.is_claimed(self._artifact):
            self._display.waiting_for_other(size or 0, store.complete_length(self._artifact))
            clock.sleep_s(_POLL_S)
            size_now, now_s = store.size_held(self._artifact), clock.elapsed_s()
            if size_now != size:
                size, grown_s = size_now, now_s
            elif now_s - grown_s >= STALL_S:
                self._store = None
                return

    def _claim(self) -> Partial | None:
        """Return the store's partial, or None if the store cannot be used. Raises PartialBusy."""
        if self._store is None:
            return None
        try:
            return self._store.claim(self._artifact)
        except (OSError, StoreUnusable) as error:
            self._give_up_store(error)
            return None

    def _give_up_store(self, error: Exception) -> None:
        self._display.store_unusable(error)
        self._store = None

    def _new_partial(self, head: ResponseHead, verdict: Verdict) -> Partial:
        """Make a partial for a first body: in the store if it is storable, else in pip's temporary directory."""
        if self._store is not None and not head.from_cache and is_storable(head, self._artifact):
            store, length = self._store, verdict.complete_length or 0
            make_room(store.directory, lambda: store.has_room(length))
            if not store.has_room(length):
                self._give_up_store(StoreUnusable(f"not enough free space in {store.directory}"))
            stored = self._claim()
            if stored is not None:
                return stored
        return Partial.in_directory(self._location, self._artifact)

    def _record(self, verdict: Verdict, offered: Checkpoint) -> None:
        partial = self.partial
        if verdict.action is Action.REPLACE:
            self._display.starting_over(verdict.reason)
            self.origin = self.origin._replace(resumed_at=0)
            partial.reset(offered)
        elif partial.offset == 0:
            partial.note(offered)
        elif verdict.first_pos > 0 and verdict.complete_length not in (None, partial.checkpoint.complete_length):
            # A body from 0 may be a different file, for example a login page: its length says nothing about ours.
            partial.note(with_length(partial.checkpoint, verdict.complete_length))

    def _put(self, position: int, block: bytes, cursor: Cursor) -> None:
        partial = self.partial
        known = 0 if partial.has_replacement else max(0, min(partial.offset - position, len(block)))
        if known:
            equal = partial.common_length(position, block[:known])
            if equal < known:
                self._differs(position + equal, cursor)
                known = equal
        if position + len(block) >= partial.offset:
            # The overlap has arrived and is equal. From here on the bytes are this run's own.
            self.origin = self.origin._replace(overlap=0)
        if known < len(block):
            partial.append(memoryview(block)[known:])

    def _differs(self, position: int, cursor: Cursor) -> None:
        """Handle a body that differs from what is held at ``position``.

        With a hash a complete one goes into a replacement. A part of a different file is of no use.
        """
        if cursor.first_pos > 0 or self._artifact.digest is None:
            raise WrongBytes("the bytes stored are not those on the server")
        self.partial.start_replacement(position, cursor.offered)

    def _leave_store(self, error: OSError) -> None:
        """Continue in pip's temporary directory, with the bytes held. Raises what cannot be avoided.

        The store's partial stays locked and unchanged until the download is complete: the next run may need it.
        """
        partial = self.partial
        if not isinstance(partial, StoredPartial):
            raise PipError(error) if error.errno in DISK_FULL else error
        was_replacing = partial.has_replacement
        try:
            moved = partial.move_to(self._location)
        except OSError as again:
            if again.errno in DISK_FULL and partial.offset:
                # pip would fail in the same way there. What is held waits until there is room.
                raise PipError(again) from error
            moved = None
        self._give_up_store(error)
        self._abandoned, self._partial = partial, moved
        if moved is None:
            self.origin = Origin()
            raise ConnectionLost("the partial download cannot be read back from the cache directory")
        if was_replacing:
            # The rest of that body does not belong to the bytes held.
            raise ConnectionLost("the disk is full")


class Cursor:
    """Where the next block of one body goes."""

    def __init__(self, copy: LocalCopy, first_pos: int, offered: Checkpoint) -> None:
        self._copy = copy
        self._began_at = copy.held.offset
        self.first_pos = first_pos
        """Where the body starts. Inclusive."""
        self.offered = offered
        """What the response says of the file."""
        self.position = first_pos
        """Where the next block starts. Inclusive."""

    def write(self, block: bytes) -> None:
        """Put the next block of the body where it belongs. Raises WrongBytes if it differs from what is held."""
        self._copy.write(self.position, block, self)
        self.position += len(block)

    @property
    def gained(self) -> int:
        """Number of bytes that this body has added to those held."""
        return self._copy.held.offset - self._began_at

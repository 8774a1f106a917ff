"""The partials of one download: which there are, where they are, and what happens once the disk is full.

A complete body (one that starts at 0) may turn out to differ from what is held. Its bytes then go into a second partial
beside the first: a login page of 5 kB must not cost 688 MB. With a hash the first one goes only when the digest of the
second is right; without one when the second has more bytes or is complete.
"""

from __future__ import annotations

import contextlib
import errno
import functools
from typing import TYPE_CHECKING, Callable

from pip_resume.engine.origin import Origin
from pip_resume.engine.overlap import Overlap
from pip_resume.engine.store_access import StoreAccess
from pip_resume.engine.sync_schedule import SyncSchedule
from pip_resume.errors import ConnectionLost, NoSpace, StoreUnusable
from pip_resume.protocol.checkpoint import Checkpoint, with_length
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage.directory import Directory
from pip_resume.storage.partial import Partial
from pip_resume.storage.stored_partial import StoredPartial

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display
    from pip_resume.protocol.verdicts import Verdict
    from pip_resume.storage.store import Store

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""The errors of a disk that is full, or of a quota that is used up."""


class LocalCopy:
    """What one download has: no partial yet, one in the store, or one in pip's temporary directory."""

    def __init__(self, artifact: Artifact, location: Path, store: Store | None, display: Display, clock: Clock) -> None:
        self._artifact = artifact
        self._location = location
        self._display = display
        self.store = StoreAccess(artifact, store, display)
        self._main: Partial | None = None
        self._beside: Partial | None = None
        """A second body that differs from the first. New bytes go here."""
        self._abandoned: Partial | None = None
        """The store's partial on a disk that is full. It stays locked and unchanged until the download is complete."""
        self._opened: Directory | None = None
        self.overlap = Overlap()
        self._syncs = SyncSchedule(clock)
        self.origin = Origin()

    @property
    def _pips_directory(self) -> Directory:
        """Pip's temporary directory, opened at the first use. ``release`` closes it."""
        if self._opened is None:
            self._opened = Directory.open(self._location)
        return self._opened

    @property
    def current(self) -> Partial:
        """The partial that new bytes go to, once there is one."""
        current = self._beside or self._main
        assert current is not None
        return current

    @property
    def has_any(self) -> bool:
        """Whether there is a partial."""
        return self._main is not None

    @property
    def has_digest(self) -> bool:
        """Whether a digest decides in the end."""
        return self._artifact.digest is not None

    @property
    def held(self) -> Held:
        """What ``protocol`` needs to know of the current partial."""
        if self._main is None:
            return Held(digest_known=self.has_digest)
        overlap = OVERLAP_BYTES if self._beside is not None else self.origin.overlap
        if not self.has_digest:
            overlap = self.overlap.size
        return Held(self.current.offset, self.current.checkpoint, self.has_digest, overlap)

    @property
    def is_complete(self) -> bool:
        """Whether no request is needed. Without a hash an earlier run's bytes are compared with the server's first."""
        return self.held.is_complete and (self.has_digest or self.origin.is_compared)

    @property
    def stored(self) -> Partial | None:
        """What the next run finds; None if that is nothing."""
        found = self._abandoned or self._main
        return found if found is not None and found.is_stored and found.offset > 0 else None

    def may_find_earlier(self) -> bool:
        """Whether an earlier run, or another pip at this moment, has stored bytes that are not claimed yet."""
        return self._main is None and self.store.may_find_earlier()

    def claim_earlier(self) -> None:
        """Take over what an earlier run has stored. Raises PartialBusy."""
        partial = self.store.claim()
        if partial is None:
            return
        if partial.offset == 0:
            # An empty partial is useless. The first response decides whether this download may be stored.
            partial.close()
            return
        self.origin = Origin(OVERLAP_BYTES, is_this_run=False, is_compared=False, earlier=partial.offset)
        self._main = partial
        self._syncs.begin_at(partial.offset)

    def prepare(self, head: ResponseHead, verdict: Verdict, offered: Checkpoint) -> None:
        """Have a partial for a body. ``offered``, what its response says of the file, is on disk before its first byte.

        Raises PartialBusy, and ConnectionLost if bytes that the body follows are not there.
        """
        if verdict.first_pos == 0:
            # A body from 0 is compared with the first partial. If it differs, it starts a second one anew.
            self.drop_beside()
        self.copy_borrowed(verdict.complete_length)
        if verdict.first_pos > self.held.offset:
            raise ConnectionLost("the partial download of a different user cannot be used")
        if self._main is None:
            stored = self.store.claim_for(head, verdict.complete_length)
            self._main = stored or Partial.in_directory(self._pips_directory, self._artifact)
        self.write(functools.partial(self._record, verdict, offered))
        # Bytes that are compared were downloaded again, so this counts the first-pos, not the offset.
        self.origin = self.origin._replace(resumed_at=max(self.origin.resumed_at, verdict.first_pos))

    def copy_borrowed(self, complete_length: int | None) -> None:
        """Copy what a different user has left, now that a response says how long the file is. None: it does not."""
        if isinstance(self._main, StoredPartial) and self._main.is_borrowed:
            self._main.copy_borrowed(complete_length)
            if self._main.offset == 0:
                self.origin = Origin()

    def _record(self, verdict: Verdict, offered: Checkpoint) -> None:
        partial, known = self.current, self.current.checkpoint
        if partial.offset == 0:
            partial.note(offered)
        elif verdict.first_pos > 0:
            # A body from 0 may be a different file, for example a login page: its length says nothing about ours.
            more = with_length(known, verdict.complete_length)._replace(filename=known.filename or offered.filename)
            if more != known:
                partial.note(more)

    def start_beside(self, length: int, checkpoint: Checkpoint) -> None:
        """Continue in a second partial that begins with the first ``length`` bytes held; ``checkpoint`` is for it."""
        second = self.current.beside(length, checkpoint)
        self.drop_beside()
        self._beside = second

    def drop_beside(self) -> None:
        """Remove the second partial, if there is one. The first one is continued."""
        if self._beside is not None:
            self._beside.discard()
            self._beside = None

    @property
    def has_beside(self) -> bool:
        """Whether there is a second partial."""
        return self._beside is not None

    @property
    def is_overtaken(self) -> bool:
        """Whether the second partial takes the place of the first: it is longer, and no hash can prove either."""
        return not self.has_digest and self.is_beside_longer

    @property
    def is_beside_longer(self) -> bool:
        """Whether the second partial has more bytes than the first."""
        return bool(self._beside and self._main and self._beside.offset > self._main.offset)

    def settle(self) -> None:
        """Let the second partial, if there is one, take the place of the first. Raises nothing."""
        if self._beside is not None:
            main, beside, self._beside = self._main, self._beside, None
            self.origin = Origin(is_replacement=True)
            if isinstance(main, StoredPartial) and isinstance(beside, StoredPartial):
                # If the disk fails, the bytes are in use all the same, but the next run may not find them.
                with contextlib.suppress(OSError):
                    main.take_over(beside)
            else:
                if main is not None:
                    main.discard()
                self._main = beside

    def after_loss(self, brought: int) -> None:
        """Prepare for the next request, after a body of which ``brought`` bytes arrived.

        A second partial stays only if a ranged request can continue it. Without a hash the overlap gets smaller until
        it fits into what one connection brings.
        """
        held = self.held
        if self._beside is not None and (held.offset <= OVERLAP_BYTES or not held.can_continue):
            self.drop_beside()
        if not self.has_digest:
            self.overlap.after_loss(brought)

    def keep_start(self, size: int) -> None:
        """Hold only the first ``size`` bytes, which one response of this run had, unless there is a second partial."""
        if self._beside is None and size < self.held.offset:
            with contextlib.suppress(OSError):
                self.current.cut(size)
                self.origin = Origin()

    def take_file(self, source: Path, offered: Checkpoint) -> bool:
        """Hold the bytes of a file in pip's cache, copied by the kernel; return False if that is not possible."""
        self.drop()
        try:
            self._main = Partial.of_cached_file(source, self._pips_directory, self._artifact)
        except (OSError, StoreUnusable):
            return False
        self._main.note(offered)
        return True

    def continue_cached(self, head: ResponseHead, complete_length: int | None) -> None:
        """Continue with the start of the file that pip's cache has, unless an earlier run has stored more of it.

        If it cannot be copied, continue with less of it. Raises PartialBusy.
        """
        cached, self._main = self.current, None
        try:
            stored = self.store.claim_for(head._replace(from_cache=False), complete_length)
            self._main = stored or Partial.in_directory(self._pips_directory, self._artifact)
            self.origin = Origin(overlap=OVERLAP_BYTES, is_this_run=False, is_compared=False)
            if self._main.offset < cached.offset:
                with contextlib.suppress(ConnectionLost, NoSpace, OSError):
                    self.write(lambda: self.current.replace_by(cached))
        finally:
            cached.discard()

    def reset(self) -> None:
        """Hold nothing: the bytes so far are wrong."""
        self.drop_beside()
        self.discard_abandoned()
        self.origin = Origin()
        main = self._main
        try:
            if isinstance(main, StoredPartial):
                main.take_over(main.beside(0, Checkpoint()))
            else:
                self.drop()
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Remove the partial, and have none."""
        self.drop_beside()
        if self._main is not None:
            self._main.discard()
            self._main = None

    def discard_abandoned(self) -> None:
        """Remove the partial on the full disk: the file is complete, or its bytes were wrong."""
        if self._abandoned is not None:
            abandoned, self._abandoned = self._abandoned, None
            abandoned.discard()

    def sync_if_due(self) -> None:
        """Sync in the background what the next run finds, if that is due, and if no earlier sync still runs."""
        is_due = self._syncs.is_due(self.current.offset) and self._beside is None
        if is_due and isinstance(self._main, StoredPartial) and self._main.sync_in_background():
            self._syncs.has_begun(self.current.offset)

    def sync(self) -> None:
        """Sync what the next run finds, so that it survives even a power cut. Raises nothing.

        Without a hash a second partial that the next run can continue is what the server has by now.
        """
        with contextlib.suppress(OSError):
            if self._beside is not None and not self.has_digest and self.held.can_continue:
                self.settle()
            if self.stored is not None:
                self.stored.sync()

    def release(self) -> None:
        """Close the partials, and pip's temporary directory. What is in the store stays for the next run."""
        for partial in (self._beside, self._main, self._abandoned):
            if partial is not None:
                partial.close()
        if self._opened is not None:
            self._opened.close()

    def write(self, step: Callable[[], None]) -> None:
        """Run ``step``, which writes. After an OSError continue in pip's temporary directory, and run it again.

        Raises NoSpace or OSError if it fails there as well, ConnectionLost if the bytes held cannot be copied there.
        """
        while True:
            try:
                step()
                return
            except OSError as error:
                self._leave_store(error)

    def _leave_store(self, error: OSError) -> None:
        """Continue in pip's temporary directory, with the bytes held. Raises the error if we are there already.

        The store's partial stays locked and unchanged until the download is complete: the next run may need it.
        If the disk is full and there are two, only the second one is continued, and a second call moves it.
        """
        if self._beside is not None and error.errno in DISK_FULL:
            # The server's file differs from the first partial. Plain pip would need room for one file only.
            self.settle()
            return
        failing, moved = self.current, None
        if not isinstance(failing, StoredPartial):
            if error.errno in DISK_FULL:
                raise NoSpace(error, self._location, self._length) from error
            raise error
        try:
            moved = failing.copy_into(self._pips_directory)
        except OSError as again:
            if again.errno in DISK_FULL and failing.offset:
                # pip would fail in the same way there. What is held waits until there is room.
                raise NoSpace(again, self._location, self._length) from error
        self.store.give_up(error)
        if self._beside is not None:
            failing.discard()
            self._beside = moved
        else:
            self._abandoned, self._main = failing, moved
            self.origin = self.origin if moved is not None else Origin()
        if moved is None:
            raise ConnectionLost("the partial download cannot be read back from the cache directory")

    @property
    def _length(self) -> int:
        return self.held.checkpoint.complete_length or self.held.offset

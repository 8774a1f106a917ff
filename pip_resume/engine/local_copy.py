"""What one run holds of an artifact.

Where its bytes go, block by block, and where they go when the disk takes no more.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from pip_resume.errors import ConnectionLost, PipError, StoreUnusable, WrongBytes
from pip_resume.protocol.checkpoint import Checkpoint, with_length
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.verdicts import OVERLAP_BYTES, Action, Verdict, is_kept
from pip_resume.storage.housekeeping import make_room
from pip_resume.storage.partial import Partial
from pip_resume.storage.stored_partial import StoredPartial

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display
    from pip_resume.storage.store import Store

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk says that takes no more."""
STALL_S = 30.0
"""A holder whose file has not grown for so long is left alone."""
_POLL_S = 0.5


class LocalCopy:
    """The partial of one download: none yet, one of the store's, or one in pip's temporary directory."""

    def __init__(self, artifact: Artifact, location: Path, store: Store | None, display: Display) -> None:
        self._artifact = artifact
        self._location = location
        self._store = store
        self._display = display
        self._partial: Partial | None = None
        self._left: Partial | None = None
        self._offered = Checkpoint()
        self._overlap = 0
        self.is_from_zero = True
        """Whether this run has downloaded all of it, so that a wrong digest is not an earlier run's fault."""
        self.resumed_at = 0
        """The highest first-pos from which a server has continued; 0 when everything came anew."""

    @property
    def partial(self) -> Partial:
        """What is held, once there is something."""
        assert self._partial is not None
        return self._partial

    @property
    def held(self) -> Held:
        """The same for the protocol's eyes."""
        digest_known = self._artifact.digest is not None
        if self._partial is None:
            return Held(digest_known=digest_known)
        return Held(self._partial.offset, self._partial.checkpoint, digest_known, self._overlap)

    @property
    def is_whole(self) -> bool:
        """Whether no request is needed. Without a hash the bytes of an earlier run are compared first."""
        return self.held.is_whole and (self._artifact.digest is not None or self._overlap == 0)

    @property
    def kept(self) -> Partial | None:
        """What the next run finds; None when that is nothing."""
        found = self._left or self._partial
        return found if found is not None and found.is_kept and found.offset > 0 else None

    def may_find_earlier(self) -> bool:
        """Whether an earlier run, or another pip right now, has left bytes that are not claimed yet."""
        return self._partial is None and self._store is not None and self._store.holds(self._artifact)

    def claim_earlier(self) -> None:
        """Take over what an earlier run has left. Raises PartialBusy."""
        partial = self._claim()
        if partial is None:
            return
        if partial.offset == 0:
            partial.close()  # of no use, and whether this run's bytes may take its place is yet to be seen
            return
        self._overlap = OVERLAP_BYTES
        self.is_from_zero = False
        self._partial = partial

    def forget_earlier(self) -> None:
        """Remove what an earlier run has left: the file was had without it."""
        if self._store is not None:
            self._store.forget(self._artifact)

    def prepare(self, head: ResponseHead, verdict: Verdict, offered: Checkpoint) -> None:
        """Have a partial for a body, with ``offered``, what its answer tells, written down before the first byte.

        Raises PartialBusy.
        """
        self._offered = offered
        if self._partial is None:
            self._partial = self._new_partial(head, verdict)
        try:
            self._write_down(verdict)
        except OSError as error:
            self._leave_store(error)
            self._write_down(verdict)
        # What is compared once more was downloaded again.
        self.resumed_at = max(self.resumed_at, verdict.first_pos)

    def write(self, position: int, block: bytes, verdict: Verdict) -> None:
        """Put a block where it belongs: what is held of it is compared, the rest appended. Raises WrongBytes."""
        try:
            self._put(position, block, verdict)
        except OSError as error:
            self._leave_store(error)
            self._put(position, block, verdict)

    def take_file(self, source: Path) -> bool:
        """Hold the bytes of a file in pip's cache, without reading them; False when that cannot be."""
        self.drop()
        self._partial = Partial.in_directory(self._location, self._artifact)
        try:
            self._partial.take_file(source)
        except OSError:
            self.drop()
            return False
        return True

    def reads_right(self) -> bool:
        """Whether a digest is known and matches; a disk that cannot be read back has nothing right."""
        if self._artifact.digest is None:
            return False
        try:
            return self.partial.has_right_digest()
        except OSError:
            return False

    def discard_left(self) -> None:
        """Remove what was left on a disk that took no more: the file is finished, or its bytes were wrong."""
        if self._left is not None:
            left, self._left = self._left, None
            left.discard()

    def reset(self) -> None:
        """Hold nothing: the bytes so far are wrong."""
        self.discard_left()
        self._overlap = 0
        self.resumed_at = 0
        self.is_from_zero = True
        if self._partial is not None:
            try:
                self._partial.reset(Checkpoint())
            except OSError:
                self.drop()

    def drop(self) -> None:
        """Let go of the partial and remove it."""
        if self._partial is not None:
            self._partial.discard()
            self._partial = None

    def last_until_next_run(self) -> None:
        """Do what can be done for the bytes to survive even a power cut."""
        if self.kept is not None:
            with contextlib.suppress(OSError):
                self.kept.keep()

    def release(self) -> None:
        """Let go of the partial; the store's stays for the next run."""
        for partial in (self._partial, self._left):
            if partial is not None:
                partial.close()

    def wait_for_other(self, clock: Clock) -> None:
        """Wait while another pip downloads the same artifact.

        One that stalls is left alone, and nothing kept of ours.
        """
        store = self._store
        if store is None:
            return
        size, grown_s = store.size_held(self._artifact), clock.elapsed_s()
        while store.is_claimed(self._artifact):
            self._display.waiting_for_other(size or 0, store.length_told(self._artifact))
            clock.sleep_s(_POLL_S)
            size_now, now_s = store.size_held(self._artifact), clock.elapsed_s()
            if size_now != size:
                size, grown_s = size_now, now_s
            elif now_s - grown_s >= STALL_S:
                self._store = None
                return

    def _claim(self) -> Partial | None:
        """The store's partial, or None where the store cannot be used. Raises PartialBusy."""
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
        """Where a first body goes: to the store when it is worth it, else to pip's temporary directory."""
        if self._store is not None and not head.from_cache and is_kept(head, self._artifact):
            store, length = self._store, verdict.complete_length or 0
            # What nobody has come back for goes first.
            make_room(store.directory, lambda: store.has_room(length))
            if not store.has_room(length):
                self._give_up_store(StoreUnusable(f"too little space is left for {self._store.directory}"))
            kept = self._claim()
            if kept is not None:
                return kept
        return Partial.in_directory(self._location, self._artifact)

    def _write_down(self, verdict: Verdict) -> None:
        partial = self.partial
        if verdict.action is Action.REPLACE:
            self._display.starting_over(verdict.reason)
            self.resumed_at = 0
            partial.reset(self._offered)
        elif partial.offset == 0:
            partial.note(self._offered)
        elif verdict.first_pos > 0 and verdict.complete_length not in (None, partial.checkpoint.complete_length):
            # A body from 0 may be another file, a login page for one: its length says nothing about what is held.
            partial.note(with_length(partial.checkpoint, verdict.complete_length))

    def _put(self, position: int, block: bytes, verdict: Verdict) -> None:
        partial = self.partial
        known = 0 if partial.has_rival else max(0, min(partial.offset - position, len(block)))
        if known:
            same = partial.common_length(position, block[:known])
            if same < known:
                self._differs(position + same, verdict)
                known = same
        if position + len(block) >= partial.offset:
            # The overlap has come and was equal: from here on the bytes are this run's own.
            self._overlap = 0
        if known < len(block):
            partial.append(memoryview(block)[known:])

    def _differs(self, position: int, verdict: Verdict) -> None:
        """Act on a body that is not what we hold. A whole one goes on beside it; a part of such a file is of no use."""
        if verdict.first_pos > 0 or self._artifact.digest is None:
            raise WrongBytes("the bytes kept are not those on the server")
        self.partial.start_rival(position, self._offered)

    def _leave_store(self, error: OSError) -> None:
        """Go on in pip's temporary directory, with the bytes held. Raises what cannot be helped.

        The store's partial stays claimed and as it is until the download is finished: the next run may need it.
        """
        partial = self.partial
        if not isinstance(partial, StoredPartial):
            raise PipError(error) if error.errno in FULL else error
        was_ahead = partial.has_rival
        try:
            moved = partial.move_to(self._location)
        except OSError as again:
            if again.errno in FULL and partial.offset:
                # pip would meet the same end there; what is held waits until there is room.
                raise PipError(again) from error
            moved = None
        self._give_up_store(error)
        self._left, self._partial = partial, moved
        if moved is None:
            self._overlap, self.resumed_at, self.is_from_zero = 0, 0, True
            raise ConnectionLost("the bytes kept cannot be copied from that disk")
        if was_ahead:
            # Its rest would follow on bytes that it does not belong to.
            raise ConnectionLost("the disk takes no more")

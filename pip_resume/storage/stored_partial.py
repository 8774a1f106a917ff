"""A partial that the next run finds: its part file, the record beside it, and the lock that says who may write them."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from typing import TYPE_CHECKING

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import encode_checkpoint
from pip_resume.storage.directory import Directory
from pip_resume.storage.ownership import OTHERS_MAY_WRITE, is_own, is_private
from pip_resume.storage.part_file import PartFile, sync
from pip_resume.storage.partial import Partial, fresh_name, remove_file
from pip_resume.storage.record import PART, record_name, write_atomically
from pip_resume.storage.sharing import CAN_LINK, IS_WINDOWS, is_in_use

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.protocol.checkpoint import Checkpoint

SYNC_THREAD = "pip-resume sync"
"""The name of a thread that syncs."""


class StoredPartial(Partial):
    """Bytes in the store's directory, which the next run finds. This process holds their lock."""

    def __init__(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint, name: str, boot_id: str) -> None:
        """``name`` is that of the part file that the next run looks for; ``part`` may have a different one.

        ``boot_id`` names the running boot of the system; empty if the system has no such name.
        """
        super().__init__(artifact, part, checkpoint)
        self._name = name
        self._boot_id = boot_id
        self._guard = threading.Lock()
        """Held while the record is written, which a thread may do as well."""
        self._syncing: threading.Thread | None = None
        self._is_note_due = False
        """Whether the record could not be written, since a different program had the file open."""
        self._first_offset = part.offset
        self._generation = 0
        """Counts how often bytes were taken away: what was synced before says nothing about those that follow."""
        self._lender: PartFile | None = None
        """A different user's file whose bytes are to be copied; None if there are none, or if they are copied."""

    @property
    def is_stored(self) -> bool:
        """Whether the next run finds the bytes. False if they were purged while we go on writing."""
        return self._part.name == self._name and self._part.is_at_name()

    @property
    def offset(self) -> int:
        return self._part.offset if self._lender is None else self._first_offset

    @property
    def is_borrowed(self) -> bool:
        """Whether the bytes are a different user's, and not copied yet."""
        return self._lender is not None

    def borrow(self, lender: PartFile, length: int) -> None:
        """Hold the first ``length`` bytes of a different user's file, without a copy of them yet."""
        self._lender, self._first_offset = lender, length

    def copy_borrowed(self, complete_length: int | None) -> None:
        """Copy the borrowed bytes, unless the file has fewer, or nobody knows how many (None). Then hold no bytes.

        Raises nothing: if they cannot be copied, hold no bytes either.
        """
        if self._lender is None:
            return
        if complete_length is not None and self._first_offset <= complete_length:
            try:
                self._part.copy_from(self._lender, self._first_offset)
            except OSError:
                with contextlib.suppress(OSError):
                    self._part.truncate(0)
        self._return_lent()
        self._first_offset = 0  # The copy has to be synced, too.

    def _return_lent(self) -> None:
        if self._lender is not None:
            self._lender.close()
            self._lender = None

    def note(self, checkpoint: Checkpoint) -> None:
        """Write the record beside the bytes, in one step, unless the name leads to a different file by now."""
        with self._guard:
            self._note(checkpoint)

    def _note(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint._replace(boot_id=self._boot_id, inode=self._part.status.st_ino)
        self._is_note_due = False
        if self.is_stored:
            try:
                write_atomically(self._part.directory, record_name(self._name), encode_checkpoint(self.checkpoint))
            except OSError as error:
                if not is_in_use(error):
                    raise
                self._is_note_due = True

    def append(self, block: bytes | memoryview) -> None:
        """See Partial.append.

        Where locks do not work another pip may write to the same file. If the link has a hash, it writes the same
        bytes. If not, and the file has a different size by now, continue in a new file.
        """
        if self.artifact.digest is None and self._part.status.st_size != self.offset:
            self.take_over(self.beside(self.offset, self.checkpoint))
        super().append(block)
        if self._is_note_due:
            self.note(self.checkpoint)

    def cut(self, length: int) -> None:
        """Keep only the first ``length`` bytes: in place if the file has a single link, else in a new file."""
        if self._part.status.st_nlink == 1:
            self._generation += 1
            self._part.truncate(length)
        else:
            self.take_over(self.beside(length, self.checkpoint))
        self.note(self.checkpoint._replace(synced=min(self.checkpoint.synced, length)))

    def replace_by(self, other: Partial) -> None:
        self.take_over(self.beside(0, other.checkpoint))
        super().replace_by(other)

    def beside(self, length: int, checkpoint: Checkpoint) -> StoredPartial:
        """Return a second partial that starts with the first ``length`` bytes of this one, under a name of its own."""
        part = PartFile.create(self._part.directory, self._fresh_name("new"), self.artifact.digest)
        part.lock()
        other = StoredPartial(self.artifact, part, checkpoint, self._name, self._boot_id)
        self._started(other, length)
        return other

    def _fresh_name(self, ending: str) -> str:
        return fresh_name(self._name[: -len(PART)], ending)

    def take_over(self, other: StoredPartial) -> None:
        """Continue with the file of ``other``, made by ``beside``, under the name of this one."""
        with self._guard:
            self._generation += 1
            old, self._part = self._part, other._part
            self.checkpoint = other.checkpoint._replace(synced=0)
            if not (old.name == self._name and old.is_at_name()):
                # The name leads to a different file by now. Ours goes on under a name that only this process knows.
                remove_file(old)
                return
            try:
                if old.directory.is_closed:
                    # The old record goes first: after a kill in between, no record is beside a file it does not
                    # describe. Where others could take its name it is replaced; there a hash proves each byte.
                    with contextlib.suppress(FileNotFoundError):
                        old.directory.remove(record_name(self._name))
                self._rename_over(old)
            except OSError as error:
                # If a different program has the old file open, the new bytes are for this run only.
                if not is_in_use(error):
                    raise
            finally:
                old.close()
            self._note(self.checkpoint)

    def _rename_over(self, old: PartFile) -> None:
        """Give the new file its name while the old one is still open, and so locked: nobody claims it in between."""
        if IS_WINDOWS:
            # An open file can be renamed there, but not be replaced.
            old.rename(self._fresh_name("new"))
            self._part.rename(self._name)
            old.close()
            old.directory.remove(old.name)
        else:
            self._part.rename(self._name)

    def place(self, destination: Path, *, may_lend: bool = False) -> bool:
        """Link the bytes to ``destination`` if that is safe, since pip only reads there; else copy them.

        Where the file must be open to others, a link is not safe. With ``may_lend`` it is linked all the same until
        ``end_loan``, closed to others, and the result is True: no copy is needed if the part is removed meanwhile.
        """
        with contextlib.suppress(FileNotFoundError):
            os.unlink(destination)
        with open(destination, "xb", buffering=0) as target:
            mode = stat.S_IMODE(os.fstat(target.fileno()).st_mode)
        if self.link_to(destination, mode):
            return False
        if may_lend and self._lend(destination):
            return True
        self._copy(destination)
        return False

    def _lend(self, destination: Path) -> bool:
        """Make ``destination``, in a closed directory, a hard link of a file that nobody else can have opened."""
        status = self._part.status
        if not is_own(status) or status.st_mode & 0o077 or status.st_nlink > 1 or not self._part.is_at_name():
            return False
        with contextlib.suppress(OSError, StoreUnusable), Directory.opened(destination.parent) as directory:
            if CAN_LINK and directory.is_closed:
                os.unlink(destination)
                return self._part.link_to(destination)
        return False

    def end_loan(self, destination: Path) -> None:
        """Give the file its mode if no other name leads to it any more; else put a copy in its place."""
        with Directory.opened(destination.parent) as directory:
            with contextlib.suppress(OSError):
                # An access list that the store's directory has inherited to the part may forbid it to be opened.
                os.chmod(destination, 0o600)
            lent = PartFile.open_to_read(directory, destination.name, None)
            copy = PartFile.create(directory, fresh_name("pip-resume", "part"), None, 0o666)
            try:
                if lent.status.st_nlink == 1:
                    lent.set_mode(copy.mode)
                else:
                    copy.copy_from(lent, lent.offset)
                    copy.rename(destination.name)
            finally:
                lent.close()
                if copy.name == destination.name:
                    copy.close()
                else:
                    remove_file(copy)

    def link_to(self, target: Path, mode: int) -> bool:
        """Make ``target`` a hard link of the bytes. Only if nobody else could ever write to them, or can with ``mode``.

        Read permissions are added in place, but not where others can reach the file: whoever reads it could lock it.
        """
        status = self._part.status
        if mode & OTHERS_MAY_WRITE or not is_private(status) or not self._part.is_at_name():
            return False
        if mode & ~stat.S_IMODE(status.st_mode) and not self._part.directory.is_closed:
            return False
        if status.st_nlink > 1 and stat.S_IMODE(status.st_mode) != mode:
            return False
        with contextlib.suppress(OSError):
            self._part.set_mode(mode)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            return self._part.link_to(target)
        return False

    def copy_to(self, target: Path, mode: int) -> bool:
        """Copy the bytes to ``target``; return False if that is not possible.

        Where hard links are of no use (Windows) the part file itself is moved there, since pip has a copy already: so
        no more is written than by plain pip.
        """
        try:
            if not CAN_LINK and self.is_stored:
                self._move_to(target)
                return True
            with Directory.opened(target.parent) as directory:
                return self._copy_beside(target, directory, mode)
        except (OSError, StoreUnusable):
            return False

    def _copy_beside(self, target: Path, directory: Directory, mode: int) -> bool:
        """Copy the bytes to a file in the directory of ``target``, as pip does, and rename it.

        Never in the store: there a different user may give the file the name of a part, before its mode is ``mode``.
        """
        copy = PartFile.create(directory, f"{target.name}{os.urandom(8).hex()}.tmp", None)
        try:
            copy.copy_from(self._part, self.offset)
            copy.set_mode(mode)
            copy.rename(target.name)
            is_in_place = copy.is_at_name()
        except OSError:
            remove_file(copy)
            raise
        copy.close()
        if not is_in_place:
            # A different user has put a file under the name before it was renamed.
            directory.remove(target.name)
        return is_in_place

    def _move_to(self, target: Path) -> None:
        """Give the file the name ``target``. The record goes first, so that it is never beside a different file."""
        self._sync_part()  # After a power cut the file must have its bytes under that name.
        directory = self._part.directory
        with contextlib.suppress(FileNotFoundError):
            directory.remove(record_name(self._name))
        directory.move_out(self._name, target)

    def sync(self) -> None:
        """Sync the bytes and record that, so that they survive a power cut as well.

        Nothing happens if this run has changed nothing: Ctrl-C while 3 GB are verified need not wait for the disk.
        """
        if self.offset == self._first_offset and self._generation == 0:
            return
        generation, offset = self._sync_part()
        with self._guard:
            if generation == self._generation:
                self._note(self.checkpoint._replace(synced=offset))

    def _sync_part(self) -> tuple[int, int]:
        """Sync the bytes; return generation and offset of what was synced."""
        with self._guard:
            generation, offset, descriptor = self._generation, self.offset, self._part.duplicate()
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
        return generation, offset

    def sync_in_background(self) -> bool:
        """Do the same in a thread, so that no new byte waits for the disk. Return False if the last one still runs."""
        if self._syncing is not None and self._syncing.is_alive():
            return False
        self._syncing = threading.Thread(target=self._sync_or_pass, name=SYNC_THREAD, daemon=True)
        self._syncing.start()
        return True

    def _sync_or_pass(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.sync()

    def copy_into(self, directory: Directory) -> Partial:
        """Return a copy of the bytes in a different directory, for this run only. For a disk that is full."""
        copied = Partial.in_directory(directory, self.artifact)
        copied.checkpoint = self.checkpoint
        self._started(copied, self.offset)
        return copied

    def store_complete(self) -> None:
        """Leave a complete, verified file for the next run, which needs no request then."""
        if self.checkpoint.complete_length != self.offset:
            self.note(self.checkpoint._replace(complete_length=self.offset))

    def discard(self) -> None:
        """Remove bytes and record, unless the name leads to a different file by now. Raises nothing."""
        self._return_lent()
        with self._guard:
            if self.is_stored:
                with contextlib.suppress(OSError):
                    self._part.directory.remove(record_name(self._name))
            remove_file(self._part)

    def close(self) -> None:
        """Release the lock. The bytes stay for the next run, unless there are none or the name leads elsewhere."""
        self._return_lent()
        if self.offset == 0 or self._part.name != self._name:
            self.discard()
        with self._guard:
            self._part.close()

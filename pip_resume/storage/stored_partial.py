"""A partial that the next run finds: its part file, the record beside it, and the lock that says who may write them."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from pip_resume.protocol.checkpoint import encode_checkpoint
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.partial import Partial, fresh_path, link_file, remove_file

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.protocol.checkpoint import Checkpoint


class StoredPartial(Partial):
    """Bytes in the store's directory, which the next run finds. This process holds their lock."""

    @property
    def is_stored(self) -> bool:
        """Whether the next run finds the bytes. False if they were purged while we go on writing."""
        return self._is_ours()

    def __init__(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint, mode: int, boot_id: str) -> None:
        super().__init__(artifact, part, checkpoint)
        self._name = part.path
        self._mode = mode
        self._boot_id = boot_id

    def note(self, checkpoint: Checkpoint) -> None:
        """Write the record beside the bytes, in one step, unless the name leads to a different file by now."""
        self.checkpoint = checkpoint._replace(boot_id=self._boot_id, inode=self._part.status.st_ino)
        if self._is_ours():
            write_atomically(record_path(self.path), encode_checkpoint(self.checkpoint), self._mode)

    def append(self, block: bytes | memoryview) -> None:
        """See Partial.append. Where locks do not work another pip may write to the same file; then use a new one."""
        if not self.has_replacement and self._part.status.st_size != self.offset:
            self.cut(self.offset)
        super().append(block)

    def place(self, destination: Path) -> None:
        """Link the bytes to ``destination`` if possible, since pip only reads there; else copy them."""
        self.settle()
        with open(destination, "wb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if not self.link_to(destination, mode):
            self._part.copy_to(destination)

    def link_to(self, target: Path, mode: int) -> bool:
        status = self._part.status
        if not self._part.is_at_path() or (status.st_nlink > 1 and stat.S_IMODE(status.st_mode) != mode):
            return False
        try:
            self._part.set_mode(mode)
        except OSError:
            return False
        return link_file(self.path, self._part.status, target, beside=self.path)

    def copy_to(self, target: Path, mode: int) -> bool:
        """Make a copy of the bytes the file at ``target``; return False if that is not possible."""
        try:
            copy = create_claimed(fresh_path(self._name, "new"), mode, self.artifact)
            try:
                copy.copy_from(self._part, self.offset)
                os.replace(copy.path, target)
            finally:
                remove_file(copy)
        except OSError:
            return False
        return True

    def sync(self) -> None:
        """Sync the bytes and record that, so that they survive a power cut as well."""
        self.drop_replacement()
        self._part.sync()
        self.note(self.checkpoint._replace(synced=self.offset))

    def move_to(self, directory: Path) -> Partial:
        """Return a copy of the bytes in a different directory, for this run only. For a disk that is full."""
        self.drop_replacement()
        moved = Partial.in_directory(directory, self.artifact)
        moved.checkpoint = self.checkpoint
        try:
            moved._part.copy_from(self._part, self.offset)
        except OSError:
            moved.discard()
            raise
        return moved

    def discard(self) -> None:
        """Remove bytes and record, unless the name leads to a different file by now."""
        self.drop_replacement()
        if self._is_ours():
            with contextlib.suppress(OSError):
                os.unlink(record_path(self.path))
        remove_file(self._part)

    def close(self) -> None:
        """Release the lock. The bytes stay for the next run, unless there are none or the name leads elsewhere."""
        if self.offset == 0 or self.path != self._name:
            self.discard()
        self.drop_replacement()
        self._part.close()

    def _is_ours(self) -> bool:
        """Whether the next run would find this file under the artifact's name."""
        return self.path == self._name and self._part.is_at_path()

    def _new_part(self) -> PartFile:
        part = create_claimed(fresh_path(self._name, "new"), self._mode, self.artifact)
        part.lock()
        return part

    def _take_over(self, part: PartFile) -> None:
        old, self._part = self._part, part
        if not (old.path == self._name and old.is_at_path()):
            # The name leads to a different file by now. Ours goes on under a name that only this process knows.
            remove_file(old)
            return
        try:
            # The old file is still open, and so locked: nobody claims it in between.
            os.replace(part.path, self._name)
            part.path = self._name
        except PermissionError:  # Windows neither renames nor replaces an open file.
            old.close()
            part.rename_closed(self._name)
        finally:
            old.close()


def record_path(part_path: Path) -> Path:
    """Return the path of the record that belongs to a part file."""
    return part_path.with_suffix(".json")


def create_claimed(path: Path, mode: int, artifact: Artifact) -> PartFile:
    """Make a new part file with exactly this mode. The umask must not reduce what a shared cache directory grants."""
    part = PartFile.create(path, mode, artifact.digest)
    try:
        _grant(part, mode)
    except OSError:
        remove_file(part)
        raise
    return part


def _grant(part: PartFile, mode: int) -> None:
    if part.mode != mode:
        # A file system without permissions has its own mode for every file.
        with contextlib.suppress(PermissionError, NotImplementedError):
            part.set_mode(mode)


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Put ``content`` in place of a file in one step: a reader sees the old content or the new, never a mixture."""
    part = PartFile.create(fresh_path(path, "tmp"), mode, None)
    try:
        _grant(part, mode)
        part.append(content)
        part.close()
        os.replace(part.path, path)
    except OSError:
        part.close()
        with contextlib.suppress(OSError):
            os.unlink(part.path)
        raise

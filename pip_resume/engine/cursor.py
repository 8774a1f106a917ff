"""Where the next block of one body goes: what is held of it is compared, the rest is appended."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pip_resume.engine.origin import Origin
from pip_resume.errors import WrongBytes
from pip_resume.protocol.checkpoint import with_length

if TYPE_CHECKING:
    from pip_resume.engine.interfaces import Block
    from pip_resume.engine.local_copy import LocalCopy
    from pip_resume.protocol.checkpoint import Checkpoint


class Cursor:
    """The position in one body."""

    def __init__(self, copy: LocalCopy, first_pos: int, requested: int | None, offered: Checkpoint) -> None:
        """The body starts at ``first_pos`` (inclusive); ``offered`` is what its response says of the file.

        ``requested`` is the first-pos of the request, which the body may precede; None without Range.
        """
        self._copy = copy
        self._requested = requested or 0
        self._offered = offered
        self.first_pos = first_pos
        self.position = first_pos
        """Where the next block starts. Inclusive."""
        self.gained = 0
        """Number of bytes that this body has added to those held."""
        self.compared = 0
        """Number of an earlier run's bytes that this run has compared for the first time, and that are equal."""
        self.is_different = False
        """Whether the body is a complete one, and differs from what is held."""

    def write(self, block: Block) -> None:
        """Put the next block of the body where it belongs. Raises WrongBytes if it differs from what is held."""
        self._copy.write(functools.partial(self._put, block))
        self.position += len(block)

    def _put(self, block: Block) -> None:
        copy = self._copy
        known = max(0, min(copy.current.offset - self.position, len(block)))
        if known:
            known = self._compare(block[:known])
        if not copy.has_beside and self.position + known >= copy.current.offset:
            # The overlap has arrived and is equal. From here on the bytes are this run's own.
            is_this_run = copy.origin.is_this_run or self.first_pos == 0
            copy.origin = copy.origin._replace(overlap=0, is_compared=True, is_this_run=is_this_run)
        if known < len(block):
            self._append(memoryview(block)[known:])

    def _append(self, block: memoryview) -> None:
        copy = self._copy
        is_first = self.first_pos == 0 and self.gained == 0 and not copy.has_beside
        if is_first and copy.current.offset > 0 and not copy.has_digest:
            # All that was held is equal to this response's body, so the file is this response's.
            copy.origin = Origin(is_replacement=copy.origin.is_replacement)
            copy.current.note(self._with_known_length())
        before = copy.current.offset
        try:
            copy.current.append(block)
        finally:
            self.gained += copy.current.offset - before
        if copy.is_overtaken:
            copy.settle()
        copy.sync_if_due()

    def _with_known_length(self) -> Checkpoint:
        """Return what the response says of the file, with the length that an earlier response has given if it has none.

        Only for an equal ETag: a different file may have a different length.
        """
        known = self._copy.current.checkpoint
        if self._offered.complete_length is None and self._offered.field("etag") == known.field("etag"):
            return with_length(self._offered, known.complete_length)
        return self._offered

    def _compare(self, block: Block) -> int:
        """Return how many bytes at the start of the block are equal to those held. Raises WrongBytes."""
        copy = self._copy
        equal = copy.current.common_length(self.position, block)
        if self.first_pos > 0:
            self.compared += min(equal, copy.origin.overlap)
            # With a hash, bytes that were equal once need not come again in this run.
            copy.origin = copy.origin._replace(overlap=max(copy.origin.overlap - equal, 0))
        if equal < len(block):
            self._differs(self.position + equal)
        return equal

    def _differs(self, position: int) -> None:
        """Handle a body that differs from what is held at ``position``.

        A complete one goes on beside it. With a hash, a part that began equal shows that the end of what is held is
        damaged. Bytes of an earlier run are cut only from the requested first-pos on. Raises WrongBytes for any other
        part.
        """
        earlier = self._copy.origin.earlier
        first_cut = max(self.first_pos, min(self._requested, earlier))
        if self.first_pos == 0:
            self.is_different = True
            self._copy.start_beside(position, self._offered)
        elif self._copy.has_digest and position > first_cut:
            self._copy.current.cut(position)
            self._copy.origin = self._copy.origin._replace(earlier=min(earlier, position))
        else:
            raise WrongBytes("the stored bytes are not those on the server")

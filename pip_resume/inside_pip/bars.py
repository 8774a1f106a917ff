"""pip's progress bars: around the blocks of a download of ours, and for the download of another pip."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pip_resume.errors import PipError
from pip_resume.inside_pip import compat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pip_resume.engine.interfaces import Block


@contextlib.contextmanager
def drawn(
    blocks: Iterable[Block], bar_type: Any, first_pos: int, complete_length: int | None
) -> Iterator[Iterator[Block]]:
    """Pass blocks on, with pip's bar from ``first_pos`` on. Raises PipError if stdout cannot be written."""
    source = _Source(blocks)
    shown = iter(compat.progress_renderer(bar_type, complete_length, first_pos)(source))
    try:
        yield _passed_on(shown, source)
    finally:
        close(shown)


def close(shown: Any) -> None:
    """End a bar. pip 21.3 has bars that are not generators."""
    getattr(shown, "close", bool)()


class _Source:
    """Passes blocks on to pip's progress bar, and remembers what they raise: anything else is the bar's own error."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        try:
            return next(self._blocks)
        except BaseException as error:
            self.error = error
            raise


def _passed_on(shown: Iterator[Block], source: _Source) -> Iterator[Block]:
    """Yield what the bar passes on. An error of its own is pip's to report: stdout may be full or closed."""
    while True:
        try:
            block = next(shown)
        except StopIteration:
            return
        except Exception as error:
            if error is source.error:
                raise
            raise PipError(error) from error
        yield block


class OtherBar:
    """pip's bar for a download of another pip, of which only the number of bytes is known."""

    def __init__(self, bar_type: Any) -> None:
        self._bar_type = bar_type
        self._shown: Any = None
        self._offset = 0
        self._step: Any = range(0)

    def show(self, offset: int, complete_length: int | None) -> None:
        """Move the bar to ``offset``. A bar cannot go back: if the other pip starts over, a new one begins."""
        if self._shown is not None and offset < self._offset:
            self.close()
        if self._shown is None:
            self._offset = offset
            self._shown = iter(compat.progress_renderer(self._bar_type, complete_length, offset)(self._steps()))
        # The bar needs only the length of a block.
        self._step, self._offset = range(offset - self._offset), offset
        next(self._shown)

    def close(self) -> None:
        """End the bar, if there is one."""
        shown, self._shown = self._shown, None
        close(shown)

    def _steps(self) -> Iterator[Any]:
        while True:
            yield self._step

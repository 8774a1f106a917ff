"""What the user is told about the bytes that are stored, when a download ends without its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import GaveUp, NoSpace, PipError
from pip_resume.protocol.planning import STORED_FROM_BYTES

if TYPE_CHECKING:
    from pip_resume.engine.state import State

CONTINUES = "run the same command again to continue"
CONTINUES_WITH_SPACE = "with enough space the next run continues"
STARTS_AGAIN = "the server ignores Range, so the next run starts at 0"


def say_what_is_stored(error: BaseException, state: State) -> None:
    """Tell the user what the next run finds, and what it can do with that."""
    copy, display, stored = state.copy, state.display, state.copy.stored
    if isinstance(error, NoSpace):
        copy.release()  # What this run holds in that directory is removed first: it counts as free space.
        display.no_space(error.directory, error.needed)
    if isinstance(error, GaveUp):
        # Its message says it.
        is_stored = stored is not None and stored.offset >= error.report.offset
        error.report = error.report._replace(is_stored=is_stored, is_range_ignored=state.is_range_ignored)
    elif isinstance(error, (KeyboardInterrupt, PipError)):
        if stored is not None:
            advice = CONTINUES_WITH_SPACE if isinstance(error, NoSpace) else CONTINUES
            advice = STARTS_AGAIN if state.is_range_ignored else advice
            display.interrupted(stored.offset, stored.checkpoint.complete_length, advice)
        elif isinstance(error, KeyboardInterrupt) and copy.held.offset >= STORED_FROM_BYTES:
            display.nothing_kept(copy.held.offset, copy.held.checkpoint.complete_length)

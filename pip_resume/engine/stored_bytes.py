"""What the user is told about stored bytes: that a server does not send parts, and what is left of a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import GaveUp, NoSpace, PipError
from pip_resume.protocol.planning import STORED_FROM_BYTES

if TYPE_CHECKING:
    from pip_resume.engine.state import Exchange, State

CONTINUES = "run the same command again to continue"
CONTINUES_WITH_SPACE = "with enough space the next run continues"
IGNORES_RANGE = "the server ignores Range, so the next run starts over"
REFUSES_RANGE = "the server refuses Range, so the next run starts over"


def say_what_is_stored(error: BaseException, state: State) -> None:
    """Tell the user what the next run finds, and what it can do with that."""
    copy, display, stored = state.copy, state.display, state.copy.stored
    if isinstance(error, NoSpace):
        copy.release()  # What this run holds in that directory is removed first: it counts as free space.
        display.no_space(error.directory, error.needed)
    if isinstance(error, GaveUp):
        # Its message says it.
        is_stored = stored is not None and stored.offset >= error.report.offset
        error.report = error.report._replace(
            is_stored=is_stored,
            is_range_ignored=state.is_range_ignored,
            is_range_refused=state.is_range_refused,
        )
    elif isinstance(error, (KeyboardInterrupt, PipError)):
        if stored is not None:
            advice = CONTINUES_WITH_SPACE if isinstance(error, NoSpace) else CONTINUES
            advice = IGNORES_RANGE if state.is_range_ignored else advice
            advice = REFUSES_RANGE if state.is_range_refused else advice
            display.interrupted(stored.offset, stored.checkpoint.complete_length, advice)
        elif isinstance(error, KeyboardInterrupt) and copy.held.offset >= STORED_FROM_BYTES:
            display.nothing_kept(copy.held.offset, copy.held.checkpoint.complete_length)


def note_range(state: State, exchange: Exchange) -> None:
    """Take note of whether the server honours Range. Say once that it does not, but each time if If-Range was sent."""
    if not exchange.request.is_ranged:
        # The file comes, but not to a request with Range.
        state.is_range_refused = state.was_range_refused
    elif exchange.verdict.first_pos > 0:
        state.is_range_ignored = state.is_range_refused = state.was_range_refused = False
    elif exchange.ignored_range and _may_be_the_file(state, exchange) and not state.is_range_ignored:
        is_conditional = exchange.request.if_range is not None
        state.is_range_ignored = not is_conditional
        state.display.range_ignored(is_conditional=is_conditional)


def _may_be_the_file(state: State, exchange: Exchange) -> bool:
    """Whether a complete response has the length of the file that is held. A login page has not."""
    held = state.copy.held
    return held.offset > 0 and held.checkpoint.complete_length == exchange.verdict.complete_length

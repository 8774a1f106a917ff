"""What failed attempts say about the server and the connection, and what follows for the next request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.engine.state import RANGES_FAIL
from pip_resume.errors import NoResponse
from pip_resume.protocol.last_request import Spent, last_request

if TYPE_CHECKING:
    from pip_resume.engine.cursor import Cursor
    from pip_resume.engine.state import Exchange, State
    from pip_resume.errors import ConnectionLost
    from pip_resume.protocol.messages import Request


def without_body(state: State, request: Request, lost: ConnectionLost) -> None:
    """Learn from a request that had no response, or one without a part of the file."""
    if not request.is_ranged:
        state.plain = state.plain.after_failure()
    # A request that could not be sent says nothing about Range. A probe has to end in any case.
    if not isinstance(lost, NoResponse) or lost.was_sent or state.trust.is_probing:
        was_silent = isinstance(lost, NoResponse) and lost.was_silent
        state.learn(state.trust.after_no_response(is_ranged=request.is_ranged, was_silent=was_silent))


def lost_body(state: State, exchange: Exchange, cursor: Cursor, *, is_file: bool) -> None:
    """Learn from a body that has ended early, or that was not the file."""
    has_brought = is_file and cursor.gained + cursor.compared > 0
    state.plain = state.plain.after_body() if has_brought else state.plain
    is_ranged = exchange.request.is_ranged
    # A plain body that differs from what is held starts a second partial each time: only what is longer counts.
    is_further = is_ranged or state.attempts.is_further(state.copy.held.offset)
    state.learn(state.trust.after_lost_body(is_ranged=is_ranged, has_brought=has_brought and is_further))
    size = cursor.position - cursor.first_pos
    state.attempts.body_ended(size, cursor.compared)
    if state.is_tail_wrong and is_file and cursor.first_pos == 0:
        # Continue after what this response has shown to be right, else the next part differs as well.
        state.is_tail_wrong = False
        state.copy.keep_start(cursor.position)
    if is_file:  # The length of a page says nothing about the connection.
        if exchange.ignored_range and cursor.is_different:
            state.trust = state.trust.after_different_body()
            if state.trust.expects_parts:
                state.ask_plainly("the server sent different bytes instead of a range", is_ranged=True)
        state.copy.after_loss(size)
    else:
        state.attempts.response_was_useless()


def plan_last_request(state: State, *, was_ranged: bool, is_status: bool) -> bool:
    """Plan a plain request although the limits are spent, if Range may be the reason; False if it is not."""
    # The first of the attempts is the one that made progress.
    steps = state.attempts.steps - 1
    spent = Spent(state.trust, state.plain, was_ranged, is_status, steps, state.attempts.are_allowed)
    row = last_request(spent)
    state.display.spent(row)
    if not row.is_sent:
        return False
    state.plain = state.plain._replace(was_last=True)
    if state.trust.allows_range or state.trust.is_probing:
        state.ask_plainly(RANGES_FAIL, is_ranged=True)
    if state.attempts.has_response:
        state.attempts.allow_plain(state.plain.failed)
    return True

"""Write the body of one response down, in blocks, as long as its connection is fast enough."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pip_resume.engine.reading import Speeds, SpeedWatch, blocks
from pip_resume.errors import ConnectionLost, PipError
from pip_resume.protocol.checkpoint import Checkpoint, recorded_fields, recorded_name
from pip_resume.protocol.planning import plan_request
from pip_resume.protocol.verdicts import Action, has_same_etag, judge

if TYPE_CHECKING:
    from pip_resume.engine.cursor import Cursor
    from pip_resume.engine.state import Exchange, State


def checkpoint_of(state: State, exchange: Exchange) -> Checkpoint:
    """Return what a response says about the file whose bytes follow."""
    head = exchange.head
    fields = recorded_fields(head.fields)
    return Checkpoint(
        filename=recorded_name(state.transport.filename(exchange.response)),
        content_type=fields.get("content-type", ""),
        host=state.artifact.host,
        complete_length=exchange.verdict.complete_length,
        fields=fields,
        url_key=head.url_key,
        is_https=head.is_https,
        is_unhashed=state.artifact.digest is None,
    )


def write_body(state: State, exchange: Exchange, cursor: Cursor) -> None:
    """Write the body of a response down, up to its end. Raises ConnectionLost if that is too early."""
    response, verdict = exchange.response, exchange.verdict
    speeds = Speeds() if exchange.head.from_cache else state.speeds  # A disk says nothing about connections.
    speed = SpeedWatch(speeds, state.watch, lambda: _can_resume(state, exchange))
    compared = max(state.copy.held.offset - verdict.first_pos, 0) if verdict.first_pos else 0
    body = blocks(response, verdict, state.watch, speed, compared)
    with state.display.bar(body, response.head, verdict.first_pos, verdict.complete_length) as shown:
        for block in shown:
            before = cursor.gained
            cursor.write(block)
            if cursor.gained > before:
                state.attempts.bytes_arrived()


def _can_resume(state: State, exchange: Exchange) -> bool:
    """Whether a new connection would continue a body whose connection is too slow.

    A ranged request is sent to find out, and its response is closed after its head. Some gateways refuse Range:
    then the slow connection is kept.
    """
    is_ranged = plan_request(state.copy.held, state.trust).is_ranged
    if not (state.attempts.are_allowed and is_ranged) or exchange.ignored_range:
        return False
    state.copy.overlap.after_slow_connection()
    held = state.copy.held
    request = plan_request(held, state.trust)
    state.display.requested(request, held)
    try:
        with contextlib.closing(state.transport.get(request.fields)) as response:
            verdict = judge(request, response.head, held, state.trust)
            state.display.judged(response.head, verdict)
    except (ConnectionLost, PipError):
        return False
    finally:
        state.watch.lap(2 * state.transport.timeout_s)
    is_continued = verdict.action is Action.APPEND and verdict.first_pos > 0
    return is_continued and has_same_etag(request, response.head, held)

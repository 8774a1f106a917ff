"""What follows when a body has ended: more has to be requested, or the file is handed over, or it is wrong."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pip_resume.engine import proof
from pip_resume.engine.origin import Origin
from pip_resume.errors import ConnectionLost, NoSpace, UselessBody
from pip_resume.protocol.checkpoint import with_length
from pip_resume.protocol.endings import Ended, Ending, Outcome, conclude
from pip_resume.protocol.planning import OVERLAP_BYTES, STORED_FROM_BYTES

if TYPE_CHECKING:
    from pip_resume.engine.handover import Finished
    from pip_resume.engine.interfaces import Response
    from pip_resume.engine.local_copy import LocalCopy
    from pip_resume.engine.state import Exchange, State


_CHECKS = (Outcome.CHECK, Outcome.CHECK_OR_LOST, Outcome.CHECK_OR_TOO_LITTLE, Outcome.CHECK_START_OR_LOST)


def after_body(state: State, exchange: Exchange, position: int, gained: int) -> Finished | None:
    """Do what the end of a body at ``position`` (exclusive) means, after it added ``gained`` bytes to those held.

    Return None if more has to be requested. Raises ConnectionLost if the body ended too early.
    """
    ended = Ended(
        exchange.head,
        exchange.verdict,
        position,
        state.copy.held,
        gained,
        state.attempts.small,
        state.earlier_end,
        is_last_attempt=not state.attempts.are_allowed,
    )
    ending = conclude(ended)
    state.display.concluded(ending, ended.held)
    if ending.outcome in _CHECKS:
        return _check_end(state, exchange, ended, ending)
    if ending.outcome is Outcome.WRONG:
        state.attempts.cache_was_cut()
        return wrong_file(state, exchange)
    if ending.outcome is Outcome.LOST:
        return after_lost_body(state, exchange, position, ConnectionLost(ending.reason))
    if gained == 0 and ending.outcome in (Outcome.LESS_OVERLAP, Outcome.TOO_LITTLE) and is_complete_after_all(state):
        # The length that is known is too large.
        return check(state, exchange)
    _plan_more(state, exchange, ended, ending)
    return None


def _plan_more(state: State, exchange: Exchange, ended: Ended, ending: Ending) -> None:
    """Prepare for the request of what is missing."""
    if ending.outcome is Outcome.LESS_OVERLAP:
        state.copy.overlap.fit_into(ended.position - exchange.verdict.first_pos)
    if ending.outcome in (Outcome.MORE, Outcome.LESS_OVERLAP):
        state.trust = state.trust.after_lost_body(is_ranged=exchange.request.is_ranged, has_brought=True)
    elif ending.outcome is Outcome.TOO_LITTLE:
        state.ask_plainly(ending.reason, is_ranged=exchange.request.is_ranged)
    else:
        state.attempts.cache_was_cut()
        state.transport.evict(exchange.response)
        state.copy.continue_cached(exchange.head, ended.length)


def after_lost_body(state: State, exchange: Exchange, position: int, lost: ConnectionLost) -> Finished | None:
    """Start over after a body that has ended early, at ``position``, if it is a complete file, but not the right one.

    The checksums of a zip say so. Its Content-Length is too large then, and no further attempt would bring more. Other
    archives would have to be unpacked after each cut. Raises ``lost`` if more may come, or if the file is right.
    """
    copy = state.copy
    is_all = exchange.verdict.first_pos == 0 and copy.held.offset == position
    if not (is_all and copy.has_digest and proof.is_whole_zip(state)) or proof.has_right_digest(state):
        raise lost
    return wrong_file(state, exchange)


def _check_end(state: State, exchange: Exchange, ended: Ended, ending: Ending) -> Finished | None:
    """Verify a file that may lack nothing. Raises ConnectionLost if its end was not certain, and it is wrong."""
    copy = state.copy
    # If too many bytes are held, or the server sent too few, the digest decides which of the two is right.
    if (
        ended.length is not None
        and ended.held.offset > ended.length
        and not copy.has_beside
        and not _start_beside(copy, ended.length)
    ):
        # Without a second partial the first one is verified. If it is wrong, none of its bytes stay: they would be too
        # many after the next body, too.
        copy.origin = copy.origin._replace(earlier=0)
    is_right = ending.outcome is Outcome.CHECK or _may_be_complete(state)
    if not is_right and ending.outcome is Outcome.CHECK_OR_TOO_LITTLE and exchange.request.is_ranged:
        state.ask_plainly(ending.reason, is_ranged=True)
        return None
    if not (is_right or _is_start_complete(state, ended, ending)):
        if exchange.verdict.first_pos == 0:
            state.earlier_end = ended.position
        raise ConnectionLost(ending.reason)
    return check(state, exchange)


def _is_start_complete(state: State, ended: Ended, ending: Ending) -> bool:
    """Whether the file ends where this body did. Then only its bytes are held, in the second partial."""
    copy = state.copy
    if ending.outcome is not Outcome.CHECK_START_OR_LOST or copy.has_beside:
        return False
    if not _start_beside(copy, ended.position):
        return False
    is_complete = _may_be_complete(state)
    if not is_complete:
        copy.drop_beside()
    return is_complete


def _start_beside(copy: LocalCopy, length: int) -> bool:
    """Start a second partial with all bytes of the file: the first ``length`` of those held; False if that fails.

    Raises ConnectionLost if the bytes held are lost.
    """
    try:
        copy.write(functools.partial(copy.start_beside, length, with_length(copy.held.checkpoint, length)))
    except (NoSpace, OSError):
        return False
    return True


def _may_be_complete(state: State) -> bool:
    """Whether nothing shows that bytes are missing at the end."""
    return proof.has_right_digest(state) if state.copy.has_digest else proof.is_sound(state) is not False


def check(state: State, exchange: Exchange | None) -> Finished | None:
    """Hand over a file that lacks nothing, unless something shows that it is wrong; None to go on after a wrong one.

    ``exchange`` is None if no request was needed.
    """
    if state.copy.has_digest:
        is_right = _leave_to_pip(state, exchange) or proof.has_right_digest(state)
    else:
        is_right = _is_plausible(state, exchange)
    if is_right:
        return hand_over(state, None if exchange is None else exchange.response)
    return wrong_file(state, exchange)


def hand_over(state: State, response: Response | None) -> Finished:
    """Give pip the verified file. An entry of pip's cache that was wrong goes now."""
    if state.wrong_cached is not None:
        state.transport.evict(state.wrong_cached)
    return state.handover.hand_over(response)


def _leave_to_pip(state: State, exchange: Exchange | None) -> bool:
    """Leave the hash of a file of pip's cache to pip, which hashes it next; return False if it has to be hashed here.

    It is hashed here if the store has bytes of it: those are removed only for a file that was found right.
    """
    is_cached = exchange is not None and exchange.head.from_cache and not state.copy.store.may_find_earlier()
    return is_cached and state.copy.current.is_unread and state.transport.leave_to_pip()


def _is_plausible(state: State, exchange: Exchange | None) -> bool:
    """Whether a file without a hash may be handed over.

    One that was joined of several responses, or that takes the place of a different or a damaged one, must not be
    damaged.
    """
    copy = state.copy
    is_joined = copy.origin.resumed_at > 0 or not copy.origin.is_this_run
    is_replacement = copy.has_beside or copy.origin.is_replacement or state.trust.is_container_checked
    is_cached = exchange is not None and exchange.head.from_cache
    return is_cached or not (is_joined or is_replacement) or proof.is_sound(state) is not False


def wrong_file(state: State, exchange: Exchange | None) -> Finished | None:
    """Start over after a complete file that is wrong, once. pip judges the next one.

    Raises UselessBody if the server sent it instead of a range: a plain request may still get the right one.
    """
    copy, response = state.copy, None if exchange is None else exchange.response
    if response is not None and response.head.from_cache:
        # No server has sent this file, and the cache is not asked again.
        state.wrong_cached, state.wrong_cached_digest = response, proof.hexdigest(state)
        state.display.starting_over("pip's cache has a different file")
        copy.drop()
        state.is_announced = False
        return None
    if copy.has_beside and exchange is not None and exchange.ignored_range and _may_be_page(copy):
        copy.drop_beside()
        raise UselessBody("the server sent a different file instead of a range")
    # The server has the file of pip's cache: so it is the hash of the link that is wrong.
    is_same = bool(proof.hexdigest(state)) and proof.hexdigest(state) == state.wrong_cached_digest
    trust, is_damaged = state.trust, not copy.has_digest and not copy.has_beside
    state.trust = trust.after_wrong()._replace(is_container_checked=trust.is_container_checked or is_damaged)
    pip_judges = state.trust.is_spent or is_same or (trust.is_container_checked and is_damaged)
    if pip_judges and (copy.origin.is_this_run or copy.has_beside):
        return state.handover.hand_over_unverified(response)
    if copy.has_beside:
        state.display.asking_plainly("the server sent a wrong file")
        copy.drop_beside()
    else:
        _start_over(state)
    return None


def _may_be_page(copy: LocalCopy) -> bool:
    """Whether a complete body in the place of a range may be a page. One this large is a different file."""
    return copy.held.offset < STORED_FROM_BYTES or not copy.is_beside_longer


def _start_over(state: State) -> None:
    """Request the complete file.

    Bytes of an earlier run that may be right stay until a right file takes their place; all others go now.
    """
    reason = "its hash is not the expected one" if state.copy.has_digest else "the archive is damaged"
    state.display.starting_over(reason)
    if _return_to_earlier(state.copy):
        state.trust = state.trust.after_refusal(is_ranged=True)
    else:
        state.copy.reset()
    state.attempts.begin_at(0)


def _return_to_earlier(copy: LocalCopy) -> bool:
    """Cut the bytes back to those of an earlier run, which a wrong file must not remove; return False if that fails.

    It is not done without a hash, without such bytes, or if they were the complete file, which is wrong then.
    """
    earlier = copy.origin.earlier
    if not copy.has_digest or not earlier or copy.has_beside or copy.held.checkpoint.complete_length == earlier:
        return False
    try:
        copy.current.cut(earlier)
    except OSError:
        return False
    copy.origin = Origin(OVERLAP_BYTES, is_this_run=False, is_compared=False, earlier=earlier)
    return True


def is_complete_after_all(state: State) -> bool:
    """Whether the file is complete although its body has ended early: a Content-Length may be too large.

    Without a hash an earlier run's bytes have to be compared with the server's first: it may have a new file.
    """
    copy = state.copy
    if copy.has_digest:
        return proof.has_right_digest(state)
    return not copy.has_beside and copy.origin.is_compared and proof.is_sound(state) is True

"""The table ENDINGS row by row: what it means that a body has ended."""

from __future__ import annotations

import pytest
from unit.responses import (
    COMPLETE,
    COMPLETE_UNHASHED,
    HASHED,
    LENGTH,
    OFFSET,
    UNHASHED,
    UNSIZED,
    UNSIZED_UNHASHED,
    complete,
    part,
)

from pip_resume.protocol.endings import ENDINGS, Ended, Outcome, conclude
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.planning import MIN_OVERLAP_BYTES, plan_request
from pip_resume.protocol.retry import QUICK_BYTES
from pip_resume.protocol.verdicts import judge

CLOSE_DELIMITED = complete(None)
CHUNKED = complete(None, transfer_encoding="chunked")
OF_UNKNOWN_LENGTH = part(length="*", last=OFFSET + 99)
CACHED = complete()._replace(from_cache=True)
OVERLAPPED = UNHASHED._replace(overlap=MIN_OVERLAP_BYTES + 1)
UNSIZED_OVERLAPPED = UNSIZED_UNHASHED._replace(overlap=MIN_OVERLAP_BYTES + 1)
COMPARED = UNSIZED._replace(overlap=MIN_OVERLAP_BYTES + 1)
WITHIN_OVERLAP = part(first=OFFSET - 50, last=OFFSET - 11, length="*")
GAIN = 1000
"""A small number of new bytes. Ten such parts are requested; more than ten are not."""


def ended(head: ResponseHead, position: int, held: Held, gained: int = QUICK_BYTES) -> Ended:
    """Make a body that has ended at a position, with what is held after it; the request was for the rest of HASHED."""
    before = HASHED._replace(digest_known=held.digest_known, checkpoint=held.checkpoint)
    return Ended(head, judge(plan_request(before), head, before), position, held, gained)


def small_part(missing: int, gained: int = GAIN) -> Ended:
    """Make a part with ``gained`` new bytes, after which ``missing`` bytes of the file are still missing."""
    return ended(part(last=LENGTH - missing - 1), LENGTH - missing, HASHED._replace(offset=LENGTH - missing), gained)


# For each row: its name, its section and its outcome; then the cases in which it decides.
CASES: dict[tuple[str, str, Outcome], dict[str, Ended]] = {
    ("a cut body from pip's cache", "RFC 9111 section 3.3", Outcome.CONTINUE): {
        "one byte is missing": ended(CACHED, LENGTH - 1, COMPLETE),
        "one byte is there": ended(CACHED, 1, UNHASHED),
    },
    ("nothing from pip's cache", "RFC 9111 section 3.3", Outcome.WRONG): {
        "with a hash": ended(CACHED, 0, HASHED, gained=0),
        "without a hash": ended(CACHED, 0, UNHASHED, gained=0),
    },
    ("closed early", "RFC 9112 section 8", Outcome.LOST): {
        "one byte of the part is missing": ended(part(), LENGTH - 1, HASHED),
        "one byte of the complete file is missing": ended(complete(), LENGTH - 1, HASHED),
        "a chunked part": ended(part(transfer_encoding="chunked"), LENGTH - 1, HASHED),
        "a part of unknown complete-length": ended(OF_UNKNOWN_LENGTH, OFFSET + 99, HASHED),
        "the same, and no further attempt": ended(OF_UNKNOWN_LENGTH, OFFSET + 99, HASHED)._replace(
            is_last_attempt=True
        ),
        "Content-Range is too long by one, and there are further attempts": ended(
            part(content_length="99"), OFFSET + 99, HASHED
        ),
        "the complete file, and no further attempt": ended(complete(), LENGTH - 1, HASHED)._replace(
            is_last_attempt=True
        ),
        "one byte of Content-Length is missing, and no further attempt": ended(
            part(content_length="99"), OFFSET + 98, HASHED
        )._replace(is_last_attempt=True),
        "without a hash": ended(part(), LENGTH - 1, UNHASHED),
        "without a new byte": ended(part(), OFFSET, HASHED, gained=0),
    },
    ("one part of several", "RFC 9110 section 15.3.7", Outcome.MORE): {
        "just enough new bytes": small_part(missing=1, gained=QUICK_BYTES),
        "many new bytes": small_part(missing=1, gained=LENGTH - OFFSET),
        "many more parts are missing": small_part(missing=LENGTH - OFFSET - 1, gained=QUICK_BYTES),
        "many parts are missing, none of them small": ended(
            part(OFFSET, OFFSET + QUICK_BYTES - 1, OFFSET + 100 * QUICK_BYTES), OFFSET + QUICK_BYTES, UNSIZED
        ),
        "just ten small parts are missing": small_part(missing=10 * GAIN),
        "one byte is missing": small_part(missing=1),
        "ten small parts from the start are missing": ended(
            part(0, LENGTH // 11 - 1, LENGTH // 11 * 11), LENGTH // 11, HASHED, gained=LENGTH // 11
        ),
        "the length is known from before": ended(part(last=LENGTH - 2, length="*"), LENGTH - 1, UNHASHED),
    },
    ("a small part of a long rest", "RFC 9110 section 15.3.7", Outcome.TOO_LITTLE): {
        "just more than ten parts": small_part(missing=10 * GAIN + 1),
        "one byte too few to follow at once": small_part(missing=350_000, gained=QUICK_BYTES // 2),
        "no new byte": small_part(missing=1, gained=0),
        "without a hash, the length is known from before": ended(
            part(last=OFFSET + GAIN - 1, length="*"), OFFSET + GAIN, UNHASHED, gained=GAIN
        ),
        "with a hash, the length is known from before": ended(
            part(last=OFFSET + GAIN - 1, length="*"), OFFSET + GAIN, HASHED, gained=GAIN
        ),
    },
    ("a small part", "RFC 9110 section 15.3.7", Outcome.LOST): {
        "from the start: a plain request brings no more": ended(
            part(0, GAIN - 1), GAIN, HASHED._replace(offset=GAIN), gained=GAIN
        ),
        "from the start, and all of it is held": ended(part(0, GAIN - 1), GAIN, OVERLAPPED, gained=0),
    },
    ("a part within the overlap", "RFC 9110 section 15.3.7", Outcome.LESS_OVERLAP): {
        "without a hash": ended(part(first=OFFSET - 50, last=OFFSET - 1), OFFSET, OVERLAPPED, gained=0),
        "it ends before the bytes held do": ended(
            part(first=OFFSET - 50, last=OFFSET - 11), OFFSET - 10, OVERLAPPED, gained=0
        ),
        "nobody says how long the file is": ended(
            part(first=OFFSET - 50, last=OFFSET - 1, length="*"), OFFSET, UNSIZED_OVERLAPPED, gained=0
        ),
    },
    ("a small part, complete-length unknown", "RFC 9110 section 14.4", Outcome.CHECK_OR_TOO_LITTLE): {
        "the third one": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED, gained=100)._replace(small=2),
        "without a hash": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED_UNHASHED, gained=100)._replace(small=2),
        "one byte too few": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, HASHED, gained=QUICK_BYTES - 1)._replace(small=9),
        "the first one, within the overlap of a later run": ended(WITHIN_OVERLAP, OFFSET - 10, COMPARED, gained=0),
        "the first one, up to the end of the overlap": ended(
            part(first=OFFSET - 50, last=OFFSET - 1, length="*"), OFFSET, COMPARED, gained=0
        ),
        "within the smallest overlap, without a hash": ended(
            WITHIN_OVERLAP, OFFSET - 10, UNSIZED_OVERLAPPED._replace(overlap=MIN_OVERLAP_BYTES), gained=0
        ),
    },
    (
        "a part of uncertain length, and no further attempt",
        "RFC 9110 section 14.4",
        Outcome.CHECK_OR_TOO_LITTLE,
    ): {
        "a large part": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED)._replace(is_last_attempt=True),
        "the first small part": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED, gained=100)._replace(
            is_last_attempt=True
        ),
        "without a hash": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED_UNHASHED)._replace(is_last_attempt=True),
        "within the overlap": ended(WITHIN_OVERLAP, OFFSET - 10, UNSIZED_OVERLAPPED, gained=0)._replace(
            is_last_attempt=True
        ),
        "Content-Range is too long by one": ended(part(content_length="99"), OFFSET + 99, HASHED)._replace(
            is_last_attempt=True
        ),
    },
    ("complete-length unknown", "RFC 9110 section 14.4", Outcome.CHECK_OR_LOST): {
        "one new byte": ended(part(last=OFFSET, length="*"), OFFSET + 1, COMPARED, gained=1),
        "the second small part": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED, gained=100)._replace(small=1),
        "a large part": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, HASHED, gained=QUICK_BYTES)._replace(small=9),
        "with a hash, whatever length is known from before": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, HASHED),
        "a small part at the end that is known from before": ended(part(length="*"), LENGTH, COMPLETE, gained=100),
        "without a hash": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED_UNHASHED),
        "a chunked part": ended(part(length="*", last=OFFSET + 99, transfer_encoding="chunked"), OFFSET + 100, UNSIZED),
    },
    ("ended with the connection, twice at the same place", "RFC 9112 section 8", Outcome.CHECK): {
        "fewer bytes than the known length": ended(
            CLOSE_DELIMITED, LENGTH - 1, HASHED._replace(offset=LENGTH - 1)
        )._replace(earlier_end=LENGTH - 1),
        "the length is unknown": ended(CLOSE_DELIMITED, OFFSET, UNSIZED)._replace(earlier_end=OFFSET),
        "without a hash": ended(CLOSE_DELIMITED, OFFSET, UNSIZED_UNHASHED)._replace(earlier_end=OFFSET),
    },
    (
        "ended with the connection, before the end of what is held",
        "RFC 9112 section 8",
        Outcome.CHECK_START_OR_LOST,
    ): {
        "nothing more can be requested": ended(CLOSE_DELIMITED, OFFSET - 1, UNSIZED)._replace(is_last_attempt=True),
        "after one at the end of what is held": ended(CLOSE_DELIMITED, OFFSET - 1, UNSIZED)._replace(
            earlier_end=OFFSET
        ),
        "twice at the same place": ended(CLOSE_DELIMITED, OFFSET - 1, HASHED)._replace(earlier_end=OFFSET - 1),
        "without a hash": ended(CLOSE_DELIMITED, 1, UNSIZED_UNHASHED)._replace(earlier_end=OFFSET),
    },
    ("ended with the connection", "RFC 9112 section 8", Outcome.CHECK_OR_LOST): {
        "before the end of what is held, for the first time": ended(CLOSE_DELIMITED, OFFSET - 1, HASHED),
        "before the end of what is held, at a different place": ended(CLOSE_DELIMITED, OFFSET - 2, HASHED)._replace(
            earlier_end=OFFSET - 1
        ),
        "no byte": ended(CLOSE_DELIMITED, 0, HASHED, gained=0)._replace(earlier_end=OFFSET),
        "a part at the same place": ended(part(), LENGTH, HASHED)._replace(earlier_end=LENGTH),
        "a part at the same place, without a hash": ended(part(), LENGTH, COMPLETE_UNHASHED)._replace(
            earlier_end=LENGTH
        ),
        "at different places": ended(CLOSE_DELIMITED, LENGTH - 1, HASHED)._replace(earlier_end=LENGTH),
        "fewer bytes than the known length": ended(CLOSE_DELIMITED, LENGTH - 1, HASHED),
        "more bytes than the known length": ended(CLOSE_DELIMITED, LENGTH + 1, HASHED._replace(offset=LENGTH + 1)),
        "the length is unknown": ended(CLOSE_DELIMITED, LENGTH, UNSIZED),
        "without a hash": ended(CLOSE_DELIMITED, LENGTH, COMPLETE_UNHASHED),
        "without a hash or a length": ended(CLOSE_DELIMITED, LENGTH, UNSIZED_UNHASHED),
    },
    ("complete", "RFC 9112 section 6.3", Outcome.CHECK): {
        "the rest": ended(part(content_length=str(LENGTH - OFFSET)), LENGTH, COMPLETE),
        "the rest, without a new byte": ended(part(content_length=str(LENGTH - OFFSET)), LENGTH, COMPLETE, gained=0),
        "the complete file": ended(complete(), LENGTH, COMPLETE),
        "the complete file from pip's cache": ended(CACHED, LENGTH, COMPLETE),
        "close-delimited, as long as the known length": ended(CLOSE_DELIMITED, LENGTH, COMPLETE),
        "close-delimited, from pip's cache": ended(CLOSE_DELIMITED._replace(from_cache=True), LENGTH, UNSIZED),
        "chunked": ended(CHUNKED, LENGTH, UNSIZED),
        "chunked, without a hash": ended(CHUNKED, LENGTH, UNSIZED_UNHASHED),
    },
}


@pytest.mark.parametrize(
    ("body", "row", "section", "outcome"),
    [
        pytest.param(body, row, section, outcome, id=f"{row}: {case}, {section}")
        for (row, section, outcome), cases in CASES.items()
        for case, body in cases.items()
    ],
)
def test_the_end_of_a_body_is_judged_by_its_row(body: Ended, row: str, section: str, outcome: Outcome) -> None:
    ending = conclude(body)

    assert (ending.name, ending.section, ending.outcome) == (row, section, outcome)
    may_be_lost = "LOST" in outcome.name or "TOO_LITTLE" in outcome.name
    assert bool(ending.reason) == may_be_lost


def test_every_row_decides_at_least_one_case() -> None:
    decided = {conclude(body).name for cases in CASES.values() for body in cases.values()}

    assert decided == {row.name for row in ENDINGS}
    assert len(decided) == len(ENDINGS)


def test_every_outcome_has_a_row() -> None:
    assert {row.outcome for row in ENDINGS} == set(Outcome)


@pytest.mark.parametrize(
    ("body", "length"),
    [
        pytest.param(ended(part(), LENGTH, UNSIZED), LENGTH, id="given by the response"),
        pytest.param(
            ended(complete(LENGTH + 5), LENGTH + 5, UNHASHED), LENGTH + 5, id="given by the response, of a new file"
        ),
        pytest.param(ended(CLOSE_DELIMITED, LENGTH, UNHASHED), LENGTH, id="known from before, without a hash"),
        pytest.param(ended(CLOSE_DELIMITED, LENGTH, HASHED), None, id="known from before, with a hash: not used"),
        pytest.param(ended(CHUNKED, LENGTH + 1, HASHED), LENGTH + 1, id="the end of a chunked file"),
        pytest.param(
            ended(part(length="*", transfer_encoding="chunked"), LENGTH, UNSIZED), None, id="the end of a chunked part"
        ),
        pytest.param(ended(CLOSE_DELIMITED, LENGTH, UNSIZED), None, id="unknown"),
    ],
)
def test_the_complete_length_is_what_the_response_says_or_what_is_known(body: Ended, length: int | None) -> None:
    assert body.length == length


@pytest.mark.parametrize(
    ("position", "lacks_rest"),
    [
        pytest.param(LENGTH - 1, True, id="one byte is missing"),
        pytest.param(LENGTH, False, id="no byte is missing"),
        pytest.param(LENGTH + 1, False, id="one byte too many"),
    ],
)
def test_a_rest_is_missing_below_the_complete_length(position: int, lacks_rest: bool) -> None:
    assert ended(part(), position, HASHED).lacks_rest is lacks_rest


def test_without_a_complete_length_no_rest_is_known_to_be_missing() -> None:
    assert not ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED).lacks_rest

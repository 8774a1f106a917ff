"""The table ENDINGS row by row: what it means that a body has ended."""

from __future__ import annotations

import pytest
from unit.responses import COMPLETE, HASHED, LENGTH, OFFSET, UNHASHED, UNSIZED, UNSIZED_UNHASHED, complete, part

from pip_resume.protocol.endings import ENDINGS, Ended, Outcome, conclude
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.retry import PROGRESS_BYTES
from pip_resume.protocol.verdicts import judge, plan_request

CLOSE_DELIMITED = complete(None)
CHUNKED = complete(None, transfer_encoding="chunked")
OF_UNKNOWN_LENGTH = part(length="*", last=OFFSET + 99)
COMPLETE_UNHASHED = COMPLETE._replace(digest_known=False)


def ended(head: ResponseHead, position: int, held: Held, gained: int = PROGRESS_BYTES) -> Ended:
    """Make a body that has ended at a position, with what is held after it; the request was for the rest of HASHED."""
    before = HASHED._replace(digest_known=held.digest_known, checkpoint=held.checkpoint)
    return Ended(head, judge(plan_request(before), head, before), position, held, gained)


# For each row: its name, its section and its outcome; then the cases in which it decides.
CASES: dict[tuple[str, str, Outcome], dict[str, Ended]] = {
    ("a cut body from pip's cache", "RFC 9111 section 3.3", Outcome.WRONG): {
        "one byte is missing": ended(complete()._replace(from_cache=True), LENGTH - 1, COMPLETE),
        "without a hash": ended(complete()._replace(from_cache=True), 0, UNHASHED),
    },
    ("closed early", "RFC 9112 section 8", Outcome.LOST): {
        "one byte of the part is missing": ended(part(), LENGTH - 1, HASHED),
        "one byte of the complete file is missing": ended(complete(), LENGTH - 1, HASHED),
        "a chunked part": ended(part(transfer_encoding="chunked"), LENGTH - 1, HASHED),
        "a part of unknown complete-length": ended(OF_UNKNOWN_LENGTH, OFFSET + 99, HASHED),
        "without a hash": ended(part(), LENGTH - 1, UNHASHED),
        "without a new byte": ended(part(), OFFSET, HASHED, gained=0),
    },
    ("one part of several", "RFC 9110 section 15.3.7", Outcome.MORE): {
        "just enough new bytes": ended(part(last=LENGTH - 2), LENGTH - 1, HASHED),
        "many new bytes": ended(part(last=LENGTH - 2), LENGTH - 1, HASHED, gained=LENGTH - OFFSET),
        "the length is known from before": ended(part(last=LENGTH - 2, length="*"), LENGTH - 1, UNHASHED),
    },
    ("a part with hardly any byte", "RFC 9110 section 15.3.7", Outcome.LOST): {
        "one byte too few": ended(part(last=LENGTH - 2), LENGTH - 1, HASHED, gained=PROGRESS_BYTES - 1),
        "no new byte": ended(part(last=OFFSET), OFFSET + 1, HASHED, gained=0),
    },
    ("complete-length unknown", "RFC 9110 section 14.4", Outcome.CHECK_OR_LOST): {
        "with a hash, whatever length is known from before": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, HASHED),
        "without a hash": ended(OF_UNKNOWN_LENGTH, OFFSET + 100, UNSIZED_UNHASHED),
        "a chunked part": ended(part(length="*", last=OFFSET + 99, transfer_encoding="chunked"), OFFSET + 100, UNSIZED),
    },
    ("ended with the connection", "RFC 9112 section 8", Outcome.CHECK_OR_LOST): {
        "fewer bytes than the known length": ended(CLOSE_DELIMITED, LENGTH - 1, HASHED),
        "more bytes than the known length": ended(CLOSE_DELIMITED, LENGTH + 1, HASHED._replace(offset=LENGTH + 1)),
        "the length is unknown": ended(CLOSE_DELIMITED, LENGTH, UNSIZED),
    },
    ("complete", "RFC 9112 section 6.3", Outcome.CHECK): {
        "the rest": ended(part(content_length=str(LENGTH - OFFSET)), LENGTH, COMPLETE),
        "the complete file": ended(complete(), LENGTH, COMPLETE),
        "the complete file from pip's cache": ended(complete()._replace(from_cache=True), LENGTH, COMPLETE),
        "close-delimited, as long as the known length": ended(CLOSE_DELIMITED, LENGTH, COMPLETE),
        "close-delimited, without a hash": ended(CLOSE_DELIMITED, LENGTH, COMPLETE_UNHASHED),
        "close-delimited, without a hash or a length": ended(CLOSE_DELIMITED, LENGTH, UNSIZED_UNHASHED),
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
    assert bool(ending.reason) == (outcome in (Outcome.LOST, Outcome.CHECK_OR_LOST))


def test_every_row_decides_at_least_one_case() -> None:
    decided = {conclude(body).name for cases in CASES.values() for body in cases.values()}

    assert decided == {row.name for row in ENDINGS}
    assert len(decided) == len(ENDINGS)


@pytest.mark.parametrize(
    ("body", "length"),
    [
        pytest.param(ended(part(), LENGTH, UNSIZED), LENGTH, id="given by the response"),
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

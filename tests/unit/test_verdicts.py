"""The table VERDICTS row by row: what a response means."""

from __future__ import annotations

import pytest
from pip._vendor.urllib3.util.retry import Retry
from unit.responses import (
    COMPLETE,
    COMPLETE_UNHASHED,
    EMPTY,
    EMPTY_UNHASHED,
    ETAG,
    HASHED,
    LENGTH,
    LONG_AGO,
    OFFSET,
    STRONG_DATE,
    UNHASHED,
    UNSIZED,
    UNSIZED_UNHASHED,
    WEAK_ETAG,
    complete,
    part,
    unhashed_with,
    unsatisfied,
    without,
)

from pip_resume.protocol.cases import Case
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.planning import OVERLAP_BYTES, plan_request
from pip_resume.protocol.statuses import WAIT_STATUSES
from pip_resume.protocol.trust import FULL, Asking, Trust
from pip_resume.protocol.verdicts import DATE_DIFFERS, VERDICTS, Action, judge

ASKED_PLAINLY = Trust(asking=Asking.PLAIN)
"""The request is plain, whatever is held."""
FORGIVING = Trust(forgave_date=True)
"""The run has started over for a different date."""
YEARS_LATER = "Tue, 05 Jan 2021 10:00:00 GMT"
DATED = unhashed_with({**ETAG, **STRONG_DATE})
DATED_ONLY = unhashed_with(STRONG_DATE)
DATED_WEAK = unhashed_with({**WEAK_ETAG, **STRONG_DATE})
OVER_HTTP = UNHASHED._replace(checkpoint=UNHASHED.checkpoint._replace(is_https=False))
REST, SHORT = str(LENGTH - OFFSET), str(LENGTH - OFFSET - 1)
"""Content-Length of the rest of the file, and one that is too small."""
THE_REST = f"{OFFSET}-{LENGTH - 1}/{LENGTH}"
"""The value of Content-Range without its unit."""
NO_RESPONSE_TO_A_RANGE = (
    *(100, 102, 103, 201, 202, 204, 205, 207, 226),
    *(300, 301, 302, 303, 304, 307, 308),
    *(
        400,
        402,
        403,
        404,
        405,
        406,
        409,
        410,
        411,
        412,
        413,
        414,
        415,
        417,
        418,
        422,
        423,
        424,
        426,
        428,
        431,
        451,
        499,
    ),
    *(501, 505),
)


def case(held: Held, head: ResponseHead, trust: Trust = FULL) -> Case:
    """Make the case of a response to the request that follows from what is held and what is believed."""
    return Case(plan_request(held, trust), head, held, trust)


# For each row: its name, its section and its action; then the cases in which it decides.
CASES: dict[tuple[str, str, Action], dict[str, Case]] = {
    ("busy", "RFC 9110 section 15.6.4", Action.WAIT): {
        **{str(status): case(HASHED, ResponseHead(status, ETAG)) for status in WAIT_STATUSES},
        "529, which has no entry of its own": case(HASHED, ResponseHead(529, {})),
        "413 with Retry-After": case(HASHED, ResponseHead(413, {"retry-after": "7"})),
        "without a hash": case(UNHASHED, ResponseHead(429, {})),
        "503 to a plain request": case(EMPTY, ResponseHead(503, {})),
        "413 with Retry-After to a plain request": case(EMPTY, ResponseHead(413, {"retry-after": "7"})),
    },
    ("416 at the complete-length", "RFC 9110 section 15.5.17", Action.VERIFY): {
        "both know the length": case(COMPLETE, unsatisfied(LENGTH)),
        "we know the length": case(COMPLETE, ResponseHead(416, {})),
        "the server knows the length": case(UNSIZED, unsatisfied(OFFSET)),
        "without a hash": case(UNSIZED_UNHASHED, unsatisfied(OFFSET)),
        "below the overlap, with a hash": case(COMPLETE._replace(overlap=OVERLAP_BYTES), unsatisfied(LENGTH)),
    },
    ("206 without a byte at the complete-length", "RFC 9110 section 15.5.17", Action.VERIFY): {
        "both know the length": case(COMPLETE, part(LENGTH, LENGTH - 1)),
        "the server knows the length": case(UNSIZED, part(OFFSET, OFFSET - 1, OFFSET)),
        "without a hash": case(UNSIZED_UNHASHED, part(OFFSET, OFFSET - 1, OFFSET)),
        "below the overlap, with a hash": case(COMPLETE._replace(overlap=OVERLAP_BYTES), part(LENGTH, LENGTH - 1)),
    },
    ("416 elsewhere", "RFC 9110 section 15.5.17", Action.ASK_PLAINLY): {
        "a length different from ours": case(UNHASHED, unsatisfied(OFFSET)),
        "a length above ours": case(COMPLETE, unsatisfied(LENGTH + 1)),
        "neither knows the length": case(UNSIZED, ResponseHead(416, {})),
        "a length that is not a number": case(UNSIZED, unsatisfied("x")),
        "below the overlap, without a hash": case(
            COMPLETE_UNHASHED._replace(overlap=OVERLAP_BYTES), unsatisfied(LENGTH)
        ),
    },
    ("no response to a range", "RFC 9110 section 14.2", Action.ASK_PLAINLY): {
        **{str(status): case(HASHED, ResponseHead(status, {})) for status in NO_RESPONSE_TO_A_RANGE},
        "404 without a hash": case(UNHASHED, ResponseHead(404, {})),
        "204 without a hash": case(UNHASHED, ResponseHead(204, {})),
    },
    ("206 multipart", "RFC 9110 section 15.3.7.2", Action.ASK_PLAINLY): {
        "to one range": case(HASHED, part(content_type="multipart/byteranges; boundary=x")),
    },
    ("206 without a valid Content-Range", "RFC 9110 section 14.4", Action.ASK_PLAINLY): {
        "none": case(HASHED, without(part(), "content-range")),
        "last-pos below first-pos": case(HASHED, part(LENGTH - 1, OFFSET)),
        "last-pos above the complete-length": case(HASHED, part(length=LENGTH - 1)),
        "no positions": case(HASHED, part(content_range=f"bytes */{LENGTH}")),
        "different unit": case(HASHED, part(content_range=f"items {OFFSET}-9/10")),
        "none, and not the length of the rest": case(HASHED, without(part(content_length=SHORT), "content-range")),
        "none, without a hash": case(UNHASHED, without(part(content_length=REST), "content-range")),
        "different unit, the length of the rest": case(
            HASHED, part(content_range=f"items {OFFSET}-9/10", content_length=REST)
        ),
        "last-pos is the complete-length, without a hash": case(UNHASHED, part(last=LENGTH, content_length=REST)),
        "last-pos is the complete-length, and not the length of the rest": case(
            HASHED, part(last=LENGTH, content_length=SHORT)
        ),
        "no unit, without a hash": case(UNHASHED, part(content_range=THE_REST)),
        "equals sign, without a hash": case(UNHASHED, part(content_range=f"bytes={THE_REST}")),
        "without a byte, but the known length is a larger one": case(HASHED, part(OFFSET, OFFSET - 1, OFFSET)),
        "without a byte, above what is held": case(UNSIZED, part(OFFSET + 1, OFFSET, OFFSET + 1)),
        "without a byte, below the overlap, without a hash": case(
            COMPLETE_UNHASHED._replace(overlap=OVERLAP_BYTES), part(LENGTH, LENGTH - 1)
        ),
        "without a byte, to a plain request": case(COMPLETE, part(LENGTH, LENGTH - 1), ASKED_PLAINLY),
    },
    ("206 that starts too late", "RFC 9110 section 14.4", Action.ASK_PLAINLY): {
        "by one byte": case(HASHED, part(OFFSET + 1)),
        "by one byte, with the length of the rest": case(HASHED, part(OFFSET + 1, content_length=REST)),
        "to a plain request": case(EMPTY, part(1)),
    },
    ("206 with a different complete-length", "RFC 9110 section 15.3.7.3", Action.ASK_PLAINLY): {
        "longer": case(HASHED, part(last=LENGTH, length=LENGTH + 1)),
        "shorter": case(HASHED, part(last=LENGTH - 2, length=LENGTH - 1)),
        "longer by one, without a hash": case(UNHASHED, part(length=LENGTH + 1, content_length=REST)),
        "longer by one, in its length as well": case(
            HASHED, part(last=LENGTH, length=LENGTH + 1, content_length=str(LENGTH + 1 - OFFSET))
        ),
        "last-pos above our length": case(HASHED, part(last=LENGTH, length="*")),
        "shorter than what is held": case(UNSIZED, part(0, OFFSET - 2, OFFSET - 1)),
    },
    ("206 with a different content coding", "RFC 9110 section 8.4", Action.ASK_PLAINLY): {
        "gzip": case(HASHED, part(content_encoding="gzip")),
        "no coding any more": case(unhashed_with({**ETAG, "content-encoding": "gzip"}), part()),
    },
    ("206, and the digest decides", "RFC 9110 section 15.3.7.3", Action.APPEND): {
        "the same ETag": case(HASHED, part()),
        "a different ETag": case(HASHED, part(etag='"v2"')),
        "no ETag": case(HASHED, without(part(), "etag")),
        "a different date": case(DATED._replace(digest_known=True), part(last_modified=YEARS_LATER)),
        "over http": case(HASHED, part()._replace(is_https=False)),
        "no complete-length": case(HASHED, part(length="*")),
        "an earlier start": case(HASHED, part(0)),
        "no unit in Content-Range": case(HASHED, part(content_range=THE_REST)),
        "equals sign in Content-Range": case(HASHED, part(content_range=f"bytes={THE_REST}")),
        "no Content-Range, the length of the rest": case(HASHED, without(part(content_length=REST), "content-range")),
        "last-pos is the complete-length": case(HASHED, part(last=LENGTH, content_length=REST)),
        "complete-length too large by one": case(HASHED, part(length=LENGTH + 1, content_length=REST)),
        "complete-length too small by one": case(HASHED, part(length=LENGTH - 1, content_length=REST)),
        "blanks in Content-Range": case(HASHED, part(content_range=f"bytes  {OFFSET} - {LENGTH - 1} / {LENGTH}")),
        "coding identity": case(HASHED, part(content_encoding="identity")),
        "all bytes held, so that the part is the overlap": case(
            COMPLETE._replace(overlap=OVERLAP_BYTES), part(LENGTH - OVERLAP_BYTES)
        ),
        "to a plain request, with a coding": case(EMPTY, part(0, content_encoding="gzip")),
    },
    ("206 over http", "RFC 9110 section 17.1", Action.ASK_PLAINLY): {
        "after a first response over https": case(UNHASHED, part()._replace(is_https=False)),
    },
    ("206 with a different ETag", "RFC 9110 section 15.3.7.3", Action.ASK_PLAINLY): {
        "a different one": case(UNHASHED, part(etag='"v2"')),
        "the same, weak": case(UNHASHED, part(etag='W/"v1"')),
        "one, where the first response had none": case(DATED_ONLY, part(last_modified=LONG_AGO)),
        "a different one, with one byte held": case(UNHASHED._replace(offset=1), part(1, etag='"v2"')),
        "a different one and the same date": case(DATED, part(etag='"v2"', last_modified=LONG_AGO)),
    },
    ("206 without the validator", "RFC 9110 section 15.3.7", Action.ASK_PLAINLY): {
        "no ETag": case(UNHASHED, without(part(), "etag")),
        "no ETag, but the date": case(DATED, without(part(last_modified=LONG_AGO), "etag")),
        "no ETag, with one byte held": case(UNHASHED._replace(offset=1), without(part(1), "etag")),
        "a weak ETag, and no date": case(DATED_WEAK, part(etag='W/"v1"')),
        "the date, and no weak ETag": case(DATED_WEAK, without(part(last_modified=LONG_AGO), "etag")),
    },
    (DATE_DIFFERS, "RFC 9110 section 15.3.7.3", Action.ASK_PLAINLY): {
        "the same ETag": case(DATED, part(last_modified=YEARS_LATER)),
        "no ETag": case(DATED_ONLY, without(part(last_modified=YEARS_LATER), "etag")),
        "no ETag, for the second time": case(DATED_ONLY, without(part(last_modified=YEARS_LATER), "etag"), FORGIVING),
        "the same weak ETag": case(DATED_WEAK, part(etag='W/"v1"', last_modified=YEARS_LATER)),
        "the same weak ETag, for the second time": case(
            DATED_WEAK, part(etag='W/"v1"', last_modified=YEARS_LATER), FORGIVING
        ),
        "the same unquoted ETag, for the second time": case(
            unhashed_with({"etag": "v1", **STRONG_DATE}), part(etag="v1", last_modified=YEARS_LATER), FORGIVING
        ),
    },
    ("206 of the same representation", "RFC 9110 section 15.3.7.3", Action.APPEND): {
        "the same ETag": case(UNHASHED, part()),
        "the same ETag, and a date that the first response had not": case(UNHASHED, part(last_modified=LONG_AGO)),
        "the same ETag, and the date is left out": case(DATED, part()),
        "the same ETag, a different date for the second time": case(DATED, part(last_modified=YEARS_LATER), FORGIVING),
        "the same date, no ETag": case(DATED_ONLY, without(part(last_modified=LONG_AGO), "etag")),
        "neither, since If-Range had the date": case(DATED_ONLY, without(part(), "etag")),
        "the same weak ETag and the same date": case(DATED_WEAK, part(etag='W/"v1"', last_modified=LONG_AGO)),
        "over http, as the first response": case(OVER_HTTP, part()._replace(is_https=False)),
        "nothing held, a different ETag": case(EMPTY_UNHASHED, part(0, etag='"v2"')),
        "nothing held, no validator any more": case(DATED._replace(offset=0), without(part(0), "etag")),
        "nothing held, a different date": case(DATED._replace(offset=0), part(0, last_modified=YEARS_LATER)),
    },
    ("200 with a part of the body", "RFC 9110 section 14.4", Action.ASK_PLAINLY): {
        "a Content-Range that does not start at 0": case(HASHED, complete(content_range=f"bytes {THE_REST}")),
        "the same to a plain request": case(EMPTY, complete(content_range=f"bytes {THE_REST}")),
        "the same, one byte after the start": case(EMPTY, complete(content_range=f"bytes 1-{LENGTH - 1}/{LENGTH}")),
    },
    ("200 with the length of the rest", "RFC 9110 section 8.6", Action.ASK_PLAINLY): {
        "with a hash": case(HASHED, complete(LENGTH - OFFSET)),
        "with an overlap, without a hash": case(
            UNHASHED._replace(overlap=1000), complete(LENGTH - OFFSET + 1000), FULL
        ),
        "203": case(HASHED, complete(LENGTH - OFFSET)._replace(status=203)),
    },
    ("200 with a different content coding", "RFC 9110 section 8.4", Action.ASK_PLAINLY): {
        "gzip": case(HASHED, complete(content_encoding="gzip")),
        "gzip, without a hash": case(UNHASHED, complete(content_encoding="gzip")),
        "no coding any more": case(unhashed_with({**ETAG, "content-encoding": "gzip"}), complete()),
    },
    ("200", "RFC 9110 section 14.2", Action.APPEND): {
        "with a Retry-After": case(EMPTY, complete(retry_after="120")),
        "a Content-Range of a file that is longer now": case(
            HASHED, complete(LENGTH + 10, content_range=f"bytes 0-{LENGTH + 9}/{LENGTH + 10}")
        ),
        "with the Content-Type of several parts": case(HASHED, complete(content_type="multipart/byteranges")),
        "Range ignored": case(HASHED, complete()),
        "shorter than the rest": case(HASHED, complete(LENGTH - OFFSET - 1)),
        "longer than the rest": case(HASHED, complete(LENGTH - OFFSET + 1)),
        "as long as the rest would be, to a plain request": case(HASHED, complete(LENGTH - OFFSET), ASKED_PLAINLY),
        "a different ETag, and the digest decides": case(HASHED, complete(etag='"v2"')),
        "a Content-Range that starts at 0": case(HASHED, complete(content_range=f"bytes 0-{LENGTH - 1}/{LENGTH}")),
        "a Content-Range without positions": case(HASHED, complete(content_range=f"bytes */{LENGTH}")),
        "the same ETag": case(UNHASHED, complete()),
        "a different ETag, without a hash": case(UNHASHED, complete(etag='"v2"')),
        "no ETag, without a hash": case(UNHASHED, without(complete(), "etag")),
        "the first": case(EMPTY, complete()),
        "the first, without a hash": case(EMPTY_UNHASHED, complete(etag='W/"v1"')),
        "the first, with a coding": case(EMPTY, complete(content_encoding="gzip")),
        "to a plain request, with a coding: it is compared": case(
            HASHED, complete(content_encoding="gzip"), ASKED_PLAINLY
        ),
        "203": case(EMPTY, complete()._replace(status=203)),
        "203 to a range": case(HASHED, complete()._replace(status=203)),
        **{
            f"{status} to a plain request, which pip takes for the file": case(
                EMPTY, complete()._replace(status=status)
            )
            for status in (201, 202, 204, 300, 304, 399)
        },
    },
    ("anything else", "RFC 9110 section 15", Action.FAIL): {
        **{str(status): case(HASHED, ResponseHead(status, {})) for status in (600, 999)},
        **{
            f"{status} to a plain request": case(EMPTY, ResponseHead(status, {}))
            for status in (400, 401, 403, 404, 407, 410, 413, 416, 451, 501, 505)
        },
        "404 to a plain request, with bytes held": case(HASHED, ResponseHead(404, {}), ASKED_PLAINLY),
    },
}


@pytest.mark.parametrize(
    ("case", "row", "section", "action"),
    [
        pytest.param(case, row, section, action, id=f"{row}: {name}, {section}")
        for (row, section, action), cases in CASES.items()
        for name, case in cases.items()
    ],
)
def test_a_response_is_judged_by_its_row(case: Case, row: str, section: str, action: Action) -> None:
    verdict = judge(*case)

    assert (verdict.row, verdict.section, verdict.action) == (row, section, action)
    assert bool(verdict.reason) == (action is Action.ASK_PLAINLY)


def test_every_row_decides_at_least_one_case() -> None:
    judged = {judge(*case).row for cases in CASES.values() for case in cases.values()}

    assert judged == {row.name for row in VERDICTS}
    assert len(judged) == len(VERDICTS)


def test_every_reason_is_different_unless_the_rows_mean_the_same() -> None:
    reasons = [row.reason for row in VERDICTS if row.reason]

    assert {reason for reason in reasons if reasons.count(reason) > 1} == {
        "the server now sends a different Content-Encoding",
        "the server answered 200 but sent only part of the file",
    }


ASKED_LATER = {408, 421, 425, 429} | set(range(500, 600)) - {501, 505}
REPORTED: set[int] = set()


@pytest.mark.parametrize("held", [pytest.param(HASHED, id="hash"), pytest.param(UNHASHED, id="no hash")])
def test_every_status_has_one_meaning_for_a_range(held: Held) -> None:
    actions = {status: judge(*case(held, complete()._replace(status=status))).action for status in range(100, 600)}

    assert {status for status, action in actions.items() if action is Action.WAIT} == ASKED_LATER
    assert {status for status, action in actions.items() if action is Action.FAIL} == REPORTED
    assert {status for status, action in actions.items() if action is Action.APPEND} == {200, 203}
    assert {status for status, action in actions.items() if action is Action.VERIFY} == set()


def test_every_status_means_for_a_plain_request_what_it_means_for_pip() -> None:
    actions = {status: judge(*case(EMPTY, complete()._replace(status=status))).action for status in range(100, 600)}

    assert {status for status, action in actions.items() if action is Action.WAIT} == ASKED_LATER
    assert {status for status, action in actions.items() if action is Action.APPEND} == set(range(100, 400)) - {206}
    assert {status for status, action in actions.items() if action is Action.ASK_PLAINLY} == {206}
    assert {status for status, action in actions.items() if action is Action.VERIFY} == set()


@pytest.mark.parametrize("status", sorted(Retry.RETRY_AFTER_STATUS_CODES))
def test_pip_obeys_no_retry_after_that_is_not_obeyed_here(status: int) -> None:
    head = ResponseHead(status, {"retry-after": "7"})

    assert judge(*case(HASHED, head)).action is judge(*case(EMPTY, head)).action is Action.WAIT


@pytest.mark.parametrize(
    ("held", "head", "extent"),
    [
        pytest.param(HASHED, part(), (OFFSET, LENGTH, LENGTH), id="the rest"),
        pytest.param(HASHED, part(0), (0, LENGTH, LENGTH), id="a part that starts earlier"),
        pytest.param(HASHED, part(last=OFFSET + 9), (OFFSET, OFFSET + 10, LENGTH), id="a part of the rest"),
        pytest.param(HASHED, part(length="*"), (OFFSET, LENGTH, None), id="complete-length unknown"),
        pytest.param(HASHED, part(content_range=THE_REST), (OFFSET, LENGTH, LENGTH), id="Content-Range without a unit"),
        pytest.param(
            HASHED, part(last=LENGTH, content_length=REST), (OFFSET, LENGTH, LENGTH), id="last-pos wrong by one"
        ),
        pytest.param(HASHED, complete(), (0, LENGTH, LENGTH), id="complete file"),
        pytest.param(HASHED, complete(None), (0, None, None), id="complete file without a length"),
        pytest.param(
            HASHED, complete(transfer_encoding="chunked"), (0, None, None), id="chunked, Content-Length ignored"
        ),
        pytest.param(UNHASHED, complete(5, etag='"v2"'), (0, 5, 5), id="different file"),
        pytest.param(UNSIZED, unsatisfied(OFFSET), (0, None, OFFSET), id="no byte is missing"),
        pytest.param(HASHED, unsatisfied(OFFSET + 1), (0, None, OFFSET + 1), id="a 416 that is not used"),
        pytest.param(HASHED, part(OFFSET + 1), (0, None, LENGTH), id="a part that is not used"),
        pytest.param(UNSIZED, part(OFFSET, OFFSET - 1, OFFSET), (0, None, None), id="a part without a byte"),
        pytest.param(HASHED, ResponseHead(503, {}), (0, None, None), id="no body of the file"),
    ],
)
def test_a_verdict_says_where_the_body_starts_and_ends(
    held: Held, head: ResponseHead, extent: tuple[int, int | None, int | None]
) -> None:
    verdict = judge(*case(held, head))

    assert (verdict.first_pos, verdict.end, verdict.complete_length) == extent


def test_a_response_is_judged_with_full_trust_unless_there_is_less() -> None:
    head = part(last_modified=YEARS_LATER)

    assert judge(plan_request(DATED), head, DATED) == judge(*case(DATED, head))
    assert judge(plan_request(DATED), head, DATED) != judge(*case(DATED, head, FORGIVING))

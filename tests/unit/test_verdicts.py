"""The table VERDICTS row by row; what is requested, what is stored, and how long a server asks to wait."""

from __future__ import annotations

import pytest
from unit.responses import (
    COMPLETE,
    EMPTY,
    EMPTY_UNHASHED,
    ETAG,
    HASHED,
    LENGTH,
    OFFSET,
    UNHASHED,
    UNSIZED,
    UNSIZED_UNHASHED,
    complete,
    part,
    unsatisfied,
    without,
)

from pip_resume.artifact import Artifact, Digest
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.verdicts import (
    OVERLAP_BYTES,
    VERDICTS,
    WAIT_STATUSES,
    Action,
    is_storable,
    judge,
    plan_request,
    retry_after_s,
)

LONG_AGO = "Fri, 03 Jan 2020 10:00:00 GMT"
A_SECOND_LATER = "Fri, 03 Jan 2020 10:00:01 GMT"

# For each row: its name, its section and its action; then the cases in which it decides.
CASES: dict[tuple[str, str, Action], dict[str, tuple[Held, ResponseHead]]] = {
    ("busy", "RFC 9110 section 15.6.4", Action.WAIT): {
        **{str(status): (HASHED, ResponseHead(status, ETAG)) for status in (408, 429, 500, 502, 503, 504, 520, 527)},
        "to a plain request": (EMPTY, ResponseHead(503, {})),
    },
    ("416 at the complete-length", "RFC 9110 section 15.5.17", Action.VERIFY): {
        "both know the length": (COMPLETE, unsatisfied(LENGTH)),
        "we know the length": (COMPLETE, ResponseHead(416, {})),
        "the server knows the length": (UNSIZED, unsatisfied(OFFSET)),
        "without a hash": (UNSIZED_UNHASHED, unsatisfied(OFFSET)),
        "below the overlap, with a hash": (COMPLETE._replace(overlap=OVERLAP_BYTES), unsatisfied(LENGTH)),
    },
    ("416 elsewhere", "RFC 9110 section 15.5.17", Action.RESTART): {
        "a length different from ours": (UNHASHED, unsatisfied(OFFSET)),
        "a length above ours": (COMPLETE, unsatisfied(LENGTH + 1)),
        "neither knows the length": (UNSIZED, ResponseHead(416, {})),
        "a length that is not a number": (UNSIZED, unsatisfied("x")),
        "below the overlap, without a hash": (
            COMPLETE._replace(overlap=OVERLAP_BYTES, digest_known=False),
            unsatisfied(LENGTH),
        ),
    },
    ("206 multipart", "RFC 9110 section 15.3.7.2", Action.RESTART): {
        "to one range": (HASHED, part(content_type="multipart/byteranges; boundary=x")),
    },
    ("206 without a valid Content-Range", "RFC 9110 section 14.4", Action.RESTART): {
        "none": (HASHED, without(part(), "content-range")),
        "last-pos below first-pos": (HASHED, part(LENGTH - 1, OFFSET)),
        "last-pos above the complete-length": (HASHED, part(length=LENGTH - 1)),
        "no positions": (HASHED, part(content_range=f"bytes */{LENGTH}")),
        "different unit": (HASHED, part(content_range=f"items {OFFSET}-9/10")),
    },
    ("206 that starts too late", "RFC 9110 section 14.4", Action.RESTART): {
        "by one byte": (HASHED, part(OFFSET + 1)),
        "to a plain request": (EMPTY, part(1)),
    },
    ("206 with a different complete-length", "RFC 9110 section 15.3.7.3", Action.RESTART): {
        "longer": (HASHED, part(last=LENGTH, length=LENGTH + 1)),
        "shorter": (HASHED, part(last=LENGTH - 2, length=LENGTH - 1)),
        "last-pos above our length": (HASHED, part(last=LENGTH, length="*")),
        "shorter than what is held": (UNSIZED, part(0, OFFSET - 2, OFFSET - 1)),
    },
    ("206 with a different content coding", "RFC 9110 section 8.4", Action.RESTART): {
        "gzip": (HASHED, part(content_encoding="gzip")),
    },
    ("206, and the digest decides", "RFC 9110 section 15.3.7.3", Action.APPEND): {
        "the same ETag": (HASHED, part()),
        "a different ETag": (HASHED, part(etag='"v2"')),
        "no ETag": (HASHED, without(part(), "etag")),
        "no complete-length": (HASHED, part(length="*")),
        "an earlier start": (HASHED, part(0)),
        "coding identity": (HASHED, part(content_encoding="identity")),
        "all bytes held, so that the part is the overlap": (
            COMPLETE._replace(overlap=OVERLAP_BYTES),
            part(LENGTH - OVERLAP_BYTES),
        ),
        "to a plain request, with a coding": (EMPTY, part(0, content_encoding="gzip")),
    },
    ("206 with a different validator", "RFC 9110 section 15.3.7.3", Action.RESTART): {
        "ETag": (UNHASHED, part(etag='"v2"')),
        "the same ETag, weak": (UNHASHED, part(etag='W/"v1"')),
        "ETag, with one byte held": (UNHASHED._replace(offset=1), part(1, etag='"v2"')),
        "Last-Modified, no ETag": (UNHASHED, without(part(last_modified=LONG_AGO), "etag")),
    },
    ("206 of the same representation", "RFC 9110 section 15.3.7.3", Action.APPEND): {
        "the same ETag": (UNHASHED, part()),
        "the same ETag, a different date": (UNHASHED, part(last_modified=LONG_AGO)),
        "the same date, no ETag": (
            UNHASHED._replace(checkpoint=Checkpoint(fields={**ETAG, "last-modified": LONG_AGO})),
            without(part(last_modified=LONG_AGO), "etag"),
        ),
        "no validator": (UNHASHED, without(part(), "etag")),
        "nothing held, a different ETag": (EMPTY_UNHASHED, part(0, etag='"v2"')),
    },
    ("200 with a part of the body", "RFC 9110 section 14.4", Action.RESTART): {
        "a Content-Range that does not start at 0": (
            HASHED,
            complete(content_range=f"bytes {OFFSET}-{LENGTH - 1}/{LENGTH}"),
        ),
    },
    ("200 of a file that may have changed", "RFC 9110 section 13.1.5", Action.REPLACE): {
        "a different ETag": (UNHASHED, complete(etag='"v2"')),
        "no ETag": (UNHASHED, without(complete(), "etag")),
        "a weak ETag": (UNHASHED, complete(etag='W/"v1"')),
        "a different ETag, with one byte held": (UNHASHED._replace(offset=1), complete(etag='"v2"')),
        "203": (UNHASHED, complete(etag='"v2"')._replace(status=203)),
    },
    ("200", "RFC 9110 section 14.2", Action.APPEND): {
        "Range ignored": (HASHED, complete()),
        "a different ETag, and the digest decides": (HASHED, complete(etag='"v2"')),
        "a Content-Range that starts at 0": (HASHED, complete(content_range=f"bytes 0-{LENGTH - 1}/{LENGTH}")),
        "the same ETag": (UNHASHED, complete()),
        "the first": (EMPTY, complete()),
        "the first, without a hash": (EMPTY_UNHASHED, complete(etag='W/"v1"')),
        "203": (EMPTY, complete()._replace(status=203)),
    },
    ("anything else", "RFC 9110 section 15", Action.FAIL): {
        **{
            str(status): (HASHED, ResponseHead(status, {}))
            for status in (204, 304, 400, 401, 403, 404, 410, 451, 501, 511)
        },
        "416 to a plain request": (EMPTY, ResponseHead(416, {})),
    },
}


@pytest.mark.parametrize(
    ("held", "head", "row", "section", "action"),
    [
        pytest.param(held, head, row, section, action, id=f"{row}: {case}, {section}")
        for (row, section, action), cases in CASES.items()
        for case, (held, head) in cases.items()
    ],
)
def test_a_response_is_judged_by_its_row(
    held: Held, head: ResponseHead, row: str, section: str, action: Action
) -> None:
    verdict = judge(plan_request(held), head, held)

    assert (verdict.row, verdict.section, verdict.action) == (row, section, action)
    assert bool(verdict.reason) == (action in (Action.RESTART, Action.REPLACE))


def test_every_row_decides_at_least_one_case() -> None:
    judged = [judge(plan_request(held), head, held) for cases in CASES.values() for held, head in cases.values()]

    assert {verdict.row for verdict in judged} == {row.name for row in VERDICTS}
    assert len({row.name for row in VERDICTS}) == len(VERDICTS)


def test_every_status_that_asks_to_wait_has_a_case_and_a_source() -> None:
    waiting = next(cases for (row, _, _), cases in CASES.items() if row == "busy")

    assert {head.status for _, head in waiting.values()} == set(WAIT_STATUSES)
    assert all(WAIT_STATUSES.values())


@pytest.mark.parametrize(
    ("held", "head", "extent"),
    [
        pytest.param(HASHED, part(), (OFFSET, LENGTH, LENGTH), id="the rest"),
        pytest.param(HASHED, part(0), (0, LENGTH, LENGTH), id="a part that starts earlier"),
        pytest.param(HASHED, part(last=OFFSET + 9), (OFFSET, OFFSET + 10, LENGTH), id="a part of the rest"),
        pytest.param(HASHED, part(length="*"), (OFFSET, LENGTH, None), id="complete-length unknown"),
        pytest.param(HASHED, complete(), (0, LENGTH, LENGTH), id="complete file"),
        pytest.param(HASHED, complete(None), (0, None, None), id="complete file without a length"),
        pytest.param(
            HASHED, complete(transfer_encoding="chunked"), (0, None, None), id="chunked, Content-Length ignored"
        ),
        pytest.param(UNHASHED, complete(5, etag='"v2"'), (0, 5, 5), id="different file"),
        pytest.param(UNSIZED, unsatisfied(OFFSET), (0, None, OFFSET), id="no byte is missing"),
    ],
)
def test_a_verdict_says_where_the_body_starts_and_ends(
    held: Held, head: ResponseHead, extent: tuple[int, int | None, int | None]
) -> None:
    verdict = judge(plan_request(held), head, held)

    assert (verdict.first_pos, verdict.end, verdict.complete_length) == extent


DATED = Checkpoint(fields={"last-modified": LONG_AGO, "date": A_SECOND_LATER})
OPEN_RANGE = {"Range": f"bytes={OFFSET}-"}


@pytest.mark.parametrize(
    ("held", "fields"),
    [
        pytest.param(EMPTY, {}, id="nothing held"),
        pytest.param(HASHED._replace(offset=1), {"Range": "bytes=1-"}, id="one byte held"),
        pytest.param(HASHED, OPEN_RANGE, id="a hash: Range alone"),
        pytest.param(
            HASHED._replace(overlap=OVERLAP_BYTES),
            {"Range": f"bytes={OFFSET - 65_536}-"},
            id="bytes of an earlier run: the overlap too",
        ),
        pytest.param(HASHED._replace(offset=OVERLAP_BYTES, overlap=OVERLAP_BYTES), {}, id="only the overlap held"),
        pytest.param(HASHED._replace(checkpoint=Checkpoint()), OPEN_RANGE, id="a hash, no validator"),
        pytest.param(UNHASHED, {**OPEN_RANGE, "If-Range": '"v1"'}, id="a strong ETag"),
        pytest.param(UNHASHED._replace(checkpoint=DATED), {**OPEN_RANGE, "If-Range": LONG_AGO}, id="a strong date"),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint(fields={"etag": 'W/"v1"'})), {}, id="a weak ETag"),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint(fields={"etag": "v1"})), {}, id="an unquoted ETag"),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint()), {}, id="neither hash nor validator"),
    ],
)
def test_the_missing_bytes_are_requested_if_that_is_safe(held: Held, fields: dict[str, str]) -> None:
    assert plan_request(held).fields == fields


LINK = Artifact("https://index.test/a-1.whl", "a-1.whl", Digest("sha256", "0" * 64))
UNHASHED_LINK = LINK._replace(digest=None)
SMALL, LARGE = 1_048_576, 1_048_577


@pytest.mark.parametrize(
    ("head", "artifact", "storable"),
    [
        pytest.param(complete(LARGE), LINK, True, id="a hash"),
        pytest.param(without(complete(LARGE), "etag"), LINK, True, id="a hash, no validator"),
        pytest.param(complete(LARGE), LINK._replace(digest=Digest("md5", "0" * 32)), True, id="a weak hash"),
        pytest.param(complete(LARGE), LINK._replace(url="http://index.test/a"), True, id="a hash, over http"),
        pytest.param(complete(SMALL), LINK, False, id="too small"),
        pytest.param(complete(None), LINK, True, id="length unknown"),
        pytest.param(complete(LARGE), UNHASHED_LINK, True, id="a strong ETag over https"),
        pytest.param(complete(LARGE), UNHASHED_LINK._replace(url="http://index.test/a"), False, id="an ETag over http"),
        pytest.param(
            complete(LARGE), UNHASHED_LINK._replace(url="HTTPS://index.test/a"), True, id="an ETag, HTTPS in capitals"
        ),
        pytest.param(complete(LARGE, etag='W/"v1"'), UNHASHED_LINK, False, id="a weak ETag"),
        pytest.param(without(complete(LARGE), "etag"), UNHASHED_LINK, False, id="neither hash nor validator"),
    ],
)
def test_a_body_is_storable_if_it_is_large_and_can_be_proved(
    head: ResponseHead, artifact: Artifact, storable: bool
) -> None:
    assert is_storable(head, artifact) is storable


@pytest.mark.parametrize(
    ("fields", "delay_s"),
    [
        pytest.param({"retry-after": "7"}, 7, id="seconds"),
        pytest.param({"retry-after": A_SECOND_LATER, "date": LONG_AGO}, 1, id="date, by the server's clock"),
        pytest.param({"retry-after": LONG_AGO, "date": A_SECOND_LATER}, 0, id="past date"),
        pytest.param({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10, id="date, by our clock"),
        pytest.param({"retry-after": "soon"}, None, id="invalid"),
        pytest.param({}, None, id="none"),
    ],
)
def test_the_server_says_how_long_to_wait(fields: dict[str, str], delay_s: float | None) -> None:
    assert retry_after_s(ResponseHead(503, fields), now_s=1000) == delay_s

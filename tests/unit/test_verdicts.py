"""The table of verdicts row by row, and what is asked for, kept and waited out."""

from __future__ import annotations

import pytest

from pip_resume.artifact import Artifact, Digest
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.verdicts import (
    OVERLAP_BYTES,
    STORED_FROM_BYTES,
    VERDICTS,
    Action,
    is_storable,
    judge,
    plan_request,
    retry_after_s,
)

N, LENGTH = 600_000, 1_000_000
ETAG = {"etag": '"v1"'}
LONG_AGO = "Fri, 03 Jan 2020 10:00:00 GMT"
A_SECOND_LATER = "Fri, 03 Jan 2020 10:00:01 GMT"

NOTHING = Held(digest_known=True)
NOTHING_UNHASHED = Held()
HASHED = Held(N, Checkpoint(complete_length=LENGTH, fields=ETAG), digest_known=True)
UNHASHED = HASHED._replace(digest_known=False)
UNSIZED = HASHED._replace(checkpoint=Checkpoint(fields=ETAG))
UNSIZED_UNHASHED = UNSIZED._replace(digest_known=False)
WHOLE = HASHED._replace(offset=LENGTH)


def part(first: object = N, last: object = LENGTH - 1, complete: object = LENGTH, **fields: str) -> ResponseHead:
    return ResponseHead(206, {**ETAG, "content-range": f"bytes {first}-{last}/{complete}", **as_fields(fields)})


def whole(length: int | None = LENGTH, **fields: str) -> ResponseHead:
    sized = {} if length is None else {"content-length": str(length)}
    return ResponseHead(200, {**ETAG, **sized, **as_fields(fields)})


def without(head: ResponseHead, name: str) -> ResponseHead:
    return head._replace(fields={key: value for key, value in head.fields.items() if key != name})


def as_fields(named: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}


def no_such_part(length: object) -> ResponseHead:
    return ResponseHead(416, {"content-range": f"bytes */{length}"})


def case(held: Held, head: ResponseHead, row: str, section: str, action: Action, note: str = "") -> object:
    section = f"RFC 9110 section {section}"
    return pytest.param(held, head, row, section, action, id=f"{row}{note and ': '}{note}, {section}")


BUSY = [
    case(HASHED, ResponseHead(status, ETAG), "busy", "15.6.4", Action.WAIT, str(status))
    for status in (408, 429, 500, 502, 503, 504, 520, 527)
]
AT_THE_END = "416 at the complete-length"
ELSEWHERE = "416 elsewhere"
UNPLACED = "206 without a valid Content-Range"
OTHER_LENGTH = "206 with a different complete-length"
CHANGED = "200 of a file that may have changed"
DIGEST_DECIDES = "206, and the digest decides"
CASES = [
    *BUSY,
    case(NOTHING, ResponseHead(503, {}), "busy", "15.6.4", Action.WAIT, "a plain request"),
    case(WHOLE, no_such_part(LENGTH), AT_THE_END, "15.5.17", Action.VERIFY, "both know it"),
    case(WHOLE, ResponseHead(416, {}), AT_THE_END, "15.5.17", Action.VERIFY, "we know it"),
    case(UNSIZED, no_such_part(N), AT_THE_END, "15.5.17", Action.VERIFY, "the server knows it"),
    case(UNSIZED_UNHASHED, no_such_part(N), AT_THE_END, "15.5.17", Action.VERIFY, "without a hash"),
    case(UNHASHED, no_such_part(N), ELSEWHERE, "15.5.17", Action.RESTART, "a length against ours"),
    case(WHOLE, no_such_part(LENGTH + 1), ELSEWHERE, "15.5.17", Action.RESTART, "longer than we believe"),
    case(UNSIZED, ResponseHead(416, {}), ELSEWHERE, "15.5.17", Action.RESTART, "nobody knows the length"),
    case(UNSIZED, no_such_part("x"), ELSEWHERE, "15.5.17", Action.RESTART, "a length that is none"),
    case(HASHED, part(content_type="multipart/byteranges; boundary=x"), "206 multipart", "15.3.7.2", Action.RESTART),
    case(HASHED, without(part(), "content-range"), UNPLACED, "14.4", Action.RESTART, "none"),
    case(HASHED, part(LENGTH - 1, N), UNPLACED, "14.4", Action.RESTART, "backwards"),
    case(HASHED, part(complete=LENGTH - 1), UNPLACED, "14.4", Action.RESTART, "beyond the end"),
    case(HASHED, part(content_range=f"bytes */{LENGTH}"), UNPLACED, "14.4", Action.RESTART, "no positions"),
    case(HASHED, part(content_range=f"items {N}-9/10"), UNPLACED, "14.4", Action.RESTART, "other units"),
    case(HASHED, part(N + 1), "206 that starts too late", "14.4", Action.RESTART, "by one"),
    case(NOTHING, part(1), "206 that starts too late", "14.4", Action.RESTART, "to a plain request"),
    case(HASHED, part(last=LENGTH, complete=LENGTH + 1), OTHER_LENGTH, "15.3.7.3", Action.RESTART, "longer"),
    case(HASHED, part(last=LENGTH - 2, complete=LENGTH - 1), OTHER_LENGTH, "15.3.7.3", Action.RESTART, "shorter"),
    case(HASHED, part(last=LENGTH, complete="*"), OTHER_LENGTH, "15.3.7.3", Action.RESTART, "a last-pos behind ours"),
    case(UNSIZED, part(0, N - 2, N - 1), OTHER_LENGTH, "15.3.7.3", Action.RESTART, "shorter than what is held"),
    case(HASHED, part(content_encoding="gzip"), "206 with a different content coding", "8.4", Action.RESTART),
    case(HASHED, part(), DIGEST_DECIDES, "15.3.7.3", Action.APPEND, "the same ETag"),
    case(HASHED, part(etag='"v2"'), DIGEST_DECIDES, "15.3.7.3", Action.APPEND, "another ETag"),
    case(HASHED, without(part(), "etag"), DIGEST_DECIDES, "15.3.7.3", Action.APPEND, "no ETag"),
    case(HASHED, part(complete="*"), DIGEST_DECIDES, "15.3.7.3", Action.APPEND, "no complete-length"),
    case(HASHED, part(0), DIGEST_DECIDES, "15.3.7.3", Action.APPEND, "an earlier start"),
    case(HASHED, part(content_encoding="identity"), DIGEST_DECIDES, "15.3.7.3", Action.APPEND, "coding identity"),
    case(UNHASHED, part(etag='"v2"'), "206 with a different validator", "15.3.7.3", Action.RESTART, "ETag"),
    case(UNHASHED, part(etag='W/"v1"'), "206 with a different validator", "15.3.7.3", Action.RESTART, "the same, weak"),
    case(UNHASHED, part(), "206 of the same representation", "15.3.7.3", Action.APPEND),
    case(
        HASHED,
        whole(content_range=f"bytes {N}-{LENGTH - 1}/{LENGTH}"),
        "200 with a part of the body",
        "14.4",
        Action.RESTART,
    ),
    case(UNHASHED, whole(etag='"v2"'), CHANGED, "13.1.5", Action.REPLACE, "ETag"),
    case(UNHASHED, without(whole(), "etag"), CHANGED, "13.1.5", Action.REPLACE, "no ETag"),
    case(UNHASHED, whole(etag='W/"v1"'), CHANGED, "13.1.5", Action.REPLACE, "weak ETag"),
    case(HASHED, whole(), "200", "14.2", Action.APPEND, "Range ignored"),
    case(HASHED, whole(etag='"v2"'), "200", "14.2", Action.APPEND, "another ETag, and the digest decides"),
    case(HASHED, whole(content_range=f"bytes 0-{LENGTH - 1}/{LENGTH}"), "200", "14.2", Action.APPEND, "all of it"),
    case(UNHASHED, whole(), "200", "14.2", Action.APPEND, "the same ETag"),
    case(NOTHING, whole(), "200", "14.2", Action.APPEND, "the first"),
    case(NOTHING_UNHASHED, whole(etag='W/"v1"'), "200", "14.2", Action.APPEND, "the first, without a hash"),
    case(NOTHING, whole()._replace(status=203), "200", "14.2", Action.APPEND, "203"),
    *(
        case(HASHED, ResponseHead(status, {}), "anything else", "15", Action.FAIL, str(status))
        for status in (204, 304, 400, 401, 403, 404, 410, 451, 501, 511)
    ),
    case(NOTHING, ResponseHead(416, {}), "anything else", "15", Action.FAIL, "416 to a plain request"),
]


@pytest.mark.parametrize(("held", "head", "row", "section", "action"), CASES)
def test_an_answer_is_judged_by_its_row(held: Held, head: ResponseHead, row: str, section: str, action: Action) -> None:
    verdict = judge(plan_request(held), head, held)

    assert (verdict.row, verdict.action) == (row, action)
    assert next(row.section for row in VERDICTS if row.name == verdict.row) == section
    assert bool(verdict.reason) == (action in (Action.RESTART, Action.REPLACE))


def test_every_row_has_a_case() -> None:
    assert {row.name for row in VERDICTS} == {param.values[2] for param in CASES}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("held", "head", "extent"),
    [
        pytest.param(HASHED, part(), (N, LENGTH, LENGTH), id="a rest"),
        pytest.param(HASHED, part(0), (0, LENGTH, LENGTH), id="a rest that starts earlier"),
        pytest.param(HASHED, part(last=N + 9), (N, N + 10, LENGTH), id="a piece of the rest"),
        pytest.param(HASHED, part(complete="*"), (N, LENGTH, None), id="a rest of unknown length"),
        pytest.param(HASHED, whole(), (0, LENGTH, LENGTH), id="a whole"),
        pytest.param(HASHED, whole(None), (0, None, None), id="a whole until close"),
        pytest.param(HASHED, whole(transfer_encoding="chunked"), (0, None, None), id="chunked, Content-Length ignored"),
        pytest.param(UNHASHED, whole(5, etag='"v2"'), (0, 5, 5), id="another file"),
        pytest.param(UNSIZED, no_such_part(N), (0, None, N), id="no more bytes"),
    ],
)
def test_a_verdict_tells_where_the_body_begins_and_ends(
    held: Held, head: ResponseHead, extent: tuple[int, int | None, int | None]
) -> None:
    verdict = judge(plan_request(held), head, held)

    assert (verdict.first_pos, verdict.end, verdict.complete_length) == extent


DATED = Checkpoint(fields={"last-modified": LONG_AGO, "date": A_SECOND_LATER})


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        pytest.param(NOTHING, {}, id="nothing held"),
        pytest.param(HASHED, {"Range": f"bytes={N}-"}, id="a hash: Range alone"),
        pytest.param(
            HASHED._replace(overlap=OVERLAP_BYTES), {"Range": f"bytes={N - OVERLAP_BYTES}-"}, id="an earlier run's"
        ),
        pytest.param(HASHED._replace(offset=OVERLAP_BYTES, overlap=OVERLAP_BYTES), {}, id="no more than the overlap"),
        pytest.param(HASHED._replace(checkpoint=Checkpoint()), {"Range": f"bytes={N}-"}, id="a hash and no validator"),
        pytest.param(UNHASHED, {"Range": f"bytes={N}-", "If-Range": '"v1"'}, id="a strong ETag"),
        pytest.param(
            UNHASHED._replace(checkpoint=DATED), {"Range": f"bytes={N}-", "If-Range": LONG_AGO}, id="a strong date"
        ),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint(fields={"etag": 'W/"v1"'})), {}, id="a weak ETag"),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint(fields={"etag": "v1"})), {}, id="an unquoted ETag"),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint()), {}, id="no validator"),
    ],
)
def test_a_request_asks_for_what_is_missing(held: Held, asked: dict[str, str]) -> None:
    assert plan_request(held).fields == asked


def test_if_range_is_never_sent_without_range() -> None:
    assert Request(if_range='"v1"').fields == {}


LINK = Artifact("https://index.test/a-1.whl", "a-1.whl", Digest("sha256", "0" * 64))
UNHASHED_LINK = LINK._replace(digest=None)
LARGE = STORED_FROM_BYTES + 1


@pytest.mark.parametrize(
    ("head", "artifact", "kept"),
    [
        pytest.param(whole(LARGE), LINK, True, id="a hash"),
        pytest.param(without(whole(LARGE), "etag"), LINK, True, id="a hash and no validator"),
        pytest.param(whole(LARGE), LINK._replace(digest=Digest("md5", "0" * 32)), True, id="a weak hash"),
        pytest.param(whole(LARGE), LINK._replace(url="http://index.test/a"), True, id="a hash, over http"),
        pytest.param(whole(STORED_FROM_BYTES), LINK, False, id="too small"),
        pytest.param(whole(None), LINK, True, id="of unknown length"),
        pytest.param(whole(LARGE), UNHASHED_LINK, True, id="a strong ETag over https"),
        pytest.param(whole(LARGE), UNHASHED_LINK._replace(url="http://index.test/a"), False, id="an ETag over http"),
        pytest.param(whole(LARGE), UNHASHED_LINK._replace(url="HTTPS://index.test/a"), True, id="HTTPS in capitals"),
        pytest.param(whole(LARGE, etag='W/"v1"'), UNHASHED_LINK, False, id="a weak ETag"),
        pytest.param(without(whole(LARGE), "etag"), UNHASHED_LINK, False, id="neither hash nor validator"),
    ],
)
def test_a_body_is_kept_when_it_is_worth_it_and_vouched_for(head: ResponseHead, artifact: Artifact, kept: bool) -> None:
    assert is_storable(head, artifact) is kept


@pytest.mark.parametrize(
    ("fields", "delay_s"),
    [
        pytest.param({"retry-after": "7"}, 7, id="seconds"),
        pytest.param({"retry-after": A_SECOND_LATER, "date": LONG_AGO}, 1, id="a date, by the server's own clock"),
        pytest.param({"retry-after": LONG_AGO, "date": A_SECOND_LATER}, 0, id="a date that is over"),
        pytest.param({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10, id="a date, by our clock"),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({}, None, id="none"),
    ],
)
def test_a_server_tells_how_long_to_wait(fields: dict[str, str], delay_s: float | None) -> None:
    assert retry_after_s(ResponseHead(503, fields), now_s=1000) == delay_s


@pytest.mark.parametrize(
    ("head", "is_cut"),
    [
        pytest.param(whole(None), True, id="until close"),
        pytest.param(without(part(), "content-length"), True, id="a part until close"),
        pytest.param(whole(), False, id="with a length"),
        pytest.param(whole(None, transfer_encoding="Chunked"), False, id="chunked"),
        pytest.param(whole(None)._replace(from_cache=True), False, id="from pip's cache"),
        pytest.param(ResponseHead(416, {}), False, id="no body of the file at all"),
    ],
)
def test_only_a_body_that_ends_with_its_connection_can_be_cut_unseen(head: ResponseHead, is_cut: bool) -> None:
    assert head.may_be_cut is is_cut

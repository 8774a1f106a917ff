"""What is requested next, how long a server asks to wait, and what is worth storing."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from unit.exchanges import UNHASHED as ANY_UNHASHED
from unit.exchanges import helds
from unit.field_forms import encode_entity_tag, parse_range
from unit.responses import (
    A_SECOND_LATER,
    EMPTY,
    HASHED,
    LENGTH,
    LONG_AGO,
    OFFSET,
    STRONG_DATE,
    UNHASHED,
    WEAK_ETAG,
    complete,
    unhashed_with,
    without,
)

from pip_resume.artifact import Artifact, Digest
from pip_resume.protocol.checkpoint import Checkpoint, recorded_fields
from pip_resume.protocol.http_fields import EntityTag, parse_entity_tag
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.planning import OVERLAP_BYTES, is_storable, plan_request, retry_after_s
from pip_resume.protocol.trust import Asking, Trust

REST = Request(OFFSET)
REST_IF_UNCHANGED = Request(OFFSET, '"v1"')
PLAIN = Request()


@pytest.mark.parametrize(
    ("held", "request_"),
    [
        pytest.param(EMPTY, PLAIN, id="nothing held"),
        pytest.param(HASHED._replace(offset=1), Request(1), id="one byte held"),
        pytest.param(HASHED, REST, id="a hash: Range alone"),
        pytest.param(HASHED._replace(overlap=65_536), Request(OFFSET - 65_536), id="with an overlap"),
        pytest.param(HASHED._replace(offset=65_537, overlap=65_536), Request(1), id="one byte more than the overlap"),
        pytest.param(HASHED._replace(offset=65_536, overlap=65_536), PLAIN, id="only the overlap held"),
        pytest.param(HASHED._replace(offset=5, overlap=65_536), PLAIN, id="less than the overlap held"),
        pytest.param(HASHED._replace(checkpoint=Checkpoint()), REST, id="a hash, no validator"),
        pytest.param(UNHASHED, REST_IF_UNCHANGED, id="a strong ETag"),
        pytest.param(unhashed_with({"etag": '"v1"', **STRONG_DATE}), REST_IF_UNCHANGED, id="a strong ETag and a date"),
        pytest.param(unhashed_with(STRONG_DATE), Request(OFFSET, LONG_AGO), id="a strong date"),
        pytest.param(
            unhashed_with({**WEAK_ETAG, **STRONG_DATE}), REST, id="a weak ETag and a strong date: Range alone"
        ),
        pytest.param(unhashed_with(WEAK_ETAG), PLAIN, id="a weak ETag"),
        pytest.param(
            unhashed_with({**WEAK_ETAG, "last-modified": LONG_AGO, "date": LONG_AGO}), PLAIN, id="a weak ETag and date"
        ),
        pytest.param(unhashed_with({"etag": "v1"}), PLAIN, id="an unquoted ETag"),
        pytest.param(UNHASHED._replace(checkpoint=Checkpoint()), PLAIN, id="neither hash nor validator"),
    ],
)
def test_the_missing_bytes_are_requested_if_that_is_safe(held: Held, request_: Request) -> None:
    assert plan_request(held) == request_


@pytest.mark.parametrize(
    ("trust", "request_"),
    [
        pytest.param(Trust(), REST, id="full trust: Range"),
        pytest.param(Trust(asking=Asking.PROBE), PLAIN, id="does the host answer? plain"),
        pytest.param(Trust(asking=Asking.RETRY), REST, id="once more: Range"),
        pytest.param(Trust(asking=Asking.PLAIN), PLAIN, id="Range given up: plain"),
        pytest.param(Trust(wrong=1), Request(OFFSET, no_cache=True), id="a wrong file: no cache on the way"),
        pytest.param(Trust(wrong=2, asking=Asking.PLAIN), Request(no_cache=True), id="two wrong files"),
    ],
)
def test_the_request_follows_from_the_trust(trust: Trust, request_: Request) -> None:
    assert plan_request(HASHED, trust) == request_


def test_after_a_wrong_file_the_first_bytes_are_requested_past_caches_as_well() -> None:
    assert plan_request(EMPTY, Trust(wrong=1)) == Request(no_cache=True)


def test_the_overlap_has_64_kib() -> None:
    assert OVERLAP_BYTES == 65_536


@given(helds())
def test_a_request_leaves_no_gap_after_the_bytes_held(held: Held) -> None:
    request = plan_request(held)

    assert request.first_pos is None or 0 < request.first_pos <= held.offset
    assert parse_range(request.fields.get("Range")) == request.first_pos


@given(helds())
def test_if_range_is_sent_only_with_range_and_a_strong_validator(held: Held) -> None:
    fields = plan_request(held).fields

    assert "If-Range" not in fields or "Range" in fields
    tag = parse_entity_tag(fields.get("If-Range"))
    assert tag is None or not tag.weak


@given(ANY_UNHASHED)
def test_without_a_hash_range_is_sent_only_if_the_response_can_be_compared(held: Held) -> None:
    request = plan_request(held)

    if request.is_ranged:
        assert request.if_range == held.validator
        assert held.validator is not None or held.date is not None


@given(helds(), st.sampled_from(Asking), st.integers(0, 3))
def test_the_trust_can_only_take_range_away(held: Held, asking: Asking, wrong: int) -> None:
    request = plan_request(held, Trust(wrong=wrong, asking=asking))

    assert request.no_cache == (wrong > 0)
    assert request._replace(no_cache=False) in (plan_request(held), Request())


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"')), helds())
def test_the_entity_tag_of_the_first_response_is_sent_back_byte_for_byte(opaque: str, held: Held) -> None:
    etag = encode_entity_tag(EntityTag(opaque, weak=False))
    assume(held.offset > held.overlap)
    checkpoint = Checkpoint(fields=recorded_fields({"etag": etag}))

    request = plan_request(held._replace(checkpoint=checkpoint, digest_known=False))

    assert request.fields["If-Range"] == etag


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
        pytest.param(complete(LARGE)._replace(is_https=False), LINK, True, id="a hash, redirected to http"),
        pytest.param(complete(SMALL), LINK, False, id="too small"),
        pytest.param(complete(None), LINK, True, id="length unknown"),
        pytest.param(complete(LARGE), UNHASHED_LINK, True, id="a strong ETag over https"),
        pytest.param(complete(SMALL), UNHASHED_LINK, False, id="a strong ETag, too small"),
        pytest.param(complete(LARGE), UNHASHED_LINK._replace(url="http://index.test/a"), False, id="an ETag over http"),
        pytest.param(
            complete(LARGE), UNHASHED_LINK._replace(url="HTTPS://index.test/a"), True, id="an ETag, HTTPS in capitals"
        ),
        pytest.param(complete(LARGE)._replace(is_https=False), UNHASHED_LINK, False, id="an ETag, redirected to http"),
        pytest.param(complete(LARGE, etag='W/"v1"'), UNHASHED_LINK, False, id="a weak ETag"),
        pytest.param(
            complete(LARGE, etag='W/"v1"', last_modified=LONG_AGO, date=A_SECOND_LATER),
            UNHASHED_LINK,
            True,
            id="a weak ETag and a strong date",
        ),
        pytest.param(
            complete(LARGE, etag='W/"v1"', last_modified=LONG_AGO, date=LONG_AGO),
            UNHASHED_LINK,
            False,
            id="a weak ETag and a weak date",
        ),
        pytest.param(
            without(complete(LARGE, last_modified=LONG_AGO, date=A_SECOND_LATER), "etag"),
            UNHASHED_LINK,
            True,
            id="a strong date",
        ),
        pytest.param(without(complete(LARGE), "etag"), UNHASHED_LINK, False, id="neither hash nor validator"),
    ],
)
def test_a_body_is_storable_if_it_is_large_and_can_be_proved(
    head: ResponseHead, artifact: Artifact, storable: bool
) -> None:
    assert is_storable(head, artifact) is storable


@given(helds())
def test_without_a_hash_what_is_stored_can_be_continued(held: Held) -> None:
    head = ResponseHead(200, held.checkpoint.fields or {})

    stored = Held(LENGTH, held.checkpoint._replace(fields=recorded_fields(head.fields)))
    assert is_storable(head, UNHASHED_LINK) == plan_request(stored).is_ranged


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

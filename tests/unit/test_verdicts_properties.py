"""What holds for every response to every request."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pip_resume.protocol.checkpoint import Checkpoint, recorded_fields
from pip_resume.protocol.http_fields import EntityTag, encode_entity_tag, parse_entity_tag, parse_range
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.verdicts import OVERLAP_BYTES, Action, Verdict, judge, plan_request

OFFSETS = st.integers(0, 4 * OVERLAP_BYTES)
# Few different values, so that the ETags and dates of two responses are often equal.
ETAGS = st.sampled_from(['"a"', '"b"', 'W/"a"', "a"])
DATES = st.sampled_from([f"Sun, 06 Nov 1994 08:49:{second} GMT" for second in (37, 38, 39)])
CODINGS = st.sampled_from(["gzip", "identity"])
CONTENT_RANGES = st.builds("bytes {}-{}/{}".format, OFFSETS, OFFSETS, OFFSETS | st.just("*")) | st.sampled_from(
    ["bytes */0", f"bytes */{OVERLAP_BYTES}", "bytes 0-", "items 0-1/2", ""]
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"etag": ETAGS, "last-modified": DATES, "date": DATES, "content-encoding": CODINGS}
)
LENGTH_FIELDS = st.fixed_dictionaries({}, optional={"content-length": OFFSETS.map(str)})
STATUSES = st.sampled_from([200, 206, 416]) | st.integers(100, 599)


@st.composite
def helds(draw: st.DrawFn) -> Held:
    offset = draw(OFFSETS)
    length = draw(st.none() | st.just(offset) | st.integers(offset, 5 * OVERLAP_BYTES))
    overlap = draw(st.sampled_from([0, OVERLAP_BYTES]))
    fields = draw(st.just({"etag": '"a"'}) | FIELDS)
    return Held(offset, Checkpoint(complete_length=length, fields=fields), draw(st.booleans()), overlap)


UNHASHED = helds().map(lambda held: held._replace(digest_known=False))


@st.composite
def exchanges(
    draw: st.DrawFn, *kinds: str, held_before: st.SearchStrategy[Held] | None = None
) -> tuple[Held, Request, ResponseHead]:
    """Draw what is held, the request for the rest, and a response to it.

    Random responses hardly ever fit the request, and only one that nearly fits is dangerous. So most are made to fit.
    """
    held = draw(helds() if held_before is None else held_before)
    request = plan_request(held)
    fields = {**draw(FIELDS), **draw(LENGTH_FIELDS)}
    kind = draw(st.sampled_from(kinds or ("part", "unsatisfied", "anything")))
    if kind == "part":
        first_pos, length = request.first_pos or 0, held.checkpoint.complete_length or 5 * OVERLAP_BYTES
        last_pos = max(first_pos, length + draw(st.sampled_from([-OVERLAP_BYTES, -1, 0, 1])))
        sent_length = draw(st.sampled_from([str(length), str(length + 1), str(length + 2), "*"]))
        content_range = f"bytes {first_pos}-{last_pos}/{sent_length}"
        return held, request, ResponseHead(206, {**fields, "content-range": content_range})
    if kind == "unsatisfied":
        lengths = [held.offset, held.checkpoint.complete_length or 0, held.offset + 1]
        content_range = draw(st.sampled_from([f"bytes */{length}" for length in lengths] + [""]))
        return held, request, ResponseHead(416, {**fields, "content-range": content_range})
    return held, request, ResponseHead(draw(STATUSES), {**fields, "content-range": draw(CONTENT_RANGES)})


def judge_exchange(exchange: tuple[Held, Request, ResponseHead]) -> Verdict:
    held, request, head = exchange
    return judge(request, head, held)


# A dangerous response needs several values that fit.
many = settings(max_examples=5 * settings().max_examples)


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


@given(helds())
def test_without_a_hash_range_is_sent_only_with_if_range(held: Held) -> None:
    fields = plan_request(held._replace(digest_known=False)).fields

    assert ("Range" in fields) == ("If-Range" in fields)


@many
@given(exchanges())
def test_a_body_is_appended_only_if_it_starts_within_the_bytes_held(
    exchange: tuple[Held, Request, ResponseHead],
) -> None:
    held = exchange[0]

    verdict = judge_exchange(exchange)

    if verdict.action is Action.APPEND:
        assert 0 <= verdict.first_pos <= held.offset
        assert verdict.end is None or verdict.end >= verdict.first_pos
    if verdict.action is Action.REPLACE:
        assert verdict.first_pos == 0


@many
@given(exchanges("part"))
def test_a_part_is_appended_only_if_it_ends_within_the_complete_length(
    exchange: tuple[Held, Request, ResponseHead],
) -> None:
    held = exchange[0]

    verdict = judge_exchange(exchange)

    if verdict.action is Action.APPEND and verdict.end is not None:
        for length in (verdict.complete_length, held.checkpoint.complete_length):
            assert length is None or verdict.end <= length


@many
@given(exchanges("part", "anything", held_before=UNHASHED))
def test_without_a_hash_a_response_with_a_different_entity_tag_is_not_appended(
    exchange: tuple[Held, Request, ResponseHead],
) -> None:
    held, request, head = exchange
    head = head._replace(fields={**head.fields, "etag": '"different"'})

    verdict = judge(request, head, held)

    assert verdict.action is not Action.APPEND or held.offset == 0


@many
@given(exchanges("unsatisfied", held_before=UNHASHED))
def test_without_a_hash_a_file_is_complete_only_if_no_length_contradicts_it(
    exchange: tuple[Held, Request, ResponseHead],
) -> None:
    held, request, _ = exchange

    verdict = judge_exchange(exchange)

    if verdict.action is Action.VERIFY:
        assert request.first_pos is not None
        assert held.offset > 0
        assert held.offset in (held.checkpoint.complete_length, verdict.complete_length)
        # A digest would notice a cut file. Without one this is the last check.
        assert held.checkpoint.complete_length in (None, held.offset)


@many
@given(exchanges())
def test_only_the_body_of_a_200_a_203_or_a_206_is_used(exchange: tuple[Held, Request, ResponseHead]) -> None:
    head = exchange[2]

    verdict = judge_exchange(exchange)

    assert verdict.action not in (Action.APPEND, Action.REPLACE) or head.status in (200, 203, 206)


@given(helds(), FIELDS, LENGTH_FIELDS)
def test_with_no_bytes_held_every_complete_file_is_used(
    held: Held, fields: dict[str, str], length_fields: dict[str, str]
) -> None:
    empty = held._replace(offset=0)
    head = ResponseHead(200, {**fields, **length_fields})

    verdict = judge(plan_request(empty), head, empty)

    assert plan_request(empty) == Request()
    assert (verdict.action, verdict.first_pos, verdict.end) == (Action.APPEND, 0, head.content_length)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"')), helds())
def test_the_entity_tag_of_the_first_response_is_sent_back_byte_for_byte(opaque: str, held: Held) -> None:
    etag = encode_entity_tag(EntityTag(opaque, weak=False))
    assume(held.offset > held.overlap)
    checkpoint = Checkpoint(fields=recorded_fields({"etag": etag}))

    request = plan_request(held._replace(checkpoint=checkpoint, digest_known=False))

    assert request.fields["If-Range"] == etag

"""What holds for every checkpoint and every answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pip_resume.protocol.checkpoint import (
    MAX_RECORD_BYTES,
    RECORDED_FIELDS,
    Checkpoint,
    encode_checkpoint,
    parse_checkpoint,
    record_format,
    recorded_fields,
)
from pip_resume.protocol.http_fields import EntityTag, encode_entity_tag, parse_entity_tag, parse_range
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.verdicts import OVERLAP_BYTES, Action, judge, plan_request

LINES = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), max_size=60).filter(str.isprintable)
COMPONENTS = LINES.filter(lambda name: name not in (".", "..") and not set(name) & set("/\\:"))
LENGTHS = st.integers(0, 2**62 - 1)
CHECKPOINTS = st.builds(
    Checkpoint,
    filename=COMPONENTS,
    content_type=LINES,
    host=LINES,
    complete_length=st.none() | LENGTHS,
    fields=st.none() | st.dictionaries(st.sampled_from(RECORDED_FIELDS), LINES),
    url_key=LINES,
    boot_id=LINES,
    synced=LENGTHS,
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("../x") | st.just("a\nb"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(RECORDED_FIELDS) | st.text(), inner),
    max_leaves=6,
)


@given(CHECKPOINTS)
def test_printing_and_reading_a_checkpoint_are_inverse(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
@example(b"[" * MAX_RECORD_BYTES)
@example(b'{"format":' * 5000)
@example(b'{"format": ' + b"9" * 5000 + b"}")
@example(b'{"format": true}')
@example(b'{"format": 2, "self": 1}')
@example(b"\xff\xfe{}")
def test_reading_a_checkpoint_from_something_else_answers_none(record: bytes) -> None:
    assert parse_checkpoint(record) is None


@given(CHECKPOINTS, st.sampled_from([*Checkpoint._fields, "format", "url"]), JSON_VALUES)
def test_a_damaged_checkpoint_is_not_used_or_still_harmless(checkpoint: Checkpoint, name: str, value: Any) -> None:
    values = {"format": 2, **checkpoint._asdict(), name: value}

    parsed = parse_checkpoint(json.dumps(values).encode())

    if parsed is None:
        return
    assert parse_checkpoint(encode_checkpoint(parsed)) == parsed
    assert not set(parsed.filename) & set("/\\\0\r\n")
    assert parsed.complete_length is None or parsed.complete_length >= 0
    assert parsed.synced >= 0
    assert set(parsed.fields or ()) <= set(RECORDED_FIELDS)


@given(
    st.dictionaries(
        st.sampled_from(RECORDED_FIELDS) | st.sampled_from(["set-cookie", "location"]) | st.text(), st.text()
    )
)
def test_fields_that_are_kept_can_be_read_back(received: dict[str, str]) -> None:
    kept = recorded_fields(received)

    assert set(kept) <= set(RECORDED_FIELDS)
    checkpoint = Checkpoint(fields=kept)
    assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


@given(CHECKPOINTS, st.integers().filter(lambda version: version != 1))
def test_a_checkpoint_of_another_format_is_recognised_and_not_used(checkpoint: Checkpoint, version: int) -> None:
    record = json.dumps({"format": version, **checkpoint._asdict()}).encode()

    assert record_format(record) == version
    assert parse_checkpoint(record) is None


OFFSETS = st.integers(0, 4 * OVERLAP_BYTES)
# Near one another, so that tags and dates of two answers are often the same.
ETAGS = st.sampled_from(['"a"', '"b"', 'W/"a"', "a"])
DATES = st.sampled_from([f"Sun, 06 Nov 1994 08:49:{second} GMT" for second in (37, 38, 39)])
CODINGS = st.sampled_from(["gzip", "identity"])
CONTENT_RANGES = st.builds("bytes {}-{}/{}".format, OFFSETS, OFFSETS, OFFSETS | st.just("*")) | st.sampled_from(
    ["bytes */0", f"bytes */{OVERLAP_BYTES}", "bytes 0-", "items 0-1/2", ""]
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"etag": ETAGS, "last-modified": DATES, "date": DATES, "content-encoding": CODINGS}
)
STATUSES = st.sampled_from([200, 206, 416]) | st.integers(100, 599)


@st.composite
def helds(draw: st.DrawFn) -> Held:
    offset = draw(OFFSETS)
    length = draw(st.none() | st.just(offset) | st.integers(offset, 5 * OVERLAP_BYTES))
    overlap = draw(st.sampled_from([0, OVERLAP_BYTES]))
    received = draw(st.just({"etag": '"a"'}) | FIELDS)
    return Held(offset, Checkpoint(complete_length=length, fields=received), draw(st.booleans()), overlap)


UNHASHED = helds().map(lambda held: held._replace(digest_known=False))


@st.composite
def answers(
    draw: st.DrawFn, *kinds: str, to: st.SearchStrategy[Held] | None = None
) -> tuple[Held, Request, ResponseHead]:
    held = draw(helds() if to is None else to)
    asked = plan_request(held)
    received = {**draw(FIELDS), **draw(st.fixed_dictionaries({}, optional={"content-length": OFFSETS.map(str)}))}
    # By chance alone hardly any answer fits the request, and only one that nearly fits is dangerous.
    kind = draw(st.sampled_from(kinds or ("part", "no such part", "anything")))
    if kind == "part":
        first_pos, length = asked.first_pos or 0, held.checkpoint.complete_length or 5 * OVERLAP_BYTES
        last_pos = max(first_pos, length + draw(st.sampled_from([-OVERLAP_BYTES, -1, 0, 1])))
        told = draw(st.sampled_from([str(length), str(length + 1), str(length + 2), "*"]))
        return held, asked, ResponseHead(206, {**received, "content-range": f"bytes {first_pos}-{last_pos}/{told}"})
    if kind == "no such part":
        lengths = [held.offset, held.checkpoint.complete_length or 0, held.offset + 1]
        content_range = draw(st.sampled_from([f"bytes */{length}" for length in lengths] + [""]))
        return held, asked, ResponseHead(416, {**received, "content-range": content_range})
    return held, asked, ResponseHead(draw(STATUSES), {**received, "content-range": draw(CONTENT_RANGES)})


# A dangerous answer has several things just so.
many = settings(max_examples=5 * settings().max_examples)


@given(helds())
def test_no_request_leaves_a_gap_behind_the_bytes_held(held: Held) -> None:
    asked = plan_request(held)

    assert asked.first_pos is None or 0 < asked.first_pos <= held.offset
    assert parse_range(asked.fields.get("Range")) == asked.first_pos


@given(helds())
def test_if_range_is_sent_only_beside_range_and_only_a_strong_one(held: Held) -> None:
    request = plan_request(held).fields

    assert "If-Range" not in request or "Range" in request
    tag = parse_entity_tag(request.get("If-Range"))
    assert tag is None or not tag.weak


@given(helds())
def test_without_a_hash_no_range_is_asked_for_without_if_range(held: Held) -> None:
    request = plan_request(held._replace(digest_known=False)).fields

    assert ("Range" in request) == ("If-Range" in request)


@many
@given(answers())
def test_no_answer_is_appended_unless_it_begins_within_the_bytes_held(
    answer: tuple[Held, Request, ResponseHead],
) -> None:
    held, asked, head = answer

    verdict = judge(asked, head, held)

    if verdict.action is Action.APPEND:
        assert 0 <= verdict.first_pos <= held.offset
        assert verdict.end is None or verdict.end >= verdict.first_pos
    if verdict.action is Action.REPLACE:
        assert verdict.first_pos == 0


@many
@given(answers("part"))
def test_no_part_is_appended_that_goes_beyond_the_complete_length(
    answer: tuple[Held, Request, ResponseHead],
) -> None:
    held, asked, head = answer

    verdict = judge(asked, head, held)

    if verdict.action is Action.APPEND and verdict.end is not None:
        for length in (verdict.complete_length, held.checkpoint.complete_length):
            assert length is None or verdict.end <= length


@many
@given(answers("part", "anything", to=UNHASHED))
def test_without_a_hash_nothing_is_appended_under_another_entity_tag(
    answer: tuple[Held, Request, ResponseHead],
) -> None:
    held, asked, head = answer
    head = head._replace(fields={**head.fields, "etag": '"another"'})

    verdict = judge(asked, head, held)

    assert verdict.action is not Action.APPEND or held.offset == 0


@many
@given(answers("no such part", to=UNHASHED))
def test_nothing_unhashed_counts_as_whole_against_a_length_that_was_told(
    answer: tuple[Held, Request, ResponseHead],
) -> None:
    held, asked, head = answer

    verdict = judge(asked, head, held)

    if verdict.action is Action.VERIFY:
        assert asked.first_pos is not None
        assert held.offset > 0
        assert held.offset in (held.checkpoint.complete_length, verdict.complete_length)
        # A digest would notice; without one this is the last look at a file that may have been cut.
        assert held.checkpoint.complete_length in (None, held.offset)


@many
@given(answers())
def test_only_a_whole_answer_or_a_part_has_a_body_that_is_used(answer: tuple[Held, Request, ResponseHead]) -> None:
    held, asked, head = answer

    verdict = judge(asked, head, held)

    assert verdict.action not in (Action.APPEND, Action.REPLACE) or head.status in (200, 203, 206)


@given(answers("part", "no such part"))
def test_after_a_restart_the_plain_answer_is_used(answer: tuple[Held, Request, ResponseHead]) -> None:
    held, asked, head = answer
    if judge(asked, head, held).action is not Action.RESTART:
        return

    empty = Held(digest_known=held.digest_known)
    verdict = judge(plan_request(empty), ResponseHead(200, {"content-length": "5"}), empty)

    assert plan_request(empty) == Request()
    assert (verdict.action, verdict.first_pos, verdict.end) == (Action.APPEND, 0, 5)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"')), helds())
def test_the_entity_tag_of_the_first_answer_comes_back_byte_for_byte(opaque: str, held: Held) -> None:
    etag = encode_entity_tag(EntityTag(opaque, weak=False))
    assume(held.offset > held.overlap)
    checkpoint = Checkpoint(fields=recorded_fields({"etag": etag}))

    asked = plan_request(held._replace(checkpoint=checkpoint, digest_known=False))

    assert asked.fields["If-Range"] == etag

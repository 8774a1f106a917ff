"""The HTTP fields that decide about a resume: entity tags, ranges, lengths and content codings."""

from __future__ import annotations

from typing import Callable

import pytest
from unit.field_forms import encode_content_range, encode_entity_tag, parse_range
from unit.texts import LARGEST_OFF_T, LONG_S, NOT_INTEGERS

from pip_resume.protocol.http_fields import (
    ContentRange,
    EntityTag,
    encode_range,
    is_multipart_byteranges,
    parse_content_coding,
    parse_content_length,
    parse_content_range,
    parse_empty_content_range,
    parse_entity_tag,
    parse_first_pos,
    parse_loose_content_range,
    parse_retry_after,
)


@pytest.mark.parametrize("number", NOT_INTEGERS)
@pytest.mark.parametrize(
    ("parse", "form"),
    [
        pytest.param(parse_content_range, f"bytes {{}}-{LARGEST_OFF_T - 1}/*", id="first-pos of Content-Range"),
        pytest.param(parse_content_range, "bytes 0-{}/*", id="last-pos of Content-Range"),
        pytest.param(parse_content_range, "bytes 0-0/{}", id="complete-length of Content-Range"),
        pytest.param(parse_content_range, "bytes */{}", id="complete-length of a 416"),
        pytest.param(parse_loose_content_range, f"{{}}-{LARGEST_OFF_T - 1}/*", id="first-pos without a unit"),
        pytest.param(parse_loose_content_range, "0-{}/*", id="last-pos without a unit"),
        pytest.param(parse_loose_content_range, "0-0/{}", id="complete-length without a unit"),
        pytest.param(parse_empty_content_range, "bytes 5-4/{}", id="complete-length of a part without a byte"),
        pytest.param(parse_range, "bytes={}-", id="first-pos of Range"),
        pytest.param(parse_content_length, "{}", id="Content-Length"),
        pytest.param(parse_content_length, "5, {}", id="second Content-Length"),
        pytest.param(lambda text: parse_retry_after(text, now_s=0), "{}", id="Retry-After"),
    ],
)
def test_a_malformed_number_is_rejected(parse: Callable[[str], object], form: str, number: str) -> None:
    assert parse(form.format(5)) is not None
    assert parse(form.format(number)) is None


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        pytest.param('"abc"', EntityTag("abc", weak=False), id="strong"),
        pytest.param('W/"abc"', EntityTag("abc", weak=True), id="weak"),
        pytest.param('""', EntityTag("", weak=False), id="empty tag"),
        pytest.param('"W/x"', EntityTag("W/x", weak=False), id="strong with W/ inside"),
        pytest.param('"a\\b!#,~"', EntityTag("a\\b!#,~", weak=False), id="backslash is an ordinary character"),
        pytest.param('"\xe4\xff\x80"', EntityTag("\xe4\xff\x80", weak=False), id="obs-text as latin-1"),
        pytest.param(' \t"abc" ', EntityTag("abc", weak=False), id="white space around it"),
        pytest.param(None, None, id="no field"),
        pytest.param("", None, id="empty field"),
        pytest.param("d41d8cd98f00b204", None, id="unquoted, as Artifactory sends it"),
        pytest.param("W/abc", None, id="weak, unquoted"),
        pytest.param('w/"abc"', None, id="lower-case w"),
        pytest.param('W/ "abc"', None, id="blank after W/"),
        pytest.param('"abc', None, id="no closing quote"),
        pytest.param('abc"', None, id="no opening quote"),
        pytest.param('"', None, id="one quote"),
        pytest.param('"a", "b"', None, id="list joined by a library"),
        pytest.param('"a b"', None, id="blank inside"),
        pytest.param('"a\r\nX: y"', None, id="line break inside"),
        pytest.param('"abc"\n', None, id="line break after it"),
        pytest.param('"\x7f"', None, id="control character"),
        pytest.param('"\u20ac"', None, id="character outside latin-1"),
        pytest.param("*", None, id="asterisk"),
    ],
)
def test_an_entity_tag_is_parsed_exactly_or_rejected(text: str | None, tag: EntityTag | None) -> None:
    assert parse_entity_tag(text) == tag


def test_an_encoded_entity_tag_has_its_quotes_and_its_weakness() -> None:
    assert encode_entity_tag(EntityTag("abc", weak=False)) == '"abc"'
    assert encode_entity_tag(EntityTag("abc", weak=True)) == 'W/"abc"'


@pytest.mark.parametrize(
    ("text", "content_range"),
    [
        pytest.param("bytes 0-4/10", ContentRange(0, 4, 10), id="part of a known length"),
        pytest.param("bytes 5-9/10", ContentRange(5, 9, 10), id="up to the end"),
        pytest.param("bytes 0-0/1", ContentRange(0, 0, 1), id="one byte"),
        pytest.param("bytes 0-4/*", ContentRange(0, 4, None), id="complete-length unknown"),
        pytest.param("bytes */10", ContentRange(None, None, 10), id="unsatisfied"),
        pytest.param("bytes */0", ContentRange(None, None, 0), id="unsatisfied because the file is empty"),
        pytest.param("BYTES 0-4/10", ContentRange(0, 4, 10), id="unit in upper case"),
        pytest.param("bytes 000-004/010", ContentRange(0, 4, 10), id="leading zeros"),
        pytest.param(
            f"bytes 0-{LARGEST_OFF_T - 1}/{LARGEST_OFF_T}",
            ContentRange(0, LARGEST_OFF_T - 1, LARGEST_OFF_T),
            id="largest possible file",
        ),
        pytest.param(" bytes 0-4/10\t", ContentRange(0, 4, 10), id="white space around it"),
    ],
)
def test_a_valid_content_range_is_understood(text: str, content_range: ContentRange) -> None:
    assert parse_content_range(text) == content_range


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="no field"),
        pytest.param("", id="empty field"),
        pytest.param("items 0-4/10", id="different unit"),
        pytest.param(f"byte{LONG_S} 0-4/10", id="unit with a long s"),
        pytest.param("0-4/10", id="no unit"),
        pytest.param("bytes=0-4/10", id="equals sign, as in Range"),
        pytest.param("bytes: 0-4/10", id="colon after the unit"),
        pytest.param("bytes 4-0/10", id="last-pos below first-pos"),
        pytest.param("bytes 0-10/10", id="complete-length equal to last-pos"),
        pytest.param("bytes 0-11/10", id="complete-length below last-pos"),
        pytest.param("bytes */*", id="nothing known"),
        pytest.param("bytes *-4/10", id="asterisk for first-pos"),
        pytest.param("bytes 0-4", id="no complete-length"),
        pytest.param("bytes 0 - 4 / 10", id="blanks inside"),
        pytest.param("bytes  0-4/10", id="two blanks"),
        pytest.param("bytes\t0-4/10", id="tab instead of a blank"),
        pytest.param("bytes 0-4/10, bytes 5-9/10", id="list joined by a library"),
        pytest.param("bytes 0-4/10\n", id="line break after it"),
    ],
)
def test_an_invalid_content_range_is_rejected(text: str | None) -> None:
    assert parse_content_range(text) is None


@pytest.mark.parametrize(
    ("text", "content_range"),
    [
        pytest.param("0-4/10", ContentRange(0, 4, 10), id="no unit"),
        pytest.param("bytes=0-4/10", ContentRange(0, 4, 10), id="equals sign, as in Range"),
        pytest.param("bytes: 0-4/10", ContentRange(0, 4, 10), id="colon after the unit"),
        pytest.param("bytes\t0-4/10", ContentRange(0, 4, 10), id="tab after the unit"),
        pytest.param("bytes0-4/10", ContentRange(0, 4, 10), id="nothing after the unit"),
        pytest.param("bytes  0 -\t4 / 10", ContentRange(0, 4, 10), id="white space inside"),
        pytest.param("BYTES=0-4/10", ContentRange(0, 4, 10), id="unit in upper case"),
        pytest.param(" 0-4/* ", ContentRange(0, 4, None), id="complete-length unknown, white space around it"),
        pytest.param("bytes 0-4/10", ContentRange(0, 4, 10), id="the form of the RFC"),
        pytest.param(None, None, id="no field"),
        pytest.param("", None, id="empty field"),
        pytest.param("items 0-4/10", None, id="different unit"),
        pytest.param(f"byte{LONG_S} 0-4/10", None, id="unit with a long s"),
        pytest.param("4-0/10", None, id="last-pos below first-pos"),
        pytest.param("0-10/10", None, id="complete-length equal to last-pos"),
        pytest.param("*/10", None, id="unsatisfied"),
        pytest.param("bytes */10", None, id="unsatisfied, in the form of the RFC"),
        pytest.param("0-4", None, id="no complete-length"),
        pytest.param("=0-4/10", None, id="equals sign without a unit"),
        pytest.param("0-4/10, 5-9/10", None, id="list"),
    ],
)
def test_a_loose_content_range_has_both_positions_in_one_of_a_few_forms(
    text: str | None, content_range: ContentRange | None
) -> None:
    assert parse_loose_content_range(text) == content_range


@pytest.mark.parametrize(
    ("text", "first_pos"),
    [
        pytest.param("bytes 5-9/10", 5, id="right"),
        pytest.param("bytes 5-10/10", 5, id="complete-length equal to last-pos"),
        pytest.param("bytes=5-4/*", 5, id="last-pos below first-pos, in a loose form"),
        pytest.param("bytes */10", None, id="no positions"),
        pytest.param("items 5-9/10", None, id="different unit"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_first_position_is_read_whatever_the_others_are(text: str, first_pos: int | None) -> None:
    assert parse_first_pos(text) == first_pos


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("bytes 10-9/10", 10, id="at the end"),
        pytest.param("bytes 1-0/1", 1, id="at the end of a file of one byte"),
        pytest.param("Bytes 10-9/10 ", 10, id="unit in mixed case, white space around it"),
        pytest.param(f"bytes {LARGEST_OFF_T}-{LARGEST_OFF_T - 1}/{LARGEST_OFF_T}", LARGEST_OFF_T, id="largest file"),
        pytest.param(f"bytes {LARGEST_OFF_T + 1}-{LARGEST_OFF_T}/{LARGEST_OFF_T + 1}", None, id="larger than any file"),
        pytest.param("bytes 9-8/10", None, id="before the end"),
        pytest.param("bytes 11-10/10", None, id="after the end"),
        pytest.param("bytes 10-10/10", None, id="last-pos is not one less"),
        pytest.param("bytes 10-8/10", None, id="last-pos is two less"),
        pytest.param("bytes 9-9/10", None, id="the last byte"),
        pytest.param("bytes 10-9/*", None, id="complete-length unknown"),
        pytest.param("bytes */10", None, id="unsatisfied"),
        pytest.param("10-9/10", None, id="no unit"),
        pytest.param("", None, id="empty field"),
        pytest.param(None, None, id="no field"),
    ],
)
def test_a_part_without_a_byte_begins_at_the_complete_length(text: str | None, length: int | None) -> None:
    assert parse_empty_content_range(text) == length


@pytest.mark.parametrize(
    ("content_range", "text"),
    [
        pytest.param(ContentRange(0, 4, 10), "bytes 0-4/10", id="complete-length known"),
        pytest.param(ContentRange(0, 4, None), "bytes 0-4/*", id="complete-length unknown"),
        pytest.param(ContentRange(None, None, 10), "bytes */10", id="unsatisfied"),
    ],
)
def test_a_content_range_is_encoded_in_its_form(content_range: ContentRange, text: str) -> None:
    assert encode_content_range(content_range) == text


def test_an_encoded_range_goes_from_first_pos_to_the_end() -> None:
    assert encode_range(65536) == "bytes=65536-"


@pytest.mark.parametrize(
    ("text", "first_pos"),
    [
        pytest.param("bytes=0-", 0, id="from the start"),
        pytest.param("Bytes=65536-", 65536, id="unit in mixed case"),
        pytest.param(None, None, id="no field"),
        pytest.param("bytes=0-4", None, id="closed range"),
        pytest.param("bytes=-5", None, id="suffix range"),
        pytest.param("bytes=0-,5-", None, id="two ranges"),
        pytest.param("items=0-", None, id="different unit"),
        pytest.param("bytes 0-", None, id="blank instead of the equals sign"),
    ],
)
def test_only_a_single_open_range_is_understood(text: str | None, first_pos: int | None) -> None:
    assert parse_range(text) == first_pos


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("0", 0, id="empty body"),
        pytest.param("5", 5, id="number"),
        pytest.param(" 5\t", 5, id="white space around it"),
        pytest.param("5, 5", 5, id="same number twice"),
        pytest.param("5,5 ,\t5", 5, id="same number three times"),
        pytest.param("5, 05", 5, id="same number with a leading zero"),
        pytest.param(str(LARGEST_OFF_T), LARGEST_OFF_T, id="largest possible file"),
        pytest.param(None, None, id="no field"),
        pytest.param("5, 6", None, id="two different numbers"),
        pytest.param("\u20035", None, id="white space of a different script"),
    ],
)
def test_a_content_length_is_one_number(text: str | None, length: int | None) -> None:
    assert parse_content_length(text) == length


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        pytest.param(None, "", id="no field"),
        pytest.param("", "", id="empty field"),
        pytest.param("identity", "", id="identity"),
        pytest.param("Identity, ", "", id="identity and an empty element"),
        pytest.param("GZIP", "gzip", id="upper case"),
        pytest.param("x-gzip", "gzip", id="old name of gzip"),
        pytest.param("X-Compress", "compress", id="old name of compress"),
        pytest.param("gzip,BR", "gzip, br", id="list"),
        pytest.param("br ,\tgzip", "br, gzip", id="the order is kept"),
        pytest.param("identity, gzip", "gzip", id="identity in a list"),
    ],
)
def test_content_codings_with_the_same_meaning_are_equal(text: str | None, coding: str) -> None:
    assert parse_content_coding(text) == coding


@pytest.mark.parametrize(
    ("content_type", "is_multipart"),
    [
        pytest.param("multipart/byteranges; boundary=x", True, id="with a boundary"),
        pytest.param("Multipart/ByteRanges ;boundary=x", True, id="mixed case, blank"),
        pytest.param("multipart/byteranges", True, id="without a boundary"),
        pytest.param("multipart/mixed; boundary=x", False, id="different multipart type"),
        pytest.param("multipart/byteranges2", False, id="longer name"),
        pytest.param("application/octet-stream; x=multipart/byteranges", False, id="in a parameter"),
        pytest.param("", False, id="empty field"),
        pytest.param(None, False, id="no field"),
    ],
)
def test_multipart_byteranges_is_recognised(content_type: str | None, is_multipart: bool) -> None:
    assert is_multipart_byteranges(content_type) is is_multipart

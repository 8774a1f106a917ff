from __future__ import annotations

import pytest

from pip_resume.protocol.http_fields import (
    ContentRange,
    EntityTag,
    encode_content_range,
    encode_entity_tag,
    encode_range,
    is_multipart_byteranges,
    parse_content_coding,
    parse_content_length,
    parse_content_range,
    parse_entity_tag,
    parse_http_date,
    parse_range,
    parse_retry_after,
    strong_validator,
)

NOV_1994 = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7
ARABIC_FIVE = "\u0665"
SUPERSCRIPT_TWO = "\u00b2"
LONG_S = "\u017f"  # folds to "s" where case is ignored for all scripts
MORE_DIGITS_THAN_INT_READS = "9" * 5000
LARGEST_OFF_T = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        pytest.param('"abc"', EntityTag("abc", weak=False), id="strong"),
        pytest.param('W/"abc"', EntityTag("abc", weak=True), id="weak"),
        pytest.param('""', EntityTag("", weak=False), id="empty-is-allowed"),
        pytest.param('"W/x"', EntityTag("W/x", weak=False), id="strong-that-only-looks-weak"),
        pytest.param('"a\\b!#,~"', EntityTag("a\\b!#,~", weak=False), id="backslash-is-an-ordinary-character"),
        pytest.param('"\xe4\xff\x80"', EntityTag("\xe4\xff\x80", weak=False), id="obs-text-as-latin-1"),
        pytest.param(' \t"abc" ', EntityTag("abc", weak=False), id="white-space-around-it-is-not-part-of-it"),
        pytest.param(None, None, id="no-field"),
        pytest.param("", None, id="empty-field"),
        pytest.param("d41d8cd98f00b204", None, id="unquoted-as-artifactory-sends-it"),
        pytest.param("W/abc", None, id="weak-unquoted"),
        pytest.param('w/"abc"', None, id="lower-case-w"),
        pytest.param('W/ "abc"', None, id="blank-after-w"),
        pytest.param('"abc', None, id="closing-quote-missing"),
        pytest.param('abc"', None, id="opening-quote-missing"),
        pytest.param('"', None, id="one-quote"),
        pytest.param('"a", "b"', None, id="list-joined-by-a-library"),
        pytest.param('"a b"', None, id="blank-inside"),
        pytest.param('"a\r\nX: y"', None, id="line-break-inside"),
        pytest.param('"abc"\n', None, id="line-break-behind"),
        pytest.param('"\x7f"', None, id="control-character"),
        pytest.param('"\u20ac"', None, id="character-no-field-can-carry"),
        pytest.param("*", None, id="any"),
    ],
)
def test_an_entity_tag_is_read_by_the_letter_or_not_at_all(text: str | None, tag: EntityTag | None) -> None:
    assert parse_entity_tag(text) == tag


def test_an_entity_tag_is_printed_with_its_quotes_and_its_weakness() -> None:
    assert encode_entity_tag(EntityTag("abc", weak=False)) == '"abc"'
    assert encode_entity_tag(EntityTag("abc", weak=True)) == 'W/"abc"'


@pytest.mark.parametrize(
    ("text", "content_range"),
    [
        pytest.param("bytes 0-4/10", ContentRange(0, 4, 10), id="part-of-a-known-length"),
        pytest.param("bytes 5-9/10", ContentRange(5, 9, 10), id="up-to-the-end"),
        pytest.param("bytes 0-0/1", ContentRange(0, 0, 1), id="one-byte"),
        pytest.param("bytes 0-4/*", ContentRange(0, 4, None), id="length-unknown"),
        pytest.param("bytes */10", ContentRange(None, None, 10), id="unsatisfied"),
        pytest.param("bytes */0", ContentRange(None, None, 0), id="unsatisfied-because-empty"),
        pytest.param("BYTES 0-4/10", ContentRange(0, 4, 10), id="unit-in-upper-case"),
        pytest.param("bytes 000-004/010", ContentRange(0, 4, 10), id="leading-zeros"),
        pytest.param(
            f"bytes 0-{LARGEST_OFF_T - 1}/{LARGEST_OFF_T}",
            ContentRange(0, LARGEST_OFF_T - 1, LARGEST_OFF_T),
            id="largest-file-there-can-be",
        ),
        pytest.param(" bytes 0-4/10\t", ContentRange(0, 4, 10), id="white-space-around-it"),
    ],
)
def test_a_valid_content_range_is_understood(text: str, content_range: ContentRange) -> None:
    assert parse_content_range(text) == content_range


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="no-field"),
        pytest.param("", id="empty-field"),
        pytest.param("items 0-4/10", id="another-unit"),
        pytest.param(f"byte{LONG_S} 0-4/10", id="unit-with-a-letter-that-folds-to-s"),
        pytest.param("0-4/10", id="no-unit"),
        pytest.param("bytes=0-4/10", id="equals-sign-of-a-range"),
        pytest.param("bytes: 0-4/10", id="colon-after-the-unit"),
        pytest.param("bytes 4-0/10", id="last-before-first"),
        pytest.param("bytes 0-10/10", id="length-equal-to-last"),
        pytest.param("bytes 0-11/10", id="length-below-last"),
        pytest.param("bytes */*", id="nothing-known"),
        pytest.param("bytes *-4/10", id="star-for-first"),
        pytest.param("bytes 0-/10", id="no-last"),
        pytest.param("bytes -4/10", id="no-first"),
        pytest.param("bytes 0-4", id="no-length"),
        pytest.param("bytes 0-4/", id="empty-length"),
        pytest.param("bytes +0-4/10", id="plus-sign"),
        pytest.param("bytes -1-4/10", id="minus-sign"),
        pytest.param("bytes 0-4/-1", id="negative-length"),
        pytest.param("bytes 0 - 4 / 10", id="blanks-inside"),
        pytest.param("bytes  0-4/10", id="two-blanks"),
        pytest.param("bytes\t0-4/10", id="tab-for-the-blank"),
        pytest.param("bytes 0-4/1_0", id="underscore-as-in-python"),
        pytest.param("bytes 0x0-0x4/0xA", id="hexadecimal"),
        pytest.param(f"bytes 0-{ARABIC_FIVE}/10", id="digit-of-another-script"),
        pytest.param(f"bytes 0-{SUPERSCRIPT_TWO}/10", id="superscript-digit"),
        pytest.param(f"bytes 0-4/{LARGEST_OFF_T + 1}", id="longer-than-any-file"),
        pytest.param(f"bytes */{LARGEST_OFF_T + 1}", id="unsatisfied-and-longer-than-any-file"),
        pytest.param(f"bytes 0-4/{MORE_DIGITS_THAN_INT_READS}", id="absurdly-long-length"),
        pytest.param(f"bytes {MORE_DIGITS_THAN_INT_READS}-4/*", id="absurdly-long-first"),
        pytest.param("bytes 0-4/10, bytes 5-9/10", id="list-joined-by-a-library"),
        pytest.param("bytes 0-4/10\n", id="line-break-behind"),
    ],
)
def test_an_invalid_content_range_counts_as_none(text: str | None) -> None:
    assert parse_content_range(text) is None


@pytest.mark.parametrize(
    ("content_range", "text"),
    [
        pytest.param(ContentRange(0, 4, 10), "bytes 0-4/10", id="length-known"),
        pytest.param(ContentRange(0, 4, None), "bytes 0-4/*", id="length-unknown"),
        pytest.param(ContentRange(None, None, 10), "bytes */10", id="unsatisfied"),
    ],
)
def test_a_content_range_is_printed_in_its_form(content_range: ContentRange, text: str) -> None:
    assert encode_content_range(content_range) == text


def test_a_range_asks_from_first_pos_to_the_end() -> None:
    assert encode_range(65536) == "bytes=65536-"


@pytest.mark.parametrize(
    ("text", "first_pos"),
    [
        pytest.param("bytes=0-", 0, id="from-the-start"),
        pytest.param("Bytes=65536-", 65536, id="unit-in-another-case"),
        pytest.param(None, None, id="no-field"),
        pytest.param("bytes=0-4", None, id="closed"),
        pytest.param("bytes=-5", None, id="suffix"),
        pytest.param("bytes=0-,5-", None, id="two-ranges"),
        pytest.param("items=0-", None, id="another-unit"),
        pytest.param("bytes 0-", None, id="blank-for-the-equals-sign"),
        pytest.param(f"bytes={ARABIC_FIVE}-", None, id="digit-of-another-script"),
        pytest.param(f"bytes={LARGEST_OFF_T + 1}-", None, id="beyond-any-file"),
    ],
)
def test_only_a_single_open_range_is_read(text: str | None, first_pos: int | None) -> None:
    assert parse_range(text) == first_pos


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("0", 0, id="empty-body"),
        pytest.param("5", 5, id="number"),
        pytest.param(" 5\t", 5, id="white-space-around-it"),
        pytest.param("5, 5", 5, id="same-number-twice"),
        pytest.param("5,5 ,\t5", 5, id="same-number-three-times"),
        pytest.param("5, 05", 5, id="same-number-with-a-zero"),
        pytest.param(str(LARGEST_OFF_T), LARGEST_OFF_T, id="largest-file-there-can-be"),
        pytest.param(None, None, id="no-field"),
        pytest.param("", None, id="empty-field"),
        pytest.param("5, 6", None, id="two-numbers"),
        pytest.param("5,", None, id="number-and-nothing"),
        pytest.param("5, x", None, id="number-and-nonsense"),
        pytest.param("-5", None, id="negative"),
        pytest.param("+5", None, id="plus-sign"),
        pytest.param("5.0", None, id="fraction"),
        pytest.param("5_0", None, id="underscore-as-in-python"),
        pytest.param("5 5", None, id="blank-inside"),
        pytest.param(ARABIC_FIVE, None, id="digit-of-another-script"),
        pytest.param(SUPERSCRIPT_TWO, None, id="superscript-digit"),
        pytest.param("\u20035", None, id="white-space-of-another-script"),
        pytest.param(str(LARGEST_OFF_T + 1), None, id="longer-than-any-file"),
        pytest.param(MORE_DIGITS_THAN_INT_READS, None, id="absurdly-long"),
    ],
)
def test_a_content_length_is_one_number_or_none(text: str | None, length: int | None) -> None:
    assert parse_content_length(text) == length


@pytest.mark.parametrize(
    ("text", "date_s"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994, id="imf-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994, id="rfc850"),
        pytest.param("Sun Nov  6 08:49:37 1994", NOV_1994, id="asctime"),
        pytest.param("Wed Nov 16 08:49:37 1994", NOV_1994 + 10 * 86400, id="asctime-two-digit-day"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0.0, id="epoch"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1.0, id="before-the-epoch"),
        pytest.param("Thursday, 01-Jan-70 00:00:00 GMT", 0.0, id="two-digit-year-at-the-pivot"),
        pytest.param("Tuesday, 31-Dec-69 23:59:59 GMT", 3155759999.0, id="two-digit-year-below-the-pivot"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800.0, id="leap-day"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800.0, id="leap-second"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994, id="wrong-name-of-the-day"),
        pytest.param(" Sun, 06 Nov 1994 08:49:37 GMT ", NOV_1994, id="white-space-around-it"),
        pytest.param(None, None, id="no-field"),
        pytest.param("", None, id="empty-field"),
        pytest.param("0", None, id="zero-as-in-expires"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", None, id="day-the-year-does-not-have"),
        pytest.param("Sun, 00 Nov 1994 08:49:37 GMT", None, id="day-zero"),
        pytest.param("Sun, 32 Nov 1994 08:49:37 GMT", None, id="day-32"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", None, id="year-zero"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", None, id="hour-24"),
        pytest.param("Sun, 06 Nov 1994 08:60:37 GMT", None, id="minute-60"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", None, id="second-61"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", None, id="no-zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 CET", None, id="another-zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0000", None, id="numeric-zone-as-in-mail"),
        pytest.param("sun, 06 nov 1994 08:49:37 gmt", None, id="lower-case"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", None, id="day-of-one-digit"),
        pytest.param("So, 06 Nov 1994 08:49:37 GMT", None, id="day-in-german"),
        pytest.param("Sun, 06 Nov 94 08:49:37 GMT", None, id="two-digit-year-in-the-new-form"),
        pytest.param("Sun, 06 Nov 12345 08:49:37 GMT", None, id="five-digit-year"),
        pytest.param(f"Sun, 0{ARABIC_FIVE} Nov 1994 08:49:37 GMT", None, id="digit-of-another-script"),
        pytest.param("1994-11-06T08:49:37Z", None, id="iso-8601"),
    ],
)
def test_a_date_is_read_in_the_three_forms_of_http_only(text: str | None, date_s: float | None) -> None:
    assert parse_http_date(text) == date_s


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("0", 0.0, id="at-once"),
        pytest.param(" 7 ", 7.0, id="white-space-around-it"),
        pytest.param("Sun, 06 Nov 1994 08:50:07 GMT", 30.0, id="date-ahead"),
        pytest.param("Sunday, 06-Nov-94 08:50:07 GMT", 30.0, id="obsolete-date-ahead"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0.0, id="date-that-is-now"),
        pytest.param("Sun, 06 Nov 1994 08:00:00 GMT", 0.0, id="date-gone-by"),
        pytest.param(None, None, id="no-field"),
        pytest.param("", None, id="empty-field"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("soon", None, id="word"),
        pytest.param("120, 120", None, id="list"),
        pytest.param(ARABIC_FIVE, None, id="digit-of-another-script"),
        pytest.param(MORE_DIGITS_THAN_INT_READS, None, id="absurdly-long"),
    ],
)
def test_a_retry_after_is_seconds_from_now(text: str | None, delay_s: float | None) -> None:
    assert parse_retry_after(text, now_s=NOV_1994) == delay_s


MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
ONE_SECOND_LATER = "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.parametrize(
    ("etag", "last_modified", "date", "validator"),
    [
        pytest.param('"a"', None, None, '"a"', id="strong-etag-alone"),
        pytest.param('"a"', MODIFIED, ONE_SECOND_LATER, '"a"', id="strong-etag-before-the-date"),
        pytest.param(' "a" ', None, None, '"a"', id="white-space-around-an-etag-is-not-sent"),
        pytest.param('W/"a"', None, None, None, id="weak-etag"),
        pytest.param('W/"a"', MODIFIED, ONE_SECOND_LATER, None, id="weak-etag-forbids-the-date-too"),
        pytest.param('w/"a"', MODIFIED, ONE_SECOND_LATER, None, id="lower-case-w-is-no-licence-for-the-date"),
        pytest.param('"a", "b"', MODIFIED, ONE_SECOND_LATER, None, id="two-etags-are-no-licence-for-the-date"),
        pytest.param('"a b"', MODIFIED, ONE_SECOND_LATER, None, id="unreadable-etag-is-no-licence-for-the-date"),
        pytest.param("abc", None, None, None, id="unquoted-etag"),
        pytest.param("abc", MODIFIED, ONE_SECOND_LATER, MODIFIED, id="unquoted-etag-is-no-etag"),
        pytest.param("", MODIFIED, ONE_SECOND_LATER, MODIFIED, id="empty-etag-is-no-etag"),
        pytest.param(None, MODIFIED, ONE_SECOND_LATER, MODIFIED, id="date-one-second-older"),
        pytest.param(None, MODIFIED, MODIFIED, None, id="date-of-the-same-second"),
        pytest.param(None, ONE_SECOND_LATER, MODIFIED, None, id="date-in-the-future"),
        pytest.param(None, MODIFIED, None, None, id="no-date-field-to-compare-with"),
        pytest.param(None, MODIFIED, "yesterday", None, id="unreadable-date-field"),
        pytest.param(None, "yesterday", MODIFIED, None, id="unreadable-last-modified"),
        pytest.param(
            None,
            "Sunday, 06-Nov-94 08:49:37 GMT",
            ONE_SECOND_LATER,
            "Sunday, 06-Nov-94 08:49:37 GMT",
            id="obsolete-form-goes-back-byte-for-byte",
        ),
        pytest.param(None, f" {MODIFIED}", ONE_SECOND_LATER, MODIFIED, id="white-space-around-a-date-is-not-sent"),
        pytest.param(None, None, ONE_SECOND_LATER, None, id="nothing-to-send"),
    ],
)
def test_only_a_strong_validator_may_go_into_if_range(
    etag: str | None, last_modified: str | None, date: str | None, validator: str | None
) -> None:
    assert strong_validator(etag, last_modified, date) == validator


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        pytest.param(None, "", id="no-field"),
        pytest.param("", "", id="empty-field"),
        pytest.param("identity", "", id="identity"),
        pytest.param("Identity, ", "", id="identity-and-nothing"),
        pytest.param("GZIP", "gzip", id="upper-case"),
        pytest.param("x-gzip", "gzip", id="old-name-of-gzip"),
        pytest.param("X-Compress", "compress", id="old-name-of-compress"),
        pytest.param("gzip,BR", "gzip, br", id="list"),
        pytest.param("br ,\tgzip", "br, gzip", id="order-is-kept"),
        pytest.param("identity, gzip", "gzip", id="identity-in-a-list"),
    ],
)
def test_content_codings_compare_equal_when_they_mean_the_same(text: str | None, coding: str) -> None:
    assert parse_content_coding(text) == coding


@pytest.mark.parametrize(
    ("content_type", "multipart"),
    [
        pytest.param("multipart/byteranges; boundary=x", True, id="with-boundary"),
        pytest.param("Multipart/ByteRanges ;boundary=x", True, id="other-case-and-blank"),
        pytest.param("multipart/byteranges", True, id="boundary-forgotten"),
        pytest.param("multipart/mixed; boundary=x", False, id="other-multipart"),
        pytest.param("multipart/byteranges2", False, id="longer-name"),
        pytest.param("application/octet-stream; x=multipart/byteranges", False, id="in-a-parameter"),
        pytest.param("", False, id="empty-field"),
        pytest.param(None, False, id="no-field"),
    ],
)
def test_a_multipart_body_is_told_from_plain_bytes(content_type: str | None, multipart: bool) -> None:
    assert is_multipart_byteranges(content_type) is multipart

"""What holds for every text in an HTTP field, valid, damaged or arbitrary."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from email.utils import formatdate

from hypothesis import assume, given
from hypothesis import strategies as st
from unit.field_forms import encode_content_range, encode_entity_tag, parse_range
from unit.texts import ANY_FIELD, ANY_TEXT, Understood, damaged

from pip_resume.protocol.http_fields import (
    LARGEST_NUMBER,
    ContentRange,
    EntityTag,
    encode_range,
    is_multipart_byteranges,
    parse_content_coding,
    parse_content_length,
    parse_content_range,
    parse_empty_content_range,
    parse_entity_tag,
    parse_http_date,
    parse_loose_content_range,
    parse_retry_after,
    strong_date,
    strong_validator,
)

NUMBERS = st.integers(0, LARGEST_NUMBER)
POSITIONS = st.integers(0, LARGEST_NUMBER - 1)
ETAG_CHARACTERS = st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f')
ENTITY_TAGS = st.builds(EntityTag, opaque=st.text(ETAG_CHARACTERS), weak=st.booleans())
RECENT_DATES_S = st.integers(10**9, 2 * 10**9)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
TIMES = st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(microsecond=0))
TWO_DIGIT_YEARS = range(1970, 2070)
TIMES_OF_TWO_DIGIT_YEARS = st.datetimes(
    datetime(1970, 1, 1), datetime(2069, 12, 31), timezones=st.just(timezone.utc)
).map(lambda moment: moment.replace(microsecond=0))
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@st.composite
def content_ranges(draw: st.DrawFn) -> ContentRange:
    if draw(st.booleans()):
        return ContentRange(None, None, draw(NUMBERS))
    first_pos = draw(POSITIONS)
    last_pos = draw(st.integers(first_pos, LARGEST_NUMBER - 1))
    return ContentRange(first_pos, last_pos, draw(st.none() | st.integers(last_pos + 1, LARGEST_NUMBER)))


def imf_fixdate(moment: datetime, day: str) -> str:
    month = MONTHS[moment.month - 1]
    return f"{day[:3]}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


def rfc850_date(moment: datetime, day: str) -> str:
    month = MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02}-{month}-{moment.year % 100:02} {moment:%H:%M:%S} GMT"


def asctime_date(moment: datetime, day: str, *, padding: str = " ") -> str:
    month = MONTHS[moment.month - 1]
    return f"{day[:3]} {month} {str(moment.day).rjust(2, padding)} {moment:%H:%M:%S} {moment.year:04}"


def spellings(date_s: float) -> set[str]:
    """Return every way to write a moment as an HTTP-date. A wrong name of the day is accepted."""
    moment = EPOCH + timedelta(seconds=date_s)
    texts = set()
    for day in DAYS:
        texts |= {imf_fixdate(moment, day), asctime_date(moment, day), asctime_date(moment, day, padding="0")}
        if moment.year in TWO_DIGIT_YEARS:
            texts.add(rfc850_date(moment, day))
    return texts


HTTP_DATES = st.one_of(
    st.builds(imf_fixdate, TIMES, st.sampled_from(DAYS)),
    st.builds(rfc850_date, TIMES_OF_TWO_DIGIT_YEARS, st.sampled_from(DAYS)),
    st.builds(asctime_date, TIMES, st.sampled_from(DAYS)),
)


def canonical(text: str) -> str:
    """Return the text without what a parser may ignore: white space around it, the case, and leading zeros."""
    lower_case = re.sub("[A-Z]+", lambda letters: letters[0].lower(), text.strip(" \t"))
    return re.sub("(?<![0-9])0+(?=[0-9])", "", lower_case)


@given(ANY_FIELD, ANY_FIELD, ANY_FIELD)
def test_no_text_makes_a_parser_raise(text: str | None, last_modified: str | None, date: str | None) -> None:
    for parse in (parse_content_length, parse_content_range, parse_entity_tag, parse_http_date, parse_range):
        parse(text)
    parse_loose_content_range(text)
    parse_empty_content_range(text)
    parse_retry_after(text, now_s=0)
    strong_validator(text, last_modified, date)
    strong_date(last_modified, date)


content_ranges_understood = Understood()


@content_ranges_understood
@given(damaged(content_ranges().map(encode_content_range)))
def test_a_content_range_that_is_understood_is_possible_and_means_what_it_says(text: str) -> None:
    content_range = parse_content_range(text)

    if not content_ranges_understood.count(content_range) or content_range is None:
        return
    assert encode_content_range(content_range) == canonical(text)
    if content_range.first_pos is None or content_range.last_pos is None:
        assert content_range.first_pos is content_range.last_pos is None
        assert content_range.complete_length is not None
    else:
        assert 0 <= content_range.first_pos <= content_range.last_pos < (content_range.complete_length or math.inf)


@given(content_ranges())
def test_encoding_and_parsing_a_content_range_are_inverse(content_range: ContentRange) -> None:
    assert parse_content_range(encode_content_range(content_range)) == content_range


loose_content_ranges_understood = Understood()


@loose_content_ranges_understood
@given(
    damaged(content_ranges().map(encode_content_range)),
    st.sampled_from(["bytes ", "bytes=", "bytes: ", "bytes  ", ""]),
    st.sampled_from(["-", " - ", "-\t"]),
)
def test_a_loose_content_range_is_one_of_the_rfc_in_different_words(text: str, unit: str, dash: str) -> None:
    loose = text.replace("bytes ", unit, 1).replace("-", dash, 1)

    content_range = parse_loose_content_range(loose)

    if loose_content_ranges_understood.count(content_range) and content_range is not None:
        words = canonical(loose).replace(" ", "").replace("\t", "")
        positions = encode_content_range(content_range).partition(" ")[2]
        assert canonical(words.removeprefix("bytes").lstrip("=:")) == positions
        assert content_range.first_pos is not None
    strict = parse_content_range(text)
    if strict is not None and strict.first_pos is not None:
        assert parse_loose_content_range(text) == strict


@given(st.integers(0, LARGEST_NUMBER), st.integers(0, LARGEST_NUMBER), st.integers(0, LARGEST_NUMBER))
def test_no_content_range_has_bytes_and_none(first_pos: int, last_pos: int, length: int) -> None:
    for text in (f"bytes {first_pos}-{last_pos}/{length}", f"bytes {length}-{length - 1}/{length}"):
        assert parse_content_range(text) is None or parse_empty_content_range(text) is None


@given(POSITIONS, POSITIONS, st.none() | POSITIONS)
def test_a_content_range_that_contradicts_itself_is_rejected(
    first_pos: int, last_pos: int, complete_length: int | None
) -> None:
    assume(last_pos < first_pos or (complete_length is not None and complete_length <= last_pos))

    assert parse_content_range(encode_content_range(ContentRange(first_pos, last_pos, complete_length))) is None


entity_tags_understood = Understood()


@entity_tags_understood
@given(damaged(ENTITY_TAGS.map(encode_entity_tag)))
def test_an_entity_tag_that_is_understood_is_encoded_as_it_was_received(text: str) -> None:
    tag = parse_entity_tag(text)

    if entity_tags_understood.count(tag) and tag is not None:
        assert encode_entity_tag(tag) == text.strip(" \t")
        assert not set(tag.opaque) & set('" \t\r\n\x00\x7f')


@given(ENTITY_TAGS)
def test_encoding_and_parsing_an_entity_tag_are_inverse(tag: EntityTag) -> None:
    assert parse_entity_tag(encode_entity_tag(tag)) == tag


ranges_understood = Understood()


@ranges_understood
@given(damaged(NUMBERS.map(encode_range)))
def test_a_range_that_is_understood_fits_a_file_and_means_what_it_says(text: str) -> None:
    first_pos = parse_range(text)

    if ranges_understood.count(first_pos) and first_pos is not None:
        assert 0 <= first_pos <= LARGEST_NUMBER
        assert encode_range(first_pos) == canonical(text)


@given(NUMBERS)
def test_encoding_and_parsing_a_range_are_inverse(first_pos: int) -> None:
    assert parse_range(encode_range(first_pos)) == first_pos


lengths_understood = Understood()


@lengths_understood
@given(damaged(NUMBERS.map(str)))
def test_a_length_that_is_understood_fits_a_file_and_means_what_it_says(text: str) -> None:
    length = parse_content_length(text)

    if lengths_understood.count(length) and length is not None:
        assert 0 <= length <= LARGEST_NUMBER
        assert {canonical(element) for element in text.split(",")} == {str(length)}


@given(NUMBERS, st.integers(1, 5))
def test_a_repeated_length_is_that_length(length: int, times: int) -> None:
    assert parse_content_length(", ".join([str(length)] * times)) == length


dates_understood = Understood()


@dates_understood
@given(damaged(HTTP_DATES))
def test_a_date_that_is_understood_is_written_in_one_of_the_forms_of_http(text: str) -> None:
    date_s = parse_http_date(text)

    if not dates_understood.count(date_s) or date_s is None:
        return
    if ":60" in text:
        # The calendar has no leap seconds: look at the second before.
        text, date_s = text.replace(":60", ":59"), date_s - 1
    assert text.strip(" \t") in spellings(date_s)


@given(TIMES)
def test_a_date_is_parsed_as_the_calendar_has_it(moment: datetime) -> None:
    day = DAYS[moment.weekday()]

    assert parse_http_date(imf_fixdate(moment, day)) == moment.timestamp()
    assert parse_http_date(asctime_date(moment, day)) == moment.timestamp()


@given(TIMES_OF_TWO_DIGIT_YEARS)
def test_a_two_digit_year_lies_between_1970_and_2069(moment: datetime) -> None:
    assert parse_http_date(rfc850_date(moment, DAYS[moment.weekday()])) == moment.timestamp()


retry_afters_understood = Understood()


@retry_afters_understood
@given(damaged(HTTP_DATES), st.floats(0, 1e11))
def test_a_retry_after_with_a_date_is_the_time_until_then_and_never_negative(text: str, now_s: float) -> None:
    delay_s = parse_retry_after(text, now_s)

    date_s = parse_http_date(text)
    if retry_afters_understood.count(delay_s) and date_s is not None:
        assert delay_s == (date_s - now_s if date_s > now_s else 0)
    assert (delay_s is None) == (date_s is None)


@given(RECENT_DATES_S, st.integers(0, 10**6))
def test_a_retry_after_means_the_same_in_seconds_and_as_a_date(now_s: int, delay_s: int) -> None:
    assert parse_retry_after(str(delay_s), now_s) == delay_s
    assert parse_retry_after(formatdate(now_s + delay_s, usegmt=True), now_s) == delay_s


validators_understood = Understood()


@st.composite
def validator_fields(draw: st.DrawFn) -> tuple[str | None, str | None, str | None]:
    """Draw an ETag, a Last-Modified and a Date that is mostly later. Each may be damaged or absent."""
    modified_s, age_s = draw(RECENT_DATES_S), draw(st.integers(-1, 10))
    dates: list[str | None] = [formatdate(date_s, usegmt=True) for date_s in (modified_s, modified_s + age_s)]
    changed = draw(st.sampled_from([None, None, 0, 1]))
    if changed is not None:
        dates[changed] = draw(st.none() | damaged(HTTP_DATES))
    etag = draw(damaged(ENTITY_TAGS.map(encode_entity_tag)))
    last_modified, date = dates
    return draw(st.sampled_from([(etag, None, None), (etag, last_modified, date), (None, last_modified, date)]))


@validators_understood
@given(validator_fields())
def test_a_validator_was_received_and_is_strong(fields: tuple[str | None, str | None, str | None]) -> None:
    etag, last_modified, date = fields
    validator = strong_validator(etag, last_modified, date)

    if not validators_understood.count(validator) or validator is None:
        return
    tag = parse_entity_tag(validator)
    if tag is None:
        modified_s, date_s = parse_http_date(validator), parse_http_date(date)
        assert validator == (last_modified or "").strip(" \t")
        assert modified_s is not None
        assert date_s is not None
        assert modified_s < date_s
        assert '"' not in (etag or "")
    else:
        assert not tag.weak
        assert validator == (etag or "").strip(" \t")
    assert "\r" not in validator
    assert "\n" not in validator


@given(ENTITY_TAGS.map(encode_entity_tag), RECENT_DATES_S, st.integers(1, 10**6))
def test_a_date_is_no_validator_if_there_is_an_entity_tag(etag: str, modified_s: int, age_s: int) -> None:
    last_modified, date = formatdate(modified_s, usegmt=True), formatdate(modified_s + age_s, usegmt=True)

    assert strong_validator(etag, last_modified, date) in (None, etag)
    assert strong_validator(None, last_modified, date) == last_modified


@given(RECENT_DATES_S, st.integers(0, 10**6))
def test_a_date_is_no_validator_if_the_file_can_still_change_in_that_second(modified_s: int, ahead_s: int) -> None:
    last_modified, date = formatdate(modified_s, usegmt=True), formatdate(modified_s - ahead_s, usegmt=True)

    assert strong_validator(None, last_modified, date) is None


@given(ANY_FIELD)
def test_parsing_a_content_coding_twice_changes_nothing(text: str | None) -> None:
    coding = parse_content_coding(text)

    assert parse_content_coding(coding) == coding
    assert "identity" not in coding.split(", ")


@given(ANY_TEXT)
def test_only_multipart_byteranges_is_multipart_byteranges(text: str) -> None:
    assert is_multipart_byteranges(f"multipart/byteranges;{text}")
    assert not is_multipart_byteranges(f"application/octet-stream;{text}")
    assert not is_multipart_byteranges(text) or "byteranges" in text.lower()

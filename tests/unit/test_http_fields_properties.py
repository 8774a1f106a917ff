"""What holds for every text of a server or a person, tried on texts that nobody would think of."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from email.utils import formatdate

from hypothesis import assume, given
from hypothesis import strategies as st

from pip_resume.protocol.http_fields import (
    LARGEST_NUMBER,
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
from pip_resume.settings import (
    KEEP_DAYS,
    MAX_SIZE,
    OUR_NAMES,
    parse_duration,
    parse_settings,
    parse_size,
    unknown_names,
)

# Text near the grammar finds more than text at large: the words, signs and traps of all the fields, strung together.
FIELD_PIECES = st.sampled_from(
    [
        *'0159-/*=,;:. \t"\\+_Ww',
        *(
            "bytes",
            "BYTES",
            "byte\u017f",
            "W/",
            '""',
            "GMT",
            "Sun, ",
            "Sunday, ",
            "06 Nov 1994",
            "06-Nov-94",
            "08:49:37",
        ),
        *("Nov  6", "gzip", "x-gzip", "identity", "multipart/byteranges", "\u0665", "\u00b2", "\u212a", "\r\n", "\x00"),
        *("\ud800", "\U0010ffff", "9" * 20, "9" * 5000, "KiB", "G", "d", "nan", "inf"),
    ]
)
ANY_TEXT = st.text() | st.lists(FIELD_PIECES, max_size=12).map("".join)
ANY_FIELD = st.none() | ANY_TEXT

POSITIONS = st.integers(0, LARGEST_NUMBER - 1)
ETAG_CHARACTERS = st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f')
ENTITY_TAGS = st.builds(EntityTag, opaque=st.text(ETAG_CHARACTERS), weak=st.booleans())
SECONDS_OF_YEAR_1_TO_9999 = (-62135596800, 253402300799)
UTC_TIMES = st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(microsecond=0))
UTC_TIMES_OF_TWO_DIGIT_YEARS = st.datetimes(
    datetime(1970, 1, 1), datetime(2069, 12, 31), timezones=st.just(timezone.utc)
)
RECENT_DATES_S = st.integers(10**9, 2 * 10**9)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@st.composite
def content_ranges(draw: st.DrawFn) -> ContentRange:
    if draw(st.booleans()):
        return ContentRange(None, None, draw(st.integers(0, LARGEST_NUMBER)))
    first_pos = draw(POSITIONS)
    last_pos = draw(st.integers(first_pos, LARGEST_NUMBER - 1))
    return ContentRange(first_pos, last_pos, draw(st.none() | st.integers(last_pos + 1, LARGEST_NUMBER)))


@given(ANY_FIELD)
def test_a_content_range_that_is_understood_is_possible(text: str | None) -> None:
    content_range = parse_content_range(text)

    if content_range is None:
        return
    if content_range.first_pos is None or content_range.last_pos is None:
        assert content_range.first_pos is content_range.last_pos is None
        assert content_range.complete_length is not None
    else:
        assert 0 <= content_range.first_pos <= content_range.last_pos < (content_range.complete_length or math.inf)


@given(content_ranges())
def test_printing_and_reading_a_content_range_are_inverse(content_range: ContentRange) -> None:
    assert parse_content_range(encode_content_range(content_range)) == content_range


@given(POSITIONS, POSITIONS, st.none() | POSITIONS)
def test_a_content_range_that_contradicts_itself_is_never_understood(
    first_pos: int, last_pos: int, complete_length: int | None
) -> None:
    assume(last_pos < first_pos or (complete_length is not None and complete_length <= last_pos))

    assert parse_content_range(encode_content_range(ContentRange(first_pos, last_pos, complete_length))) is None


@given(ANY_FIELD)
def test_an_entity_tag_that_is_understood_prints_as_it_was_received(text: str | None) -> None:
    tag = parse_entity_tag(text)

    assert tag is None or (text is not None and encode_entity_tag(tag) == text.strip(" \t"))


@given(ENTITY_TAGS)
def test_printing_and_reading_an_entity_tag_are_inverse(tag: EntityTag) -> None:
    assert parse_entity_tag(encode_entity_tag(tag)) == tag


@given(st.integers(0, LARGEST_NUMBER))
def test_printing_and_reading_a_range_are_inverse(first_pos: int) -> None:
    assert parse_range(encode_range(first_pos)) == first_pos


@given(ANY_FIELD)
def test_a_range_and_a_length_that_are_understood_fit_a_file(text: str | None) -> None:
    for number in (parse_range(text), parse_content_length(text)):
        assert number is None or 0 <= number <= LARGEST_NUMBER


@given(st.integers(0, LARGEST_NUMBER), st.integers(1, 5))
def test_a_length_said_more_than_once_is_that_length(length: int, times: int) -> None:
    assert parse_content_length(", ".join([str(length)] * times)) == length


@given(ANY_FIELD)
def test_a_date_that_is_understood_lies_within_the_calendar(text: str | None) -> None:
    date_s = parse_http_date(text)

    first_s, last_s = SECONDS_OF_YEAR_1_TO_9999
    # A leap second at the very end is one more.
    assert date_s is None or first_s <= date_s <= last_s + 1


@given(UTC_TIMES)
def test_a_date_is_read_back_as_the_calendar_has_it(moment: datetime) -> None:
    day_name, month, clock = DAYS[moment.weekday()][:3], MONTHS[moment.month - 1], f"{moment:%H:%M:%S}"

    imf_fixdate = f"{day_name}, {moment.day:02} {month} {moment.year:04} {clock} GMT"
    asctime_date = f"{day_name} {month} {moment.day:2} {clock} {moment.year:04}"

    assert parse_http_date(imf_fixdate) == parse_http_date(asctime_date) == moment.timestamp()


@given(UTC_TIMES_OF_TWO_DIGIT_YEARS)
def test_a_two_digit_year_lies_between_1970_and_2069(moment: datetime) -> None:
    day_name, month = DAYS[moment.weekday()], MONTHS[moment.month - 1]

    rfc850_date = f"{day_name}, {moment.day:02}-{month}-{moment.year % 100:02} {moment:%H:%M:%S} GMT"

    assert parse_http_date(rfc850_date) == moment.replace(microsecond=0).timestamp()


@given(ANY_FIELD, st.floats(0, 1e11))
def test_a_retry_after_never_asks_to_go_back_in_time(text: str | None, now_s: float) -> None:
    delay_s = parse_retry_after(text, now_s)

    assert delay_s is None or 0 <= delay_s < math.inf


@given(RECENT_DATES_S, st.integers(0, 10**6))
def test_a_retry_after_means_the_same_as_seconds_and_as_a_date(now_s: int, delay_s: int) -> None:
    assert parse_retry_after(str(delay_s), now_s) == delay_s
    assert parse_retry_after(formatdate(now_s + delay_s, usegmt=True), now_s) == delay_s


@given(ANY_FIELD | ENTITY_TAGS.map(encode_entity_tag), ANY_FIELD, ANY_FIELD)
def test_what_goes_into_if_range_was_received_and_is_strong(
    etag: str | None, last_modified: str | None, date: str | None
) -> None:
    validator = strong_validator(etag, last_modified, date)

    if validator is None:
        return
    tag = parse_entity_tag(validator)
    if tag is None:
        assert validator in (last_modified or "")
        assert '"' not in (etag or "")
    else:
        assert not tag.weak
        assert validator in (etag or "")
    assert "\r" not in validator
    assert "\n" not in validator


@given(ENTITY_TAGS.map(encode_entity_tag), RECENT_DATES_S, st.integers(1, 10**6))
def test_a_date_is_never_used_beside_an_entity_tag(etag: str, modified_s: int, age_s: int) -> None:
    last_modified, date = formatdate(modified_s, usegmt=True), formatdate(modified_s + age_s, usegmt=True)

    assert strong_validator(etag, last_modified, date) in (None, etag)
    assert strong_validator(None, last_modified, date) == last_modified


@given(RECENT_DATES_S, st.integers(0, 10**6))
def test_a_date_that_may_still_change_within_its_second_is_never_used(modified_s: int, ahead_s: int) -> None:
    last_modified, date = formatdate(modified_s, usegmt=True), formatdate(modified_s - ahead_s, usegmt=True)

    assert strong_validator(None, last_modified, date) is None


@given(ANY_FIELD)
def test_normalising_a_content_coding_twice_changes_nothing(text: str | None) -> None:
    coding = parse_content_coding(text)

    assert parse_content_coding(coding) == coding
    assert "identity" not in coding.split(", ")


@given(ANY_TEXT)
def test_no_content_type_but_one_is_multipart_byteranges(text: str) -> None:
    assert is_multipart_byteranges(f"multipart/byteranges;{text}")
    assert not is_multipart_byteranges(f"application/octet-stream;{text}")
    assert not is_multipart_byteranges(text) or "byteranges" in text.lower()


@given(ANY_TEXT, ANY_TEXT)
def test_settings_are_usable_whatever_the_environment_says(keep_days: str, max_size: str) -> None:
    result = parse_settings({KEEP_DAYS: keep_days, MAX_SIZE: max_size})

    assert 0 <= result.keep_days < math.inf
    assert 0 <= result.max_size <= LARGEST_NUMBER
    assert all(complaint.isprintable() for complaint in result.complaints)
    for name, is_default in ((KEEP_DAYS, result.keep_days == 14), (MAX_SIZE, result.max_size == 10 * 1024**3)):
        assert is_default or not any(complaint.startswith(name) for complaint in result.complaints)


@given(st.integers(0, LARGEST_NUMBER), st.sampled_from(["", "B", " B", " b"]))
def test_a_size_in_bytes_is_read_to_the_byte(size: int, unit: str) -> None:
    assert parse_size(f"{size}{unit}") == size


@given(st.integers(0, 8_000_000), st.sampled_from("KMGT"))
def test_a_binary_unit_is_larger_than_the_decimal_one(amount: int, prefix: str) -> None:
    power = "KMGT".index(prefix) + 1

    assert parse_size(f"{amount}{prefix}B") == parse_size(f"{amount}{prefix.lower()}") == amount * 1000**power
    assert parse_size(f"{amount} {prefix}iB") == amount * 1024**power


@given(ANY_TEXT)
def test_a_duration_that_is_understood_is_finite(text: str) -> None:
    duration_s = parse_duration(text)

    assert duration_s is None or 0 <= duration_s < math.inf


@given(st.integers(0, 10**6))
def test_a_duration_is_the_same_in_any_unit(days: int) -> None:
    assert (
        parse_duration(f"{days}d")
        == parse_duration(f"{days * 24}h")
        == parse_duration(f"{days * 24}h".upper())
        == (days * 86400)
    )
    assert parse_duration(f"{days}w") == days * 7 * 86400


@given(st.dictionaries(ANY_TEXT.map("PIP_RESUME_".__add__) | ANY_TEXT | st.sampled_from(OUR_NAMES), st.just("1")))
def test_only_names_that_begin_like_ours_are_unknown(environ: dict[str, str]) -> None:
    names = unknown_names(environ)

    assert all(name.startswith("PIP_RESUME_") and name in environ for name in names)
    assert not set(names) & set(OUR_NAMES)

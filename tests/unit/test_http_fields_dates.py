"""The HTTP fields that decide about a resume: dates, Retry-After, and what can be sent as If-Range."""

from __future__ import annotations

import pytest
from unit.texts import ARABIC_FIVE

from pip_resume.protocol.http_fields import parse_http_date, parse_retry_after, strong_date, strong_validator

NOV_1994_S = 784111777.0  # The example of RFC 9110 section 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
ONE_SECOND_LATER = "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.parametrize(
    ("text", "date_s"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994_S, id="IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994_S, id="RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", NOV_1994_S, id="asctime"),
        pytest.param("Wed Nov 16 08:49:37 1994", NOV_1994_S + 10 * 86400, id="asctime, day of two digits"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0.0, id="epoch"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1.0, id="before the epoch"),
        pytest.param("Thursday, 01-Jan-70 00:00:00 GMT", 0.0, id="lowest two-digit year"),
        pytest.param("Tuesday, 31-Dec-69 23:59:59 GMT", 3155759999.0, id="highest two-digit year"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800.0, id="leap day"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800.0, id="leap second"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994_S, id="wrong name of the day"),
        pytest.param(" Sun, 06 Nov 1994 08:49:37 GMT ", NOV_1994_S, id="white space around it"),
        pytest.param(None, None, id="no field"),
        pytest.param("", None, id="empty field"),
        pytest.param("0", None, id="zero, as in Expires"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", None, id="29 February without a leap year"),
        pytest.param("Sun, 00 Nov 1994 08:49:37 GMT", None, id="day 0"),
        pytest.param("Sun, 32 Nov 1994 08:49:37 GMT", None, id="day 32"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", None, id="year 0"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", None, id="hour 24"),
        pytest.param("Sun, 06 Nov 1994 08:60:37 GMT", None, id="minute 60"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", None, id="second 61"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", None, id="no zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 CET", None, id="different zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0000", None, id="numeric zone, as in mail"),
        pytest.param("sun, 06 nov 1994 08:49:37 gmt", None, id="lower case"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", None, id="day of one digit"),
        pytest.param("So, 06 Nov 1994 08:49:37 GMT", None, id="day in German"),
        pytest.param("Sun, 06 Nov 94 08:49:37 GMT", None, id="two-digit year in an IMF-fixdate"),
        pytest.param("Sun, 06 Nov 12345 08:49:37 GMT", None, id="five-digit year"),
        pytest.param(f"Sun, 0{ARABIC_FIVE} Nov 1994 08:49:37 GMT", None, id="digit of a different script"),
        pytest.param("1994-11-06T08:49:37Z", None, id="ISO 8601"),
    ],
)
def test_a_date_is_understood_only_in_the_three_forms_of_http(text: str | None, date_s: float | None) -> None:
    assert parse_http_date(text) == date_s


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("0", 0.0, id="at once"),
        pytest.param(" 7 ", 7.0, id="white space around it"),
        pytest.param("Sun, 06 Nov 1994 08:50:07 GMT", 30.0, id="future date"),
        pytest.param("Sunday, 06-Nov-94 08:50:07 GMT", 30.0, id="future date in an obsolete form"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0.0, id="the present second"),
        pytest.param("Sun, 06 Nov 1994 08:00:00 GMT", 0.0, id="past date"),
        pytest.param(None, None, id="no field"),
        pytest.param("120, 120", None, id="list"),
    ],
)
def test_a_retry_after_is_a_number_of_seconds_from_now(text: str | None, delay_s: float | None) -> None:
    assert parse_retry_after(text, now_s=NOV_1994_S) == delay_s


@pytest.mark.parametrize(
    ("etag", "last_modified", "date", "validator"),
    [
        pytest.param('"a"', None, None, '"a"', id="strong ETag"),
        pytest.param('"a"', MODIFIED, ONE_SECOND_LATER, '"a"', id="strong ETag and a date"),
        pytest.param(' "a" ', None, None, '"a"', id="white space around an ETag is not sent"),
        pytest.param('W/"a"', None, None, None, id="weak ETag"),
        pytest.param('W/"a"', MODIFIED, ONE_SECOND_LATER, None, id="weak ETag and a date"),
        pytest.param('w/"a"', MODIFIED, ONE_SECOND_LATER, None, id="ETag with a lower-case w and a date"),
        pytest.param('"a", "b"', MODIFIED, ONE_SECOND_LATER, None, id="two ETags and a date"),
        pytest.param('"a b"', MODIFIED, ONE_SECOND_LATER, None, id="invalid ETag and a date"),
        pytest.param("abc", None, None, None, id="unquoted ETag"),
        pytest.param("abc", MODIFIED, ONE_SECOND_LATER, MODIFIED, id="unquoted ETag counts as none"),
        pytest.param("", MODIFIED, ONE_SECOND_LATER, MODIFIED, id="empty ETag counts as none"),
        pytest.param(None, MODIFIED, ONE_SECOND_LATER, MODIFIED, id="modified one second before Date"),
        pytest.param(None, MODIFIED, MODIFIED, None, id="modified in the second of Date"),
        pytest.param(None, ONE_SECOND_LATER, MODIFIED, None, id="modified after Date"),
        pytest.param(None, MODIFIED, None, None, id="no Date"),
        pytest.param(None, MODIFIED, "yesterday", None, id="invalid Date"),
        pytest.param(None, "yesterday", MODIFIED, None, id="invalid Last-Modified"),
        pytest.param(
            None,
            "Sunday, 06-Nov-94 08:49:37 GMT",
            ONE_SECOND_LATER,
            "Sunday, 06-Nov-94 08:49:37 GMT",
            id="an obsolete form is sent byte for byte",
        ),
        pytest.param(None, f" {MODIFIED}", ONE_SECOND_LATER, MODIFIED, id="white space around a date is not sent"),
        pytest.param(None, None, ONE_SECOND_LATER, None, id="neither"),
    ],
)
def test_only_a_strong_validator_can_be_sent_as_if_range(
    etag: str | None, last_modified: str | None, date: str | None, validator: str | None
) -> None:
    assert strong_validator(etag, last_modified, date) == validator


@pytest.mark.parametrize(
    ("last_modified", "date", "validator"),
    [
        pytest.param(MODIFIED, ONE_SECOND_LATER, MODIFIED, id="modified one second before Date"),
        pytest.param(f"{MODIFIED} ", ONE_SECOND_LATER, MODIFIED, id="white space around it"),
        pytest.param(MODIFIED, MODIFIED, None, id="modified in the second of Date"),
        pytest.param(ONE_SECOND_LATER, MODIFIED, None, id="modified after Date"),
        pytest.param(MODIFIED, None, None, id="no Date"),
        pytest.param(None, ONE_SECOND_LATER, None, id="no Last-Modified"),
    ],
)
def test_a_date_is_strong_if_the_file_cannot_have_changed_in_that_second(
    last_modified: str | None, date: str | None, validator: str | None
) -> None:
    assert strong_date(last_modified, date) == validator

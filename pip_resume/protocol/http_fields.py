"""Parse and format the HTTP fields that decide whether a download can be resumed, as RFC 9110 defines them.

Three rules. Every ``parse_`` function returns None for a value that it cannot use, and raises nothing. Patterns accept
ASCII only: without that, the digit class and case folding would accept digits and letters of other scripts. A number
above ``LARGEST_NUMBER`` is not accepted, so that no offset is larger than a file can be.
"""

from __future__ import annotations

import datetime
import functools
import re
from typing import NamedTuple

# The largest file offset, a signed 64-bit off_t.
LARGEST_NUMBER = 2**63 - 1

# RFC 9110 section 5.6.3: OWS = *( SP / HTAB ). It may surround a field value, but is not part of it (section 5.5).
_OWS = " \t"

# All patterns are strings: `re` compiles each at its first use, and most downloads use few of them.
# RFC 9110 section 8.6: Content-Length = 1*DIGIT. Section 10.2.3: delay-seconds = 1*DIGIT
# LARGEST_NUMBER has 19 digits. The limit matters: int() raises ValueError for more than 4300 digits.
_NUMBER = "[0-9]{1,19}"

# RFC 9110 section 8.8.3: entity-tag = [ weak ] opaque-tag ; weak = %s"W/" (case-sensitive)
# opaque-tag = DQUOTE *etagc DQUOTE ; etagc = %x21 / %x23-7E / obs-text. HTTP libraries decode obs-text as latin-1.
_ENTITY_TAG = r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\xff]*)"'

# RFC 9110 section 14.4: Content-Range = range-unit SP ( range-resp / unsatisfied-range )
# range-resp = incl-range "/" ( complete-length / "*" ) ; unsatisfied-range = "*/" complete-length
# Section 14.1: range-unit names are case-insensitive.
_CONTENT_RANGE = (
    rf"bytes (?:(?P<first>{_NUMBER})-(?P<last>{_NUMBER})/(?:(?P<complete>{_NUMBER})|\*)|\*/(?P<unsatisfied>{_NUMBER}))"
)

# Forms that some servers send instead: no unit, "bytes=" as in Range, or more white space.
_LOOSE_CONTENT_RANGE = (
    rf"(?:bytes[ \t=:]*)?(?P<first>{_NUMBER})[ \t]*-[ \t]*(?P<last>{_NUMBER})[ \t]*/[ \t]*"
    rf"(?:(?P<complete>{_NUMBER})|\*)"
)

# RFC 9110 section 5.6.7: time-of-day = hour ":" minute ":" second ; 00:00:00 - 23:59:60 (leap second)
_TIME = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_SHORT_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"

# RFC 9110 section 5.6.7: HTTP-date = IMF-fixdate / rfc850-date / asctime-date; all three are case-sensitive.
# Sun, 06 Nov 1994 08:49:37 GMT
_IMF_FIXDATE = rf"{_SHORT_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"
# Sunday, 06-Nov-94 08:49:37 GMT
_RFC850_DATE = rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"
# Sun Nov  6 08:49:37 1994
_ASCTIME_DATE = rf"{_SHORT_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"
_HTTP_DATES = (_IMF_FIXDATE, _RFC850_DATE, _ASCTIME_DATE)

# RFC 9110 section 5.6.7: a two-digit year that appears to be more than 50 years in the future is in the past. That rule
# needs a clock. A fixed limit at the Unix epoch needs none, and no artifact is older than that.
_FIRST_TWO_DIGIT_YEAR_OF_THE_1900S = 70

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()

# RFC 9110 sections 8.4.1.1 and 8.4.1.3: a recipient treats the old names as equivalent to the new ones.
_CODING_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}


class EntityTag(NamedTuple):
    """An ETag. ``opaque`` is the text between the quotes.

    Equal weak tags do not mean equal bytes (RFC 9110 section 8.8.1).
    """

    opaque: str
    weak: bool


class ContentRange(NamedTuple):
    """The value of a Content-Range field, in bytes; first-pos and last-pos are inclusive (RFC 9110 section 14.4).

    Both positions are None in the form for 416 (``bytes */10``). The complete-length is None if the server does not
    know it (``bytes 0-4/*``).
    """

    first_pos: int | None
    last_pos: int | None
    complete_length: int | None


def parse_entity_tag(text: str | None) -> EntityTag | None:
    """Parse one ETag (RFC 9110 section 8.8.3).

    None if there is none, for a list, and for an unquoted value: Artifactory sends those, but they are not entity tags.
    """
    match = re.fullmatch(_ENTITY_TAG, (text or "").strip(_OWS))
    if match is None:
        return None
    return EntityTag(opaque=match["opaque"], weak=match["weak"] is not None)


def parse_content_range(text: str | None) -> ContentRange | None:
    """Parse a Content-Range; None for a unit other than bytes and for an invalid value.

    RFC 9110 section 14.4: a value is invalid if last-pos is less than first-pos, or if the complete-length is not
    greater than last-pos. A recipient must not combine such a response with stored bytes.
    """
    if not text:
        return None
    match = re.fullmatch(_CONTENT_RANGE, text.strip(_OWS), re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    numbers = {name: None if digits is None else int(digits) for name, digits in match.groupdict().items()}
    if any(number is not None and number > LARGEST_NUMBER for number in numbers.values()):
        return None
    if numbers["unsatisfied"] is not None:
        return ContentRange(None, None, numbers["unsatisfied"])
    first_pos, last_pos, complete_length = numbers["first"], numbers["last"], numbers["complete"]
    if first_pos is None or last_pos is None or last_pos < first_pos:
        return None
    if complete_length is not None and complete_length <= last_pos:
        return None
    return ContentRange(first_pos, last_pos, complete_length)


def parse_loose_content_range(text: str | None) -> ContentRange | None:
    """Read a Content-Range with positions in one of the forms that some servers send instead; None for everything else.

    ``N-M/T``, ``bytes=N-M/T`` and additional white space. Only where a digest decides in the end.
    """
    if not text:
        return None
    match = re.fullmatch(_LOOSE_CONTENT_RANGE, text.strip(_OWS), re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    complete_length = match["complete"] or "*"
    return parse_content_range(f"bytes {match['first']}-{match['last']}/{complete_length}")


def parse_first_pos(text: str) -> int | None:
    """Read the first-pos of a Content-Range whose other numbers may be wrong; None if it has none."""
    match = re.fullmatch(_LOOSE_CONTENT_RANGE, text.strip(_OWS), re.IGNORECASE | re.ASCII)
    return None if match is None else int(match["first"])


def parse_empty_content_range(text: str | None) -> int | None:
    """Read the complete-length N of ``bytes N-(N-1)/N``; None for everything else.

    RFC 9110 section 14.4 calls it invalid. Azurite, the GCS emulator and webfsd send it at the end of a file.
    """
    match = re.fullmatch(_CONTENT_RANGE, (text or "").strip(_OWS), re.IGNORECASE | re.ASCII)
    if match is None or match["complete"] is None:
        return None
    first_pos, last_pos, complete_length = (int(match[name]) for name in ("first", "last", "complete"))
    is_at_the_end = first_pos == complete_length == last_pos + 1
    return complete_length if is_at_the_end and complete_length <= LARGEST_NUMBER else None


def encode_range(first_pos: int) -> str:
    """Format the Range that requests all bytes from first-pos (inclusive) to the end (RFC 9110 section 14.2)."""
    return f"bytes={first_pos}-"


@functools.lru_cache(maxsize=64)
def parse_content_length(text: str | None) -> int | None:
    """Parse a Content-Length, in bytes; None if there is no valid one.

    Libraries join repeated fields to a list. A list of equal numbers counts as that number (RFC 9110 section 8.6).
    """
    lengths = {_parse_number(element.strip(_OWS)) for element in (text or "").split(",")}
    return lengths.pop() if len(lengths) == 1 else None


def parse_http_date(text: str | None) -> float | None:
    """Parse an HTTP-date, and return seconds since the Unix epoch; None for an invalid one, such as 30 February.

    RFC 9110 section 5.6.7, including the obsolete forms. The name of the day is not compared with the date. A leap
    second (60) counts as the first second of the next minute.
    """
    value = (text or "").strip(_OWS)
    match = next(filter(None, (re.fullmatch(form, value) for form in _HTTP_DATES)), None)
    if match is None:
        return None
    year, hour, minute, second = (int(match[name]) for name in ("year", "hour", "minute", "second"))
    if len(match["year"]) == 2:
        year += 1900 if year >= _FIRST_TWO_DIGIT_YEAR_OF_THE_1900S else 2000
    try:
        date = datetime.date(year, _MONTHS.index(match["month"]) + 1, int(match["day"]))
    except ValueError:
        return None
    return float((date.toordinal() - _EPOCH_ORDINAL) * 86400 + hour * 3600 + minute * 60 + second)


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """Parse a Retry-After, and return the seconds to wait, at least 0; None if there is no valid one.

    ``now_s`` is the present time in seconds since the Unix epoch; it should be the response's Date if there is one,
    because the server's clock may differ from ours. There is no upper limit: the caller sets one. RFC 9110 section
    10.2.3.
    """
    delay_s = _parse_number((text or "").strip(_OWS))
    if delay_s is not None:
        return float(delay_s)
    date_s = parse_http_date(text)
    return None if date_s is None else max(0.0, date_s - now_s)


def strong_validator(etag: str | None, last_modified: str | None, date: str | None) -> str | None:
    """Return what may be sent as If-Range, exactly as it was received; None if nothing may.

    The arguments are fields of one response. The result is a strong ETag or, if there is no ETag, a Last-Modified at
    least one second earlier than Date (RFC 9110 sections 8.8.2.2 and 13.1.5). If the ETag is weak, the date must not be
    sent either.
    """
    tag = parse_entity_tag(etag)
    if etag is not None and tag is not None:
        return None if tag.weak else etag.strip(_OWS)
    # An unquoted value counts as no ETag, so the date may be used. An invalid value with quotes (a list, blanks, a
    # lower-case w/) comes from a server that does send entity tags, so the date must not be used instead.
    if '"' in (etag or ""):
        return None
    modified_s, date_s = parse_http_date(last_modified), parse_http_date(date)
    if last_modified is None or modified_s is None or date_s is None or date_s - modified_s < 1:
        return None
    return last_modified.strip(_OWS)


def strong_date(last_modified: str | None, date: str | None) -> str | None:
    """Return Last-Modified if it is a strong validator: at least one second older than Date (RFC 9110 section 8.8.2.2).

    None otherwise.
    """
    return strong_validator(None, last_modified, date)


def parse_content_coding(text: str | None) -> str:
    """Return the content codings of a Content-Encoding in a form that can be compared; empty if there are none.

    Lower case, in the order of the field, without ``identity`` and empty elements; old names are replaced. RFC 9110
    section 8.4.
    """
    codings = (element.strip(_OWS).lower() for element in (text or "").split(","))
    return ", ".join(_CODING_ALIASES.get(coding, coding) for coding in codings if coding not in ("", "identity"))


def is_multipart_byteranges(content_type: str | None) -> bool:
    """Whether a body has parts with headers of their own, instead of bytes of the file (RFC 9110 section 14.6)."""
    return (content_type or "").partition(";")[0].strip(_OWS).lower() == "multipart/byteranges"


def _parse_number(text: str) -> int | None:
    if re.fullmatch(_NUMBER, text) is None:
        return None
    number = int(text)
    return number if number <= LARGEST_NUMBER else None

"""Random requests, responses, and what is held, for the property tests of the protocol."""

from __future__ import annotations

from hypothesis import strategies as st

from pip_resume.protocol.cases import Case
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.planning import OVERLAP_BYTES, plan_request
from pip_resume.protocol.trust import Asking, Trust

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
TRUSTS = st.builds(Trust, asking=st.sampled_from([Asking.RANGE] * 3 + [Asking.PLAIN]), forgave_date=st.booleans())


@st.composite
def helds(draw: st.DrawFn) -> Held:
    offset = draw(OFFSETS)
    length = draw(st.none() | st.just(offset) | st.integers(offset, 5 * OVERLAP_BYTES))
    overlap = draw(st.sampled_from([0, OVERLAP_BYTES]))
    fields = draw(st.just({"etag": '"a"'}) | FIELDS)
    checkpoint = Checkpoint(complete_length=length, fields=fields, is_https=draw(st.sampled_from([True, True, False])))
    return Held(offset, checkpoint, draw(st.booleans()), overlap)


UNHASHED = helds().map(lambda held: held._replace(digest_known=False))
CONTINUED = UNHASHED.map(lambda held: held._replace(overlap=0)).filter(
    lambda held: held.offset > 0 and held.can_continue
)
"""No overlap is requested, so that a response without bytes is possible at the end."""


@st.composite
def exchanges(draw: st.DrawFn, *kinds: str, held_before: st.SearchStrategy[Held] | None = None) -> Case:
    """Draw what is held, the request for the rest, and a response to it.

    Random responses hardly ever fit the request, and only one that nearly fits is dangerous. So most are made to fit.
    """
    held = draw(helds() if held_before is None else held_before)
    trust = draw(TRUSTS)
    request = plan_request(held, trust)
    fields = {**draw(st.just(dict(held.checkpoint.fields or {})) | FIELDS), **draw(LENGTH_FIELDS)}
    is_https = draw(st.sampled_from([True, True, False]))
    kind = draw(st.sampled_from(kinds or ("part", "unsatisfied", "anything")))
    if kind == "part":
        first_pos, length = request.first_pos or 0, held.checkpoint.complete_length or 5 * OVERLAP_BYTES
        last_pos = max(first_pos, length + draw(st.sampled_from([-OVERLAP_BYTES, -1, -1, 0, 1])))
        sent_length = draw(st.sampled_from([str(length), str(length), str(length + 1), "*"]))
        form = draw(st.sampled_from(["bytes {}-{}/{}"] * 4 + ["{}-{}/{}"]))
        fields["content-range"] = form.format(first_pos, last_pos, sent_length)
        return Case(request, ResponseHead(206, fields, is_https=is_https), held, trust)
    if kind == "unsatisfied":
        lengths = [held.offset, held.checkpoint.complete_length or 0, held.offset + 1]
        status, form = draw(st.sampled_from([(416, "bytes */{}"), (206, "bytes {0}-{1}/{0}")]))
        content_range = draw(st.sampled_from([form.format(length, length - 1) for length in lengths] + [""]))
        return Case(request, ResponseHead(status, {**fields, "content-range": content_range}), held, trust)
    head = ResponseHead(draw(STATUSES), {**fields, "content-range": draw(CONTENT_RANGES)}, is_https=is_https)
    return Case(request, head, held, trust)

"""Situations that are aimed at one row of the tables of pip-resume, for rows that seldom apply otherwise.

What an aim does not need is drawn as in any other situation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

from never_worse.situation import Cut, Hop, Moment, Ranges, Refusal, Replacement, Situation, Stop, User

if TYPE_CHECKING:
    from never_worse.drawing import Draw
    from never_worse.situation import Cached, ContentRange, RefusalHow

Aim = Callable[["Draw", Situation], Situation]


def _broken(draw: Draw, drawn: Situation, ranges: Ranges, share: float | None = None, **file: Any) -> Situation:
    """Return a situation in which the download breaks once, and the server then does this with Range."""
    share = draw.one(0.25, 0.5, 0.75, 0.9) if share is None else share
    is_cut = draw.is_so(50)
    defaults: dict[str, Any] = {"framing": "length", "size": draw.one(300_000, 1_200_000, 3_000_000)}
    return replace(
        drawn,
        file=replace(drawn.file, **{**defaults, **file}),
        scheme="https",
        hops=(),
        ranges=ranges,
        cuts=(Cut(draw.one("close", "reset"), at=share),) if is_cut else (),
        outages=(),
        refusals=(),
        replacement=None,
        serves_stale=False,
        user=replace(drawn.user, stops=() if is_cut else (Stop(share=share),), cached="nothing"),
    )


def _unhashed(draw: Draw, drawn: Situation, ranges: Ranges, **file: Any) -> Situation:
    proved: dict[str, Any] = {"link_hash": "none", "etag": "strong", "last_modified": "old", "has_date": True}
    return _broken(draw, drawn, ranges, **{**proved, **file})


def _part_within_the_overlap(draw: Draw, drawn: Situation) -> Situation:
    return _unhashed(draw, drawn, Ranges(most_bytes=20_000))


def _small_part_from_0(draw: Draw, drawn: Situation) -> Situation:
    ranges = Ranges("starts early", most_bytes=6_000)
    return _broken(draw, drawn, ranges, share=0.01, size=300_000, link_hash="sha256")


def _small_parts_without_a_length(draw: Draw, drawn: Situation) -> Situation:
    ranges = Ranges(content_range="no length", most_bytes=draw.one(2_000, 9_000))
    return _broken(draw, drawn, ranges, framing=draw.one("close", "chunked"), link_hash="sha256")


def _parts_without_a_length(draw: Draw, drawn: Situation) -> Situation:
    return _broken(draw, drawn, Ranges(content_range="no length", most_bytes=draw.one(0, 300_000)))


def _large_parts(draw: Draw, drawn: Situation) -> Situation:
    return _broken(draw, drawn, Ranges(most_bytes=300_000), size=3_000_000)


def _parts_without_a_length_or_a_second_attempt(draw: Draw, drawn: Situation) -> Situation:
    # A part with the length of the rest would be taken for the rest.
    ranges = Ranges(content_range="no length", most_bytes=draw.one(200_000, 300_000))
    situation = _broken(draw, drawn, ranges, link_hash=draw.one("sha256", "md5"), size=draw.one(1_200_000, 3_000_000))
    user = replace(situation.user, stops=(Stop(share=0.5),), retries=draw.one(0, 5), resume_retries=0)
    return replace(situation, cuts=(), user=user)


def _rest_that_ends_with_its_connection(draw: Draw, drawn: Situation) -> Situation:
    """The range says where it ends; its body, without a length, ends before that."""
    first, second = draw.one((0.25, 0.5), (0.5, 0.9), (0.5, 0.99))
    situation = _broken(draw, drawn, Ranges(), framing="close", link_hash="sha256")
    cuts = tuple(Cut("close", at=share) for share in (first, second))
    return replace(situation, cuts=cuts, user=replace(situation.user, stops=()))


def _page_within_a_body_without_a_length(draw: Draw, drawn: Situation) -> Situation:
    situation = _broken(draw, drawn, Ranges(), framing="close")
    page = Cut("error page", at=draw.one(0.5, 0.9, 1.0, 1.0, 1.0, 1.0))
    user = replace(situation.user, stops=())
    return replace(situation, cuts=(page,), refusals=(Refusal(draw.one("status", "reset")),), user=user)


def _wrong_file_without_a_length(draw: Draw, drawn: Situation) -> Situation:
    """The index names a different build, and nothing tells that the end of the file has come."""
    ranges = Ranges(at_end=draw.one("416", "416", "416", "empty 206", "empty 206"))
    situation = _broken(draw, drawn, ranges, framing="close", link_hash="sha256")
    stops = draw.one((), (), (Stop(share=0.5),))
    return replace(situation, cuts=(), serves_stale=True, user=replace(situation.user, stops=stops))


def _rest_with_status_200(draw: Draw, drawn: Situation) -> Situation:
    return _broken(draw, drawn, Ranges("200 with Content-Range", content_range=draw.one("missing", "standard")))


def _content_range_wrong_by_one(draw: Draw, drawn: Situation) -> Situation:
    wrong: ContentRange = draw.one("last-pos is the length", "length plus 1")
    ranges = Ranges(content_range=wrong, most_bytes=draw.one(0, 0, 0, 300_000))
    return _broken(draw, drawn, ranges, link_hash=draw.one("sha256", "sha256", "md5", "none"))


def _no_validators(draw: Draw, drawn: Situation) -> Situation:
    return _unhashed(draw, drawn, Ranges(has_validators=False))


def _redirect_to_http_later(draw: Draw, drawn: Situation) -> Situation:
    situation = _unhashed(draw, drawn, Ranges())
    begins = Moment(0.1, draw.one(0.0, 1.0))
    return replace(situation, hops=(Hop(302, "http", begins),))


def _different_validators(draw: Draw, drawn: Situation) -> Situation:
    share = draw.one(0.25, 0.5, 0.9)
    ranges = Ranges(if_range="ignored")
    situation = _unhashed(draw, drawn, ranges, etag=draw.one("strong", "weak"), share=share)
    replacement = Replacement(Moment(share), draw.one("different", "one byte"), draw.one("new", "new date only"))
    return replace(situation, replacement=replacement)


def _different_coding(draw: Draw, drawn: Situation) -> Situation:
    if draw.is_so(50):
        return _broken(draw, drawn, Ranges(is_labelled_gzip=True))
    return _broken(draw, drawn, Ranges(), share=0.5, gzip_from=Moment(0.5))


def _multipart_or_late(draw: Draw, drawn: Situation) -> Situation:
    return _broken(draw, drawn, Ranges(draw.one("multipart", "starts late")))


def _nothing_in_the_cache(draw: Draw, drawn: Situation) -> Situation:
    return _with_a_cached_body(drawn, "empty")


def _something_in_the_cache(draw: Draw, drawn: Situation) -> Situation:
    return _with_a_cached_body(drawn, draw.one("right", "old build", "truncated", "wrong bytes", "cut"))


def _with_a_cached_body(drawn: Situation, cached: Cached) -> Situation:
    user = replace(drawn.user, cached=cached, stops=())
    return replace(drawn, file=replace(drawn.file, caching="max-age", framing="length"), user=user, refusals=())


def _refused_ranges(draw: Draw, drawn: Situation) -> Situation:
    """Kinds of refusals that are drawn less often than others."""
    how: RefusalHow = draw.one("status", "status", "login page", "login redirect", "close", "silence")
    refusal = Refusal(how, "range", draw.one(204, 304, 400, 405, 416, 502, 521))
    return replace(_broken(draw, drawn, Ranges()), refusals=(refusal,))


def _busy_or_logged_out(draw: Draw, drawn: Situation) -> Situation:
    how: RefusalHow = draw.one("status", "login page", "login redirect")
    begins, lasts_s = Moment(draw.one(0.0, 0.5)), draw.one(1.0, 5.0, 30.0)
    refusal = Refusal(how, "any", draw.one(429, 503), begins, lasts_s, draw.one("none", "seconds", "date"))
    return replace(_broken(draw, drawn, Ranges()), refusals=(refusal,))


def _status_about_the_file(draw: Draw, drawn: Situation) -> Situation:
    refusal = Refusal("status", "any", draw.one(400, 404, 410, 451), lasts_s=draw.one(1.0, 5.0, 30.0))
    return replace(drawn, refusals=(refusal,), user=User(stops=drawn.user.stops, gap_s=draw.one(2.0, 10.0, 60.0)))


def _wrong_end_of_a_complete_file(draw: Draw, drawn: Situation) -> Situation:
    """All bytes are held, but no response has said so: a range from the end is requested."""
    ranges = Ranges(at_end=draw.one("416", "416 without length", "empty 206", "empty 206"))
    situation = _broken(draw, drawn, ranges, share=1.0, framing="close", link_hash=draw.one("none", "sha256"))
    return replace(situation, file=replace(situation.file, is_labelled_gzip=draw.is_so(30)))


AIMS: tuple[Aim, ...] = (
    _part_within_the_overlap,
    _small_part_from_0,
    _small_parts_without_a_length,
    _parts_without_a_length,
    _large_parts,
    _parts_without_a_length_or_a_second_attempt,
    _rest_that_ends_with_its_connection,
    _page_within_a_body_without_a_length,
    _wrong_file_without_a_length,
    _wrong_file_without_a_length,
    _rest_with_status_200,
    _content_range_wrong_by_one,
    _content_range_wrong_by_one,
    _content_range_wrong_by_one,
    _no_validators,
    _redirect_to_http_later,
    _different_validators,
    _different_coding,
    _multipart_or_late,
    _nothing_in_the_cache,
    _something_in_the_cache,
    _refused_ranges,
    _busy_or_logged_out,
    _status_about_the_file,
    _wrong_end_of_a_complete_file,
)

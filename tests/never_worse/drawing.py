"""Draw a situation from a seed. The weights are chosen so that plain pip succeeds in more than half of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from never_worse.aims import AIMS
from never_worse.situation import (
    FOREVER,
    AtEnd,
    Before,
    Build,
    Cached,
    Caching,
    ContentRange,
    Cut,
    CutHow,
    Etag,
    File,
    Framing,
    Hop,
    HopTo,
    IfRange,
    LastModified,
    LinkHash,
    Moment,
    NewValidators,
    Of,
    Outage,
    OutageHow,
    Ranges,
    Refusal,
    RefusalHow,
    Replacement,
    RetryAfter,
    Situation,
    Sleep,
    Slow,
    Stop,
    Support,
    User,
)

T = TypeVar("T")

AIMED_FROM = 10**9
"""From this seed on the situations are aimed at rows that seldom apply; the kinds take turns."""

SIZES = {5_000: 5, 300_000: 28, 1_200_000: 40, 3_000_000: 22, 8_000_000: 5}
LINK_HASHES: Mapping[LinkHash, int] = {"sha256": 46, "none": 32, "md5": 11, "requirements": 11}
ETAGS: Mapping[Etag, int] = {"strong": 58, "weak": 13, "unquoted": 7, "changing": 8, "none": 14}
LAST_MODIFIED: Mapping[LastModified, int] = {"old": 74, "recent": 11, "none": 15}
CACHING: Mapping[Caching, int] = {"max-age": 45, "not said": 30, "no-store": 25}
FRAMINGS: Mapping[Framing, int] = {
    "length": 73,
    "chunked": 8,
    "close": 7,
    "unfinished chunks": 4,
    "length too long": 5,
    "length too short": 6,
}
SUPPORTS: tuple[Support, ...] = (
    "ignored",
    "starts late",
    "starts early",
    "other bytes",
    "multipart",
    "200 with Content-Range",
)
CONTENT_RANGES: tuple[ContentRange, ...] = ("no unit", "equals sign", "spaces", "no length", "missing")
AT_ENDS: tuple[AtEnd, ...] = ("416 without length", "200", "empty 206")
ODD_RANGES: tuple[tuple[str, object], ...] = (
    *(("support", value) for value in SUPPORTS),
    *(("content_range", value) for value in CONTENT_RANGES),
    *(("at_end", value) for value in AT_ENDS),
    *(("most_bytes", value) for value in (2_000, 40_000, 300_000)),
    ("if_range", "ignored"),
    ("has_validators", False),
    ("is_labelled_gzip", True),
)
CUTS: Mapping[CutHow, int] = {"close": 30, "reset": 25, "tls record": 9, "tls eof": 9, "silence": 12, "error page": 15}
OUTAGES: Mapping[OutageHow, int] = {"refused": 30, "unreachable": 15, "dns": 15, "silence": 22, "certificate": 18}
RANGE_STATUSES = (400, 403, 404, 405, 406, 416, 500, 501, 502, 503)
BUSY_STATUSES = {503: 30, 429: 33, 500: 10, 502: 10, 504: 5, 408: 5, 425: 5, 520: 3, 521: 4, 524: 3, 404: 5, 403: 5}
ODD_STATUSES = ((102, 103, 202, 204), (300, 304, 305), (421, 425, 521, 530))
OTHER_REFUSALS: tuple[RefusalHow, ...] = ("reset", "silence", "login page", "login redirect", "close")
BUILDS: Mapping[Build, int] = {"different": 36, "one byte": 34, "longer": 26}
NEW_VALIDATORS: Mapping[NewValidators, int] = {"new": 52, "same": 24, "new date only": 24}
HOPS: Mapping[HopTo, int] = {"same host": 22, "other host": 30, "signed": 33, "http": 15}
CACHED: Mapping[Cached, int] = {"nothing": 82, "right": 5, "old build": 5, "wrong bytes": 5, "truncated": 5, "cut": 9}
BEFORE: Mapping[Before, int] = {"nothing": 80, "index page": 8, "metadata": 6, "index page and metadata": 6}


class Draw:
    """Draws the ingredients of one situation."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = random.Random(seed)

    def of(self, weights: Mapping[T, int]) -> T:
        return self._rng.choices(list(weights), list(weights.values()))[0]

    def one(self, *values: T) -> T:
        return self._rng.choice(values)

    def is_so(self, percent: float) -> bool:
        return self._rng.random() * 100 < percent

    def share(self) -> float:
        return self.one(0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, round(self._rng.random(), 3))

    def duration_s(self) -> float:
        """From half a second to four minutes, short ones more often."""
        return round(0.5 * float(480 ** self._rng.random()), 1)

    def moment(self) -> Moment:
        return Moment(self.share(), self.of({0.0: 75, 0.05: 10, 1.0: 10, 10.0: 5}))

    def file(self) -> File:
        return File(
            size=self.of(SIZES),
            link_hash=self.of(LINK_HASHES),
            etag=self.of(ETAGS),
            last_modified=self.of(LAST_MODIFIED),
            has_date=self.is_so(90),
            caching=self.of(CACHING),
            framing=self.of(FRAMINGS),
            is_labelled_gzip=self.is_so(4),
            gzip_from=Moment(0.0, self.one(0.1, 0.3, 1.0, 5.0)) if self.is_so(4) else None,
        )

    def ranges(self) -> Ranges:
        """Return what the server does with Range: one to three things are odd. The kinds take turns."""
        turn = ODD_RANGES[self._seed // 7 % len(ODD_RANGES)]
        further = [self.one(*ODD_RANGES) for _ in range(self.of({1: 40, 2: 60}))]
        odd: dict[str, Any] = dict([*further, turn])
        return replace(Ranges(), **odd)

    def hops(self) -> tuple[Hop, ...]:
        number = self.of({0: 72, 1: 21, 2: 7})
        hops = (Hop(self.one(301, 302, 307), self.of(HOPS)) for _ in range(number))
        # Nobody redirects for good to a URL that expires.
        return tuple(replace(hop, status=302) if hop.to == "signed" and hop.status == 301 else hop for hop in hops)

    def cut(self) -> Cut:
        if self.is_so(80):
            return Cut(self.of(CUTS), at=self.share())
        until_s = FOREVER if self.is_so(40) else self.duration_s()
        return Cut(self.of(CUTS), every=self.one(8_000, 60_000, 200_000, 900_000), until_s=until_s)

    def outage(self) -> Outage:
        begins = self.moment() if self.is_so(80) else Moment()
        return Outage(self.of(OUTAGES), begins, self.duration_s())

    def refusal_of_ranges(self) -> Refusal:
        """Return a refusal of ranges, most often for good. The kinds take turns, so that each occurs often enough."""
        kinds: tuple[RefusalHow | int | tuple[int, ...], ...] = (*RANGE_STATUSES, *OTHER_REFUSALS, *ODD_STATUSES)
        kind = kinds[self._seed % len(kinds)]
        lasts_s = FOREVER if self.is_so(65) else self.duration_s()
        if isinstance(kind, str):
            return Refusal(kind, "range", lasts_s=lasts_s)
        return self.status(self.one(*kind) if isinstance(kind, tuple) else kind, "range", Moment(), lasts_s)

    def refusal(self, of: Of) -> Refusal:
        """Return a refusal that is not only of ranges. It lasts for some time."""
        begins, lasts_s = self.moment() if self.is_so(60) else Moment(), self.duration_s()
        if self.is_so(28):
            return Refusal(self.one(*OTHER_REFUSALS), of, begins=begins, lasts_s=lasts_s)
        status = self.one(*self.one(*ODD_STATUSES)) if self.is_so(31) else self.of(BUSY_STATUSES)
        return self.status(status, of, begins, lasts_s)

    def status(self, status: int, of: Of, begins: Moment, lasts_s: float) -> Refusal:
        retry_after: RetryAfter = "none"
        if status in (429, 503) and self.is_so(80):
            retry_after = self.one("seconds", "date")
        return Refusal("status", of, status, begins, lasts_s, retry_after, self.one(1, 10, 30, 70, 120))

    def slow(self) -> Slow:
        rate = self.one(100.0, 900.0, 3_000.0, 20_000.0, 100_000.0)
        lasts_s = FOREVER if rate >= 20_000 and self.is_so(50) else self.duration_s()
        is_only_open = self.is_so(45)
        return Slow(rate, self.moment(), FOREVER if is_only_open else lasts_s, only_open=is_only_open)

    def stop(self) -> Stop:
        return Stop("kill" if self.is_so(75) else "ctrl-c", self.share())

    def user(self, stops: tuple[Stop, ...]) -> User:
        resume_retries: int | None = None if self.is_so(82) else self.one(0, 1, 10, 30)
        return User(
            stops=stops,
            gap_s=self.one(2.0, 10.0, 60.0),
            retries=self.of({5: 72, 0: 7, 2: 7, 10: 7, 20: 7}),
            resume_retries=resume_retries,
            timeout_s=self.of({15: 80, 3: 12, 60: 8}),
            cached=self.of(CACHED),
            before=self.of(BEFORE),
        )

    def situation(self) -> Situation:
        theme = self.of({"any": 61, "odd": 23, "changed": 8, "end": 8})
        drawn = self.any()
        themes = {"odd": self.odd, "changed": self.changed, "end": self.at_the_end}
        return themes[theme](drawn) if theme in themes else drawn

    def any(self) -> Situation:
        """Return a situation in which every ingredient is drawn by itself, but for what would hide another one."""
        main = self.of({"cut": 47, "outage": 20, "stop": 18, "two": 9, "none": 6})
        ranges = self.of({"refused": 87, "odd": 12, "fine": 1})
        refusals = [self.refusal_of_ranges()] if ranges == "refused" or self.is_so(10) else []
        refusals += [self.refusal("any")] if self.is_so(27) else []
        refusals += [self.refusal("plain")] if self.is_so(10) else []
        number = self.of({1: 80, 2: 20}) if main in ("stop", "two") or self.is_so(6) else 0
        stops = tuple(self.stop() for _ in range(number))
        return Situation(
            file=self.file(),
            scheme="https" if self.is_so(84) else "http",
            is_link_signed=self.is_so(5),
            hops=self.hops(),
            ranges=self.ranges() if ranges == "odd" else Ranges(),
            bytes_per_s=self.of({5_000_000.0: 80, 300_000.0: 12, 30_000.0: 8}),
            cuts=tuple(self.cut() for _ in range(self.of({1: 75, 2: 25}))) if main in ("cut", "two") else (),
            outages=(self.outage(),) if main == "outage" or self.is_so(8) else (),
            refusals=tuple(refusals),
            slow=(self.slow(),) if self.is_so(10) else (),
            replacement=self.replacement() if self.is_so(5) else None,
            serves_stale=self.is_so(4),
            sleeps=(Sleep(self.moment(), self.one(60.0, 3600.0)),) if self.is_so(4) else (),
            user=self.user(stops),
        )

    def odd(self, drawn: Situation) -> Situation:
        """Return a situation in which the server is asked for a range for certain, and does something odd with it."""
        share = self.one(0.5, 0.75, 0.9)
        is_cut = self.is_so(60)
        return replace(
            drawn,
            file=replace(drawn.file, etag="strong", size=self.one(1_200_000, 3_000_000), framing="length"),
            scheme="https",
            hops=(),
            ranges=self.ranges(),
            cuts=(Cut(self.of(CUTS), at=share),) if is_cut else (),
            outages=(),
            refusals=(),
            user=replace(drawn.user, stops=() if is_cut else (Stop(share=share),), cached="nothing"),
        )

    def changed(self, drawn: Situation) -> Situation:
        """Return a situation in which the file changes just when its download is broken."""
        share = self.one(0.1, 0.5, 0.9)
        is_cut = self.is_so(50)
        if_range: IfRange = "ignored" if self.is_so(80) else "honoured"
        return replace(
            drawn,
            file=replace(
                drawn.file,
                size=1_200_000,
                link_hash="none" if self.is_so(92) else "sha256",
                etag="strong" if self.is_so(80) else "weak",
                framing="length",
            ),
            scheme="https",
            cuts=(Cut(self.of(CUTS), at=share),) if is_cut else (),
            outages=(),
            refusals=(),
            ranges=Ranges(if_range=if_range, has_validators=self.is_so(85)),
            replacement=Replacement(Moment(share), self.of(BUILDS), self.of(NEW_VALIDATORS)),
            serves_stale=False,
            user=replace(drawn.user, stops=() if is_cut else (Stop(share=share),), cached="nothing"),
        )

    def at_the_end(self, drawn: Situation) -> Situation:
        """Return a situation in which the end of the file is not certain."""
        framing: Framing = self.one("close", "unfinished chunks", "length too long", "length")
        cuts = (Cut(self.of(CUTS), at=self.one(1.0, 0.5)),) if framing == "length" or self.is_so(30) else ()
        at_end: AtEnd = "416" if self.is_so(40) else self.one(*AT_ENDS)
        return replace(
            drawn,
            file=replace(drawn.file, link_hash="none" if self.is_so(65) else "sha256", framing=framing),
            ranges=Ranges(at_end=at_end, content_range="no length" if self.is_so(25) else "standard"),
            cuts=cuts,
            refusals=(),
        )

    def replacement(self) -> Replacement:
        begins = self.moment() if self.is_so(70) else Moment(0.0, self.duration_s())
        return Replacement(begins, self.of(BUILDS), self.of(NEW_VALIDATORS))


def draw(seed: int) -> Situation:
    """Return the situation of a seed."""
    drawing = Draw(seed)
    if seed >= AIMED_FROM:
        return AIMS[seed % len(AIMS)](drawing, drawing.any())
    return drawing.situation()

"""Draw a situation from a seed. The weights are chosen so that plain pip succeeds in more than half of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TypeVar

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
    "length too short": 3,
}
SUPPORTS: Mapping[Support, int] = {
    "honoured": 66,
    "ignored": 9,
    "starts late": 5,
    "starts early": 5,
    "other bytes": 4,
    "multipart": 6,
    "200 with Content-Range": 5,
}
CONTENT_RANGES: Mapping[ContentRange, int] = {
    "standard": 72,
    "no unit": 5,
    "equals sign": 5,
    "spaces": 5,
    "no length": 7,
    "missing": 6,
}
AT_ENDS: Mapping[AtEnd, int] = {"416": 60, "416 without length": 13, "200": 13, "empty 206": 14}
CUTS: Mapping[CutHow, int] = {"close": 30, "reset": 25, "tls record": 9, "tls eof": 9, "silence": 12, "error page": 15}
OUTAGES: Mapping[OutageHow, int] = {"refused": 30, "unreachable": 15, "dns": 15, "silence": 22, "certificate": 18}
RANGE_STATUSES = (400, 403, 404, 405, 406, 416, 500, 501, 502, 503)
BUSY_STATUSES = {503: 30, 429: 25, 500: 10, 502: 10, 504: 5, 408: 5, 425: 5, 520: 3, 521: 4, 524: 3, 404: 5, 403: 5}
ODD_STATUSES = {204: 3, 202: 2, 102: 2, 103: 2, 300: 3, 304: 3, 305: 3, 421: 2, 425: 2, 521: 3, 530: 2}
OTHER_REFUSALS: tuple[RefusalHow, ...] = ("reset", "silence", "login page", "login redirect", "close")
BUILDS: Mapping[Build, int] = {"different": 36, "one byte": 34, "longer": 30}
NEW_VALIDATORS: Mapping[NewValidators, int] = {"new": 40, "same": 30, "new date only": 30}
HOPS: Mapping[HopTo, int] = {"same host": 22, "other host": 30, "signed": 33, "http": 15}
CACHED: Mapping[Cached, int] = {"nothing": 82, "right": 5, "old build": 5, "wrong bytes": 4, "truncated": 4}
BEFORE: Mapping[Before, int] = {"nothing": 80, "index page": 8, "metadata": 6, "index page and metadata": 6}


class _Draw:
    """Draws the ingredients of one situation."""

    def __init__(self, seed: int) -> None:
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
            gzip_from=self.moment() if self.is_so(4) else None,
        )

    def ranges(self) -> Ranges:
        return Ranges(
            support=self.of(SUPPORTS),
            content_range=self.of(CONTENT_RANGES),
            if_range="ignored" if self.is_so(25) else "honoured",
            has_validators=self.is_so(90),
            at_end=self.of(AT_ENDS),
            most_bytes=self.of({0: 88, 2_000: 4, 40_000: 3, 300_000: 5}),
        )

    def hops(self) -> tuple[Hop, ...]:
        number = self.of({0: 72, 1: 21, 2: 7})
        return tuple(Hop(self.one(301, 302, 307), self.of(HOPS)) for _ in range(number))

    def cut(self) -> Cut:
        if self.is_so(80):
            return Cut(self.of(CUTS), at=self.share())
        until_s = FOREVER if self.is_so(40) else self.duration_s()
        return Cut(self.of(CUTS), every=self.one(8_000, 60_000, 200_000, 900_000), until_s=until_s)

    def outage(self) -> Outage:
        begins = self.moment() if self.is_so(80) else Moment()
        return Outage(self.of(OUTAGES), begins, self.duration_s())

    def refusal(self, of: Of) -> Refusal:
        """Return a refusal: of ranges most often for good, of other requests only for some time."""
        if of == "range":
            how: RefusalHow = "status" if self.is_so(72) else self.one(*OTHER_REFUSALS)
            status = self.of(ODD_STATUSES) if self.is_so(25) else self.one(*RANGE_STATUSES)
            begins, lasts_s = Moment(), FOREVER if self.is_so(65) else self.duration_s()
        else:
            how = "status" if self.is_so(72) else self.one(*OTHER_REFUSALS)
            status = self.of(ODD_STATUSES) if self.is_so(26) else self.of(BUSY_STATUSES)
            begins, lasts_s = self.moment() if self.is_so(60) else Moment(), self.duration_s()
        retry_after: RetryAfter = "none"
        if status in (429, 503) and self.is_so(60):
            retry_after = self.one("seconds", "date")
        return Refusal(how, of, status, begins, lasts_s, retry_after, self.one(1, 10, 30, 70, 120))

    def slow(self) -> Slow:
        rate = self.one(100.0, 900.0, 3_000.0, 20_000.0, 100_000.0)
        lasts_s = FOREVER if rate >= 20_000 and self.is_so(50) else self.duration_s()
        is_only_open = self.is_so(45)
        return Slow(rate, self.moment(), FOREVER if is_only_open else lasts_s, only_open=is_only_open)

    def stop(self) -> Stop:
        return Stop("kill" if self.is_so(75) else "ctrl-c", self.of({1: 85, 2: 15}), self.share())

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
        main = self.of({"cut": 46, "outage": 18, "stop": 18, "two": 9, "none": 9})
        refusals = [self.refusal("range")] if self.is_so(54) else []
        refusals += [self.refusal("any")] if self.is_so(17) else []
        refusals += [self.refusal("plain")] if self.is_so(8) else []
        stops = (self.stop(),) if main in ("stop", "two") or self.is_so(6) else ()
        return Situation(
            file=self.file(),
            scheme="https" if self.is_so(84) else "http",
            is_link_signed=self.is_so(5),
            hops=self.hops(),
            ranges=self.ranges(),
            bytes_per_s=self.of({5_000_000.0: 80, 300_000.0: 12, 30_000.0: 8}),
            cuts=tuple(self.cut() for _ in range(self.of({1: 75, 2: 25}))) if main in ("cut", "two") else (),
            outages=(self.outage(),) if main == "outage" or self.is_so(6) else (),
            refusals=tuple(refusals),
            slow=(self.slow(),) if self.is_so(10) else (),
            replacement=self.replacement() if self.is_so(12) else None,
            serves_stale=self.is_so(4),
            sleeps=(Sleep(self.moment(), self.one(60.0, 3600.0)),) if self.is_so(4) else (),
            user=self.user(stops),
        )

    def replacement(self) -> Replacement:
        begins = self.moment() if self.is_so(70) else Moment(0.0, self.duration_s())
        return Replacement(begins, self.of(BUILDS), self.of(NEW_VALIDATORS))


def draw(seed: int) -> Situation:
    """Return the situation of a seed."""
    return _Draw(seed).situation()

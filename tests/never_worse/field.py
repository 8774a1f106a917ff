"""What goes wrong for people, as situations with a name, and what pip-resume does then at the latest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from never_worse.allowance import OVERLAP_BYTES, READ_AHEAD_BYTES
from never_worse.situation import (
    Cut,
    File,
    Hop,
    Moment,
    Outage,
    Ranges,
    Refusal,
    Replacement,
    Situation,
    Sleep,
    Slow,
    Stop,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.compare import Comparison

ANY_NUMBER = 4
EASY_USER = User()
KILLED = User(stops=(Stop(),))
NO_HASH = File(link_hash="none")
NO_STORE = File(caching="no-store")
MIDDLE = Moment(0.5)
CUT = (Cut(at=0.5),)


@dataclass(frozen=True)
class Row:
    """A situation, and what is right in it."""

    name: str
    situation: Situation
    runs: int = 1
    """The number of the run that has the file at the latest."""
    multiple: float = 1.0
    """Bytes of all runs together as a multiple of the file, at most. For each run an overlap, and what was received but
    not written, come on top of it."""
    seconds: float = math.inf
    """Until the file is there, at most."""
    next_multiple: float = math.inf
    """Bytes of the run after all others, at most."""
    may_fail: bool = False
    """Whether nobody can have the file, so that only promise 0 itself is checked."""

    def complaints(self, comparison: Comparison) -> Iterator[str]:
        """Yield what is not right."""
        ours, size = comparison.ours, self.situation.file.size
        yield from map(str, comparison.violations)
        if ours.runs_needed is None:
            if not self.may_fail:
                yield f"no file in {len(ours.runs)} runs"
            return
        if ours.runs_needed > self.runs:
            yield f"the file in run {ours.runs_needed}, not {self.runs}"
        most = self.multiple * size + (OVERLAP_BYTES + READ_AHEAD_BYTES) * self.runs
        if ours.body_bytes > most:
            yield f"{ours.body_bytes} bytes, allowed are {most:.0f}"
        if ours.ended_s > self.seconds:
            yield f"the file after {ours.ended_s:.1f} s, allowed are {self.seconds:.1f} s"
        if ours.next_run.body_bytes > self.next_multiple * size:
            yield f"{ours.next_run.body_bytes} bytes in the next run"
        if self.name.startswith("2.6") and any(request.first_pos for run in ours.runs for request in run.requests):
            yield "resumed over http"


def _refused_ranges(number: str, **refusal: object) -> Row:
    """A server that refuses ranges for good, after a connection that was cut."""
    made = Refusal(**refusal)  # type: ignore[arg-type]
    shown = f"status {made.status}" if made.how == "status" else made.how
    seconds = 120.0 if made.how == "silence" else 60.0
    return Row(f"{number} ranges get {shown}", Situation(cuts=CUT, refusals=(made,)), multiple=1.5, seconds=seconds)


def _refused_ranges_after_kill(number: str, **refusal: object) -> Row:
    made = Refusal(**refusal)  # type: ignore[arg-type]
    shown = f"status {made.status}" if made.how == "status" else made.how
    situation = Situation(refusals=(made,), user=KILLED)
    return Row(f"{number} ranges get {shown} after a kill", situation, runs=2, multiple=1.5, seconds=130.0)


def _outage(number: str, text: str, outage: Outage, user: User = EASY_USER) -> Row:
    seconds = outage.lasts_s * 1.1 + 20
    return Row(f"{number} {text}", Situation(outages=(outage,), user=user), seconds=seconds)


def _busy(status: int, seconds: int) -> Row:
    refusal = Refusal("status", "any", status, MIDDLE, float(seconds), "seconds", seconds)
    return Row(
        f"1.18 {status} with Retry-After: {seconds} in mid-file",
        Situation(cuts=CUT, refusals=(refusal,)),
        seconds=seconds + 10.0,
    )


WORSE_THAN_PLAIN = (
    _outage("1.1", "refused for 35 s", Outage("refused", MIDDLE, 35.0)),
    _outage("1.1", "unreachable for 30 s", Outage("unreachable", MIDDLE, 30.0)),
    Row("1.1 no host name for 30 s", Situation(cuts=CUT, outages=(Outage("dns", MIDDLE, 30.0),)), seconds=50.0),
    _outage("1.1", "refused for 240 s", Outage("refused", MIDDLE, 240.0)),
    _outage("1.2", "packets vanish for 100 s", Outage("silence", MIDDLE, 100.0)),
    _outage("1.3", "60 resume retries", Outage("refused", MIDDLE, 400.0), User(resume_retries=60)),
    _outage("1.3", "20 connect retries", Outage("refused", Moment(), 60.0), User(retries=20)),
    *(_refused_ranges("1.4", status=status) for status in (400, 403, 404, 405, 406, 501)),
    *(_refused_ranges("1.5", status=status) for status in (500, 502)),
    *(_refused_ranges("1.5", how=how) for how in ("reset", "close", "silence")),
    *(_refused_ranges("1.6", how=how) for how in ("login page", "login redirect")),
    _refused_ranges_after_kill("1.4", status=403),
    _refused_ranges_after_kill("1.5", how="reset"),
    _refused_ranges_after_kill("1.6", how="login page"),
    _refused_ranges_after_kill("1.7", how="silence"),
    Row("1.8 each connection ends after 60 kB", Situation(cuts=(Cut(every=60_000),), user=KILLED), 2, 1.2),
    Row("1.8 900 bytes a second", Situation(bytes_per_s=900.0, user=KILLED), 2),
    Row("1.9 Content-Length is too long", Situation(file=File(framing="length too long"))),
    Row("1.10 no-store", Situation(file=NO_STORE), next_multiple=0.0),
    Row("1.14 each connection gives 8 KiB", Situation(cuts=(Cut(every=8192),)), multiple=1.1),
    Row(
        "1.15 a file that starts over often",
        Situation(
            file=File(link_hash="none", etag="weak", last_modified="none"),
            cuts=tuple(Cut("reset", at=share / 20) for share in range(1, 20)),
        ),
        multiple=math.inf,
    ),
    Row("1.17 1 MB/s drops to 100 B/s", Situation(slow=(Slow(100.0, only_open=True),)), seconds=90.0),
    *(_busy(status, seconds) for status in (503, 429) for seconds in (70, 90)),
    _outage("1.19", "a wrong certificate for 5 s", Outage("certificate", MIDDLE, 5.0)),
    _outage("1.20", "refused before the file", Outage("refused", Moment(0, 0.16), 60.0), User(before="index page")),
    _outage(
        "1.20",
        "refused before a metadata file",
        Outage("refused", Moment(0, 0.16), 60.0),
        User(before="index page and metadata"),
    ),
    Row("1.21 the laptop sleeps for eight hours", Situation(sleeps=(Sleep(lasts_s=28_800.0),)), seconds=29_000.0),
)

RIGHT_BYTES_WITHOUT_A_HASH = (
    *(
        Row(
            f"2.1 changed file with the same ETag, {how}",
            Situation(
                file=NO_HASH,
                ranges=Ranges(if_range="ignored"),
                cuts=CUT if user == User() else (),
                replacement=Replacement(validators="new date only"),
                user=user,
            ),
            runs=2,
            multiple=1.6,
        )
        for how, user in (("in the run", User()), ("after a kill", KILLED))
    ),
    *(
        Row(
            f"2.2 changed file and a 206 without validators, {how}",
            Situation(
                file=NO_HASH,
                ranges=Ranges(if_range="ignored", has_validators=False),
                cuts=CUT if user == User() else (),
                replacement=Replacement(),
                user=user,
            ),
            runs=2,
            multiple=1.6,
        )
        for how, user in (("in the run", User()), ("after a kill", KILLED))
    ),
    Row("2.3 error page after good bytes", Situation(file=NO_HASH, cuts=(Cut("error page", at=0.5),)), multiple=1.6),
    *(
        Row(
            f"2.4 one byte changed with the same validators, {how}",
            Situation(
                file=NO_HASH,
                cuts=CUT if user == User() else (),
                replacement=Replacement(build="one byte", validators="same"),
                user=user,
            ),
            runs=2,
            multiple=2.1,
        )
        for how, user in (("in the run", User()), ("after a kill", KILLED))
    ),
    Row("2.5 weak ETag and strong date", Situation(file=File(link_hash="none", etag="weak"), cuts=CUT)),
    Row("2.6 redirect to http", Situation(file=NO_HASH, hops=(Hop(to="http"),), user=KILLED), runs=2, multiple=1.5),
    Row(
        "2.7 a page on resume",
        Situation(
            file=File(3_000_000, "none"),
            cuts=(Cut(at=0.9),),
            refusals=(Refusal("login page", "any", begins=Moment(0.9), lasts_s=5.0),),
        ),
        runs=2,
    ),
    Row(
        "2.8 a coding nobody asked for",
        Situation(file=File(link_hash="none", gzip_from=MIDDLE), cuts=CUT),
        runs=ANY_NUMBER,
        multiple=math.inf,
        may_fail=True,
    ),
)

RIGHT_BYTES_WITH_A_HASH = (
    Row("3.1 a stale cache on the way", Situation(serves_stale=True), multiple=2.0),
    Row(
        "3.2 an error page at the end of what is held",
        Situation(cuts=(Cut("error page", at=0.5),), user=User(resume_retries=0)),
        runs=2,
    ),
    Row("3.3 Content-Range without unit", Situation(cuts=CUT, ranges=Ranges(content_range="no unit"))),
    Row("3.3 Content-Range with an equals sign", Situation(cuts=CUT, ranges=Ranges(content_range="equals sign"))),
    Row("3.3 Content-Range with spaces", Situation(cuts=CUT, ranges=Ranges(content_range="spaces"))),
    Row(
        "3.4 an empty 206 at the end",
        Situation(
            file=File(link_hash="none", framing="unfinished chunks"),
            ranges=Ranges(at_end="empty 206"),
        ),
    ),
    *(
        Row(
            f"3.5 status {status} for 10 s",
            Situation(cuts=CUT, refusals=(Refusal("status", "any", status, MIDDLE, 10.0),)),
            seconds=30.0,
        )
        for status in (421, 425, 521, 522, 523, 524, 525, 530)
    ),
    *(_refused_ranges("3.6", status=status) for status in (202, 204, 300, 304)),
    *(
        Row(f"3.6 ranges get {status} first", Situation(cuts=CUT, refusals=(Refusal(status=status),)), multiple=1.5)
        for status in (102, 103)
    ),
    Row(
        "3.7 md5 and a link with a new query",
        Situation(file=File(link_hash="md5"), is_link_signed=True, user=KILLED),
        runs=2,
    ),
)

ROWS = (*WORSE_THAN_PLAIN, *RIGHT_BYTES_WITHOUT_A_HASH, *RIGHT_BYTES_WITH_A_HASH)

"""Promise 0 as a comparison: the same situation for plain pip and for pip-resume, and what is worse with pip-resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from never_worse.allowance import (
    OVERLAP_BYTES,
    allowed_bytes,
    asked_to_wait_s,
    barren_s,
    has_failed_sooner,
    healing_s,
    may_be_luck,
    parts_s,
    sends_wrong_bytes,
    slept_s,
)
from never_worse.playing import play
from never_worse.server import MAX_AGE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.playing import Played, Run
    from never_worse.situation import Situation

SAVED_RUN_S = 60.0
"""How much later pip-resume may have the file for each run that it saves: somebody has to notice and start it again."""
LARGE_PART_BYTES = 40_000
"""If each part, or each connection, brings so much, the next request may follow at once."""
STORED_FROM_BYTES = 1024 * 1024
SLOWER_BY, SLOWER_BY_S = 1.1, 1.0
MOST_REQUESTS, WINDOW_S = 40, 30.0
"""In any 30 seconds: the design allows 30 requests, and its first ones come without a wait."""


class Violation(NamedTuple):
    """One way in which pip-resume was worse."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True)
class Comparison:
    """A situation, and what came of it on both sides."""

    situation: Situation
    plain: Played
    ours: Played
    violations: tuple[Violation, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(violation.name for violation in self.violations)


def compare(situation: Situation, *, with_plugin: bool = True) -> Comparison:
    """Play a situation to both sides. `with_plugin=False` compares plain pip with itself."""
    plain, ours = play(situation, with_plugin=False), play(situation, with_plugin=with_plugin)
    find = find_violations if with_plugin else worse_than_plain
    return Comparison(situation, plain, ours, tuple(find(situation, plain, ours)))


def find_violations(situation: Situation, plain: Played, ours: Played) -> Iterator[Violation]:
    """Yield everything in which pip-resume is worse than plain pip, and what it must never do."""
    yield from worse_than_plain(situation, plain, ours)
    yield from wrong_in_itself(ours)


def worse_than_plain(situation: Situation, plain: Played, ours: Played) -> Iterator[Violation]:
    """Yield everything in which the second side is worse than the first."""
    if plain.runs_needed is not None and not may_be_luck(situation, plain, ours):
        yield from _later_or_dearer(situation, plain, ours)
    yield from _left_behind(plain, ours)
    yield from _next_run(situation, plain, ours)
    has_large_parts = any(cut.every >= LARGE_PART_BYTES for cut in situation.cuts)
    if situation.ranges.most_bytes < LARGE_PART_BYTES and not has_large_parts:
        yield from _hammering(plain, ours)


def _later_or_dearer(situation: Situation, plain: Played, ours: Played) -> Iterator[Violation]:
    if ours.runs_needed is None:
        yield Violation("no success", f"plain pip has the file in run {plain.runs_needed}; {_story(ours)}")
        return
    is_later = ours.ended_s > plain.ended_s and not has_failed_sooner(situation, plain, ours)
    if ours.runs_needed > (plain.runs_needed or 0) and is_later:
        yield Violation("more runs", f"{ours.runs_needed}, not {plain.runs_needed}; {_story(ours)}")
    most = plain.body_bytes + allowed_bytes(situation, ours)
    if ours.body_bytes > most:
        yield Violation("more bytes", f"{ours.body_bytes}, plain pip {plain.body_bytes}, allowed {most}")
    is_one_run = plain.runs_needed == 1
    allowed_s = SLOWER_BY_S + healing_s(situation, ours) + asked_to_wait_s(situation, plain, ours)
    allowed_s += parts_s(situation, plain, ours)
    if not is_one_run:
        allowed_s += barren_s(ours) + situation.user.timeout_s + slept_s(situation, plain, ours)
        allowed_s += SAVED_RUN_S * max(0, (plain.runs_needed or 0) - ours.runs_needed)
        # A run whose file has been replaced meanwhile cannot know that all its patience is in vain.
        allowed_s += sum(run.ended_s - run.begun_s for run in ours.runs if "HashMismatch" in run.ended.text)
    if ours.ended_s > SLOWER_BY * plain.ended_s + allowed_s:
        kind = "later" if is_one_run else "later, over several runs"
        yield Violation(kind, f"after {ours.ended_s:.1f} s, plain pip {plain.ended_s:.1f} s")


def wrong_in_itself(ours: Played) -> Iterator[Violation]:
    """Yield what is wrong whatever plain pip does: above all bytes that nobody has sent as one file."""
    for run in (*ours.runs, ours.next_run):
        if run.ended.text == "mixed":
            is_sound = run.ended.how == "wrong"
            yield Violation("mixed bytes", "pip installs them" if is_sound else "pip finds that the file is broken")
        if run.ended.how in ("hung", "endless", "broken"):
            yield Violation(run.ended.how, run.ended.text)
        if run.ended.failed_inside_pip:
            yield Violation("failed inside pip", run.ended.failed_inside_pip)


def _left_behind(plain: Played, ours: Played) -> Iterator[Violation]:
    def left(played: Played) -> set[str]:
        orderly = [run.ended for run in (*played.runs, played.next_run) if run.ended.how != "killed"]
        return {name for ended in orderly for name in ended.left_in_temp}

    if left(ours) and not left(plain):
        yield Violation("left in pip's temporary directory", ", ".join(sorted(left(ours))))


def _next_run(situation: Situation, plain: Played, ours: Played) -> Iterator[Violation]:
    """Compare a run after all others, in which server and network work."""
    has_had_luck = plain.runs_needed is not None and ours.runs_needed is None and may_be_luck(situation, plain, ours)
    if plain.next_run.ended.how != "right" or has_had_luck:
        return
    if ours.next_run.ended.how != "right":
        yield Violation("next run fails", f"{ours.next_run.ended.how}: {ours.next_run.ended.text}")
        return
    most = plain.next_run.body_bytes + OVERLAP_BYTES
    is_too_old = situation.file.caching == "max-age" and ours.ended_s - ours.runs[-1].begun_s > MAX_AGE_S
    if situation.file.etag == "changing" or is_too_old:
        # It is luck whether the ETag in pip's cache is that of the moment. And a download that takes longer than
        # max-age leaves nothing fresh there.
        return
    if sends_wrong_bytes(situation):
        most += situation.file.size  # Wrong bytes may be stored. They cost one fresh download.
    if plain.runs_needed is None and situation.user.cached in ("cut", "empty"):
        most = max(most, situation.file.size)  # What plain pip keeps is the entry that made all its runs fail.
    has_other_build = ours.runs_needed is not None and ours.runs[-1].ended.text != ours.next_run.ended.text
    if has_other_build or ours.next_run.ended.text != plain.next_run.ended.text:
        return  # The file has changed: more of it was downloaded, or it was had sooner.
    if ours.next_run.body_bytes > most and not _is_cached_against_the_rules(situation):
        sizes = f"{ours.next_run.body_bytes} bytes, plain pip {plain.next_run.body_bytes}"
        yield Violation("next run finds less", sizes)


def _is_cached_against_the_rules(situation: Situation) -> bool:
    """Whether a pip that resumes (25.2 and newer) caches the file although RFC 9111 forbids it.

    It stores what says no-store, and what a temporary redirect, or http, has led to, under the URL of the link.
    pip-resume has other means to keep a file, but only if its hash is known and if it is larger than 1 MiB.
    """
    is_page_first = any(refusal.how == "login page" and refusal.of != "range" for refusal in situation.refusals)
    is_large = situation.file.size > STORED_FROM_BYTES and not is_page_first  # A small page decides for the run.
    is_kept = situation.file.link_hash != "none" and is_large
    is_redirected = any(hop.status != 301 or hop.to == "http" for hop in situation.hops)
    return (is_redirected or situation.file.caching == "no-store") and not is_kept


def _hammering(plain: Played, ours: Played) -> Iterator[Violation]:
    def most(run: Run) -> int:
        # What follows a redirect is a part of the same request.
        before = [0, *(request.status for request in run.requests)]
        times = [request.at_s for request, status in zip(run.requests, before) if not 300 <= status < 400]
        return max((sum(begin <= at < begin + WINDOW_S for at in times) for begin in times), default=0)

    ours_most = max(map(most, ours.runs))
    if ours_most > max(MOST_REQUESTS, *map(most, plain.runs)):
        yield Violation("too many requests", f"{ours_most} within {WINDOW_S:.0f} s")


def _story(played: Played) -> str:
    ends = [f"{run.ended.how} {run.ended.text[:160]}".strip() for run in played.runs]
    return "; ".join(f"run {number}: {end}" for number, end in enumerate(ends, 1))

"""Promise 0 as a comparison: the same situation for plain pip and for pip-resume, and what is worse with pip-resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from never_worse.playing import play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.playing import Played, Run
    from never_worse.situation import Situation

OVERLAP_BYTES = 64 * 1024
"""What pip-resume may request again at a time, to compare it."""
READ_AHEAD_BYTES = 256 * 1024
"""What may be lost when a run is killed or a body ends early: it was received, but not yet written."""
BARREN_RANGES = 3
"""So many ranged requests in vain does pip-resume send after each break before it reads a plain response: two, then one
after its head."""
SAVED_RUN_S = 60.0
"""How much later pip-resume may have the file for each run that it saves: somebody has to notice and start it again."""
REDIRECTS = (301, 302, 307)
LARGE_PART_BYTES = 40_000
"""A server that sends parts of this size, or larger ones, is not asked too often if they are requested at once."""
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
    if plain.runs_needed is not None:
        yield from _later_or_dearer(situation, plain, ours)
    yield from _left_behind(plain, ours)
    yield from _next_run(situation, plain, ours)
    if situation.ranges.most_bytes < LARGE_PART_BYTES:
        yield from _hammering(plain, ours)


def _later_or_dearer(situation: Situation, plain: Played, ours: Played) -> Iterator[Violation]:
    if ours.runs_needed is None:
        yield Violation("no success", f"plain pip has the file in run {plain.runs_needed}; {_story(ours)}")
        return
    if ours.runs_needed > (plain.runs_needed or 0):
        yield Violation("more runs", f"{ours.runs_needed}, not {plain.runs_needed}; {_story(ours)}")
    saved_runs = max(0, (plain.runs_needed or 0) - ours.runs_needed)
    most = plain.body_bytes + allowed_bytes(situation, ours)
    if any(refusal.of == "range" for refusal in situation.refusals):
        most += saved_runs * situation.file.size  # Where ranges are refused, the same run sends a plain request.
    if ours.body_bytes > most:
        yield Violation("more bytes", f"{ours.body_bytes}, plain pip {plain.body_bytes}, allowed {most}")
    is_one_run, rate = plain.runs_needed == 1, situation.bytes_per_s
    healing_s = healing_bytes(situation, ours) / min([each.bytes_per_s for each in situation.slow] or [rate])
    allowed_s = SLOWER_BY_S + overlap_bytes(situation, ours) / rate + healing_s
    if not is_one_run:
        allowed_s += barren_s(ours) + SAVED_RUN_S * saved_runs
        allowed_s += sum(run.ended_s - run.begun_s for run in ours.runs if "HashMismatch" in run.ended.text)
    if ours.ended_s > SLOWER_BY * plain.ended_s + allowed_s:
        kind = "later" if is_one_run else "later, over several runs"
        yield Violation(kind, f"after {ours.ended_s:.1f} s, plain pip {plain.ended_s:.1f} s")


def allowed_bytes(situation: Situation, ours: Played) -> int:
    """Return how many bytes more than plain pip's are no violation."""
    broken = sum(run.breaks + (run.ended.how in ("killed", "interrupted")) for run in ours.runs)
    return overlap_bytes(situation, ours) + READ_AHEAD_BYTES * broken + healing_bytes(situation, ours)


def overlap_bytes(situation: Situation, ours: Played) -> int:
    """Return the bytes that are requested again to compare them: in each run, without a hash in each ranged request."""
    overlaps = len(ours.runs)
    if situation.file.link_hash == "none":
        overlaps += sum(request.first_pos is not None for run in ours.runs for request in run.requests)
    return OVERLAP_BYTES * overlaps


def healing_bytes(situation: Situation, ours: Played) -> int:
    """Return the bytes that right bytes may cost: one fresh download is promised after wrong ones.

    In a run that ends with a wrong digest it may be in vain. And plain pip may then have the file in its cache by
    luck: it stores the wrong file, which the index names in the next run.
    """
    in_vain = 2 * sum("HashMismatch" in run.ended.text for run in ours.runs)
    restarts = 0 if _can_be_joined(situation) else sum(run.breaks for run in ours.runs)
    return situation.file.size * (in_vain + restarts + _sends_wrong_bytes(situation))


def _can_be_joined(situation: Situation) -> bool:
    """Whether the parts of a file may be put together: by its hash, or by a strong validator (RFC 9110 section 8.8).

    A pip that resumes does it without, too. That is a risk that pip-resume does not take.
    """
    file = situation.file
    has_strong = file.etag == "strong" or (file.last_modified == "old" and file.has_date)
    return file.link_hash != "none" or (has_strong and situation.ranges.has_validators)


def _sends_wrong_bytes(situation: Situation) -> bool:
    """Whether bytes come that do not belong to the file, so that they are noticed only at its end."""
    return (
        situation.ranges.support == "other bytes"
        or situation.replacement is not None
        or situation.serves_stale
        or any(cut.how == "error page" for cut in situation.cuts)
    )


def barren_s(ours: Played) -> float:
    """Return the seconds that the longest ranged requests without a file cost, BARREN_RANGES of them for each break.

    It counts only where plain pip has given up, and was started again by
    its user: a ranged request is then a try that plain pip does not make.
    """
    total_s = 0.0
    for run in ours.runs:
        ends_s = [request.at_s for request in run.requests[1:]] + [run.ended_s]
        barren = (
            end_s - request.at_s
            for request, end_s in zip(run.requests, ends_s)
            if request.first_pos is not None and request.status not in (200, 206)
        )
        total_s += sum(sorted(barren)[-BARREN_RANGES * (1 + run.breaks) :])
    return total_s


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
    if plain.next_run.ended.how != "right":
        return
    if ours.next_run.ended.how != "right":
        yield Violation("next run fails", f"{ours.next_run.ended.how}: {ours.next_run.ended.text}")
        return
    most = plain.next_run.body_bytes + OVERLAP_BYTES
    is_same_build = ours.runs_needed is None or ours.runs[-1].ended.text == ours.next_run.ended.text
    is_known = is_same_build and not _is_cached_against_the_rules(situation)
    if ours.next_run.body_bytes > most and is_known:
        sizes = f"{ours.next_run.body_bytes} bytes, plain pip {plain.next_run.body_bytes}"
        yield Violation("next run finds less", sizes)


def _is_cached_against_the_rules(situation: Situation) -> bool:
    """Whether a pip that resumes (25.2 and newer) caches the file although RFC 9111 forbids it.

    It stores what says no-store, and what a temporary redirect has led to, under the URL of the link. pip-resume has
    other means to keep a file, but only if its hash is known and if it is larger than 1 MiB.
    """
    is_kept = situation.file.link_hash != "none" and situation.file.size > STORED_FROM_BYTES
    is_forbidden = situation.file.caching == "no-store" or any(hop.status != 301 for hop in situation.hops)
    return is_forbidden and not is_kept


def _hammering(plain: Played, ours: Played) -> Iterator[Violation]:
    def most(run: Run) -> int:
        times = [request.at_s for request in run.requests if request.status not in REDIRECTS]
        return max((sum(begin <= at < begin + WINDOW_S for at in times) for begin in times), default=0)

    ours_most = max(map(most, ours.runs))
    if ours_most > max(MOST_REQUESTS, *map(most, plain.runs)):
        yield Violation("too many requests", f"{ours_most} within {WINDOW_S:.0f} s")


def _story(played: Played) -> str:
    ends = [f"{run.ended.how} {run.ended.text[:160]}".strip() for run in played.runs]
    return "; ".join(f"run {number}: {end}" for number, end in enumerate(ends, 1))

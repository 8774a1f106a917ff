"""The comparison itself: that it finds what is worse, that it is fair, and that what it draws is worth playing."""

from __future__ import annotations

import collections
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest
from never_worse import situation as module
from never_worse.compare import compare, find_violations
from never_worse.content import ERROR_PAGE, BuildName, build, gzipped, is_sound_container, kind_of
from never_worse.drawing import draw
from never_worse.ingredients import ingredients
from never_worse.one_run import Ended
from never_worse.playing import Played, Run, play
from never_worse.session import SELDOM, play_plain_twice
from never_worse.shrinking import shrink
from never_worse.situation import Cut, File, Moment, Outage, Refusal, Replacement, Situation, Stop, User, as_source
from never_worse.world import RequestLine

SIZE = Situation().file.size
RIGHT = Ended("right", "build first")
FAILED = Ended("failed", "ConnectionError")


def run(ended: Ended = RIGHT, *, at_s: tuple[float, float] = (0, 1), sent: int = SIZE, requests: int = 1) -> Run:
    lines = tuple(RequestLine(at_s[0], "/", None, 200) for _ in range(requests))
    return Run(ended, *at_s, sent, lines, 0)


def played(*runs: Run, next_run: Run | None = None) -> Played:
    return Played(runs or (run(),), next_run or run(sent=0))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("no success", played(*[run(FAILED)] * 4)),
        ("more runs", played(run(FAILED, sent=0), run(at_s=(5, 6)))),
        ("more bytes", played(run(sent=SIZE + 70_000))),
        ("later", played(run(at_s=(0, 2.2)))),
        ("mixed bytes", played(run(Ended("wrong", "mixed")), *[run(FAILED)] * 3)),
        ("mixed bytes", played(run(Ended("unsound", "mixed")), *[run(FAILED)] * 3)),
        ("left in pip's temporary directory", played(run(replace(RIGHT, left_in_temp=("demo.whl",))))),
        ("next run fails", played(next_run=run(FAILED))),
        ("next run finds less", played(next_run=run(sent=70_000))),
        ("too many requests", played(run(requests=41))),
        ("endless", played(run(Ended("endless")), *[run(FAILED)] * 3)),
        ("failed inside pip", played(run(replace(RIGHT, failed_inside_pip="OSError")))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_way_to_be_worse_is_found(name: str, ours: Played) -> None:
    assert name in {violation.name for violation in find_violations(Situation(), played(), ours)}


def test_ranged_tries_may_take_time_only_where_plain_pip_had_given_up() -> None:
    barren = (RequestLine(1, "/", 5, 0), RequestLine(16, "/", 5, 0), RequestLine(31, "/", None, 200))
    ours = played(replace(run(at_s=(0, 32)), requests=barren))
    in_one_run, in_two_runs = played(), played(run(FAILED, sent=0), run(at_s=(5, 6)))
    assert {each.name for each in find_violations(Situation(), in_one_run, ours)} == {"later"}
    assert not list(find_violations(Situation(), in_two_runs, ours))


def test_a_fresh_download_is_allowed_only_after_wrong_bytes() -> None:
    ours = played(run(sent=2 * SIZE))
    changed = Situation(replacement=Replacement())
    assert {each.name for each in find_violations(Situation(), played(), ours)} == {"more bytes"}
    assert not list(find_violations(changed, played(), ours))


def test_equal_outcomes_have_no_violation() -> None:
    assert not list(find_violations(Situation(), played(), played()))


@pytest.mark.parametrize("seed", range(8))
def test_plain_pip_is_never_worse_than_itself(pool: ProcessPoolExecutor, seed: int) -> None:
    _, comparison = pool.submit(play_plain_twice, seed).result()
    assert not comparison.violations


def test_plain_pip_succeeds_in_a_world_without_trouble(pool: ProcessPoolExecutor) -> None:
    outcome = pool.submit(play, Situation(), with_plugin=False).result()
    assert (outcome.runs_needed, outcome.body_bytes, outcome.next_run.body_bytes) == (1, SIZE, 0)


def test_time_and_bytes_are_those_of_the_simulated_world(pool: ProcessPoolExecutor) -> None:
    slow = Situation(file=File(300_000), bytes_per_s=1000.0)
    outcome = pool.submit(play, slow, with_plugin=False).result()
    assert outcome.body_bytes == 300_000
    assert 300 <= outcome.ended_s < 301


def test_a_killed_run_ends_where_the_situation_says(pool: ProcessPoolExecutor) -> None:
    killed = Situation(user=User(stops=(Stop(share=0.5),)))
    outcome = pool.submit(play, killed, with_plugin=False).result()
    assert [each.ended.how for each in outcome.runs] == ["killed", "right"]
    assert SIZE // 2 <= outcome.runs[0].body_bytes <= SIZE // 2 + 16 * 1024


def test_an_outage_is_waited_out_or_not_by_its_length(pool: ProcessPoolExecutor) -> None:
    """pip's own retries last for 7.5 seconds, and the user comes back after 10."""
    short, long = (Situation(outages=(Outage("refused", Moment(), length_s),)) for length_s in (7.0, 9.0))
    assert pool.submit(play, short, with_plugin=False).result().runs_needed == 1
    assert pool.submit(play, long, with_plugin=False).result().runs_needed == 2


def test_a_situation_can_be_played_again_from_its_source() -> None:
    names = {name: getattr(module, name) for name in dir(module)}
    for seed in range(200):
        drawn = draw(seed)
        assert eval(as_source(drawn), names) == drawn


def test_shrinking_leaves_only_what_the_failure_needs() -> None:
    def fails(situation: Situation) -> bool:
        is_refused = any(refusal.of == "range" for refusal in situation.refusals)
        return is_refused and any(cut.how == "reset" for cut in situation.cuts)

    drawn = next(situation for situation in map(draw, range(2000)) if fails(situation))
    assert shrink(drawn, fails) == Situation(cuts=(Cut("reset"),), refusals=(Refusal(),))


def test_every_ingredient_is_drawn_often_enough() -> None:
    counts = collections.Counter(name for seed in range(2000) for name in ingredients(draw(seed)))
    assert not {name: count for name, count in counts.items() if count < SELDOM}
    assert len(counts) > 100


@pytest.mark.parametrize("name", ["first", "different", "one byte", "longer"])
def test_a_build_is_a_sound_wheel(name: BuildName) -> None:
    content = build(SIZE, name)
    assert is_sound_container(content)
    assert kind_of(content, SIZE) == ("build", name)


@pytest.mark.parametrize("name", ["different", "one byte"])
def test_bytes_of_two_builds_are_no_sound_wheel(name: BuildName) -> None:
    half = SIZE // 2
    mixed = build(SIZE, "first")[:half] + build(SIZE, name)[half:]
    assert not is_sound_container(mixed)
    assert kind_of(mixed, SIZE)[0] == "mixed"


@pytest.mark.parametrize("page_bytes", [0, 20, 100, len(ERROR_PAGE)])
def test_what_a_server_sends_compressed_with_a_page_at_its_end_is_one_body(page_bytes: int) -> None:
    sent = gzipped(SIZE, "first")[:8000] + ERROR_PAGE[:page_bytes]
    assert kind_of(sent, SIZE) == ("gzip of a build", "first")
    assert kind_of(sent + b"more", SIZE)[0] == "mixed"


def test_a_comparison_can_be_sent_between_processes(pool: ProcessPoolExecutor) -> None:
    comparison = pool.submit(compare, Situation()).result()
    assert comparison.situation == Situation()
    assert not comparison.violations

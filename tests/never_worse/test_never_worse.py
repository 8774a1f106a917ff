"""Promise 0: wherever plain pip ends with the right file, pip-resume does too, no later and for no more bytes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import pytest
from never_worse.aims import AIMS
from never_worse.compare import compare
from never_worse.drawing import AIMED_FROM, draw
from never_worse.field import ROWS, Row
from never_worse.pinned import PINNED
from never_worse.session import describe
from never_worse.situation import Situation

SEEDS = [*range(60), *range(AIMED_FROM, AIMED_FROM + len(AIMS))]


def play(pool: ProcessPoolExecutor, situation: Situation, name: str) -> None:
    comparison = pool.submit(compare, situation).result()
    assert not comparison.violations, "\n".join(describe(name, comparison))


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed {seed}") for seed in SEEDS])
def test_a_drawn_situation_is_never_worse_than_with_plain_pip(pool: ProcessPoolExecutor, seed: int) -> None:
    play(pool, draw(seed), f"{seed}")


@pytest.mark.parametrize("name", PINNED)
def test_a_situation_that_was_once_worse_is_not_any_more(pool: ProcessPoolExecutor, name: str) -> None:
    play(pool, PINNED[name], name)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_a_situation_from_the_field_ends_as_it_should(pool: ProcessPoolExecutor, row: Row) -> None:
    comparison = pool.submit(compare, row.situation).result()
    complaints = list(row.complaints(comparison))
    assert not complaints, "\n".join([*complaints, *describe(row.name, comparison)])

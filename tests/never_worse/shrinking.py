"""Make a situation simpler while it still fails: every ingredient is tried with its default, then with less of it."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, Callable

from never_worse.situation import Situation, changed_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_TRIES = 400
_DURATIONS = ("lasts_s", "until_s", "plus_s")
_ROUND_NUMBERS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0)


def shrink(situation: Situation, fails: Callable[[Situation], bool], most_tries: int = MOST_TRIES) -> Situation:
    """Return a situation that fails too, in which no single step makes it simpler without losing the failure."""
    tries = 0
    tried = {situation}
    is_simpler = True
    while is_simpler and tries < most_tries:
        is_simpler = False
        for candidate in simpler(situation):
            if candidate in tried or tries >= most_tries:
                continue
            tried.add(candidate)
            tries += 1
            if fails(candidate):
                situation, is_simpler = candidate, True
                break
    return situation


def simpler(situation: Situation) -> Iterator[Situation]:
    """Yield situations that are one step simpler, the largest steps first."""
    yield from _simpler(situation)


def _simpler(value: Any) -> Iterator[Any]:
    default = type(value)()
    changed = changed_fields(value)
    for name in changed:
        yield replace(value, **{name: getattr(default, name)})
    for name, item in changed.items():
        for part in _simpler_item(item):
            yield replace(value, **{name: part})
        if name in _DURATIONS and item not in _ROUND_NUMBERS:
            yield from (replace(value, **{name: number}) for number in _ROUND_NUMBERS)


def _simpler_item(item: Any) -> Iterator[Any]:
    if isinstance(item, tuple):
        for index in range(len(item)):
            yield item[:index] + item[index + 1 :]
        for index, part in enumerate(item):
            for smaller in _simpler_item(part):
                yield (*item[:index], smaller, *item[index + 1 :])
    elif is_dataclass(item):
        yield from _simpler(item)

"""The simulated clock of one run of pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from never_worse.world import World

LONGEST_RUN_S = 24 * 3600.0


class Endless(BaseException):
    """A run does not come to an end."""


class Clock:
    """The simulated clock. It moves only when somebody waits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._started_s = world.state.now_s

    @property
    def now_s(self) -> float:
        return self._world.state.now_s

    def advance_to(self, at_s: float) -> None:
        self._world.state.now_s = max(self._world.state.now_s, at_s)
        if self.now_s - self._started_s > LONGEST_RUN_S:
            raise Endless("too long")

    def sleep(self, delay_s: float) -> None:
        if delay_s < 0:
            raise ValueError("sleep length must be non-negative")
        self.advance_to(self.now_s + delay_s)

"""The environments that are compared: the same Python and the same pip, without the plugin and with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from environments.variables import isolated_variables
from environments.virtual_environment import VirtualEnvironment, make_virtual_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Two names of the same length, so that not even the length of a path differs.
PLAIN, WITH_PLUGIN = "plain", "wheel"


@dataclass(frozen=True)
class Contender:
    """One of the two environments."""

    environment: VirtualEnvironment
    switch: Mapping[str, str]
    """The variables that switch the plugin on; empty for plain pip."""

    @property
    def python(self) -> str:
        return str(self.environment.python)

    def pip_command(self, *arguments: str) -> list[str]:
        """Return the command that runs its pip with these arguments."""
        return self.environment.pip_command(*arguments)


@dataclass(frozen=True)
class Pair:
    """The same pip, alone and with the plugin."""

    pip_version: str
    plain: Contender
    ours: Contender
    """With the plugin."""


def make_pair(directory: Path, pip_wheel: Path, our_wheel: Path) -> Pair:
    """Make both environments for a pip."""
    version = pip_wheel.name.split("-")[1]
    directory.mkdir(parents=True, exist_ok=True)
    plain = make_virtual_environment(directory / f"{version}-{PLAIN}", [pip_wheel])
    ours = make_virtual_environment(directory / f"{version}-{WITH_PLUGIN}", [pip_wheel, our_wheel])
    return Pair(version, Contender(plain, {}), Contender(ours, {"PIP_RESUME": "1"}))


def variables_below(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Return all the variables of a measured process: its files are below `home`, where `tmp` has to exist."""
    return {**isolated_variables(home, home / "tmp", home / "cache"), **more}

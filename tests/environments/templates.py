"""The wheels of a test run, and the virtual environments that the tests copy. Each is made once."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from environments.checkout import build_distribution
from environments.pips import fetch_pip
from environments.processes import CommandFailed
from environments.pythons import python_version
from environments.virtual_environment import make_virtual_environment

if TYPE_CHECKING:
    from collections.abc import Iterator


class Templates:
    """Wheels and virtual environments, shared by the processes of one test run.

    `for_this_run` is a directory that all these processes know; the wheels of pips are in `for_later_runs`.
    """

    def __init__(self, for_this_run: Path, for_later_runs: Path) -> None:
        self._for_this_run = for_this_run
        self._for_later_runs = for_later_runs

    def our_wheel(self) -> Path:
        """Return the wheel of this checkout; raise CommandFailed with the output of the build."""
        return only_file(make_once(self._for_this_run / "wheel", build_distribution))

    def pip_wheel(self, version: str) -> Path:
        """Return the wheel of a pip, fetched with the settings of this machine; skip the test if that fails."""
        try:
            return only_file(make_once(self._for_later_runs / f"pip-{version}", functools.partial(fetch_pip, version)))
        except CommandFailed as error:
            pytest.skip(f"pip {version} cannot be fetched: {str(error).strip().splitlines()[-1]}")

    def environment(self, python: Path, *wheels: Path) -> Path:
        """Return the root of a virtual environment with these wheels; it must not be changed."""
        major, minor = python_version(python)
        name = "-".join([f"python{major}.{minor}", *(wheel.name.rpartition("-py")[0] for wheel in wheels)])

        def make(root: Path) -> None:
            make_virtual_environment(root, wheels, python)

        return make_once(self._for_this_run / name, make)


def make_once(made: Path, make: Callable[[Path], object]) -> Path:
    """Have `make` fill a new directory, unless this process or another one has done so; return the directory."""
    with locked(made.with_name(made.name + ".lock")):
        if not made.exists():
            unfinished = made.with_name(made.name + ".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            make(unfinished)
            unfinished.rename(made)
    return made


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def only_file(folder: Path) -> Path:
    """Return the one file of a directory."""
    (file,) = folder.iterdir()
    return file

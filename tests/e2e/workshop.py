"""What environments are made from, made once per run: our wheel, wheels of pips, templates of environments."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# Far above what a slow line needs for 2 MB, below the time that pytest gives a test.
FETCH_S = 50.0
ANY_PYTHON = "3.12"


class Workshop:
    """`shared` lasts for this run and is common to its processes, `kept` lasts longer."""

    def __init__(self, shared: Path, kept: Path) -> None:
        self._shared = shared
        self._kept = kept

    def our_wheel(self) -> Path:
        """The wheel of this checkout; raises RuntimeError with what the build said."""
        return only_file(once(self._shared / "our wheel", build_wheel))

    def pip_wheel(self, version: str) -> Path:
        """The wheel of that pip, fetched with this machine's settings; skips the test if there is none."""
        try:
            return only_file(once(self._kept / f"pip-{version}", functools.partial(fetch_pip, version)))
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", None) or str(error)
            pytest.skip(f"pip {version} cannot be fetched: {said.strip().splitlines()[-1]}")

    def template(self, python: Path, pip_wheel: Path, our_wheel: Path | None) -> Path:
        """A virtual environment of this Python with pip, and us if a wheel is given, all compiled."""
        major, minor = python_version(python)
        name = f"{pip_wheel.name}-{major}.{minor}-{'with' if our_wheel else 'without'}-plugin"
        wheels = [pip_wheel, our_wheel] if our_wheel else [pip_wheel]
        return once(self._shared / name, functools.partial(make_template, python, wheels))


def once(made: Path, make: Callable[[Path], None]) -> Path:
    """Let `make` fill a new directory, unless that has been done, here or in a process beside us."""
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def build_wheel(into: Path) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(into), str(ROOT)]
    built = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode:
        raise RuntimeError(f"the wheel could not be built:\n{built.stdout}")


def fetch_pip(version: str, into: Path) -> None:
    """Whatever Python runs us: a pip is pure Python, and which one it runs on is not asked here."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", ANY_PYTHON, "--dest", str(into), f"pip=={version}"]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_S)


def make_template(python: Path, wheels: list[Path], folder: Path) -> None:
    run = functools.partial(subprocess.run, check=True, capture_output=True)
    run([str(python), "-m", "venv", "--without-pip", "--symlinks", str(folder)])
    (site_packages,) = folder.glob("lib/python*/site-packages")
    scheme = {name: str(site_packages) for name in ("purelib", "platlib")}
    scheme.update(scripts=str(folder / "bin"), data=str(folder), headers=str(folder / "include"))
    destination = SchemeDictionaryDestination(scheme, str(folder / "bin" / "python"), "posix")
    for wheel in wheels:
        with WheelFile.open(wheel) as source:
            install(source, destination, {"INSTALLER": b"installer\n"})
    # Else every environment would do it for itself in its first second.
    run([str(folder / "bin" / "python"), "-I", "-m", "compileall", "-q", str(site_packages)])


@functools.cache
def python_version(python: Path) -> tuple[int, int]:
    """Ask that Python; raises OSError or CalledProcessError if it does not run."""
    script = "import sys; print(*sys.version_info[:2])"
    command = [str(python), "-I", "-c", script]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    major, minor = said.stdout.split()
    return int(major), int(minor)


def found_pythons() -> dict[tuple[int, int], Path]:
    """One Python of each version from 3.9: this one, those of pyenv, those on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    named = (shutil.which(f"python3.{minor}") for minor in range(9, 16))
    candidates = [Path(sys.executable), *pyenv.glob("3.*/bin/python"), *(Path(name) for name in named if name)]
    found: dict[tuple[int, int], Path] = {}
    for python in candidates:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            version = python_version(python)
            if version >= (3, 9):
                found.setdefault(version, python)
    return found

"""The environments that are compared: the same Python and pip without the wheel, and with it."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
# So that not even the length of a path differs.
PLAIN, OURS = "plain", "wheel"
INHERITED = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL")


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    directory: Path
    pip_version: str
    variables: Mapping[str, str]
    """What switches us on where we are installed; empty for plain pip."""

    @property
    def python(self) -> str:
        return str(self.directory / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        (found,) = (self.directory / "lib").glob("python*/site-packages")
        return found

    def pip(self, *arguments: str) -> list[str]:
        return [self.python, "-m", "pip", *arguments]


@dataclass(frozen=True)
class Pair:
    """The same pip, alone and with us."""

    plain: Environment
    ours: Environment

    @property
    def pip_version(self) -> str:
        return self.plain.pip_version


def variables(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """What a measured process sees: nothing of the settings of this machine, and files below `home` only."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    own = {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "PIP_CACHE_DIR": str(home / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONNOUSERSITE": "1",
    }
    return {**inherited, **own, **more}


def build_wheel(into: Path) -> Path:
    """Build the wheel of this checkout."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(into), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = into.glob("*.whl")
    return wheel


def get_pip(version: str, into: Path) -> Path:
    """Have the wheel of a pip, from wherever this machine gets its packages."""
    into.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(into), f"pip=={version}"]
    subprocess.run(command, check=True)
    (wheel,) = into.glob(f"pip-{version}-*.whl")
    return wheel


def make_pair(directory: Path, pip_wheel: Path, our_wheel: Path) -> Pair:
    """Make both environments of a pip."""
    version = pip_wheel.name.split("-")[1]
    plain = make_environment(directory / f"{version}-{PLAIN}", pip_wheel, {})
    ours = make_environment(directory / f"{version}-{OURS}", pip_wheel, {"PIP_RESUME": "1"})
    home = directory / "home"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    install = ours.pip("install", "--quiet", "--no-index", "--no-deps", str(our_wheel))
    subprocess.run(install, check=True, env=variables(home, {}), cwd=home)
    return Pair(plain, ours)


def make_environment(directory: Path, pip_wheel: Path, switches: Mapping[str, str]) -> Environment:
    """Make an environment with this pip and nothing else; all of it is compiled."""
    venv.create(directory, with_pip=False, symlinks=True)
    environment = Environment(directory, pip_wheel.name.split("-")[1], switches)
    with zipfile.ZipFile(pip_wheel) as archive:
        archive.extractall(environment.site_packages)
    # By its own Python's hand the files would be the same: it is this one.
    compileall.compile_dir(environment.site_packages, quiet=2)
    return environment

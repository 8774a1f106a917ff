"""Virtual environments made of wheels, without running any pip."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from environments.processes import run_checked
from environments.pythons import THIS_PYTHON
from environments.variables import scrubbed_variables
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

if TYPE_CHECKING:
    from collections.abc import Sequence

COVERAGE_PTH = "coverage_of_the_tests.pth"
"""In every environment while coverage is measured."""
START_COVERAGE = "import coverage; coverage.process_startup()\n"


class VirtualEnvironment:
    """A virtual environment on disk: the paths of its parts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scripts = root / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")

    @property
    def site_packages(self) -> Path:
        (found,) = [self.root / "Lib/site-packages"] if os.name == "nt" else self.root.glob("lib/python*/site-packages")
        return found

    def pip_command(self, *arguments: str | Path) -> list[str]:
        """Return the command that runs its pip with these arguments."""
        return [str(self.python), "-m", "pip", *map(str, arguments)]


def make_virtual_environment(root: Path, wheels: Sequence[Path], python: Path = THIS_PYTHON) -> VirtualEnvironment:
    """Make a virtual environment with what is in these wheels and nothing else, all of it compiled.

    While coverage is measured, the processes of the environment are measured too. Raises CommandFailed.
    """
    run_checked(python, "-m", "venv", "--without-pip", "--symlinks", root, variables=scrubbed_variables())
    made = VirtualEnvironment(root)
    purelib = str(made.site_packages)
    scheme = {"purelib": purelib, "platlib": purelib, "scripts": str(made.scripts), "data": str(root)}
    scheme["headers"] = str(root / "include")
    destination = SchemeDictionaryDestination(scheme, str(made.python), "posix")
    for wheel in wheels:
        with WheelFile.open(wheel) as source:
            install(source, destination, {"INSTALLER": b"installer\n"})
    if is_coverage_measured():
        add_coverage(made)
    # Otherwise every copy of the environment would compile its modules again, in its first second.
    run_checked(made.python, "-I", "-m", "compileall", "-q", purelib, variables=scrubbed_variables())
    return made


def is_coverage_measured() -> bool:
    """Whether coverage measures the subprocesses of this process."""
    return "COVERAGE_PROCESS_CONFIG" in os.environ or "COVERAGE_PROCESS_START" in os.environ


def add_coverage(environment: VirtualEnvironment) -> None:
    """Copy the running coverage into an environment, and have it started in each of the environment's processes."""
    import coverage

    installed = Path(coverage.__file__).parent
    shutil.copytree(installed, environment.site_packages / installed.name)
    (environment.site_packages / COVERAGE_PTH).write_text(START_COVERAGE)

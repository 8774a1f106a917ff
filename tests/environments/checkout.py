"""The checkout under test: where its files are, and the distributions that are built from it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from environments.processes import run_checked

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pip_resume"
HOOK = "pip_resume_hook.pth"
"""The file that the wheel puts at the root of site-packages."""


def build_distribution(into: Path, source: Path = ROOT, kind: str = "--wheel") -> Path:
    """Build the `--wheel` or the `--sdist` of a source tree in an empty directory; return the file.

    The build backend is that of the running Python. Raises CommandFailed.
    """
    command = ["-m", "build", "--no-isolation", kind, "--outdir", str(into), str(source)]
    run_checked(sys.executable, *command)
    (built,) = into.iterdir()
    return built


def copy_package(parent: Path) -> Path:
    """Copy the package of the checkout into a directory, without compiled files; return the copy."""
    return Path(shutil.copytree(PACKAGE, parent / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__")))

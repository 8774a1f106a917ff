"""A stand-in for pip and for the download step, and new interpreters that import them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pip_resume
from pip_resume.startup import SWITCH

PACKAGE = Path(pip_resume.__file__).parent
DOWNLOAD = "pip._internal.network.download"

DOWNLOAD_MODULE = """
    class Downloader:
        def __init__(self, session, progress_bar="on"):
            self.given = session, progress_bar
        def __call__(self):
            return "pip's own"

    class BatchDownloader:
        def __init__(self, session):
            self.given = session, "batch"
"""

DOWNLOAD_STEP = """
    def apply(download_module):
        print("applied to", download_module.__name__)
        download_module.Downloader.__call__ = lambda self: "ours"
"""

# Statements for `run`.
START = "from pip_resume.startup import start; start()"
USE = f"from {DOWNLOAD} import Downloader; print(Downloader(7)())"


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))


def write_tree(root: Path) -> None:
    """Write a stand-in for pip and one for the download step, and a copy of the real start-up module."""
    write(root / "pip/__init__.py", "__version__ = '99.1'")
    write(root / "pip/_internal/__init__.py")
    write(root / "pip/_internal/network/__init__.py")
    write(root / "pip/_internal/network/download.py", DOWNLOAD_MODULE)
    write(root / "pip_resume/__init__.py", "__version__ = '7.8.9'")
    write(root / "pip_resume/inside_pip/__init__.py")
    write(root / "pip_resume/inside_pip/download_step.py", DOWNLOAD_STEP)
    shutil.copy(PACKAGE / "startup.py", root / "pip_resume")


def run(tree: Path, code: str, *arguments: str, switch: str | None = "1") -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter that imports from `tree` and the standard library only.

    `switch` is the value of PIP_RESUME. None leaves it unset.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    if switch is not None:
        environment[SWITCH] = switch
    command = [sys.executable, "-S", "-B", "-W", "error", "-c", dedent(code), *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=30, check=False)


def output(finished: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines on stdout of a process that succeeded and wrote nothing to stderr."""
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout.splitlines()

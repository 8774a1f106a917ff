"""The pips that are tested, and how to get one."""

from __future__ import annotations

import sys
from pathlib import Path

from environments.processes import run_checked
from environments.pythons import OLDEST_VERSION

PIPS: tuple[str, ...] = ("21.3.1", "23.2.1", "25.0.1", "25.1.1", "26.1", "26.3")
"""The oldest supported, one for each form of the downloader that the plugin replaces, and the newest."""
DIFFERENT_PIPS: tuple[str, ...] = ("21.3.1", "25.0.1", "26.3")
"""The three of them that differ most."""
MORE_PIPS: tuple[str, ...] = ("22.3.1", "24.0", "24.2", "25.2", "25.3", "26.0", "26.2.1")
# Python 3.12 has no distutils, and not what pip's pkg_resources used. 3.15 has not what distlib used up to pip 25.1.
NEWEST_PYTHON = {
    **dict.fromkeys(("21.3.1", "22.3.1"), (3, 11)),
    **dict.fromkeys(("23.2.1", "24.0", "24.2", "25.0.1", "25.1.1"), (3, 14)),
}
OLDEST_PYTHON = dict.fromkeys(("26.1", "26.2", "26.2.1", "26.3"), (3, 10))
NEWEST_PIP = "26.3" if sys.version_info >= OLDEST_PYTHON["26.3"] else "25.3"
"""The newest pip that runs on the running Python."""
# Far above what a slow connection needs for 2 MB, below the time that pytest gives a test.
FETCH_TIMEOUT_S = 50.0
# A pip is pure Python, and the running Python may be one that this pip does not support.
PYTHON_TO_FETCH_FOR = "3.12"


def why_unsupported(pip_version: str, python: tuple[int, int]) -> str | None:
    """Return the reason why this pip does not run on this Python; None if it does."""
    if python < OLDEST_PYTHON.get(pip_version, OLDEST_VERSION):
        return f"pip {pip_version} needs a newer Python than {python[0]}.{python[1]}"
    if python > NEWEST_PYTHON.get(pip_version, python):
        return f"pip {pip_version} needs an older Python than {python[0]}.{python[1]}"
    return None


def fetch_pip(version: str, into: Path) -> Path:
    """Download the wheel of a pip from the package index of this machine into a directory; return the file.

    Raises CommandFailed.
    """
    run_machine_pip(
        *("download", "--no-deps", "--only-binary=:all:", "--python-version", PYTHON_TO_FETCH_FOR),
        *("--dest", into, f"pip=={version}"),
        timeout_s=FETCH_TIMEOUT_S,
    )
    (wheel,) = into.glob(f"pip-{version}-*.whl")
    return wheel


def run_machine_pip(*arguments: str | Path, timeout_s: float | None = None) -> str:
    """Run the pip of the running Python with the settings of this machine, its package index among them.

    Returns the output. Raises CommandFailed.
    """
    return run_checked(sys.executable, "-m", "pip", "--quiet", *arguments, timeout_s=timeout_s)

"""Checks of the ways in which pip-resume is started (.pth file, PYTHONPATH), and of what the probe saw."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.commands.doctor.environment import is_as_recorded, site_directories
from pip_resume.commands.doctor.finding import BROKEN, NOTE, OK, REINSTALL, UPGRADE, Finding, put_in_front, with_python

if TYPE_CHECKING:
    from pip_resume.commands.doctor.probe import Probe

HOOK = "pip_resume_hook.pth"
TRIED_PIPS = ((21, 3, 1), (26, 3))
"""The oldest and the newest pip that the tests run with."""
# From this version on Python ignores `import` lines of .pth files (PEP 829).
_PTH_ENDS = (3, 18)
# Larger than any third number of a version, so that every 26.3.N is included.
_ANY_NUMBER = 1 << 30


def pth_file(probe: Probe) -> list[Finding]:
    """Check whether this environment has the `.pth` file, whether Python reads it, and whether it is unchanged."""
    found = [directory / HOOK for directory in site_directories() if (directory / HOOK).is_file()]
    level = NOTE if probe.armed else BROKEN
    if sys.version_info >= _PTH_ENDS:
        return [_obstacle(level, ".pth file", "this Python runs no code in .pth files any more", put_in_front())]
    if not found:
        return [_no_pth_file(level)]
    findings = [_check_pth_file(path, level) for path in found]
    if len(found) > 1:
        findings.append(Finding(NOTE, ".pth file", f"{len(found)} of them are read; the second one does nothing"))
    return findings


def _no_pth_file(level: str) -> Finding:
    elsewhere = [Path(entry) / HOOK for entry in sys.path if entry and (Path(entry) / HOOK).is_file()]
    if elsewhere:
        text = f"{elsewhere[0]} is in a directory where Python reads no .pth files"
        return _obstacle(level, ".pth file", text, put_in_front())
    return _obstacle(level, ".pth file", f"no {HOOK} in this environment", REINSTALL)


def _obstacle(level: str, topic: str, text: str, remedy: str) -> Finding:
    """Report a problem with one of the ways. It has a remedy only if pip-resume is not started in a different way."""
    return Finding(level, topic, text, remedy if level == BROKEN else "")


def _check_pth_file(path: Path, level: str) -> Finding:
    if _is_hidden(path):
        unhide = f"attrib -h {path}" if os.name == "nt" else f"chflags nohidden {path}"
        return _obstacle(level, ".pth file", f"{path} is hidden, so Python ignores it", unhide)
    as_recorded = is_as_recorded(path)
    if as_recorded is False:
        return Finding(BROKEN, ".pth file", f"{path} is not what was installed", REINSTALL)
    return Finding(OK, ".pth file", f"{path}, {'as installed' if as_recorded else 'of an unknown origin'}")


def _is_hidden(path: Path) -> bool:
    """Whether the file has the hidden flag of macOS or Windows. Python 3.12.4, 3.13 and newer ignore such a file."""
    status = path.lstat()
    is_hidden_on_macos = getattr(status, "st_flags", 0) & stat.UF_HIDDEN
    is_hidden_on_windows = getattr(status, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_HIDDEN
    return bool(is_hidden_on_macos or is_hidden_on_windows)


def pythonpath(probe: Probe) -> list[Finding]:
    """Check whether our sitecustomize runs if its directory is on `PYTHONPATH`. No finding if it is not there."""
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    ours = [entry for entry in entries if _is_our_directory(Path(entry))]
    if not ours:
        return []
    ran = {os.path.realpath(directory) for directory in probe.sitecustomize_run}
    if os.path.realpath(ours[0]) not in ran:
        text = f"our sitecustomize is shadowed by {probe.sitecustomize}, which does not run it"
        return [_obstacle(NOTE if probe.armed else BROKEN, "PYTHONPATH", text, put_in_front())]
    chained = sorted(ran - {os.path.realpath(ours[0])})
    then = f", and then the one in {', '.join(chained)}" if chained else ""
    return [Finding(OK, "PYTHONPATH", f"our sitecustomize in {ours[0]} runs{then}")]


def _is_our_directory(entry: Path) -> bool:
    return (entry / "sitecustomize.py").is_file() and (entry.parent / "startup.py").is_file()


def live(probe: Probe) -> list[Finding]:
    """Report what happened in the pip that the probe started."""
    if probe.pip_version is None:
        return []  # `pip` reports that.
    if probe.error is not None and not probe.fired:
        return [Finding(BROKEN, "live probe", f"pip cannot be started: {probe.error}", with_python("-m pip list"))]
    if not probe.armed:
        text = "pip starts without pip-resume: neither the .pth file nor PYTHONPATH takes effect"
        return [Finding(BROKEN, "live probe", text, put_in_front())]
    if not probe.fired or not probe.patched:
        stage = "pip's download step was not replaced" if probe.fired else "pip's download module was not noticed"
        reasons = [line for line in probe.said if "pip-resume" in line] or [probe.error or "no reason was given"]
        text = f"{stage}: {reasons[0].removeprefix('WARNING: ')}"
        return [Finding(BROKEN, "live probe", text, UPGRADE)]
    ours = Path(probe.package).parent if probe.package else "an unknown place"
    return [Finding(OK, "live probe", f"a started pip was reached, and its download step replaced from {ours}")]


def pip(probe: Probe) -> list[Finding]:
    """Check this environment's pip: its version, and whether it has the names that pip-resume uses."""
    if probe.pip_version is None:
        return [_no_pip(probe)]
    where = Path(probe.pip_file).parent if probe.pip_file else "an unknown place"
    findings = [Finding(OK, "pip", f"{probe.pip_version} in {where}")]
    version = _numbers(probe.pip_version)
    oldest, newest = (".".join(map(str, tried)) for tried in TRIED_PIPS)
    if not TRIED_PIPS[0] <= version < (*TRIED_PIPS[1][:2], _ANY_NUMBER):
        age = "older" if version < TRIED_PIPS[0] else "newer"
        findings.append(Finding(NOTE, "pip", f"{age} than those it was tested with ({oldest} to {newest})"))
    findings.append(_hook_points(probe))
    return findings


def _no_pip(probe: Probe) -> Finding:
    if "No module named 'pip'" in (probe.error or ""):
        text = f"no pip in this environment ({probe.error})"
        return Finding(BROKEN, "pip", text, with_python("-m ensurepip"))
    return Finding(BROKEN, "pip", f"does not run: {probe.error}", REINSTALL)


def _hook_points(probe: Probe) -> Finding:
    if probe.hook_points_error is not None:
        return Finding(BROKEN, "hook points", f"cannot be checked: {probe.hook_points_error}", UPGRADE)
    missing = [name for name, is_there in probe.hook_points.items() if not is_there]
    if missing:
        return Finding(BROKEN, "hook points", f"this pip has no {', '.join(missing)}", UPGRADE)
    return Finding(OK, "hook points", f"all {len(probe.hook_points)} found")


def _numbers(version: str) -> tuple[int, ...]:
    parts = (part for part in version.split(".") if part.isdigit())
    return tuple(map(int, parts))

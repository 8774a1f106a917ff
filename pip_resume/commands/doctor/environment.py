"""Checks that start nothing: Python, the variables, the installed files, other start-up files."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import platform
import shutil
import site
import sys
from importlib import metadata
from pathlib import Path

from pip_resume.commands.doctor.finding import BROKEN, NOTE, OFF, OK, REINSTALL, SWITCH_ON, Finding, unset, with_python

DISTRIBUTION = "pip-resume"
# The most names in one finding, so that it stays readable.
_MOST_NAMED = 8
# Bytes. Linux reads 256 bytes of the first line of a script, macOS 512.
_LONGEST_FIRST_LINE = 512


def python() -> list[Finding]:
    """Report the interpreter, and those of its flags that change what runs at start-up."""
    findings = [Finding(OK, "python", f"{platform.python_version()}, {sys.executable}")]
    if sys.flags.no_site:
        findings.append(Finding(BROKEN, "python", "runs with -S: neither .pth files nor sitecustomize are read"))
    elif sys.flags.isolated or sys.flags.ignore_environment:
        findings.append(Finding(NOTE, "python", "runs with -I or -E: PYTHONPATH is ignored"))
    return findings


def switch() -> list[Finding]:
    """Report how the value of `PIP_RESUME` is understood."""
    from pip_resume.startup import OFF as OFF_WORDS
    from pip_resume.startup import ON, SWITCH, parse_switch

    value = os.environ.get(SWITCH)
    understood = parse_switch(value or "")
    if understood:
        return [Finding(OK, "switch", f"{SWITCH}={value} is on")]
    if understood is None:
        words = f"neither on ({', '.join(ON)}) nor off ({', '.join(OFF_WORDS)})"
        return [Finding(OFF, "switch", f"{SWITCH} is {value!a}, which is {words}", SWITCH_ON)]
    state = f"{SWITCH} is not set" if value is None else f"{SWITCH}={value!a} is off"
    return [Finding(OFF, "switch", state, SWITCH_ON)]


def settings() -> list[Finding]:
    """Report the limits in force, and check every other variable that begins with `PIP_RESUME_`."""
    from pip_resume.commands.formatting import format_size
    from pip_resume.settings import KEEP_DAYS, MAX_SIZE, PIPS_OWN_NAME, parse_settings, unknown_names

    understood = parse_settings(os.environ)
    limits = f"stored files are kept for {understood.keep_days:g} days, {format_size(understood.max_size)} in all"
    findings = [Finding(OK, "settings", f"{limits} ({KEEP_DAYS}, {MAX_SIZE})")]
    for complaint in understood.complaints:
        name = complaint.partition(" ")[0]
        findings.append(Finding(NOTE, "settings", complaint.rstrip("."), unset(name)))
    if PIPS_OWN_NAME in os.environ:
        meaning = "is pip's own --resume-retries (pip 25.1 and newer), which counts for us as well"
        findings.append(Finding(NOTE, "settings", f"{PIPS_OWN_NAME}={os.environ[PIPS_OWN_NAME]} {meaning}"))
    for name in unknown_names(os.environ):
        findings.append(Finding(NOTE, "settings", f"{name} is unknown: is it misspelt?", unset(name)))
    return findings


def package() -> list[Finding]:
    """Check our files against the RECORD of the installation."""
    from pip_resume import __version__

    here = Path(__file__).resolve().parents[2]
    try:
        installed = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return [Finding(NOTE, "package", f"{__version__} in {here}, not installed in this environment")]
    if installed.version != __version__:
        text = f"{__version__} in {here}, but {installed.version} is what is installed"
        return [Finding(BROKEN, "package", text, REINSTALL)]
    recorded = {name: digest for name, digest in _record_of(installed).items() if name.startswith("pip_resume/")}
    if not recorded:
        return [Finding(OK, "package", f"{__version__} in {here} (editable)")]
    damaged = [
        name for name, digest in recorded.items() if _sha256_of(Path(str(installed.locate_file(name)))) != digest
    ]
    if damaged:
        names = ", ".join(damaged[:_MOST_NAMED])
        return [Finding(BROKEN, "package", f"missing or changed since they were installed: {names}", REINSTALL)]
    return [Finding(OK, "package", f"{__version__} in {here}, {len(recorded)} files as installed")]


def hash_on_record(name: str) -> str | None:
    """Return the sha256 that RECORD has for a path relative to site-packages; None if it has none."""
    try:
        return _record_of(metadata.distribution(DISTRIBUTION)).get(name)
    except metadata.PackageNotFoundError:
        return None


def _record_of(installed: metadata.Distribution) -> dict[str, str]:
    """Return path and sha256 of every installed file that has one, from RECORD itself.

    ``Distribution.files`` cannot be used: since Python 3.12 it leaves out the files that are missing.
    """
    rows = csv.reader((installed.read_text("RECORD") or "").splitlines())
    return {row[0]: row[1][len("sha256=") :] for row in rows if len(row) > 1 and row[1].startswith("sha256=")}


def _sha256_of(path: Path) -> str | None:
    """Return the sha256 of a file in the encoding of RECORD (PEP 376); None if the file cannot be read."""
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_as_recorded(path: Path) -> bool | None:
    """Whether a file in site-packages is the one that was installed; None if RECORD does not have it."""
    expected = hash_on_record(path.name)
    return None if expected is None else _sha256_of(path) == expected


def site_directories() -> list[Path]:
    """Return the directories whose `.pth` files this Python reads at start-up, in that order, each once."""
    names = list(site.getsitepackages()) if hasattr(site, "getsitepackages") else []
    if site.ENABLE_USER_SITE:
        names.append(site.getusersitepackages())
    return list(dict.fromkeys(Path(name) for name in names if Path(name).is_dir()))


def others() -> list[Finding]:
    """Report the names of other files that run code whenever this Python starts."""
    names = [
        path.name
        for directory in site_directories()
        for path in sorted(directory.iterdir())
        if path.suffix == ".start" or (path.suffix == ".pth" and _runs_code(path))
        if not path.name.startswith("pip_resume_hook.")
    ]
    found = list(dict.fromkeys(names))  # Two directories may have files with one name.
    if not found:
        return []
    shown = ", ".join(found[:_MOST_NAMED]) + (", ..." if len(found) > _MOST_NAMED else "")
    return [Finding(NOTE, "start-up", f"other files that run at every start: {shown}")]


def _runs_code(path: Path) -> bool:
    try:
        return any(line.startswith((b"import ", b"import\t")) for line in path.read_bytes().splitlines())
    except OSError:
        return False


def pip_on_path() -> list[Finding]:
    """Check whether the command `pip` is the pip of this environment. No finding if it is, or if that is unknown."""
    script = shutil.which("pip")
    if script is None:
        return []
    python_of_script = _python_of(Path(script))
    here = Path(sys.executable).parent
    if python_of_script is None or python_of_script.parent.resolve() == here.resolve():
        return []
    text = f"`pip` is {script}, which belongs to {python_of_script}: this report is about a different environment"
    return [Finding(NOTE, "pip", text, with_python("-m pip install ..."))]


def _python_of(script: Path) -> Path | None:
    """Return the Python in the first line of a script; None if there is none, as in an .exe or a shell script."""
    try:
        with script.open("rb") as file:
            first_line = file.readline(_LONGEST_FIRST_LINE)
    except OSError:
        return None
    words = first_line[2:].decode("utf-8", "replace").split()
    if not first_line.startswith(b"#!") or not words or not Path(words[0]).name.startswith("python"):
        return None
    return Path(words[0])

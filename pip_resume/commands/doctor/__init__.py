"""`pip-resume doctor`: whether pip-resume is on, reaches this environment's pip, and would resume with its index.

Each check works alone and imports what it needs itself, so that it still works if other modules are damaged.

`index`              what the responses of the index mean for a resume
`activation`         the ways in which pip-resume is started, and what the probe saw of them
`store`              the directory for partial downloads, and whether it can be used
`environment`        Python, the variables, and the installed files; starts nothing
`index_errors`       why no file of the index was seen, with a remedy
`index_probe`        runs pip in a child process up to a few short requests of one file
`probe`              runs pip in a child process up to a download
`child`              runs one of our scripts in a child interpreter
`finding`            one line of the report
`shell`              the shell that the doctor was started from, and commands in its language
`windows_processes`  the names of our parents on Windows
"""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from pip_resume import __version__
from pip_resume.commands.doctor import activation, environment, store
from pip_resume.commands.doctor.finding import BROKEN, NOTE, OFF, PART, REINSTALL, Finding
from pip_resume.commands.doctor.index_probe import needs_no_request, run_index_probe
from pip_resume.commands.doctor.probe import Probe, run_probe
from pip_resume.commands.formatting import align
from pip_resume.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_PROJECT = "six"
"""Small, with a short page, and nearly every index has it."""
WORKS, WORKS_PARTLY, BROKEN_EXIT = 0, 1, 2
# The worst level decides.
_VERDICTS = (
    (BROKEN, BROKEN_EXIT, "does not work", "does not work here; see above"),
    (OFF, WORKS_PARTLY, "switched off", "switched off: it would work"),
    (PART, WORKS_PARTLY, "works within one run only", "works within one run only: the next run starts over"),
)
_WORKS = (WORKS, "works", "works: pip continues broken downloads here, in the next run too")
_INDEX_UNKNOWN = (WORKS, "works", "works on this machine; no index has shown whether it resumes, see above")
_AFTER_REPAIR = "After the repair: "
_CACHE_OPTIONS = ("--cache-dir", "--no-cache-dir", "--isolated")


def run(requirement: str, options: Sequence[Sequence[str]]) -> int:
    """Print the report and return the exit code: 0 works, 1 in part or switched off, 2 does not work.

    The index is asked for a file of ``requirement``. ``options`` are those of pip, each with its value.
    """
    print(f"pip-resume {__version__}\n")
    if sys.stderr.isatty() and not needs_no_request(_words(options)):
        print(f"Asking the index for one file of {requirement} ...", end="\r", file=sys.stderr, flush=True)
    findings = _look(requirement, options).findings
    if sys.stderr.isatty():
        print("\x1b[K", end="", file=sys.stderr, flush=True)
    rows = [(finding.level, finding.topic, finding.text) for finding in findings]
    for finding, line in zip(findings, align(rows, right=frozenset())):
        print(line)
        if finding.remedy:
            print(printable(f"    fix: {finding.remedy}"))
    exit_code, _short, words = verdict(findings)
    print(f"\nVerdict: {words}")
    return exit_code


def run_as_json(requirement: str, options: Sequence[Sequence[str]]) -> int:
    """Print the same as `run`, as JSON, with everything that the probes saw. Return the exit code."""
    looked = _look(requirement, options)
    exit_code, short, _words = verdict(looked.findings)
    summary = _summary(looked.probe, looked.seen)
    if looked.is_broken_here:
        # Nothing is resumed on this machine, whatever the index does.
        summary.update(resumes_within_a_run=False, resumes_across_runs=False)
    report = {
        "verdict": short,
        "exit_code": exit_code,
        "version": __version__,
        **summary,
        "findings": [asdict(finding) for finding in looked.findings],
        "probe": asdict(looked.probe),
        "index": looked.seen,
    }
    print(json.dumps(report, indent=2))
    return exit_code


class _Looked(NamedTuple):
    """What doctor has found."""

    findings: list[Finding]
    is_broken_here: bool
    """Whether pip-resume does not work on this machine, whatever the index does."""
    probe: Probe
    seen: Mapping[str, Any]
    """What the probe of the index saw; empty if there was none."""


def _look(requirement: str, options: Sequence[Sequence[str]]) -> _Looked:
    """Start both probes, and examine what they saw."""
    probe = run_probe(_words(option for option in options if option[0] in _CACHE_OPTIONS))
    # A pip that cannot be started is reported already.
    seen: Mapping[str, Any] = {} if probe.pip_version is None else run_index_probe(requirement, _words(options))
    findings, is_broken_here = _examine(probe, seen, requirement, options)
    return _Looked(findings, is_broken_here, probe, seen)


def _words(options: Iterable[Sequence[str]]) -> list[str]:
    return [word for option in options for word in option]


def examine(
    probe: Probe, seen: Mapping[str, Any], requirement: str = "", options: Sequence[Sequence[str]] = ()
) -> list[Finding]:
    """Return all findings, in the order of the report. The remedies have what was typed: requirement and options."""
    return _examine(probe, seen, requirement, options)[0]


def _examine(
    probe: Probe, seen: Mapping[str, Any], requirement: str, options: Sequence[Sequence[str]]
) -> tuple[list[Finding], bool]:
    """Return the findings, and whether one about this machine says that pip-resume does not work."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "switch": environment.switch,
        "settings": environment.settings,
        "python": environment.python,
        "package": environment.package,
        ".pth file": functools.partial(activation.pth_file, probe),
        "PYTHONPATH": functools.partial(activation.pythonpath, probe),
        "start-up": environment.others,
        "pip": functools.partial(activation.pip, probe),
        "path": environment.pip_on_path,
        "live probe": functools.partial(activation.live, probe),
        "store": functools.partial(store.store, probe, _words(options)),
    }
    here = [finding for topic, check in checks.items() for finding in _guarded(topic, check)]
    there = _guarded("index", functools.partial(_index, probe, seen, requirement, options))
    is_broken_here = any(finding.level == BROKEN for finding in here)
    if is_broken_here:
        there = [_after_repair(finding) if finding.topic == "result" else finding for finding in there]
    return here + there, is_broken_here


def _after_repair(finding: Finding) -> Finding:
    """Return what follows from the index as what will follow, since pip-resume does not work at the moment."""
    return replace(finding, level=NOTE, text=_AFTER_REPAIR + finding.text)


def verdict(findings: Iterable[Finding]) -> tuple[int, str, str]:
    """Return the exit code that belongs to the worst of the findings, the verdict for scripts, and for people."""
    found = list(findings)
    levels = {finding.level for finding in found}
    works = _WORKS if any(finding.topic == "result" for finding in found) else _INDEX_UNKNOWN
    return next((row[1:] for row in _VERDICTS if row[0] in levels), works)


def _index(probe: Probe, seen: Mapping[str, Any], requirement: str, options: Sequence[Sequence[str]]) -> list[Finding]:
    from pip_resume.commands.doctor import index, index_errors

    typed = index_errors.Typed("" if requirement == DEFAULT_PROJECT else requirement, options)
    return index.examine(seen, can_keep=store.can_keep(probe), default=DEFAULT_PROJECT, typed=typed) if seen else []


def _summary(probe: Probe, seen: Mapping[str, Any]) -> dict[str, Any]:
    from pip_resume.commands.doctor import index

    return index.summary(seen, can_keep=store.can_keep(probe))


def _guarded(topic: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except Exception as error:
        text = f"cannot be checked ({type(error).__name__}: {error})"
        return [Finding(BROKEN, topic, text, REINSTALL)]

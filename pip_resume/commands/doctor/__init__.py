"""`pip-resume doctor`: whether pip-resume is on, reaches this environment's pip, and would resume.

Each check works alone and imports what it needs itself, so that it still works if other modules are damaged.

`activation`   the ways in which pip-resume is started, and what the probe saw of them
`store`        the directory for partial downloads, and whether it can be used
`environment`  Python, the variables, and the installed files; starts nothing
`probe`        runs pip in a child process up to a download
`finding`      one line of the report
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Callable

from pip_resume import __version__
from pip_resume.commands.doctor import activation, environment, store
from pip_resume.commands.doctor.finding import BROKEN, OFF, REINSTALL, Finding
from pip_resume.commands.doctor.probe import Probe, run_probe
from pip_resume.commands.formatting import align
from pip_resume.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

ACTIVE, NOT_ACTIVE, BROKEN_EXIT = 0, 1, 2
_VERDICTS = {
    ACTIVE: "active: pip continues broken downloads here",
    NOT_ACTIVE: "not active: it would work, but is switched off",
    BROKEN_EXIT: "broken: it would not work here; see above",
}
_SHORT = {ACTIVE: "active", NOT_ACTIVE: "not active", BROKEN_EXIT: "broken"}


def run() -> int:
    """Print the report and return the exit code: 0 active, 1 not active, 2 broken."""
    findings = examine(run_probe())
    exit_code = verdict(findings)
    rows = [(finding.level, finding.topic, finding.text) for finding in findings]
    print(f"pip-resume {__version__}\n")
    for finding, line in zip(findings, align(rows, right=frozenset())):
        print(line)
        if finding.remedy:
            print(printable(f"    type: {finding.remedy}"))
    print(f"\nVerdict: {_VERDICTS[exit_code]}")
    return exit_code


def run_as_json() -> int:
    """Print the same as `run`, as JSON, with everything that the probe saw. Return the exit code."""
    probe = run_probe()
    findings = examine(probe)
    exit_code = verdict(findings)
    report = {
        "verdict": _SHORT[exit_code],
        "exit_code": exit_code,
        "version": __version__,
        "findings": [asdict(finding) for finding in findings],
        "probe": asdict(probe),
    }
    print(json.dumps(report, indent=2))
    return exit_code


def examine(probe: Probe) -> list[Finding]:
    """Return all findings, in the order of the report."""
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
        "store": functools.partial(store.store, probe),
    }
    return [finding for topic, check in checks.items() for finding in _guarded(topic, check)]


def verdict(findings: Iterable[Finding]) -> int:
    """Return the exit code that belongs to the worst of the findings."""
    levels = {finding.level for finding in findings}
    if BROKEN in levels:
        return BROKEN_EXIT
    return NOT_ACTIVE if OFF in levels else ACTIVE


def _guarded(topic: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except Exception as error:
        text = f"cannot be checked ({type(error).__name__}: {error})"
        return [Finding(BROKEN, topic, text, REINSTALL)]

"""Runs the tests on Pythons that are newer than those of this machine, in a root of Debian's unstable suite.

`python -m newest_pythons ROOT [PYTEST ARGUMENTS]`, in the folder `tests`; needs root on Debian. ROOT is a directory
that is made, or used again. The tables at the end have the tests that passed on each Python.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

from environments.checkout import ROOT as CHECKOUT
from environments.processes import CommandFailed
from newest_pythons.debian_root import PYTHONS, DebianRoot, why_impossible

# The network tests need the kernel's firewall and not a certain Python.
ALL_TESTS = ("--ignore=tests/network", "-n", "2", "--dist", "worksteal", "-q", "-p", "no:cacheprovider")


def main() -> int:
    """Run the tests on each Python; return 1 if a test has failed on one of them, or no test could be run."""
    reason = why_impossible()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 1
    root = DebianRoot(Path(sys.argv[1]).resolve())
    try:
        root.make()
    except (CommandFailed, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    directory = root.copy_checkout(CHECKOUT)
    arguments = sys.argv[2:] or ALL_TESTS
    failed = [version for version in PYTHONS if not run_tests(root, directory, version, *arguments)]
    for version in PYTHONS:
        print(f"Python {version}: {results(root.path / directory.lstrip('/') / report(version))}")
    return int(bool(failed))


def report(version: str) -> str:
    return f"report-{version}.xml"


def run_tests(root: DebianRoot, directory: str, version: str, *arguments: str) -> bool:
    """Run the tests on one Python; return whether none has failed."""
    python = f"/venvs/{version}/bin/python"
    commands = [
        (f"python{version}", "-m", "venv", f"/venvs/{version}"),
        (python, "-m", "pip", "install", "--quiet", "--upgrade", "pip"),
        (python, "-m", "pip", "install", "--quiet", "--group", "e2e"),
        (python, "-m", "pytest", f"--junitxml={report(version)}", *arguments),
    ]
    return all(root.run(directory, command, {"HYPOTHESIS_PROFILE": "brief"}) == 0 for command in commands)


def results(junit: Path) -> str:
    """Return in words what the report of pytest says."""
    if not junit.exists():
        return "no tests were run"
    suites = list(ElementTree.parse(junit).getroot().iter("testsuite"))
    tests, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    passed = tests - failures - errors - skipped
    return f"{passed} passed, {failures + errors} failed, {skipped} skipped in {seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())

"""Runs pip's own tests without the plugin and with it, and prints the tests that end differently.

`python -m pip_suite PATH-OF-A-PIP-SOURCE-CHECKOUT`, in the folder `tests`; `--help` shows the options.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from environments.checkout import copy_package
from environments.pips import NEWEST_PIP, fetch_pip, run_machine_pip
from environments.variables import scrubbed_variables
from environments.virtual_environment import VirtualEnvironment, make_virtual_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Patterns below pip's folder `tests`: the tests of all code that the plugin changes, and of what is built on that code.
UNIT = (
    "unit/test_network_*.py",
    "unit/test_operations_prepare.py",
    "unit/test_cache.py",
)
FUNCTIONAL = (
    "functional/test_install*.py",
    "functional/test_download.py",
    "functional/test_cache.py",
    "functional/test_fast_deps.py",
    "functional/test_proxy.py",
    "functional/test_wheel.py",
    "functional/test_new_resolver_hashes.py",
    "functional/test_lock.py",
    "functional/test_build_env.py",
)
# Tests in files with these endings need version control systems, or a user's own site-packages.
EXCLUDED_ENDINGS = ("vcs_git", "user")
# Tests that may end differently with the plugin, without their parameters, by reason. None of them is functional.
ALLOWED: dict[str, list[str]] = json.loads(Path(__file__).with_name("allowed.json").read_text("utf-8"))
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", "-o", "junit_family=xunit1")
# Added to the plugin: each process that loads the part of it that works inside pip writes its number into a file.
WRITE_PROCESS_ID = """
import os
with open({file!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
"""


@dataclass(frozen=True)
class Selection:
    """A selection of pip's tests, which is run without the plugin and with it."""

    name: str
    patterns: tuple[str, ...]
    mark: str
    """An expression of pytest marks."""

    @property
    def uses_network(self) -> bool:
        return self.mark == "network"


SELECTIONS = (Selection("unit", UNIT, "not network"), Selection("functional", FUNCTIONAL, "not network"))
NETWORK_SELECTIONS = (Selection("functional, network", FUNCTIONAL, "network"),)


def main() -> int:
    """Return 0 if no test ends differently, except those that may."""
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="pip-suite-") as temporary:
        suite = PipSuite(Path(options.work or temporary).resolve(), options)
        suite.set_up(options.checkout)
        selections = SELECTIONS + (NETWORK_SELECTIONS if options.network else ())
        failures = [differs(suite, selection) for selection in selections]
    return int(any(failures))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pip_suite", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a source checkout of pip")
    parser.add_argument("--work", help="directory for all files, which are kept (default: a temporary directory)")
    parser.add_argument("--network", action="store_true", help="also run the tests that need the package index")
    parser.add_argument("-n", dest="processes", default="2", help="number of tests that run at once (default: 2)")
    parser.add_argument("-k", dest="names", default="", help="run only tests whose names match, as for pytest")
    options = parser.parse_args()
    if not (options.checkout / "src/pip/__init__.py").is_file():
        parser.error(f"{options.checkout} is not a source checkout of pip")
    return options


class PipSuite:
    """A copy of pip's checkout, an environment for its tests, and a copy of the plugin."""

    def __init__(self, work: Path, options: argparse.Namespace) -> None:
        self.work = work
        self.checkout = work / "checkout"
        self._plugin = work / "plugin"
        self._process_ids = work / "process-ids.txt"
        self._environment = VirtualEnvironment(work / "environment")
        self._processes: str = options.processes
        self._names: str = options.names

    def set_up(self, source: Path) -> None:
        """Make what an earlier call with the same `--work` has not made, and a new copy of the plugin."""
        if not self.checkout.exists():
            shutil.copytree(source, self.checkout, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".nox"))
        if not self._environment.root.exists():
            # As pip's contributors do it.
            make_virtual_environment(self._environment.root, [fetch_pip(NEWEST_PIP, self.work / "pips")])
            self._pip("install", "--group", f"{self.checkout / 'pyproject.toml'}:test")
            wheels = self.checkout / "tests/data/common_wheels"
            self._pip("wheel", "-w", wheels, "--group", f"{self.checkout / 'pyproject.toml'}:test-common-wheels")
            self._pip("install", "--no-deps", self.checkout)
        shutil.rmtree(self._plugin, ignore_errors=True)
        with (copy_package(self._plugin) / "inside_pip/__init__.py").open("a", encoding="utf-8") as module:
            module.write(WRITE_PROCESS_ID.format(file=str(self._process_ids)))

    def _pip(self, *arguments: str | Path) -> None:
        """Install into the environment from the package index of this machine."""
        run_machine_pip("--python", self._environment.python, *arguments)

    def variables_without_plugin(self, selection: Selection) -> dict[str, str]:
        """Return the environment variables for pip's tests, with settings of this machine only for the network."""
        variables = scrubbed_variables(network=selection.uses_network)
        path = os.pathsep.join([str(self._environment.scripts), variables.get("PATH", "")])
        more = {"PIP_CONFIG_FILE": os.devnull} if selection.uses_network else {}
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        own = {"PATH": path, "HOME": str(home), "LC_CTYPE": "en_US.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return {**variables, **more, **own}

    def variables_with_plugin(self, selection: Selection) -> dict[str, str]:
        """Return the same variables, and those that switch on the plugin in every Python that inherits them."""
        hook = str(self._plugin / "pip_resume/sitecustomize")
        return {**self.variables_without_plugin(selection), "PIP_RESUME": "1", "PYTHONPATH": hook}

    def processes_with_plugin(self) -> int:
        """Return the number of processes, so far, in which the plugin was loaded inside pip."""
        return len(set(self._process_ids.read_text().split())) if self._process_ids.exists() else 0

    def outcomes(self, chosen: Iterable[str], mark: str, variables: Mapping[str, str]) -> dict[str, str]:
        """Run tests; return the outcome of each: passed, failed, error, skipped or xfailed."""
        results = self.work / "results.xml"
        results.unlink(missing_ok=True)
        command = [str(self._environment.python), *PYTEST, f"--junitxml={results}", "-m", mark, "-n", self._processes]
        command += ["-k", self._names] if self._names else []
        with (self.work / "pytest.txt").open("a", encoding="utf-8") as log:
            command += chosen
            subprocess.run(command, check=False, cwd=self.checkout, env=dict(variables), stdout=log, stderr=log)
        if not results.exists():
            raise SystemExit(f"pip's tests could not be run: see {log.name}")
        return dict(outcome_of(case) for case in ElementTree.parse(results).iter("testcase"))

    def files(self, patterns: Iterable[str]) -> list[str]:
        """Return the files of a selection that this checkout has."""
        found = [path for pattern in patterns for path in sorted((self.checkout / "tests").glob(pattern))]
        return [str(path.relative_to(self.checkout)) for path in found if not path.stem.endswith(EXCLUDED_ENDINGS)]


def outcome_of(case: ElementTree.Element) -> tuple[str, str]:
    """Return the name of a test, as pytest takes it on its command line, and its outcome."""
    file, name, owner = case.get("file", ""), case.get("name", ""), case.get("classname", "")
    classes = owner[len(file.removesuffix(".py")) :].split(".") if file else [owner]
    node = "::".join([file, *filter(None, classes), name])
    if case.find("error") is not None or case.find("failure") is not None:
        return node, "failed" if case.find("failure") is not None else "error"
    skipped = case.find("skipped")
    if skipped is None:
        return node, "passed"
    return node, "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def differs(suite: PipSuite, selection: Selection) -> bool:
    """Run a selection without the plugin and with it, and print the differences; True if one is not allowed."""
    files, before = suite.files(selection.patterns), suite.processes_with_plugin()
    without = suite.outcomes(files, selection.mark, suite.variables_without_plugin(selection))
    if suite.processes_with_plugin() != before:
        raise SystemExit("the plugin was loaded in the run without it")
    with_it = suite.outcomes(files, selection.mark, suite.variables_with_plugin(selection))
    processes = suite.processes_with_plugin() - before
    differing = sorted(test for test in without.keys() | with_it.keys() if without.get(test) != with_it.get(test))
    print(f"\n{selection.name}: {len(files)} files")
    print(f"  without the plugin: {counts(without)}")
    print(f"  with the plugin:    {counts(with_it)}; it was loaded in {processes} processes")
    reasons = {test: reason_for(test) or reason_found_by_rerun(suite, selection, test) for test in differing}
    for reason in sorted(set(reasons.values())):
        print(f"  {reason or 'MUST NOT DIFFER'}:")
        for test in (test for test in differing if reasons[test] == reason):
            print(f"    {test}: {without.get(test)} -> {with_it.get(test)}")
    if not processes:
        print("  the plugin was never loaded: this run proves nothing")
    return "" in reasons.values() or not processes


def reason_found_by_rerun(suite: PipSuite, selection: Selection, test: str) -> str:
    """Run a test alone, without the plugin and with it; return an empty string if it differs again."""
    environments = (suite.variables_without_plugin(selection), suite.variables_with_plugin(selection))
    without, with_it = (suite.outcomes([test], selection.mark, variables).get(test) for variables in environments)
    return f"no difference when run alone: {without} both times" if without == with_it else ""


def reason_for(test: str) -> str | None:
    """Return the reason why a test may differ; None if it must not."""
    node = test.partition("[")[0]
    return next((reason for reason, nodes in ALLOWED.items() if node in nodes), None)


def counts(outcomes: Mapping[str, str]) -> str:
    """Return the number of tests with each outcome, as text."""
    found = collections.Counter(outcomes.values())
    return ", ".join(f"{found[name]} {name}" for name in ("passed", "failed", "error", "skipped", "xfailed"))


if __name__ == "__main__":
    sys.exit(main())

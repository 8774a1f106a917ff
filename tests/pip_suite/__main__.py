"""pip's own test suite as the judge: runs it without the plugin and with it, and prints what differs.

python tests/pip_suite/run.py PATH-OF-A-PIP-SOURCE-CHECKOUT [--work DIRECTORY] [--network] [-n PROCESSES] [-k NAMES]
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
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PACKAGE = Path(__file__).parents[2] / "pip_resume"
# The tests of all that the plugin touches, and of what is built on that. Patterns below tests/.
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
NEED_OTHER_TOOLS = ("vcs_git", "user")
# Tests that may end otherwise with the plugin, by reason; nodes without parameters. No functional test is in here.
ALLOWED: dict[str, list[str]] = json.loads(Path(__file__).with_name("allowed.json").read_text("utf-8"))
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", "-o", "junit_family=xunit1")
# Each process that reaches our part of pip signs here.
SIGN = """
import os
with open({book!r}, "a") as book:
    book.write(f"{{os.getpid()}}\\n")
"""


@dataclass(frozen=True)
class Round:
    """One selection of tests, run in both ways."""

    name: str
    files: tuple[str, ...]
    mark: str


ROUNDS = (Round("unit", UNIT, "not network"), Round("functional", FUNCTIONAL, "not network"))
NETWORK_ROUNDS = (Round("functional, network", FUNCTIONAL, "network"),)


def main() -> int:
    """Return 0 when nothing differs but what may."""
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="pip-suite-") as temporary:
        bench = Bench(Path(options.work or temporary).resolve(), options)
        bench.set_up(options.checkout)
        failures = [judge_round(bench, each) for each in ROUNDS + (NETWORK_ROUNDS if options.network else ())]
    return int(any(failures))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="a source checkout of pip")
    parser.add_argument("--work", help="where to set it up and leave the results, instead of a temporary directory")
    parser.add_argument("--network", action="store_true", help="also the tests that need the package index")
    parser.add_argument("-n", dest="processes", default="2", help="how many tests at once")
    parser.add_argument("-k", dest="names", default="", help="only tests whose names match, as for pytest")
    options = parser.parse_args()
    if not (options.checkout / "src/pip/__init__.py").is_file():
        parser.error(f"{options.checkout} is not a source checkout of pip")
    return options


class Bench:
    """A copy of the checkout, set up as pip's contributors do it, and a copy of the plugin that nobody changes."""

    def __init__(self, work: Path, options: argparse.Namespace) -> None:
        self.work = work
        self.checkout = work / "checkout"
        self._plugin = work / "plugin"
        self._book = work / "signatures.txt"
        self._environment = work / "environment"
        self._python = self._environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self._processes: str = options.processes
        self._names: str = options.names

    def set_up(self, source: Path) -> None:
        """Make what is not there yet from an earlier call, the copy of the plugin anew."""
        if not self.checkout.exists():
            shutil.copytree(source, self.checkout, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".nox"))
        if not self._environment.exists():
            venv.create(self._environment, with_pip=True)
            # From the package index, with the settings that this machine has for it.
            self._pip("install", "--upgrade", "pip")
            self._pip("install", "--group", "test")
            self._pip("wheel", "-w", "tests/data/common_wheels", "--group", "test-common-wheels")
            self._pip("install", "--no-deps", ".")
        shutil.rmtree(self._plugin, ignore_errors=True)
        shutil.copytree(PACKAGE, self._plugin / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
        with (self._plugin / "pip_resume/inside_pip/__init__.py").open("a", encoding="utf-8") as module:
            module.write(SIGN.format(book=str(self._book)))

    def _pip(self, *arguments: str) -> None:
        command = [str(self._python), "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
        subprocess.run(command, cwd=self.checkout, check=True)

    def without_plugin(self, mark: str) -> dict[str, str]:
        """The environment of pip's tests: no settings of this machine, but for the tests that leave it."""
        dropped = CA_VARIABLES if mark == "not network" else ()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV", "NOX", "PYTEST_")) and name not in dropped
        }
        path = os.pathsep.join([str(self._python.parent), kept.get("PATH", "")])
        isolated = {} if mark == "not network" else {"PIP_CONFIG_FILE": os.devnull}
        return {**kept, **isolated, "PATH": path, "LC_CTYPE": "en_US.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def with_plugin(self, mark: str) -> dict[str, str]:
        """The same, with the plugin in every Python that inherits it."""
        hook = str(self._plugin / "pip_resume/sitecustomize")
        return {**self.without_plugin(mark), "PIP_RESUME": "1", "PYTHONPATH": hook}

    def signatures(self) -> int:
        """In how many processes, so far, the plugin has been at work."""
        return len(set(self._book.read_text().split())) if self._book.exists() else 0

    def outcomes(self, chosen: Iterable[str], mark: str, environment: Mapping[str, str]) -> dict[str, str]:
        """Run tests; return the outcome of each: passed, failed, error, skipped or xfailed."""
        results = self.work / "results.xml"
        results.unlink(missing_ok=True)
        command = [str(self._python), *PYTEST, f"--junitxml={results}", "-m", mark, "-n", self._processes]
        command += ["-k", self._names] if self._names else []
        with (self.work / "pytest.txt").open("a", encoding="utf-8") as log:
            command += chosen
            subprocess.run(command, check=False, cwd=self.checkout, env=dict(environment), stdout=log, stderr=log)
        if not results.exists():
            raise SystemExit(f"pip's tests could not be run: see {log.name}")
        return dict(outcome_of(case) for case in ElementTree.parse(results).iter("testcase"))

    def files(self, patterns: Iterable[str]) -> list[str]:
        """The files of a selection that this checkout has."""
        found = [path for pattern in patterns for path in sorted((self.checkout / "tests").glob(pattern))]
        return [str(path.relative_to(self.checkout)) for path in found if not path.stem.endswith(NEED_OTHER_TOOLS)]


def outcome_of(case: ElementTree.Element) -> tuple[str, str]:
    """The node of a test, and how it ended."""
    file, name, owner = case.get("file", ""), case.get("name", ""), case.get("classname", "")
    classes = owner[len(file.removesuffix(".py")) :].split(".") if file else [owner]
    node = "::".join([file, *filter(None, classes), name])
    if case.find("error") is not None or case.find("failure") is not None:
        return node, "failed" if case.find("failure") is not None else "error"
    skipped = case.find("skipped")
    if skipped is None:
        return node, "passed"
    return node, "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def judge_round(bench: Bench, each: Round) -> bool:
    """Run one selection in both ways and print what it comes to; True when something differs that may not."""
    files, before = bench.files(each.files), bench.signatures()
    without = bench.outcomes(files, each.mark, bench.without_plugin(each.mark))
    if bench.signatures() != before:
        raise SystemExit("the plugin was at work in the run without it")
    with_it = bench.outcomes(files, each.mark, bench.with_plugin(each.mark))
    signatures = bench.signatures() - before
    differing = sorted(test for test in without.keys() | with_it.keys() if without.get(test) != with_it.get(test))
    print(f"\n{each.name}: {len(files)} files")
    print(f"  without the plugin: {counts(without)}")
    print(f"  with the plugin:    {counts(with_it)}; it was at work in {signatures} processes")
    reasons = {test: reason_for(test) or why_it_may_stand(bench, each, test) for test in differing}
    for reason in sorted(set(reasons.values())):
        print(f"  {reason or 'MAY NOT DIFFER'}:")
        for test in (test for test in differing if reasons[test] == reason):
            print(f"    {test}: {without.get(test)} -> {with_it.get(test)}")
    if not signatures:
        print("  the plugin was never at work: this run says nothing")
    return "" in reasons.values() or not signatures


def why_it_may_stand(bench: Bench, each: Round, test: str) -> str:
    """Look at a test a second time, on its own; empty when it differs again."""
    environments = (bench.without_plugin(each.mark), bench.with_plugin(each.mark))
    without, with_it = (bench.outcomes([test], each.mark, environment).get(test) for environment in environments)
    return f"not so on its own, {without} both times" if without == with_it else ""


def reason_for(test: str) -> str | None:
    """Why a test may differ, None when it may not."""
    node = test.partition("[")[0]
    return next((reason for reason, nodes in ALLOWED.items() if node in nodes), None)


def counts(outcomes: Mapping[str, str]) -> str:
    found = collections.Counter(outcomes.values())
    return ", ".join(f"{found[name]} {name}" for name in ("passed", "failed", "error", "skipped", "xfailed"))


if __name__ == "__main__":
    sys.exit(main())

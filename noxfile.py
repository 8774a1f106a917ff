"""The checks of the project: `nox` runs those that every change must pass, `nox -l` lists the others."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
# A developer may not have every Python. In the workflows a missing one is an error: its tests would be skipped unseen.
nox.options.error_on_missing_interpreters = bool(os.environ.get("GITHUB_ACTIONS"))
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "windows_selection", "e2e"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
# Where there is no 3.15 yet, 3.13 is the newest; `newest_pythons` runs 3.14 and 3.15.
OLDEST_AND_NEWEST = (PYTHONS[0], "3.13", PYTHONS[-1])
# pip has type annotations, so checking against two pips shows changes in the internals that the plugin uses. The old
# pip needs these options because of the packages that it vendors. A type error that only one of the two pips causes is
# ignored with `unused-ignore` as well.
PIPS_TO_TYPE_AGAINST = {
    "newest": [],
    "23.2.1": ["--allow-untyped-calls", "--implicit-reexport", "--no-warn-return-any", "--no-warn-unused-ignores"],
}
# A test that timed out, as on a busy machine, is run once more, and the summary names it. A test with a failed
# assertion never is: even one wrong byte in many runs is an error.
TIMED_OUT = "^(TimeoutError|TimeoutExpired|Failed: Timeout)"
# More processes than a small machine has cores: many tests wait half of their time.
IN_PARALLEL = ("-n", "3", "--dist", "worksteal", "--reruns", "1", "--only-rerun", TIMED_OUT)
# pytest fails if one of them does not exist.
WITHOUT_SERVERS = [
    f"tests/e2e/test_{name}.py"
    for name in ("apply_undo", "commands", "demo", "doctor", "pth_file", "sitecustomize", "wheel")
]
COVERED_PERCENT = 95
"""The least share of lines and branches of the package that the tests have to run. For protocol/ it is 100."""


def pyenv_folders() -> list[str]:
    """Return for each version in `PYTHONS` the folder of the newest such Python that pyenv has installed."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {}
    for folder in sorted(versions.glob("3.*.*/bin"), key=lambda folder: len(folder.parent.name) * [folder.parent.name]):
        major, minor, _ = folder.parent.name.split(".", 2)
        found[f"{major}.{minor}"] = str(folder)
    return [found[version] for version in PYTHONS if version in found]


# At the front, because pyenv's own scripts on the path fail for every version that is not selected at the moment.
os.environ["PATH"] = os.pathsep.join([*pyenv_folders(), os.environ["PATH"]])


def install_groups(session: nox.Session, *groups: str, pinned: bool = True) -> None:
    """Install dependency groups of pyproject.toml; the pip of a new environment may be too old to know groups.

    Without `pinned`, install the newest releases instead of the versions in the groups.
    """
    requirements = nox.project.dependency_groups(PYPROJECT, *groups)
    if pinned:
        session.install(*requirements)
    else:
        session.install("--upgrade", *sorted({Requirement(each).name for each in requirements}))


@nox.session
def lint(session: nox.Session) -> None:
    """Check the formatting, common mistakes, and that imports point downwards."""
    install_groups(session, "lint")
    run_linters(session)


def run_linters(session: nox.Session) -> None:
    """Run the linters that are installed in this session."""
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("lint-imports")


@nox.session
@nox.parametrize("pip", list(PIPS_TO_TYPE_AGAINST))
def types(session: nox.Session, pip: str) -> None:
    """Check the types, against the annotations of the newest pip and of an old one."""
    install_groups(session, "types")
    session.install("--upgrade", "pip" if pip == "newest" else f"pip=={pip}")
    # A cache for each pip: with that of the other one mypy 2.4.1 has ended with an internal error.
    session.run("mypy", "--strict", f"--cache-dir=.mypy_cache/{pip}", *PIPS_TO_TYPE_AGAINST[pip])


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the unit and integration tests, with --all all of them on every supported Python.

    Otherwise integration tests run on the oldest, the newest and the running Python, and slow tests on the running one.
    The other arguments go to pytest; files or folders among them are run alone.
    """
    install_groups(session, "test")
    is_running_python = session.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    profile = "laws" if is_running_python else "brief"
    folders = ["tests/unit", "tests/servers", "tests/environments", "tests/storage"]
    if is_running_python:
        folders.append("tests/never_worse")
    # Integration tests run on the Pythons that differ most, slow tests on one. The weekly workflow runs all everywhere.
    is_brief = not is_running_python and "--all" not in session.posargs
    if not is_brief or session.python in OLDEST_AND_NEWEST or session.posargs:
        folders.append("tests/integration")
    marks = ["-m", "not storm and not slow"] if is_brief else []
    arguments = [argument for argument in session.posargs if argument != "--all"]
    if any(argument.startswith("tests") for argument in arguments):
        folders = []
    session.run("pytest", *folders, *IN_PARALLEL, *marks, *arguments, env={"HYPOTHESIS_PROFILE": profile})


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the end-to-end tests: the built wheel in real pips, and, for root on Linux, over a network that fails.

    Arguments go to pytest.
    """
    install_groups(session, "e2e")
    session.run("pytest", "tests/e2e", "tests/network", *IN_PARALLEL, *session.posargs)
    # Without nox's summary the output ends with that of pytest. Failures are still reported.
    logging.getLogger("nox").setLevel(logging.ERROR)


@nox.session
def e2e_without_servers(session: nox.Session) -> None:
    """Run the end-to-end tests that use no test server: those servers need an ioctl of Linux."""
    install_groups(session, "e2e")
    session.run("pytest", *WITHOUT_SERVERS, *IN_PARALLEL, *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Install the package as people do, and run its doctor and its demo, which work on every system.

    The doctor asks the package index of this machine for one file.
    """
    session.install(".")
    session.run("pip-resume", "doctor", env={"PIP_RESUME": "1"})
    session.run("pip-resume", "demo")


@nox.session
def e2e_all(session: nox.Session) -> None:
    """Run the end-to-end tests in every supported pip, on the oldest and the newest Python that each pip supports."""
    install_groups(session, "e2e")
    session.run("pytest", "tests/e2e", "--all-pips", *IN_PARALLEL, *session.posargs)


@nox.session
def newest_pythons(session: nox.Session) -> None:
    """Run the tests on Python 3.14 and 3.15 from Debian's unstable suite (root on Debian only); arguments go to pytest.

    The first run fetches 220 MB for a root of that suite, which takes two minutes.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        session.skip("needs root on Debian")
    install_groups(session, "e2e")
    root = session.cache_dir / "newest-pythons"
    session.run("python", "-m", "newest_pythons", root, *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def storm(session: nox.Session) -> None:
    """Kill two hundred downloads at random moments; this takes some minutes."""
    install_groups(session, "e2e")
    session.run("pytest", "tests/e2e", "-m", "storm", *session.posargs)


@nox.session
def network(session: nox.Session) -> None:
    """Measure pips, uv and wget over a network that fails for up to four minutes (needs root; about 15 minutes)."""
    install_groups(session, "e2e")
    session.run("python", "-m", "network", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def windows(session: nox.Session) -> None:
    """Run pips of a Windows Python under wine, and tests in it (about twenty minutes); arguments go to pytest.

    Needs the archive that tests/windows/kit.py describes, and root on Debian where wine is not installed.
    """
    install_groups(session, "e2e")
    session.run("pytest", "tests/windows", "-m", "windows", *session.posargs)


@nox.session
def windows_selection(session: nox.Session) -> None:
    """Run some of the tests of `windows` in a minute: a kill, Ctrl-C, a reset. Skipped where wine is not installed."""
    if shutil.which("wine") is None:
        session.skip("wine is not installed; `nox -s windows` installs it")
    install_groups(session, "e2e")
    selection = "killed_pip_ended and 26.3 or ctrl_c or reset"
    session.run("pytest", "tests/windows/test_resume.py", "-m", "windows", "-k", selection, *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches of the package all tests run, subprocesses included; arguments go to pytest."""
    install_groups(session, "coverage")
    session.run("coverage", "erase")
    folders = ("tests/unit", "tests/storage", "tests/integration", "tests/e2e")
    session.run("coverage", "run", "-m", "pytest", *folders, *IN_PARALLEL, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--show-missing", "--skip-covered", f"--fail-under={COVERED_PERCENT}")
    session.run("coverage", "report", "--show-missing", "--include=pip_resume/protocol/*", "--fail-under=100")


@nox.session
def newest_tools(session: nox.Session) -> None:
    """Run linters, type checks and all tests with the newest release of every tool; arguments go to pytest."""
    install_groups(session, "lint", "types", pinned=False)
    session.install("--upgrade", "pip")
    run_linters(session)
    session.run("mypy", "--strict")
    session.run("pytest", *IN_PARALLEL, *session.posargs)


@nox.session
@nox.parametrize("pip", ["26.3", "25.0.1", "23.2.1"])
def never_worse(session: nox.Session, pip: str) -> None:
    """Compare with plain pip in 3,500 simulated situations for each pip: `-- --count 200 --aimed 100` for fewer."""
    install_groups(session, "test")
    session.install("--upgrade", f"pip=={pip}")
    arguments = ["--pip-info", *session.posargs]
    session.run("python", "-m", "never_worse", *arguments, env={"PYTHONPATH": os.pathsep.join([".", "tests"])})


@nox.session
def pip_suite(session: nox.Session) -> None:
    """Run pip's own tests without the plugin and with it: `nox -s pip_suite -- PATH-OF-A-PIP-SOURCE-CHECKOUT`."""
    if not session.posargs:
        session.skip("needs a source checkout of pip: nox -s pip_suite -- PATH")
    install_groups(session, "e2e")
    session.run("python", "-m", "pip_suite", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure time, memory and bytes compared with plain pip; arguments go to `python -m benchmarks`."""
    install_groups(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs, env={"PYTHONPATH": "tests"})

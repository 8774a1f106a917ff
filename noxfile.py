"""What the project checks, and how: `nox` for everything that every change must pass, `nox -l` for the rest."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "e2e"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
# pip is typed, so drift in the internals that we use shows first when they are checked against two pips. What the old
# one vendors is not: that is no fault of ours. An ignore that only it needs says `unused-ignore` too.
PIPS_TO_TYPE_AGAINST = {
    "newest": [],
    "23.2.1": ["--allow-untyped-calls", "--implicit-reexport", "--no-warn-return-any", "--no-warn-unused-ignores"],
}
# On a machine with too much to do a test that waited in vain is tried once more, and the summary names it. A failed
# assertion never is: one wrong byte in many runs is a wrong byte.
WAITED_IN_VAIN = "^(TimeoutError|TimeoutExpired|Failed: Timeout)"
IN_PARALLEL = ("-n", "2", "--dist", "worksteal", "--reruns", "1", "--only-rerun", WAITED_IN_VAIN)


def pyenv_folders() -> list[str]:
    """Return the folder of the newest Python that pyenv has of each version in `PYTHONS`."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {}
    for folder in sorted(versions.glob("3.*.*/bin"), key=lambda folder: len(folder.parent.name) * [folder.parent.name]):
        major, minor, _ = folder.parent.name.split(".", 2)
        found[f"{major}.{minor}"] = str(folder)
    return [found[version] for version in PYTHONS if version in found]


# In front, because pyenv's own stand-ins on the path fail for every version that is not selected at the moment.
os.environ["PATH"] = os.pathsep.join([*pyenv_folders(), os.environ["PATH"]])


def install_groups(session: nox.Session, *groups: str) -> None:
    """Install dependency groups of pyproject.toml: the pip in a new environment may be too old to know them."""
    session.install(*nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Check form, common mistakes, and that imports point downwards."""
    install_groups(session, "lint")
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("lint-imports")


@nox.session
@nox.parametrize("pip", list(PIPS_TO_TYPE_AGAINST))
def types(session: nox.Session, pip: str) -> None:
    """Check types against the annotations of a new pip and of an old one."""
    install_groups(session, "types")
    session.install("--upgrade", "pip" if pip == "newest" else f"pip=={pip}")
    session.run("mypy", "--strict", *PIPS_TO_TYPE_AGAINST[pip])


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the unit and integration tests on every Python found."""
    install_groups(session, "test")
    is_running_python = session.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    profile = "laws" if is_running_python else "brief"
    session.run("pytest", *IN_PARALLEL, "--ignore=tests/e2e", *session.posargs, env={"HYPOTHESIS_PROFILE": profile})


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the built wheel in real pips."""
    install_groups(session, "e2e")
    session.run("pytest", "tests/e2e", *IN_PARALLEL, *session.posargs)
    # The last word of a run is pytest's. What failed nox says still.
    logging.getLogger("nox").setLevel(logging.ERROR)


@nox.session
def e2e_all(session: nox.Session) -> None:
    """Run the core cases in every supported pip, on the oldest and the newest Python that it supports."""
    install_groups(session, "e2e")
    session.run("pytest", "tests/e2e", "--all-pips", *IN_PARALLEL, *session.posargs)


@nox.session
def storm(session: nox.Session) -> None:
    """Break downloads at random for some minutes."""
    install_groups(session, "e2e")
    session.run("pytest", "tests/e2e", "-m", "storm", *session.posargs)


@nox.session
@nox.parametrize("pip", ["26.3", "25.0.1", "23.2.1"])
def never_worse(session: nox.Session, pip: str) -> None:
    """Compare with plain pip in 2,000 simulated situations for each pip: `nox -s never_worse -- --count 200`."""
    install_groups(session, "test")
    session.install("--upgrade", f"pip=={pip}")
    arguments = ["--pip-info", *session.posargs]
    session.run("python", "-m", "never_worse", *arguments, env={"PYTHONPATH": os.pathsep.join([".", "tests"])})


@nox.session
def pip_suite(session: nox.Session) -> None:
    """Run pip's own tests without the plugin and with it: `nox -s pip_suite -- PATH-OF-A-PIP-SOURCE-CHECKOUT`."""
    if not session.posargs:
        session.skip("needs a checkout of pip's source: nox -s pip_suite -- PATH")
    install_groups(session, "e2e")
    session.run("python", "tests/pip_suite/run.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside plain pip."""
    install_groups(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs, env={"PYTHONPATH": "tests"})

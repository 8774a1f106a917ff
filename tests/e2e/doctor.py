"""Runs `pip-resume doctor` in an environment, and reads its report. Without other arguments it asks no index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from environments.environment import Environment
from environments.processes import Result
from environments.virtual_environment import COVERAGE_PTH

from pip_resume import __version__

NOISE = "another sitecustomize\n"
NOT_CHAINING = f"print({NOISE.strip()!r}, file=__import__('sys').stderr)\n"
"""A sitecustomize that does not run the next one."""


def run_doctor(pip: Environment, *arguments: str | Path, **variables: str) -> Result:
    return pip.run_python("-m", "pip_resume", "doctor", *(arguments or ("--no-index",)), env=variables)


def doctor_report(pip: Environment, *flags: str, **variables: str) -> dict[str, Any]:
    """Run the doctor with these flags of Python; return its report as JSON, which has its exit code too."""
    ended = pip.run_python(*flags, "-m", "pip_resume", "doctor", "--json", "--no-index", env=variables)
    report: dict[str, Any] = json.loads(ended.stdout)
    assert report["exit_code"] == ended.returncode
    # A sitecustomize that these tests have written prints to standard error.
    assert ended.stderr.replace(NOISE, "") == ""
    return report


def findings(report: dict[str, Any], topic: str, level: str) -> list[dict[str, str]]:
    return [each for each in report["findings"] if (each["topic"], each["level"]) == (topic, level)]


def not_ok(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Return topic and level of each finding that is not ok, except a note about the start of coverage."""
    note_about_coverage = f"other files that run at every start: {COVERAGE_PTH}"
    relevant = (each for each in report["findings"] if each["text"] != note_about_coverage)
    return {(each["topic"], each["level"]) for each in relevant if each["level"] != "ok"}


def reinstall_command(pip: Environment, source: str = f"pip-resume=={__version__}") -> str:
    """Return the command that installs the plugin again; without a `source` it is as from an index."""
    return f"{pip.python} -m pip install --force-reinstall --no-deps {source}"


def write_origin(pip: Environment, url: str) -> None:
    """Write what pip writes for a plugin that it has installed from this URL."""
    (metadata,) = pip.site_packages.glob("pip_resume-*.dist-info")
    (metadata / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": {}}))

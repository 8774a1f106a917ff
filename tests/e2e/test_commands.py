"""The command `pip-resume` itself: how it is started, how it reports errors, and the command `hook`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e.command_line import is_one_line, run_pip_resume
from environments.checkout import ROOT, copy_package
from environments.environment import Environments
from environments.processes import run_checked
from environments.variables import scrubbed_variables

import pip_resume


def test_the_script_and_the_module_are_the_same_command(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")

    output_of_script = run_checked(pip.scripts / "pip-resume", "--version", variables=pip.variables)

    assert output_of_script == pip.run_python("-m", "pip_resume", "--version").stdout
    assert output_of_script == f"pip-resume {pip_resume.__version__}\n"


def test_the_cache_directory_is_that_of_pip_whatever_the_user_has_set_for_pips_output(
    environments: Environments,
) -> None:
    pip = environments.with_plugin("26.3")

    for setting in ({}, {"PIP_QUIET": "2"}, {"PIP_VERBOSE": "2"}, {"PIP_CACHE_DIR": str(pip.folder / "elsewhere")}):
        listed = pip.run_python("-m", "pip_resume", "list", env=setting)
        expected = setting.get("PIP_CACHE_DIR", str(pip.cache_dir))
        assert (listed.returncode, listed.stdout) == (0, f"No stored files in {expected}\n"), listed.stderr


# Errors


def test_a_disabled_cache_of_pip_is_reported_in_one_line_with_what_to_do(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")

    listed = pip.run_python("-m", "pip_resume", "list", env={"PIP_NO_CACHE_DIR": "1"})

    assert (listed.returncode, listed.stdout) == (2, "")
    assert is_one_line(listed.stderr)
    assert "cache is disabled" in listed.stderr
    assert "--cache-dir DIR" in listed.stderr


def test_a_missing_pip_is_reported_in_one_line(environments: Environments) -> None:
    bare = environments.without_pip()
    copy_package(bare.work)

    listed = bare.run_python("-m", "pip_resume", "list")

    assert (listed.returncode, listed.stdout) == (2, "")
    assert is_one_line(listed.stderr)
    assert "No module named pip" in listed.stderr


def usage_errors() -> list[Any]:
    return [
        pytest.param(["lst"], "invalid choice: 'lst'", id="unknown command"),
        pytest.param(["purge", "--older-than", "3x"], "'3x' is not a duration", id="invalid duration"),
        pytest.param(["list", "--cache-dir", "/no/such"], "no directory /no/such", id="missing directory"),
        pytest.param(["purge", "--cache-dir", __file__], "is not a directory", id="file instead of a directory"),
    ]


@pytest.mark.parametrize(("arguments", "message"), usage_errors())
def test_a_usage_error_is_one_line_on_stderr_with_exit_code_2(arguments: list[str], message: str) -> None:
    ended = run_pip_resume(*arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert is_one_line(ended.stderr)
    assert message in ended.stderr


@pytest.mark.parametrize("arguments", [["list"], ["hook", "path"], ["--help"]], ids=" ".join)
def test_a_closed_standard_output_ends_the_command_without_a_message(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    options = ["--cache-dir", str(tmp_path)] if arguments == ["list"] else []

    ended = subprocess.run(
        [sys.executable, "-m", "pip_resume", *arguments, *options],
        cwd=ROOT,
        env=scrubbed_variables(),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )

    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_damaged_installation_is_reported_in_one_line_with_how_to_repair_it(tmp_path: Path) -> None:
    (copy_package(tmp_path) / "commands" / "partials.py").unlink()

    listed = run_pip_resume("list", directory=tmp_path)

    assert (listed.returncode, listed.stdout) == (2, "")
    assert is_one_line(listed.stderr)
    assert f"--force-reinstall --no-deps pip-resume=={pip_resume.__version__}" in listed.stderr


def test_the_repair_names_the_wheel_that_was_installed(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")

    shown = pip.run_python("-c", "from pip_resume.commands import installation as i; print(i.source())").stdout.rstrip()

    assert Path(shown).is_absolute() or shown == f"pip-resume=={pip_resume.__version__}"
    origin = pip.site_packages / f"pip_resume-{pip_resume.__version__}.dist-info" / "direct_url.json"
    origin.write_text(json.dumps({"url": "file:///a%20b/pip_resume-9-py3-none-any.whl", "archive_info": {}}))
    command = "from pip_resume.commands import installation as i; print(i.reinstall_command())"
    assert pip.run_python("-c", command).stdout.rstrip().endswith("--no-deps '/a b/pip_resume-9-py3-none-any.whl'")


# The command `hook`


def test_the_directory_of_the_hook_contains_only_sitecustomize() -> None:
    directory = Path(run_pip_resume("hook", "path").stdout.rstrip("\n"))

    assert [path.name for path in directory.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]

"""The shell that started the doctor, and the remedies in its language."""

from __future__ import annotations

import re

import pytest

from pip_resume.commands.doctor import shell
from pip_resume.commands.doctor.shell import CMD, FISH, POWERSHELL, SH

WINDOWS = re.compile("python|py|pip-resume")


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        pytest.param(["bash"], SH, id="bash"),
        pytest.param(["-zsh"], SH, id="login shell"),
        pytest.param(["/usr/bin/fish"], FISH, id="path"),
        pytest.param(["pwsh"], POWERSHELL, id="PowerShell on Linux"),
        pytest.param(["uv", "fish", "bash"], FISH, id="started by uv"),
        pytest.param(["python", "fish"], None, id="started by a Python"),
        pytest.param([], None, id="no parent"),
    ],
)
def test_the_nearest_shell_counts(names: list[str], kind: str | None) -> None:
    assert shell.kind_of(names) == kind


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        pytest.param(["python.exe", "pip-resume.exe", "cmd.exe", "explorer.exe"], CMD, id="cmd"),
        pytest.param(["py.exe", "PowerShell.EXE"], POWERSHELL, id="Windows PowerShell"),
        pytest.param(["pwsh.exe", "cmd.exe"], POWERSHELL, id="PowerShell 7 in cmd"),
        pytest.param([r"C:\\Program Files\\Git\\usr\\bin\\bash.exe"], SH, id="Git Bash"),
        pytest.param(["explorer.exe"], None, id="no shell"),
    ],
)
def test_on_windows_the_launchers_are_passed_over(names: list[str], kind: str | None) -> None:
    assert shell.kind_of(names, WINDOWS) == kind


def test_the_shell_of_this_process_is_one_of_the_four() -> None:
    assert shell.current() in {SH, FISH, POWERSHELL, CMD}


@pytest.mark.parametrize(
    ("kind", "set_it", "unset_it", "run_it"),
    [
        pytest.param(SH, "export A=1", "unset A", "'/a b/python' -m pip", id="sh"),
        pytest.param(FISH, "set -gx A 1", "set -e A", "'/a b/python' -m pip", id="fish"),
        pytest.param(POWERSHELL, '$env:A = "1"', "Remove-Item Env:A", "& '/a b/python' -m pip", id="PowerShell"),
        pytest.param(CMD, "set A=1", "set A=", '"/a b/python" -m pip', id="cmd"),
    ],
)
def test_remedies_are_in_the_language_of_the_shell(kind: str, set_it: str, unset_it: str, run_it: str) -> None:
    assert shell.set_variable(kind, "A", "1") == set_it
    assert shell.unset_variable(kind, "A") == unset_it
    assert shell.command(kind, "/a b/python", "-m pip") == run_it
    assert shell.command(kind, "/usr/bin/python3.12", "-m pip") == "/usr/bin/python3.12 -m pip"


def test_a_windows_path_needs_no_quotes_in_the_shells_of_windows() -> None:
    path = r"C:\Python\python.exe"

    assert [shell.command(kind, path, "-V") for kind in (POWERSHELL, CMD)] == [f"{path} -V"] * 2
    assert shell.command(SH, path, "-V") == f"'{path}' -V"

"""The lines for a shell, run in real shells: the hook, the switch, and the completion."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from e2e.command_line import run_pip_resume
from environments.checkout import ROOT, copy_package
from environments.processes import start_with_pipes
from environments.variables import scrubbed_variables

COMMAND = f"{shlex.quote(sys.executable)} -m pip_resume"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PRINT_PYTHONPATH = f"{shlex.quote(sys.executable)} -c 'import os; print(os.environ[\"PYTHONPATH\"])'"


def run_in(shell: str, script: str, directory: Path = ROOT, **variables: str) -> str:
    """Run a script in a shell without the user's profile; return its output. Skip the test where it is missing."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    no_profile = {"zsh": ["-f"], "fish": ["--no-config"]}.get(shell, [])
    ended = start_with_pipes(
        [shell, *no_profile, "-c", script], {**scrubbed_variables(), **variables}, directory
    ).wait()
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def row_of_readme(section: str, shells: str) -> list[str]:
    """Return the cells of a table's row behind the first one, without the marks of code."""
    table = README.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    (row,) = re.findall(rf"^\| {shells} \| (.*) \|$", table, re.MULTILINE)
    return [cell.replace("\\|", "|").strip("` ") for cell in re.split(r"(?<!\\)\|", row)]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
@pytest.mark.parametrize("before", [None, "/one:/two"], ids=["unset", "set"])
def test_the_line_of_the_hook_prepends_its_directory_to_pythonpath_once(
    tmp_path: Path, before: str | None, shell: str
) -> None:
    parent = tmp_path / "it's a $HOME"
    directory = str((copy_package(parent) / "sitecustomize").resolve())
    line = f"{COMMAND} hook env --shell {shell}"
    line = f"{line} | source" if shell == "fish" else f'eval "$({line})"'
    variables = {} if before is None else {"PYTHONPATH": before}

    shown = run_in(shell, f"{line}; {line}; {PRINT_PYTHONPATH}", parent, **variables)

    assert shown == (f"{directory}\n" if before is None else f"{directory}:{before}\n")


@pytest.mark.parametrize(
    ("shells", "shell"), [("bash, zsh", "bash"), ("bash, zsh", "zsh"), ("fish", "fish")], ids=["bash", "zsh", "fish"]
)
def test_the_line_in_the_readme_adds_the_hook_once(shells: str, shell: str) -> None:
    (line,) = row_of_readme("Every Python of a user", shells)
    assert "/path/to/pip-resume" in line
    line = line.replace("/path/to/pip-resume", COMMAND)

    shown = run_in(shell, f"{line}\n{line}\n{PRINT_PYTHONPATH}")

    assert shown == run_pip_resume("hook", "path").stdout


@pytest.mark.parametrize(
    ("shells", "shell"), [("bash, zsh", "bash"), ("bash, zsh", "zsh"), ("fish", "fish")], ids=["bash", "zsh", "fish"]
)
def test_the_lines_in_the_readme_switch_it_on_for_the_programs_of_the_shell(
    tmp_path: Path, shells: str, shell: str
) -> None:
    now, from_now_on = row_of_readme("Switch it on", shells)
    lines = [now] if from_now_on.startswith("add that line") else [now, from_now_on]

    for line in lines:
        # fish stores its universal variables below the home directory.
        assert run_in(shell, f"{line}\nprintenv PIP_RESUME", HOME=str(tmp_path)) == "1\n"


def test_bash_completes_commands_and_options() -> None:
    script = (
        f'eval "$({COMMAND} completion --shell bash)"; '
        'COMP_WORDS=(pip-resume pu); COMP_CWORD=1; _pip_resume; echo "${COMPREPLY[@]}"; '
        'COMP_WORDS=(pip-resume purge --o); COMP_CWORD=2; _pip_resume; echo "${COMPREPLY[@]}"'
    )

    assert run_in("bash", script) == "purge\n--older-than\n"


def test_fish_completes_commands_and_options() -> None:
    script = (
        f"{COMMAND} completion --shell fish | source; complete -C 'pip-resume pu'; complete -C 'pip-resume purge --o'"
    )

    assert run_in("fish", script) == "purge\n--older-than\n"


def test_zsh_offers_the_commands_and_the_options_of_a_command() -> None:
    script = (
        "autoload -U compinit; compinit -D; "
        f'eval "$({COMMAND} completion --shell zsh)"; '
        "print $_comps[pip-resume]; compadd() { shift; print -r -- $@ }; "
        "words=(pip-resume p); CURRENT=2; _pip_resume; words=(pip-resume purge -); CURRENT=3; _pip_resume"
    )

    function, commands, options = run_in("zsh", script).splitlines()
    assert function == "_pip_resume"
    assert commands.split()[:2] == ["list", "purge"]
    assert "--older-than" in options.split()

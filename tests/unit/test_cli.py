"""The arguments of the command `pip-resume`, and what it says about mistakes in them."""

from __future__ import annotations

import pytest

from pip_resume import cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["lst"], "'lst'", id="unknown command"),
        pytest.param(["list", "--jsn"], "--jsn", id="unknown option"),
        pytest.param(["list", "surplus"], "surplus", id="surplus argument"),
        pytest.param(["purge", "--older-than", "3"], "'3' is not a duration", id="duration without a unit"),
        pytest.param(["purge", "--older-than", "-3d"], "--older-than", id="negative duration"),
        pytest.param(["purge", "--older-than"], "expected one argument", id="missing value"),
        pytest.param(["hook"], "path or env", id="hook without an argument"),
        pytest.param(["hook", "env", "--shell", "csh"], "'csh'", id="unknown shell"),
    ],
)
def test_a_mistake_is_reported_in_one_line_with_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)

    captured = capsys.readouterr()
    assert exit_info.value.code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0

    # A long name has its description on the next line, in some Pythons.
    output = capsys.readouterr().out.replace("\n        ", " ")
    assert [
        name for name in ("list", "purge", "doctor", "demo", "hook", "completion") if f"\n    {name} " not in output
    ] == []
    assert [code for code in ("0", "1", "2", "130") if f"\n  {code} " not in output] == []


def test_help_names_json_and_the_page_with_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0

    output = capsys.readouterr().out
    assert "--json" in output
    assert "https://github.com/pip-resume/pip-resume#readme" in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_names_every_command_and_the_options_of_purge(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", "--shell", shell]) == 0

    output = capsys.readouterr().out
    assert "list purge doctor demo hook completion --help --version" in output
    assert "--help --older-than --dry-run --cache-dir --json" in output

"""What the command understands, and how it words sizes, ages and lines for shells."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pip_resume import cli
from pip_resume.commands.doctor import verdict
from pip_resume.commands.doctor.finding import BROKEN, NOTE, OFF, OK, Finding
from pip_resume.commands.formatting import align, counted, format_age, format_size
from pip_resume.commands.hook import environment_line
from pip_resume.commands.partials import matches, project_of
from pip_resume.storage.housekeeping import Entry

DAY_S = 86400


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        pytest.param(0, "0 bytes", id="nothing"),
        pytest.param(1000, "1000 bytes", id="the-last-in-bytes"),
        pytest.param(1001, "1.0 kB", id="the-first-in-kB"),
        pytest.param(9_999, "10.0 kB", id="one-digit-behind-the-point"),
        pytest.param(10_001, "10 kB", id="no-digit-behind-the-point"),
        pytest.param(999_999, "999 kB", id="rounded-down"),
        pytest.param(1_000_001, "1.0 MB", id="the-first-in-MB"),
        pytest.param(3_250_000_000, "3250.0 MB", id="nothing-is-larger-than-a-MB"),
    ],
)
def test_a_size_reads_as_pip_prints_it(size: int, shown: str) -> None:
    assert format_size(size) == shown


@pytest.mark.parametrize(
    ("age_s", "shown"),
    [
        pytest.param(-5.0, "0 s", id="a-clock-that-was-wrong"),
        pytest.param(59.4, "59 s", id="seconds"),
        pytest.param(60.0, "1 min", id="a-minute"),
        pytest.param(3599.0, "59 min", id="almost-an-hour"),
        pytest.param(2 * 3600.0, "2 h", id="hours"),
        pytest.param(15.9 * DAY_S, "15 d", id="days"),
    ],
)
def test_an_age_has_the_largest_unit_that_fits(age_s: float, shown: str) -> None:
    assert format_age(age_s) == shown


def test_numbers_agree_with_their_noun() -> None:
    assert [counted(number, "partial") for number in (0, 1, 2)] == ["0 partials", "1 partial", "2 partials"]


def test_columns_are_aligned_and_lines_end_without_blanks() -> None:
    rows = [("File", "Kept", "Host"), ("a.whl", "5 bytes", "h"), ("longer.whl", "12 kB", "")]

    assert align(rows, right=frozenset({1})) == [
        "File           Kept  Host",
        "a.whl       5 bytes  h",
        "longer.whl    12 kB",
    ]


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        pytest.param("torch-2.3.0-cp311-cp311-linux_x86_64.whl", "torch", id="wheel"),
        pytest.param("ruamel.yaml-0.18-py3-none-any.whl", "ruamel.yaml", id="wheel-with-a-dot"),
        pytest.param("scikit-learn-1.4.tar.gz", "scikit-learn", id="sdist-with-a-dash"),
        pytest.param("archive.zip", "archive.zip", id="no-version"),
    ],
)
def test_the_project_is_read_from_the_file_name(filename: str, project: str) -> None:
    assert project_of(filename) == project


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("ruamel.yaml", True, id="project"),
        pytest.param("Ruamel_YAML", True, id="project-spelt-otherwise"),
        pytest.param("ruamel", False, id="beginning-of-a-project"),
        pytest.param("ruamel.yaml-0.18-py3-none-any.whl", True, id="file-name"),
        pytest.param("*.whl", True, id="pattern"),
        pytest.param("*.tar.gz", False, id="pattern-that-does-not-match"),
        pytest.param("0a1b2c3d4e5f", True, id="key-as-listed"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_partial_is_meant_by_project_file_name_pattern_or_key(name: str, expected: bool) -> None:
    assert matches(entry("ruamel.yaml-0.18-py3-none-any.whl"), name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("0a1b2c3d4e5f", True, id="key-as-listed"),
        pytest.param("0a1b2c3d4e5f" + 52 * "9", True, id="whole-key"),
        pytest.param("0a1b", False, id="too-little-of-the-key"),
        pytest.param("*", True, id="all"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_partial_without_a_readable_record_is_meant_by_its_key_or_by_everything(name: str, expected: bool) -> None:
    assert matches(entry(""), name) is expected


def entry(filename: str) -> Entry:
    return Entry(
        Path("0a1b2c3d4e5f" + 52 * "9" + ".part"),
        5,
        0.0,
        filename,
        "host",
        None,
        is_newer=False,
        is_usable=bool(filename),
    )


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        pytest.param("sh", """export PYTHONPATH='/it'"'"'s here'"${PYTHONPATH:+:$PYTHONPATH}\"""", id="sh"),
        pytest.param("fish", r"set -gx --path PYTHONPATH '/it\'s here' $PYTHONPATH", id="fish"),
        pytest.param(
            "powershell",
            "$env:PYTHONPATH = (@('/it''s here') + @($env:PYTHONPATH | Where-Object { $_ }))"
            " -join [IO.Path]::PathSeparator",
            id="powershell",
        ),
    ],
)
def test_the_line_for_a_shell_quotes_the_directory_in_its_way(shell: str, line: str) -> None:
    assert environment_line(shell, PurePosixPath("/it's here")) == line


@pytest.mark.parametrize(
    ("levels", "exit_code"),
    [
        pytest.param([OK, NOTE], 0, id="notes-do-no-harm"),
        pytest.param([OK, OFF, NOTE], 1, id="switched-off"),
        pytest.param([OFF, BROKEN, OK], 2, id="broken-counts-more-than-off"),
    ],
)
def test_the_verdict_of_the_doctor_is_the_worst_finding(levels: list[str], exit_code: int) -> None:
    assert verdict(Finding(level, "topic", "text") for level in levels) == exit_code


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["lst"], "'lst'", id="unknown-command"),
        pytest.param(["list", "--jsn"], "--jsn", id="unknown-option"),
        pytest.param(["list", "surplus"], "surplus", id="surplus-argument"),
        pytest.param(["purge", "--older-than", "3"], "'3' is not a duration", id="duration-without-a-unit"),
        pytest.param(["purge", "--older-than", "-3d"], "--older-than", id="negative-duration"),
        pytest.param(["purge", "--older-than"], "expected one argument", id="missing-value"),
        pytest.param(["hook"], "path or env", id="hook-without-its-part"),
        pytest.param(["hook", "env", "--shell", "csh"], "'csh'", id="unknown-shell"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_exit_code_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert told in said.err


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0

    said = capsys.readouterr().out
    assert [name for name in ("list", "purge", "doctor", "demo", "hook") if f"\n    {name} " not in said] == []
    assert [code for code in ("0", "1", "2", "130") if f"\n  {code} " not in said] == []

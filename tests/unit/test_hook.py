"""The line for a shell that puts the directory of pip-resume's `sitecustomize` into `PYTHONPATH`."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from pip_resume.commands.hook import SHELLS, environment_line
from pip_resume.errors import CommandError


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        *(
            pytest.param(
                shell,
                """case ":${PYTHONPATH-}:" in *:'/it'"'"'s here':*) ;; """
                """*) export PYTHONPATH='/it'"'"'s here'"${PYTHONPATH:+:$PYTHONPATH}" ;; esac""",
                id=shell,
            )
            for shell in ("sh", "bash", "zsh")
        ),
        pytest.param(
            "fish",
            r"contains -- '/it\'s here' $PYTHONPATH; or set -gx --path PYTHONPATH '/it\'s here' $PYTHONPATH",
            id="fish",
        ),
        pytest.param(
            "powershell",
            "if (@($env:PYTHONPATH -split [IO.Path]::PathSeparator | Where-Object { $_ }) -notcontains '/it''s here')"
            " { $env:PYTHONPATH = (@('/it''s here') +"
            " @($env:PYTHONPATH -split [IO.Path]::PathSeparator | Where-Object { $_ }))"
            " -join [IO.Path]::PathSeparator }",
            id="powershell",
        ),
    ],
)
def test_the_line_quotes_the_directory_as_the_shell_needs_it(shell: str, line: str) -> None:
    assert environment_line(shell, PurePosixPath("/it's here")) == line


@pytest.mark.parametrize(
    ("before", "value"),
    [
        pytest.param("", "/ours", id="unset"),
        pytest.param(f"/a{os.pathsep}/b", f"/ours{os.pathsep}/a{os.pathsep}/b", id="set"),
        pytest.param(f"/a{os.pathsep}/ours", f"/a{os.pathsep}/ours", id="there already"),
    ],
)
def test_the_line_for_cmd_has_the_complete_value(monkeypatch: pytest.MonkeyPatch, before: str, value: str) -> None:
    monkeypatch.setenv("PYTHONPATH", before)

    assert environment_line("cmd", PurePosixPath("/ours")) == f'set "PYTHONPATH={value}"'


@pytest.mark.parametrize("shell", SHELLS)
def test_a_directory_with_the_separator_of_paths_is_rejected(shell: str) -> None:
    with pytest.raises(CommandError, match="because it contains"):
        environment_line(shell, PurePosixPath(f"/a{os.pathsep}b"))

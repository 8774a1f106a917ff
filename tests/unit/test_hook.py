"""The line for a shell that puts the directory of pip-resume's `sitecustomize` into `PYTHONPATH`."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from pip_resume.commands.hook import environment_line
from pip_resume.errors import CommandError


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
def test_the_line_quotes_the_directory_as_the_shell_needs_it(shell: str, line: str) -> None:
    assert environment_line(shell, PurePosixPath("/it's here")) == line


@pytest.mark.parametrize("shell", ["sh", "fish", "powershell"])
def test_a_directory_with_the_separator_of_paths_is_rejected(shell: str) -> None:
    with pytest.raises(CommandError, match="because it contains"):
        environment_line(shell, PurePosixPath(f"/a{os.pathsep}b"))

"""The verdict of `pip-resume doctor`."""

from __future__ import annotations

import pytest

from pip_resume.commands.doctor import verdict
from pip_resume.commands.doctor.finding import BROKEN, NOTE, OFF, OK, Finding


@pytest.mark.parametrize(
    ("levels", "exit_code"),
    [
        pytest.param([], 0, id="nothing found"),
        pytest.param([OK, NOTE], 0, id="a note does not count"),
        pytest.param([OK, OFF, NOTE], 1, id="switched off"),
        pytest.param([OFF, BROKEN, OK], 2, id="broken is worse than off"),
    ],
)
def test_the_verdict_is_the_worst_finding(levels: list[str], exit_code: int) -> None:
    assert verdict(Finding(level, "topic", "text") for level in levels) == exit_code

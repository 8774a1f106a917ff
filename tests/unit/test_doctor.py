"""The verdict of `pip-resume doctor`."""

from __future__ import annotations

import pytest

from pip_resume.commands.doctor import verdict
from pip_resume.commands.doctor.finding import BROKEN, NOTE, OFF, OK, PART, Finding


@pytest.mark.parametrize(
    ("levels", "exit_code", "short"),
    [
        pytest.param([], 0, "works", id="nothing found"),
        pytest.param([OK, NOTE], 0, "works", id="a note does not count"),
        pytest.param([OK, PART, NOTE], 1, "works within one run only", id="nothing is stored for the next run"),
        pytest.param([OK, OFF, NOTE], 1, "switched off", id="switched off"),
        pytest.param([PART, OFF], 1, "switched off", id="switched off is worse than within one run only"),
        pytest.param([OFF, BROKEN, PART, OK], 2, "does not work", id="broken is worse than all others"),
    ],
)
def test_the_verdict_is_the_worst_finding(levels: list[str], exit_code: int, short: str) -> None:
    assert verdict(Finding(level, "topic", "text") for level in levels)[:2] == (exit_code, short)

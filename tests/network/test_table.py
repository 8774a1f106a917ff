"""What the table says of a run, and which runs count as violations."""

from __future__ import annotations

import pytest
from network.clients import Client
from network.measure import Outcome
from network.rides import BASELINE
from network.table import markdown, violations

PLAIN, OURS = Client("plain-26.3", "pip", ()), Client("ours-26.3", "pip with pip-resume", ())


def outcome(exit_code: int | None = 0, is_right: bool | None = True) -> Outcome:
    return Outcome(exit_code, seconds=16.4, wire=1.004, is_right=is_right, output="")


def test_the_table_has_a_row_for_each_ride_and_a_column_for_each_client() -> None:
    outcomes = {(BASELINE.key, PLAIN.key): outcome(), (BASELINE.key, OURS.key): outcome(None, None)}

    assert markdown([BASELINE], [PLAIN, OURS], outcomes) == [
        "|          | pip                  | pip with pip-resume         |",
        "| ---      | ---                  | ---                         |",
        "| no fault | 0, 16 s, 1.00, right | killed, 16 s, 1.00, no file |",
    ]


@pytest.mark.parametrize(
    ("exit_code", "is_right", "is_violation"),
    [
        pytest.param(0, True, False, id="the right file"),
        pytest.param(0, False, True, id="a wrong file"),
        pytest.param(0, None, True, id="no file"),
        pytest.param(1, None, True, id="an error"),
        pytest.param(None, None, True, id="killed"),
    ],
)
def test_a_violation_is_a_run_of_pip_resume_without_the_right_file(
    exit_code: int | None, is_right: bool | None, is_violation: bool
) -> None:
    outcomes = {
        (BASELINE.key, PLAIN.key): outcome(1, None),
        (BASELINE.key, OURS.key): outcome(exit_code, is_right),
    }

    found = violations([BASELINE], [PLAIN, OURS], outcomes)

    assert [line.startswith("pip with pip-resume, no fault:") for line in found] == [True] * is_violation

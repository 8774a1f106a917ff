"""What the table says of a run, and which runs count as violations."""

from __future__ import annotations

from pathlib import Path

import pytest
from network.clients import Client
from network.measure import Outcome
from network.offer import Expected, Left
from network.rides import BASELINE
from network.table import markdown, violations

PLAIN, OURS = Client("plain-26.3", "pip", ()), Client("ours-26.3", "pip with pip-resume", ())


def outcome(exit_code: int | None = 0, left: Left = Left.RIGHT) -> Outcome:
    return Outcome(exit_code, seconds=16.4, wire=1.004, left=left, output="")


def test_the_table_has_a_row_for_each_ride_and_a_column_for_each_client() -> None:
    outcomes = {(BASELINE.key, PLAIN.key): outcome(), (BASELINE.key, OURS.key): outcome(None, Left.NOTHING)}

    assert markdown([BASELINE], [PLAIN, OURS], outcomes) == [
        "|          | pip                  | pip with pip-resume         |",
        "| ---      | ---                  | ---                         |",
        "| no fault | 0, 16 s, 1.00, right | killed, 16 s, 1.00, no file |",
    ]


@pytest.mark.parametrize(
    ("exit_code", "left", "is_violation"),
    [
        pytest.param(0, Left.RIGHT, False, id="the right file"),
        pytest.param(0, Left.WRONG, True, id="a wrong file"),
        pytest.param(0, Left.NOTHING, True, id="no file"),
        pytest.param(0, Left.INCOMPLETE, True, id="an incomplete file"),
        pytest.param(1, Left.NOTHING, True, id="an error"),
        pytest.param(None, Left.RIGHT, True, id="killed"),
    ],
)
def test_a_violation_is_a_run_of_pip_resume_without_the_right_file(
    exit_code: int | None, left: Left, is_violation: bool
) -> None:
    outcomes = {
        (BASELINE.key, PLAIN.key): outcome(1, Left.NOTHING),
        (BASELINE.key, OURS.key): outcome(exit_code, left),
    }

    found = violations([BASELINE], [PLAIN, OURS], outcomes)

    assert [line.startswith("pip with pip-resume, no fault:") for line in found] == [True] * is_violation


@pytest.mark.parametrize(
    ("files", "left"),
    [
        pytest.param({}, Left.NOTHING, id="nothing"),
        pytest.param({"big.whl": b"whole wheel"}, Left.RIGHT, id="the wheel"),
        pytest.param({"big/payload.bin": b"whole payload"}, Left.RIGHT, id="an installation"),
        pytest.param({"big.whl": b"whole"}, Left.INCOMPLETE, id="the beginning"),
        pytest.param({"big.whl": b"other wheel"}, Left.WRONG, id="a different file of the same size"),
        pytest.param({"big.whl": b"whole wheel, twice"}, Left.WRONG, id="a longer file"),
    ],
)
def test_what_a_client_left_is_compared_with_the_offered_file(
    files: dict[str, bytes], left: Left, tmp_path: Path
) -> None:
    wanted = Expected(
        "https://192.0.2.1/big.whl", "big.whl", {"big.whl": b"whole wheel", "payload.bin": b"whole payload"}
    )
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)

    assert wanted.left_in(tmp_path) is left

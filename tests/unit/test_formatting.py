"""Ages, numbers and tables for people."""

from __future__ import annotations

import pytest

from pip_resume.commands.formatting import align, counted, format_age, shortened

DAY_S = 86400


@pytest.mark.parametrize(
    ("age_s", "shown"),
    [
        pytest.param(-5.0, "0 s", id="time in the future"),
        pytest.param(59.4, "59 s", id="seconds"),
        pytest.param(60.0, "1 min", id="one minute"),
        pytest.param(3599.0, "59 min", id="almost an hour"),
        pytest.param(2 * 3600.0, "2 h", id="hours"),
        pytest.param(15.9 * DAY_S, "15 d", id="days"),
    ],
)
def test_an_age_is_in_the_largest_unit_that_fits(age_s: float, shown: str) -> None:
    assert format_age(age_s) == shown


def test_a_noun_is_in_the_plural_unless_there_is_one() -> None:
    assert [counted(number, "partial") for number in (0, 1, 2)] == ["0 partials", "1 partial", "2 partials"]


def test_columns_are_aligned_and_lines_have_no_trailing_blanks() -> None:
    rows = [("File", "Stored", "Host"), ("a.whl", "5 bytes", "h"), ("longer.whl", "12 kB", "")]

    assert align(rows, right=frozenset({1})) == [
        "File         Stored  Host",
        "a.whl       5 bytes  h",
        "longer.whl    12 kB",
    ]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        pytest.param(18, "torch-2.3.0-py.whl", id="as wide as the text"),
        pytest.param(17, "torch-2...-py.whl", id="too narrow"),
        pytest.param(3, "torch....whl", id="never less than 12 characters"),
    ],
)
def test_a_long_name_loses_its_middle(width: int, shown: str) -> None:
    assert shortened("torch-2.3.0-py.whl", width) == shown

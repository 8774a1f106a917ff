"""The words that switch pip-resume on and off. What they do in an interpreter is tested in tests/integration."""

from __future__ import annotations

import pytest

from pip_resume.startup import parse_switch


@pytest.mark.parametrize(
    ("value", "switch"),
    [
        *[(word, True) for word in ("1", "true", "yes", "on")],
        *[(word, False) for word in ("0", "false", "no", "off")],
        pytest.param("", False, id="empty"),
        pytest.param("  ", False, id="blanks"),
        pytest.param("True", True, id="capital letter"),
        pytest.param("YES", True, id="upper case"),
        pytest.param(" on\t", True, id="white space around it"),
        pytest.param("No", False, id="off with a capital letter"),
        pytest.param("2", None, id="different number"),
        pytest.param("y", None, id="abbreviation"),
        pytest.param("enabled", None, id="different word"),
        pytest.param("1 1", None, id="two words"),
        pytest.param("\N{FULLWIDTH DIGIT ONE}", None, id="digit of a different script"),
    ],
)
def test_the_switch_is_one_of_eight_words_in_any_case(value: str, switch: bool | None) -> None:
    assert parse_switch(value) is switch

"""Sizes, shares, durations and names as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.utils.misc import format_size as pips_format_size

from pip_resume.wording import format_duration, format_share, format_size, printable


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        pytest.param(0, "0 bytes", id="nothing"),
        pytest.param(1000, "1000 bytes", id="largest in bytes"),
        pytest.param(1001, "1.0 kB", id="smallest in kB"),
        pytest.param(9_999, "10.0 kB", id="one decimal place"),
        pytest.param(10_000, "10.0 kB", id="largest with a decimal place"),
        pytest.param(10_001, "10 kB", id="no decimal place"),
        pytest.param(999_999, "999 kB", id="rounded down"),
        pytest.param(1_000_000, "1000 kB", id="largest in kB"),
        pytest.param(1_000_001, "1.0 MB", id="smallest in MB"),
        pytest.param(1_000_000_000, "1000.0 MB", id="largest in MB"),
        pytest.param(1_000_000_001, "1.0 GB", id="smallest in GB"),
        pytest.param(3_250_000_000, "3.2 GB", id="GB"),
        pytest.param(2_500_000_000_000, "2500.0 GB", id="GB is the largest unit"),
    ],
)
def test_a_size_has_the_largest_unit_that_fits(size: int, shown: str) -> None:
    assert format_size(size) == shown


@given(st.integers(0, 1_000_000_000))
def test_up_to_a_gigabyte_a_size_is_formatted_as_pip_does(size: int) -> None:
    assert format_size(size) == pips_format_size(size)


@pytest.mark.parametrize(
    ("size", "whole", "shown"),
    [
        pytest.param(10_000_000, 40_000_000, "10.0 of 40.0 MB", id="the same unit is written once"),
        pytest.param(500_000, 40_000_000, "500 kB of 40.0 MB", id="different units"),
        pytest.param(0, 40_000_000, "0 bytes of 40.0 MB", id="nothing of a file"),
        pytest.param(5, 10, "5 of 10 bytes", id="bytes"),
        pytest.param(500_000, None, "500 kB", id="complete-length unknown"),
        pytest.param(0, 0, "0 bytes", id="an empty file"),
    ],
)
def test_a_share_says_how_much_of_the_whole_there_is(size: int, whole: int | None, shown: str) -> None:
    assert format_share(size, whole) == shown


@pytest.mark.parametrize(
    ("duration_s", "shown"),
    [
        pytest.param(0.0, "0 s", id="nothing"),
        pytest.param(0.44, "0.4 s", id="one decimal place"),
        pytest.param(2.0, "2 s", id="no decimal place if it is zero"),
        pytest.param(9.94, "9.9 s", id="below 10 s"),
        pytest.param(10.0, "10 s", id="10 s"),
        pytest.param(10.4, "10 s", id="no decimal place from 10 s on"),
        pytest.param(119.4, "119 s", id="below 2 min"),
        pytest.param(120.0, "2 min", id="2 min"),
        pytest.param(300.0, "5 min", id="minutes"),
        pytest.param(7169.0, "119 min", id="below 2 h"),
        pytest.param(7200.0, "2 h", id="2 h"),
        pytest.param(86_400.0, "24 h", id="a day"),
    ],
)
def test_a_duration_has_the_largest_unit_of_which_there_are_two(duration_s: float, shown: str) -> None:
    assert format_duration(duration_s) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("numpy-2.0-cp313-win_amd64.whl", "numpy-2.0-cp313-win_amd64.whl", id="file name"),
        pytest.param("Grüße 世界.zip", "Grüße 世界.zip", id="letters of every script, and blanks"),
        pytest.param("\x1b]0;x\x07", "\\x1b]0;x\\x07", id="escape sequence"),
        pytest.param("a\r\nb", "a\\r\\nb", id="line break"),
        pytest.param("\u202egpj.exe", "\\u202egpj.exe", id="direction of the text"),
        pytest.param("\udcff", "\\udcff", id="byte that is not text"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_a_terminal_would_not_show_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_a_name_is_printable_in_every_case(text: str) -> None:
    shown = printable(text)

    assert shown.isprintable()
    assert shown == text or not text.isprintable()

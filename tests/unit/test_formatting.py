"""Ages, numbers and tables for people."""

from __future__ import annotations

import pytest

from pip_resume.commands.formatting import align, counted, format_age, shortened

DAY_S = 86400
CUDNN = "nvidia_cudnn_cu12-9.1.0.70-1-py3-none-manylinux2014_x86_64.whl"


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
    ("name", "width", "shown"),
    [
        pytest.param(CUDNN, 62, CUDNN, id="as wide as the name"),
        pytest.param(CUDNN, 52, "nvidia_cudnn_cu12-9.1.0.70...anylinux2014_x86_64.whl", id="a part of the tags"),
        pytest.param(CUDNN, 32, "nvidia_cudnn_cu12-9.1.0.70...whl", id="no tags"),
        pytest.param(CUDNN, 24, "nvidia...-9.1.0.70...whl", id="a part of the project"),
        pytest.param(CUDNN, 19, "nvid...9.1.0.70.whl", id="a small part of the project"),
        pytest.param(CUDNN, 3, "nvidia...whl", id="no room for the version"),
        pytest.param("a_long_project-1.2.tar.gz", 20, "a_long...-1.2.tar.gz", id="a source distribution"),
        pytest.param("torch-2.3.0-py.whl", 17, "torch-2.3.0...whl", id="short tags"),
        pytest.param("torch-2.3.0+cu121-cp311-cp311-linux_x86_64.whl", 19, "torch-2.3.0+c...whl", id="a long version"),
        pytest.param("0a1b2c3d4e5f (unusable)", 20, "0a1b2c3d4...nusable)", id="no file name"),
    ],
)
def test_a_long_name_keeps_its_start_its_version_and_its_ending(name: str, width: int, shown: str) -> None:
    assert shortened(name, width) == shown
    assert len(shown) <= max(width, 12)

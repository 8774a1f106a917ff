"""What holds for every value of our variables, valid, damaged or arbitrary."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from unit.texts import ANY_TEXT, LARGEST_OFF_T, Understood, damaged

from pip_resume.settings import (
    KEEP_DAYS,
    MAX_SIZE,
    OUR_NAMES,
    PATIENCE,
    PIPS_OWN_NAME,
    parse_duration,
    parse_settings,
    parse_size,
    unknown_names,
)

AMOUNTS = st.integers(0, 10**9).map(str) | st.decimals(0, 10**6, places=3).map(str)
BLANKS = st.sampled_from(["", " ", "\t "])
UNIT_BYTES = {
    "": 1,
    "B": 1,
    **{f"{prefix}{end}": 1000 ** (power + 1) for power, prefix in enumerate("KMGT") for end in ("", "B")},
    **{f"{prefix}{end}": 1024 ** (power + 1) for power, prefix in enumerate("KMGT") for end in ("I", "IB")},
}
UNIT_S = {"S": 1, "M": 60, "H": 3600, "D": 86400, "W": 7 * 86400}
SIZES = st.builds("{}{}{}".format, AMOUNTS, BLANKS, st.sampled_from(sorted(UNIT_BYTES)))
DURATIONS = st.builds("{}{}{}".format, AMOUNTS, BLANKS, st.sampled_from(sorted(UNIT_S)))


def split(text: str) -> tuple[Decimal, str]:
    """Split a valid amount from its unit in upper case, without the code under test."""
    parts = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)[ \t]*([A-Za-z]*)", text.strip())
    assert parts is not None
    return Decimal(parts[1]), parts[2].upper()


sizes_understood = Understood()


@sizes_understood
@given(damaged(SIZES))
def test_a_size_that_is_understood_is_its_amount_times_its_unit(text: str) -> None:
    size = parse_size(text)

    if sizes_understood.count(size):
        amount, unit = split(text)
        assert size == int(amount * UNIT_BYTES[unit])
        assert size <= LARGEST_OFF_T


durations_understood = Understood()


@durations_understood
@given(damaged(DURATIONS))
def test_a_duration_that_is_understood_is_its_amount_times_its_unit(text: str) -> None:
    duration_s = parse_duration(text)

    if durations_understood.count(duration_s):
        amount, unit = split(text)
        assert duration_s == float(amount) * UNIT_S[unit]


@given(
    ANY_TEXT | damaged(AMOUNTS),
    ANY_TEXT | damaged(SIZES),
    ANY_TEXT | damaged(DURATIONS) | damaged(AMOUNTS),
    ANY_TEXT | damaged(AMOUNTS),
)
def test_settings_are_usable_with_every_environment(keep_days: str, max_size: str, patience: str, retries: str) -> None:
    environ = {KEEP_DAYS: keep_days, MAX_SIZE: max_size, PATIENCE: patience, PIPS_OWN_NAME: retries}

    result = parse_settings(environ)

    assert 0 <= result.keep_days < math.inf
    assert 0 <= result.max_size <= LARGEST_OFF_T
    assert result.patience_s is None or 0 <= result.patience_s < math.inf
    assert result.retries is None or 0 <= result.retries < 10**9
    assert all(complaint.isprintable() for complaint in result.complaints)
    is_default = {
        KEEP_DAYS: result.keep_days == 14,
        MAX_SIZE: result.max_size == 10 * 1024**3,
        PATIENCE: result.patience_s is None,
        PIPS_OWN_NAME: result.retries is None,
    }
    for name, has_default in is_default.items():
        complaints = [complaint for complaint in result.complaints if complaint.startswith(f"{name} is ")]
        assert len(complaints) <= has_default
        if name in (PATIENCE, PIPS_OWN_NAME):  # Every valid value of these gives a number, and the default is None.
            assert len(complaints) == (has_default and environ[name] != "")


@given(ANY_TEXT)
def test_no_text_makes_a_parser_raise(text: str) -> None:
    parse_size(text)
    parse_duration(text)


@given(st.integers(0, LARGEST_OFF_T), st.sampled_from(["", "B", " B", " b"]))
def test_a_size_in_bytes_is_exact(size: int, unit: str) -> None:
    assert parse_size(f"{size}{unit}") == size


@given(st.integers(0, 8_000_000), st.sampled_from("KMGT"))
def test_a_binary_unit_is_a_power_of_1024_and_a_decimal_one_of_1000(amount: int, prefix: str) -> None:
    power = "KMGT".index(prefix) + 1

    assert parse_size(f"{amount}{prefix}B") == parse_size(f"{amount}{prefix.lower()}") == amount * 1000**power
    assert parse_size(f"{amount} {prefix}iB") == amount * 1024**power


@given(st.integers(0, 10**6))
def test_a_duration_is_the_same_in_every_unit(days: int) -> None:
    assert (
        parse_duration(f"{days}d")
        == parse_duration(f"{days * 24}h")
        == parse_duration(f"{days * 24}h".upper())
        == (days * 86400)
    )
    assert parse_duration(f"{days}w") == days * 7 * 86400


@given(st.dictionaries(ANY_TEXT.map("PIP_RESUME_".__add__) | ANY_TEXT | st.sampled_from(OUR_NAMES), st.just("1")))
def test_only_names_that_begin_like_ours_are_unknown(environ: dict[str, str]) -> None:
    names = unknown_names(environ)

    assert all(name.startswith("PIP_RESUME_") and name in environ for name in names)
    assert not set(names) & set(OUR_NAMES)

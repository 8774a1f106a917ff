"""The environment's `PIP_RESUME_*`: numbers of days, sizes, durations, and what is said about invalid values."""

from __future__ import annotations

import pytest
from unit.texts import KELVIN_SIGN, NOT_NUMBERS

from pip_resume.protocol import retry
from pip_resume.settings import (
    DEFAULT_KEEP_DAYS,
    DEFAULT_MAX_SIZE,
    DEFAULT_PATIENCE_S,
    OUR_NAMES,
    PIPS_OWN_NAME,
    Settings,
    parse_duration,
    parse_settings,
    parse_size,
    unknown_names,
)

LONE_SURROGATE = "\udcff"  # What Python makes of a byte of the environment that is not text.


def test_without_variables_partials_are_kept_two_weeks_and_in_ten_gibibytes() -> None:
    assert parse_settings({}) == Settings(keep_days=14, max_size=10 * 1024**3, complaints=())


def test_without_variables_nothing_is_said_about_patience_and_retries() -> None:
    assert (parse_settings({}).patience_s, parse_settings({}).retries) == (None, None)


@pytest.mark.parametrize(
    ("value", "patience_s"),
    [
        pytest.param("5m", 300.0, id="minutes"),
        pytest.param("90s", 90.0, id="seconds"),
        pytest.param("90", 90.0, id="without a unit: seconds, as for pip's --timeout"),
        pytest.param("1.5", 1.5, id="fraction of a second"),
        pytest.param("2h", 7200.0, id="hours"),
        pytest.param("0", 0.0, id="zero: the attempts alone count"),
        pytest.param(" 7 m ", 420.0, id="white space"),
        pytest.param("", None, id="empty counts as unset"),
    ],
)
def test_the_patience_is_read_from_the_environment(value: str, patience_s: float | None) -> None:
    assert parse_settings({"PIP_RESUME_PATIENCE": value}) == Settings(patience_s=patience_s)


@pytest.mark.parametrize(
    ("value", "retries"),
    [
        pytest.param("30", 30, id="number"),
        pytest.param("0", 0, id="zero"),
        pytest.param(" 7 ", 7, id="white space around it"),
        pytest.param("", None, id="empty counts as unset"),
    ],
)
def test_the_retries_are_read_for_pips_that_do_not_read_them(value: str, retries: int | None) -> None:
    assert parse_settings({"PIP_RESUME_RETRIES": value}) == Settings(retries=retries)


@pytest.mark.parametrize("name", ["PIP_RESUME_PATIENCE", "PIP_RESUME_RETRIES"])
@pytest.mark.parametrize("value", [*NOT_NUMBERS, pytest.param("5 x", id="unknown unit"), pytest.param(" ", id="blank")])
def test_an_invalid_patience_or_number_of_retries_counts_as_unset_and_gives_one_complaint(
    name: str, value: str
) -> None:
    settings = parse_settings({name: value})

    assert settings == Settings(complaints=settings.complaints)
    assert len(settings.complaints) == 1
    assert settings.complaints[0].startswith(f"{name} is ")


@pytest.mark.parametrize("value", ["1.5", "5m"])
def test_a_number_of_retries_has_no_fraction_and_no_unit(value: str) -> None:
    assert parse_settings({"PIP_RESUME_RETRIES": value}).retries is None


@pytest.mark.parametrize(
    ("value", "keep_days"),
    [
        pytest.param("3", 3.0, id="whole days"),
        pytest.param("0.5", 0.5, id="half a day"),
        pytest.param("0", 0.0, id="zero removes at once"),
        pytest.param(" 7 ", 7.0, id="white space around it"),
        pytest.param("", DEFAULT_KEEP_DAYS, id="empty counts as unset"),
    ],
)
def test_the_days_to_keep_are_read_from_the_environment(value: str, keep_days: float) -> None:
    assert parse_settings({"PIP_RESUME_KEEP_DAYS": value}) == Settings(keep_days=keep_days)


@pytest.mark.parametrize(
    ("value", "max_size"),
    [
        pytest.param("500M", 500_000_000, id="decimal unit"),
        pytest.param("1.5GiB", 3 * 1024**3 // 2, id="binary unit"),
        pytest.param("0", 0, id="zero removes at once"),
        pytest.param("", DEFAULT_MAX_SIZE, id="empty counts as unset"),
    ],
)
def test_the_maximum_size_is_read_from_the_environment(value: str, max_size: int) -> None:
    assert parse_settings({"PIP_RESUME_MAX_SIZE": value}) == Settings(max_size=max_size)


@pytest.mark.parametrize("value", [*NOT_NUMBERS, pytest.param("14d", id="with a unit"), pytest.param(" ", id="blank")])
def test_an_invalid_number_of_days_gives_the_default_and_one_complaint(value: str) -> None:
    settings = parse_settings({"PIP_RESUME_KEEP_DAYS": value})

    assert settings.keep_days == DEFAULT_KEEP_DAYS
    assert len(settings.complaints) == 1


def test_a_complaint_names_the_variable_the_value_what_is_accepted_and_the_default() -> None:
    settings = parse_settings(
        {
            "PIP_RESUME_RETRIES": "many",
            "PIP_RESUME_PATIENCE": "for ever",
            "PIP_RESUME_KEEP_DAYS": "soon",
            "PIP_RESUME_MAX_SIZE": "10 pounds",
        }
    )

    assert settings == Settings(
        complaints=(
            "PIP_RESUME_KEEP_DAYS is 'soon', which is not a number of days such as 14 or 0.5; using the default, 14.",
            "PIP_RESUME_MAX_SIZE is '10 pounds', which is not a size such as 500M, 1.5GiB or 20 GB; "
            "using the default, 10GiB.",
            "PIP_RESUME_PATIENCE is 'for ever', which is not a duration such as 90s, 5m or 2h; using the default, 5m.",
            "PIP_RESUME_RETRIES is 'many', which is not a number of retries such as 5; using the default, pip's own.",
        )
    )


def test_an_invalid_value_of_one_variable_does_not_change_the_other() -> None:
    settings = parse_settings({"PIP_RESUME_KEEP_DAYS": "3", "PIP_RESUME_MAX_SIZE": "lots"})

    assert (settings.keep_days, settings.max_size, len(settings.complaints)) == (3.0, DEFAULT_MAX_SIZE, 1)


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        pytest.param("x" * 40, f"'{'x' * 40}'", id="40 characters"),
        pytest.param("x" * 41, f"'{'x' * 40}...'", id="41 characters"),
    ],
)
def test_at_most_40_characters_of_a_value_are_quoted(value: str, quoted: str) -> None:
    (complaint,) = parse_settings({"PIP_RESUME_KEEP_DAYS": value}).complaints

    assert complaint.startswith(f"PIP_RESUME_KEEP_DAYS is {quoted}, ")


def test_a_complaint_is_one_short_printable_line_for_every_value() -> None:
    (complaint,) = parse_settings({"PIP_RESUME_MAX_SIZE": f"\x1b[31m\n{LONE_SURROGATE}" + "x" * 10_000}).complaints

    assert complaint.isascii()
    assert complaint.isprintable()
    assert len(complaint) < 250


@pytest.mark.parametrize("number", NOT_NUMBERS)
def test_a_malformed_number_is_neither_a_size_nor_a_duration(number: str) -> None:
    assert parse_size("5G") is not None
    assert parse_duration("5d") is not None
    assert (parse_size(number), parse_size(f"{number}G"), parse_duration(f"{number}d")) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("1024", 1024, id="without a unit: bytes"),
        pytest.param("20 B", 20, id="B"),
        pytest.param("1k", 1000, id="k"),
        pytest.param("1kB", 1000, id="kB"),
        pytest.param("1KiB", 1024, id="KiB"),
        pytest.param("1Ki", 1024, id="Ki"),
        pytest.param("500M", 500 * 1000**2, id="M"),
        pytest.param("20 MB", 20 * 1000**2, id="MB after a blank"),
        pytest.param("20mib", 20 * 1024**2, id="MiB in lower case"),
        pytest.param("10G", 10 * 1000**3, id="G"),
        pytest.param("1.5GiB", 1024**3 * 3 // 2, id="fraction of a GiB"),
        pytest.param("2T", 2 * 1000**4, id="T"),
        pytest.param("2TiB", 2 * 1024**4, id="TiB"),
        pytest.param("1.9", 1, id="rounded down"),
        pytest.param("9007199254740993", 2**53 + 1, id="more digits than a float has"),
        pytest.param("9223372036854775807", 2**63 - 1, id="largest possible file"),
        pytest.param("9223372036854775808", None, id="larger than any file"),
        pytest.param("1.000000001G", 1_000_000_001, id="fraction, exact to the byte"),
        pytest.param("\t20 MB\n", 20 * 1000**2, id="white space around it"),
        pytest.param("", None, id="empty"),
        pytest.param("G", None, id="unit alone"),
        pytest.param("1.G", None, id="dot without a fraction"),
        pytest.param(".5G", None, id="fraction alone"),
        pytest.param("1iB", None, id="i without a prefix"),
        pytest.param("1P", None, id="unknown unit"),
        pytest.param("1 G B", None, id="blank in the unit"),
        pytest.param(f"1{KELVIN_SIGN}", None, id="kelvin sign"),
        pytest.param("9999999999T", None, id="larger than any file system"),
    ],
)
def test_a_unit_of_size_is_decimal_unless_it_has_an_i(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        pytest.param("45s", 45.0, id="seconds"),
        pytest.param("90m", 5400.0, id="minutes"),
        pytest.param("12h", 43200.0, id="hours"),
        pytest.param("3d", 259200.0, id="days"),
        pytest.param("2w", 1209600.0, id="weeks"),
        pytest.param("1.5d", 129600.0, id="fraction"),
        pytest.param("0s", 0.0, id="zero"),
        pytest.param("3D", 259200.0, id="upper case"),
        pytest.param(" 3 d ", 259200.0, id="white space"),
        pytest.param("", None, id="empty"),
        pytest.param("3", None, id="no unit"),
        pytest.param("d", None, id="unit alone"),
        pytest.param("3y", None, id="unknown unit"),
        pytest.param("1d12h", None, id="two units"),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text: str, duration_s: float | None) -> None:
    assert parse_duration(text) == duration_s


def test_misspelt_names_are_listed_in_order() -> None:
    environ = {"PIP_RESUME_MAXSIZE": "1G", "PIP_RESUME_DAYS": "3"}

    assert unknown_names(environ) == ("PIP_RESUME_DAYS", "PIP_RESUME_MAXSIZE")


@pytest.mark.parametrize("name", [*OUR_NAMES, PIPS_OWN_NAME, "PIP_RESUMES", "PIP_RETRIES", "HOME"])
def test_our_names_and_those_of_other_programs_are_not_unknown(name: str) -> None:
    assert unknown_names({name: "1"}) == ()


def test_the_default_patience_is_that_of_the_protocol() -> None:
    assert DEFAULT_PATIENCE_S == retry.DEFAULT_PATIENCE_S == 300


def test_no_name_of_ours_is_an_option_of_pip() -> None:
    assert PIPS_OWN_NAME == "PIP_RESUME_RETRIES"
    assert PIPS_OWN_NAME not in OUR_NAMES

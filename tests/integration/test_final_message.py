"""The final error of a download that was given up: what happened, what is stored, what to do next."""

from __future__ import annotations

import pytest
from integration.machine import DOWNLOAD_MODULE
from pip._internal.models.link import Link

from pip_resume.errors import FailedAttempt, Report, Stage
from pip_resume.inside_pip.compat import diagnostic_error
from pip_resume.inside_pip.display import PipDisplay
from pip_resume.inside_pip.final_error import final_error

NAME = "thing-1.0.tar.gz"
MB = 1_000_000
DISPLAY = PipDisplay(DOWNLOAD_MODULE, Link(f"https://files.example/{NAME}?token=s3cret"), "off")
ONCE = (FailedAttempt("closed early", 3 * MB, 3 * MB, 0.04),)
REFUSED = tuple(FailedAttempt("connection refused", 3 * MB, 0, 2.0 + n, Stage.REQUEST) for n in range(5))


def message(
    attempts: tuple[FailedAttempt, ...],
    *,
    name: str = NAME,
    offset: int = 3 * MB,
    complete_length: int | None = 6 * MB,
    is_stored: bool = True,
    retry_after_s: float | None = None,
) -> str:
    """Return the text of the error, with its context and its hint."""
    error = final_error(DISPLAY.name, Report(name, offset, complete_length, attempts, retry_after_s, is_stored))
    if diagnostic_error() is None:
        return str(error)
    return f"{error.message}\n{error.context}\n{error.hint_stmt}"  # type: ignore[attr-defined]


def test_the_message_names_file_bytes_duration_and_last_cause() -> None:
    assert f"Download of {NAME} failed at 3.0 of 6.0 MB after 6 s: connection refused" in message(ONCE + REFUSED)


def test_an_unknown_complete_length_is_left_out() -> None:
    assert f"Download of {NAME} failed at 3.0 MB after" in message(ONCE, complete_length=None)


def test_a_file_that_no_response_has_named_has_the_name_in_the_link_without_the_query() -> None:
    text = message(ONCE, name="")

    assert f"Download of {NAME} failed" in text
    assert "s3cret" not in text


def test_a_name_that_would_control_the_terminal_is_shown_with_escapes() -> None:
    """Field report 5.5."""
    assert "Download of thing\\x1b]0;.whl failed" in message(ONCE, name="thing\x1b]0;.whl")


def test_attempts_with_the_same_offset_and_cause_share_a_line() -> None:
    text = message(ONCE + REFUSED)

    assert "6 attempts failed:" in text
    assert "at 3.0 MB after 0 s: closed early" in text
    assert "at 3.0 MB after 6 s: connection refused (5 times)" in text
    assert text.count("connection refused") == 2


def test_a_single_attempt_has_no_history() -> None:
    assert "attempt" not in message(ONCE)


def test_the_history_of_many_attempts_shows_the_last_six() -> None:
    many = tuple(FailedAttempt("reset by peer", n * MB, MB, float(n)) for n in range(1, 201))

    text = message(many, offset=200 * MB, complete_length=900 * MB)

    assert "200 attempts failed, the last 6:" in text
    assert "at 195.0 MB after 3 min" in text
    assert "at 194.0 MB" not in text


@pytest.mark.parametrize(
    ("is_stored", "offset", "retry_after_s", "hint"),
    [
        pytest.param(
            True, 3 * MB, None, "What was downloaded is kept: run the same command again to continue.", id="stored"
        ),
        pytest.param(
            False,
            3 * MB,
            None,
            "What was downloaded could not be kept: run the same command again to start over.",
            id="not stored",
        ),
        pytest.param(False, 0, None, "Run the same command again.", id="no bytes"),
        pytest.param(
            True,
            3 * MB,
            61.0,
            "What was downloaded is kept: wait 2 min, as the server asks, then run the same command again to continue.",
            id="stored, with Retry-After, minutes rounded up",
        ),
        pytest.param(
            False,
            0,
            7200.0,
            "Wait 120 min, as the server asks, then run the same command again.",
            id="no bytes, with Retry-After",
        ),
    ],
)
def test_the_last_sentence_says_what_is_stored_and_what_to_do_next(
    is_stored: bool, offset: int, retry_after_s: float | None, hint: str
) -> None:
    text = message(ONCE, is_stored=is_stored, offset=offset, retry_after_s=retry_after_s)

    assert text.endswith(hint)


@pytest.mark.parametrize(
    ("report", "hint"),
    [
        (
            Report(NAME, 3 * MB, 6 * MB, ONCE, is_stored=True, is_range_ignored=True),
            "The server ignores Range: run the same command again to start over.",
        ),
        (
            Report(NAME, 3 * MB, 6 * MB, ONCE, is_stored=True, is_range_refused=True),
            "The server refuses Range: run the same command again to start over.",
        ),
    ],
)
def test_the_last_sentence_does_not_promise_what_the_server_does_not_do(report: Report, hint: str) -> None:
    error = final_error(DISPLAY.name, report)

    assert (str(error) if diagnostic_error() is None else error.hint_stmt).endswith(hint)  # type: ignore[attr-defined]


def test_brackets_in_a_file_name_are_shown() -> None:
    error = final_error(DISPLAY.name, Report("thing[red]-1.0.tar.gz", 3 * MB, 6 * MB, ONCE, is_stored=True))

    if diagnostic_error() is not None:
        from pip._vendor.rich.console import Console

        console = Console(width=200, no_color=True)
        with console.capture() as captured:
            console.print(error)
        text = captured.get()
    else:
        text = str(error)
    assert "thing[red]-1.0.tar.gz" in text

"""The message at the end of a download that was given up: what happened, what is kept, what to do."""

from __future__ import annotations

import pytest
from integration.machine import MODULE
from pip._internal.models.link import Link

from pip_resume.errors import FailedAttempt, Report, Stage
from pip_resume.inside_pip.compat import diagnostic_error
from pip_resume.inside_pip.display import PipDisplay, final_error

NAME = "thing-1.0.tar.gz"
MB = 1_000_000
DISPLAY = PipDisplay(MODULE, Link(f"https://files.example/{NAME}?token=s3cret"), "off")
ONCE = (FailedAttempt("closed early", 3 * MB, 3 * MB, 0.04),)
REFUSED = tuple(FailedAttempt("connection refused", 3 * MB, 0, 2.0 + n, Stage.REQUEST) for n in range(5))


def said(
    breaks: tuple[FailedAttempt, ...],
    *,
    offset: int = 3 * MB,
    complete_length: int | None = 6 * MB,
    is_kept: bool = True,
    retry_after_s: float | None = None,
) -> str:
    error = final_error(DISPLAY, Report(NAME, offset, complete_length, is_kept, breaks, retry_after_s))
    if diagnostic_error() is None:
        return str(error)
    return f"{error.message}\n{error.context}\n{error.hint_stmt}"  # type: ignore[attr-defined]


def test_message_names_file_bytes_time_and_last_cause() -> None:
    assert f"Download of {NAME} failed at 3.0 MB of 6.0 MB after 6 s: connection refused" in said(ONCE + REFUSED)


def test_unknown_length_is_left_out() -> None:
    assert f"Download of {NAME} failed at 3.0 MB after" in said(ONCE, complete_length=None)


def test_attempts_that_ended_alike_share_a_line() -> None:
    text = said(ONCE + REFUSED)

    assert "6 attempts failed:" in text
    assert "at 3.0 MB after 0 s: closed early" in text
    assert "at 3.0 MB after 6 s: connection refused (5 times)" in text
    assert text.count("connection refused") == 2


def test_one_attempt_needs_no_history() -> None:
    assert "attempt" not in said(ONCE)


def test_history_of_many_breaks_shows_the_last() -> None:
    many = tuple(FailedAttempt("reset by peer", n * MB, MB, float(n)) for n in range(1, 201))

    text = said(many, offset=200 * MB, complete_length=900 * MB)

    assert "200 attempts failed, the last 6:" in text
    assert "at 195.0 MB after 195 s" in text
    assert "at 194.0 MB" not in text


@pytest.mark.parametrize(
    ("is_kept", "offset", "retry_after_s", "hint"),
    [
        pytest.param(
            True, 3 * MB, None, "What was downloaded is kept: run the same command again to continue.", id="kept"
        ),
        pytest.param(
            False,
            3 * MB,
            None,
            "What was downloaded could not be kept: run the same command again to start over.",
            id="nothing is kept",
        ),
        pytest.param(False, 0, None, "Run the same command again.", id="nothing to keep"),
        pytest.param(
            True,
            3 * MB,
            61.0,
            "What was downloaded is kept: the server asks to wait 2 min, then run the same command again to continue.",
            id="come back, rounded up",
        ),
        pytest.param(
            False,
            0,
            7200.0,
            "The server asks to wait 120 min, then run the same command again.",
            id="come back, nothing to keep",
        ),
    ],
)
def test_last_sentence_says_what_is_kept_and_what_to_do(
    is_kept: bool, offset: int, retry_after_s: float | None, hint: str
) -> None:
    text = said(ONCE, is_kept=is_kept, offset=offset, retry_after_s=retry_after_s)

    assert text.endswith(hint)


def test_brackets_in_a_name_are_no_markup_and_the_url_is_not_told() -> None:
    error = final_error(DISPLAY, Report("thing[red]-1.0.tar.gz", 3 * MB, 6 * MB, is_stored=True, attempts=ONCE))

    if diagnostic_error() is not None:
        from pip._vendor.rich.console import Console

        console = Console(width=200, no_color=True)
        with console.capture() as captured:
            console.print(error)
        text = captured.get()
    else:
        text = str(error)
    assert "thing[red]-1.0.tar.gz" in text
    assert "s3cret" not in text

"""What a user reads of one download, played in a process of its own: pip's own log, our display, no network."""

from __future__ import annotations

import importlib
import logging.config  # noqa: F401 - pip relies on it.
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

from pip._internal.models.link import Link
from pip._internal.utils.logging import indent_log, setup_logging

from pip_resume.engine.stored_bytes import CONTINUES, CONTINUES_WITH_SPACE, IGNORES_RANGE
from pip_resume.errors import FailedAttempt, Report, Stage
from pip_resume.inside_pip.display import PipDisplay
from pip_resume.inside_pip.final_error import final_error
from pip_resume.protocol.messages import ResponseHead
from pip_resume.protocol.retry import Budget, Limits, Options, limits

MB = 1_000_000
LENGTH = 40 * MB
NAME = "torch-2.3.0-cp311-cp311-linux_x86_64.whl"
PATIENT = limits(Options())
HEAD = ResponseHead(206, {})
MARK = "=== "


def lose(display: PipDisplay, offset: int, after_s: float, cause: str = "closed early") -> None:
    """Show a block, and then that the connection is lost at ``offset``."""
    with display.bar([b"x" * MB], HEAD, offset - MB, LENGTH) as blocks:
        list(blocks)
    failure = FailedAttempt(cause, offset, MB, after_s)
    display.attempt_failed(failure, LENGTH, Budget(1), PATIENT, 0.0)


def fail(
    display: PipDisplay,
    cause: str,
    stage: Stage,
    limits: Limits = PATIENT,
    delay_s: float = 3.0,
    budget: Budget = Budget(1, 1),  # noqa: B008 - a value that nobody changes.
) -> None:
    failure = FailedAttempt(cause, 10 * MB, 0, 20.0, stage)
    display.attempt_failed(failure, LENGTH, budget, limits, delay_s)


def break_once(display: PipDisplay) -> None:
    lose(display, 10 * MB, 1.0)


def break_often(display: PipDisplay) -> None:
    for number in range(1, 11):
        lose(display, number * MB, float(number))
    display.resumed(9 * MB, LENGTH)


def wait(display: PipDisplay) -> None:
    fail(display, "connection refused", Stage.REQUEST)
    display.waiting(3.0, 20.0)


def use_attempts_alone(display: PipDisplay) -> None:
    fail(display, "connection refused", Stage.REQUEST, Limits(5, 0.0))


def allow_a_plain_request(display: PipDisplay) -> None:
    """The limits are spent. A plain request that must not be missing has attempts beyond them."""
    fail(display, "connection refused", Stage.REQUEST, Limits(0, 0.0), 0.2, Budget(-4, 1))


def wait_long(display: PipDisplay) -> None:
    fail(display, "the server answered 503", Stage.RESPONSE, delay_s=3600.0)
    display.waiting(3599.0, 40.0)


def other_downloads(display: PipDisplay) -> None:
    for offset in range(10 * MB, 40 * MB + 1, 5 * MB):
        display.waiting_for_other(offset, LENGTH)
        time.sleep(0.25)  # pip draws its bar five times a second.
    display.other_has_ended()
    display.starting(None, LENGTH, LENGTH)


def check(display: PipDisplay) -> None:
    display.starting(None, 3000 * MB, 3000 * MB)
    with display.checking(3000 * MB):
        pass


def resume(display: PipDisplay) -> None:
    display.starting(HEAD, 10 * MB, LENGTH)
    display.resumed(10 * MB, LENGTH)


def ignore_range(display: PipDisplay) -> None:
    display.range_ignored(is_conditional=False)
    display.interrupted(10 * MB, LENGTH, IGNORES_RANGE)


def ignore_condition(display: PipDisplay) -> None:
    display.range_ignored(is_conditional=True)


def start_over(display: PipDisplay) -> None:
    display.starting_over("its hash is not the expected one")
    display.asking_plainly("requests with Range have failed")


def fill_disk(display: PipDisplay) -> None:
    display.no_space(Path("/proc/self"), LENGTH)
    display.interrupted(10 * MB, LENGTH, CONTINUES_WITH_SPACE)


def interrupt(display: PipDisplay) -> None:
    display.interrupted(10 * MB, LENGTH, CONTINUES)


def keep_nothing(display: PipDisplay) -> None:
    display.nothing_kept(10 * MB, LENGTH)


def lose_store(display: PipDisplay) -> None:
    display.store_unusable(PermissionError(13, "Permission denied", "/home/user/.cache/pip/http-v2/pip-resume"))


def give_up(display: PipDisplay) -> None:
    attempts = (
        FailedAttempt("closed early", 10 * MB, 10 * MB, 4.0),
        *(FailedAttempt("connection refused", 10 * MB, 0, 40.0 * n, Stage.REQUEST) for n in range(1, 9)),
    )
    error: Any = final_error(NAME, Report(NAME, 10 * MB, LENGTH, attempts, is_stored=True))
    display._logger.error("%s", error, extra={"rich": True})


SCENES: dict[str, Callable[[PipDisplay], None]] = {
    scene.__name__: scene
    for scene in (
        *(
            break_once,
            break_often,
            wait,
            wait_long,
            use_attempts_alone,
            allow_a_plain_request,
            other_downloads,
            check,
            resume,
        ),
        *(ignore_range, ignore_condition, start_over, fill_disk, interrupt, keep_nothing, lose_store, give_up),
    )
}


def play(names: list[str], verbosity: int, bar_type: str, filename: str) -> None:
    """Play some of SCENES at pip's verbosity: 0, or minus the number of ``-q``. MARK and a name precede each."""
    # pip ends its warnings with the colour of the terminal. NO_COLOR is for the library that draws the bars.
    setup_logging(verbosity=verbosity, no_color="NO_COLOR" in os.environ, user_log_file=None)
    importlib.import_module("pip._internal.operations.prepare")
    module = sys.modules["pip._internal.network.download"]
    for name in names:
        for stream in (sys.stdout, sys.stderr):
            stream.write(f"{MARK}{name}\n")
            stream.flush()
        # pip writes such lines with this indentation.
        with indent_log():
            SCENES[name](PipDisplay(module, Link(f"https://files.example/{filename}"), bar_type))


if __name__ == "__main__":
    play(sys.argv[4:], int(sys.argv[1]), sys.argv[2], sys.argv[3])

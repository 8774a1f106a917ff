"""What the user sees: pip's own words and progress bar, at pip's verbosity, and the final error in pip's form."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError

from pip_resume.errors import Stage
from pip_resume.inside_pip import compat
from pip_resume.inside_pip.run import RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from pip._internal.models.link import Link

    from pip_resume.errors import FailedAttempt, Report
    from pip_resume.protocol.endings import Ending
    from pip_resume.protocol.messages import Held, Request, ResponseHead
    from pip_resume.protocol.retry import Budget
    from pip_resume.protocol.verdicts import Verdict

_SHOWN_WAIT_S = 0.1
"""Shorter waits are not mentioned: nobody notices them."""
_HISTORY = 6
"""How many lines of history the final error has at most, so that it fits a terminal of 24 lines."""


class PipDisplay:
    """See interfaces.Display."""

    def __init__(self, download_module: ModuleType, link: Link, bar_type: Any) -> None:
        self._module = download_module
        self._link = link
        self._bar_type = bar_type
        self._logger: logging.Logger = download_module.logger
        self._shown_percent = -1

    def _size(self, length: int) -> str:
        return str(self._module.format_size(length))

    def _of(self, offset: int, complete_length: int | None) -> str:
        return f"{self._size(offset)} of {self._size(complete_length)}" if complete_length else self._size(offset)

    @property
    def _name(self) -> str:
        return str(self._link.filename)

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        """Write what pip writes: "Using cached", "Downloading", and, as pip does since 25.1, "Resuming download"."""
        shown = compat.shown_url(self._module, self._link)
        from_cache = head is not None and head.from_cache
        if offset and not from_cache:
            sizes = f"{self._size(offset)}/{self._size(complete_length)}" if complete_length else self._size(offset)
            self._logger.info("Resuming download %s (%s)", shown, sizes)
            return
        if complete_length:
            shown = f"{shown} ({self._size(complete_length)})"
        self._logger.info("Using cached %s" if from_cache else "Downloading %s", shown)

    @contextlib.contextmanager
    def bar(
        self, blocks: Iterable[bytes], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> Iterator[Iterator[bytes]]:
        """Draw pip's bar around the blocks, if pip would draw one."""
        is_quiet = self._logger.getEffectiveLevel() > logging.INFO
        is_small = complete_length is not None and 0 < complete_length <= compat.smallest_with_bar(self._module)
        if is_quiet or head.from_cache or is_small:
            yield iter(blocks)
            return
        shown = iter(compat.progress_renderer(self._bar_type, complete_length, first_pos)(blocks))
        try:
            yield shown
        finally:
            # pip 21.3 has bars that are not generators.
            getattr(shown, "close", bool)()

    def connection_lost(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, delay_s: float
    ) -> None:
        """Write one line: what happened, how long the wait is, and how many attempts are left."""
        if failure.stage is Stage.BODY:
            what, then = f"Connection lost at {self._of(failure.offset, complete_length)} ({failure.cause})", "resuming"
        elif failure.stage is Stage.REQUEST:
            what, then = f"No response ({failure.cause})", "trying again"
        else:
            what, then = failure.cause.capitalize(), "trying again"
        if delay_s >= _SHOWN_WAIT_S:
            then = f"waiting {_seconds(delay_s)} before {then}"
        attempt = f"attempt {budget.next_attempt} of {budget.attempts} without progress"
        self._logger.warning("%s; %s, %s", what, then, attempt)

    def starting_over(self, reason: str) -> None:
        self._logger.warning("Starting over with %s: %s", self._name, reason)

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        """Write a line at first, and one for every further tenth of the file."""
        percent = 100 * offset // complete_length if complete_length else 0
        if self._shown_percent < 0 or percent >= self._shown_percent + 10:
            self._shown_percent = percent
            shown = f"{percent} %" if complete_length else self._size(offset)
            self._logger.info("Waiting: another pip is downloading %s, %s", self._name, shown)

    def interrupted(self, offset: int, complete_length: int | None) -> None:
        self._logger.warning(
            "Kept %s of %s; run the same command again to continue", self._of(offset, complete_length), self._name
        )

    def resumed(self, saved: int, complete_length: int) -> None:
        self._logger.info(
            "Resumed %s: %s did not have to be downloaded again", self._name, self._of(saved, complete_length)
        )

    def store_unusable(self, error: Exception) -> None:
        """Write a warning once for each reason."""
        reason = getattr(error, "strerror", None) or str(error)
        if RUN.is_first("store unusable", reason):
            self._logger.warning("pip-resume cannot keep partial downloads for the next run: %s", reason)

    def requested(self, request: Request, held: Held) -> None:
        what = "GET" if request.first_pos is None else f"GET from {request.first_pos}"
        condition = " with If-Range" if request.if_range else ""
        self._logger.debug("pip-resume: %s%s; %s", what, condition, _held(held))

    def judged(self, head: ResponseHead, verdict: Verdict) -> None:
        source = "from pip's cache " if head.from_cache else ""
        self._logger.debug(
            "pip-resume: %s%s: %s; row '%s' (%s)",
            source,
            head.status,
            verdict.action.name,
            verdict.row,
            verdict.section,
        )

    def concluded(self, ending: Ending, held: Held) -> None:
        decision = (ending.outcome.name, ending.name, ending.section)
        self._logger.debug("pip-resume: end of the body: %s; row '%s' (%s); %s", *decision, _held(held))


def _held(held: Held) -> str:
    """For the log: how much is held, of how much."""
    length = held.checkpoint.complete_length
    return f"{held.offset} of {'an unknown number' if length is None else length} bytes held"


def final_error(display: PipDisplay, report: Report) -> Exception:
    """Return what pip raises when we give up: its diagnostic form if it has one, else one line. Both exit with 1."""
    kept = display._of(report.offset, report.complete_length)
    last = report.attempts[-1]
    message = f"Download of {report.filename} failed at {kept} after {_seconds(last.after_s)}: {last.cause}"
    history = _history(display, report.attempts)
    base = compat.diagnostic_error()
    if base is None:
        sentences = [message, *([f"{history[0]}: {'; '.join(history[1:])}"] if history else []), _hint(report)]
        return InstallationError(f"{'. '.join(sentences)}.")
    context = "\n".join([f"{history[0]}:", *history[1:]]) if history else None
    error: Exception = _diagnostic(base)(message, context, f"{_hint(report)}.")
    return error


def _history(display: PipDisplay, attempts: tuple[FailedAttempt, ...]) -> list[str]:
    """Return the number of attempts, and a line for each of the last ones; several that ended alike share a line.

    Empty for a single attempt: the message says everything about it.
    """
    if len(attempts) == 1:
        return []
    alike = [list(group) for _, group in itertools.groupby(attempts, lambda failure: (failure.offset, failure.cause))]
    shown = alike[-_HISTORY:]
    lines = [
        f"at {display._size(group[-1].offset)} after {_seconds(group[-1].after_s)}: {group[-1].cause}"
        + (f" ({len(group)} times)" if len(group) > 1 else "")
        for group in shown
    ]
    only_last = f", the last {sum(map(len, shown))}" if len(shown) < len(alike) else ""
    return [f"{len(attempts)} attempts failed{only_last}", *lines]


def _hint(report: Report) -> str:
    """Say what is left, and what to do next."""
    again = "run the same command again"
    if report.retry_after_s is not None:
        again = f"the server asks to wait {math.ceil(report.retry_after_s / 60)} min, then {again}"
    if report.is_stored:
        return f"What was downloaded is kept: {again} to continue"
    if report.offset:
        return f"What was downloaded could not be kept: {again} to start over"
    return again[0].upper() + again[1:]


def _seconds(duration_s: float) -> str:
    """Format seconds, with one decimal below 10."""
    return f"{duration_s:.0f} s" if duration_s >= 10 else f"{round(duration_s, 1):g} s"


def _diagnostic(base: type[Exception]) -> Any:
    """Return our subclass of pip's DiagnosticPipError. It takes markup, so brackets are escaped."""
    from pip._vendor.rich.markup import escape

    class DownloadInterrupted(base):  # type: ignore[valid-type, misc]
        """A download that was given up."""

        reference = "download-interrupted"

        def __init__(self, message: str, context: str | None, hint: str) -> None:
            super().__init__(message=escape(message), context=context and escape(context), hint_stmt=escape(hint))

    return DownloadInterrupted

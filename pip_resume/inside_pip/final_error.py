"""The error that ends pip after a download was given up: pip's own form if this pip has one."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError

from pip_resume.inside_pip import compat
from pip_resume.wording import format_duration, format_share, format_size, printable

if TYPE_CHECKING:
    from pip_resume.errors import FailedAttempt, Report

_HISTORY = 6
"""How many lines of history the error has at most, so that it fits a terminal of 24 lines."""


def final_error(name: str, report: Report) -> Exception:
    """Return what pip raises when we give up: its diagnostic form if it has one, else one line. Both exit with 1.

    ``name`` is the link's file name, for a file that no response has named.
    """
    share = format_share(report.offset, report.complete_length)
    last = report.attempts[-1]
    shown = printable(report.filename or name)
    message = f"Download of {shown} failed at {share} after {format_duration(last.after_s)}: {last.cause}"
    history = _history(report.attempts)
    base = compat.diagnostic_error()
    if base is None:
        sentences = [message, *([f"{history[0]}: {'; '.join(history[1:])}"] if history else []), _hint(report)]
        return InstallationError(f"{'. '.join(sentences)}.")
    context = "\n".join([f"{history[0]}:", *history[1:]]) if history else None
    error: Exception = _diagnostic(base)(message, context, f"{_hint(report)}.")
    return error


class NoSpaceLeft(InstallationError, OSError):
    """The disk is full. The install command shows an OSError in pip's own words, the others one line and no traceback.

    Plain pip 26.3 takes a full disk for a lost connection; both end with exit code 1.
    """


def no_space_error(error: OSError) -> NoSpaceLeft:
    """Return what pip raises for a disk that is full, with the number and the text of ``error``."""
    return NoSpaceLeft(error.errno, error.strerror)


def _history(attempts: tuple[FailedAttempt, ...]) -> list[str]:
    """Return the number of attempts, and a line for each of the last ones; several that ended alike share a line.

    Empty for a single attempt: the message says everything about it.
    """
    if len(attempts) == 1:
        return []
    alike = [list(group) for _, group in itertools.groupby(attempts, lambda failure: (failure.offset, failure.cause))]
    shown = alike[-_HISTORY:]
    lines = [
        f"at {format_size(group[-1].offset)} after {format_duration(group[-1].after_s)}: {group[-1].cause}"
        + (f" ({len(group)} times)" if len(group) > 1 else "")
        for group in shown
    ]
    only_last = f", the last {sum(map(len, shown))}" if len(shown) < len(alike) else ""
    return [f"{len(attempts)} attempts failed{only_last}", *lines]


def _hint(report: Report) -> str:
    """Say what is left, and what to do next."""
    again = "run the same command again"
    if report.retry_after_s is not None:
        again = f"wait {math.ceil(report.retry_after_s / 60)} min, as the server asks, then {again}"
    if report.is_range_ignored:
        return f"The server ignores Range: {again} to start over"
    if report.is_range_refused:
        return f"The server refuses Range: {again} to start over"
    if report.is_stored:
        return f"What was downloaded is kept: {again} to continue"
    if report.offset:
        return f"What was downloaded could not be kept: {again} to start over"
    return again[0].upper() + again[1:]


def _diagnostic(base: type[Exception]) -> Any:
    """Return our subclass of pip's DiagnosticPipError. It takes markup, so brackets are escaped."""
    from pip._vendor.rich.markup import escape

    class DownloadInterrupted(base):  # type: ignore[valid-type, misc]
        """A download that was given up."""

        reference = "download-interrupted"

        def __init__(self, message: str, context: str | None, hint: str) -> None:
            super().__init__(message=escape(message), context=context and escape(context), hint_stmt=escape(hint))

    return DownloadInterrupted

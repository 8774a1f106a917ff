"""What the user sees during a download: pip's own words and progress bar, at pip's verbosity."""

from __future__ import annotations

import contextlib
import logging
import shutil
from typing import TYPE_CHECKING, Any

from pip_resume.errors import Stage
from pip_resume.inside_pip import bars, compat
from pip_resume.inside_pip.run import RUN
from pip_resume.inside_pip.status_line import SharedRow, StatusLine
from pip_resume.wording import format_duration, format_share, format_size, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import ModuleType

    from pip._internal.models.link import Link

    from pip_resume.engine.interfaces import Block
    from pip_resume.errors import FailedAttempt
    from pip_resume.protocol.endings import Ending
    from pip_resume.protocol.last_request import LastRequest
    from pip_resume.protocol.messages import Held, Request, ResponseHead
    from pip_resume.protocol.retry import Budget, Limits
    from pip_resume.protocol.verdicts import Verdict

_MOST_LINES = 3
"""This many lost connections in a minute have a line each. Further ones share the status line."""
_MINUTE_S = 60.0
_LONG_CHECK_BYTES = 512 * 1024 * 1024
"""Hashing this much takes more than a second on most machines, so the user is told."""


class PipDisplay:
    """See interfaces.Display."""

    def __init__(self, download_module: ModuleType, link: Link, bar_type: Any) -> None:
        self._module = download_module
        self._link = link
        self._bar_type = bar_type
        self._logger: logging.Logger = download_module.logger
        self._has_log = self._logger.isEnabledFor(logging.DEBUG)
        """Whether the lines of -vv are written, to the terminal or to the file of --log."""
        has_bar = not self._is_quiet and bar_type not in ("off", "raw")
        self._status = StatusLine(is_wanted=has_bar)
        self._rows = SharedRow(is_wanted=has_bar)
        self._other_bar: bars.OtherBar | None = None
        self._lost = 0
        self._has_unsaid = False
        self._losses: list[float] = []
        """When the connections of the last minute were lost, in seconds since the download began."""
        self._is_in_outage = False
        self._shown_percent = -1

    @property
    def _is_quiet(self) -> bool:
        return self._logger.getEffectiveLevel() > logging.INFO

    @property
    def name(self) -> str:
        """The file's name, printable."""
        return printable(str(self._link.filename))

    def _info(self, text: str, *arguments: object) -> None:
        self._make_way()
        self._logger.info(text, *arguments)

    def _warn(self, text: str, *arguments: object) -> None:
        self._make_way()
        self._logger.warning(text, *arguments)

    def _make_way(self) -> None:
        """Let the next line begin on a row of its own, and let no later one rewrite what is above it."""
        self._status.clear()
        self._rows.forget()

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        """Write what pip writes: "Using cached", "Downloading", and, as pip does since 25.1, "Resuming download"."""
        shown = printable(compat.shown_url(self._module, self._link))
        sizes = ""
        if complete_length:
            sizes = f" ({self._module.format_size(complete_length)})"
            if offset and offset < complete_length:
                sizes = f" ({self._module.format_size(offset)}/{self._module.format_size(complete_length)})"
        if head is None or head.from_cache:
            self._info("Using cached %s%s", shown, sizes)
        else:
            self._info("Resuming download %s%s" if offset else "Downloading %s%s", shown, sizes)

    @contextlib.contextmanager
    def checking(self, size: int) -> Iterator[None]:
        """Write a line if that takes seconds."""
        if size > _LONG_CHECK_BYTES:
            self._info("Checking %s stored earlier", format_size(size))
        with self._ticking(f"Checking {format_size(size)}"):
            yield

    def copying(self, size: int) -> AbstractContextManager[None]:
        """Rewrite the status line if that takes seconds."""
        return self._ticking(f"Copying {format_size(size)}")

    def requesting(self) -> AbstractContextManager[None]:
        """Rewrite the status line if that takes seconds."""
        return self._ticking("Waiting for a response")

    def _ticking(self, text: str) -> AbstractContextManager[None]:
        # With -vv other modules may write lines of the log meanwhile.
        return contextlib.nullcontext() if self._has_log else self._status.ticking(text)

    @contextlib.contextmanager
    def bar(
        self, blocks: Iterable[Block], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> Iterator[Iterator[Block]]:
        """Draw pip's bar around the blocks, if pip would draw one."""
        if self._has_many_losses and not self._rows.is_possible and self._status.is_possible:
            yield self._counted(blocks, first_pos, complete_length)
            return
        self._status.clear()
        is_small = complete_length is not None and 0 < complete_length <= compat.smallest_with_bar(self._module)
        if self._is_quiet or head.from_cache or is_small:
            yield iter(blocks)
            return
        try:
            with bars.drawn(blocks, self._bar_type, first_pos, complete_length) as shown:
                yield shown
        finally:
            self._rows.bar_ended()

    def attempt_failed(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, limits: Limits, delay_s: float
    ) -> None:
        """Write a line: for each lost connection if there are few, and once for an outage."""
        if budget.without_progress == 0 and failure.stage is Stage.BODY:
            self._is_in_outage = False
            self._connection_lost(failure, complete_length)
            return
        if self._is_in_outage:
            return
        self._is_in_outage = True
        what = failure.cause[0].upper() + failure.cause[1:]
        if failure.stage is Stage.REQUEST:
            what = f"No response ({failure.cause})"
        elif failure.stage is Stage.BODY and not failure.cause.startswith("the server"):
            what = f"Connection lost at {format_share(failure.offset, complete_length)} ({failure.cause})"
        if limits.idle_s == 0 and budget.failed > 0:
            then = f"attempt {budget.failed + 1} of {limits.attempts + 1} in {format_duration(delay_s)}"
        elif delay_s > limits.idle_s or budget.failed <= 0:
            # After the limits were spent, a plain request that must not be missing has attempts of its own.
            then = f"trying again in {format_duration(delay_s)}"
        else:
            then = f"trying again for up to {format_duration(limits.idle_s)}"
        self._warn("%s; %s", what, then)

    def _connection_lost(self, failure: FailedAttempt, complete_length: int | None) -> None:
        share = format_share(failure.offset, complete_length)
        self._lost += 1
        self._losses = [time_s for time_s in self._losses if time_s > failure.after_s - _MINUTE_S] + [failure.after_s]
        then = "resuming" if failure.can_continue else "starting over"
        if not self._has_many_losses:
            self._warn("Connection lost at %s (%s); %s", share, failure.cause, then)
        else:
            self._has_unsaid = True
            if self._rows.is_possible:
                self._status.clear()
                self._rows.write(f"  Connection lost {len(self._losses)} times in a minute, now at {share}; {then}")
            else:
                self._show_losses(failure.offset, complete_length)

    @property
    def _has_many_losses(self) -> bool:
        return len(self._losses) > _MOST_LINES

    def _counted(self, blocks: Iterable[Block], position: int, complete_length: int | None) -> Iterator[Block]:
        """Pass blocks on, and rewrite the status line in place of a bar."""
        for block in blocks:
            yield block
            position += len(block)
            self._show_losses(position, complete_length)

    def _show_losses(self, position: int, complete_length: int | None) -> None:
        share = format_share(position, complete_length)
        self._status.show(f"  {share} (connection lost {len(self._losses)} times)")

    def waiting(self, left_s: float, idle_s: float) -> None:
        """Rewrite the status line."""
        since = f", no data for {format_duration(idle_s)}" if idle_s >= 1 else ""
        self._status.show(f"  Waiting {format_duration(left_s)}{since}")

    def starting_over(self, reason: str) -> None:
        self._warn("Starting over with %s: %s", self.name, reason)

    def asking_plainly(self, reason: str) -> None:
        self._warn("Requesting all of %s: %s", self.name, reason)

    def range_ignored(self, *, is_conditional: bool) -> None:
        reason = " (the file may have changed)" if is_conditional else ", because it ignores Range"
        self._warn("The server sends all of %s again%s", self.name, reason)

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        """Write a line at first, then move pip's bar; without one, write a line for every further tenth of the file."""
        percent = 100 * offset // complete_length if complete_length else 0
        if self._shown_percent < 0:
            self._shown_percent = percent
            share = format_share(offset, complete_length)
            self._info("Waiting: another pip is downloading %s (%s)", self.name, share)
            if self._bar_type == "raw" or self._status.is_possible:
                self._other_bar = bars.OtherBar(self._bar_type)
        if self._other_bar is not None and not self._is_quiet:
            self._other_bar.show(offset, complete_length)
        elif percent >= self._shown_percent + 10:
            self._shown_percent = percent
            self._info("Waiting: another pip has %s", format_share(offset, complete_length))

    def other_has_ended(self) -> None:
        self._shown_percent = -1
        if self._other_bar is not None:
            self._other_bar.close()
            self._other_bar = None

    def interrupted(self, offset: int, complete_length: int | None, advice: str) -> None:
        self._warn("Kept %s of %s; %s", format_share(offset, complete_length), self.name, advice)

    def nothing_kept(self, offset: int, complete_length: int | None) -> None:
        self._warn("Nothing is kept of %s (%s)", self.name, format_share(offset, complete_length))

    def no_space(self, directory: Path, needed: int) -> None:
        """Name the place, its free and its needed bytes, and the remedy."""
        free = format_size(shutil.disk_usage(directory).free)
        place = printable(str(directory.parent))
        self._warn(
            "Not enough space in %s: %s free, %s needed. Set TMPDIR to a directory with more space",
            place,
            free,
            format_size(needed),
        )

    def resumed(self, saved: int, complete_length: int) -> None:
        losses = f" (connection lost {self._lost} times)" if self._has_unsaid else ""
        share = format_share(saved, complete_length)
        self._info("Resumed %s: %s did not have to be downloaded again%s", self.name, share, losses)

    def store_unusable(self, error: Exception) -> None:
        """Write a warning once for each reason. It names the directory."""
        reason = getattr(error, "strerror", None) or str(error)
        filename = getattr(error, "filename", None)
        where = f" ({printable(str(filename))})" if isinstance(filename, str) else ""
        if RUN.is_first("store unusable", reason):
            self._warn("pip-resume cannot keep partial downloads for the next run: %s%s", printable(reason), where)

    def requested(self, request: Request, held: Held) -> None:
        if self._has_log:
            what = "GET" if request.first_pos is None else f"GET from {request.first_pos}"
            extras = (" with If-Range" if request.if_range else "") + (" past caches" if request.no_cache else "")
            self._logger.debug("pip-resume: %s%s; %s", what, extras, _held(held))

    def judged(self, head: ResponseHead, verdict: Verdict) -> None:
        if self._has_log:
            source = "from pip's cache " if head.from_cache else ""
            decision = (verdict.action.name, verdict.row, verdict.section)
            self._logger.debug("pip-resume: %s%s: %s; row '%s' (%s)", source, head.status, *decision)

    def concluded(self, ending: Ending, held: Held) -> None:
        if self._has_log:
            decision = (ending.outcome.name, ending.name, ending.section)
            self._logger.debug("pip-resume: end of the body: %s; row '%s' (%s); %s", *decision, _held(held))

    def spent(self, row: LastRequest) -> None:
        decision = "ASK_PLAINLY" if row.is_sent else "GIVE_UP"
        self._logger.debug("pip-resume: limits spent: %s; row '%s'", decision, row.name)

    def body_lost(self, cause: str, held: Held) -> None:
        self._logger.debug("pip-resume: connection lost in the body: %s; %s", cause, _held(held))


def _held(held: Held) -> str:
    """For the log: how much is held, of how much."""
    length = held.checkpoint.complete_length
    if length is None:
        return f"{held.offset} bytes held, complete-length unknown"
    return f"{held.offset} of {length} bytes held"

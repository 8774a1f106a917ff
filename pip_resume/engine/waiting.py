"""Waits while another pip downloads the same artifact, so that both need one download only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.engine.clock import Stopwatch
from pip_resume.engine.reading import SLOW_SHARE, SPEED_WINDOW_S

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display
    from pip_resume.engine.reading import Speeds
    from pip_resume.storage.store import Progress, Store

_POLL_S = 0.5
"""How often to look whether another pip has finished: a delay that nobody notices beside a download."""
_POLL_AT_END_S = 0.1
"""The same once all bytes are there: then it only verifies them."""
SLOWEST_OTHER_BYTES_PER_S = 10 * 1024
"""A pip that is slower than this over SPEED_WINDOW_S is not worth waiting for."""


def wait_for_other(store: Store, artifact: Artifact, display: Display, clock: Clock, speeds: Speeds) -> bool:
    """Wait until no other pip holds the lock of the artifact; return False if that pip is too slow to wait for.

    Too slow is below SLOWEST_OTHER_BYTES_PER_S, or below a quarter of the fastest connection that this run has had.
    """
    slowest = max(SLOWEST_OTHER_BYTES_PER_S, speeds.fastest / SLOW_SHARE)
    watch = Stopwatch(clock)
    start_s, start_offset, last_offset = 0.0, 0, float("inf")
    while True:
        progress = store.progress(artifact)
        if progress is None:
            return True
        display.waiting_for_other(progress.offset, progress.complete_length)
        window_s = watch.elapsed_s - start_s
        if progress.offset < last_offset:
            # The first look, or the other pip has started over.
            start_s, start_offset = watch.elapsed_s, progress.offset
        elif window_s >= SPEED_WINDOW_S:
            if progress.offset - start_offset < slowest * window_s:
                return False
            start_s, start_offset = watch.elapsed_s, progress.offset
        last_offset = progress.offset
        poll_s = _poll_s(progress)
        clock.sleep_s(poll_s)
        watch.lap(poll_s)


def _poll_s(progress: Progress) -> float:
    return _POLL_AT_END_S if progress.offset == progress.complete_length else _POLL_S

"""What pip's options and our variables say about one run of pip."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pip_resume import settings
from pip_resume.inside_pip import compat
from pip_resume.protocol.retry import DEFAULT_PATIENCE_S, DEFAULT_RETRIES, Options

if TYPE_CHECKING:
    from pip._internal.network.session import PipSession


def options_of(session: PipSession, downloader: Any) -> Options:
    """Return what this run's options say about patience. Our own variable counts on every pip.

    ``PIP_RESUME_RETRIES`` is pip's --resume-retries since 25.1; for older pips it is read here.
    """
    known = settings.parse_settings(os.environ)
    typed = compat.resume_retries(downloader)
    if typed is None and not hasattr(downloader, "_resume_retries"):
        typed = known.retries
    return Options(
        retries=DEFAULT_RETRIES if typed is None else typed,
        patience_s=DEFAULT_PATIENCE_S if known.patience_s is None else known.patience_s,
        connect_waits_s=compat.connect_waits_s(session),
        longest_retry_after_s=float("inf") if known.patience_s is None else known.patience_s,
        retry_after_cap_s=compat.retry_after_cap_s(session),
    )

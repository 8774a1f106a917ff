"""Replaces pip's download step, and falls back to it: nothing of ours may cost an install."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pip

import pip_resume
from pip_resume import settings
from pip_resume.artifact import Artifact, choose_digest
from pip_resume.engine import transfer
from pip_resume.engine.clock import SystemClock
from pip_resume.errors import GaveUp, PipError, ResumeError
from pip_resume.inside_pip import compat, display, http_cache
from pip_resume.inside_pip.pip_transport import PipTransport
from pip_resume.protocol.retry import Budget
from pip_resume.storage.housekeeping import prune_in_passing
from pip_resume.storage.store import Store, current_boot_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from pip._internal.models.link import Link
    from pip._internal.network.session import PipSession


_ORIGINAL = "_pip_resume_original"
_warned: set[str] = set()
_pruned: set[Path] = set()


def apply(download_module: ModuleType) -> None:
    """Replace the download step of pip; a second call changes nothing. Raises UnsupportedPip for an unknown pip.

    Everything a download can need is imported by now: ``pip install -U pip-resume`` replaces our files in the middle of
    the run.
    """
    compat.check(download_module)
    _replace(download_module.Downloader, _download_step(download_module))
    batch = compat.batch_downloader(download_module)
    if batch is not None:
        _replace(batch, _batch_step(download_module))


def is_applied(download_module: ModuleType) -> bool:
    """Whether pip's download step is replaced."""
    return hasattr(download_module.Downloader.__call__, _ORIGINAL)


def undo(download_module: ModuleType) -> None:
    """Give pip its own download step back; without ``apply`` before, changes nothing."""
    for name in ("Downloader", "BatchDownloader"):
        owner = getattr(download_module, name, None)
        original = getattr(vars(owner or object).get("__call__"), _ORIGINAL, None)
        if owner is not None and original is not None:
            owner.__call__ = original


def _replace(owner: Any, make: Callable[[Any], Any]) -> None:
    original = owner.__call__
    if not hasattr(original, _ORIGINAL):
        step = functools.wraps(original)(make(original))
        setattr(step, _ORIGINAL, original)
        owner.__call__ = step


def _download_step(module: ModuleType) -> Callable[[Any], Any]:
    def make(original: Callable[[Any, Link, str], tuple[str, str]]) -> Any:
        # A pip that asks in another way gets an answer too: its own.
        def download_step(self: Any, *asked: Any, **named: Any) -> tuple[str, str]:
            error: BaseException | None = None
            try:
                if _is_ours(self, *asked, **named):
                    return _download(module, self, *asked, **named)
            except _Deliberate as deliberate:
                error = deliberate.error
            except Exception as fault:
                _warn(module, fault)
            if error is not None:
                raise error
            return original(self, *asked, **named)

        return download_step

    return make


def _batch_step(module: ModuleType) -> Callable[[Any], Any]:
    """For pip up to 25.0, where it is the main path of wheels from an index."""

    def make(original: Callable[[Any, Iterable[Link], str], Iterable[tuple[Link, tuple[str, str]]]]) -> Any:
        one = _download_step(module)(lambda self, link, location: next(iter(original(self, [link], location)))[1])

        def batch_step(self: Any, links: Iterable[Link], location: str) -> Iterator[tuple[Link, tuple[str, str]]]:
            for link in links:
                yield link, one(self, link, location)

        return batch_step

    return make


class _Deliberate(Exception):
    """Carries an error that pip is meant to see past the net for our own faults."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _is_ours(downloader: Any, link: Any, location: Any) -> bool:  # noqa: ARG001 - the two that pip gives
    """Whether this is a file over HTTP, asked for through pip's own session. Metadata files are tiny and stay pip's."""
    return (
        link.scheme in ("http", "https")
        and not link.filename.endswith(".metadata")
        and compat.is_pips_session(downloader._session)
    )


def _download(module: ModuleType, downloader: Any, link: Link, location: str) -> tuple[str, str]:
    session: PipSession = downloader._session
    shown = display.PipDisplay(module, link, downloader._progress_bar)
    artifact = Artifact(link.url_without_fragment, link.filename, choose_digest(compat.link_hashes(link)))
    transport = PipTransport(module, session, link, artifact)
    budget = Budget(compat.retries(downloader))
    store, clock = _store(session), SystemClock()
    try:
        if store is not None:
            _keep_house(module, store.directory, clock)
        finished = transfer.download(artifact, Path(location), transport, store, shown, budget, clock)
    except PipError as error:
        raise _Deliberate(error.cause) from error
    except GaveUp as error:
        raise _Deliberate(display.final_error(shown, error.report)) from error
    except compat.broken_stdout() as error:
        raise _Deliberate(error) from error  # nobody listens: no fault of ours, and pip knows what to do
    return str(finished.path), finished.content_type


def _words_of(fault: BaseException) -> str:
    """What may be shown of a fault: other texts could hold a URL, and that a password."""
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) if isinstance(fault, ResumeError) else "see the log of -vv"


def _keep_house(module: ModuleType, directory: Path, clock: SystemClock) -> None:
    """Prune what is too old or too much, once in a run of pip, with a warning for each setting that makes no sense."""
    if directory not in _pruned:
        _pruned.add(directory)
        wanted = settings.parse_settings(os.environ)
        for complaint in wanted.complaints:
            module.logger.warning(complaint)
        prune_in_passing(directory, wanted.keep_days, wanted.max_size, clock.now_s())


def _store(session: PipSession) -> Store | None:
    directory = http_cache.cache_directory(session)
    return None if directory is None else Store(directory, current_boot_id())


def _warn(module: ModuleType, fault: BaseException) -> None:
    module.logger.debug("pip-resume failed", exc_info=fault)
    if not _warned:
        _warned.add(type(fault).__name__)
        module.logger.warning(
            "pip-resume %s failed inside pip %s (%s: %s); pip downloads by itself. Set %s=0 to switch pip-resume off.",
            pip_resume.__version__,
            pip.__version__,
            type(fault).__name__,
            _words_of(fault),
            settings.SWITCH,
        )

"""Replaces pip's download step, and falls back to it: no error of ours may break an install."""

from __future__ import annotations

import functools
import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pip
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession

import pip_resume
from pip_resume import settings
from pip_resume.artifact import Artifact, choose_digest
from pip_resume.engine import transfer
from pip_resume.engine.clock import SystemClock
from pip_resume.errors import GaveUp, NoSpace, PipError, ResumeError
from pip_resume.inside_pip import (
    cached_files,
    child_pip,
    compat,
    http_cache,
    leftovers,
    merged_settings,
    patient_session,
    replacement,
    required_hashes,
)
from pip_resume.inside_pip.display import PipDisplay
from pip_resume.inside_pip.final_error import final_error, no_space_error
from pip_resume.inside_pip.options import options_of
from pip_resume.inside_pip.run import RUN
from pip_resume.inside_pip.transport import PipTransport
from pip_resume.storage import housekeeping
from pip_resume.storage.store import Store, current_boot_id, is_too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

_PREPARE = "pip._internal.operations.prepare"


def apply(download_module: ModuleType) -> None:
    """Replace pip's download step; a second call changes nothing. Raises UnsupportedPip for a pip that we do not know.

    By now everything that a download can need is imported: ``pip install -U pip-resume`` replaces our files in the
    middle of the run.
    """
    compat.check(download_module)
    _replace(download_module.Downloader, functools.partial(_DownloadStep, download_module))
    batch = compat.batch_downloader(download_module)
    if batch is not None:
        _replace(batch, functools.partial(_BatchStep, download_module))
    required_hashes.apply(sys.modules.get(_PREPARE), _forget)
    cached_files.apply(compat.preparer(sys.modules.get(_PREPARE)))
    child_pip.apply(compat.child_pip_starter())
    merged_settings.apply(PipSession)
    patient_session.apply(
        PipSession,
        lambda session: options_of(session, session),
        lambda url: PipDisplay(download_module, Link(url), "off"),
    )


def is_applied(download_module: ModuleType) -> bool:
    """Whether pip's download step is replaced."""
    return replacement.is_replaced(download_module.Downloader, "__call__")


def undo(download_module: ModuleType) -> None:
    """Restore pip's own download step; changes nothing if it was not replaced."""
    for name in ("Downloader", "BatchDownloader"):
        replacement.restore(getattr(download_module, name, None), "__call__")
    required_hashes.undo(sys.modules.get(_PREPARE))
    cached_files.undo(compat.preparer(sys.modules.get(_PREPARE)))
    child_pip.undo(compat.child_pip_starter())
    patient_session.undo(PipSession)
    merged_settings.undo(PipSession)


def _replace(owner: Any, make_step: Callable[[Any], Any]) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        run = make_step(original)

        # A function, because only a function becomes a method of its class.
        def step(self: Any, *args: Any, **kwargs: Any) -> Any:
            return run(self, *args, **kwargs)

        return step

    replacement.replace(owner, "__call__", make)


class _DownloadStep:
    """Downloads one file in place of ``Downloader.__call__``."""

    def __init__(self, module: ModuleType, original: Callable[..., tuple[str, str]]) -> None:
        self._module = module
        self._original = original

    # *args and **kwargs: if pip changes the signature, _is_ours raises TypeError and pip's own download runs.
    def __call__(self, downloader: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
        error: BaseException | None = None
        try:
            if _is_ours(downloader, *args, **kwargs):
                return _download(self._module, downloader, *args, **kwargs)
        except _ForPip as for_pip:
            error = for_pip.error
        except Exception as ours:
            _warn(self._module, ours)
        if error is not None:
            raise error
        return self._original(downloader, *args, **kwargs)


class _BatchStep:
    """Downloads several files in place of ``BatchDownloader.__call__``: up to pip 25.0 most wheels of an index."""

    def __init__(self, module: ModuleType, original: Callable[..., Iterable[tuple[Link, tuple[str, str]]]]) -> None:
        self._original = original
        self._step = _DownloadStep(module, self._download_one)

    def __call__(self, batch: Any, links: Iterable[Link], location: str) -> Iterator[tuple[Link, tuple[str, str]]]:
        for link in links:
            yield link, self._step(batch, link, location)

    def _download_one(self, batch: Any, link: Link, location: str) -> tuple[str, str]:
        return next(iter(self._original(batch, [link], location)))[1]


class _ForPip(Exception):
    """Wraps an exception that must reach pip unchanged instead of triggering the fallback."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _is_ours(downloader: Any, link: Any, location: Any) -> bool:  # noqa: ARG001 - pip passes both
    """Whether this is a file over HTTP, requested through pip's own session.

    Metadata files are small and left to pip.
    """
    return (
        link.scheme in ("http", "https")
        and not link.filename.endswith(".metadata")
        and compat.is_pips_session(downloader._session)
    )


def _download(module: ModuleType, downloader: Any, link: Link, location: str) -> tuple[str, str]:
    session: PipSession = downloader._session
    display = PipDisplay(module, link, downloader._progress_bar)
    artifact = _artifact(link)
    transport = PipTransport(module, session, link, artifact)
    options = RUN.of_session(options_of, session, downloader)
    store = _store(session)
    try:
        if store is not None:
            _prune_at_end(module, store, artifact)
        finished = transfer.download(
            artifact, Path(location), transport, store, display, options, SystemClock(), RUN.speeds
        )
        if store is not None:
            leftovers.tell_at_end(module.logger, store.paths, finished.path.name)
    except NoSpace as error:
        raise _ForPip(no_space_error(error.cause)) from error
    except PipError as error:
        raise _ForPip(error.cause) from error
    except GaveUp as error:
        raise _ForPip(final_error(display.name, error.report)) from error
    except compat.broken_stdout() as error:
        raise _ForPip(error) from error  # stdout is closed: not our error; pip handles it.
    finally:
        if store is not None:
            store.close()
    return str(finished.path), finished.content_type


def _artifact(link: Link) -> Artifact:
    digest = choose_digest(compat.link_hashes(link), required_hashes.current())
    return Artifact(link.url_without_fragment, link.filename, digest)


def _forget(downloader: Any, link: Link) -> None:
    """Remove the stored file whose hash pip found to be wrong.

    An incomplete one stays: it may be right, since pip got a different file from the server. A file that was checked
    here stays as well: the hash of the link is wrong, or the one in the requirements file. Raises nothing.
    """
    if cached_files.has_second_look(link) or _artifact(link).digest is not None:
        return
    try:
        session: PipSession = downloader._session
        url = RUN.cached_url(link.url_without_fragment)
        if url is not None:
            http_cache.evict(session, url)
        store = _store(session)
        if store is not None:
            for entry in itertools.chain.from_iterable(map(housekeeping.own_entries, store.paths)):
                if entry.key == _artifact(link).key and entry.is_complete:
                    housekeeping.remove(entry)
            store.close()
    except Exception:
        pass  # pip is about to report the wrong hash, which is what the user has to know.


def _text_of(error: BaseException) -> str:
    """Return what may be shown of an error. Other texts may contain a URL, and that a password."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, ResumeError) else "see the log of -vv"


def _prune_at_end(module: ModuleType, store: Store, artifact: Artifact) -> None:
    """Prune what is too old or too much at the end of the run, so that nothing goes that this run still needs.

    Warn at once about each setting that is not understood.
    """
    RUN.keys.add(artifact.key)
    if not RUN.is_first("pruning", str(store.path)):
        return
    wanted = settings.parse_settings(os.environ)
    for complaint in wanted.complaints:
        module.logger.warning(complaint)
    RUN.at_end(functools.partial(_prune, store.paths, wanted))


def _prune(paths: Iterable[Path], wanted: settings.Settings) -> None:
    for path in paths:
        housekeeping.prune_opportunistically(
            path, wanted.keep_days, wanted.max_size, SystemClock().now_s(), spare=RUN.keys
        )


def _store(session: PipSession) -> Store | None:
    directory = RUN.of_session(http_cache.cache_directory, session)
    if directory is None or is_too_deep(directory):
        return None
    return Store(directory, current_boot_id())


def _warn(module: ModuleType, error: BaseException) -> None:
    module.logger.debug("pip-resume failed", exc_info=error)
    if RUN.is_first("failure"):
        module.logger.warning(
            "pip-resume %s failed inside pip %s (%s: %s); falling back to pip's own download. "
            "Set %s=0 to turn pip-resume off.",
            pip_resume.__version__,
            pip.__version__,
            type(error).__name__,
            _text_of(error),
            settings.SWITCH,
        )

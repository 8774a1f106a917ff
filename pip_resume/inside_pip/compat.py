"""How this pip differs from others.

One function for each difference. Each looks for the feature, never for a version number.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from pip._internal import exceptions
from pip._internal.cli import progress_bars
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from pip._vendor.cachecontrol import cache as cachecontrol_cache

from pip_resume.errors import UnsupportedPip
from pip_resume.inside_pip.run import RUN
from pip_resume.protocol import retry

if TYPE_CHECKING:
    from types import ModuleType

Blocks = Callable[[Iterable[Any]], Iterator[Any]]
"""pip's bars need only the length of what they pass on."""

BODY = ".body"
"""How the name of a body in pip's cache ends."""
_NEEDED = (
    "Downloader",
    "_get_http_response_filename",
    "raise_for_status",
    "format_size",
    "redact_auth_from_url",
    "HEADERS",
    "logger",
)


def hook_points(download_module: ModuleType) -> dict[str, bool]:
    """Return every name of pip that the download step needs, and whether this pip has it."""
    points = {f"{download_module.__name__}.{name}": hasattr(download_module, name) for name in _NEEDED}
    for owner, name in (
        (PipSession, "get"),
        (PipSession, "get_adapter"),
        (Link, "url_without_fragment"),
        (Link, "hash_name"),
    ):
        points[f"{owner.__name__}.{name}"] = hasattr(owner, name)
    return points


def check(download_module: ModuleType) -> None:
    """Raise UnsupportedPip, naming what is missing, unless this pip has every name that the download step needs."""
    for point, exists in hook_points(download_module).items():
        if not exists:
            owner, _, name = point.rpartition(".")
            raise UnsupportedPip(f"{owner} has no {name}")


def batch_downloader(download_module: ModuleType) -> type[Any] | None:
    """Return the class that downloads several files in a loop of its own (pip up to 25.0); None if there is none.

    pip 25.1 still has the class, but it delegates to a ``Downloader``.
    """
    found = getattr(download_module, "BatchDownloader", None)
    return (
        found
        if isinstance(found, type) and hasattr(download_module, "_http_get_download") and not _delegates(found)
        else None
    )


def _delegates(batch: type[Any]) -> bool:
    constructor = getattr(batch.__init__, "__wrapped__", batch.__init__)  # `startup` has replaced it.
    code = getattr(constructor, "__code__", None)
    return code is not None and "Downloader" in code.co_names


def link_hashes(link: Link) -> Mapping[str, str]:
    """Return all hashes of the index or the URL: several with a JSON index (pip >= 22.3), else at most one."""
    hashes = dict(getattr(link, "_hashes", None) or {})
    if link.hash_name and link.hash:
        hashes.setdefault(link.hash_name, link.hash)
    return hashes


def shown_url(download_module: ModuleType, link: Link) -> str:
    """Return the link as this pip writes it after "Downloading".

    That is the file name for PyPI, and for every host since 26.1; otherwise the URL.
    """
    is_quiet = download_module.logger.getEffectiveLevel() > logging.INFO
    pypi = getattr(download_module, "PyPI", None)
    by_name = not is_quiet if pypi is None else link.netloc == pypi.file_storage_domain
    # pip writes the query as well. It may contain a token.
    return str(
        download_module.redact_auth_from_url(link.show_url if by_name else link.url_without_fragment.partition("?")[0])
    )


def smallest_with_bar(download_module: ModuleType) -> int:
    """Return the number of bytes above which this pip draws a progress bar: 40 kB up to 24.0, 512 KiB since."""
    # The limit changed together with the size of the blocks, which is the default of response_chunks since then.
    defaults = getattr(getattr(download_module, "response_chunks", None), "__defaults__", None) or ()
    return 512 * 1024 if any(isinstance(size, int) and size > 64 * 1024 for size in defaults) else 40 * 1000


def progress_renderer(bar_type: Any, size: int | None, first_pos: int) -> Blocks:
    """Return what draws this pip's progress bar around an iterable of blocks, from ``first_pos`` on."""
    provider = getattr(progress_bars, "DownloadProgressProvider", None)
    if provider is not None:  # pip 21.3
        return _starting_at(first_pos, provider(bar_type, max=size))
    renderer = progress_bars.get_download_progress_renderer
    try:
        return renderer(bar_type=bar_type, size=size, initial_progress=first_pos or None)  # type: ignore[call-arg,unused-ignore]
    except TypeError:  # pip before 25.1 has no initial_progress.
        return _starting_at(first_pos, renderer(bar_type=bar_type, size=size))


def _starting_at(first_pos: int, render: Blocks) -> Blocks:
    """Move a bar that can only start at 0: its first item has the length of what is held, and no content."""
    if not first_pos:
        return render

    def with_offset(blocks: Iterable[Any]) -> Iterator[Any]:
        def with_first() -> Iterator[Any]:
            yield range(first_pos)
            yield from blocks

        rendered = render(with_first())
        next(rendered)
        yield from rendered

    return with_offset


def erase_rows(number: int) -> bool:
    """Erase rows of the terminal, from the one above the cursor upwards; return False if that is not possible.

    pip's own library does it, as it moves the bars. There is none before pip 22.
    """
    try:
        from pip._vendor.rich import get_console
        from pip._vendor.rich.control import Control
        from pip._vendor.rich.segment import ControlType

        console = get_console()
        if console.is_dumb_terminal or not (sys.stdout.isatty() and sys.stderr.isatty()):
            return False
        codes: list[Any] = [(ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)] * number
        console.control(Control(ControlType.CARRIAGE_RETURN, *codes))
    except (ImportError, AttributeError, OSError, ValueError):
        return False
    return True


def resume_retries(downloader: Any) -> int | None:
    """Return --resume-retries if it was set, on the command line, in the environment or in a configuration file.

    pip has the option since 25.1, where its default was 0; since 25.2 it is 5. A value of 0 in a configuration file of
    25.1 cannot be told from its default. None for older pips, and if the option was not set.
    """
    value = getattr(downloader, "_resume_retries", None)
    if not isinstance(value, int) or value < 0:
        return None
    is_set = value != _default_resume_retries() or os.environ.get("PIP_RESUME_RETRIES") or _is_typed(tuple(sys.argv))
    return value if is_set else None


@functools.lru_cache(maxsize=1)
def _is_typed(arguments: tuple[str, ...]) -> bool:
    """Whether --resume-retries, perhaps shortened, is one of the arguments."""
    return any(argument.startswith("--resume-r") for argument in arguments[1:])


@functools.lru_cache(maxsize=1)
def _default_resume_retries() -> int | None:
    """Return the default of --resume-retries; None for a pip without the option."""
    try:
        from pip._internal.cli import cmdoptions

        option: Any = cmdoptions
        default: int | None = option.resume_retries().default
    except (ImportError, AttributeError, TypeError):
        return None
    return default


def preparer(prepare_module: ModuleType | None) -> type[Any] | None:
    """Return pip's RequirementPreparer; None for a pip whose one downloads and checks files in a different way."""
    found: type[Any] | None = getattr(prepare_module, "RequirementPreparer", None)
    names = ("_prepare_linked_requirement", "_complete_partial_requirements")
    constructor = getattr(getattr(found, "__init__", None), "__code__", None)
    keeps_downloaded = constructor is not None and "_downloaded" in constructor.co_names
    return found if keeps_downloaded and all(hasattr(found, name) for name in names) else None


def has_retries(adapter: Any) -> bool:
    """Whether an adapter has urllib3's Retry, which can be copied with changes."""
    return hasattr(getattr(adapter, "max_retries", None), "new")


def connect_waits_s(session: PipSession) -> tuple[float, ...]:
    """Return the wait before each of pip's ``--retries``, as its urllib3 would wait."""
    adapter: Any = next(iter(session.adapters.values()), None)
    policy: Any = getattr(adapter, "max_retries", None)
    number = getattr(policy, "total", 0)
    if not isinstance(number, int) or number <= 0:
        return ()
    factor = getattr(policy, "backoff_factor", 0.25)
    names = ("backoff_max", "DEFAULT_BACKOFF_MAX", "BACKOFF_MAX")
    longest_s = next((getattr(policy, name) for name in names if hasattr(policy, name)), 120)
    return retry.connect_waits_s(number, float(factor), float(longest_s))


def retry_after_cap_s(session: PipSession) -> float:
    """Return the longest time that this pip's urllib3 waits for a Retry-After: 6 hours in 2, without limit in 1.26.

    With ``--retries 0`` it sends no request again, and waits for none.
    """
    adapter: Any = next(iter(session.adapters.values()), None)
    policy: Any = getattr(adapter, "max_retries", None)
    if getattr(policy, "total", None) == 0:
        return 0.0
    longest = getattr(policy, "retry_after_max", None)
    return float(longest) if isinstance(longest, (int, float)) else float("inf")


def timeout_s(session: PipSession) -> float:
    """Return pip's ``--timeout``, which holds for each connection and each read; 15 if it is not set."""
    value = getattr(session, "timeout", None)
    return float(value) if isinstance(value, (int, float)) and value > 0 else 15.0


def connection_diagnostics() -> tuple[type[BaseException], ...]:
    """Return the classes of its own that this pip raises for a connection that failed (since 26.2; none before)."""
    names = ("ConnectionFailedError", "ConnectionTimeoutError", "ProxyConnectionError", "SSLVerificationError")
    found = (getattr(exceptions, name, None) for name in names)
    return tuple(kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseException))


def diagnostic_error() -> type[Exception] | None:
    """Return pip's class for errors with a hint below them (since 22.x, not in 21.3)."""
    found = getattr(exceptions, "DiagnosticPipError", None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def broken_stdout() -> tuple[type[BaseException], ...]:
    """Return what is raised when stdout is closed: pip's own class, and the progress bar's plain error."""
    found = getattr(sys.modules.get("pip._internal.utils.logging"), "BrokenStdoutLoggingError", None)
    return (BrokenPipeError, found) if isinstance(found, type) else (BrokenPipeError,)


def has_separate_body(cache: Any) -> bool:
    """Whether pip's cache has the body in a file of its own (since 23.3), so that it need not be in memory."""
    separate = getattr(cachecontrol_cache, "SeparateBodyBaseCache", None)
    return separate is not None and isinstance(cache, separate) and hasattr(cache, "set_body")


def cache_body_path(cache: Any, key: str) -> Path | None:
    """Return where pip's cache would store a body, if this pip has it in a file of its own; else None."""
    entry_path = getattr(cache, "_get_cache_path", None)
    return Path(entry_path(key) + BODY) if has_separate_body(cache) and entry_path is not None else None


def cache_body_mode(cache: Any) -> int:
    """Return the permissions that this pip gives a cached body: the cache directory's since 25.0, before that 0600.

    The cache itself is asked, once for each directory, with an entry that is removed at once. Raises OSError.
    """
    mode = RUN.cached_body_modes.get(cache.directory)
    if mode is None:
        directory = Path(cache.directory)
        # A key of its own, since other pips may ask at this moment.
        key = f"pip-resume:permissions:{os.getpid()}:{os.urandom(8).hex()}"
        path = Path(cache._get_cache_path(key))
        new = [parent for parent in path.parents if directory in parent.parents and not parent.exists()]
        cache.set(key, b"")
        # No bit beyond these: in a shared cache a different user may exchange the entry before it is looked at.
        mode = stat.S_IMODE(path.lstat().st_mode) & 0o666
        cache.delete(key)
        for parent in new:  # The deepest is the first.
            with contextlib.suppress(OSError):  # Another pip has put something there meanwhile.
                parent.rmdir()
        RUN.cached_body_modes[cache.directory] = mode
    return mode


def child_pip_starter() -> ModuleType | None:
    """Return the module that installs build requirements in a Python of their own (since 26.2); None if there is none.

    26.2 and 26.3 do that with `--use-feature=venv-isolation` only.
    """
    found = sys.modules.get("pip._internal.build_env.installer")
    return found if callable(getattr(found, "get_runnable_pip", None)) else None


def is_pips_session(session: object) -> bool:
    """Whether this is a session that we understand. Tests and other programs pass other objects."""
    return isinstance(session, PipSession)

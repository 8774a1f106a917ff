"""One run of pip: a process of its own, in which pip's own code downloads from a simulated world."""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import io
import logging
import os
import pickle
import re
import signal
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from never_worse import content
from never_worse.clock import Endless
from never_worse.content import FILENAME
from never_worse.server import FILE_PATH, INDEX_PATH, LINK_HOST
from never_worse.simulated import Network, install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.situation import Situation
    from never_worse.world import State, World

REAL_LIMIT_S = 60
"""A run that takes longer on the real clock is killed."""
_ROW = re.compile(r"pip-resume: (end of the body: )?.*row '(.+?)' \(")
# What pip and requests would read from whoever runs the tests.
_FOREIGN = re.compile(r"(PIP_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_.*|NETRC|.*_proxy)", re.IGNORECASE)


@dataclass(frozen=True)
class Switches:
    """How a run of pip is started."""

    with_plugin: bool
    seed: str = ""


@dataclass(frozen=True)
class Ended:
    """How a run of pip ended."""

    how: str
    """`right`; `wrong` (pip has accepted a different file); `unsound` (pip cannot unpack it); else what stopped it."""
    text: str = ""
    """The error, or what the file is."""
    left_in_temp: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    """The rows of pip-resume's tables that decided, as its log names them."""
    failed_inside_pip: str = ""
    """What pip-resume's warning about an error of its own says."""


class Directories:
    """The directories of one user of a world: pip's cache, and a temporary directory for each run."""

    def __init__(self, root: Path) -> None:
        self.cache = root / "cache"
        self.temporary = root / "tmp"
        self.temporary.mkdir(parents=True)


def scrub_environment() -> None:
    """Remove the settings of whoever runs the tests from this process."""
    for name in [name for name in os.environ if _FOREIGN.fullmatch(name)]:
        del os.environ[name]
    os.environ.update(PIP_CONFIG_FILE=os.devnull, PIP_NO_INPUT="1", NETRC=os.devnull)


def import_pip() -> None:
    """Import what a run needs, so that a forked process has it."""
    for name in ("operations.prepare", "network.download", "index.collector", "cli.cmdoptions"):
        importlib.import_module(f"pip._internal.{name}")
    importlib.import_module("pip_resume.inside_pip.download_step")


def run_pip(world: World, directories: Directories, switches: Switches) -> tuple[Ended, State]:
    """Run pip in a forked process; return how it ended and the state of the world after it."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Forking is safe here: no second thread holds a lock.
        child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(world, directories, switches, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        sent = pipe.read()
    os.waitpid(child, 0)
    if not sent:
        return Ended("hung", f"no end within {REAL_LIMIT_S} s"), world.state
    ended, state = pickle.loads(sent)
    return ended, state


def _be_child(world: World, directories: Directories, switches: Switches, writing: int) -> NoReturn:
    def leave(ended: Ended) -> NoReturn:
        data = pickle.dumps((ended, world.state))
        while data:
            data = data[os.write(writing, data) :]
        os._exit(0)

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(REAL_LIMIT_S)
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        sys.stdout = sys.stderr = io.StringIO()
        warnings.simplefilter("ignore")
        network = Network(world, lambda: leave(Ended("killed")))
        install(network, switches.seed)
        leave(_run(world, directories, switches))
    except BaseException as error:
        leave(Ended("broken", repr(error)))


def _run(world: World, directories: Directories, switches: Switches) -> Ended:
    """Run pip with a log that is read, and look at what it leaves."""
    from pip._internal.utils.temp_dir import global_tempdir_manager, tempdir_registry

    tempfile.tempdir = str(directories.temporary)
    before = _names_in(directories.temporary)
    log = _Log()
    logger = logging.getLogger("pip._internal.network.download")
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    try:
        with global_tempdir_manager(), tempdir_registry():
            how, text = _download(world, directories, switches)
    except KeyboardInterrupt:
        how, text = "interrupted", ""
    except Endless as endless:
        how, text = "endless", str(endless)
    except Exception as error:
        how, text = "failed", f"{type(error).__name__}: {error}"
    gc.collect()  # pip's cache has temporary files that end with their objects.
    left = tuple(sorted(_names_in(directories.temporary) - before))
    return Ended(how, text, left, tuple(log.rows), log.failed_inside_pip)


def _names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


class _Log(logging.Handler):
    """Collects what pip-resume says of its decisions."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.rows: list[str] = []
        self.failed_inside_pip = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        match = _ROW.match(message)
        if match:
            self.rows.append(("ending: " if match[1] else "verdict: ") + match[2])
        if "failed inside pip" in message:
            self.failed_inside_pip = message


def _download(world: World, directories: Directories, switches: Switches) -> tuple[str, str]:
    """Do what an install does as far as the downloaded file."""
    from pip._internal.index import collector
    from pip._internal.models.link import Link
    from pip._internal.operations import prepare

    situation = world.situation
    if switches.with_plugin:
        _switch_on(situation)
    with contextlib.closing(_session(situation, directories)) as session:
        download = _downloader(session, situation)
        origin = f"{situation.scheme}://{LINK_HOST}"
        build = "different" if situation.serves_stale else world.build_at(world.state.now_s)
        if situation.user.before.startswith("index page"):
            page = collector._get_index_content(Link(origin + INDEX_PATH), session=session)
            if page is None or FILENAME.encode() not in page.content:
                return "failed", "no matching distribution found"
        if situation.user.before.endswith("metadata"):
            prepare.get_http_url(Link(f"{origin}{FILE_PATH}.metadata"), download)
        fragment, hashes = _hashes(situation, build)
        query = f"?signature={world.state.now_s}" if situation.is_link_signed else ""
        found = prepare.get_http_url(Link(f"{origin}{FILE_PATH}{query}{fragment}"), download, hashes=hashes)
        return judge_file(Path(found.path), world.size)


def judge_file(path: Path, size: int) -> tuple[str, str]:
    """Tell what a file is that pip has accepted so far."""
    data = path.read_bytes()
    kind, build = content.kind_of(data, size)
    described = f"{kind} {build}".strip()
    if kind == "build":
        return "right", described
    return ("wrong" if content.is_sound_container(data) else "unsound"), described


def _switch_on(situation: Situation) -> None:
    from pip_resume.inside_pip import download_step

    os.environ["PIP_RESUME"] = "1"
    if situation.user.resume_retries is not None:
        os.environ["PIP_RESUME_RETRIES"] = str(situation.user.resume_retries)
    download_step.apply(sys.modules["pip._internal.network.download"])


def _session(situation: Situation, directories: Directories) -> Any:
    """Make pip's session as its commands make it."""
    from pip._internal.network import session

    unknown: Any = session
    unknown.user_agent = lambda: "pip"  # pip's own starts a process and reads files of the system.
    options: dict[str, Any] = {"retries": situation.user.retries, "cache": str(directories.cache)}
    if "resume_retries" in inspect.signature(session.PipSession.__init__).parameters:
        options["resume_retries"] = _resume_retries(situation)
    made: Any = session.PipSession(**options)
    made.auth.prompting = False
    made.timeout = situation.user.timeout_s
    return made


def _downloader(session: Any, situation: Situation) -> Any:
    from pip._internal.network.download import Downloader

    kind: Any = Downloader
    if "resume_retries" in inspect.signature(kind.__init__).parameters:
        return kind(session, "off", _resume_retries(situation))
    return kind(session, "off")


def _resume_retries(situation: Situation) -> int:
    from pip._internal.cli import cmdoptions

    options: Any = cmdoptions
    given: int | None = situation.user.resume_retries
    return int(options.resume_retries().default if given is None else given)


def _hashes(situation: Situation, build: Any) -> tuple[str, Any]:
    """Return the fragment of the link, and what pip checks the file against (None: nothing)."""
    from pip._internal.utils.hashes import Hashes

    kind = situation.file.link_hash
    if kind == "none":
        return "", None
    algorithm = "md5" if kind == "md5" else "sha256"
    digest = content.hexdigest(situation.file.size, build, algorithm)
    fragment = "" if kind == "requirements" else f"#{algorithm}={digest}"
    return fragment, Hashes({algorithm: [digest]})


@contextlib.contextmanager
def directories_in(parent: Path) -> Iterator[Directories]:
    """Make directories below `parent`, and remove them afterwards."""
    with tempfile.TemporaryDirectory(prefix="never-worse-", dir=parent) as root:
        yield Directories(Path(root))

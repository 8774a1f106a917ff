"""A pip of the future: what we take from it is taken away or changed, and all that may be lost is the resuming.

The names are read from our sources. Each is removed after pip itself has imported it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pip

# Before pip's own download module: in pip 25.1 to 25.3 that one cannot be the first to be imported.
import pip._internal.operations.prepare
import pytest
from integration.names_of_pip import DOWNLOAD, imported, modules, of_the_download_module
from pip._internal.network import download as download_module
from servers.fault_server import FaultServer, Then
from servers.index_pages import honest, publish, wheel_artifact

import pip_resume
from pip_resume.settings import SWITCH

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVER = Path(__file__).with_name("mutilated_pip.py")
ROOT = Path(__file__).parents[2]
WHEEL = wheel_artifact("large", size=1_200_000)
CUT = 700_000
# Looked for, not counted on: without them there is another way, or a smaller service.
DISPENSABLE = {
    "BatchDownloader",
    "PyPI",
    "_http_get_download",
    "pip._internal.cli.cmdoptions",
    "pip._internal.network.cache",
    "pip._vendor.rich.markup escape",
    "pip._vendor.rich.markup",
    "response_chunks",
}
Change = dict[str, object]
# The module would have no name, in no pip.
NOT_A_NAME = {"__name__"}


@dataclass(frozen=True)
class Ended:
    """How a run of the mutilated pip ended."""

    code: int
    output: str
    files: dict[str, bytes]
    was_ours: bool
    """Whether our download step was at work: it leaves its directory in pip's cache."""

    @property
    def warnings(self) -> list[str]:
        lines = map(str.strip, self.output.splitlines())
        return [line for line in lines if line.startswith("WARNING:")]


class MutilatedPip:
    """A running driver; each run has a cache and a destination of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._serial = itertools.count()
        environment = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        command = [sys.executable, "-P", str(DRIVER)] if sys.version_info >= (3, 11) else [sys.executable, str(DRIVER)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
        )

    def download(self, server: FaultServer, switch: str, changes: list[Change]) -> Ended:
        folder = self._folder / str(next(self._serial))
        folder.mkdir()
        command = ["download", "--no-deps", "--index-url", server.url("/simple/"), "--trusted-host", "127.0.0.1"]
        command += ["--dest", str(folder / "files"), "--cache-dir", str(folder / "cache"), "--no-input", "large"]
        variables = {SWITCH: switch, "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        case = {"arguments": command, "environment": variables, "changes": changes, "output": str(folder / "output")}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        files = {path.name: path.read_bytes() for path in (folder / "files").glob("*")}
        was_ours = any((folder / "cache").glob("*/pip-resume"))
        return Ended(code, (folder / "output").read_text(), files, was_ours)

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture(scope="module")
def mutilated_pip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MutilatedPip]:
    running = MutilatedPip(tmp_path_factory.mktemp("mutilated"))
    yield running
    running.end()


def change(kind: str, *arguments: str) -> Change:
    """See the functions of the driver with that name."""
    return {"kind": kind, "arguments": arguments}


def removals() -> dict[str, Change]:
    """By what is missing then; only what this pip has."""
    found = {f"{module} {name}": change("refuse_import", module, name) for module, name in sorted(imported())}
    found.update({name: change("refuse_import", name, "") for name in sorted(modules())})
    of_it = sorted(of_the_download_module() - NOT_A_NAME)
    found.update({name: change("remove", DOWNLOAD, name) for name in of_it if hasattr(download_module, name)})
    return found


def is_one_warning_with_all_that_helps(warnings: list[str]) -> bool:
    (warning,) = warnings
    return all(part in warning for part in (pip_resume.__version__, pip.__version__, f"{SWITCH}=0"))


@pytest.fixture
def index(http_server: FaultServer) -> FaultServer:
    publish(http_server, WHEEL)
    return http_server


def cut_once(index: FaultServer) -> None:
    index.plays(WHEEL.path, replace(honest(WHEEL), cut_after=CUT, then=Then.CLOSE), honest(WHEEL))


def test_the_pip_that_these_tests_take_things_from_is_reached_and_resumes(
    mutilated_pip: MutilatedPip, index: FaultServer
) -> None:
    cut_once(index)
    ended = mutilated_pip.download(index, "1", [])
    assert (ended.code, ended.files, ended.was_ours) == (0, {WHEEL.filename: WHEEL.content}, True), ended.output
    assert index.asked_ranges(WHEEL.path) == [None, f"bytes={CUT}-"]
    assert "pip-resume" not in ended.output


@pytest.mark.parametrize("missing", removals())
def test_a_pip_without_something_downloads_as_ever_and_says_once_that_we_do_not(
    mutilated_pip: MutilatedPip, index: FaultServer, missing: str
) -> None:
    ended = mutilated_pip.download(index, "1", [removals()[missing]])
    assert (ended.code, ended.files) == (0, {WHEEL.filename: WHEEL.content}), ended.output
    if missing in DISPENSABLE:
        assert (ended.was_ours, ended.warnings) == (True, []), ended.output
    else:
        assert is_one_warning_with_all_that_helps(ended.warnings)


DOWNLOADER = f"{DOWNLOAD}:Downloader"
CACHECONTROL = "pip._vendor.cachecontrol"
CONTROLLER = f"{CACHECONTROL}.controller:CacheController"
LINK = "pip._internal.models.link:Link"
PREPARE = "pip._internal.operations.prepare"
URLLIB3 = "pip._vendor.urllib3"
REQUESTS = "pip._vendor.requests"


def renamed(attribute: str) -> list[Change]:
    """A downloader keeps something under another name, and its own code knows it."""
    move = f"setattr(self, 'its_{attribute}', vars(self).pop('{attribute}'))"
    hide = f"lambda self, *a, **k: (old(self, *a, **k), {move})[0]"
    show = f"lambda self, *a: (setattr(self, '{attribute}', self.its_{attribute}), old(self, *a))[1]"
    return [change("replace", DOWNLOADER, "__init__", hide), change("replace", DOWNLOADER, "__call__", show)]


def asked_with(call: str, parameters: str) -> list[Change]:
    """Both who calls a downloader and the downloader itself have agreed on something new."""
    ask = f"lambda link, download, *a, **k: old(link, lambda l, d: download({call}), *a, **k)"
    return [
        change("replace", PREPARE, "get_http_url", ask),
        change("replace", DOWNLOADER, "__call__", f"lambda self, {parameters}: old(self, *both)"),
    ]


FATAL: dict[str, list[Change]] = {
    "a downloader has its session under another name": renamed("_session"),
    "a downloader has its progress bar under another name": renamed("_progress_bar"),
    "a downloader takes a named argument more": asked_with("l, d, mode=1", "*both, mode"),
    "a downloader takes one request": asked_with("(l, d)", "both"),
    "a link has another name for its URL": [change("refuse", LINK, "url_without_fragment")],
    "a link has another name for its file": [change("refuse", LINK, "filename")],
    "a link has another name for its hash": [change("refuse", LINK, "hash_name")],
    "a session is asked otherwise": [change("refuse", f"{REQUESTS}:Session", "get")],
    "an adapter builds a response otherwise": [change("refuse", f"{REQUESTS}.adapters:HTTPAdapter", "build_response")],
    "a body is read otherwise": [change("refuse", f"{URLLIB3}:HTTPResponse", "read")],
    "a file is named otherwise": [change("refuse", DOWNLOAD, "_get_http_response_filename")],
    "a size is formatted otherwise": [change("refuse", DOWNLOAD, "format_size")],
    "a URL is shown otherwise": [change("refuse", DOWNLOAD, "redact_auth_from_url")],
    "a progress bar is made otherwise": [
        change("refuse", "pip._internal.cli.progress_bars", "get_download_progress_renderer")
    ],
    "retries are made otherwise": [change("refuse", f"{URLLIB3}.util.retry:Retry", "new")],
}


@pytest.mark.parametrize("difference", FATAL)
def test_a_pip_that_has_changed_downloads_as_ever_and_says_once_that_we_do_not(
    mutilated_pip: MutilatedPip, index: FaultServer, difference: str
) -> None:
    if difference == "retries are made otherwise":
        cut_once(index)  # so much later does it matter
    ended = mutilated_pip.download(index, "1", FATAL[difference])
    assert (ended.code, ended.files) == (0, {WHEEL.filename: WHEEL.content}), ended.output
    assert is_one_warning_with_all_that_helps([line for line in ended.warnings if "lost" not in line])
    assert index.fetched_twice(WHEEL.path) <= len(WHEEL.content), "at most one download anew"


CACHE_ONLY: dict[str, list[Change]] = {
    "a cache key is made otherwise": [change("refuse", CONTROLLER, "cache_url")],
    "the cache is asked otherwise": [change("refuse", CONTROLLER, "cached_request")],
    "the cache is filled otherwise": [change("refuse", CONTROLLER, "cache_response")],
    "a controller is made otherwise": [change("refuse", CONTROLLER, "__init__")],
    "entries are read otherwise": [change("refuse", f"{CACHECONTROL}.serialize:Serializer", "loads")],
    "entries are written otherwise": [change("refuse", "pip._internal.network.cache:SafeFileCache", "set")],
    "a request is prepared otherwise": [change("refuse", f"{REQUESTS}:Session", "prepare_request")],
}


# What we ask of the cache ourselves when nothing is kept from before: to be filled.
FILLING = ("the cache is filled otherwise", "a controller is made otherwise", "entries are written otherwise")


@pytest.mark.parametrize("difference", CACHE_ONLY)
def test_a_pip_whose_cache_has_changed_resumes_all_the_same(
    mutilated_pip: MutilatedPip, index: FaultServer, difference: str
) -> None:
    cut_once(index)
    ended = mutilated_pip.download(index, "1", CACHE_ONLY[difference])
    assert (ended.code, ended.files) == (0, {WHEEL.filename: WHEEL.content}), ended.output
    assert index.asked_ranges(WHEEL.path) == [None, f"bytes={CUT}-"]
    of_ours = [line for line in ended.output.splitlines() if "pip-resume" in line]
    assert len(of_ours) == (difference in FILLING)
    assert all("does not understand the cache of pip" in line for line in of_ours)

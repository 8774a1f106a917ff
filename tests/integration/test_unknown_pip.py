"""A pip that lacks, or has changed, something that we use: its downloads still succeed; only the resuming may be lost.

The names that we use are read from our sources. Each is removed after pip itself has imported it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pip
import pytest
from integration.machine import DOWNLOAD_MODULE
from integration.samples import cut
from integration.used_pip_names import download_module_attributes, imported_modules, imported_names
from pip._vendor.urllib3 import HTTPResponse
from servers.fault_server import FaultServer
from servers.index_pages import honest, publish, wheel_artifact

import pip_resume
from pip_resume.settings import SWITCH

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).with_name("changed_pip.py")
ROOT = Path(__file__).parents[2]
DOWNLOAD = DOWNLOAD_MODULE.__name__
WHEEL = wheel_artifact("large", size=1_200_000)
CUT_AFTER = 700_000
# Names that we use only if they are there.
OPTIONAL = {
    "BatchDownloader",
    "PyPI",
    "_http_get_download",
    "pip._internal.cli.cmdoptions",
    "pip._internal.network.cache",
    "pip._vendor.rich get_console",
    "pip._vendor.rich.control Control",
    "pip._vendor.rich.control",
    "pip._vendor.rich.markup escape",
    "pip._vendor.rich.markup",
    "pip._vendor.rich.segment ControlType",
    "pip._vendor.rich.segment",
    "response_chunks",
}
Change = dict[str, object]
# Every module has it, in every pip.
NOT_OF_PIP = {"__name__"}


@dataclass(frozen=True)
class Result:
    """How a run of the changed pip ended."""

    code: int
    output: str
    files: dict[str, bytes]
    was_ours: bool
    """Whether our download step ran: it leaves its directory in pip's cache."""

    @property
    def warnings(self) -> list[str]:
        lines = map(str.strip, self.output.splitlines())
        return [line for line in lines if line.startswith("WARNING:")]


class ChangedPip:
    """The running script `changed_pip`. Each run has its own cache directory and its own destination."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._serial = itertools.count()
        environment = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        command = [sys.executable, "-P", str(SCRIPT)] if sys.version_info >= (3, 11) else [sys.executable, str(SCRIPT)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
        )

    def download(self, server: FaultServer, changes: list[Change]) -> Result:
        """Run `pip download large` with these changes, and with PIP_RESUME=1."""
        folder = self._folder / str(next(self._serial))
        folder.mkdir()
        command = ["download", "--no-deps", "--index-url", server.url("/simple/"), "--trusted-host", "127.0.0.1"]
        command += ["--dest", str(folder / "files"), "--cache-dir", str(folder / "cache"), "--no-input", "large"]
        variables = {SWITCH: "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        case = {"arguments": command, "environment": variables, "changes": changes, "output": str(folder / "output")}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        files = {path.name: path.read_bytes() for path in (folder / "files").glob("*")}
        was_ours = any((folder / "cache").glob("*/pip-resume"))
        return Result(code, (folder / "output").read_text(), files, was_ours)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture(scope="module")
def changed_pip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChangedPip]:
    running = ChangedPip(tmp_path_factory.mktemp("changed"))
    yield running
    running.close()


def change(kind: str, *arguments: str) -> Change:
    """Return a change. `kind` is the name of a function in `changed_pip`, `arguments` are its arguments."""
    return {"kind": kind, "arguments": arguments}


def removals() -> dict[str, Change]:
    """Return the changes that remove one name each, by that name. Only names that this pip has."""
    found = {f"{module} {name}": change("refuse_import", module, name) for module, name in sorted(imported_names())}
    found.update({name: change("refuse_import", name, "") for name in sorted(imported_modules())})
    attributes = sorted(download_module_attributes() - NOT_OF_PIP)
    found.update({name: change("remove", DOWNLOAD, name) for name in attributes if hasattr(DOWNLOAD_MODULE, name)})
    return found


def assert_one_warning_with_versions_and_remedy(warnings: list[str]) -> None:
    (warning,) = warnings
    for part in (pip_resume.__version__, pip.__version__, f"{SWITCH}=0"):
        assert part in warning


@pytest.fixture
def index(http_server: FaultServer) -> FaultServer:
    publish(http_server, WHEEL)
    return http_server


def cut_once(index: FaultServer) -> None:
    index.plays(WHEEL.path, cut(honest(WHEEL), CUT_AFTER), honest(WHEEL))


def test_the_names_that_we_use_are_found() -> None:
    names = {"Downloader", "raise_for_status", "pip._internal.models.link Link", "pip._internal.network.session"}
    assert names <= set(removals())


def test_without_a_change_pip_resumes(changed_pip: ChangedPip, index: FaultServer) -> None:
    cut_once(index)
    result = changed_pip.download(index, [])
    assert (result.code, result.files, result.was_ours) == (0, {WHEEL.filename: WHEEL.content}, True), result.output
    assert index.asked_ranges(WHEEL.path) == [None, f"bytes={CUT_AFTER}-"]
    assert "pip-resume" not in result.output


@pytest.mark.parametrize("missing", removals())
def test_without_a_name_pip_downloads_and_one_warning_says_that_nothing_is_resumed(
    changed_pip: ChangedPip, index: FaultServer, missing: str
) -> None:
    result = changed_pip.download(index, [removals()[missing]])
    assert (result.code, result.files) == (0, {WHEEL.filename: WHEEL.content}), result.output
    if missing in OPTIONAL:
        assert (result.was_ours, result.warnings) == (True, []), result.output
    else:
        assert_one_warning_with_versions_and_remedy(result.warnings)


DOWNLOADER = f"{DOWNLOAD}:Downloader"
CACHECONTROL = "pip._vendor.cachecontrol"
CONTROLLER = f"{CACHECONTROL}.controller:CacheController"
LINK = "pip._internal.models.link:Link"
PREPARE = "pip._internal.operations.prepare"
URLLIB3 = "pip._vendor.urllib3"
REQUESTS = "pip._vendor.requests"


def renamed(attribute: str) -> list[Change]:
    """Rename an attribute of the downloader. pip's own code has it under the old name."""
    move = f"setattr(self, 'new_{attribute}', vars(self).pop('{attribute}'))"
    hide = f"lambda self, *a, **k: (old(self, *a, **k), {move})[0]"
    show = f"lambda self, *a: (setattr(self, '{attribute}', self.new_{attribute}), old(self, *a))[1]"
    return [change("replace", DOWNLOADER, "__init__", hide), change("replace", DOWNLOADER, "__call__", show)]


def called_with(call: str, parameters: str) -> list[Change]:
    """Change the parameters of the downloader, and pip's call of it."""
    caller = f"lambda link, download, *a, **k: old(link, lambda l, d: download({call}), *a, **k)"
    return [
        change("replace", PREPARE, "get_http_url", caller),
        change("replace", DOWNLOADER, "__call__", f"lambda self, {parameters}: old(self, *both)"),
    ]


DIFFERENCES: dict[str, list[Change]] = {
    "the downloader has its session under a different name": renamed("_session"),
    "the downloader has its progress bar under a different name": renamed("_progress_bar"),
    "the downloader takes one more argument": called_with("l, d, mode=1", "*both, mode"),
    "the downloader takes one argument": called_with("(l, d)", "both"),
    "a link has its URL under a different name": [change("refuse", LINK, "url_without_fragment")],
    "a link has its file name under a different name": [change("refuse", LINK, "filename")],
    "a link has its hash under a different name": [change("refuse", LINK, "hash_name")],
    "Session.get has changed": [change("refuse", f"{REQUESTS}:Session", "get")],
    "HTTPAdapter.build_response has changed": [change("refuse", f"{REQUESTS}.adapters:HTTPAdapter", "build_response")],
    "_get_http_response_filename has changed": [change("refuse", DOWNLOAD, "_get_http_response_filename")],
    "format_size has changed": [change("refuse", DOWNLOAD, "format_size")],
    "redact_auth_from_url has changed": [change("refuse", DOWNLOAD, "redact_auth_from_url")],
    "get_download_progress_renderer has changed": [
        change("refuse", "pip._internal.cli.progress_bars", "get_download_progress_renderer")
    ],
}
if hasattr(HTTPResponse, "read1"):  # Older pips have none, and none is used.
    DIFFERENCES["HTTPResponse.read1 has changed"] = [change("refuse", f"{URLLIB3}:HTTPResponse", "read1")]


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_after_a_change_pip_downloads_and_one_warning_says_that_nothing_is_resumed(
    changed_pip: ChangedPip, index: FaultServer, difference: str
) -> None:
    result = changed_pip.download(index, DIFFERENCES[difference])
    assert (result.code, result.files) == (0, {WHEEL.filename: WHEEL.content}), result.output
    assert_one_warning_with_versions_and_remedy(result.warnings)
    assert index.fetched_twice(WHEEL.path) <= len(WHEEL.content), "the file is downloaded at most twice"


def test_after_a_change_of_what_later_requests_need_only_a_broken_download_is_pips_own(
    changed_pip: ChangedPip, index: FaultServer
) -> None:
    changes = [change("refuse", f"{URLLIB3}.util.retry:Retry", "new")]
    smooth = changed_pip.download(index, changes)
    assert (smooth.code, smooth.files, smooth.warnings) == (0, {WHEEL.filename: WHEEL.content}, []), smooth.output

    cut_once(index)
    broken = changed_pip.download(index, changes)
    assert (broken.code, broken.files) == (0, {WHEEL.filename: WHEEL.content}), broken.output
    assert_one_warning_with_versions_and_remedy(broken.warnings[1:])


def test_without_the_function_that_knows_the_required_hashes_pip_resumes(
    changed_pip: ChangedPip, index: FaultServer
) -> None:
    cut_once(index)
    result = changed_pip.download(index, [change("remove", PREPARE, "get_http_url")])
    assert (result.code, result.files) == (0, {WHEEL.filename: WHEEL.content}), result.output
    assert index.asked_ranges(WHEEL.path) == [None, f"bytes={CUT_AFTER}-"]
    assert "pip-resume" not in result.output


DIFFERENCES_OF_THE_CACHE: dict[str, list[Change]] = {
    "CacheController.cache_url has changed": [change("refuse", CONTROLLER, "cache_url")],
    "CacheController.cached_request has changed": [change("refuse", CONTROLLER, "cached_request")],
    "CacheController.cache_response has changed": [change("refuse", CONTROLLER, "cache_response")],
    "CacheController.__init__ has changed": [change("refuse", CONTROLLER, "__init__")],
    "Serializer.loads has changed": [change("refuse", f"{CACHECONTROL}.serialize:Serializer", "loads")],
    "SafeFileCache.set has changed": [change("refuse", "pip._internal.network.cache:SafeFileCache", "set")],
    "Session.prepare_request has changed": [change("refuse", f"{REQUESTS}:Session", "prepare_request")],
}


# Without a cache entry from before we use these only to store the file.
USED_TO_STORE = (
    "CacheController.cache_response has changed",
    "CacheController.__init__ has changed",
    "SafeFileCache.set has changed",
)


@pytest.mark.parametrize("difference", DIFFERENCES_OF_THE_CACHE)
def test_after_a_change_of_its_cache_pip_resumes(changed_pip: ChangedPip, index: FaultServer, difference: str) -> None:
    cut_once(index)
    result = changed_pip.download(index, DIFFERENCES_OF_THE_CACHE[difference])
    assert (result.code, result.files) == (0, {WHEEL.filename: WHEEL.content}), result.output
    assert index.asked_ranges(WHEEL.path) == [None, f"bytes={CUT_AFTER}-"]
    ours = [line for line in result.output.splitlines() if "pip-resume" in line]
    assert len(ours) == (difference in USED_TO_STORE)
    assert all("does not understand the cache of pip" in line for line in ours)

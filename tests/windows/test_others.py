"""A pip of a Windows Python while other programs use the same files: pips, `pip cache purge`, a scanner."""

from __future__ import annotations

import dataclasses

import pytest
from e2e.broken_downloads import BIG, files_of_the_plugin, half, index_options
from e2e.single_file import COMPLETE, STALLED, download_big, publish_scripted
from environments.processes import RunningProcess
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.script import FileAnswer
from windows.downloads import SLOW, kill_at_half, start_and_wait_until_begun, start_download
from windows.environment import PROCESS_TIMEOUT_S, WindowsEnvironment, WindowsEnvironments

pytestmark = pytest.mark.timeout(600)
UNCACHEABLE = dataclasses.replace(SLOW, fields={"Cache-Control": "no-store"})
# It opens each file of the plugin whose name ends in this way, without sharing it, and closes it after this time.
SCANNER = """
import os, sys, time, _winapi

root, ending, hold_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
while True:
    held = []
    for folder, _, names in os.walk(root):
        for name in names:
            if "pip-resume" in folder and name.endswith(ending):
                try:
                    path = os.path.join(folder, name)
                    held.append(_winapi.CreateFile(path, _winapi.GENERIC_READ, 0, 0, _winapi.OPEN_EXISTING, 0, 0))
                    print("scanning", flush=True)
                except OSError:
                    pass
    time.sleep(hold_s if held else 0.01)
    for handle in held:
        _winapi.CloseHandle(handle)
    time.sleep(0.05)
"""


def start_scanner(pip: WindowsEnvironment, ending: str, hold_s: float) -> RunningProcess:
    """Start to scan the files of the plugin; return when the first one is open."""
    script = pip.work / "scanner.py"
    script.write_text(SCANNER)
    scanner = pip.start_python(script, pip.cache_dir, ending, str(hold_s))
    scanner.wait_for_output("scanning", PROCESS_TIMEOUT_S)
    return scanner


def test_pip_cache_purge_disturbs_no_download(windows: WindowsEnvironments, http_server: FaultServer) -> None:
    publish_scripted(http_server, SLOW)
    pip = windows.with_plugin("26.3")
    running = start_and_wait_until_begun(pip, http_server, *index_options(http_server))

    purge = pip.run("cache", "purge")
    ended = running.wait(PROCESS_TIMEOUT_S)

    assert (purge.returncode, ended.returncode) == (0, 0), purge.text + ended.text
    assert "Traceback" not in purge.text + ended.text
    assert "WARNING" not in ended.text
    assert http_server.asked_ranges(BIG.path) == [None]


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("response", [pytest.param(SLOW, id="cacheable"), pytest.param(UNCACHEABLE, id="no-store")])
def test_pips_that_start_while_one_downloads_need_no_request(
    windows: WindowsEnvironments,
    https_server: FaultServer,
    certificates: Certificates,
    response: FileAnswer,
    count: int,
) -> None:
    publish_scripted(https_server, response)
    pip = windows.with_plugin("26.3")
    options = index_options(https_server, certificates)

    # Those that start at the same moment may all send a request, before the first response shows who stores the file.
    first = start_and_wait_until_begun(pip, https_server, *options)
    others = [start_download(pip, *options) for _ in range(count - 1)]
    ended = [running.wait(PROCESS_TIMEOUT_S) for running in (first, *others)]

    texts = [each.text for each in ended]
    assert [each.returncode for each in ended] == [0] * count, "\n".join(texts)
    assert not [text for text in texts if "WARNING" in text or "ERROR" in text]
    assert https_server.asked_ranges(BIG.path) == [None], "\n".join(texts)


def test_a_scanner_that_opens_all_files_for_a_moment_costs_nothing(
    windows: WindowsEnvironments, http_server: FaultServer
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = windows.with_plugin("26.3")
    kill_at_half(pip, *index_options(http_server))
    scanner = start_scanner(pip, "", 0.3)

    ended = download_big(pip, *index_options(http_server))
    scanner.kill_and_wait()

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert http_server.sent(BIG.path) <= len(BIG.content) + half(BIG) // 8
    assert "WARNING" not in ended.result.text
    assert not [path.name for path in files_of_the_plugin(pip.cache_dir) if path.suffix in {".new", ".tmp"}]


def test_a_stored_file_that_a_scanner_never_releases_costs_one_fresh_download_and_one_warning(
    windows: WindowsEnvironments, http_server: FaultServer
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = windows.with_plugin("26.3")
    kill_at_half(pip, *index_options(http_server))
    scanner = start_scanner(pip, ".part", 1000)

    ended = download_big(pip, *index_options(http_server))
    scanner.kill_and_wait()

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert http_server.asked_ranges(BIG.path) == [None, None]
    assert ended.result.text.count("WARNING: pip-resume ") == 1

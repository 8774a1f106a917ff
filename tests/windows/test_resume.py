"""Broken downloads with a pip of a Windows Python, and the servers of the other tests on this system."""

from __future__ import annotations

import dataclasses

import pytest
from e2e.broken_downloads import BIG, OVERLAP_BYTES, half, index_options, stored_bytes
from e2e.single_file import COMPLETE, STALLED, download_big, publish_scripted
from environments.pips import MORE_PIPS, PIPS, why_unsupported
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.script import FileAnswer
from windows.downloads import CUT, SLOW, kill_at_half, start_and_wait_until_begun
from windows.environment import PROCESS_TIMEOUT_S, WindowsEnvironments
from windows.kit import WINDOWS_PYTHON

pytestmark = pytest.mark.timeout(600)
PIPS_OF_WINDOWS = sorted(version for version in (*PIPS, *MORE_PIPS) if why_unsupported(version, WINDOWS_PYTHON) is None)


@pytest.mark.parametrize("pip_version", PIPS_OF_WINDOWS)
def test_the_next_run_continues_where_a_killed_pip_ended(
    windows: WindowsEnvironments, http_server: FaultServer, pip_version: str
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = windows.with_plugin(pip_version)
    kill_at_half(pip, *index_options(http_server))

    ended = download_big(pip, *index_options(http_server))

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert http_server.fetched_twice(BIG.path) == OVERLAP_BYTES
    assert "WARNING" not in ended.result.text


def test_ctrl_c_keeps_the_bytes(windows: WindowsEnvironments, http_server: FaultServer) -> None:
    publish_scripted(http_server, SLOW, COMPLETE)
    pip = windows.with_plugin("26.3")
    running = start_and_wait_until_begun(pip, http_server, *index_options(http_server))
    running.interrupt()
    interrupted = running.wait(PROCESS_TIMEOUT_S)
    kept = stored_bytes(pip.cache_dir)

    ended = download_big(pip, *index_options(http_server))

    assert interrupted.returncode == 1
    assert kept > 0
    assert "Operation cancelled by user" in interrupted.text
    assert http_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-"]
    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)


WRONG = dataclasses.replace(COMPLETE, flips=(half(BIG),))


@pytest.mark.parametrize(
    ("responses", "ranges", "options"),
    [
        pytest.param((CUT, COMPLETE), [None, f"bytes={half(BIG)}-"], (), id="reset"),
        pytest.param((STALLED, COMPLETE), [None, f"bytes={half(BIG)}-"], ("--timeout", "3"), id="stall"),
        pytest.param(
            (CUT, dataclasses.replace(COMPLETE, ranges=False)), [None, f"bytes={half(BIG)}-"], (), id="Range ignored"
        ),
        pytest.param((WRONG, COMPLETE), [None, None], (), id="wrong hash once"),
        pytest.param((CUT, COMPLETE), [None, f"bytes={half(BIG)}-"], ("--no-cache-dir",), id="without a cache"),
    ],
)
def test_a_broken_download_continues_in_the_same_run(
    windows: WindowsEnvironments,
    http_server: FaultServer,
    responses: tuple[FileAnswer, ...],
    ranges: list[str | None],
    options: tuple[str, ...],
) -> None:
    publish_scripted(http_server, *responses)
    pip = windows.with_plugin("26.3")

    ended = download_big(pip, *index_options(http_server), *options)

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert http_server.asked_ranges(BIG.path) == ranges
    assert "pip-resume cannot" not in ended.result.text


@pytest.mark.parametrize("then", [Then.GARBAGE_TLS, Then.BAD_MAC, Then.DROP], ids=lambda then: then.name)
def test_a_broken_tls_connection_is_continued(
    windows: WindowsEnvironments, https_server: FaultServer, certificates: Certificates, then: Then
) -> None:
    publish_scripted(https_server, dataclasses.replace(CUT, then=then), COMPLETE)
    pip = windows.with_plugin("26.3")

    ended = download_big(pip, *index_options(https_server, certificates))

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert https_server.sent(BIG.path) <= len(BIG.content) + OVERLAP_BYTES
    assert ended.result.text.count("Connection lost at ") == 1

"""Broken downloads with a Windows pip under wine."""

from __future__ import annotations

from e2e.broken_downloads import BIG, half, index_options
from e2e.single_file import COMPLETE, STALLED, TWO_PIPS, download_big, kill_big_at_half, publish_scripted
from servers.fault_server import FaultServer
from windows.environment import WindowsEnvironments


@TWO_PIPS
def test_the_next_run_continues_where_a_killed_pip_ended(
    windows: WindowsEnvironments, http_server: FaultServer, pip_version: str
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = windows.with_plugin(pip_version)
    kill_big_at_half(pip, *index_options(http_server))
    ended = download_big(pip, *index_options(http_server))
    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert http_server.fetched_twice(BIG.path) <= 65536, half(BIG)

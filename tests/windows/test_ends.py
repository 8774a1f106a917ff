"""A run of pip that another program ends, as the task manager of Windows does."""

from __future__ import annotations

import pytest
from e2e.broken_downloads import BIG, OVERLAP_BYTES, index_options, stored_bytes
from e2e.single_file import COMPLETE, download_big, publish_scripted
from environments.processes import Result
from servers.fault_server import FaultServer
from windows.downloads import BEGUN_BYTES, SLOW
from windows.environment import PROCESS_TIMEOUT_S, WindowsEnvironment, WindowsEnvironments

pytestmark = pytest.mark.timeout(600)
# It starts pip, waits until the file of its first argument exists, and ends pip.
STARTER = """
import os, subprocess, sys, time

sign, *command = sys.argv[1:]
process = subprocess.Popen([sys.executable, "-m", "pip", *command])
while not os.path.exists(sign) and process.poll() is None:
    time.sleep(0.05)
subprocess.run(["taskkill", "/F", "/PID", str(process.pid)], check=True)
print("ended with", process.wait())
"""


def end_when_begun(pip: WindowsEnvironment, server: FaultServer) -> Result:
    """Download the file, end pip with taskkill when a part of it has arrived, and return what was printed."""
    script, sign = pip.work / "starter.py", pip.work / "end"
    script.write_text(STARTER)
    command = ("download", "--no-deps", "--dest", str(pip.new_target()), *index_options(server), "big")
    sent = server.sent(BIG.path)
    running = pip.start_python(script, sign, *command)
    server.wait_until_sent(BIG.path, sent + BEGUN_BYTES, PROCESS_TIMEOUT_S)
    sign.touch()
    return running.wait(PROCESS_TIMEOUT_S)


def test_taskkill_keeps_the_bytes(windows: WindowsEnvironments, http_server: FaultServer) -> None:
    publish_scripted(http_server, SLOW)
    plain = end_when_begun(windows.without_plugin("26.3"), http_server)
    publish_scripted(http_server, SLOW, COMPLETE)
    pip = windows.with_plugin("26.3")

    ours = end_when_begun(pip, http_server)
    kept = stored_bytes(pip.cache_dir)
    ended = download_big(pip, *index_options(http_server))

    assert plain.stdout.splitlines()[-1].startswith("ended with ")
    assert ours.stdout.splitlines()[-1] == plain.stdout.splitlines()[-1]
    assert kept > 0
    assert http_server.asked_ranges(BIG.path)[-1] == f"bytes={kept - OVERLAP_BYTES}-"
    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)

"""Tests of the project, run by a Windows Python, and what it prints on consoles with old code pages."""

from __future__ import annotations

import pytest
from e2e.broken_downloads import BIG, index_options
from e2e.single_file import COMPLETE, STALLED, download_big, publish_scripted
from environments.checkout import ROOT
from servers.fault_server import FaultServer
from servers.index_pages import publish
from windows.downloads import kill_at_half
from windows.environment import WindowsEnvironments

INSIDE_S = 900.0
pytestmark = pytest.mark.timeout(INSIDE_S + 600)


@pytest.mark.parametrize("folder", ["tests/unit", "tests/storage"])
def test_the_tests_that_need_no_server_pass_in_the_windows_python(windows: WindowsEnvironments, folder: str) -> None:
    python = windows.for_tests()
    variables = {"HYPOTHESIS_PROFILE": "brief", "PYTHONDONTWRITEBYTECODE": "1"}
    options = ("-q", "-p", "no:cacheprovider", "--rootdir", ROOT, "--timeout", "300")

    ended = python.run_python("-m", "pytest", ROOT / folder, *options, env=variables, timeout_s=INSIDE_S)

    assert ended.returncode == 0, ended.text
    print(ended.text.strip().splitlines()[-1])


def test_the_demo_and_the_doctor_find_that_it_works(windows: WindowsEnvironments, http_server: FaultServer) -> None:
    publish(http_server, BIG)
    pip = windows.with_plugin("26.3")

    doctor = pip.run_python("-m", "pip_resume", "doctor", "big", "--index-url", http_server.url("/simple/"))
    demo = pip.run_python("-m", "pip_resume", "demo")

    assert (doctor.returncode, demo.returncode) == (0, 0), doctor.text + demo.text
    assert "Verdict: works: " in doctor.text
    # wine's own server may end meanwhile, and write on standard error.
    assert demo.stdout.splitlines()[-1].startswith("pip-resume works: the second run fetched "), demo.text


@pytest.mark.parametrize("code_page", ["cp437", "cp850", "cp932"])
def test_a_console_of_an_old_code_page_gets_all_messages(
    windows: WindowsEnvironments, http_server: FaultServer, code_page: str
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = windows.with_plugin("26.3")
    pip.variables["PYTHONIOENCODING"] = code_page
    kill_at_half(pip, *index_options(http_server))

    listed = pip.run_python("-m", "pip_resume", "list")
    ended = download_big(pip, *index_options(http_server))
    doctor = pip.run_python("-m", "pip_resume", "doctor")

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert "Resumed " in ended.result.text
    assert (listed.returncode, doctor.returncode) == (0, 0), listed.text + doctor.text
    assert BIG.filename in listed.text

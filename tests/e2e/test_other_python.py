"""`pip --python OTHER install` runs this pip in the other Python: only a pip-resume that is installed there counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, assert_resumed_at_half, half, index_options, kill_at_half, publish_broken
from environments.environment import Environment, Environments
from servers.fault_server import FaultServer

PIPS_WITH_THE_OPTION = pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])


def install_command(pip: Environment, other: Environment, server: FaultServer) -> tuple[str | Path, ...]:
    return ("--python", other.python, "install", "--target", pip.new_target(), *index_options(server), "big")


@pytest.mark.parametrize("this_has_it", [False, True], ids=["this one has no pip-resume", "both have pip-resume"])
@PIPS_WITH_THE_OPTION
def test_a_download_is_continued_if_the_other_python_has_pip_resume(
    environments: Environments, http_server: FaultServer, pip_version: str, this_has_it: bool
) -> None:
    pip = environments.with_plugin(pip_version) if this_has_it else environments.without_plugin(pip_version)
    pip.variables["PIP_RESUME"] = "1"
    other = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG)
    kill_at_half(pip, http_server, BIG, *install_command(pip, other, http_server))

    result = pip.run(*install_command(pip, other, http_server))

    assert result.returncode == 0, result.text
    assert_resumed_at_half(http_server, BIG, is_later_run=True, output=result.text)


@pytest.mark.parametrize("other_has_pip", [False, True], ids=["the other one has no pip", "the other one has a pip"])
@PIPS_WITH_THE_OPTION
def test_without_pip_resume_in_the_other_python_plain_pip_downloads(
    environments: Environments, http_server: FaultServer, pip_version: str, other_has_pip: bool
) -> None:
    pip = environments.with_plugin(pip_version)
    other = environments.without_plugin(pip_version) if other_has_pip else environments.without_pip()
    publish_broken(http_server, BIG)
    running = pip.start(*install_command(pip, other, http_server))
    http_server.wait_until_sent(BIG.path, half(BIG))
    running.kill_and_wait()

    result = pip.run(*install_command(pip, other, http_server))

    assert result.returncode == 0, result.text
    assert "pip-resume" not in result.text
    assert http_server.asked_ranges(BIG.path) == [None, None]

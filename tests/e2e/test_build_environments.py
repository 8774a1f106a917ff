"""Build requirements in a venv of their own: the pip that installs them there keeps what it has downloaded."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from e2e.broken_downloads import (
    MOST_FETCHED_TWICE,
    assert_resumed_at_half,
    half,
    index_options,
    kill_at_half,
    publish_broken,
)
from environments.environment import Environment, Environments
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, make_sdist, publish, sdist_artifact, wheel_artifact

IN_A_VENV = ("--use-feature", "venv-isolation")
IN_THIS_PROCESS = ("--use-feature", "inprocess-build-deps")
PIPS_WITH_THE_OPTION = pytest.mark.parametrize("pip_version", ["26.2", "26.2.1", "26.3"])

TOOL = wheel_artifact("tool", size=20_000_000)
SOURCE = sdist_artifact("source", build_requires=("tool",))


def install_command(pip: Environment, server: FaultServer, *options: str) -> tuple[str | Path, ...]:
    return ("install", "--target", pip.new_target(), *options, *index_options(server))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="default"),
        pytest.param(IN_A_VENV, id="venv-isolation"),
        pytest.param(IN_THIS_PROCESS, id="inprocess-build-deps"),
        pytest.param((*IN_A_VENV, *IN_THIS_PROCESS), id="both"),
    ],
)
@PIPS_WITH_THE_OPTION
def test_a_build_requirement_is_continued_after_pip_was_killed(
    environments: Environments, http_server: FaultServer, pip_version: str, options: tuple[str, ...]
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(http_server, SOURCE)
    publish_broken(http_server, TOOL)
    kill_at_half(pip, http_server, TOOL, *install_command(pip, http_server, *options), "source")

    result = pip.run(*install_command(pip, http_server, *options), "source")

    assert result.returncode == 0, result.text
    assert_resumed_at_half(http_server, TOOL, is_later_run=True)


@PIPS_WITH_THE_OPTION
def test_plain_pip_fetches_the_build_requirement_again(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    """This is what the tests above compare with: the server and the command are the same."""
    pip = environments.without_plugin(pip_version)
    publish(http_server, SOURCE)
    publish_broken(http_server, TOOL)
    running = pip.start(*install_command(pip, http_server, *IN_A_VENV), "source")
    http_server.wait_until_sent(TOOL.path, half(TOOL))
    running.kill_and_wait()

    result = pip.run(*install_command(pip, http_server, *IN_A_VENV), "source")

    assert result.returncode == 0, result.text
    assert http_server.asked_ranges(TOOL.path) == [None, None]
    assert http_server.fetched_twice(TOOL.path) > MOST_FETCHED_TWICE


@PIPS_WITH_THE_OPTION
def test_the_build_requirement_of_a_build_requirement_is_resumed(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    deep = wheel_artifact("deep", size=2_000_000)
    middle = Artifact(*make_sdist("tool", size=2_000_000, build_requires=("deep",)))
    publish(http_server, SOURCE)
    publish_broken(http_server, middle, deep, then=Then.RESET)

    result = pip.run(*install_command(pip, http_server, *IN_A_VENV), "source", timeout_s=55)

    assert result.returncode == 0, result.text
    for artifact in (middle, deep):
        assert_resumed_at_half(http_server, artifact)


# A build backend that writes what it sees of the process that started it.
LOOK = """
import json, os, sys
with open({file!r}, "w") as seen:
    json.dump({{"variables": dict(os.environ), "path": sys.path, "modules": sorted(sys.modules)}}, seen)
"""


def unpacked(sdist: Artifact, into: Path) -> Path:
    """Unpack a source distribution into a directory; return the source tree."""
    with tarfile.open(fileobj=io.BytesIO(sdist.content)) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            path = into / member.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.read())
    return into / sdist.filename.removesuffix(".tar.gz")


@PIPS_WITH_THE_OPTION
def test_a_build_backend_sees_nothing_of_the_plugin(
    environments: Environments, http_server: FaultServer, tmp_path: Path, pip_version: str
) -> None:
    publish(http_server, wheel_artifact("tool"))
    seen: list[dict[str, Any]] = []
    for pip in (environments.without_plugin(pip_version), environments.with_plugin(pip_version)):
        file = tmp_path / f"seen-{len(seen)}.json"
        source = unpacked(SOURCE, pip.work)
        with (source / "backend.py").open("a") as backend:
            backend.write(LOOK.format(file=str(file)))
        result = pip.run(*install_command(pip, http_server, *IN_A_VENV), source)
        assert result.returncode == 0, result.text
        seen.append(json.loads(file.read_text()))
    plain, ours = seen

    assert set(ours["variables"]) - set(plain["variables"]) == {"PIP_RESUME"}
    assert ours["variables"]["PYTHONPATH"] == plain["variables"]["PYTHONPATH"]
    assert ours["modules"] == plain["modules"]
    assert not [entry for entry in ours["path"] if (Path(entry) / "pip_resume").exists()]

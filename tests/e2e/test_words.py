"""What the user reads while a download goes on: at every verbosity, with every bar, in a terminal and without."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.halves import BIG, half, names, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from servers.fault_server import FaultServer, Then
from servers.index_pages import honest, publish

LOST = r" *WARNING: Connection lost at 1\.5 MB of 3\.0 MB .*; resuming, attempt 2 of 6 without progress"
# A bar redrawn with everything shown so far; pip 21.3 has one of its own making, all others that of rich.
POSITIONS = re.compile(r"(\d\.\d)(?:/3\.0)? MB")
PUBLISHED = f"Resuming download .*{names(BIG)} \\(1\\.[45] MB/3\\.0 MB\\)"
SAVED = f"Resumed {names(BIG)}: 1\\.4 MB of 3\\.0 MB did not have to be downloaded again"


def command_of(server: FaultServer, *options: str) -> tuple[str, ...]:
    return ("download", "--no-deps", *options, *index_options(server), "big")


def kill_at_half(pip: Environment, server: FaultServer) -> None:
    offer_broken(server, BIG)
    running = pip.start(*command_of(server))
    wait_until_half_is_held(server, BIG, pip.cache_dir)
    running.kill()
    running.wait()


@pytest.mark.parametrize(
    ("options", "stdout", "stderr"),
    [
        pytest.param((), True, True, id="as it is"),
        pytest.param(("-v",), True, True, id="-v"),
        pytest.param(("-q",), False, True, id="-q"),
        pytest.param(("-qq",), False, False, id="-qq"),
        pytest.param(("--progress-bar", "off"), True, True, id="--progress-bar off"),
    ],
)
def test_a_break_is_a_warning_and_the_rest_is_for_those_who_want_to_know(
    environment: Environments, http_server: FaultServer, options: tuple[str, ...], stdout: bool, stderr: bool
) -> None:
    pip = environment("26.3")
    offer_broken(http_server, BIG, then=Then.DROP)

    result = pip.run(*command_of(http_server, *options))

    assert result.returncode == 0
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    assert bool(result.stdout) == stdout
    assert (
        len(
            re.findall(f"Resumed {names(BIG)}: 1\\.5 MB of 3\\.0 MB did not have to be downloaded again", result.stdout)
        )
        == stdout
    )
    assert [bool(re.fullmatch(LOST, line)) for line in result.stderr.splitlines()] == [True] * stderr
    assert ("━" in result.text) == (stdout and "off" not in options)


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
@pytest.mark.parametrize(
    "options", [(), ("-v",), ("-q",), ("-qq",)], ids=lambda options: " ".join(options) or "as it is"
)
def test_going_on_after_a_kill_is_no_warning(
    environment: Environments, http_server: FaultServer, pip_version: str, options: tuple[str, ...]
) -> None:
    pip = environment(pip_version)
    kill_at_half(pip, http_server)

    result = pip.run(*command_of(http_server, *options))

    is_quiet = "-q" in options or "-qq" in options
    assert (result.returncode, result.stderr) == (0, "")
    assert len(re.findall(PUBLISHED, result.stdout)) == (not is_quiet)
    assert len(re.findall(SAVED, result.stdout)) == (not is_quiet)
    assert bool(result.stdout) == (not is_quiet)


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_the_raw_bar_starts_where_the_download_goes_on(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    kill_at_half(pip, http_server)

    result = pip.run(*command_of(http_server, "--progress-bar", "raw"))

    assert result.returncode == 0
    told = [tuple(map(int, pair)) for pair in re.findall(r"^Progress (\d+) of (\d+)$", result.stdout, re.MULTILINE)]
    assert told[-1] == (len(BIG.content), len(BIG.content))
    assert {complete for _, complete in told} == {len(BIG.content)}
    # Before 25.1 pip's bar knows no other beginning than 0, and says so once.
    assert [position for position, _ in told if position < half(BIG) - 2 * 65536] == [0] * (pip_version == "25.0.1")


@pytest.mark.parametrize("pip_version", ["21.3.1", "23.2.1", "26.3"])
def test_in_a_terminal_the_bar_starts_where_the_download_goes_on(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    kill_at_half(pip, http_server)
    # So slow that the bar is drawn on the way.
    http_server.plays(BIG.path, dataclasses.replace(honest(BIG), rate=1_500_000))

    result = pip.run_in_terminal(*command_of(http_server))

    assert result.returncode == 0, result.text
    drawn = [line for line in re.split(r"[\r\n]", result.stdout) if "MB/s" in line]
    positions = [float(found[1]) for found in map(POSITIONS.search, drawn) if found]
    assert positions[0] < positions[-1] == 3.0
    assert 1.4 <= min(positions) <= 2.5
    assert re.search(PUBLISHED, result.text)


def test_in_a_terminal_a_break_and_ctrl_c_each_have_a_line_of_their_own(
    environment: Environments, http_server: FaultServer
) -> None:
    pip = environment("26.3")
    publish(http_server, BIG)
    broken = dataclasses.replace(honest(BIG), cut_after=half(BIG), then=Then.DROP)
    http_server.plays(BIG.path, broken, dataclasses.replace(broken, cut_after=half(BIG) // 2, then=Then.STALL))

    running = pip.start_in_terminal(*command_of(http_server))
    http_server.wait_until_sent(BIG.path, half(BIG) + half(BIG) // 2)
    running.interrupt()
    result = running.wait()

    assert result.returncode == 1
    lines = [line.strip() for line in result.text.splitlines()]
    assert [line for line in lines if line.startswith("WARNING: Connection lost at 1.5 MB of 3.0 MB")]
    kept = rf"WARNING: Kept 2\.\d MB of 3\.0 MB of {names(BIG)}; run the same command again to continue"
    assert [bool(re.fullmatch(kept, line)) for line in lines if "Kept" in line] == [True]
    assert lines[-1] == "ERROR: Operation cancelled by user"


def test_without_a_terminal_no_control_character_is_said(environment: Environments, http_server: FaultServer) -> None:
    pip = environment("26.3")
    offer_broken(http_server, BIG, then=Then.DROP)

    result = pip.run(*command_of(http_server))

    assert result.returncode == 0
    assert "Connection lost" in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", result.stdout + result.stderr)

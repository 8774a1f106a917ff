"""What the user reads during a download: at every verbosity, with every progress bar, with and without a terminal."""

from __future__ import annotations

import dataclasses
import re
import time

import pytest
from e2e.broken_downloads import (
    BIG,
    OVERLAP_BYTES,
    filename_pattern,
    half,
    index_options,
    kill_at_half,
    publish_broken,
    wait_until_half_is_stored,
)
from environments.environment import Environment, Environments
from servers.fault_server import FaultServer, Then
from servers.index_pages import honest, publish, wheel_artifact

LOST = r" *WARNING: Connection lost at 1\.5 of 3\.0 MB \(closed early\); resuming"
# A position in a progress bar, which is redrawn again and again. The bar of pip 21.3 differs from that of all others.
POSITION = re.compile(r"(\d\.\d)(?:/3\.0)? MB")
NAME = filename_pattern(BIG)
RESUMING = rf"Resuming download .*{NAME} \(1\.5 MB/3\.0 MB\)"
SAVED = rf"Resumed {NAME}: 1\.4 of 3\.0 MB did not have to be downloaded again"
SAVED_AT_HALF = rf"Resumed {NAME}: 1\.5 of 3\.0 MB did not have to be downloaded again"


def download_command(server: FaultServer, *options: str) -> tuple[str, ...]:
    return ("download", "--no-deps", *options, *index_options(server), "big")


def store_half(pip: Environment, server: FaultServer) -> None:
    """Have half of the file stored by a pip that was killed."""
    publish_broken(server, BIG)
    kill_at_half(pip, server, BIG, *download_command(server))


@pytest.mark.parametrize(
    ("options", "stdout", "stderr"),
    [
        pytest.param((), True, True, id="no option"),
        pytest.param(("-v",), True, True, id="-v"),
        pytest.param(("-q",), False, True, id="-q"),
        pytest.param(("-qq",), False, False, id="-qq"),
        pytest.param(("--progress-bar", "off"), True, True, id="--progress-bar off"),
    ],
)
def test_a_break_causes_a_warning_and_the_saved_bytes_are_shown_as_information(
    environments: Environments, http_server: FaultServer, options: tuple[str, ...], stdout: bool, stderr: bool
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG, then=Then.DROP)

    result = pip.run(*download_command(http_server, *options))

    assert result.returncode == 0
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    assert bool(result.stdout) == stdout
    assert len(re.findall(SAVED_AT_HALF, result.stdout)) == stdout
    assert [bool(re.fullmatch(LOST, line)) for line in result.stderr.splitlines()] == [True] * stderr
    assert ("━" in result.text) == (stdout and "off" not in options)


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
@pytest.mark.parametrize(
    "options", [(), ("-v",), ("-q",), ("-qq",)], ids=lambda options: " ".join(options) or "no option"
)
def test_a_resume_in_a_later_run_is_shown_as_information_and_causes_no_warning(
    environments: Environments, http_server: FaultServer, pip_version: str, options: tuple[str, ...]
) -> None:
    pip = environments.with_plugin(pip_version)
    store_half(pip, http_server)

    result = pip.run(*download_command(http_server, *options))

    is_quiet = "-q" in options or "-qq" in options
    assert (result.returncode, result.stderr) == (0, "")
    assert len(re.findall(RESUMING, result.stdout)) == (not is_quiet)
    assert len(re.findall(SAVED, result.stdout)) == (not is_quiet)
    assert bool(result.stdout) == (not is_quiet)


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_the_raw_progress_bar_starts_where_the_download_resumes(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    store_half(pip, http_server)

    result = pip.run(*download_command(http_server, "--progress-bar", "raw"))

    assert result.returncode == 0
    shown = [tuple(map(int, pair)) for pair in re.findall(r"^Progress (\d+) of (\d+)$", result.stdout, re.MULTILINE)]
    assert shown[-1] == (len(BIG.content), len(BIG.content))
    assert {complete for _, complete in shown} == {len(BIG.content)}
    # Before 25.1 pip's bar always begins at 0, which it shows once.
    before_resume = [position for position, _ in shown if position < half(BIG) - OVERLAP_BYTES]
    assert before_resume == [0] * (pip_version == "25.0.1")


@pytest.mark.parametrize("pip_version", ["21.3.1", "23.2.1", "26.3"])
def test_the_progress_bar_in_a_terminal_starts_where_the_download_resumes(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    store_half(pip, http_server)
    # So slow that the bar is drawn more than once.
    http_server.plays(BIG.path, dataclasses.replace(honest(BIG), rate=1_500_000))

    result = pip.run_in_terminal(*download_command(http_server))

    assert result.returncode == 0, result.text
    drawn = [line for line in re.split(r"[\r\n]", result.stdout) if "MB/s" in line]
    positions = [float(found[1]) for found in map(POSITION.search, drawn) if found]
    assert positions[0] < positions[-1] == 3.0
    assert 1.4 <= min(positions) <= 2.5
    assert re.search(RESUMING, result.text)


def test_in_a_terminal_a_break_and_ctrl_c_have_a_line_each(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish(http_server, BIG)
    broken = dataclasses.replace(honest(BIG), cut_after=half(BIG), then=Then.DROP)
    http_server.plays(BIG.path, broken, dataclasses.replace(broken, cut_after=half(BIG) // 2, then=Then.STALL))

    running = pip.start_in_terminal(*download_command(http_server))
    http_server.wait_until_sent(BIG.path, half(BIG) + half(BIG) // 2)
    running.interrupt()
    result = running.wait()

    assert result.returncode == 1
    lines = [line.strip() for line in result.text.splitlines()]
    assert [line for line in lines if line.startswith("WARNING: Connection lost at 1.5 of 3.0 MB")]
    kept = rf"WARNING: Kept 2\.\d of 3\.0 MB of {NAME}; run the same command again to continue"
    assert [bool(re.fullmatch(kept, line)) for line in lines if "Kept" in line] == [True]
    assert lines[-1] == "ERROR: Operation cancelled by user"


def test_in_a_terminal_a_slow_response_after_a_break_is_waited_for_in_a_row_that_is_rewritten(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish(http_server, BIG)
    broken = dataclasses.replace(honest(BIG), cut_after=half(BIG), then=Then.DROP)
    http_server.plays(BIG.path, broken, dataclasses.replace(honest(BIG), delay_s=4.0))

    result = pip.run_in_terminal(*download_command(http_server))

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    shown = list(map(int, re.findall(r"\r  Waiting for a response, (\d+) s", result.stdout)))
    assert shown == sorted(set(shown))
    assert 3 in shown
    # Nothing of it is left in the row that pip's bar is drawn in.
    assert re.search(r"Waiting for a response, \d+ s *\r +\r", result.stdout)


def test_without_a_terminal_the_output_has_no_control_characters(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG, then=Then.DROP)

    result = pip.run(*download_command(http_server))

    assert result.returncode == 0
    assert "Connection lost" in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", result.stdout + result.stderr)


@pytest.mark.parametrize("options", [(), ("-q",)], ids=["no option", "-q"])
def test_after_a_different_release_one_line_names_what_is_stored_and_how_to_remove_it(
    environments: Environments, http_server: FaultServer, options: tuple[str, ...]
) -> None:
    pip = environments.with_plugin("26.3")
    store_half(pip, http_server)
    publish(http_server, wheel_artifact("big", "2.0", size=2_000_000))

    newer = pip.run(*download_command(http_server, *options))
    line = rf"^Kept from earlier: 1\.5 of 3\.0 MB of {NAME} \(to remove it: pip-resume purge big\)$"
    assert newer.returncode == 0, newer.text
    assert len(re.findall(line, newer.stdout, re.MULTILINE)) == (not options)

    purged = pip.run_python("-m", "pip_resume", "purge", "big")
    assert purged.stdout.startswith(f"Removed {BIG.filename}")


def test_ctrl_c_without_a_cache_says_that_nothing_is_kept(environments: Environments, http_server: FaultServer) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG, then=Then.STALL)

    running = pip.start(*download_command(http_server, "--no-cache-dir"))
    http_server.wait_until_sent(BIG.path, half(BIG))
    time.sleep(1.0)  # pip reads what was sent.
    running.interrupt()
    result = running.wait()

    assert result.returncode == 1
    assert re.search(rf"WARNING: Nothing is kept of {NAME} \(1\.\d of 3\.0 MB\)$", result.stderr, re.MULTILINE)
    assert "run the same command again" not in result.stderr


def test_ctrl_c_while_another_pip_downloads_ends_its_bar_first(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG, then=Then.STALL)
    first = pip.start(*download_command(http_server))
    wait_until_half_is_stored(http_server, BIG, pip.cache_dir)

    second = pip.start_in_terminal(*download_command(http_server))
    second.wait_for_output("1.5/3.0 MB")
    time.sleep(1.0)  # While the bar is drawn for the first time, Ctrl-C leaves it as it is, as in plain pip.
    interrupted_s = time.monotonic()
    second.interrupt()
    result = second.wait()

    first.kill_and_wait()
    assert result.returncode == 1
    lines = [line.strip() for line in result.text.splitlines()]
    assert [
        line for line in lines if re.fullmatch(rf"Waiting: another pip is downloading {NAME} \(1\.5 of 3\.0 MB\)", line)
    ]
    assert lines[-1] == "ERROR: Operation cancelled by user"
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert result.stdout.rindex(hidden) < result.stdout.rindex(shown) < result.stdout.rindex("ERROR: Operation")
    assert time.monotonic() - interrupted_s < 10

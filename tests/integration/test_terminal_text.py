"""The rows of a terminal of 80 and of 40 columns for every message of a download, and what other outputs get."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
import sys
from typing import Any

import pyte
import pytest
from environments.checkout import ROOT
from environments.processes import open_terminal
from environments.variables import scrubbed_variables
from integration.scenes import MARK, NAME, SCENES

pytest.importorskip("pip._vendor.rich", reason="pip before 22 writes its log in a different way")

BAR = "(bar)"
# pip's bar needs a second row in a narrow terminal. On a busy machine it may not have measured a speed yet.
SECOND_ROW_OF_BAR = re.compile(r"\s+MB(\s+MB/s)?")
SHORT_NAME = "a-1.whl"


def command(verbosity: int = 0, bar_type: str = "on", name: str = SHORT_NAME) -> list[str]:
    return [sys.executable, "-m", "integration.scenes", str(verbosity), bar_type, name, *SCENES]


def variables(**more: str) -> dict[str, str]:
    return {**scrubbed_variables(), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), **more}


@functools.cache
def in_terminal(columns: int, *arguments: Any, **more: str) -> dict[str, bytes]:
    """Return what each scene writes into a terminal. `arguments` are those of `command`."""
    ours, terminal = open_terminal(columns)
    process = subprocess.Popen(
        command(*arguments),
        env=variables(**{"TERM": "xterm-256color", **more}),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    written = b""
    with contextlib.suppress(OSError):  # The command has closed the terminal.
        while block := os.read(ours, 65536):
            written += block
    os.close(ours)
    assert process.wait() == 0, written
    return by_scene(written)


def by_scene(written: bytes) -> dict[str, bytes]:
    """Split what was written at the marks. In a terminal each is written twice."""
    found: dict[str, bytes] = {}
    for part in written.split(MARK.encode())[1:]:
        name, _, rest = part.partition(b"\n")
        found[name.decode().strip()] = found.get(name.decode().strip(), b"") + rest
    return found


def screen(columns: int, written: bytes) -> list[str]:
    """Return the rows of the screen at the end, without empty ones; a bar is BAR."""
    shown = pyte.Screen(columns, 40)
    # Up to 26.0 pip names the URL of a file whose host is not that of its own index.
    pyte.ByteStream(shown).feed(written.replace(b"https://files.example/", b""))
    rows = [row.rstrip() for row in shown.display]
    rows = [BAR if "━" in row else row for row in rows]
    return [row for row in rows if row and not SECOND_ROW_OF_BAR.fullmatch(row)]


AT_80 = {
    "break_once": [BAR, "  WARNING: Connection lost at 10.0 of 40.0 MB (closed early); resuming"],
    "break_often": [
        *(BAR, "  WARNING: Connection lost at 1000 kB of 40.0 MB (closed early); resuming"),
        *(BAR, "  WARNING: Connection lost at 2.0 of 40.0 MB (closed early); resuming"),
        *(BAR, "  WARNING: Connection lost at 3.0 of 40.0 MB (closed early); resuming"),
        "  Connection lost 10 times in a minute, now at 10.0 of 40.0 MB; resuming",
        "  Resumed a-1.whl: 9.0 of 40.0 MB did not have to be downloaded again (connectio",
        "n lost 10 times)",
    ],
    "wait": [
        "  WARNING: No response (connection refused); trying again for up to 5 min",
        "  Waiting 3 s, no data for 20 s",
    ],
    "wait_long": [
        "  WARNING: The server answered 503; trying again in 60 min",
        "  Waiting 60 min, no data for 40 s",
    ],
    "use_attempts_alone": ["  WARNING: No response (connection refused); attempt 2 of 6 in 3 s"],
    "allow_a_plain_request": ["  WARNING: No response (connection refused); trying again in 0.2 s"],
    "other_downloads": [
        "  Waiting: another pip is downloading a-1.whl (10.0 of 40.0 MB)",
        BAR,
        "  Using cached a-1.whl (40.0 MB)",
    ],
    "check": ["  Using cached a-1.whl (3000.0 MB)", "  Checking 3.0 GB stored earlier"],
    "resume": [
        "  Resuming download a-1.whl (10.0 MB/40.0 MB)",
        "  Resumed a-1.whl: 10.0 of 40.0 MB did not have to be downloaded again",
    ],
    "ignore_range": [
        "  WARNING: The server sends all of a-1.whl again, because it ignores Range",
        "  WARNING: Kept 10.0 of 40.0 MB of a-1.whl; the server ignores Range, so the nex",
        "t run starts over",
    ],
    "ignore_condition": ["  WARNING: The server sends all of a-1.whl again (the file may have changed)"],
    "start_over": [
        "  WARNING: Starting over with a-1.whl: its hash is not the expected one",
        "  WARNING: Requesting all of a-1.whl: requests with Range have failed",
    ],
    "fill_disk": [
        "  WARNING: Not enough space in /proc: 0 bytes free, 40.0 MB needed. Set TMPDIR t",
        "o a directory with more space",
        "  WARNING: Kept 10.0 of 40.0 MB of a-1.whl; with enough space the next run conti",
        "nues",
    ],
    "interrupt": ["  WARNING: Kept 10.0 of 40.0 MB of a-1.whl; run the same command again to contin", "ue"],
    "keep_nothing": ["  WARNING: Nothing is kept of a-1.whl (10.0 of 40.0 MB)"],
    "lose_store": [
        "  WARNING: pip-resume cannot keep partial downloads for the next run: Permission",
        " denied (/home/user/.cache/pip/http-v2/pip-resume)",
    ],
    "give_up": [
        "  error: download-interrupted",
        f"  \N{MULTIPLICATION SIGN} Download of {NAME} failed at 10.0 of 40.0",
        "MB after 5 min: connection refused",
        "  ╰─> 9 attempts failed:",
        "      at 10.0 MB after 4 s: closed early",
        "      at 10.0 MB after 5 min: connection refused (8 times)",
        "  hint: What was downloaded is kept: run the same command again to continue.",
    ],
}
# pip's log leaves the breaking of rows to the terminal, so at 40 columns they are those of 80, broken once more. Only
# what is rewritten differs.
REWRITTEN_AT_40 = {
    "break_often": [
        *(BAR, "  WARNING: Connection lost at 1000 kB of", " 40.0 MB (closed early); resuming"),
        *(BAR, "  WARNING: Connection lost at 2.0 of 40.", "0 MB (closed early); resuming"),
        *(BAR, "  WARNING: Connection lost at 3.0 of 40.", "0 MB (closed early); resuming"),
        BAR,
        "  Resumed a-1.whl: 9.0 of 40.0 MB did no",
        "t have to be downloaded again (connectio",
        "n lost 10 times)",
    ],
}


def test_every_scene_has_its_rows() -> None:
    assert set(AT_80) == set(SCENES)


@pytest.mark.parametrize("scene", SCENES)
def test_the_rows_at_80_columns(scene: str) -> None:
    assert screen(80, in_terminal(80)[scene]) == AT_80[scene]


@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"give_up"}))
def test_the_rows_at_40_columns(scene: str) -> None:
    rows = screen(40, in_terminal(40)[scene])

    assert max(map(len, rows)) <= 40
    if scene in REWRITTEN_AT_40:
        assert rows == REWRITTEN_AT_40[scene]
    else:
        assert without_blanks(rows) == without_blanks(AT_80[scene])


def without_blanks(rows: list[str]) -> str:
    return re.sub(r"\s", "", "".join(rows))


def test_at_40_columns_many_lost_connections_share_a_row_that_counts_them() -> None:
    written = in_terminal(40)["break_often"].decode()

    assert "  7.0 MB of 40.0 MB (connection lost 7 t" not in written
    assert re.findall(r"  (\S+) of 40\.0 MB \(connection lost", written)[-1] == "10.0"
    assert max(len(row) for row in re.findall(r"\r(  [0-9][^\r]*)", written)) <= 39


@pytest.mark.parametrize("scene", ["break_often", "other_downloads", "wait"])
@pytest.mark.parametrize("bar_type", ["off", "raw", "on"])
def test_without_a_terminal_nothing_is_rewritten(scene: str, bar_type: str) -> None:
    stdout, stderr = (each.get(scene, b"").decode() for each in without_terminal(bar_type))

    assert not re.search(r"[\x00-\x09\x0b-\x1f]", stdout + stderr)
    if scene == "break_often":
        assert stderr.count("Connection lost at") == 3
        assert "(connection lost 10 times)" in stdout
    if scene == "other_downloads":
        progress = "Progress 20000000 of 40000000" if bar_type == "raw" else "Waiting: another pip has 20.0 of 40.0 MB"
        assert progress in stdout
    if scene == "wait":
        assert "No response" in stderr
        assert "Waiting" not in stdout + stderr


@functools.cache
def without_terminal(bar_type: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return what each scene writes to stdout and to stderr."""
    ended = subprocess.run(command(0, bar_type), env=variables(), capture_output=True, check=True)
    return by_scene(ended.stdout), by_scene(ended.stderr)


@pytest.mark.parametrize("scene", SCENES)
def test_with_v_the_rows_are_the_same(scene: str) -> None:
    assert screen(80, in_terminal(80, 1)[scene]) == AT_80[scene]


@pytest.mark.parametrize("scene", ["break_often", "other_downloads", "wait", "check", "resume"])
def test_with_q_there_are_warnings_alone(scene: str) -> None:
    rows = screen(80, in_terminal(80, -1)[scene])

    assert [row for row in rows if not row.startswith("  WARNING: ")] == []
    assert (rows == []) == (scene in ("other_downloads", "check", "resume"))


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
@pytest.mark.parametrize("scene", ["break_once", "break_often", "wait", "interrupt"])
def test_without_colours_the_words_are_the_same(scene: str, more: dict[str, str]) -> None:
    written = in_terminal(80, **more)[scene]

    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]m", written)
    warnings = [row for row in AT_80[scene] if "WARNING" in row]
    assert [row for row in screen(80, written) if "WARNING" in row] == warnings
    if more.get("TERM") == "dumb":
        assert b"\x1b" not in written


@pytest.mark.parametrize("bar_type", ["off", "raw"])
def test_without_pips_bar_there_is_no_other_row_that_is_rewritten(bar_type: str) -> None:
    rows = screen(80, in_terminal(80, 0, bar_type)["break_often"])

    assert [row for row in rows if not row.startswith("Progress ")] == [
        row for row in AT_80["break_often"] if (row != BAR and "10 times in a minute" not in row)
    ]


def test_a_name_from_outside_cannot_control_the_terminal() -> None:
    rows = screen(80, in_terminal(80, 0, "on", "a%1B%5D0%3B%0D-1.whl")["interrupt"])

    assert rows[0].startswith("  WARNING: Kept 10.0 of 40.0 MB of a\\x1b]0;\\r-1.whl; ")

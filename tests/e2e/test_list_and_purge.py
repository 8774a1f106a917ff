"""`pip-resume list` and `pip-resume purge`, on the partial downloads of a real pip and on written ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from e2e.broken_downloads import (
    BIG,
    half,
    index_options,
    publish_broken,
    stored_bytes,
    stored_files,
    wait_until_half_is_stored,
)
from e2e.command_line import is_one_line, run_pip_resume
from environments.checkout import ROOT
from environments.environment import Environments
from environments.processes import Result, open_terminal
from environments.variables import scrubbed_variables
from servers.fault_server import FaultServer

from pip_resume.commands.formatting import format_size
from pip_resume.protocol.checkpoint import FORMAT, Checkpoint, encode_checkpoint

DAY_S = 86400.0
A, B, C, D = (letter * 64 for letter in "abcd")
"""Keys of partial downloads: only names with 64 hexadecimal digits are those of the plugin."""


class Cache:
    """A cache directory of pip with partial downloads in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "http-v2" / "pip-resume"
        self.store.mkdir(parents=True)

    def put(self, key: str, size: int, age_s: float, checkpoint: Checkpoint | None, record: bytes = b"") -> Path:
        """Write a partial download with its record; without a checkpoint the record has these bytes instead."""
        part = self.store / f"{key}.part"
        part.write_bytes(bytes(size))
        part.with_suffix(".json").write_bytes(record if checkpoint is None else encode_checkpoint(checkpoint))
        os.utime(part, (time.time() - age_s,) * 2)
        return part

    def names(self) -> list[str]:
        """Return the names of all files in the store."""
        return sorted(path.name for path in self.store.iterdir())

    def run(self, *arguments: str) -> Result:
        """Run `pip-resume` for this cache directory."""
        return run_pip_resume(*arguments, "--cache-dir", str(self.folder))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache directory with a partial download of two hours and one of five days."""
    made = Cache(tmp_path / "cache")
    made.put(A, 1_500_000, 7200, Checkpoint("big-1.0-py3-none-any.whl", "", "files.example", 3_000_000))
    made.put(B, 20_000, 5 * DAY_S, Checkpoint("other_one-2.tar.gz", "", "mirror.example", None))
    return made


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_a_partial_is_listed_and_cannot_be_purged_while_pip_downloads_it(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG)
    running = pip.start("download", "--no-deps", *index_options(http_server), "big")
    wait_until_half_is_stored(http_server, BIG, pip.cache_dir)

    listed = pip.run_python("-m", "pip_resume", "list")
    assert re.search(rf"^ *\d+ %  1\.5 of 3\.0 MB  in use  {re.escape(BIG.filename)}$", listed.stdout, re.MULTILINE)
    refused = pip.run_python("-m", "pip_resume", "purge")
    dry_run = pip.run_python("-m", "pip_resume", "purge", "--dry-run", "--json")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Skipped {BIG.filename}: it is in use by another pip\n"
    assert dry_run.returncode == 1
    assert [each["file"] for each in json.loads(dry_run.stdout)["held"]] == [BIG.filename]
    assert running.is_running()
    assert stored_bytes(pip.cache_dir) == half(BIG)

    running.kill_and_wait()
    listed = pip.run_python("-m", "pip_resume", "list")
    as_json = json.loads(pip.run_python("-m", "pip_resume", "list", "--json").stdout)

    size, percent = format_size(half(BIG)), 100 * half(BIG) // len(BIG.content)
    row = rf"^ *{percent} %  1\.5 of 3\.0 MB +\d+ (s|min)  {re.escape(BIG.filename)}$"
    assert re.search(row, listed.stdout, re.MULTILINE), listed.stdout
    assert f"1 stored file, {size}, in\n{pip.cache_dir}\n" in listed.stdout
    assert (listed.returncode, listed.stderr) == (0, "")
    assert as_json["cache_directory"] == str(pip.cache_dir)
    assert as_json["kept_bytes"] == as_json["partials"][0]["kept_bytes"] == half(BIG)
    assert as_json["partials"][0]["complete_bytes"] == len(BIG.content)

    purged = pip.run_python("-m", "pip_resume", "purge", "BIG")

    assert (purged.returncode, purged.stderr) == (0, "")
    assert purged.stdout.splitlines() == [
        f"Removed {BIG.filename} ({size})",
        f"Removed 1 stored file, {size}",
    ]
    assert stored_files(pip.cache_dir) == []


def test_the_list_is_a_table_with_the_oldest_partial_first_and_the_sum_below(cache: Cache) -> None:
    listed = cache.run("list")

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines() == [
        "Share           Size  Age  File",
        "    ?          20 kB  5 d  other_one-2.tar.gz",
        " 50 %  1.5 of 3.0 MB  2 h  big-1.0-py3-none-any.whl",
        "2 stored files, 1.5 MB, in",
        str(cache.folder),
    ]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        pytest.param(
            80,
            [
                "   Share           Size  Age  File",
                "       ?          20 kB  5 d  other_one-2.tar.gz",
                "    50 %  1.5 of 3.0 MB  2 h  big-1.0-py3-none-any.whl",
                "finished         4.0 MB  5 s  nvidia_cudnn_cu12-9.1.0.70...linux2014_x86_64.whl",
            ],
            id="80 columns",
        ),
        pytest.param(
            40,
            [
                "Share    Size  Age  File",
                "    ?   20 kB  5 d  other_one-2.tar.gz",
                " 50 %  1.5 MB  2 h  big-1.0...e-any.whl",
                "100 %  4.0 MB  5 s  nvid...9.1.0.70.whl",
            ],
            id="40 columns",
        ),
    ],
)
def test_in_a_terminal_each_file_has_one_row(cache: Cache, columns: int, rows: list[str]) -> None:
    name = "nvidia_cudnn_cu12-9.1.0.70-1-py3-none-manylinux2014_x86_64.whl"
    cache.put(C, 4_000_000, 5, Checkpoint(name, "", "files.example", 4_000_000))
    ours, terminal = open_terminal(columns)
    command = [sys.executable, "-m", "pip_resume", "list", "--cache-dir", str(cache.folder)]

    subprocess.run(command, cwd=ROOT, env=scrubbed_variables(), stdout=terminal, check=True)

    os.close(terminal)
    shown = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert [re.sub(r"\b[5-9] s", "5 s", row) for row in shown[: len(rows)]] == rows
    assert max(map(len, rows)) <= columns


def test_without_a_terminal_and_as_json_names_are_complete_whatever_the_columns(cache: Cache) -> None:
    name = f"{'long' * 40}-1.0-py3-none-any.whl"
    cache.put(C, 10, 0, Checkpoint(name))
    arguments = ("--cache-dir", str(cache.folder))

    listed = run_pip_resume("list", *arguments, COLUMNS="40")
    as_json = json.loads(run_pip_resume("list", "--json", *arguments, COLUMNS="40").stdout)

    assert [row for row in listed.stdout.splitlines() if row.endswith(f"  {name}")]
    assert name in {each["file"] for each in as_json["partials"]}


def test_the_list_shows_both_http_caches_and_does_not_follow_a_link_in_place_of_a_store(
    cache: Cache, tmp_path: Path
) -> None:
    older = Cache(tmp_path / "older")
    older.put(C, 10, 0, Checkpoint("third-3.whl"))
    (cache.folder / "http").symlink_to(older.store.parent)
    (older.folder / "http").mkdir()
    (older.folder / "http" / "pip-resume").symlink_to(cache.store)

    assert "third-3.whl" in cache.run("list").stdout
    assert "big-1.0" not in older.run("list").stdout


def test_unusable_partials_are_listed_and_purged_by_their_key(cache: Cache) -> None:
    cache.put(C, 10, 0, None, b"nonsense")
    cache.put(D, 10, 0, None, json.dumps({"format": FORMAT + 1}).encode())

    listed = cache.run("list")
    purged = cache.run("purge", C[:12], D)

    assert re.search(rf" {C[:12]} \(unusable: its record cannot be read\)$", listed.stdout, re.MULTILINE)
    assert re.search(rf" {D[:12]} \(written by a newer pip-resume\)$", listed.stdout, re.MULTILINE)
    assert purged.returncode == 0
    assert cache.names() == [f"{A}.json", f"{A}.part", f"{B}.json", f"{B}.part"]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        pytest.param([], set(), id="all"),
        pytest.param(["--older-than", "3d"], {A}, id="age"),
        pytest.param(["--older-than", "3w"], {A, B}, id="age of none"),
        pytest.param(["Other.One"], {A}, id="project"),
        pytest.param(["*.whl"], {B}, id="pattern"),
        pytest.param(["big", "other-one"], set(), id="two projects"),
        pytest.param(["big", "--older-than", "3d"], {A, B}, id="project and age"),
    ],
)
def test_purge_removes_exactly_the_matching_partials_and_a_dry_run_lists_the_same(
    cache: Cache, arguments: list[str], left: set[str]
) -> None:
    dry_run = cache.run("purge", "--dry-run", *arguments)
    names_after_dry_run = cache.names()
    purged = cache.run("purge", *arguments)

    assert names_after_dry_run == [f"{A}.json", f"{A}.part", f"{B}.json", f"{B}.part"]
    assert cache.names() == sorted(f"{key}.{ending}" for key in left for ending in ("json", "part"))
    assert (dry_run.returncode, purged.returncode) == (0, 0)
    assert dry_run.stdout.replace("Would remove", "Removed") == purged.stdout
    assert dry_run.stderr == purged.stderr


def test_a_purge_of_everything_removes_the_temporary_files_of_killed_processes(cache: Cache) -> None:
    for ending in ("new", "tmp", "link"):
        leftover = cache.store / f"{A}.123-0-01234567.{ending}"
        leftover.write_bytes(b"x")
        os.utime(leftover, (time.time() - 7200,) * 2)

    cache.run("purge")

    assert cache.names() == []


def test_a_purge_leaves_files_with_other_names_alone(cache: Cache) -> None:
    others = ["aaaa.part", "aaaa.json", f"{A}.part.old", f"{A.upper()}.part", f"{A}.1-2.new", "settings.json"]
    for name in others:
        (cache.store / name).write_bytes(b"x")
        os.utime(cache.store / name, (time.time() - 30 * DAY_S,) * 2)

    purged = cache.run("purge")

    assert purged.returncode == 0, purged.text
    assert purged.stdout.splitlines()[-1] == "Removed 2 stored files, 1.5 MB"
    assert cache.names() == sorted(others)


def test_a_purge_without_a_match_reports_that_and_succeeds(cache: Cache) -> None:
    purged = cache.run("purge", "tensorflow")

    assert (purged.returncode, purged.stdout) == (0, "")
    assert purged.stderr == "No matching stored files for 'tensorflow'\n"


def test_purge_can_print_the_removed_partials_as_json(cache: Cache) -> None:
    purged = json.loads(cache.run("purge", "big", "--json").stdout)

    assert purged["removed_bytes"] == 1_500_000
    (removed,) = purged["removed"]
    assert (removed["file"], removed["host"]) == ("big-1.0-py3-none-any.whl", "files.example")
    assert (purged["held"], purged["refused"]) == ([], [])


def test_a_partial_that_cannot_be_removed_is_reported_and_the_others_are_removed(cache: Cache) -> None:
    record = cache.store / f"{B}.json"
    record.unlink()
    record.mkdir()  # No user may unlink a directory.

    purged = cache.run("purge")

    assert purged.returncode == 2
    assert is_one_line(purged.stderr)
    assert str(cache.store / f"{B}.part") in purged.stderr
    assert cache.names() == [f"{B}.json", f"{B}.part"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root can read every directory")
def test_a_store_that_cannot_be_read_is_reported_in_one_line_with_exit_code_2(cache: Cache) -> None:
    cache.store.chmod(0)

    listed = cache.run("list")

    cache.store.chmod(0o700)
    assert (listed.returncode, listed.stdout) == (2, "")
    assert listed.stderr == f"pip-resume: {cache.store}: Permission denied\n"


def test_characters_that_the_output_encoding_does_not_have_are_escaped(cache: Cache) -> None:
    cache.put(C, 10, 0, Checkpoint("caf\u00e9-1.whl"))

    listed = run_pip_resume("list", "--cache-dir", str(cache.folder), PYTHONIOENCODING="ascii")

    assert listed.returncode == 0, listed.stderr
    assert r"caf\xe9-1.whl" in listed.stdout

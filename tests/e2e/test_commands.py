"""`pip-resume list`, `purge` and `hook`, as people and scripts run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import pytest
from e2e.halves import BIG, held_bytes, held_files, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environments, index_options
from servers.fault_server import FaultServer

import pip_resume
from pip_resume.commands.formatting import format_size
from pip_resume.protocol.checkpoint import FORMAT, Checkpoint, encode_checkpoint

PACKAGE = Path(pip_resume.__file__).parent
DAY_S = 86400.0

as_anybody = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing is forbidden to root")


class Cache:
    """A cache directory of pip with partials in it, and the command run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "http-v2" / "pip-resume"
        self.store.mkdir(parents=True)

    def put(self, key: str, size: int, age_s: float, checkpoint: Checkpoint | None, record: bytes = b"") -> Path:
        """A partial as a pip would have left it; without a checkpoint the record is just these bytes."""
        part = self.store / f"{key}.part"
        part.write_bytes(bytes(size))
        part.with_suffix(".json").write_bytes(record if checkpoint is None else encode_checkpoint(checkpoint))
        os.utime(part, (time.time() - age_s,) * 2)
        return part

    def names(self) -> list[str]:
        return sorted(path.name for path in self.store.iterdir())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_here(*arguments, "--cache-dir", str(self.folder))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """With a young partial and an old one."""
    made = Cache(tmp_path / "cache")
    made.put("aaaa", 1_500_000, 7200, Checkpoint("big-1.0-py3-none-any.whl", "", "files.example", 3_000_000))
    made.put("bbbb", 20_000, 5 * DAY_S, Checkpoint("other_one-2.tar.gz", "", "mirror.example", None))
    return made


def run_here(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command of this checkout."""
    return subprocess.run(
        [sys.executable, "-m", "pip_resume", *arguments],
        cwd=PACKAGE.parent,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text


# With a real pip


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_a_partial_is_listed_cannot_be_purged_while_pip_holds_it_and_can_be_afterwards(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, BIG)
    running = pip.start("download", "--no-deps", *index_options(http_server), "big")
    wait_until_half_is_held(http_server, BIG, pip.cache_dir)

    refused = pip.run_python("-m", "pip_resume", "purge")
    rehearsed = pip.run_python("-m", "pip_resume", "purge", "--dry-run", "--json")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Skipped {BIG.filename}: another pip is downloading it\n"
    assert rehearsed.returncode == 1
    assert [each["file"] for each in json.loads(rehearsed.stdout)["held"]] == [BIG.filename]
    assert running.is_running()
    assert held_bytes(pip.cache_dir) > 0

    running.kill()
    running.wait()
    listed = pip.run_python("-m", "pip_resume", "list")
    as_json = json.loads(pip.run_python("-m", "pip_resume", "list", "--json").stdout)

    kept = format_size(held_bytes(pip.cache_dir))
    row = rf"^{re.escape(BIG.filename)}  {kept}  3\.0 MB  4\d %  \d+ (s|min)  127\.0\.0\.1$"
    assert re.search(row, listed.stdout, re.MULTILINE), listed.stdout
    assert f"1 partial download, {kept} kept in {pip.cache_dir}\n" in listed.stdout
    assert (listed.returncode, listed.stderr) == (0, "")
    assert as_json["cache_directory"] == str(pip.cache_dir)
    assert as_json["kept_bytes"] == as_json["partials"][0]["kept_bytes"] == held_bytes(pip.cache_dir)
    assert as_json["partials"][0]["complete_bytes"] == len(BIG.content)

    purged = pip.run_python("-m", "pip_resume", "purge", "BIG")

    assert (purged.returncode, purged.stderr) == (0, "")
    assert purged.stdout.splitlines() == [
        f"Removed {BIG.filename} ({kept})",
        f"Removed 1 partial download, {kept}",
    ]
    assert held_files(pip.cache_dir) == []


def test_the_script_and_the_module_are_one_command(environment: Environments) -> None:
    pip = environment("26.3")

    script = subprocess.run(
        [str(pip.root / "bin" / "pip-resume"), "--version"], capture_output=True, text=True, check=True
    )

    assert script.stdout == pip.run_python("-m", "pip_resume", "--version").stdout
    assert script.stdout == f"pip-resume {pip_resume.__version__}\n"


def test_the_cache_directory_is_the_one_that_pip_tells_whatever_the_user_has_set_for_its_output(
    environment: Environments,
) -> None:
    pip = environment("26.3")

    for setting in ({}, {"PIP_QUIET": "2"}, {"PIP_VERBOSE": "2"}, {"PIP_CACHE_DIR": str(pip.folder / "elsewhere")}):
        listed = pip.run_python("-m", "pip_resume", "list", env=setting)
        expected = setting.get("PIP_CACHE_DIR", str(pip.cache_dir))
        assert (listed.returncode, listed.stdout) == (0, f"No partial downloads in {expected}\n"), listed.stderr


def test_without_a_cache_of_pip_one_line_says_what_to_do(environment: Environments) -> None:
    listed = environment("26.3").run_python("-m", "pip_resume", "list", env={"PIP_NO_CACHE_DIR": "1"})

    assert (listed.returncode, listed.stdout) == (2, "")
    assert is_one_line(listed.stderr)
    assert "cache is disabled" in listed.stderr
    assert "--cache-dir DIR" in listed.stderr


def test_without_a_pip_one_line_says_so(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    listed = subprocess.run(
        [str(python), "-m", "pip_resume", "list"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )

    assert (listed.returncode, listed.stdout) == (2, "")
    assert is_one_line(listed.stderr)
    assert "No module named pip" in listed.stderr


# What is on disk


def test_the_list_is_a_table_with_the_oldest_first_and_the_sum_below(cache: Cache) -> None:
    listed = cache.run("list")

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines() == [
        "File                        Kept      Of     %  Age  Host",
        "other_one-2.tar.gz         20 kB       ?     ?  5 d  mirror.example",
        "big-1.0-py3-none-any.whl  1.5 MB  3.0 MB  50 %  2 h  files.example",
        f"2 partial downloads, 1.5 MB kept in {cache.folder}",
    ]


def test_both_http_caches_are_looked_into_and_a_planted_link_is_not_followed(cache: Cache, tmp_path: Path) -> None:
    older = Cache(tmp_path / "older")
    older.put("cccc", 10, 0, Checkpoint("third-3.whl"))
    (cache.folder / "http").symlink_to(older.store.parent)
    (older.folder / "http").mkdir()
    (older.folder / "http" / "pip-resume").symlink_to(cache.store)

    assert "third-3.whl" in cache.run("list").stdout
    assert "big-1.0" not in older.run("list").stdout


def test_what_cannot_be_used_is_listed_and_purged_by_its_key(cache: Cache) -> None:
    cache.put("cccc", 10, 0, None, b"nonsense")
    cache.put("dddd", 10, 0, None, json.dumps({"format": FORMAT + 1}).encode())

    listed = cache.run("list")
    purged = cache.run("purge", "cccc", "dddd")

    assert re.search(r"^cccc .* \(unusable: its record cannot be read\)$", listed.stdout, re.MULTILINE)
    assert re.search(r"^dddd .* \(written by a newer pip-resume\)$", listed.stdout, re.MULTILINE)
    assert purged.returncode == 0
    assert cache.names() == ["aaaa.json", "aaaa.part", "bbbb.json", "bbbb.part"]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        pytest.param([], set(), id="everything"),
        pytest.param(["--older-than", "3d"], {"aaaa"}, id="by-age"),
        pytest.param(["--older-than", "3w"], {"aaaa", "bbbb"}, id="none-is-that-old"),
        pytest.param(["Other.One"], {"aaaa"}, id="by-project"),
        pytest.param(["*.whl"], {"bbbb"}, id="by-pattern"),
        pytest.param(["big", "other-one"], set(), id="by-two-names"),
        pytest.param(["big", "--older-than", "3d"], {"aaaa", "bbbb"}, id="both-have-to-match"),
    ],
)
def test_purge_removes_exactly_what_was_meant_and_a_dry_run_tells_it_before(
    cache: Cache, arguments: list[str], left: set[str]
) -> None:
    rehearsed = cache.run("purge", "--dry-run", *arguments)
    untouched = cache.names()
    purged = cache.run("purge", *arguments)

    assert untouched == ["aaaa.json", "aaaa.part", "bbbb.json", "bbbb.part"]
    assert cache.names() == sorted(f"{key}.{ending}" for key in left for ending in ("json", "part"))
    assert (rehearsed.returncode, purged.returncode) == (0, 0)
    assert rehearsed.stdout.replace("Would remove", "Removed") == purged.stdout
    assert rehearsed.stderr == purged.stderr


def test_a_purge_of_everything_takes_what_killed_processes_have_left(cache: Cache) -> None:
    leftover = cache.store / "aaaa.123-0.new"
    leftover.write_bytes(b"x")
    os.utime(leftover, (time.time() - 7200,) * 2)

    cache.run("purge")

    assert cache.names() == []


def test_where_nothing_matches_purge_says_so_and_ends_well_as_pip_does(cache: Cache) -> None:
    purged = cache.run("purge", "tensorflow")

    assert (purged.returncode, purged.stdout) == (0, "")
    assert purged.stderr == "No matching partial downloads for 'tensorflow'\n"


def test_scripts_get_what_was_removed_as_json(cache: Cache) -> None:
    purged = json.loads(cache.run("purge", "big", "--json").stdout)

    assert purged["removed_bytes"] == 1_500_000
    (removed,) = purged["removed"]
    assert (removed["file"], removed["host"]) == ("big-1.0-py3-none-any.whl", "files.example")
    assert (purged["held"], purged["refused"]) == ([], [])


def test_what_the_system_refuses_to_remove_is_named_and_the_rest_is_removed(cache: Cache) -> None:
    record = cache.store / "bbbb.json"
    record.unlink()
    record.mkdir()  # No user may unlink a directory.

    purged = cache.run("purge")

    assert purged.returncode == 2
    assert is_one_line(purged.stderr)
    assert str(cache.store / "bbbb.part") in purged.stderr
    assert cache.names() == ["bbbb.json", "bbbb.part"]


# Mistakes and broken surroundings


def mistakes() -> list[Any]:
    return [
        pytest.param(["lst"], "invalid choice: 'lst'", id="unknown-command"),
        pytest.param(["purge", "--older-than", "3x"], "'3x' is not a duration", id="bad-duration"),
        pytest.param(["list", "--cache-dir", "/no/such"], "no directory /no/such", id="no-such-directory"),
        pytest.param(["purge", "--cache-dir", __file__], "is not a directory", id="a-file-for-a-directory"),
    ]


@pytest.mark.parametrize(("arguments", "told"), mistakes())
def test_a_mistake_is_one_line_on_stderr_with_exit_code_2(arguments: list[str], told: str) -> None:
    ended = run_here(*arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert is_one_line(ended.stderr)
    assert told in ended.stderr


@as_anybody
def test_a_store_that_may_not_be_read_is_one_line_with_exit_code_2(cache: Cache) -> None:
    cache.store.chmod(0)

    listed = cache.run("list")

    cache.store.chmod(0o700)
    assert (listed.returncode, listed.stdout) == (2, "")
    assert listed.stderr == f"pip-resume: {cache.store}: Permission denied\n"


@pytest.mark.parametrize("arguments", [["list"], ["hook", "path"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_gone_is_no_reason_to_complain(cache: Cache, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    where = ["--cache-dir", str(cache.folder)] if arguments == ["list"] else []

    ended = subprocess.run(
        [sys.executable, "-m", "pip_resume", *arguments, *where],
        cwd=PACKAGE.parent,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )

    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_name_that_the_terminal_cannot_show_is_shown_in_escapes(cache: Cache) -> None:
    cache.put("cccc", 10, 0, Checkpoint("caf\u00e9-1.whl"))

    listed = run_here("list", "--cache-dir", str(cache.folder), PYTHONIOENCODING="ascii")

    assert listed.returncode == 0, listed.stderr
    assert r"caf\xe9-1.whl" in listed.stdout


def test_a_damaged_installation_says_how_to_repair_it(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "pip_resume", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pip_resume" / "commands" / "partials.py").unlink()

    listed = subprocess.run(
        [sys.executable, "-m", "pip_resume", "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (listed.returncode, listed.stdout) == (2, "")
    assert is_one_line(listed.stderr)
    assert "--force-reinstall --no-deps pip-resume" in listed.stderr


# The hook


def test_the_path_of_the_hook_holds_a_sitecustomize_and_nothing_else_to_import() -> None:
    directory = Path(run_here("hook", "path").stdout.rstrip("\n"))

    assert [path.name for path in directory.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]


@pytest.mark.skipif(os.name == "nt", reason="needs a shell of POSIX")
@pytest.mark.parametrize("before", [None, "/one:/two"], ids=["unset-before", "set-before"])
def test_the_line_puts_the_hook_in_front_of_what_was_there(tmp_path: Path, before: str | None) -> None:
    parent = tmp_path / "it's a $HOME"
    shutil.copytree(PACKAGE, parent / "pip_resume", ignore=shutil.ignore_patterns("__pycache__"))
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script = f'eval "$({sys.executable} -m pip_resume hook env --shell sh)"; printf %s "$PYTHONPATH"'

    shown = subprocess.run(
        ["sh", "-c", script],
        cwd=parent,
        env=variables if before is None else {**variables, "PYTHONPATH": before},
        capture_output=True,
        text=True,
        check=True,
    )

    ours = str(parent.resolve() / "pip_resume" / "sitecustomize")
    assert shown.stdout == (ours if before is None else f"{ours}:{before}")

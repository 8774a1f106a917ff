"""A fault of ours leaves the download to pip; and when we are switched off, nobody can tell that we are there."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.halves import BIG, OVERLAP_BYTES, held_bytes, held_files, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import core_metadata, publish, wheel_artifact

SPOILED = "SPOILED"
RAISED = "RAISED"
# Runs at the start of the interpreter, after our .pth file. Our modules inside pip are loaded much later, and must not
# be the first to load pip's: so it waits until the last of them is there.
SPOILER = f"""
import builtins, functools, importlib, os, sys

LAST = "pip_resume.inside_pip.download_step"
import_module = builtins.__import__


def spoil():
    module, _, path = os.environ["{SPOILED}"].partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module("pip_resume." + module))
    getattr(owner, name)
    setattr(owner, name, fail)


def fail(*arguments, **named):
    error, _, text = os.environ["{RAISED}"].partition(" ")
    raise getattr(builtins, error)(int(text) if text.isdigit() else text)


def import_and_look(*arguments, **named):
    imported = import_module(*arguments, **named)
    last = sys.modules.get(LAST)
    if last is not None and not last.__spec__._initializing:
        builtins.__import__ = import_module
        spoil()
    return imported


if "{SPOILED}" in os.environ:
    builtins.__import__ = import_and_look
"""

SMALLER = wheel_artifact("smaller", size=1_500_000)


@pytest.fixture
def spoiled(environment: Environments) -> Environment:
    """An environment in which a function of ours may be told to fail."""
    pip = environment("26.3")
    (pip.site_packages / "sitecustomize.py").write_text(SPOILER)
    return pip


def spoil(path: str, error: str) -> dict[str, str]:
    return {SPOILED: path, RAISED: error}


# From the outermost layer to the innermost.
LAYERS = [
    "inside_pip.download_step:_download",
    "inside_pip.download_step:choose_digest",
    "inside_pip.display:PipDisplay.starting",
    "inside_pip.display:PipDisplay.bar",
    "inside_pip.transport:head_of",
    "inside_pip.transport:PipResponse.read",
    "inside_pip.http_cache:cache_directory",
    "engine.transfer:download",
    "engine.transfer:judge",
    "engine.local_copy:LocalCopy.open",
    "storage.store:Store.claim",
    "storage.partial:Partial.append",
    "engine.transfer:recorded_fields",
]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_fault_of_ours_costs_one_warning_and_pip_downloads_by_itself(
    spoiled: Environment, https_server: FaultServer, certificates: Certificates, layer: str
) -> None:
    publish(https_server, BIG, SMALLER)
    trust = index_options(https_server, certificates)

    result = spoiled.run("download", "--no-deps", *trust, "big", "smaller", env=spoil(layer, "LookupError of ours"))

    assert result.returncode == 0, result.text
    for artifact in (BIG, SMALLER):
        assert (spoiled.work / artifact.filename).read_bytes() == artifact.content
        assert https_server.asked_ranges(artifact.path)[-1] is None
    (warning,) = result.stderr.splitlines()
    assert "WARNING: pip-resume " in warning
    assert "failed inside pip 26.3 (LookupError: " in warning
    assert "; falling back to pip's own download. Set PIP_RESUME=0" in warning
    assert held_files(spoiled.cache_dir) == []


@pytest.mark.parametrize("layer", ["inside_pip.http_cache:find_cached", "inside_pip.http_cache:store"])
def test_a_fault_at_pips_cache_costs_neither_the_download_nor_a_word(
    spoiled: Environment, https_server: FaultServer, certificates: Certificates, layer: str
) -> None:
    offer_broken(https_server, BIG, then=Then.RESET)
    trust = index_options(https_server, certificates)

    result = spoiled.run("download", "--no-deps", *trust, "big", env=spoil(layer, "LookupError of ours"))

    assert result.returncode == 0, result.text
    assert (spoiled.work / BIG.filename).read_bytes() == BIG.content
    assert https_server.statuses(BIG.path) == [200, 206]
    (warning,) = result.stderr.splitlines()
    assert "Connection lost" in warning


@pytest.mark.parametrize(
    ("layer", "pip_version"),
    [
        pytest.param("engine.transfer:judge", "21.3.1", id="21.3.1"),
        # Has a loop of its own for several files.
        pytest.param("engine.transfer:judge", "25.0.1", id="25.0.1"),
    ],
)
def test_an_old_pip_downloads_by_itself_as_well(
    environment: Environments, http_server: FaultServer, layer: str, pip_version: str
) -> None:
    pip = environment(pip_version)
    (pip.site_packages / "sitecustomize.py").write_text(SPOILER)
    offered = dataclasses.replace(BIG, metadata=core_metadata("big", "1.0"))
    publish(http_server, offered)

    result = pip.run("download", *index_options(http_server), "big", env=spoil(layer, "LookupError of ours"))

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    (warning,) = result.stderr.splitlines()
    assert f"failed inside pip {pip_version} (LookupError: " in warning


@pytest.mark.parametrize(
    ("error", "returncode", "last_line"),
    [
        pytest.param("KeyboardInterrupt", 1, "ERROR: Operation cancelled by user", id="KeyboardInterrupt"),
        # Which pip takes for a crash, wherever it comes from.
        pytest.param("SystemExit 7", 2, "SystemExit: 7", id="SystemExit"),
    ],
)
@pytest.mark.parametrize(
    "layer", ["engine.transfer:judge", "storage.store:Store.claim", "inside_pip.transport:head_of"]
)
def test_what_is_meant_to_end_pip_ends_it(
    spoiled: Environment, http_server: FaultServer, layer: str, error: str, returncode: int, last_line: str
) -> None:
    publish(http_server, BIG)

    result = spoiled.run("download", "--no-deps", *index_options(http_server), "big", env=spoil(layer, error))

    assert result.returncode == returncode
    assert result.stderr.splitlines()[-1] == last_line
    assert "falling back to pip's own download" not in result.text
    assert http_server.asked_ranges(BIG.path) == [None]


def test_a_fault_after_bytes_were_kept_leaves_them_to_the_next_run(
    spoiled: Environment, http_server: FaultServer
) -> None:
    offer_broken(http_server, BIG)
    command = ("download", "--no-deps", *index_options(http_server), "big", "--dest")
    running = spoiled.start(*command, "first")
    wait_until_half_is_held(http_server, BIG, spoiled.cache_dir)
    running.kill()
    running.wait()
    kept = held_bytes(spoiled.cache_dir)

    failed = spoiled.run(*command, "second", env=spoil("engine.transfer:judge", "LookupError of ours"))
    result = spoiled.run(*command, "third")

    assert (failed.returncode, result.returncode) == (0, 0)
    assert http_server.asked_ranges(BIG.path) == [
        None,
        f"bytes={kept - OVERLAP_BYTES}-",
        None,
        f"bytes={kept - OVERLAP_BYTES}-",
    ]
    assert (spoiled.work / "third" / BIG.filename).read_bytes() == BIG.content


# What differs from one environment to the next, and so from one run to the next.
PLACE = re.compile(r"environment-\d+|localhost:\d+|127\.0\.0\.1:\d+|\d+(\.\d+)? [kM]B/s|eta \S+| 0:00:\d\d|Time.*")


@pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1", "26.3"])
@pytest.mark.parametrize("switch", [None, "0"], ids=["unset", "0"])
def test_switched_off_the_wire_and_the_words_are_those_of_plain_pip(
    environment: Environments, http_server: FaultServer, pip_version: str, switch: str | None
) -> None:
    pip = environment(pip_version)
    del pip.variables["PIP_RESUME"]
    offered = dataclasses.replace(BIG, metadata=core_metadata("big", "1.0"))
    wire, words, codes, left = [], [], [], []
    for each, variables in (
        (environment.without_plugin(pip_version), {}),
        (pip, {"PIP_RESUME": switch} if switch else {}),
    ):
        offer_broken(http_server, offered, then=Then.DROP)
        http_server.forget()
        result = each.run("download", "--no-deps", *index_options(http_server), "big", env=variables)
        wire.append([(one.request, one.status, one.first_pos) for one in http_server.requests()])
        words.append(PLACE.sub("", result.text))
        codes.append(result.returncode)
        left.append(held_files(each.cache_dir))

    assert wire[0] == wire[1]
    assert len(wire[0]) >= 2
    assert words[0] == words[1]
    assert codes[0] == codes[1]
    assert left == [[], []]

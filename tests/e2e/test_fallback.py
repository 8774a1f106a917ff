"""An error in the plugin leaves the download to pip; switched off, the plugin changes neither requests nor output."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.broken_downloads import (
    BIG,
    OVERLAP_BYTES,
    half,
    index_options,
    kill_at_half,
    publish_broken,
    range_from,
    stored_files,
)
from environments.environment import Environment, Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import core_metadata, publish, wheel_artifact

FUNCTION = "FUNCTION_TO_REPLACE"
ERROR = "ERROR_TO_RAISE"
CALLED = "called.txt"
"""A file that the replaced function makes in the current directory."""
# This runs at start, after the plugin's .pth file. The modules of the plugin are loaded much later, and must
# not be the first to load pip's modules. So the function is replaced when the last of these modules has been loaded.
REPLACE_FUNCTION = f"""
import builtins, functools, importlib, os, sys

LAST = "pip_resume.inside_pip.download_step"
real_import = builtins.__import__


def replace():
    module, _, path = os.environ["{FUNCTION}"].partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module("pip_resume." + module))
    getattr(owner, name)
    setattr(owner, name, fail)


def fail(*arguments, **named):
    open("{CALLED}", "w").close()
    error, _, text = os.environ["{ERROR}"].partition(" ")
    raise getattr(builtins, error)(int(text) if text.isdigit() else text)


def import_and_replace(*arguments, **named):
    imported = real_import(*arguments, **named)
    last = sys.modules.get(LAST)
    if last is not None and not last.__spec__._initializing:
        builtins.__import__ = real_import
        replace()
    return imported


if "{FUNCTION}" in os.environ:
    builtins.__import__ = import_and_replace
"""
OUR_ERROR = "LookupError of ours"
SMALLER = wheel_artifact("smaller", size=1_500_000)
# From the outermost layer to the innermost.
FUNCTIONS = [
    "inside_pip.download_step:_download",
    "inside_pip.download_step:choose_digest",
    "inside_pip.display:PipDisplay.starting",
    "inside_pip.display:PipDisplay.bar",
    "inside_pip.transport:head_of",
    "inside_pip.transport:PipResponse.read",
    "inside_pip.http_cache:cache_directory",
    "engine.transfer:download",
    "engine.transfer:judge",
    "engine.local_copy:LocalCopy.prepare",
    "storage.store:Store.claim",
    "storage.partial:Partial.append",
    "engine.receiving:recorded_fields",
]


@pytest.fixture
def failing(environments: Environments) -> Environment:
    """An environment in which a function of the plugin can be made to fail, see `failure`."""
    pip = environments.with_plugin("26.3")
    pip.run_at_start(REPLACE_FUNCTION)
    return pip


def failure(function: str, error: str = OUR_ERROR) -> dict[str, str]:
    """Return the variables that make this function of the plugin raise this error."""
    return {FUNCTION: function, ERROR: error}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_error_in_the_plugin_costs_one_warning_and_pips_own_download_runs(
    failing: Environment, https_server: FaultServer, certificates: Certificates, function: str
) -> None:
    publish(https_server, BIG, SMALLER)
    options = index_options(https_server, certificates)

    result = failing.run("download", "--no-deps", *options, "big", "smaller", env=failure(function))

    assert result.returncode == 0, result.text
    for artifact in (BIG, SMALLER):
        assert (failing.work / artifact.filename).read_bytes() == artifact.content
        assert https_server.asked_ranges(artifact.path)[-1] is None
    (warning,) = result.stderr.splitlines()
    assert "WARNING: pip-resume " in warning
    assert "failed inside pip 26.3 (LookupError: " in warning
    assert "; falling back to pip's own download. Set PIP_RESUME=0" in warning
    assert stored_files(failing.cache_dir) == []


@pytest.mark.parametrize("function", ["inside_pip.http_cache:find_cached", "inside_pip.http_cache:store"])
def test_an_error_while_reading_or_filling_pips_cache_costs_no_warning(
    failing: Environment, https_server: FaultServer, certificates: Certificates, function: str
) -> None:
    publish_broken(https_server, BIG)
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big", "--dest", "downloaded")
    # The plugin looks into pip's cache only if a partial download is stored.
    kill_at_half(failing, https_server, BIG, *command)

    result = failing.run(*command, env=failure(function))

    assert (failing.work / CALLED).exists()
    assert (result.returncode, result.stderr) == (0, ""), result.text
    assert (failing.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert https_server.statuses(BIG.path) == [200, 206]


# pip 25.0.1 downloads several files in a loop of its own.
@pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1"])
def test_an_error_in_the_plugin_runs_the_own_download_of_an_old_pip_too(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    pip.run_at_start(REPLACE_FUNCTION)
    publish(http_server, dataclasses.replace(BIG, metadata=core_metadata("big", "1.0")))

    result = pip.run("download", *index_options(http_server), "big", env=failure("engine.transfer:judge"))

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    (warning,) = result.stderr.splitlines()
    assert f"failed inside pip {pip_version} (LookupError: " in warning


@pytest.mark.parametrize(
    ("error", "returncode", "last_line"),
    [
        pytest.param("KeyboardInterrupt", 1, "ERROR: Operation cancelled by user", id="KeyboardInterrupt"),
        # pip reports SystemExit as a crash, wherever it comes from.
        pytest.param("SystemExit 7", 2, "SystemExit: 7", id="SystemExit"),
    ],
)
@pytest.mark.parametrize(
    "function", ["engine.transfer:judge", "storage.store:Store.claim", "inside_pip.transport:head_of"]
)
def test_keyboard_interrupt_and_system_exit_in_the_plugin_end_pip(
    failing: Environment, http_server: FaultServer, function: str, error: str, returncode: int, last_line: str
) -> None:
    publish(http_server, BIG)

    result = failing.run("download", "--no-deps", *index_options(http_server), "big", env=failure(function, error))

    assert result.returncode == returncode
    assert result.stderr.splitlines()[-1] == last_line
    assert "falling back to pip's own download" not in result.text
    assert http_server.asked_ranges(BIG.path) == [None]


def test_an_error_in_the_plugin_leaves_the_stored_bytes_to_the_next_run(
    failing: Environment, http_server: FaultServer
) -> None:
    publish_broken(http_server, BIG)
    command = ("download", "--no-deps", *index_options(http_server), "big", "--dest")
    kill_at_half(failing, http_server, BIG, *command, "first")

    failed = failing.run(*command, "second", env=failure("engine.transfer:judge"))
    result = failing.run(*command, "third")

    assert (failed.returncode, result.returncode) == (0, 0)
    assert http_server.asked_ranges(BIG.path) == [
        None,
        range_from(half(BIG) - OVERLAP_BYTES),
        None,
        range_from(half(BIG) - OVERLAP_BYTES),
    ]
    assert (failing.work / "third" / BIG.filename).read_bytes() == BIG.content


# Paths, ports, speeds and times differ from one environment and from one run to the next.
VARYING = re.compile(r"environment-\d+|localhost:\d+|127\.0\.0\.1:\d+|\d+(\.\d+)? [kM]B/s|eta \S+| 0:00:\d\d|Time.*")


@pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1", "26.3"])
@pytest.mark.parametrize("switch", [None, "0"], ids=["unset", "0"])
def test_switched_off_requests_and_output_are_those_of_plain_pip(
    environments: Environments, http_server: FaultServer, pip_version: str, switch: str | None
) -> None:
    pip = environments.with_plugin(pip_version)
    del pip.variables["PIP_RESUME"]
    published = dataclasses.replace(BIG, metadata=core_metadata("big", "1.0"))
    requests, outputs, returncodes, stored = [], [], [], []
    for each, variables in (
        (environments.without_plugin(pip_version), {}),
        (pip, {"PIP_RESUME": switch} if switch else {}),
    ):
        publish_broken(http_server, published, then=Then.DROP)
        http_server.forget()
        result = each.run("download", "--no-deps", *index_options(http_server), "big", env=variables)
        requests.append([(one.request, one.status, one.first_pos) for one in http_server.requests()])
        outputs.append(VARYING.sub("", result.text))
        returncodes.append(result.returncode)
        stored.append(stored_files(each.cache_dir))

    assert requests[0] == requests[1]
    assert len(requests[0]) >= 2
    assert outputs[0] == outputs[1]
    assert returncodes[0] == returncodes[1]
    assert stored == [[], []]

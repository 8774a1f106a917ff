"""With PIP_RESUME unset, the installed plugin changes nothing: not in the process, in the requests or on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, index_options
from environments.environment import Environment, Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import publish

DIFFERENT_DOWNLOADERS = pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1", "25.1.1", "26.3"])
# Runs pip, and then writes down what is in its process. Memory addresses, which vary, are left out.
RUN_AND_RECORD = """
import json, re, sys, types

code = 70
try:
    from pip._internal.cli.main import main
    code = main(sys.argv[1:])
finally:
    def shown(value):
        if isinstance(value, types.FunctionType):
            return [value.__module__, value.__qualname__, value.__code__.co_filename.rpartition("site-packages")[2]]
        return re.sub(" at 0x[0-9a-f]+", "", str(type(value)))

    classes = {
        f"{module}:{name}": {inner: shown(value) for inner, value in vars(found).items()}
        for module in ("pip._internal.network.download", "pip._internal.network.session", "pip._internal.models.link",
                       "pip._vendor.cachecontrol.adapter", "pip._vendor.requests.adapters")
        for name, found in vars(sys.modules[module]).items()
        if isinstance(found, type)
    }
    state = {
        "modules": sorted(sys.modules),
        "classes": classes,
        "finders": [str(type(finder)) + str(getattr(finder, "__module__", "")) for finder in sys.meta_path],
        "path": len(sys.path),
        "code": code,
    }
    with open("state.json", "w") as file:
        json.dump(state, file)
"""


def observe_download(pip: Environment, server: FaultServer, certificates: Certificates) -> dict[str, object]:
    """Run one download; return what was in the process and in the requests, the files on disk, and the output."""
    publish(server, BIG)
    server.forget()
    options = ("--no-deps", "--dest", "downloaded", *index_options(server, certificates))
    result = pip.run_python("-c", RUN_AND_RECORD, "download", *options, "big")
    assert result.returncode == 0, result.text
    state: dict[str, object] = json.loads((pip.work / "state.json").read_text())
    assert state["code"] == 0, result.text
    (pip.work / "state.json").unlink()
    requests = [(e.request.method, e.request.path, dict(e.request.fields), e.status) for e in server.requests()]
    output = without_progress_bar(result.stdout)
    return {**state, "requests": requests, "files": files_and_modes(pip), "stdout": output, "stderr": result.stderr}


def without_progress_bar(text: str) -> list[str]:
    """Return the lines of the output except the progress bar, which contains times."""
    return [line for line in text.splitlines() if "━" not in line]


def files_and_modes(pip: Environment) -> dict[str, int]:
    """Return every file and directory that pip has made, with its permissions."""
    folders = (pip.work, pip.cache_dir, pip.home, pip.temporary)
    files: list[Path] = [path for folder in folders for path in folder.rglob("*")]
    return {str(path.relative_to(pip.folder)): path.stat().st_mode for path in files}


@DIFFERENT_DOWNLOADERS
def test_the_installed_plugin_changes_nothing_while_it_is_switched_off(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    with_wheel, without = environments.with_plugin(pip_version), environments.without_plugin(pip_version)
    del with_wheel.variables["PIP_RESUME"]
    # Any .pth file makes Python 3.13 load the codec to read it with, whatever the file contains.
    (without.site_packages / "other.pth").write_text("# nothing\n")
    found = observe_download(with_wheel, https_server, certificates)
    expected = observe_download(without, https_server, certificates)
    assert (with_wheel.site_packages / "pip_resume_hook.pth").exists()
    for aspect in expected:
        assert found[aspect] == expected[aspect], aspect


def test_the_same_comparison_shows_the_plugin_while_it_is_switched_on(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    with_wheel, without = environments.with_plugin("26.3"), environments.without_plugin("26.3")
    found = observe_download(with_wheel, https_server, certificates)
    expected = observe_download(without, https_server, certificates)
    differing = {aspect for aspect in expected if found[aspect] != expected[aspect]}
    assert {"modules", "classes", "files"} <= differing

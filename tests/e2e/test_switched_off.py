"""With the variable unset nobody can tell that the wheel is installed: not in the process, on the wire or on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e.halves import BIG
from e2e.real_pip import Environment, Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import publish

ENDS = pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1", "25.1.1", "26.3"])
# Runs pip in this process and then says what is in it. Addresses are left out.
LOOK = """
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


def look(pip: Environment, server: FaultServer, certificates: Certificates) -> dict[str, object]:
    """Have it download once; return what was in the process then, on the wire, and is on disk now."""
    publish(server, BIG)
    server.forget()
    options = ("--no-deps", "--dest", "downloaded", *index_options(server, certificates))
    result = pip.run_python("-c", LOOK, "download", *options, "big")
    assert result.returncode == 0, result.text
    state: dict[str, object] = json.loads((pip.work / "state.json").read_text())
    assert state["code"] == 0, result.text
    (pip.work / "state.json").unlink()
    asked = [(e.request.method, e.request.path, dict(e.request.fields), e.status) for e in server.requests()]
    return {**state, "wire": asked, "disk": files_of(pip), "said": spoken(result.stdout), "warned": result.stderr}


def spoken(text: str) -> list[str]:
    """What pip says, but for its progress bar, in which is the time."""
    return [line for line in text.splitlines() if "━" not in line]


def files_of(pip: Environment) -> dict[str, int]:
    """Every file that pip has made, and its permissions."""
    made = (pip.work, pip.cache_dir, pip.home, pip.temporary)
    files: list[Path] = [path for folder in made for path in folder.rglob("*")]
    return {str(path.relative_to(pip.folder)): path.stat().st_mode for path in files}


@ENDS
def test_the_wheel_changes_nothing_until_it_is_asked_to(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    with_wheel, without = environment(pip_version), environment.without_plugin(pip_version)
    del with_wheel.variables["PIP_RESUME"]
    # Whatever stands in it, a .pth file makes site of Python 3.13 load the codec that it reads it with.
    (without.site_packages / "other.pth").write_text("# nothing\n")
    found = look(with_wheel, https_server, certificates)
    expected = look(without, https_server, certificates)
    assert (with_wheel.site_packages / "pip_resume_hook.pth").exists()
    for aspect in expected:
        assert found[aspect] == expected[aspect], aspect


def test_what_is_compared_shows_when_it_is_asked_to(
    environment: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    with_wheel, without = environment("26.3"), environment.without_plugin("26.3")
    found = look(with_wheel, https_server, certificates)
    expected = look(without, https_server, certificates)
    differing = {aspect for aspect in expected if found[aspect] != expected[aspect]}
    assert {"modules", "classes", "disk"} <= differing

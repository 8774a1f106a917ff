"""pip replaces or removes the plugin, or pip itself, in a run that downloads through the plugin."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, assert_resumed_at_half, index_options, publish_broken
from e2e.imports import DOWNLOAD_STEP, imported_modules, run_switched
from environments.environment import Environment, Environments
from environments.pips import DIFFERENT_PIPS, NEWEST_PIP
from environments.templates import Templates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, publish, record_hash, wheel_artifact

import pip_resume

NEXT_VERSION = "99.0"
OTHER = wheel_artifact("other", size=2_000_000)
PAYLOAD_BYTES = 2_000_000
"""Makes the wheel of the next version so large that it is stored for the next run."""

each_different_pip = pytest.mark.parametrize("pip_version", DIFFERENT_PIPS)


@pytest.fixture(scope="session")
def this_release(built_wheel: Path) -> Artifact:
    return Artifact(built_wheel.name, built_wheel.read_bytes())


@pytest.fixture(scope="session")
def next_release(built_wheel: Path) -> Artifact:
    """The plugin as a later version, whose modules fail if a running pip loads them after the update."""
    packed = io.BytesIO()
    with zipfile.ZipFile(built_wheel) as current, zipfile.ZipFile(packed, "w") as changed:
        _, old, _ = built_wheel.name.split("-", 2)
        for name in current.namelist():
            if not name.endswith("/RECORD"):
                new_name = name.replace(f"-{old}.", f"-{NEXT_VERSION}.")
                changed.writestr(new_name, content_in_next_release(name, current.read(name), old))
        changed.writestr("pip_resume/payload.bin", BIG.content[:PAYLOAD_BYTES])
        rows = [f"{name},{record_hash(changed.read(name))}," for name in changed.namelist()]
        record = f"pip_resume-{NEXT_VERSION}.dist-info/RECORD"
        changed.writestr(record, "\n".join([*rows, f"{record},,", ""]))
    return Artifact(built_wheel.name.replace(f"-{old}-", f"-{NEXT_VERSION}-"), packed.getvalue())


def content_in_next_release(name: str, content: bytes, old: str) -> bytes:
    """Return what a file of the wheel contains in the next version; `old` is the version of this one."""
    if name.endswith("/METADATA"):
        return content.replace(f"\nVersion: {old}\n".encode(), f"\nVersion: {NEXT_VERSION}\n".encode(), 1)
    if name == "pip_resume/__init__.py":
        return f'__version__ = "{NEXT_VERSION}"\n'.encode()
    runs_at_start = name in {"pip_resume/startup.py", "pip_resume/sitecustomize/sitecustomize.py"}
    if name.endswith(".py") and not runs_at_start:
        return b"raise SystemError('loaded after it was replaced')\n"
    return content


def installed_version(pip: Environment, name: str) -> str:
    return pip.run_python("-c", f"from importlib.metadata import version; print(version('{name}'))").stdout.strip()


def assert_each_connection_lost_once(stderr: str, downloads: int) -> None:
    """Each of the downloads reported one lost connection, and nothing else was reported."""
    lines = stderr.splitlines()
    assert len(lines) == downloads, stderr
    assert all("Connection lost" in line for line in lines), stderr


@each_different_pip
def test_the_plugin_and_a_package_are_upgraded_together_and_both_downloads_are_resumed(
    environments: Environments, http_server: FaultServer, next_release: Artifact, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, next_release, BIG, then=Then.RESET)

    result = pip.run("install", "--no-deps", "-U", *index_options(http_server), "pip-resume", "big")

    assert result.returncode == 0, result.text
    assert_each_connection_lost_once(result.stderr, downloads=2)
    assert (installed_version(pip, "pip-resume"), installed_version(pip, "big")) == (NEXT_VERSION, "1.0")
    for artifact in (next_release, BIG):
        assert http_server.statuses(artifact.path) == [200, 206]
        assert_resumed_at_half(http_server, artifact)


def test_pip_installs_reinstalls_upgrades_and_removes_the_plugin_while_it_is_switched_on(
    environments: Environments, http_server: FaultServer, this_release: Artifact, next_release: Artifact
) -> None:
    publish(http_server, this_release, next_release)
    pip = environments.without_plugin(NEWEST_PIP)
    before = set(pip.site_packages.iterdir())
    install = ("-m", "pip", "install", "--no-deps", *index_options(http_server))
    this = f"pip-resume=={pip_resume.__version__}"

    imported_modules(pip, *install, this, switch="1")
    assert DOWNLOAD_STEP in imported_modules(pip, *install, "--force-reinstall", this, switch="1")
    assert DOWNLOAD_STEP in imported_modules(pip, *install, "--upgrade", "pip-resume", switch="1")
    shown = run_switched(pip, "-c", "import pip_resume; print(pip_resume.__version__)", switch="1")
    assert (shown.stdout, shown.stderr) == (f"{NEXT_VERSION}\n", "")
    imported_modules(pip, "-m", "pip", "uninstall", "--yes", "pip-resume", switch="1")
    assert set(pip.site_packages.iterdir()) == before
    imported_modules(pip, "-c", "pass", switch="1")


@each_different_pip
def test_uninstalling_the_plugin_leaves_no_files_and_plain_pip_downloads(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(http_server, BIG)

    removed = pip.run("uninstall", "--yes", "pip-resume")
    result = pip.run("download", "--no-deps", *index_options(http_server), "big")

    assert (removed.returncode, removed.stderr) == (0, "")
    assert [path.name for path in pip.site_packages.iterdir() if "pip_resume" in path.name] == []
    assert (result.returncode, result.stderr) == (0, "")
    assert (pip.work / BIG.filename).read_bytes() == BIG.content


def test_pip_and_a_package_are_upgraded_together_and_both_downloads_are_resumed(
    environments: Environments, http_server: FaultServer, templates: Templates
) -> None:
    pip = environments.with_plugin("23.2.1")
    wheel = templates.pip_wheel(NEWEST_PIP)
    newest = Artifact(wheel.name, wheel.read_bytes())
    publish_broken(http_server, newest, BIG, then=Then.RESET)

    result = pip.run("install", "-U", *index_options(http_server), "pip", "big")

    assert result.returncode == 0, result.text
    assert_each_connection_lost_once(result.stderr, downloads=2)
    assert (installed_version(pip, "pip"), installed_version(pip, "big")) == (NEWEST_PIP, "1.0")
    for artifact in (newest, BIG):
        assert http_server.statuses(artifact.path) == [200, 206]

    publish_broken(http_server, OTHER, then=Then.RESET)
    afterwards = pip.run("download", "--no-deps", *index_options(http_server), "other")

    assert afterwards.returncode == 0, afterwards.text
    assert http_server.statuses(OTHER.path) == [200, 206]

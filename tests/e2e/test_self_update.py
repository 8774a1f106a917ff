"""pip replaces or removes us, or itself, in the very run that downloads through us."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest
from e2e.halves import BIG, TWICE_AT_MOST, breaks_once, held_files, offer_broken
from e2e.real_pip import Environment, Environments, index_options
from e2e.workshop import Workshop
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, publish, record_hash

VERSION = "99.0"
PIPS = ["21.3.1", "25.0.1", "26.3"]


@pytest.fixture(scope="session")
def next_release(built_wheel: Path) -> Artifact:
    """Our wheel as a later version, whose modules fail when they are loaded in the middle of a run of the former one.

    With a payload of 2 MB, so that it is worth keeping.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(built_wheel) as current, zipfile.ZipFile(packed, "w") as changed:
        _, old, _ = built_wheel.name.split("-", 2)
        for name in current.namelist():
            if not name.endswith("/RECORD"):
                changed.writestr(name.replace(f"-{old}.", f"-{VERSION}."), change(name, current.read(name), old))
        changed.writestr("pip_resume/payload.bin", BIG.content[:2_000_000])
        rows = [f"{name},{record_hash(changed.read(name))}," for name in changed.namelist()]
        record = f"pip_resume-{VERSION}.dist-info/RECORD"
        changed.writestr(record, "\n".join([*rows, f"{record},,", ""]))
    return Artifact(built_wheel.name.replace(f"-{old}-", f"-{VERSION}-"), packed.getvalue())


def change(name: str, content: bytes, old: str) -> bytes:
    if name.endswith("/METADATA"):
        return content.replace(f"\nVersion: {old}\n".encode(), f"\nVersion: {VERSION}\n".encode(), 1)
    if name == "pip_resume/__init__.py":
        return f'__version__ = "{VERSION}"\n'.encode()
    is_start_up = name in {"pip_resume/startup.py", "pip_resume/sitecustomize/sitecustomize.py"}
    return (
        b"raise SystemError('loaded after it was replaced')\n" if name.endswith(".py") and not is_start_up else content
    )


def shown_version(pip: Environment, name: str) -> str:
    return pip.run_python("-c", f"from importlib.metadata import version; print(version('{name}'))").stdout.strip()


@pytest.mark.parametrize("pip_version", PIPS)
def test_we_are_upgraded_beside_another_package_and_both_downloads_go_on_after_a_break(
    environment: Environments, http_server: FaultServer, next_release: Artifact, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, next_release, BIG, then=Then.RESET)

    result = pip.run("install", "--no-deps", "-U", *index_options(http_server), "pip-resume", "big")

    assert result.returncode == 0, result.text
    assert all("Connection lost" in line for line in result.stderr.splitlines()), result.stderr
    assert (shown_version(pip, "pip-resume"), shown_version(pip, "big")) == (VERSION, "1.0")
    for artifact in (next_release, BIG):
        assert http_server.statuses(artifact.path) == [200, 206]
        assert http_server.fetched_twice(artifact.path) <= TWICE_AT_MOST
    assert held_files(pip.cache_dir) == []


@pytest.mark.parametrize("pip_version", PIPS)
def test_uninstalling_us_leaves_nothing_and_the_next_download_is_plain_pips(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    publish(http_server, BIG)

    removed = pip.run("uninstall", "--yes", "pip-resume")
    result = pip.run("download", "--no-deps", *index_options(http_server), "big")

    assert (removed.returncode, removed.stderr) == (0, "")
    assert [path.name for path in pip.site_packages.iterdir() if "pip_resume" in path.name] == []
    assert (result.returncode, result.stderr) == (0, "")
    assert (pip.work / BIG.filename).read_bytes() == BIG.content


def test_pip_is_upgraded_beside_another_package_and_both_downloads_go_on_after_a_break(
    environment: Environments, http_server: FaultServer, workshop: Workshop
) -> None:
    pip = environment("23.2.1")
    wheel = workshop.pip_wheel("26.3" if sys.version_info >= (3, 10) else "25.3")
    newest = Artifact(wheel.name, wheel.read_bytes())
    _, newest_version, _ = newest.filename.split("-", 2)
    offer_broken(http_server, newest, BIG, then=Then.RESET)

    result = pip.run("install", "-U", *index_options(http_server), "pip", "big")

    assert result.returncode == 0, result.text
    assert all("Connection lost" in line for line in result.stderr.splitlines()), result.stderr
    assert (shown_version(pip, "pip"), shown_version(pip, "big")) == (newest_version, "1.0")
    for artifact in (newest, BIG):
        assert http_server.statuses(artifact.path) == [200, 206]

    breaks_once(http_server, BIG, Then.RESET)
    http_server.forget()
    afterwards = pip.run("download", "--no-deps", *index_options(http_server), "big")

    assert afterwards.returncode == 0, afterwards.text
    assert http_server.statuses(BIG.path) == [200, 206]

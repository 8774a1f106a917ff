"""The core of what is promised, in every pip: by default one of each kind, with --all-pips all, on two Pythons each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Callable

import pytest
from e2e.halves import BIG, BLOCK_BYTES, OVERLAP_BYTES, half, held_files, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from e2e.running import Result
from e2e.workshop import python_version
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, noise, sdist_artifact

SDIST = sdist_artifact("source", size=2_000_000)
PAYLOADS = {BIG.filename: noise(3_000_000, 0), SDIST.filename: noise(2_000_000, 0)}


@dataclasses.dataclass(frozen=True)
class Scene:
    """A pip, and an index over https that it trusts."""

    pip: Environment
    server: FaultServer
    certificates: Certificates

    def install(self, *arguments: str | Path, artifact: Artifact = BIG) -> Result:
        """Install into a directory of its own; it has to come off, and to be the right file."""
        target = self.pip.new_target()
        result = self.pip.run(*self.command(target), *(arguments or [artifact.project]))
        assert result.returncode == 0, result.text
        (payload,) = target.glob("*/payload.bin")
        assert payload.read_bytes() == PAYLOADS[artifact.filename]
        assert held_files(self.pip.cache_dir) == []
        return result

    def command(self, target: Path) -> tuple[str, ...]:
        return ("install", "--no-deps", "--target", str(target), *index_options(self.server, self.certificates))

    def starts(self, artifact: Artifact = BIG) -> list[int]:
        """The first-pos of each request for the file."""
        return [int((asked or "bytes=0-")[6:-1]) for asked in self.server.asked_ranges(artifact.path)]


def is_at_the_cut(starts: list[int], artifact: Artifact = BIG) -> bool:
    """One request for all, and one that goes on where the first ended."""
    first, second = starts
    return first == 0 and half(artifact) - BLOCK_BYTES <= second <= half(artifact)


def one_cut(scene: Scene) -> None:
    offer_broken(scene.server, BIG, then=Then.CLOSE)
    scene.install()
    assert is_at_the_cut(scene.starts())


def kill_and_run_again(scene: Scene) -> None:
    offer_broken(scene.server, BIG)
    running = scene.pip.start(*scene.command(scene.pip.new_target()), BIG.project)
    wait_until_half_is_held(scene.server, BIG, scene.pip.cache_dir)
    running.kill()
    running.wait()
    scene.install()
    first, second = scene.starts()
    assert first == 0
    assert half(BIG) - BLOCK_BYTES - OVERLAP_BYTES <= second <= half(BIG) - OVERLAP_BYTES


def tls_fault(scene: Scene) -> None:
    offer_broken(scene.server, BIG, then=Then.BAD_MAC)
    scene.install()
    assert is_at_the_cut(scene.starts())


def cached_afterwards(scene: Scene) -> None:
    offer_broken(scene.server, BIG, then=Then.CLOSE)
    scene.install()
    scene.server.forget()
    scene.pip.variables["PIP_RESUME"] = "0"
    assert "Using cached" in scene.install().text
    assert scene.starts() == []


def no_cache(scene: Scene) -> None:
    offer_broken(scene.server, BIG, then=Then.CLOSE)
    scene.install("--no-cache-dir", BIG.project)
    assert is_at_the_cut(scene.starts())
    assert not scene.pip.cache_dir.exists()


def hashes(scene: Scene) -> None:
    offer_broken(scene.server, dataclasses.replace(BIG, hashes=()), then=Then.CLOSE)
    requirements = scene.pip.work / "requirements.txt"
    requirements.write_text(f"{BIG.project}==1.0 --hash=sha256:{BIG.sha256}\n")
    scene.install("--require-hashes", "-r", requirements)
    assert is_at_the_cut(scene.starts())


def sdist(scene: Scene) -> None:
    offer_broken(scene.server, SDIST, then=Then.CLOSE)
    scene.install(artifact=SDIST)
    assert is_at_the_cut(scene.starts(SDIST), SDIST)


CASES: dict[str, Callable[[Scene], None]] = {
    "one cut": one_cut,
    "kill and run again": kill_and_run_again,
    "TLS error": tls_fault,
    "cached afterwards": cached_afterwards,
    "no cache": no_cache,
    "hashes": hashes,
    "sdist": sdist,
}


@pytest.mark.parametrize("case", CASES)
def test_every_pip_resumes(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    python: Path,
    case: str,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("pip", pip_version)
    record_property("python", "{}.{}".format(*python_version(python)))
    record_property("case", case)
    CASES[case](Scene(environment(pip_version, python), https_server, certificates))

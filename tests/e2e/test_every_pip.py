"""The core of what the plugin promises, in every pip: one of each kind, or with --all-pips all, on two Pythons each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Callable

import pytest
from e2e.broken_downloads import (
    BIG,
    assert_resumed_at_half,
    index_options,
    kill_at_half,
    payload,
    publish_broken,
    stored_files,
)
from environments.environment import Environment, Environments
from environments.processes import Result
from environments.pythons import python_version
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, sdist_artifact

SDIST = sdist_artifact("source", size=2_000_000)


@dataclasses.dataclass(frozen=True)
class Setting:
    """A pip with the plugin, and an index over https that it trusts."""

    pip: Environment
    server: FaultServer
    certificates: Certificates

    def install(self, *arguments: str | Path, artifact: Artifact = BIG) -> Result:
        """Install the file into a new directory, which has to succeed, and to install the right bytes."""
        target = self.pip.new_target()
        result = self.pip.run(*self.install_command(target), *(arguments or [artifact.project]))
        assert result.returncode == 0, result.text
        (installed,) = target.glob("*/payload.bin")
        assert installed.read_bytes() == payload(artifact)
        assert stored_files(self.pip.cache_dir) == []
        return result

    def install_command(self, target: Path) -> tuple[str, ...]:
        return ("install", "--no-deps", "--target", str(target), *index_options(self.server, self.certificates))


def one_break(setting: Setting) -> None:
    publish_broken(setting.server, BIG, then=Then.CLOSE)
    setting.install()
    assert_resumed_at_half(setting.server, BIG)


def killed_and_run_again(setting: Setting) -> None:
    publish_broken(setting.server, BIG)
    command = setting.install_command(setting.pip.new_target())
    kill_at_half(setting.pip, setting.server, BIG, *command, BIG.project)
    setting.install()
    assert_resumed_at_half(setting.server, BIG, is_later_run=True)


def tls_error(setting: Setting) -> None:
    publish_broken(setting.server, BIG, then=Then.BAD_MAC)
    setting.install()
    assert_resumed_at_half(setting.server, BIG)


def cached_afterwards(setting: Setting) -> None:
    publish_broken(setting.server, BIG, then=Then.CLOSE)
    setting.install()
    setting.server.forget()
    setting.pip.variables["PIP_RESUME"] = "0"
    assert "Using cached" in setting.install().text
    assert setting.server.requests(BIG.path) == []


def without_cache(setting: Setting) -> None:
    publish_broken(setting.server, BIG, then=Then.CLOSE)
    setting.install("--no-cache-dir", BIG.project)
    assert_resumed_at_half(setting.server, BIG)
    assert not setting.pip.cache_dir.exists()


def hash_of_requirements_file(setting: Setting) -> None:
    publish_broken(setting.server, dataclasses.replace(BIG, hashes=()), then=Then.CLOSE)
    requirements = setting.pip.work / "requirements.txt"
    requirements.write_text(f"{BIG.project}==1.0 --hash=sha256:{BIG.sha256}\n")
    setting.install("--require-hashes", "-r", requirements)
    assert_resumed_at_half(setting.server, BIG)


def source_distribution(setting: Setting) -> None:
    publish_broken(setting.server, SDIST, then=Then.CLOSE)
    setting.install(artifact=SDIST)
    assert_resumed_at_half(setting.server, SDIST)


CASES: dict[str, Callable[[Setting], None]] = {
    "one break": one_break,
    "killed and run again": killed_and_run_again,
    "TLS error": tls_error,
    "cached afterwards": cached_afterwards,
    "no cache": without_cache,
    "--require-hashes": hash_of_requirements_file,
    "sdist": source_distribution,
}


@pytest.mark.parametrize("case", CASES)
def test_every_pip_resumes(
    environments: Environments,
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
    CASES[case](Setting(environments.with_plugin(pip_version, python), https_server, certificates))

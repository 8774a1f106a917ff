"""The clients: pips without and with pip-resume, uv and wget, each as the command that downloads the wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.environments import build_wheel, get_pip, make_pair
from benchmarks.environments import variables as isolated_variables
from network.offer import INDEX_URL, PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.environments import Environment

PIPS = ("26.3", "23.2.1")
NAMES = (*(f"{kind}-{version}" for version in PIPS for kind in ("plain", "ours")), "uv", "wget")


@dataclass(frozen=True)
class Client:
    """A program, run in an empty directory, which downloads or installs the wheel there."""

    key: str
    """One of `NAMES`."""
    title: str
    """With the version."""
    command: tuple[str, ...]
    switches: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        return self.key.startswith("ours-")

    def variables(self, home: Path) -> dict[str, str]:
        """Return all environment variables of its process, which writes below `home` only."""
        return isolated_variables(home, {"UV_CACHE_DIR": str(home / "cache"), **self.switches})


def pip_client(environment: Environment, ca_file: Path, *options: str) -> Client:
    """Return `pip download` in this environment."""
    version, is_ours = environment.pip_version, bool(environment.variables)
    command = environment.pip("download", "--no-deps", "--dest", ".", "--progress-bar", "off")
    command += ["--index-url", INDEX_URL, "--cert", str(ca_file), *options, PROJECT]
    return Client(
        f"ours-{version}" if is_ours else f"plain-{version}",
        f"pip {version} with pip-resume" if is_ours else f"pip {version}",
        tuple(command),
        environment.variables,
    )


def uv_client(directory: Path, ca_file: Path) -> Client:
    """Fetch the newest uv into the directory and return its `uv pip install`."""
    fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(directory), "uv"]
    subprocess.run(fetch, check=True)
    uv = str(directory / "bin" / "uv")
    said = subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout
    command = [uv, "pip", "install", "--python", sys.executable, "--target", ".", "--no-deps", "--no-progress"]
    switches = {"SSL_CERT_FILE": str(ca_file), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    return Client("uv", version_in(said), (*command, "--index-url", INDEX_URL, PROJECT), switches)


def wget_client(file_url: str, ca_file: Path) -> Client | None:
    """Return `wget -c` with its defaults, None if wget is not installed."""
    wget = shutil.which("wget")
    if wget is None:
        return None
    said = subprocess.run([wget, "--version"], check=True, capture_output=True, text=True).stdout
    title = version_in(said.replace("GNU Wget", "wget -c"))
    return Client("wget", title, (wget, "-c", "--progress=dot:mega", f"--ca-certificate={ca_file}", file_url))


def version_in(said: str) -> str:
    """Return the beginning of what a program says of itself, up to its version."""
    match = re.match(r".*?\d+(\.\d+)*", said)
    return match[0] if match else said.strip()


def prepare(names: list[str], directory: Path, ca_file: Path, file_url: str) -> list[Client]:
    """Make the clients of these names, in this order, but those that are not installed."""
    made: dict[str, Client | None] = {}
    for version in (version for version in PIPS if {f"plain-{version}", f"ours-{version}"} & set(names)):
        for client in pip_clients(version, directory, ca_file):
            made[client.key] = client
    if "uv" in names:
        made["uv"] = uv_client(directory / "uv", ca_file)
    if "wget" in names:
        made["wget"] = wget_client(file_url, ca_file)
    return [client for client in (made[name] for name in names) if client is not None]


def pip_clients(version: str, directory: Path, ca_file: Path, *options: str) -> tuple[Client, Client]:
    """Fetch this pip, build the wheel of this checkout, and return pip without and with it."""
    directory.mkdir(parents=True, exist_ok=True)
    wheels = directory / f"our-wheel-{version}"
    pair = make_pair(directory / "pips", get_pip(version, directory / "pip-wheels"), build_wheel(wheels))
    return pip_client(pair.plain, ca_file, *options), pip_client(pair.ours, ca_file, *options)

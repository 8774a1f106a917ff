"""The clients: pips without and with pip-resume, uv and wget, each as the command that downloads the wheel."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from environments.checkout import build_distribution
from environments.pips import fetch_pip, run_machine_pip
from environments.processes import run_checked
from environments.variables import isolated_variables
from environments.virtual_environment import make_virtual_environment
from network.offer import INDEX_URL, PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from environments.virtual_environment import VirtualEnvironment

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
        cache_dir = home / "cache"
        return {
            **isolated_variables(home, home / "tmp", cache_dir),
            "UV_CACHE_DIR": str(cache_dir),
            **self.switches,
        }


def plain_client(version: str, environment: VirtualEnvironment, ca_file: Path) -> Client:
    """Return `pip download` in an environment with this pip."""
    return Client(f"plain-{version}", f"pip {version}", pip_command(environment, ca_file))


def our_client(version: str, environment: VirtualEnvironment, ca_file: Path, *options: str) -> Client:
    """Return `pip download` in an environment with this pip and the plugin, which is switched on."""
    command = pip_command(environment, ca_file, *options)
    return Client(f"ours-{version}", f"pip {version} with pip-resume", command, {"PIP_RESUME": "1"})


def pip_command(environment: VirtualEnvironment, ca_file: Path, *options: str) -> tuple[str, ...]:
    command = environment.pip_command("download", "--no-deps", "--dest", ".", "--progress-bar", "off")
    return (*command, "--index-url", INDEX_URL, "--cert", str(ca_file), *options, PROJECT)


def uv_client(directory: Path, ca_file: Path) -> Client:
    """Fetch the newest uv into the directory and return its `uv pip install`."""
    run_machine_pip("install", "--upgrade", "--target", directory, "uv")
    uv = str(directory / "bin" / "uv")
    command = [uv, "pip", "install", "--python", sys.executable, "--target", ".", "--no-deps", "--no-progress"]
    switches = {"SSL_CERT_FILE": str(ca_file), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    title = version_in(run_checked(uv, "--version"))
    return Client("uv", title, (*command, "--index-url", INDEX_URL, PROJECT), switches)


def wget_client(file_url: str, ca_file: Path) -> Client | None:
    """Return `wget -c` with its defaults, None if wget is not installed."""
    wget = shutil.which("wget")
    if wget is None:
        return None
    title = version_in(run_checked(wget, "--version").replace("GNU Wget", "wget -c"))
    return Client("wget", title, (wget, "-c", "--progress=dot:mega", f"--ca-certificate={ca_file}", file_url))


def version_in(said: str) -> str:
    """Return the beginning of what a program says of itself, up to its version."""
    match = re.match(r".*?\d+(\.\d+)*", said)
    return match[0] if match else said.strip()


def prepare(names: Sequence[str], directory: Path, ca_file: Path, file_url: str) -> list[Client]:
    """Make the clients of these names, in this order, but those that are not installed."""
    made: dict[str, Client | None] = {}
    for version in (version for version in PIPS if {f"plain-{version}", f"ours-{version}"} & set(names)):
        for client in pip_clients(version, directory / version, ca_file):
            made[client.key] = client
    if "uv" in names:
        made["uv"] = uv_client(directory / "uv", ca_file)
    if "wget" in names:
        made["wget"] = wget_client(file_url, ca_file)
    return [client for client in (made[name] for name in names) if client is not None]


def pip_clients(version: str, directory: Path, ca_file: Path) -> tuple[Client, Client]:
    """Fetch this pip, build the wheel of this checkout, and return pip without and with the plugin."""
    pip_wheel, our_wheel = fetch_pip(version, directory / "pip-wheel"), build_distribution(directory / "our-wheel")
    plain = make_virtual_environment(directory / "plain", [pip_wheel])
    ours = make_virtual_environment(directory / "with-plugin", [pip_wheel, our_wheel])
    return plain_client(version, plain, ca_file), our_client(version, ours, ca_file)

"""Real pips in environments of their own, which know no settings of the machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e.running import Result, RunningPip, start_in_terminal, start_with_pipes
from e2e.workshop import Workshop, python_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servers.certificates import Certificates
    from servers.fault_server import FaultServer
    from servers.nginx import Nginx
    from servers.range_server import RangeServer

# Oldest supported, one per shape of the downloader that we replace, newest.
PIPS = ("21.3.1", "23.2.1", "25.0.1", "25.1.1", "26.1", "26.3")
MORE_PIPS = ("22.3.1", "24.0", "24.2", "25.2", "25.3", "26.0", "26.2.1")
# Removed from the standard library in 3.12: distutils, and what pip's pkg_resources used.
NEWEST_PYTHON = {"21.3.1": (3, 11), "22.3.1": (3, 11)}
OLDEST_PYTHON = {"26.1": (3, 10), "26.2.1": (3, 10), "26.3": (3, 10)}


def why_not(pip_version: str, python: tuple[int, int]) -> str | None:
    """Why this pip does not run on this Python; None if it does."""
    if python < OLDEST_PYTHON.get(pip_version, (3, 9)):
        return f"pip {pip_version} needs a newer Python than {python[0]}.{python[1]}"
    if python > NEWEST_PYTHON.get(pip_version, python):
        return f"pip {pip_version} needs an older Python than {python[0]}.{python[1]}"
    return None


def index_options(
    server: FaultServer | RangeServer | Nginx, certificates: Certificates | None = None
) -> tuple[str, ...]:
    """Options that make pip use this server's index, and believe its certificate."""
    trust = ("--cert", str(certificates.ca_file)) if certificates else ()
    return ("--index-url", server.url("/simple/"), *trust)


class Environment:
    """A virtual environment with one pip, its own home, cache and temporary directory.

    `variables` is all the environment that its processes get; a test may change it.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.root = folder / "venv"
        # Hard links: a pip is 500 files. No pip changes a file in place.
        shutil.copytree(template, self.root, symlinks=True, copy_function=os.link)
        self.python = self.root / "bin" / "python"
        self._point_scripts_here()
        (self.site_packages,) = self.root.glob("lib/python*/site-packages")
        self.home, self.cache_dir, self.temporary, self.work = (
            folder / name for name in ("home", "cache", "tmp", "work")
        )
        for each in (self.home, self.temporary, self.work):
            each.mkdir()
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.temporary),
            "PIP_CACHE_DIR": str(self.cache_dir),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
        }
        self._running: list[RunningPip] = []
        self._targets = 0

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 50.0) -> Result:
        """Run `pip` with these arguments to its end; `env` comes on top of `variables`."""
        return self.start(*arguments, env=env).wait(timeout)

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> RunningPip:
        """Start `pip`; it is killed at the end of the test if it still runs."""
        running = start_with_pipes(self._pip(arguments), {**self.variables, **(env or {})}, self.work)
        self._running.append(running)
        return running

    def run_in_terminal(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 50.0
    ) -> Result:
        """As `run`, in a terminal of 120 columns; all output is in `stdout`."""
        return self.start_in_terminal(*arguments, env=env).wait(timeout)

    def start_in_terminal(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> RunningPip:
        """As `start`, in a terminal of 120 columns."""
        running = start_in_terminal(self._pip(arguments), {**self.variables, **(env or {})}, self.work)
        self._running.append(running)
        return running

    def run_python(self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 50.0) -> Result:
        """Run the environment's Python with the same variables, not pip."""
        command = [str(self.python), *map(str, arguments)]
        return start_with_pipes(command, {**self.variables, **(env or {})}, self.work).wait(timeout)

    def new_target(self) -> Path:
        """A directory for `--target`, not made yet: each installation its own."""
        self._targets += 1
        return self.folder / f"target-{self._targets}"

    def end(self) -> None:
        """Kill what still runs, wait for it, and remove the largest part."""
        for running in self._running:
            running.kill()
            running.wait()
        shutil.rmtree(self.root)

    def _pip(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [str(self.python), "-m", "pip", *map(str, arguments)]

    def _point_scripts_here(self) -> None:
        """Scripts name the Python of the template in their first line."""
        for script in (path for path in (self.root / "bin").iterdir() if path.is_file() and not path.is_symlink()):
            first, newline, rest = script.read_bytes().partition(b"\n")
            if first.startswith(b"#!") and b"python" in first:
                script.unlink()
                script.write_bytes(b"#!" + bytes(self.python) + newline + rest)
                script.chmod(0o755)


class Environments:
    """Makes environments for one test and ends what runs in them; skips the test if there can be none.

        pip = environment("26.3")
        plain = environment.without_plugin("26.3")

    With the plugin, PIP_RESUME=1 is among the variables.
    """

    def __init__(self, folder: Path, workshop: Workshop) -> None:
        self._folder = folder
        self._workshop = workshop
        self._made: list[Environment] = []

    def __call__(self, pip_version: str, python: Path = Path(sys.executable)) -> Environment:
        """With that pip and the plugin, switched on."""
        made = self._make(pip_version, python, self._workshop.our_wheel())
        made.variables["PIP_RESUME"] = "1"
        return made

    def without_plugin(self, pip_version: str, python: Path = Path(sys.executable)) -> Environment:
        """With that pip alone."""
        return self._make(pip_version, python, None)

    def end(self) -> None:
        for each in self._made:
            each.end()

    def _make(self, pip_version: str, python: Path, our_wheel: Path | None) -> Environment:
        reason = why_not(pip_version, python_version(python))
        if reason:
            pytest.skip(reason)
        template = self._workshop.template(python, self._workshop.pip_wheel(pip_version), our_wheel)
        folder = self._folder / f"environment-{len(self._made)}"
        folder.mkdir()
        self._made.append(Environment(folder, template))
        return self._made[-1]

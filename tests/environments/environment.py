"""Environments for tests: a copy of a template each, which the settings of this machine do not reach."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from environments.pips import why_unsupported
from environments.processes import Result, RunningProcess, start_in_terminal, start_with_pipes
from environments.pythons import THIS_PYTHON, python_version
from environments.variables import isolated_variables
from environments.virtual_environment import VirtualEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from environments.templates import Templates


class Environment(VirtualEnvironment):
    """A virtual environment with its own home, cache, temporary and current directory.

    `variables` are all the environment variables of its processes; a test may change them.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        super().__init__(folder / "venv")
        # Hard links, because a pip is 500 files. No pip changes a file in place; a test has to use `rewrite`.
        shutil.copytree(template, self.root, symlinks=True, copy_function=os.link)
        self._point_scripts_here()
        self.folder = folder
        self.home = folder / "home"
        self.cache_dir = folder / "cache"
        self.temporary = folder / "tmp"
        self.work = folder / "work"
        for directory in (self.home, self.temporary, self.work):
            directory.mkdir()
        self.variables = isolated_variables(self.home, self.temporary, self.cache_dir)
        self._running: list[RunningProcess] = []
        self._targets = 0

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = 50.0) -> Result:
        """Run `pip` with these arguments to its end; `env` is added to `variables`."""
        return self.start(*arguments, env=env).wait(timeout_s)

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> RunningProcess:
        """Start `pip`; it is killed at the end of the test if it still runs."""
        return self._start_command(self.pip_command(*arguments), env)

    def run_in_terminal(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
        """Run `pip` in a terminal of 120 columns; all its output is in `stdout`."""
        return self.start_in_terminal(*arguments, env=env).wait()

    def start_in_terminal(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> RunningProcess:
        """Start `pip` in a terminal of 120 columns."""
        running = start_in_terminal(self.pip_command(*arguments), {**self.variables, **(env or {})}, self.work)
        self._running.append(running)
        return running

    def run_python(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = 50.0
    ) -> Result:
        """Run the Python of the environment to its end, with the same variables as `pip`."""
        return self.start_python(*arguments, env=env).wait(timeout_s)

    def start_python(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> RunningProcess:
        """Start the Python of the environment; it is killed at the end of the test if it still runs."""
        return self._start_command([str(self.python), *map(str, arguments)], env)

    def run_at_start(self, code: str) -> None:
        """Have each Python of the environment run this code once when it starts, after the plugin's `.pth` file.

        A sitecustomize would not do: Debian's own, in the standard library, hides the one in an environment.
        """
        (self.site_packages / "code_of_the_test.py").write_text(code)
        # The files are read in the order of their names, and some Pythons read them twice: a module runs once.
        (self.site_packages / "zz_code_of_the_test.pth").write_text("import code_of_the_test\n")

    def new_target(self) -> Path:
        """Return a directory that does not exist yet, for `--target` or `--dest`."""
        self._targets += 1
        return self.folder / f"target-{self._targets}"

    def remove(self) -> None:
        """Kill what still runs, wait for its end, and remove the virtual environment."""
        for running in self._running:
            running.kill_and_wait()
        shutil.rmtree(self.root)

    def _start_command(self, command: list[str], env: Mapping[str, str] | None) -> RunningProcess:
        running = start_with_pipes(command, {**self.variables, **(env or {})}, self.work)
        self._running.append(running)
        return running

    def _point_scripts_here(self) -> None:
        """Replace the Python of the template in the first line of each script."""
        for script in (path for path in self.scripts.iterdir() if path.is_file() and not path.is_symlink()):
            first, newline, rest = script.read_bytes().partition(b"\n")
            if first.startswith(b"#!") and b"python" in first:
                rewrite(script, b"#!" + bytes(self.python) + newline + rest)
                script.chmod(0o755)


class Environments:
    """Makes the environments of one test, and removes them.

    A test is skipped if a pip cannot be fetched, or does not run on the Python.

    pip = environments.with_plugin("26.3")
    plain = environments.without_plugin("26.3")
    """

    def __init__(self, folder: Path, templates: Templates) -> None:
        self._folder = folder
        self._templates = templates
        self._made: list[Environment] = []

    def with_plugin(self, pip_version: str, python: Path = THIS_PYTHON) -> Environment:
        """Make an environment with this pip and the plugin; PIP_RESUME=1 is among its variables."""
        made = self._make(python, self._pip_wheel(pip_version, python), self._templates.our_wheel())
        made.variables["PIP_RESUME"] = "1"
        return made

    def without_plugin(self, pip_version: str, python: Path = THIS_PYTHON) -> Environment:
        """Make an environment with this pip alone."""
        return self._make(python, self._pip_wheel(pip_version, python))

    def without_pip(self) -> Environment:
        """Make an environment with nothing installed."""
        return self._make(THIS_PYTHON)

    def remove(self) -> None:
        """Remove all that were made, and end what runs in them."""
        for each in self._made:
            each.remove()

    def _pip_wheel(self, version: str, python: Path) -> Path:
        reason = why_unsupported(version, python_version(python))
        if reason:
            pytest.skip(reason)
        return self._templates.pip_wheel(version)

    def _make(self, python: Path, *wheels: Path) -> Environment:
        template = self._templates.environment(python, *wheels)
        folder = self._folder / f"environment-{len(self._made)}"
        folder.mkdir()
        self._made.append(Environment(folder, template))
        return self._made[-1]


def rewrite(path: Path, content: bytes) -> None:
    """Replace the content of a file, and not that of its hard links in other environments."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)

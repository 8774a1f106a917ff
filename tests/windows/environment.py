"""Environments with a Windows Python, used as the environments of the other end-to-end tests are."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from environments.environment import Environment
from environments.processes import CommandFailed, Result, run_checked
from environments.templates import Templates, make_once
from environments.variables import scrubbed_variables
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
from windows.kit import fetch_wheels_for_tests, find_archive, make_prefix, unpack_python, wine_variables

PROCESS_TIMEOUT_S = 150.0
"""A pip takes three seconds to start under wine, and several times as long on a busy machine."""


class WindowsEnvironment(Environment):
    """A copy of the Windows Python with its own cache, temporary and current directory; its pip runs under wine."""

    def __init__(self, folder: Path, template: Path, prefix: Path) -> None:
        super().__init__(folder, template)
        windows = {"TEMP": str(self.temporary), "TMP": str(self.temporary), "PIP_CONFIG_FILE": "nul"}
        self.variables.update({**wine_variables(prefix), **windows})

    @property
    def site_packages(self) -> Path:
        return site_packages_of(self.root)

    def run(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = PROCESS_TIMEOUT_S
    ) -> Result:
        return super().run(*arguments, env=env, timeout_s=timeout_s)

    def run_python(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = PROCESS_TIMEOUT_S
    ) -> Result:
        return super().run_python(*arguments, env=env, timeout_s=timeout_s)


class WindowsEnvironments:
    """Makes the environments of one test, and removes them.

    What does not depend on the checkout is in `for_later_runs`.
    """

    def __init__(self, folder: Path, templates: Templates, for_this_run: Path, for_later_runs: Path) -> None:
        self._folder = folder
        self._templates = templates
        self._for_this_run = for_this_run
        self._for_later_runs = for_later_runs
        self._made: list[WindowsEnvironment] = []

    @property
    def prefix(self) -> Path:
        """The wine prefix that all environments share."""
        return self._for_later_runs / "prefix"

    def with_plugin(self, pip_version: str) -> WindowsEnvironment:
        """Make an environment with this pip and the plugin; PIP_RESUME=1 is among its variables."""
        made = self.with_wheels(pip_version, self._templates.our_wheel())
        made.variables["PIP_RESUME"] = "1"
        return made

    def without_plugin(self, pip_version: str) -> WindowsEnvironment:
        """Make an environment with this pip alone."""
        return self.with_wheels(pip_version)

    def with_wheels(self, pip_version: str, *wheels: Path) -> WindowsEnvironment:
        """Make an environment with this pip and these wheels."""
        template = self._python_with(pip_version)
        if wheels:
            names = " ".join(wheel.name for wheel in wheels)
            name = f"{template.name}-with-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
            add = functools.partial(self._add_to_copy, template, wheels)
            template = make_once(self._for_this_run / name, add)
        folder = self._folder / f"windows-{len(self._made)}"
        folder.mkdir()
        self._made.append(WindowsEnvironment(folder, template, self.prefix))
        return self._made[-1]

    def for_tests(self) -> WindowsEnvironment:
        """Make an environment that can run the tests of this project. Skip the test if what it needs is missing."""
        try:
            folder = make_once(self._for_later_runs / "wheels-for-tests", fetch_wheels_for_tests)
        except CommandFailed as error:
            pytest.skip(f"the wheels for Windows cannot be fetched: {str(error).strip().splitlines()[-1]}")
        return self.with_wheels("26.3", *sorted(folder.glob("*.whl")))

    def remove(self) -> None:
        """Remove all that were made, and end what runs in them."""
        for each in self._made:
            each.remove()

    def _python_with(self, pip_version: str) -> Path:
        archive = find_archive()
        assert archive is not None
        make_once(self.prefix, make_prefix)

        def make(root: Path) -> None:
            unpack_python(archive, root)
            self._add(root, self._templates.pip_wheel(pip_version))

        return make_once(self._for_later_runs / f"{archive.stem}-pip-{pip_version}", make)

    def _add_to_copy(self, template: Path, wheels: tuple[Path, ...], root: Path) -> None:
        shutil.copytree(template, root, copy_function=os.link, dirs_exist_ok=True)
        self._add(root, *wheels)

    def _add(self, root: Path, *wheels: Path) -> None:
        """Install wheels, compiled: otherwise each copy of the environment would compile its modules again."""
        packages = site_packages_of(root)
        scheme = dict.fromkeys(("purelib", "platlib"), str(packages))
        scheme.update(scripts=str(root / "Scripts"), data=str(root), headers=str(root / "include"))
        destination = SchemeDictionaryDestination(scheme, "python.exe", "win-amd64")
        for wheel in wheels:
            with WheelFile.open(wheel) as source:
                install(source, destination, {"INSTALLER": b"installer\n"})
        variables = {**scrubbed_variables(), **wine_variables(self.prefix), "HOME": str(self._folder)}
        run_checked(root / "bin/python", "-I", "-m", "compileall", "-q", packages, variables=variables)


def site_packages_of(root: Path) -> Path:
    """Return where packages are in an unpacked Windows Python."""
    return root / "lib" / "site-packages"

"""What a Python of an environment imports, which shows whether the plugin is switched on, and reaches pip."""

from __future__ import annotations

import shutil
from pathlib import Path

from environments.checkout import HOOK, PACKAGE, copy_package
from environments.environment import Environment
from environments.processes import Result

from pip_resume.settings import SWITCH

PIPS_DOWNLOAD_MODULE = "pip._internal.network.download"
DOWNLOAD_STEP = "pip_resume.inside_pip.download_step"
"""Imported when the plugin replaces pip's download step."""
LOADED_AT_START = {"pip_resume", "pip_resume.startup"}
"""The modules of the plugin in a Python that was started with the switch set and has not loaded pip's."""

PRINT_HOOKS = (
    "import sys; print('armed', [type(finder).__module__ for finder in sys.meta_path].count('pip_resume.startup'))"
)
"""A script that prints how many import hooks the plugin has installed in its process."""


def add_plugin(environment: Environment) -> None:
    """Put the package and the .pth file of the checkout into an environment, where the wheel puts them."""
    copy_package(environment.site_packages)
    shutil.copy(PACKAGE / HOOK, environment.site_packages)


def run_switched(pip: Environment, *arguments: str | Path, switch: str | None = None, **variables: str) -> Result:
    """Run the Python of an environment with this value of PIP_RESUME; None leaves the variable unset."""
    pip.variables.pop(SWITCH, None)
    return pip.run_python(*arguments, env=variables if switch is None else {SWITCH: switch, **variables})


def imported_modules(pip: Environment, *arguments: str | Path, switch: str | None = None, **variables: str) -> set[str]:
    """Do the same, which has to succeed without output on standard error; return the names of all imported modules."""
    finished = run_switched(pip, "-X", "importtime", *arguments, switch=switch, **variables)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stderr.splitlines()
    assert not [line for line in lines if not line.startswith(("import time:", f"WARNING: {SWITCH} is"))]
    return {line.rpartition("|")[2].strip() for line in lines}


def modules_of_the_plugin(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "pip_resume"}


def pip_download(wheel: Path) -> tuple[str, ...]:
    """Return arguments of Python with which pip uses its download module, for a wheel on this machine."""
    return ("-m", "pip", "download", "--no-index", "--no-deps", "--dest", str(wheel.parent / "downloaded"), str(wheel))

"""A Windows Python under wine, made from one archive: CPython for Windows without pip, as the tests need it.

The archive is looked for where PIP_RESUME_WINDOWS_KIT says, else in ../shared/windows/ beside the checkout. It is not
part of the repository because of its size. wine is installed from Debian's packages if it is missing.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from environments.checkout import ROOT
from environments.pips import run_machine_pip
from environments.processes import run_checked
from environments.variables import scrubbed_variables
from packaging.requirements import Requirement

ARCHIVES = "python-*-windows-x86_64.zip"
KIT_VARIABLE = "PIP_RESUME_WINDOWS_KIT"
INSTALL_WINE = ("apt-get update -qq", "apt-get install -y -qq --no-install-recommends wine wine64")
PREPARE_TIMEOUT_S = 300.0
# wine answers on standard output and standard error that a file is no file, so both have to be pipes. The loader
# replaces the shell, so that a signal reaches the Windows process.
# A newer cryptography needs bcryptprimitives.dll, which wine 8 does not have. pytest needs colorama on Windows.
MORE_REQUIREMENTS = ("cryptography<42", "colorama")
WINDOWS_PYTHON = (3, 13)
WRAPPER = '#!/bin/sh\nexec wine "$(dirname "$0")/../python.exe" "$@"\n'
SETTINGS = (
    # Version 10 of Windows: CPython 3.13 needs 8.1 or newer.
    (r"HKCU\Software\Wine", "Version", "win10"),
    # A process that crashes ends at once, and waits for no debugger.
    (r"HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug", "Debugger", "false"),
)


def find_archive() -> Path | None:
    """Return the archive with the Windows Python; None if this machine does not have it."""
    folder = Path(os.environ.get(KIT_VARIABLE) or ROOT.parent / "shared" / "windows")
    return max(folder.glob(ARCHIVES), default=None)


def why_missing() -> str | None:
    """Return the reason why no Windows Python can be made here; None if it can."""
    if find_archive() is None:
        return f"no Windows Python: {KIT_VARIABLE} does not name a directory with {ARCHIVES}"
    if shutil.which("wine") is None and (shutil.which("apt-get") is None or os.geteuid() != 0):
        return "wine is not installed, and only root on Debian can install it"
    return None


def install_wine() -> None:
    """Install wine from Debian's packages, unless it is there. Raises CommandFailed."""
    if shutil.which("wine") is None:
        variables = {**scrubbed_variables(), "DEBIAN_FRONTEND": "noninteractive"}
        for command in INSTALL_WINE:
            run_checked(*command.split(), variables=variables, timeout_s=PREPARE_TIMEOUT_S)


def wine_variables(prefix: Path) -> dict[str, str]:
    """Return what a process under wine needs: its prefix, no debug output, and names outside ASCII as they are."""
    return {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "LANG": "C.UTF-8"}


def make_prefix(prefix: Path) -> None:
    """Make a wine prefix that says Windows 10. Raises CommandFailed."""
    # The directory above it exists. wine keeps settings below HOME for nothing but its menus.
    variables = {**scrubbed_variables(), **wine_variables(prefix), "HOME": str(prefix.parent)}
    run_checked("wineboot", "--init", variables=variables, timeout_s=PREPARE_TIMEOUT_S)
    for key, name, value in SETTINGS:
        command = ("wine", "reg", "add", key, "/v", name, "/d", value, "/f")
        run_checked(*command, variables=variables, timeout_s=PREPARE_TIMEOUT_S)
    # The registry is on disk when the server of this prefix has ended.
    subprocess.run(["wineserver", "-w"], env=variables, timeout=PREPARE_TIMEOUT_S, check=True)


def unpack_python(archive: Path, root: Path) -> None:
    """Unpack the Windows Python, and put a script in bin/python that runs it."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(root)
    wrapper = root / "bin" / "python"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER)
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)


def fetch_wheels_for_tests(into: Path) -> None:
    """Download what the tests need on Windows from the package index of this machine. Raises CommandFailed."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    # pip evaluates markers for the Python that runs it, so they are evaluated here.
    wanted = [Requirement(each) for each in groups["test"]]
    version = "{}.{}".format(*WINDOWS_PYTHON)
    here = {"python_version": version, "sys_platform": "win32"}
    names = [f"{each.name}{each.specifier}" for each in wanted if each.marker is None or each.marker.evaluate(here)]
    target = ("--only-binary=:all:", "--platform", "win_amd64", "--python-version", version)
    run_machine_pip("download", *target, "--dest", into, *names, *MORE_REQUIREMENTS, timeout_s=PREPARE_TIMEOUT_S)

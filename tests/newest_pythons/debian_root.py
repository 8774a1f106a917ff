"""A directory with Debian's unstable suite in it, for Pythons that need a newer C library than this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from environments.processes import run_checked
from environments.variables import PROXIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHONS = ("3.14", "3.15")
# Tests of small disks need mount.
PACKAGES = ("ca-certificates", "mount", "nginx-light", *(f"python{version}-venv" for version in PYTHONS))
SUITE = "sid"
# The lists of packages of this suite expire after a week. A mirror whose copy is older has these Pythons as well, and
# its signatures are still checked.
OLD_MIRROR = '--aptopt=Acquire::Check-Valid-Until "false"'
NOT_COPIED = (".git", ".nox", ".ci", ".venv", "__pycache__", ".*_cache", ".hypothesis", ".coverage*", "dist")
CERTIFICATES = "/etc/ssl/certificates-of-the-host.crt"
"""Where the certificates that this machine trusts are in the root. An index may have one of its own."""
# The mounts are in a name space of their own: they end with the processes in it, and nobody else sees them.
ENTER = """
mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"
"""


def why_impossible() -> str | None:
    """Return the reason why no root can be made here; None if it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "needs root, for chroot and mounts"
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "needs Debian, whose apt fetches the Pythons"
    missing = [name for name in ("chroot", "unshare", "mount") if shutil.which(name) is None]
    return f"needs {', '.join(missing)}" if missing else None


def debian_mirror() -> str:
    """Return the URL from which apt gets Debian on this machine. Raises CommandFailed, and ValueError if there is none.

    A derivative of Debian has no suite of the name that is needed.
    """
    targets = run_checked("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages")
    mirrors = [line.partition(" ")[2] for line in targets.splitlines() if line.startswith("Debian ")]
    if not mirrors:
        raise ValueError("apt has no source of Debian itself")
    return mirrors[0]


class DebianRoot:
    """The root, at a path of this machine; made once and then used again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Make the root unless it is there with all packages: two minutes. Raises CommandFailed and ValueError.

        The tool for that is installed with apt if it is missing.
        """
        packages = ",".join(PACKAGES)
        made = self.path / "made-with"
        if not made.exists() or made.read_text() != packages:
            if shutil.which("mmdebstrap") is None:
                run_checked("apt-get", "update", "--quiet")
                run_checked("apt-get", "install", "--yes", "--no-install-recommends", "mmdebstrap")
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            options = ("--quiet", "--variant=apt", OLD_MIRROR, f"--include={packages}")
            run_checked("mmdebstrap", *options, SUITE, self.path, debian_mirror())
            made.write_text(packages)
        shutil.copy("/etc/resolv.conf", self.path / "etc")
        if trusted := trusted_certificates():
            shutil.copy(trusted, self.path / CERTIFICATES.lstrip("/"))

    def copy_checkout(self, checkout: Path) -> str:
        """Copy a checkout into the root, in place of an earlier copy; return where it is in the root."""
        copy = self.path / "checkout"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(checkout, copy, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        return "/checkout"

    def run(self, directory: str, command: Sequence[str], more: Mapping[str, str] | None = None) -> int:
        """Run a command in a directory of the root, its output to that of this process; return its exit status."""
        entering = ("unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, str(self.path))
        variables = {**variables_in_root(), **(more or {})}
        inside = ("env", "-C", directory, *command)
        return subprocess.run([*entering, *inside], env=variables, check=False).returncode


def trusted_certificates() -> str | None:
    """Return the file of certificates that this machine's settings name for pip; None for those of the system."""
    names = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    return next((os.environ[name] for name in names if Path(os.environ.get(name) or "/absent").is_file()), None)


def variables_in_root() -> dict[str, str]:
    """Return the environment variables of processes in the root: of this machine only what reaches the index."""
    names = ("PIP_INDEX_URL", "PIP_TRUSTED_HOST", *PROXIES)
    certificates = {"PIP_CERT": CERTIFICATES} if trusted_certificates() else {}
    return {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        **{name: os.environ[name] for name in names if name in os.environ},
        **certificates,
    }

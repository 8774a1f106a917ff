"""Environment variables of the processes under test."""

from __future__ import annotations

import os
from pathlib import Path

# SYSTEMROOT: without it no Python starts on Windows. Coverage measures subprocesses that get one of the last two.
INHERITED = ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = tuple(
    spelling for name in ("http", "https", "all", "no") for spelling in (f"{name}_proxy", f"{name.upper()}_PROXY")
)


def scrubbed_variables(*, network: bool = False) -> dict[str, str]:
    """Return the few variables of this process that a process under test inherits.

    None of them configures pip, Python, certificates or proxies. With `network` the variables of certificates and
    proxies are included, for a process that connects to other machines.
    """
    names = (*INHERITED, *CERTIFICATES, *PROXIES) if network else INHERITED
    return {name: os.environ[name] for name in names if name in os.environ}


def isolated_variables(home: Path, temporary: Path, cache_dir: Path) -> dict[str, str]:
    """Return all the variables for a pip under test, which then writes below these three directories only."""
    return {
        **scrubbed_variables(),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(temporary),
        "PIP_CACHE_DIR": str(cache_dir),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }

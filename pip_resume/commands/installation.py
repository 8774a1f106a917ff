"""Where this pip-resume came from, and the command that installs it again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib import metadata
from typing import Callable
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pip_resume import __version__

_PROJECT = "pip-resume"


def source() -> str:
    """Return what pip installed: a path or a URL, else the project with its version, which an index has.

    Raises nothing: a damaged installation may have lost its metadata.
    """
    try:
        # PEP 610: pip writes this file for everything that is not from an index.
        return source_in(metadata.distribution(_PROJECT).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        return source_in("{}")


def source_in(direct_url: str) -> str:
    """Return what the content of a `direct_url.json` says. Raises ValueError, AttributeError if it is damaged."""
    origin = json.loads(direct_url)
    url = urlsplit(str(origin.get("url", "")))
    system = origin.get("vcs_info", {}).get("vcs", "")
    if url.scheme == "file" and not system:
        return url2pathname(url.path)
    if url.scheme in ("file", "http", "https") and "@" not in url.netloc:
        return f"{system}+{url.geturl()}" if system else url.geturl()
    return f"{_PROJECT}=={__version__}"


def newer_than(installed: str) -> str:
    """Return what to install for a newer version: the same path or URL, else a requirement for the same index."""
    return installed.replace("==", ">") if installed.startswith(f"{_PROJECT}==") else installed


def reinstall_arguments(quote: Callable[[str], str]) -> str:
    """Return the arguments for Python that repair this installation. ``quote`` makes one word of a path or URL."""
    return f"-m pip install --force-reinstall --no-deps {quote(source())}"


def upgrade_arguments(quote: Callable[[str], str]) -> str:
    """Return the arguments for Python that install a newer version from where this one came."""
    return f"-m pip install --upgrade {quote(newer_than(source()))}"


def reinstall_command() -> str:
    """Return the command that repairs this installation."""
    return f"{_quoted(sys.executable)} {reinstall_arguments(_quoted)}"


def _quoted(word: str) -> str:
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)

"""Where this pip-resume came from, and the command that installs it again."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
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
        origin = json.loads(metadata.distribution(_PROJECT).read_text("direct_url.json") or "{}")
        url = urlsplit(str(origin.get("url", "")))
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        url = urlsplit("")
    if url.scheme == "file":
        return url2pathname(url.path)
    return url.geturl() if url.scheme in ("http", "https") and "@" not in url.netloc else f"{_PROJECT}=={__version__}"


def reinstall_command() -> str:
    """Return the command that repairs this installation."""
    return f"{sys.executable} -m pip install --force-reinstall --no-deps {shlex.quote(source())}"

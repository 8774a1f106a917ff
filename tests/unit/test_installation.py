"""What a hint names that installs pip-resume again: the path, the URL or the version that was installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pip_resume import __version__
from pip_resume.commands.installation import newer_than, source_in

VERSION = f"pip-resume=={__version__}"
CHECKOUT = "https://github.com/pip-resume/pip-resume"


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        pytest.param({}, VERSION, id="from an index"),
        pytest.param({"url": "file:///a%20b", "dir_info": {}}, str(Path("/a b")), id="a directory"),
        pytest.param({"url": "file:///x/y.whl", "archive_info": {}}, str(Path("/x/y.whl")), id="a wheel"),
        pytest.param({"url": "https://h/y.whl", "archive_info": {}}, "https://h/y.whl", id="the URL of a wheel"),
        pytest.param({"url": CHECKOUT, "vcs_info": {"vcs": "git"}}, f"git+{CHECKOUT}", id="a repository"),
        pytest.param({"url": "file:///x", "vcs_info": {"vcs": "git"}}, "git+file:///x", id="a repository on this disk"),
        pytest.param({"url": "https://user:secret@h/y.whl"}, VERSION, id="a URL with a password"),
        pytest.param({"url": "ssh://h/x", "vcs_info": {"vcs": "git"}}, VERSION, id="a scheme that is not known"),
    ],
)
def test_the_source_is_what_pip_installed(origin: dict[str, Any], source: str) -> None:
    assert source_in(json.dumps(origin)) == source


@pytest.mark.parametrize("damaged", ["", "[]", "no JSON"])
def test_a_damaged_record_of_the_source_raises_what_source_catches(damaged: str) -> None:
    with pytest.raises((ValueError, AttributeError)):
        source_in(damaged)


@pytest.mark.parametrize(
    ("installed", "newer"),
    [
        pytest.param("pip-resume==0.1.0", "pip-resume>0.1.0", id="from an index"),
        pytest.param("/a==b", "/a==b", id="a path"),
        pytest.param("https://h/y.whl", "https://h/y.whl", id="a URL"),
    ],
)
def test_a_newer_version_comes_from_the_same_place(installed: str, newer: str) -> None:
    assert newer_than(installed) == newer

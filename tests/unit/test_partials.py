"""Which partial downloads a name on the command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from pip_resume.artifact import canonical_project
from pip_resume.commands.partials import matches
from pip_resume.storage.housekeeping import Entry

KEY = "0a1b2c3d4e5f" + 52 * "9"


def entry(filename: str) -> Entry:
    """Make the entry of a partial; an empty name means that its record cannot be read."""
    return Entry(Path("store"), f"{KEY}.part", 5, 0.0, filename, "host", None, is_newer=False, is_usable=bool(filename))


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        pytest.param("torch-2.3.0-cp311-cp311-linux_x86_64.whl", "torch", id="wheel"),
        pytest.param("ruamel.yaml-0.18-py3-none-any.whl", "ruamel-yaml", id="wheel with a dot"),
        pytest.param("scikit-learn-1.4.tar.gz", "scikit-learn", id="sdist with a dash"),
        pytest.param("archive.zip", "archive-zip", id="no version"),
    ],
)
def test_the_project_is_taken_from_the_file_name(filename: str, project: str) -> None:
    assert canonical_project(filename) == project


@pytest.mark.parametrize(
    ("name", "is_meant"),
    [
        pytest.param("ruamel.yaml", True, id="project"),
        pytest.param("Ruamel_YAML", True, id="project in a different spelling"),
        pytest.param("ruamel", False, id="start of a project"),
        pytest.param("ruamel.yaml-0.18-py3-none-any.whl", True, id="file name"),
        pytest.param("*.whl", True, id="pattern"),
        pytest.param("*.tar.gz", False, id="pattern that does not match"),
        pytest.param(KEY[:12], True, id="key as listed"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_name_is_a_project_a_file_name_a_pattern_or_a_key(name: str, is_meant: bool) -> None:
    assert matches(entry("ruamel.yaml-0.18-py3-none-any.whl"), name) is is_meant


@pytest.mark.parametrize(
    ("name", "is_meant"),
    [
        pytest.param(KEY[:12], True, id="key as listed"),
        pytest.param(KEY, True, id="complete key"),
        pytest.param(KEY[:4], False, id="too short a key"),
        pytest.param("*", True, id="pattern for everything"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_partial_without_a_readable_record_is_meant_by_its_key_or_a_pattern(name: str, is_meant: bool) -> None:
    assert matches(entry(""), name) is is_meant

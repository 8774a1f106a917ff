"""The map of the package: the docstrings of its folders agree with the files and with the layers of import-linter."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pip_resume"
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
LINE = re.compile(r"`(?P<name>[a-z_]+/?)` +\S.*")


def contracts() -> dict[str, dict[str, Any]]:
    """Return the contracts about layers, by the one package that each is for."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return {each["containers"][0]: each for each in linter["contracts"] if each["type"] == "layers"}


def package_name(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts)


def names_in_docstring(folder: Path) -> list[str]:
    """Return the names that have a line in the docstring of a folder, from top to bottom; folders end with /."""
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return [line["name"] for line in map(LINE.fullmatch, docstring.splitlines()) if line]


def names_of_files(folder: Path) -> set[str]:
    """Return the names of the modules in a folder, and of the folders in it that have any; folders end with /."""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return modules | {f"{path.name}/" for path in folder.iterdir() if any(path.glob("*.py"))}


def layers_of(folder: Path) -> list[set[str]]:
    """Return the names in each layer, the top layer first; (x) is a layer that may be absent."""
    return [set(re.findall("[a-z_]+", layer)) for layer in contracts()[package_name(folder)]["layers"]]


@pytest.mark.parametrize("folder", FOLDERS, ids=package_name)
def test_a_docstring_has_one_line_for_each_file(folder: Path) -> None:
    names = names_in_docstring(folder)

    assert sorted(names) == sorted(names_of_files(folder))


@pytest.mark.parametrize("folder", FOLDERS, ids=package_name)
def test_the_lines_of_a_docstring_are_in_the_order_of_the_layers(folder: Path) -> None:
    names = [name.rstrip("/") for name in names_in_docstring(folder)]

    for layer in layers_of(folder):
        assert set(names[: len(layer)]) == layer
        del names[: len(layer)]
    assert names == []


def test_every_folder_has_exhaustive_layers() -> None:
    assert set(contracts()) == {package_name(folder) for folder in FOLDERS}
    assert [name for name, contract in contracts().items() if contract.get("exhaustive") is not True] == []


def test_the_map_of_the_package_fits_on_a_screen() -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))) or ""

    assert len(docstring.splitlines()) <= 24

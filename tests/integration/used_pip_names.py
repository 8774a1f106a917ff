"""The names of pip that `inside_pip` uses, read from its sources, so that each new use is tested from the start."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pip_resume

if TYPE_CHECKING:
    from collections.abc import Iterator

INSIDE_PIP = Path(pip_resume.__file__).parent / "inside_pip"
# What the sources call pip's download module.
ALIASES_OF_DOWNLOAD = ("module", "download_module", "self._module")


def sources() -> Iterator[ast.Module]:
    """Yield the syntax trees of `download_step` and of every module of `inside_pip` that it imports."""
    waiting, seen = ["download_step"], set()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            yield (tree := ast.parse((INSIDE_PIP / f"{module}.py").read_text("utf-8")))
            waiting += [name for package, name in imports_of(tree, "pip_resume.") if package.endswith(".inside_pip")]
            waiting += [module.rpartition(".")[2] for module, _ in imports_of(tree, "pip_resume.inside_pip.")]


def imported_names() -> set[tuple[str, str]]:
    """Return module and name of everything that is imported from pip at run time, except modules."""
    return {(module, name) for module, name in all_imported() if not is_module(f"{module}.{name}")}


def imported_modules() -> set[str]:
    """Return the modules of pip that are used at run time, without the packages that contain them."""
    found = {f"{module}.{name}" if is_module(f"{module}.{name}") else module for module, name in all_imported()}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def all_imported() -> set[tuple[str, str]]:
    return {found for tree in sources() for found in imports_of(tree, "pip.")}


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def imports_of(tree: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of every run-time import from a module whose name starts with `prefix`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix):
            yield from ((node.module or "", alias.name) for alias in node.names)
        yield from imports_of(node, prefix)


def download_module_attributes() -> set[str]:
    """Return every attribute that is read from pip's download module, directly or by `getattr` and `hasattr`."""
    return {name for tree in sources() for name in attributes_of(tree)}


def attributes_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ALIASES_OF_DOWNLOAD:
            yield node.attr
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            owner, name, *_ = node.args
            if ast.unparse(owner) in ALIASES_OF_DOWNLOAD and isinstance(name, ast.Constant):
                yield str(name.value)

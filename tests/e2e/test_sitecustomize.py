"""The plugin on PYTHONPATH: its sitecustomize switches it on, and runs the sitecustomize that it hides."""

from __future__ import annotations

import os
import sysconfig
import zipfile
from pathlib import Path

import pytest
from e2e.imports import (
    DOWNLOAD_STEP,
    LOADED_AT_START,
    PRINT_HOOKS,
    add_plugin,
    imported_modules,
    modules_of_the_plugin,
    pip_download,
    run_switched,
)
from environments.checkout import copy_package
from environments.environment import Environment, Environments
from environments.pips import NEWEST_PIP
from environments.processes import start_with_pipes
from environments.pythons import found_python_2
from environments.variables import scrubbed_variables

PYTHON_2 = found_python_2()
PRINTING = "print('{name}')"
RAISING = "print('{name}'); raise LookupError('of {name}')"
# Removes its own directory from sys.path and imports the next sitecustomize, as some monitoring products do.
IMPORTING_NEXT = """
import os, sys
print('{name}')
here = os.path.dirname(os.path.abspath(__file__))
kept = list(sys.path)
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
del sys.modules['sitecustomize']
try:
    import sitecustomize
finally:
    sys.path[:] = kept
"""
# Runs the first sitecustomize outside of its own directory, which may be one that has run already.
RUNNING_OTHER = """
import os, sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
print('{name}')
here = os.path.dirname(os.path.abspath(__file__))
spec = PathFinder.find_spec('sitecustomize', [entry for entry in sys.path if os.path.abspath(entry) != here])
if spec is not None:
    spec.loader.exec_module(module_from_spec(spec))
"""
SITECUSTOMIZE_OF_PYTHON = Path(sysconfig.get_path("stdlib")) / "sitecustomize.py"
"""Where Debian, Ubuntu and Homebrew have a sitecustomize of their own."""
# The names of entries of PYTHONPATH, which `make_entry` makes.
CONTENTS = {"raising": RAISING, "importer": IMPORTING_NEXT, "runner": RUNNING_OTHER}
FILES = {
    "without": "other.py",
    "directory": "sitecustomize/other.py",
    "package": "sitecustomize/__init__.py",
}


@pytest.fixture
def without_pip(environments: Environments) -> Environment:
    """An environment with neither pip nor the plugin."""
    return environments.without_pip()


@pytest.fixture(scope="module")
def with_pip(shared_environments: Environments) -> Environment:
    """An environment with pip and without the plugin."""
    return shared_environments.without_plugin(NEWEST_PIP)


@pytest.fixture(scope="module")
def hook_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sitecustomize directory of a package that is not installed."""
    return copy_package(tmp_path_factory.mktemp("elsewhere")) / "sitecustomize"


def make_entry(name: str, folder: Path, hook_directory: Path) -> Path:
    """Make what the table of the test calls `name` at `folder`; return the entry of `PYTHONPATH` for it."""
    if name == "ours":
        return hook_directory
    if name == "copy of ours":
        return copy_package(folder) / "sitecustomize"
    if name == "link to ours":
        folder.symlink_to(hook_directory, target_is_directory=True)
    elif name == "zipped":
        with zipfile.ZipFile(folder, "w") as archive:
            archive.writestr("sitecustomize.py", PRINTING.format(name=name))
    elif name != "absent":
        file = folder / FILES.get(name, "sitecustomize.py")
        file.parent.mkdir(parents=True)
        file.write_text(CONTENTS.get(name, PRINTING).format(name=name))
    return folder


@pytest.mark.parametrize("switch", [None, "1"], ids=["off", "on"])
@pytest.mark.parametrize(
    ("order", "printed", "reached"),
    [
        pytest.param(["ours"], ["venv"], True, id="ours, then that of the environment"),
        pytest.param(["ours", "plain"], ["plain"], True, id="ours, one that hides that of the environment"),
        pytest.param(["ours", "importer", "plain"], ["importer", "plain"], True, id="ours, importer, plain"),
        pytest.param(["importer", "ours", "plain"], ["importer", "plain"], True, id="importer, ours, plain"),
        pytest.param(["ours", "runner", "plain"], ["runner", "plain"], True, id="ours, runner, plain"),
        pytest.param(["runner", "ours", "plain"], ["runner", "plain"], True, id="runner, ours, plain"),
        pytest.param(["plain", "ours"], ["plain"], False, id="plain, which hides ours"),
        pytest.param(["ours", "ours", "plain"], ["plain"], True, id="ours twice, plain"),
        pytest.param(["ours", "link to ours", "plain"], ["plain"], True, id="ours, link to ours, plain"),
        pytest.param(["ours", "copy of ours", "plain"], ["plain"], True, id="ours, copy of ours, plain"),
        pytest.param(["ours", "absent", "without", "plain"], ["plain"], True, id="ours, directories without, plain"),
        pytest.param(["ours", "directory", "plain"], ["plain"], True, id="ours, directory of that name, plain"),
        pytest.param(["ours", "package"], ["package"], True, id="ours, package"),
        pytest.param(["ours", "zipped"], ["zipped"], True, id="ours, zip file"),
    ],
)
def test_each_sitecustomize_of_the_chain_runs_once_and_one_import_hook_is_installed(
    without_pip: Environment,
    hook_directory: Path,
    tmp_path: Path,
    order: list[str],
    printed: list[str],
    reached: bool,
    switch: str | None,
) -> None:
    if printed == ["venv"] and SITECUSTOMIZE_OF_PYTHON.exists():
        pytest.skip(f"{SITECUSTOMIZE_OF_PYTHON} hides the one of every environment, as on Debian")
    (without_pip.site_packages / "sitecustomize.py").write_text(PRINTING.format(name="venv"))
    entries = [str(make_entry(name, tmp_path / name, hook_directory)) for name in order]
    finished = run_switched(without_pip, "-c", PRINT_HOOKS, switch=switch, PYTHONPATH=os.pathsep.join(entries))
    hooks = int(reached and switch == "1")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.splitlines() == [*printed, f"armed {hooks}"]


def test_an_error_in_the_next_sitecustomize_looks_as_without_the_plugin(
    without_pip: Environment, hook_directory: Path, tmp_path: Path
) -> None:
    raising = str(make_entry("raising", tmp_path / "raising", hook_directory))
    both = os.pathsep.join([str(hook_directory), raising])
    without = run_switched(without_pip, "-c", "print('on')", PYTHONPATH=raising)
    chained = run_switched(without_pip, "-c", PRINT_HOOKS, switch="1", PYTHONPATH=both)
    assert "of raising" in without.stderr
    assert chained.stderr == without.stderr
    assert chained.stdout == "raising\narmed 1\n"


def test_pth_file_and_sitecustomize_together_install_one_import_hook(
    without_pip: Environment, hook_directory: Path
) -> None:
    add_plugin(without_pip)
    finished = run_switched(without_pip, "-c", PRINT_HOOKS, switch="1", PYTHONPATH=str(hook_directory))
    assert (finished.stdout, finished.stderr) == ("armed 1\n", "")


def test_programs_that_import_sitecustomize_get_the_hidden_one(
    without_pip: Environment, hook_directory: Path, tmp_path: Path
) -> None:
    plain = make_entry("plain", tmp_path / "plain", hook_directory)
    both = os.pathsep.join([str(hook_directory), str(plain)])
    code = "import sitecustomize as s; print(s.__file__, s.__spec__.origin, s.__name__, type(s.__loader__).__name__)"
    without = run_switched(without_pip, "-c", code, PYTHONPATH=str(plain))
    chained = run_switched(without_pip, "-c", code, switch="1", PYTHONPATH=both)
    assert str(plain) in without.stdout
    assert chained.stdout == without.stdout


@pytest.mark.parametrize("switch", [None, "", "0", "1", "nonsense"])
def test_the_package_is_loaded_only_with_the_switch_and_sys_path_stays_as_it_was(
    without_pip: Environment, hook_directory: Path, switch: str | None
) -> None:
    code = "import sys; print(*sys.path, sep='\\n')"
    without = run_switched(without_pip, "-c", code)
    finished = run_switched(without_pip, "-c", code, switch=switch, PYTHONPATH=str(hook_directory))
    expected = without.stdout.splitlines()
    expected.insert(1, str(hook_directory))  # The first entry is that of -c.
    assert (finished.stdout.splitlines(), finished.stderr) == (expected, "")
    modules = imported_modules(without_pip, "-c", "pass", switch=switch, PYTHONPATH=str(hook_directory))
    assert modules_of_the_plugin(modules) == (LOADED_AT_START if switch else set())


def test_sys_path_stays_as_it_was_with_the_directory_of_an_installed_package(without_pip: Environment) -> None:
    add_plugin(without_pip)
    (without_pip.site_packages / "zzz.pth").write_text(f"{without_pip.folder}\n")  # An entry after site-packages.
    code = "import sys; print(*sys.path[2:], sep='\\n')"
    own = str(without_pip.site_packages / "pip_resume/sitecustomize")
    off = run_switched(without_pip, "-c", code, PYTHONPATH=own)
    assert off.stdout.splitlines()[-2:] == [str(without_pip.site_packages), str(without_pip.folder)]
    assert run_switched(without_pip, "-c", code, switch="1", PYTHONPATH=own).stdout == off.stdout


def test_an_entry_of_sys_path_that_is_not_a_string_is_ignored(
    without_pip: Environment, hook_directory: Path, tmp_path: Path
) -> None:
    (without_pip.site_packages / "odd.pth").write_text("import sys; sys.path.insert(0, 7)\n")
    both = os.pathsep.join([str(hook_directory), str(make_entry("plain", tmp_path / "plain", hook_directory))])
    finished = run_switched(without_pip, "-c", PRINT_HOOKS, switch="1", PYTHONPATH=both)
    assert (finished.stdout, finished.stderr) == ("plain\narmed 1\n", "")


@pytest.mark.parametrize("damage", ["no package", "no start module", "start module with an error"])
def test_a_damaged_package_prints_nothing_and_the_next_sitecustomize_runs(
    without_pip: Environment, tmp_path: Path, damage: str
) -> None:
    package = copy_package(tmp_path)
    if damage == "no package":
        (package / "__init__.py").unlink()
    if damage == "start module with an error":
        (package / "startup.py").write_text("raise OSError('unreadable')\n")
    else:
        (package / "startup.py").unlink()
    hook_directory = package / "sitecustomize"
    both = os.pathsep.join([str(hook_directory), str(make_entry("plain", tmp_path / "plain", hook_directory))])
    finished = run_switched(without_pip, "-c", "print('fine')", switch="1", PYTHONPATH=both)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "plain\nfine\n", "")


def test_the_plugin_reaches_the_pip_of_an_environment_without_it(
    with_pip: Environment, tiny_wheel: Path, hook_directory: Path
) -> None:
    command = pip_download(tiny_wheel)
    assert DOWNLOAD_STEP in imported_modules(with_pip, *command, switch="1", PYTHONPATH=str(hook_directory))
    assert modules_of_the_plugin(imported_modules(with_pip, *command, switch="1")) == set()


def test_the_plugin_reaches_a_pip_that_runs_for_a_different_python(
    with_pip: Environment, without_pip: Environment, tiny_wheel: Path, hook_directory: Path
) -> None:
    # A variable instead of -X importtime, because pip starts itself again in the other Python.
    variables = {"PYTHONPATH": str(hook_directory), "PYTHONPROFILEIMPORTTIME": "1"}
    _, _, *arguments = pip_download(tiny_wheel)
    command = ("-m", "pip", "--python", str(without_pip.python), *arguments)
    finished = run_switched(with_pip, *command, switch="1", **variables)
    assert finished.returncode == 0, finished.stderr
    assert [line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()].count(DOWNLOAD_STEP) == 1


@pytest.mark.skipif(PYTHON_2 is None, reason="there is no Python 2.7")
@pytest.mark.parametrize("switch", [None, "1"], ids=["off", "on"])
def test_python_2_prints_nothing_of_ours_and_runs_the_next_sitecustomize(
    hook_directory: Path, tmp_path: Path, switch: str | None
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('next')\n")
    variables = {**scrubbed_variables(), "PYTHONPATH": os.pathsep.join([str(hook_directory), str(tmp_path)])}
    variables.update({"PIP_RESUME": switch} if switch else {})

    ended = start_with_pipes([str(PYTHON_2), "-B", "-c", "print('on')"], variables, tmp_path).wait()

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "next\non\n", "")

"""The .pth file of the wheel: what it loads, and which pips the plugin reaches through it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from e2e.imports import (
    DOWNLOAD_STEP,
    LOADED_AT_START,
    PIPS_DOWNLOAD_MODULE,
    PRINT_HOOKS,
    add_plugin,
    imported_modules,
    modules_of_the_plugin,
    pip_download,
    run_switched,
)
from environments.checkout import HOOK
from environments.environment import Environment, Environments, rewrite
from environments.pips import NEWEST_PIP
from environments.processes import Result

import pip_resume
from pip_resume.settings import OUR_NAMES, PIPS_OWN_NAME
from pip_resume.startup import OFF, ON

COMMANDS_WITHOUT_DOWNLOAD = (
    ("-c", "pass"),
    ("-c", "import json"),
    ("-m", "pip", "--version"),
    ("-m", "pip", "list"),
    ("-m", "pip", "install", "--help"),
)
PRINT_PIPS_OPTIONS = """
from pip._internal.commands import commands_dict, create_command
for name in commands_dict:
    for option in create_command(name).parser.option_list_all:
        print(*option._long_opts)
"""


@pytest.fixture(scope="module")
def with_plugin(shared_environments: Environments) -> Environment:
    return shared_environments.with_plugin(NEWEST_PIP)


@pytest.fixture
def without_pip(environments: Environments) -> Environment:
    """An environment with the plugin and without pip."""
    made = environments.without_pip()
    add_plugin(made)
    return made


def option_for(variable: str) -> str:
    """Return the option of pip that this environment variable sets."""
    return "--" + variable[len("PIP_") :].lower().replace("_", "-")


def install(pip: Environment, wheel: Path, target: Path, *, switch: str) -> Result:
    """Install the wheel into a directory, which has to succeed."""
    finished = run_switched(pip, "-m", "pip", "install", "--no-index", "--target", target, wheel, switch=switch)
    assert (finished.returncode, (target / "tiny/__init__.py").exists()) == (0, True), finished.stderr
    return finished


@pytest.mark.parametrize("command", COMMANDS_WITHOUT_DOWNLOAD, ids=" ".join)
@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        pytest.param(None, set(), id="unset"),
        pytest.param("", set(), id="empty"),
        pytest.param("0", LOADED_AT_START, id="0"),
        pytest.param("1", LOADED_AT_START, id="1"),
        pytest.param("nonsense", LOADED_AT_START, id="nonsense"),
    ],
)
def test_a_command_without_download_loads_at_most_the_start_module(
    with_plugin: Environment, command: tuple[str, ...], switch: str | None, expected: set[str]
) -> None:
    modules = imported_modules(with_plugin, *command, switch=switch)
    assert modules_of_the_plugin(modules) == expected


@pytest.mark.parametrize("flags", [(), ("-I",), ("-E",), ("-s",), ("-I", "-s", "-E")], ids=" ".join)
def test_the_plugin_reaches_pip_with_every_flag_of_python_that_ignores_settings(
    with_plugin: Environment, tiny_wheel: Path, flags: tuple[str, ...]
) -> None:
    assert DOWNLOAD_STEP in imported_modules(with_plugin, *flags, *pip_download(tiny_wheel), switch="1")


@pytest.mark.parametrize("switch", [None, "", "0", "off", "nonsense"])
def test_switched_off_a_download_loads_at_most_the_start_module(
    with_plugin: Environment, tiny_wheel: Path, switch: str | None
) -> None:
    modules = imported_modules(with_plugin, *pip_download(tiny_wheel), switch=switch)
    assert PIPS_DOWNLOAD_MODULE in modules
    assert modules_of_the_plugin(modules) == (LOADED_AT_START if switch else set())


def test_the_plugin_reaches_the_pip_script(with_plugin: Environment, tiny_wheel: Path) -> None:
    _, _, *arguments = pip_download(tiny_wheel)
    assert DOWNLOAD_STEP in imported_modules(with_plugin, with_plugin.scripts / "pip", *arguments, switch="1")


def test_pips_option_isolated_switches_the_plugin_off(with_plugin: Environment, tiny_wheel: Path) -> None:
    modules = imported_modules(with_plugin, *pip_download(tiny_wheel), "--isolated", switch="1")
    assert modules_of_the_plugin(modules) == LOADED_AT_START


def test_the_plugin_reaches_a_pip_in_a_zip_file(with_plugin: Environment, tiny_wheel: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pip-0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted((with_plugin.site_packages / "pip").rglob("*")):
            if "__pycache__" not in path.parts:
                zipped.write(path, path.relative_to(with_plugin.site_packages))
    assert str(archive) in run_switched(with_plugin, archive / "pip", "--version").stdout
    _, _, *arguments = pip_download(tiny_wheel)
    assert DOWNLOAD_STEP in imported_modules(with_plugin, archive / "pip", *arguments, switch="1")


def test_no_variable_of_the_plugin_sets_an_option_of_pip(with_plugin: Environment) -> None:
    finished = run_switched(with_plugin, "-c", PRINT_PIPS_OPTIONS)
    options = set(finished.stdout.split())
    assert {"--retries", "--no-index", "--isolated"} <= options, finished.stderr
    assert not options & {option_for(name) for name in OUR_NAMES}
    # pip accepts abbreviated options, so there must be no other option with this beginning.
    assert {option for option in options if option.startswith("--resume")} == {option_for(PIPS_OWN_NAME)}


def test_a_second_pth_file_installs_no_second_import_hook(without_pip: Environment) -> None:
    shutil.copy(without_pip.site_packages / HOOK, without_pip.site_packages / "again.pth")
    assert run_switched(without_pip, "-c", PRINT_HOOKS, switch="1").stdout == "armed 1\n"


@pytest.mark.parametrize("switch", [None, "0", "1", "nonsense"])
@pytest.mark.parametrize(
    "left",
    [
        pytest.param([], id="nothing"),
        pytest.param(["pip_resume/"], id="empty directory"),
        pytest.param(["pip_resume/", "pip_resume/__init__.py"], id="only __init__.py"),
    ],
)
def test_a_pth_file_whose_package_was_deleted_prints_nothing(
    without_pip: Environment, left: list[str], switch: str | None
) -> None:
    shutil.rmtree(without_pip.site_packages / "pip_resume")
    for name in left:
        path = without_pip.site_packages / name
        path.mkdir() if name.endswith("/") else path.touch()
    finished = run_switched(without_pip, "-c", "print('fine')", switch=switch)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "fine\n", "")


def test_a_broken_package_causes_one_warning_of_a_pip_that_downloads_and_none_otherwise(
    environments: Environments, tiny_wheel: Path, tmp_path: Path
) -> None:
    pip = environments.with_plugin(NEWEST_PIP)
    rewrite(pip.site_packages / "pip_resume/inside_pip/__init__.py", b"raise OSError('unreadable')\n")
    (warning,) = install(pip, tiny_wheel, tmp_path / "on", switch="1").stderr.splitlines()
    assert warning.startswith(f"WARNING: pip-resume {pip_resume.__version__} cannot work with this pip ")
    assert "(OSError: unreadable)" in warning
    assert run_switched(pip, "-m", "pip", "list", switch="1").stderr == ""
    assert install(pip, tiny_wheel, tmp_path / "off", switch="0").stderr == ""


def test_an_invalid_switch_causes_one_warning_of_pip_install_and_none_otherwise(
    with_plugin: Environment, tiny_wheel: Path, tmp_path: Path
) -> None:
    (warning,) = install(with_plugin, tiny_wheel, tmp_path / "target", switch="enabled").stderr.splitlines()
    assert warning.startswith("WARNING: PIP_RESUME is 'enabled', ")
    assert all(word in warning for word in ON + OFF)
    assert run_switched(with_plugin, "-c", "pass", switch="enabled").stderr == ""

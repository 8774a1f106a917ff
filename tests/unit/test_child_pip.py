"""Which commands of pip's installer of build requirements are changed, with stand-ins for that module."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from pip_resume.inside_pip import child_pip

PIPS_RUNNER = "/pip/__pip-runner__.py"
PYTHON_OF_VENV = "/venv/bin/python"
UNCHANGED = [
    pytest.param([sys.executable, PIPS_RUNNER, "install"], id="pip in this Python"),
    pytest.param([PYTHON_OF_VENV, "/setup.py", "build"], id="a different script"),
    pytest.param([PYTHON_OF_VENV], id="no script"),
    pytest.param([], id="nothing"),
    pytest.param(None, id="no list"),
]


def installer_module() -> tuple[ModuleType, list[Any]]:
    """Return a module with the names that pip's has, and the list of the commands that it starts."""
    started: list[Any] = []
    module = ModuleType("installer")
    vars(module).update(
        get_runnable_pip=lambda: PIPS_RUNNER, call_subprocess=lambda command, **_: started.append(command)
    )
    return module, started


def test_pip_in_the_python_of_a_venv_is_started_through_our_script() -> None:
    module, started = installer_module()
    child_pip.apply(module)
    module.call_subprocess([PYTHON_OF_VENV, PIPS_RUNNER, "install"], spinner=None)
    assert started == [[PYTHON_OF_VENV, child_pip.RUNNER, PIPS_RUNNER, "install"]]


@pytest.mark.parametrize("command", UNCHANGED)
def test_a_different_command_is_started_as_it_is(command: object) -> None:
    module, started = installer_module()
    child_pip.apply(module)
    module.call_subprocess(command)
    assert started == [command]


def test_pips_started_by_a_pip_that_came_through_our_script_come_through_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, started = installer_module()
    child_pip.apply(module)
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, child_pip.RUNNER, PIPS_RUNNER, "install"], raising=False)
    module.call_subprocess([sys.executable, PIPS_RUNNER, "install"])
    assert started == [[sys.executable, child_pip.RUNNER, PIPS_RUNNER, "install"]]


def test_without_our_script_on_disk_the_command_is_started_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade of the plugin in the same run may have removed it."""
    module, started = installer_module()
    child_pip.apply(module)
    monkeypatch.setattr(child_pip, "RUNNER", "/absent/pip_runner.py")
    module.call_subprocess([PYTHON_OF_VENV, PIPS_RUNNER, "install"])
    assert started == [[PYTHON_OF_VENV, PIPS_RUNNER, "install"]]


def test_a_module_that_has_changed_is_left_alone_silently() -> None:
    for name in ("call_subprocess", "get_runnable_pip"):
        module, started = installer_module()
        delattr(module, name)
        child_pip.apply(module)
        if name == "get_runnable_pip":
            module.call_subprocess([PYTHON_OF_VENV, PIPS_RUNNER])
            assert started == [[PYTHON_OF_VENV, PIPS_RUNNER]]
        else:
            assert not hasattr(module, name)
    child_pip.apply(None)
    child_pip.undo(None)


def test_undoing_restores_pips_function_after_any_number_of_calls() -> None:
    module, _ = installer_module()
    original = module.call_subprocess
    child_pip.apply(module)
    applied = module.call_subprocess
    child_pip.apply(module)
    assert module.call_subprocess is applied is not original
    child_pip.undo(module)
    child_pip.undo(module)
    assert module.call_subprocess is original

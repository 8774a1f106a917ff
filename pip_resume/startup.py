"""Switches pip-resume on in a starting interpreter: waits until pip is about to download and does nothing else.

This module runs in every Python process of an environment where `PIP_RESUME` is set, most of which are not pip. So it
imports only what the interpreter has already loaded, says nothing before pip is about to download, and never raises.
"""

from __future__ import annotations

import os
import sys

# `typing` would cost more than the rest of this module; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

SWITCH = "PIP_RESUME"
ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")
TARGET = "pip._internal.network.download"
# The second one is gone from newer pips.
DOWNLOADERS = ("Downloader", "BatchDownloader")

_LONGEST_QUOTE = 40
_started = False


def start() -> None:
    """Arm the import hook unless `PIP_RESUME` is off; a second call does nothing (venvs run a `.pth` file twice).

    Without arguments, as a PEP 829 entry point has to be. Raises nothing: a start-up fault would be every program's.
    """
    global _started  # noqa: PLW0603 - the interpreter has one sys.meta_path, so this is state of the process
    if _started or sys.version_info < (3, 9):
        return
    try:
        if parse_switch(os.environ.get(SWITCH, "")) is not False:
            _started = True
            _arm()
    except Exception:
        pass  # Nobody has asked for a download yet, so there is nobody to tell.


def parse_switch(value: str) -> bool | None:
    """Read a value of `PIP_RESUME`: True is on, False is off (so is blank), None is none of the words of ON and OFF."""
    word = value.strip().lower()
    if word in ON:
        return True
    return False if word in OFF or not word else None


def _arm() -> None:
    module = sys.modules.get(TARGET)
    if module is None:
        sys.meta_path.insert(0, _Finder())
    # Half a module cannot be patched, and nobody will load it again.
    elif not getattr(getattr(module, "__spec__", None), "_initializing", False):
        _loaded(module)


class _Finder:
    """Finds pip's download module as the other finders do, and hears of it when it has been loaded."""

    def __init__(self) -> None:
        self.armed = True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != TARGET:
            return None
        # RangeRequest one by one, they need no guard against coming back here, and no lock: the import system holds the
        # module's own.
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return self._listen(spec)
        return None

    def _listen(self, spec: ModuleSpec) -> ModuleSpec:
        loader: Any = spec.loader
        if hasattr(loader, "exec_module"):
            spec.loader = _ExecLoader(loader, spec, self)  # type: ignore[assignment]
        elif hasattr(loader, "load_module"):
            spec.loader = _LoadLoader(loader, spec, self)  # type: ignore[assignment]
        return spec

    def loaded(self, module: ModuleType) -> None:
        """Take note that the module is there; only the first to say so counts."""
        if not self.armed:
            return
        # Both: another thread that walks over sys.meta_path may still hold the finder, or have what it found.
        self.armed = False
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        _loaded(module)


class _Loader:
    """The real loader in everything, except that the finder hears of the loaded module."""

    def __init__(self, loader: Any, spec: ModuleSpec, finder: _Finder) -> None:
        self._loader = loader
        self._spec = spec
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _ExecLoader(_Loader):
    def exec_module(self, module: ModuleType) -> None:
        # First, so that pip and everybody who looks at the module meets the real loader.
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._finder.loaded(module)


class _LoadLoader(_Loader):
    """For loaders of the old protocol: zipimport up to Python 3.9."""

    def load_module(self, name: str) -> ModuleType:
        self._spec.loader = self._loader
        module: ModuleType = self._loader.load_module(name)
        self._finder.loaded(module)
        return module


def _loaded(module: ModuleType) -> None:
    # pip's own rule, to the letter: with this argument, wherever it stands, it ignores PIP_* variables.
    if "--isolated" in getattr(sys, "argv", ()):
        return
    value = os.environ.get(SWITCH, "")
    switch = parse_switch(value)
    if switch:
        _try(_await_first_use, module)
    elif switch is None:
        shown = value if len(value) <= _LONGEST_QUOTE else f"{value[:_LONGEST_QUOTE]}..."
        _warn(
            f"{SWITCH} is {shown!a}, which is neither on ({', '.join(ON)}) nor off ({', '.join(OFF)}): "
            "pip-resume stays off and plain pip downloads."
        )


def _await_first_use(module: ModuleType) -> None:
    downloaders = [getattr(module, name, None) for name in DOWNLOADERS]
    constructors = {one: vars(one)["__init__"] for one in downloaders if one and "__init__" in vars(one)}
    if constructors:
        _FirstUse(module, constructors)
    else:
        _apply(module)  # It is for the download step to say what is wrong with this pip.


class _FirstUse:
    """Has the module patched when pip makes its first downloader, before anything is downloaded or installed.

    Not as soon as it is loaded: up to pip 24.0 even `pip list` loads it, and in every pip `pip install --help`.
    """

    def __init__(self, module: ModuleType, constructors: dict[Any, Any]) -> None:
        from threading import RLock

        self._module = module
        self._constructors = constructors
        self._lock = RLock()
        for downloader, constructor in constructors.items():
            self._stand_in_for(downloader, constructor)

    def _stand_in_for(self, downloader: Any, constructor: Any) -> None:
        def construct(instance: object, *arguments: Any, **named: Any) -> None:
            self._come()
            constructor(instance, *arguments, **named)

        # For whoever asks for the signature.
        construct.__wrapped__ = constructor  # type: ignore[attr-defined]
        downloader.__init__ = construct

    def _come(self) -> None:
        # Nobody gets past before the module is patched, hence the lock and the order.
        with self._lock:
            constructors, self._constructors = self._constructors, {}
            try:
                if constructors:
                    _try(_apply, self._module)
            finally:
                for downloader, constructor in constructors.items():
                    downloader.__init__ = constructor


def _apply(module: ModuleType) -> None:
    from pip_resume.inside_pip.download_step import apply

    apply(module)


def _try(action: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        action(module)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _warn(
            f"pip-resume {_version('pip_resume')} cannot work with this pip {_version('pip')} ({reason}): "
            f"plain pip downloads. Upgrade pip-resume, or set {SWITCH}=0 to be rid of this line."
        )


def _version(package: str) -> str:
    return str(getattr(sys.modules.get(package), "__version__", "(version unknown)"))


def _warn(sentence: str) -> None:
    from contextlib import suppress

    # Not through `logging`: pip sets it up only after it has loaded its commands, and its downloads with them.
    # stderr may be closed, and under pythonw it is None.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"WARNING: {sentence}\n")

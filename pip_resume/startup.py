"""Switch pip-resume on in a starting interpreter: wait until pip is about to download, and do nothing else.

This module runs in every Python process of an environment where `PIP_RESUME` is set, and most of them are not pip. So
it imports only what the interpreter has already loaded, prints nothing before pip is about to download, and never
raises.
"""

from __future__ import annotations

import os
import sys

# Importing `typing` would cost more than the rest of this module. Type checkers treat this name as true.
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
# pip 25.1 and older have both classes, newer ones only the first.
DOWNLOADERS = ("Downloader", "BatchDownloader")

# Characters of a wrong value that a warning repeats: enough to recognise it, and the warning stays readable.
_LONGEST_QUOTE = 40
_started = False


def start() -> None:
    """Install the import hook unless `PIP_RESUME` is off. A second call does nothing: a venv runs a `.pth` file twice.

    It has no parameters, as PEP 829 requires of an entry point. Raises nothing: an error here would appear in every
    program of the environment.

    There is no `.start` file yet, which Python will need instead of the `.pth` file from 3.18 on. Measured with 3.15.2
    (CPU time of `python -c pass`, median of 200): nothing installed 15.3 ms, the `.pth` file with the switch off 15.9
    and on 16.7, a `.start` file 28.0 in both cases, since Python imports `pkgutil` and `re` for it. If the package is
    gone, each start prints a traceback of 16 lines.
    """
    global _started  # noqa: PLW0603 - sys.meta_path is state of the process as well
    if _started or sys.version_info < (3, 9):
        return
    try:
        if parse_switch(os.environ.get(SWITCH, "")) is not False:
            _started = True
            _arm()
    except Exception:
        pass  # Most Python processes are not pip, and their users must not see a warning.


def parse_switch(value: str) -> bool | None:
    """Return True for a word of ON, False for a word of OFF or a blank value, and None for any other value."""
    word = value.strip().lower()
    if word in ON:
        return True
    return False if word in OFF or not word else None


def _arm() -> None:
    module = sys.modules.get(TARGET)
    if module is None:
        sys.meta_path.insert(0, _Finder())
    # A module that is still being loaded cannot be patched, and it will not be loaded again.
    elif not getattr(getattr(module, "__spec__", None), "_initializing", False):
        _loaded(module)


class _Finder:
    """Find pip's download module through the other finders, and learn when it has been loaded."""

    def __init__(self) -> None:
        self.armed = True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != TARGET:
            return None
        # Call the other finders directly: `importlib.util.find_spec` would call this finder again. No lock is needed,
        # because the import system holds the lock of the module.
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return self._with_our_loader(spec)
        return None

    def _with_our_loader(self, spec: ModuleSpec) -> ModuleSpec:
        loader: Any = spec.loader
        if hasattr(loader, "exec_module"):
            spec.loader = _ExecLoader(loader, spec, self)  # type: ignore[assignment]
        elif hasattr(loader, "load_module"):
            spec.loader = _LoadLoader(loader, spec, self)  # type: ignore[assignment]
        return spec

    def loaded(self, module: ModuleType) -> None:
        """Act on the loaded module, the first time only."""
        if not self.armed:
            return
        # Removing the finder is not enough: a different thread may still use it, or a spec that it has returned.
        self.armed = False
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        _loaded(module)


class _Loader:
    """Behave as the real loader, and tell the finder when the module has been loaded."""

    def __init__(self, loader: Any, spec: ModuleSpec, finder: _Finder) -> None:
        self._loader = loader
        self._spec = spec
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _ExecLoader(_Loader):
    def exec_module(self, module: ModuleType) -> None:
        # Put the real loader back before the module runs, so that the module and its importers see only that one.
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._finder.loaded(module)


class _LoadLoader(_Loader):
    """Wrap a loader that has only `load_module`: zipimport up to Python 3.9."""

    def load_module(self, name: str) -> ModuleType:
        self._spec.loader = self._loader
        module: ModuleType = self._loader.load_module(name)
        self._finder.loaded(module)
        return module


def _loaded(module: ModuleType) -> None:
    # The same test as pip's own (`pip._internal.cli.main`): with this argument, at any position, pip ignores the PIP_*
    # variables.
    if "--isolated" in getattr(sys, "argv", ()):
        return
    value = os.environ.get(SWITCH, "")
    switch = parse_switch(value)
    if switch:
        _try(_apply_at_first_use, module)
    elif switch is None:
        shown = value if len(value) <= _LONGEST_QUOTE else f"{value[:_LONGEST_QUOTE]}..."
        _warn(
            f"{SWITCH} is {shown!a}, which is neither on ({', '.join(ON)}) nor off ({', '.join(OFF)}): "
            "pip-resume stays off, and pip's own download is used."
        )


def _apply_at_first_use(module: ModuleType) -> None:
    classes = [getattr(module, name, None) for name in DOWNLOADERS]
    constructors = {each: vars(each)["__init__"] for each in classes if each and "__init__" in vars(each)}
    if constructors:
        _FirstUse(module, constructors)
    else:
        _apply(module)  # The download step raises an error that says what this pip lacks.


class _FirstUse:
    """Patch the module when pip makes its first downloader, before anything is downloaded or installed.

    Loading the module would be too early: up to pip 24.0 even `pip list` loads it, and in every pip
    `pip install --help` does.
    """

    def __init__(self, module: ModuleType, constructors: dict[Any, Any]) -> None:
        from threading import RLock

        self._module = module
        self._constructors = constructors
        self._lock = RLock()
        for downloader, constructor in constructors.items():
            self._replace_constructor(downloader, constructor)

    def _replace_constructor(self, downloader: Any, constructor: Any) -> None:
        def construct(instance: object, *arguments: Any, **named: Any) -> None:
            self._patch_once()
            constructor(instance, *arguments, **named)

        # `inspect.signature` follows this attribute.
        construct.__wrapped__ = constructor  # type: ignore[attr-defined]
        downloader.__init__ = construct

    def _patch_once(self) -> None:
        # Patch first and restore the constructors last, under a lock: no thread may make a downloader of the unpatched
        # module.
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
            f"falling back to pip's own download. Upgrade pip-resume, or set {SWITCH}=0 to silence this warning."
        )


def _version(package: str) -> str:
    return str(getattr(sys.modules.get(package), "__version__", "(version unknown)"))


def _warn(sentence: str) -> None:
    from contextlib import suppress

    # `logging` cannot be used: pip configures it only after it has loaded its commands and the download module.
    # stderr may be closed, and it is None under pythonw.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"WARNING: {sentence}\n")

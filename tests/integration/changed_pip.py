"""Run pip after changing its modules. Run as a script: each line on stdin describes a run, in a fork of this process.

The output line for each run is its wait status, as `os.waitpid` returns it.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import json
import os
import sys
import traceback
import types
from typing import Any, Callable

from pip._internal.commands import create_command

# Load all that `pip download` needs before anything is changed: so pip itself has the names that it needs.
create_command("download")


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


def run(case: dict[str, Any]) -> None:
    """Run pip with the changes, and end the process."""
    output = os.open(case["output"], os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 70
    try:
        os.environ.update(case["environment"])
        for change in case["changes"]:
            CHANGES[change["kind"]](*change["arguments"])
        from pip_resume import startup

        startup.start()
        from pip._internal.cli.main import main as pip_main

        sys.argv = ["pip", *case["arguments"]]
        code = pip_main(case["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def remove(owner: str, name: str) -> None:
    """Remove a name from a module. The module's own functions can still use it."""
    module = resolve(owner)
    own = dict(vars(module))
    for found, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType) and value.__module__ == owner:
            own[found] = with_globals(value, own)
            setattr(module, found, own[found])
        elif isinstance(value, type) and value.__module__ == owner:
            for inner, method in list(vars(value).items()):
                if isinstance(method, types.FunctionType):
                    setattr(value, inner, with_globals(method, own))
    delattr(module, name)


def with_globals(function: types.FunctionType, own: dict[str, Any]) -> types.FunctionType:
    """Copy a function, with other globals."""
    copied = types.FunctionType(function.__code__, own, function.__name__, function.__defaults__, function.__closure__)
    copied.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(copied, function)
    return copied


def refuse_import(module: str, name: str) -> None:
    """Let an import fail in our modules: of `name` from `module`, or of `module` itself if `name` is empty.

    pip itself can still import it.
    """
    really_import = builtins.__import__
    package, last = (module, name) if name else module.rpartition(".")[::2]

    def import_(wanted: str, globals_: Any = None, *others: Any, **named: Any) -> Any:
        if str((globals_ or {}).get("__name__")).startswith("pip_resume."):
            fromlist = named.get("fromlist") or (others[1:2] or [()])[0] or ()
            if (wanted, name) == (module, "") or (wanted == package and last in fromlist):
                raise ImportError(f"cannot import {last} from {package}")
        return really_import(wanted, globals_, *others, **named)

    vars(builtins)["__import__"] = import_


def replace(owner: str, name: str, source: str) -> None:
    """Replace what a name stands for by the value of an expression, in which `old` is the former value."""
    found = resolve(owner)
    setattr(found, name, eval(source, {"old": getattr(found, name)}))


def refuse(owner: str, name: str) -> None:
    """Let our uses of a function, method or property fail, as if pip had changed it. pip's own uses work."""
    found = resolve(owner)
    was, kind = getattr(found, name), type(vars(found)[name])

    def function(*arguments: Any, **named: Any) -> Any:
        if is_called_by_us():
            raise TypeError(f"{name}() got an unexpected argument")
        return was(*arguments[kind is classmethod :], **named)

    def value(self: Any) -> Any:
        if is_called_by_us():
            raise AttributeError(f"no attribute {name}")
        return was.__get__(self)

    setattr(found, name, kind(value if kind is property else function) if kind in WRAPPED else function)


WRAPPED = (property, classmethod, staticmethod)


def is_called_by_us() -> bool:
    """Whether the caller of the caller belongs to the plugin."""
    return str(sys._getframe(2).f_globals["__name__"]).startswith("pip_resume.")


def resolve(path: str) -> Any:
    """Return the object at a path like ``package.module:Class.attribute``."""
    module, _, rest = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in filter(None, rest.split(".")):
        found = getattr(found, name)
    return found


CHANGES: dict[str, Callable[..., None]] = {
    "remove": remove,
    "refuse_import": refuse_import,
    "replace": replace,
    "refuse": refuse,
}

if __name__ == "__main__":
    main()

"""A pip whose modules can be changed before it runs: each line on stdin is a run, in a fork of this process.

Run as a script. What is answered to a line is how that run ended, as `os.wait` has it.
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

# All that `pip download` loads is loaded before anything is changed: pip itself has the names that it needs.
create_command("download")


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


def run(case: dict[str, Any]) -> None:
    """Never returns."""
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
    """Take a name from a module whose own code goes on to know it."""
    module = resolve(owner)
    own = dict(vars(module))
    for found, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType) and value.__module__ == owner:
            own[found] = rebound(value, own)
            setattr(module, found, own[found])
        elif isinstance(value, type) and value.__module__ == owner:
            for inner, method in list(vars(value).items()):
                if isinstance(method, types.FunctionType):
                    setattr(value, inner, rebound(method, own))
    delattr(module, name)


def rebound(function: types.FunctionType, own: dict[str, Any]) -> types.FunctionType:
    copied = types.FunctionType(function.__code__, own, function.__name__, function.__defaults__, function.__closure__)
    copied.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(copied, function)
    return copied


def refuse_import(module: str, name: str) -> None:
    """Let a module, or with a name that name in it, not be there for us. pip itself may look for it at any time."""
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
    """Put the value of an expression in place of a name; `old` in it is what was there."""
    found = resolve(owner)
    setattr(found, name, eval(source, {"old": getattr(found, name)}))


def refuse(owner: str, name: str) -> None:
    """Let a function or a property change in a way that suits pip but not us: our calls of it fail."""
    found = resolve(owner)
    was, kind = getattr(found, name), type(vars(found)[name])

    def function(*arguments: Any, **named: Any) -> Any:
        if is_called_by_us():
            raise TypeError(f"{name}() takes something else now")
        return was(*arguments[kind is classmethod :], **named)

    def value(self: Any) -> Any:
        if is_called_by_us():
            raise AttributeError(f"{name} has another name now")
        return was.__get__(self)

    setattr(found, name, kind(value if kind is property else function) if kind in WRAPPED else function)


WRAPPED = (property, classmethod, staticmethod)


def is_called_by_us() -> bool:
    """Whether the caller of the caller belongs to the plugin."""
    return str(sys._getframe(2).f_globals["__name__"]).startswith("pip_resume.")


def resolve(path: str) -> Any:
    """What a dotted path with a colon between module and attributes leads to."""
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

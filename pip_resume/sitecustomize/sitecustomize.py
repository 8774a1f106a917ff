# Python 3.6 knows no future annotations, and pathlib would slow down every start.
# ruff: noqa: FA100, I002, PTH100, PTH120
"""The sitecustomize hook: with this file's directory on `PYTHONPATH`, every Python that starts there has pip-resume.

Python runs the first `sitecustomize` on `sys.path` and hides the others; this one goes on to the next. It has to make
sense to whatever Python meets it, from 3.6 on, and it needs pip-resume installed in none of them.
"""

import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.machinery import ModuleSpec
    from typing import Optional

NAME = "sitecustomize"
HERE = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))

# Real directories whose sitecustomize has had its turn. Kept outside of this module, because a neighbour that goes on
# as we do runs this file once more: each gets one turn, and there is an end.
STARTED = sys.__dict__.setdefault("_pip_resume_sitecustomize_started", set())


def switch_on() -> None:
    """Arm pip-resume, the environment's own or else the one around this file; raise nothing."""
    if not os.environ.get("PIP_RESUME") or sys.version_info < (3, 9):
        return
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    borrowed = package_parent not in sys.path
    if borrowed:
        sys.path.append(package_parent)
    try:
        from pip_resume.startup import start

        start()
    except Exception:
        pass  # Most Python processes are not pip: there is nobody to tell.
    finally:
        # What lies beside our package must not leak into a foreign environment.
        if borrowed:
            sys.path.remove(package_parent)


def find_next() -> "Optional[ModuleSpec]":
    """Find the first `sitecustomize` that this one hides and that has not had its turn; None if there is none."""
    entries: Iterable[object] = sys.path  # Anything can be put there; Python too goes by the strings only.
    places = [(os.path.realpath(entry), entry) for entry in entries if isinstance(entry, str)]
    directories = [directory for directory, _ in places]
    # Whatever stands in front of us was found before us: it is what led here.
    behind = directories.index(HERE) + 1 if HERE in directories else 0
    for directory, entry in places[behind:]:
        spec = None if directory in STARTED else PathFinder.find_spec(NAME, [entry])
        # Without a loader it is a mere directory of that name.
        if spec is not None and spec.loader is not None:
            STARTED.add(directory)
            return spec
    return None


def run_next() -> None:
    """Put the next `sitecustomize` in our place and run it; raise what it raises, for Python to print as ever."""
    spec = find_next()
    if spec is None or spec.loader is None:
        return
    if not hasattr(spec.loader, "exec_module"):  # zipimport up to Python 3.9
        del sys.modules[NAME]
        spec.loader.load_module(NAME)
        return
    from importlib.util import module_from_spec

    # The import system hands out what stands here in the end.
    sys.modules[NAME] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])


STARTED.add(HERE)
switch_on()
run_next()

# Python 2.7 has no annotations, and importing pathlib would slow down every start.
# ruff: noqa: F401, I002, PTH100, PTH120, UP035, UP036
"""Start pip-resume in every Python that has this file's directory on `PYTHONPATH`, then run the next `sitecustomize`.

Python itself runs only the first `sitecustomize` on `sys.path`. This file must run on every Python, 2.7 included, since
`PYTHONPATH` reaches them all. pip-resume need not be installed in any of them.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.machinery import ModuleSpec
    from typing import Optional, Tuple

NAME = "sitecustomize"
HERE = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))

# Real paths of the directories whose sitecustomize has run. They are in `sys`, not in this module: a different
# sitecustomize that also runs the next one can run this file again, and that must not become an endless loop.
STARTED = sys.__dict__.setdefault("_pip_resume_sitecustomize_started", set())


def switch_on():  # type: () -> None
    """Start the pip-resume of this environment or, if it has none, the one around this file. Raises nothing."""
    if not os.environ.get("PIP_RESUME") or sys.version_info < (3, 9):
        return
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    is_temporary = package_parent not in sys.path
    if is_temporary:
        sys.path.append(package_parent)
    try:
        from pip_resume.startup import start

        start()
    except Exception:
        pass  # Most Python processes are not pip, and their users must not see a warning.
    finally:
        # The packages beside ours do not belong to this environment.
        if is_temporary:
            sys.path.remove(package_parent)


def places_behind():  # type: () -> Iterator[Tuple[str, str]]
    """Yield the entries of `sys.path` behind this one that have not run yet, each with its real path in front."""
    # Programs put other objects there as well; Python uses only the strings.
    entries = sys.path  # type: Iterable[object]
    places = [(os.path.realpath(entry), entry) for entry in entries if isinstance(entry, str)]
    directories = [directory for directory, _ in places]
    # A sitecustomize in front of this one has run already: it is the one that runs this file.
    next_place = directories.index(HERE) + 1 if HERE in directories else 0
    for directory, entry in places[next_place:]:
        if directory not in STARTED:
            yield directory, entry


def find_next():  # type: () -> Optional[ModuleSpec]
    """Find the first `sitecustomize` behind this one that has not run yet; None if there is none. Mark it as run."""
    from importlib.machinery import PathFinder

    for directory, entry in places_behind():
        spec = PathFinder.find_spec(NAME, [entry])
        # A spec without a loader is a namespace package: a directory named `sitecustomize`.
        if spec is not None and spec.loader is not None:
            STARTED.add(directory)
            return spec
    return None


def run_next_on_python_2():  # type: () -> None
    """Do what `run_next` does, with the functions of Python 2."""
    imp = __import__("imp")
    for directory, entry in places_behind():
        try:
            found = imp.find_module(NAME, [entry])
        except ImportError:
            continue
        STARTED.add(directory)
        imp.load_module(NAME, *found)
        return


def run_next():  # type: () -> None
    """Replace this module by the next `sitecustomize` and run that. Raises what it raises; Python then prints it."""
    spec = find_next()
    if spec is None or spec.loader is None:
        return
    if not hasattr(spec.loader, "exec_module"):  # zipimport up to Python 3.9
        del sys.modules[NAME]
        spec.loader.load_module(NAME)
        return
    from importlib.util import module_from_spec

    # `import sitecustomize` returns the module that is in `sys.modules` at the end.
    sys.modules[NAME] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])


STARTED.add(HERE)
switch_on()
if sys.version_info < (3,):
    run_next_on_python_2()
else:
    run_next()

"""Run pip in the Python of a build environment, with pip-resume switched on.

With `--use-feature=venv-isolation` pip installs the build requirements of a project in a venv. It starts the Python of
the venv with `__pip-runner__.py`, which runs the same copy of pip. That Python sees neither the package nor its `.pth`
file. So `inside_pip/child_pip.py` has it start this script instead. The arguments are pip's own runner and the
arguments of pip. An environment variable would do as well, but build backends would inherit it.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def switch_on() -> None:
    """Start the pip-resume around this file. Raises nothing."""
    package_parent = os.path.dirname(HERE)
    is_temporary = package_parent not in sys.path
    if is_temporary:
        sys.path.append(package_parent)
    try:
        from pip_resume.startup import start

        start()
    except Exception:
        pass  # pip works without us, and the output of this process is seldom shown.
    finally:
        # The packages beside ours do not belong to the build environment.
        if is_temporary:
            sys.path.remove(package_parent)


def main() -> None:
    """Switch pip-resume on, and run pip as if its own runner were the script. Raises what pip raises."""
    if sys.path[:1] == [HERE]:  # Python puts the directory of a script there, unless it has the option -P.
        del sys.path[0]
    switch_on()
    from runpy import run_path

    del sys.argv[0]
    run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()

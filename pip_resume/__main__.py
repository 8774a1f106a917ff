"""`python -m pip_resume`: the command `pip-resume` for an environment whose scripts are not on the path."""

from __future__ import annotations

import sys

from pip_resume.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`pip install` that continues a broken download instead of starting again, even in the next run.

There is no Python API: the package acts inside pip when `PIP_RESUME` is on. This is the map: one line for each folder
and module. The `__init__` of a folder has one line for each of its modules. A module imports only from lines below its
own, and only `inside_pip` imports pip. tests/unit/test_map.py compares these lines with the files.

`__main__`        `python -m pip_resume`
`cli`             the command `pip-resume`: its arguments and exit codes
`commands/`       what each command does
`pip_runner`      switches pip-resume on in the pip that installs build requirements in a venv of their own
`startup`         runs in a starting interpreter (`pip_resume_hook.pth`) and waits until pip is about to download
`sitecustomize/`  the same for a directory on `PYTHONPATH`
`inside_pip/`     the only place that knows pip
`engine/`         one download, from the first request to the file that pip gets
`storage/`        partial downloads on disk
`protocol/`       decisions as values and tables; pure: no clock, file, socket, environment or chance
`artifact`        the wheel or source distribution that is wanted, and its digest
`settings`        the environment's `PIP_RESUME_*`, as one value
`wording`         numbers and names as people read them
`errors`          the exceptions, and the values that they carry
"""

from __future__ import annotations

__version__ = "0.1.0"

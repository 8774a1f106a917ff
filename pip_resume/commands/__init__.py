"""The command `pip-resume`: one module or package for each of its commands, and what they share.

`partials`     `list` and `purge`: show and remove partial downloads
`hook`         `hook`: the directory for PYTHONPATH, and a line for the shell
`doctor`       `doctor`: whether pip-resume is on, reaches this environment's pip, and would resume
`demo`         `demo`: break a download on this machine, with pip-resume and without
`demo_server`  the package index that `demo` uses
`pip_command`  runs this environment's pip in a child process
`formatting`   sizes, ages and tables as text
"""

from __future__ import annotations

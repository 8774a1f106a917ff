"""What the command `pip-resume` does: one module for each of its commands, and the modules that they share.

`doctor/`      is it on, does it reach this environment's pip, would it resume
`demo`         pip is stopped halfway and run again, without the plugin and with it
`partials`     list and remove stored files
`hook`         the line for a shell that puts pip-resume into other environments
`completion`   the script with which a shell completes commands and options
`installation` where this pip-resume came from, and the command that installs it again
`demo_server`  the demo's index: one wheel on a slow connection, from 127.0.0.1
`pip_command`  runs this environment's pip
`formatting`   sizes, ages and tables for people
"""

from __future__ import annotations

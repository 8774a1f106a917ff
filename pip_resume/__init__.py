"""`pip install` that continues a broken download instead of starting again, even in the next run.

There is no Python API: the package acts inside pip when `PIP_RESUME` is on. This page is the map. Read it from the
top: every module imports only what stands below it, and only `inside_pip` imports pip.

People
    `__main__`, `cli`   the command `pip-resume`
    `commands.kept`         what is on disk, and away with it
    `commands.hook`         the line for a shell that reaches other environments
    `commands.doctor`       is it on, does it reach this pip, would it resume
    `commands.demo`         a broken download on this machine, with the plugin and without
    `commands.pip_command`      this environment's pip, asked from outside
    `commands.live_probe`   a child in which pip comes as far as a download (`inside_pip.probe` is what runs there)
    `commands.words`        sizes, ages and tables for people

Start-up
    `pip_resume_hook.pth`   one guarded line that the wheel puts at the root of site-packages
    `sitecustomize/`        the same for a `PYTHONPATH`; goes on to the `sitecustomize` that it hides
    `startup`               waits for pip's download module; never raises

Inside pip
    `inside_pip.download_step`     stands in for pip's download; falls back to pip's own
    `inside_pip.display`           pip's progress bar and words
    `inside_pip.pip_transport`     both of the next, for one link
    `inside_pip.session_adapter`   pip's session as a transport: one GET, errors sorted
    `inside_pip.http_cache`        pip's own cache: asked first, filled last
    `inside_pip.compat`          what this pip has, found by looking

Engine
    `transfer`    the one verb: ask, judge, append, wait, until the artifact is whole
    `delivery`    the whole file goes to pip, and to its cache
    `holding`     what this run holds of the artifact
    `body`        one answer's body, block by block
    `patience`    how long to go on although attempts fail
    `host`        what a download asks of its host, as shapes
    `housekeeping` what lies on disk, and what of it may go
    `store`       partials on disk: find, claim, settle who may write
    `kept_partial` bytes that the next run finds
    `partial`     bytes for this run, with what is known of them
    `part_file`   one open file; its size is the offset
    `digest`      runs along while a file is written
    `file_lock`   saves bandwidth, never bytes
    `clock`       time and chance, as one argument

Pure: no clock, file, socket, environment or chance
    `protocol`      what to ask, and what the answer means
    `exchange`      a request and its answer, with what is held, as values
    `checkpoint`    the record beside a partial
    `artifact`      the wheel or source distribution wanted, and the digests that it must have
    `http_fields`   what RFC 9110 says about ETag, Range and their kin
    `retry`         retry budget and backoff, as values
    `settings`      the environment's `PIP_RESUME_*`, as one value
    `errors`        what we raise
"""

from __future__ import annotations

__version__ = "0.1.0"

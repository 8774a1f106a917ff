"""The only place that imports pip, and only from within a running pip.

`probe`          what the doctor runs in a child process: is pip-resume active in this environment's pip
`download_step`  replaces pip's download step, and falls back to it
`display`        pip's words and progress bar, the final error, the log of `pip -vv`
`transport`      pip's session and its cache, for one link
`failures`       classifies exceptions of the network, with a cause in words
`http_cache`     pip's HTTP cache: look up, store, evict
`compat`         how this pip differs from others
`run`            what is remembered for one run of pip
"""

from __future__ import annotations

"""The only place that imports pip, and only from within a running pip.

`probe`            what the doctor runs in a child process: is pip-resume active in this environment's pip
`index_probe`      what the doctor runs in a child process: one file of the index, and why it cannot be had
`index_requests`   a few short requests of one file: what its server does with ranges and conditions
`download_step`    replaces pip's download step, and falls back to it
`child_pip`        reaches the pip that installs build requirements in a venv of their own
`display`          pip's words and progress bar, and the log of `pip -vv`
`final_error`      the error after a download was given up
`leftovers`        names the partial downloads of other releases
`options`          what pip's options and our variables say about one run
`patient_session`  gives pip's own requests the patience of a download
`merged_settings`  the proxies and certificates of a request, looked for once per host
`required_hashes`  the hashes in a requirements file
`transport`        pip's session and its cache, for one link
`cached_files`     leaves the hash of a file of pip's cache to pip's own check, with a second look if that fails
`failures`         classifies exceptions of the network, with a cause in words
`http_cache`       pip's HTTP cache: look up, store, evict
`own_session`      copies of pip's session for our own requests
`bars`             pip's progress bars, also for the download of another pip
`status_line`      lines of a terminal that are rewritten
`body`             the body of a response, read as it arrives
`compat`           how this pip differs from others
`replacement`      replaces functions of pip, and restores them
`run`              what is remembered for one run of pip
"""

from __future__ import annotations

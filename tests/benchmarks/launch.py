"""Runs one command and prints its figures; `measure` starts this file as a process of its own for each run.

The peak memory of a child process begins at that of its parent, so this parent must be small: it imports only the
standard library. It reads the command from standard input and writes the figures to standard output, both as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

POLL_S = 0.002


def main() -> None:
    order = json.load(sys.stdin)
    # A job in the background ignores SIGINT, and the child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["cpus"]:
        os.sched_setaffinity(0, order["cpus"])  # The child inherits it.
    with Path(order["output"]).open("ab") as output:
        begun_s = time.perf_counter()
        process = subprocess.Popen(
            order["arguments"],
            cwd=order["directory"],
            env=order["environment"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = threading.Timer(order["timeout_s"], process.kill)
    deadline.start()
    reached_s = watch(process.pid, order["watched"], order["beyond"], begun_s) if order["watched"] else None
    if reached_s is not None:
        process.send_signal(order["then_signal"])
    figures = figures_of(process, begun_s)
    deadline.cancel()
    json.dump({**figures, "reached_s": reached_s}, sys.stdout)


def watch(pid: int, directories: list[str], beyond: int, begun_s: float) -> float | None:
    """Return the seconds until a file below these directories was larger than `beyond` bytes; None: none ever was."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if any(largest_file(Path(directory)) > beyond for directory in directories):
            return time.perf_counter() - begun_s
        time.sleep(POLL_S)
    return None


def largest_file(directory: Path) -> int:
    """Return the size of the largest file in bytes; -1 if there is none."""
    largest = -1
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                largest = max(largest, os.lstat(os.path.join(folder, name)).st_size)  # noqa: PTH118 - polled
            except FileNotFoundError:
                continue
    return largest


def figures_of(process: subprocess.Popen[bytes], begun_s: float) -> dict[str, Any]:
    """Wait for the end of the process, and read what the system has counted before the process is reaped."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall_s = time.perf_counter() - begun_s
    counted = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "exit_code": process.returncode,
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "written_bytes": int(counted["wchar"]),
    }


if __name__ == "__main__":
    main()

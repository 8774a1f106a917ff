"""Runs one command and prints its figures; a process of its own for each run.

A child's peak memory begins at its parent's, so the parent has to be small: nothing is imported here but the standard
library. The command comes as JSON on standard input (see `measure.Command`), the figures leave as JSON.
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
    asked = json.load(sys.stdin)
    # Where it is ignored, as in a job in the background, the child would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Path(asked["output"]).open("ab") as output:
        begun_s = time.perf_counter()
        process = subprocess.Popen(
            asked["arguments"],
            cwd=asked["directory"],
            env=asked["environment"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = threading.Timer(asked["timeout_s"], process.kill)
    deadline.start()
    reached_s = watch(process.pid, asked["watched"], asked["beyond"], begun_s) if asked["watched"] else None
    if reached_s is not None:
        process.send_signal(asked["then_signal"])
    figures = figures_of(process, begun_s)
    deadline.cancel()
    json.dump({**figures, "reached_s": reached_s}, sys.stdout)


def watch(pid: int, directories: list[str], beyond: int, begun_s: float) -> float | None:
    """Seconds until a file below these directories was longer than `beyond`; None if that never happened."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if any(longest_file(Path(directory)) > beyond for directory in directories):
            return time.perf_counter() - begun_s
        time.sleep(POLL_S)
    return None


def longest_file(directory: Path) -> int:
    """In bytes; -1 where there is none."""
    longest = -1
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                longest = max(longest, os.lstat(os.path.join(folder, name)).st_size)  # noqa: PTH118 - polled
            except FileNotFoundError:
                continue
    return longest


def figures_of(process: subprocess.Popen[bytes], begun_s: float) -> dict[str, Any]:
    """Wait for the end; what the system has counted is read between the end and the reaping."""
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

"""The names of the parents of this process on Windows, from a snapshot of all processes."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALL_PROCESSES = 0x2
_MOST_PARENTS = 6


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W, as the documentation of Windows has it."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("usage", ctypes.c_uint32),
        ("process", ctypes.c_uint32),
        ("heap", ctypes.c_size_t),
        ("module", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("parent", ctypes.c_uint32),
        ("priority", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("file", ctypes.c_wchar * 260),
    )


def names_of_parents() -> Iterator[str]:
    """Yield the file name of the parent, of its parent and so on. Raises OSError."""
    processes = _snapshot()
    process = os.getpid()
    for _ in range(_MOST_PARENTS):
        process = processes.get(process, (0, ""))[0]
        if process not in processes:
            return
        yield processes[process][1]


def _snapshot() -> dict[int, tuple[int, str]]:
    """Return the parent and the file name of every process. Raises OSError."""
    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 -- mypy looks for it on the system that it runs on.
    kernel.CreateToolhelp32Snapshot.restype = ctypes.c_void_p
    handle = kernel.CreateToolhelp32Snapshot(_ALL_PROCESSES, 0)
    if handle in (None, ctypes.c_void_p(-1).value):
        raise OSError("the list of processes cannot be read")
    found, entry = {}, _Entry(size=ctypes.sizeof(_Entry))
    try:
        more = kernel.Process32FirstW(ctypes.c_void_p(handle), ctypes.byref(entry))
        while more:
            found[entry.process] = (entry.parent, entry.file)
            more = kernel.Process32NextW(ctypes.c_void_p(handle), ctypes.byref(entry))
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
    return found

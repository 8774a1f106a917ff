"""What is measured, as data: how a run is prepared, and the command."""

from __future__ import annotations

from dataclasses import dataclass

KB, MIB, GIB = 1000, 1024**2, 1024**3
OTHER_FILES_BYTES = MIB
"""The payload of a wheel is this much smaller than its nominal size, which includes the other files."""


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `sizes` are those of the downloaded wheels, in bytes. `keeps_cache`: the runs in one environment share a cache,
    which is filled before the first run. `resumed_at` is the share of the file that the plugin has stored before each
    run, which then ends at the first new byte; None: nothing is stored, and each run goes to its end. `on_one_core`:
    pip has one processor, and the server the others.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    pip_command: tuple[str, ...]
    is_slow: bool = False
    keeps_cache: bool = False
    resumed_at: float | None = None
    on_one_core: bool = False

    @property
    def needed_bytes(self) -> int:
        """Disk space for the wheels on the server, and for the copies that a pip makes of them."""
        return 6 * sum(self.sizes) + 256 * MIB


DOWNLOAD = ("download", "--dest", "{result}")
INSTALL = ("install", "--target", "{result}")

CASES = (
    Case("download-200M", "`pip download`, 200 MiB", (200 * MIB,), DOWNLOAD),
    Case("download-1G", "`pip download`, 1 GiB", (GIB,), DOWNLOAD),
    Case("one-core-200M", "`pip download`, 200 MiB, pip on one core", (200 * MIB,), DOWNLOAD, on_one_core=True),
    Case("install-200M", "`pip install`, 200 MiB", (200 * MIB,), INSTALL),
    Case("install-1G", "`pip install`, 1 GiB", (GIB,), INSTALL),
    Case("small", "`pip download`, 100 wheels of 50 kB", (50 * KB,) * 100, DOWNLOAD),
    Case("cached", "from the cache: `pip download`, 200 MiB", (200 * MIB,), DOWNLOAD, keeps_cache=True),
    Case("reinstall", "from the cache: `pip install`, 200 MiB", (200 * MIB,), INSTALL, keeps_cache=True),
    Case("slow", "a link of 16 MiB/s, 32 MiB", (32 * MIB,), DOWNLOAD, is_slow=True),
    Case("resume-50", "resume of 1 GiB at 50 %: first new byte", (GIB,), DOWNLOAD, resumed_at=0.5),
    Case("resume-99", "resume of 1 GiB at 99 %: first new byte", (GIB,), DOWNLOAD, resumed_at=0.99),
)

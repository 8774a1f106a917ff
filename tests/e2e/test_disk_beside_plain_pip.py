"""Section 4 of the field report, what lies on disk: plain pip and ours with the same server, one after the other.

`pytest -rP` prints a row for each: the exit codes of all runs, and the bytes on the wire as a share of the file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, half, index_options, stored_contents, wait_until_half_is_stored
from environments.environment import Environment, Environments
from environments.processes import CommandFailed, run_checked, start_with_pipes
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, honest, publish, wheel_artifact

RESUMING_PIPS = pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
OTHER = wheel_artifact("other", size=3_000_000, seed=7)
PLAIN, OURS = "plain", "ours"
DAY_S = 86_400


@dataclass
class Side:
    """All runs of one pip in a row of the table."""

    pip: Environment
    server: FaultServer
    codes: list[int] = field(default_factory=list)

    def download(self, artifact: Artifact, **variables: str) -> int:
        """Download to the end, and return the exit code."""
        self.codes.append(self.pip.run(*self._command(artifact), env=variables).returncode)
        return self.codes[-1]

    def download_in_other_boot(self, artifact: Artifact, boot_id: Path) -> None:
        """Download on what seems to be a machine that was started at a different time.

        Only this one process sees the other boot id: tests that run at the same time have partials of this boot.
        """
        mount_and_run = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mount_and_run, "sh", str(boot_id)]
        pip = self.pip.pip_command(*self._command(artifact))
        self.codes.append(start_with_pipes([*command, *pip], self.pip.variables, self.pip.work).wait().returncode)

    def stop_at_half(self, artifact: Artifact, rate: int | None = None) -> None:
        """Download half, at `rate` bytes per second, and end pip with SIGTERM, as CI systems do."""
        part = replace(honest(artifact), cut_after=half(artifact), then=Then.STALL, rate=rate)
        self.server.plays(artifact.path, part, honest(artifact))
        running = self.pip.start(*self._command(artifact))
        self.server.wait_until_sent(artifact.path, half(artifact), timeout_s=45)
        if self.pip.variables.get("PIP_RESUME") == "1":
            wait_until_half_is_stored(self.server, artifact, self.pip.cache_dir)
        os.kill(running.pid, signal.SIGTERM)
        running.wait()

    def wire(self, artifact: Artifact) -> float:
        """Return the bytes sent for the file in all runs, as a share of the file."""
        return self.server.sent(artifact.path) / len(artifact.content)

    def has(self, artifact: Artifact) -> bool:
        return (self.pip.work / "downloaded" / artifact.filename).read_bytes() == artifact.content

    def row(self, artifact: Artifact) -> str:
        return f"{' '.join(map(str, self.codes))}, {self.wire(artifact):.2f} x"

    def _command(self, artifact: Artifact) -> tuple[str, ...]:
        options = (*index_options(self.server), "--trusted-host", "127.0.0.1", "--timeout", "2")
        return ("download", "--no-deps", "--dest", "downloaded", *options, artifact.project)


@pytest.fixture
def sides(environments: Environments, pip_version: str) -> Iterator[dict[str, Side]]:
    """Both pips, each with a server of its own that has both files."""
    with contextlib.ExitStack() as stack:
        made = {}
        for name, make in ((PLAIN, environments.without_plugin), (OURS, environments.with_plugin)):
            server = stack.enter_context(FaultServer())
            publish(server, BIG, OTHER)
            made[name] = Side(make(pip_version), server)
        yield made


def print_row(number: str, pip_version: str, sides: dict[str, Side]) -> None:
    print(f"| {number} | {pip_version} | {sides[PLAIN].row(BIG)} | {sides[OURS].row(BIG)} |")


@RESUMING_PIPS
def test_a_length_that_no_disk_has_costs_no_other_stored_file(sides: dict[str, Side], pip_version: str) -> None:
    """Row 4.1."""
    for side in sides.values():
        side.stop_at_half(OTHER)
        lie = replace(honest(BIG), fields={"Content-Length": str(2**50)}, then=Then.CLOSE)
        side.server.plays(BIG.path, lie, honest(BIG))
        side.download(BIG)
    print_row("4.1", pip_version, sides)

    assert sides[OURS].codes <= sides[PLAIN].codes
    assert sides[OURS].has(BIG)
    assert OTHER.content[: half(OTHER)] in stored_contents(sides[OURS].pip.cache_dir)


@pytest.mark.parametrize("pip_version", ["26.3"])
def test_a_cache_that_moves_to_another_machine_resumes(
    sides: dict[str, Side], pip_version: str, tmp_path: Path
) -> None:
    """Row 4.2: SIGTERM when the bytes of the first 30 s are synced. Then the cache is used on a different machine."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can replace the boot id")
    try:
        run_checked("unshare", "--mount", "true")
    except CommandFailed as error:
        pytest.skip(f"no mount namespace can be made, as below a changed root directory: {error}")
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    for side in sides.values():
        side.stop_at_half(BIG, rate=half(BIG) // 33 if side is sides[OURS] else None)
        restored = side.pip.cache_dir.with_name("restored")
        if side.pip.cache_dir.exists():
            shutil.copytree(side.pip.cache_dir, restored)
        side.pip.variables["PIP_CACHE_DIR"] = str(restored)
        side.download_in_other_boot(BIG, boot_id)
    print_row("4.2", pip_version, sides)

    assert sides[OURS].codes == [0]
    assert sides[OURS].has(BIG)
    assert sides[OURS].wire(BIG) <= 1.15 < sides[PLAIN].wire(BIG)


@RESUMING_PIPS
@pytest.mark.parametrize("age_s", [20 * DAY_S, 50 * 365 * DAY_S], ids=["20 days", "1970s"])
def test_the_file_that_is_requested_is_not_too_old(sides: dict[str, Side], pip_version: str, age_s: int) -> None:
    """Row 4.3: the user comes back after 20 days, or a clock was wrong."""
    then_s = time.time() - age_s
    for side in sides.values():
        side.stop_at_half(BIG)
        for path in side.pip.cache_dir.rglob("*"):
            os.utime(path, (then_s, then_s))
        side.download(BIG)
    print_row(f"4.3, {age_s // DAY_S} days", pip_version, sides)

    assert sides[OURS].codes == [0]
    assert sides[OURS].has(BIG)
    assert sides[OURS].wire(BIG) <= 1.05 < sides[PLAIN].wire(BIG)


@pytest.mark.parametrize("pip_version", ["23.2.1"])
def test_a_newer_pip_with_a_different_store_resumes_and_removes_the_old_file(
    sides: dict[str, Side], pip_version: str, environments: Environments
) -> None:
    """Row 4.4: pip is upgraded from 23.2.1 to 26.3 in the middle of a download."""
    for name, make in ((PLAIN, environments.without_plugin), (OURS, environments.with_plugin)):
        side = sides[name]
        side.stop_at_half(BIG)
        newer = make("26.3")
        newer.variables["PIP_CACHE_DIR"] = str(side.pip.cache_dir)
        side.pip = newer
        side.download(BIG)
    print_row("4.4", f"{pip_version} to 26.3", sides)

    assert sides[OURS].codes == [0]
    assert sides[OURS].has(BIG)
    assert sides[OURS].wire(BIG) <= 1.05 < sides[PLAIN].wire(BIG)
    old_store = Path(sides[OURS].pip.variables["PIP_CACHE_DIR"]) / "http"
    assert list(old_store.rglob("*.part")) == []


@RESUMING_PIPS
def test_two_links_with_one_name_leave_both_cached_files_as_they_are(sides: dict[str, Side], pip_version: str) -> None:
    """Row 4.5: two links of one run get the same name from Content-Disposition."""
    named = {"Content-Disposition": f'attachment; filename="{BIG.filename}"', "Cache-Control": "max-age=3600"}
    for side in sides.values():
        for artifact in (BIG, OTHER):
            side.server.plays(artifact.path, replace(honest(artifact), fields=named))
        urls = [f"{side.server.url(each.path)}#sha256={each.sha256}" for each in (BIG, OTHER)]
        command = ("download", "--no-deps", "--trusted-host", "127.0.0.1", "--dest")
        side.codes.append(side.pip.run(*command, "both", *urls).returncode)
        side.pip.variables["PIP_RESUME"] = "0"
        side.codes.append(side.pip.run(*command, "again", urls[0]).returncode)
    print_row("4.5", pip_version, sides)

    assert sides[OURS].codes == sides[PLAIN].codes
    assert sides[OURS].wire(BIG) == sides[PLAIN].wire(BIG) == 1.0
    assert (sides[OURS].pip.work / "again" / BIG.filename).read_bytes() == BIG.content


@RESUMING_PIPS
def test_a_temporary_directory_that_is_too_small_costs_no_second_download(
    sides: dict[str, Side], pip_version: str
) -> None:
    """Row 4.6: the second run has the space that the message of the first one asks for."""
    for name, side in sides.items():
        with _small(side.pip.temporary):
            side.download(BIG)
        side.download(BIG, TMPDIR=str(side.pip.home))
        assert side.has(BIG), name
    print_row("4.6", pip_version, sides)

    assert [code != 0 for code in sides[OURS].codes] == [code != 0 for code in sides[PLAIN].codes] == [True, False]
    assert sides[OURS].wire(BIG) == 1.0


@contextlib.contextmanager
def _small(directory: Path) -> Iterator[None]:
    """Make a directory a file system of 1 MiB; skip the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    run_checked("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory)
    try:
        yield
    finally:
        run_checked("umount", "--lazy", directory)

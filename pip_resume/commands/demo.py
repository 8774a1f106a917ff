"""`pip-resume demo`: kill a pip half-way and run it again, without pip-resume and with it. Needs no network."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import site
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.commands import pip_command
from pip_resume.commands.demo_server import PAYLOAD, PROJECT, SlowIndex, make_payload
from pip_resume.commands.formatting import format_size
from pip_resume.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The download itself takes 1.2 s (see demo_server); the rest is for pip on a slow machine.
_TIMEOUT_S = 60.0
# In that time the index sends 100 kB, so pip is killed close to where it should be.
_POLL_S = 0.01
# Percent. Beyond the half, because the bytes in socket buffers count as sent but are lost when pip is killed.
_KILL_AT_PERCENT = 55
# Variables for pip, and for servers that are not on this machine.
_REMOVED = re.compile(r"PIP_.*|(REQUESTS_CA|CURL_CA)_BUNDLE|SSL_CERT_(FILE|DIR)|.*_PROXY|NETRC", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """The result of an installation that was killed, and of the same command after it."""

    fetched_before: int
    """Bytes of the wheel fetched until pip was killed."""
    fetched_after: int
    """Bytes of the wheel fetched by the second run."""
    first_pos: int
    """The first byte that the second run fetched; 0 is the start of the wheel."""
    is_right: bool
    """Whether the second run installed the right bytes."""


def run() -> int:
    """Run the demo, print it, and return the exit code: 0 if pip-resume resumed, else 1.

    Raises CommandError if there is no pip, or if it hangs.
    """
    folder = Path(tempfile.mkdtemp(prefix="pip-resume-demo-"))
    try:
        version = pip_command.last_line(scrubbed(os.environ, folder), "--version").split(" ")[1]
        with SlowIndex(make_payload()) as index:
            length = format_size(len(index.wheel))
            _say(f"A wheel of {length}, from a slow index on this machine, with this environment's pip {version}.")
            _say("Each time, pip is killed half-way and then run again.")
            plain = _Terminal(index, folder / "without", {}).break_and_repeat()
            _say(_totals(plain))
            ours = _Terminal(index, folder / "with", {"PIP_RESUME": "1"}).break_and_repeat()
            _say(_totals(ours))
            return _verdict(plain, ours)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scrubbed(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment without settings for pip, and with ``home`` as the home directory."""
    kept = {name: value for name, value in environ.items() if not _REMOVED.fullmatch(name)}
    temporary = str(home / "tmp")
    at_home = dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME"), str(home))
    return {
        **kept,
        **at_home,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
        # pip and pip-resume may be installed there. Python would look for it below the home directory.
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONIOENCODING": "utf-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CACHE_DIR": str(home / "cache"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }


class _Terminal:
    """Install the wheel in a home directory of its own, and print pip's output."""

    def __init__(self, index: SlowIndex, home: Path, switch: Mapping[str, str]) -> None:
        self._index = index
        self._home = home
        self._switch = switch
        (home / "tmp").mkdir(parents=True)

    def break_and_repeat(self) -> Outcome:
        prompt = " ".join([*(f"{name}={value}" for name, value in self._switch.items()), "pip install", PROJECT])
        _say(f"\n{'With' if self._switch else 'Without'} pip-resume\n")
        sent_before = self._index.size_sent()
        _say(f"  $ {prompt}")
        self._install(sent_before + len(self._index.wheel) * _KILL_AT_PERCENT // 100)
        sent_at_kill = self._index.size_sent()
        responses = len(self._index.sent)
        _say(f"  $ {prompt}")
        self._install(None)
        second_run = self._index.sent[responses:]
        return Outcome(
            sent_at_kill - sent_before,
            sum(sent.size for sent in second_run),
            min((sent.first_pos for sent in second_run), default=0),
            self._is_installed_right(),
        )

    def _install(self, kill_at: int | None) -> None:
        """Run pip, and kill it as soon as the index has sent ``kill_at`` bytes in total. None: let it end."""
        target = ("--target", str(self._home / "target"))
        command = [
            *pip_command.PIP,
            "install",
            "--progress-bar",
            "off",
            "--index-url",
            self._index.url,
            *target,
            PROJECT,
        ]
        process = subprocess.Popen(
            command,
            env={**scrubbed(os.environ, self._home), **self._switch},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        transcript = threading.Thread(target=_show, args=(process,), daemon=True)
        transcript.start()
        try:
            was_killed = self._wait(process, kill_at)
        finally:
            process.kill()
            process.wait()
            transcript.join()
            if process.stdout is not None:
                process.stdout.close()
        if was_killed:
            _say("  (killed)")

    def _wait(self, process: subprocess.Popen[str], kill_at: int | None) -> bool:
        """Return True when pip must be killed, or False when it has ended. Raises CommandError if it hangs."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while process.poll() is None:
            if kill_at is not None and self._index.size_sent() >= kill_at:
                return True
            if time.monotonic() > deadline_s:
                raise CommandError(f"pip did not end within {_TIMEOUT_S:.0f} s")
            time.sleep(_POLL_S)
        return False

    def _is_installed_right(self) -> bool:
        with contextlib.suppress(OSError):
            # The wheel is not compressed, so it contains the payload unchanged.
            return (self._home / "target" / PAYLOAD).read_bytes() in self._index.wheel
        return False


def _show(process: subprocess.Popen[str]) -> None:
    for line in process.stdout or ():
        _say(f"  {line.rstrip()}")


def _totals(outcome: Outcome) -> str:
    first, second = format_size(outcome.fetched_before), format_size(outcome.fetched_after)
    total = format_size(outcome.fetched_before + outcome.fetched_after)
    return f"\n  Fetched {first}, then {second}: {total} in all"


def _verdict(plain: Outcome, ours: Outcome) -> int:
    if not plain.is_right:
        _say("\npip itself could not install the wheel; see above.")
        return 1
    if not ours.is_right or ours.first_pos == 0:
        what = "the wheel was downloaded again" if ours.is_right else "the wheel was not installed"
        _say(f"\npip-resume did not resume: {what}. To find out why: pip-resume doctor")
        return 1
    plain_size, our_size = format_size(plain.fetched_after), format_size(ours.fetched_after)
    _say(f"\npip-resume works: the second run fetched {our_size} instead of {plain_size}.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)

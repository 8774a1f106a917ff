"""The shell that the doctor was started from, and commands in its language."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SH, FISH, POWERSHELL, CMD = "sh", "fish", "powershell", "cmd"
DEFAULT = POWERSHELL if os.name == "nt" else SH
_KINDS = {
    **dict.fromkeys(("sh", "bash", "zsh", "dash", "ksh", "ash", "busybox", "mksh"), SH),
    "fish": FISH,
    **dict.fromkeys(("pwsh", "powershell", "pwsh-preview"), POWERSHELL),
    "cmd": CMD,
}
# They start our command for the shell, so the shell is their parent.
_LAUNCHERS = re.compile("uv|sudo|env|time|nice|doas")
# On Windows the script and the launcher of Python are processes of their own.
_WINDOWS_LAUNCHERS = re.compile("pip-resume|python[0-9.w]*|py|pyw|uv")
_MOST_PARENTS = 6


def kind_of(names: Iterable[str], launchers: re.Pattern[str] = _LAUNCHERS) -> str | None:
    """Return the kind of the shell among the names of our parents, the nearest first.

    None if a program that is neither a shell nor a launcher is nearer.
    """
    for name in names:
        bare = re.split(r"[/\\]", name.strip())[-1].lstrip("-").lower()
        bare = bare[: -len(".exe")] if bare.endswith(".exe") else bare
        if bare in _KINDS:
            return _KINDS[bare]
        if not launchers.fullmatch(bare):
            return None
    return None


def current() -> str:
    """Return the kind of the shell that started us: SH, FISH, POWERSHELL or CMD. DEFAULT if that is unknown."""
    try:
        if os.name == "nt":  # pragma: no cover - Windows
            from pip_resume.commands.doctor.windows_processes import names_of_parents

            return kind_of(names_of_parents(), _WINDOWS_LAUNCHERS) or DEFAULT
        return kind_of(_names_of_parents()) or DEFAULT
    except (OSError, ValueError, ImportError, AttributeError, subprocess.SubprocessError):
        return DEFAULT


def _names_of_parents() -> Iterator[str]:
    """Yield the names of the parent, of its parent and so on. Raises OSError, ValueError, SubprocessError."""
    process = os.getppid()
    for _ in range(_MOST_PARENTS):
        if process <= 1:
            return
        stat = Path(f"/proc/{process}/stat")
        if stat.exists():
            # The name is in parentheses, and may contain some.
            before, _, after = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
            name, process = before.partition("(")[2], int(after.split()[1])
        else:
            command = ["ps", "-o", "ppid=,comm=", "-p", str(process)]
            line = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=5, check=True).stdout
            parent, _, name = line.strip().partition(" ")
            process = int(parent)
        yield name


def set_variable(shell: str, name: str, value: str) -> str:
    """Return the command that sets an environment variable."""
    if shell == FISH:
        return f"set -gx {name} {quoted(shell, value)}"
    if shell == POWERSHELL:
        return f'$env:{name} = "{value}"'
    return f"set {name}={value}" if shell == CMD else f"export {name}={quoted(shell, value)}"


def unset_variable(shell: str, name: str) -> str:
    """Return the command that removes an environment variable."""
    forms = {FISH: f"set -e {name}", POWERSHELL: f"Remove-Item Env:{name}", CMD: f"set {name}="}
    return forms.get(shell, f"unset {name}")


def command(shell: str, program: str, arguments: str) -> str:
    """Return the command that runs a program; only its path is quoted."""
    word = quoted(shell, program)
    is_expression = shell == POWERSHELL and word != program
    return f"{'& ' if is_expression else ''}{word} {arguments}"


def quoted(shell: str, word: str) -> str:
    """Return a word as the shell needs it in a command."""
    if shell == SH:
        return shlex.quote(word)
    if re.fullmatch(r"[\w@%+=:,./\\-]+", word, re.ASCII) and (shell != FISH or "\\" not in word):
        return word
    if shell == FISH:
        escaped = word.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if shell == POWERSHELL:
        doubled = word.replace("'", "''")
        return f"'{doubled}'"
    return f'"{word}"'

"""`pip-resume list` and `pip-resume purge`: list and remove stored files (partial downloads and finished files)."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pip_resume.artifact import canonical_name, canonical_project
from pip_resume.commands import pip_command
from pip_resume.commands.formatting import align, counted, format_age, format_size, shortened
from pip_resume.errors import CommandError, StoreUnusable
from pip_resume.storage import housekeeping
from pip_resume.wording import format_share, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pip_resume.storage.housekeeping import Entry

# Hexadecimal digits of a key that are shown, of 64. With 12 of them (48 bits), two of 1000 partials have the same ones
# with a probability of 2e-9.
_SHORT_KEY = 12
_NUMERIC_COLUMNS = frozenset({0, 1, 2})
_WIDE_COLUMNS = 60
"""From this width on a terminal has room for the size of the complete file, and for "finished" instead of "100 %"."""


@dataclass
class Purge:
    """What happened to each partial that matched."""

    removed: list[Entry] = field(default_factory=list)
    held: list[Entry] = field(default_factory=list)
    """Those that another pip is using."""
    refused: list[tuple[Entry, str]] = field(default_factory=list)
    """Those that the operating system did not let us remove, with its reason."""

    @property
    def exit_code(self) -> int:
        """The exit code of the command: 2 if the system refused something, else 1 if a pip holds something, else 0."""
        if self.refused:
            return 2
        return 1 if self.held else 0


def show(cache_directory: Path | None) -> int:
    """Print the partials below pip's cache directory and return the exit code. None means this environment's pip."""
    cache = _cache(cache_directory)
    found = _all_entries(cache)
    if not found:
        print(f"No stored files in {printable(str(cache))}")
        return 0
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print("\n".join(_table(found, columns)))
    print(f"{counted(len(found), 'stored file')}, {format_size(_sum(found))}, in")
    print(printable(str(cache)))
    return 0


def _table(found: Sequence[Entry], columns: int | None) -> list[str]:
    """Return the rows of a table that fits into a terminal; complete names without one (``columns`` is None)."""
    now_s, is_wide = time.time(), columns is None or columns >= _WIDE_COLUMNS
    rows = [("Share", "Size", "Age"), *(_row(entry, now_s, is_wide=is_wide) for entry in found)]
    names = ["File", *map(_described, found)]
    lines = align(rows, right=_NUMERIC_COLUMNS)
    width = max(map(len, lines))
    left = None if columns is None else columns - width - 3
    return [
        f"{line.ljust(width)}  {name if left is None else shortened(name, left)}" for line, name in zip(lines, names)
    ]


def show_as_json(cache_directory: Path | None) -> int:
    """Print the same as `show`, as JSON."""
    cache = _cache(cache_directory)
    found = _all_entries(cache)
    now_s = time.time()
    partials = [_values(entry, now_s) for entry in found]
    print(json.dumps({"cache_directory": str(cache), "kept_bytes": _sum(found), "partials": partials}, indent=2))
    return 0


def purge(cache_directory: Path | None, names: Sequence[str], older_than_s: float) -> Purge:
    """Remove the partials that match one of the names and have not grown for ``older_than_s`` seconds.

    Without names all partials match.
    """
    cache = _cache(cache_directory)
    result = Purge()
    for entry in _matching(cache, names, older_than_s):
        try:
            (result.removed if housekeeping.remove(entry) else result.held).append(entry)
        except OSError as error:
            result.refused.append((entry, error.strerror or str(error)))
    for directory in housekeeping.directories(cache):
        housekeeping.remove_leftovers(directory, time.time())
    return result


def rehearse(cache_directory: Path | None, names: Sequence[str], older_than_s: float) -> Purge:
    """Return the result that `purge` would have, without removing anything."""
    result = Purge()
    for entry in _matching(_cache(cache_directory), names, older_than_s):
        try:
            (result.held if housekeeping.is_in_use(entry) else result.removed).append(entry)
        except (OSError, StoreUnusable) as error:
            result.refused.append((entry, getattr(error, "strerror", None) or str(error)))
    return result


def report(result: Purge, names: Sequence[str], verb: str) -> None:
    """Print what happened to the partials. ``verb`` is "Removed" or "Would remove"."""
    if not (result.removed or result.held or result.refused):
        # A warning, not an error, as for `pip cache remove`, whose words these are.
        suffix = f" for {', '.join(map(repr, names))}" if names else ""
        print(f"No matching stored files{suffix}", file=sys.stderr)
    for entry in result.removed:
        print(f"{verb} {_name(entry)} ({format_size(entry.size)})")
    if result.removed:
        print(f"{verb} {counted(len(result.removed), 'stored file')}, {format_size(_sum(result.removed))}")
    for entry in result.held:
        print(f"Skipped {_name(entry)}: it is in use by another pip", file=sys.stderr)
    for entry, reason in result.refused:
        print(printable(f"Could not remove {entry.path}: {reason}"), file=sys.stderr)


def report_as_json(result: Purge) -> None:
    """Print the same as `report`, as JSON."""
    now_s = time.time()
    values = {
        "removed_bytes": _sum(result.removed),
        "removed": [_values(entry, now_s) for entry in result.removed],
        "held": [_values(entry, now_s) for entry in result.held],
        "refused": [{**_values(entry, now_s), "reason": reason} for entry, reason in result.refused],
    }
    print(json.dumps(values, indent=2))


def matches(entry: Entry, name: str) -> bool:
    """Whether a name selects this partial: its project, its file name or a pattern for it, or its key."""
    if name in (entry.key, _short_key(entry)) or fnmatchcase(_name(entry).lower(), name.lower()):
        return True
    return bool(entry.filename) and canonical_name(name) == canonical_project(entry.filename)


def _cache(directory: Path | None) -> Path:
    if directory is None:
        return pip_command.cache_directory()
    if not directory.is_dir():
        raise CommandError(
            f"{directory} is not a directory" if directory.exists() else f"there is no directory {directory}"
        )
    return directory


def _all_entries(cache: Path) -> list[Entry]:
    found = [entry for directory in housekeeping.directories(cache) for entry in housekeeping.entries(directory)]
    return sorted(found, key=lambda entry: entry.modified_s)


def _matching(cache: Path, names: Sequence[str], older_than_s: float) -> list[Entry]:
    limit_s = time.time() - older_than_s
    return [
        entry
        for entry in _all_entries(cache)
        if (older_than_s == 0 or entry.modified_s <= limit_s)
        and (not names or any(matches(entry, name) for name in names))
    ]


def _sum(found: Sequence[Entry]) -> int:
    return sum(entry.size for entry in found)


def _name(entry: Entry) -> str:
    return printable(entry.filename) or _short_key(entry)


def _short_key(entry: Entry) -> str:
    return entry.key[:_SHORT_KEY]


def _row(entry: Entry, now_s: float, *, is_wide: bool) -> tuple[str, ...]:
    length = entry.complete_length
    share = "finished" if is_wide and entry.is_complete else f"{_percent(entry)} %" if length else "?"
    size = format_share(entry.size, length) if is_wide and not entry.is_complete else format_size(entry.size)
    return share, size, "in use" if _is_in_use(entry) else format_age(now_s - entry.modified_s)


def _described(entry: Entry) -> str:
    if entry.is_newer:
        return f"{_name(entry)} (written by a newer pip-resume)"
    return _name(entry) if entry.is_usable else f"{_name(entry)} (unusable: its record cannot be read)"


def _is_in_use(entry: Entry) -> bool:
    """Whether a pip is using it; False if that cannot be found out."""
    try:
        return housekeeping.is_in_use(entry)
    except (OSError, StoreUnusable):
        return False


def _percent(entry: Entry) -> int:
    return 100 * entry.size // entry.complete_length if entry.complete_length else 0


def _values(entry: Entry, now_s: float) -> dict[str, Any]:
    return {
        "file": entry.filename or None,
        "host": entry.host or None,
        "kept_bytes": entry.size,
        "finished": entry.is_complete,
        "in_use": _is_in_use(entry),
        "complete_bytes": entry.complete_length,
        "age_s": round(max(now_s - entry.modified_s, 0.0), 1),
        "path": str(entry.path),
        "usable": entry.is_usable,
        "written_by_newer_version": entry.is_newer,
    }

"""Sizes, ages and tables as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pip_resume.wording import format_size, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("align", "counted", "format_age", "format_size", "shortened")

_FILE_NAME = re.compile(
    r"(?P<project>.+?)-(?P<version>\d[^-]*?)(?P<tags>-.+)?\.(?P<ending>whl|zip|tgz|tar(?:\.\w+)?)", re.ASCII
)
_LEAST_OF_PROJECT = 3
"""Fewer characters say nothing about the project."""
_UNITS_S = ((86400, "d"), (3600, "h"), (60, "min"))


def format_age(age_s: float) -> str:
    """Format seconds in the largest unit that fits, rounded down; a negative age, from a wrong clock, is 0 s."""
    for unit_s, unit in _UNITS_S:
        if age_s >= unit_s:
            return f"{age_s // unit_s:.0f} {unit}"
    return f"{max(age_s, 0):.0f} s"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun, which is in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def align(rows: Sequence[Sequence[str]], *, right: frozenset[int]) -> list[str]:
    """Return one line for each row, with aligned columns. Columns whose index is in ``right`` are right-aligned.

    What a terminal would not show as a character is replaced.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def shortened(name: str, width: int) -> str:
    """Return a file name, or so much of it that it has ``width`` characters. Not less than 12.

    The start of the project, the version and the ending stay, where there is room for them.
    """
    width = max(width, 12)
    if len(name) <= width:
        return name
    parts = _FILE_NAME.fullmatch(name)
    if parts is not None:
        project, version, tags, ending = parts["project"], parts["version"], parts["tags"], parts["ending"]
        left = width - len(f"{project}-{version}...{ending}")
        if left >= 0:
            return f"{project}-{version}...{f'{tags}.'[len(tags) + 1 - left :]}{ending}"
        for rest in (f"-{version}{f'...{ending}' if tags else f'.{ending}'}", f"{version}.{ending}"):
            left = width - len(f"...{rest}")
            if left >= _LEAST_OF_PROJECT:
                return f"{project[:left]}...{rest}"
        return f"{name[: width - 3 - len(ending)]}...{ending}"
    end = (width - 3) // 2
    return f"{name[: width - 3 - end]}...{name[-end:]}"

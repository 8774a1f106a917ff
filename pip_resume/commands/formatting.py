"""Sizes, ages and tables as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.wording import format_size, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("align", "counted", "format_age", "format_size", "shortened")

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


def shortened(text: str, width: int) -> str:
    """Return the text, or so much of its start and its end that it has ``width`` characters. Not less than 12."""
    width = max(width, 12)
    if len(text) <= width:
        return text
    end = (width - 3) // 2
    return f"{text[: width - 3 - end]}...{text[-end:]}"

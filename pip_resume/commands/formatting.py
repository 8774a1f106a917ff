"""Sizes, ages and tables as people read them in a terminal or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS_S = ((86400, "d"), (3600, "h"), (60, "min"))


def format_size(size: int) -> str:
    """Bytes in pip's own units and rounding (``pip._internal.utils.misc.format_size``), which are decimal."""
    if size > 1_000_000:
        return f"{size / 1_000_000:.1f} MB"
    if size > 10_000:
        return f"{size // 1000} kB"
    if size > 1000:
        return f"{size / 1000:.1f} kB"
    return f"{size} bytes"


def format_age(age_s: float) -> str:
    """Seconds in the largest unit that fits, rounded down; a time in the future, after a wrong clock, is 0 s."""
    for step_s, unit in _STEPS_S:
        if age_s >= step_s:
            return f"{age_s // step_s:.0f} {unit}"
    return f"{max(age_s, 0):.0f} s"


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where the number asks for it."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def align(rows: Sequence[Sequence[str]], *, right: frozenset[int]) -> list[str]:
    """Rows of cells as lines of aligned columns; the columns whose index is in ``right`` end at one place."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]

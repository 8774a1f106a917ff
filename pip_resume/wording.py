"""Numbers and names as people read them in a terminal or in a file. No I/O."""

from __future__ import annotations

_UNITS = ((1_000_000_000, "GB"), (1_000_000, "MB"))


def format_size(size: int) -> str:
    """Format bytes in pip's decimal units and rounding (``pip._internal.utils.misc.format_size``), with GB as well."""
    for unit, name in _UNITS:
        if size > unit:
            return f"{size / unit:.1f} {name}"
    if size > 10_000:
        return f"{size // 1000} kB"
    if size > 1000:
        return f"{size / 1000:.1f} kB"
    return f"{size} bytes"


def format_share(size: int, whole: int | None) -> str:
    """Format how much of the whole there is: "10.0 of 40.0 MB"; without a known whole only how much there is."""
    if not whole:
        return format_size(size)
    shown, complete = format_size(size), format_size(whole)
    number, _, unit = shown.partition(" ")
    return f"{number} of {complete}" if complete.endswith(f" {unit}") else f"{shown} of {complete}"


def format_duration(duration_s: float) -> str:
    """Format seconds: with one decimal below 10 s, in minutes from 2 min on, in hours from 2 h on."""
    if duration_s < 10:
        return f"{round(duration_s, 1):g} s"
    if duration_s < 120:
        return f"{duration_s:.0f} s"
    if duration_s < 7200:
        return f"{duration_s / 60:.0f} min"
    return f"{duration_s / 3600:.0f} h"


def printable(text: str) -> str:
    """Replace what a terminal would not show as a character: a name from outside must not control it."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)

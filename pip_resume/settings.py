"""The environment variables of pip-resume as one value.

An invalid value produces a warning and the default; it never fails an install.

Sizes use the units that pip prints: ``K``, ``KB``, ``M``, ``MB``, ... are powers of 1000, and only an ``i`` (``KiB``,
``GiB``, ``Gi``) makes them powers of 1024. A number without a unit is bytes, or seconds in ``PIP_RESUME_PATIENCE``.
The durations of ``pip-resume purge`` need a unit.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Callable, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_T = TypeVar("_T")

SWITCH = "PIP_RESUME"
KEEP_DAYS = "PIP_RESUME_KEEP_DAYS"
MAX_SIZE = "PIP_RESUME_MAX_SIZE"
PATIENCE = "PIP_RESUME_PATIENCE"
OUR_NAMES = (SWITCH, KEEP_DAYS, MAX_SIZE, PATIENCE)

# pip 25.1 and newer read this variable as their option --resume-retries, so it cannot be one of ours.
PIPS_OWN_NAME = "PIP_RESUME_RETRIES"
_VALUES = (KEEP_DAYS, MAX_SIZE, PATIENCE, PIPS_OWN_NAME)
"""The variables that have a value. SWITCH is read where Python starts."""

# Two weeks: a download that has not been continued for so long will probably never be.
DEFAULT_KEEP_DAYS = 14.0
# Bytes. The largest wheels of public indexes, with CUDA libraries, have 2 to 3 GB: a few of them fit.
DEFAULT_MAX_SIZE = 10 * 1024**3
DEFAULT_PATIENCE_S = 300.0

# The largest file offset, a signed 64-bit off_t.
_LARGEST_SIZE = 2**63 - 1
# Characters of a wrong value that a warning repeats: enough to recognise it, and the warning stays readable.
_LONGEST_QUOTE = 40

# Strings: `re` compiles each at its first use. Most users set none of the variables, and compiling all took 4 ms.
_AMOUNT = r"(?P<whole>[0-9]{1,19})(?:\.(?P<fraction>[0-9]{1,9}))?"
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_SIZE = rf"{_AMOUNT}[ \t]*(?:(?P<prefix>[KMGT])(?P<binary>I?))?B?"
_DURATION = rf"(?P<amount>{_NUMBER})[ \t]*(?P<unit>[WDHMS])"
_UNIT_S = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


class Settings(NamedTuple):
    """The values of our variables.

    ``keep_days``: partials that have not grown for more than this many days are removed; 0 removes every partial that
    no pip is using.
    ``max_size``: the most bytes that this user's partials in one store may have; 0 likewise.
    ``patience_s``: seconds without progress after which a download is given up; None if it was not set.
    ``retries``: PIP_RESUME_RETRIES, for pips that do not read it themselves; None if it was not set.
    ``complaints``: one sentence for each variable with an invalid value; its default is used instead.
    """

    keep_days: float = DEFAULT_KEEP_DAYS
    max_size: int = DEFAULT_MAX_SIZE
    complaints: tuple[str, ...] = ()
    patience_s: float | None = None
    retries: int | None = None


def parse_settings(environ: Mapping[str, str]) -> Settings:
    """Read the variables; an empty one counts as unset, as it does for pip's own options. Raises nothing."""
    return _parse(tuple(environ.get(name, "") for name in _VALUES))


@functools.lru_cache(maxsize=4)
def _parse(texts: tuple[str, ...]) -> Settings:
    """Read the values of the variables _VALUES."""
    values = dict(zip(_VALUES, texts))
    complaints = []

    def read(name: str, parse: Callable[[str], _T | None], expected: str, default: str) -> _T | None:
        text = values[name]
        value = parse(text) if text else None
        if text and value is None:
            complaints.append(f"{name} is {_quote(text)}, which is not {expected}; using the default, {default}.")
        return value

    keep_days = read(KEEP_DAYS, _parse_days, "a number of days such as 14 or 0.5", f"{DEFAULT_KEEP_DAYS:g}")
    max_size = read(MAX_SIZE, parse_size, "a size such as 500M, 1.5GiB or 20 GB", f"{DEFAULT_MAX_SIZE // 1024**3}GiB")
    patience_s = read(PATIENCE, _parse_patience_s, "a duration such as 90s, 5m or 2h", f"{DEFAULT_PATIENCE_S / 60:g}m")
    retries = read(PIPS_OWN_NAME, _parse_retries, "a number of retries such as 5", "pip's own")
    return Settings(
        DEFAULT_KEEP_DAYS if keep_days is None else keep_days,
        DEFAULT_MAX_SIZE if max_size is None else max_size,
        tuple(complaints),
        patience_s,
        retries,
    )


def unknown_names(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return, sorted, the names that begin with ``PIP_RESUME_`` and that neither we nor pip read: probably misspelt."""
    known = {*OUR_NAMES, PIPS_OWN_NAME}
    return tuple(sorted(name for name in environ if name.startswith(f"{SWITCH}_") and name not in known))


def parse_size(text: str) -> int | None:
    """Return a size in bytes, rounded down (units: see the module); None for any other text. Raises nothing."""
    match = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    unit = 1
    if match["prefix"]:
        base = 1024 if match["binary"] else 1000
        unit = base ** ("KMGT".index(match["prefix"].upper()) + 1)
    # Integers only: a float is not exact beyond 2**53.
    fraction = match["fraction"] or "0"
    size = int(match["whole"]) * unit + int(fraction) * unit // 10 ** len(fraction)
    return size if size <= _LARGEST_SIZE else None


def parse_duration(text: str) -> float | None:
    """Return a duration in seconds, from ``2w``, ``3d``, ``12h``, ``90m`` or ``45s``; None for any other text."""
    match = re.fullmatch(_DURATION, text.strip(), re.IGNORECASE | re.ASCII)
    return None if match is None else float(match["amount"]) * _UNIT_S[match["unit"].lower()]


def _parse_patience_s(text: str) -> float | None:
    """Read a duration in seconds; a number without a unit is seconds, as pip's --timeout is. None for anything else."""
    return float(text.strip()) if re.fullmatch(_NUMBER, text.strip()) else parse_duration(text)


def _parse_days(text: str) -> float | None:
    return float(text.strip()) if re.fullmatch(_NUMBER, text.strip()) else None


def _parse_retries(text: str) -> int | None:
    return int(text.strip()) if re.fullmatch("[0-9]{1,9}", text.strip()) else None


def _quote(value: str) -> str:
    shown = value if len(value) <= _LONGEST_QUOTE else f"{value[:_LONGEST_QUOTE]}..."
    return ascii(shown)

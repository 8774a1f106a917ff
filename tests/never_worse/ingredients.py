"""What a situation consists of, as names that can be counted."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.situation import Refusal, Situation

_COUNTED_FOR_RANGES = (400, 403, 404, 405, 406, 416, 500, 501, 502, 503)


def ingredients(situation: Situation) -> frozenset[str]:
    """Return the names of all ingredients, with those that have their default."""
    parts: list[Any] = [situation, situation.file, situation.ranges, situation.user]
    named = {name for part in parts for name in _plain_fields(part)}
    troubles: list[Any] = [
        *situation.cuts,
        *situation.outages,
        *situation.slow,
        *situation.sleeps,
        *situation.hops,
        *situation.user.stops,
    ]
    troubles += [situation.replacement] if situation.replacement is not None else []
    named |= {name for trouble in troubles for name in _named(trouble)}
    return frozenset(named | {name for refusal in situation.refusals for name in _refusal(refusal)})


def _plain_fields(part: Any) -> Iterator[str]:
    """Yield one name for each field that is a word, a number or a switch."""
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, (str, bool, int, float)) or value is None:
            yield f"{type(part).__name__.lower()}: {field.name}={value}"


def _named(trouble: Any) -> Iterator[str]:
    kind = type(trouble).__name__.lower()
    yield kind
    for field in fields(trouble):
        value = getattr(trouble, field.name)
        if isinstance(value, (str, bool)):
            yield f"{kind}: {field.name}={value}"
    if kind == "cut":
        yield f"cut: {'of every connection' if trouble.every else 'once'}"
    if kind == "hop":
        yield f"hop: {trouble.status}"
    if kind == "outage":
        yield f"outage: {_length(trouble.lasts_s)}"


def _length(seconds: float) -> str:
    return "up to 8 s" if seconds <= 8 else "up to 40 s" if seconds <= 40 else "up to 240 s"


def _refusal(refusal: Refusal) -> Iterator[str]:
    """Yield the names of a refusal. Statuses that need no count of their own share one."""
    what = str(refusal.how)
    is_of_ranges = refusal.of == "range"
    if refusal.how == "status":
        what = _status(refusal.status, is_of_ranges=is_of_ranges)
    elif not is_of_ranges:
        what = "login" if "login" in what else "no response"
    yield f"refusal of {'ranges' if is_of_ranges else 'others'}: {what}"
    yield f"refusal: of={refusal.of}"
    if refusal.how == "status" and refusal.retry_after != "none":
        yield f"refusal: Retry-After in {refusal.retry_after}"


def _status(status: int, *, is_of_ranges: bool) -> str:
    if status in (_COUNTED_FOR_RANGES if is_of_ranges else (429, 503)):
        return str(status)
    if status >= 400:
        return "other 4xx or 5xx"
    if not is_of_ranges:
        return "1xx, 2xx or 3xx"
    return "3xx" if status >= 300 else "1xx or 2xx"

"""Replaces functions of pip's classes and modules, and restores them."""

from __future__ import annotations

import functools
from typing import Any, Callable

_ORIGINAL = "_pip_resume_original"


def replace(owner: Any, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
    """Replace a function of a class or module by ``make(original)``.

    A second call changes nothing, nor does an owner that is None or lacks the function.
    """
    original = getattr(owner, name, None)
    if owner is None or original is None or hasattr(original, _ORIGINAL):
        return
    made = functools.wraps(original)(make(original))
    setattr(made, _ORIGINAL, original)
    setattr(owner, name, made)


def is_replaced(owner: Any, name: str) -> bool:
    """Whether ``replace`` has replaced this function."""
    return hasattr(getattr(owner, name, None), _ORIGINAL)


def restore(owner: Any, name: str) -> None:
    """Restore a function; changes nothing if it was not replaced, or if the owner is None."""
    if is_replaced(owner, name):
        setattr(owner, name, getattr(getattr(owner, name), _ORIGINAL))

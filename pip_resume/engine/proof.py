"""What the bytes held prove by themselves: by their digest, or by the checksums of their archive."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pip_resume.storage.container import is_zip

if TYPE_CHECKING:
    from pip_resume.engine.state import State


def has_right_digest(state: State) -> bool:
    """Whether the digest is known and matches. False if the file cannot be read back."""
    copy = state.copy
    if not copy.has_digest or not copy.has_any:
        return False
    unhashed = copy.current.unhashed_bytes
    with state.display.checking(unhashed) if unhashed else contextlib.nullcontext():
        try:
            return copy.current.has_right_digest()
        except OSError:
            return False


def hexdigest(state: State) -> str:
    """Return the digest of the file, after ``has_right_digest``; empty if it is not known."""
    return state.copy.current.hexdigest if state.copy.has_digest and state.copy.has_any else ""


def is_sound(state: State) -> bool | None:
    """Whether the archive is undamaged by its own checksums; None if that cannot be known."""
    try:
        return state.copy.current.is_sound(_filename(state))
    except OSError:
        return None


def is_whole_zip(state: State) -> bool:
    """Whether it is a zip that is complete and undamaged. Without its end little of it is read."""
    return is_zip(_filename(state)) and is_sound(state) is True


def _filename(state: State) -> str:
    return state.copy.current.checkpoint.filename or state.artifact.filename

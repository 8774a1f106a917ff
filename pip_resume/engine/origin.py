"""Where the bytes of one download came from, as a value."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """Where the bytes held came from."""

    overlap: int = 0
    """How many bytes before the offset are an earlier run's and still have to be compared with the server's."""
    is_this_run: bool = True
    """Whether this run has downloaded all of them, so that a wrong digest is not an earlier run's fault."""
    is_compared: bool = True
    """Whether this run has compared the last of them with the server's."""
    resumed_at: int = 0
    """The highest first-pos from which a server has continued; 0 if everything came in one response."""
    is_replacement: bool = False
    """Whether they take the place of different ones, which came earlier in this run or in a different one."""
    earlier: int = 0
    """How many bytes from the start an earlier run has left. With a hash they go only for a file that is right."""

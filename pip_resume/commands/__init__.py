"""What the command `pip-resume` does: one module for each of its commands, and what they share."""

from __future__ import annotations

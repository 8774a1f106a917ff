"""Situations in which pip-resume was once worse than plain pip: what a random search found, made simple."""

from __future__ import annotations

from never_worse.situation import Situation

PINNED: dict[str, Situation] = {}

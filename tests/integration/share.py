"""Count over the examples of a property test."""

from __future__ import annotations


class Share:
    """Counts how often something is true. A property test that only checks such examples needs enough of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._examples = 0
        self._true = 0

    def count(self, is_true: bool) -> None:
        """Count one example."""
        self._examples += 1
        self._true += is_true

    def assert_at_least(self, percent: int) -> None:
        """Check the share of the true examples, in percent, rounded down; and that there is one."""
        assert self._true > 0, f"{self._name}: never"
        assert self._true >= self._examples * percent // 100, f"{self._name}: {self._true} of {self._examples}"

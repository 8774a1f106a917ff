"""The table of pip x Python x case that ends a run of test_every_pip.py."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

WORDS = {"passed": "ok", "failed": "FAILED", "error": "ERROR", "skipped": "-"}
PROPERTIES = ("pip", "python", "case")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it, if a test has left what belongs into it."""
    rows: dict[tuple[str, str], dict[str, str]] = collections.defaultdict(dict)
    for outcome, word in WORDS.items():
        for report in terminalreporter.stats.get(outcome, ()):
            told = dict(getattr(report, "user_properties", ()))
            if set(PROPERTIES) <= set(told):
                rows[str(told["pip"]), str(told["python"])][str(told["case"])] = word
    if rows:
        terminalreporter.section("every pip")
        for line in table(rows):
            terminalreporter.line(line)


def table(rows: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    """One line per pip and Python, one column per case."""
    cases = list(dict.fromkeys(case for row in rows.values() for case in sorted(row)))
    widths = [max(len(case), 6) for case in cases]
    lines = [["pip".ljust(8), "Python", *(case.ljust(width) for case, width in zip(cases, widths))]]
    for pip, python in sorted(rows, key=lambda row: [[int(part) for part in text.split(".")] for text in row]):
        cells = (rows[pip, python].get(case, "").ljust(width) for case, width in zip(cases, widths))
        lines.append([pip.ljust(8), python.ljust(6), *cells])
    return ["  ".join(line).rstrip() for line in lines]

"""The table of pip, Python and case that a run of test_every_pip.py prints at its end."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

CELLS = {"passed": "ok", "failed": "FAILED", "error": "ERROR", "skipped": "-"}
"""The text in the table for each outcome of a test."""
PROPERTIES = ("pip", "python", "case")


def print_results_table(reporter: pytest.TerminalReporter) -> None:
    """Print the table if a test of this run has recorded the properties that it needs."""
    rows: dict[tuple[str, str], dict[str, str]] = collections.defaultdict(dict)
    for outcome, cell in CELLS.items():
        for report in reporter.stats.get(outcome, ()):
            properties = dict(getattr(report, "user_properties", ()))
            if set(PROPERTIES) <= set(properties):
                rows[str(properties["pip"]), str(properties["python"])][str(properties["case"])] = cell
    if rows:
        reporter.section("every pip")
        for line in table_lines(rows):
            reporter.line(line)


def table_lines(rows: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    """Return one line for each pip and Python, with one column for each case."""
    cases = list(dict.fromkeys(case for row in rows.values() for case in sorted(row)))
    widths = [max(len(case), 6) for case in cases]
    lines = [["pip".ljust(8), "Python", *(case.ljust(width) for case, width in zip(cases, widths))]]
    for pip, python in sorted(rows, key=lambda row: [[int(part) for part in text.split(".")] for text in row]):
        cells = (rows[pip, python].get(case, "").ljust(width) for case, width in zip(cases, widths))
        lines.append([pip.ljust(8), python.ljust(6), *cells])
    return ["  ".join(line).rstrip() for line in lines]

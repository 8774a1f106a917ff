"""The results of a measurement as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.goals import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Result, Results

MIB = 1024**2
COLUMNS = (
    ("wall s", "wall_s", 1.0, 3),
    ("CPU s", "cpu_s", 1.0, 3),
    ("peak MiB", "peak_bytes", MIB, 1),
    ("written MiB", "written_bytes", MIB, 1),
    ("wire MiB", "wire_bytes", MIB, 1),
    ("requests", "requests", 1.0, 0),
    ("first new byte s", "reached_s", 1.0, 3),
)
# A run that ends at its first new byte has no other figure that can be compared.
FIGURES_OF_RESUME = ("reached_s",)


def markdown(results: Results) -> str:
    """Return the tables of goals, figures and breaks; a table that was not measured is left out."""
    lines = ["Plain pip → with pip-resume (median of the ratios of each round).", ""]
    lines += [f"- {name}: {value}" for name, value in results.machine.items()]
    lines += ["", *goal_table(results)]
    for version, place in dict.fromkeys((each.pip_version, each.place) for each in results.results):
        chosen = (each for each in results.results if (each.pip_version, each.place) == (version, place))
        lines += ["", f"### pip {version}, files on {place}", "", *figure_table(chosen)]
    if results.broken:
        lines += ["", "### Times the file was sent", "", *break_table(results)]
    return "\n".join(lines) + "\n"


def goal_table(results: Results) -> Iterator[str]:
    yield from table_head(["goal", "pip", "files on", "ratio", "quartiles", "floor", "aim", "reached"])
    for each in outcomes(results):
        goal = each.goal
        ratio, spread = f"{each.ratio:.3f}", "" if each.spread is None else "{:.3f} to {:.3f}".format(*each.spread)
        floor, aim = f"{goal.floor:g}", f"{goal.aim:g}"
        yield table_row([goal.title, each.pip_version, each.place, ratio, spread, floor, aim, each.verdict])


def figure_table(results: Iterator[Result]) -> Iterator[str]:
    yield from table_head(["case", "rounds", *(title for title, *_ in COLUMNS)])
    for result in results:
        yield table_row([result.title, str(len(result.rounds)), *figure_cells(result)])


def figure_cells(result: Result) -> Iterator[str]:
    is_resume = result.ours("reached_s") is not None
    for _, figure, unit, digits in COLUMNS:
        plain, ours, ratio = result.plain(figure), result.ours(figure), result.ratio(figure)
        if plain is None or ours is None or ratio is None or (is_resume and figure not in FIGURES_OF_RESUME):
            yield ""
        else:
            yield f"{plain / unit:.{digits}f} → {ours / unit:.{digits}f} ({ratio:.3f})"


def break_table(results: Results) -> Iterator[str]:
    counts = sorted({each.breaks for each in results.broken})
    yield from table_head(["breaks", *map(str, counts)])
    for version, is_ours in dict.fromkeys((each.pip_version, each.is_ours) for each in results.broken):
        cells = {
            each.breaks: f"{each.ratio:.4f}" + (f" in {each.runs} runs" if each.runs > 1 else "")
            for each in results.broken
            if (each.pip_version, each.is_ours) == (version, is_ours)
        }
        name = f"pip {version} with pip-resume" if is_ours else f"pip {version}"
        yield table_row([name, *(cells.get(count, "") for count in counts)])


def table_head(titles: Sequence[str]) -> Iterator[str]:
    yield table_row(titles)
    yield table_row(["---"] * len(titles))


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

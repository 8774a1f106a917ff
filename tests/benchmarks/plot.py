"""Plots the bytes that the server sends against the number of breaks, as an SVG for light and for dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.results import Broken

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 200, 64, 56
LABEL_PITCH = 18
TIMES = "&#215;"
SUBTITLE = "the command is run again until it succeeds; each break is further on in the file"
# The colours follow the reader's theme and include a background, so that the page around does not matter.
LIGHT = {"ground": "#ffffff", "text": "#1f2328", "faint": "#59636e", "grid": "#d1d9e0"}
DARK = {"ground": "#0d1117", "text": "#f0f6fc", "faint": "#9198a1", "grid": "#30363d"}
# The colours of each curve, on a light and on a dark page: ours, then one for each plain pip.
CURVES = {"ours": ("#0a7d33", "#4ac26b"), "plain0": ("#b3470b", "#f0883e"), "plain1": ("#2458b8", "#79a8ff")}
MOST_PIPS = len(CURVES) - 1


@dataclass(frozen=True)
class Series:
    """One curve of the plot: x is the number of breaks, y how many times the file was sent."""

    name: str
    kind: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Scale:
    """Converts values to positions in the picture."""

    most_x: float
    most_y: float

    def x(self, value: float) -> float:
        return LEFT + value / self.most_x * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.most_y * (HEIGHT - TOP - BOTTOM)


def plot(broken: Sequence[Broken]) -> str:
    """Return the picture as the text of an SVG file."""
    drawn = all_series(broken)
    points = [point for series in drawn for point in series.points]
    scale = Scale(max(x for x, _ in points) or 1, max(2.0, *(float(int(y) + 1) for _, y in points)))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(summary(drawn))}</title>",
        f"<style>{style()}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        *frame(scale, sorted({x for x, _ in points})),
        *(line for series in drawn for line in curve(series, scale)),
        *labels(drawn, scale),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def style() -> str:
    """Return the CSS rules, with the colours for light and for dark pages."""
    font = "svg { font: 13px system-ui, sans-serif; } .title { font-size: 15px; font-weight: 600; }"
    line = "polyline { stroke-width: 2.5; fill: none; stroke-linejoin: round; } .series { font-weight: 600; }"
    light, dark = theme(LIGHT, 0), theme(DARK, 1)
    return f"{font} {line} {light} @media (prefers-color-scheme: dark) {{ {dark} }}"


def theme(colours: Mapping[str, str], which: int) -> str:
    frame = (
        ".ground {{ fill: {ground}; }} text {{ fill: {text}; }} .faint {{ fill: {faint}; }} .grid {{ stroke: {grid}; }}"
    )
    lines = (
        f".{kind} polyline {{ stroke: {pair[which]}; }} .{kind} circle, text.{kind} {{ fill: {pair[which]}; }}"
        for kind, pair in CURVES.items()
    )
    return " ".join([frame.format(**colours), *lines])


def all_series(broken: Sequence[Broken]) -> list[Series]:
    """Return a curve for each plain pip, and one for the plugin: its largest ratio with any of these pips."""
    plain: dict[str, list[Broken]] = {}
    for each in broken:
        if not each.is_ours:
            plain.setdefault(each.pip_version, []).append(each)
    worst = {each.breaks: max(o.ratio for o in broken if o.is_ours and o.breaks == each.breaks) for each in broken}
    return [
        *(
            Series(f"pip {version}", f"plain{n % MOST_PIPS}", points_of(results))
            for n, (version, results) in enumerate(plain.items())
        ),
        Series("with pip-resume", "ours", tuple(sorted(worst.items()))),
    ]


def points_of(results: Sequence[Broken]) -> tuple[tuple[int, float], ...]:
    return tuple(sorted((each.breaks, each.ratio) for each in results))


def summary(drawn: Sequence[Series]) -> str:
    """Return what the picture shows, for readers who cannot see it."""
    ends = "; ".join(f"{series.name}: {series.points[-1][1]:.2f} times" for series in drawn)
    return f"How often a file is sent with {drawn[0].points[-1][0]} breaks. {ends}."


def frame(scale: Scale, counts: Sequence[int]) -> Iterator[str]:
    """Yield the elements of title, axes and grid."""
    yield f'<text class="title" x="{LEFT - 40}" y="28">Times the file was sent</text>'
    yield f'<text class="faint" x="{LEFT - 40}" y="46">{SUBTITLE}</text>'
    step = max(1, round(scale.most_y / 6))
    for value in range(0, int(scale.most_y) + 1, step):
        y = scale.y(value)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="faint" x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{value}{TIMES}</text>'
    for count in counts:
        yield f'<text class="faint" x="{scale.x(count):.1f}" y="{HEIGHT - 34}" text-anchor="middle">{count}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">breaks of the connection in one download</text>'


def curve(series: Series, scale: Scale) -> Iterator[str]:
    places = [(scale.x(x), scale.y(y)) for x, y in series.points]
    yield f'<g class="{series.kind}"><polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places)
    yield "</g>"


def labels(drawn: Sequence[Series], scale: Scale) -> Iterator[str]:
    """Yield the name of each curve at its end, moved upwards where two names would overlap."""
    below = float(HEIGHT)
    for series in sorted(drawn, key=lambda series: series.points[-1][1]):
        x, value = series.points[-1]
        below = min(scale.y(value) + 4, below - LABEL_PITCH)
        name = f"{escape(series.name)}: {value:.2f}{TIMES}"
        yield f'<text class="series {series.kind}" x="{scale.x(x) + 10:.1f}" y="{below:.1f}">{name}</text>'

"""The plot of bytes on the wire against the number of breaks, as an SVG that is readable on light and on dark pages."""

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
SUBTITLE = "the command is given again until it succeeds; each break is a bit further on in the file"
# It follows the reader's theme, background included, so that it never depends on the page around it.
LIGHT = {"ground": "#ffffff", "text": "#1f2328", "faint": "#59636e", "grid": "#d1d9e0"}
DARK = {"ground": "#0d1117", "text": "#f0f6fc", "faint": "#9198a1", "grid": "#30363d"}
# Light and dark of each line: ours, then one plain pip after the other.
LINES = {"ours": ("#0a7d33", "#4ac26b"), "plain0": ("#b3470b", "#f0883e"), "plain1": ("#2458b8", "#79a8ff")}
MOST_PIPS = len(LINES) - 1


@dataclass(frozen=True)
class Series:
    """One line of the plot: x is the number of breaks, y how many times the file went over the wire."""

    name: str
    kind: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Scale:
    """Where a value lies on the picture."""

    most_x: float
    most_y: float

    def x(self, value: float) -> float:
        return LEFT + value / self.most_x * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.most_y * (HEIGHT - TOP - BOTTOM)


def plot(broken: Sequence[Broken]) -> str:
    """The whole picture as the text of an SVG file."""
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
    """Colours that follow the reader's theme, the background included, so that the page around it does not matter."""
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
        for kind, pair in LINES.items()
    )
    return " ".join([frame.format(**colours), *lines])


def all_series(broken: Sequence[Broken]) -> list[Series]:
    """A line for each plain pip, and one for us: the worst that we do with any of them."""
    plain: dict[str, list[Broken]] = {}
    for each in broken:
        if not each.with_us:
            plain.setdefault(each.pip_version, []).append(each)
    worst = {each.breaks: max(o.ratio for o in broken if o.with_us and o.breaks == each.breaks) for each in broken}
    return [
        *(
            Series(f"pip {version}", f"plain{n % MOST_PIPS}", points_of(line))
            for n, (version, line) in enumerate(plain.items())
        ),
        Series("with pip-resume", "ours", tuple(sorted(worst.items()))),
    ]


def points_of(line: Sequence[Broken]) -> tuple[tuple[int, float], ...]:
    return tuple(sorted((each.breaks, each.ratio) for each in line))


def summary(drawn: Sequence[Series]) -> str:
    """What the picture says, for whoever does not see it."""
    ends = "; ".join(f"{series.name}: {series.points[-1][1]:.2f} times" for series in drawn)
    return f"How often a file goes over the wire with {drawn[0].points[-1][0]} breaks. {ends}."


def frame(scale: Scale, counts: Sequence[int]) -> Iterator[str]:
    """Title, axes and grid."""
    yield f'<text class="title" x="{LEFT - 40}" y="28">Times the file went over the wire</text>'
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
    """The name of each line at its end, moved upwards where two would touch."""
    below = float(HEIGHT)
    for series in sorted(drawn, key=lambda series: series.points[-1][1]):
        x, value = series.points[-1]
        below = min(scale.y(value) + 4, below - LABEL_PITCH)
        name = f"{escape(series.name)}: {value:.2f}{TIMES}"
        yield f'<text class="series {series.kind}" x="{scale.x(x) + 10:.1f}" y="{below:.1f}">{name}</text>'

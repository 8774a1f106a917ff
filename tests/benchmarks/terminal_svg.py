"""Draws terminal screens as an SVG that is readable on light and on dark pages and in every monospaced font."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.terminal import Span

COLUMNS = 108
WIDTH, MARGIN, PADDING = 860, 14, 16
CELL_WIDTH = (WIDTH - 2 * MARGIN - 2 * PADDING) / COLUMNS
ROW_HEIGHT, BASELINE = 19, 13
HEADING, FOOTING, GAP = 38, 44, 10
BAR_WIDTH, BAR_HEIGHT = 330, 10
STYLE = """
  svg { color-scheme: light dark; }
  text { fill: #1f2328; font: 12.4px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  .words { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 15px; }
  .strong { font-weight: 600; }
  .ground { fill: #ffffff; } .screen { fill: #f6f8fa; stroke: #d1d9e0; }
  .once { fill: #8c959f; } .twice { fill: #cf222e; }
"""
DARK_STYLE = """
    text { fill: #e6edf3; }
    .ground { fill: #0d1117; } .screen { fill: #161b22; stroke: #30363d; }
    .once { fill: #7d8590; } .twice { fill: #ff7b72; }
"""
# The colours for pyte's names, on a light and on a dark page; pyte calls dark yellow "brown".
PALETTE = {
    "black": ("#1f2328", "#7d8590"),
    "red": ("#cf222e", "#ff7b72"),
    "green": ("#116329", "#56d364"),
    "brown": ("#8a5a00", "#e3b341"),
    "blue": ("#0550ae", "#79c0ff"),
    "magenta": ("#a32a6c", "#f778ba"),
    "cyan": ("#1b6f7c", "#56d4dd"),
    "white": ("#59636e", "#e6edf3"),
    # pip's progress bar: the part that is done, the rest, and the whole bar at the end.
    "ff005f": ("#d6145c", "#ff4d8d"),
    "3a3a3a": ("#b4bdc7", "#4d555e"),
    "5faf00": ("#4c8a00", "#8fd14f"),
}


@dataclass(frozen=True)
class Panel:
    """One screen, and how many bytes were downloaded for it."""

    heading: str
    rows: Sequence[Sequence[Span]]
    fetched: int
    """Bytes of the file that the server sent."""
    size: int
    """Size of the file in bytes."""

    @property
    def screen_height(self) -> int:
        return len(self.rows) * ROW_HEIGHT + 2 * PADDING

    @property
    def height(self) -> int:
        return HEADING + self.screen_height + FOOTING

    @property
    def twice(self) -> int:
        """Bytes that were fetched a second time."""
        return max(0, self.fetched - self.size)

    @property
    def fetched_text(self) -> str:
        return f"{in_megabytes(self.fetched)} fetched"

    @property
    def details(self) -> str:
        return f"for a file of {in_megabytes(self.size)}: {in_megabytes(self.twice)} twice"


def in_megabytes(size: int) -> str:
    """Format a size as pip does."""
    return f"{size / 1000 / 1000:.1f} MB"


def picture(title: str, panels: Sequence[Panel]) -> str:
    """Return the text of an SVG file with the panels below each other."""
    height = sum(panel.height for panel in panels) + GAP * (len(panels) - 1) + 2 * MARGIN
    description = " ".join(f"{panel.heading}: {panel.fetched_text} {panel.details}." for panel in panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' role="img" aria-labelledby="title desc" xml:space="preserve">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description)}</desc>',
        f"<style>{STYLE}{colours(panels)}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    top = MARGIN
    most = max(max(panel.fetched, panel.size) for panel in panels)
    for panel in panels:
        lines += [f'<g transform="translate({MARGIN} {top})">', *panel_elements(panel, most), "</g>"]
        top += panel.height + GAP
    return "\n".join([*lines, "</svg>"]) + "\n"


def colours(panels: Sequence[Panel]) -> str:
    """Return the CSS rules for the colours in use; one that is not in PALETTE is the same on light and dark pages."""
    used = {span.colour for panel in panels for row in panel.rows for span in row} - {"default"}
    both = {name: PALETTE.get(name.removeprefix("bright"), (f"#{name}", f"#{name}")) for name in sorted(used)}
    light = "".join(f"  .of-{name} {{ fill: {values[0]}; }}\n" for name, values in both.items())
    dark = "".join(f"    .of-{name} {{ fill: {values[1]}; }}\n" for name, values in both.items())
    return f"{light}  @media (prefers-color-scheme: dark) {{{DARK_STYLE}{dark}  }}\n"


def panel_elements(panel: Panel, most: int) -> Iterator[str]:
    """Yield the elements of one panel; its origin is the upper left corner. The longest bar means `most` bytes."""
    yield f'<text class="words strong" x="2" y="22">{escape(panel.heading)}</text>'
    yield f'<rect class="screen" y="{HEADING}" width="{WIDTH - 2 * MARGIN}" height="{panel.screen_height}" rx="6"/>'
    for number, row in enumerate(panel.rows):
        y = HEADING + PADDING + number * ROW_HEIGHT + BASELINE
        yield from (span_element(span, y) for span in row)
    y = HEADING + panel.screen_height + 26
    yield f'<text class="words" x="2" y="{y}"><tspan class="strong">{panel.fetched_text}</tspan> {panel.details}</text>'
    left, scale = WIDTH - 2 * MARGIN - BAR_WIDTH, BAR_WIDTH / most
    once, twice = (panel.fetched - panel.twice) * scale, panel.twice * scale
    yield f'<rect class="once" x="{left}" y="{y - 10}" width="{once:.1f}" height="{BAR_HEIGHT}"/>'
    yield f'<rect class="twice" x="{left + once:.1f}" y="{y - 10}" width="{twice:.1f}" height="{BAR_HEIGHT}"/>'


def span_element(span: Span, y: int) -> str:
    """Return a span with the exact width of its cells, so that columns align and bars have no gaps in every font."""
    styles = [*([f"of-{span.colour}"] if span.colour != "default" else []), *(["strong"] if span.is_bold else [])]
    style = f' class="{" ".join(styles)}"' if styles else ""
    x, width = PADDING + span.column * CELL_WIDTH, len(span.text) * CELL_WIDTH
    place = f'x="{x:.1f}" y="{y}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f"<text{style} {place}>{escape(span.text)}</text>"

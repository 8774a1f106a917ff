"""Draws how many bytes arrive over time, before, in and after an outage, as an SVG for light and for dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.plot import BOTTOM, HEIGHT, LABEL_PITCH, LEFT, RIGHT, TOP, WIDTH, Scale, style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MB = 1_000_000
STYLE = ".mark { font-weight: 600; }"


@dataclass(frozen=True)
class Course:
    """One download through an outage."""

    title: str
    """The name of the client."""
    kind: str
    """Its colour: a key of `plot.CURVES`."""
    samples: tuple[tuple[float, int], ...]
    """Seconds since the start, and bytes that have arrived, those that came twice included."""
    size: int
    """Of the file, in bytes."""
    down_s: float
    """When the outage began."""
    outage_s: float
    """How long it lasted."""
    failed_s: tuple[float, ...]
    """When the command failed, and was run again."""

    @property
    def seconds(self) -> float:
        """Until the file was complete."""
        return self.samples[-1][0]

    @property
    def arrived(self) -> int:
        return self.samples[-1][1]

    @property
    def runs(self) -> str:
        number = len(self.failed_s) + 1
        return "1 run" if number == 1 else f"{number} runs"

    @property
    def summary(self) -> str:
        """What the curve shows, for readers who cannot see it."""
        fetched = f"{self.arrived / MB:.0f} MB for a file of {self.size / MB:.0f} MB"
        return f"{self.title}: {fetched}, {self.seconds:.0f} s, {self.runs}"


def picture(courses: Sequence[Course]) -> str:
    """Return the picture as the text of an SVG file. The outages begin at different times by less than a second."""
    most_s = max(course.seconds for course in courses)
    most_mb = max(course.arrived for course in courses) / MB
    scale = Scale(most_s * 1.02, most_mb * 1.08)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape('; '.join(course.summary for course in courses))}</title>",
        f"<style>{STYLE} {style()}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        *frame(courses[0], scale),
        *(element for course in courses for element in curve(course, scale)),
        *labels(courses, scale),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def frame(course: Course, scale: Scale) -> Iterator[str]:
    """Yield title, axes, grid and the time of the outage."""
    title = f"MB arrived, when the link is down for {course.outage_s:.0f} s"
    subtitle = f"a file of {course.size / MB:.0f} MB; a command that fails is run again at once"
    yield f'<text class="title" x="{LEFT - 40}" y="28">{title}</text>'
    yield f'<text class="faint" x="{LEFT - 40}" y="46">{subtitle}</text>'
    left, right = scale.x(course.down_s), scale.x(course.down_s + course.outage_s)
    band = f'x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{HEIGHT - TOP - BOTTOM}"'
    yield f'<rect fill="#8c959f" fill-opacity="0.25" {band}/>'
    yield f'<text class="faint" x="{(left + right) / 2:.1f}" y="{TOP + 18}" text-anchor="middle">link down</text>'
    for value in range(0, int(scale.most_y) + 1, 10):
        y = scale.y(value)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="faint" x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
    for value in range(0, int(scale.most_x) + 1, 10):
        yield f'<text class="faint" x="{scale.x(value):.1f}" y="{HEIGHT - 34}" text-anchor="middle">{value}</text>'
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">seconds</text>'


def curve(course: Course, scale: Scale) -> Iterator[str]:
    points = " ".join(f"{scale.x(second):.1f},{scale.y(size / MB):.1f}" for second, size in course.samples)
    yield f'<g class="{course.kind}"><polyline points="{points}"/>'
    yield f'<circle cx="{scale.x(course.seconds):.1f}" cy="{scale.y(course.arrived / MB):.1f}" r="4"/></g>'
    for failed_s in course.failed_s:
        arrived = max(size for second, size in course.samples if second <= failed_s)
        x, y = scale.x(failed_s), scale.y(arrived / MB) - 8
        yield f'<text class="mark {course.kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">fails</text>'


def labels(courses: Sequence[Course], scale: Scale) -> Iterator[str]:
    """Yield the names and figures of the curves right of the picture, moved where two of them would overlap."""
    below = float(HEIGHT - BOTTOM)
    for course in sorted(courses, key=lambda course: course.arrived):
        y = min(scale.y(course.arrived / MB), below)
        below = y - 3 * LABEL_PITCH
        title = "with pip-resume" if course.kind == "ours" else course.title
        figures = f"{course.arrived / MB:.0f} MB, {course.seconds:.0f} s, {course.runs}"
        x = WIDTH - RIGHT + 12
        yield f'<text class="series {course.kind}" x="{x}" y="{y:.1f}">{escape(title)}</text>'
        yield f'<text class="{course.kind}" x="{x}" y="{y + LABEL_PITCH:.1f}">{figures}</text>'

"""Tables and charts of measurements, as Markdown and as SVG without any library."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

COLOURS = ("#2563eb", "#f59e0b", "#9ca3af", "#10b981", "#a855f7")
DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
_BAR, _GAP, _LABEL, _WIDTH = 14, 12, 300, 420


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are set to the right."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """A horizontal bar chart: for each group one bar for each series, drawn relative to the group's longest.

    Groups of very different sizes stay readable that way; the figures themselves stand beside the bars.
    """
    series = list(next(iter(groups.values())))
    block = len(series) * _BAR + _GAP
    height = 56 + block * len(groups)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _WIDTH + 110}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="8" y="18" font-size="14" font-weight="600">{escape(title)}</text>',
    ]
    for place, name in enumerate(series):
        x = 8 + 150 * place
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{COLOURS[place]}"/>')
        parts.append(f'<text x="{x + 15}" y="37">{escape(name)}</text>')
    for number, (label, values) in enumerate(groups.items()):
        top = 52 + number * block
        longest = max(values.values())
        middle = top + len(series) * _BAR / 2 + 4
        parts.append(f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>')
        for place, name in enumerate(series):
            width = max(1.0, _WIDTH * values[name] / longest)
            y = top + place * _BAR
            size = f'width="{width:.1f}" height="{_BAR - 3}"'
            parts.append(f'<rect x="{_LABEL}" y="{y}" {size} fill="{COLOURS[place]}"/>')
            parts.append(f'<text x="{_LABEL + width + 5:.1f}" y="{y + 9}">{values[name]:,.0f} {unit}</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Section:
    """A benchmark's section in docs/benchmarks.md: a text, and a chart or none (an empty text)."""

    name: str
    text: str
    chart: str = ""

    def write(self) -> None:
        """Put it between its marks in the page, and the chart beside the page; the rest stays as it is."""
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        parts = [f"<!-- {self.name} -->", f"Measured on {machine}.", "", self.text]
        if self.chart:
            image = DOCS / "images" / f"benchmark-{self.name}.svg"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_text(self.chart)
            parts += [f"![{self.name}](images/{image.name})", ""]
        block = "\n".join([*parts, f"<!-- end of {self.name} -->"])
        page = PAGE.read_text()
        pattern = rf"<!-- {self.name} -->.*?<!-- end of {self.name} -->"
        changed, found = re.subn(pattern, lambda _: block, page, flags=re.DOTALL)
        if not found:
            raise RuntimeError(f"{PAGE} has no place for {self.name}")
        PAGE.write_text(changed)

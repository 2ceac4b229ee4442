"""An SVG drawing of lines, bars, curves and text that can be read on a light and on a dark page."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_STYLE = """
  svg { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; --ink: #1f2328; --faint: #59636e;
    --line: #d1d9e0; --ground: #ffffff; --good: #1a7f64; --bad: #c4320a; --thin: #8c959f; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --faint: #9198a1; --line: #3d444d; --ground: #0d1117; --good: #3fb68b;
      --bad: #ff7b54; --thin: #6e7681; }
  }
  text { fill: var(--ink); }
  .title { font-size: 16px; font-weight: 600; } .small { fill: var(--faint); font-size: 11px; }
  .label, .small { paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
  .ground { fill: var(--ground); } .good, .dot { fill: var(--good); } .bad { fill: var(--bad); }
  .grid { stroke: var(--line); } .limit { stroke: var(--ink); stroke-dasharray: 4 3; }
  .thick, .thin { fill: none; stroke: var(--good); stroke-width: 2.5; }
  .thin { stroke: var(--thin); stroke-width: 1.2; }
"""


class Drawing:
    """``heading`` is printed large, ``caption`` small below it."""

    def __init__(self, width: float, height: float, heading: str, caption: str) -> None:
        self._size = f"{width:g} {height:g}"
        self._heading = heading
        self._parts: list[str] = []
        self._parts.append(f'<rect class="ground" width="{width:g}" height="{height:g}" rx="8"/>')
        self.text(16, 26, heading, "title")
        self.text(16, 44, caption, "small")

    @property
    def svg(self) -> str:
        parts = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._size}" role="img">\n'
            f"<title>{escape(self._heading)}</title>\n<style>{_STYLE}</style>\n{parts}\n</svg>\n"
        )

    def text(self, x: float, y: float, words: str, kind: str, *, anchor: str = "start") -> None:
        where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self._parts.append(f'<text class="{kind}" {where}>{escape(words)}</text>')

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        size = f'width="{width:.1f}" height="{height:.1f}"'
        self._parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size} rx="2"/>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self._parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def curve(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline class="{kind}" points="{through}"/>')

    def dot(self, x: float, y: float) -> None:
        self._parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')

"""``python -m bench.report``: brings the last whole run of a scale (SCALE) into docs/performance.md.

Its table goes between the two markers there, its pictures into docs/images.
"""

from pathlib import Path

from bench import catalogues
from bench.charts import draw
from bench.results_table import HEADINGS, Run, cells, read

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def main() -> None:
    run = read(catalogues.scale())
    page = DOCS / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, begin_marker, rest = text.partition(BEGIN)
    _, end_marker, after = rest.partition(END)
    if not (begin_marker and end_marker):
        raise SystemExit(f"{page.name} has lost its markers {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{_markdown(run)}{END}{after}", encoding="utf-8")
    for picture in draw(run, DOCS / "images"):
        print(f"drawn: {picture.relative_to(DOCS.parent)}")
    print(f"written: {page.relative_to(DOCS.parent)}")


def _markdown(run: Run) -> str:
    headings = [heading or "verdict" for heading in HEADINGS]
    lines = [f"{run.heading}. {sum(run.seconds.values()) / 60:.0f} minutes in all.", ""]
    for part, seconds in run.seconds.items():
        lines += [f"### {part} ({seconds:.0f} s)", "", _line(headings), "|" + "---|" * len(headings)]
        lines += [_line(cells(row)) for row in run.rows if row.part == part]
        lines.append("")
    return "\n".join(lines)


def _line(parts: list[str]) -> str:
    return "| " + " | ".join(part.replace("|", "\\|") for part in parts) + " |"


if __name__ == "__main__":
    main()

"""``python -m bench.report``: brings the last whole run of a scale (SCALE) into docs/performance.md.

Its tables go between the markers there, its pictures into docs/images. ``python -m bench.report trust`` brings the last
result of each promise into docs/trust.md.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench import catalogues
from bench.charts import draw
from bench.promises import PROMISES, Promise
from bench.results_table import HEADINGS, Run, cells, read
from bench.trust import Result, read_results

DOCS = Path(__file__).parents[1] / "docs"
# What a visitor or an owner notices, by how the rows that measure it begin.
IN_SHORT = {
    "home, as a page, uncached": "open the home page, the first after a change",
    "a film, as a page, uncached": "open a film's page that nobody opened before",
    "search by a word, as a page, uncached": "search for a word that nobody searched for before",
    "suggestions, uncached": "type into the search box",
    "a film, as a page, cached": "open a page that somebody opened before",
    "a mix of": "ask the API for anything, nothing cached",
    "from cart to order, with a key": "put a film into the cart, and order it",
    "films, page 30,000": "turn to a page at the far end",
    "import of": "import a catalogue",
    "second start": "start the shop again",
    "memory of a worker, at rest": "let it rest: a worker's memory",
}

_UNMEASURED = "not measured yet"


def main() -> None:
    if sys.argv[1:] == ["trust"]:
        page = (DOCS / "trust.md").read_text(encoding="utf-8")
        _write("trust.md", {"trust": trust_table(read_results(), page)})
        return
    run = read(catalogues.scale())
    _write("performance.md", {"in short": _in_short(run), "bench": _markdown(run)})
    for picture in draw(run, DOCS / "images"):
        print(f"drawn: {picture.relative_to(DOCS.parent)}")


def _write(name: str, contents: Mapping[str, str]) -> None:
    page = DOCS / name
    text = page.read_text(encoding="utf-8")
    for marker, content in contents.items():
        text = replaced(text, marker, content)
    page.write_text(text, encoding="utf-8")
    print(f"written: {page.relative_to(DOCS.parent)}")


def replaced(text: str, name: str, content: str) -> str:
    """The text with another content between the two markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin_marker, rest = text.partition(begin)
    _, end_marker, after = rest.partition(end)
    if not (begin_marker and end_marker):
        raise SystemExit(f"the page has lost its markers {begin} and {end}")
    return f"{before}{begin}\n{content}{end}{after}"


def _in_short(run: Run) -> str:
    found = {
        words: row for row in reversed(run.rows) for start, words in IN_SHORT.items() if row.what.startswith(start)
    }
    return table(
        ("what you do", "how fast", "beside it in the same minutes", "times"),
        [[words, *cells(found[words])[1:4]] for words in IN_SHORT.values() if words in found],
    )


def _markdown(run: Run) -> str:
    headings = [heading or "verdict" for heading in HEADINGS]
    lines = [f"{run.heading}. {sum(run.seconds.values()) / 60:.0f} minutes in all.", ""]
    for part, seconds in run.seconds.items():
        rows = [cells(row) for row in run.rows if row.part == part]
        later = f", measured again {run.later[part]}" if part in run.later else ""
        lines += [f"### {part} ({seconds:.0f} s{later})", "", table(headings, rows)]
    return "\n".join(lines)


def trust_table(results: Sequence[Result], page: str = "") -> str:
    """Every promise. What was not measured here stays as it stands on the page, if that is of the same figure."""
    by_number = {result.number: result for result in results}
    new = table(
        ("#", "promise", "to reach", "reached", "when"),
        [_promise_cells(promise, by_number.get(promise.number)) for promise in PROMISES],
    )
    return "".join(_measured_before(line, page) for line in new.splitlines(keepends=True))


def _measured_before(line: str, page: str) -> str:
    promise, unmeasured, _ = line.partition(_UNMEASURED)
    known = (old for old in page.splitlines(keepends=True) if unmeasured and old.startswith(promise))
    return next(known, line)


def _promise_cells(promise: Promise, result: Result | None) -> list[str]:
    reached = _UNMEASURED if result is None else result.reached if result.fine else f"**not:** {result.reached}"
    return [str(promise.number), promise.promise, promise.figure, reached, result.at if result else ""]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join([_line(headings), "|" + "---|" * len(headings), *map(_line, rows), ""])


def _line(parts: Sequence[str]) -> str:
    return "| " + " | ".join(part.replace("|", "\\|") for part in parts) + " |"


if __name__ == "__main__":
    main()

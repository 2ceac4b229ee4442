"""How often a film is found whose title is misspelt, half typed or written otherwise: at place 1, and among five.

Queries are drawn by a fixed seed from the catalogue that is measured (``misspelling.py``), its films by their votes. A
film of the same title counts as found: nobody can mean one of them by it. In one process, without caches: suggestions,
and search by relevance; beside them the same titles in Tantivy and in SQLite's FTS5, used as their introductions do.

``python -m bench.search_quality DATA_DIR`` measures the catalogue of any data directory. ``SEED=2`` draws others.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

import msgspec
import tantivy
from bench import catalogues
from bench.in_process import TimedClient, in_process
from bench.misspelling import KINDS, Query, Title, draw
from bench.results import Limit, Row, Rows

from filmer.catalogue.folding import fold
from filmer.catalogue.index_words import letters_of, words_of, written_words
from filmer.importing.data_set import Report
from filmer.importing.demo import import_demo
from filmer.importing.pipeline import import_connection
from filmer.importing.progress import Progress
from filmer.settings import Settings, load_settings
from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.engines import connect, engines, ensure_migrated

AMONG = 5
EACH = {"small": 150, "default": 300, "full": 300}  # queries of a kind
FILMS = {"small": [100_000], "default": [100_000, 700_000], "full": [100_000, 700_000]}  # beside the demo's
LIMITED = 700_000  # films, for which the limits are meant
# At place 1, among five.
LIMITS = {
    "clean": (0.99, None), "one typo": (None, 0.98), "two typos": (None, 0.97), "half typed": (None, 0.90),
    "half with a typo": (None, 0.80), "in one word": (None, 0.97), "and for &": (None, 0.97),
    "roman or arabic": (None, 0.97), "numbers spelt": (None, 0.97), "original title": (None, 0.97),
    "no article": (0.97, None), "title and year": (None, 0.97),
}  # fmt: skip
HALF = ("half typed", "half with a typo")  # which suggestions are for; the others are typed to the end, and searched
MEDIAN, LATE = 3, 15  # milliseconds

Find = Callable[[str], list[str]]  # keys of the first films


class Score(msgspec.Struct):
    first: int = 0
    among: int = 0
    asked: int = 0

    def add(self, found: list[str], wanted: str) -> None:
        self.asked += 1
        self.first += found[:1] == [wanted]
        self.among += wanted in found[:AMONG]

    def __str__(self) -> str:
        return f"{self.first / self.asked:.3f}/{self.among / self.asked:.3f}" if self.asked else "none"


def rows(scale: str) -> Rows:
    with _demo() as settings:
        yield from measure(settings, "the demo", EACH[scale], limits=False)
    for films in FILMS[scale]:
        with catalogues.running(f"films-{films}") as settings:
            yield from measure(settings, f"{films:,} films", EACH[scale], limits=films == LIMITED)


@contextmanager
def _demo() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="filmer-") as folder:
        Path(folder).chmod(0o711)
        configured = load_settings({}, data_dir=folder)
        with engines(configured, valkey=False) as settings:
            ensure_migrated(configured, settings)
            with import_connection(settings.database_url or "") as conn, Progress(quiet=True) as progress:
                import_demo(conn, Report(), progress)
            yield settings


def measure(settings: Settings, name: str, each: int, *, limits: bool) -> Rows:
    titles = _titles(settings)
    seed = int(os.environ.get("SEED") or 1)
    queries = {kind: list(draw(titles, kind, size=each, seed=seed)) for kind in KINDS}
    scores, times = asyncio.run(_ours(settings, queries))
    with tempfile.TemporaryDirectory() as folder:
        peers = {"Tantivy": _tantivy(titles, folder), "FTS5": _fts5(titles)}
        others = {peer: {kind: _score(find, asked) for kind, asked in queries.items()} for peer, find in peers.items()}
    for kind, asked in queries.items():
        if not asked:
            continue
        search, suggestions = scores["search", kind], scores["suggestions", kind]
        judged = suggestions if kind in HALF else search
        figures = (judged.first / judged.asked, judged.among / judged.asked)
        yield Row(
            f"{name}, {kind}: at place 1/among five",
            f"search {search}, suggestions {suggestions}",
            ", ".join(f"{peer} {found[kind]}" for peer, found in others.items()),
            limits=[
                Limit(figure, bound, of=of, at_least=True)
                for figure, bound, of in zip(figures, LIMITS[kind], ("first", "among five"), strict=True)
                if bound is not None
            ],
            holds_here=limits,
        )
    for what, taken in times.items():
        taken.sort()
        median, late = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        yield Row(
            f"{name}, {what}: median, p99",
            f"{median:.1f} ms, {late:.1f} ms",
            limits=[Limit(median, MEDIAN, "ms", "median"), Limit(late, LATE, "ms", "p99")] if what == "index" else [],
            holds_here=limits,
        )


def _titles(settings: Settings) -> list[Title]:
    """All films, most votes first."""
    with connect(settings) as conn:
        conn.execute(USE_CURRENT_EDITION)
        rows = conn.execute(
            "SELECT no, title, original_title, year, coalesce(votes, 0) FROM film ORDER BY votes_desc"
        ).fetchall()
    return [Title(*row) for row in rows]


def key_of(title: str, year: int | None = None) -> str:
    """What films that are the same to whoever types have in common. ``year``: where it was typed too."""
    return f"{letters_of(words_of(title))} {year or ''}"


def _score(find: Find, queries: list[Query]) -> Score:
    score = Score()
    for query in queries:
        has_year = query.text.endswith(f" {query.wanted.year}")
        found = find(query.text)
        keys = found if has_year else [f"{key.partition(' ')[0]} " for key in found]
        score.add(keys, key_of(query.wanted.title, query.wanted.year if has_year else None))
    return score


async def _ours(
    settings: Settings, queries: dict[str, list[Query]]
) -> tuple[dict[tuple[str, str], Score], dict[str, list[float]]]:
    scores: dict[tuple[str, str], Score] = {}
    times: dict[str, list[float]] = defaultdict(list)
    async with in_process(settings) as filmer:
        await _wait_for_index(filmer)
        for kind, asked in queries.items():
            for what, path in (
                ("search", "/api/v1/search/movies?sortBy=relevance&size=5&query="),
                ("suggestions", "/api/v1/search/suggestions?size=8&query="),
            ):
                found = {}
                for query in asked:
                    response = await filmer.get(path + quote_plus(query.text))
                    times[what].append(response.milliseconds)
                    items = response.data["items"] if response.status == 200 else []
                    films = [item for item in items if item.get("kind") != "star"]
                    found[query.text] = [key_of(item.get("title") or item.get("text"), item["year"]) for item in films]
                scores[what, kind] = _score(found.__getitem__, asked)
        times["index"] = _index_times(settings, queries)
    return scores, dict(times)


async def _wait_for_index(filmer: TimedClient) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        response = await filmer.get("/api/v1/search/suggestions?query=qqqq")
        if response.is_public:
            return
        await asyncio.sleep(0.05)
    raise SystemExit("the search index was not opened within a minute")


def _index_times(settings: Settings, queries: dict[str, list[Query]]) -> list[float]:
    """Milliseconds of the processor for what the index does of a suggestion."""
    from filmer.catalogue.search_index import SearchIndex
    from filmer.catalogue.suggestions import read
    from filmer.store.engines import data_directory

    folder = next(path for path in (data_directory(settings) / "search").iterdir() if path.is_dir())
    index = SearchIndex(folder)
    times = []
    for asked in queries.values():
        for query in asked:
            begun = time.thread_time()
            text = read(query.text)
            if not index.films_as_typed(text.phrase, text.words, 8) and not index.people_as_typed(text.words, 8):
                index.nearest(text.phrase, 8)
            times.append((time.thread_time() - begun) * 1000)
    return times


def _tantivy(titles: list[Title], folder: str) -> Find:
    """Tantivy as its introduction has it: a text field, a parsed query, the best by BM25; a word may have a slip."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("title", stored=True)
    builder.add_unsigned_field("year", stored=True)
    index = tantivy.Index(builder.build(), path=folder)
    writer = index.writer()
    for title in titles:
        document = tantivy.Document()
        document.add_text("title", title.title)
        document.add_unsigned("year", title.year or 0)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def find(text: str) -> list[str]:
        query, _ = index.parse_query_lenient(text, ["title"], fuzzy_fields={"title": (True, 1, True)})
        documents = [searcher.doc(address) for _, address in searcher.search(query, AMONG).hits]
        return [key_of(document.get_first("title") or "", document.get_first("year")) for document in documents]

    return find


def _fts5(titles: list[Title]) -> Find:
    """SQLite's FTS5: all words, the last of which may be unfinished, the best by BM25."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE film USING fts5 (title, year UNINDEXED, tokenize = 'unicode61')")
    database.executemany("INSERT INTO film VALUES (?, ?)", [(fold(title.title), title.year) for title in titles])

    def find(text: str) -> list[str]:
        words = written_words(text)
        if not words:
            return []
        match = " ".join(f'"{word}"' for word in words) + "*"
        found = database.execute(
            "SELECT title, year FROM film WHERE film MATCH ? ORDER BY rank LIMIT ?", (match, AMONG)
        )
        return [key_of(title, year) for title, year in found]

    return find


def main() -> None:
    """The catalogue of a data directory."""
    configured = load_settings({}, data_dir=sys.argv[1])
    with engines(configured, valkey=False) as settings:
        for row in measure(settings, Path(sys.argv[1]).name, int(os.environ.get("EACH") or 300), limits=True):
            reached = "" if all(limit.reached for limit in row.limits) else "  NOT REACHED"
            print(f"{row.what:58} {row.figure:48} {row.reference}{reached}", flush=True)


if __name__ == "__main__":
    main()

"""Reads that no cache has, a mix of 24 kinds: a worker with all its caches, beside Datasette on the same catalogue.

Every address is asked once, so each response is computed, put into Valkey and into memory. Datasette is asked for the
same, in SQL where its own pages of a table would not do: they only know the next page.
"""

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

import httpx
from bench import catalogues
from bench.datasette_comparison import datasette, word_prefix
from bench.http_connections import answered, request
from bench.request_mix import API
from bench.results import Limit, Row, Rows, late, middle_half
from bench.server import serving

CONNECTIONS = 16
FEW = 4  # connections of somebody who is to be answered quickly
GOAL = 15
LATE_MS = 10  # with few connections
OURS, THEIRS = 2_000, 160  # requests a round
FILM = "/films/film.json?_nofacet=1&_nosuggest=1&_size=20"
SORTS = ("title", "year", "rating")

_FILM_WITH_CAST = """
    SELECT film.*, star.id AS star_id, star.name, star.birth_year FROM film
    LEFT JOIN cast_member c ON c.film_id = film.id LEFT JOIN star ON star.id = c.star_id
    WHERE film.id = :value ORDER BY c.billing
"""
_STAR_WITH_FILMS = """
    SELECT star.*, film.id AS film_id, film.title, film.year, film.director FROM star
    LEFT JOIN cast_member c ON c.star_id = star.id LEFT JOIN film ON film.id = c.film_id
    WHERE star.id = :value ORDER BY film.year DESC
"""


class Pair(NamedTuple):
    """The same question to both."""

    ours: str
    theirs: str


def rows(scale: str) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "films.db"
        with datasette(scale, file) as theirs, serving(scale, workers=1) as ours:
            pairs = _Pairs(file, ours)
            rates: dict[str, list[float]] = {"filmer": [], "reference": []}
            times: dict[str, list[float]] = {"filmer": [], "reference": []}
            few: list[float] = []
            pairs.answered_ours(ours, OURS // 4, CONNECTIONS)  # finds connections and PostgreSQL's buffers cold
            for _ in range(catalogues.ROUNDS[scale]):
                for who, taken in (
                    ("filmer", pairs.answered_ours(ours, OURS, CONNECTIONS)),
                    ("reference", pairs.answered_theirs(theirs, THEIRS, CONNECTIONS)),
                ):
                    rates[who].append(taken.rate)
                    times[who] += taken.milliseconds
                few += pairs.answered_ours(ours, OURS // 4, FEW).milliseconds
    ratios = [mine / its for mine, its in zip(rates["filmer"], rates["reference"], strict=True)]
    yield Row(
        f"a mix of {len(pairs.kinds)} kinds, nothing cached: {CONNECTIONS} connections",
        _figures(rates["filmer"], times["filmer"]),
        f"{_figures(rates['reference'], times['reference'])}: Datasette",
        statistics.median(ratios),
        [Limit(statistics.median(ratios), GOAL, "times it", at_least=True)],
        spread=middle_half(ratios, ".1f"),
        rounds=rates,
    )
    yield Row(
        f"the same mix, {FEW} connections: median, p99",
        f"{statistics.median(few):.1f} ms, {late(few):.1f} ms",
        limits=[Limit(late(few), LATE_MS, "ms", "p99")],
        rounds={"most": [max(few)]},
    )


def _figures(rates: list[float], milliseconds: list[float]) -> str:
    return (
        f"{statistics.median(rates):,.0f} a second, "
        f"{statistics.median(milliseconds):.1f} ms, p99 {late(milliseconds):.1f} ms"
    )


class _Answered(NamedTuple):
    milliseconds: list[float]
    rate: float  # answers a second


class _Pairs:
    """Draws questions from what the catalogue has. No address of ours is drawn twice."""

    def __init__(self, file: Path, ours: str, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._asked: set[str] = set()
        with closing(sqlite3.connect(file)) as sqlite:
            self._films = sqlite.execute(
                "SELECT id, title, director, year FROM film WHERE director IS NOT NULL AND year IS NOT NULL"
            ).fetchall()
            self._stars = sqlite.execute("SELECT id, name FROM star").fetchall()
        genres = httpx.get(f"{ours}{API}/genres", trust_env=False).json()["data"]["items"]
        self._genres = [(genre["id"], genre["name"]) for genre in genres]
        self.kinds = self._kinds()

    def answered_ours(self, address: str, count: int, connections: int) -> _Answered:
        return _timed(address, [pair.ours for pair in self._draw(count)], connections)

    def answered_theirs(self, address: str, count: int, connections: int) -> _Answered:
        return _timed(address, [pair.theirs for pair in self._draw(count)], connections)

    def _draw(self, count: int) -> Iterator[Pair]:
        drawn = 0
        while drawn < count:
            pair = self._random.choice(self.kinds)()
            if pair.ours not in self._asked:
                self._asked.add(pair.ours)
                drawn += 1
                yield pair

    def _kinds(self) -> list[Callable[[], Pair]]:
        orders = [(sort, order) for sort in SORTS for order in ("asc", "desc")]
        return [
            *[lambda by=by: self._list(*by) for by in orders],
            *[lambda by=by: self._genre(*by) for by in orders],
            *[lambda sort=sort: self._letter(sort) for sort in SORTS],
            self._film, self._star, self._people, self._word, self._beginning, self._two_words,
            self._title, self._director, self._suggestions,
        ]  # fmt: skip

    def _list(self, sort: str, order: str) -> Pair:
        page = self._random.randint(1, len(self._films) // 20)
        return Pair(f"{API}/movies?sortBy={sort}&order={order}&page={page}", _page("1", "", sort, order, page))

    def _genre(self, sort: str, order: str) -> Pair:
        number, name = self._random.choice(self._genres)
        page = self._random.randint(1, 100)
        return Pair(
            f"{API}/genres/{number}/movies?sortBy={sort}&order={order}&page={page}",
            _page("genres LIKE '%' || :value || '%'", name, sort, order, page),
        )

    def _letter(self, sort: str) -> Pair:
        letter = self._random.choice("abcdefghijklmnopqrstuvwxyz")
        page = self._random.randint(1, 100)
        return Pair(
            f"{API}/movies?startsWith={letter}&sortBy={sort}&page={page}",
            _page("title LIKE :value || '%'", letter, sort, "asc", page),
        )

    def _film(self) -> Pair:
        identifier = self._random.choice(self._films)[0]
        return Pair(f"{API}/movies/{identifier}", _sql(_FILM_WITH_CAST, identifier))

    def _star(self) -> Pair:
        identifier = self._random.choice(self._stars)[0]
        return Pair(f"{API}/stars/{identifier}", _sql(_STAR_WITH_FILMS, identifier))

    def _people(self) -> Pair:
        page = self._random.randint(1, len(self._stars) // 20)
        return Pair(f"{API}/stars?page={page}", "/films/star.json?_sort=name&_size=20&_nofacet=1&_nosuggest=1")

    def _word(self) -> Pair:
        word = self._drawn_word()
        page = self._random.randint(1, 3)
        return Pair(f"{API}/search/movies?query={quote_plus(word)}&page={page}", _searched(word_prefix(word)))

    def _beginning(self) -> Pair:
        word = self._drawn_word()[:4]
        size = self._random.randint(10, 30)
        return Pair(f"{API}/search/movies?query={quote_plus(word)}&size={size}", _searched(word_prefix(word)))

    def _two_words(self) -> Pair:
        _, title, director, _ = self._random.choice(self._films)
        words = f"{director.split()[-1]} {max(title.split(), key=len)}"
        theirs = " ".join(word_prefix(word) for word in words.split())
        return Pair(f"{API}/search/movies?query={quote_plus(words)}", _searched(theirs))

    def _title(self) -> Pair:
        word = quote_plus(self._drawn_word())
        return Pair(f"{API}/search/movies?title={word}&sortBy=year", f"{FILM}&_sort=year&title__contains={word}")

    def _director(self) -> Pair:
        name = quote_plus(self._random.choice(self._films)[2].split()[-1])
        page = self._random.randint(1, 3)
        return Pair(
            f"{API}/search/movies?director={name}&sortBy=rating&page={page}",
            f"{FILM}&_sort=rating&director__contains={name}",
        )

    def _suggestions(self) -> Pair:
        text = self._random.choice(self._films)[1][: self._random.randint(2, 9)].strip()
        return Pair(f"{API}/search/suggestions?query={quote_plus(text)}", f"{_searched(word_prefix(text))}&_size=8")

    def _drawn_word(self) -> str:
        return str(max(self._random.choice(self._films)[1].split(), key=len))


def _timed(address: str, paths: list[str], connections: int) -> _Answered:
    begun = time.perf_counter()
    milliseconds = answered(address, [iter([request("GET", path) for path in paths])] * connections)
    return _Answered(milliseconds, len(milliseconds) / (time.perf_counter() - begun))


def _page(condition: str, value: str, sort: str, order: str, page: int) -> str:
    """A page of films, and how many there are."""
    statement = (
        f"SELECT film.*, (SELECT count(*) FROM film WHERE {condition}) AS total FROM film WHERE {condition}"
        f" ORDER BY {sort} {order} LIMIT 20 OFFSET {(page - 1) * 20}"
    )
    return _sql(statement, value)


def _sql(statement: str, value: str) -> str:
    return f"/films.json?_shape=objects&sql={quote_plus(' '.join(statement.split()))}&value={quote_plus(value)}"


def _searched(text: str) -> str:
    return f"{FILM}&_searchmode=raw&_search={quote_plus(text)}"

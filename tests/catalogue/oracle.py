"""What the lists and searches of contract §2 and §3 mean, in plain Python over a CSV file: slow and simple.

Nothing is taken from the program but ``fold`` and ``search_form``: neither its notion of words (``spoken.py`` is
the oracle's) nor its orders nor any SQL.
"""

import csv
import hashlib
import re
from base64 import b32encode
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tests.catalogue import spoken

from filmer.catalogue.folding import fold, search_form

STAR = re.compile(r"(.+) \((\d{4})\) \[(\w+)\]|(.+) \[(\w+)\]")


class Star(NamedTuple):
    id: str
    name: str
    born: int | None
    folded: str
    form: str


class Film(NamedTuple):
    id: str
    title: str
    year: int | None
    director: str | None
    rating: float | None
    votes: int | None
    genres: list[str]
    cast: list[Star]
    folded: str
    form: str
    words: frozenset[str]
    original: str | None = None  # title

    def as_item(self) -> dict[str, Any]:
        """As "List Movies" prints it."""
        return {
            **self.as_genre_item(),
            "numVotes": self.votes,
            "genres": self.genres,
            "stars": [{"id": star.id, "name": star.name} for star in self.cast[:3]],
        }

    def as_genre_item(self) -> dict[str, Any]:
        """As "Browse Movies by Genre" prints it."""
        return {
            "id": self.id,
            "title": self.title,
            "year": self.year,
            "director": self.director,
            "rating": self.rating,
        }


def last_if_unknown(
    items: Iterable[Any], key: Callable[[Any], Any], name: Callable[[Any], Any], *, descending: bool
) -> list[Any]:
    """Sorted by a key, then folded name, then id; without a key last in either order."""
    ties = sorted(items, key=lambda item: (name(item), item.id))
    known = [item for item in ties if key(item) is not None]
    unknown = [item for item in ties if key(item) is None]
    return [
        *sorted(known, key=key, reverse=descending),
        *unknown,
    ]  # Python keeps ties as they are, reversed or not


class Oracle:
    """Answers what the server should, of one catalogue."""

    def __init__(self, path: Path) -> None:
        self.stars: dict[str, Star] = {}
        with path.open(encoding="utf-8", newline="") as file:
            self.films = [self._film(row) for row in csv.DictReader(file)]
        self.plays: dict[str, list[Film]] = defaultdict(list)
        for film in self.films:
            for star in film.cast:
                self.plays[star.id].append(film)
        self.directors: dict[str, Star] = {}  # those who are no stars
        self.directs: dict[str, list[Film]] = defaultdict(list)
        named: dict[str, list[Star]] = defaultdict(list)
        for star in self.stars.values():
            named[star.folded].append(star)
        for film in self.films:
            for name in film.director.split(", ") if film.director else []:
                self.directs[self._director(name, named).id].append(film)

    def _film(self, row: dict[str, str]) -> Film:
        director = ", ".join(row["directors"].split(" | ")) or None
        cast = [self._star(entry) for entry in row["stars"].split(" | ") if entry]
        names = [*row["directors"].split(" | "), *(star.name for star in cast)]
        titles = [row["title"], row.get("original_title") or ""]
        found: set[str] = set().union(*map(spoken.of_title, titles), *map(spoken.of_name, names))
        return Film(
            id=row["id"],
            title=row["title"],
            year=int(row["year"]) if row["year"] else None,
            director=director,
            rating=float(row["rating"]) if row["rating"] else None,
            votes=int(row["votes"]) if row["votes"] else None,
            genres=sorted(genre for genre in row["genres"].split(" | ") if genre),
            cast=cast,
            folded=fold(row["title"]),
            form=search_form(row["title"]),
            words=frozenset(found),
            original=row.get("original_title") or None,
        )

    def _star(self, entry: str) -> Star:
        match = STAR.fullmatch(entry)
        assert match
        name, born, identifier = match[1] or match[4], match[2], match[3] or match[5]
        star = Star(identifier, name, int(born) if born else None, fold(name), search_form(name))
        return self.stars.setdefault(identifier, star)

    def _director(self, name: str, named: dict[str, list[Star]]) -> Star:
        """The star of that name, if there is one alone; else a person without a year, with an id made of the name."""
        if len(same := named[fold(name)]) == 1:
            return same[0]
        digest = b32encode(hashlib.sha256(f"{fold(name)} ".encode()).digest()).decode().lower()
        identifier = f"p{digest[:9]}"
        return self.directors.setdefault(identifier, Star(identifier, name, None, fold(name), search_form(name)))

    def votes_of(self, person: Star) -> int:
        """Of all films that a person directed or is in the cast of."""
        films = {film.id: film.votes or 0 for film in self.plays.get(person.id, []) + self.directs.get(person.id, [])}
        return sum(films.values())

    def sorted_films(self, films: Iterable[Film], sort: str, order: str) -> list[Film]:
        keys: dict[str, Callable[[Film], Any]] = {
            "title": lambda film: film.folded,
            "year": lambda film: film.year,
            "rating": lambda film: film.rating,
        }
        return last_if_unknown(films, keys[sort], lambda film: film.folded, descending=order == "desc")

    def sorted_stars(self, stars: Iterable[Star], sort: str, order: str) -> list[Star]:
        keys: dict[str, Callable[[Star], Any]] = {
            "name": lambda star: star.folded,
            "birthYear": lambda star: star.born,
        }
        return last_if_unknown(stars, keys[sort], lambda star: star.folded, descending=order == "desc")

    @cached_property
    def best_known_films(self) -> list[Film]:
        """All of them, by votes."""
        return last_if_unknown(self.films, lambda film: film.votes, lambda film: film.folded, descending=True)

    def best_known(self, people: Iterable[Star]) -> list[Star]:
        """Those whose films have the most votes first, then those with the most films, then stars, then by name."""

        def key(person: Star) -> tuple[int, int, bool, str, str]:
            films = (self.directs if person.id in self.directors else self.plays)[person.id]
            return -self.votes_of(person), -len(films), person.id in self.directors, person.folded, person.id

        return sorted(people, key=key)

    def by_relevance(self, films: Iterable[Film], query: str) -> list[Film]:
        """The title itself, the original title, titles that begin so, that contain it, the rest; the best known first.

        To be the title and to begin so is judged by what is written in one, with or without the leading article.
        """
        phrase = " ".join(search_form(query).split())
        typed = spoken.in_one_each_way(query) if spoken.wanted(query) else {phrase}

        def distance(film: Film) -> int:
            titles, originals = (in_one(title) for title in (film.title, film.original or ""))
            if not spoken.wanted(query):
                titles, originals = [film.form], []
            if any(title in typed for title in titles):
                return 0
            if any(title in typed for title in originals):
                return 1
            if any(title.startswith(one) for title in titles for one in typed):
                return 2
            return 3 if phrase in film.form else 4

        def in_one(text: str) -> list[str]:
            return [spoken.in_one(title) for title in (text, spoken.without_article(text)) if title]

        wanted = {film.id for film in films}
        return sorted((film for film in self.best_known_films if film.id in wanted), key=distance)

    def starting_with(self, letter: str) -> list[Film]:
        if letter == "*":
            return [film for film in self.films if not "a" <= film.folded[0] <= "z"]
        return [film for film in self.films if film.folded[0] == fold(letter)[0]]

    def of_genre(self, genre: str) -> list[Film]:
        return [film for film in self.films if genre in film.genres]

    def as_star_item(self, star: Star) -> dict[str, Any]:
        """As "List Stars" prints it."""
        return {
            "id": star.id,
            "name": star.name,
            "birthYear": star.born,
            "movieCount": len(self.plays[star.id]),
        }

    def named(self, name: str) -> list[Star]:
        form = search_form(name)
        return [star for star in self.stars.values() if form in star.form]

    def search(self, asked: dict[str, Any], genres: dict[int, str]) -> list[Film]:
        """The films that fulfil all that is asked, in no order."""
        title, director, star = (search_form(asked.get(name, "").strip() and asked[name]) for name in TEXTS)
        query = asked.get("query", "")
        wanted = spoken.wanted(query)
        literal = "" if wanted else search_form(query).strip()

        def fits(film: Film) -> bool:
            year = film.year
            return (
                all(spoken.has(film.words, film.year, ways) for ways in wanted)
                and literal in film.form
                and title in film.form
                and (not director or director in search_form(film.director or ""))
                and (not star or any(star in one.form for one in film.cast))
                and ("year" not in asked or year == asked["year"])
                and ("yearFrom" not in asked or (year is not None and year >= asked["yearFrom"]))
                and ("yearTo" not in asked or (year is not None and year <= asked["yearTo"]))
                and ("genreId" not in asked or genres.get(asked["genreId"]) in film.genres)
            )

        return [film for film in self.films if fits(film)]


TEXTS = ("title", "director", "star")

"""A random catalogue, large enough for everything that depends on size, and the tables it is stored in."""

import random
from typing import Any, NamedTuple

import psycopg
from tests.current_edition import connect
from tests.importing.datasets import genre_ids, import_data_set

from filmer.importing.data_set import DataSet, ImportedFilm, ImportedPerson

FILMS = 2900  # more than what search calls dense (2000), and eight chunks of a list
WORDS = [
    "the",
    "The",
    "Man",
    "man's",
    "a",
    "of",
    "spider-man",
    "Amélie",
    "Ôtôsan",
    "...",
    "ÆON",
    "ñandú",
    "東京",
    "3",
    "30",
    "99",
    "x",
    "zz",
    "Ωmega",
    "the'",
    "la",
    "l'été",
    "STRASSE",
    "Straße",
    "(II)",
    ",,",
    "—",
    "\u0131",
    "İstanbul",
    "'tis",
]
COMMON = ("Shadow", "shadows", "SHÁDOW!")  # in most titles


def draw_data_set() -> DataSet:
    draw = random.Random(28)
    people = [
        ImportedPerson(
            f"nm{number:07d}",
            " ".join(draw.choices(WORDS, k=draw.randint(1, 3))) + draw.choice([" Smith", " smïth", " Li", ""]),
            draw.choice([None, 1900, 1950, draw.randint(0, 2010)]),
        )
        for number in draw.sample(range(1, 10**6), 2600)
    ]
    for person in people:
        person.name = person.name.strip(" .,—'()") or "Nobody"
    films = []
    for number in draw.sample(range(1, 10**7), FILMS):
        title = draw.choices(WORDS, k=draw.randint(0, 3))
        if draw.random() < 0.8 or not "".join(title).strip(".,—'()"):
            title.insert(draw.randint(0, len(title)), draw.choice(COMMON))
        rated = draw.random() < 0.7
        film = ImportedFilm(
            f"tt{number:07d}",
            " ".join(title),
            year=draw.choice([None, 1999, 2000, draw.randint(0, 2030)]),
            original_title=draw.choice([None, None, None, "L'Été", "Ôtôsan & 4"]),
            directors=draw.choice([None, "Ann Shade", "José Núñez, Ann Shade", "東"]),
            genres=tuple(draw.sample(["Drama", "Action", "War", "Sci-Fi"], draw.randint(0, 3))),
            cast=draw.sample(range(len(people) - 100), draw.choice([0, 1, 2, 5])),  # the last are in nothing
            rating=draw.randint(0, 100) / 10 if rated else None,
            votes=draw.choice([0, 1, 5, 10**6, draw.randint(0, 10**9)]) if rated else None,
            popularity=draw.choice([None, None, 0.5, 7.25, draw.uniform(0, 100)]),
        )
        films.append(film)
    return DataSet(films, people)


class Stored(NamedTuple):
    """A data set, and the tables of the catalogue made of it, as dictionaries."""

    data_set: DataSet
    genres: dict[str, int]
    film: list[dict[str, Any]]
    star: list[dict[str, Any]]
    listing: list[dict[str, Any]]
    listing_size: list[dict[str, Any]]
    tally: list[dict[str, Any]]
    term: list[dict[str, Any]]


def store(database_url: str) -> Stored:
    import_data_set(database_url, draw_data_set())
    with connect(database_url) as conn, conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        tables = [cursor.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in Stored._fields[2:]]
    return Stored(draw_data_set(), genre_ids(database_url), *tables)

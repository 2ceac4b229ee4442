"""Small data sets in IMDb's format, written by the tests themselves, and the catalogue that an import made of them."""

import gzip
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import psycopg
from tests import commands
from tests.connections import fetch_value
from tests.current_edition import connect

from filmer.audit.log import command_line
from filmer.importing import imdb, pipeline
from filmer.importing.data_set import DataSet, Report
from filmer.importing.progress import Progress

Value = str | bytes | float | None

# As IMDb documents them.
HEADERS = {
    "title.basics": "tconst titleType primaryTitle originalTitle isAdult startYear endYear runtimeMinutes genres",
    "title.ratings": "tconst averageRating numVotes",
    "title.crew": "tconst directors writers",
    "title.principals": "tconst ordering nconst category job characters",
    "name.basics": "nconst primaryName birthYear deathYear primaryProfession knownForTitles",
}
SCHEMAS = "SELECT array_agg(nspname::text ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'catalogue%'"
CATALOGUE_TABLES = (
    "film",
    "star",
    "director",
    "listing",
    "listing_size",
    "tally",
    "term",
)  # search_index: see test_search_index.py
CURRENT = "SELECT array_agg(schema) FROM edition"  # the one schema that an import leaves


def line(*values: Value) -> bytes:
    """One line of a file, without its end."""
    return b"\t".join(
        b"\\N" if value is None else value if isinstance(value, bytes) else str(value).encode() for value in values
    )


def tt(number: int) -> str:
    return f"tt{number:07d}"


def nm(number: int) -> str:
    return f"nm{number:07d}"


class ImdbFiles:
    """The five files, line by line."""

    def __init__(self) -> None:
        self.lines: dict[str, list[bytes]] = {
            name: [header.replace(" ", "\t").encode()] for name, header in HEADERS.items()
        }

    def add(self, table: str, *values: Value) -> None:
        self.lines[table].append(line(*values))

    def person(self, number: int, name: Value, born: Value = None) -> None:
        self.add("name.basics", nm(number), name, born, None, "actor", None)

    def film(
        self,
        number: int,
        title: Value,
        *,
        kind: str = "movie",
        original: Value = None,
        adult: int = 0,
        year: Value = None,
        runtime: Value = None,
        genres: Value = None,
        rated: tuple[Value, Value] | None = None,
        directors: Sequence[int] = (),
        cast: Sequence[int] = (),
    ) -> None:
        """A title with its rating, directors and cast; ``person`` adds their names."""
        self.add("title.basics", tt(number), kind, title, original or title, adult, year, None, runtime, genres)
        if rated:
            self.add("title.ratings", tt(number), *rated)
        self.add("title.crew", tt(number), ",".join(map(nm, directors)) or None, None)
        for ordering, star in enumerate(cast, start=1):
            self.credit(number, ordering, star, "actress" if star % 2 else "actor")
        for ordering, director in enumerate(directors, start=len(cast) + 1):
            self.credit(number, ordering, director, "director")

    def credit(self, number: int, ordering: Value, person: int, category: str) -> None:
        self.add("title.principals", tt(number), ordering, nm(person), category, None, None)

    def write(self, folder: Path, *, gz: bool = False, without: Iterable[str] = ()) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name in HEADERS.keys() - set(without):
            text = b"".join(line + b"\n" for line in self.lines[name])
            path = folder / (f"{name}.tsv.gz" if gz else f"{name}.tsv")
            path.write_bytes(gzip.compress(text) if gz else text)
        return folder


def letters(size: int) -> str:
    """A title of ``size`` bytes, a multiple of 3, that can't be compressed and is folded already."""
    drawn = random.Random(size)
    return "".join(chr(drawn.randrange(0x4E00, 0x9FA6)) for _ in range(size // 3))


def titles_of_all_kinds() -> ImdbFiles:
    data = ImdbFiles()
    data.film(1, "Seen", rated=(5, 100))
    data.film(2, "Hardly seen", rated=(5, 99))
    data.film(3, "Unrated")
    data.film(4, "On television", kind="tvMovie", rated=(5, 100))
    data.film(5, "A series", kind="tvSeries", rated=(5, 100))
    data.film(6, "For adults", adult=1, rated=(5, 100))
    data.film(7, "A short", kind="short", rated=(5, 100))
    return data


class Film(NamedTuple):
    """A film as it is stored."""

    title: str
    original_title: str | None
    year: int | None
    runtime: int | None
    director: str | None
    genres: list[str]
    rating: float | None
    votes: int | None
    cast: list[tuple[str, str, int | None]]  # id, name, year of birth
    price: Decimal | None
    tmdb_id: int | None
    overview: str | None


def films(database_url: str) -> dict[str, Film]:
    """The films in the catalogue, by id."""
    with connect(database_url) as conn:
        stars = {row[0]: row[1:] for row in conn.execute("SELECT no, id, name, birth_year FROM star")}
        rows = conn.execute(
            "SELECT id, title, original_title, year, runtime_minutes, director, genres, rating, votes,"
            " star_nos, t.price, f.tmdb_id, f.overview FROM film f LEFT JOIN film_terms t ON film_id = id"
        ).fetchall()
    return {row[0]: Film._make([*row[1:9], [stars[no] for no in row[9]], *row[10:]]) for row in rows}


def execute(database_url: str, *statements: str) -> None:
    with connect(database_url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def version(database_url: str) -> int:
    return int(fetch_value(database_url, "SELECT version FROM edition"))


def genre_ids(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url) as conn:
        return dict(conn.execute("SELECT name, id FROM genre").fetchall())


def everything(database_url: str, *tables: str) -> dict[str, list[str]]:
    """Every row of the catalogue's tables and of the given ones."""
    with connect(database_url) as conn:
        names = [*CATALOGUE_TABLES, *tables]
        return {
            name: [row for (row,) in conn.execute(f"SELECT t::text FROM {name} t ORDER BY 1".encode())]
            for name in names
        }


def intact(database_url: str) -> dict[str, list[str]]:
    """Everything that a failed import must leave as it was."""
    contents = everything(database_url, "edition", "import_run", "film_terms", "film_in_use")
    return {**contents, "schemas": fetch_value(database_url, SCHEMAS)}


def import_data_set(database_url: str, data_set: DataSet, report: Report | None = None) -> None:
    with Progress(quiet=True) as progress, pipeline.import_connection(database_url) as conn:
        pipeline.import_data_set(
            conn,
            data_set,
            source="test",
            origin="here",
            report=report or Report(),
            actor=command_line(),
            progress=progress,
        )


def import_imdb(database_url: str, folder: Path, wanted: imdb.TitleFilter | None = None) -> Report:
    """As ``filmer import imdb`` does, in this process."""
    report = Report()
    with Progress(quiet=True) as progress, pipeline.import_connection(database_url) as conn:
        pipeline.import_data_set(
            conn,
            imdb.read_imdb(folder, wanted or imdb.TitleFilter(), report, progress),
            source="imdb",
            origin=str(folder),
            report=report,
            actor=command_line(),
            progress=progress,
        )
    return report


def environment(database_url: str) -> dict[str, str]:
    return commands.environment(DATABASE_URL=database_url)


def filmer(database_url: str, *arguments: str | Path) -> commands.CommandResult:
    """The command line."""
    return commands.filmer(*arguments, DATABASE_URL=database_url)

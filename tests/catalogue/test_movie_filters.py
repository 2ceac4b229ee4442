"""GET /api/v1/movies and /search/movies: the filters that clients also send, beside an oracle over the demo's films."""

import csv
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tests.catalogue.conftest import Catalogue
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.current_edition import connect
from tests.responses import data_of, ids_of, offences_of, page_of

from filmer.catalogue.folding import fold
from filmer.importing import demo

MOVIES, SEARCH = "/api/v1/movies", "/api/v1/search/movies"
TYPES = ("movie", "movie", "movie", "tvMovie", "video", "")


class Film(NamedTuple):
    id: str
    title: str
    type: str
    genres: list[str]
    year: int | None
    rating: float | None
    votes: int | None
    popularity: float | None

    @property
    def folded(self) -> str:
        return fold(self.title)


class Demo(NamedTuple):
    client: httpx.Client
    films: list[Film]
    genres: dict[str, int]
    database_url: str


@pytest.fixture(scope="module")
def shop_of_demo(tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase, serve_here: ServeHere) -> Demo:
    """The demo's films, of several types, some of them without rating, votes and popularity."""
    with (Path(demo.__file__).parent / demo.FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["title_type"] = TYPES[number % len(TYPES)]
        for column, every in (("popularity", 3), ("rating", 11), ("votes", 11)):
            row[column] = "" if number % every == 1 else row[column]
    path = tmp_path_factory.mktemp("demo") / "films.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    url = make_database()
    assert not import_films(url, path).bad
    client = serve_here(url, CACHE_DURATION_SECONDS="0").client
    genres = {genre["name"]: genre["id"] for genre in data_of(client.get("/api/v1/genres"))["items"]}
    return Demo(client, [film_of(row) for row in rows], genres, url)


def film_of(row: dict[str, str]) -> Film:
    def number(column: str) -> Any:
        return float(row[column]) if row[column] else None

    genres = row["genres"].split(" | ")
    kind, year, rating, votes, popularity = row["title_type"], *map(number, ("year", "rating", "votes", "popularity"))
    return Film(row["id"], row["title"], kind, genres, year, rating, votes, popularity)


def last(value: float | None, sign: int) -> float:
    return float("inf") if value is None else sign * value


def in_order(films: Iterable[Film], sort: str, order: str) -> list[str]:
    """Ids by the key, then title, then id, unknown keys last; popularity is followed by the votes."""
    sign = -1 if order == "desc" else 1
    keys: dict[str, Callable[[Film], Any]] = {
        "title": lambda _: 0,
        "year": lambda film: last(film.year, sign),
        "rating": lambda film: last(film.rating, sign),
        "popularity": lambda film: (last(film.popularity, sign), last(film.votes, sign)),
    }
    ordered = sorted(films, key=lambda film: (film.folded, film.id))
    if sort == "title" and order == "desc":
        return [film.id for film in sorted(ordered, key=lambda film: film.folded, reverse=True)]
    return [film.id for film in sorted(ordered, key=keys[sort])]


FITS: dict[str, Callable[[Film, Any], bool]] = {
    "title": lambda film, text: fold(text) in film.folded,
    "type": lambda film, types: film.type in types.split(","),
    "genreId": lambda film, name: name in film.genres,
    "minRating": lambda film, least: film.rating is not None and film.rating >= float(least),
    "minVotes": lambda film, least: film.votes is not None and film.votes >= int(least),
    "startsWith": lambda film, letter: (
        not "a" <= film.folded[0] <= "z" if letter == "*" else film.folded[0] == letter.lower()
    ),
}
VALUES: dict[str, list[str]] = {
    "title": ["the", "é", "a"],
    "type": ["movie", "tvMovie,video", "movie,series"],
    "genreId": ["Drama", "Comedy", "Drama"],
    "minRating": ["8", "8.1", "0"],
    "minVotes": ["100000", "0", "1000000"],
    "startsWith": ["T", "*", "t"],
}
SORTS = [
    ("title", ""), ("year", "desc"), ("popularity", ""), ("rating", "desc"), ("popularity", "asc"), ("title", "desc"),
    ("popularity", "desc"), ("rating", "asc"), ("year", ""),
]  # fmt: skip


def test_every_combination_of_filters(shop_of_demo: Demo) -> None:
    client, films, genres, _ = shop_of_demo
    differences = []
    for number, names in enumerate(
        itertools.chain.from_iterable(itertools.combinations(FITS, count) for count in range(len(FITS) + 1))
    ):
        for turn in range(3):
            asked = {name: VALUES[name][turn] for name in names}
            sort, order = SORTS[(number + turn * 4) % len(SORTS)]
            fitting = [film for film in films if all(FITS[name](film, asked[name]) for name in names)]
            expected = in_order(fitting, sort, order or ("desc" if sort == "popularity" else "asc"))
            sent = asked | ({"genreId": str(genres[asked["genreId"]])} if "genreId" in asked else {})
            sent |= {"sortBy": sort, "size": "100", **({"order": order} if order else {})}
            found = page_of(client.get(MOVIES, params=sent))
            if found["totalItems"] != len(expected) or [item["id"] for item in found["items"]] != expected[:100]:
                differences.append((sent, len(expected), found["totalItems"]))
    assert differences[:5] == [], f"{len(differences)} differences"


def test_pages_of_a_filtered_list_join(shop_of_demo: Demo) -> None:
    query = "minVotes=50000&type=movie&sortBy=popularity"
    whole = ids_of(shop_of_demo.client.get(f"{MOVIES}?{query}&size=100"))
    pages = [ids_of(shop_of_demo.client.get(f"{MOVIES}?{query}&size=7&page={page}")) for page in range(1, 30)]
    assert [film for page in pages for film in page][:100] == whole


def test_many_matches_are_walked_in_any_order(catalogue: Catalogue) -> None:
    """Once their number is known, films are tested in order until the page is full."""
    for query in ("minVotes=1", "minRating=2&sortBy=rating", "minVotes=3&startsWith=t&sortBy=popularity"):
        counted, walked = (page_of(catalogue.client.get(f"{MOVIES}?{query}")) for _ in range(2))
        assert counted == walked
        assert counted["totalItems"] > 2000 or "startsWith" in query


def test_search_with_least_votes(shop_of_demo: Demo) -> None:
    client, films, _, _ = shop_of_demo
    known = in_order([film for film in films if (film.votes or 0) >= 1_000_000], "title", "asc")
    assert ids_of(client.get(f"{SEARCH}?minVotes=1000000&size=100")) == known  # a filter as good as any other
    batman = ids_of(client.get(f"{SEARCH}?query=batman&sortBy=relevance"))
    votes = {film.id: film.votes or 0 for film in films}
    found = ids_of(client.get(f"{SEARCH}?query=batman&sortBy=relevance&minVotes=500000"))
    assert found == [film for film in batman if votes[film] >= 500_000] != batman


def test_blank_texts_are_no_filters(shop_of_demo: Demo) -> None:
    everything = data_of(shop_of_demo.client.get(MOVIES))
    assert data_of(shop_of_demo.client.get(f"{MOVIES}?title=&type=")) == everything
    assert data_of(shop_of_demo.client.get(f"{MOVIES}?title=+&type=+")) == everything


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("minRating=x", "minRating"), ("minRating=", "minRating"), ("minRating=-0.5", "minRating"),
        ("type=movie,,video", "type"), ("type=movie;video", "type"), (f"type={'x,' * 20}x", "type"),
        ("minRating=10.1", "minRating"), ("minRating=1_0", "minRating"), ("minRating=nan", "minRating"),
        ("minRating=1e999", "minRating"), ("minRating=%D9%A1", "minRating"), ("minRating=7&minRating=8", "minRating"),
        ("minVotes=-1", "minVotes"), ("minVotes=1.5", "minVotes"), ("minVotes=2147483648", "minVotes"),
        ("genreId=0", "genreId"), ("genreId=drama", "genreId"), ("type=tv%20movie", "type"),
        ("title=%00", "title"), ("sortBy=votes", "sortBy"),
    ],
)  # fmt: skip
def test_bad_values_are_400(shop: httpx.Client, query: str, field: str) -> None:
    """contract §1.3, §1.5"""
    assert list(offences_of(shop.get(f"{MOVIES}?{query}"))) == [field]


@pytest.mark.parametrize("value", ["x", "", "-1", "1.5", "2147483648"])
def test_bad_least_votes_of_a_search_are_400(shop: httpx.Client, value: str) -> None:
    assert list(offences_of(shop.get(f"{SEARCH}?query=a&minVotes={value}"))) == ["minVotes"]


def test_unknown_genres_and_types_match_nothing(shop: httpx.Client) -> None:
    for query in ("genreId=999999", "type=series", "genreId=999999&title=a"):
        assert page_of(shop.get(f"{MOVIES}?{query}"))["totalItems"] == 0


def test_a_catalogue_of_an_older_version_is_listed_by_votes(make_database: MakeDatabase, serve_here: ServeHere) -> None:
    url = make_database(films=True)
    with connect(url) as conn:
        conn.execute("DELETE FROM listing WHERE sort LIKE 'popularity%'")
        conn.execute("UPDATE film SET popularity_asc = NULL, popularity_desc = NULL")
    client = serve_here(url).client
    found = page_of(client.get(f"{MOVIES}?sortBy=popularity"))
    votes = [item["numVotes"] or -1 for item in found["items"]]
    assert votes == sorted(votes, reverse=True)
    assert found["totalItems"] == 24
    assert page_of(client.get(f"{MOVIES}?sortBy=popularity&minVotes=1"))["totalItems"] < 24

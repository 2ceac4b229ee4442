"""Ranks, lists and cross references of an imported catalogue, compared with sorting in Python."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.connections import fetch_value
from tests.importing.datasets import films, import_data_set
from tests.importing.random_catalogue import Stored

from filmer.catalogue.folding import fold
from filmer.importing.data_set import DataSet, ImportedFilm, ImportedPerson

Key = Callable[[Any], Any]
CHUNK = 400  # numbers in a chunk, as the shop reads them


def in_order(records: Iterable[Any], text: Key, key: Key | None, *, descending: bool) -> list[str]:
    """Ids sorted by the key, then text, then id; unknown keys last (contract §2.2)."""
    by_text = sorted(records, key=lambda record: (fold(text(record)), record.id))
    if key is None:
        ordered = sorted(by_text, key=lambda record: fold(text(record)), reverse=descending)
    else:
        known = [record for record in by_text if key(record) is not None]
        ordered = sorted(known, key=key, reverse=descending)  # stable, in descending order too
        ordered += [record for record in by_text if key(record) is None]
    return [record.id for record in ordered]


def by_popularity(records: Iterable[ImportedFilm], *, descending: bool) -> list[str]:
    """Ids by popularity; where it is the same or unknown, by votes; then by title and id; unknown numbers last."""
    sign = -1 if descending else 1

    def place(number: float | None) -> float:
        return float("inf") if number is None else sign * number

    def key(film: ImportedFilm) -> tuple[float, float, str, str]:
        return place(film.popularity), place(film.votes), fold(film.title), film.id

    return [film.id for film in sorted(records, key=key)]


def title(film: ImportedFilm) -> str:
    return film.title


def name(star: ImportedPerson) -> str:
    return star.name


FILM_KEYS: dict[str, Key | None] = {"title": None, "year": lambda f: f.year, "rating": lambda f: f.rating}
STAR_KEYS: dict[str, Key | None] = {"name": None, "birthYear": lambda s: s.birth_year}
DIRECTIONS = {"asc": False, "desc": True}


def best_known(data_set: DataSet) -> list[str]:
    """Ids of stars: most votes of all their films first, then most films in whose cast they are, then by name."""
    films: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    for film in data_set.films:
        films.update(data_set.people[place].id for place in film.cast)
        for place in {*film.cast, *film.directed_by}:
            votes[data_set.people[place].id] += film.votes or 0
    by_name = sorted(used_stars(data_set), key=lambda star: (fold(star.name), star.id))
    return [star.id for star in sorted(by_name, key=lambda star: (-votes[star.id], -films[star.id]))]


def used_stars(data_set: DataSet) -> list[ImportedPerson]:
    return [data_set.people[at] for at in sorted({place for film in data_set.films for place in film.cast})]


@pytest.mark.parametrize(
    ("column", "key", "descending"),
    [
        ("no", None, False),
        ("title_desc", None, True),
        ("year_asc", FILM_KEYS["year"], False),
        ("year_desc", FILM_KEYS["year"], True),
        ("rating_asc", FILM_KEYS["rating"], False),
        ("rating_desc", FILM_KEYS["rating"], True),
        ("votes_desc", lambda film: film.votes, True),
        ("popularity_asc", None, False),
        ("popularity_desc", None, True),
    ],
)
def test_a_film_s_rank_is_its_place(stored: Stored, column: str, key: Key | None, *, descending: bool) -> None:
    film_ids = [row["id"] for row in sorted(stored.film, key=lambda row: row[column])]
    assert sorted(row[column] for row in stored.film) == list(range(1, len(stored.film) + 1))
    if column.startswith("popularity"):
        assert film_ids == by_popularity(stored.data_set.films, descending=descending)
    else:
        assert film_ids == in_order(stored.data_set.films, title, key, descending=descending)


@pytest.mark.parametrize(
    ("column", "sort", "descending"),
    [("no", "name", False), ("name_desc", "name", True), ("birth_asc", "birthYear", False),
     ("birth_desc", "birthYear", True)],
)  # fmt: skip
def test_a_star_s_rank_is_its_place(stored: Stored, column: str, sort: str, *, descending: bool) -> None:
    star_ids = [row["id"] for row in sorted(stored.star, key=lambda row: row[column])]
    assert sorted(row[column] for row in stored.star) == list(range(1, len(stored.star) + 1))
    stars = used_stars(stored.data_set)
    assert star_ids == in_order(stars, name, STAR_KEYS[sort], descending=descending)


def test_the_best_known_star_comes_first(stored: Stored) -> None:
    star_ids = [row["id"] for row in sorted(stored.star, key=lambda row: row["known_desc"])]
    assert sorted(row["known_desc"] for row in stored.star) == list(range(1, len(stored.star) + 1))
    assert star_ids == best_known(stored.data_set)


def expected_lists(stored: Stored) -> dict[tuple[str, str], list[str]]:
    """Ids by list and sort."""
    members: dict[str, list[ImportedFilm]] = {"all": stored.data_set.films}
    for film in stored.data_set.films:
        first = fold(film.title)[0]
        lists = [f"letter:{first}", *[f"genre:{stored.genres[genre]}" for genre in film.genres]]
        if not "a" <= first <= "z":
            lists.append("letter:*")
        for listing in lists:
            members.setdefault(listing, []).append(film)
    expected = {
        (listing, f"{sort} {direction}"): in_order(part, title, key, descending=descending)
        for listing, part in members.items()
        for sort, key in FILM_KEYS.items()
        for direction, descending in DIRECTIONS.items()
    }
    for listing, part in members.items():
        for direction, descending in DIRECTIONS.items():
            expected[listing, f"popularity {direction}"] = by_popularity(part, descending=descending)
    for sort, key in STAR_KEYS.items():
        for direction, descending in DIRECTIONS.items():
            stars = in_order(used_stars(stored.data_set), name, key, descending=descending)
            expected["stars", f"{sort} {direction}"] = stars
    expected["stars", "known"] = best_known(stored.data_set)
    return expected


def test_every_list_is_stored_in_every_order(stored: Stored) -> None:
    films = {row["no"]: row["id"] for row in stored.film}
    stars = {row["no"]: row["id"] for row in stored.star}
    stored_lists: dict[tuple[str, str], list[str]] = {}
    for row in sorted(stored.listing, key=lambda row: row["chunk"]):
        ids = stars if row["list"] == "stars" else films
        list_ids = stored_lists.setdefault((row["list"], row["sort"]), [])
        assert len(list_ids) == row["chunk"] * CHUNK  # all chunks before this one are there, and full
        assert 0 < len(row["nos"]) <= CHUNK
        list_ids += [ids[no] for no in row["nos"]]
    expected = expected_lists(stored)
    assert stored_lists.keys() == expected.keys()
    assert [key for key in expected if stored_lists[key] != expected[key]] == []
    sizes = {row["list"]: row["size"] for row in stored.listing_size}
    assert sizes == {key[0]: len(ids) for key, ids in expected.items()}


def test_films_are_tallied_by_year_and_genre(stored: Stored) -> None:
    expected = Counter((0, film.year) for film in stored.data_set.films)
    expected.update((stored.genres[genre], film.year) for film in stored.data_set.films for genre in film.genres)
    assert {(row["genre_id"], row["year"]): row["films"] for row in stored.tally} == expected
    assert len(stored.tally) == len(expected)


def test_casts_and_filmographies_name_each_other(stored: Stored) -> None:
    films = {row["id"]: row for row in stored.film}
    stars = {row["id"]: row for row in stored.star}
    by_no = {row["no"]: row for row in stored.star}
    filmographies: dict[str, list[ImportedFilm]] = {}
    for film in stored.data_set.films:
        cast = [stored.data_set.people[place] for place in film.cast]
        row = films[film.id]
        assert [by_no[no]["id"] for no in row["star_nos"]] == [star.id for star in cast]
        assert row["billed_ids"] == [star.id for star in cast[:3]]
        assert row["billed_names"] == [star.name for star in cast[:3]]
        assert row["genres"] == sorted(film.genres)
        assert row["genre_ids"] == [stored.genres[genre] for genre in sorted(film.genres)]
        for star in cast:
            filmographies.setdefault(star.id, []).append(film)
    assert stars.keys() == filmographies.keys()
    numbers = {row["no"]: row["id"] for row in stored.film}
    for identifier, row in stars.items():
        newest_first = in_order(filmographies[identifier], title, FILM_KEYS["year"], descending=True)
        assert [numbers[no] for no in row["film_nos"]] == newest_first
        assert row["film_count"] == len(newest_first)


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_lists_are_cut_into_full_chunks(database_url: str, count: int) -> None:
    import_data_set(database_url, DataSet([ImportedFilm(f"f{at}", f"{at:04d}") for at in range(count)]))
    lengths = fetch_value(
        database_url,
        "SELECT array_agg(cardinality(nos) ORDER BY chunk) FROM listing WHERE list = 'all' AND sort = 'year desc'",
    )
    assert lengths == [CHUNK] * (count // CHUNK) + [count % CHUNK] * bool(count % CHUNK)


def test_a_catalogue_without_stars_genres_and_years_is_one_too(database_url: str) -> None:
    import_data_set(database_url, DataSet([ImportedFilm("f1", "東京")]))
    assert [film.title for film in films(database_url).values()] == ["東京"]
    assert fetch_value(database_url, "SELECT size FROM listing_size WHERE list = 'stars'") == 0
    assert fetch_value(database_url, "SELECT size FROM listing_size WHERE list = 'letter:*'") == 1

"""The demo catalogue: enough well-known films to try everything that a shop does."""

import pytest
from tests.importing.datasets import filmer, films, version

from filmer.importing import demo
from filmer.importing.data_set import DataSet, Report


@pytest.fixture(scope="module")
def read() -> tuple[DataSet, Report]:
    report = Report(list_all=True)
    return demo.read_demo(report), report


def test_every_row_is_sound(read: tuple[DataSet, Report]) -> None:
    data_set, report = read
    assert (report.bad_rows, report.warnings) == ([], [])
    assert len(data_set.films) >= 300
    assert report.rows == {demo.FILE: len(data_set.films)}


def test_ids_are_imdb_s_and_unique(read: tuple[DataSet, Report]) -> None:
    data_set, _ = read
    ids = [film.id for film in data_set.films]
    assert len(set(ids)) == len(ids)
    assert [
        film_id for film_id in ids if not (film_id.startswith("tt") and film_id[2:].isdigit() and len(film_id) >= 9)
    ] == []
    tmdb_ids = [film.tmdb_id for film in data_set.films]
    assert None not in tmdb_ids
    assert len(set(tmdb_ids)) == len(tmdb_ids)


def test_every_film_has_all_that_a_shop_shows(read: tuple[DataSet, Report]) -> None:
    data_set, _ = read
    fields = ("year", "directors", "genres", "rating", "votes", "runtime_minutes", "price", "overview")
    for field in fields:
        assert [film.id for film in data_set.films if not getattr(film, field)] == [], field


def test_every_film_has_a_cast_of_five(read: tuple[DataSet, Report]) -> None:
    """With IMDb's ids where they are known; others are made from the name, and are not taken for IMDb's."""
    data_set, _ = read
    assert [film.id for film in data_set.films if len(film.cast) < 5] == []
    known = [star for star in data_set.people if star.id.startswith("nm")]
    assert len(known) > len(data_set.people) / 2
    assert [star for star in known if not star.id[2:].isdigit()] == []
    assert [star for star in data_set.people if star not in known and not star.id.startswith("p")] == []


def test_the_best_known_films_are_there(read: tuple[DataSet, Report]) -> None:
    data_set, _ = read
    known = {film.id: film for film in data_set.films}
    assert (known["tt0111161"].title, known["tt0111161"].year) == ("The Shawshank Redemption", 1994)
    assert (known["tt1375666"].title, known["tt1375666"].directors) == ("Inception", "Christopher Nolan")


def test_the_command_brings_it_in(read: tuple[DataSet, Report], database_url: str) -> None:
    data_set, _ = read
    result = filmer(database_url, "import", "demo")
    assert result.returncode == 0, result.stderr
    stars = {place for film in data_set.films for place in film.cast}  # directors are people of the data set as well
    assert result.stdout == f"{len(data_set.films):,} films and {len(stars):,} stars are in the catalogue.\n"
    assert films(database_url).keys() == {film.id for film in data_set.films}
    assert version(database_url) == 1
    assert "demo" in filmer(database_url, "catalogue").stdout

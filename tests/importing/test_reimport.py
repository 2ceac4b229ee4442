"""What a second import keeps: ids of genres, the owner's prices, TMDB ids and overviews, and films in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import import_films
from tests.connections import fetch_value
from tests.importing import csv_files
from tests.importing.datasets import SCHEMAS, ImdbFiles, execute, films, genre_ids, import_imdb, tt, version

ANN, BOB, CEM = (("nm0000001", "Ann", 1950), ("nm0000002", "Bob", None), ("nm0000003", "Cem", 1970))


def write(folder: Path, *numbers: int, mark: str = "", genres: str = "Drama,Action") -> Path:
    data = ImdbFiles()
    for number, (_, name, born) in enumerate((ANN, BOB, CEM), start=1):
        data.person(number, name + mark, born)
    for number in numbers:
        cast = [(2, 1), (3, 2), (1,)][number % 3]
        data.film(number, f"Film {number}{mark}", year=1990, genres=genres, rated=(5, 5), cast=cast, directors=[3])
    return data.write(folder)


def set_terms(database_url: str, number: int, price: str, tmdb_id: str, overview: str) -> None:
    execute(database_url, f"INSERT INTO film_terms VALUES ('{tt(number)}', {price}, {tmdb_id}, {overview})")


def test_genres_keep_their_ids_even_when_they_are_gone_for_a_while(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, write(tmp_path / "1", 1, genres="Western,Drama,Sci-Fi"))
    first = genre_ids(database_url)
    assert first.keys() == {"Drama", "Sci-Fi", "Western"}
    import_imdb(database_url, write(tmp_path / "2", 1, genres="Animation"))
    second = genre_ids(database_url)
    import_imdb(database_url, write(tmp_path / "3", 1, genres="Western,Action,Animation,Drama"))
    third = genre_ids(database_url)
    assert first.items() <= second.items() <= third.items()
    assert len(set(third.values())) == len(third) == 5
    stored = fetch_value(database_url, "SELECT genre_ids FROM film")
    assert stored == [third[name] for name in ("Action", "Animation", "Drama", "Western")]
    listed = "SELECT count(*) FROM listing_size WHERE list = 'genre:' || %s"
    assert fetch_value(database_url, listed, str(third["Sci-Fi"])) == 0
    assert fetch_value(database_url, listed, str(third["Western"])) == 1


def test_prices_tmdb_ids_and_overviews_survive(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, write(tmp_path / "1", 1, 2, 3))
    set_terms(database_url, 1, "4.99", "278", "'Two men in a prison'")
    set_terms(database_url, 2, "NULL", "NULL", "'Only words'")
    set_terms(database_url, 9, "1.50", "NULL", "NULL")
    import_imdb(database_url, write(tmp_path / "2", 2, 3, mark="!"))  # without the first
    assert films(database_url).keys() == {tt(2), tt(3)}
    import_imdb(database_url, write(tmp_path / "3", 1, 2, 3, 9, mark="?"))
    terms = {key: film[-3:] for key, film in films(database_url).items()}
    assert terms == {
        tt(1): (Decimal("4.99"), 278, "Two men in a prison"),
        tt(2): (None, None, "Only words"),
        tt(3): (None, None, None),
        tt(9): (Decimal("1.50"), None, None),
    }
    assert films(database_url)[tt(1)].title == "Film 1?"


def test_films_in_use_stay_with_all_they_have(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, write(tmp_path / "1", 1, 2, 3, genres="Western,Drama"))
    set_terms(database_url, 1, "2.50", "NULL", "NULL")
    execute(database_url, f"INSERT INTO film_in_use VALUES ('{tt(1)}'), ('{tt(2)}'), ('tt0000404')")
    before = films(database_url)
    assert before[tt(1)].cast == [CEM, BOB]
    western = genre_ids(database_url)["Western"]

    report = import_imdb(database_url, write(tmp_path / "2", 2, 4, mark="!", genres="Action"))
    after = films(database_url)
    assert after.keys() == {tt(1), tt(2), tt(4)}
    film = after[tt(1)]
    assert film == before[tt(1)]._replace(
        price=Decimal("2.50"), cast=[("nm0000003", "Cem!", 1970), ("nm0000002", "Bob!", None)]
    )
    assert (film.director, film.genres) == ("Cem", ["Drama", "Western"])
    assert after[tt(2)].title == "Film 2!"
    assert 1 in report.skipped.values()  # the report counts the film that was kept
    listed = "SELECT size FROM listing_size WHERE list = 'genre:' || %s"
    assert fetch_value(database_url, listed, str(western)) == 1

    import_imdb(database_url, write(tmp_path / "3", 1, 5, mark="?"))
    assert films(database_url).keys() == {tt(1), tt(2), tt(5)}
    assert films(database_url)[tt(1)].title == "Film 1?"


def test_a_film_in_use_keeps_a_cast_that_the_new_files_do_not_have(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, write(tmp_path / "1", 1))
    execute(database_url, f"INSERT INTO film_in_use VALUES ('{tt(1)}')")
    before = films(database_url)[tt(1)]
    data = ImdbFiles()
    data.film(7, "Alone")
    for turn in range(2):  # a film that was kept once is kept again
        import_imdb(database_url, data.write(tmp_path / f"new {turn}"))
        assert films(database_url)[tt(1)] == before
    stars = fetch_value(database_url, "SELECT array_agg((no, name, film_count)::text ORDER BY no) FROM star")
    assert stars == ["(1,Bob,1)", "(2,Cem,1)"]


def test_films_that_are_not_in_use_go_and_their_stars_with_them(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, write(tmp_path / "1", 1, 2))
    import_imdb(database_url, write(tmp_path / "2", 2))
    assert films(database_url).keys() == {tt(2)}
    assert fetch_value(database_url, "SELECT array_agg(name) FROM star") == ["Ann"]


@contextmanager
def meanwhile(database_url: str, statement: str) -> Iterator[None]:
    """Runs a statement while an import builds its indexes."""
    execute(
        database_url,
        "CREATE FUNCTION staged() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        f" BEGIN {statement} ON CONFLICT DO NOTHING; END $$",
        "CREATE EVENT TRIGGER staged ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION staged()",
    )
    try:
        yield
    finally:
        execute(database_url, "DROP EVENT TRIGGER staged", "DROP FUNCTION staged")


@pytest.mark.parametrize("number", [1, 2])
def test_a_film_sold_while_an_import_runs_is_not_lost(database_url: str, tmp_path: Path, number: int) -> None:
    import_imdb(database_url, write(tmp_path / "1", 1, 2))
    before = films(database_url)[tt(number)]
    with meanwhile(database_url, f"INSERT INTO film_in_use VALUES ('{tt(number)}')"):
        import_imdb(database_url, write(tmp_path / "2", 2, 3))
    assert films(database_url).keys() == {tt(1), tt(2), tt(3)} - ({tt(1)} if number == 2 else set())
    assert films(database_url)[tt(number)] == before
    assert (version(database_url), fetch_value(database_url, SCHEMAS)) == (2, ["catalogue_2"])


def test_a_price_set_while_an_import_runs_is_not_lost(database_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path, 1, 2)
    import_imdb(database_url, folder)
    with meanwhile(database_url, f"INSERT INTO film_terms VALUES ('{tt(1)}', 7.25)"):
        import_imdb(database_url, folder)
    assert films(database_url)[tt(1)][-3:] == (Decimal("7.25"), None, None)
    assert films(database_url)[tt(2)][-3:] == (None, None, None)


def test_what_a_file_says_is_kept_when_its_swap_takes_two_tries(database_url: str, tmp_path: Path) -> None:
    import_films(database_url, csv_files.write(tmp_path / "1.csv", csv_files.film(1, price="1.00"), csv_files.film(2)))
    set_terms(database_url, 9, "9.00", "9", "'Gone'")
    with meanwhile(database_url, "INSERT INTO film_in_use VALUES ('f2')"):
        path = csv_files.write(tmp_path / "2.csv", csv_files.film(1, overview="New"), csv_files.film(3, price="3.00"))
        import_films(database_url, path)
    terms = {key: film[-3:] for key, film in films(database_url).items()}
    assert terms == {
        "f1": (Decimal("1.00"), None, "New"),
        "f2": (None, None, None),
        "f3": (Decimal("3.00"), None, None),
    }
    statement = "SELECT array_agg((film_id, price, tmdb_id, overview)::text ORDER BY film_id) FROM film_terms"
    assert fetch_value(database_url, statement) == ["(f1,1.00,,New)", "(f3,3.00,,)", f"({tt(9)},9.00,9,Gone)"]


def test_visitors_do_not_wait_while_what_a_file_says_is_taken_over(database_url: str, tmp_path: Path) -> None:
    """However many films the file has: the locks that visitors wait for are taken afterwards."""
    execute(
        database_url,
        "CREATE TABLE locked_then (name text)",
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO locked_then SELECT relation::regclass || ' ' || mode FROM pg_locks"
        " WHERE pid = pg_backend_pid() AND granted AND mode IN ('ShareLock', 'AccessExclusiveLock')"
        " AND relation IN ('edition'::regclass, 'film_in_use'::regclass); RETURN NEW; END $$",
        "CREATE TRIGGER look BEFORE INSERT ON film_terms FOR EACH ROW EXECUTE FUNCTION look()",
    )
    try:
        import_films(database_url, csv_files.write(tmp_path / "1.csv", csv_files.film(1, price="1.00")))
        assert films(database_url)["f1"].price == 1
        assert fetch_value(database_url, "SELECT array_agg(name) FROM locked_then") is None
    finally:
        execute(database_url, "DROP TRIGGER look ON film_terms", "DROP FUNCTION look", "DROP TABLE locked_then")


def test_the_same_import_twice_makes_the_same_catalogue(database_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path, 1, 2, 3)
    import_imdb(database_url, folder)
    before = films(database_url)
    import_imdb(database_url, folder)
    assert films(database_url) == before
    assert version(database_url) == 2

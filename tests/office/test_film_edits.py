"""What is changed by hand: made in the edition at once, and the same again in the edition that is built anew."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from tests.conftest import MakeDatabase, import_films
from tests.connections import fetch, in_database
from tests.current_edition import connect, pricing

from filmer.audit.log import Actor
from filmer.errors import Conflict, NotFound
from filmer.importing import pipeline
from filmer.importing.edit_queries import LOCK_EDITS
from filmer.importing.film_edits import FilmRecord
from filmer.importing.progress import Progress
from filmer.office import film_edits
from filmer.office.film_queries import select_rebuild
from filmer.office.rebuilding import Rebuilding
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection, Database

FILM, OTHER = "tt0111161", "tt0372784"
ACTOR = Actor("command line", datetime(2026, 12, 1, tzinfo=UTC))
# What the next edition numbers and ranks anew; and prices, which are read elsewhere.
_NUMBERED = {
    "no", "title_desc", "year_asc", "year_desc", "rating_asc", "rating_desc", "popularity_asc", "popularity_desc",
    "votes_desc", "star_nos", "director_nos", "billed_ids", "billed_names", "price",
}  # fmt: skip


@pytest.fixture
def url(make_database: MakeDatabase) -> str:
    return make_database(films=True)


def change(url: str, film_id: str, fields: dict[str, Any] | None = None, **options: Any) -> FilmRecord:
    async def work(conn: Connection) -> FilmRecord:
        edit = await film_edits.find(conn, film_id, lock=True)
        return await film_edits.change(conn, edit, fields or {}, ACTOR, **options)

    record: FilmRecord = in_database(url, work)
    return record


def add(url: str, fields: dict[str, Any], film_id: str | None = None) -> str:
    full = {**dict.fromkeys(("year", "overview")), "genres": [], "directors": [], "cast": [], **fields}
    return str(in_database(url, lambda conn: film_edits.add(conn, film_id, full, ACTOR)).id)


def build(url: str) -> bool:
    with Progress(quiet=True) as progress, pipeline.import_connection(url) as conn:
        return pipeline.rebuild(conn, progress)


def film(url: str, film_id: str) -> dict[str, Any] | None:
    """The film in the current edition, with the names of its people."""
    with connect(url) as conn:
        cursor = conn.execute(
            """
            SELECT f.*, f.words::text AS words, ARRAY(SELECT s.name || s.id
                FROM unnest(star_nos) WITH ORDINALITY n(no, at)
                JOIN star s USING (no) ORDER BY at) AS stars, ARRAY(SELECT d.name || d.id
                FROM unnest(director_nos) WITH ORDINALITY n(no, at) JOIN director d USING (no) ORDER BY at) AS directed
            FROM film f WHERE id = %s
            """,
            [film_id],
        )
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return (
        None if row is None else {name: value for name, value in zip(names, row, strict=True) if name not in _NUMBERED}
    )


def people(url: str) -> dict[str, tuple[str, Any, list[str]]]:
    """Everybody's films, by id, as the edition has them."""
    with connect(url) as conn:
        rows = conn.execute(
            """
            SELECT kind || p.id, name, birth_year, ARRAY(SELECT f.id FROM film f WHERE f.no = ANY (film_nos) ORDER BY 1)
            FROM (SELECT 's' AS kind, id, name, birth_year, film_nos FROM star
                UNION ALL SELECT 'd', id, name, birth_year, film_nos FROM director) p
            """
        ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows if row[3]}


CHANGES: list[dict[str, Any]] = [
    {"title": "Die Übrigen & Co. 8½", "original_title": "Les Autres", "year": 1999},
    {"cast": [["pnew", "Somebody New", 1980], ["nm0000209", "Tim Robbins", 1958]], "directors": []},
    {"directors": [["pnew", "Somebody New", 1980], ["pother", "An Other", None]], "genres": ["Drama", "A New Genre"]},
    {"overview": "It's <b>new</b> “here”.", "certificate": "FSK 12", "country": "France"},
    {"runtime_minutes": 61, "language": "Französisch", "release_date": "1999-02-03"},
    {"title": "Same", "overview": None, "cast": []},
]


def test_a_change_is_in_the_edition_at_once_as_in_one_that_is_built_anew(url: str) -> None:
    draw = random.Random(7)
    for number in range(4):
        film_id = draw.choice([FILM, OTHER, "tt0468569"])
        change(url, film_id, dict(item for fields in draw.sample(CHANGES, 2) for item in fields.items()))
        added = add(url, {"title": f"New {number}", **draw.choice(CHANGES)}, f"own{number}")
        change(url, draw.choice([FILM, OTHER]), hidden=draw.random() < 0.4)
        before = {one: film(url, one) for one in (FILM, OTHER, "tt0468569", added)}, people(url)
        assert build(url)
        assert ({one: film(url, one) for one in before[0]}, people(url)) == before
        assert not build(url), "nothing is left to do"


def test_an_edit_outlives_imports_until_it_is_taken_back(url: str) -> None:
    said = film(url, FILM)
    change(url, FILM, {"title": "Mine", "year": 2001})
    change(url, OTHER, hidden=True)
    own = add(url, {"title": "The shop's own"})
    for keep_others in (True, False):
        import_films(url, keep_others=keep_others)
        row = film(url, FILM)
        assert row is not None
        assert (row["title"], row["year"]) == ("Mine", 2001)
        assert film(url, OTHER) is None
        assert (film(url, own) or {})["title"] == "The shop's own"
        assert not build(url), "imports make the edits themselves"
    change(url, FILM, taken_back=["title", "year"])
    change(url, OTHER, hidden=False)
    assert film(url, FILM) == said, "at once"
    assert build(url)
    assert film(url, FILM) == said
    assert film(url, OTHER) is not None
    with connect(url) as conn:
        assert conn.execute("SELECT film_id FROM film_edit").fetchall() == [(own,)], (
            "nothing is left of what was taken back"
        )


def test_what_an_import_says_anew_is_what_is_taken_back_to(url: str, tmp_path: Any) -> None:
    change(url, FILM, {"title": "Mine", "overview": "By hand"})
    path = tmp_path / "films.csv"
    path.write_text(f"id,title,year,overview\n{FILM},Renamed,1995,From the file\n", "utf-8")
    import_films(url, path, keep_others=True)
    row = film(url, FILM) or {}
    assert (row["title"], row["year"], row["overview"]) == ("Mine", 1995, "By hand")
    change(url, FILM, taken_back=["title", "overview"])
    row = film(url, FILM) or {}
    assert (row["title"], row["year"], row["overview"]) == ("Renamed", 1995, "From the file")


@pytest.mark.parametrize("keep_others", [True, False])
def test_a_change_during_an_import_is_in_its_edition(
    url: str, monkeypatch: pytest.MonkeyPatch, *, keep_others: bool
) -> None:
    """Right before the swap: of films never edited before, edited before, hidden, shown again and new ones."""
    change(url, "tt0468569", {"title": "First"})
    change(url, OTHER, hidden=True)
    write = vars(pipeline)["write_catalogue"]
    added = []

    def and_then_edit(*arguments: Any) -> tuple[int, int]:
        counts: tuple[int, int] = write(*arguments)
        change(url, FILM, {"title": "Mine", "cast": [["pnew", "Somebody New", 1980]]})
        change(url, "tt0468569", {"title": "Second"})
        change(url, "tt0468569", hidden=True)
        change(url, OTHER, hidden=False)
        added.append(add(url, {"title": "Own"}))
        return counts

    monkeypatch.setattr(pipeline, "write_catalogue", and_then_edit)
    import_films(url, keep_others=keep_others)
    monkeypatch.undo()
    state = [film(url, one) for one in (FILM, OTHER, "tt0468569", added[0])]
    assert [row and row["title"] for row in state] == ["Mine", "Batman Begins", None, "Own"]
    assert build(url), "orders and counts are still those of the import"
    assert [film(url, one) for one in (FILM, OTHER, "tt0468569", added[0])] == state
    change(url, FILM, taken_back=["title", "cast"])
    assert (film(url, FILM) or {})["title"] == "The Shawshank Redemption"


def test_a_shop_without_films_begins_with_one_of_its_own(database_url: str) -> None:
    own = add(database_url, {"title": "Only this", "cast": [["p1", "Only She", None]]})
    assert build(database_url)
    assert (film(database_url, own) or {})["stars"] == ["Only Shep1"]
    change(database_url, own, hidden=True)
    assert build(database_url), "an edition without films"
    change(database_url, own, hidden=False)
    assert build(database_url)
    assert film(database_url, own) is not None


def test_no_two_films_have_one_id(url: str) -> None:
    with pytest.raises(Conflict, match="already"):
        add(url, {"title": "Another"}, FILM)
    with pytest.raises(NotFound):
        change(url, "nobody", {"title": "x"})


@pytest.mark.usefixtures("real_programs")
def test_what_a_crash_has_prevented_is_built_by_the_next_round(url: str) -> None:
    """The edit is committed; whoever should have built the catalogue is gone. Of two processes, one builds it."""
    place = "SELECT count(*) FROM film f, film g WHERE f.id = %s AND g.no > f.no"
    with connect(url) as conn:
        before = conn.execute(place, [FILM]).fetchone()
    change(url, FILM, {"title": "Zz, among the last"})

    async def rounds() -> None:
        database = Database(url, size=4)
        await database.open()
        nodes = [Rebuilding(database, url) for _ in range(2)]
        async with asyncio.timeout(60):
            while True:
                for node in nodes:
                    await node.tidy()
                async with database.connection() as conn:
                    if await select_rebuild(conn) is None:
                        break
                await asyncio.sleep(0.05)
        for node in nodes:
            await node.stop()
        await database.close()

    asyncio.run(rounds())
    with connect(url) as conn:
        after = conn.execute(place, [FILM]).fetchone()
    assert before
    assert after
    assert after < before, "fewer films follow it by now"


def test_who_saves_a_film_and_its_price_waits_for_no_swap(url: str) -> None:
    """An import that is to be swapped in meanwhile waits before it holds anything that the saving needs."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'film_edit'::regclass"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as saving:
        saving.execute(f"LOCK TABLE {LOCK_EDITS}".encode())
        saving.execute(USE_CURRENT_EDITION_LOCALLY)
        importing = pool.submit(import_films, url)
        while not fetch(url, waiting):
            assert not importing.done()
        saving.execute("SET LOCAL lock_timeout = '100ms'")
        saving.execute(pricing("8.88"), [OTHER])
        saving.commit()
        importing.result()
    assert fetch(url, "SELECT price::text FROM film_terms WHERE film_id = %s", OTHER) == [("8.88",)]

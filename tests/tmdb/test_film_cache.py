"""The last good data of every film that a user favourited or rated are in PostgreSQL (contract §7.9)."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.sandbox import Sandbox
from tests.tmdb.clients import MATRIX, SHAWSHANK, UNKNOWN, own_language
from tests.tmdb.cluster import Cluster, Run, make_run
from tests.users import open_account

from filmer.errors import MovieNotFound
from filmer.server.serving import free_port
from filmer.store.connecting import CancellableConnection
from filmer.store.embedded import Engines
from filmer.tmdb import queries
from filmer.tmdb.payloads import TmdbFilm

DAY = 24 * 3600
OLD = TmdbFilm(MATRIX, "As it was told once", None, None, 1.5, None)


@pytest.fixture
def run(sandbox: Sandbox, engines: Engines, database_url: str) -> Run:
    return make_run(sandbox, engines, database_url)


def favor(database_url: str, movie_id: int, table: str = "favorite") -> None:
    account = open_account(database_url).id
    with psycopg.connect(database_url) as conn:
        if table == "favorite":
            conn.execute(
                "INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, now())", [account, movie_id]
            )
        else:
            conn.execute(
                "INSERT INTO rating (account_id, movie_id, rating, created, updated) VALUES (%s, %s, 4, now(), now())",
                [account, movie_id],
            )


@pytest.mark.parametrize(("age", "state"), [(1, "hit"), (3600, "stale"), (170 * DAY, "stale")])
def test_it_is_used_where_nothing_else_is_at_hand(age: int, state: str, run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await cluster.store(OLD, age=timedelta(seconds=age))
        cluster.sandbox.fail("500")
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            result = await worker_a.tmdb_cache.film(MATRIX)
            assert (result.value, result.state) == (OLD, state)
            assert worker_a.tmdb_cache.age(result.fetched) == pytest.approx(age, abs=5)
            await worker_a.settled()
            assert (await worker_a.tmdb_cache.film(MATRIX)).value == OLD
            assert cluster.rows()[MATRIX][0] == OLD.title, "a failure does not take its place"

    run(work)


@pytest.mark.parametrize("table", ["favorite", "rating"])
def test_a_newer_answer_takes_its_place_where_somebody_keeps_the_film(table: str, run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(favor, cluster.database_url, MATRIX, table)
        await cluster.store(OLD, age=timedelta(days=1))
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            assert (await worker_a.tmdb_cache.film(MATRIX)).state == "stale"
            assert (await worker_a.tmdb_cache.film(SHAWSHANK)).state == "miss"
            await worker_a.settled()
            rows = cluster.rows()
            assert list(rows) == [MATRIX]
            title, fetched = rows[MATRIX]
            assert title == "The Matrix"
            assert cluster.clock.now() - fetched < timedelta(seconds=10)

    run(work)


def test_what_is_gone_comes_back_while_somebody_keeps_the_film(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(favor, cluster.database_url, MATRIX)
        async with cluster.worker() as worker_a:
            worker_a.tmdb_cache.refresh([MATRIX, SHAWSHANK])
            await worker_a.settled()
            assert {number: row[0] for number, row in cluster.rows().items()} == {MATRIX: "The Matrix"}

    run(work)


def test_an_older_answer_never_takes_a_newer_ones_place(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(favor, cluster.database_url, MATRIX)
        now = datetime.now(UTC)
        newer = TmdbFilm(MATRIX, "Newer", None, None, None, None)
        async with await CancellableConnection.connect(cluster.database_url) as conn:
            await conn.use_current_edition()
            await queries.upsert_film(conn, newer, now)
            for moment in (now - timedelta(seconds=1), now):
                await queries.upsert_film(conn, OLD, moment)
                await queries.upsert_marked_film(conn, OLD, moment)
            assert await queries.select_film(conn, MATRIX) == (newer, now)
            later = now + timedelta(hours=1)
            await queries.upsert_film(conn, OLD, later)
            assert await queries.select_film(conn, MATRIX) == (OLD, later)
            await queries.upsert_film(conn, newer, now)
            assert await queries.select_film(conn, MATRIX) == (newer, now), "a clock was wrong"
            assert await queries.select_film(conn, SHAWSHANK) is None

    run(work)


def test_a_film_that_tmdb_drops_keeps_its_copy(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        dropped = TmdbFilm(UNKNOWN, "Dropped", None, None, None, None)
        await cluster.store(dropped, age=timedelta(days=1))
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            for _ in range(3):
                result = await worker_a.tmdb_cache.film(UNKNOWN)
                assert (result.value, result.state) == (dropped, "stale")
                await worker_a.settled()
            assert cluster.sandbox.calls(f"/3/movie/{UNKNOWN}") == 1, "not asked again for a while"
            assert cluster.rows()[UNKNOWN][0] == "Dropped"
        async with cluster.worker(tmdb_language=own_language()) as worker_b:
            assert (await worker_b.tmdb_cache.film(UNKNOWN)).value == dropped

    run(work)


def test_with_the_database_away_tmdb_is_asked(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        away = f"postgresql://filmer@127.0.0.1:{free_port('127.0.0.1')}/filmer"
        async with cluster.worker(database_url=away, tmdb_deadline_seconds=5) as worker_a:
            async with asyncio.timeout(10):
                assert (await worker_a.tmdb_cache.film(MATRIX)).state == "miss"
                assert (await worker_a.tmdb_cache.film(MATRIX)).state == "hit"
                with pytest.raises(MovieNotFound):
                    await worker_a.tmdb_cache.film(UNKNOWN)

    run(work)


# --- once a minute ----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["favorite", "rating"])
def test_what_somebody_keeps_is_refreshed_when_it_is_a_month_old(table: str, run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(favor, cluster.database_url, MATRIX, table)
        await cluster.store(OLD, age=timedelta(days=30, hours=1))
        await cluster.store(TmdbFilm(SHAWSHANK, "Nobody's", None, None, None, None), age=timedelta(days=31))
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            await worker_a.tmdb_cache.tidy()
            await worker_a.settled()
            assert [request.path for request in cluster.sandbox.requests()] == [f"/3/movie/{MATRIX}"]
            assert {number: row[0] for number, row in cluster.rows().items()} == {
                MATRIX: "The Matrix",
                SHAWSHANK: "Nobody's",
            }
            await worker_a.tmdb_cache.tidy()
            await worker_a.settled()
            assert len(cluster.sandbox.requests()) == 1

    run(work)


def test_what_is_younger_is_left_alone(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(favor, cluster.database_url, MATRIX)
        await cluster.store(OLD, age=timedelta(days=29, hours=23))
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            await worker_a.tmdb_cache.tidy()
            await worker_a.settled()
            assert cluster.sandbox.requests() == []

    run(work)


def test_nothing_is_kept_longer_than_tmdbs_terms_allow(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(favor, cluster.database_url, MATRIX)
        await cluster.store(OLD, age=timedelta(days=180, hours=1))
        await cluster.store(TmdbFilm(SHAWSHANK, "Just so", None, None, None, None), age=timedelta(days=179, hours=23))
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            await worker_a.tmdb_cache.tidy()
            assert list(cluster.rows()) == [SHAWSHANK]

    run(work)


def test_only_a_few_come_a_round_and_each_has_its_chance(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        numbers = list(range(1, 31))
        account = (await asyncio.to_thread(open_account, cluster.database_url)).id
        async with await CancellableConnection.connect(cluster.database_url) as conn:
            await conn.use_current_edition()
            for number in numbers:
                film = TmdbFilm(number, "Old", None, None, None, None)
                await queries.upsert_film(conn, film, cluster.clock.now() - timedelta(days=40 + number))
                await conn.execute(
                    "INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, now())", [account, number]
                )
            before = cluster.clock.now() - timedelta(days=30)
            rounds = [await queries.select_old_films(conn, fetched_before=before) for _ in range(40)]
        assert {len(set(round_ids)) for round_ids in rounds} == {20}
        assert {number for round_ids in rounds for number in round_ids} == set(numbers)

    run(work)

"""What a process does once a minute, and once more as it ends: it is wired into the application."""

import asyncio

import psycopg
from tests.in_process import in_process
from tests.users import open_account, token_of


def test_uses_of_tokens_are_written_and_copies_too_old_are_gone(database_url: str) -> None:
    person = open_account(database_url)
    headers = {"Authorization": f"Bearer {token_of(database_url, person)}"}
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO tmdb_film (movie_id, title, fetched) VALUES (1, 'Old', now() - interval '181 days')")

    async def work() -> int:
        async with in_process(database_url) as filmer, filmer.visitor() as visitor:
            return (await visitor.get(f"/api/users/{person.id}/favorites", headers=headers)).status_code

    assert asyncio.run(work()) == 200
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT used IS NOT NULL FROM token").fetchall() == [(True,)]
        assert conn.execute("SELECT FROM tmdb_film").fetchall() == []

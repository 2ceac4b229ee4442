"""No bearer token and no credential of TMDB's is at rest, in a log or in an answer, in whatever form (promise 8)."""

import base64
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis
from tests.cache_dump import cache
from tests.community.conftest import FIGHT_CLUB, POPULAR, RATINGS, SHAWSHANK, UNKNOWN
from tests.community.responses import failing, own_language
from tests.conftest import Serve, Server, import_films
from tests.connections import fetch
from tests.figures import record_figure
from tests.sandbox import Sandbox
from tests.shop import stress_shop
from tests.shop.test_no_secrets import Places, command, dump, forms, hits, processes, tables
from tests.users import open_account, token_of, visitor

from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

FORGED = "canary-of-a-token-that-nobody-gave-9163"
TMDB_KEY, TMDB_TOKEN = "canary0of0a0key0of0tmdb0s0838271", "canary-of.an-access-token_of-tmdb-s.5520"
FAULTS = ["401", "401", "429", "500", "reset", "half", "not-json", "wrong-types", "wrong-id", "redirect", "gzip-bomb"]


def everywhere(server: Server, database: str, engines: Engines) -> Places:
    running = {name: text for name, text in processes(server) if not name.startswith("environ")}
    return {
        **dict(tables(database)),
        "the dump": dump(database),
        "Valkey": cache(engines),
        "the server's output": server.log.read_bytes(),
        "token list": command(database, "token", "list"),
        **running,
    }


class Speaker:
    """Says the tokens in every way that is right and wrong, and keeps what is answered."""

    def __init__(self, server: Server, database: str) -> None:
        self.database = database
        self.contents: list[bytes] = []
        self.statuses: set[int] = set()
        self.client = visitor(server.client)
        self.mary, self.admin = open_account(database), open_account(database, role="admin")
        self.token, self.admin_token = token_of(database, self.mary), token_of(database, self.admin)
        self.favorites = f"/api/users/{self.mary.id}/favorites"

    def ask(self, method: str, address: str, token: str = "", **sent: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"} | sent.pop("headers", {})
        response = self.client.request(method, address, headers=headers, **sent)
        self.contents.append(repr(response.headers).encode() + response.content)
        self.statuses.add(response.status_code)
        return response

    def use_every_endpoint(self) -> None:
        """With success, and with each failure the API knows."""
        for token in (self.token, self.admin_token, FORGED):
            self.ask("GET", POPULAR, token)
            added = self.ask("POST", self.favorites, token, json={"movie_id": SHAWSHANK})
            self.ask("POST", self.favorites, token, json={"movie_id": UNKNOWN})
            self.ask("GET", f"{self.favorites}?sort=rating&token={token}&access_token={token}", token)
            self.ask("GET", f"{self.favorites}?sort={token}", token)
            rated = self.ask("POST", RATINGS, token, json={"movie_id": SHAWSHANK, "rating": 4})
            self.ask("PUT", f"{RATINGS}/{rated.json().get('id', 1)}", token, json={"rating": 5})
            self.ask("PUT", f"{RATINGS}/999999", token, json={"rating": 5})
            self.ask("DELETE", f"{self.favorites}/{added.json().get('id', 1)}", token)
            self.ask("DELETE", f"/api/admin/users/{self.mary.id}/favorites", token)
            self.ask("GET", "/api/nowhere", token)
            self.ask("PATCH", self.favorites, token)

    def use_it_wrongly(self) -> None:
        token = self.token
        for value in (token, f"Basic {token}", f"Bearer {token} {token}", f'Bearer "{token}"', f"Bearer {token}é"):
            self.ask("GET", self.favorites, headers={"Authorization": value.encode()})
        for body in ({"movie_id": token}, {"movie_id": [token]}, {token: token}, token):
            self.ask("POST", self.favorites, json=body)
            self.ask("POST", RATINGS, json=body)
        as_json = {"Content-Type": "application/json"}
        self.ask("POST", RATINGS, content=f'{{"token": "{token}'.encode(), headers=as_json)
        self.ask("POST", RATINGS, content=token.encode(), headers={"Content-Type": "text/plain"})
        self.ask("GET", "/api/v1/cart")
        self.ask("GET", "/api/v1/movies")

    def let_postgresql_fail(self) -> None:
        self.ask("POST", RATINGS, json={"movie_id": SHAWSHANK, "rating": 1})  # its film is at hand
        for table in ("favorite", "rating", "token", "shelf"):
            fetch(self.database, f"ALTER TABLE {table} RENAME TO {table}_away")
            for _ in range(2):
                self.ask("POST", RATINGS, json={"movie_id": SHAWSHANK, "rating": 1})
                self.ask("GET", f"{self.favorites}?order=asc")
            fetch(self.database, f"ALTER TABLE {table}_away RENAME TO {table}")
        fetch(self.database, "ALTER TABLE rating ADD CONSTRAINT never CHECK (movie_id < 0) NOT VALID")
        self.ask("POST", RATINGS, json={"movie_id": SHAWSHANK, "rating": 2})
        fetch(self.database, "ALTER TABLE rating DROP CONSTRAINT never")
        stress_shop.terminate_backends(self.database)
        self.ask("GET", self.favorites)

    def let_tmdb_fail(self, sandbox: Sandbox) -> None:
        for page, fault in enumerate(FAULTS, start=30):
            more = {"location": "http://127.0.0.1:9/3/movie/popular"} if fault == "redirect" else {}
            with failing(sandbox, fault, **more):
                self.ask("GET", f"{POPULAR}?page={page}")
                self.ask("POST", self.favorites, json={"movie_id": 900_000 + page})
            self.ask("GET", f"{POPULAR}?page={page + 100}")  # it is well again: nothing is left alone for long
        sandbox.kill()
        self.ask("GET", f"{POPULAR}?page=300")
        self.ask("POST", self.favorites, json={"movie_id": FIGHT_CLUB})


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.mark.parametrize(("log_format", "variable"), [("json", "TMDB_API_KEY"), ("text", "TMDB_ACCESS_TOKEN")])
def test_no_secret_is_left_anywhere(
    log_format: str, variable: str, engines: Engines, database_url: str, serve: Serve, own_sandbox: Sandbox
) -> None:
    import_films(database_url)
    credential = TMDB_KEY if variable == "TMDB_API_KEY" else TMDB_TOKEN
    server: Server = serve(
        database_url, FILMER_LOG_FORMAT=log_format, FILMER_LOG_LEVEL="debug", FILMER_ACCESS_LOG="true",
        TMDB_BASE_URL=own_sandbox.url, TMDB_LANGUAGE=own_language(), TMDB_DEADLINE_SECONDS="1",
        **{variable: credential},
    )  # fmt: skip
    speaker = Speaker(server, database_url)
    speaker.use_every_endpoint()
    speaker.use_it_wrongly()
    speaker.let_postgresql_fail()
    speaker.let_tmdb_fail(own_sandbox)
    speaker.client.close()
    assert speaker.statuses >= {200, 201, 204, 400, 401, 403, 404, 405, 415, 500, 503}
    secrets = {
        "Mary's token": speaker.token,
        "the admin's token": speaker.admin_token,
        "a forged token": FORGED,
        f"{variable.lower()} to TMDB": credential,
    }
    places = {**everywhere(server, database_url, engines), "the answers": b"\n".join(speaker.contents)}
    assert all(places[place] for place in ("the server's output", "Valkey", "table token", "token list", "the answers"))
    log = places["the server's output"]
    assert b"TMDB failed" in log
    assert b"TMDB refuses the credential" in log
    assert b"Traceback" in log or b'"exception"' in log
    assert not hits(secrets, places)

    # The same search finds what is there.
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("UPDATE token SET name = %s", [speaker.token.removeprefix("filmer_")])
        conn.execute("UPDATE tmdb_film SET overview = %s", [f"?api_key={credential}&page=1"])
    planted = f"filmer:planted:{uuid4().hex}"
    with redis.from_url(engines.redis_url) as client:
        client.set(planted, base64.b64encode(b"Bearer " + FORGED.encode() + b"\r\n"))
    with server.log.open("a") as output:
        output.write(f"{{'authorization': 'Bearer {speaker.admin_token}'}}\n")
    secrets["Mary's token"] = speaker.token.removeprefix("filmer_")
    try:
        leaks = hits(secrets, everywhere(server, database_url, engines))
    finally:
        with redis.from_url(engines.redis_url) as client:
            client.delete(planted)
    assert "Mary's token as it is in table token" in leaks
    assert "Mary's token as it is in token list" in leaks
    assert f"{variable.lower()} to TMDB as it is in the dump" in leaks
    assert "a forged token in base64, at 1 in Valkey" in leaks
    assert "the admin's token as it is in the server's output" in leaks
    count = sum(len(forms(secret, is_guessable="token" not in name)) for name, secret in secrets.items())
    record_figure(f"{log_format}: {len(secrets)} secrets in {count} forms, {len(places)} places: 0 hits")

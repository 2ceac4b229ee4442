"""No card number, password or token is at rest or in a log, in whatever form (contract §4.1, §6.3; promise 8)."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.accounts.mailed import mails
from tests.cache_dump import cache
from tests.commands import filmer
from tests.conftest import SECRET_KEY, MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.shop import stress_shop
from tests.shop.stress_shop import CHECKOUT, FILMS, ITEMS
from tests.users import LOGIN, visitor

from filmer.store.embedded import Engines, find_postgres

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

CARD_NUMBER, TYPED = "4973817264509136", "4973 8172-6450 9136"
REFUSED_NUMBER, REFUSED_TYPED = "5384926170384412", "5384 9261 7038 4412"
OWN_NUMBER, OWN_TYPED = "6011982645370910", "6011 9826 4537 0910"
PASSWORD, WRONG_PASSWORD = "canary in the coal mine 7391", "canary that sings wrong 2846"
FORGED = "canary-of-a-token-nobody-gave-5512"
METRICS_TOKEN = "canary-of-whoever-scrapes-2295-7718"
CARD = {"creditCardId": TYPED, "firstName": "Mary", "lastName": "Major", "expiration": "2031-05"}

Places = dict[str, bytes]


def forms(secret: str, *, is_guessable: bool) -> dict[str, bytes]:
    """A secret as it might lie about. Digests of what has few possible values are as good as the thing itself."""
    raw = secret.encode()
    encodings = {
        "as it is": raw,
        "in hex": raw.hex().encode(),
        "in hex, upper case": raw.hex().upper().encode(),
        "in a URL": quote(secret).encode(),
        "backwards": raw[::-1],
    }
    for shift in range(3):  # wherever it begins in what was encoded
        encoded = base64.b64encode(b"\0" * shift + raw)
        encodings[f"in base64, at {shift}"] = encoded[-(-8 * shift // 6) : len(encoded) - 4]
    if is_guessable:
        for name in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(name, raw)
            encodings[f"{name} in hex"] = digest.hexdigest().encode()
            encodings[f"{name} in base64"] = base64.b64encode(digest.digest())[:-4]
            encodings[name] = digest.digest()
    return encodings


def hits(secrets: dict[str, str], places: Places) -> list[str]:
    return [
        f"{name} {form} in {place}"
        for name, secret in secrets.items()
        for form, needle in forms(secret, is_guessable="token" not in name).items()
        for place, hay in places.items()
        if needle in hay
    ]


def command(database: str, *words: str, typed: str = "") -> bytes:
    result = filmer(*words, typed=typed, DATABASE_URL=database, FILMER_LOG_LEVEL="debug")
    return (result.stdout + result.stderr).encode()


def tables(database: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(database) as conn:
        names = conn.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            with conn.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))) as copied:
                yield f"table {table}", b"".join(map(bytes, copied))
        queries = conn.execute("SELECT query FROM pg_stat_activity").fetchall()
        yield "pg_stat_activity", repr(queries).encode()


def dump(database: str) -> bytes:
    program = find_postgres() / "pg_dump"
    if not program.exists():
        return b""  # the tables themselves are searched anyway
    result = subprocess.run([program, "--inserts", database], capture_output=True, check=True, env={"LC_ALL": "C"})
    assert b"shop_order" in result.stdout
    return result.stdout


def processes(server: Server) -> Iterator[tuple[str, bytes]]:
    parent = psutil.Process(server.process.pid)
    for process in [parent, *parent.children(recursive=True)]:
        for name in ("environ", "cmdline"):
            yield f"{name} of {process.pid}", Path(f"/proc/{process.pid}/{name}").read_bytes()


def metrics(server: Server) -> bytes:
    response = require_status(server.client.get("/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"}), 200)
    assert b"filmer_http_requests_total{" in response.content
    return response.content


def everywhere(server: Server, database: str, engines: Engines) -> Places:
    log = Path(str(conninfo_to_dict(engines.database_url)["host"])).parent / "postgres.log"
    assert log.exists()
    return {
        **dict(tables(database)),
        "the dump": dump(database),
        "PostgreSQL's log": log.read_bytes(),
        "Valkey": cache(engines),
        "the server's output": server.log.read_bytes(),
        "the metrics": metrics(server),
        "card list": command(database, "card", "list"),
        "account list": command(database, "account", "list"),
        **(dict(processes(server)) if sys.platform == "linux" else {}),
    }


def require_status(response: httpx.Response, status: int) -> httpx.Response:
    assert response.status_code == status, response.text
    return response


def tell_all(server: Server, database: str) -> tuple[dict[str, str], Places]:  # noqa: PLR0915 - a list of sayings
    """Say every secret in every way that is right and wrong. Returns the tokens, and what all that was answered."""
    contents: list[bytes] = []
    with visitor(server.client) as browser, psycopg.connect(database, autocommit=True) as conn:

        def ask(status: int, method: str, path: str, **sent: object) -> httpx.Response:
            response = require_status(browser.request(method, path, **sent), status)  # type: ignore[arg-type]
            contents.append(response.content)
            return response

        person = {"firstName": "Mary", "lastName": "Major", "email": "canary@example.com", "password": PASSWORD}
        tokens = [ask(201, "POST", "/api/v1/auth/register", json=person).cookies["JSESSIONID"]]
        ask(409, "POST", "/api/v1/auth/register", json=person)
        ask(400, "POST", "/api/v1/auth/register", json={**person, "password": [PASSWORD], "email": PASSWORD})
        login = {"email": person["email"], "password": PASSWORD}
        ask(401, "POST", LOGIN, json={**login, "password": WRONG_PASSWORD})
        ask(401, "POST", LOGIN, json={"email": "canary2@example.com", "password": WRONG_PASSWORD})
        tokens.append(ask(200, "POST", LOGIN, json=login).cookies["JSESSIONID"])
        as_json = {"content-type": "application/json"}
        ask(400, "POST", LOGIN, content=f'{{"password": "{PASSWORD}"'.encode(), headers=as_json)
        ask(415, "POST", LOGIN, content=f"password={PASSWORD}".encode(), headers={"content-type": "text/plain"})
        ask(400, "POST", LOGIN, json={"email": PASSWORD, "password": {"is": PASSWORD}})

        ask(200, "POST", ITEMS, json={"movieId": FILMS[0]})
        ask(402, "POST", CHECKOUT, json={**CARD, "creditCardId": REFUSED_TYPED})
        ask(402, "POST", CHECKOUT, json={**CARD, "firstName": "Another"})
        ask(400, "POST", CHECKOUT, json={**CARD, "creditCardId": f"{TYPED} {CARD_NUMBER}"})
        ask(400, "POST", CHECKOUT, json={**CARD, "creditCardId": int(CARD_NUMBER), "expiration": CARD_NUMBER})
        ask(400, "POST", CHECKOUT, json={**CARD, "creditCardId": f"{CARD_NUMBER}\0"})
        ask(400, "POST", CHECKOUT, content=f'{{"creditCardId": "{CARD_NUMBER}'.encode(), headers=as_json)
        ask(404, "POST", "/api/v1/checkouts", json=CARD)
        ask(405, "PATCH", CHECKOUT, json=CARD)

        for table, status in {"order_line": 500, "card": 500, "cart_line": 500, "session": 500}.items():
            away = sql.SQL("ALTER TABLE {} RENAME TO {}")
            conn.execute(away.format(sql.Identifier(table), sql.Identifier(f"{table}_away")))
            ask(status, "POST", CHECKOUT, json=CARD, headers={"idempotency-key": f"away {table}"})
            if table == "session":
                ask(500, "POST", LOGIN, json=login)
            conn.execute(away.format(sql.Identifier(f"{table}_away"), sql.Identifier(table)))
        # A statement that fails inside PostgreSQL, with what it was about.
        conn.execute("ALTER TABLE order_line ADD CONSTRAINT never CHECK (price < 0) NOT VALID")
        conn.execute("ALTER TABLE session ADD CONSTRAINT never CHECK (account_id < 0) NOT VALID")
        ask(500, "POST", CHECKOUT, json=CARD)
        ask(500, "POST", LOGIN, json=login)
        conn.execute("ALTER TABLE order_line DROP CONSTRAINT never")
        conn.execute("ALTER TABLE session DROP CONSTRAINT never")

        ask(200, "POST", CHECKOUT, json=CARD, headers={"idempotency-key": "mine"})
        ask(409, "POST", CHECKOUT, json={**CARD, "lastName": "Other"}, headers={"idempotency-key": "mine"})
        ask(200, "POST", ITEMS, json={"movieId": FILMS[0]})
        ask(200, "POST", CHECKOUT, json=CARD)
        for sent in (TYPED, f"{TYPED}7", f"{CARD_NUMBER}\0"):  # the door where people put cards on file
            form = {**CARD, "creditCardId": sent, "pay": "cards", "keep": "yes"}
            browser.post("/account/cards", data=form)
            browser.post("/checkout", data=form)
        own = {**CARD, "creditCardId": OWN_TYPED, "pay": "cards", "keep": "yes"}
        with visitor(server.client) as nobody:
            require_status(nobody.post("/account/cards", data=own), 303)
        require_status(browser.post("/account/cards", data=own), 303)
        contents.append(require_status(browser.get("/account/cards"), 200).content)
        assert f"ending in {OWN_NUMBER[-4:]}".encode() in contents[-1]
        ask(200, "GET", "/api/v1/orders")
        stress_shop.terminate_backends(database)
        browser.get("/api/v1/cart")
        ask(200, "GET", "/api/v1/movies")
        tokens.append(ask(200, "POST", LOGIN, json=login).cookies["JSESSIONID"])
        ask(200, "POST", LOGIN, json=login)  # one session stays
        with visitor(server.client) as stranger:
            for path in ("/api/v1/auth/session", "/api/v1/movies?sortBy=rating", "/api/v1/nowhere"):
                stranger.get(path, headers={"cookie": f"JSESSIONID={FORGED}"})
        with visitor(server.client) as leaving:
            token = require_status(leaving.post(LOGIN, json=login), 200).cookies["JSESSIONID"]
            require_status(leaving.post("/api/v1/auth/logout"), 200)
            require_status(leaving.get("/api/v1/auth/session"), 401)
            tokens.append(token)
        tokens.append(browser.cookies["JSESSIONID"])
        tokens += forget(server, database, login)
    return {f"token {number}": token for number, token in enumerate(tokens)}, {"the answers": b"\n".join(contents)}


def forget(server: Server, database: str, login: dict[str, str]) -> list[str]:
    """Stays signed in, and forgets the password. Returns the tokens of both."""
    tokens = []
    with visitor(server.client) as kept:
        require_status(kept.post("/sign-in", data={**login, "keep": "yes"}), 303)
        for _ in range(2):
            tokens.append(kept.cookies["kept_sign_in"].rpartition(".")[2])
            kept.cookies.delete("JSESSIONID")
            require_status(kept.get("/account"), 200)
    with visitor(server.client) as forgetful:
        require_status(forgetful.post("/forgotten", data={"email": login["email"]}), 200)
        link = mails(database)[-1].path
        require_status(forgetful.get(link), 200)
        require_status(forgetful.post(link, data={"password": "short"}), 400)
        require_status(forgetful.post(link, data={"password": login["password"]}), 303)
        require_status(forgetful.get(link), 404)
        return [*tokens, link.rpartition(".")[2], forgetful.cookies["JSESSIONID"]]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_is_left_anywhere(
    log_format: str, engines: Engines, make_database: MakeDatabase, serve: Serve
) -> None:
    database = make_database(films=True)
    server: Server = serve(
        database,
        FILMER_LOG_FORMAT=log_format,
        FILMER_LOG_LEVEL="debug",
        FILMER_ACCESS_LOG="true",
        FILMER_WORKERS="2",
        FILMER_METRICS_TOKEN=METRICS_TOKEN,
    )
    names = ["--first-name", "Mary", "--last-name", "Major", "--expiration", CARD["expiration"]]
    printed = command(database, "card", "add", *names, typed=TYPED + "\n")
    assert b"is on file" in printed
    printed += command(database, "card", "add", *names, typed=TYPED + "\n")
    printed += command(database, "card", "add", *names, typed=REFUSED_TYPED + "x\n")
    account = ["--email", "second@example.com", "--first-name", "Mary", "--last-name", "Major"]
    printed += command(database, "account", "create", *account, typed=PASSWORD + "\n")
    printed += command(database, "account", "create", *account, typed=PASSWORD + "\n")
    tokens, responses = tell_all(server, database)
    secrets = {
        "the card": CARD_NUMBER,
        "the card as typed": TYPED,
        "a refused card": REFUSED_NUMBER,
        "a refused card as typed": REFUSED_TYPED,
        "an own card": OWN_NUMBER,
        "an own card as typed": OWN_TYPED,
        "the password": PASSWORD,
        "a wrong password": WRONG_PASSWORD,
        "a forged token": FORGED,
        **tokens,
    }
    places = {**everywhere(server, database, engines), **responses, "the commands": printed}
    assert all(
        places[place]
        for place in ("the server's output", "Valkey", "table card", "card list", "account list", "the metrics")
    )
    assert b"Traceback" in places["the server's output"] or b'"exception"' in places["the server's output"]
    assert not hits(secrets, places)
    keyless = {place: text for place, text in places.items() if not place.startswith("environ")}
    # These came in the environment, and stay there.
    assert not hits({"the secret key": SECRET_KEY, "the metrics' token": METRICS_TOKEN}, keyless)

    # The same search finds what is there.
    planted = hashlib.sha256(CARD_NUMBER.encode()).digest()
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("UPDATE shop_order SET submission = %s", [planted])
        conn.execute("UPDATE account SET last_name = %s WHERE id = 1", [WRONG_PASSWORD])
    with redis.from_url(engines.redis_url) as client:
        client.set("filmer:planted", base64.b64encode(b"Mary " + TYPED.encode() + b" Major"))
    with server.log.open("a") as output:
        output.write(f"{{'cookie': '{tokens['token 0']}'}}\n")
    try:
        leaks = hits(secrets, everywhere(server, database, engines))
    finally:
        with redis.from_url(engines.redis_url) as client:
            client.delete("filmer:planted")
    assert "the card sha256 in hex in table shop_order" in leaks
    assert "a wrong password as it is in the dump" in leaks
    assert "a wrong password as it is in account list" in leaks
    assert "the card as typed in base64, at 2 in Valkey" in leaks
    assert "token 0 as it is in the server's output" in leaks
    count = sum(len(forms(secret, is_guessable=True)) for secret in secrets.values())
    record_figure(f"{log_format}: {len(secrets)} secrets in {count} forms, {len(places)} places: 0 hits")

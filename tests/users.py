"""Users for tests: accounts in a database, and clients that are signed in as them."""

import asyncio
import functools
import hashlib
import itertools
import secrets
from datetime import UTC, datetime

import httpx
from tests.conftest import SECRET_KEY
from tests.connections import in_database

from filmer.accounts import queries
from filmer.accounts.passwords import Passwords
from filmer.accounts.schemas import Role, User
from filmer.accounts.tokens import issue
from filmer.http.cookies import SESSION_COOKIE
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.shop.cards import put_on_file
from filmer.store.postgres import Connection

PASSWORD = "correct horse battery"
CARD = {"creditCardId": "4242424242424242", "firstName": "Mary", "lastName": "Major", "expiration": "2030-12"}
LOGIN = "/api/v1/auth/login"
_numbers = itertools.count(1)


@functools.cache
def hash_password(password: str = PASSWORD) -> str:
    return asyncio.run(Passwords(threads=1).hash(password))


def open_account(database_url: str, *, email: str = "", role: Role = "customer", password: str = PASSWORD) -> User:
    """An account nobody has yet; without an e-mail address, one of its own."""
    password_hash = hash_password(password)  # before there is an event loop

    async def work(conn: Connection) -> User:
        person = await queries.insert_account(
            conn,
            email=email or f"mary{next(_numbers)}@example.com",
            first_name="Mary",
            last_name="Major",
            password=password_hash,
            role=role,
            now=datetime.now(UTC),
        )
        assert person is not None
        return person

    user: User = in_database(database_url, work)
    return user


def token_of(database_url: str, person: User, *, name: str = "tests", expires: datetime | None = None) -> str:
    """A bearer token of theirs, as ``filmer token create`` makes it."""

    async def work(conn: Connection) -> str | None:
        return await issue(conn, person.id, name=name, now=datetime.now(UTC), expires=expires)

    token: str | None = in_database(database_url, work)
    assert token is not None
    return token


def put_card(database_url: str, card: dict[str, str] = CARD, *, account_id: int | None = None) -> None:
    """Puts a card on file; without an account it is anybody's who knows it."""

    async def work(conn: Connection) -> None:
        assert await put_on_file(
            conn,
            SecretKey(Settings(secret_key=SECRET_KEY)),
            card["creditCardId"],
            first_name=card["firstName"],
            last_name=card["lastName"],
            expiration=card["expiration"],
            account_id=account_id,
        )

    in_database(database_url, work)


def visitor(server: httpx.Client) -> httpx.Client:
    """Another browser at the same server, without cookies. The caller closes it.

    ``verify=False``, here and elsewhere: to load the certificates of the world takes 30 ms, and nothing is encrypted.
    """
    return httpx.Client(base_url=server.base_url, timeout=30, trust_env=False, verify=False)


def session_of(database_url: str, person: User, now: datetime | None = None) -> dict[str, str]:
    """The cookie of a new session of theirs: what a login makes, without argon2, which takes 0.1 s of a processor."""
    token = secrets.token_urlsafe(32)

    async def work(conn: Connection) -> None:
        digest = hashlib.sha256(token.encode()).digest()
        await queries.insert_session(conn, digest, person.id, now or datetime.now(UTC))

    in_database(database_url, work)
    return {SESSION_COOKIE: token}


def signed_in(server: httpx.Client, person: User, password: str = PASSWORD) -> httpx.Client:
    """A browser of its own, signed in."""
    client = visitor(server)
    response = client.post(LOGIN, json={"email": person.email, "password": password})
    assert response.status_code == 200, response.text
    return client

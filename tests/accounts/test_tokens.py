"""Bearer tokens: which are good, and for how long (community-api.txt, its head; contract §7.1, §8)."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest
from litestar import Request
from tests.conftest import MakeDatabase
from tests.connections import in_database
from tests.in_process import MovedClock
from tests.users import hash_password, open_account, token_of

from filmer.accounts import queries
from filmer.accounts.role_queries import update_role
from filmer.accounts.schemas import User
from filmer.accounts.tokens import MAX_TOKEN, Tokens, allow_public, issue
from filmer.errors import InvalidToken
from filmer.store.postgres import Connection, Database


def carrying(*values: str | bytes) -> "Request[object, object, object]":  # type: ignore[type-var]
    """A request with so many Authorization headers."""
    header_values = [value.encode("latin-1") if isinstance(value, str) else value for value in values]
    headers = [(b"host", b"shop.example"), *((b"authorization", value) for value in header_values)]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})  # type: ignore[arg-type]


class Authenticator:
    """Tokens of one process, a real database, and a clock the test moves."""

    def __init__(self, database_url: str, *, demo: bool = False, clock: MovedClock | None = None) -> None:
        self.url = database_url
        self.clock = clock or MovedClock()
        self.tokens = Tokens(self.clock, demo=demo)

    def authenticate(self, *headers: str | bytes) -> User | None:
        """Who is asking; None for InvalidToken."""

        async def work(conn: Connection) -> User | None:
            try:
                return await self.tokens.require(conn, carrying(*headers))
            except InvalidToken:
                return None

        user: User | None = in_database(self.url, work)
        return user

    def tidy(self) -> None:
        async def run() -> None:
            database = Database(self.url, size=1)
            await database.open()
            try:
                await self.tokens.tidy(database)
            finally:
                await database.close()

        asyncio.run(run())

    def used(self) -> list[datetime | None]:
        """When each token was last used, as far as it is written."""
        with psycopg.connect(self.url) as conn:
            return [row[0] for row in conn.execute("SELECT used FROM token ORDER BY id").fetchall()]


@pytest.fixture(scope="session")
def token_url(make_database: MakeDatabase) -> str:
    """One database for tests that need no table of tokens to themselves."""
    return make_database()


@pytest.fixture(scope="session")
def mary(token_url: str) -> User:
    return open_account(token_url)


@pytest.fixture(scope="session")
def token(token_url: str, mary: User) -> str:
    return token_of(token_url, mary)


@pytest.fixture
def authenticator(token_url: str) -> Authenticator:
    return Authenticator(token_url)


def execute(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(statement.encode())


# --- which are good -------------------------------------------------------------------------------


def test_a_token_tells_who_is_asking(token_url: str, authenticator: Authenticator) -> None:
    admin, other = open_account(token_url, role="admin"), open_account(token_url)
    assert authenticator.authenticate(f"Bearer {token_of(token_url, admin)}") == admin
    assert authenticator.authenticate(f"Bearer {token_of(token_url, other)}") == other


def test_a_role_counts_as_it_is_now(token_url: str, authenticator: Authenticator) -> None:
    person = open_account(token_url, role="admin")
    token = token_of(token_url, person)

    async def work(conn: Connection) -> None:
        await update_role(conn, person.id, "customer")

    in_database(token_url, work)
    user = authenticator.authenticate(f"Bearer {token}")
    assert user is not None
    assert user.role == "customer"


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEARER    "])
def test_the_scheme_has_no_case(scheme: str, authenticator: Authenticator, mary: User, token: str) -> None:
    assert authenticator.authenticate(scheme + token) == mary


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "{}", "Basic {}", "Token {}", "Bearerx {}", "Bearer:{}", "Bearer={}", "Bearer\t{}",
        " Bearer {}", "Bearer {} ", "Bearer {}\n", "Bearer {}\0", "Bearer {},", "Bearer {}, Bearer {}", "Bearer {} {}",
        'Bearer "{}"', "Bearer token={}", "Bearer ={}", "Bearer {}=", "Bearer {}x", "Bearer x{}", "Bearer {}\xff",
        "Bearer é{}", "Bearer \xb2{}", "Bearer %{}", "Bearer \\x{}", "Bearer Bearer {}", "Bearer =", "Bearer ¿",
        "\u017fearer {}", "Bearer {}'; DROP TABLE token; --",
    ],
)  # fmt: skip
def test_what_is_not_quite_a_bearer_token_is_none(header: str, authenticator: Authenticator, token: str) -> None:
    assert authenticator.authenticate(header.replace("{}", token).encode()) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1], lambda token: token.removeprefix("filmer_"), lambda token: token.swapcase(),
        lambda token: token[::-1], lambda _: "filmer_", lambda _: "1234567890", lambda _: "abcdef1234567890",
    ],
)  # fmt: skip
def test_a_token_nobody_was_given_is_none(
    change: Callable[[str], str], authenticator: Authenticator, token: str
) -> None:
    """Nor those that everybody knows, where there is no demo."""
    assert authenticator.authenticate(f"Bearer {change(token)}") is None


def test_there_is_one_header(authenticator: Authenticator, mary: User, token: str) -> None:
    good = f"Bearer {token}"
    assert authenticator.authenticate(good) == mary
    for headers in ((), (good, good), (good, "Bearer other"), ("Basic bWFyeTp4", good), (good, "")):
        assert authenticator.authenticate(*headers) is None


@pytest.mark.parametrize("headers", [(), ("Bearer nobody's",), ("Bearer filmer_unknown",)])
def test_every_refusal_is_the_same(headers: tuple[str, ...], authenticator: Authenticator) -> None:
    async def work(conn: Connection) -> None:
        await authenticator.tokens.require(conn, carrying(*headers))

    with pytest.raises(InvalidToken) as raised:
        in_database(authenticator.url, work)
    assert (raised.value.status, raised.value.code) == (401, "INVALID_TOKEN")
    assert raised.value.message == "Missing or invalid authentication token"
    assert raised.value.headers == {"WWW-Authenticate": "Bearer"}
    assert raised.value.details == {}


def test_a_token_has_200_characters_at_most(database_url: str) -> None:
    """All that RFC 6750 allows in one are good; a longer one isn't even looked for."""
    person = open_account(database_url)
    execute(database_url, "UPDATE account SET demo = true")
    characters = "azAZ09-._~+/"
    longest = (characters * MAX_TOKEN)[: MAX_TOKEN - 2] + "=="

    async def work(conn: Connection) -> None:
        for known in (longest, "x" + longest, "x"):
            await allow_public(conn, known, person.id, name="known", now=datetime.now().astimezone())

    in_database(database_url, work)
    authenticator = Authenticator(database_url, demo=True)
    assert len(longest) == 200
    assert authenticator.authenticate(f"Bearer {longest}") == person
    assert authenticator.authenticate("Bearer x") == person
    assert authenticator.authenticate(f"Bearer x{longest}") is None


# --- when they end --------------------------------------------------------------------------------


def test_it_expires_to_the_second(token_url: str, mary: User) -> None:
    clock = MovedClock()
    here, there = Authenticator(token_url, clock=clock), Authenticator(token_url, clock=clock)
    header = f"Bearer {token_of(token_url, mary, expires=clock.now() + timedelta(days=1))}"
    assert here.authenticate(header) == mary
    clock.move(hours=23, minutes=59, seconds=59)
    assert here.authenticate(header) == mary
    clock.move(seconds=1)
    assert here.authenticate(header) is None
    assert there.authenticate(header) is None
    clock.move(days=1)
    assert here.authenticate(header) is None


def test_without_an_end_it_works_for_years(authenticator: Authenticator, mary: User, token: str) -> None:
    authenticator.clock.move(days=36500)
    assert authenticator.authenticate(f"Bearer {token}") == mary


def test_revoked_it_ends_at_once_everywhere_and_no_other_does(database_url: str) -> None:
    person = open_account(database_url)
    first, second = (f"Bearer {token_of(database_url, person)}" for _ in range(2))
    here, there = Authenticator(database_url), Authenticator(database_url)
    assert here.authenticate(first) == there.authenticate(first) == person
    execute(database_url, "DELETE FROM token WHERE id = 1")
    assert here.authenticate(first) is there.authenticate(first) is None
    assert here.authenticate(second) == there.authenticate(second) == person
    here.tidy()  # which knows of uses of a token that is no more
    assert here.used() == [here.clock.now()]


def test_a_closed_account_has_no_token_until_it_is_open_again(token_url: str, authenticator: Authenticator) -> None:
    person = open_account(token_url)
    header = f"Bearer {token_of(token_url, person)}"
    for disabled in (True, False):

        async def work(conn: Connection, disabled: bool = disabled) -> bool:  # noqa: FBT001
            return await queries.update_disabled(conn, person.id, disabled=disabled)

        assert in_database(token_url, work)
        assert authenticator.authenticate(header) == (None if disabled else person)


def test_signing_out_and_a_new_password_end_none(token_url: str, authenticator: Authenticator) -> None:
    person, password_hash = open_account(token_url), hash_password("another one")
    header = f"Bearer {token_of(token_url, person)}"

    async def work(conn: Connection) -> None:
        await queries.update_password(conn, person.id, password_hash)
        await queries.delete_sessions_of(conn, person.id)

    in_database(token_url, work)
    assert authenticator.authenticate(header) == person


def test_none_is_made_for_nobody_or_a_closed_account(token_url: str) -> None:
    person = open_account(token_url)
    execute(token_url, f"UPDATE account SET disabled = true WHERE id = {person.id}")

    async def work(conn: Connection) -> list[str | None]:
        return [
            await issue(conn, account_id, name="none", now=datetime.now().astimezone())
            for account_id in (person.id, 0, -1, 10**6, 10**20)
        ]

    assert set(in_database(token_url, work)) == {None}


# --- the demo's -----------------------------------------------------------------------------------


@pytest.fixture
def of_demo(database_url: str) -> tuple[str, User, str, str]:
    """A demo account with a public token and one of its own."""
    person = open_account(database_url)
    execute(database_url, "UPDATE account SET demo = true")
    own = token_of(database_url, person)

    async def work(conn: Connection) -> None:
        for _ in range(2):  # what is there already is left alone
            await allow_public(conn, "1234567890", person.id, name="demo", now=datetime.now().astimezone())

    in_database(database_url, work)
    return database_url, person, "Bearer 1234567890", f"Bearer {own}"


def test_the_demo_s_tokens_work_in_the_demo_alone(of_demo: tuple[str, User, str, str]) -> None:
    url, person, public, own = of_demo
    demo, plain = Authenticator(url, demo=True), Authenticator(url)
    assert demo.authenticate(public) == demo.authenticate(own) == person
    assert plain.authenticate(public) is plain.authenticate(own) is None


def test_a_public_token_dies_with_the_demo_account(of_demo: tuple[str, User, str, str]) -> None:
    """A demo account with a password of its own is an ordinary one; everybody still knows the token."""
    url, person, public, own = of_demo
    password_hash = hash_password("another one")

    async def work(conn: Connection) -> None:
        await queries.update_password(conn, person.id, password_hash)
        await allow_public(conn, "1234567890", person.id, name="demo", now=datetime.now().astimezone())
        await allow_public(conn, "another", person.id, name="demo", now=datetime.now().astimezone())

    in_database(url, work)
    for authenticator in (Authenticator(url, demo=True), Authenticator(url)):
        assert authenticator.authenticate(public) is None
        assert authenticator.authenticate("Bearer another") is None
        assert authenticator.authenticate(own) == person


def test_a_public_token_is_made_for_no_ordinary_account(database_url: str) -> None:
    person = open_account(database_url)

    async def work(conn: Connection) -> None:
        await allow_public(conn, "known", person.id, name="demo", now=datetime.now().astimezone())

    in_database(database_url, work)
    assert Authenticator(database_url, demo=True).authenticate("Bearer known") is None
    assert Authenticator(database_url).used() == [], "it isn't even kept"


# --- what is kept ---------------------------------------------------------------------------------


def test_a_token_is_random_recognisable_and_long(token_url: str, mary: User) -> None:
    made = {token_of(token_url, mary) for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"filmer_[A-Za-z0-9_-]{43}", token) for token in made), "256 random bits"


def test_only_its_digest_is_kept_and_that_is_no_token(
    token_url: str, authenticator: Authenticator, mary: User, token: str
) -> None:
    """Who has stolen the database can't use the API by that."""
    assert authenticator.authenticate(f"Bearer {token}") == mary
    digest = hashlib.sha256(token.encode()).digest()
    with psycopg.connect(token_url) as conn:
        shown = " ".join(str(row) for row in conn.execute("SELECT t::text FROM token t").fetchall())
    assert digest.hex() in shown
    for secret in (token, token.removeprefix("filmer_"), token.encode().hex()):
        assert secret not in shown
    for stolen in (digest.hex(), base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode()):
        assert authenticator.authenticate(f"Bearer {stolen}") is None


def test_no_memory_of_a_process_holds_it(authenticator: Authenticator, mary: User, token: str) -> None:
    assert authenticator.authenticate(f"Bearer {token}") == mary
    held = repr(vars(authenticator.tokens))
    assert "datetime" in held, "the use is remembered"
    assert token not in held
    assert repr(hashlib.sha256(token.encode()).digest()) not in held

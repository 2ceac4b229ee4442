"""The command ``filmer token``, as an administrator uses it."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from litestar import Request
from tests.accounts.test_account_command import command as account_command
from tests.accounts.test_account_command import output_of, refusal
from tests.commands import CommandResult, filmer
from tests.conftest import MakeDatabase
from tests.connections import in_database
from tests.users import open_account, token_of

from filmer.accounts.schemas import User
from filmer.accounts.tokens import Tokens
from filmer.clock import SystemClock
from filmer.errors import InvalidToken
from filmer.store.postgres import Connection, Database

TOKEN = re.compile(r"filmer_[A-Za-z0-9_-]{43}")
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"


def command(database_url: str, *arguments: object) -> CommandResult:
    """``filmer token …``."""
    result = filmer("token", *arguments, DATABASE_URL=database_url, PGTZ="Asia/Tokyo")
    assert "Traceback" not in result.stderr, result.stderr
    return result


def create(database_url: str, account: object, *more: object, name: str = "home cinema") -> tuple[str, str]:
    """The token, which is alone on standard output, and the message about it."""
    result = command(database_url, "create", "--account", account, "--name", name, *more)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("\n")
    token = result.stdout.removesuffix("\n")
    assert TOKEN.fullmatch(token)
    assert token not in result.stderr
    assert result.stderr.count("\n") == 1
    return token, result.stderr.strip()


def person_of(database_url: str, token: str) -> User | None:
    """Whom a server takes the bearer for."""
    tokens = Tokens(SystemClock(), demo=False)
    scope: Any = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}

    async def work(conn: Connection) -> User | None:
        try:
            return await tokens.require(conn, Request(scope))
        except InvalidToken:
            return None

    user: User | None = in_database(database_url, work)
    return user


def use(database_url: str, token: str) -> None:
    """Uses a token, and writes that down."""

    async def run() -> None:
        tokens, database = Tokens(SystemClock(), demo=False), Database(database_url, size=1)
        scope: Any = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
        await database.open()
        async with database.connection() as conn:
            await tokens.require(conn, Request(scope))
        await tokens.tidy(database)
        await database.close()

    asyncio.run(run())


@pytest.fixture(scope="session")
def shared_url(make_database: MakeDatabase) -> str:
    return make_database()


def test_a_token_is_made_and_works(shared_url: str) -> None:
    mary = open_account(shared_url)
    token, message = create(shared_url, mary.id)
    assert message == f"This token of account {mary.id} is shown only now: keep it safe. It works until revoked."
    assert person_of(shared_url, token) == mary
    assert create(shared_url, mary.id)[0] != token


@pytest.mark.parametrize("days", [1, 3650])
def test_it_tells_when_it_ends(days: int, shared_url: str) -> None:
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    token, message = create(shared_url, open_account(shared_url).id, "--days", days)
    after = datetime.now(UTC)
    match = re.search(rf"It works until ({MOMENT})\.$", message)
    assert match
    ends = datetime.strptime(match[1], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert before <= ends - timedelta(days=days) <= after
    assert person_of(shared_url, token)
    with psycopg.connect(shared_url) as conn:
        row = conn.execute("SELECT expires - created FROM token ORDER BY id DESC LIMIT 1").fetchone()
    assert row == (timedelta(days=days),)


@pytest.mark.parametrize("days", ["0", "-1", "3651", "9" * 20])
def test_other_days_are_refused(days: str, shared_url: str) -> None:
    arguments = ("create", f"--account={open_account(shared_url).id}", "--name=x", f"--days={days}")
    assert "1 to 3650 days" in refusal(command(shared_url, *arguments))


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "must not be empty"), (" ", "must not be empty"), ("x" * 101, "at most 100"), ("\x1b[2J", "control")],
)
def test_what_is_no_name_is_refused(name: str, message: str, database_url: str) -> None:
    mary = open_account(database_url)
    result = command(database_url, "create", f"--account={mary.id}", f"--name={name}")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("filmer: ")
    assert message in result.stderr
    assert "\x1b" not in result.stderr
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT FROM token").rowcount == 0


def test_a_list_of_none_says_what_to_do(database_url: str) -> None:
    assert "filmer token create" in output_of(command(database_url, "list"))


@pytest.mark.parametrize("account", ["999", "0", "9" * 20])
def test_nobody_gets_none(account: str, database_url: str) -> None:
    message = refusal(command(database_url, "create", "--account", account, "--name", "x"))
    assert f"There is no open account {account}:" in message
    assert "filmer account list" in message


def test_a_closed_account_gets_none_and_those_it_has_stop(database_url: str) -> None:
    mary = open_account(database_url)
    token, _ = create(database_url, mary.id)
    output_of(account_command(database_url, "disable", mary.id))
    assert person_of(database_url, token) is None
    assert "no open account" in refusal(command(database_url, "create", "--account", mary.id, "--name", "x"))
    assert output_of(command(database_url, "list")).endswith("  (disabled)")
    output_of(account_command(database_url, "enable", mary.id))
    assert person_of(database_url, token) == mary


def test_the_list_tells_all_but_the_tokens(database_url: str) -> None:
    mary, chief = open_account(database_url), open_account(database_url, role="admin")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    made = [
        create(database_url, mary.id)[0],
        create(database_url, chief.id, "--days", 7, name=" Das „Kino“ [red] ")[0],
        token_of(database_url, mary, name="old", expires=yesterday),
        token_of(database_url, chief, name="public"),
    ]
    use(database_url, made[1])
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE token SET demo = true WHERE name = 'public'")
        digests = [row[0] for row in conn.execute("SELECT encode(digest, 'hex') FROM token").fetchall()]
    first, second, third, fourth = output_of(command(database_url, "list")).splitlines()
    of_mary, of_chief = rf"account {mary.id} +customer +", rf"account {chief.id} +admin +"
    assert re.fullmatch(rf" *1 +{of_mary}home cinema, since {MOMENT}, until revoked, never used", first)
    assert re.fullmatch(rf" *2 +{of_chief}Das „Kino“ \[red\], since {MOMENT}, until {MOMENT}, used {MOMENT}", second)
    assert re.fullmatch(
        rf" *3 +{of_mary}old, since {MOMENT}, until {yesterday:%Y-%m-%d %H:%M} UTC, never used  \(expired\)", third
    )
    assert re.fullmatch(rf" *4 +{of_chief}public, since {MOMENT}, until revoked, never used  \(demo\)", fourth)
    assert not [secret for secret in (*made, *digests) if secret in first + second + third + fourth]


def test_the_list_of_one_account(database_url: str) -> None:
    mary, john = open_account(database_url), open_account(database_url)
    for person, name in ((mary, "one"), (john, "two"), (mary, "three")):
        token_of(database_url, person, name=name)
    listed = output_of(command(database_url, "list", "--account", mary.id)).splitlines()
    assert [re.findall("one|two|three", line) for line in listed] == [["one"], ["three"]]
    assert "There are no tokens" in output_of(command(database_url, "list", "--account", "9" * 20))


def test_revoking_ends_one_and_no_other(database_url: str) -> None:
    mary = open_account(database_url)
    tokens = [token_of(database_url, mary) for _ in range(3)]
    assert output_of(command(database_url, "revoke", 2)) == "token 2 is revoked"
    assert [person_of(database_url, token) is not None for token in tokens] == [True, False, True]
    assert "There is no token 2:" in refusal(command(database_url, "revoke", 2))


@pytest.mark.parametrize("token", ["0", "1", "9" * 20])
def test_a_token_that_is_not_there_is_told(token: str, database_url: str) -> None:
    message = refusal(command(database_url, "revoke", token))
    assert f"There is no token {token}:" in message
    assert "filmer token list" in message


def test_a_token_itself_is_no_argument(database_url: str) -> None:
    """Everybody on the machine can list arguments: ids are enough."""
    token = token_of(database_url, open_account(database_url))
    assert command(database_url, "revoke", token).returncode == 2
    assert person_of(database_url, token) is not None

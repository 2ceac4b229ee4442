"""``filmer account`` and ``filmer token``: looking after people's accounts, and their programs' tokens."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter

from filmer.accounts import queries, token_queries
from filmer.accounts.nouns import Role, read_email, read_name, read_new_password
from filmer.accounts.passwords import Passwords
from filmer.accounts.tokens import issue
from filmer.clock import SystemClock
from filmer.settings import Settings
from filmer.store.postgres import Connection
from filmer.terminal import CommandFailed, DataDir, ask_secret, err, in_database

MAX_DAYS = 3650

account_app = App(name="account", help="Look after people's accounts.")
token_app = App(name="token", help="Look after bearer tokens, with which programs use the community API.")


@account_app.command
def create(
    *,
    email: str,
    first_name: str,
    last_name: str,
    role: Role = "customer",
    data_dir: DataDir = None,
) -> None:
    """Open an account. The password is asked for, or read from standard input."""
    told = [
        _checked(read, text) for read, text in ((read_email, email), (read_name, first_name), (read_name, last_name))
    ]
    kept = _new_password()

    async def work(conn: Connection, _: Settings) -> str:
        person = await queries.insert_account(
            conn,
            email=told[0],
            first_name=told[1],
            last_name=told[2],
            password=kept,
            role=role,
            now=SystemClock().now(),
        )
        if person is None:
            raise CommandFailed(f"{told[0]} has an account already: `filmer account list` shows it.")
        return f"account {person.id}: {person.first_name} {person.last_name}, {person.email}, {person.role}"

    print(in_database(data_dir, work))


@account_app.command(name="list")
def list_accounts(*, data_dir: DataDir = None) -> None:
    """List all accounts."""

    async def work(conn: Connection, _: Settings) -> list[queries.Listed]:
        return await queries.select_accounts(conn)

    listed = in_database(data_dir, work)
    if not listed:
        print("There are no accounts. Open one: filmer account create --email … --first-name … --last-name …")
    for one in listed:
        marks = [*(["disabled"] if one.disabled else []), *(["demo"] if one.demo else [])]
        state = f"  ({', '.join(marks)})" if marks else ""
        print(
            f"{one.person.id:>8}  {one.person.role:<8}  {one.person.email:<32}  "
            f"{one.person.first_name} {one.person.last_name}, since {one.created:%Y-%m-%d}, "
            f"{one.sessions} sessions{state}"
        )


@account_app.command
def disable(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Close an account: its sessions end, its tokens stop, at once, and nobody can sign in. Its orders stay."""
    _change(data_dir, account_id, lambda conn: queries.update_disabled(conn, account_id, disabled=True), ends=True)
    print(f"account {account_id} is closed; `filmer account enable {account_id}` opens it again")


@account_app.command
def enable(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Open a closed account again."""
    _change(data_dir, account_id, lambda conn: queries.update_disabled(conn, account_id, disabled=False))
    print(f"account {account_id} is open")


@account_app.command
def password(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Set a new password, asked for or read from standard input; ends all sessions of the account."""
    kept = _new_password()
    _change(data_dir, account_id, lambda conn: queries.update_password(conn, account_id, kept), ends=True)
    print(f"account {account_id} has a new password, and is signed out everywhere")


@account_app.command(name="role")
def change_role(account_id: int, role: Annotated[Role, Parameter(help="customer or admin")], /, *,
                data_dir: DataDir = None) -> None:  # fmt: skip
    """Make somebody an admin, or a customer again."""
    _change(data_dir, account_id, lambda conn: queries.update_role(conn, account_id, role))
    print(f"account {account_id} is {role} now")


@account_app.command(name="sign-out")
def sign_out(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """End all sessions of an account, on every node, at once."""
    ended = _change(data_dir, account_id, lambda conn: queries.select_is_account(conn, account_id), ends=True)
    print(f"account {account_id} is signed out everywhere ({ended} sessions)")


@token_app.command(name="create")
def create_token(
    *,
    account: Annotated[int, Parameter(help="Whose it is: what it may do is what that account may.")],
    name: Annotated[str, Parameter(help="What it is for, so that you know which to revoke.")],
    days: Annotated[int | None, Parameter(help="How long it works; without: until it is revoked.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a token. It stands alone on standard output, and is shown this once."""
    purpose = _checked(read_name, name)
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise CommandFailed(f"A token works for 1 to {MAX_DAYS} days, or without --days until it is revoked.")
    now = SystemClock().now()
    expires = None if days is None else now + timedelta(days=days)

    async def work(conn: Connection, _: Settings) -> str:
        token = await issue(conn, account, name=purpose, now=now, expires=expires)
        if token is None:
            raise CommandFailed(f"There is no open account {account}: `filmer account list` shows those there are.")
        return token

    print(in_database(data_dir, work))
    err.print(
        f"This token of account {account} is shown only now: keep it safe. It works {_until(expires)}.",
        markup=False, soft_wrap=True,
    )  # fmt: skip


@token_app.command(name="list")
def list_tokens(
    *,
    account: Annotated[int | None, Parameter(help="Only those of this account.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List tokens by their ids and names; themselves they are kept nowhere."""

    async def work(conn: Connection, _: Settings) -> list[token_queries.ListedToken]:
        return await token_queries.select_tokens(conn, account)

    listed = in_database(data_dir, work)
    if not listed:
        print("There are no tokens. Make one: filmer token create --account … --name …")
    now = SystemClock().now()
    for one in listed:
        expired = one.expires is not None and now >= one.expires
        marks = {"expired": expired, "disabled": one.disabled, "demo": one.demo}
        state = ", ".join(mark for mark, holds in marks.items() if holds)
        print(
            f"{one.id:>8}  account {one.account_id:<8}  {one.role:<8}  {one.name}, since {_utc(one.created)}, "
            f"{_until(one.expires)}, {f'used {_utc(one.used)}' if one.used else 'never used'}"
            + (f"  ({state})" if state else "")
        )


@token_app.command
def revoke(token_id: int, /, *, data_dir: DataDir = None) -> None:
    """End a token, on every node, at once."""

    async def work(conn: Connection, _: Settings) -> None:
        if not await token_queries.delete_token(conn, token_id):
            raise CommandFailed(f"There is no token {token_id}: `filmer token list` shows those there are.")

    in_database(data_dir, work)
    print(f"token {token_id} is revoked")


def _until(expires: datetime | None) -> str:
    return f"until {_utc(expires)}" if expires else "until revoked"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _change(
    data_dir: str | None, account_id: int, change: Callable[[Connection], Awaitable[bool]], *, ends: bool = False
) -> int:
    """Changes one account, and with ``ends`` ends its sessions, which are counted."""

    async def work(conn: Connection, _: Settings) -> int:
        if not await change(conn):
            raise CommandFailed(f"There is no account {account_id}: `filmer account list` shows those there are.")
        return await queries.delete_sessions_of(conn, account_id) if ends else 0

    return in_database(data_dir, work)


def _checked(read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise CommandFailed(f"{text!r} {error}") from None


def _new_password() -> str:
    typed = ask_secret("Password", twice=True)
    try:
        chosen = read_new_password(typed)
    except ValueError as error:
        raise CommandFailed(f"A password {error}. Nothing was changed.") from None
    return asyncio.run(Passwords(threads=1).hash(chosen))

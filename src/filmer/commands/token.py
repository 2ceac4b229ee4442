"""``filmer token``: bearer tokens, with which programs use the community API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter

from filmer.accounts import token_queries
from filmer.accounts.schemas import read_name
from filmer.accounts.tokens import issue
from filmer.clock import SystemClock
from filmer.commands.terminal import DataDir, err, in_database, read_argument
from filmer.errors import CommandFailed
from filmer.settings import Settings
from filmer.store.postgres import Connection

MAX_DAYS = 3650

token_app = App(name="token", help="Look after bearer tokens, with which programs use the community API.")


@token_app.command(name="create")
def create_token(
    *,
    account: Annotated[int, Parameter(help="Whose it is: what it may do is what that account may.")],
    name: Annotated[str, Parameter(help="What it is for, so that you know which to revoke.")],
    days: Annotated[int | None, Parameter(help="How long it works; without: until it is revoked.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a token. It stands alone on standard output, and is shown this once."""
    purpose = read_argument(read_name, name)
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
        soft_wrap=True,
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

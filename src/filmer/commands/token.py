"""``filmer token``: bearer tokens, with which programs use the community API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter

from filmer.accounts import token_queries
from filmer.accounts.schemas import read_name
from filmer.accounts.tokens import issue
from filmer.audit.log import Personal, command_line, record
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import err, in_database, read_argument
from filmer.errors import CommandFailed
from filmer.settings import Settings
from filmer.store.postgres import Connection

MAX_DAYS = 3650

token_app = App(name="token", help="Create, list and revoke tokens, with which programs use the community API.")


@token_app.command(name="create")
def create_token(
    *,
    account: Annotated[int, Parameter(help="Id of the account that the token acts for.")],
    name: Annotated[str, Parameter(help="What the token is for, so that you know which one to revoke.")],
    days: Annotated[int | None, Parameter(help="For how many days it works. Default: until it is revoked.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Create a token, and print it, alone, on standard output. It is never shown again."""
    purpose = read_argument(read_name, name)
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise CommandFailed(f"A token works for 1 to {MAX_DAYS} days, or without --days until it is revoked.")
    now = SystemClock().now()
    expires = None if days is None else now + timedelta(days=days)

    async def work(conn: Connection, _: Settings) -> str:
        token = await issue(conn, account, name=purpose, now=now, expires=expires)
        if token is None:
            raise CommandFailed(f"There is no open account {account}: `filmer account list` shows all accounts.")
        named = Personal(account, after={"name": purpose})
        after = {"until": expires} if expires else {}
        await record(conn, command_line(), "account.create_token", ("account", account), after=after, personal=named)
        return token

    print(in_database(data_dir, work))
    err.print(
        f"This token of account {account} is shown only now: keep it safe. It works {_until(expires)}.",
        soft_wrap=True,
    )  # fmt: skip


@token_app.command(name="list")
def list_tokens(
    *,
    account: Annotated[int | None, Parameter(help="Id of an account: list only its tokens.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List the ids and names of all tokens. The tokens themselves are not stored."""

    async def work(conn: Connection, _: Settings) -> list[token_queries.ListedToken]:
        return await token_queries.select_tokens(conn, account)

    tokens = in_database(data_dir, work)
    if not tokens:
        print("There are no tokens. Create one: filmer token create --account … --name …")
    now = SystemClock().now()
    for token in tokens:
        expired = token.expires is not None and now >= token.expires
        marks = {"expired": expired, "disabled": token.disabled, "demo": token.demo}
        state = ", ".join(mark for mark, is_set in marks.items() if is_set)
        used = f"used {_utc(token.used)}" if token.used else "never used"
        print(
            f"{token.id:>8}  account {token.account_id:<8}  {token.role:<8}  {token.name}, "
            f"since {_utc(token.created)}, {_until(token.expires)}, {used}" + (f"  ({state})" if state else "")
        )


@token_app.command
def revoke(token_id: int, /, *, data_dir: DataDir = None) -> None:
    """Revoke a token: it stops working at once, on every node."""

    async def work(conn: Connection, _: Settings) -> None:
        revoked = await token_queries.delete_token(conn, token_id)
        if revoked is None:
            raise CommandFailed(f"There is no token {token_id}: `filmer token list` shows all tokens.")
        named = Personal(revoked[0], before={"name": revoked[1]})
        before = {"token": token_id}
        await record(
            conn, command_line(), "account.revoke_token", ("account", revoked[0]), before=before, personal=named
        )

    in_database(data_dir, work)
    print(f"token {token_id} is revoked")


def _until(expires: datetime | None) -> str:
    return f"until {_utc(expires)}" if expires else "until revoked"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

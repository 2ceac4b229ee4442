"""``filmer account``: looking after people's accounts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from cyclopts import App, Parameter

from filmer.accounts import queries
from filmer.accounts.address_conflicts import find_shared, settle_addresses
from filmer.accounts.address_queries import update_email
from filmer.accounts.addresses import read_email
from filmer.accounts.passwords import Passwords
from filmer.accounts.schemas import Role, read_name, read_new_password
from filmer.clock import SystemClock
from filmer.commands.terminal import DataDir, ask_secret, in_database, read_argument
from filmer.errors import CommandFailed
from filmer.plurals import counted
from filmer.settings import Settings
from filmer.store.postgres import Connection

account_app = App(name="account", help="Look after people's accounts.")


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
    given = ((read_email, email), (read_name, first_name), (read_name, last_name))
    address, first, last = (read_argument(read, text) for read, text in given)
    kept = _new_password()

    async def work(conn: Connection, _: Settings) -> str:
        await settle_addresses(conn)
        user = await queries.insert_account(
            conn,
            email=address,
            first_name=first,
            last_name=last,
            password=kept,
            role=role,
            now=SystemClock().now(),
        )
        if user is None:
            raise CommandFailed(f"{address} has an account already: `filmer account list` shows it.")
        return f"account {user.id}: {user.first_name} {user.last_name}, {user.email}, {user.role}"

    print(in_database(data_dir, work))


@account_app.command(name="list")
def list_accounts(*, data_dir: DataDir = None) -> None:
    """List all accounts."""

    async def work(conn: Connection, _: Settings) -> tuple[list[queries.AccountListing], dict[int, int]]:
        shared = await find_shared(conn)
        others = {one.holder_id: one.account_id for one in shared} | {one.account_id: one.holder_id for one in shared}
        return await queries.select_accounts(conn), others

    listed, others = in_database(data_dir, work)
    if not listed:
        print("There are no accounts. Open one: filmer account create --email … --first-name … --last-name …")
    for one in listed:
        marks = [*(["disabled"] if one.disabled else []), *(["demo"] if one.demo else [])]
        if one.user.id in others:
            marks.append(f"the e-mail address of account {others[one.user.id]}, too")
        state = f"  ({', '.join(marks)})" if marks else ""
        print(
            f"{one.user.id:>8}  {one.user.role:<8}  {one.user.email:<32}  "
            f"{one.user.first_name} {one.user.last_name}, since {one.created:%Y-%m-%d}, "
            f"{counted(one.sessions, 'session')}{state}"
        )


@account_app.command(name="email")
def change_email(account_id: int, address: str, /, *, data_dir: DataDir = None) -> None:
    """Give an account another e-mail address; whoever is signed in stays so."""
    email = read_argument(read_email, address)

    async def change(conn: Connection) -> bool:
        await settle_addresses(conn)
        changed = await update_email(conn, account_id, email)
        if changed is None:
            raise CommandFailed(f"{email} has an account already: `filmer account list` shows it.")
        await settle_addresses(conn)
        return changed

    _change(data_dir, account_id, change)
    print(f"account {account_id} has the e-mail address {email} now")


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
    print(f"account {account_id} is signed out everywhere ({counted(ended, 'session')})")


def _change(
    data_dir: str | None, account_id: int, change: Callable[[Connection], Awaitable[bool]], *, ends: bool = False
) -> int:
    """Changes one account, and with ``ends`` ends its sessions, which are counted."""

    async def work(conn: Connection, _: Settings) -> int:
        if not await change(conn):
            raise CommandFailed(f"There is no account {account_id}: `filmer account list` shows those there are.")
        return await queries.delete_sessions_of(conn, account_id) if ends else 0

    return in_database(data_dir, work)


def _new_password() -> str:
    typed = ask_secret("Password", twice=True)
    try:
        chosen = read_new_password(typed)
    except ValueError as error:
        raise CommandFailed(f"A password {error}. Nothing was changed.") from None
    return asyncio.run(Passwords(threads=1).hash(chosen))

"""``filmer account``: users' accounts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import App, Parameter

from filmer.accounts import owners, queries
from filmer.accounts.address_conflicts import find_shared, settle_addresses
from filmer.accounts.address_queries import update_email
from filmer.accounts.addresses import read_email
from filmer.accounts.link_queries import delete_links_of, insert_new_password_link
from filmer.accounts.passwords import Passwords, make_unusable_hash
from filmer.accounts.role_queries import lock_accounts
from filmer.accounts.schemas import Role, User, read_name, read_new_password
from filmer.audit.log import Personal, command_line, record
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import ask_secret, in_database, read_argument
from filmer.errors import CommandFailed, Conflict, NotFound
from filmer.mail.kinds import KINDS, NEW_PASSWORD
from filmer.mail.links import Links
from filmer.mail.outbox import Outbox
from filmer.personal_data.export import export as export_data
from filmer.personal_data.leaving import Leaving
from filmer.plurals import counted
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.store.postgres import Connection

INVITED_FOR = timedelta(days=7)


class Person(NamedTuple):
    email: str
    first_name: str
    last_name: str


account_app = App(name="account", help="Open, list, change and close the accounts of users.")
account_app.command("filmer.commands.imports:import_accounts", name="import")


@account_app.command
def create(
    *,
    email: str,
    first_name: str,
    last_name: str,
    role: Role = "customer",
    data_dir: DataDir = None,
) -> None:
    """Open an account. You are asked for its password, or it is read from standard input."""
    person = _read_person(email, first_name, last_name)
    password_hash = _hash_new_password()

    async def work(conn: Connection, _: Settings) -> User:
        return await _open(conn, person, role, password_hash, "account.create")

    _say_opened(in_database(data_dir, work))


@account_app.command
def invite(
    email: str, /, *, first_name: str, last_name: str, role: Role = "customer", data_dir: DataDir = None
) -> None:
    """Open an account without a password, and print a link with which its user chooses one, once and within 7 days."""
    person = _read_person(email, first_name, last_name)

    async def work(conn: Connection, settings: Settings) -> tuple[User, str]:
        user = await _open(conn, person, role, make_unusable_hash(), "account.invite")
        link_id = await insert_new_password_link(conn, user.id, SystemClock().now() + INVITED_FOR)
        token = Links(SecretKey(settings)).token(NEW_PASSWORD, link_id)
        return user, (settings.public_url or "") + KINDS["new_password"].path.format(token=token)

    user, link = in_database(data_dir, work, keyed=True)
    _say_opened(user)
    print(link if "://" in link else f"your shop's address, and behind it {link}")


@account_app.command(name="list")
def list_accounts(*, data_dir: DataDir = None) -> None:
    """List all accounts."""

    async def work(conn: Connection, _: Settings) -> tuple[list[queries.AccountListing], dict[int, int]]:
        shared = await find_shared(conn)
        same_email = {pair.holder_id: pair.account_id for pair in shared}
        same_email |= {pair.account_id: pair.holder_id for pair in shared}
        return await queries.select_accounts(conn), same_email

    accounts, same_email = in_database(data_dir, work)
    if not accounts:
        print("There are no accounts. Open one: filmer account create --email … --first-name … --last-name …")
    for account in accounts:
        user = account.user
        closed = "deleted" if account.leaving else "disabled"
        marks = [*([closed] if account.disabled else []), *(["demo"] if account.demo else [])]
        if user.id in same_email:
            marks.append(f"same e-mail address as account {same_email[user.id]}")
        state = f"  ({', '.join(marks)})" if marks else ""
        print(
            f"{user.id:>8}  {user.role:<8}  {user.email:<32}  {user.first_name} {user.last_name}, "
            f"since {account.created:%Y-%m-%d}, {counted(account.sessions, 'session')}{state}"
        )


@account_app.command(name="email")
def change_email(account_id: int, address: str, /, *, data_dir: DataDir = None) -> None:
    """Change the e-mail address of an account. Its sessions stay open."""
    email = read_argument(read_email, address)

    async def change(conn: Connection) -> bool:
        await settle_addresses(conn)
        changed = await update_email(conn, account_id, email)
        if changed is None:
            raise CommandFailed(f"{email} has an account already: `filmer account list` shows it.")
        await settle_addresses(conn)
        await delete_links_of(conn, account_id)  # they went to the old one, or lead to yet another
        return changed

    _change(data_dir, account_id, change, "account.email")
    print(f"account {account_id} has the e-mail address {email} now")


@account_app.command
def disable(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Close an account at once: nobody can sign in, its sessions end, its tokens stop working. Its orders stay."""

    async def close(conn: Connection) -> bool:
        await owners.require_other_owner(conn, account_id)
        return await queries.update_disabled(conn, account_id, disabled=True)

    _change(data_dir, account_id, close, "account.disable", ends=True)
    print(f"account {account_id} is closed: `filmer account enable {account_id}` opens it again")


@account_app.command
def enable(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Open a closed account again."""
    _change(
        data_dir, account_id, lambda conn: queries.update_disabled(conn, account_id, disabled=False), "account.enable"
    )
    print(f"account {account_id} is open")


@account_app.command
def password(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Set a new password, and sign the user out everywhere. The password is typed, or read from standard input."""
    password_hash = _hash_new_password()
    _change(data_dir, account_id, lambda conn: queries.update_password(conn, account_id, password_hash),
            "account.password", ends=True)  # fmt: skip
    print(f"account {account_id} has a new password, and is signed out everywhere")


@account_app.command(name="role")
def change_role(account_id: int, role: Annotated[Role, Parameter(help="customer, clerk or admin")], /, *,
                data_dir: DataDir = None) -> None:  # fmt: skip
    """Make a user an owner of the shop (admin), a clerk (counter, orders, customers), or a customer again."""
    _change(data_dir, account_id, lambda conn: owners.change_role(conn, account_id, role), "account.role")
    print(f"account {account_id} is {role} now")


@account_app.command(name="sign-out")
def sign_out(account_id: int, /, *, data_dir: DataDir = None) -> None:
    """Sign a user out everywhere, at once."""
    ended = _change(data_dir, account_id, lambda conn: queries.select_is_account(conn, account_id),
                    "account.sign_out", ends=True)  # fmt: skip
    print(f"account {account_id} is signed out everywhere ({counted(ended, 'session')})")


@account_app.command
def export(account_id: int, file: Path, /, *, data_dir: DataDir = None) -> None:
    """Write everything that is held of a user to FILE, a ZIP file that must not exist yet."""

    async def work(conn: Connection, _: Settings) -> bytes | None:
        content = await export_data(conn, account_id, now=SystemClock().now())
        if content is not None:
            await record(conn, command_line(), "account.export", ("account", account_id))
        return content

    content = in_database(data_dir, work)
    if content is None:
        raise CommandFailed(f"There is no account {account_id}: `filmer account list` shows all accounts.")
    try:
        with file.open("xb") as written:
            written.write(content)
    except OSError as error:
        raise CommandFailed(f"{file} can't be written: {error.strerror}.") from None
    print(f"{file} has all data of account {account_id}")


@account_app.command
def delete(
    account_id: int,
    /,
    *,
    now: Annotated[bool, Parameter(help="Remove the person at once: this can't be undone.", negative="")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete an account: access ends at once, and after 7 days the person is removed. Orders stay without the person.

    Until then `filmer account enable` undoes it.
    """

    async def work(conn: Connection, settings: Settings) -> datetime:
        clock, links = SystemClock(), Links(SecretKey(settings))
        leaving = Leaving(links, Outbox(clock, is_set_up=settings.smtp_url is not None), clock)
        _, until = await leaving.leave(conn, account_id)
        if now:
            await leaving.erase(conn, account_id)  # nothing can have come up: this is one transaction
        action = "account.erase" if now else "account.delete"
        await record(conn, command_line(), action, ("account", account_id))
        return until

    try:
        until = in_database(data_dir, work)
    except NotFound:
        raise CommandFailed(f"There is no account {account_id}: `filmer account list` shows all accounts.") from None
    except Conflict as error:
        raise CommandFailed(f"{error}.") from None
    if now:
        print(f"account {account_id} is deleted, and its person is removed")
    else:
        undo = f"`filmer account enable {account_id}` undoes it"
        print(f"account {account_id} is deleted, and its person is removed on {until:%Y-%m-%d}: until then {undo}")


def _change(
    data_dir: str | None,
    account_id: int,
    change: Callable[[Connection], Awaitable[bool]],
    action: str,
    *,
    ends: bool = False,
) -> int:
    """Changes an account. With ``ends``, ends its sessions and returns how many there were."""

    async def work(conn: Connection, _: Settings) -> int:
        await lock_accounts(conn, account_id)  # so that what was before is what is changed
        before = await queries.select_account(conn, account_id)
        try:
            is_changed = before is not None and await change(conn)
        except Conflict as error:
            raise CommandFailed(f"{error}.") from None
        if before is None or not is_changed:
            raise CommandFailed(f"There is no account {account_id}: `filmer account list` shows all accounts.")
        after = await queries.select_account(conn, account_id)
        if after and after != before:
            (old, was_closed), (new, is_closed) = before, after
            address = Personal(account_id, {"email": old.email}, {"email": new.email})
            await record(
                conn, command_line(), action, ("account", account_id), before={"role": old.role, "closed": was_closed},
                after={"role": new.role, "closed": is_closed}, personal=address,
            )  # fmt: skip
        elif ends:  # what changed has no value to be told
            await record(conn, command_line(), action, ("account", account_id))
        return await queries.delete_sessions_of(conn, account_id) if ends else 0

    return in_database(data_dir, work)


def _read_person(email: str, first_name: str, last_name: str) -> Person:
    return Person(
        read_argument(read_email, email), read_argument(read_name, first_name), read_argument(read_name, last_name)
    )


async def _open(conn: Connection, person: Person, role: Role, password_hash: str, action: str) -> User:
    await settle_addresses(conn)
    user = await queries.insert_account(
        conn, **person._asdict(), password=password_hash, role=role, now=SystemClock().now()
    )
    if user is None:
        raise CommandFailed(f"{person.email} has an account already: `filmer account list` shows it.")
    personal = Personal(user.id, after=person._asdict())
    await record(conn, command_line(), action, ("account", user.id), after={"role": role}, personal=personal)
    return user


def _say_opened(user: User) -> None:
    print(f"account {user.id}: {user.first_name} {user.last_name}, {user.email}, {user.role}")


def _hash_new_password() -> str:
    typed = ask_secret("Password", twice=True)
    try:
        chosen = read_new_password(typed)
    except ValueError as error:
        raise CommandFailed(f"A password {error}. Nothing was changed.") from None
    return asyncio.run(Passwords(threads=1).hash(chosen))

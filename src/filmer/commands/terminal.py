"""What the commands share: how they reach the database, ask for secrets, and say that something can't be done."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

from cyclopts import Parameter
from rich.console import Console

from filmer.accounts.address_conflicts import ADVICE, settle_addresses
from filmer.errors import CommandFailed
from filmer.logs import configure_logs
from filmer.secret import require_known_key
from filmer.settings import Settings, load_settings
from filmer.store.engines import engines, ensure_migrated, in_transaction
from filmer.store.postgres import Connection

T = TypeVar("T")

DataDir = Annotated[
    str | None, Parameter(name="--data-dir", help="Where the embedded engines keep their data (FILMER_DATA_DIR).")
]
err = Console(stderr=True, highlight=False, markup=False, emoji=False)  # what is data means nothing to it


@contextmanager
def database(data_dir: str | None, *, migrated: bool = True) -> Iterator[Settings]:
    """Settings that name a running database, for a command that needs no cache."""
    asked = load_settings(data_dir=data_dir)
    configure_logs(asked)
    with engines(asked, valkey=False) as running:
        if migrated:
            ensure_migrated(asked, running)
        yield running


def in_database(
    data_dir: str | None, work: Callable[[Connection, Settings], Awaitable[T]], *, keyed: bool = False
) -> T:
    """Does some asynchronous work, all of it or nothing. ``keyed``: it makes digests, so the key must be the right one.

    Raises SettingsError when it is not.
    """
    with database(data_dir) as settings:
        if keyed:
            require_known_key(settings)
        return asyncio.run(in_transaction(settings, work))


def settle_accounts(settings: Settings) -> None:
    """Brings e-mail addresses of earlier versions into form, and says which two accounts have one."""
    shared = asyncio.run(in_transaction(settings, lambda conn, _: settle_addresses(conn)))
    for one in shared:
        err.print(f"warning: {one}", soft_wrap=True)
    if shared:
        err.print(ADVICE, soft_wrap=True)


def ask_secret(what: str, *, twice: bool) -> str:
    """Typed unseen at a terminal, else the first line of standard input; never an argument that others can list."""
    try:
        if not sys.stdin.isatty():
            secret = sys.stdin.readline().rstrip("\r\n")
        else:
            secret = getpass.getpass(f"{what}: ")
            if twice and getpass.getpass(f"{what}, again: ") != secret:
                raise CommandFailed(f"{what}: what you typed the second time is something else. Nothing was changed.")
        secret.encode()
    except EOFError:
        raise CommandFailed(f"{what}: nothing was typed. Nothing was changed.") from None
    except UnicodeError:  # which would show some of it
        raise CommandFailed(f"{what}: what came is no text in UTF-8. Nothing was changed.") from None
    if "\0" in secret:
        raise CommandFailed(f"{what}: it must not contain U+0000. Nothing was changed.")
    return secret


def confirm(question: str) -> bool | None:
    """What somebody at a terminal says to a question; None where nobody is there."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write("\n".join(map(shown, question.splitlines())) + " [y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer.strip().casefold() in {"y", "yes"} if answer else None


def shown(text: str) -> str:
    """Text of others for a terminal, which must not take it for orders: what can't be seen as its escape."""
    return "".join(letter if letter.isprintable() or letter == "\t" else ascii(letter)[1:-1] for letter in text)


def read_argument(read: Callable[[str], str], text: str) -> str:
    """What ``read`` makes of an argument. Raises CommandFailed where it raises ValueError."""
    try:
        return read(text)
    except ValueError as error:
        raise CommandFailed(f"{text!r} {error}") from None

"""What several commands need: the database, secrets and confirmations typed at a terminal, checked arguments."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console

from filmer.accounts.address_conflicts import ADVICE, settle_addresses
from filmer.errors import CommandFailed
from filmer.logs import configure_logs
from filmer.secret import require_known_key
from filmer.settings import Settings, load_settings
from filmer.store.engines import engines, ensure_migrated, in_transaction
from filmer.store.postgres import Connection

T = TypeVar("T")

err = Console(stderr=True, highlight=False, markup=False, emoji=False)  # data is printed as it is


@contextmanager
def database(data_dir: str | None, *, migrated: bool = True) -> Iterator[Settings]:
    """Settings that name a running database, without a cache. ``migrated``: the database must be up to date."""
    settings = load_settings(data_dir=data_dir)
    configure_logs(settings)
    with engines(settings, valkey=False) as running:
        if migrated:
            ensure_migrated(settings, running)
        yield running


def in_database(
    data_dir: str | None, work: Callable[[Connection, Settings], Awaitable[T]], *, keyed: bool = False
) -> T:
    """Does asynchronous work in one transaction. ``keyed``: raises SettingsError if the secret key is a wrong one."""
    with database(data_dir) as settings:
        if keyed:
            require_known_key(settings)
        return asyncio.run(in_transaction(settings, work))


def settle_accounts(settings: Settings) -> None:
    """Normalizes e-mail addresses of earlier versions, and warns of those that two accounts have."""
    shared = asyncio.run(in_transaction(settings, lambda conn, _: settle_addresses(conn)))
    for address in shared:
        err.print(f"warning: {address}", soft_wrap=True)
    if shared:
        err.print(ADVICE, soft_wrap=True)


def ask_secret(what: str, *, twice: bool) -> str:
    """A secret, typed unseen or read from standard input. It is never an argument, as other users can list these."""
    try:
        if not sys.stdin.isatty():
            secret = sys.stdin.readline().rstrip("\r\n")
        else:
            secret = getpass.getpass(f"{what}: ")
            if twice and getpass.getpass(f"{what}, again: ") != secret:
                raise CommandFailed(f"{what}: the second time you typed something else. Nothing was changed.")
        secret.encode()
    except EOFError:
        raise CommandFailed(f"{what}: nothing was typed. Nothing was changed.") from None
    except UnicodeError:  # its own text would show some of the secret
        raise CommandFailed(f"{what}: this is not text in UTF-8. Nothing was changed.") from None
    if "\0" in secret:
        raise CommandFailed(f"{what}: it must not contain the character U+0000. Nothing was changed.")
    return secret


def confirm(question: str) -> bool | None:
    """The answer to a question, yes or no; None if there is no terminal, or no answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write("\n".join(map(shown, question.splitlines())) + " [y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer.strip().casefold() in {"y", "yes"} if answer else None


def shown(text: str) -> str:
    """Foreign text, made safe for a terminal: characters that can't be printed are escaped, as they may be commands."""
    return "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in text)


def read_argument(read: Callable[[str], str], text: str) -> str:
    """Reads an argument with ``read``. Raises CommandFailed if that raises ValueError."""
    try:
        return read(text)
    except ValueError as error:
        raise CommandFailed(f"{text!r} {error}") from None

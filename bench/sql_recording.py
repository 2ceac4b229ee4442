"""Records the SQL statements a request sends, and writes them as a script for pgbench.

So the reference is never invented: when checkout changes, the script changes with it, or the bench refuses to compare.
"""

import contextvars
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any
from unittest.mock import patch

import msgspec
import psycopg
from bench.cart_users import OF_ACCOUNT
from psycopg import sql
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from filmer.rentals.sales import CODE_LENGTH
from filmer.store.connecting import USE_CURRENT_EDITION

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?s|%%")
_RANDOM_CODE = f"lpad(to_hex((random() * 4294967295)::bigint), {CODE_LENGTH}, '0')"  # with which copies are picked up
_NUMBER = re.compile(r"\b\d+\b")
_recording: contextvars.ContextVar["list[Statement] | None"] = contextvars.ContextVar("recording", default=None)


class Statement(msgspec.Struct):
    """A message with numbered placeholders (``{0}``), and the values that went with it; and as psycopg got both."""

    text: str
    values: list[Any]
    query: bytes = b""
    parameters: Any = None


class Recording(msgspec.Struct):
    """One recording: what was sent, and which of its values are this run's own, by the script's expression for them."""

    statements: list[Statement]
    own: list[tuple[str, Any]]
    begun: datetime


@contextmanager
def recording() -> Iterator[list[Statement]]:
    """Collects what this task, and tasks it starts, send through psycopg; not what goes on behind it."""
    statements: list[Statement] = []
    token = _recording.set(statements)
    try:
        with ExitStack() as patches:
            for owner, name, noted in _PATCHES:
                patches.enter_context(patch.object(owner, name, _noting(getattr(owner, name), noted)))
            commit = _noting_commit(psycopg.AsyncConnection.commit)
            patches.enter_context(patch.object(psycopg.AsyncConnection, "commit", commit))
            yield statements
    finally:
        _recording.reset(token)


def _noting(original: Any, noted: Callable[..., Statement | None]) -> Any:
    async def call(self: Any, *arguments: Any, **options: Any) -> Any:
        response = await original(self, *arguments, **options)
        statements = _recording.get()
        if statements is not None and (statement := noted(self, *arguments)) is not None:
            statements.append(statement)
        return response

    return call


def _noting_commit(original: Any) -> Any:
    async def commit(self: psycopg.AsyncConnection[Any]) -> None:
        is_sent = self.info.transaction_status != TransactionStatus.IDLE  # the pool commits what is committed
        await original(self)
        statements = _recording.get()
        if statements is not None and is_sent:
            statements.append(_plain("COMMIT"))

    return commit


def _statement(_: Any, query: Any, params: Any = None) -> Statement | None:
    if query == USE_CURRENT_EDITION:  # by a new connection, or after an import
        return None
    text = query.decode() if isinstance(query, bytes) else str(query)
    return (
        Statement(*_numbered(text, params), text.encode(), params) if text.strip() else None
    )  # an empty statement is the pool's check of the connection


def _begin(transaction: psycopg.AsyncTransaction) -> Statement:
    return _plain(f'SAVEPOINT "{transaction.savepoint_name}"' if transaction.savepoint_name else "BEGIN")


def _end(transaction: psycopg.AsyncTransaction, error: object, *_: object) -> Statement:
    if error is not None:
        raise SystemExit("bench: a checkout that rolls back is nothing to compare with")
    return _plain(f'RELEASE "{transaction.savepoint_name}"' if transaction.savepoint_name else "COMMIT")


def _plain(text: str) -> Statement:
    return Statement(text, [], text.encode())


def _unknown(*_: object) -> Statement:
    raise SystemExit("bench: checkout talks to the database in a way bench/sql_recording.py does not know; teach it")


_PATCHES: list[tuple[Any, str, Callable[..., Statement | None]]] = [
    (psycopg.AsyncCursor, "execute", _statement),
    (psycopg.AsyncCursor, "executemany", _unknown),
    (psycopg.AsyncTransaction, "__aenter__", _begin),
    (psycopg.AsyncTransaction, "__aexit__", _end),
]  # which of them go out together in a pipeline is filmer's own affair: pgbench sends one after another


def _numbered(text: str, params: Sequence[Any] | Mapping[str, Any] | None) -> tuple[str, list[Any]]:
    """The statement with ``{0}``, ``{1}`` … for its placeholders, and their values in that order."""
    if params is None:
        return text.replace("{", "{{").replace("}", "}}"), []
    values: list[Any] = []

    def number(placeholder: re.Match[str]) -> str:
        if placeholder[0] == "%%":
            return "%"
        values.append(params[placeholder[1]] if isinstance(params, Mapping) else params[len(values)])
        return f"{{{len(values) - 1}}}"

    return _PLACEHOLDER.sub(number, text.replace("{", "{{").replace("}", "}}")), values


def script(first: Recording, second: Recording) -> str:
    """Statements for pgbench, of two recordings of different accounts: what differs depends on the account.

    Refuses when they are not the same statements, or when a value differs and nobody knows what it stands for.
    """
    lines = []
    for statement, other_statement in zip_longest(_split(first.statements), _split(second.statements)):
        if statement is None or other_statement is None or statement.text != other_statement.text:
            raise SystemExit(f"bench: two checkouts sent different statements: {statement}, {other_statement}")
        terms = [_term(first, second, *pair) for pair in zip(statement.values, other_statement.values, strict=True)]
        text = " ".join(statement.text.format(*terms).split())
        lines.append(f"{text};")
    return "\n".join(lines) + "\n"


def _split(messages: Sequence[Statement]) -> Iterator[Statement]:
    """The single statements: a message without parameters may be several, whose numbers may be the account's."""
    for message in messages:
        if message.parameters is not None:
            yield message
            continue
        for text in filter(str.strip, message.query.decode().split(";")):
            values = [int(number) for number in _NUMBER.findall(text)]
            yield Statement(*_numbered(_NUMBER.sub("%s", text.replace("%", "%%")), values))


def _term(first: Recording, second: Recording, value: Any, other_value: Any) -> str:  # noqa: PLR0911 - one a type
    """An expression with the type that psycopg gives the value."""
    for (expression, own_value), (_, other_own_value) in zip(first.own, second.own, strict=True):
        if (value, other_value) == (own_value, other_own_value):
            return f"{expression}{_kind(value)}"
    if isinstance(value, datetime):
        minutes, other_minutes = (_minutes(at - run.begun) for at, run in ((value, first), (other_value, second)))
        if minutes == other_minutes:
            return f"(now() + interval '{minutes} min')" if minutes else "now()"
    elif value == other_value or isinstance(value, float):  # how many seconds something took: of no weight
        return _literal(value)
    elif isinstance(value, bytes) and len(value) == len(other_value) == 32:
        return OF_ACCOUNT.format(":account")  # a digest of something that is the account's
    elif isinstance(value, str) and len(value) == len(other_value) == CODE_LENGTH:
        return _RANDOM_CODE
    elif isinstance(value, Jsonb):  # what a mail is made of
        return _literal(value)
    elif isinstance(value, list) and len(value) == len(other_value):
        terms = [_term(first, second, *pair) for pair in zip(value, other_value, strict=True)]
        return f"ARRAY[{', '.join(terms)}]{_kind(value)}"
    raise SystemExit(
        f"bench: checkout sends a {type(value).__name__} that bench/sql_recording.py can't explain; teach it"
    )


def _literal(value: Any) -> str:
    literal = f"'\\x{value.hex()}'::bytea" if isinstance(value, bytes) else str(sql.Literal(value).as_string(None))
    if re.search(":[A-Za-z_]", literal.replace("::", "")):
        raise SystemExit("bench: pgbench would take a part of a text that checkout sends for a variable")
    return literal


def _minutes(ahead: Any) -> int:
    return round(float(ahead.total_seconds()) / 60)


def _kind(value: Any) -> str:
    """``::int4`` and the like; nothing where psycopg leaves the type to the server."""
    if value is None:
        return ""
    oid = Transformer.from_context(None).get_dumper(value, PyFormat.AUTO).oid
    info = psycopg.postgres.types.get(oid)
    if not info:
        return ""
    name = {"int2": "int4"}.get(info.name, info.name)  # as wide as the ids of other accounts
    return f"::{name}[]" if oid == info.array_oid else f"::{name}"


def utc_now() -> datetime:
    return datetime.now(UTC)

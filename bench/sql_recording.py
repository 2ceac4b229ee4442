"""What a piece of work sends to the database, recorded from the real thing, and written as a script for pgbench.

So the reference is never invented: when checkout changes, the script changes with it, or the bench refuses to compare.
"""

import contextvars
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import msgspec
import psycopg
from bench.cart_users import OF_ACCOUNT
from psycopg import sql
from psycopg.adapt import PyFormat, Transformer

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?s|%%")
_recording: contextvars.ContextVar["list[Sent] | None"] = contextvars.ContextVar("recording", default=None)


class Sent(msgspec.Struct):
    """One statement with numbered placeholders (``{0}``), and the values that went with it; and as psycopg got both."""

    text: str
    values: list[Any]
    asked: bytes = b""
    given: Any = None


class Named(msgspec.Struct):
    """One recording: what was sent, and which of its values are this run's own, by the script's expression for them."""

    sent: list[Sent]
    own: list[tuple[str, Any]]
    begun: datetime


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """Collects what this task, and tasks it starts, send through psycopg; not what goes on behind it."""
    sent: list[Sent] = []
    token = _recording.set(sent)
    try:
        with ExitStack() as patches:
            for owner, name, noted in _PATCHES:
                patches.enter_context(patch.object(owner, name, _noting(getattr(owner, name), noted)))
            yield sent
    finally:
        _recording.reset(token)


def _noting(original: Any, noted: Callable[..., Sent | None]) -> Any:
    async def call(self: Any, *given: Any, **options: Any) -> Any:
        response = await original(self, *given, **options)
        sent = _recording.get()
        if sent is not None and (one := noted(self, *given)) is not None:
            sent.append(one)
        return response

    return call


def _statement(_: Any, query: Any, params: Any = None) -> Sent | None:
    text = query.decode() if isinstance(query, bytes) else str(query)
    return (
        Sent(*_numbered(text, params), text.encode(), params) if text.strip() else None
    )  # the pool's question whether somebody is there


def _begin(transaction: psycopg.AsyncTransaction) -> Sent:
    return _plain(f'SAVEPOINT "{transaction.savepoint_name}"' if transaction.savepoint_name else "BEGIN")


def _end(transaction: psycopg.AsyncTransaction, error: object, *_: object) -> Sent:
    if error is not None:
        raise SystemExit("bench: a checkout that rolls back is nothing to compare with")
    return _plain(f'RELEASE "{transaction.savepoint_name}"' if transaction.savepoint_name else "COMMIT")


def _plain(text: str) -> Sent:
    return Sent(text, [], text.encode())


def _unknown(*_: object) -> Sent:
    raise SystemExit("bench: checkout talks to the database in a way bench/sql_recording.py does not know; teach it")


_PATCHES: list[tuple[Any, str, Callable[..., Sent | None]]] = [
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

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        values.append(params[found[1]] if isinstance(params, Mapping) else params[len(values)])
        return f"{{{len(values) - 1}}}"

    return _PLACEHOLDER.sub(number, text.replace("{", "{{").replace("}", "}}")), values


def script(one: Named, other: Named) -> str:
    """Statements for pgbench, of two recordings of different accounts: what differs depends on the account.

    Refuses when they are not the same statements, or when a value differs and nobody knows what it stands for.
    """
    if [sent.text for sent in one.sent] != [sent.text for sent in other.sent]:
        raise SystemExit("bench: two checkouts sent different statements; there is no one script to compare with")
    lines = []
    for mine, theirs in zip(one.sent, other.sent, strict=True):
        terms = [_term(one, other, *pair) for pair in zip(mine.values, theirs.values, strict=True)]
        text = " ".join(mine.text.format(*terms).split())
        lines.append(f"{text};")
    return "\n".join(lines) + "\n"


def _term(one: Named, other: Named, mine: Any, theirs: Any) -> str:
    """An expression with the type that psycopg gives the value."""
    for (expression, my_own), (_, their_own) in zip(one.own, other.own, strict=True):
        if (mine, theirs) == (my_own, their_own):
            return f"{expression}{_kind(mine)}"
    if isinstance(mine, datetime):
        ahead, theirs_ahead = (_minutes(at - run.begun) for at, run in ((mine, one), (theirs, other)))
        if ahead == theirs_ahead:
            return f"(now() + interval '{ahead} min')" if ahead else "now()"
    elif mine == theirs or isinstance(mine, float):  # how many seconds something took: of no weight
        return _literal(mine)
    elif isinstance(mine, bytes) and len(mine) == len(theirs) == 32:
        return OF_ACCOUNT.format(":account")  # a digest of something that is the account's
    elif isinstance(mine, list) and len(mine) == len(theirs):
        return f"ARRAY[{', '.join(_term(one, other, *pair) for pair in zip(mine, theirs, strict=True))}]{_kind(mine)}"
    raise SystemExit(
        f"bench: checkout sends a {type(mine).__name__} that bench/sql_recording.py can't explain; teach it"
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


def now() -> datetime:
    return datetime.now(UTC)

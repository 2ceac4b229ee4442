"""What makes an entry of the audit log, in the transaction of the change that it tells of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
import psycopg

from filmer.audit import queries
from filmer.audit.actions import ACTIONS
from filmer.clock import SystemClock
from filmer.store.postgres import Connection

Via = Literal["office", "api", "command line"]
Subject = tuple[str, object]  # a kind and an id, such as ("film", "tt0078748")
Values = Mapping[str, Any]


class Actor(msgspec.Struct, frozen=True):
    """Who changes something, when, and from where. ``account_id``: None for the command line."""

    via: Via
    at: datetime
    account_id: int | None = None
    address: str = ""


def command_line() -> Actor:
    return Actor("command line", SystemClock().now())


class Personal(NamedTuple):
    """What of a change is about a person, and goes with them. ``account_id``: whose account theirs is."""

    account_id: int
    before: Values | None = None
    after: Values | None = None


async def record(
    conn: Connection,
    actor: Actor,
    action: str,
    subject: Subject,
    *,
    title: str = "",
    before: Values | None = None,
    after: Values | None = None,
    personal: Personal | None = None,
) -> None:
    """Writes an entry in the caller's transaction, unless before and after are the same.

    ``title``: of the subject, where the log is to call it that. ``before``, ``after``: values by name, as msgspec
    writes them; what did not change is left out. Neither these nor the title may be personal, nor anything a secret.
    """
    entry = _entry(actor, action, subject, title, before or {}, after or {}, personal)
    if entry is not None:
        await conn.execute(queries.INSERT, entry)


def record_at_once(
    conn: psycopg.Connection[Any],
    actor: Actor,
    action: str,
    subject: Subject,
    *,
    title: str = "",
    before: Values | None = None,
    after: Values | None = None,
) -> None:
    """``record`` for work that is not asynchronous."""
    entry = _entry(actor, action, subject, title, before or {}, after or {}, None)
    if entry is not None:
        conn.execute(queries.INSERT, entry)


def _entry(
    actor: Actor, action: str, subject: Subject, title: str, before: Values, after: Values, personal: Personal | None
) -> dict[str, Any] | None:
    if action not in ACTIONS:
        raise ValueError(f"there is no action {action!r}")
    changed = _changed(before, after)
    fields: dict[int, dict[str, Any]] = {}
    if actor.account_id is not None and actor.address:
        fields[actor.account_id] = {"address": actor.address}
    of_person = _changed(personal.before or {}, personal.after or {}) if personal else ({}, {})
    if personal and any(of_person):
        fields.setdefault(personal.account_id, {}).update(before=of_person[0], after=of_person[1])
    compared = (before and after) or (personal and personal.before and personal.after)
    if compared and not any(changed) and not any(of_person):
        return None
    return {
        "at": actor.at,
        "via": actor.via,
        "account": actor.account_id,
        "action": action,
        "kind": subject[0],
        "subject": str(subject[1]),
        "title": title,
        "before": _json(changed[0]),
        "after": _json(changed[1]),
        "personal": _json([{"account_id": account, "fields": values} for account, values in fields.items()]),
    }


def _changed(before: Values, after: Values) -> tuple[Values, Values]:
    """Both without the values that are in both."""
    old, new = msgspec.to_builtins(dict(before)), msgspec.to_builtins(dict(after))
    same = {name for name in old.keys() & new.keys() if old[name] == new[name]}
    return (
        {name: old[name] for name in old if name not in same},
        {name: new[name] for name in new if name not in same},
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

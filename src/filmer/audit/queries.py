"""All SQL of the audit log."""

from datetime import datetime
from typing import Any

import msgspec

from filmer.store.postgres import Connection, escape_like, like_person

# An entry, and what of it is personal, in one statement.
INSERT = b"""
    WITH entry AS (
        INSERT INTO audit_entry (at, via, account_id, action, subject_kind, subject_id, title, before, after)
        VALUES (%(at)s, %(via)s, %(account)s, %(action)s, %(kind)s, %(subject)s, %(title)s, %(before)s::jsonb,
            %(after)s::jsonb)
        RETURNING id
    )
    INSERT INTO audit_personal (entry_id, account_id, fields)
    SELECT entry.id, p.account_id, p.fields
    FROM entry, jsonb_to_recordset(%(personal)s::jsonb) p(account_id integer, fields jsonb)
"""

_CONDITIONS = {
    "account": "e.account_id = %(account)s",
    "via": "e.via = %(via)s",
    "actions": "e.action = ANY(%(actions)s)",
    "kind": "e.subject_kind = %(kind)s AND e.subject_id = %(subject)s",
    "since": "e.at >= %(since)s",
    "until": "e.at < %(until)s",
    "below": "e.id < %(below)s",
}
# What a text is looked for in: each by an index of its own, and each for no more entries than are shown. A person is
# found by their name and address of now, and by what was personal then.
_SEARCHES = (
    "audit_entry e WHERE e.words LIKE %(like)s",
    "audit_personal p JOIN audit_entry e ON e.id = p.entry_id WHERE p.words LIKE %(like)s",
    "audit_entry e WHERE e.account_id = ANY(%(people)s)",
    "audit_entry e WHERE e.subject_kind = 'account' AND e.subject_id = ANY(%(people)s::text[])",
)
MAX_PEOPLE = 100  # whose entries a search by text finds by their names of now


class LogFilter(msgspec.Struct, frozen=True):
    """Which entries are asked for; what is None does not narrow. ``below``: with smaller ids, so earlier ones."""

    text: str = ""
    account: int | None = None
    via: str | None = None
    actions: list[str] | None = None
    kind: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    below: int | None = None


class Entry(msgspec.Struct, frozen=True):
    """``name``, ``subject_name``: of the actor and of a subject that is an account; None once the person is gone.

    ``personal``: by account id, as text.
    """

    id: int
    at: datetime
    via: str
    account_id: int | None
    action: str
    subject_kind: str
    subject_id: str
    title: str
    before: dict[str, Any]
    after: dict[str, Any]
    name: str | None
    subject_name: str | None
    personal: dict[str, dict[str, Any]]


async def select_entries(conn: Connection, wanted: LogFilter, *, size: int) -> list[Entry]:
    """The latest first."""
    values: dict[str, Any] = {**msgspec.structs.asdict(wanted), "size": size}
    where = " AND ".join(condition for name, condition in _CONDITIONS.items() if values[name] is not None) or "true"
    found = f"SELECT e.id FROM audit_entry e WHERE {where} ORDER BY e.id DESC LIMIT %(size)s"
    if wanted.text:
        values["like"] = f"%{escape_like(wanted.text.lower())}%"
        values["people"] = await _select_people(conn, like_person(wanted.text))
        found = " UNION ".join(
            f"(SELECT e.id FROM {search} AND {where} ORDER BY e.id DESC LIMIT %(size)s)" for search in _SEARCHES
        )
    cursor = await conn.execute(
        f"""
        SELECT e.id, e.at, e.via, e.account_id, e.action, e.subject_kind, e.subject_id, e.title, e.before, e.after,
            a.first_name || ' ' || a.last_name, s.first_name || ' ' || s.last_name,
            coalesce((SELECT jsonb_object_agg(account_id, fields) FROM audit_personal WHERE entry_id = e.id), '{{}}')
        FROM audit_entry e LEFT JOIN account a ON a.id = e.account_id AND a.erased IS NULL
        LEFT JOIN account s ON s.id = CASE WHEN e.subject_kind = 'account' THEN e.subject_id::integer END
            AND s.erased IS NULL
        WHERE e.id = ANY(ARRAY({found})) ORDER BY e.id DESC LIMIT %(size)s
        """.encode(),
        values,
    )
    return [Entry(*row) for row in await cursor.fetchall()]


async def _select_people(conn: Connection, like: str) -> list[int]:
    cursor = await conn.execute(
        """
        SELECT id FROM (
            SELECT id, role FROM account WHERE erased IS NULL AND found_by LIKE without_accents(%(like)s) LIMIT 10000
        ) found
        ORDER BY role = 'customer', id DESC LIMIT %(most)s
        """,
        {"like": like, "most": MAX_PEOPLE},
    )
    return [row[0] for row in await cursor.fetchall()]


async def select_actors(conn: Connection) -> dict[int, str]:
    """All accounts that did something, by id: their names, by which they are sorted; "" for whose person is gone."""
    cursor = await conn.execute(
        """
        WITH RECURSIVE actor AS (  -- from one to the next by the index: there are few among many entries
            SELECT min(account_id) AS id FROM audit_entry
            UNION ALL
            SELECT (SELECT min(account_id) FROM audit_entry WHERE account_id > actor.id) FROM actor WHERE id IS NOT NULL
        )
        SELECT actor.id, coalesce(a.first_name || ' ' || a.last_name, '')
        FROM actor LEFT JOIN account a ON a.id = actor.id AND a.erased IS NULL
        WHERE actor.id IS NOT NULL ORDER BY 2, 1
        """
    )
    return dict(await cursor.fetchall())

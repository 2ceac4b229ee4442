"""All SQL of mails. A mail that is being sent is known by its id and the number of the attempt."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from psycopg.types.json import Jsonb

from filmer.store.postgres import Connection

State = Literal["waiting", "not set up", "sent", "failed"]


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """``first_name``: of the account's person, if there is one. ``reason``: why the last attempt failed."""

    id: int
    kind: str
    recipient: str
    link_id: int | None
    fields: dict[str, Any]
    state: State
    created: datetime
    due: datetime
    attempts: int
    reason: str
    first_name: str | None


_COLUMNS = "m.id, m.kind, m.recipient, m.link_id, m.fields, m.state, m.created, m.due, m.attempts, m.reason"
_NAME = "(SELECT a.first_name FROM account a WHERE a.id = m.account_id)"
# What was written while no server was set up is sent only if that was a short time ago.
_DELIVERABLE = "(state = 'waiting' OR state = 'not set up' AND created > %(now)s - %(lately)s)"


def _mail(row: tuple[Any, ...]) -> Mail:
    return Mail(**dict(zip(Mail.__struct_fields__, row, strict=True)))


async def insert_mail(
    conn: Connection,
    kind: str,
    recipient: str | None,
    *,
    account_id: int | None,
    link_id: int | None,
    fields: dict[str, Any],
    state: State,
    now: datetime,
) -> None:
    """``recipient``: None for the account's own address, if its person is still there.

    Nothing is done where it would be a second reminder.
    """
    await conn.execute(
        """
        INSERT INTO mail (kind, recipient, account_id, link_id, fields, state, created, due)
        SELECT %(kind)s, recipient, %(account)s, %(link)s, %(fields)s, %(state)s, %(now)s, %(now)s
        FROM coalesce(%(recipient)s, (SELECT email FROM account WHERE id = %(account)s AND erased IS NULL)) recipient
        WHERE recipient IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
        {
            "kind": kind, "recipient": recipient, "account": account_id, "link": link_id, "fields": Jsonb(fields),
            "state": state, "now": now,
        },
    )  # fmt: skip


async def claim_mail(
    conn: Connection, kinds: Collection[str], *, now: datetime, lease: timedelta, lately: timedelta
) -> Mail | None:
    """A mail whose attempt is due, for this process alone until the lease ends: then the next attempt is.

    ``kinds``: those that this process can write; others are of a version that runs beside it.
    """
    cursor = await conn.execute(
        f"""
        UPDATE mail m SET due = %(now)s + %(lease)s, attempts = attempts + 1, state = 'waiting' WHERE m.id = (
            SELECT id FROM mail WHERE state IN ('waiting', 'not set up') AND {_DELIVERABLE}
                AND due <= %(now)s AND kind = ANY(%(kinds)s)
            ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) RETURNING {_COLUMNS}, {_NAME}
        """.encode(),
        {"now": now, "lease": lease, "lately": lately, "kinds": list(kinds)},
    )
    row = await cursor.fetchone()
    return None if row is None else _mail(row)


async def update_attempted(
    conn: Connection, mail: Mail, state: State, *, reason: str = "", now: datetime, due: datetime | None = None
) -> None:
    """How an attempt ended, unless another one has begun."""
    await conn.execute(
        "UPDATE mail SET state = %s, reason = %s, due = %s, ended = %s WHERE id = %s AND attempts = %s",
        [state, reason, due or now, None if state == "waiting" else now, mail.id, mail.attempts],
    )


async def select_mails(
    conn: Connection, states: list[State], kinds: Collection[str] | None = None, *, size: int
) -> list[Mail]:
    """The latest first. ``kinds``: of those that are not sent as no server is set up; None: all."""
    cursor = await conn.execute(
        f"""
        SELECT {_COLUMNS}, {_NAME} FROM mail m
        WHERE m.state = ANY(%(states)s)
            AND (%(kinds)s::text[] IS NULL OR m.state <> 'not set up' OR m.kind = ANY(%(kinds)s))
        ORDER BY m.id DESC LIMIT %(size)s
        """.encode(),
        {"states": states, "kinds": None if kinds is None else list(kinds), "size": size},
    )
    return [_mail(row) for row in await cursor.fetchall()]


async def select_mails_about(conn: Connection, link_id: int, kinds: Collection[str], *, size: int) -> list[Mail]:
    """The latest first, of those that are kept. ``kinds``: of orders, which have the index mail_order."""
    about = "m.kind IN ('order', 'receipt', 'cancelled', 'refunded') AND m.kind = ANY(%s) AND m.link_id = %s"
    statement = f"SELECT {_COLUMNS}, {_NAME} FROM mail m WHERE {about} ORDER BY m.id DESC LIMIT %s"
    cursor = await conn.execute(statement.encode(), [list(kinds), link_id, size])
    return [_mail(row) for row in await cursor.fetchall()]


async def select_mails_of(conn: Connection, account_id: int, *, size: int) -> list[Mail]:
    """Those of one account, the latest first."""
    statement = f"SELECT {_COLUMNS}, {_NAME} FROM mail m WHERE m.account_id = %s ORDER BY m.id DESC LIMIT %s"
    return [_mail(row) for row in await (await conn.execute(statement.encode(), [account_id, size])).fetchall()]


async def count_mails(conn: Connection) -> dict[State, int]:
    """By state; without those of which there is none."""
    return dict(await (await conn.execute("SELECT state, count(*) FROM mail GROUP BY state")).fetchall())


async def update_retried(conn: Connection, mail_id: int | None, *, now: datetime) -> int:
    """The next attempt is now; of all that failed, where no mail is named. Returns how many there are."""
    done = await conn.execute(
        """
        UPDATE mail SET state = 'waiting', due = %(now)s, ended = NULL
        WHERE CASE WHEN %(id)s::bigint IS NULL THEN state = 'failed' ELSE id = %(id)s AND state <> 'sent' END
        """,
        {"id": mail_id, "now": now},
    )
    return done.rowcount


async def delete_old(conn: Connection, *, before: datetime) -> None:
    """Those that wait to be delivered stay."""
    await conn.execute("DELETE FROM mail WHERE state <> 'waiting' AND coalesce(ended, created) < %s", [before])

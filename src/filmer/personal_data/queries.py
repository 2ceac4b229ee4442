"""All SQL about everything that is held of a person: in the tables of every domain that name an account."""

from datetime import datetime
from typing import Any

import msgspec
from psycopg import sql

from filmer.accounts.queries import delete_sessions_of
from filmer.accounts.role_queries import IS_LAST_OWNER, lock_accounts
from filmer.catalogue.number_queries import FILMS_OF
from filmer.catalogue.schemas import FIRST_OWN
from filmer.shop.cancel_queries import LAST_FOUR
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

# The films that a person keeps in the table {1}, with its columns {0}; without a TMDB id, by the catalogue's id alone.
_FILMS = f"""
    SELECT CASE WHEN v.movie_id < {FIRST_OWN} THEN v.movie_id END AS tmdb_id, f.id AS film_id,
        coalesce(t.title, f.title) AS title, {{0}}
    FROM {{1}} v LEFT JOIN tmdb_film t ON t.movie_id = v.movie_id
    LEFT JOIN LATERAL (
        SELECT id, title FROM film WHERE id = ANY (ARRAY({FILMS_OF.format("ARRAY[v.movie_id]")})) ORDER BY id LIMIT 1
    ) f ON true
    WHERE v.account_id = %(account)s ORDER BY v.id
"""
# What a person gets of their own, by the name of the file. Digests, which mean nothing to anybody, are left out.
EXPORTED = {
    "profile": "SELECT id, email, first_name, last_name, role, created FROM account WHERE id = %(account)s",
    "orders": f"""
        SELECT o.id, o.placed, o.item_count, o.total, {LAST_FOUR} AS card, c.cancelled, c.reason, c.refund
        FROM shop_order o LEFT JOIN cancellation c ON c.order_id = o.id
        WHERE o.account_id = %(account)s ORDER BY o.place
    """,
    "order_lines": """
        SELECT l.order_id, l.film_id, l.title, l.year, l.quantity, l.price
        FROM order_line l JOIN shop_order o ON o.id = l.order_id
        WHERE o.account_id = %(account)s ORDER BY o.place, l.place
    """,
    "rentals": """
        SELECT r.id, r.order_id, r.film_id, l.title, r.way, r.state, r.paid, r.start_by, r.began, r.ends_at, r.ended,
            r.returned, r.lost
        FROM rental r JOIN order_line l USING (order_id, place) WHERE r.account_id = %(account)s ORDER BY r.id
    """,
    "progress": """
        SELECT p.film_id, f.title, p.season, p.episode, p.position AS seconds, p.duration, p.updated
        FROM progress p LEFT JOIN film f ON f.id = p.film_id WHERE p.account_id = %(account)s ORDER BY p.updated
    """,
    "cart": """
        SELECT c.film_id, f.title, c.quantity, c.price FROM cart_line c LEFT JOIN film f ON f.id = c.film_id
        WHERE c.account_id = %(account)s ORDER BY c.place
    """,
    "favorites": _FILMS.format("v.created", "favorite"),
    "watchlist": _FILMS.format("v.created", "watchlist_film"),
    "seen": _FILMS.format("v.seen_on, v.created", "seen_film"),
    "ratings": _FILMS.format("v.rating, v.created, v.updated", "rating"),
    "imports": """
        SELECT i.name, i.created, r.file, r.line, r.title, r.year, r.film_id, r.movie_id, r.favorite, r.watchlist,
            r.seen, r.seen_on, r.rating, r.rated, r.outcome, r.detail
        FROM shelf_import i JOIN shelf_import_row r ON r.import_id = i.id
        WHERE i.account_id = %(account)s ORDER BY i.id, r.place
    """,
    "cards": """
        SELECT last_four, first_name, last_name, expiration FROM card WHERE account_id = %(account)s UNION ALL
        SELECT last_four, first_name, last_name, expiration FROM stripe_card WHERE account_id = %(account)s ORDER BY 1
    """,
    "tokens": "SELECT name, created, expires, used FROM token WHERE account_id = %(account)s ORDER BY id",
    "mails": """
        SELECT kind, recipient, fields, state, created, ended FROM mail WHERE account_id = %(account)s ORDER BY id
    """,
    "sessions": """
        SELECT device, created, used, kept_id IS NOT NULL AS kept FROM session WHERE account_id = %(account)s
        UNION ALL
        SELECT device, created, turned, true FROM kept_sign_in k WHERE account_id = %(account)s
            AND NOT EXISTS (SELECT FROM session WHERE kept_id = k.id)
        ORDER BY created
    """,
    "unconfirmed_addresses": """
        SELECT email, until FROM unconfirmed_address WHERE account_id = %(account)s ORDER BY until
    """,
    "former_addresses": "SELECT email FROM former_address WHERE account_id = %(account)s ORDER BY email",
    "changes_by_the_shop": """
        SELECT e.at, e.via, e.action, e.before, e.after, p.fields AS personal
        FROM audit_entry e LEFT JOIN audit_personal p ON p.entry_id = e.id AND p.account_id = %(account)s
        WHERE p.entry_id IS NOT NULL OR (e.subject_kind = 'account' AND e.subject_id = %(account)s::text) ORDER BY e.id
    """,
}


class ExportedTable(msgspec.Struct, frozen=True):
    """``columns``: their names, in the order of the values of each row."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


async def select_personal_data(conn: Connection, account_id: int) -> dict[str, ExportedTable]:
    """Everything at one moment, by the names of ``EXPORTED``. To be the first of a transaction."""
    await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)
    tables = {}
    for name, statement in EXPORTED.items():
        cursor = await conn.execute(statement.encode(), {"account": account_id})
        tables[name] = ExportedTable([column.name for column in cursor.description or ()], await cursor.fetchall())
    return tables


# What goes with a person. Orders, their lines, rentals and cancellations stay for the books, and name nobody any more.
ERASED = (
    "session", "kept_sign_in", "new_password_link", "unconfirmed_address", "former_address", "familiar_address",
    "token", "card", "stripe_card", "stripe_customer", "cart_line", "checkout_key", "progress", "favorite",
    "watchlist_film", "seen_film", "rating", "shelf", "mail", "audit_personal", "shelf_import_row", "shelf_import",
)  # fmt: skip


class Leaver(msgspec.Struct, frozen=True):
    """An account that is to be deleted, and what speaks against it. ``leaving``: when it was deleted, if it was."""

    leaving: datetime | None
    is_last_owner: bool
    copies_out: int
    unpaid: int  # orders
    refunds_owed: int


async def lock_leaver(conn: Connection, account_id: int) -> Leaver | None:
    """None for an account that there is not, or whose person is gone. Until the transaction ends nobody changes it."""
    await lock_accounts(conn, account_id)
    cursor = await conn.execute(
        f"""
        SELECT a.leaving, {IS_LAST_OWNER},
            (SELECT count(*) FROM rental r WHERE r.account_id = a.id AND r.way = 'pick up' AND r.began IS NOT NULL
                AND r.returned IS NULL AND r.lost IS NULL),
            (SELECT count(DISTINCT r.order_id) FROM rental r WHERE r.account_id = a.id AND r.state = 'unpaid'),
            (SELECT count(*) FROM cancellation c JOIN shop_order o ON o.id = c.order_id
                WHERE o.account_id = a.id AND c.refund IN ('initiated', 'failed'))
        FROM account a WHERE a.id = %s AND a.erased IS NULL
        """.encode(),
        [account_id],
    )
    row = await cursor.fetchone()
    return None if row is None else Leaver(*row)


async def update_leaving(conn: Connection, account_id: int, *, now: datetime) -> None:
    """Access ends: nobody signs in, sessions and tokens are refused."""
    await conn.execute("UPDATE account SET leaving = %s, disabled = true WHERE id = %s", [now, account_id])
    await delete_sessions_of(conn, account_id)


async def update_stays(conn: Connection, account_id: int, leaving: datetime) -> bool:
    """Undoes what was done at that moment. False if that was undone already, or the person is gone."""
    done = await conn.execute(
        "UPDATE account SET leaving = NULL, disabled = false WHERE id = %s AND leaving = %s", [account_id, leaving]
    )
    return done.rowcount == 1


async def select_leaving(conn: Connection, account_id: int) -> datetime | None:
    cursor = await conn.execute("SELECT leaving FROM account WHERE id = %s", [account_id])
    row = await cursor.fetchone()
    return row[0] if row else None


async def select_leavers(conn: Connection, *, left_before: datetime) -> list[int]:
    """At most 100 of them, whichever: those who have to stay for a reason must not keep the others waiting."""
    cursor = await conn.execute("SELECT id FROM account WHERE leaving <= %s ORDER BY random() LIMIT 100", [left_before])
    return [row[0] for row in await cursor.fetchall()]


async def erase(conn: Connection, account_id: int, *, now: datetime) -> None:
    """Removes the person; the account's row, which is locked, stays without a name. To be in a transaction."""
    # What was mailed to an address before there was an account, or after it got another one, knows of none. A former
    # address may be another account's by now, whose mails stay.
    addressed = """
        DELETE FROM {} t USING (
            SELECT email, true AS is_current FROM account WHERE id = %(account)s
            UNION ALL SELECT email, false FROM former_address WHERE account_id = %(account)s
        ) a WHERE lower(t.{}) = lower(a.email) AND (a.is_current OR t.account_id IS NULL)
    """
    for table, column in (("mail", "recipient"), ("unconfirmed_address", "email")):
        statement = sql.SQL(addressed).format(sql.Identifier(table), sql.Identifier(column))
        await conn.execute(statement, {"account": account_id})
    await conn.execute(
        """
        UPDATE account SET email = 'deleted', email_key = 'deleted ' || id, first_name = 'deleted',
            last_name = 'deleted', password = '$argon2id$deleted', role = 'customer', demo = false, leaving = NULL,
            erased = %s
        WHERE id = %s
        """,
        [now, account_id],
    )
    for table in ERASED:
        statement = sql.SQL("DELETE FROM {} WHERE account_id = %s").format(sql.Identifier(table))
        await conn.execute(statement, [account_id])
    # What was paid with a card on file has its last digits in the reference, which says no more than that from now on.
    await conn.execute(
        """
        UPDATE shop_order SET last_four = NULL, payment = regexp_replace(payment, '^(card on file) [0-9]{4}$', '\\1')
        WHERE account_id = %s
        """,
        [account_id],
    )
    await conn.execute(
        "UPDATE cancellation c SET reason = '' FROM shop_order o WHERE o.id = c.order_id AND o.account_id = %s",
        [account_id],
    )

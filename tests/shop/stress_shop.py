"""A shop for load and crash tests: customers with full carts, and an audit of what is left of them."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from tests.conftest import import_films
from tests.raw_connections import Customer, request
from tests.users import CARD, hash_password, put_card

from filmer.shop import queries
from filmer.store.connecting import USE_CURRENT_EDITION

CHECKOUT = "/api/v1/checkout"
ITEMS = "/api/v1/cart/items"
FILMS = ("tt0111161", "tt0372784", "tt0468569", "tt0096895", "tt1375666", "tt0211915")
PRICE = "4.99"


def open_shop(database_url: str) -> None:
    """Films, and a card that anybody may pay with."""
    import_films(database_url)
    put_card(database_url)


def customers(database_url: str, count: int) -> list[Customer]:
    """New accounts, signed in: as many logins would take minutes, as they should."""
    cookies = [secrets.token_urlsafe(32) for _ in range(count)]
    emails = [f"{secrets.token_hex(8)}@example.com" for _ in range(count)]
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(
            """
            INSERT INTO account (email, email_key, first_name, last_name, password, created)
            SELECT email, email, 'Mary', 'Major', %s, now() FROM unnest(%s::text[]) email RETURNING id
            """,
            [hash_password(), emails],
        ).fetchall()
        accounts = [int(row[0]) for row in rows]
        digests = [hashlib.sha256(cookie.encode()).digest() for cookie in cookies]
        conn.execute(
            """
            INSERT INTO session (digest, account_id, created, used)
            SELECT digest, account, now(), now() FROM unnest(%s::bytea[], %s::integer[]) s(digest, account)
            """,
            [digests, accounts],
        )
    return [Customer(account, cookie) for account, cookie in zip(accounts, cookies, strict=True)]


def fill_carts(conn: psycopg.Connection, accounts: Sequence[int], films: Sequence[str] = FILMS[:2]) -> None:
    """One of the first film, two of the second, and so on, in each cart."""
    conn.execute(USE_CURRENT_EDITION)
    with conn.transaction():
        conn.execute(
            "INSERT INTO film_in_use (film_id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [list(films)]
        )
        conn.execute(
            """
            INSERT INTO cart_line (account_id, film_id, quantity, price)
            SELECT account, f.film, f.place, coalesce(c.price, %s)
            FROM unnest(%s::integer[]) account, unnest(%s::text[]) WITH ORDINALITY f(film, place)
                JOIN film c ON c.id = f.film
            ORDER BY account, f.place
            """,
            [PRICE, list(accounts), list(films)],
        )


def total_of(conn: psycopg.Connection, films: Sequence[str]) -> Any:
    """What ``fill_carts`` comes to."""
    conn.execute(USE_CURRENT_EDITION)
    row = conn.execute(
        """
        SELECT sum(f.place * coalesce(c.price, %s::numeric)) FROM unnest(%s::text[]) WITH ORDINALITY f(film, place)
            JOIN film c ON c.id = f.film
        """,
        [PRICE, list(films)],
    ).fetchone()
    assert row is not None
    return row[0]


_WRONG = {
    "orders that are not the sum of their lines": """
        SELECT o.id FROM shop_order o LEFT JOIN order_line l ON l.order_id = o.id
        GROUP BY o.id HAVING o.total <> coalesce(sum(l.price * l.quantity), 0)
            OR o.item_count <> coalesce(sum(l.quantity), 0) OR count(*) <> max(l.place) OR count(l.id) = 0
    """,
    "keys whose order is of another account or submit": """
        SELECT k.key FROM checkout_key k LEFT JOIN shop_order o ON o.id = k.order_id AND o.account_id = k.account_id
        WHERE o.submission IS DISTINCT FROM k.submission
    """,
    "orders with two keys": "SELECT order_id FROM checkout_key GROUP BY order_id HAVING count(*) > 1",
}


def audit(conn: psycopg.Connection) -> dict[str, list[Any]]:
    """Rows of the shop's tables that contradict each other, by rule; none should."""
    offenders = {what: [row[0] for row in conn.execute(query.encode())] for what, query in _WRONG.items()}
    return {what: rows for what, rows in offenders.items() if rows}


def activity(conn: psycopg.Connection) -> dict[str, int]:
    """What the servers' connections to this database are doing, and how many carts they hold locked."""
    states = conn.execute(
        """
        SELECT state, count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' GROUP BY 1
        """
    ).fetchall()
    locks = conn.execute(
        """
        SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.classid = %s AND d.datname = current_database()
        """,
        [queries._CART_LOCK],
    ).fetchone()
    return {str(state): int(count) for state, count in states} | {"carts locked": locks[0] if locks else 0}


def terminate_backends(database_url: str, *, most: int = 100) -> int:
    """Kill the servers' connections inside PostgreSQL; how many."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        return conn.execute(
            """
            SELECT pg_terminate_backend(pid) FROM (
                SELECT pid FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'filmer' AND pid <> pg_backend_pid()
                ORDER BY random() LIMIT %s) a
            """,
            [most],
        ).rowcount


def checkout(customer: Customer, key: str | None = None, card: Mapping[str, Any] = CARD) -> bytes:
    return request("POST", CHECKOUT, customer, card, key=key)


def halves(conn: psycopg.Connection, accounts: Sequence[int], films: Sequence[str] = FILMS[:2]) -> list[Any]:
    """Accounts that have neither the whole cart of ``fill_carts`` and no order, nor one order of it and no cart."""
    return conn.execute(
        """
        WITH wanted AS (SELECT jsonb_agg(jsonb_build_array(film, place) ORDER BY place) AS lines
                        FROM unnest(%s::text[]) WITH ORDINALITY f(film, place)),
        held AS (
            SELECT a.id,
                (SELECT jsonb_agg(jsonb_build_array(film_id, quantity) ORDER BY place) FROM cart_line
                 WHERE account_id = a.id) AS cart,
                (SELECT jsonb_agg(jsonb_build_array(l.film_id, l.quantity) ORDER BY l.order_id, l.place)
                 FROM shop_order o JOIN order_line l ON l.order_id = o.id WHERE o.account_id = a.id) AS sold,
                (SELECT count(*) FROM shop_order WHERE account_id = a.id) AS orders
            FROM account a WHERE a.id = ANY(%s))
        SELECT h.* FROM held h, wanted w
        WHERE NOT ((h.orders = 0 AND h.cart IS NOT DISTINCT FROM w.lines)
                OR (h.orders = 1 AND h.cart IS NULL AND h.sold IS NOT DISTINCT FROM w.lines))
        """,
        [list(films), list(accounts)],
    ).fetchall()

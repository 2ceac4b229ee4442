"""Signed-in users of a measured database, each with a cart of five films; made by SQL, and deleted again."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from bench import catalogues

from filmer.accounts.passwords import Passwords
from filmer.http.cookies import SESSION_COOKIE
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.shop.cards import put_on_file
from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.engines import connect, in_transaction
from filmer.store.postgres import Connection

LINES = 5  # of each cart
PASSWORD = "correct horse battery"
CARD = {"creditCardId": "4242424242424242", "firstName": "Mary", "lastName": "Major", "expiration": "2099-12"}
# The digest of a second session of each account, which SQL can make of the account's id: a cookie for pgbench.
OF_ACCOUNT = "decode(lpad({}::text, 64, '0'), 'hex')"


class CartUsers:
    """Accounts 1 to ``count``. All have one password, and one card that is nobody's pays for all."""

    def __init__(self, settings: Settings, count: int, password_hash: str) -> None:
        self.settings = settings
        self.count = count
        self.password_hash = password_hash
        self._tokens = [secrets.token_urlsafe(32) for _ in range(count)]

    def cookie(self, account_id: int) -> str:
        return f"{SESSION_COOKIE}={self._tokens[account_id - 1]}"

    def email(self, account_id: int) -> str:
        return f"mary{account_id}@example.com"

    def open(self) -> None:
        with connect(self.settings) as conn, conn.transaction():
            conn.execute(
                """
                INSERT INTO account (email, email_key, first_name, last_name, password, created)
                SELECT e, e, 'Mary', 'Major', %s, now()
                FROM generate_series(1, %s) n, concat('mary', n, '@example.com') e
                """,
                [self.password_hash, self.count],
            )
            digests = [hashlib.sha256(token.encode()).digest() for token in self._tokens]
            conn.execute(
                "INSERT INTO session SELECT d, n, now(), now() FROM unnest(%s::bytea[]) WITH ORDINALITY u(d, n)",
                [digests],
            )
            stand_in = OF_ACCOUNT.format("id")
            conn.execute(f"INSERT INTO session SELECT {stand_in}, id, now(), now() FROM account".encode())
        asyncio.run(in_transaction(self.settings, _put_card_on_file))

    def fill(self, count: int | None = None) -> None:
        """Five films into every cart (or the first so many accounts'), others out, and the tables as after a pause."""
        with connect(self.settings) as conn:
            conn.execute(USE_CURRENT_EDITION)
            with conn.transaction():
                conn.execute("DELETE FROM cart_line")
                conn.execute(
                    # pgbench would take what follows a colon for a variable of its own
                    "CREATE TEMP TABLE chosen ON COMMIT DROP AS "
                    "SELECT id FROM film WHERE title !~ ':' ORDER BY id LIMIT %s",
                    [LINES],
                )
                conn.execute("INSERT INTO film_in_use SELECT id FROM chosen ON CONFLICT DO NOTHING")
                conn.execute(
                    """
                    INSERT INTO cart_line (account_id, film_id, quantity, price)
                    SELECT a.id, c.id, 2, 4.99 FROM account a, chosen c WHERE a.id <= %s ORDER BY a.id, c.id
                    """,
                    [self.count if count is None else count],
                )
                conn.execute("UPDATE session SET used = now()")
            conn.execute("VACUUM ANALYZE cart_line, session, guess, account, shop_order, order_line, checkout_key")

    def effect(self) -> list[int]:
        """How many orders, order lines and kept keys there are, and lines in carts."""
        counts = []
        with connect(self.settings) as conn:
            for table in ("shop_order", "order_line", "checkout_key", "cart_line"):
                row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
                counts.append(row[0] if row else 0)
        return counts


@contextmanager
def cart_users(settings: Settings, count: int) -> Iterator[CartUsers]:
    """In a database of bench/out, whose accounts and orders are all ours."""
    assert str(catalogues.OUT) in str(settings.data_dir)
    password_hash = asyncio.run(Passwords(threads=1).hash(PASSWORD))
    _clear(settings)
    try:
        users = CartUsers(settings, count, password_hash)
        users.open()
        yield users
    finally:
        _clear(settings)


def _clear(settings: Settings) -> None:
    with connect(settings) as conn:
        conn.execute("TRUNCATE account, card, guess, film_in_use RESTART IDENTITY CASCADE")


async def _put_card_on_file(conn: Connection, settings: Settings) -> None:
    number, first, last, month = CARD.values()
    secret = SecretKey(settings)
    await put_on_file(conn, secret, number, first_name=first, last_name=last, expiration=month, account_id=None)

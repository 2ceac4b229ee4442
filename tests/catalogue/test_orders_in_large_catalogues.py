"""What a cart and its order cost does not depend on how many films there are."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from tests.catalogue.conftest import Catalogue
from tests.connections import fetch, fetch_value
from tests.users import open_account

from filmer.shop import queries
from filmer.shop.cart import locked_cart
from filmer.shop.checkout_attempt import CheckoutAttempt
from filmer.shop.payment import PresentedCard
from filmer.store.postgres import Connection, Database

ORDERS = 8  # from the sixth on, PostgreSQL runs a statement by a plan that it made for all carts
FEW = 10  # rows of films for a cart of one


def test_a_cart_of_one_film_reads_few_films(catalogue: Catalogue) -> None:
    """Where carts held the first films by id when PostgreSQL looked, it merged carts and films, up to the cart's."""
    url = catalogue.database_url
    person, other = open_account(url), open_account(url)
    last = fetch_value(url, "SELECT max(id) FROM film")
    fetch(url, "INSERT INTO film_in_use SELECT id FROM film ORDER BY id LIMIT 5")
    lines = "SELECT %s, film_id, 1, 5 FROM film_in_use"
    fetch(url, f"INSERT INTO cart_line (account_id, film_id, quantity, price) {lines}", other.id)
    fetch(url, "VACUUM ANALYZE cart_line")
    fetch(url, "DELETE FROM cart_line")
    fetch(url, "VACUUM ANALYZE cart_line")
    read = asyncio.run(_order_again_and_again(url, person.id, last))
    assert max(read) <= FEW, read


async def _order_again_and_again(url: str, account_id: int, film_id: str) -> list[int]:
    """The rows of films that were read for each order."""
    database = Database(url, size=1)
    await database.open()
    try:
        async with database.connection() as conn:
            read = [await _read_of_films(conn)]
            for number in range(1, ORDERS + 1):
                await _order(conn, account_id, film_id, number)
                read.append(await _read_of_films(conn))
    finally:
        await database.close()
    return [after - before for before, after in pairwise(read)]


async def _order(conn: Connection, account_id: int, film_id: str, number: int) -> None:
    now = datetime.now(UTC)
    attempt = CheckoutAttempt(account_id, PresentedCard("", "", "", ""), b"%032d" % number, f"{number}", "", 0.0)
    async with locked_cart(conn, account_id, for_new_film=True):
        await queries.add_line(conn, account_id, film_id, 1, Decimal(5))
    assert len(await queries.select_lines(conn, account_id, Decimal(5))) == 1
    since = now - timedelta(days=1)
    due = await queries.select_due(conn, attempt, age=0.0, last=None, since=since, subjects=[])
    assert due.titles == 1
    async with locked_cart(conn, account_id):
        sold = await queries.sell_lines(
            conn, attempt, number, [number], last=due.last, since=since, placed=now, payment="card on file",
            is_captured=True,
        )  # fmt: skip
    assert not isinstance(sold, queries.StoredReceipt)
    assert [sale.film_id for sale in sold] == [film_id]


async def _read_of_films(conn: Connection) -> int:
    await conn.execute("SELECT pg_stat_force_next_flush()")
    statement = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname = 'film'"
    row = await (await conn.execute(statement)).fetchone()
    assert row is not None
    return int(row[0])

"""A process that has not heard of an import yet: what it writes follows the database, not its own edition."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import import_films
from tests.connections import fetch_value
from tests.users import CARD, open_account

from filmer.clock import SystemClock
from filmer.community.queries import insert_film_in_use
from filmer.errors import NotFound
from filmer.rentals.sales import Sales
from filmer.shop.cart import Carts, locked_cart
from filmer.shop.checkout_attempt import CheckoutAttempt
from filmer.shop.payment import PresentedCard
from filmer.shop.queries import sell_lines
from filmer.store.postgres import Connection, Database

BOTH, FORMER, LATTER = "both", "former", "latter"  # films, by the editions they are in
TMDB_ID = 4711


def after_an_import(database_url: str, folder: Path, work: Callable[[Connection], Awaitable[None]]) -> None:
    """Works with a connection that still reads the edition before, whose schema is gone."""
    for name in (FORMER, LATTER):
        lines = ["id,title,tmdb_id", f"{BOTH},Both,", f"{name},{name.title()},{TMDB_ID if name == LATTER else ''}"]
        (folder / f"{name}.csv").write_text("\n".join(lines), "utf-8")

    async def run() -> None:
        database = Database(database_url, size=1)
        await database.open()
        try:
            async with database.connection() as conn:
                edition = database.edition = conn.edition
            await asyncio.to_thread(import_films, database_url, folder / f"{LATTER}.csv")
            async with database.connection() as conn:
                assert conn.edition == edition, "it would follow, and the test show nothing"
                await work(conn)
        finally:
            await database.close()

    import_films(database_url, folder / f"{FORMER}.csv")
    asyncio.run(run())


def test_a_film_of_the_new_edition_is_put_into_a_cart_and_sold(database_url: str, tmp_path: Path) -> None:
    account = open_account(database_url).id
    carts = Carts(Decimal(5), Sales(SystemClock(), start_days=30, hours=48))

    async def work(conn: Connection) -> None:
        lines = await carts.add(conn, account, LATTER, 2, is_shown=False)
        assert [line.title for line in lines] == ["Latter"]
        card = PresentedCard(CARD["creditCardId"], CARD["firstName"], CARD["lastName"], CARD["expiration"])
        attempt = CheckoutAttempt(account, card, b"submission", key=None, address="", arrived=0)
        now = datetime.now(UTC)
        async with locked_cart(conn, account):
            sold = await sell_lines(
                conn, attempt, 1, [2],
                last=0, since=now, placed=now, payment="", last_four=None, is_captured=True,
            )  # fmt: skip
            assert isinstance(sold, list)
            assert [sale.title for sale in sold] == ["Latter"]

    after_an_import(database_url, tmp_path, work)


def test_a_film_that_is_gone_is_not_put_into_a_cart(database_url: str, tmp_path: Path) -> None:
    account = open_account(database_url).id

    async def work(conn: Connection) -> None:
        with pytest.raises(NotFound):
            await Carts(Decimal(5), Sales(SystemClock(), start_days=30, hours=48)).add(conn, account, FORMER, 1)

    after_an_import(database_url, tmp_path, work)
    assert fetch_value(database_url, "SELECT count(*) FROM film_in_use") == 0


def test_a_film_of_the_new_edition_is_in_use_when_somebody_favours_it(database_url: str, tmp_path: Path) -> None:
    async def work(conn: Connection) -> None:
        async with conn.transaction():
            await insert_film_in_use(conn, TMDB_ID)

    after_an_import(database_url, tmp_path, work)
    assert fetch_value(database_url, "SELECT film_id FROM film_in_use") == LATTER

"""How many messages an addition to a cart and a checkout send to PostgreSQL: each costs more than most statements."""

import asyncio
import json

import psycopg
import pytest
from bench.in_process import TimedClient, in_process
from bench.sql_recording import Statement, recording
from tests.conftest import SECRET_KEY, MakeDatabase
from tests.shop import stress_shop
from tests.users import CARD

from filmer.settings import Settings

ROUNDS = 6  # the first ones find connections that have not been used yet


async def sent_by(shop: TimedClient, path: str, body: object, headers: list[tuple[bytes, bytes]]) -> list[Statement]:
    with recording() as statements:
        response = await shop.post(path, json.dumps(body).encode(), headers)
    assert response.status == 200, response.body
    return statements


@pytest.mark.parametrize("has_key", [True, False])
def test_from_cart_to_order(make_database: MakeDatabase, *, has_key: bool) -> None:
    url = make_database()
    stress_shop.open_shop(url)
    (customer,) = stress_shop.customers(url, 1)
    cookie = (b"cookie", f"JSESSIONID={customer.cookie}".encode())

    async def buy() -> tuple[list[Statement], list[Statement]]:
        async with in_process(Settings(database_url=url, secret_key=SECRET_KEY, pool_size=2)) as shop:
            for number in range(ROUNDS):
                key = [(b"idempotency-key", str(number).encode())] if has_key else []
                added = await sent_by(shop, "/api/v1/cart/items", {"movieId": stress_shop.FILMS[0]}, [cookie])
                sold = await sent_by(shop, "/api/v1/checkout", CARD, [cookie, *key])
        return added, sold

    added, sold = asyncio.run(buy())
    assert [len(added), len(sold)] == [5, 8], [statement.text for statement in added + sold]
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM shop_order").fetchone() == (ROUNDS,)
        assert conn.execute("SELECT count(*) FROM checkout_key").fetchone() == (ROUNDS if has_key else 0,)
        assert conn.execute("SELECT count(*) FROM cart_line").fetchone() == (0,)

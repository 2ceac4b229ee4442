"""Sums of days that are over are what the orders add up to, whatever is changed afterwards (decision 0036)."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import MakeDatabase
from tests.current_edition import connect
from tests.in_process import MovedClock
from tests.storefront.office.test_takings import DAYS, FIRST, draw_order, insert
from tests.users import open_account

from filmer.office import takings, takings_queries
from filmer.office.takings import Period
from filmer.store.connecting import CancellableConnection
from filmer.store.postgres import Connection, Database

LAST = FIRST + timedelta(days=DAYS + 40)
# Each is of a random order. A film's id is in its lines, a moment in ``%(at)s``.
CHANGES = [
    "UPDATE shop_order SET captured = %(at)s WHERE id = %(id)s",
    "UPDATE shop_order SET placed = %(at)s WHERE id = %(id)s",
    "DELETE FROM cancellation WHERE order_id = %(id)s",
    "UPDATE cancellation SET cancelled = %(at)s, answered = NULL, refund = 'initiated' WHERE order_id = %(id)s",
    "UPDATE cancellation SET refund = 'completed', answered = %(at)s WHERE order_id = %(id)s AND amount > 0",
    """
    INSERT INTO cancellation (order_id, reason, cancelled, amount, refund)
    SELECT id, '', %(at)s, total, 'initiated' FROM shop_order WHERE id = %(id)s AND captured IS NOT NULL
    ON CONFLICT DO NOTHING
    """,
]


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase) -> str:
    return make_database(films=True)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Database, Connection]]:
    """The pools, and a connection that is lent for as long as the test needs."""
    database = Database(url, size=2)
    await database.open()
    async with await CancellableConnection.connect(url, autocommit=True, options="-c timezone=UTC") as conn:
        await conn.execute("SELECT set_config('search_path', schema || ', public', false) FROM edition")
        yield database, conn
    await database.close()


async def shown(conn: Connection, periods: list[Period]) -> list[Any]:
    """All that is shown of the periods."""
    found: list[Any] = []
    for period in periods:
        span = {"first": period.first, "last": period.last}
        found += [await takings_queries.select_days(conn, **span, unit=unit) for unit in ("day", "month")]
        for select in (takings_queries.select_film_parts, takings_queries.select_genre_parts):
            found.append(await select(conn, before=period.before.first, **span))
    row = await (await conn.execute("SELECT sum(orders), sum(sold), sum(refunded) FROM takings")).fetchone()
    return [*found, row]


async def reckoned(conn: Connection, periods: list[Period]) -> list[Any]:
    """The same without any sum."""
    async with conn.transaction(force_rollback=True):
        await conn.execute("TRUNCATE takings_day, takings_film")
        return await shown(conn, periods)


def draw_period(draw: random.Random) -> Period:
    """Any, or one that begins or ends with a month."""
    first, last = sorted(FIRST + timedelta(days=draw.randrange(-40, DAYS + 80)) for _ in range(2))
    first = draw.choice([first, first.replace(day=1)])
    return Period(first, draw.choice([last, max(first, last.replace(day=1) - timedelta(days=1))]))


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_those_of_the_orders(url: str, seed: int) -> None:
    draw = random.Random(seed)
    person = open_account(url)
    with connect(url) as conn:
        conn.execute("TRUNCATE shop_order, takings_day, takings_film CASCADE")
        films = [row[0] for row in conn.execute("SELECT id FROM film ORDER BY id LIMIT 6")]
        drawn = [draw_order(draw, number, [*films, "gone"]) for number in range(1, 121)]
        for order, payment, placed in drawn[20:]:
            insert(conn, order, payment, placed, person.id)

    async def check() -> None:
        async with opened(url) as (database, reader):
            for step in range(6):
                until = FIRST + timedelta(days=draw.randrange(-5, DAYS + 60))
                clock = MovedClock(datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=2))
                await asyncio.gather(*[takings.tidy(database, clock) for _ in range(draw.choice([1, 2]))])
                periods = [draw_period(draw) for _ in range(4)]
                assert await shown(reader, periods) == await reckoned(reader, periods)
                if step:
                    at = datetime(2025, 10, 20, tzinfo=UTC) + timedelta(hours=draw.randrange(24 * 150))
                    await reader.execute(draw.choice(CHANGES).encode(), {"id": draw.randrange(21, 121), "at": at})
                    order, payment, placed = drawn[step]
                    with connect(url) as conn:  # one that comes late, as from a process whose clock is wrong by weeks
                        insert(conn, order, payment, placed, person.id)
                    assert await shown(reader, periods) == await reckoned(reader, periods), "before it is summed anew"

    asyncio.run(check())


def test_a_day_is_summed_a_day_after_its_end_and_once(url: str) -> None:
    day, noon, person = date(2026, 3, 10), datetime(2026, 3, 10, 12, tzinfo=UTC), open_account(url)

    async def check() -> None:
        async with opened(url) as (database, conn):
            await conn.execute("TRUNCATE shop_order, takings_day, takings_film CASCADE")
            await conn.execute(
                """
                INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured)
                VALUES (1, %s, %s, %s, 1, 5, '', 'pi_1', %s)
                """,
                [person.id, noon, noon, noon],
            )
            await conn.execute(
                "INSERT INTO order_line (id, order_id, place, film_id, title, quantity, price)"
                " VALUES (1, 1, 1, 'f', 'F', 1, 5)"
            )
            summed = []
            for late in (23, 47, 48, 49):
                await takings.tidy(database, MovedClock(noon.replace(hour=0) + timedelta(hours=late)))
                rows = await (await conn.execute("SELECT day, orders, sold FROM takings_day")).fetchall()
                summed.append(rows)
            assert summed == [[], [], [(day, 1, Decimal(5))], [(day, 1, Decimal(5))]]
            films = await (
                await conn.execute("SELECT begins, film_id, units, sold, xmin::text FROM takings_film")
            ).fetchall()
            await takings.tidy(database, MovedClock(noon + timedelta(days=2)))
            assert [row[:4] for row in films] == [(day, "f", 1, Decimal(5))]
            again = await (
                await conn.execute("SELECT begins, film_id, units, sold, xmin::text FROM takings_film")
            ).fetchall()
            assert again == films

    asyncio.run(check())

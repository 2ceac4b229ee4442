"""The statements a handler sends, over psycopg to the same server: what of an answer's time is filmer's own.

They are recorded from the second answer to an address, when what is counted once has been counted.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable

import psycopg
from bench import catalogues
from bench.cart_users import CartUsers, cart_users
from bench.in_process import TimedClient, in_process
from bench.request_mix import API, RequestMix
from bench.results import Row, Rows, middle_half
from bench.sql_recording import Statement, recording
from bench.timing import TimedRequest, Times, interleaved, require_ok, timed_requests

from filmer.store.connecting import USE_CURRENT_EDITION

ADDRESSES = 40
EACH = 40
KINDS = (
    "films, any page of any order", "a film", "a star", "search, a realistic mix", "suggestions", "a film, as a page",
)  # fmt: skip
CART = "a signed-in cart"


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings, cart_users(settings, 1) as users:
        users.fill()
        times = asyncio.run(_timed(users, catalogues.ROUNDS[scale]))
    for what in (*KINDS, CART):
        yield _row(what, times[what], times[f"{what}: bare"])


async def _timed(users: CartUsers, rounds: int) -> dict[str, Times]:
    async with (
        in_process(users.settings) as filmer,
        await psycopg.AsyncConnection.connect(users.settings.database_url or "", autocommit=True) as conn,
    ):
        await conn.execute(USE_CURRENT_EDITION)
        kinds = (await RequestMix.of(filmer)).kinds()
        drawn = {what: [kinds[what]() for _ in range(ADDRESSES)] for what in KINDS}
        asks: dict[str, TimedRequest] = {}
        for what, addresses in {**drawn, CART: [f"{API}/cart"]}.items():
            cookie = users.cookie(1) if what == CART else ""
            sent = [await _sent(filmer, address, cookie) for address in addresses]
            asks[what] = timed_requests(filmer, _drawing(addresses), cookie)
            asks[f"{what}: bare"] = _sending(conn, sent)
        return await interleaved(asks, rounds=rounds, each=EACH, warm=2 * ADDRESSES)


def _drawing(addresses: list[str]) -> Callable[[], str]:
    draw = random.Random(1)
    return lambda: draw.choice(addresses)


async def _sent(filmer: TimedClient, address: str, cookie: str) -> list[Statement]:
    require_ok(address, await filmer.get(address, cookie))
    with recording() as sent:
        require_ok(address, await filmer.get(address, cookie))
    return sent


def _sending(conn: psycopg.AsyncConnection, recorded: list[list[Statement]]) -> TimedRequest:
    """The statements of one address after another, in the order in which ``_drawing`` draws them."""
    draw = random.Random(1)

    async def send() -> float:
        begun = time.perf_counter()
        for statement in draw.choice(recorded):
            cursor = await conn.execute(statement.query, statement.parameters)
            if cursor.description:
                await cursor.fetchall()
        return (time.perf_counter() - begun) * 1000

    return send


def _row(what: str, ours: Times, bare: Times) -> Row:
    ratios = [mine / its for mine, its in zip(ours.medians, bare.medians, strict=True)]
    return Row(
        f"{what}, uncached: median",
        f"{ours.median:.2f} ms",
        f"{bare.median:.2f} ms: the same SQL alone",
        statistics.median(ratios),
        spread=middle_half(ratios),
        rounds={"filmer": ours.medians, "reference": bare.medians},
    )

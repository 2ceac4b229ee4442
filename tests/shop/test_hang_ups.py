"""Callers who hang up (RST) at any moment leave nothing behind (promise 21).

``FILMER_TRUST_HANG_UPS=5000`` hangs up more often.
"""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.connections import close_connections
from tests.figures import record_figure
from tests.machine import at_most
from tests.raw_connections import Customer, RawConnection, open_connections, request
from tests.server_processes import eventually
from tests.shop import stress_shop
from tests.shop.stress_shop import FILMS, ITEMS
from tests.users import CARD, LOGIN

pytestmark = pytest.mark.proof

HANG_UPS = int(os.environ.get("FILMER_TRUST_HANG_UPS") or 80)
SIDE_BY_SIDE = 8
WORKERS, POOL = 2, 8


def requests(customer: Customer) -> list[bytes]:
    """All that the shop can be asked, but the checkout."""
    film, quantity = FILMS[0], {"quantity": 3}
    return [
        request("GET", "/api/v1/cart", customer),
        request("DELETE", "/api/v1/cart", customer),
        request("POST", ITEMS, customer, {"movieId": film, **quantity}),
        request("PUT", f"{ITEMS}/{film}", customer, quantity),
        request("DELETE", f"{ITEMS}/{film}", customer),
        request("GET", "/api/v1/orders", customer),
        request("GET", "/api/v1/orders/1", customer),
        request("GET", "/api/v1/auth/session", customer),
        request("GET", "/api/v1/movies?page=2"),
        request("GET", "/api/v1/health"),
        request("POST", LOGIN, None, {"email": "nobody@example.com", "password": "not this one"}),
        request("POST", "/api/v1/auth/logout", customer),
    ]


def hang_up(port: int, sent: bytes, longest: float, draw: random.Random) -> None:
    """Anywhere: while the request is being sent, worked on, or answered. ``longest``: seconds until then."""
    connection = RawConnection(port)
    connection.send(sent if draw.random() < 0.8 else sent[: draw.randrange(len(sent))])
    time.sleep(draw.uniform(0, longest))
    connection.reset()


def seconds_of_a_checkout(conn: psycopg.Connection[tuple[object, ...]], port: int, patient: list[Customer]) -> float:
    """On this machine, at this moment: the least of some, by customers who wait for the answer."""
    stress_shop.fill_carts(conn, [customer.account_id for customer in patient])
    took = []
    for customer in patient:
        with RawConnection(port) as connection:
            begun = time.monotonic()
            assert connection.round_trip(stress_shop.checkout(customer, "patience")).status == 200
            took.append(time.monotonic() - begun)
    return min(took)


@pytest.mark.timeout(600)
def test_hanging_up_leaves_nothing_behind(make_database: MakeDatabase, serve: Serve) -> None:
    database = make_database()
    stress_shop.open_shop(database)
    server: Server = serve(database, FILMER_WORKERS=str(WORKERS), FILMER_POOL_SIZE=str(POOL))
    quiet = server.output()
    buyers = stress_shop.customers(database, HANG_UPS // 2)
    patient = stress_shop.customers(database, 3)
    lookers = stress_shop.customers(database, HANG_UPS // 20)
    with psycopg.connect(database, autocommit=True) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in buyers])
        keys = [f"key {number}" if number % 2 else None for number in range(len(buyers))]
        draw = random.Random(21)
        sent = [stress_shop.checkout(customer, key) for customer, key in zip(buyers, keys, strict=True)]
        sent += [draw.choice(requests(draw.choice(lookers))) for _ in range(HANG_UPS - len(sent))]
        draw.shuffle(sent)
        longest = SIDE_BY_SIDE * seconds_of_a_checkout(conn, server.port, patient)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(lambda customer: hang_up(server.port, customer, longest, random.Random(customer)), sent))

        begun = time.monotonic()
        with RawConnection(server.port) as connection:
            assert connection.round_trip(request("GET", "/api/v1/health")).status == 200
        answered = time.monotonic() - begun
        at_most(5, since=begun)  # the server is not busy any more with those who are gone

        close_connections(database)  # this test's own

        def is_calm() -> bool:
            doing = stress_shop.activity(conn)
            most = WORKERS * POOL + WORKERS  # and the connection that hears of imports
            return set(doing) <= {"idle", "carts locked"} and not doing["carts locked"] and doing["idle"] <= most

        assert eventually(is_calm), stress_shop.activity(conn)
        assert not stress_shop.audit(conn)
        assert not stress_shop.halves(conn, [customer.account_id for customer in buyers])
        bought = {row[0] for row in conn.execute("SELECT account_id FROM shop_order")} - {o.account_id for o in patient}
        assert bought, "nobody hung up late enough for this to show anything"
        assert len(bought) < len(buyers), "nobody hung up early enough for this to show anything"

        # Every connection of the pools still works: more customers at once than there are connections.
        with open_connections(server.port, 3 * WORKERS * POOL) as connections:
            for number, connection in enumerate(connections):
                connection.send(stress_shop.checkout(buyers[number % len(buyers)], keys[number % len(buyers)], CARD))
            replies = [connection.receive() for connection in connections]
        for number, reply in enumerate(replies):
            is_late = keys[number % len(buyers)] is None and reply.status == 400
            assert reply.status == 200 or is_late, reply
        assert not stress_shop.audit(conn)
        assert not stress_shop.halves(conn, [customer.account_id for customer in buyers])
    noise = server.output().removeprefix(quiet).splitlines()
    assert len(noise) <= 2 + HANG_UPS // 100, noise[:20]
    record_figure(f"{HANG_UPS} hung up, {len(bought)} orders whole, 0 halves; next answer in {answered * 1000:.0f} ms")

"""One cart gives one order, however often it is submitted at once (contract §6.4; promise 1).

``FILMER_TRUST_ROUNDS=500`` submits more often.
"""

import os

import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.raw_connections import RawConnection, RawResponse, open_connections
from tests.shop import stress_shop

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

ROUNDS = int(os.environ.get("FILMER_TRUST_ROUNDS") or 5)
AT_ONCE = 64


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    url = make_database()
    stress_shop.open_shop(url)
    return url


@pytest.fixture(scope="module")
def server(database: str, serve: Serve) -> Server:
    running: Server = serve(database, FILMER_WORKERS="4", FILMER_LOG_LEVEL="warning")
    return running


def submit_at_once(server: Server, submit: bytes) -> list[RawResponse]:
    with open_connections(server.port, AT_ONCE) as connections:
        for connection in connections:
            connection.send(submit)
        return [connection.receive() for connection in connections]


def is_empty_cart(response: RawResponse) -> bool:
    return response.status == 400 and b'"reason":"Cart is empty"' in response.body


def orders_of(conn: psycopg.Connection, account_id: int) -> list[int]:
    return [row[0] for row in conn.execute("SELECT id FROM shop_order WHERE account_id = %s", [account_id])]


@pytest.mark.timeout(1500)
def test_submits_with_one_key_get_one_answer(server: Server, database: str) -> None:
    people = stress_shop.customers(database, ROUNDS)
    with psycopg.connect(database, autocommit=True) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in people])
        for number, customer in enumerate(people):
            submit = stress_shop.checkout(customer, f"key {number}")
            responses = submit_at_once(server, submit)
            with RawConnection(server.port) as connection:  # and one that comes late
                responses.append(connection.round_trip(submit))
            assert {response.status for response in responses} == {200}, [
                response for response in responses if response.status != 200
            ]
            assert len({response.body for response in responses}) == 1
            assert orders_of(conn, customer.account_id) == [responses[0].data["orderId"]]
        assert not stress_shop.audit(conn)
    record_figure(f"with a key: {ROUNDS} times {AT_ONCE} equal answers")


@pytest.mark.timeout(1500)
def test_submits_without_a_key_get_one_order_and_a_later_one_an_empty_cart(server: Server, database: str) -> None:
    """Some are read only after the order was committed: the server can't know when they were sent (decision 0019)."""
    people = stress_shop.customers(database, ROUNDS)
    late = 0
    with psycopg.connect(database, autocommit=True) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in people])
        for customer in people:
            submit = stress_shop.checkout(customer)
            responses = submit_at_once(server, submit)
            orders_placed = [response for response in responses if not is_empty_cart(response)]
            assert {response.status for response in orders_placed} == {200}, [
                response for response in orders_placed if response.status != 200
            ]
            assert len({response.body for response in orders_placed}) == 1
            assert orders_of(conn, customer.account_id) == [orders_placed[0].data["orderId"]]
            late += len(responses) - len(orders_placed)
            with RawConnection(server.port) as connection:
                assert is_empty_cart(connection.round_trip(submit))
        assert not stress_shop.audit(conn)
    record_figure(f"without: {ROUNDS} times {AT_ONCE}, one order each; {late} came later and found an empty cart")


def test_a_submit_after_the_answer_is_another_one(server: Server, database: str) -> None:
    """Not even at once: what its sender knew is that the cart had become an order."""
    (customer,) = stress_shop.customers(database, 1)
    submit = stress_shop.checkout(customer)
    with (
        psycopg.connect(database, autocommit=True) as conn,
        RawConnection(server.port) as first,
        RawConnection(server.port) as second,
    ):
        for _ in range(3):
            stress_shop.fill_carts(conn, [customer.account_id])
            assert first.round_trip(submit).status == 200
            assert is_empty_cart(second.round_trip(submit))
        assert len(orders_of(conn, customer.account_id)) == 3

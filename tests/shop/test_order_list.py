"""The office's list of orders: each filter's pages, forwards and backwards, hold what plain Python finds."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch, in_database
from tests.users import open_account

from filmer.shop import order_list_queries
from filmer.shop.order_list_queries import OLDEST_FIRST, OrderFilter, OrderPage, select_orders_page
from filmer.store.postgres import Connection

SIZE = 7
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
PAYMENTS = {"cards": "card on file 4217", "counter": "counter", "stripe": "pi_1", "free": "nothing to pay"}
FILTERS = [
    OrderFilter(),
    *(OrderFilter(state=state) for state in ("unpaid", "paid", "cancelled", "owed")),
    *(OrderFilter(payment=kind) for kind in ("cards", "counter", "stripe", "free")),
    OrderFilter(state="cancelled", payment="cards", since=date(2026, 3, 2)),
    OrderFilter(since=date(2026, 3, 3), until=date(2026, 3, 4)),
    OrderFilter(text="ann@example"),
    OrderFilter(text="example", state="paid"),
    OrderFilter(text="nobody"),
]


class Order(NamedTuple):
    id: int
    place: int
    placed: datetime
    email: str
    payment: str
    state: str

    def fulfils(self, wanted: OrderFilter) -> bool:
        state = "cancelled" if self.state == "owed" and wanted.state == "cancelled" else self.state
        return (
            wanted.state in {None, state}
            and wanted.payment in {None, self.payment}
            and (wanted.since is None or self.placed.date() >= wanted.since)
            and (wanted.until is None or self.placed.date() <= wanted.until)
            and wanted.text in self.email
        )


class Shop(NamedTuple):
    url: str
    orders: list[Order]

    def page(self, wanted: OrderFilter, **edge: int) -> OrderPage:
        async def work(conn: Connection) -> OrderPage:
            return await select_orders_page(conn, wanted, before=edge.get("before"), after=edge.get("after"), size=SIZE)

        page: OrderPage = in_database(self.url, work)
        return page


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase) -> Shop:
    """Several orders of each kind were placed at the same moment."""
    url, draw = make_database(films=True), random.Random(4)
    people = {email: open_account(url, email=email).id for email in ("ann@example.com", "bob@example.com")}
    kinds = [*itertools.product(PAYMENTS, ("unpaid", "paid", "cancelled", "owed"), range(5))]
    draw.shuffle(kinds)
    orders = [
        Order(
            id=draw.randrange(10**12),
            place=place,
            placed=BEGUN + timedelta(hours=draw.randrange(100)),
            email=draw.choice([*people]),
            payment=payment,
            state=state,
        )
        for place, (payment, state, _) in enumerate(kinds, 1)
    ]
    for order in orders:
        insert(url, order, people[order.email])
    return Shop(url, orders)


def insert(url: str, order: Order, account: int) -> None:
    values: list[Any] = [order.id, account, order.placed, order.placed, PAYMENTS[order.payment]]
    row = fetch(
        url,
        "INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured)"
        " VALUES (%s, %s, %s, %s, 1, 4.99, '', %s, %s) RETURNING place",
        *values,
        None if order.state == "unpaid" else order.placed,
    )
    assert row == [(order.place,)]
    fetch(url, "INSERT INTO order_line VALUES (%s, %s, 1, 'tt0111161', 'Film', 1994, 1, 4.99)", order.id + 1, order.id)
    if order.state == "unpaid":
        fetch(
            url,
            "INSERT INTO rental (order_id, place, unit, account_id, film_id, way, start_days, hours, state)"
            " VALUES (%s, 1, 1, %s, 'tt0111161', 'watch', 30, 48, 'unpaid')",
            order.id,
            account,
        )
    if order.state in {"cancelled", "owed"}:
        refund = "failed" if order.state == "owed" else "completed"
        fetch(
            url,
            "INSERT INTO cancellation (order_id, reason, cancelled, amount, refund, answered)"
            " VALUES (%s, '', %s, 4.99, %s, %s)",
            order.id,
            order.placed,
            refund,
            order.placed,
        )


@pytest.mark.parametrize("most", [1000, 3])
@pytest.mark.parametrize("wanted", FILTERS)
def test_pages_follow_each_other_and_lead_back(
    shop: Shop, wanted: OrderFilter, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``most``: also where there are more orders, and more people of a name, than are looked up."""
    monkeypatch.setattr(order_list_queries, "MOST_COUNTED", most)
    monkeypatch.setattr(order_list_queries, "MOST_PEOPLE", most // 2)
    found = sorted(
        (order for order in shop.orders if order.fulfils(wanted)), key=lambda each: (each.placed, each.place)
    )
    expected = [order.id for order in (found if wanted.state in OLDEST_FIRST else found[::-1])]
    page, pages = shop.page(wanted), []
    assert page.total == (len(expected) if len(expected) <= most else None)
    while True:
        pages.append([order.id for order in page.orders])
        assert page.has_before == (len(pages) > 1)
        if not page.has_after:
            break
        page = shop.page(wanted, after=pages[-1][-1])
    assert list(itertools.chain.from_iterable(pages)) == expected
    for earlier, later in itertools.pairwise(pages):
        back = shop.page(wanted, before=later[0])
        assert [order.id for order in back.orders] == earlier
        assert (back.has_before, back.has_after) == (earlier is not pages[0], True)

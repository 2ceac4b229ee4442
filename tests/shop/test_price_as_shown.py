"""Promise 5: you pay what you saw. Edits, price changes and checkouts at random, beside a model in plain Python.

SEQUENCES: how many; 5000 in ``make trust``, which has a process for each share. A failure prints what reproduces it
(``@reproduce_failure``).
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.conftest import MakeDatabase
from tests.current_edition import connect, pricing
from tests.figures import record_figure
from tests.shop.conftest import (
    AMELIE,
    BATMAN_BEGINS,
    CART,
    DARK_KNIGHT,
    ITEMS,
    ORDERS,
    SHAWSHANK,
    LocalShop,
    open_store,
    pay,
)
from tests.users import open_account

SEQUENCES = int(os.environ.get("SEQUENCES", "60"))
SHARES = 1 if SEQUENCES < 1000 else 2
STEPS = 30
FILMS = [SHAWSHANK, BATMAN_BEGINS, DARK_KNIGHT, AMELIE]
ACCOUNTS, DEVICES = 3, 2
Line = tuple[str, int, Decimal]

accounts = st.integers(0, ACCOUNTS - 1)
devices = st.integers(0, DEVICES - 1)
films = st.sampled_from(FILMS)
quantities = st.integers(1, 10)
prices = st.one_of(st.none(), st.integers(0, 2500), st.just(99_999_999))  # cents

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(120 + SEQUENCES)]


def lines_of(items: Any) -> list[Line]:
    return [(item["movieId"], item["quantity"], Decimal(str(item["price"]))) for item in items]


def cost(lines: list[Line]) -> Decimal:
    return sum((price * quantity for _, quantity, price in lines), Decimal(0))


class Shopping(RuleBasedStateMachine):
    """``seen``: what each account's last answer showed its cart to be, on whichever device."""

    shop: LocalShop
    conn: psycopg.Connection
    browsers: list[list[httpx.Client]]

    def __init__(self) -> None:
        super().__init__()
        for statement in (
            "DELETE FROM checkout_key",
            "DELETE FROM rental",
            "DELETE FROM pickup",
            "DELETE FROM order_line",
            "DELETE FROM shop_order",
            "DELETE FROM cart_line",
            "DELETE FROM guess",
            "UPDATE film_terms SET price = NULL",
        ):
            self.conn.execute(statement.encode())
        self.catalogue: dict[str, Decimal] = dict.fromkeys(FILMS, Decimal("4.99"))
        self.shown_lines: list[list[Line]] = [[] for _ in range(ACCOUNTS)]
        self.bought: list[list[tuple[int, list[Line]]]] = [[] for _ in range(ACCOUNTS)]
        self.keyed: list[tuple[int, str, bytes]] = []

    def ask(self, account: int, device: int, method: str, address: str, **options: Any) -> httpx.Response:
        return self.browsers[account][device].request(method, address, **options)

    def show(self, account: int, response: httpx.Response, expected: dict[str, int]) -> None:
        """An answer with a cart: these quantities, at the catalogue's prices of this moment."""
        assert response.status_code == 200, response.text
        data = response.json()["data"]
        cart = data.get("cart", data)
        lines = lines_of(cart["items"])
        assert lines == [(film, quantity, self.catalogue[film]) for film, quantity in expected.items()]
        assert [Decimal(str(item["subtotal"])) for item in cart["items"]] == [
            price * count for _, count, price in lines
        ]
        assert Decimal(str(cart["totalPrice"])) == cost(lines)
        assert cart["itemCount"] == sum(expected.values())
        self.shown_lines[account] = lines

    def held(self, account: int) -> dict[str, int]:
        return {film: quantity for film, quantity, _ in self.shown_lines[account]}

    @initialize(data=st.data())
    def fill_carts(self, data: st.DataObject) -> None:
        for account in range(ACCOUNTS):
            for film in data.draw(st.lists(films, min_size=1, unique=True)):
                self.add(account, 0, film, data.draw(quantities))

    def draw_filled(self, data: st.DataObject) -> int:
        """An account with something in its cart: with empty carts there is little to test."""
        return data.draw(st.sampled_from([account for account in range(ACCOUNTS) if self.shown_lines[account]]))

    @rule(account=accounts, device=devices)
    def look(self, account: int, device: int) -> None:
        self.show(account, self.ask(account, device, "GET", CART), self.held(account))

    @rule(account=accounts, device=devices, film=films, quantity=quantities)
    def add(self, account: int, device: int, film: str, quantity: int) -> None:
        response = self.ask(account, device, "POST", ITEMS, json={"movieId": film, "quantity": quantity})
        held = self.held(account)
        if held.get(film, 0) + quantity > 10:
            assert response.status_code == 400
        else:
            self.show(account, response, held | {film: held.get(film, 0) + quantity})

    @rule(account=accounts, device=devices, film=films, quantity=quantities)
    def change(self, account: int, device: int, film: str, quantity: int) -> None:
        response = self.ask(account, device, "PUT", f"{ITEMS}/{film}", json={"quantity": quantity})
        held = self.held(account)
        if film in held:
            self.show(account, response, held | {film: quantity})
        else:
            assert response.status_code == 404

    @rule(account=accounts, device=devices, film=films)
    def remove(self, account: int, device: int, film: str) -> None:
        response = self.ask(account, device, "DELETE", f"{ITEMS}/{film}")
        held = self.held(account)
        if held.pop(film, None):
            self.show(account, response, held)
        else:
            assert response.status_code == 404

    @precondition(lambda self: any(self.shown_lines))
    @rule(data=st.data(), device=devices)
    def clear(self, data: st.DataObject, device: int) -> None:
        account = self.draw_filled(data)
        self.show(account, self.ask(account, device, "DELETE", CART), {})

    @rule(film=films, cents=prices)
    def change_price(self, film: str, cents: int | None) -> None:
        """As an import or an admin does, behind everybody's back."""
        price = None if cents is None else Decimal(cents) / 100
        self.conn.execute(pricing(), [price, film])
        self.catalogue[film] = Decimal("4.99") if price is None else price

    @rule(account=accounts, device=devices)
    def check_out_any(self, account: int, device: int) -> None:
        self.check_out_of(account, device, with_key=True)

    @precondition(lambda self: any(self.shown_lines))
    @rule(data=st.data(), device=devices, with_key=st.booleans())
    def check_out(self, data: st.DataObject, device: int, *, with_key: bool) -> None:
        self.check_out_of(self.draw_filled(data), device, with_key=with_key)

    def check_out_of(self, account: int, device: int, *, with_key: bool) -> None:
        key = f"key {len(self.keyed)}" if with_key else None
        response = pay(self.browsers[account][device], key)
        shown = self.shown_lines[account]
        if not shown:
            assert response.json()["error"]["details"] == {"reason": "Cart is empty"}
            return
        assert response.status_code == 200, response.text
        data = response.json()["data"]
        assert lines_of(data["items"]) == shown, "other lines than were seen"
        assert Decimal(str(data["totalPrice"])) == cost(shown), "another price than was seen"
        self.bought[account].insert(0, (data["orderId"], shown))
        self.shown_lines[account] = []
        if key:
            self.keyed.append((account, key, response.content))

    @rule(account=accounts, device=devices)
    def be_refused(self, account: int, device: int) -> None:
        if self.shown_lines[account] and not cost(self.shown_lines[account]):
            return  # nothing is to be paid, so no card is looked at
        response = pay(self.browsers[account][device], lastName="Minor")
        assert response.status_code == (402 if self.shown_lines[account] else 400)
        self.conn.execute("DELETE FROM guess")

    @precondition(lambda self: self.keyed)
    @rule(data=st.data(), device=devices)
    def submit_again(self, data: st.DataObject, device: int) -> None:
        account, key, content = data.draw(st.sampled_from(self.keyed))
        assert pay(self.browsers[account][device], key).content == content

    @invariant()
    def orders_are_those_that_were_seen(self) -> None:
        stored = self.conn.execute(
            "SELECT o.account_id, o.id, o.total, l.film_id, l.quantity, l.price"
            " FROM shop_order o JOIN order_line l ON l.order_id = o.id ORDER BY o.place DESC, l.place"
        ).fetchall()
        expected = [
            (self.people[account], order, cost(lines), *line)
            for account in range(ACCOUNTS)
            for order, lines in self.bought[account]
            for line in lines
        ]
        assert sorted(stored) == sorted(expected)

    def teardown(self) -> None:
        """What is in the carts in the end, and the lists of orders."""
        for account in range(ACCOUNTS):
            self.show(account, self.ask(account, 0, "GET", CART), self.held(account))
            listed = self.ask(account, 1, "GET", f"{ORDERS}?size=100").json()["data"]["items"]
            assert [(entry["orderId"], Decimal(str(entry["totalPrice"]))) for entry in listed] == [
                (order, cost(lines)) for order, lines in self.bought[account]
            ]

    people: list[int]


@pytest.fixture
def shopping(make_database: MakeDatabase) -> Iterator[type[Shopping]]:
    """The machine, with an application on a database of its own and everybody signed in."""
    url = open_store(make_database)
    with LocalShop(url) as shop, connect(url, autocommit=True) as conn:

        class Here(Shopping):
            pass

        Here.shop, Here.conn = shop, conn
        people = [open_account(url) for _ in range(ACCOUNTS)]
        Here.people = [person.id for person in people]
        Here.browsers = [[_signed_in(shop, conn, person.id) for _ in range(DEVICES)] for person in people]
        yield Here


def _signed_in(shop: LocalShop, conn: psycopg.Connection, account_id: int) -> httpx.Client:
    """Without a password, which takes its time."""
    token = secrets.token_urlsafe(32)
    conn.execute(
        "INSERT INTO session (digest, account_id, created, used) VALUES (%(digest)s, %(account)s, %(now)s, %(now)s)",
        {"digest": hashlib.sha256(token.encode()).digest(), "account": account_id, "now": datetime.now(UTC)},
    )
    return httpx.Client(transport=shop, base_url="http://127.0.0.1", headers={"Cookie": f"JSESSIONID={token}"})


@pytest.mark.parametrize("share", range(SHARES))
def test_you_pay_what_you_saw(shopping: type[Shopping], share: int) -> None:
    run_state_machine_as_test(
        shopping,
        settings=settings(
            max_examples=SEQUENCES // SHARES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            database=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_figure(f"share {share + 1}: {SEQUENCES // SHARES:,} sequences of {STEPS} steps at most, 0 cents")


def test_a_price_nobody_saw_would_be_noticed(shopping: type[Shopping]) -> None:
    """The machine bites: with prices written into the carts behind everybody's back it fails."""

    class Cheated(shopping):  # type: ignore[misc, valid-type]
        @rule(film=films)
        def cheat(self, film: str) -> None:
            dearer = "UPDATE cart_line SET price = least(price, 999999.98) + 0.01 WHERE film_id = %s"
            self.conn.execute(dearer, [film])

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Cheated,
            settings=settings(
                max_examples=60,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )

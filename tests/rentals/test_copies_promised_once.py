"""Promise 35: no copy is promised twice. Customers and counter at random on few copies, beside a model, with kills.

``FILMER_TRUST_COPIES=5000`` sequences in ``make trust``, which has a process for each share.
"""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.figures import record_figure
from tests.in_process import MovedClock
from tests.rentals.conftest import CANCEL, RentalShop, rental_ids
from tests.rentals.test_begins_once import kill_connections
from tests.shop.conftest import AMELIE, CART, DARK_KNIGHT, ITEMS, LocalShop, open_store, pay
from tests.users import open_account

from filmer.errors import Conflict, InvalidOperation

SEQUENCES = int(os.environ.get("FILMER_TRUST_COPIES") or 20)
SHARES = 1 if SEQUENCES < 1000 else 2
STEPS = 20
ACCOUNTS = 3
FILMS = [AMELIE, DARK_KNIGHT]

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(120 + SEQUENCES)]

accounts = st.integers(0, ACCOUNTS - 1)
films = st.sampled_from(FILMS)
quantities = st.integers(1, 3)


def until_answered(client: httpx.Client, key: str) -> int:
    """Repeats a submit with its key, as clients do whose connection or server was lost."""
    while (status := pay(client, key).status_code) >= 500:
        pass
    return status


class Lending(RuleBasedStateMachine):
    """``held``: by film, what each rental does with its copy: "reserved" or "out"."""

    rentals: RentalShop
    browsers: list[httpx.Client]

    def __init__(self) -> None:
        super().__init__()
        fetch(
            self.rentals.url,
            "TRUNCATE rental, pickup, cancellation, checkout_key, order_line, shop_order, cart_line, rental_terms",
        )
        self.copies: dict[str, int | None] = dict.fromkeys(FILMS, 2)
        for film in FILMS:
            self.rentals.set_copies(2, film)
        self.held: dict[str, dict[int, str]] = {film: {} for film in FILMS}
        self.orders: dict[int, tuple[int, str, list[int]]] = {}  # account, film, rentals

    def free(self, film: str) -> int:
        copies = self.copies[film]
        return 99 if copies is None else copies - len(self.held[film])

    def sold(self, account: int, film: str, order: int) -> None:
        ids = rental_ids(self.rentals.url, order)
        self.orders[order] = (account, film, ids)
        self.held[film] |= dict.fromkeys(ids, "reserved")

    @rule(account=accounts, film=films, quantity=quantities)
    def rent(self, account: int, film: str, quantity: int) -> None:
        client = self.browsers[account]
        client.delete(CART)
        added = client.post(ITEMS, json={"movieId": film, "quantity": quantity})
        assert added.status_code == (200 if quantity <= self.free(film) else 409), added.text
        if added.status_code == 200:
            paid = pay(client)
            assert paid.status_code == 200, paid.text
            self.sold(account, film, paid.json()["data"]["orderId"])

    @rule(film=films, kills=st.booleans(), seed=st.integers(0, 99))
    def rent_at_once(self, film: str, seed: int, *, kills: bool) -> None:
        """All customers at once, each a copy; connections may die meanwhile."""
        for client in self.browsers:
            client.delete(CART)
            client.post(ITEMS, json={"movieId": film})
        with ThreadPoolExecutor(ACCOUNTS) as pool:
            key = f"{film} {seed} {len(self.orders)}"
            answers = [pool.submit(until_answered, client, key) for client in self.browsers]
            if kills:
                kill_connections(self.rentals.url, random.Random(seed))
            statuses = [answer.result() for answer in answers]
        assert statuses.count(200) == min(ACCOUNTS, max(0, self.free(film))), statuses
        known = list(self.orders)
        for order, account_id in fetch(
            self.rentals.url, "SELECT id, account_id FROM shop_order WHERE id <> ALL(%s) ORDER BY place", known
        ):
            self.sold(self.people.index(account_id), film, order)

    def draw(self, data: st.DataObject, doing: str) -> tuple[str, int] | None:
        found = [(film, one) for film in FILMS for one, does in self.held[film].items() if does == doing]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data())
    def hand_out(self, data: st.DataObject) -> None:
        if chosen := self.draw(data, "reserved"):
            film, rental = chosen
            self.rentals.counter("hand_out", rental)
            self.held[film][rental] = "out"

    @rule(data=st.data(), is_lost=st.booleans())
    def take_back_or_write_off(self, data: st.DataObject, *, is_lost: bool) -> None:
        if chosen := self.draw(data, "out"):
            film, rental = chosen
            self.rentals.counter("write_off" if is_lost else "take_back", rental)
            del self.held[film][rental]
            copies = self.copies[film]
            if is_lost and copies is not None:
                self.copies[film] = copies - 1

    @rule(data=st.data())
    def hand_out_what_is_out(self, data: st.DataObject) -> None:
        if chosen := self.draw(data, "out"):
            with pytest.raises(InvalidOperation):
                self.rentals.counter("hand_out", chosen[1])

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.orders:
            return
        order = data.draw(st.sampled_from(list(self.orders)))
        account, film, ids = self.orders[order]
        response = self.browsers[account].post(CANCEL, json={"orderId": order})
        may = all(self.held[film].get(rental) == "reserved" for rental in ids)
        assert response.status_code == (200 if may else 400), response.text
        if may:
            for rental in ids:
                del self.held[film][rental]

    @rule(film=films, copies=st.one_of(st.none(), st.integers(0, 4)))
    def set_copies(self, film: str, copies: int | None) -> None:
        try:
            self.rentals.set_copies(copies, film)
        except Conflict:
            assert copies is not None
            assert copies < len(self.held[film])
        else:
            assert copies is None or copies >= len(self.held[film])
            self.copies[film] = copies

    @rule()
    def tidy(self) -> None:
        self.rentals.tidy()

    @invariant()
    def never_more_than_there_are(self) -> None:
        for film in FILMS:
            stock = self.rentals.stock(film)
            assert stock.copies == self.copies[film]
            assert stock.copies is None or stock.out + stock.reserved <= stock.copies
            doing = list(self.held[film].values())
            assert (stock.out, stock.reserved) == (doing.count("out"), doing.count("reserved"))

    people: list[int]


@pytest.fixture
def lending(make_database: MakeDatabase) -> Iterator[type[Lending]]:
    clock = MovedClock()
    with LocalShop(open_store(make_database), clock=clock) as shop:

        class Here(Lending):
            pass

        people = [open_account(shop.url) for _ in range(ACCOUNTS)]
        Here.rentals = RentalShop(shop, clock)
        Here.people = [person.id for person in people]
        Here.browsers = [shop.sign_in(person) for person in people]
        yield Here


def run(machine: type[RuleBasedStateMachine], sequences: int, **others: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            **others,
        ),
    )


@pytest.mark.parametrize("share", range(SHARES))
def test_no_copy_is_promised_twice(lending: type[Lending], share: int) -> None:
    run(lending, SEQUENCES // SHARES, phases=[Phase.explicit, Phase.generate])
    record_figure(f"share {share + 1}: {SEQUENCES // SHARES:,} sequences of {STEPS} steps at most, 0 copies too many")


def test_a_copy_too_many_would_be_noticed(lending: type[Lending], monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine bites: without the check at the sale it fails."""

    async def count_nothing(*_: Any, **__: Any) -> dict[str, int]:
        return {}

    monkeypatch.setattr("filmer.rentals.queries.count_copies_in_use", count_nothing)
    with pytest.raises(AssertionError):
        run(lending, 20, phases=[Phase.generate])

"""Promise 36: cancelled and refunded agree. Cancel, play, hand out and refund at random; the provider fails at random.

``FILMER_TRUST_CANCELS=5000`` sequences in ``make trust``, which has a process for each share.
"""

import os
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from structlog.testing import capture_logs
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.figures import record_figure
from tests.in_process import MovedClock
from tests.rentals.conftest import CANCEL, PICKED_UP, WATCHED, RentalShop, add_feature, rental_ids
from tests.rentals.test_copies_promised_once import STEPS, run
from tests.shop.conftest import CART, LocalShop, open_store, pay, put_in_cart

from filmer.audit.log import command_line
from filmer.errors import FilmerError
from filmer.shop.payment import Authorization, Payment

SEQUENCES = int(os.environ.get("FILMER_TRUST_CANCELS") or 20)
SHARES = 1 if SEQUENCES < 1000 else 2
FAULTS = ("none", "away", "answer lost")

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(120 + SEQUENCES)]


class Till:
    """A provider that keeps accounts: what it charged for each reference, less what it has given back."""

    def __init__(self) -> None:
        self.charged: dict[str, Decimal] = {}
        self.ended: set[str] = set()  # given back, or never to be charged
        self.fault = "none"

    async def authorize(self, payment: Payment) -> Authorization:
        self.charged[payment.reference] = Decimal(0)
        return Authorization(payment.reference, is_captured=False)

    async def capture(self, reference: str, amount: Decimal) -> None:
        self._fail("away")
        if reference not in self.ended:
            self.charged[reference] = amount
        self._fail("answer lost")

    async def refund(self, reference: str, amount: Decimal) -> None:
        self._fail("away")
        assert self.charged[reference] in {amount, Decimal(0)}, "another amount than was charged"
        self.charged[reference] = Decimal(0)
        self.ended.add(reference)
        self._fail("answer lost")

    def _fail(self, fault: str) -> None:
        if self.fault == fault:
            raise TimeoutError(fault)


class Buying(RuleBasedStateMachine):
    """``cancelled``: by order; ``begun``: orders of which a rental began."""

    rentals: RentalShop
    till: Till

    def __init__(self) -> None:
        super().__init__()
        fetch(
            self.rentals.url, "TRUNCATE rental, pickup, cancellation, checkout_key, order_line, shop_order, cart_line"
        )
        self.till.charged.clear()
        self.till.ended.clear()
        self.till.fault = "none"
        self.cancelled: dict[int, bool] = {}
        self.begun: set[int] = set()
        self.films: dict[int, str] = {}
        self.client = self.rentals.client()

    @rule(film=st.sampled_from([WATCHED, PICKED_UP]), quantity=st.integers(1, 2))
    def rent(self, film: str, quantity: int) -> None:
        self.client.delete(CART)
        put_in_cart(self.client, film, quantity)
        with capture_logs():
            order = pay(self.client).json()["data"]["orderId"]
        self.cancelled[order], self.films[order] = False, film

    @rule(fault=st.sampled_from(FAULTS))
    def break_provider(self, fault: str) -> None:
        self.till.fault = fault

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.cancelled:
            order = data.draw(st.sampled_from(list(self.cancelled)))
            with capture_logs():
                status = self.client.post(CANCEL, json={"orderId": order}).status_code
            may = not self.cancelled[order] and order not in self.begun
            assert status == (200 if may else 400)
            self.cancelled[order] |= may

    @rule(data=st.data())
    def cancel_as_owner(self, data: st.DataObject) -> None:
        if self.cancelled:
            order = data.draw(st.sampled_from(list(self.cancelled)))
            cancelling = self.rentals.shop.component("cancelling")
            try:
                self.rentals.run(lambda conn: cancelling.cancel(conn, order, "", by=None, actor=command_line()))
            except FilmerError:
                assert self.cancelled[order]
            self.cancelled[order] = True

    @rule()
    def play(self) -> None:
        alive = [order for order, film in self.films.items() if film == WATCHED and not self.cancelled[order]]
        try:
            begun = self.rentals.begin(WATCHED)
        except FilmerError:
            assert alive == []
        else:
            assert begun.order_id in alive
            self.begun.add(begun.order_id)

    @rule(data=st.data())
    def hand_out(self, data: st.DataObject) -> None:
        picked_up = [order for order, film in self.films.items() if film == PICKED_UP]
        if picked_up:
            order = data.draw(st.sampled_from(picked_up))
            rental = rental_ids(self.rentals.url, order)[0]
            try:
                self.rentals.counter("hand_out", rental)
            except FilmerError:
                assert self.cancelled[order] or order in self.begun
            else:
                assert not self.cancelled[order]
                self.begun.add(order)

    @rule()
    def let_a_minute_pass(self) -> None:
        self.rentals.clock.move(seconds=61)
        self.client = self.rentals.client()
        with capture_logs():
            self.rentals.shop.tidy()
            self.rentals.shop.run(
                self.rentals.shop.component("cancelling").tidy(self.rentals.shop.component("database"))
            )

    @invariant()
    def no_access_to_what_is_refunded_or_owed_back(self) -> None:
        gives = fetch(
            self.rentals.url,
            "SELECT DISTINCT r.order_id FROM rental r WHERE r.state IN ('waiting', 'running', 'unpaid') ORDER BY 1",
        )
        assert [order for (order,) in gives] == sorted(
            order for order, is_cancelled in self.cancelled.items() if not is_cancelled
        )
        for order, is_cancelled in self.cancelled.items():
            if not is_cancelled:
                assert str(order) not in self.till.ended, "given back, and still rented"

    def teardown(self) -> None:
        """Once the provider answers: nothing is kept for what was cancelled, and everything for what was not."""
        self.till.fault = "none"
        self.let_a_minute_pass()
        totals = dict(fetch(self.rentals.url, "SELECT id, total FROM shop_order"))
        assert self.till.charged == {
            str(order): Decimal(0) if is_cancelled else totals[order] for order, is_cancelled in self.cancelled.items()
        }
        refunds = fetch(self.rentals.url, "SELECT DISTINCT refund FROM cancellation")
        assert refunds == [("completed",)] * any(self.cancelled.values())


@pytest.fixture
def buying(make_database: MakeDatabase) -> Iterator[type[Buying]]:
    clock, till = MovedClock(), Till()
    with LocalShop(open_store(make_database), clock=clock, provider=till) as shop:
        shop.component("cancelling")._provider = till
        add_feature(shop.url)

        class Here(Buying):
            pass

        Here.rentals, Here.till = RentalShop(shop, clock), till
        yield Here


@pytest.mark.parametrize("share", range(SHARES))
def test_cancelled_and_refunded_agree(buying: type[Buying], share: int) -> None:
    run(buying, SEQUENCES // SHARES, phases=[Phase.explicit, Phase.generate])
    record_figure(f"share {share + 1}: {SEQUENCES // SHARES:,} sequences of {STEPS} steps at most, all agree")


def test_a_charge_that_is_kept_would_be_noticed(buying: type[Buying], monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine bites: with captures of what was cancelled it fails."""

    async def keep(*_: object) -> None:
        """As if it had given everything back."""

    monkeypatch.setattr(Till, "refund", keep)
    with pytest.raises(AssertionError):
        run(buying, 20, phases=[Phase.generate])

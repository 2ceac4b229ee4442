"""POST /api/v1/orders/cancel, and what becomes of the money (client-api.md; contract §9.4)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.rentals.conftest import CANCEL, PICKED_UP, WATCHED, RentalShop, states
from tests.responses import data_of, error_of, offences_of
from tests.shop.conftest import ORDERS, LocalShop, StartShop, assert_not_cached
from tests.shop.test_payment import Gateway
from tests.shop.test_turns import until
from tests.users import open_account

from filmer.audit.log import command_line
from filmer.clock import timestamp
from filmer.errors import InvalidOperation, NoAccess, ServerLost
from filmer.shop import cancel_queries
from filmer.shop.payment import RefundRefused


class PaidShop(RentalShop):
    """A shop whose payments are a gateway's."""

    def __init__(self, shop: LocalShop, clock: MovedClock) -> None:
        super().__init__(shop, clock)
        self.gateway = Gateway()
        self.cancelling = shop.component("cancelling")
        self.cancelling._provider = shop.checkout._provider = self.gateway

    def cancel(self, order: int, **others: Any) -> httpx.Response:
        return self.client().post(CANCEL, json={"orderId": order, **others})

    def tidy_refunds(self) -> None:
        self.shop.run(self.cancelling.tidy(self.shop.component("database")))

    def refund(self, order: int) -> str:
        return str(data_of(self.client().get(f"{ORDERS}/{order}/refund"))["refundStatus"])

    def cancel_as_owner(self, order: int) -> Any:
        admin = open_account(self.url, role="admin")
        return self.run(
            lambda conn: self.cancelling.cancel(conn, order, "the disc is broken", by=admin.id, actor=command_line())
        )


@pytest.fixture
def paid_shop(rentals: RentalShop) -> PaidShop:
    return PaidShop(rentals.shop, rentals.clock)


def test_what_is_cancelled_is_answered_although_the_database_goes_away_before_the_refund(
    paid_shop: PaidShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = paid_shop.buy(WATCHED)

    async def lost(*_: object) -> None:
        raise ServerLost("gone")

    with monkeypatch.context() as patched, capture_logs():
        patched.setattr(cancel_queries, "select_owed_refund", lost)
        assert data_of(paid_shop.cancel(order))["newStatus"] == "CANCELLED"
    assert paid_shop.refund(order) == "INITIATED"
    paid_shop.clock.move(minutes=10)
    paid_shop.tidy_refunds()
    assert paid_shop.refund(order) == "COMPLETED"


def test_the_answer_is_as_client_api_prints_it(paid_shop: PaidShop) -> None:
    order = paid_shop.buy(WATCHED, 2)
    response = paid_shop.client().post(CANCEL, json={"orderId": str(order), "reason": "ordered twice"})
    assert data_of(response) == {
        "orderId": order,
        "previousStatus": "PAID",
        "newStatus": "CANCELLED",
        "refundAmount": 9.98,
        "refundStatus": "INITIATED",
        "reason": "ordered twice",
        "cancelledAt": timestamp(paid_shop.clock.now()),
    }
    assert_not_cached(response)
    assert paid_shop.gateway.refunded == [(f"gateway {order}", Decimal("9.98"))]


def test_access_and_reservations_end_at_once(paid_shop: PaidShop) -> None:
    kept, order = paid_shop.buy(PICKED_UP), paid_shop.buy(WATCHED)
    assert data_of(paid_shop.cancel(order))["reason"] is None
    assert not paid_shop.has_access(WATCHED)
    assert states(paid_shop.url, order) == ["cancelled"]
    assert states(paid_shop.url, kept) == ["waiting"]
    with pytest.raises(NoAccess):
        paid_shop.begin(WATCHED)


def test_within_24_hours_of_payment(paid_shop: PaidShop) -> None:
    orders = [paid_shop.buy(), paid_shop.buy()]
    paid_shop.clock.move(hours=23, minutes=59, seconds=59)
    assert data_of(paid_shop.cancel(orders[0]))["newStatus"] == "CANCELLED"
    paid_shop.clock.move(seconds=1)
    error_of(paid_shop.cancel(orders[1]), 400, "INVALID_OPERATION")
    assert states(paid_shop.url) == ["cancelled", "waiting"]
    assert len(paid_shop.gateway.refunded) == 1


def test_the_hours_are_a_setting(start_shop: StartShop, clock: MovedClock) -> None:
    shop = PaidShop(start_shop(clock=clock, cancel_hours=0), clock)
    error_of(shop.cancel(shop.buy()), 400, "INVALID_OPERATION")


@pytest.mark.parametrize("what", ["runs", "is over", "was cancelled"])
def test_not_once_a_rental_of_it(paid_shop: PaidShop, what: str) -> None:
    order = paid_shop.buy(WATCHED, 2)
    if what == "was cancelled":
        assert data_of(paid_shop.cancel(order))
    else:
        paid_shop.begin()
        paid_shop.clock.move(hours=23)
    if what == "is over":
        fetch(paid_shop.url, "UPDATE rental SET ends_at = now() - interval '1 year' WHERE state = 'running'")
    error_of(paid_shop.cancel(order), 400, "INVALID_OPERATION")
    assert len(paid_shop.gateway.refunded) == (what == "was cancelled")


def test_an_unpaid_order_gives_nothing_back(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    fetch(paid_shop.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    paid_shop.clock.move(days=2)
    cancelled = data_of(paid_shop.cancel(order))
    assert (cancelled["previousStatus"], cancelled["refundAmount"]) == ("UNPAID", 0)
    assert cancelled["refundStatus"] == "NOT_REQUESTED"
    assert paid_shop.refund(order) == "NOT_REQUESTED"
    paid_shop.clock.move(minutes=2)
    paid_shop.tidy_refunds()
    assert paid_shop.gateway.refunded == []


def test_what_was_free_is_not_sent_to_the_provider(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    fetch(paid_shop.url, "UPDATE shop_order SET total = 0")
    assert data_of(paid_shop.cancel(order))["refundStatus"] == "NOT_REQUESTED"
    assert paid_shop.gateway.refunded == []


def test_another_s_order_and_unknown_ones(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    for role in ("customer", "admin"):
        stranger = paid_shop.client(open_account(paid_shop.url, role=role))
        error_of(stranger.post(CANCEL, json={"orderId": order}), 403, "FORBIDDEN")
    for unknown in (order + 1 if order > 1 else 2, 2**53, 10**60):
        error_of(paid_shop.cancel(unknown), 404, "NOT_FOUND")
        error_of(paid_shop.client().post(CANCEL, json={"orderId": str(unknown)}), 404, "NOT_FOUND")
    assert states(paid_shop.url) == ["waiting"]


@pytest.mark.parametrize("order_id", [None, "", "x", "1_0", "١٢", " 1", "1.0", 1.5, True, 0, "0", -1, [1], "9" * 65])
def test_what_is_no_id(paid_shop: PaidShop, order_id: Any) -> None:
    response = paid_shop.client().post(CANCEL, json={"orderId": order_id})
    assert list(offences_of(response)) == ["orderId"]


def test_other_errors_in_the_body(paid_shop: PaidShop) -> None:
    assert list(offences_of(paid_shop.client().post(CANCEL, json={"reason": "x" * 501}))) == ["orderId", "reason"]


def test_an_owner_of_the_shop_may_cancel_any_order_at_any_time(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    paid_shop.begin()
    paid_shop.clock.move(days=40)
    paid_shop.tidy()
    cancelled = paid_shop.cancel_as_owner(order)
    assert (cancelled.previous_status, cancelled.refund_amount) == ("COMPLETED", Decimal("4.99"))
    assert states(paid_shop.url, order) == ["cancelled"]
    with pytest.raises(InvalidOperation):
        paid_shop.cancel_as_owner(order)


def test_an_order_whose_rentals_are_not_made_yet_is_cancelled_by_nobody(paid_shop: PaidShop) -> None:
    """A process of the version before has placed it: cancelled now, it would give nothing back, and access later."""
    order = paid_shop.buy()
    fetch(paid_shop.url, "DELETE FROM rental")
    for cancel in (paid_shop.cancel_as_owner, lambda order: data_of(paid_shop.cancel(order))):
        with pytest.raises((InvalidOperation, AssertionError)):
            cancel(order)
    assert fetch(paid_shop.url, "SELECT count(*) FROM cancellation") == [(0,)]


def test_an_order_that_lapses_while_it_is_locked_is_not_cancelled_any_more(
    start_shop: StartShop, clock: MovedClock
) -> None:
    shop = PaidShop(start_shop(clock=clock, cancel_hours=72, rental_start_days=1), clock)
    order, client = shop.buy(), shop.client()
    with psycopg.connect(shop.url) as other, ThreadPoolExecutor(1) as customer:
        other.execute("SELECT FROM rental FOR UPDATE")
        cancelled = customer.submit(client.post, CANCEL, json={"orderId": order})
        until(shop.shop, "SELECT 1 FROM pg_locks WHERE NOT granted")
        clock.move(days=1)
        other.commit()
        error_of(cancelled.result(20), 400, "INVALID_OPERATION")
    assert states(shop.url) == ["waiting"]


def test_a_running_rental_ends_when_an_owner_cancels_it(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    paid_shop.begin()
    assert paid_shop.cancel_as_owner(order).previous_status == "STARTED"
    assert not paid_shop.has_access()
    paid_shop.shop.run(paid_shop.cancelling.refund(order))
    assert paid_shop.refund(order) == "COMPLETED"


def test_a_refund_is_asked_for_until_the_provider_answers(paid_shop: PaidShop) -> None:
    paid_shop.gateway.refund_raises = TimeoutError()
    order = paid_shop.buy()
    with capture_logs() as logs:
        assert data_of(paid_shop.cancel(order))["refundStatus"] == "INITIATED"
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["cancelled order not refunded yet"]
    cancelled = paid_shop.clock.now()
    assert paid_shop.refund(order) == "INITIATED"
    paid_shop.tidy_refunds()
    assert len(paid_shop.gateway.refunded) == 1, "the first call may be under way"
    paid_shop.clock.move(minutes=1, seconds=1)
    paid_shop.tidy_refunds()
    assert paid_shop.refund(order) == "INITIATED"
    paid_shop.gateway.refund_raises = None
    paid_shop.clock.move(minutes=1)
    paid_shop.tidy_refunds()
    paid_shop.tidy_refunds()
    assert len(paid_shop.gateway.refunded) == 3, "no more once it has answered"
    assert data_of(paid_shop.client().get(f"{ORDERS}/{order}/refund")) == {
        "orderId": order,
        "refundAmount": 4.99,
        "refundStatus": "COMPLETED",
        "originalPaymentMethod": "CREDIT_CARD",
        "refundInitiatedAt": timestamp(cancelled),
        "refundCompletedAt": timestamp(paid_shop.clock.now()),
    }


def test_a_refund_that_the_provider_refuses_has_failed(paid_shop: PaidShop) -> None:
    paid_shop.gateway.refund_raises = RefundRefused("the account is closed")
    order = paid_shop.buy()
    data_of(paid_shop.cancel(order))
    paid_shop.clock.move(minutes=2)
    paid_shop.tidy_refunds()
    assert len(paid_shop.gateway.refunded) == 1
    refund = data_of(paid_shop.client().get(f"{ORDERS}/{order}/refund"))
    assert (refund["refundStatus"], refund["refundAmount"]) == ("FAILED", 4.99)
    assert refund["refundCompletedAt"] is None


def test_nothing_is_collected_for_a_cancelled_order(paid_shop: PaidShop) -> None:
    paid_shop.gateway.capture_raises = TimeoutError()
    with capture_logs():
        order = paid_shop.buy()
    data_of(paid_shop.cancel(order))
    paid_shop.gateway.capture_raises = None
    paid_shop.clock.move(minutes=2)
    paid_shop.shop.tidy()
    assert paid_shop.gateway.captured == []
    assert paid_shop.gateway.refunded == [(f"gateway {order}", Decimal("4.99"))]


def test_how_an_order_stands(paid_shop: PaidShop) -> None:
    """GET /orders/{id}/track"""

    def tracked() -> list[tuple[str, str]]:
        response = paid_shop.client().get(f"{ORDERS}/{order}/track")
        assert_not_cached(response)
        data = data_of(response)
        assert list(data) == ["orderId", "currentStatus", "statusHistory", "trackingNumber", "carrier"]
        assert (data["orderId"], data["trackingNumber"], data["carrier"]) == (order, None, None)
        changes = [(change["status"], change["timestamp"]) for change in data["statusHistory"]]
        assert changes[-1][0] == data["currentStatus"]
        return changes

    start = paid_shop.clock.now()
    order = paid_shop.buy(WATCHED, 2)
    expected = [("PAID", timestamp(start))]
    assert tracked() == expected
    paid_shop.clock.move(days=1)
    paid_shop.begin()
    expected.append(("STARTED", timestamp(start + timedelta(days=1))))
    assert tracked() == expected
    paid_shop.clock.move(days=28, hours=23)
    assert tracked() == expected, "the other one still waits"
    paid_shop.clock.move(hours=1)
    expected.append(("COMPLETED", timestamp(start + timedelta(days=30))))
    assert tracked() == expected
    paid_shop.tidy()
    assert tracked() == expected
    paid_shop.cancel_as_owner(order)
    assert tracked() == [*expected[:2], ("CANCELLED", timestamp(start + timedelta(days=30)))]


def test_how_an_unpaid_order_stands(paid_shop: PaidShop) -> None:
    order, placed = paid_shop.buy(), timestamp(paid_shop.clock.now())
    fetch(paid_shop.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    tracking = f"{ORDERS}/{order}/track"
    assert data_of(paid_shop.client().get(tracking))["statusHistory"] == [{"status": "UNPAID", "timestamp": placed}]
    assert data_of(paid_shop.client().get(f"{ORDERS}/{order}/refund"))["originalPaymentMethod"] is None
    paid_shop.clock.move(hours=1)
    paid_shop.run(lambda conn: paid_shop.shop.component("sales").mark_paid(conn, order))
    statuses = data_of(paid_shop.client().get(tracking))["statusHistory"]
    assert [change["status"] for change in statuses] == ["UNPAID", "PAID"]


def test_an_order_that_was_not_cancelled_has_no_refund(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    assert data_of(paid_shop.client().get(f"{ORDERS}/{order}/refund")) == {
        "orderId": order,
        "refundAmount": 0,
        "refundStatus": "NOT_REQUESTED",
        "originalPaymentMethod": "CREDIT_CARD",
        "refundInitiatedAt": None,
        "refundCompletedAt": None,
    }

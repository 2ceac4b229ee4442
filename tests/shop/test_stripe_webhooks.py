"""What Stripe tells by itself: the second witness, which is believed only as far as Stripe's API agrees."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import stripe
from structlog.testing import capture_logs
from tests.connections import fetch
from tests.responses import error_of
from tests.shop.stripe_shop import StripeShop, shared_shop, shop
from tests.stripe_server import event_of, signed

from filmer.http.body import MAX_BODY
from filmer.shop import stripe_client

__all__ = ["shared_shop", "shop"]

PATH = "/payments/stripe"
TRIES = 1 + stripe_client.RETRIES


def stranger(shop: StripeShop) -> httpx.Client:
    """Stripe has no session."""
    return httpx.Client(transport=shop.shop, base_url="http://127.0.0.1")


def tell(shop: StripeShop, kind: str, about: Mapping[str, Any], **how: Any) -> httpx.Response:
    body, headers = signed(event_of(kind, dict(about)), **how)
    return stranger(shop).post(PATH, content=body, headers=headers)


def intent(reference: str) -> dict[str, str]:
    return {"id": reference, "object": "payment_intent"}


def charge(reference: str) -> dict[str, str]:
    return {"id": "ch_1", "object": "charge", "payment_intent": reference}


def uncaptured(shop: StripeShop) -> tuple[str, str]:
    """An order, and its reference, whose capture got no answer although it was done."""
    shop.stripe.fail("lost", "/capture", times=TRIES)
    with capture_logs():
        order = shop.buy()
    shop.stripe.heal()
    ((_, reference, is_captured),) = shop.orders
    assert not is_captured
    return order, reference


def test_a_lost_answer_is_told_again(shop: StripeShop) -> None:
    _, reference = uncaptured(shop)
    for _ in range(2):  # twice is once
        response = tell(shop, "payment_intent.succeeded", intent(reference))
        assert (response.status_code, response.json()) == (200, {"received": True})
        assert response.headers["cache-control"] == "no-store"
    assert [is_captured for *_, is_captured in shop.orders] == [True]
    shop.tidy(hours=1)
    shop.require_even()


def test_a_refund_is_confirmed(shop: StripeShop) -> None:
    order = shop.buy()
    ((_, reference, _),) = shop.orders
    shop.stripe.fail("lost", "/refunds", times=TRIES)
    with capture_logs():
        assert shop.cancel(order) == "INITIATED"
    for _ in range(2):
        assert tell(shop, "charge.refunded", charge(reference)).status_code == 200
    assert shop.refund_of(order) == "COMPLETED"
    assert fetch(shop.url, "SELECT kind FROM mail ORDER BY id") == [("order",), ("cancelled",), ("refunded",)]
    assert len(shop.stripe.calls("/refunds")) == TRIES
    shop.require_even()


def test_what_it_says_is_looked_up(shop: StripeShop) -> None:
    """A true signature under what is not so, as of events that overtake each other."""
    shop.stripe.fail("500", "/capture", times=TRIES)
    with capture_logs():
        order = shop.buy()
    ((_, reference, _),) = shop.orders
    for kind in ("payment_intent.succeeded", "payment_intent.canceled", "payment_intent.amount_capturable_updated"):
        assert tell(shop, kind, intent(reference)).status_code == 200
    assert tell(shop, "charge.refunded", charge(reference)).status_code == 200
    assert [is_captured for *_, is_captured in shop.orders] == [False]
    assert shop.refund_of(order) == "NOT_REQUESTED"


@pytest.mark.parametrize(
    "about",
    [
        intent("pi_nobodys"), intent("pi_\0"), charge("pi_nobodys"), {"id": "ch_1", "object": "charge"},
        {"id": "cus_1", "object": "customer"}, {"object": "payment_intent", "id": 5}, {"object": "payment_intent"}, {},
    ],
)  # fmt: skip
def test_what_is_not_ours_is_ignored(shop: StripeShop, about: dict[str, Any]) -> None:
    """One account at Stripe may serve others as well; and an event may come before its order."""
    assert tell(shop, "payment_intent.succeeded", about).status_code == 200
    assert shop.stripe.asked == []


def test_one_that_comes_before_the_order_changes_nothing(shop: StripeShop) -> None:
    asked = shop.pay("4000002500003155")
    assert asked.status_code == 402
    ((reference,),) = fetch(shop.url, "SELECT reference FROM payment_draft")
    assert tell(shop, "payment_intent.amount_capturable_updated", intent(reference)).status_code == 200
    assert fetch(shop.url, "SELECT state FROM payment_draft") == [("open",)]


@pytest.mark.parametrize("how", [{"secret": "whsec_wrong"}, {"at": time.time() - 600}])
def test_a_forged_or_old_one_is_refused(shop: StripeShop, how: dict[str, Any]) -> None:
    _, reference = uncaptured(shop)
    error = error_of(tell(shop, "payment_intent.succeeded", intent(reference), **how), 400, "VALIDATION_ERROR")
    assert "not signed by Stripe" in error["message"]
    assert [is_captured for *_, is_captured in shop.orders] == [False]


@pytest.mark.parametrize(
    "signature", ["", "t=1", "v1=é", "t=9999999999,v1=é", "t=x,v1=0", "t=1,v1=0", "a" * 5000, "t=,v1=,,=", None]
)
@pytest.mark.parametrize("body", [b"{}", b"", b"\xff\0", b"[" * 2000])
def test_garbage_is_refused(shop: StripeShop, signature: str | None, body: bytes) -> None:
    headers = {} if signature is None else {b"stripe-signature": signature.encode()}
    error_of(stranger(shop).post(PATH, content=body, headers=headers), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'"x"', b"{", b'{"data": 1}', b'{"object": "event"}'])
def test_signed_garbage_is_no_fault_of_ours(shop: StripeShop, body: bytes) -> None:
    signature = stripe.WebhookSignature.generate_signature_header(body.decode(), "whsec_12345678")
    response = stranger(shop).post(PATH, content=body, headers={"stripe-signature": signature})
    assert response.status_code in {200, 400}


def test_a_huge_one_is_refused(shop: StripeShop) -> None:
    body, headers = signed(event_of("payment_intent.succeeded", {"id": "x" * MAX_BODY, "object": "payment_intent"}))
    error_of(stranger(shop).post(PATH, content=body, headers=headers), 413, "PAYLOAD_TOO_LARGE")


def test_when_stripe_can_not_be_asked_it_shall_tell_again(shop: StripeShop) -> None:
    _, reference = uncaptured(shop)
    shop.stripe.fail("500", "/payment_intents", times=TRIES)
    error_of(tell(shop, "payment_intent.succeeded", intent(reference)), 503, "SERVICE_UNAVAILABLE")
    shop.stripe.heal()
    assert tell(shop, "payment_intent.succeeded", intent(reference)).status_code == 200
    assert [is_captured for *_, is_captured in shop.orders] == [True]


def test_no_other_sites_page_gets_anything_from_it(shop: StripeShop) -> None:
    """It needs no session; and a browser's session makes no difference to it."""
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert shop.client.post(PATH, content=b"{}", headers=headers).status_code == 403
    assert stranger(shop).post(PATH, content=b"{}", headers=headers).status_code == 400


def test_a_refund_that_the_bank_sends_back_is_owed_again(shop: StripeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.buy()
    ((_, reference, _),) = shop.orders
    assert shop.cancel(order) == "COMPLETED"
    refund = {"id": "re_1", "object": "refund", "payment_intent": reference}

    async def state(_: object, __: str) -> str:
        return answer

    monkeypatch.setattr(stripe_client.StripeApi, "refund_state", state)  # localstripe's refunds never fail
    answer = "succeeded"
    assert tell(shop, "refund.updated", refund).status_code == 200
    assert shop.refund_of(order) == "COMPLETED"
    answer = "failed"
    assert tell(shop, "refund.failed", refund).status_code == 200
    assert shop.refund_of(order) == "FAILED"

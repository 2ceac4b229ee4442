"""Paying by Stripe (contract §10.1, §10.2): on the page, in the API, with cards that are kept there."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.current_edition import pricing
from tests.responses import data_of
from tests.shop.conftest import SHAWSHANK, StartShop, pay, put_in_cart, refused
from tests.shop.forms import followed, form_of, look, order_of, put, send, text_of
from tests.shop.stripe_shop import StripeShop, secret_of, shared_shop, shop, start_stripe_shop
from tests.stripe_server import BROKE, SECRET_KEY, SECURE, StripeServer

__all__ = ["shared_shop", "shop"]

Start = Callable[..., StripeShop]
DECLINED = "This card was not accepted. Nothing was bought"
MARY = {"firstName": "mary", "lastName": "MAJOR", "expiration": "2030-12"}


@pytest.fixture
def start(start_shop: StartShop, stripe_server: StripeServer) -> Start:
    def begin(**settings: Any) -> StripeShop:
        return start_stripe_shop(start_shop, stripe_server, **settings)

    return begin


def by_api(client: httpx.Client, card: str, **instead: str) -> httpx.Response:
    """The cart is paid with a card that is kept."""
    return pay(client, card={**MARY, "creditCardId": card, **instead})


def kept_card(shop: StripeShop, client: httpx.Client | None = None) -> str:
    """The id of a card that a customer has kept as they paid."""
    shop.buy(client, keepAtStripe="yes")
    ((card,),) = fetch(shop.url, "SELECT id FROM stripe_card ORDER BY id DESC LIMIT 1")
    return str(card)


def test_an_order_is_authorized_then_placed_then_captured(shop: StripeShop) -> None:
    response = shop.pay()
    assert "Your order is placed" in followed(shop.client, response, order_of(response))
    ((order, reference, is_captured),) = shop.orders
    assert is_captured
    (intent,) = shop.asked
    assert intent == {
        "id": reference, "order": order, "currency": "eur", "status": "succeeded", "amount": 998, "captured": 998,
        "refunded": 0,
    }  # fmt: skip
    steps = [asked.path.rpartition("/")[2] for asked in shop.stripe.calls("/payment_intents")]
    assert steps == ["payment_intents", "confirm", "capture"]
    assert all(asked.key for asked in shop.stripe.calls("/payment_intents"))
    assert shop.stripe.calls("/payment_intents")[0].values["capture_method"] == "manual"
    shop.tidy(hours=1)
    shop.require_even()


def test_a_card_that_is_refused_buys_nothing(shop: StripeShop) -> None:
    response = shop.pay(BROKE)
    assert response.status_code == 402
    assert DECLINED in text_of(response)
    assert 'name="stripeMethod" value=""' in response.text  # it is of no use any more
    assert (shop.orders, shop.held, shop.in_cart()) == ([], [], 2)
    again = {**form_of(response, "/checkout"), "pay": "stripe", "stripeMethod": shop.stripe.card()}
    assert shop.submit(again).status_code == 303
    shop.require_even()


@pytest.mark.parametrize("method", ["", "pm_", "4242424242424242", "pm_\0x", "pm_" + "x" * 200, "tok_1"])
def test_without_scripts_the_page_says_what_it_needs(shop: StripeShop, method: str) -> None:
    form = shop.form()
    assert "To pay by card here needs scripts" in look(shop.client, "/checkout").text
    response = shop.submit(form, stripeMethod=method)
    assert response.status_code == 400
    if "\0" not in method:
        assert "needs scripts" in text_of(response)
    assert shop.stripe.asked == []
    assert shop.submit(form, pay="counter").status_code == 303  # this way goes without
    assert shop.stripe.asked == []


@pytest.mark.parametrize("names", [{"holderFirstName": ""}, {"holderLastName": " "}, {"holderLastName": "x" * 101}])
def test_names_are_asked_for(shop: StripeShop, names: dict[str, str]) -> None:
    response = shop.submit({**shop.form(), "stripeMethod": shop.stripe.card(), **names})
    assert response.status_code == 400
    assert f'id="{next(iter(names))}-error"' in response.text or "This " in text_of(response)
    assert shop.stripe.calls("/payment_intents") == []


def test_an_unknown_card_is_refused(shop: StripeShop) -> None:
    assert shop.submit(shop.form(), stripeMethod="pm_nobodys").status_code == 402
    assert shop.held == []


def test_what_costs_nothing_is_not_sent(start: Start) -> None:
    shop = start()
    fetch(shop.url, pricing("0", ""))
    fetch(shop.url, "UPDATE film_terms SET price = 0")
    response = shop.submit(shop.form())
    assert order_of(response)
    assert shop.stripe.asked == []


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [("EUR", "12.34", 1234), ("JPY", "500.00", 500), ("KWD", "1.25", 1250), ("ISK", "300.00", 30000)],
)
def test_amounts_are_in_the_currencys_own_units(start: Start, currency: str, price: str, amount: int) -> None:
    shop = start(currency=currency, default_price=Decimal(5))
    fetch(shop.url, pricing(), Decimal(price), SHAWSHANK)
    shop.submit(shop.form(quantity=1), stripeMethod=shop.stripe.card())
    (intent,) = shop.asked
    assert (intent["amount"], intent["captured"], intent["currency"]) == (amount, amount, currency.lower())


def test_a_price_without_a_coin_is_told_and_not_rounded(start: Start) -> None:
    shop = start(currency="JPY", default_price=Decimal(5))
    fetch(shop.url, pricing("4.99", ""))
    assert shop.pay().status_code == 503
    assert (shop.asked, shop.orders) == ([], [])


# 3-D Secure.


def test_the_bank_is_asked_on_the_page_and_then_the_order_is_placed(shop: StripeShop) -> None:
    asked = shop.pay(SECURE)
    assert asked.status_code == 402
    assert "Your bank wants you to confirm this payment" in text_of(asked)
    assert (shop.orders, shop.in_cart()) == ([], 2)
    shop.stripe.confirm(secret_of(asked))
    again = form_of(asked, "/checkout")
    assert again["holderFirstName"] == "Mary"
    assert order_of(shop.submit(again, pay="stripe")) == f"/orders/{again['draft']}"
    assert len(shop.asked) == 1
    shop.tidy(hours=1)
    shop.require_even()
    assert order_of(shop.submit(again, pay="stripe")) == f"/orders/{again['draft']}"  # a second click
    assert len(shop.orders) == len(shop.asked) == 1


def test_what_the_bank_has_confirmed_is_held_once_though_stripe_is_away_then(shop: StripeShop) -> None:
    asked = shop.pay(SECURE)
    shop.stripe.confirm(secret_of(asked))
    shop.stripe.fail("500", "/payment_intents", times=20)
    away = shop.submit(form_of(asked, "/checkout"), pay="stripe")
    assert away.status_code == 503
    assert "Send it again: you pay only once" in text_of(away)
    shop.stripe.heal()
    again = form_of(away, "/checkout")
    assert order_of(shop.submit(again)) == f"/orders/{form_of(asked, '/checkout')['draft']}"
    shop.tidy(minutes=2)
    assert (len(shop.orders), shop.held) == (1, ["succeeded"])
    shop.require_even()


def test_whoever_chooses_another_card_meanwhile_pays_with_that(shop: StripeShop) -> None:
    card = kept_card(shop)
    asked = shop.pay(SECURE)
    shop.stripe.confirm(secret_of(asked))
    shop.stripe.fail("500", "/payment_intents", times=20)
    away = shop.submit(form_of(asked, "/checkout"), pay="stripe")
    shop.stripe.heal()
    assert order_of(shop.submit(form_of(away, "/checkout"), pay=card))
    assert fetch(shop.url, "SELECT last_four FROM shop_order") == [("4242",)] * 2
    shop.tidy(minutes=31)
    shop.require_even()


@pytest.mark.parametrize("says", ["no", "nothing"])
def test_what_the_bank_has_not_confirmed_is_not_bought(shop: StripeShop, says: str) -> None:
    asked = shop.pay(SECURE)
    if says == "no":
        shop.stripe.confirm(secret_of(asked), success=False)
    response = shop.submit(form_of(asked, "/checkout"), pay="stripe")  # whatever the browser says
    assert response.status_code == 402
    assert (shop.orders, shop.held) == ([], [])


def test_a_draft_of_somebody_else_is_nobodys(shop: StripeShop) -> None:
    asked = shop.pay(SECURE)
    shop.stripe.confirm(secret_of(asked))
    other = shop.sign_in()
    form = shop.form(other)
    draft = form_of(asked, "/checkout")["draft"]
    for wrong in (draft, "1", str(2**53)):
        response = shop.submit(form, other, stripeMethod=shop.stripe.card(BROKE), draft=wrong)
        assert response.status_code == 402
    assert shop.orders == []
    assert order_of(shop.submit(form_of(asked, "/checkout"), pay="stripe"))


def test_a_cart_that_changes_while_the_bank_asks_is_not_sold(shop: StripeShop) -> None:
    asked = shop.pay(SECURE)
    shop.stripe.confirm(secret_of(asked))
    put(shop.client, SHAWSHANK)
    response = shop.submit(form_of(asked, "/checkout"), pay="stripe")
    assert response.status_code == 409
    assert shop.held == ["requires_capture"]
    shop.tidy(minutes=31)
    assert (shop.orders, shop.held) == ([], [])


def test_what_waited_too_long_for_the_bank_is_released(shop: StripeShop) -> None:
    asked = shop.pay(SECURE)
    shop.tidy(minutes=29)
    shop.stripe.confirm(secret_of(asked))
    shop.tidy(minutes=2)
    assert shop.held == []
    assert shop.submit(form_of(asked, "/checkout"), pay="stripe").status_code == 402
    assert shop.orders == []
    assert fetch(shop.url, "SELECT * FROM payment_draft") == []


# Cards that are kept, and the API.


def test_a_card_that_is_kept_pays_in_the_api(shop: StripeShop) -> None:
    card = kept_card(shop)
    assert len(card) <= 20
    put_in_cart(shop.client)
    order = data_of(by_api(shop.client, card))["orderId"]
    (intent,) = shop.stripe.intents(str(order))
    assert (intent["captured"], intent["currency"]) == (499, "eur")
    shop.tidy(hours=1)
    shop.require_even()


@pytest.mark.parametrize("wrong", [{"firstName": "Max"}, {"lastName": "Minor"}, {"expiration": "2031-12"}])
def test_names_and_month_must_match(shop: StripeShop, wrong: dict[str, str]) -> None:
    card = kept_card(shop)
    put_in_cart(shop.client)
    before = len(shop.stripe.asked)
    refused(by_api(shop.client, card, **wrong))
    assert len(shop.stripe.asked) == before


def test_the_card_of_somebody_else_is_refused_everywhere(shop: StripeShop) -> None:
    card = kept_card(shop)
    ((reference,),) = fetch(shop.url, "SELECT reference FROM stripe_card")
    thief = shop.sign_in()
    put_in_cart(thief)
    before = len(shop.stripe.asked)
    refused(by_api(thief, card))
    form = shop.form(thief)
    assert shop.submit(form, thief, pay=card).status_code == 400
    assert shop.submit(form, thief, stripeMethod=reference).status_code == 402
    assert len(shop.stripe.asked) == before
    assert send(thief, f"/account/cards/{card}/remove").status_code == 404
    assert len(shop.orders) == 1


def test_a_number_goes_nowhere(shop: StripeShop) -> None:
    """Stripe takes ids of kept cards alone (contract §10.1); the body is validated as ever."""
    put_in_cart(shop.client)
    refused(pay(shop.client))
    assert pay(shop.client, creditCardId="").status_code == 400
    assert pay(shop.client, expiration="2020-01").status_code == 400
    assert pay(shop.client, creditCardId="pm_1234567890").status_code == 402
    assert shop.stripe.asked == []


def test_what_needs_the_bank_is_refused_in_the_api(shop: StripeShop) -> None:
    asked = shop.pay(SECURE, keepAtStripe="yes")
    shop.stripe.confirm(secret_of(asked))
    assert order_of(shop.submit(form_of(asked, "/checkout"), pay="stripe", keepAtStripe="yes"))
    ((card,),) = fetch(shop.url, "SELECT id FROM stripe_card")
    put_in_cart(shop.client)
    refused(by_api(shop.client, card))
    shop.tidy(hours=1)
    shop.require_even()
    form = form_of(look(shop.client, "/checkout"), "/checkout")  # on the page it works
    asked = shop.submit(form, pay=card)
    shop.stripe.confirm(secret_of(asked))
    assert order_of(shop.submit(form_of(asked, "/checkout"), pay=card))


def test_a_kept_card_is_offered_and_removed(shop: StripeShop) -> None:
    card = kept_card(shop)
    ((reference,),) = fetch(shop.url, "SELECT reference FROM stripe_card")
    assert shop.stripe.customer_of(reference)
    put(shop.client)
    assert "Card ending in 4242, Mary Major, good through 12/2030" in text_of(look(shop.client, "/checkout"))
    form = form_of(look(shop.client, "/checkout"), "/checkout")
    assert form["pay"] == card
    assert order_of(shop.submit(form))
    assert "ends in 4242 is removed" in followed(
        shop.client, send(shop.client, f"/account/cards/{card}/remove"), "/account/cards"
    )
    shop.tidy()
    assert shop.stripe.customer_of(reference) is None
    assert fetch(shop.url, "SELECT * FROM stripe_removal") == []
    put_in_cart(shop.client)
    refused(by_api(shop.client, card))


def test_the_same_card_again_is_one_card(shop: StripeShop) -> None:
    kept_card(shop)
    ((first,),) = fetch(shop.url, "SELECT reference FROM stripe_card")
    kept_card(shop)
    ((second,),) = fetch(shop.url, "SELECT reference FROM stripe_card")
    shop.tidy()
    assert [shop.stripe.customer_of(one) is None for one in (first, second)] == [True, False]


def test_a_card_is_kept_only_if_asked_and_accepted(shop: StripeShop) -> None:
    shop.buy()
    assert shop.pay(BROKE, keepAtStripe="yes").status_code == 402
    assert fetch(shop.url, "SELECT * FROM stripe_card") == []


def test_whoever_leaves_is_removed_at_stripe(shop: StripeShop) -> None:
    kept_card(shop)
    account = fetch(shop.url, "SELECT account_id FROM stripe_card")[0][0]
    leaving = shop.shop.component("leaving")

    async def erase() -> bool:
        async with shop.shop.component("database").connection() as conn:
            await leaving.leave(conn, account)
            return bool(await leaving.erase(conn, account))

    assert shop.shop.run(erase())
    assert len(fetch(shop.url, "SELECT * FROM stripe_removal")) == 2
    shop.tidy()
    assert fetch(shop.url, "SELECT * FROM stripe_removal") == []
    assert [asked.path.rpartition("/")[2][:4] for asked in shop.stripe.asked if asked.method == "DELETE"] == ["cus_"]


# What browsers are told.


def test_the_policy_is_wider_on_the_page_of_the_checkout_alone(shop: StripeShop, stripe_server: StripeServer) -> None:
    put(shop.client)
    narrow = look(shop.client, "/cart").headers["content-security-policy"]
    wide = look(shop.client, "/checkout").headers["content-security-policy"]
    assert stripe_server.address not in narrow
    host = stripe_server.address
    expected = narrow.replace("script-src 'self'", f"script-src 'self' {host}")
    expected = expected.replace("connect-src 'self'", f"connect-src 'self' {host}")
    assert wide == f"{expected}; frame-src {host}"
    failed = send(shop.client, "/checkout", **form_of(look(shop.client, "/checkout"), "/checkout"))
    assert failed.headers["content-security-policy"] == wide
    assert SECRET_KEY not in look(shop.client, "/checkout").text


def test_of_the_real_stripe_the_policy_has_its_hosts(start_shop: StartShop, stripe_server: StripeServer) -> None:
    settings = {name: value for name, value in stripe_server.settings.items() if "key" in name or "secret" in name}
    shop = start_shop(payment="stripe", currency="EUR", **settings)
    client = shop.sign_in()
    put(client)
    policy = look(client, "/checkout").headers["content-security-policy"]
    assert "script-src 'self' https://js.stripe.com https://*.js.stripe.com;" in policy
    assert "connect-src 'self' https://api.stripe.com;" in policy
    assert policy.endswith("; frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com")


def test_without_stripe_nothing_is_wider_and_no_webhook_is_there(start_shop: StartShop) -> None:
    shop = start_shop(payment="counter")
    client = shop.sign_in()
    put(client)
    policies = {look(client, path).headers["content-security-policy"] for path in ("/cart", "/checkout")}
    assert len(policies) == 1
    assert "frame-src" not in policies.pop()
    assert client.post("/payments/stripe", content=b"{}").status_code == 404

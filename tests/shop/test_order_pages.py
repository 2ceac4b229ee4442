"""The pages of an order: its rentals, cancelling, the refund; and an admin's pages of all orders (contract §9.4)."""

from decimal import Decimal

import httpx
import pytest
from structlog.testing import capture_logs
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, WATCHED, clock, moved_shop, rental_ids, rentals, states
from tests.rentals.test_cancel import PaidShop, paid_shop
from tests.shop.forms import followed, form_of, has_form, look, send, text_of
from tests.users import open_account

from filmer.shop.payment import RefundRefused

__all__ = ["clock", "moved_shop", "paid_shop", "rentals"]

OFFICE = "/admin/orders"


def admin_of(shop: PaidShop) -> httpx.Client:
    return shop.client(open_account(shop.url, role="admin"))


def code_of(shop: PaidShop, order: int) -> str:
    return str(fetch(shop.url, "SELECT code FROM pickup WHERE order_id = %s", order)[0][0])


def test_an_order_is_cancelled_by_its_customer_with_or_without_a_reason(paid_shop: PaidShop) -> None:
    client = paid_shop.client()
    for film, reason in ((PICKED_UP, "Ordered <twice>"), (WATCHED, "")):
        order = paid_shop.buy(film)
        page = look(client, f"/orders/{order}")
        assert "and $" in text_of(page)
        assert "goes back the way it was paid. This can't be undone." in text_of(page), "it asks first"
        assert form_of(page, f"/orders/{order}/cancel") == {}
        done = send(client, f"/orders/{order}/cancel", reason=reason)
        text = followed(client, done, f"/orders/{order}")
        assert "The order is cancelled." in text
        assert "This order is cancelled" in text
        assert "by you" in text
        assert ("Ordered <twice>" in text) == bool(reason)
        assert "Completed on " in text
        assert "Your code at the counter" not in text
        assert not has_form(look(client, f"/orders/{order}"), f"/orders/{order}/cancel")
        assert states(paid_shop.url, order) == ["cancelled"]
    assert [amount for _, amount in paid_shop.gateway.refunded] == [Decimal("3.99"), Decimal("4.99")]
    assert text_of(look(client, "/orders")).count("cancelled, refunded") == 2


def test_why_it_can_not_be_cancelled_is_said_before_and_after_trying(paid_shop: PaidShop) -> None:
    begun = paid_shop.buy(WATCHED)
    paid_shop.begin()
    late = paid_shop.buy(PICKED_UP)
    assert "Until " in text_of(look(paid_shop.client(), f"/orders/{late}"))
    paid_shop.clock.move(hours=24)
    client = paid_shop.client()
    for order, why in ((begun, "a rental of it has begun or is over."), (late, "it was paid too long ago.")):
        page = look(client, f"/orders/{order}")
        assert f"This order can't be cancelled any more: {why}" in text_of(page)
        assert not has_form(page, f"/orders/{order}/cancel")
        tried = send(client, f"/orders/{order}/cancel", reason="")
        assert tried.status_code == 400
        assert why in text_of(tried)
        assert 'role="alert"' in tried.text
    assert states(paid_shop.url) == ["running", "waiting"]
    assert paid_shop.gateway.refunded == []


def test_a_reason_that_is_too_long_is_shown_again(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    tried = send(paid_shop.client(), f"/orders/{order}/cancel", reason="x" * 501)
    assert tried.status_code == 400
    assert "This must have at most 500 characters." in text_of(tried)
    assert "x" * 501 in tried.text
    assert states(paid_shop.url) == ["waiting"]


def test_pressed_twice_it_is_cancelled_once(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    client = paid_shop.client()
    answers = [send(client, f"/orders/{order}/cancel", reason="") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 400]
    assert "This order was cancelled already." in text_of(answers[1])
    assert len(paid_shop.gateway.refunded) == 1


def test_a_refund_is_told_in_plain_words_and_owed_until_it_is_completed(paid_shop: PaidShop) -> None:
    orders = [paid_shop.buy(), paid_shop.buy(PICKED_UP)]
    client, admin = paid_shop.client(), admin_of(paid_shop)
    assert "owed:" not in text_of(look(admin, OFFICE))
    before = text_of(look(admin, "/admin"))
    assert "still owed" not in before
    for order, failure in zip(orders, (TimeoutError(), RefundRefused("closed")), strict=True):
        paid_shop.gateway.refund_raises = failure
        with capture_logs():
            send(client, f"/orders/{order}/cancel", reason="")
        paid_shop.clock.move(seconds=1)
    under_way, failed = (text_of(look(client, f"/orders/{order}")) for order in orders)
    assert "Under way: the payment provider is asked until it answers." in under_way
    assert "The shop still owes you this money." in failed
    listed = text_of(look(client, "/orders"))
    assert "cancelled, refund under way" in listed
    assert "cancelled, refund failed" in listed
    assert "2 refunds owed: $8.98" in text_of(look(admin, OFFICE))
    owed = look(admin, f"{OFFICE}?state=owed")
    assert owed.text.index(str(orders[0])) < owed.text.index(str(orders[1])), "the oldest first"
    assert "2 refunds are still owed" in text_of(look(admin, "/admin"))
    assert "Less what was cancelled in this time: $8.98, $8.98 in all." in text_of(look(admin, "/admin"))
    assert "$0.00 from 2 orders; in all $0.00 from 2." in text_of(look(admin, "/admin"))
    assert "2$0.00less $8.98" in text_of(look(admin, "/admin"))
    paid_shop.gateway.refund_raises = None
    paid_shop.clock.move(minutes=2)
    paid_shop.tidy_refunds()
    assert "Completed on " in text_of(look(client, f"/orders/{orders[0]}"))
    assert "1 refund is still owed" in text_of(look(admin, "/admin"))


def test_an_admin_refunds_any_order_at_any_time_with_a_reason(paid_shop: PaidShop) -> None:
    order = paid_shop.buy(PICKED_UP, 2)
    one, _ = rental_ids(paid_shop.url, order)
    paid_shop.counter("hand_out", one)
    paid_shop.clock.move(days=3)
    admin, path = admin_of(paid_shop), f"{OFFICE}/{order}"
    page = look(admin, path)
    for part in (
        "gateway",
        paid_shop.person.email,
        "Mary Major",
        "$7.98 at most",
        "Still to be brought back: it was due",
    ):
        assert part in text_of(page), part
    for blank in ("", "  "):
        tried = send(admin, f"{path}/refund", reason=blank)
        assert (tried.status_code, states(paid_shop.url)) == (400, ["running", "waiting"])
        assert "This must not be empty." in text_of(tried)
    done = send(admin, f"{path}/refund", reason="The disc is broken")
    text = followed(admin, done, path)
    assert "The disc is broken" in text
    assert "by the shop" in text
    assert "Still to be brought back: the order was cancelled" in text
    assert paid_shop.gateway.refunded == [(f"gateway {order}", Decimal("7.98"))]
    again = send(admin, f"{path}/refund", reason="Once more")
    assert again.status_code == 400
    assert "This order was cancelled already." in text_of(again)
    theirs = text_of(look(paid_shop.client(), f"/orders/{order}"))
    assert "The disc is broken" in theirs
    assert "Your code at the counter" in theirs, "a copy is still to be brought back"
    paid_shop.counter("take_back", one)
    assert "Brought back on" in text_of(look(admin, path))


def test_a_clerk_refunds_nothing_and_is_told_who_can(paid_shop: PaidShop) -> None:
    order = paid_shop.buy(PICKED_UP)
    clerk, path = paid_shop.client(open_account(paid_shop.url, role="clerk")), f"{OFFICE}/{order}"
    page = look(clerk, path)
    assert "An owner can cancel and refund it." in text_of(page)
    assert f"{path}/refund" not in page.text
    assert send(clerk, f"{path}/refund", reason="The disc is broken").status_code == 403
    assert states(paid_shop.url) == ["waiting"]
    assert "An owner can" not in text_of(look(admin_of(paid_shop), path))


def test_orders_are_found_by_number_code_or_address(paid_shop: PaidShop) -> None:
    order, other = (
        paid_shop.buy(PICKED_UP),
        paid_shop.buy(person=open_account(paid_shop.url, email="zoe%@films.example")),
    )
    admin, code = admin_of(paid_shop), code_of(paid_shop, order)

    def found(text: str) -> list[int]:
        page = look(admin, str(httpx.URL(OFFICE, params={"query": text})))
        return [number for number in (order, other) if f'href="{OFFICE}/{number}"' in page.text]

    assert found("") == found("  ") == [order, other]
    for text in (str(order), f" {code[:4].lower()} {code[4:]}", paid_shop.person.email.upper()):
        assert found(text) == [order], text
    assert found("zoe%@") == [other]
    for text in ("%%", str(order)[:-1], code[:7], "nobody@", "<b>"):
        assert found(text) == [], text


def test_an_order_tells_its_history_and_its_mails_and_sends_them_again(paid_shop: PaidShop) -> None:
    order = paid_shop.buy(PICKED_UP)
    (rental,) = rental_ids(paid_shop.url, order)
    paid_shop.clock.move(hours=1)
    paid_shop.counter("hand_out", rental)
    admin, path = admin_of(paid_shop), f"{OFFICE}/{order}"
    text = text_of(look(admin, path))
    assert text.index("Placed") < text.index("Paid") < text.index(": handed out")
    assert f"Order to {paid_shop.person.email}: not sent, as no server is set up" in text
    done = send(admin, f"{path}/resend")
    text = followed(admin, done, path)
    assert "The mail is written once more. It is not sent, as no server for mail is set up." in text
    assert text.count(f"Order to {paid_shop.person.email}") == 2
    assert "Had the mail of it sent again, by" in text
    mails = fetch(paid_shop.url, "SELECT kind, fields FROM mail WHERE link_id = %s ORDER BY id", order)
    assert mails[0] == mails[1], "the same once more"
    send(admin, f"{path}/refund", reason="Broken")
    assert "Cancelled by the shop" in text_of(look(admin, path))
    send(admin, f"{path}/resend")
    kinds = fetch(paid_shop.url, "SELECT kind FROM mail WHERE link_id = %s ORDER BY id DESC LIMIT 1", order)
    assert kinds == [("refunded",)]
    for unknown in ("0", "x", "9" * 30, str(order + 1)):
        assert send(admin, f"{OFFICE}/{unknown}/resend").status_code == 404


def test_whose_order_it_is_and_who_may_refund(paid_shop: PaidShop) -> None:
    order = paid_shop.buy()
    nobody = httpx.Client(transport=paid_shop.shop, base_url="http://127.0.0.1")
    stranger, admin = paid_shop.client(open_account(paid_shop.url)), admin_of(paid_shop)
    owner = paid_shop.client()
    cancel, refund = f"/orders/{order}/cancel", f"{OFFICE}/{order}/refund"
    for client, path, status in (
        (nobody, cancel, 303), (nobody, refund, 303), (stranger, cancel, 403), (stranger, refund, 403),
        (admin, cancel, 403), (owner, refund, 403),
    ):  # fmt: skip
        answer = send(client, path, reason="mine")
        assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store"), path
        assert str(order) not in answer.text
    for client, status in ((nobody, 303), (stranger, 403), (owner, 403)):
        for path in (OFFICE, f"{OFFICE}/{order}"):
            assert client.get(path).status_code == status
    for path, client in ((cancel, owner), (refund, admin)):
        cross = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
        assert client.post(path, data={"reason": "x"}, headers=cross).status_code == 403
        for unknown in (order + 1 if order > 1 else 2, 0, -1, 2**70, "x", "1.5", "%00"):
            there = path.replace(str(order), str(unknown))
            assert client.post(there, data={"reason": "x"}).status_code == 404, there
            assert client.get(there.rpartition("/")[0]).status_code == 404, there
    assert states(paid_shop.url) == ["waiting"]


@pytest.mark.parametrize("what", ["unpaid", "lapsed", "from before rentals", "lost"])
def test_how_a_rental_stands(paid_shop: PaidShop, what: str) -> None:
    order = paid_shop.buy(PICKED_UP if what == "lost" else WATCHED, 2)
    expected = {
        "unpaid": "Reserved until it is paid (2 copies)",
        "lapsed": ", as it had not begun (2 copies)",
        "from before rentals": "Over since ",
        "lost": "Written off as lost on ",
    }
    if what == "unpaid":
        fetch(paid_shop.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    elif what == "lost":
        for rental in rental_ids(paid_shop.url, order):
            paid_shop.counter("hand_out", rental)
            paid_shop.counter("write_off", rental)
    elif what == "lapsed":
        paid_shop.clock.move(days=30)
    else:
        fetch(paid_shop.url, "UPDATE rental SET state = 'over', start_by = paid, ended = paid")
    text = text_of(look(paid_shop.client(), f"/orders/{order}"))
    assert expected[what] in text
    assert ("Nothing was paid yet: you can cancel the whole order." in text) == (what == "unpaid")

"""Which mails the shop writes, to whom, and that each is written once."""

from datetime import timedelta
from typing import Any

from tests.connections import fetch
from tests.in_process import MovedClock
from tests.mail.conftest import MailShop
from tests.rentals.conftest import add_feature
from tests.shop.conftest import DARK_KNIGHT, SHAWSHANK, buy, put_in_cart
from tests.users import open_account

from filmer.audit.log import command_line
from filmer.rentals.reminders import BEFORE, OVERDUE_FOR


def kinds(shop: MailShop, account: int) -> list[str]:
    return [row[0] for row in fetch(shop.url, "SELECT kind FROM mail WHERE account_id = %s ORDER BY id", account)]


def fields(shop: MailShop, kind: str) -> dict[str, Any]:
    [[found]] = fetch(shop.url, "SELECT fields FROM mail WHERE kind = %s", kind)
    return dict(found)


def cancel(shop: MailShop, order: int, *, by: int, reason: str = "") -> None:
    async def work() -> None:
        async with shop.component("database").connection() as conn:
            await shop.component("cancelling").cancel(conn, order, reason, by=by, actor=command_line())
        await shop.component("cancelling").refund(order)

    shop.run(work())


def mark(shop: MailShop, what: str, order: int) -> None:
    async def work() -> None:
        async with shop.component("database").connection() as conn:
            await getattr(shop.component("counter_payments"), what)(conn, order, command_line())

    shop.run(work())


def remind(shop: MailShop) -> None:
    shop.run(shop.component("reminders").tidy(shop.component("database")))


def test_an_order_its_cancelling_and_its_refund(shop: MailShop) -> None:
    person = open_account(shop.url)
    order = buy(shop.sign_in(person), DARK_KNIGHT)
    cancel(shop, order, by=person.id, reason="A mistake")
    assert kinds(shop, person.id) == ["order", "cancelled", "refunded"]
    shop.run(shop.component("cancelling").tidy(shop.component("database")))
    shop.deliver()
    placed, cancelled, refunded = shop.server.delivered
    assert {taken.recipient for taken in shop.server.delivered} == {person.email}
    assert "The Dark Knight" in placed.text
    assert f"/orders/{order}" in placed.text
    assert "A mistake" in cancelled.text
    assert "the way you paid" in refunded.text


def test_a_refused_checkout_writes_nothing(shop: MailShop) -> None:
    client = shop.sign_in()
    put_in_cart(client)
    assert client.post("/api/v1/checkout", json={}).status_code == 400
    assert fetch(shop.url, "SELECT count(*) FROM mail") == [(0,)]


def test_an_order_at_the_counter(shop: MailShop) -> None:
    with MailShop(shop.url, shop.server, MovedClock(shop.clock.now()), payment="counter") as counter:
        person = open_account(shop.url)
        order = buy(counter.sign_in(person))
        assert fields(shop, "order")["is_paid"] is False
        mark(counter, "mark_paid", order)
        cancel(counter, order, by=person.id)
        assert kinds(shop, person.id) == ["order", "receipt", "cancelled"]
        mark(counter, "mark_given_back", order)
        assert kinds(shop, person.id)[-1] == "refunded"
        assert fields(shop, "refunded")["is_at_counter"] is True
        fetch(shop.url, "DELETE FROM mail")
        buy(counter.sign_in(person))
        counter.clock.move(days=4)  # and nobody paid
        counter.run(counter.component("counter_payments").tidy(counter.component("database")))
        assert kinds(shop, person.id) == ["order", "cancelled"]
        assert fields(shop, "cancelled")["is_refunded"] is False


def test_whoever_has_not_begun_is_reminded_once(shop: MailShop) -> None:
    add_feature(shop.url, SHAWSHANK)
    person = open_account(shop.url)
    order = buy(shop.sign_in(person), quantity=2)
    [[start_by]] = fetch(shop.url, "SELECT DISTINCT start_by FROM rental WHERE order_id = %s", order)
    fetch(shop.url, "DELETE FROM mail")
    for before, count in (
        (BEFORE + timedelta(minutes=1), 0),
        (BEFORE - timedelta(minutes=1), 1),
        (timedelta(hours=1), 1),
    ):
        shop.clock.move(seconds=(start_by - before - shop.clock.now()).total_seconds())
        remind(shop)
        assert kinds(shop, person.id) == ["rental_lapsing"] * count
    assert fields(shop, "rental_lapsing")["titles"] == ["The Shawshank Redemption"]
    shop.deliver()
    assert [taken.recipient for taken in shop.server.delivered] == [person.email]
    remind(shop)
    shop.clock.move(days=1)
    remind(shop)
    assert kinds(shop, person.id) == ["rental_lapsing"]


def test_nobody_is_reminded_of_what_begun_was_cancelled_or_lapses_at_once(shop: MailShop) -> None:
    begun, cancelled, gone = (open_account(shop.url) for _ in range(3))
    orders = {person.id: buy(shop.sign_in(person)) for person in (begun, cancelled, gone)}
    fetch(
        shop.url,
        "UPDATE rental SET state = 'running', began = paid, ends_at = paid + interval '90 days' WHERE order_id = %s",
        orders[begun.id],
    )
    cancel(shop, orders[cancelled.id], by=cancelled.id)
    fetch(shop.url, "UPDATE account SET disabled = true WHERE id = %s", gone.id)
    fetch(shop.url, "DELETE FROM mail")
    shop.clock.move(days=29)
    remind(shop)
    assert kinds(shop, begun.id) + kinds(shop, cancelled.id) + kinds(shop, gone.id) == []
    hurried = open_account(shop.url)
    order = buy(shop.sign_in(hurried))
    fetch(shop.url, "UPDATE rental SET start_by = paid + interval '1 day' WHERE order_id = %s", order)
    remind(shop)
    assert kinds(shop, hurried.id) == ["order"]


def test_whoever_has_a_copy_too_long_is_reminded_once(shop: MailShop) -> None:
    person = open_account(shop.url)
    order = buy(shop.sign_in(person), DARK_KNIGHT, quantity=2)
    fetch(shop.url, "DELETE FROM mail")

    async def hand_out(rental: int) -> None:
        async with shop.component("database").connection() as conn:
            await shop.component("counter").hand_out(conn, rental, command_line())

    for (rental,) in fetch(shop.url, "SELECT id FROM rental WHERE order_id = %s", order):
        shop.run(hand_out(rental))
        shop.clock.move(seconds=1)
    remind(shop)
    assert kinds(shop, person.id) == []
    shop.clock.move(hours=49)
    for _ in range(3):
        remind(shop)
        shop.clock.move(days=1)
    reminders = kinds(shop, person.id)
    assert 1 <= len(reminders) <= 2  # two, where the hour changed between the two copies
    assert set(reminders) == {"rental_overdue"}
    fetch(shop.url, "DELETE FROM mail")
    shop.clock.move(seconds=OVERDUE_FOR.total_seconds())
    remind(shop)
    assert kinds(shop, person.id) == []


def test_whoever_deletes_their_account_gets_the_link_that_undoes_it(shop: MailShop) -> None:
    person = open_account(shop.url)

    async def leave() -> str:
        async with shop.component("database").connection() as conn:
            await shop.component("leaving").leave(conn, person.id)  # which says the same again
            return str((await shop.component("leaving").leave(conn, person.id))[0])

    token = shop.run(leave())
    assert token not in repr(fetch(shop.url, "SELECT m::text FROM mail m"))
    shop.deliver()
    [taken] = shop.server.delivered
    assert taken.recipient == person.email
    assert f"http://films.example/account/undo-deletion/{token}" in taken.text
    assert shop.sign_in(person).post(f"/account/undo-deletion/{token}").status_code == 303
    assert fetch(shop.url, "SELECT disabled FROM account WHERE id = %s", person.id) == [(False,)]


def test_nothing_is_written_to_whoever_is_gone(shop: MailShop) -> None:
    person = open_account(shop.url)
    order = buy(shop.sign_in(person))

    async def go() -> None:
        async with shop.component("database").connection() as conn:
            await shop.component("leaving").leave(conn, person.id)
            assert await shop.component("leaving").erase(conn, person.id)

    shop.run(go())
    assert kinds(shop, person.id) == []
    cancel(shop, order, by=person.id)
    assert kinds(shop, person.id) == []

"""The office's page of mail, and the inbox of the demo."""

import re

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.mail.conftest import MailShop
from tests.mail.mail_server import MailServer
from tests.shop.conftest import LocalShop, buy, open_store
from tests.users import open_account, visitor

OFFICE = "/admin/mail"
HOSTILE = "<script>alert(1)</script>"


def admin_of(shop: LocalShop) -> httpx.Client:
    return shop.sign_in(open_account(shop.url, role="admin"))


def test_what_failed_is_listed_with_its_reason_and_can_be_tried_again(shop: MailShop) -> None:
    mail = shop.put("test", f'"{HOSTILE}"@example.com')
    shop.server.fail("RCPT 550")
    shop.deliver()
    admin = admin_of(shop)
    page = admin.get(OFFICE)
    assert page.headers["cache-control"] == "no-store"
    assert "failed: 550" in page.text
    assert HOSTILE not in page.text
    retry = re.findall(r'action="(/admin/mail/\d+/retry)"', page.text)
    assert retry == [f"{OFFICE}/{mail}/retry"]
    assert admin.post(retry[0]).status_code == 303
    assert shop.state(mail) == "waiting"
    shop.deliver()
    assert shop.state(mail) == "sent"
    assert "Nothing is waiting" in admin.get(OFFICE).text
    for number in (mail, 10**17, "x", "-1", "9" * 50, "%00"):
        assert admin.post(f"{OFFICE}/{number}/retry").status_code == 404


def test_no_link_is_shown_where_it_was_or_will_be_mailed(shop: MailShop) -> None:
    shop.put("new_password", link_id=7)
    token = shop.component("links").token("new password", 7)
    assert token not in admin_of(shop).get(OFFICE).text


def test_without_a_server_the_office_has_the_links_to_hand_over(make_database: MakeDatabase) -> None:
    with LocalShop(open_store(make_database)) as shop:
        assert shop.component("delivery") is None
        person = open_account(shop.url)

        async def put(link: int) -> None:
            async with shop.component("database").connection() as conn:
                await shop.component("outbox").put(conn, "new_password", None, account_id=person.id, link_id=link)

        buy(shop.sign_in(person))  # whose mail has no link that opens anything
        shop.run(put(7))
        shop.run(put(8))
        fetch(shop.url, "UPDATE mail SET created = created - interval '1 hour' WHERE link_id = 8")
        page = admin_of(shop).get(OFFICE).text
        links = shop.component("links")
        assert f'href="/new-password/{links.token("new password", 7)}"' in page
        assert links.token("new password", 8) not in page, "it is not good any more"
        assert "FILMER_SMTP_URL" in page
        assert "Try again" not in page
        assert "Your order" not in page
        assert shop.sign_in(person).get(OFFICE).status_code == 403


def test_the_demo_shows_what_would_have_been_sent(make_database: MakeDatabase, serve_here: ServeHere) -> None:
    url = open_store(make_database)
    server = serve_here(url, FILMER_DEMO="true")
    person = open_account(url)
    fetch(url, "UPDATE account SET first_name = %s WHERE id = %s", HOSTILE, person.id)
    fetch(
        url,
        "INSERT INTO mail (kind, recipient, account_id, link_id, fields, state, created, due)"
        " VALUES ('new_password', 'mary@example.com', %s, 7, '{}', 'not set up', now(), now())",
        person.id,
    )
    with visitor(server.client) as browser:
        page = browser.get("/inbox")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert "A new password" in page.text
        assert "mary@example.com" in page.text
        assert HOSTILE not in page.text
        assert "Hello &lt;script&gt;" in page.text
        assert re.search(r'href="/new-password/7\.[\w-]{43}"', page.text)
        assert 'href="/inbox"' in browser.get("/sign-in").text


@pytest.mark.parametrize("demo", [False, True])
def test_there_is_no_inbox_anywhere_else(
    demo: bool,  # noqa: FBT001 - a parameter of the test
    make_database: MakeDatabase,
    serve_here: ServeHere,
    mail_server: MailServer,
) -> None:
    """Not without --demo, nor in a demo that sends its mails."""
    smtp = {
        "FILMER_SMTP_URL": mail_server.url,
        "FILMER_MAIL_FROM": "a@b.example",
        "FILMER_PUBLIC_URL": "http://b.example",
    }
    server = serve_here(make_database(), FILMER_DEMO="true", **smtp) if demo else serve_here(make_database())
    with visitor(server.client) as browser:
        assert browser.get("/inbox").status_code == 404
        assert "inbox" not in browser.get("/").text

"""A mail is delivered once its cause is committed, whatever the mail server does (contract §12.4)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.mail.conftest import FROM, PUBLIC, MailShop
from tests.mail.mail_server import PASSWORD, USER, Fault, MailServer

from filmer.mail import smtp
from filmer.mail.delivery import LATELY, LEASE
from filmer.mail.kinds import KINDS
from filmer.mail.outbox import KEPT
from filmer.mail.smtp import Smtp, Undelivered
from filmer.settings import parse_smtp_url


def test_a_mail_arrives_as_text_and_as_html(shop: MailShop) -> None:
    mail = shop.put("test")
    shop.deliver()
    [taken] = shop.server.delivered
    assert shop.state(mail) == "sent"
    assert (taken.recipient, taken.message["To"], taken.message["From"]) == (
        "mary@example.com",
        "mary@example.com",
        FROM,
    )
    assert taken.message["Subject"] == "This shop can send mail"
    assert "There is nothing to do." in taken.text
    assert "There is nothing to do." in taken.html
    assert f"The shop: {PUBLIC}/" in taken.text
    assert f'href="{PUBLIC}/"' in taken.html
    shop.deliver()
    assert len(shop.server.delivered) == 1


def test_nothing_is_sent_without_a_commit(shop: MailShop) -> None:
    async def fail() -> None:
        async with shop.component("database").connection() as conn, conn.transaction():
            await shop.component("outbox").put(conn, "test", "mary@example.com", account_id=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shop.run(fail())
    shop.deliver()
    assert shop.server.taken == []


def test_all_that_waits_goes_over_one_connection(shop: MailShop) -> None:
    for _ in range(5):
        shop.put("test")
    before = shop.server.connections
    shop.deliver()
    assert len(shop.server.delivered) == 5
    assert shop.server.connections - before == 1


@pytest.mark.parametrize("fault", ["RCPT 450", "DATA 451", "DATA 421", "drop in DATA", "MAIL 553"])
def test_what_passes_is_tried_again(fault: Fault, shop: MailShop) -> None:
    mail = shop.put("test")
    shop.server.fail(fault)
    shop.deliver()
    assert shop.server.taken == []
    assert shop.state(mail) == "waiting"
    assert shop.reason(mail)
    shop.deliver()  # not yet
    assert shop.server.taken == []
    shop.pass_pause()
    shop.deliver()
    assert shop.state(mail) == "sent"
    assert len(shop.server.delivered) == 1


@pytest.mark.parametrize("fault", ["RCPT 550", "DATA 554"])
def test_what_is_refused_for_good_fails_at_once_and_holds_nothing_up(fault: Fault, shop: MailShop) -> None:
    mail, other = shop.put("test"), shop.put("test", "jane@example.com")
    shop.server.fail(fault)
    shop.deliver()
    assert shop.state(mail) == "failed"
    assert fault[-3:] in shop.reason(mail)
    assert shop.state(other) == "sent"
    assert [taken.recipient for taken in shop.server.delivered] == ["jane@example.com"]


def test_a_slow_server_gets_its_time(shop: MailShop) -> None:
    mail = shop.put("test")
    shop.server.fail("slow")
    shop.deliver()
    assert shop.state(mail) == "sent"


def test_a_server_that_hangs_is_left_and_asked_again(shop: MailShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 0.3)
    mail = shop.put("test")
    shop.server.fail("hang")
    shop.deliver()
    assert shop.state(mail) == "waiting"
    shop.pass_pause()
    monkeypatch.undo()
    shop.deliver()
    assert len(shop.server.delivered) == 1


def test_the_same_mail_has_the_same_message_id_at_each_attempt(shop: MailShop) -> None:
    """So that whoever gets it twice, where the answer was lost, may see it once."""
    shop.put("test")
    shop.server.fail("drop after DATA")
    shop.deliver()
    shop.pass_pause()
    shop.deliver()
    first, second = shop.server.taken
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Date"] == second.message["Date"]
    shop.put("test")
    shop.deliver()
    assert shop.server.taken[-1].message["Message-ID"] != first.message["Message-ID"]


def test_a_server_that_is_away_costs_no_mail(shop: MailShop) -> None:
    mails = [shop.put("test") for _ in range(3)]
    shop.server.stop()
    try:
        for _ in range(4):
            shop.deliver()
        assert {shop.state(mail) for mail in mails} == {"waiting"}
    finally:
        shop.server.start()
    shop.pass_pause()
    shop.deliver()
    assert len(shop.server.delivered) == 3


def test_pauses_grow_until_it_is_given_up(shop: MailShop) -> None:
    mail = shop.put("test")
    begun, pauses = shop.clock.now(), []
    shop.server.fail("RCPT 450", times=200)
    while shop.state(mail) == "waiting":
        before = shop.clock.now()
        shop.deliver()
        due = fetch(shop.url, "SELECT due FROM mail WHERE id = %s", mail)[0][0]
        pauses.append(due - before)
        shop.clock.move(seconds=pauses[-1].total_seconds())
    while shop.server.takes("RCPT 450"):
        pass
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=15)
    assert max(pauses) == timedelta(hours=1)
    assert KINDS["test"].within - timedelta(hours=1) <= shop.clock.now() - begun
    assert shop.state(mail) == "failed"


def test_a_mail_whose_link_is_over_is_not_sent(shop: MailShop) -> None:
    mail = shop.put("new_password", link_id=7)
    shop.clock.move(hours=1)
    shop.deliver()
    assert shop.state(mail) == "failed"
    assert shop.server.taken == []


def test_a_receipt_is_sent_however_late(shop: MailShop) -> None:
    """The shop itself was away, such as over a long holiday."""
    mail = shop.put("test")
    shop.clock.move(days=20)
    shop.deliver()
    assert shop.state(mail) == "sent"


def test_each_is_claimed_by_one_process(shop: MailShop) -> None:
    """Two that look at once, and one that died with a mail in its hands."""
    for _ in range(6):
        shop.put("test")
    shop.run(_both(shop))
    assert len(shop.server.delivered) == 6
    mail = shop.put("test")
    shop.run(shop.component("delivery")._claim())  # and never comes back
    shop.deliver()
    assert shop.state(mail) == "waiting"
    shop.clock.move(seconds=LEASE.total_seconds())
    shop.deliver()
    assert shop.state(mail) == "sent"


async def _both(shop: MailShop) -> None:
    await asyncio.gather(*(shop.component("delivery").deliver() for _ in range(4)))


def test_a_mail_that_a_newer_version_wrote_is_left_to_it(shop: MailShop) -> None:
    mail = shop.put("test")
    fetch(shop.url, "UPDATE mail SET kind = 'of the future' WHERE id = %s", mail)
    shop.deliver()
    assert shop.state(mail) == "waiting"


def test_a_mail_that_cannot_be_written_holds_nothing_up(shop: MailShop) -> None:
    mail, other = shop.put("address_changed"), shop.put("test")  # without its field
    shop.deliver()
    assert (shop.state(mail), shop.state(other)) == ("waiting", "sent")


def test_what_was_written_before_there_was_a_server_is_sent_if_it_is_new(shop: MailShop) -> None:
    old, new = shop.put("test"), shop.put("test")
    fetch(shop.url, "UPDATE mail SET state = 'not set up'")
    fetch(shop.url, "UPDATE mail SET created = created - %s WHERE id = %s", LATELY, old)
    shop.deliver()
    assert (shop.state(old), shop.state(new)) == ("not set up", "sent")


def test_old_mails_go(shop: MailShop) -> None:
    old, waits = shop.put("test"), shop.put("test")
    shop.deliver()
    fetch(shop.url, "UPDATE mail SET state = 'waiting', ended = NULL WHERE id = %s", waits)
    for seconds, left in ((-1, {old, waits}), (2, {waits})):
        shop.clock.move(seconds=seconds if left == {waits} else KEPT.total_seconds() + seconds)
        shop.run(shop.component("outbox").tidy(shop.component("database")))
        assert {row[0] for row in fetch(shop.url, "SELECT id FROM mail")} == left


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_no_mail_goes_to_a_server_without_tls_where_it_is_asked_for(
    scheme: str, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "CONNECT_SECONDS", 1)
    with pytest.raises(Undelivered, match="can't be used"):
        asyncio.run(_connect(f"{scheme}://127.0.0.1:{mail_server.port}"))


async def _connect(url: str) -> Any:
    async with Smtp(parse_smtp_url(url), "shop@films.example").connected():
        pass


def test_the_login_is_used_and_its_refusal_does_not_tell_it(shop: MailShop) -> None:
    server = MailServer(needs_login=True)
    try:
        asyncio.run(_connect(f"smtp://{USER}:canary%3Aof%2Fthe%40mail%23server%208843@127.0.0.1:{server.port}"))
        with pytest.raises(Undelivered) as refused:
            asyncio.run(_connect(f"smtp://{USER}:{PASSWORD[:6]}@127.0.0.1:{server.port}"))
        assert refused.value.is_servers
        assert PASSWORD[:6] not in refused.value.reason
        with MailShop(shop.url, server, MovedClock(shop.clock.now()), smtp_url=server.url) as unknown:
            mail = unknown.put("test")  # without a login its sender is refused
            unknown.deliver()
            assert unknown.state(mail) == "waiting"
    finally:
        server.stop()


def test_a_server_of_ascii_alone_gets_domains_in_ascii(shop: MailShop) -> None:
    """As most mail servers are: what is before the ``@`` they must understand themselves."""
    server = MailServer(is_international=False)
    try:
        with MailShop(shop.url, server, MovedClock(shop.clock.now())) as ascii_shop:
            mails = [ascii_shop.put("test", f"{local}@münchen.example") for local in ("Kunde", "köbi")]
            ascii_shop.deliver()
            assert [ascii_shop.state(mail) for mail in mails] == ["sent", "failed"]
        [taken] = server.delivered
        assert (taken.recipient, taken.message["To"]) == ("Kunde@xn--mnchen-3ya.example",) * 2
    finally:
        server.stop()


def test_an_international_server_gets_what_is_before_the_at_sign_as_it_is(shop: MailShop) -> None:
    mail = shop.put("test", "köbi@münchen.example")
    shop.deliver()
    assert shop.state(mail) == "sent"
    assert shop.server.delivered[0].recipient == "köbi@xn--mnchen-3ya.example"

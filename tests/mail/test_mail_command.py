"""``filmer mail``, what the doctor says of the mail server, and the settings of mail."""

from collections.abc import Iterator

import pytest
from tests.commands import filmer
from tests.connections import fetch
from tests.mail.conftest import FROM, PUBLIC
from tests.mail.mail_server import USER, MailServer

from filmer.settings import SettingsError, SmtpServer, load_settings, parse_mail_from, parse_smtp_url
from filmer.store.embedded import Engines

QUOTED = "canary%3Aof%2Fthe%40mail%23server%208843"
SETTINGS = {"FILMER_MAIL_FROM": FROM, "FILMER_PUBLIC_URL": PUBLIC}


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    server = MailServer(needs_login=True)
    yield server
    server.stop()


def url_of(server: MailServer, password: str = QUOTED) -> str:
    return f"smtp://{USER}:{password}@127.0.0.1:{server.port}"


def write(database_url: str, state: str) -> int:
    fetch(
        database_url,
        "INSERT INTO mail (kind, recipient, fields, state, created, due, attempts, reason)"
        " VALUES ('test', 'mary@example.com', '{}', %s, now(), now(), 1, '550 not here')",
        state,
    )
    return int(fetch(database_url, "SELECT max(id) FROM mail")[0][0])


def test_a_test_mail_is_sent_at_once(server: MailServer) -> None:
    result = filmer("mail", "test", "Jane@Example.com", FILMER_SMTP_URL=url_of(server), **SETTINGS)
    assert result.returncode == 0, result.stderr
    assert "has taken" in result.stdout
    assert server.delivered[-1].recipient == "Jane@Example.com"
    assert server.delivered[-1].message["Subject"] == "This shop can send mail"


def test_a_test_mail_that_is_refused_says_why(server: MailServer) -> None:
    server.fail("RCPT 550")
    result = filmer("mail", "test", "jane@example.com", FILMER_SMTP_URL=url_of(server), **SETTINGS)
    assert result.returncode == 1
    assert "550" in result.stderr
    wrong = filmer("mail", "test", "jane@example.com", FILMER_SMTP_URL=url_of(server, "canary-wrong"), **SETTINGS)
    assert "refuses the login" in wrong.stderr
    assert "canary" not in wrong.stderr + wrong.stdout
    assert "FILMER_SMTP_URL is not set" in filmer("mail", "test", "jane@example.com").stderr
    assert filmer("mail", "test", "nobody", FILMER_SMTP_URL=url_of(server), **SETTINGS).returncode == 1


def test_what_was_not_sent_is_listed_and_tried_again(database_url: str) -> None:
    failed, other, sent = (write(database_url, state) for state in ("failed", "failed", "sent"))
    listed = filmer("mail", "list", DATABASE_URL=database_url)
    assert "2 mails not sent" in listed.stdout
    assert "550 not here" in listed.stdout
    assert f"\n{failed} " in listed.stdout
    assert "1 mail will be tried again" in filmer("mail", "retry", failed, DATABASE_URL=database_url).stdout
    assert dict(fetch(database_url, "SELECT id, state FROM mail")) == {failed: "waiting", other: "failed", sent: "sent"}
    assert "1 mail will be tried again" in filmer("mail", "retry", DATABASE_URL=database_url).stdout
    assert filmer("mail", "retry", sent, DATABASE_URL=database_url).returncode == 1


def test_the_doctor_asks_the_mail_server_without_sending(
    database_url: str, engines: Engines, server: MailServer
) -> None:
    stores = {"DATABASE_URL": database_url, "REDIS_URL": engines.redis_url}
    before = len(server.taken)
    good = filmer("doctor", **stores, FILMER_SMTP_URL=url_of(server), **SETTINGS)
    assert "the mail server answers, and accepts the login" in good.stderr
    wrong = filmer("doctor", **stores, FILMER_SMTP_URL=url_of(server, "canary-wrong"), **SETTINGS)
    assert wrong.returncode == 1
    assert "refuses the login" in wrong.stderr
    assert "canary" not in good.stderr + good.stdout + wrong.stderr + wrong.stdout
    assert "nothing is sent" in filmer("doctor", **stores).stderr
    assert len(server.taken) == before


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 25, None, None, tls=False, starttls=False)),
        ("smtps://a:b@mail.example", SmtpServer("mail.example", 465, "a", "b", tls=True, starttls=False)),
        ("smtp+starttls://a%40b:c%2Fd@mail.example:2525/",
         SmtpServer("mail.example", 2525, "a@b", "c/d", tls=False, starttls=True)),
        ("smtp://[::1]:25", SmtpServer("::1", 25, None, None, tls=False, starttls=False)),
    ],
)  # fmt: skip
def test_the_address_of_a_server(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "canary", "http://a:canary@mail.example", "smtp://a:canary@", "smtp://a:canary@mail.example:x",
        "smtp://canary@mail.example", "smtp://:canary@mail.example", "smtp://a:canary/b@mail.example",
        "smtp://a:canary#b@mail.example", "smtp://a:canary%FF@mail.example", "smtp://mail.example/?canary",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"FILMER_SMTP_URL": url, **SETTINGS})
    assert "FILMER_SMTP_URL" in str(raised.value)
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_sender() -> None:
    assert parse_mail_from("shop@films.example") == ("", "shop@films.example")
    assert parse_mail_from("Our shop <shop@films.example>") == ("Our shop", "shop@films.example")
    for wrong in (
        "shop",
        "shop@",
        "a@b\r\nBcc: c@d",
        "Our shop",
        "shöp@films.example",
        "a@b, c@d",
        "a@b>",
        "Shop <a@b",
    ):
        with pytest.raises(ValueError, match="Expected an address"):
            parse_mail_from(wrong)


@pytest.mark.parametrize("missing", SETTINGS)
def test_a_server_needs_a_sender_and_the_address_of_the_shop(missing: str) -> None:
    given = {name: value for name, value in SETTINGS.items() if name != missing}
    with pytest.raises(SettingsError, match=missing):
        load_settings({"FILMER_SMTP_URL": "smtp://mail.example", **given})

"""What mails say, whatever names and titles people have (contract §12.4)."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest
from tests.conftest import SECRET_KEY

from filmer.mail.kinds import KINDS, SECRET_PATHS
from filmer.mail.letters import MAX_SUBJECT, Letters
from filmer.mail.links import Links
from filmer.mail.queries import Mail
from filmer.office.identity import ShopIdentity
from filmer.secret import SecretKey
from filmer.settings import Settings

NOW = datetime(2026, 12, 1, 17, 40, tzinfo=UTC)
LINKS = Links(SecretKey(Settings(secret_key=SECRET_KEY)))
LETTERS = Letters(
    LINKS, ShopIdentity(Settings()), public_url="http://films.example", sender=("Our shop", "shop@films.example")
)
SALE = {"title": "Metropolis", "year": 1927, "quantity": 2, "price": "4.99"}
RENTAL = {"way": "watch", "until": NOW.isoformat(), "titles": ["Metropolis", "Amélie"]}
STATE = {"amount": "9.98", "reason": "Why not", "is_refunded": True, "is_at_counter": True}
FIELDS: dict[str, dict[str, Any]] = {
    "order": {"sales": [SALE], "total": "9.98", "is_paid": False, "hold_days": 3},
    "receipt": {"sales": [SALE], "total": "9.98"},
    "cancelled": STATE,
    "refunded": STATE,
    "rental_lapsing": RENTAL,
    "rental_overdue": RENTAL,
    "address_changed": {"new_address": "new@example.com"},
    "account_deleted": {"leaving": NOW.isoformat(), "until": NOW.isoformat()},
}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\r\nBcc: victim@example.com",
    "a\n\nb: http://evil.example",
    "{{ 7 * 7 }}{% raw %}",
    "\u2028Bcc: victim@example.com",
    "\x00\x1b[31m",
    "\u202egnp.exe",
    "&lt;b&gt;",
    "阿凡達 🎬 " * 40,
    "x" * 5000,
]


def mail(kind: str, *, first_name: str | None = "Mary", **fields: Any) -> Mail:
    return Mail(
        id=12, kind=kind, recipient="mary@example.com", link_id=34, fields={**FIELDS.get(kind, {}), **fields},
        state="waiting", created=NOW, due=NOW, attempts=1, reason="", first_name=first_name,
    )  # fmt: skip


def sent(mail: Mail) -> EmailMessage:
    """As whoever gets it reads it."""
    content = LETTERS.message(mail).as_bytes()
    assert max(map(len, content.splitlines())) <= 998  # RFC 5322
    return message_from_bytes(content, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body
    return str(body.get_content())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_the_same_as_text_and_as_html(kind: str) -> None:
    letter, message = LETTERS.letter(mail(kind)), sent(mail(kind))
    text, html = part(message, "plain"), unescape(part(message, "html"))
    assert message["Subject"] == letter.subject
    assert letter.paragraphs[0] == "Hello Mary,"
    assert len(letter.paragraphs) > 1
    for line in "\n".join(letter.paragraphs).splitlines():
        assert line in text
        assert line in html
    url = f"http://films.example{letter.path}"
    assert f"{letter.button}: {url}" in text
    assert f'href="{url}"' in html
    assert "{" not in text + letter.path
    assert "None" not in text


def test_an_order_lists_what_was_bought() -> None:
    text = part(sent(mail("order")), "plain")
    assert "2 \N{MULTIPLICATION SIGN} Metropolis (1927), $4.99 each" in text
    assert "Total: $9.98" in text
    assert "within 3 days" in text
    paid = part(sent(mail("order", is_paid=True)), "plain")
    assert "receipt" in paid
    assert "counter" not in paid


def test_who_asks_again_after_deleting_is_told_what_to_do() -> None:
    asked = LETTERS.letter(mail("account_deleted", is_asked=True)).paragraphs[1]
    assert asked.startswith("Somebody, hopefully you, asked")
    assert "with the button, and then sign in or ask for a new password" in asked
    assert LETTERS.letter(mail("account_deleted")).paragraphs[1].startswith("Your account is deleted")


def test_moments_are_in_words() -> None:
    assert "Tuesday, 1 December 2026, 17:40 UTC" in part(sent(mail("rental_lapsing")), "plain")


def test_somebody_unknown_is_greeted_as_well() -> None:
    assert LETTERS.letter(mail("confirm_address", first_name=None)).paragraphs[0] == "Hello,"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_and_no_title_does_any_harm(text: str) -> None:
    plain = mail("order", first_name="Mary", sales=[{**SALE, "title": "Metropolis"}])
    for hostile in (
        mail("order", first_name=text, sales=[{**SALE, "title": text}]),
        mail("rental_overdue", first_name=text, titles=[text]),
        mail("cancelled", reason=text),
    ):
        message = sent(hostile)
        assert set(message.keys()) == set(sent(plain).keys())
        assert message["Bcc"] is None
        assert (message["To"], message["From"]) == ("mary@example.com", "Our shop <shop@films.example>")
        assert len(message["Subject"]) <= MAX_SUBJECT
        harmless = sent(mail(hostile.kind))
        assert part(message, "plain").count("\n\n") == part(harmless, "plain").count("\n\n")
        tags = re.compile("<[^>]*>")
        assert tags.findall(part(message, "html"))[15:] == tags.findall(part(harmless, "html"))[15:] or (
            hostile.kind == "rental_overdue"  # which lists one film, not two
        )
        assert "<script" not in part(message, "html")
        assert "<img" not in part(message, "html")
        assert not re.search("[\x00-\x08\x0e-\x1f\u2028\u202e]", part(message, "plain"))


def test_titles_of_any_script_arrive_as_they_are() -> None:
    message = sent(mail("rental_overdue", titles=["阿凡達 🎬"]))
    assert message["Subject"] == "Please bring back 阿凡達 🎬"
    assert "阿凡達 🎬" in part(message, "plain")


def test_every_page_with_a_token_keeps_it_out_of_the_log() -> None:
    for kind in KINDS.values():
        assert ("{token}" in kind.path) == bool(kind.purpose) == kind.path.startswith(SECRET_PATHS)

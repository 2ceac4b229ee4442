"""Letters: what a mail says, as text and as HTML, from the same words (``templates/``)."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Protocol

import jinja2
import msgspec

from filmer.formats import Formats
from filmer.mail.domains import with_ascii_domain
from filmer.mail.kinds import KINDS
from filmer.mail.links import Links
from filmer.mail.queries import Mail

MAX_SUBJECT = 150  # characters
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


class Sender(Protocol):
    """What mails say of the shop."""

    name: str
    is_named: bool
    formats: Formats


class Letter(msgspec.Struct, frozen=True):
    """``path``: of the page that the button leads to. It may have a token in it, which is a secret."""

    subject: str
    paragraphs: list[str]
    button: str
    path: str


class Letters:
    def __init__(self, links: Links, shop: Sender, *, public_url: str | None, sender: tuple[str, str]) -> None:
        """``sender``: name and address."""
        self._links = links
        self._shop = shop
        self._public_url = public_url or ""
        self._sender = sender
        # Nothing is escaped here, as the layout does that. No value can add a line.
        self._words = jinja2.Environment(  # noqa: S701
            loader=jinja2.PackageLoader("filmer.mail"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_one_line,
        )
        self._words.globals["shop"] = shop
        self._words.filters.update(
            money=lambda amount: shop.formats.money(Decimal(amount)),
            moment=lambda text: shop.formats.moment(datetime.fromisoformat(text)),
        )
        self._layout = self._words.overlay(autoescape=True).get_template("layout.html")

    def letter(self, mail: Mail) -> Letter:
        kind, values = KINDS[mail.kind], {"link_id": mail.link_id, **mail.fields}
        subject, _, words = self._words.get_template(f"{mail.kind}.txt").render(values).partition("\n")
        paragraphs = [part.strip() for part in re.split(r"\n{2,}", words) if part.strip()]
        greeting = f"Hello {_one_line(mail.first_name)}," if mail.first_name else "Hello,"
        token = self._links.token(kind.purpose.format(**values), mail.link_id or 0) if kind.purpose else ""
        path = kind.path.format(token=token, link_id=mail.link_id)
        return Letter(subject.strip()[:MAX_SUBJECT], [greeting, *paragraphs], kind.button, path)

    def message(self, mail: Mail) -> EmailMessage:
        """The mail as it is sent: at each attempt the same, with the same Message-ID."""
        letter, domain = self.letter(mail), self._sender[1].rpartition("@")[2]
        url = self._public_url + letter.path
        message = EmailMessage(policy=SMTP)
        message["Subject"] = letter.subject
        message["From"] = Address(
            self._sender[0] or (self._shop.name if self._shop.is_named else ""), addr_spec=self._sender[1]
        )
        message["To"] = with_ascii_domain(mail.recipient)
        message["Date"] = format_datetime(mail.created.astimezone(UTC))
        message["Message-ID"] = f"<{mail.id}.{self._links.token('message', mail.id).partition('.')[2][:20]}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # so that no vacation notice answers
        message.set_content("\n\n".join([*letter.paragraphs, f"{letter.button}: {url}", f"-- \n{self._public_url}\n"]))
        message.add_alternative(
            self._layout.render(letter=letter, url=url, public_url=self._public_url), subtype="html"
        )
        return message


def _one_line(value: Any) -> Any:
    """Text of others, such as names and titles, in one line: it can't add a header, a paragraph or a link's line."""
    return " ".join(_UNPRINTABLE.sub(" ", value).split()) if isinstance(value, str) else value

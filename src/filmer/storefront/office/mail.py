"""The office's page of mail, and the demo's inbox, which shows what would have been sent."""

from litestar.params import FromPath

from filmer.clock import Clock
from filmer.errors import NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import require_id
from filmer.mail import queries
from filmer.mail.kinds import KINDS
from filmer.mail.letters import Letters
from filmer.mail.outbox import Outbox
from filmer.store.postgres import Database
from filmer.storefront.pages import HtmlResponse, Pages

SHOWN = 100
IN_INBOX = 20


class MailPages(Handlers):
    def __init__(self, pages: Pages, database: Database, outbox: Outbox, letters: Letters, clock: Clock) -> None:
        self._pages = pages
        self._database = database
        self._outbox = outbox
        self._letters = letters
        self._clock = clock

    async def list_mails(self, request: AnyRequest) -> HtmlResponse:
        """Where no server is set up: the mails with a link, for the owner to hand over while it may be good."""
        linked = [name for name, kind in KINDS.items() if kind.purpose]
        async with self._pages.owner(request) as (conn, visitor):
            mails = await queries.select_mails(conn, ["waiting", "not set up", "failed"], linked, size=SHOWN)
            counts = await queries.count_mails(conn)
        now, known = self._clock.now(), [mail for mail in mails if mail.kind in KINDS]
        letters = {mail.id: self._letters.letter(mail) for mail in known}
        links = {
            mail.id: letters[mail.id].path
            for mail in known
            if mail.state == "not set up" and KINDS[mail.kind].purpose and now < mail.created + KINDS[mail.kind].within
        }
        return self._pages.personal(
            "office/mail.html", request, visitor, mails=known, letters=letters, links=links, counts=counts,
            is_set_up=self._outbox.is_set_up, shown=SHOWN,
        )  # fmt: skip

    async def retry(self, mail_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            missing = NotFound("There is no such mail, or it was sent")
            if not await self._outbox.retry(conn, require_id(mail_id, missing), visitor.actor):
                raise missing
        return self._pages.redirect("/admin/mail", "The mail is tried again now.")

    async def show_inbox(self, request: AnyRequest) -> HtmlResponse:
        """Of everybody, for everybody: in the demo nothing is private."""
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
            mails = await queries.select_mails(conn, ["not set up"], size=IN_INBOX)
        letters = []
        for mail in (mail for mail in mails if mail.kind in KINDS):  # another's order does not open, a token does
            opens = KINDS[mail.kind].purpose or visitor is None or visitor.user.email == mail.recipient
            letters.append((mail, self._letters.letter(mail), opens))
        return self._pages.personal("inbox.html", request, visitor, letters=letters)

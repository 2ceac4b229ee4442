"""``filmer mail``: what was not sent, another try, and a test of the mail server."""

import asyncio
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from filmer.accounts.addresses import read_email
from filmer.audit.log import command_line
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import in_database, read_argument, shown
from filmer.errors import CommandFailed
from filmer.mail import queries
from filmer.mail.letters import Letters
from filmer.mail.links import Links
from filmer.mail.outbox import Outbox
from filmer.mail.queries import Mail
from filmer.mail.smtp import Smtp, Undelivered
from filmer.office.identity import ShopIdentity
from filmer.plurals import counted
from filmer.secret import SecretKey
from filmer.settings import Settings, load_settings, parse_mail_from, parse_smtp_url
from filmer.store.postgres import Connection

MOST = 10_000

mail_app = App(name="mail", help="List mails that were not sent, try them again, and test the mail server.")


@mail_app.command(name="list")
def list_mails(*, data_dir: DataDir = None) -> None:
    """List the mails that wait to be sent or have failed, the latest first. Links are not shown."""

    async def work(conn: Connection, _: Settings) -> list[Mail]:
        return await queries.select_mails(conn, ["waiting", "not set up", "failed"], size=MOST)

    mails = in_database(data_dir, work)
    for mail in mails:
        print(f"{mail.id}  {mail.created:%Y-%m-%d %H:%M}  {mail.state:<10}  {mail.kind:<18}  {shown(mail.recipient)}"
              f"  {shown(mail.reason)}".rstrip())  # fmt: skip
    print(f"{counted(len(mails), 'mail')} not sent")


@mail_app.command
def retry(
    mail: Annotated[int | None, Parameter(help="Its number. Without one: all that failed.")] = None,
    /,
    *,
    data_dir: DataDir = None,
) -> None:
    """Try mails again that were not sent: the running server does it within seconds."""

    async def work(conn: Connection, settings: Settings) -> int:
        return await Outbox(SystemClock(), is_set_up=settings.smtp_url is not None).retry(conn, mail, command_line())

    count = in_database(data_dir, work)
    if mail is not None and not count:
        raise CommandFailed(f"There is no mail {mail} that was not sent: `filmer mail list` shows them.")
    print(f"{counted(count, 'mail')} will be tried again")


@mail_app.command(name="test")
def send_test(address: Annotated[str, Parameter(help="To whom.")], /, *, data_dir: DataDir = None) -> None:
    """Send a test mail at once, and tell what the mail server says."""
    recipient = read_argument(read_email, address)
    settings = load_settings(data_dir=data_dir)
    if not (settings.smtp_url and settings.mail_from):
        raise CommandFailed("FILMER_SMTP_URL is not set: no mail can be sent (docs/mail.md).")
    sender, now = parse_mail_from(settings.mail_from), SystemClock().now()
    # It needs no database, and so goes without what the owner says of the shop there.
    shop = ShopIdentity(msgspec.structs.replace(settings, shop_name=settings.shop_name or sender[0] or None))
    letters = Letters(Links(SecretKey(settings)), shop, public_url=settings.public_url, sender=sender)
    mail = Mail(
        id=int(now.timestamp()), kind="test", recipient=recipient, link_id=None, fields={}, state="waiting",
        created=now, due=now, attempts=0, reason="", first_name=None,
    )  # fmt: skip
    smtp = Smtp(parse_smtp_url(settings.smtp_url), sender[1])

    async def send() -> None:
        async with smtp.connected() as client:
            await smtp.send(client, letters.message(mail), recipient)

    try:
        asyncio.run(send())
    except Undelivered as error:
        raise CommandFailed(f"{shown(error.reason)}. No mail was sent.") from None
    print(f"the mail server has taken a test mail to {shown(recipient)}")

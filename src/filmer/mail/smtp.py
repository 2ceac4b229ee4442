"""The mail server: connect, log in, hand a message over, and tell what a failure means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage

import aiosmtplib

from filmer.mail.domains import with_ascii_domain
from filmer.settings import SmtpServer

CONNECT_SECONDS = 20.0  # with TLS and login
COMMAND_SECONDS = 20.0  # for each answer of the server
SEND_SECONDS = 60.0  # for a message
QUIT_SECONDS = 2.0
_PERMANENT, _CLOSING = 500, 421
_MAX_REASON = 300  # characters


class Undelivered(Exception):
    """``reason``: for the office; the server's own words may name the recipient. ``logged``: what a log may have.

    ``is_final``: another attempt would end alike. ``is_servers``: so would the next mail's.
    """

    def __init__(self, reason: str, *, logged: str = "", is_final: bool = False, is_servers: bool = False) -> None:
        super().__init__(reason)
        printable = "".join(char if char.isprintable() else " " for char in reason)  # servers say what they like
        self.reason = " ".join(printable.split())[:_MAX_REASON]
        self.logged = logged or self.reason
        self.is_final = is_final
        self.is_servers = is_servers


class Smtp:
    def __init__(self, server: SmtpServer, sender: str) -> None:
        """``sender``: the address to which returned mails go."""
        self._server = server
        self._sender = sender

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection after the login. Raises Undelivered."""
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, username=server.user, password=server.password,
            local_hostname=self._sender.rpartition("@")[2], timeout=COMMAND_SECONDS, use_tls=server.tls,
            start_tls=False if server.tls else (True if server.starttls else None),
        )  # fmt: skip
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect()
        except aiosmtplib.SMTPAuthenticationError as error:  # whose text may repeat what was sent
            raise Undelivered(f"the mail server refuses the login ({error.code})", is_servers=True) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            text = str(error) or type(error).__name__
            raise Undelivered(f"the mail server can't be used: {text}", is_servers=True) from None
        try:
            yield client
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=QUIT_SECONDS)
        finally:
            client.close()

    async def send(self, client: aiosmtplib.SMTP, message: EmailMessage, recipient: str) -> None:
        """Returns when the server has taken the message. Raises Undelivered."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await client.send_message(message, sender=self._sender, recipients=with_ascii_domain(recipient))
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _answered(refused.recipients[0]) from None
        except aiosmtplib.SMTPSenderRefused as error:
            reason = f"the sender is refused: {error.code} {error.message}"
            raise Undelivered(reason, logged=f"sender refused: {error.code}", is_servers=True) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _answered(error) from None
        except (aiosmtplib.SMTPNotSupported, ValueError) as error:  # an address that this server does not take
            raise Undelivered(str(error), logged="address not supported", is_final=True) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            text = str(error) or type(error).__name__
            raise Undelivered(f"the mail server broke off: {text}", is_servers=True) from None


def _answered(error: aiosmtplib.SMTPResponseException) -> Undelivered:
    return Undelivered(
        f"{error.code} {error.message}",
        logged=f"status {error.code}",
        is_final=error.code >= _PERMANENT,
        is_servers=error.code == _CLOSING,
    )

"""A mail server for tests: it speaks SMTP over a socket, keeps what it was sent, and fails when a test says so."""

import asyncio
import email
import email.policy
import warnings
from email.message import EmailMessage
from typing import Any, Literal, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from filmer.server.serving import free_port

USER, PASSWORD = "shop", "canary:of/the@mail#server 8843"
# Where it fails, and how: with a status, or by what it does to the connection.
Fault = Literal[
    "RCPT 450", "RCPT 550", "MAIL 553", "DATA 451", "DATA 554", "DATA 421", "slow", "hang", "drop in DATA",
    "drop after DATA",
]  # fmt: skip


class Taken(NamedTuple):
    """A message that the server has seen whole. ``was_answered``: with 250, so that it is the server's by now."""

    recipient: str
    content: bytes
    was_answered: bool

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part
        return str(part.get_content())

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part
        return str(part.get_content())


class MailServer:
    def __init__(self, *, needs_login: bool = False, is_international: bool = True) -> None:
        """``is_international``: it takes addresses of other letters (SMTPUTF8)."""
        self.port = free_port("127.0.0.1")
        self.taken: list[Taken] = []
        self.connections = 0
        self._faults: list[Fault] = []
        self._needs_login = needs_login
        self._is_international = is_international
        self.start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def delivered(self) -> list[Taken]:
        return [taken for taken in self.taken if taken.was_answered]

    def fail(self, fault: Fault, *, times: int = 1) -> None:
        self._faults += [fault] * times

    def takes(self, *faults: Fault) -> Fault | None:
        """The next fault, if it is one of these, which has happened by that."""
        return self._faults.pop(0) if self._faults and self._faults[0] in faults else None

    def start(self) -> None:
        abilities: dict[str, Any] = {"enable_SMTPUTF8": self._is_international}
        if self._needs_login:
            abilities |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": False}
        self._controller = _Controller(
            self, hostname="127.0.0.1", port=self.port, server_hostname="mail.example", **abilities
        )
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if fault := self.takes("MAIL 553"):
            return f"{fault[-3:]} this sender is not welcome"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if fault := self.takes("RCPT 450", "RCPT 550"):
            return f"{fault[-3:]} {address} is not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        fault = self.takes("DATA 451", "DATA 554", "DATA 421", "slow", "hang", "drop after DATA")
        if fault in {"slow", "hang"}:
            await asyncio.sleep(0.5 if fault == "slow" else 30)
        is_fine = fault in {None, "slow"}
        if is_fine or fault == "drop after DATA":
            assert isinstance(envelope.content, bytes)
            self.taken += [Taken(address, envelope.content, is_fine) for address in envelope.rcpt_tos]
        if fault == "drop after DATA":
            _drop(server)
        return "250 OK" if is_fine else f"{(fault or '')[-3:]} not now"


class _Smtp(SMTP):
    """``faults``: the server's."""

    faults: MailServer

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if self.faults.takes("drop in DATA"):
            _drop(self)
            return
        await super().smtp_DATA(arg)


def _drop(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()


class _Controller(Controller):
    def factory(self) -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # about logins without TLS
            server = _Smtp(self.handler, **self.SMTP_kwargs)
        server.faults = self.handler
        self.handler.connections += 1
        return server


def _authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)

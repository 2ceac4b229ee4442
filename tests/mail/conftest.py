"""A shop with a mail server, whose mails are delivered when a test says so, by a clock that it moves."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.mail.mail_server import MailServer
from tests.shop.conftest import LocalShop, open_store

from filmer.mail import delivery
from filmer.mail.delivery import LEASE

FROM, PUBLIC = "Our shop <shop@films.example>", "http://films.example"


class MailShop(LocalShop):
    """``server``: takes its mails."""

    def __init__(self, url: str, server: MailServer, clock: MovedClock, **settings: Any) -> None:
        settings = {"smtp_url": server.url, "mail_from": FROM, "public_url": PUBLIC, **settings}
        super().__init__(url, clock=clock, **settings)
        self.server, self.clock = server, clock

    def put(self, kind: str, recipient: str | None = "mary@example.com", **fields: Any) -> int:
        """Writes a mail, and commits. Returns its id."""

        async def put() -> None:
            async with self.component("database").connection() as conn:
                await self.component("outbox").put(conn, kind, recipient, **{"account_id": None, **fields})

        self.run(put())
        return int(fetch(self.url, "SELECT max(id) FROM mail")[0][0])

    def deliver(self) -> None:
        """What each process does every other second."""
        self.run(self.component("delivery").deliver())

    def state(self, mail: int) -> str:
        return str(fetch(self.url, "SELECT state FROM mail WHERE id = %s", mail)[0][0])

    def reason(self, mail: int) -> str:
        return str(fetch(self.url, "SELECT reason FROM mail WHERE id = %s", mail)[0][0])

    def pass_pause(self) -> None:
        self.clock.move(seconds=LEASE.total_seconds())


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def _by_hand() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery.Delivery, "start", lambda _: None)
        yield


@pytest.fixture(scope="module")
def shared_shop(make_database: MakeDatabase, mail_server: MailServer, _by_hand: None) -> Iterator[MailShop]:
    with MailShop(open_store(make_database), mail_server, MovedClock()) as shop:
        yield shop


@pytest.fixture
def shop(shared_shop: MailShop) -> MailShop:
    """Nothing is in its outbox, and nothing was delivered yet."""
    fetch(shared_shop.url, "DELETE FROM mail")
    shared_shop.server.taken.clear()
    assert shared_shop.server.takes() is None
    return shared_shop

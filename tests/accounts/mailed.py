"""What was mailed, and the links in it: made from the rows as ``mail/letters.py`` makes them."""

from typing import NamedTuple

from tests.conftest import SECRET_KEY
from tests.connections import in_database

from filmer.mail.kinds import KINDS
from filmer.mail.links import Links
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.store.postgres import Connection

# A server that sends mail, as far as it knows: nobody listens there.
SENDS_MAIL = {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "shop@example.com", "public_url": "http://shop.example"}


class Mailed(NamedTuple):
    kind: str
    recipient: str
    account_id: int | None
    path: str  # of the page that its button leads to


def mails(database_url: str) -> list[Mailed]:
    """All there are, oldest first."""

    async def work(conn: Connection) -> list[Mailed]:
        cursor = await conn.execute("SELECT kind, recipient, account_id, link_id FROM mail ORDER BY id")
        return [Mailed(row[0], row[1], row[2], _path(row[0], row[3])) for row in await cursor.fetchall()]

    found: list[Mailed] = in_database(database_url, work)
    return found


def _path(name: str, link_id: int | None) -> str:
    kind = KINDS[name]
    if "{token}" not in kind.path:
        return kind.path
    assert link_id is not None
    return kind.path.format(token=Links(SecretKey(Settings(secret_key=SECRET_KEY))).token(kind.purpose, link_id))

"""E-mail addresses that earlier versions kept: brought into the form they are compared by, as far as that is free.

No migration does it, as plain SQL knows nothing of domains. It is done at each start, and by the commands that could
make a second account of an address, because workers of the earlier version may write beside those of this one.
"""

import msgspec
import structlog

from filmer.accounts import address_queries as queries
from filmer.accounts.addresses import email_key, read_email
from filmer.store.postgres import Connection

log = structlog.get_logger()

TOLD = 5  # pairs named in one line of the log


class SharedAddress(msgspec.Struct, frozen=True):
    """Two accounts of one e-mail address, as each spells it: both are left alone, and sign in as ever."""

    account_id: int
    email: str
    holder_id: int  # whose address it is by now
    holder_email: str

    def __str__(self) -> str:
        return (
            f"account {self.account_id} ({self.email}) has the e-mail address of account {self.holder_id} "
            f"({self.holder_email})"
        )


ADVICE = (
    "Each signs in with its own spelling only; browsers send the one with xn--. Give one of the two another address: "
    "`filmer account email ID ADDRESS`."
)


async def settle_addresses(conn: Connection) -> list[SharedAddress]:
    """Brings all into form but those that two accounts have, which it returns."""
    readable, shared = await _look_through(conn)
    if readable:
        await queries.update_emails(conn, readable)
    return shared


async def find_shared(conn: Connection) -> list[SharedAddress]:
    """The same, changing nothing."""
    return (await _look_through(conn))[1]


def warn_of(shared: list[SharedAddress]) -> None:
    """One line, at each start, until it is settled."""
    if shared:
        pairs = [f"{one.account_id} and {one.holder_id}" for one in shared[:TOLD]]
        log.warning(
            "accounts have one e-mail address", pairs=len(shared), accounts=pairs,
            advice="`filmer account list` shows them; `filmer account email` gives one of two another address",
        )  # fmt: skip


async def _look_through(conn: Connection) -> tuple[dict[int, str], list[SharedAddress]]:
    """The addresses that are to be brought into form, by account, and those that two have.

    Where nobody has the form yet, the older account gets it.
    """
    odd = await queries.select_odd_addresses(conn)
    keys = {one.account_id: email_key(one.email) for one in odd}
    holders = await queries.select_holders(conn, list(keys.values()))
    readable, shared = {}, []
    for one in odd:
        key = keys[one.account_id]
        holder = holders.setdefault(key, one.account_id)
        if holder != one.account_id:
            shared.append(SharedAddress(one.account_id, one.email, holder, key))
            continue
        try:
            email = read_email(one.email)
        except ValueError:  # earlier versions took it for a domain; nobody else can have it
            continue
        if (email, key) != (one.email, one.key):
            readable[one.account_id] = email
    kept = {one.account_id for one in odd if one.key == keys[one.account_id]} & {one.holder_id for one in shared}
    return {account_id: email for account_id, email in readable.items() if account_id not in kept}, shared

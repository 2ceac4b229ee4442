"""Normalizes e-mail addresses that earlier versions stored, unless another account has the normal form.

A migration can't, as plain SQL knows nothing of domains. It happens at each start, and in commands that could open a
second account for an address, because workers of the earlier version may still write beside those of this one.
"""

import msgspec
import structlog

from filmer.accounts import address_queries as queries
from filmer.accounts.addresses import email_key, read_email
from filmer.store.postgres import Connection

log = structlog.get_logger()

MAX_LOGGED = 5  # pairs named in one line of the log


class SharedAddress(msgspec.Struct, frozen=True):
    """Two accounts with one e-mail address in different spellings. Both stay as they are, and can sign in."""

    account_id: int
    email: str
    holder_id: int  # the account that has the normal form
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
    """Normalizes all but those that two accounts have, which it returns."""
    normalized, shared = await _classify(conn)
    if normalized:
        await queries.update_emails(conn, normalized)
    return shared


async def find_shared(conn: Connection) -> list[SharedAddress]:
    """What ``settle_addresses`` would return, without changing anything."""
    return (await _classify(conn))[1]


def warn_of(shared: list[SharedAddress]) -> None:
    """Logs one line at each start, as long as there are any."""
    if shared:
        pairs = [f"{conflict.account_id} and {conflict.holder_id}" for conflict in shared[:MAX_LOGGED]]
        log.warning(
            "accounts have one e-mail address", pairs=len(shared), accounts=pairs,
            advice="`filmer account list` shows them; `filmer account email` gives one of two another address",
        )  # fmt: skip


async def _classify(conn: Connection) -> tuple[dict[int, str], list[SharedAddress]]:
    """The normal form of addresses that lack it, by account, and the addresses that two accounts have.

    Where no account has the normal form yet, the oldest gets it.
    """
    stored = await queries.select_unusual_addresses(conn)
    keys = {address.account_id: email_key(address.email) for address in stored}
    holders = await queries.select_holders(conn, list(keys.values()))
    normalized, shared = {}, []
    for address in stored:
        key = keys[address.account_id]
        holder = holders.setdefault(key, address.account_id)
        if holder != address.account_id:
            shared.append(SharedAddress(address.account_id, address.email, holder, key))
            continue
        try:
            email = read_email(address.email)
        except ValueError:  # only earlier versions accepted it; no other account can have it
            continue
        if (email, key) != (address.email, address.key):
            normalized[address.account_id] = email
    have_key = {address.account_id for address in stored if address.key == keys[address.account_id]}
    unchanged = have_key & {conflict.holder_id for conflict in shared}
    return {account_id: email for account_id, email in normalized.items() if account_id not in unchanged}, shared

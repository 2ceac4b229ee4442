"""All SQL of the office's list of accounts, and of one of them. It reads alone."""

from datetime import datetime

import msgspec

from filmer.accounts.schemas import Role
from filmer.store.postgres import Connection, like_person

MOST = 10_000  # accounts that a list counts and shows
_ORDERS = 1_000  # of one account that a list counts
_MAX_DIGITS = 9  # of an id that is looked for


class AccountRow(msgspec.Struct, frozen=True):
    """``leaving``: when its user deleted it; a week later the person is removed."""

    id: int
    email: str
    first_name: str
    last_name: str
    role: Role
    disabled: bool
    demo: bool
    created: datetime
    leaving: datetime | None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class ListedAccount(msgspec.Struct, frozen=True):
    account: AccountRow
    orders: int


_ACCOUNT = "a.id, a.email, a.first_name, a.last_name, a.role, a.disabled, a.demo, a.created, a.leaving"
_FOUND = " AND a.found_by LIKE without_accents(%(like)s)"
_FOUND_BY_NUMBER = " AND (a.found_by LIKE without_accents(%(like)s) OR a.id = %(id)s)"
_CLOSED = {True: " AND a.disabled", False: " AND NOT a.disabled", None: ""}


async def select_accounts(
    conn: Connection, *, text: str, role: Role | None, closed: bool | None, first: int, size: int
) -> tuple[int, list[ListedAccount]]:
    """Accounts whose name and e-mail address have the words of a text in them, or whose id it is; the latest first.

    How many there are, ``MOST`` at most, and some of them.
    """
    where = f"a.erased IS NULL{_CLOSED[closed]}"
    if role is not None:  # a constant, for which alone the index of owners and clerks is used
        where += f" AND a.role = '{role}'"
    account_id = int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
    if text:
        where += _FOUND if account_id is None else _FOUND_BY_NUMBER
    values = {
        "like": like_person(text),
        "id": account_id,
        "most": MOST,
        "first": first,
        "size": max(0, min(size, MOST - first)),
    }
    # Never prepared: whether an index is quick depends on the text.
    counted = f"SELECT count(*) FROM (SELECT FROM account a WHERE {where} LIMIT %(most)s) found"
    row = await (await conn.execute(counted.encode(), values, prepare=False)).fetchone()
    total = int(row[0]) if row else 0
    if total <= first:  # a text that nobody has costs one look at all accounts, not two
        return total, []
    cursor = await conn.execute(
        f"""
        SELECT {_ACCOUNT}, (SELECT count(*) FROM (SELECT FROM shop_order WHERE account_id = a.id LIMIT {_ORDERS}) o)
        FROM (SELECT * FROM account a WHERE {where} ORDER BY a.id DESC LIMIT %(size)s OFFSET %(first)s) a
        ORDER BY a.id DESC
        """.encode(),
        values,
        prepare=False,
    )
    rows = await cursor.fetchall()
    return total, [ListedAccount(AccountRow(*row[:-1]), row[-1]) for row in rows]


async def select_account(conn: Connection, account_id: int) -> tuple[AccountRow, int] | None:
    """With the number of its favourites; None for an account that there is not, or whose person is gone."""
    statement = f"""
        SELECT {_ACCOUNT}, (SELECT count(*) FROM favorite f WHERE f.account_id = a.id)
        FROM account a WHERE a.id = %s AND a.erased IS NULL
    """
    row = await (await conn.execute(statement.encode(), [account_id])).fetchone()
    return None if row is None else (AccountRow(*row[:-1]), row[-1])

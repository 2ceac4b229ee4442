"""The SQL of the office's list of orders: filtered, searched, in pages that each cost the same, however far back."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from filmer.catalogue.folding import fold
from filmer.rentals.sales import CODE_LENGTH
from filmer.shop.cancel_queries import LAST_FOUR, ORDER, OrderState
from filmer.shop.payment import AT_COUNTER, NOTHING_TO_PAY, STRIPE
from filmer.shop.schemas import MAX_ID
from filmer.store.postgres import Connection, escape_like, like_person

State = Literal["unpaid", "paid", "cancelled", "owed"]
PaymentKind = Literal["cards", "counter", "stripe", "free"]
MOST_COUNTED = 1000  # orders; of more it is only said that there are more
MOST_PEOPLE = 1000  # whose orders are looked up; where a text is part of more names, orders are read by time and tested
DIGITS = 4  # of a card's number

_UNPAID = "SELECT order_id FROM rental WHERE state = 'unpaid'"
_STATES = {
    "unpaid": f"o.id = ANY(ARRAY({_UNPAID}))",  # looked up: they are few, and would be met late on the way through all
    "paid": f"c.order_id IS NULL AND NOT o.id IN ({_UNPAID})",
    "cancelled": "c.order_id IS NOT NULL",
    "owed": "o.id IN (SELECT order_id FROM cancellation WHERE refund IN ('initiated', 'failed'))",
}
OLDEST_FIRST = ("unpaid", "owed")  # what has waited longest comes first
_OTHERS = f"o.payment NOT IN ('{AT_COUNTER.reference}', '{NOTHING_TO_PAY.reference}')"
_KINDS = {
    "cards": f"{_OTHERS} AND NOT starts_with(o.payment, '{STRIPE}')",
    "counter": f"o.payment = '{AT_COUNTER.reference}'",
    "stripe": f"starts_with(o.payment, '{STRIPE}')",
    "free": f"o.payment = '{NOTHING_TO_PAY.reference}'",
}


class OrderFilter(msgspec.Struct, frozen=True):
    """``text``: of a name, an address; a number, a card's last four digits. ``code``: the text as a pick-up code.

    ``since``, ``until``: days in UTC on which it was placed, both included.
    """

    text: str = ""
    code: str = ""
    state: State | None = None
    payment: PaymentKind | None = None
    since: date | None = None
    until: date | None = None


class OrderPage(msgspec.Struct, frozen=True):
    """``total``: None for more than ``MOST_COUNTED``. ``has_before``, ``has_after``: there are others around these."""

    orders: list[OrderState]
    total: int | None
    has_before: bool
    has_after: bool


async def select_orders_page(
    conn: Connection, wanted: OrderFilter, *, before: int | None, after: int | None, size: int
) -> OrderPage:
    """The first orders of the list; or those right before or after one of its orders."""
    tests, values, is_common = await _tests(conn, wanted)
    found = None if is_common else await _select_few(conn, tests, values)
    if found is not None:  # few among many are looked up, not met on the way through all
        tests, values = "o.id = ANY(%(found)s)", {"found": found}
    is_descending = wanted.state not in OLDEST_FIRST
    edge = after if after is not None else before
    is_back = edge is not None and after is None
    sign, direction = ("<", "DESC") if is_descending != is_back else (">", "ASC")
    beyond = f" AND (o.placed, o.place) {sign} (SELECT placed, place FROM shop_order WHERE id = %(edge)s)"
    order = f"ORDER BY o.placed {direction}, o.place {direction}"
    people = "JOIN account a ON a.id = o.account_id" if is_common else ""
    # People are looked up for those orders alone that are shown.
    statement = f"""{ORDER} WHERE o.id IN (
            SELECT o.id FROM shop_order o {people} LEFT JOIN cancellation c ON c.order_id = o.id
            WHERE {tests}{beyond if edge is not None else ""} {order} LIMIT %(size)s
        ) {order}"""
    # Never prepared: which index is quick depends on the values.
    cursor = await conn.execute(statement.encode(), values | {"edge": edge, "size": size + 1}, prepare=False)
    rows = [OrderState(*row) for row in await cursor.fetchall()]
    has_more = len(rows) > size
    orders = rows[:size][::-1] if is_back else rows[:size]
    total = None if found is None else len(found)
    return OrderPage(orders, total, has_more if is_back else edge is not None, is_back or has_more)


async def _select_few(conn: Connection, tests: str, values: dict[str, Any]) -> list[int] | None:
    """The orders, unless there are more than are counted."""
    orders = f"SELECT o.id FROM shop_order o LEFT JOIN cancellation c ON c.order_id = o.id WHERE {tests}"
    statement = f"{orders} LIMIT {MOST_COUNTED + 1}"
    rows = await (await conn.execute(statement.encode(), values, prepare=False)).fetchall()
    return [row[0] for row in rows] if len(rows) <= MOST_COUNTED else None


async def _tests(conn: Connection, wanted: OrderFilter) -> tuple[str, dict[str, Any], bool]:
    """What an order must fulfil, as SQL and its values; and whether its text is part of many names."""
    tests, values, is_common = ["true"], dict[str, Any](), False
    if wanted.state:
        tests.append(_STATES[wanted.state])
    if wanted.payment:
        tests.append(_KINDS[wanted.payment])
    if wanted.since:
        tests.append("o.placed >= %(since)s::timestamp AT TIME ZONE 'UTC'")
        values["since"] = wanted.since
    if wanted.until:
        tests.append("o.placed < %(end)s::timestamp AT TIME ZONE 'UTC'")
        values["end"] = wanted.until + timedelta(days=1)
    if wanted.text:
        values["like"] = like_person(wanted.text)
        people = await _select_people(conn, values["like"])
        is_common = len(people) > MOST_PEOPLE
        tests.append("a.found_by LIKE without_accents(%(like)s)" if is_common else _found(wanted, values, people))
    return " AND ".join(tests), values, is_common


def _found(wanted: OrderFilter, values: dict[str, Any], people: list[int]) -> str:
    """The orders of these people, and those that the text names, each looked up by an index."""
    found = ["SELECT o.id FROM shop_order o WHERE o.account_id = ANY(%(people)s)"]
    values["people"] = people
    if wanted.text.isascii() and wanted.text.isdigit() and int(wanted.text) <= MAX_ID:
        found.append("SELECT %(number)s::bigint")
        values["number"] = int(wanted.text)
        if len(wanted.text) == DIGITS:
            found.append(f"SELECT o.id FROM shop_order o WHERE {LAST_FOUR} = %(last_four)s")
            values["last_four"] = wanted.text
    if len(wanted.code) == CODE_LENGTH:
        found.append("SELECT order_id FROM pickup WHERE code = %(code)s")
        values["code"] = wanted.code
    return f"o.id = ANY(ARRAY({' UNION '.join(found)}))"


async def _select_people(conn: Connection, like: str) -> list[int]:
    statement = f"SELECT id FROM account WHERE found_by LIKE without_accents(%s) LIMIT {MOST_PEOPLE + 1}"
    return [row[0] for row in await (await conn.execute(statement.encode(), [like], prepare=False)).fetchall()]


class UnpaidOrder(msgspec.Struct, frozen=True):
    """An order that waits to be paid at the counter, and the films in it."""

    id: int
    first_name: str
    last_name: str
    email: str
    placed: datetime
    total: Decimal
    titles: list[str]


async def select_unpaid(conn: Connection, text: str, code: str, *, size: int) -> list[UnpaidOrder]:
    """The unpaid orders with this number or code, or a name, an address or a title like the text; the latest first."""
    cursor = await conn.execute(
        f"""
        SELECT o.id, a.first_name, a.last_name, a.email, o.placed, o.total, films.titles
        FROM shop_order o JOIN account a ON a.id = o.account_id LEFT JOIN pickup p ON p.order_id = o.id
            CROSS JOIN LATERAL (
                SELECT array_agg(coalesce(f.title, l.title) ORDER BY l.place) AS titles,
                    bool_or(f.title_folded LIKE %(folded)s OR lower(l.title) LIKE %(like)s) AS are_found
                FROM order_line l LEFT JOIN film f ON f.id = l.film_id WHERE l.order_id = o.id
            ) films
        WHERE {_STATES["unpaid"]}
            AND (films.are_found OR o.id::text = %(text)s OR p.code = %(code)s
                OR a.found_by LIKE without_accents(%(person)s))
        ORDER BY o.placed DESC, o.place DESC LIMIT %(size)s
        """.encode(),
        {
            "text": text,
            "code": code,
            "like": f"%{escape_like(text.lower())}%",
            "folded": f"%{escape_like(fold(text))}%",
            "person": like_person(text),
            "size": size,
        },
    )
    return [UnpaidOrder(*row) for row in await cursor.fetchall()]


class Waiting(msgspec.Struct, frozen=True):
    """What there is to do: orders to be paid, and refunds that are owed, with their sum."""

    unpaid: int
    owed: int
    amount: Decimal


async def count_waiting(conn: Connection) -> Waiting:
    cursor = await conn.execute(
        """
        SELECT (SELECT count(DISTINCT order_id) FROM rental WHERE state = 'unpaid'), count(*), coalesce(sum(amount), 0)
        FROM cancellation WHERE refund IN ('initiated', 'failed')
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - counts are always there
    return Waiting(*row)

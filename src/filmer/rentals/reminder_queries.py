"""All SQL of reminders. What was sold together and ends in the same hour is one reminder, known by its first rental."""

from datetime import datetime

import msgspec

from filmer.rentals.schemas import Way
from filmer.store.postgres import Connection


class Due(msgspec.Struct, frozen=True):
    """``first``: the id of the first rental; ``until``: when the first of them lapses, or should be back."""

    account_id: int
    first: int
    way: Way
    until: datetime
    titles: list[str]


_DUE = """
    SELECT r.account_id, min(r.id), r.way, min({moment}), array_agg(DISTINCT l.title) FILTER (WHERE {open})
    FROM rental r JOIN order_line l USING (order_id, place) JOIN account a ON a.id = r.account_id
    WHERE NOT a.disabled AND r.order_id IN (SELECT order_id FROM rental WHERE {open} AND {within})
    GROUP BY r.account_id, r.order_id, r.way, date_trunc('hour', {moment})
    HAVING bool_or({open}) AND max({moment}) <= %(until)s AND min({moment}) > %(since)s AND NOT EXISTS (
        SELECT FROM mail WHERE kind = %(kind)s AND link_id = min(r.id)
    )
    LIMIT 100
"""


async def select_lapsing(conn: Connection, *, now: datetime, until: datetime, paid_before: datetime) -> list[Due]:
    """What was paid for some time ago, has not begun, and lapses before ``until``."""
    is_open = "state = 'waiting' AND paid < %(paid_before)s"
    within = "start_by > %(since)s AND start_by <= %(until)s"
    statement = _DUE.format(moment="r.start_by", open=is_open, within=within)
    values = {"since": now, "until": until, "paid_before": paid_before, "kind": "rental_lapsing"}
    return [Due(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]


async def select_overdue(conn: Connection, *, since: datetime, until: datetime) -> list[Due]:
    """Copies that are out and should have been back before ``until``."""
    is_open = "way = 'pick up' AND began IS NOT NULL AND returned IS NULL AND lost IS NULL"
    within = "ends_at > %(since)s AND ends_at <= %(until)s"
    statement = _DUE.format(moment="r.ends_at", open=is_open, within=within)
    values = {"since": since, "until": until, "kind": "rental_overdue"}
    return [Due(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]

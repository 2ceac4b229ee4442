"""Orders: a user may look at their own."""

from filmer.errors import Forbidden
from filmer.shop import queries
from filmer.shop.schemas import MAX_ID, Order
from filmer.store.postgres import Connection


async def own_order(conn: Connection, account_id: int, order_id: int) -> Order | None:
    """None: there is no such order. Raises Forbidden for another user's (403, not 404; shop-api.md)."""
    order = await queries.select_order(conn, order_id) if 1 <= order_id <= MAX_ID else None
    if order is not None and order.account_id != account_id:
        raise Forbidden("Order belongs to another customer")
    return order


async def count_orders(conn: Connection) -> int:
    """The orders of all users."""
    return await queries.select_order_count(conn)

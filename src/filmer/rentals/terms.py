"""The terms of renting a film, as the owner sets them: they outlive imports, and hold for what is sold from then on."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from filmer.audit.log import Actor, record
from filmer.catalogue.prices import forget_responses
from filmer.catalogue.schemas import is_identifier
from filmer.errors import Conflict, NotFound
from filmer.plurals import counted
from filmer.rentals import counter_queries as queries
from filmer.rentals.counter_queries import Terms
from filmer.store.postgres import Connection

MAX_START_DAYS, MAX_HOURS, MAX_COPIES = 3650, 87600, 1_000_000


class NewTerms(msgspec.Struct, frozen=True):
    """What is to be changed. None takes back what the owner said before."""

    start_days: int | UnsetType | None = UNSET
    hours: int | UnsetType | None = UNSET
    copies: int | UnsetType | None = UNSET


async def film_terms(conn: Connection, film_id: str) -> tuple[str, Terms]:
    """The film's title and its own terms. Raises NotFound."""
    title = await queries.select_title(conn, film_id) if is_identifier(film_id) else None
    if title is None:
        raise NotFound(f"There is no film {film_id}")
    return title, (await queries.select_terms(conn, [film_id])).get(film_id, Terms())


async def set_terms(conn: Connection, film_id: str, new: NewTerms, actor: Actor, *, now: datetime) -> tuple[str, Terms]:
    """The film's title and its terms from now on.

    Raises NotFound, and Conflict for fewer copies than are out or reserved (contract §9.3).
    """
    async with conn.transaction():
        await queries.lock_terms(conn)
        title, before = await film_terms(conn, film_id)
        changed = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not UNSET}
        terms = msgspec.structs.replace(before, **changed)
        stock = (await queries.select_stock(conn, [film_id], now=now))[film_id]
        in_use = stock.out + stock.reserved
        if "copies" in changed and terms.copies is not None and terms.copies < in_use:
            copies = counted(in_use, "copy", "copies")
            verb = "is" if in_use == 1 else "are"
            raise Conflict(f"{copies} of {title} {verb} out or reserved: there can't be fewer")
        await queries.upsert_terms(conn, film_id, terms)
        await record(
            conn, actor, "film.terms", ("film", film_id), title=title, before=msgspec.structs.asdict(before),
            after=msgspec.structs.asdict(terms),
        )  # fmt: skip
        if stock.copies is None and terms.copies is not None:  # the film's page is not cached any more
            await forget_responses(conn)
    return title, terms


async def is_feature_needed(conn: Connection, film_id: str, *, now: datetime) -> bool:
    """Whether the film's last feature must stay, as rentals need it (contract §9.3).

    Asked in the transaction that would take it away: until that ends, nothing is sold.
    """
    await queries.lock_terms(conn)
    return await queries.needs_feature(conn, film_id, now=now)

"""Films, orders and members as CSV (contract §13). A file of films that is imported again changes nothing."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

from filmer.catalogue.folding import by_name
from filmer.errors import ServiceUnavailable
from filmer.importing.film_edits import Credit, FilmRecord
from filmer.importing.owner_films import COLUMNS
from filmer.importing.spreadsheet_csv import Cell, rows
from filmer.office import export_queries as queries
from filmer.store.postgres import Connection

KINDS = ("films", "orders", "members")
AT_ONCE = 500  # films, orders or members that are read with one query
_ORDERS = (
    "order", "placed", "account", "email", "first_name", "last_name", "film", "title", "year", "quantity", "price",
    "order_total", "paid_by", "paid", "cancelled", "refunded", "refund",
)  # fmt: skip
_MEMBERS = ("account", "email", "first_name", "last_name", "role", "closed", "created", "orders", "orders_total")

Lend = Callable[[], AbstractAsyncContextManager[Connection]]


async def export(lend: Lend, kind: str) -> AsyncIterator[bytes]:
    """``lend``: a connection for each part, so that none waits for a slow reader."""
    if kind == "films":
        yield b"".join(rows(COLUMNS, ()))
        async for part in _films(lend):
            yield part
        return
    header, select = (_ORDERS, queries.select_orders) if kind == "orders" else (_MEMBERS, queries.select_members)
    yield b"".join(rows(header, ()))
    after = -1
    while True:
        async with lend() as conn:
            found = await select(conn, after, AT_ONCE)
        if not found:
            return
        after = found[-1][0]
        yield b"".join(rows((), (row[1:] if kind == "orders" else row for row in found)))


async def _films(lend: Lend) -> AsyncIterator[bytes]:
    after, edition = "", ""
    while True:
        async with lend() as conn:
            edition = edition or conn.search_path
            if conn.search_path != edition:  # a mixture of two catalogues would be neither
                raise ServiceUnavailable("The catalogue was replaced meanwhile. Please export it again")
            films = await queries.select_films(conn, after, AT_ONCE)
        if films:
            yield b"".join(rows((), (_cells(film, directors) for film, directors in films)))
        if len(films) < AT_ONCE:
            return
        after = films[-1][0]["id"]


def _cells(film: dict[str, Any], directors: Sequence[Credit]) -> Sequence[Cell]:
    film["directors"] = " | ".join(_directors(film["director"], directors))
    film["genres"] = " | ".join(sorted(film["genres"], key=by_name))
    return [film[column] for column in COLUMNS]


def film_cells(film: FilmRecord, price: Decimal | None) -> Sequence[Cell]:
    """A film as a row of ``COLUMNS``. ``price``: its own."""
    others = {
        "price": price,
        "directors": " | ".join(_directors(film.director, film.directors)),
        "genres": " | ".join(sorted(film.genres, key=by_name)),
        "stars": " | ".join(person(star.name, star) for star in film.cast),
    }
    return [others[column] if column in others else getattr(film, column) for column in COLUMNS]


def person(name: str, credit: Credit) -> str:
    born = f" ({credit.birth_year})" if credit.birth_year is not None else ""
    return f"{name}{born} [{credit.id}]"


def _directors(joined: str | None, directors: Sequence[Credit]) -> list[str]:
    """By the names that the film has, and the ids of the people that they are."""
    names = joined.split(", ") if joined else []
    if len(names) != len(directors):
        people = [one.name for one in directors]
        if ", ".join(people) != joined:
            return names
        names = people
    return [person(name, credit) for name, credit in zip(names, directors, strict=True)]

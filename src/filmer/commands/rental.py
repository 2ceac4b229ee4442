"""``filmer rental``: how long films are rented, and how many copies there are of those that are picked up."""

import asyncio
from typing import Annotated

from cyclopts import App, Parameter
from msgspec import UNSET, UnsetType

from filmer.audit.log import command_line
from filmer.commands.options import DataDir
from filmer.commands.terminal import database, shown
from filmer.errors import CommandFailed, Conflict, NotFound
from filmer.rentals.counter_queries import Stock, Terms, select_stock
from filmer.rentals.terms import MAX_COPIES, MAX_HOURS, MAX_START_DAYS, NewTerms, film_terms, set_terms
from filmer.settings import Settings
from filmer.store.engines import in_transaction
from filmer.store.postgres import Connection

DEFAULT = "default"

rental_app = App(name="rental", help="How long films are rented, and how many copies there are.")


@rental_app.command
def terms(
    film: Annotated[str, Parameter(help="The film's id.")],
    *,
    days: Annotated[
        str | None, Parameter(help="Days after payment in which a rental must begin, or `default`.")
    ] = None,
    hours: Annotated[str | None, Parameter(help="Hours that a rental lasts, or `default`.")] = None,
    copies: Annotated[str | None, Parameter(help="Copies that the shop has, or `default`: no limit.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show or set a film's own rental terms. They outlive imports; what was sold before keeps its terms."""
    new = NewTerms(
        _number("--days", days, 1, MAX_START_DAYS),
        _number("--hours", hours, 1, MAX_HOURS),
        _number("--copies", copies, 0, MAX_COPIES),
    )

    async def work(conn: Connection, _: Settings) -> tuple[str, Terms, Stock]:
        actor = command_line()
        is_question = new == NewTerms()
        title, film_s = await (
            film_terms(conn, film) if is_question else set_terms(conn, film, new, actor, now=actor.at)
        )
        return title, film_s, (await select_stock(conn, [film], now=actor.at))[film]

    with database(data_dir) as settings:
        try:
            title, film_s, stock = asyncio.run(in_transaction(settings, work))
        except (NotFound, Conflict) as error:
            raise CommandFailed(f"{error}. Nothing was changed.") from None
    print(shown(title))
    print(f"begins within  {film_s.start_days or f'{settings.rental_start_days} (default)'} days")
    print(f"lasts          {film_s.hours or f'{settings.rental_hours} (default)'} hours")
    limit = "no limit" if stock.copies is None else f"{stock.copies}, of which {stock.free} free"
    print(f"copies         {limit}; {stock.out} out, {stock.reserved} reserved")


def _number(name: str, text: str | None, least: int, most: int) -> int | UnsetType | None:
    """UNSET where the option is not given, None for ``default``. Raises CommandFailed."""
    if text is None:
        return UNSET
    if text == DEFAULT:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise CommandFailed(f"{name} {text!r}: expected a number from {least} to {most}, or `{DEFAULT}`.")
    return int(text)

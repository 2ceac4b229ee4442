"""What the owner changes of films by hand, takes back, hides and adds (contract §13.2).

A change shows at once: it is made in the current edition, too. Orders of lists, counts and the search index follow
(``rebuilding.py``).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from filmer.audit.log import Actor, record
from filmer.catalogue import price_queries
from filmer.catalogue.schemas import is_identifier
from filmer.errors import Conflict, NotFound
from filmer.importing.film_edits import FilmEdit, FilmRecord, fields_of
from filmer.importing.owner_films import made_film_id
from filmer.office import film_queries as queries
from filmer.store.postgres import Connection


async def find(conn: Connection, film_id: str, *, lock: bool = False) -> FilmEdit:
    """The film and what was changed of it, hidden or not. Raises NotFound.

    ``lock``: nobody else changes films until the transaction ends.
    """
    if lock:
        await queries.lock_edits(conn)
    if is_identifier(film_id):
        if edit := await queries.select_edit(conn, film_id):
            return edit
        if film := await queries.select_film(conn, film_id):
            return FilmEdit(film_id, film, {}, hidden=False, edit=0)
    raise NotFound(f"There is no film {film_id}")


async def change(
    conn: Connection,
    edit: FilmEdit,
    fields: Mapping[str, Any],
    actor: Actor,
    *,
    taken_back: Collection[str] = (),
    hidden: bool | None = None,
) -> FilmRecord:
    """Change a film that was found with ``lock``. Returns the film as it is from now on.

    What is changed to what imports say is taken back; of a film of the shop's own nothing can be.
    """
    wanted = {**edit.fields, **fields}
    if edit.imported:
        said = fields_of(edit.imported)
        wanted = {name: value for name, value in wanted.items() if value != said[name] and name not in taken_back}
    is_hidden = edit.hidden if hidden is None else hidden
    after = FilmEdit(edit.film_id, edit.imported, wanted, is_hidden, edit.edit).film
    if wanted != edit.fields or is_hidden != edit.hidden:
        await queries.upsert_edit(conn, edit, wanted, hidden=is_hidden, now=actor.at)
        action = "film.edit" if hidden is None else "film.hide" if hidden else "film.show"
        before = {**fields_of(edit.film), "hidden": edit.hidden}
        now = {**fields_of(after), "hidden": is_hidden}
        await record(conn, actor, action, ("film", edit.film_id), title=after.title, before=before, after=now)
    return after


async def add(conn: Connection, film_id: str | None, fields: Mapping[str, Any], actor: Actor) -> FilmRecord:
    """Add a film of the shop's own. Without an id, it has the one that an import would make of title and year.

    Raises Conflict where there is one with this id.
    """
    title, year = fields["title"], fields["year"]
    film_id = film_id or made_film_id(title, year)
    await queries.lock_edits(conn)
    if await queries.select_edit(conn, film_id) or await queries.select_film(conn, film_id):
        raise Conflict(
            f"There is a film with the id {film_id} already. If this is another one of the same title and year, give it"
            " an id of your own"
        )
    film = FilmEdit(film_id, None, fields, hidden=False, edit=0).film
    await queries.upsert_edit(
        conn, FilmEdit(film_id, None, {}, hidden=False, edit=0), fields, hidden=False, now=actor.at
    )
    await record(conn, actor, "film.add", ("film", film_id), title=title, after=fields_of(film))
    return film


async def set_price(
    conn: Connection, film: FilmRecord, price: Decimal | None, actor: Actor, *, taken_back: bool = False
) -> None:
    """Of a film that may be hidden. None: the default price."""
    before, said, _ = await price_queries.select_price(conn, film.id)
    if taken_back:
        await price_queries.take_price_back(conn, film.id)
        price = said
    else:
        await price_queries.upsert_price(conn, film.id, price)
    await price_queries.change_edition(conn)
    await record(
        conn, actor, "film.price", ("film", film.id), title=film.title, before={"price": before}, after={"price": price}
    )


async def set_poster(conn: Connection, film: FilmRecord, poster: bytes | None, actor: Actor) -> None:
    """None: the film has none of the owner's any more."""
    had = await queries.select_has_poster(conn, film.id)
    if poster is None:
        await queries.delete_poster(conn, film.id)
    else:
        await queries.upsert_poster(conn, film.id, poster, "image/webp")
    await price_queries.change_edition(conn)
    after = {"own": poster is not None, "bytes": len(poster or b"")}
    await record(conn, actor, "film.poster", ("film", film.id), title=film.title, before={"own": had}, after=after)

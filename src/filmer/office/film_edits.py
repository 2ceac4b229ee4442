"""What the owner changes of films by hand, takes back, hides and adds (contract §13.2).

A change shows at once: it is made in the current edition, too. Orders of lists, counts and the search index follow
(``rebuilding.py``).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from filmer.catalogue.folding import fold
from filmer.catalogue.schemas import is_identifier
from filmer.errors import Conflict, NotFound
from filmer.importing.film_edits import FilmEdit, FilmRecord, fields_of
from filmer.importing.owner_films import made_id
from filmer.office import edit_queries as queries
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
    *,
    taken_back: Collection[str] = (),
    hidden: bool | None = None,
    now: datetime,
) -> FilmRecord:
    """Change a film that was found with ``lock``. Returns the film as it is from now on.

    What is changed to what imports say is taken back; of a film of the shop's own nothing can be.
    """
    wanted = {**edit.fields, **fields}
    if edit.imported:
        said = fields_of(edit.imported)
        wanted = {name: value for name, value in wanted.items() if value != said[name] and name not in taken_back}
    is_hidden = edit.hidden if hidden is None else hidden
    if wanted == edit.fields and is_hidden == edit.hidden and edit.edit:
        return edit.film
    await queries.upsert_edit(conn, edit, wanted, hidden=is_hidden, now=now)
    return FilmEdit(edit.film_id, edit.imported, wanted, is_hidden, edit.edit).film


async def add(conn: Connection, film_id: str | None, fields: Mapping[str, Any], *, now: datetime) -> FilmRecord:
    """Add a film of the shop's own. Without an id, it has the one that an import would make of title and year.

    Raises Conflict where there is one with this id.
    """
    title, year = fields["title"], fields["year"]
    film_id = film_id or made_id("f", f"{fold(title)} {year}")
    await queries.lock_edits(conn)
    if await queries.select_edit(conn, film_id) or await queries.select_film(conn, film_id):
        raise Conflict(
            f"There is a film with the id {film_id} already. If this is another one of the same title and year, give it"
            " an id of your own"
        )
    return await change(conn, FilmEdit(film_id, None, {}, hidden=False, edit=0), fields, now=now)

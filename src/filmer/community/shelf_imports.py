"""People bring their films along (contract §14): a file is received row by row, then its films are looked for.

A file's rows are stored before anything else is done, and worked on in small batches, each in a transaction of its own
that changes the shelf's version first. So whatever is interrupted goes on in any process, nothing is lost, and nobody
waits for a shelf for long. Rows whose film the shop lacks are kept, and looked for again in each new edition.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

import structlog

from filmer.audit.log import Actor, record
from filmer.catalogue.search import Search
from filmer.clock import Clock
from filmer.community import shelf_import_queries as queries
from filmer.community.film_matching import Match, match
from filmer.community.schemas import FIRST_DAY
from filmer.community.shelf_files import MAX_ROWS, Outcome, Shelf, ShelfRow, read_shelves
from filmer.community.shelf_import_queries import Film, ImportReport, PlacedRow
from filmer.community.shelves import Shelves
from filmer.errors import Conflict, FilmerError, InvalidRequest, NotFound
from filmer.importing import spreadsheet_csv
from filmer.importing.data_set import ImportFailed, storable
from filmer.store.postgres import Connection, Database

log = structlog.get_logger()

BATCH = 200  # rows, which take a second at most
AT_ONCE = 3  # files that a process reads, or works on, at the same time: a small one does not wait for a large one
MAX_KEPT = 2 * MAX_ROWS  # rows of an account
MAX_NAME = 200  # characters of a file's name
KEPT = timedelta(days=30)  # reports of what is settled
INDEX_SECONDS = 20.0  # to wait for the search index after a start
Advance = Callable[[int], object]
_Put = tuple[PlacedRow, list[int]]  # a row, and the numbers of its film


class ShelfImports:
    def __init__(self, database: Database, search: Search, shelves: Shelves, clock: Clock) -> None:
        self._database = database
        self._search = search
        self._shelves = shelves
        self._clock = clock
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._tasks = set[asyncio.Task[None]]()

    async def receive(
        self, account_id: int, name: str, file: IO[bytes], chosen: Shelf | None, actor: Actor | None = None
    ) -> int:
        """The number of the import, whose rows are stored. ``actor``: somebody else who brings the file.

        Raises InvalidRequest for a file that can't be read, Conflict where too much is kept already.
        """
        name, now = storable(name)[:MAX_NAME], self._clock.now()
        try:
            async with self._reading:
                read = await asyncio.to_thread(read_shelves, file, name, chosen, now)
        except ImportFailed as error:
            raise InvalidRequest(message=str(error).removesuffix(".")) from error
        async with self._database.patient() as conn, conn.transaction():
            if await queries.select_kept(conn, account_id) + len(read.rows) > MAX_KEPT:
                raise Conflict("The reports of former files have too many rows. Please remove some of them first")
            import_id = await queries.insert_import(conn, account_id, name, read, now)
            if actor:
                after = {"rows": len(read.rows)}
                await record(conn, actor, "account.import_shelves", ("account", account_id), after=after)
        return import_id

    def soon(self) -> None:
        """Looks for the films in the background."""
        if len(self._tasks) < AT_ONCE:
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def tidy(self) -> None:
        """Called once a minute: files that were interrupted, and films that came since."""
        async with self._database.connection() as conn:
            await queries.delete_old(conn, self._clock.now() - KEPT)
        self.soon()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while await self.work_on():
                pass
        except FilmerError as error:  # the next round goes on
            log.warning("films that were brought are looked for later", error=error.message)
        except Exception:
            log.exception("films that were brought are looked for later")

    async def work_on(self, import_id: int | None = None, advance: Advance = lambda _: None) -> bool:
        """Looks for the films of an import, or of any that is due. False if none is."""
        async with self._database.connection() as conn:
            claim = await queries.claim_import(conn, self._clock.now(), import_id)
        if claim is None:
            return False
        known: dict[Any, Match] = {}
        after, is_spelling_tried = 0, claim.is_first and await self._has_index()
        while True:
            async with self._database.connection() as conn:
                await queries.claim_import(conn, self._clock.now(), claim.id)
                rows = await queries.select_rows(
                    conn, claim.account_id, claim.id, queries.STILL_OPEN, after=after, limit=BATCH
                )
                if not rows:
                    async with conn.transaction():
                        await queries.finish_import(conn, claim)
                    return True
            new = {_key(row): row for row in rows if _key(row) not in known}
            # A later edition is searched by what is quick, as all of everybody's rows are.
            found = await match(self._database, self._search, list(new.values()), is_spelling_tried=is_spelling_tried)
            known.update(zip(new, found, strict=True))
            await self._take(claim.account_id, claim.id, rows, [known[_key(row)] for row in rows])
            after = rows[-1].place
            advance(after)

    async def _has_index(self) -> bool:
        """Once it is open, or known to be missing."""
        for _ in range(int(INDEX_SECONDS * 10)):
            async with self._database.connection() as conn:
                index, is_settled = self._search.index(conn)
            if is_settled:
                return index is not None
            await self._clock.sleep(0.1)
        return False

    async def _take(self, account_id: int, import_id: int, rows: Sequence[PlacedRow], matches: Sequence[Match]) -> None:
        async with self._shelves.changing(account_id) as conn:
            numbers = await queries.select_numbers(conn, [found.film_id for found in matches if found.film_id])
            outcomes: list[tuple[int, Outcome, str, list[str]]] = []
            puts: list[_Put] = []
            for row, found in zip(rows, matches, strict=True):
                if found.film_id in numbers:
                    puts.append((row, numbers[found.film_id]))
                elif found.movie_id is not None:
                    puts.append((row, [found.movie_id]))
                else:
                    outcomes.append((row.place, "several" if found.candidates else "missing", "", found.candidates))
            taken = await self._put(conn, account_id, puts)
            outcomes += [(row.place, "taken" if row.place in taken else "there", "", []) for row, _ in puts]
            await queries.update_outcomes(conn, account_id, import_id, outcomes)

    async def _put(self, conn: Connection, account_id: int, puts: Sequence[_Put]) -> set[int]:
        """Puts films on shelves. Returns the places of the rows that changed something.

        A film has the number under which it is on the shelf already, if it is; else its first.
        """
        taken = set[int]()
        now = self._clock.now()
        for shelf in queries.TABLES:
            concerned = [(row, numbers) for row, numbers in puts if _is_for(row, shelf)]
            if not concerned:
                continue
            every = sorted({number for _, numbers in concerned for number in numbers})
            shelved = await queries.select_shelved(conn, shelf, account_id, every)
            best: dict[int, PlacedRow] = {}
            meant: list[tuple[PlacedRow, int]] = []
            for row, numbers in concerned:
                number = next((one for one in numbers if one in shelved), numbers[0])
                if shelf == "rating" and row.rated is None and number in shelved:
                    continue
                meant.append((row, number))
                if number not in best or _is_newer(row, best[number], shelf):
                    best[number] = row
            values = [(number, *_values(row, shelf, now)) for number, row in best.items()]
            changed = await queries.upsert_shelved(conn, shelf, account_id, values) if values else set()
            is_rating = shelf == "rating"  # of two that the file has, one is taken
            taken |= {row.place for row, at in meant if at in changed and (best[at] is row or not is_rating)}
        return taken

    async def list_reports(self, account_id: int) -> list[ImportReport]:
        async with self._database.connection() as conn:
            return await queries.select_reports(conn, account_id)

    async def show(self, account_id: int, import_id: int | None) -> ImportReport:
        """Raises NotFound, also for another account's."""
        async with self._database.connection() as conn:
            found = await queries.select_reports(conn, account_id, import_id) if import_id is not None else []
        if not found:
            raise NotFound("There is no such report")
        return found[0]

    async def list_rows(self, account_id: int, import_id: int, outcome: Outcome, limit: int) -> list[PlacedRow]:
        async with self._database.connection() as conn:
            return await queries.select_rows(conn, account_id, import_id, [outcome], limit=limit)

    async def candidates(self, rows: Sequence[PlacedRow]) -> dict[str, Film]:
        """The films that the rows may mean, by id."""
        ids = sorted({film_id for row in rows for film_id in row.candidates})
        async with self._database.connection() as conn:
            return (await queries.select_films_by_ids(conn, ids, []))[0] if ids else {}

    async def report(self, account_id: int, import_id: int) -> AsyncIterator[bytes]:
        """What became of each row, as CSV."""
        header: tuple[str, ...] = ("file", "line", "title", "year", "outcome", "detail")
        after = 0
        while True:
            async with self._database.connection() as conn:
                rows = await queries.select_rows(conn, account_id, import_id, after=after, limit=1000)
            if not rows:
                return
            cells = [(row.file, row.line, row.title, row.year, WORDS[row.outcome], row.detail) for row in rows]
            for chunk in spreadsheet_csv.rows(header, cells):
                yield chunk
            header, after = (), rows[-1].place

    async def choose(self, account_id: int, import_id: int, place: int, film_id: str) -> None:
        """The film that a row means; "": none of its candidates. Raises NotFound, also for another account's."""
        async with self._database.connection() as conn:
            rows = await queries.select_rows(conn, account_id, import_id, ["several"], after=place - 1, limit=1)
        if not rows or rows[0].place != place or (film_id and film_id not in rows[0].candidates):
            raise NotFound("There is nothing to choose here any more")
        await self._take(account_id, import_id, rows, [Match(film_id)])

    async def remove(self, account_id: int, import_id: int | None) -> None:
        """The report, and what is kept of it; the shelves stay. Raises NotFound, also for another account's."""
        async with self._database.connection() as conn:
            if import_id is None or not await queries.delete_import(conn, account_id, import_id):
                raise NotFound("There is no such report")


WORDS: dict[str, str] = {
    "waiting": "not looked for yet", "taken": "taken", "there": "already there", "several": "which of several?",
    "missing": "not in this shop: kept", "bad": "could not be read",
}  # fmt: skip


def _key(row: ShelfRow) -> Any:
    """What tells films apart."""
    return row.title, row.year, row.film_id, row.movie_id


def _is_for(row: ShelfRow, shelf: str) -> bool:
    return getattr(row, shelf) is not None


def _is_newer(row: ShelfRow, other: ShelfRow, shelf: str) -> bool:
    """Whether it says what the shelf is to have, of two rows about a film."""
    if shelf == "rating":
        return row.rated is not None and (other.rated is None or row.rated > other.rated)
    return shelf == "seen" and row.seen_on is not None and (other.seen_on is None or row.seen_on > other.seen_on)


def _values(row: ShelfRow, shelf: str, now: datetime) -> tuple[object, ...]:
    """Of the shelf's columns."""
    if shelf == "rating":
        return row.rated or now, row.rated or now, row.rating
    since = getattr(row, shelf)
    if shelf == "seen":
        is_day = row.seen_on is not None and FIRST_DAY <= row.seen_on <= now.date()
        return since, row.seen_on if is_day else None
    return (since,)

"""Reads what people bring from elsewhere: exports of Letterboxd, IMDb and Trakt, and our own (contract §14).

- **Letterboxd**: the ZIP of its export, or a file of it; also its import format, which we write.
- **IMDb**: ratings, watchlist and lists as CSV, with the headers of today and those until 2017.
- **Trakt**: the ZIP of its export, or a file of it, in JSON.

Which shelf a list is for may be said nowhere but in the file's name, or by whoever brings it (``chosen``). Everything
is bounded before it is read; to be called on a thread.
"""

import json
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Literal

import msgspec

from filmer.importing.csv_table import CsvTable
from filmer.importing.data_set import NOT_STORABLE, ImportFailed, Report, storable
from filmer.importing.file_formats import read_table
from filmer.plurals import counted
from filmer.tmdb.payloads import MAX_ID

Shelf = Literal["favorite", "watchlist", "seen"]
Outcome = Literal["waiting", "taken", "there", "several", "missing", "bad"]
SHELVES: dict[str, str] = {"watchlist": "a watchlist", "favorite": "favourites", "seen": "films that were seen"}
MAX_FILE = 20 * 2**20  # bytes
MAX_UNPACKED = 100 * 2**20  # bytes of all files of a ZIP
MAX_JSON = 16 * 2**20  # bytes of a file in JSON, which is read as a whole
MAX_ROWS = 100_000
MAX_NAMED = 20  # files that nobody reads, and that are named
MAX_TITLE = 500  # characters
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_LETTERBOXD = ("ratings.csv", "watched.csv", "diary.csv", "likes/films.csv", "watchlist.csv")  # in this order
_COLUMNS = (
    "const", "imdbid", "tmdbid", "title", "name", "year", "your rating", "you rated", "rating", "rating10",
    "date rated", "date", "created", "watched date", "watcheddate", "letterboxd uri", "position",
)  # fmt: skip
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, UnicodeError, ValueError)
_UNKNOWN = (
    "{} is none of the files that can be read here: the export of Letterboxd (ZIP or CSV), ratings, a watchlist or a "
    "list of IMDb (CSV), the export of Trakt (ZIP or JSON), or that of this shop (JSON)"
)
_UNDECIDED = "{} does not say what its films are: your watchlist, favourites, or films that you have seen. Say which"


class ShelfRow(msgspec.Struct, frozen=True, gc=False):
    """What a row says of a film. ``favorite``, ``watchlist``, ``seen``: since when it is on this shelf, if it is."""

    file: str
    line: int
    title: str  # of a bad row: the row
    year: int | None = None
    film_id: str = ""  # IMDb's, or the catalogue's own
    movie_id: int | None = None  # TMDB's
    favorite: datetime | None = None
    watchlist: datetime | None = None
    seen: datetime | None = None
    seen_on: date | None = None
    rating: Decimal | None = None
    rated: datetime | None = None  # None: the file does not say when
    outcome: Outcome = "waiting"
    detail: str = ""


class ShelfFile(msgspec.Struct, frozen=True):
    """``left_out``: what nobody reads, in words."""

    rows: list[ShelfRow]
    left_out: list[str]


def read_shelves(file: IO[bytes], name: str, chosen: Shelf | None, now: datetime) -> ShelfFile:
    """Raises ImportFailed for a file that is none of these, damaged, or too large."""
    reader = _Reader(chosen, now)
    start = file.read(64)
    file.seek(0)
    if start.startswith(_ZIP):
        reader.read_zip(file, name)
    else:
        reader.read_file(file, name, start)
    if reader.skipped:
        reader.left_out += [f"{counted(count, 'row')} about {what}" for what, count in reader.skipped.items()]
    if not reader.rows and not reader.left_out:
        raise ImportFailed(f"{name} has no films.")
    return ShelfFile(reader.rows, reader.left_out)


class _Reader:
    def __init__(self, chosen: Shelf | None, now: datetime) -> None:
        self._chosen = chosen
        self._now = now
        self._unpacked = 0
        self.rows: list[ShelfRow] = []
        self.left_out: list[str] = []
        self.skipped = Counter[str]()

    def read_zip(self, file: IO[bytes], name: str) -> None:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive)
                wanted = [one for one in _LETTERBOXD if one in members]
                wanted += sorted(one for one in members if one.endswith(".json"))
                if not wanted:
                    raise ImportFailed(f"{_UNKNOWN.format(name)}.")
                for one in wanted:
                    with self._extracted(archive, members[one], one) as content:
                        start = content.read(64)
                        content.seek(0)
                        try:
                            self.read_file(content, one, start, has_ratings="ratings.csv" in members)
                        except _NotReadError:
                            wanted = [other for other in wanted if other != one]
        except _DAMAGED as error:
            raise ImportFailed(f"{name} is damaged, or has a password. Please export it again.") from error
        others = sorted(members.keys() - set(wanted))
        more = [f"{counted(len(others) - MAX_NAMED, 'other file')}"] if len(others) > MAX_NAMED else []
        self.left_out += [storable(other) for other in others[:MAX_NAMED]] + more

    def _extracted(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> IO[bytes]:
        """A copy on the disk, whatever the ZIP says of its size."""
        copy = tempfile.TemporaryFile(prefix="filmer-")  # noqa: SIM115 - the caller's
        with archive.open(member) as content:
            while block := content.read(2**16):
                self._unpacked += len(block)
                if self._unpacked > MAX_UNPACKED:
                    copy.close()
                    raise ImportFailed(f"{name} unpacks to too much: {MAX_UNPACKED // 2**20} MiB are read at most.")
                copy.write(block)
        copy.seek(0)
        return copy

    def read_file(self, file: IO[bytes], name: str, start: bytes, *, has_ratings: bool = False) -> None:
        """``start``: its first bytes. ``has_ratings``: another file has the ratings."""
        if start.startswith(_ZIP):
            raise ImportFailed(f"{name} is a ZIP inside another, or a workbook. Please save it as CSV.")
        if start.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] in {b"[", b"{"}:
            rows = self._json_rows(file, name)
        else:
            rows = self._csv_rows(file, name, has_ratings=has_ratings)
        for row in rows:
            if len(self.rows) == MAX_ROWS:
                raise ImportFailed(f"{name} has too many films: {MAX_ROWS:,} rows are read at most.")
            self.rows.append(row)

    def _csv_rows(self, file: IO[bytes], name: str, *, has_ratings: bool) -> Iterator[ShelfRow]:
        with read_table(file, _COLUMNS, Report(), confirm=lambda _: None, name=name) as table:
            kind = self._kind_of_table(table, name)
            for row in table.rows():
                try:
                    yield self._of_cells(table.texts(row, _COLUMNS), kind, name, row.line, has_ratings=has_ratings)
                except ValueError as error:
                    yield _bad(name, row.line, row.text, error)

    def _kind_of_table(self, table: CsvTable, name: str) -> str:
        columns = set(table.columns)
        if "const" in columns:
            if "position" not in columns:
                return "rating"
        elif "letterboxd uri" in columns:
            if columns & {"watched date", "rating"}:
                return "diary" if "watched date" in columns else "rating"
        elif columns & {"imdbid", "tmdbid", "watcheddate"} and columns & {"rating", "rating10", "watcheddate"}:
            return "films"
        elif not (columns & {"title", "name"} and columns & {"year", "imdbid", "tmdbid"}):
            raise ImportFailed(f"{_UNKNOWN.format(name)}.")
        return self._kind_of_name(name)

    def _kind_of_name(self, name: str) -> str:
        """Of a list, which only its name can tell apart."""
        parts = name.casefold()
        known = {
            "watchlist": "watchlist", "rating": "rating", "favo": "favorite", "likes": "favorite", "watched": "seen",
            "films.csv": "favorite",
        }  # fmt: skip
        kind = next((kind for part, kind in known.items() if part in parts), None) or self._chosen
        if kind is None:
            raise _NotReadError(f"{_UNDECIDED.format(name)}, and send it again.")
        return kind

    def _of_cells(self, cells: dict[str, str], kind: str, name: str, line: int, *, has_ratings: bool) -> ShelfRow:
        is_imdb = bool(cells["const"])
        stars = half(cells["your rating"] or cells["you rated"] or cells["rating10"])
        if not is_imdb and stars is None:
            stars = _stars(cells["rating"])
        watched = _moment(cells["watched date"] or cells["watcheddate"])
        when = _moment(cells["date rated"] or cells["date"] or cells["created"])
        rated = _moment(cells["date rated"]) if kind in SHELVES else when
        added = _moment(cells["created"] or cells["date"])
        if kind == "films":  # its rating has no date but that of the day when it was watched
            kind = "diary" if watched or stars is None else "rating"
        if kind == "diary":
            kind, added, stars = "seen", when or watched, None if has_ratings else stars
        elif kind == "rating" and stars is None:
            raise ValueError("there is no rating")
        return self._row(
            name, line, cells["title"] or cells["name"], _year(cells["year"]), cells["const"] or cells["imdbid"],
            _number(cells["tmdbid"]), kind, added, stars=stars, rated=rated,
            seen_on=watched.date() if watched else None,
        )  # fmt: skip

    def _row(
        self, name: str, line: int, title: str, year: int | None, film_id: str, movie_id: int | None, kind: str,
        added: datetime | None, *, stars: Decimal | None, rated: datetime | None, seen_on: date | None = None,
    ) -> ShelfRow:  # fmt: skip
        """Raises ValueError for a film that nobody can find. ``kind``: a shelf, or "rating"."""
        if film_id and not re.fullmatch("tt[0-9]{7,8}", film_id):
            raise ValueError("an id that is not IMDb's")
        if not (title or film_id or movie_id):
            raise ValueError("no title")
        since = min(added or self._now, self._now)
        return ShelfRow(
            name, line, title[:MAX_TITLE], year, film_id, movie_id,
            since if kind == "favorite" else None, since if kind == "watchlist" else None,
            since if kind == "seen" else None, seen_on, stars, min(rated, self._now) if rated else None,
        )  # fmt: skip

    def _json_rows(self, file: IO[bytes], name: str) -> Iterator[ShelfRow]:
        content = file.read(MAX_JSON + 1)
        if len(content) > MAX_JSON:
            raise ImportFailed(f"{name} is too large: {MAX_JSON // 2**20} MiB of JSON are read at most.")
        try:
            text = content.decode(json.detect_encoding(content))
            is_own = text.lstrip()[:1] == "{"
            films = msgspec.json.decode(text, type=_Own).films if is_own else msgspec.json.decode(text, type=_RAW)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            if _is_object(content):
                raise _NotReadError(f"{_UNKNOWN.format(name)}.") from error
            raise ImportFailed(f"{name} is damaged: {error}.") from error
        for place, film in enumerate(films, start=1):
            try:
                row = self._of_own(film, name, place) if is_own else self._of_trakt(film, name, place)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                yield _bad(name, place, bytes(film).decode(errors="replace"), error)
            else:
                if row:
                    yield row

    def _of_trakt(self, film: msgspec.Raw, name: str, place: int) -> ShelfRow | None:
        entry = msgspec.json.decode(film, type=_TraktEntry)
        if entry.movie is None:
            self.skipped["series"] += 1
            return None
        watched, rated = _moment(entry.watched_at or entry.last_watched_at), _moment(entry.rated_at)
        added = _moment(entry.listed_at or entry.collected_at)
        stars = half(str(entry.rating)) if entry.rating is not None and entry.rated_at else None
        if stars is not None:
            kind = "rating"
        elif entry.watched_at or entry.last_watched_at:
            kind = "seen"
        else:
            kind = self._kind_of_name(name)
        movie, ids = entry.movie, entry.movie.ids
        return self._row(
            name, place, _plain(movie.title or ""), _year(str(movie.year or "")), ids.imdb or "",
            _number(str(ids.tmdb or "")), kind, watched or added, stars=stars, rated=rated,
            seen_on=watched.date() if watched and kind == "seen" else None,
        )  # fmt: skip

    def _of_own(self, film: msgspec.Raw, name: str, place: int) -> ShelfRow:
        own = msgspec.json.decode(film, type=OwnFilm)
        if own.rating is not None:
            _stars(str(own.rating))
        if not (own.title or own.film_id or own.movie_id):
            raise ValueError("no title")

        def past(moment: datetime | None) -> datetime | None:
            return min(moment if moment.tzinfo else moment.replace(tzinfo=UTC), self._now) if moment else None

        return ShelfRow(
            name, place, _plain(own.title)[:MAX_TITLE], own.year, _plain(own.film_id),
            own.movie_id if own.movie_id and own.movie_id <= MAX_ID else None, past(own.favorite), past(own.watchlist),
            past(own.seen), own.seen_on, own.rating, past(own.rated),
        )  # fmt: skip


class _NotReadError(ImportFailed):
    """A file of a ZIP that is left out, while the others are read."""


class OwnFilm(msgspec.Struct, omit_defaults=True):
    """A film in our own export, as ``ShelfRow``."""

    title: str = ""
    year: int | None = None
    film_id: str = ""
    movie_id: int | None = None
    favorite: datetime | None = None
    watchlist: datetime | None = None
    seen: datetime | None = None
    seen_on: date | None = None
    rating: Decimal | None = None
    rated: datetime | None = None


class _Own(msgspec.Struct):
    films: list[msgspec.Raw]


class _TraktIds(msgspec.Struct):
    imdb: str | None = None
    tmdb: int | None = None


class _TraktFilm(msgspec.Struct):
    title: str | None = None
    year: int | None = None
    ids: _TraktIds = msgspec.field(default_factory=_TraktIds)


class _TraktEntry(msgspec.Struct):
    movie: _TraktFilm | None = None
    rating: int | float | None = None
    rated_at: str | None = None
    watched_at: str | None = None
    last_watched_at: str | None = None
    listed_at: str | None = None
    collected_at: str | None = None


_RAW = list[msgspec.Raw]


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files by name, without a folder that all of them are in."""
    files = {
        one.filename: one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")
    }
    folders = {name.partition("/")[0] for name in files}
    if len(folders) == 1 and all("/" in name for name in files):
        files = {name.partition("/")[2]: one for name, one in files.items()}
    return files


def _is_object(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def _bad(name: str, line: int, text: str, error: Exception) -> ShelfRow:
    return ShelfRow(name, line, storable(text[:200]), outcome="bad", detail=storable(str(error))[:200])


def _plain(text: str) -> str:
    if NOT_STORABLE.search(text):
        raise ValueError("text that can't be stored")
    return " ".join(text.split())


def half(text: str) -> Decimal | None:
    """A rating from 1 to 10 in stars. Raises ValueError."""
    if not text:
        return None
    if not re.fullmatch(r"([1-9]|10)(\.0+)?", text):
        raise ValueError(f"a rating of {text[:20]}, which is not one from 1 to 10")
    return Decimal(text.partition(".")[0]) / 2


def _stars(text: str) -> Decimal | None:
    """Raises ValueError."""
    if not text:
        return None
    try:
        stars = Decimal(text)
    except InvalidOperation:
        stars = Decimal(-1)
    if not (0 <= stars <= 5 and stars * 2 % 1 == 0):  # noqa: PLR2004 - the most stars there are
        raise ValueError(f"a rating of {text[:20]}, which is not one from 0 to 5 in halves")
    return stars


def _year(text: str) -> int | None:
    if text and not re.fullmatch("[0-9]{4}", text):
        raise ValueError(f"{text[:20]} is no year")
    return int(text) if text else None


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,10}", text) and 0 < int(text) <= MAX_ID else None


def _moment(text: str | None) -> datetime | None:
    """A day, or a moment, in any way that these files write it; None for others, as the film is worth more."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.strptime(text, "%a %b %d %H:%M:%S %Y")  # noqa: DTZ007 - of IMDb, until 2017
        except ValueError:
            return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None

"""What is on somebody's shelves, to take along (contract §14): all of it in JSON, and what others read as CSV.

No text of the CSV is a formula to a spreadsheet. Letterboxd and IMDb know films by their ids, so that the apostrophe
before such a title does no harm there; our own import takes it away.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from filmer.community.shelf_files import OwnFilm
from filmer.importing import spreadsheet_csv
from filmer.importing.spreadsheet_csv import Cell
from filmer.tmdb.payloads import MAX_ID

_IMDB = re.compile("tt[0-9]{7,8}")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_LETTERBOXD = ("imdbID", "tmdbID", "Title", "Year", "Rating", "WatchedDate")
_IMDB_RATINGS = ("Const", "Your Rating", "Date Rated", "Title", "URL", "Year")
_IMDB_LIST = ("Position", "Const", "Created", "Modified", "Description", "Title", "URL", "Year")


def _as_json(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    """A film a line, for whoever looks into it."""
    yield b'{"films": [\n'
    for place, film in enumerate(films):
        yield (b",\n" if place else b"") + _ENCODER.encode(_in_utc(film))
    yield b"\n]}\n"


def _in_utc(film: OwnFilm) -> OwnFilm:
    moments = {name: getattr(film, name) for name in ("favorite", "watchlist", "seen", "rated")}
    return msgspec.structs.replace(film, **{name: at and at.astimezone(UTC) for name, at in moments.items()})


def _as_letterboxd(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    """What was rated or seen. Letterboxd has no rating of no stars."""
    return spreadsheet_csv.rows(
        _LETTERBOXD,
        ([*_ids(film), film.rating or None, film.seen_on] for film in films if film.seen or film.rating is not None),
    )


def _as_letterboxd_watchlist(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    return spreadsheet_csv.rows(_LETTERBOXD[:4], (_ids(film) for film in films if film.watchlist))


def _ids(film: OwnFilm) -> list[Cell]:
    imdb_id = film.film_id if _IMDB.fullmatch(film.film_id) else None
    return [imdb_id, film.movie_id if (film.movie_id or 0) <= MAX_ID else None, film.title, film.year]


def _as_imdb(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    """What was rated, of films that IMDb knows; its ratings go from 1 to 10."""
    rated = (film for film in films if film.rating and _IMDB.fullmatch(film.film_id))
    return spreadsheet_csv.rows(
        _IMDB_RATINGS,
        (
            [
                film.film_id,
                int(film.rating * 2) if film.rating else None,
                _day(film.rated),
                film.title,
                _url(film),
                film.year,
            ]
            for film in rated
        ),
    )


def _as_imdb_watchlist(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    listed = [film for film in films if film.watchlist and _IMDB.fullmatch(film.film_id)]
    return spreadsheet_csv.rows(
        _IMDB_LIST,
        (
            [place, film.film_id, _day(film.watchlist), None, None, film.title, _url(film), film.year]
            for place, film in enumerate(listed, 1)
        ),
    )


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else ""


def _url(film: OwnFilm) -> str:
    return f"https://www.imdb.com/title/{film.film_id}/"


_WRITERS: dict[str, Callable[[Sequence[OwnFilm]], Iterable[bytes]]] = {
    "shelves.json": _as_json,
    "letterboxd.csv": _as_letterboxd,
    "letterboxd-watchlist.csv": _as_letterboxd_watchlist,
    "imdb-ratings.csv": _as_imdb,
    "imdb-watchlist.csv": _as_imdb_watchlist,
}
EXPORTS = tuple(_WRITERS)


def export(kind: str, films: Sequence[OwnFilm]) -> bytes:
    """``kind``: one of ``EXPORTS``. Takes a while: to be called on a thread."""
    return b"".join(_WRITERS[kind](films))

"""What is on somebody's shelves, to take along (contract §14): all of it in JSON, and what others read as CSV.

No text of the CSV is a formula to a spreadsheet. Letterboxd and IMDb know films by their ids, so that the apostrophe
before such a title does no harm there; our own import takes it away.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from filmer.community.shelf_files import OwnFilm
from filmer.importing import spreadsheet_csv
from filmer.importing.spreadsheet_csv import Cell
from filmer.tmdb.payloads import MAX_ID

_IMDB = re.compile("tt[0-9]{7,8}")
_URL = "https://www.imdb.com/title/"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_LETTERBOXD = ("imdbID", "tmdbID", "Title", "Year", "Rating", "WatchedDate")
_IMDB_RATINGS = ("Const", "Your Rating", "Date Rated", "Title", "URL", "Year")
_IMDB_LIST = ("Position", "Const", "Created", "Modified", "Description", "Title", "URL", "Year")


def _as_json(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    """A film a line, for whoever looks into it."""
    yield b'{"films": [\n' + b",\n".join(map(_ENCODER.encode, films)) + b"\n]}\n"


def _as_letterboxd(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    """What was rated or seen. Letterboxd has no rating of no stars."""
    kept = (film for film in films if film.seen or film.rating is not None)
    return spreadsheet_csv.rows(_LETTERBOXD, ([*_ids(film), film.rating or None, film.seen_on] for film in kept))


def _as_letterboxd_watchlist(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    return spreadsheet_csv.rows(_LETTERBOXD[:4], (_ids(film) for film in films if film.watchlist))


def _ids(film: OwnFilm) -> list[Cell]:
    tmdb_id = film.movie_id if film.movie_id and film.movie_id <= MAX_ID else None
    return [film.film_id if _IMDB.fullmatch(film.film_id) else None, tmdb_id, film.title, film.year]


def _as_imdb(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    """What was rated, of films that IMDb knows; its ratings go from 1 to 10."""
    rated = (
        [film.film_id, int(film.rating * 2), _day(film.rated), film.title, f"{_URL}{film.film_id}/", film.year]
        for film in films
        if film.rating and _IMDB.fullmatch(film.film_id)
    )
    return spreadsheet_csv.rows(_IMDB_RATINGS, rated)


def _as_imdb_watchlist(films: Sequence[OwnFilm]) -> Iterator[bytes]:
    listed = (film for film in films if film.watchlist and _IMDB.fullmatch(film.film_id))
    rows = (
        [place, film.film_id, _day(film.watchlist), None, None, film.title, f"{_URL}{film.film_id}/", film.year]
        for place, film in enumerate(listed, start=1)
    )
    return spreadsheet_csv.rows(_IMDB_LIST, rows)


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


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

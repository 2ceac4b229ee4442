"""Files in exactly the structure that Letterboxd, IMDb and Trakt export, of our own making."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

WATCHED = ("Date", "Name", "Year", "Letterboxd URI")
RATINGS = (*WATCHED, "Rating")
DIARY = (*WATCHED, "Rating", "Rewatch", "Tags", "Watched Date")
IMDB_RATINGS = (
    "Const", "Your Rating", "Date Rated", "Title", "Original Title", "URL", "Title Type", "IMDb Rating",
    "Runtime (mins)", "Year", "Genres", "Num Votes", "Release Date", "Directors",
)  # fmt: skip
IMDB_LIST = (
    "Position", "Const", "Created", "Modified", "Description", *IMDB_RATINGS[3:], "Your Rating", "Date Rated",
)  # fmt: skip
IMDB_UNTIL_2017 = (
    "position", "const", "created", "modified", "description", "Title", "Title type", "Directors", "You rated",
    "IMDb Rating", "Runtime (mins)", "Year", "Genres", "Num. Votes", "Release Date (month/day/year)", "URL",
)  # fmt: skip

Row = Mapping[str, object]


def table(header: Sequence[str], rows: Iterable[Row], *, quoted: bool = False) -> str:
    """CSV with these columns, of which rows may leave some empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return text.getvalue()


def boxd(title: str, year: int | str, date: str = "2023-05-06", **others: object) -> dict[str, object]:
    """A row of Letterboxd's."""
    named = {"Date": date, "Name": title, "Year": year, "Letterboxd URI": "https://boxd.it/2aHi"}
    return named | {name.replace("_", " "): value for name, value in others.items()}


def packed(files: Mapping[str, str | bytes], folder: str = "") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(folder + name, text)
    return content.getvalue()


def letterboxd(folder: str = "", **files: str) -> bytes:
    """The export of a user who has a film of each kind, with all files that Letterboxd puts into it."""
    return packed(
        {
            "profile.csv": "Date Joined,Username,Given Name\n2019-01-01,mary,Mary\n",
            "comments.csv": "Date,Content,Comment\n",
            "ratings.csv": table(RATINGS, [boxd("The Shawshank Redemption", 1994, Rating=4.5)]),
            "watched.csv": table(WATCHED, [boxd("The Shawshank Redemption", 1994), boxd("Inception", 2010)]),
            "diary.csv": table(
                DIARY,
                [boxd("Inception", 2010, Rating=4, Rewatch="Yes", Tags="dream, heist", Watched_Date="2023-05-05")],
            ),
            "reviews.csv": table((*DIARY[:6], "Review", *DIARY[6:]), [boxd("Inception", 2010, Review="Deep.")]),
            "watchlist.csv": table(WATCHED, [boxd("Das Boot", 1981)]),
            "likes/films.csv": table(WATCHED, [boxd("Amélie", 2001)]),
            "likes/reviews.csv": "Date,Content\n",
            "lists/best.csv": "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n2023-01-01,Best,,,\n",
            "deleted/diary.csv": table(DIARY, [boxd("Batman", 1989, Rating=1)]),
            "orphaned/watchlist.csv": table(WATCHED, [boxd("Batman", 1989)]),
            **files,
        },
        folder,
    )


def trakt_film(title: str, year: int | None, imdb: str | None, tmdb: int | None) -> dict[str, Any]:
    return {"title": title, "year": year, "ids": {"trakt": 9, "slug": "a-film", "imdb": imdb, "tmdb": tmdb}}


SHOW = {"title": "A series", "year": 2008, "ids": {"trakt": 1, "slug": "a-series", "imdb": "tt0903747", "tmdb": 1396}}


def trakt(folder: str = "") -> bytes:
    """The export of a user who has a film of each kind."""
    shawshank = trakt_film("The Shawshank Redemption", 1994, "tt0111161", 278)
    inception = trakt_film("Inception", 2010, "tt1375666", 27205)
    boot = trakt_film("Das Boot", 1981, None, 387)
    amelie = trakt_film("Amélie", 2001, "tt0211915", 194)
    at = "2023-05-06T20:15:30.000Z"
    files: dict[str, Any] = {
        "user-profile.json": {"username": "mary", "private": False},
        "ratings-movies.json": [{"rated_at": at, "rating": 7, "type": "movie", "movie": shawshank}],
        "ratings-shows.json": [{"rated_at": at, "rating": 7, "type": "show", "show": SHOW}],
        "watched-movies.json": [
            {"plays": 2, "last_watched_at": at, "last_updated_at": at, "movie": inception},
        ],
        "watched-history-1.json": [
            {"id": 1, "watched_at": "2020-01-01T00:00:00.000Z", "action": "watch", "type": "movie", "movie": inception},
            {"id": 2, "watched_at": at, "action": "watch", "type": "episode", "episode": {"season": 1}, "show": SHOW},
        ],
        "lists-watchlist.json": [
            {"rank": 1, "id": 1, "listed_at": at, "notes": None, "type": "movie", "movie": boot},
        ],
        "lists-favorites.json": [
            {"rank": 1, "id": 2, "listed_at": at, "notes": None, "type": "movie", "movie": amelie},
        ],
        "collection-movies.json": [{"collected_at": at, "updated_at": at, "movie": boot}],
        "likes-lists.json": [],
    }
    return packed({name: json.dumps(content) for name, content in files.items()}, folder)

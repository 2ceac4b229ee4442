"""The API of the sandbox: the paths, response bodies and errors of TMDB."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from filmer.catalogue.folding import fold
from filmer.importing.data_set import ImportedFilm, Report
from filmer.importing.demo import read_demo

PAGE_SIZE = 20
MAX_PAGE = 500
JSON = "application/json;charset=utf-8"

# TMDB's id and name of each genre, by its name at IMDb. IMDb's Biography, Film-Noir and Sport have none.
GENRES = {
    "Action": (28, "Action"),
    "Adventure": (12, "Adventure"),
    "Animation": (16, "Animation"),
    "Comedy": (35, "Comedy"),
    "Crime": (80, "Crime"),
    "Documentary": (99, "Documentary"),
    "Drama": (18, "Drama"),
    "Family": (10751, "Family"),
    "Fantasy": (14, "Fantasy"),
    "History": (36, "History"),
    "Horror": (27, "Horror"),
    "Music": (10402, "Music"),
    "Musical": (10402, "Music"),
    "Mystery": (9648, "Mystery"),
    "Romance": (10749, "Romance"),
    "Sci-Fi": (878, "Science Fiction"),
    "Thriller": (53, "Thriller"),
    "War": (10752, "War"),
    "Western": (37, "Western"),
}

# HTTP status and message by TMDB's own code.
ERRORS = {
    4: (405, "This method is not offered here."),
    5: (422, "A parameter is missing, or has a value that can't be used."),
    6: (404, "This is no id that something could have."),
    7: (401, "The API key or access token is missing or not valid."),
    9: (503, "The service is out of order for now; try again later."),
    11: (500, "Something went wrong inside."),
    22: (400, "A page is a whole number from 1 to 500."),
    24: (504, "The server behind took too long; try again."),
    25: (429, "Too many requests from you; wait a little."),
    34: (404, "There is nothing here by this name or number."),
}
UNKNOWN_PATH, NOT_OFFERED, BAD_PARAMETER, BAD_ID, BAD_KEY, BAD_PAGE = 34, 4, 5, 6, 7, 22

EXTERNAL_SOURCES = {
    "imdb_id", "facebook_id", "instagram_id", "tvdb_id", "tiktok_id", "twitter_id", "wikidata_id", "youtube_id",
}  # fmt: skip
CONFIGURATION: dict[str, Any] = {
    "images": {
        "base_url": "http://image.tmdb.org/t/p/",
        "secure_base_url": "https://image.tmdb.org/t/p/",
        "backdrop_sizes": ["w300", "w780", "w1280", "original"],
        "logo_sizes": ["w45", "w92", "w154", "w185", "w300", "w500", "original"],
        "poster_sizes": ["w92", "w154", "w185", "w342", "w500", "w780", "original"],
        "profile_sizes": ["w45", "w185", "h632", "original"],
        "still_sizes": ["w92", "w185", "w300", "original"],
    },
    "change_keys": ["genres", "overview", "release_date", "runtime", "title"],
}


class SandboxResponse(NamedTuple):
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", JSON),)


class SandboxApi:
    """TMDB's v3 API with some films, which need TMDB ids. Without ``key`` it accepts any credential but "wrong"."""

    def __init__(self, films: Sequence[ImportedFilm], key: str | None = None) -> None:
        self._key = key
        self._films = sorted(films, key=lambda film: (-(film.popularity or 0), film.tmdb_id))
        self._by_id = {film.tmdb_id: film for film in self._films}
        self._by_imdb_id = {film.id: film for film in self._films}

    def respond(self, method: str, path: str, query: Mapping[str, str], authorization: str) -> SandboxResponse:
        """Respond to a path such as ``/3/movie/popular``."""
        if not self._accepts(query.get("api_key") or _bearer(authorization)):
            return error_response(BAD_KEY)
        match [unquote(part) for part in path.split("/")[2:]]:
            case ["configuration"]:
                response = json_response(CONFIGURATION)
            case ["movie", "popular"]:
                response = _paged(self._films, query)
            case ["movie", number]:
                response = self._movie(number)
            case ["find", external_id]:
                response = self._find(external_id, query.get("external_source", ""))
            case ["search", "movie"]:
                response = self._search(query)
            case _:
                return error_response(UNKNOWN_PATH)
        return response if method == "GET" else error_response(NOT_OFFERED)

    def other_film(self, film_id: int) -> ImportedFilm:
        """A film other than this one, for the fault ``wrong-id``."""
        return next(film for film in self._films if film.tmdb_id != film_id)

    def _accepts(self, credential: str) -> bool:
        return credential == self._key if self._key else credential not in {"", "wrong"}

    def _movie(self, number: str) -> SandboxResponse:
        if not re.fullmatch("0*[1-9][0-9]{0,9}", number):
            return error_response(BAD_ID)
        film = self._by_id.get(int(number))
        return json_response(details(film)) if film else error_response(UNKNOWN_PATH)

    def _find(self, external_id: str, source: str) -> SandboxResponse:
        # In TMDB's API reference the source is required and one of these, and code 5 has status 422.
        if source not in EXTERNAL_SOURCES:
            return error_response(BAD_PARAMETER)
        film = self._by_imdb_id.get(external_id) if source == "imdb_id" else None
        return json_response(
            {
                "movie_results": [found_by_id(film)] if film else [],
                "person_results": [],
                "tv_results": [],
                "tv_episode_results": [],
                "tv_season_results": [],
            }
        )

    def _search(self, query: Mapping[str, str]) -> SandboxResponse:
        if not query.get("query"):
            return json_response({"errors": ["query must be provided"]}, 422)
        text = fold(query["query"])
        return _paged([film for film in self._films if text in fold(film.title)], query)


def read_films() -> list[ImportedFilm]:
    """The films of the demo that have a TMDB id."""
    return [film for film in read_demo(Report()).films if film.tmdb_id is not None]


def json_response(document: object, status: int = 200) -> SandboxResponse:
    return SandboxResponse(status, msgspec.json.encode(document))


def error_response(code: int) -> SandboxResponse:
    status, message = ERRORS[code]
    return json_response({"success": False, "status_code": code, "status_message": message}, status)


def details(film: ImportedFilm) -> dict[str, Any]:
    document = _listed(film)
    del document["genre_ids"]
    return document | {
        "belongs_to_collection": None,
        "budget": 0,
        "genres": [{"id": number, "name": name} for number, name in _genres(film)],
        "homepage": "",
        "imdb_id": film.id,
        "origin_country": [],
        "production_companies": [],
        "production_countries": [],
        "revenue": 0,
        "runtime": film.runtime_minutes or 0,
        "spoken_languages": [],
        "status": "Released",
        "tagline": "",
    }


def found_by_id(film: ImportedFilm) -> dict[str, Any]:
    return _listed(film) | {"media_type": "movie"}


def _listed(film: ImportedFilm) -> dict[str, Any]:
    return {
        "adult": False,
        "backdrop_path": None,
        "genre_ids": [number for number, _ in _genres(film)],
        "id": film.tmdb_id,
        "original_language": "xx" if film.original_title else "en",  # unknown; "xx" is TMDB's code for no language
        "original_title": film.original_title or film.title,
        "overview": film.overview or "",
        "popularity": film.popularity or 0.0,
        "poster_path": poster_path(film.tmdb_id),
        "release_date": film.release_date.isoformat() if film.release_date else "",
        "title": film.title,
        "video": False,
        "vote_average": film.rating or 0.0,
        "vote_count": film.votes or 0,
    }


def poster_path(movie_id: int | None) -> str | None:
    """The path of a film's poster. Every tenth film has none, as happens at TMDB."""
    return f"/poster-{movie_id}.png" if movie_id and movie_id % 10 else None


def _genres(film: ImportedFilm) -> list[tuple[int, str]]:
    return list(dict.fromkeys(GENRES[name] for name in film.genres if name in GENRES))


def _paged(films: Sequence[ImportedFilm], query: Mapping[str, str]) -> SandboxResponse:
    number = query.get("page", "1")
    if not re.fullmatch("[0-9]{1,9}", number) or not 1 <= int(number) <= MAX_PAGE:
        return error_response(BAD_PAGE)
    page = int(number)
    return json_response(
        {
            "page": page,
            "results": [_listed(film) for film in films[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]],
            "total_pages": -(-len(films) // PAGE_SIZE),
            "total_results": len(films),
        }
    )


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

"""The shapes of TMDB's answers: the JSON types of each field, as in its API reference."""

from types import NoneType
from typing import Any

Types = tuple[type, ...]
Shape = dict[str, Any]  # Types, Each or another shape

TEXT: Types = (str,)
TEXT_OR_NULL: Types = (str, NoneType)
BOOLEAN: Types = (bool,)
INTEGER: Types = (int,)
NUMBER: Types = (int, float)


class Each(tuple[Any]):
    """A list; each of its items has this shape."""

    __slots__ = ()


def each(shape: "Types | Shape") -> Each:
    return Each((shape,))


LISTED: Shape = {
    "adult": BOOLEAN,
    "backdrop_path": TEXT_OR_NULL,
    "genre_ids": each(INTEGER),
    "id": INTEGER,
    "original_language": TEXT,
    "original_title": TEXT,
    "overview": TEXT,
    "popularity": NUMBER,
    "poster_path": TEXT_OR_NULL,
    "release_date": TEXT,
    "title": TEXT,
    "video": BOOLEAN,
    "vote_average": NUMBER,
    "vote_count": INTEGER,
}
PAGE: Shape = {"page": INTEGER, "results": each(LISTED), "total_pages": INTEGER, "total_results": INTEGER}
DETAILS: Shape = {name: types for name, types in LISTED.items() if name != "genre_ids"} | {
    "belongs_to_collection": (dict, NoneType),
    "budget": INTEGER,
    "genres": each({"id": INTEGER, "name": TEXT}),
    "homepage": TEXT_OR_NULL,
    "imdb_id": TEXT_OR_NULL,
    "origin_country": each(TEXT),
    "production_companies": each({"id": INTEGER, "logo_path": TEXT_OR_NULL, "name": TEXT, "origin_country": TEXT}),
    "production_countries": each({"iso_3166_1": TEXT, "name": TEXT}),
    "revenue": INTEGER,
    "runtime": (int, NoneType),
    "spoken_languages": each({"english_name": TEXT, "iso_639_1": TEXT, "name": TEXT}),
    "status": TEXT,
    "tagline": TEXT_OR_NULL,
}
FOUND: Shape = {
    "movie_results": each(LISTED | {"media_type": TEXT}),
    "person_results": each({}),
    "tv_results": each({}),
    "tv_episode_results": each({}),
    "tv_season_results": each({}),
}
CONFIGURATION: Shape = {
    "images": {
        "base_url": TEXT,
        "secure_base_url": TEXT,
        "backdrop_sizes": each(TEXT),
        "logo_sizes": each(TEXT),
        "poster_sizes": each(TEXT),
        "profile_sizes": each(TEXT),
        "still_sizes": each(TEXT),
    },
    "change_keys": each(TEXT),
}
ERROR: Shape = {"success": BOOLEAN, "status_code": INTEGER, "status_message": TEXT}
ERRORS: Shape = {"errors": each(TEXT)}


def misfits(value: Any, shape: Any, at: str = "answer") -> list[str]:
    """The places where a value does not have its shape, has fields too many or lacks some."""
    if isinstance(shape, Each):
        if type(value) is not list:
            return [f"{at} is no list"]
        return [misfit for place, item in enumerate(value) for misfit in misfits(item, shape[0], f"{at}[{place}]")]
    if isinstance(shape, tuple):
        return [] if type(value) in shape else [f"{at} is {value!r}"]
    if type(value) is not dict:
        return [f"{at} is no object"]
    misfitting = [f"{at}.{name} is not in both" for name in sorted(value.keys() ^ shape.keys())]
    return misfitting + [
        wrong for name in value.keys() & shape.keys() for wrong in misfits(value[name], shape[name], f"{at}.{name}")
    ]

"""What the OpenAPI document says of the catalogue's endpoints; the examples are shop-api.md's."""

from typing import Any

from filmer import errors
from filmer.catalogue import nouns
from filmer.catalogue.api import GenreMovieList, MovieList, MovieSearch, StarList
from filmer.http.health import Health
from filmer.http.openapi import Answer, Operation, PathParameter, shop_error_answer

_SHAWSHANK = {
    "id": "tt0000001", "title": "The Shawshank Redemption", "year": 1994, "director": "Frank Darabont",
}  # fmt: skip
_RATED = {**_SHAWSHANK, "rating": 9.3, "numVotes": 2500000}
_ROBBINS = {"id": "nm0000209", "name": "Tim Robbins"}
_LISTED = {**_RATED, "genres": ["Drama"], "stars": [_ROBBINS]}
_NOW = "2026-02-08T12:00:00Z"


def _ok(data: Any) -> dict[str, Any]:
    return {"success": True, "data": data}


def _page(items: list[Any], total_items: int, total_pages: int) -> dict[str, Any]:
    return {"items": items, "page": 1, "size": 20, "totalItems": total_items, "totalPages": total_pages}


def _invalid(description: str, field: str, reason: str) -> Answer:
    return shop_error_answer(
        errors.InvalidRequest,
        description,
        {
            "code": "VALIDATION_ERROR",
            "message": "Request validation failed",
            "details": {"fields": [{"field": field, "reason": reason}]},
        },
    )


def _missing(noun: str, identifier: str) -> Answer:
    return shop_error_answer(
        errors.NotFound,
        f"{noun} not found",
        {"code": "NOT_FOUND", "message": f"{noun} not found with id: {identifier}", "details": {}},
    )


_BAD_PAGE = _invalid("Invalid query parameters", "page", "must be at least 1")
_MOVIE_ID = PathParameter("movieId", {"type": "string", "maxLength": 10, "example": "tt0111161"}, "IMDb's id")
_STAR_ID = PathParameter("starId", {"type": "string", "maxLength": 10, "example": "nm0000209"}, "IMDb's id")
_GENRE_ID = PathParameter("genreId", {"type": "integer", "minimum": 1}, "An id of `/genres`")

OPERATIONS = [
    Operation(
        method="GET",
        path="/api/v1/health",
        name="showHealth",
        summary="Check API availability and database connectivity",
        tag="Utility",
        answers={
            200: Answer(
                description="Service is healthy",
                data=Health,
                example=_ok({"status": "UP", "database": "UP", "timestamp": _NOW}),
            ),
            503: Answer(
                description="Service is unhealthy",
                data=Health,
                example=_ok({"status": "DOWN", "database": "DOWN", "timestamp": _NOW}),
            ),
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/movies",
        name="listMovies",
        summary="List movies",
        description="A paginated list, sorted by key, then title, then id; unknown values come last in both orders.",
        tag="Movies",
        query=MovieList,
        public=True,
        answers={
            200: Answer(
                description="Movies retrieved successfully",
                data=nouns.MoviePage,
                example=_ok(_page([_LISTED], 150, 8)),
            ),
            400: _BAD_PAGE,
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/movies/{movieId}",
        name="showMovie",
        summary="Get movie details",
        tag="Movies",
        path_parameters=(_MOVIE_ID,),
        public=True,
        answers={
            200: Answer(
                description="Movie details retrieved",
                data=nouns.Movie,
                example=_ok(
                    {
                        **_RATED,
                        "genres": [{"id": 3, "name": "Drama"}],
                        "stars": [
                            {**_ROBBINS, "birthYear": 1958},
                            {"id": "nm0000151", "name": "Morgan Freeman", "birthYear": 1937},
                        ],
                    }
                ),
            ),
            404: _missing("Movie", "tt9999999"),
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/stars",
        name="listStars",
        summary="List stars",
        description="A paginated list of the people in the billed cast of some movie here.",
        tag="Stars",
        query=StarList,
        public=True,
        answers={
            200: Answer(
                description="Stars retrieved successfully",
                data=nouns.StarPage,
                example=_ok(_page([{**_ROBBINS, "birthYear": 1958, "movieCount": 45}], 500, 25)),
            ),
            400: _BAD_PAGE,
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/stars/{starId}",
        name="showStar",
        summary="Get star details",
        description="A star with all their movies, newest first.",
        tag="Stars",
        path_parameters=(_STAR_ID,),
        public=True,
        answers={
            200: Answer(
                description="Star details retrieved",
                data=nouns.Star,
                example=_ok({**_ROBBINS, "birthYear": 1958, "movies": [_SHAWSHANK]}),
            ),
            404: _missing("Star", "nm9999999"),
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/genres",
        name="listGenres",
        summary="List genres",
        tag="Genres",
        public=True,
        answers={
            200: Answer(
                description="Genres retrieved successfully",
                data=nouns.GenreList,
                example=_ok(
                    {
                        "items": [
                            {"id": 1, "name": "Action"},
                            {"id": 2, "name": "Comedy"},
                            {"id": 3, "name": "Drama"},
                        ]
                    }
                ),
            )
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/genres/{genreId}/movies",
        name="listGenreMovies",
        summary="Browse movies by genre",
        tag="Genres",
        path_parameters=(_GENRE_ID,),
        query=GenreMovieList,
        public=True,
        answers={
            200: Answer(
                description="Movies retrieved successfully",
                data=nouns.GenreMoviePage,
                example=_ok({"genre": {"id": 3, "name": "Drama"}, **_page([{**_SHAWSHANK, "rating": 9.3}], 50, 3)}),
            ),
            400: _BAD_PAGE,
            404: _missing("Genre", "99"),
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/search/movies",
        name="searchMovies",
        summary="Search movies with keyword and advanced filters",
        description="All filters must hold. At least one must be given; blank ones other than `query` are ignored.",
        tag="Search",
        query=MovieSearch,
        public=True,
        answers={
            200: Answer(
                description="Search results retrieved", data=nouns.MoviePage, example=_ok(_page([_LISTED], 5, 1))
            ),
            400: _invalid("No search criteria provided", "query", "at least one search filter must be given"),
        },
    ),
]

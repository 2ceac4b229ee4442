"""What the OpenAPI document says of the catalogue's endpoints; the examples are shop-api.md's."""

from filmer.catalogue import schemas
from filmer.catalogue.api import GenreMovieList, MovieList, MovieSearch, StarList, SuggestionQuery
from filmer.http.health import Health
from filmer.openapi.document import EndpointDoc, PathParameter, ResponseDoc
from filmer.openapi.examples import BAD_PAGE, NOW, invalid, missing, ok, page

_SHAWSHANK = {
    "id": "tt0000001", "title": "The Shawshank Redemption", "year": 1994, "director": "Frank Darabont",
}  # fmt: skip
_RATED = {**_SHAWSHANK, "rating": 9.3, "numVotes": 2500000}
_ROBBINS = {"id": "nm0000209", "name": "Tim Robbins"}
_LISTED = {**_RATED, "genres": ["Drama"], "stars": [_ROBBINS]}

_MOVIE_ID = PathParameter("movieId", {"type": "string", "maxLength": 10, "example": "tt0111161"}, "IMDb's id")
_STAR_ID = PathParameter("starId", {"type": "string", "maxLength": 10, "example": "nm0000209"}, "IMDb's id")
_GENRE_ID = PathParameter("genreId", {"type": "integer", "minimum": 1}, "An id of `/genres`")

OPERATIONS = [
    EndpointDoc(
        method="GET",
        path="/api/v1/health",
        name="showHealth",
        summary="Check API availability and database connectivity",
        tag="Utility",
        answers={
            200: ResponseDoc(
                description="Service is healthy",
                data=Health,
                example=ok({"status": "UP", "database": "UP", "timestamp": NOW}),
            ),
            503: ResponseDoc(
                description="Service is unhealthy",
                data=Health,
                example=ok({"status": "DOWN", "database": "DOWN", "timestamp": NOW}),
            ),
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/movies",
        name="listMovies",
        summary="List movies",
        description="A paginated list, sorted by key, then title, then id; unknown values come last in both orders.",
        tag="Movies",
        query=MovieList,
        public=True,
        answers={
            200: ResponseDoc(
                description="Movies retrieved successfully",
                data=schemas.MoviePage,
                example=ok(page([_LISTED], 150, 8)),
            ),
            400: BAD_PAGE,
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/movies/{movieId}",
        name="showMovie",
        summary="Get movie details",
        tag="Movies",
        path_parameters=(_MOVIE_ID,),
        public=True,
        answers={
            200: ResponseDoc(
                description="Movie details retrieved",
                data=schemas.Movie,
                example=ok(
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
            404: missing("Movie", "tt9999999"),
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/stars",
        name="listStars",
        summary="List stars",
        description="A paginated list of the people in the billed cast of some movie here.",
        tag="Stars",
        query=StarList,
        public=True,
        answers={
            200: ResponseDoc(
                description="Stars retrieved successfully",
                data=schemas.StarPage,
                example=ok(page([{**_ROBBINS, "birthYear": 1958, "movieCount": 45}], 500, 25)),
            ),
            400: BAD_PAGE,
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/stars/{starId}",
        name="showStar",
        summary="Get star details",
        description="A star with all their movies, newest first.",
        tag="Stars",
        path_parameters=(_STAR_ID,),
        public=True,
        answers={
            200: ResponseDoc(
                description="Star details retrieved",
                data=schemas.Star,
                example=ok({**_ROBBINS, "birthYear": 1958, "movies": [_SHAWSHANK]}),
            ),
            404: missing("Star", "nm9999999"),
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/genres",
        name="listGenres",
        summary="List genres",
        tag="Genres",
        public=True,
        answers={
            200: ResponseDoc(
                description="Genres retrieved successfully",
                data=schemas.GenreList,
                example=ok(
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
    EndpointDoc(
        method="GET",
        path="/api/v1/genres/{genreId}/movies",
        name="listGenreMovies",
        summary="Browse movies by genre",
        tag="Genres",
        path_parameters=(_GENRE_ID,),
        query=GenreMovieList,
        public=True,
        answers={
            200: ResponseDoc(
                description="Movies retrieved successfully",
                data=schemas.GenreMoviePage,
                example=ok({"genre": {"id": 3, "name": "Drama"}, **page([{**_SHAWSHANK, "rating": 9.3}], 50, 3)}),
            ),
            400: BAD_PAGE,
            404: missing("Genre", "99"),
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/search/movies",
        name="searchMovies",
        summary="Search movies with keyword and advanced filters",
        description="All filters must hold. At least one must be given; blank ones other than `query` are ignored.",
        tag="Search",
        query=MovieSearch,
        public=True,
        answers={
            200: ResponseDoc(
                description="Search results retrieved", data=schemas.MoviePage, example=ok(page([_LISTED], 5, 1))
            ),
            400: invalid("No search criteria provided", "query", "at least one search filter must be given"),
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/search/suggestions",
        name="listSuggestions",
        summary="Suggest films and people while somebody types",
        description="Films whose title begins so, the best known first (`the`, `a` or `an` before it do not count); "
        "then films in whose title each word is found; then people by any of their names, those with the most films "
        "first. People get three eighths of the places, and each kind those that the other leaves.",
        tag="Search",
        query=SuggestionQuery,
        public=True,
        answers={
            200: ResponseDoc(
                description="Suggestions retrieved; none for a text without letters and digits",
                data=schemas.SuggestionList,
                example=ok(
                    {
                        "items": [
                            {"kind": "movie", "id": "tt0372784", "text": "Batman Begins", "year": 2005},
                            {"kind": "star", "id": "nm0000869", "text": "Alan Bates", "year": 1934},
                        ]
                    }
                ),
            ),
            400: invalid("Nothing typed, or an invalid size", "query", "must be given"),
        },
    ),
]

"""API docs of the catalogue's endpoints and of the health check. The examples of responses are those of shop-api.md."""

from filmer.catalogue import schemas
from filmer.catalogue.api import CatalogueApi, GenreMovieList, MovieList, MovieSearch, StarList, SuggestionQuery
from filmer.errors import DatabaseUnavailable
from filmer.http.health import DatabaseHealth, Health, HealthApi
from filmer.openapi.endpoints import (
    INVALID_PAGE,
    NOW,
    EndpointDoc,
    EndpointDocs,
    ResponseDoc,
    failure,
    imdb_id,
    invalid,
    not_found,
    number_id,
    page,
)

_SHAWSHANK = {
    "id": "tt0000001", "title": "The Shawshank Redemption", "year": 1994, "director": "Frank Darabont",
}  # fmt: skip
_RATED = {**_SHAWSHANK, "rating": 9.3, "numVotes": 2500000}
_ROBBINS = {"id": "nm0000209", "name": "Tim Robbins"}
_LISTED = {**_RATED, "genres": ["Drama"], "stars": [_ROBBINS]}

DOCS: EndpointDocs = {
    HealthApi.show_health: EndpointDoc(
        summary="Check API availability and database connectivity",
        tag="Utility",
        responses=(
            ResponseDoc("Service is healthy", Health, {"status": "UP", "database": "UP", "timestamp": NOW}),
            ResponseDoc(
                "Service is unhealthy", Health, {"status": "DOWN", "database": "DOWN", "timestamp": NOW}, status=503
            ),
        ),
    ),
    HealthApi.show_database: EndpointDoc(
        summary="Check database connectivity",
        description="Beyond the specification.",
        tag="Utility",
        responses=(
            ResponseDoc(
                "The database answers",
                DatabaseHealth,
                {"success": True, "result": 1, "message": "The database answers", "database_status": "UP"},
            ),
            failure("The database does not answer", DatabaseUnavailable()),
        ),
    ),
    CatalogueApi.list_movies: EndpointDoc(
        summary="List movies",
        description="A paginated list, sorted by key, then title, then id; unknown values come last in both orders. "
        "All filters must hold. Where popularity is the same or unknown, the number of votes decides.",
        tag="Movies",
        query=MovieList,
        responses=(
            ResponseDoc("Movies retrieved successfully", schemas.MoviePage, page([_LISTED], 150, 8)),
            INVALID_PAGE,
        ),
    ),
    CatalogueApi.show_movie: EndpointDoc(
        summary="Get movie details",
        tag="Movies",
        path_parameters=(imdb_id("movieId", "IMDb's id", example="tt0111161"),),
        responses=(
            ResponseDoc(
                "Movie details retrieved",
                schemas.Movie,
                {
                    **_RATED,
                    "genres": [{"id": 3, "name": "Drama"}],
                    "stars": [
                        {**_ROBBINS, "birthYear": 1958},
                        {"id": "nm0000151", "name": "Morgan Freeman", "birthYear": 1937},
                    ],
                },
            ),
            not_found("Movie", "tt9999999"),
        ),
    ),
    CatalogueApi.list_stars: EndpointDoc(
        summary="List stars",
        description="A paginated list of the people in the billed cast of some movie here.",
        tag="Stars",
        query=StarList,
        responses=(
            ResponseDoc(
                "Stars retrieved successfully",
                schemas.StarPage,
                page([{**_ROBBINS, "birthYear": 1958, "movieCount": 45}], 500, 25),
            ),
            INVALID_PAGE,
        ),
    ),
    CatalogueApi.show_star: EndpointDoc(
        summary="Get star details",
        description="A star with all their movies, newest first.",
        tag="Stars",
        path_parameters=(imdb_id("starId", "IMDb's id", example="nm0000209"),),
        responses=(
            ResponseDoc(
                "Star details retrieved", schemas.Star, {**_ROBBINS, "birthYear": 1958, "movies": [_SHAWSHANK]}
            ),
            not_found("Star", "nm9999999"),
        ),
    ),
    CatalogueApi.list_genres: EndpointDoc(
        summary="List genres",
        tag="Genres",
        responses=(
            ResponseDoc(
                "Genres retrieved successfully",
                schemas.GenreList,
                {
                    "items": [
                        {"id": 1, "name": "Action"},
                        {"id": 2, "name": "Comedy"},
                        {"id": 3, "name": "Drama"},
                    ]
                },
            ),
        ),
    ),
    CatalogueApi.list_genre_movies: EndpointDoc(
        summary="Browse movies by genre",
        tag="Genres",
        path_parameters=(number_id("genreId", "An id of `/genres`"),),
        query=GenreMovieList,
        responses=(
            ResponseDoc(
                "Movies retrieved successfully",
                schemas.GenreMoviePage,
                {"genre": {"id": 3, "name": "Drama"}, **page([{**_SHAWSHANK, "rating": 9.3}], 50, 3)},
            ),
            INVALID_PAGE,
            not_found("Genre", "99"),
        ),
    ),
    CatalogueApi.search_movies: EndpointDoc(
        summary="Search movies with keyword and advanced filters",
        description="All filters must hold. At least one must be given; blank ones other than `query` are ignored. "
        "With `sortBy=relevance`, where nothing is found, the nearest spelling of `query` is searched for, or the "
        "names, year and words of a sentence; the header `X-Search-Corrected` has the spelling, percent-encoded.",
        tag="Search",
        query=MovieSearch,
        responses=(
            ResponseDoc("Search results retrieved", schemas.MoviePage, page([_LISTED], 5, 1)),
            invalid("No search criteria provided", "query", "at least one search filter must be given"),
        ),
    ),
    CatalogueApi.suggest: EndpointDoc(
        operation_id="listSuggestions",
        summary="Suggest films and people while somebody types",
        description="Films whose title begins so, the best known first (`the`, `a` or `an` before it do not count); "
        "then films in whose title each word is found; then people by any of their names, those whose films have the "
        "most votes first: `director` is who is in no cast, and so no star. People get three eighths of the places, "
        "and each kind those that the other leaves. "
        "Where nothing is found: films by title and cast together, then those nearest in spelling, which the header "
        "`X-Search-Corrected` has.",
        tag="Search",
        query=SuggestionQuery,
        responses=(
            ResponseDoc(
                "Suggestions retrieved; none for a text without letters and digits",
                schemas.SuggestionList,
                {
                    "items": [
                        {
                            "kind": "movie",
                            "id": "tt0372784",
                            "text": "Batman Begins",
                            "year": 2005,
                            "reason": None,
                            "matches": [[0, 3]],
                        },
                        {
                            "kind": "star",
                            "id": "nm0000869",
                            "text": "Alan Bates",
                            "year": 1934,
                            "reason": None,
                            "matches": [[5, 8]],
                        },
                    ]
                },
            ),
            invalid("Nothing typed, or an invalid size", "query", "must be given"),
        ),
    ),
}

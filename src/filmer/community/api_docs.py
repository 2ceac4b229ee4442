"""API docs of the community's endpoints. The examples of responses are those of community-api.txt.

The examples of bodies and ids use the demo's users and films (contract §8), so that they work from ``/docs``.
"""

import msgspec

from filmer import errors
from filmer.community import schemas
from filmer.community.api import CommunityApi
from filmer.errors import FieldError
from filmer.openapi.endpoints import EndpointDoc, EndpointDocs, ResponseDoc, failure, invalid, number_id
from filmer.openapi.reusable import DATABASE_UNAVAILABLE
from filmer.tmdb.payloads import Popular

_FAVORITES, _LISTS, _RATINGS = "Favourites", "Watchlist and films seen", "Ratings"
_CREATED = "2024-01-01T12:00:00Z"
_FILM = {
    "title": "Movie Title",
    "release_date": "2024-01-01",
    "overview": "Movie description",
    "popularity": 123.45,
    "vote_average": 7.8,
}
_FAVORITE = {"id": 456, "movie_id": 123, "created_at": _CREATED}
_RATING = {"id": 789, "movie_id": 123, "rating": 4, "created_at": _CREATED}
_AGE = ("Age", "X-Cache")

_USER_ID = number_id("user_id", "Whose films: yours, or, for an admin, anybody's", example=2)
_ENTRY_ID = number_id("id", "Of the record, as the list has it; not of the film")
_FAVORITE_ID = number_id("id", "Of the favourite, as the list has it; not of the film")
_RATING_ID = number_id("id", "Of a rating of yours, as rating the film told it")

_CROSS_SITE = "the request carries the shop's session and comes from another site's page"
_ANOTHER_USERS = "Somebody else's films"
_FORBIDDEN = failure(f"{_ANOTHER_USERS}; or {_CROSS_SITE}", errors.InsufficientPermissions(), errors.Forbidden())
_NO_FILM = "Neither the catalogue nor TMDB knows such a film"
_NO_USER = "for an admin, no such user"
_NO_RATING = failure("You have no such rating", errors.RatingNotFound())
_UNAVAILABLE = failure(
    "TMDB gives no answer and there is no copy of the film, or the database is away; try again",
    errors.ExternalApiError(),
    DATABASE_UNAVAILABLE,
)
_INVALID_RATING = failure(
    "The rating is a number out of range (INVALID_RATING), or the request is wrong otherwise",
    errors.InvalidRating([FieldError("rating", f"must be at most {schemas.MAX_RATING}")]),
    errors.InvalidRequest([FieldError("rating", "must be in steps of 0.5")]),
)


def _added(
    summary: str, body: type[schemas.NewFavorite], example: dict[str, object], entry: dict[str, object]
) -> EndpointDoc:
    kind = schemas.Seen if "seen_on" in entry else schemas.Favorite
    return EndpointDoc(
        summary=summary,
        tag=_LISTS,
        path_parameters=(_USER_ID,),
        body=body,
        body_example={"movie_id": 278, **example},
        responses=(
            ResponseDoc("It was there already", kind, entry, status=200),
            ResponseDoc("Film added", kind, entry),
            _FORBIDDEN,
            failure(f"{_NO_FILM}; or, {_NO_USER}", errors.MovieNotFound(), errors.UserNotFound()),
            _UNAVAILABLE,
        ),
    )


def _listed(summary: str, query: type[schemas.ShelfList], body: type[msgspec.Struct], **entry: object) -> EndpointDoc:
    """``entry``: what a film of this list has besides, in the example."""
    film = {"id": 456, "movie_id": 123, **_FILM, "user_rating": 4, "created_at": _CREATED, **entry}
    return EndpointDoc(
        summary=summary,
        description="As the list of favourites, in orders of its own.",
        tag=_LISTS,
        path_parameters=(_USER_ID,),
        query=query,
        responses=(
            ResponseDoc("All films of the list", body, {body.__struct_fields__[0]: [film]}, headers=_AGE),
            invalid("Invalid parameters", "order", "must be one of: asc, desc"),
            failure(_ANOTHER_USERS, errors.InsufficientPermissions()),
            failure("For an admin: no such user", errors.UserNotFound()),
        ),
    )


def _removed(summary: str, missing: str) -> EndpointDoc:
    return EndpointDoc(
        summary=summary,
        tag=_LISTS,
        path_parameters=(_USER_ID, _ENTRY_ID),
        responses=(
            ResponseDoc("Film removed"),
            invalid("No id of a record, or of a user", "id", "must be an integer"),
            _FORBIDDEN,
            failure(f"The user has no such record; or, {_NO_USER}", errors.NotFound(missing), errors.UserNotFound()),
        ),
    )


DOCS: EndpointDocs = {
    CommunityApi.list_popular: EndpointDoc(
        operation_id="listPopularMovies",
        summary="Get popular movies from TMDB",
        description="A copy at hand is served at once, however old, and brought up to date behind. Where TMDB is not"
        " set up, it is the catalogue's own list: by popularity, then by votes.",
        tag="Popular films",
        query=schemas.PopularList,
        responses=(
            ResponseDoc(
                "A page of popular films",
                Popular,
                {"page": 1, "total_pages": 500, "total_results": 10000, "results": [{"id": 123, **_FILM}]},
                headers=_AGE,
            ),
            invalid("No such page", "page", "must be at most 500"),
            failure("TMDB gives no answer, and there is no copy; try again", errors.ExternalApiError()),
        ),
    ),
    CommunityApi.add_favorite: EndpointDoc(
        summary="Add a movie to a user's favourites",
        tag=_FAVORITES,
        path_parameters=(_USER_ID,),
        body=schemas.NewFavorite,
        body_example={"movie_id": 278},
        responses=(
            ResponseDoc("It was a favourite already", schemas.Favorite, _FAVORITE, status=200),
            ResponseDoc("Favourite added", schemas.Favorite, _FAVORITE),
            _FORBIDDEN,
            failure(f"{_NO_FILM}; or, {_NO_USER}", errors.MovieNotFound(), errors.UserNotFound()),
            _UNAVAILABLE,
        ),
    ),
    CommunityApi.list_favorites: EndpointDoc(
        summary="Get a user's favourites with movie details",
        description="What TMDB tells of each film, or else the catalogue, and the user's own rating. Missing values"
        " come last in both orders.",
        tag=_FAVORITES,
        path_parameters=(_USER_ID,),
        query=schemas.FavoriteList,
        responses=(
            ResponseDoc(
                "All favourites of the user",
                schemas.Favorites,
                {"favorites": [{"id": 456, "movie_id": 123, **_FILM, "user_rating": 4, "created_at": _CREATED}]},
                headers=_AGE,
            ),
            invalid("Invalid parameters", "sort", "must be one of: rating, release_date"),
            failure(_ANOTHER_USERS, errors.InsufficientPermissions()),
            failure("For an admin: no such user", errors.UserNotFound()),
        ),
    ),
    CommunityApi.remove_favorite: EndpointDoc(
        summary="Remove a movie from a user's favourites",
        tag=_FAVORITES,
        path_parameters=(_USER_ID, _FAVORITE_ID),
        responses=(
            ResponseDoc("Favourite removed"),
            invalid("No id of a favourite, or of a user", "id", "must be an integer"),
            _FORBIDDEN,
            failure(
                f"The user has no such favourite; or, {_NO_USER}", errors.FavoriteNotFound(), errors.UserNotFound()
            ),
        ),
    ),
    CommunityApi.add_to_watchlist: _added("Put a movie on a user's watchlist", schemas.NewFavorite, {}, _FAVORITE),
    CommunityApi.list_watchlist: _listed("Get a user's watchlist", schemas.Watchlist, schemas.WatchlistFilms),
    CommunityApi.remove_from_watchlist: _removed("Take a movie off a user's watchlist", "Not on the watchlist"),
    CommunityApi.add_seen: _added(
        "Say that a user has seen a movie",
        schemas.NewSeen,
        {"seen_on": "2024-01-31"},
        _FAVORITE | {"seen_on": "2024-01-31"},
    ),
    CommunityApi.list_seen: _listed(
        "Get the movies a user has seen", schemas.SeenList, schemas.SeenFilms, seen_on="2024-01-31"
    ),
    CommunityApi.remove_seen: _removed("Say that a user has not seen a movie", "Not among the films seen"),
    CommunityApi.show_ratings: EndpointDoc(
        operation_id="getMovieRatings",
        summary="Get what this shop's users think of a movie",
        description=f"Until {schemas.MIN_RATINGS} of them have rated it, nothing is told: a single rating is private.",
        tag=_RATINGS,
        path_parameters=(number_id("movie_id", "TMDB's id of the film, or the shop's own number", example=278),),
        responses=(
            ResponseDoc(
                "The average, from how many, and how many gave how many stars",
                schemas.FilmRatings,
                {
                    "movie_id": 123,
                    "average": 4.17,
                    "count": 3,
                    "histogram": [
                        {"rating": half / 2, "count": {8: 2, 9: 1}.get(half, 0)}
                        for half in range(2 * schemas.MAX_RATING + 1)
                    ],
                },
            ),
            invalid("No id of a film", "movie_id", "must be an integer"),
            failure("No film has this number of the shop's own", errors.MovieNotFound()),
        ),
    ),
    CommunityApi.rate: EndpointDoc(
        operation_id="rateMovie",
        summary="Rate a movie",
        description="From 0 to 5 in steps of 0.5. Rating a film again changes the rating there is.",
        tag=_RATINGS,
        body=schemas.NewRating,
        body_example={"movie_id": 278, "rating": 4},
        responses=(
            ResponseDoc("The rating there was is changed", schemas.Rating, _RATING, status=200),
            ResponseDoc("Film rated", schemas.Rating, _RATING),
            _INVALID_RATING,
            failure(_NO_FILM, errors.MovieNotFound()),
            _UNAVAILABLE,
        ),
    ),
    CommunityApi.change_rating: EndpointDoc(
        summary="Update a rating",
        description="From 0 to 5 in steps of 0.5.",
        tag=_RATINGS,
        path_parameters=(_RATING_ID,),
        body=schemas.ChangedRating,
        body_example={"rating": 5},
        responses=(
            ResponseDoc(
                "Rating changed",
                schemas.UpdatedRating,
                {"id": 789, "movie_id": 123, "rating": 5, "updated_at": _CREATED},
            ),
            _INVALID_RATING,
            _NO_RATING,
        ),
    ),
    CommunityApi.remove_rating: EndpointDoc(
        summary="Take a rating back",
        tag=_RATINGS,
        path_parameters=(_RATING_ID,),
        responses=(
            ResponseDoc("Rating removed"),
            invalid("No id of a rating", "id", "must be an integer"),
            _NO_RATING,
        ),
    ),
    CommunityApi.clear_favorites: EndpointDoc(
        summary="Remove all favourites of a user",
        description="With an admin's token only.",
        tag="Administration",
        path_parameters=(number_id("userId", "Whose favourites", example=2),),
        responses=(
            ResponseDoc("The user has no favourites any more"),
            invalid("No id of a user", "userId", "must be an integer"),
            failure(f"Not an admin's token; or {_CROSS_SITE}", errors.InsufficientPermissions(), errors.Forbidden()),
            failure("No such user", errors.UserNotFound()),
        ),
    ),
}

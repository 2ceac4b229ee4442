"""API docs of the community's endpoints. The examples of responses are those of community-api.txt.

The examples of bodies and ids use the demo's users and films (contract §8), so that they work from ``/docs``.
"""

from filmer import errors
from filmer.community import schemas
from filmer.community.api import CommunityApi
from filmer.errors import FieldError
from filmer.openapi.endpoints import EndpointDoc, EndpointDocs, ResponseDoc, failure, invalid, number_id
from filmer.openapi.reusable import DATABASE_UNAVAILABLE
from filmer.tmdb.payloads import Popular

_FAVORITES, _RATINGS = "Favourites", "Ratings"
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

_USER_ID = number_id("user_id", "Whose favourites: yours, or, for an admin, anybody's", example=2)
_FAVORITE_ID = number_id("id", "Of the favourite, as the list has it; not of the film")
_RATING_ID = number_id("id", "Of a rating of yours, as rating the film told it")

_CROSS_SITE = "the request carries the shop's session and comes from another site's page"
_ANOTHER_USERS = "Somebody else's favourites"
_FORBIDDEN = failure(f"{_ANOTHER_USERS}; or {_CROSS_SITE}", errors.InsufficientPermissions(), errors.Forbidden())
_NO_FILM = "TMDB knows no such film"
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

DOCS: EndpointDocs = {
    CommunityApi.list_popular: EndpointDoc(
        operation_id="listPopularMovies",
        summary="Get popular movies from TMDB",
        description="A copy at hand is served at once, however old, and brought up to date behind.",
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
        description="What TMDB tells of each film, and the user's own rating. Missing values come last in both orders.",
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

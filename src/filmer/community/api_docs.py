"""What the OpenAPI document says of the community's endpoints; the examples of answers are community-api.txt's.

Those of bodies and ids are of the demo's people and films (contract §8), so that they work from ``/docs``.
"""

from filmer import errors
from filmer.community import schemas
from filmer.errors import FieldError
from filmer.openapi.document import EndpointDoc, PathParameter, ResponseDoc
from filmer.openapi.examples import invalid, refusal
from filmer.openapi.reusable import DATABASE_AWAY
from filmer.tmdb.payloads import Popular

_FAVORITES, _RATINGS = "Favourites", "Ratings"
_CREATED = "2024-01-01T12:00:00Z"
_TOLD = {
    "title": "Movie Title",
    "release_date": "2024-01-01",
    "overview": "Movie description",
    "popularity": 123.45,
    "vote_average": 7.8,
}
_FAVORITE = {"id": 456, "movie_id": 123, "created_at": _CREATED}
_RATING = {"id": 789, "movie_id": 123, "rating": 4, "created_at": _CREATED}
_AGE = ("Age", "X-Cache")


def _id(name: str, description: str, **more: int) -> PathParameter:
    return PathParameter(name, {"type": "integer", "minimum": 1, **more}, description)


_USER_ID = _id("user_id", "Whose favourites: yours, or, for an admin, anybody's", example=2)
_FAVORITE_ID = _id("id", "Of the favourite, as the list has it; not of the film")
_RATING_ID = _id("id", "Of a rating of yours, as rating the film told it")

_CROSS_SITE = "the request carries the shop's session and comes from another site's page"
_NOT_YOURS = "Somebody else's favourites"
_NO_FILM = "TMDB knows no such film"
_NO_USER = "for an admin, no such user"
_NO_TMDB = refusal(
    "TMDB gives no answer and there is no copy of the film, or the database is away; try again",
    errors.ExternalApiError(),
    DATABASE_AWAY,
)
_BAD_RATING = refusal(
    "The rating is a number out of range (INVALID_RATING), or the request is wrong otherwise",
    errors.InvalidRating([FieldError("rating", f"must be at most {schemas.MAX_RATING}")]),
    errors.InvalidRequest([FieldError("rating", "must be in steps of 0.5")]),
)

OPERATIONS = [
    EndpointDoc(
        method="GET",
        path="/api/movies/popular",
        name="listPopularMovies",
        summary="Get popular movies from TMDB",
        description="A copy at hand is served at once, however old, and brought up to date behind.",
        tag="Popular films",
        query=schemas.PopularList,
        public=True,
        answers={
            200: ResponseDoc(
                description="A page of popular films",
                data=Popular,
                example={"page": 1, "total_pages": 500, "total_results": 10000, "results": [{"id": 123, **_TOLD}]},
                headers=_AGE,
            ),
            400: invalid("No such page", "page", "must be at most 500"),
            503: refusal("TMDB gives no answer, and there is no copy; try again", errors.ExternalApiError()),
        },
    ),
    EndpointDoc(
        method="POST",
        path="/api/users/{user_id}/favorites",
        name="addFavorite",
        summary="Add a movie to a user's favourites",
        tag=_FAVORITES,
        path_parameters=(_USER_ID,),
        body=schemas.NewFavorite,
        body_example={"movie_id": 278},
        protected=True,
        answers={
            200: ResponseDoc(description="It was a favourite already", data=schemas.Favorite, example=_FAVORITE),
            201: ResponseDoc(description="Favourite added", data=schemas.Favorite, example=_FAVORITE),
            403: refusal(f"{_NOT_YOURS}; or {_CROSS_SITE}", errors.InsufficientPermissions(), errors.Forbidden()),
            404: refusal(f"{_NO_FILM}; or, {_NO_USER}", errors.MovieNotFound(), errors.UserNotFound()),
            503: _NO_TMDB,
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/users/{user_id}/favorites",
        name="listFavorites",
        summary="Get a user's favourites with movie details",
        description="What TMDB tells of each film, and the user's own rating. Missing values come last in both orders.",
        tag=_FAVORITES,
        path_parameters=(_USER_ID,),
        query=schemas.FavoriteList,
        protected=True,
        answers={
            200: ResponseDoc(
                description="All favourites of the user",
                data=schemas.Favorites,
                example={
                    "favorites": [
                        {"id": 456, "movie_id": 123, **_TOLD, "user_rating": 4, "created_at": _CREATED},
                    ]
                },
                headers=_AGE,
            ),
            400: invalid("Invalid parameters", "sort", "must be one of: rating, release_date"),
            403: refusal(_NOT_YOURS, errors.InsufficientPermissions()),
            404: refusal("For an admin: no such user", errors.UserNotFound()),
        },
    ),
    EndpointDoc(
        method="DELETE",
        path="/api/users/{user_id}/favorites/{id}",
        name="removeFavorite",
        summary="Remove a movie from a user's favourites",
        tag=_FAVORITES,
        path_parameters=(_USER_ID, _FAVORITE_ID),
        protected=True,
        answers={
            204: ResponseDoc(description="Favourite removed"),
            400: invalid("No id of a favourite, or of a user", "id", "must be an integer"),
            403: refusal(f"{_NOT_YOURS}; or {_CROSS_SITE}", errors.InsufficientPermissions(), errors.Forbidden()),
            404: refusal(
                f"The user has no such favourite; or, {_NO_USER}", errors.FavoriteNotFound(), errors.UserNotFound()
            ),
        },
    ),
    EndpointDoc(
        method="POST",
        path="/api/movies/ratings",
        name="rateMovie",
        summary="Rate a movie",
        description="From 0 to 5 in steps of 0.5. Rating a film again changes the rating there is.",
        tag=_RATINGS,
        body=schemas.NewRating,
        body_example={"movie_id": 278, "rating": 4},
        protected=True,
        answers={
            200: ResponseDoc(description="The rating there was is changed", data=schemas.Rating, example=_RATING),
            201: ResponseDoc(description="Film rated", data=schemas.Rating, example=_RATING),
            400: _BAD_RATING,
            404: refusal(_NO_FILM, errors.MovieNotFound()),
            503: _NO_TMDB,
        },
    ),
    EndpointDoc(
        method="PUT",
        path="/api/movies/ratings/{id}",
        name="changeRating",
        summary="Update a rating",
        description="From 0 to 5 in steps of 0.5.",
        tag=_RATINGS,
        path_parameters=(_RATING_ID,),
        body=schemas.ChangedRating,
        body_example={"rating": 5},
        protected=True,
        answers={
            200: ResponseDoc(
                description="Rating changed",
                data=schemas.UpdatedRating,
                example={"id": 789, "movie_id": 123, "rating": 5, "updated_at": _CREATED},
            ),
            400: _BAD_RATING,
            404: refusal("You have no such rating", errors.RatingNotFound()),
        },
    ),
    EndpointDoc(
        method="DELETE",
        path="/api/movies/ratings/{id}",
        name="removeRating",
        summary="Take a rating back",
        tag=_RATINGS,
        path_parameters=(_RATING_ID,),
        protected=True,
        answers={
            204: ResponseDoc(description="Rating removed"),
            400: invalid("No id of a rating", "id", "must be an integer"),
            404: refusal("You have no such rating", errors.RatingNotFound()),
        },
    ),
    EndpointDoc(
        method="DELETE",
        path="/api/admin/users/{userId}/favorites",
        name="clearFavorites",
        summary="Remove all favourites of a user",
        description="With an admin's token only.",
        tag="Administration",
        path_parameters=(_id("userId", "Whose favourites", example=2),),
        protected=True,
        answers={
            204: ResponseDoc(description="The user has no favourites any more"),
            400: invalid("No id of a user", "userId", "must be an integer"),
            403: refusal(
                f"Not an admin's token; or {_CROSS_SITE}", errors.InsufficientPermissions(), errors.Forbidden()
            ),
            404: refusal("No such user", errors.UserNotFound()),
        },
    ),
]

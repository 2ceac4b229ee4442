"""API docs of the rentals' endpoints (client-api.md, contract §9), which are beyond shop-api.md."""

from filmer import errors
from filmer.openapi.endpoints import NOW, EndpointDoc, EndpointDocs, ResponseDoc, failure, imdb_id, invalid
from filmer.rentals import schemas
from filmer.rentals.api import RentalsApi

_TAG = "Library"
_FILM = {"movieId": "tt0111161", "title": "The Shawshank Redemption", "year": 1994, "titleType": "movie"}
_MOVIE_ID = imdb_id("movieId", "IMDb's id", example="tt0111161")
_TOO_LONG = failure("No id of a movie", errors.NotFound("Movie not found with id: tt000000000000"))
_NO_ACCESS = failure("Not rented, or over", errors.NoAccess())

DOCS: EndpointDocs = {
    RentalsApi.show_library: EndpointDoc(
        summary="Get the films that the authenticated customer has or had rented",
        description="One entry a film, the one bought last first. `state` is `running` (until `endsAt`), `waiting` "
        "(it must begin before `startBy`) or `over`.",
        tag=_TAG,
        responses=(
            ResponseDoc(
                "Library retrieved successfully",
                schemas.Library,
                {
                    "items": [
                        {
                            **_FILM,
                            "lastPurchasedAt": NOW,
                            "state": "waiting",
                            "startBy": "2026-03-10T12:00:00Z",
                            "endsAt": None,
                        },
                    ]
                },
            ),
        ),
    ),
    RentalsApi.list_progress: EndpointDoc(
        summary="Get how far films were watched",
        description="The one watched last first. `position` and `duration` are seconds.",
        tag=_TAG,
        responses=(
            ResponseDoc(
                "Progress retrieved successfully",
                list[schemas.Progress],
                [
                    {
                        "movieId": "tt0111161",
                        "isSeries": False,
                        "season": None,
                        "episode": None,
                        "position": 1234.5,
                        "duration": 8520.0,
                    }
                ],
            ),
        ),
    ),
    RentalsApi.save_progress: EndpointDoc(
        summary="Save how far a film was watched",
        description="Without `position` or `duration`, what was saved of the same episode stays.",
        tag=_TAG,
        body=schemas.NewProgress,
        body_example={
            "movieId": "tt0111161",
            "isSeries": False,
            "season": None,
            "episode": None,
            "position": 1234.5,
            "duration": 8520,
        },
        responses=(
            ResponseDoc("Progress saved", type(None), None),
            failure("The film never was this customer's", errors.NoAccess()),
        ),
    ),
    RentalsApi.show_access: EndpointDoc(
        summary="Ask whether a film can be watched or picked up now",
        description="An unknown movie is answered with `hasAccess` false.",
        tag=_TAG,
        path_parameters=(_MOVIE_ID,),
        responses=(
            ResponseDoc(
                "Access",
                schemas.FilmAccess,
                {"movieId": "tt0111161", "hasAccess": True, "titleType": "movie", "isSeries": False},
            ),
            _TOO_LONG,
        ),
    ),
    RentalsApi.show_stream: EndpointDoc(
        summary="Get a link that plays a film",
        description="The link is for this session and film alone, and ends with the rental or the session. Asking for "
        "it does not begin the rental; the first byte that is played does.",
        tag=_TAG,
        path_parameters=(_MOVIE_ID,),
        query=schemas.Episode,
        responses=(
            ResponseDoc(
                "Link to the film",
                schemas.Stream,
                {
                    "movieId": "tt0111161",
                    "titleType": "movie",
                    "season": None,
                    "episode": None,
                    "provider": "filmer",
                    "streamUrl": "https://films.example/stream/WzIsInR0MDExMTE2MSJd.c2lnbmF0dXJl/film.webm",
                    "contentType": "video/webm",
                    "embedUrl": "https://films.example/watch/tt0111161",
                    "fallbackUrl": None,
                    "expiresAt": NOW,
                },
            ),
            invalid("Invalid query parameters", "season", "must be at least 0"),
            _NO_ACCESS,
            failure("The film has no video", errors.NotFound("There is no video of the movie with id: tt0111161")),
        ),
    ),
}

"""community-api.txt to the letter: the answers it prints, and how to get each status and code from a live server."""

from typing import Any, NamedTuple

import httpx
from tests.conftest import MakeDatabase, ServeHere
from tests.sandbox import Sandbox
from tests.users import open_account, token_of

from filmer.accounts.schemas import Role
from filmer.http.body import MAX_BODY

CREATED = "2024-01-01T12:00:00Z"
FILM_DETAILS = {
    "title": "Movie Title",
    "release_date": "2024-01-01",
    "overview": "Movie description",
    "popularity": 123.45,
    "vote_average": 7.8,
}
ADD, LIST = "POST /api/users/{user_id}/favorites", "GET /api/users/{user_id}/favorites"
REMOVE, CLEAR = "DELETE /api/users/{user_id}/favorites/{id}", "DELETE /api/admin/users/{userId}/favorites"
POPULAR, RATE, CHANGE = "GET /api/movies/popular", "POST /api/movies/ratings", "PUT /api/movies/ratings/{id}"
TAKE_BACK = "DELETE /api/movies/ratings/{id}"  # contract §7.11
RATINGS_OF = "GET /api/movies/{movie_id}/ratings"
# Of the two lists that are as favourites are (contract §14), by the operation on favourites.
ON_LISTS = {
    name: {one: one.replace("favorites", name) for one in (ADD, LIST, REMOVE)} for name in ("watchlist", "seen")
}

# Every answer that community-api.txt prints, its keys in the order it prints them in.
PRINTED: dict[tuple[str, int], dict[str, Any]] = {
    (POPULAR, 200): {"page": 1, "total_pages": 500, "total_results": 10000, "results": [{"id": 123, **FILM_DETAILS}]},
    (ADD, 201): {"id": 456, "movie_id": 123, "created_at": CREATED},
    (LIST, 200): {"favorites": [{"id": 456, "movie_id": 123, **FILM_DETAILS, "user_rating": 4, "created_at": CREATED}]},
    (RATE, 201): {"id": 789, "movie_id": 123, "rating": 4, "created_at": CREATED},
    (CHANGE, 200): {"id": 789, "movie_id": 123, "rating": 5, "updated_at": CREATED},
}


class Request(NamedTuple):
    """A request, the status it gets, and the error's code. ``address``: where it is not the operation's path."""

    operation: str
    status: int
    code: str = ""
    address: str = ""
    who: str = "user"
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""

    def __str__(self) -> str:
        return f"{self.operation} {self.status} {self.code or self.address}"


FAVOURITE, NEW, UNTOLD, UNKNOWN = 278, 238, 680, 2**31 - 1  # films: kept by every user, not yet, by nobody, not there
NOBODY = 2**31 - 1
CROSS_SITE = (("cookie", "JSESSIONID=x"), ("sec-fetch-site", "cross-site"))
BODIES: dict[str, Any] = {
    ADD: {"movie_id": FAVOURITE},
    RATE: {"movie_id": FAVOURITE, "rating": 4},
    CHANGE: {"rating": 5},
}
BODIES |= {on[ADD]: {"movie_id": FAVOURITE} for on in ON_LISTS.values()}
PROTECTED = [
    ADD,
    LIST,
    REMOVE,
    RATE,
    CHANGE,
    TAKE_BACK,
    CLEAR,
    *(one for on in ON_LISTS.values() for one in on.values()),
]
LISTS = {LIST, *(on[LIST] for on in ON_LISTS.values())}

ON_FAVORITES = [
    Request(ADD, 200, body={"movie_id": FAVOURITE}),
    Request(ADD, 201, body={"movie_id": NEW}),
    Request(ADD, 201, body={"movie_id": NEW}, who="admin"),
    Request(ADD, 400, "VALIDATION_ERROR", body={"movie_id": "278"}),
    Request(ADD, 400, "VALIDATION_ERROR", "/api/users/x/favorites", who="admin", body={"movie_id": FAVOURITE}),
    Request(ADD, 403, "INSUFFICIENT_PERMISSIONS", f"/api/users/{NOBODY}/favorites", body={"movie_id": FAVOURITE}),
    Request(ADD, 404, "MOVIE_NOT_FOUND", body={"movie_id": UNKNOWN}),
    Request(ADD, 404, "USER_NOT_FOUND", f"/api/users/{NOBODY}/favorites", "admin", {"movie_id": FAVOURITE}),
    Request(ADD, 503, "EXTERNAL_API_ERROR", body={"movie_id": UNTOLD}),
    Request(LIST, 200),
    Request(LIST, 200, address="/api/users/{user_id}/favorites?sort=rating&order=asc", who="admin"),
    Request(LIST, 400, "VALIDATION_ERROR", "/api/users/{user_id}/favorites?sort=title"),
    Request(LIST, 403, "INSUFFICIENT_PERMISSIONS", f"/api/users/{NOBODY}/favorites"),
    Request(LIST, 404, "USER_NOT_FOUND", f"/api/users/{NOBODY}/favorites", "admin"),
    Request(REMOVE, 204),
    Request(REMOVE, 400, "VALIDATION_ERROR", "/api/users/{user_id}/favorites/x"),
    Request(REMOVE, 403, "INSUFFICIENT_PERMISSIONS", f"/api/users/{NOBODY}/favorites/{{id}}"),
    Request(REMOVE, 404, "FAVORITE_NOT_FOUND", f"/api/users/{{user_id}}/favorites/{NOBODY}"),
    Request(REMOVE, 404, "USER_NOT_FOUND", f"/api/users/{NOBODY}/favorites/1", "admin"),
]
REQUESTS = [
    Request(POPULAR, 200),
    Request(POPULAR, 200, address="/api/movies/popular?page=500"),
    Request(POPULAR, 304, headers=(("if-none-match", "*"),)),
    Request(POPULAR, 400, "VALIDATION_ERROR", "/api/movies/popular?page=501"),
    Request(POPULAR, 503, "EXTERNAL_API_ERROR", "/api/movies/popular?page=99"),
    *ON_FAVORITES,
    Request(RATE, 200, body={"movie_id": FAVOURITE, "rating": 0.5}),
    Request(RATE, 201, body={"movie_id": NEW, "rating": 4}),
    Request(RATE, 400, "INVALID_RATING", body={"movie_id": FAVOURITE, "rating": 5.5}),
    Request(RATE, 400, "VALIDATION_ERROR", body={"movie_id": FAVOURITE, "rating": 4.2}),
    Request(RATE, 404, "MOVIE_NOT_FOUND", body={"movie_id": UNKNOWN, "rating": 4}),
    Request(RATE, 503, "EXTERNAL_API_ERROR", body={"movie_id": UNTOLD, "rating": 4}),
    Request(CHANGE, 200, body={"rating": 5}),
    Request(CHANGE, 400, "INVALID_RATING", body={"rating": -1}),
    Request(CHANGE, 400, "VALIDATION_ERROR", "/api/movies/ratings/0", body={"rating": 5}),
    Request(CHANGE, 404, "RATING_NOT_FOUND", f"/api/movies/ratings/{NOBODY}", body={"rating": 5}),
    Request(TAKE_BACK, 204),
    Request(TAKE_BACK, 400, "VALIDATION_ERROR", "/api/movies/ratings/x"),
    Request(TAKE_BACK, 404, "RATING_NOT_FOUND", f"/api/movies/ratings/{NOBODY}"),
    Request(CLEAR, 204, who="admin"),
    Request(CLEAR, 400, "VALIDATION_ERROR", "/api/admin/users/x/favorites", "admin"),
    Request(CLEAR, 403, "INSUFFICIENT_PERMISSIONS"),
    Request(CLEAR, 404, "USER_NOT_FOUND", f"/api/admin/users/{NOBODY}/favorites", "admin"),
    *(
        request._replace(
            operation=ON_LISTS[name][request.operation],
            address=request.address.replace("favorites", name).replace("sort=rating", "sort=release_date"),
            code=request.code.replace("FAVORITE_", ""),
        )
        for name in ON_LISTS
        for request in ON_FAVORITES
    ),
    Request(RATINGS_OF, 200),
    Request(RATINGS_OF, 304, headers=(("if-none-match", "*"),)),
    Request(RATINGS_OF, 400, "VALIDATION_ERROR", "/api/movies/x/ratings"),
    Request(RATINGS_OF, 404, "MOVIE_NOT_FOUND", f"/api/movies/{NOBODY}/ratings"),
    *(Request(operation, 401, "INVALID_TOKEN", who="nobody") for operation in PROTECTED),
    *(
        Request(one, 403, "FORBIDDEN", body=BODIES.get(one), headers=CROSS_SITE)
        for one in PROTECTED
        if one not in LISTS
    ),
    *(Request(operation, 413, "PAYLOAD_TOO_LARGE", content=b" " * (MAX_BODY + 1)) for operation in BODIES),
    *(
        Request(one, 415, "UNSUPPORTED_MEDIA_TYPE", content=b"{}", headers=(("content-type", "text/plain"),))
        for one in BODIES
    ),
]


class Circle:
    """A server of its own with an admin; each request's user is a new one, who keeps and rated one film."""

    def __init__(self, make_database: MakeDatabase, serve_here: ServeHere, sandbox: Sandbox) -> None:
        """``sandbox``: its TMDB, nobody else's."""
        self._sandbox = sandbox
        sandbox.fail("401", path=f"/3/movie/{UNTOLD}")
        self._url = make_database()
        settings = {"TMDB_BASE_URL": sandbox.url, "TMDB_API_KEY": "anything", "CACHE_DURATION_SECONDS": "3600"}
        self.client: httpx.Client = serve_here(self._url, **settings).client
        _, self._admin = self.newcomer("admin")

    def ask(self, request: Request) -> httpx.Response:
        """The answer, whatever was asked before."""
        if request.operation == POPULAR and request.status == 503:
            self._sandbox.fail("401", path="/3/movie/popular", times=1)
        user_id, user = self.newcomer()
        kept = {name: self.keep(user_id, user, FAVOURITE, name) for name in ("favorites", *ON_LISTS)}
        rated = self.client.post("/api/movies/ratings", json={"movie_id": FAVOURITE, "rating": 4}, headers=user)
        assert rated.status_code == 201, rated.text
        method, _, path = request.operation.partition(" ")
        number = next((number for name, number in kept.items() if f"/{name}" in path), rated.json()["id"])
        address = (request.address or path).format(user_id=user_id, userId=user_id, id=number, movie_id=FAVOURITE)
        credential = {"user": user, "admin": self._admin, "nobody": {}}[request.who]
        content: dict[str, Any] = {"content": request.content} if request.content else {"json": request.body}
        return self.client.request(method, address, headers=credential | dict(request.headers), **content)

    def newcomer(self, role: Role = "customer") -> tuple[int, dict[str, str]]:
        """Their id, and the header by which they are known."""
        person = open_account(self._url, role=role)
        return person.id, {"authorization": f"Bearer {token_of(self._url, person)}"}

    def keep(self, user_id: int, user: dict[str, str], movie_id: int, shelf: str = "favorites") -> int:
        """The id of a new favourite, or of a film on another list."""
        response = self.client.post(f"/api/users/{user_id}/{shelf}", json={"movie_id": movie_id}, headers=user)
        assert response.status_code == 201, response.text
        number: int = response.json()["id"]
        return number

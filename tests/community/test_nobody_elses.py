"""Promise 7: nobody sees, or changes, another's things. Every actor, every object, every endpoint of this API.

The shop's are in tests/shop/test_nobody_elses.py: every path under /api/v1. The pages' are in
tests/storefront/test_nobody_elses.py. Here is every other path there is.
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, POPULAR, RATINGS, SHAWSHANK, ApiUser, tmdb_settings
from tests.community.responses import FAVORITE, community_error_of, gone, record_of
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.sandbox import Sandbox
from tests.shop.conftest import LocalShop
from tests.users import open_account, signed_in, token_of, visitor

from filmer.http.envelopes import is_page

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

FAVORITES, WATCHLIST, SEEN = (f"/api/users/{{user_id}}/{name}" for name in ("favorites", "watchlist", "seen"))
SHELVES = ("favorite", "watchlist_film", "seen_film")
# Every endpoint must be in one of these; a new one fails the first test until it is put into one.
PUBLIC = {
    ("GET", POPULAR),
    ("GET", "/api/movies/{movie_id}/ratings"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{name}"),
    # For whoever has a link, and for everybody: tests/rentals/test_nobody_else_watches.py has all of their cells.
    ("GET", "/stream/{token}/{name}"),
    ("GET", "/trailers/{video_id}/{name}"),
}
PERSONAL = {
    ("POST", FAVORITES),
    ("GET", FAVORITES),
    ("DELETE", f"{FAVORITES}/{{favorite_id}}"),
    *(("POST", shelf) for shelf in (WATCHLIST, SEEN)),
    *(("GET", shelf) for shelf in (WATCHLIST, SEEN)),
    *(("DELETE", f"{shelf}/{{entry_id}}") for shelf in (WATCHLIST, SEEN)),
    ("POST", RATINGS),
    ("PUT", f"{RATINGS}/{{rating_id}}"),
    ("DELETE", f"{RATINGS}/{{rating_id}}"),
}
ADMINS = {("DELETE", "/api/admin/users/{user_id}/favorites")}
WITHOUT_TOKEN = {"nobody", "bad token", "expired token", "disabled", "a shop's session"}
ACTORS = [*sorted(WITHOUT_TOKEN), "another", "another with the same films"]
# When the owner added favourites and ratings, which is a unique time.
FAVOURED, RATED = "2001-02-03T04:05:06Z", "2002-03-04T05:06:07Z"


class Place:
    """A server, and the numbers of its things: all kinds begin so far apart that none is taken for another."""

    def __init__(self, url: str, server: httpx.Client) -> None:
        self.url = url
        self.server = server
        for number, table in enumerate(("account", *SHELVES, "rating"), start=71):
            fetch(url, f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH {number}0000001")


class Owner:
    """A user with favourites, ratings and a token; and the texts that would reveal them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.user = ApiUser(place.url, place.server)
        self.id = self.user.person.id
        self.favorites = [self.user.favorite(movie_id)["id"] for movie_id in (SHAWSHANK, GODFATHER)]
        self.ratings = [self.user.rate(movie_id, 4.5)["id"] for movie_id in (SHAWSHANK, FIGHT_CLUB)]
        self.entries = [
            self.user.client.post(shelf.format(user_id=self.id), json={"movie_id": GODFATHER}).json()["id"]
            for shelf in (WATCHLIST, SEEN)
        ]
        for table in SHELVES:
            fetch(place.url, f"UPDATE {table} SET created = %s WHERE account_id = %s", FAVOURED, self.id)
        fetch(place.url, "UPDATE rating SET created = %s, updated = %s WHERE account_id = %s", RATED, RATED, self.id)
        fetch(place.url, "UPDATE shelf SET version = gen_random_uuid() WHERE account_id = %s", self.id)
        self.state = self.look()

    def look(self) -> list[Any]:
        """Everything that is theirs, as they see it and as it is kept; not when their token was used last."""
        bodies = [
            self.user.client.get(f"{self.user.favorites}?sort={sort}").content for sort in ("rating", "release_date")
        ]
        bodies += [self.user.client.get(shelf.format(user_id=self.id)).content for shelf in (WATCHLIST, SEEN)]
        assert all(FAVOURED.encode() in body for body in bodies)
        return [
            *bodies,
            fetch(self.place.url, "SELECT a::text FROM account a WHERE id = %s", self.id),
            fetch(self.place.url, "SELECT digest, name, expires FROM token WHERE account_id = %s ORDER BY 1", self.id),
            fetch(self.place.url, "SELECT s::text FROM shelf s WHERE account_id = %s", self.id),
            *(
                fetch(self.place.url, f"SELECT f::text FROM {table} f WHERE account_id = %s ORDER BY 1", self.id)
                for table in SHELVES
            ),
            fetch(self.place.url, "SELECT r::text FROM rating r WHERE account_id = %s ORDER BY 1", self.id),
        ]

    def leaks_in(self, response: httpx.Response) -> list[str]:
        """What a response reveals of the owner."""
        headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}  # which is drawn
        text = f"{headers} {response.text}"
        secrets = [FAVOURED, RATED, self.user.person.email, self.user.token, str(self.id)]
        secrets += map(str, self.favorites + self.ratings + self.entries)
        return [secret for secret in secrets if re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text)]


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> Place:
    url = make_database()
    return Place(url, serve_here(url, **tmdb_settings(shared_sandbox)).client)


@pytest.fixture(scope="module")
def owner(place: Place) -> Iterator[Owner]:
    its = Owner(place)
    yield its
    its.user.client.close()


@pytest.fixture(scope="module")
def routes(place: Place) -> set[tuple[str, str]]:
    """Every method and path that the application answers, but for the shop's and the pages."""
    with LocalShop(place.url) as running:
        return {
            (method, re.sub(r":\w+}", "}", route.path))
            for route in running.litestar.routes
            for method in getattr(route, "methods", None) or ()
            if method not in {"OPTIONS", "HEAD"} and not route.path.startswith("/api/v1") and not is_page(route.path)
        }


@pytest.fixture(params=ACTORS)
def actor(request: pytest.FixtureRequest, place: Place, owner: Owner) -> Iterator[tuple[str, int, httpx.Client]]:
    """Who it is, their account's id (0: nobody's) and a client of theirs."""
    kind, url = request.param, place.url
    person = open_account(url)
    if kind == "a shop's session":
        client = signed_in(place.server, person)
    else:
        client = visitor(place.server)
        expires = datetime.now(UTC) - timedelta(seconds=1) if kind == "expired token" else None
        token = token_of(url, person, expires=expires)
        if kind == "bad token":
            token = owner.user.token[:-1] + ("A" if owner.user.token[-1] != "A" else "B")
        if kind != "nobody":
            client.headers["Authorization"] = f"Bearer {token}"
    if kind == "disabled":
        fetch(url, "UPDATE account SET disabled = true WHERE id = %s", person.id)
    if kind == "another with the same films":
        for movie_id in (SHAWSHANK, GODFATHER):
            assert client.post(f"/api/users/{person.id}/favorites", json={"movie_id": movie_id}).status_code == 201
        assert client.post(RATINGS, json={"movie_id": SHAWSHANK, "rating": 1}).status_code == 201
    yield kind, person.id, client
    client.close()


def addresses(path: str, owner: Owner, mine: int) -> list[str]:
    """The owner's things, by name and by guess, under their address and under one's own."""
    things = [*owner.favorites, *owner.ratings, *owner.entries, owner.id, SHAWSHANK]
    choices = {
        "user_id": [str(owner.id), f"0{owner.id}", str(mine)],
        "favorite_id": [str(one) for one in things],
        "rating_id": [str(one) for one in things],
        "entry_id": [str(one) for one in things],
        "movie_id": [str(SHAWSHANK), str(GODFATHER)],
        "name": ["openapi.js"],
        "token": ["A" * 43],
        "video_id": [str(one) for one in things],
    }
    names = re.findall(r"{(\w+)}", path)
    chosen = itertools.product(*(choices[name] for name in names))  # a new kind of parameter must be thought about
    filled = [path.format(**dict(zip(names, one, strict=True))) for one in chosen]
    return filled + [f"{one}?user_id={owner.id}&userId={owner.id}&account_id={owner.id}&sort=rating" for one in filled]


def test_every_endpoint_is_public_personal_or_for_admins(routes: set[tuple[str, str]]) -> None:
    assert not PUBLIC & PERSONAL
    assert not (PUBLIC | PERSONAL) & ADMINS
    assert routes == PUBLIC | PERSONAL | ADMINS


def expected(kind: str, method: str, path: str, address: str, owner: Owner) -> tuple[set[int], str]:
    """The statuses that a cell may have, and the code of its error."""
    if (method, path) in PUBLIC:
        return {403} if path.startswith("/stream/") else {200, 302, 404}, ""
    if kind in WITHOUT_TOKEN:
        return {401}, "INVALID_TOKEN"
    if (method, path) in ADMINS or re.search(rf"/users/0?{owner.id}/", address):
        return {403}, "INSUFFICIENT_PERMISSIONS"
    missing = {"{favorite_id}": "FAVORITE_NOT_FOUND", "{entry_id}": "NOT_FOUND", "{rating_id}": "RATING_NOT_FOUND"}
    code = missing.get(path.rpartition("/")[2], "")
    return ({404}, code) if code else ({200, 201}, "")


def test_nobody_sees_or_changes_another_s_things(
    owner: Owner, actor: tuple[str, int, httpx.Client], routes: set[tuple[str, str]]
) -> None:
    """All cells of one actor."""
    kind, mine, client = actor
    body = {"movie_id": SHAWSHANK, "rating": 0.5, "user_id": owner.id, "account_id": owner.id, "id": owner.ratings[0]}
    leaks = []
    for method, path in sorted(routes):
        for address in addresses(path, owner, mine):
            response = client.request(method, address, json=None if method == "GET" else body)
            cell = f"{kind}: {method} {address} {response.status_code}"
            statuses, code = expected(kind, method, path, address, owner)
            assert response.status_code in statuses, cell
            if code:
                community_error_of(response, response.status_code, code)
            if (method, path) not in PUBLIC:
                assert response.headers["cache-control"] == "no-store", cell
            leaks += [f"{cell}: {secret}" for secret in owner.leaks_in(response)]
        assert owner.look() == owner.state, f"{kind}: {method} {path} changed something"
    assert leaks == []


def test_the_owner_sees_it_all(owner: Owner) -> None:
    """The owner's own responses do contain what the others must not see."""
    its = Owner(owner.place)
    responses = [
        *(its.user.client.get(shelf.format(user_id=its.id)) for shelf in (FAVORITES, WATCHLIST, SEEN)),
        its.user.client.post(RATINGS, json={"movie_id": SHAWSHANK, "rating": 4.5}),
        its.user.client.post(RATINGS, json={"movie_id": FIGHT_CLUB, "rating": 4.5}),
    ]
    leaked = {secret for response in responses for secret in its.leaks_in(response)}
    assert leaked == {FAVOURED, RATED, *map(str, its.favorites + its.ratings + its.entries)}
    assert its.look() != its.state  # a rating that is written anew is seen as a change, too
    its.user.client.close()


def test_an_admin_may_what_the_specification_lets_them_and_no_more(owner: Owner) -> None:
    """A user's path is an admin's, too (contract §7.1); ratings are their owner's alone (contract §7.4)."""
    its = Owner(owner.place)
    admin = ApiUser(owner.place.url, owner.place.server, "admin")
    favorites = its.user.favorites
    assert admin.client.get(favorites, params={"sort": "rating"}).content == its.state[0]
    for rating in its.ratings:
        response = admin.client.put(f"{RATINGS}/{rating}", json={"rating": 0})
        community_error_of(response, 404, "RATING_NOT_FOUND")
        community_error_of(admin.client.delete(f"{RATINGS}/{rating}"), 404, "RATING_NOT_FOUND")
    admin.rate(SHAWSHANK, 1)
    community_error_of(admin.client.delete(f"{admin.favorites}/{its.favorites[0]}"), 404, "FAVORITE_NOT_FOUND")
    there = admin.client.post(favorites, json={"movie_id": SHAWSHANK})
    assert record_of(there, 200, FAVORITE)["id"] == its.favorites[0]
    assert its.look() == its.state
    gone(admin.client.delete(f"{favorites}/{its.favorites[0]}"))
    gone(admin.client.delete(f"/api/admin{favorites.removeprefix('/api')}"))
    assert its.user.listed() == []
    assert owner.look() == owner.state
    for one in (its.user, admin):
        one.client.close()


def test_a_disabled_account_is_out_at_once_and_its_things_stay(owner: Owner) -> None:
    its = Owner(owner.place)
    fetch(owner.place.url, "UPDATE account SET disabled = true WHERE id = %s", its.id)
    for method, address in (("GET", its.user.favorites), ("DELETE", f"{its.user.favorites}/{its.favorites[0]}")):
        response = its.user.client.request(method, address)
        community_error_of(response, 401, "INVALID_TOKEN")
        assert its.leaks_in(response) == []
    fetch(owner.place.url, "UPDATE account SET disabled = false WHERE id = %s", its.id)
    assert its.look() == its.state
    its.user.client.close()

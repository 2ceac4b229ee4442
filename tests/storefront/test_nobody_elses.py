"""Promise 7, of the pages: nobody sees, or changes, another's things. Every actor, object, page and form."""

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from tests.community.conftest import GODFATHER, SHAWSHANK, tmdb_settings
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.office.addresses import OFFICE
from tests.rentals.conftest import add_feature
from tests.sandbox import Sandbox, shared_sandbox
from tests.shop.conftest import LocalShop
from tests.users import CARD, PASSWORD, open_account, put_card, signed_in, token_of, visitor

from filmer.http.envelopes import is_page

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["shared_sandbox"]

FILM, OTHER, STAR = "tt0111161", "tt0372784", "nm0000209"
# Every page and form must be in one of these; a new one fails the first test until it is put into one.
PUBLIC = {
    ("GET", path)
    for path in (
        "/", "/films", "/films/{film_id}", "/stars", "/stars/{star_id}", "/genres", "/genres/{genre_id}", "/search",
        "/new-films.atom", "/popular", "/posters/{film_id}", "/robots.txt", "/sitemap.xml", "/sitemaps/{number}",
        "/static/{name}", "/favicon.ico", "/manifest.webmanifest", "/posters/{film_id}/preview", "/about",
        "/pages/{slug}",
    )
}  # fmt: skip
ENTRANCE = {
    ("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/register"), ("POST", "/register"), ("POST", "/sign-out"),
    ("GET", "/account/undo-deletion/{token}"), ("POST", "/account/undo-deletion/{token}"),
    ("GET", "/forgotten"), ("POST", "/forgotten"),
    ("GET", "/new-password/{token}"), ("POST", "/new-password/{token}"),
    ("GET", "/confirm-address/{token}"), ("POST", "/confirm-address/{token}"),
}  # fmt: skip
PERSONAL = {
    ("GET", "/account"),
    ("GET", "/account/name"),
    ("POST", "/account/name"),
    ("GET", "/account/address"),
    ("POST", "/account/address"),
    ("GET", "/account/password"),
    ("POST", "/account/password"),
    ("POST", "/account/sessions/{sign_in_id}/end"),
    ("GET", "/account/data"),
    ("GET", "/account/delete"),
    ("POST", "/account/delete"),
    ("POST", "/account/tokens"),
    ("POST", "/account/tokens/{token_id}/revoke"),
    ("POST", "/account/sessions/end"),
    ("GET", "/account/data"),
    ("GET", "/account/delete"),
    ("POST", "/account/delete"),
    ("GET", "/account/cards"),
    ("POST", "/account/cards"),
    ("POST", "/account/cards/{card_id}/remove"),
    ("GET", "/checkout"),
    ("POST", "/checkout"),
    ("GET", "/orders"),
    ("GET", "/orders/{order_id}"),
    ("GET", "/library"),
    ("GET", "/watch/{film_id}"),
    ("POST", "/watch/{film_id}"),
    ("POST", "/orders/{order_id}/cancel"),
    ("GET", "/favorites"),
    ("POST", "/favorites"),
    ("POST", "/favorites/{entry_id}/remove"),
    ("GET", "/watchlist"),
    ("POST", "/watchlist"),
    ("POST", "/watchlist/{entry_id}/remove"),
    ("GET", "/seen"),
    ("POST", "/seen"),
    ("POST", "/seen/{entry_id}/remove"),
    ("GET", "/ratings"),
    ("POST", "/ratings"),
    ("POST", "/ratings/{rating_id}/remove"),
    ("GET", "/shelves/import"),
    ("POST", "/shelves/import"),
    ("GET", "/shelves/import/{import_id}"),
    ("GET", "/shelves/import/{import_id}/report"),
    ("POST", "/shelves/import/{import_id}/choose"),
    ("POST", "/shelves/import/{import_id}/remove"),
    ("GET", "/shelves/export/{kind}"),
}
# Whoever never had a session has a cart of their own; one whose session ran out signs in first.
CARTS = {
    ("GET", "/cart"),
    ("POST", "/cart/items"),
    ("POST", "/cart/items/{film_id}"),
    ("POST", "/cart/items/{film_id}/remove"),
    ("POST", "/cart/clear"),
}
ENDING = {("POST", "/sign-out"), ("POST", "/account/sessions/end")}  # the actor's own session
SHELVES = ("favorite", "watchlist_film", "seen_film")
ACTORS = ["nobody", "a made-up session", "a bearer token", "another", "another with the same things"]


class Owner:
    """A user with everything a user can have, and the texts that would reveal them."""

    def __init__(self, url: str, server: httpx.Client) -> None:
        self.url = url
        self.person = open_account(url, email="the-owner@example.com")
        self.token = token_of(url, self.person, name="the owner's token")
        with closing(signed_in(server, self.person)) as client:
            keep_things(client)
            kept = {"email": self.person.email, "password": PASSWORD, "keep": "yes"}
            assert client.post("/sign-in", data=kept).status_code == 303
        [[self.order]] = fetch(url, "SELECT id FROM shop_order WHERE account_id = %s", self.person.id)
        [[self.token_id]] = fetch(url, "SELECT id FROM token WHERE account_id = %s", self.person.id)
        self.rentals = [row[0] for row in fetch(url, "SELECT id FROM rental WHERE account_id = %s", self.person.id)]
        self.ratings = [row[0] for row in fetch(url, "SELECT id FROM rating WHERE account_id = %s", self.person.id)]
        put_card(url, {**CARD, "creditCardId": "4000000000007532"}, account_id=self.person.id)
        [[self.card_id]] = fetch(url, "SELECT id FROM card WHERE account_id = %s", self.person.id)
        self.entries = [
            row[0]
            for table in SHELVES
            for row in fetch(url, f"SELECT id FROM {table} WHERE account_id = %s", self.person.id)
        ]
        self.sign_ins = [
            row[0]
            for table in ("session", "kept_sign_in")
            for row in fetch(url, f"SELECT id FROM {table} WHERE account_id = %s", self.person.id)
        ]
        [[self.import_id]] = fetch(url, "SELECT id FROM shelf_import WHERE account_id = %s", self.person.id)
        self.state = self.look()

    def look(self) -> list[Any]:
        """Everything that is theirs, as it is kept."""
        tables = ("card", "cart_line", "shop_order", "rental", *SHELVES, "rating", "shelf", "shelf_import_row",
                  "kept_sign_in", "new_password_link", "unconfirmed_address", "mail")  # fmt: skip
        mine = [fetch(self.url, f"SELECT t::text FROM {table} t WHERE account_id = %s ORDER BY 1", self.person.id)
                for table in tables]  # fmt: skip
        return [
            *mine,
            fetch(self.url, "SELECT a::text FROM account a WHERE id = %s", self.person.id),
            # Not when they were used last, which is written when the process has time.
            fetch(self.url, "SELECT digest, created FROM session WHERE account_id = %s ORDER BY 1", self.person.id),
            fetch(self.url, "SELECT digest, name, expires FROM token WHERE account_id = %s", self.person.id),
        ]

    def leaks_in(self, response: httpx.Response) -> list[str]:
        secrets = [
            self.person.email,
            self.token,
            "the owner's token",
            "the owner&#39;s token",
            "the-owners-ratings",
            str(self.order),
            "7532",
        ]
        headers = [header for header in response.headers.items() if header[0] != "x-request-id"]  # which is drawn
        return [secret for secret in secrets if secret in f"{headers} {response.text}"]


def keep_things(client: httpx.Client) -> None:
    for film in (FILM, OTHER):
        assert client.post("/cart/items", data={"movieId": film}).status_code == 303
    assert client.post("/api/v1/checkout", json=CARD).status_code == 200
    client.post("/cart/items", data={"movieId": FILM, "quantity": "2"})
    for movie in (SHAWSHANK, GODFATHER):
        assert client.post("/favorites", data={"movie_id": movie}).status_code == 303
        assert client.post("/watchlist", data={"movie_id": movie}).status_code == 303
        assert client.post("/seen", data={"movie_id": movie, "seen_on": "2024-01-31"}).status_code == 303
        assert client.post("/ratings", data={"movie_id": movie, "rating": "4.5"}).status_code == 303
    rated = ("ratings.csv", b"Date,Name,Year,Letterboxd URI,Rating\n2020-01-01,Home,1990,https://x,4\n")
    sent = client.post("/shelves/import", files={"file": rated})
    assert sent.status_code == 303
    while "data-progress" in client.get(sent.headers["location"]).text:  # until its film is looked for
        time.sleep(0.05)


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> tuple[str, httpx.Client]:
    url = make_database(films=True)
    put_card(url)
    add_feature(url, FILM)
    # The numbers of one's things begin so far apart that none is taken for another.
    for number, table in enumerate(("account", *SHELVES, "rating", "token"), start=71):
        fetch(url, f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH {number}0000001")
    return url, serve_here(url, **tmdb_settings(shared_sandbox)).client


@pytest.fixture(scope="module")
def owner(place: tuple[str, httpx.Client]) -> Owner:
    return Owner(*place)


@pytest.fixture(scope="module")
def routes(place: tuple[str, httpx.Client]) -> set[tuple[str, str]]:
    """Every page and form there is."""
    with LocalShop(place[0]) as running:
        return {
            (method, re.sub(r":\w+}", "}", route.path))
            for route in running.litestar.routes
            for method in getattr(route, "methods", None) or ()
            if method not in {"OPTIONS", "HEAD"} and is_page(route.path)
        }


@pytest.fixture(params=ACTORS)
def actor(request: pytest.FixtureRequest, place: tuple[str, httpx.Client]) -> Iterator[tuple[str, httpx.Client]]:
    url, server = place
    kind = request.param
    with closing(signed_in(server, open_account(url)) if kind.startswith("another") else visitor(server)) as client:
        if kind == "a made-up session":
            client.cookies.set("JSESSIONID", "A" * 43)
        if kind == "a bearer token":
            client.headers["authorization"] = f"Bearer {token_of(url, open_account(url))}"
        if kind == "another with the same things":
            keep_things(client)
        yield kind, client


def addresses(path: str, owner: Owner) -> list[str]:
    """The owner's things, by name and by guess."""
    choices = {
        "film_id": [FILM, OTHER],
        "star_id": [STAR],
        "slug": ["imprint"],
        "job_id": ["1"],
        "change_id": ["1"],
        "kind": ["films", "orders", "members", "shelves.json"],
        "video_id": ["1"],
        "genre_id": ["1", str(owner.person.id)],
        "name": ["site.css"],
        "number": ["1.xml"],
        "token_id": [str(owner.token_id)],
        "token": [f"{owner.person.id}.{'A' * 43}"],
        "sign_in_id": [*map(str, owner.sign_ins)],
        "card_id": [owner.card_id],
        "mail_id": [
            str(row[0]) for row in fetch(owner.url, "SELECT id FROM mail WHERE account_id = %s", owner.person.id)
        ],
        "order_id": [str(owner.order)],
        "rental_id": [*map(str, owner.rentals)],
        "import_id": [str(owner.import_id)],
        "entry_id": [*map(str, owner.entries), str(owner.person.id)],
        "rating_id": [*map(str, owner.ratings), str(owner.person.id)],
        "account_id": [str(owner.person.id)],
    }
    names = re.findall(r"{(\w+)}", path)
    chosen = itertools.product(*(choices[name] for name in names))  # a new kind of parameter must be thought about
    filled = [path.format(**dict(zip(names, values, strict=True))) for values in chosen]
    guess = f"account_id={owner.person.id}&user_id={owner.person.id}&customerId={owner.person.id}"
    return filled + [f"{values}?{guess}" for values in filled]


def test_every_page_is_public_the_entrance_personal_or_of_the_office(routes: set[tuple[str, str]]) -> None:
    kinds = [PUBLIC, ENTRANCE, PERSONAL, CARTS, OFFICE]
    assert sum(map(len, kinds)) == len(set().union(*kinds))
    assert routes == set().union(*kinds)


def test_nobody_sees_or_changes_another_s_things(
    owner: Owner, actor: tuple[str, httpx.Client], routes: set[tuple[str, str]]
) -> None:
    """All cells of one actor. What ends the actor's own session comes last."""
    kind, client = actor
    form = {
        **CARD, "movieId": FILM, "quantity": "1", "movie_id": str(SHAWSHANK), "rating": "0.5", "price": "0.01",
        "reason": "theirs", "name": "theirs", "expires": "never", "account_id": str(owner.person.id),
        "user_id": str(owner.person.id),
    }  # fmt: skip
    leaks = []
    for method, path in sorted(routes, key=lambda one: (one in ENDING, one)):
        for address in addresses(path, owner):
            response = client.request(method, address, data=form if method == "POST" else None)
            cell = f"{kind}: {method} {address} {response.status_code}"
            assert response.status_code < 500, cell
            is_known = kind.startswith("another") and (method, path) not in ENDING
            personal = OFFICE | PERSONAL | (CARTS if kind == "a made-up session" else set())
            if (method, path) in personal and not is_known and (method, path) not in ENDING:
                assert response.status_code == 303, cell
                assert response.headers["location"].startswith("/sign-in?next="), cell
            if (method, path) in OFFICE and is_known:
                assert response.status_code == 403, cell
            if (method, path) in ENTRANCE | PERSONAL | CARTS | OFFICE:
                assert response.headers["cache-control"] == "no-store", cell
            # What they named themselves, the way to sign-in may name again.
            leaks += [f"{cell}: {secret}" for secret in owner.leaks_in(response) if secret not in address]
        assert owner.look() == owner.state, f"{kind}: {method} {path} changed something"
    assert leaks == []


def test_the_owner_sees_it_all(place: tuple[str, httpx.Client], owner: Owner) -> None:
    """The owner's own responses do contain what the others must not see."""
    before = fetch(place[0], "SELECT digest FROM session")
    with closing(signed_in(place[1], owner.person)) as client:
        leaked = {secret for path in ("/account", "/orders") for secret in owner.leaks_in(client.get(path))}
    fetch(place[0], "DELETE FROM session WHERE NOT digest = ANY (%s)", [row[0] for row in before])
    assert {owner.person.email, str(owner.order)} <= leaked
    assert any("token" in secret for secret in leaked)

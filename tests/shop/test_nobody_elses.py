"""Promise 7: nobody sees, or changes, another's things. Every actor, every object, every endpoint of the shop.

Every path that is not under /api/v1 is in tests/community/test_nobody_elses.py: together they have all there are.
"""

import itertools
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch, in_database
from tests.responses import data_of
from tests.shop.conftest import AMELIE, CART, ITEMS, ORDERS, SHAWSHANK, LocalShop, open_store, pay, put_in_cart
from tests.shop.forms import form_of
from tests.users import CARD, PASSWORD, open_account, put_card, signed_in, visitor

from filmer.accounts import queries as accounts
from filmer.accounts.schemas import User

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

API = "/api/v1"
CANARY = "Canaria"
LAST_FOUR = "7531"
OWNERS_KEY = "the-owners-key".ljust(43, "-")  # as long as the page's

# Every endpoint must be in one of these; a new one fails the first test until it is put into one.
PUBLIC = {
    ("GET", f"{API}/health"),
    ("GET", f"{API}/movies"),
    ("GET", f"{API}/movies/{{movie_id}}"),
    ("GET", f"{API}/stars"),
    ("GET", f"{API}/stars/{{star_id}}"),
    ("GET", f"{API}/genres"),
    ("GET", f"{API}/genres/{{genre_id}}/movies"),
    ("GET", f"{API}/search/movies"),
    ("GET", f"{API}/search/suggestions"),
    ("GET", f"{API}/health/db"),
    ("POST", f"{API}/auth/login"),
    ("POST", f"{API}/auth/register"),
}
PERSONAL = {
    ("POST", f"{API}/auth/logout"),
    ("GET", f"{API}/auth/session"),
    ("GET", CART),
    ("DELETE", CART),
    ("POST", ITEMS),
    ("PUT", f"{ITEMS}/{{movie_id}}"),
    ("DELETE", f"{ITEMS}/{{movie_id}}"),
    ("POST", f"{API}/checkout"),
    ("GET", ORDERS),
    ("GET", f"{ORDERS}/{{order_id}}"),
    ("POST", f"{ORDERS}/cancel"),
    ("GET", f"{ORDERS}/{{order_id}}/track"),
    ("GET", f"{ORDERS}/{{order_id}}/refund"),
    ("GET", f"{API}/library"),
    ("GET", f"{API}/library/progress"),
    ("POST", f"{API}/library/progress"),
    ("GET", f"{API}/library/{{movie_id}}/access"),
    ("GET", f"{API}/library/{{movie_id}}/stream"),
}
# The shop's pages; their forms know whose they are by the session alone.
PAGES = [
    ("GET", "/cart"),
    ("POST", "/cart/items"),
    ("POST", "/cart/items/{movie_id}"),
    ("POST", "/cart/items/{movie_id}/remove"),
    ("POST", "/cart/clear"),
    ("GET", "/checkout"),
    ("POST", "/checkout"),
    ("GET", "/orders"),
    ("GET", "/orders/{order_id}"),
]
ACTORS = ["nobody", "stale cookie", "signed out", "disabled", "another customer", "another with a cart", "admin"]
WITHOUT_SESSION = {"nobody", "stale cookie", "signed out", "disabled"}


class Owner:
    """A user with a cart, an order, a card and a session; and the texts that would reveal them."""

    def __init__(self, url: str, server: httpx.Client) -> None:
        self.url = url
        self.person: User = in_database(url, self._open)
        self.card = CARD | {"creditCardId": f"4242{self.person.id:08d}{LAST_FOUR}", "firstName": CANARY}
        put_card(url, self.card, account_id=self.person.id)
        self.client = signed_in(server, self.person)
        put_in_cart(self.client, AMELIE, 7)
        receipt = data_of(pay(self.client, OWNERS_KEY, self.card))
        self.order: int = receipt["orderId"]
        put_in_cart(self.client, SHAWSHANK, 3)
        self.sale: int = data_of(self.client.get(f"{ORDERS}/{self.order}"))["items"][0]["saleId"]
        self.cookie = self.client.cookies["JSESSIONID"]
        self.state = self.look()

    @staticmethod
    async def _open(conn: Any) -> User:
        person = await accounts.insert_account(
            conn,
            email=f"{CANARY}.{uuid.uuid4().hex}@example.com",
            first_name=CANARY,
            last_name="Major",
            password=await _password(),
            now=datetime.now(UTC),
        )
        assert person is not None
        return person

    def look(self) -> list[Any]:
        """Everything that is theirs, as they see it and as it is kept; not when their session was used last."""
        bodies = [self.client.get(address).content for address in (CART, ORDERS, f"{ORDERS}/{self.order}")]
        assert data_of(self.client.get(f"{API}/auth/session"))["email"] == self.person.email
        mine = self.person.id
        return [
            *bodies,
            fetch(self.url, "SELECT a::text FROM account a WHERE id = %s", mine),
            fetch(self.url, "SELECT digest, created FROM session WHERE account_id = %s ORDER BY 1", mine),
            fetch(self.url, "SELECT c::text FROM card c WHERE account_id = %s", mine),
            fetch(self.url, "SELECT c::text FROM cart_line c WHERE account_id = %s ORDER BY 1", mine),
            fetch(self.url, "SELECT o::text FROM shop_order o WHERE account_id = %s ORDER BY 1", mine),
            fetch(self.url, "SELECT l::text FROM order_line l WHERE order_id = %s ORDER BY 1", self.order),
            fetch(self.url, "SELECT r::text FROM rental r WHERE account_id = %s ORDER BY 1", mine),
            fetch(self.url, "SELECT p::text FROM progress p WHERE account_id = %s ORDER BY 1", mine),
            fetch(self.url, "SELECT c::text FROM cancellation c WHERE order_id = %s", self.order),
            fetch(self.url, "SELECT k::text FROM checkout_key k WHERE account_id = %s ORDER BY 1", mine),
        ]

    def leaks_in(self, response: httpx.Response, sent: str) -> list[str]:
        """What a response reveals of the owner. What the actor has sent may be repeated to them."""
        headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}  # which is drawn
        text = f"{headers} {response.text}".lower()
        secrets = [CANARY, self.person.email, str(self.order), str(self.sale), LAST_FOUR, self.cookie]
        whole = [secret for secret in secrets if re.search(rf"(?<!\w){re.escape(secret.lower())}(?!\w)", text)]
        leaks = [secret for secret in whole if secret not in sent]
        if re.search(rf'"(customerId|accountId)":\s*{self.person.id}\b', response.text):
            leaks.append("customerId")
        return leaks


async def _password() -> str:
    from filmer.accounts.passwords import Passwords

    return await Passwords(threads=1).hash(PASSWORD)


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere) -> tuple[str, httpx.Client]:
    url = open_store(make_database)
    return url, serve_here(url).client


@pytest.fixture(scope="module")
def owner(place: tuple[str, httpx.Client]) -> Iterator[Owner]:
    its = Owner(*place)
    yield its
    its.client.close()


@pytest.fixture(scope="module")
def routes(place: tuple[str, httpx.Client]) -> set[tuple[str, str]]:
    """Every method and path under /api/v1 that the application answers."""
    with LocalShop(place[0]) as shop:
        return {
            (method, re.sub(r":\w+}", "}", route.path))
            for route in shop.litestar.routes
            for method in getattr(route, "methods", None) or ()
            if method not in {"OPTIONS", "HEAD"} and route.path.startswith("/api/v1")
        }


@pytest.fixture(params=ACTORS)
def actor(request: pytest.FixtureRequest, place: tuple[str, httpx.Client]) -> Iterator[tuple[str, httpx.Client]]:
    url, server = place
    kind = request.param
    if kind == "nobody":
        client = visitor(server)
    elif kind == "stale cookie":
        client = visitor(server)
        client.headers["Cookie"] = "JSESSIONID=" + "a" * 43
    else:
        person = open_account(url, role="admin" if kind == "admin" else "customer")
        client = signed_in(server, person)
        if kind == "another with a cart":
            put_in_cart(client, SHAWSHANK, 2)
        if kind == "signed out":
            cookie = client.cookies["JSESSIONID"]
            assert client.post(f"{API}/auth/logout").status_code == 200
            client.headers["Cookie"] = f"JSESSIONID={cookie}"
        if kind == "disabled":
            fetch(url, "UPDATE account SET disabled = true WHERE id = %s", person.id)
    yield kind, client
    client.close()


def fillings(owner: Owner) -> dict[str, list[str]]:
    """What an actor may put into a path: the owner's things, by name or by guess."""
    order, mine = str(owner.order), str(owner.person.id)
    return {
        "movie_id": [SHAWSHANK, AMELIE, order[:10], mine],
        "star_id": ["nm0000209", order[:10]],
        "genre_id": ["1", mine],
        "order_id": [order, str(owner.sale), mine, str(owner.order - 1), str(owner.order + 1)],
    }


def bodies(owner: Owner, method: str, path: str) -> list[dict[str, Any] | None]:
    """What an actor may send: what fits, with the owner's ids beside it."""
    theirs = {"customerId": owner.person.id, "accountId": owner.person.id, "account_id": owner.person.id,
              "orderId": owner.order, "email": owner.person.email}  # fmt: skip
    if method == "GET":
        return [None]
    if path.endswith("/login"):
        return [{"email": owner.person.email, "password": "not the password"}]
    if path.endswith("/register"):
        # Addresses are compared without case: it is taken, in whatever spelling.
        return [{"firstName": "Mary", "lastName": "Major", "email": owner.person.email.upper(), "password": PASSWORD}]
    if path.endswith("/checkout"):
        return [{**owner.card, **theirs}, {**CARD, **theirs}]
    if path.endswith("/progress"):
        return [{"movieId": AMELIE, "isSeries": False, "position": 1, **theirs}]
    return [{"movieId": SHAWSHANK, "quantity": 2, **theirs}]


def addresses(path: str, owner: Owner) -> list[str]:
    names = re.findall(r"{(\w+)}", path)
    choices = [fillings(owner)[name] for name in names]  # a new kind of parameter must be thought about
    filled = [path.format(**dict(zip(names, chosen, strict=True))) for chosen in itertools.product(*choices)]
    mine = owner.person.id
    return filled + [
        f"{address}?customerId={mine}&accountId={mine}&orderId={owner.order}&title=a" for address in filled
    ]


def test_every_endpoint_is_public_or_personal(routes: set[tuple[str, str]]) -> None:
    assert not PUBLIC & PERSONAL
    assert routes == PUBLIC | PERSONAL


def test_nobody_sees_or_changes_another_s_things(
    owner: Owner, actor: tuple[str, httpx.Client], routes: set[tuple[str, str]]
) -> None:
    """All cells of one actor. Signing out comes last: it takes the actor's own session."""
    kind, client = actor
    leaks = []
    for method, path in sorted(routes, key=lambda one: (one[1].endswith("/logout"), one)):
        for address, body in itertools.product(addresses(path, owner), bodies(owner, method, path)):
            headers = {"Idempotency-Key": OWNERS_KEY} if path.endswith("/checkout") else {}
            response = client.request(method, address, json=body, headers=headers)
            cell = f"{kind}: {method} {address} {response.status_code}"
            assert response.status_code < 500, cell
            if (method, path) in PERSONAL and kind in WITHOUT_SESSION:
                assert response.status_code == 401, cell
            if (method, path) in PERSONAL:
                assert response.headers["cache-control"] == "no-store", cell
            if "/{order_id}" in path and kind not in WITHOUT_SESSION:
                expected = 403 if str(owner.order) in address.partition("?")[0] else 404
                assert response.status_code == expected, cell
            if body and body.get("creditCardId") == owner.card["creditCardId"]:
                assert response.status_code in ({401} if kind in WITHOUT_SESSION else {402, 409}), cell
            if path.endswith(("/login", "/register")):
                assert response.status_code in {401, 409, 429}, cell
                assert "set-cookie" not in response.headers, cell
            sent = f"{address.partition('?')[0]}" if response.status_code == 404 else ""
            leaks += [f"{cell}: {secret}" for secret in owner.leaks_in(response, sent)]
        assert owner.look() == owner.state, f"{kind}: {method} {path} changed something"
    assert leaks == []


def test_nobody_sees_or_changes_another_s_things_at_the_pages(owner: Owner, actor: tuple[str, httpx.Client]) -> None:
    kind, client = actor
    theirs = {"customerId": owner.person.id, "accountId": owner.person.id, "orderId": owner.order}
    snapshot = form_of(owner.client.get("/checkout"), "/checkout")["seen"]
    leaks = []
    for method, path in PAGES:
        form = {"movieId": SHAWSHANK, "quantity": 2, "key": OWNERS_KEY, "seen": snapshot, **owner.card, **theirs}
        for address in addresses(path, owner):
            response = client.request(method, address, data=form if method == "POST" else None)
            cell = f"{kind}: {method} {address} {response.status_code}"
            assert response.status_code < 500, cell
            assert response.headers["cache-control"] == "no-store", cell
            if kind == "nobody" and path.startswith("/cart"):
                pass  # they have a cart of their own
            elif kind in WITHOUT_SESSION:
                assert response.headers["location"].startswith("/sign-in?next="), cell
            elif path.startswith("/orders/"):
                expected = 403 if str(owner.order) in address.partition("?")[0] else 404
                assert response.status_code == expected, cell
            sent = response.headers.get("location", "") if kind in WITHOUT_SESSION else address.partition("?")[0]
            leaks += [f"{cell}: {secret}" for secret in owner.leaks_in(response, sent + owner.card["firstName"])]
        assert owner.look() == owner.state, f"{kind}: {method} {path} changed something"
    assert leaks == []


def test_the_owner_sees_it_all(owner: Owner) -> None:
    """The owner's own responses do contain what the others must not see."""
    responses = [
        owner.client.get(address) for address in (CART, ORDERS, f"{ORDERS}/{owner.order}", f"{API}/auth/session")
    ]
    leaked = {secret for response in responses for secret in owner.leaks_in(response, "")}
    assert {CANARY, owner.person.email, str(owner.order), str(owner.sale), "customerId"} <= leaked
    assert data_of(owner.client.get(CART))["itemCount"] == 3


def test_a_disabled_account_is_out_at_once_and_its_things_stay(place: tuple[str, httpx.Client]) -> None:
    url, server = place
    its = Owner(url, server)
    fetch(url, "UPDATE account SET disabled = true WHERE id = %s", its.person.id)
    for address in (CART, ORDERS, f"{ORDERS}/{its.order}", f"{API}/auth/session"):
        response = its.client.get(address)
        assert response.status_code == 401
        assert its.leaks_in(response, "") == []
    fetch(url, "UPDATE account SET disabled = false WHERE id = %s", its.person.id)
    assert its.look() == its.state
    its.client.close()

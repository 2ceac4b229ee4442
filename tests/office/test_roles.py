"""Three roles, every address of the office, every method: who may what (contract §13.1, promise 7)."""

import re
from collections.abc import Iterator
from typing import NamedTuple, get_args

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.office.addresses import CLERKS_TOO, OFFICE, OWNERS_ALONE
from tests.shop.conftest import LocalShop
from tests.users import open_account, session_of, token_of, visitor

from filmer.accounts.schemas import Role, User

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROLES: tuple[Role, ...] = get_args(Role)


class Office(NamedTuple):
    """A shop, and a browser of one who is signed in, by role."""

    url: str
    people: dict[Role, User]
    clients: dict[Role, httpx.Client]


@pytest.fixture(scope="module")
def office(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Office]:
    url = make_database(films=True)
    server = serve_here(url).client
    people = {role: open_account(url, role=role) for role in ROLES}
    clients = {role: visitor(server) for role in ROLES}
    for role, client in clients.items():
        client.cookies.update(session_of(url, people[role]))
    yield Office(url, people, clients)
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def routes(office: Office) -> set[tuple[str, str]]:
    """Every address of the office and its methods, from the table of routes."""
    with LocalShop(office.url) as running:
        return {
            (method, re.sub(r":\w+}", "}", route.path))
            for route in running.litestar.routes
            for method in getattr(route, "methods", None) or ()
            if method in METHODS and re.match(r"/admin(/|$)", route.path)
        }


def test_it_is_known_who_may_open_every_address(routes: set[tuple[str, str]]) -> None:
    assert routes == OFFICE
    assert not CLERKS_TOO & OWNERS_ALONE


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_it_may(office: Office, routes: set[tuple[str, str]], role: Role) -> None:
    """Of things that there are not: who may act is told so, everybody else that it is not open to them."""
    wrong = []
    for path in {path for _, path in routes}:
        for method in METHODS:
            response = office.clients[role].request(
                method, re.sub(r"{\w+}", "0", path), data={} if method == "POST" else None
            )
            if (method, path) not in routes:
                is_right = response.status_code == (303 if method == "GET" else 405)  # 303: to the page of the form
            elif role == "admin" or (role == "clerk" and (method, path) in CLERKS_TOO):
                is_right = response.status_code in {200, 303, 400, 404, 409, 415}  # 415: it takes a file
            else:
                is_right = response.status_code == 403
            if not is_right or response.headers.get("location", "").startswith("/sign-in"):
                wrong.append(f"{method} {path}: {response.status_code}")
    assert wrong == []


def test_a_clerk_is_shown_what_a_clerk_may_open(office: Office) -> None:
    client = office.clients["clerk"]
    assert client.get("/admin").headers["location"] == "/admin/counter"
    page = client.get("/admin/counter").text
    tabs = re.findall(
        r'href="([^"]+)"', re.findall(r'<nav class="office-nav" aria-label="Office">.*?</nav>', page, re.DOTALL)[0]
    )
    assert tabs == ["/admin/counter", "/admin/orders", "/admin/customers"]
    assert 'href="/admin/counter"' in client.get("/").text.partition("</header>")[0]
    assert "Office" not in office.clients["customer"].get("/").text.partition("</header>")[0]
    assert "You are signed in as a clerk" in client.get("/admin/films").text


def test_a_clerk_s_token_is_a_customer_s(office: Office) -> None:
    """The community API knows owners alone (contract §7.1)."""
    token = token_of(office.url, office.people["clerk"])
    other = office.people["customer"].id
    headers = {"authorization": f"Bearer {token}"}
    for method, path in (("DELETE", f"/api/admin/users/{other}/favorites"), ("GET", f"/api/users/{other}/favorites")):
        assert office.clients["clerk"].request(method, path, headers=headers).status_code == 403

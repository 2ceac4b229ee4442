"""/admin/customers: people are found and opened, and what owners and clerks do to accounts (contract §13.1)."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.office.addresses import OFFICE
from tests.users import CARD, LOGIN, PASSWORD, open_account, put_card, session_of, signed_in, token_of, visitor

from filmer.accounts.schemas import Role, User
from filmer.catalogue.folding import search_form

LIST = "/admin/customers"
FILM = "tt0111161"
MARKUP = "<img src=x onerror=alert(1)>"
OF_ONE = sorted((method, path) for method, path in OFFICE if path.startswith(f"{LIST}/{{"))


class Office(NamedTuple):
    """A shop that sends no mail, and browsers of an owner and a clerk."""

    url: str
    server: httpx.Client
    people: dict[str, User]
    owner: httpx.Client
    clerk: httpx.Client

    def ask(self, statement: str, *parameters: Any) -> Any:
        return fetch(self.url, statement, *parameters)

    def page(self, person: User, client: httpx.Client | None = None) -> str:
        response = (client or self.owner).get(f"{LIST}/{person.id}")
        assert response.status_code == 200
        return response.text

    def act(self, person: User, action: str, client: httpx.Client | None = None, **fields: str) -> httpx.Response:
        return (client or self.clerk).post(f"{LIST}/{person.id}/{action}", data=fields)

    def found(self, client: httpx.Client | None = None, **params: str) -> list[int]:
        text = (client or self.owner).get(LIST, params=params).text
        return [int(number) for number in re.findall(rf'<a href="{LIST}/(\d+)">', text)]


@pytest.fixture(scope="module")
def office(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Office]:
    url = make_database(films=True)
    put_card(url)
    server = serve_here(url).client
    people = {role: open_account(url, role=role) for role in ("admin", "clerk")}
    with closing(visitor(server)) as owner, closing(visitor(server)) as clerk:
        owner.cookies.update(session_of(url, people["admin"]))
        clerk.cookies.update(session_of(url, people["clerk"]))
        yield Office(url, server, people, owner, clerk)


@pytest.fixture
def mary(office: Office) -> User:
    return open_account(office.url)


Browse = Callable[[User], httpx.Client]


@pytest.fixture
def browse(office: Office) -> Iterator[Browse]:
    clients: list[httpx.Client] = []

    def enter(person: User) -> httpx.Client:
        clients.append(visitor(office.server))
        clients[-1].cookies.update(session_of(office.url, person))
        return clients[-1]

    yield enter
    for client in clients:
        client.close()


def link_in(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    match = re.search(r'<code class="token">(/new-password/[^<]+)</code>', response.text)
    assert match
    return match[1]


def invite(client: httpx.Client, email: str, role: str = "customer", **fields: str) -> httpx.Response:
    form = {"firstName": "Nora", "lastName": "New", "email": email, "role": role, **fields}
    return client.post(f"{LIST}/invite", data=form)


def state(office: Office, person: User) -> Any:
    return office.ask("SELECT role, disabled, leaving IS NOT NULL FROM account WHERE id = %s", person.id)[0]


def test_people_are_found_by_name_address_and_id(office: Office) -> None:
    person = open_account(office.url, email="odd_one%here@example.com")
    other = open_account(office.url)
    for query in ("ODD_ONE%", "one%here@", "mary major ODD", "  odd_one ", str(person.id)):
        assert person.id in office.found(query=query), query
    assert other.id not in office.found(query="odd_one")
    assert office.found(query="odd%one") == []
    assert "Nobody found" in office.owner.get(LIST, params={"query": "odd%one"}).text
    assert office.found(query="9" * 30) == []


def test_people_are_found_without_their_accents(office: Office) -> None:
    person = open_account(office.url)
    office.ask("UPDATE account SET first_name = 'José', last_name = 'Núñez' WHERE id = %s RETURNING id", person.id)
    for query in ("jose nunez", "Núñez, José", "nunez,jose", "NÚÑEZ", f"nunez {person.email}"):
        assert office.found(query=query) == [person.id], query
    assert office.found(query="nunez%jose") == []


@pytest.mark.parametrize(
    "text", ["José Núñez", "ŁÓDŹ", "Søren Ærø", "Þór", "Großmann", "Дмитрий Ёж", "\uff2dary \ufb01", "Ngọc", "한글"]
)
def test_the_database_folds_people_as_texts_are_folded_elsewhere(office: Office, text: str) -> None:
    assert office.ask("SELECT without_accents(%s)", text) == [(search_form(text),)]


def test_the_list_is_narrowed_by_role_and_state(office: Office, mary: User) -> None:
    owner, clerk = office.people["admin"], office.people["clerk"]
    assert owner.id in office.found(role="admin")
    assert {mary.id, clerk.id}.isdisjoint(office.found(role="admin"))
    assert clerk.id in office.found(role="clerk", state="open")
    assert office.act(mary, "disable").status_code == 303
    assert mary.id in office.found(state="closed")
    assert mary.id not in office.found(state="open")
    assert clerk.id not in office.found(state="closed")
    assert {owner.id, clerk.id}.isdisjoint(office.found(office.clerk, role="admin"))
    assert office.found(office.clerk, query=owner.email) == [], "clerks see customers alone"


@pytest.mark.parametrize(
    "query", ["page=0", "page=1&page=2", "query=%00", "role=emperor", "state=x", "page=9999999999"]
)
def test_a_list_that_is_asked_for_wrongly_is_400(office: Office, query: str) -> None:
    assert office.owner.get(f"{LIST}?{query}").status_code == 400
    assert "Nothing on this page" in office.owner.get(f"{LIST}?page=1000000").text


def test_one_customer_is_seen_whole(office: Office, mary: User, browse: Browse) -> None:
    client = browse(mary)
    put_card(office.url, {**CARD, "creditCardId": "4000000000007532"}, account_id=mary.id)
    client.post("/api/v1/cart/items", json={"movieId": FILM})
    order = client.post("/api/v1/checkout", json=CARD).json()["data"]["orderId"]
    token = token_of(office.url, mary, name="backup")
    for seen_by in (office.owner, office.clerk):
        page = office.page(mary, seen_by)
        assert f'href="/admin/orders/{order}"' in page
        for text in ("The Shawshank Redemption", "ends in 7532", "backup", "Your order", mary.email):
            assert text in page, text
        assert token not in page
    assert f"/admin/customers/{mary.id}/role" in office.page(mary)
    assert f"/admin/customers/{mary.id}/role" not in office.page(mary, office.clerk)


def test_stored_markup_is_never_live(office: Office) -> None:
    person = open_account(office.url)
    office.ask("UPDATE account SET first_name = %s, last_name = %s WHERE id = %s", MARKUP, MARKUP, person.id)
    office.ask(
        "INSERT INTO session (digest, account_id, created, used, device)"
        " VALUES (sha256(%s), %s, now(), now(), %s)", str(person.id).encode(), person.id, MARKUP,
    )  # fmt: skip
    token_of(office.url, person, name=MARKUP)
    pages = [office.page(person), office.page(person, office.clerk)]
    pages += [office.owner.get(LIST, params={"query": text}).text for text in (MARKUP, str(person.id))]
    pages += [office.act(person, "reset").text, invite(office.owner, MARKUP, firstName=MARKUP, role=MARKUP).text]
    for page in pages:
        assert "&lt;img" in page
        assert "<img src=x" not in page


def test_whoever_is_invited_chooses_a_password_once(office: Office) -> None:
    link = link_in(invite(office.clerk, "Nora@example.com"))
    with closing(visitor(office.server)) as nora:
        assert nora.post(LOGIN, json={"email": "nora@example.com", "password": PASSWORD}).status_code == 401
        assert nora.post(link, data={"password": PASSWORD}).headers["location"] == "/"
        assert "Nora" in nora.get("/account").text
        assert nora.post(link, data={"password": "another one"}).status_code == 404
    assert office.ask("SELECT role FROM account WHERE email_key = 'nora@example.com'") == [("customer",)]


def test_an_invitation_that_is_wrong_is_shown_again(office: Office, mary: User) -> None:
    taken = invite(office.clerk, mary.email.upper(), firstName="Kept as typed")
    assert taken.status_code == 409
    assert "has an account already" in taken.text
    assert 'value="Kept as typed"' in taken.text
    for fields in ({"email": "nobody"}, {"firstName": " "}, {"lastName": "x" * 101}, {"role": "emperor"}):
        response = invite(office.owner, **{"email": "wrong@example.com", **fields})
        assert response.status_code == 400, fields
        assert 'aria-invalid="true"' in response.text
    assert office.ask("SELECT count(*) FROM account WHERE email_key = 'wrong@example.com'") == [(0,)]


def test_only_owners_invite_owners_and_clerks(office: Office) -> None:
    for role in ("clerk", "admin"):
        assert invite(office.clerk, f"new-{role}@example.com", role).status_code == 403
        link_in(invite(office.owner, f"new-{role}@example.com", role))
        assert office.ask("SELECT role FROM account WHERE email_key = %s", f"new-{role}@example.com") == [(role,)]


def test_a_link_for_a_customer_is_not_good_for_a_clerk(office: Office, mary: User) -> None:
    """A clerk may have seen it: whoever is promoted is no customer any more."""
    link = link_in(office.act(mary, "reset"))
    assert office.owner.get(link).status_code == 200
    assert office.act(mary, "role", office.owner, role="clerk").status_code == 303
    assert office.owner.post(link, data={"password": "known to a clerk"}).status_code == 404
    assert state(office, mary)[0] == "clerk"


@pytest.mark.parametrize("target", ["admin", "clerk"])
def test_a_clerk_acts_on_no_owner_and_no_clerk(office: Office, target: Role) -> None:
    """Every address of one account, from the table of routes: 403, and nothing is done."""
    person = open_account(office.url, role=target)
    session_of(office.url, person)
    token_of(office.url, person)
    numbers = {
        "account_id": person.id,
        "sign_in_id": office.ask("SELECT id FROM session WHERE account_id = %s", person.id)[0][0],
        "token_id": office.ask("SELECT id FROM token WHERE account_id = %s", person.id)[0][0],
    }

    def rows() -> Any:
        return [
            office.ask("SELECT a::text FROM account a WHERE id = %s", person.id),
            *(office.ask(f"SELECT count(*) FROM {table} WHERE account_id = %s", person.id)
              for table in ("session", "token", "new_password_link", "mail")),
        ]  # fmt: skip

    before = rows()
    for method, path in OF_ONE:
        response = office.clerk.request(method, path.format(**numbers), data={"role": "customer"})
        assert response.status_code == 403, path
        assert person.email not in response.text
    assert rows() == before
    for email in (person.email, person.email.upper()):
        assert invite(office.clerk, email).status_code == 409


@pytest.mark.parametrize("unknown", ["0", "-1", "x", "99999999", "9" * 40, "%00", "1_0"])
def test_an_account_that_is_not_there_is_404(office: Office, unknown: str) -> None:
    for method, path in OF_ONE:
        address = path.format(account_id=unknown, sign_in_id=1, token_id=1)
        assert office.owner.request(method, address, data={"role": "clerk"}).status_code == 404, address


def test_a_closed_account_is_opened_again(office: Office, mary: User, browse: Browse) -> None:
    client = browse(mary)
    assert office.act(mary, "disable").headers["location"] == f"{LIST}/{mary.id}"
    assert client.get("/account").status_code == 303
    assert client.post(LOGIN, json={"email": mary.email, "password": PASSWORD}).status_code == 401
    response = office.act(mary, "reset")
    assert response.status_code == 409
    assert "open it first" in response.text
    assert office.act(mary, "enable").status_code == 303
    assert client.post(LOGIN, json={"email": mary.email, "password": PASSWORD}).status_code == 200


def test_a_deleted_account_can_be_opened_for_a_week(office: Office, mary: User) -> None:
    assert office.act(mary, "delete").status_code == 303
    assert state(office, mary) == ("customer", True, True)
    assert "a week later the person is removed" in office.page(mary)
    assert office.act(mary, "enable").status_code == 303
    assert state(office, mary) == ("customer", False, False)


def test_signing_out_of_one_browser_or_of_all(office: Office, mary: User, browse: Browse) -> None:
    clients = [browse(mary) for _ in range(3)]
    stranger = browse(open_account(office.url))
    numbers = [row[0] for row in office.ask("SELECT id FROM session WHERE account_id = %s ORDER BY id", mary.id)]
    theirs = office.ask("SELECT max(id) FROM session")[0][0]
    assert office.act(mary, f"sessions/{theirs}/end").status_code == 409, "it is another's"
    assert office.act(mary, f"sessions/{numbers[0]}/end").status_code == 303
    assert [client.get("/account").status_code for client in clients] == [303, 200, 200]
    assert office.act(mary, "sign-out").status_code == 303
    assert [client.get("/account").status_code for client in (*clients, stranger)] == [303, 303, 303, 200]


def test_a_token_is_revoked(office: Office, mary: User) -> None:
    other = open_account(office.url)
    for person in (mary, other):
        token_of(office.url, person)
    tokens = dict(office.ask("SELECT account_id, id FROM token WHERE account_id = ANY(%s)", [mary.id, other.id]))
    assert office.act(mary, f"tokens/{tokens[other.id]}/revoke").status_code == 409, "it is another's"
    assert office.act(mary, f"tokens/{tokens[mary.id]}/revoke").status_code == 303
    assert office.ask("SELECT id FROM token WHERE account_id = ANY(%s)", [mary.id, other.id]) == [(tokens[other.id],)]


def test_favourites_are_cleared(office: Office, mary: User) -> None:
    for movie in (1, 2):
        office.ask("INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, now())", mary.id, movie)
    assert "Take all 2 favourites of Mary Major away for good?" in office.page(mary), "it asks first"
    assert office.act(mary, "favorites/clear").status_code == 303
    assert office.ask("SELECT count(*) FROM favorite WHERE account_id = %s", mary.id) == [(0,)]
    assert "favorites/clear" not in office.page(mary)


def test_another_role_begins_with_another_sign_in(office: Office, mary: User, browse: Browse) -> None:
    client = browse(mary)
    assert office.act(mary, "role", role="clerk").status_code == 403
    assert office.act(mary, "role", office.owner, role="emperor").status_code == 400
    assert office.act(mary, "role", office.owner, role="clerk").status_code == 303
    assert client.get(LIST).headers["location"].startswith("/sign-in")
    with closing(signed_in(office.server, mary)) as again:
        assert again.get(LIST).status_code == 200
        assert office.act(mary, "role", office.owner, role="customer").status_code == 303
        assert again.get(LIST).status_code == 303


def test_whoever_left_the_office_meanwhile_does_nothing_more(office: Office, mary: User, browse: Browse) -> None:
    """As it is in the transaction: the page was asked for as a clerk."""
    former = open_account(office.url, role="clerk")
    client = browse(former)
    office.ask("UPDATE account SET role = 'customer' WHERE id = %s", former.id)
    assert client.post(f"{LIST}/{mary.id}/disable").status_code == 403
    assert state(office, mary) == ("customer", False, False)

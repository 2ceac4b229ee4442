"""The office's pages: for admins alone, right in their sums, and what they change shows at once."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.current_edition import connect
from tests.server_in_thread import ServerInThread
from tests.users import CARD, open_account, put_card, signed_in, visitor

from filmer.accounts.schemas import User
from filmer.office.chart import HEIGHT, chart_of, round_above
from filmer.office.takings_queries import Day

FILM, OTHER, COUNTED = "tt0111161", "tt0372784", "tt0468569"
PAGES = ["/admin", "/admin/customers", "/admin/films", "/admin/counter", "/admin/orders", "/admin/mail"]
ACTIONS = [
    f"/admin/films/{FILM}/price",
    f"/admin/films/{FILM}/terms",
    "/admin/mail/1/retry",
]


class AdminPages(NamedTuple):
    url: str
    server: ServerInThread
    admin: User
    admin_client: httpx.Client


@pytest.fixture(scope="module")
def admin_pages(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[AdminPages]:
    url = make_database(films=True)
    put_card(url)
    server = serve_here(url, FILMER_CURRENCY="€")
    admin = open_account(url, role="admin")
    with closing(signed_in(server.client, admin)) as admin_client:
        yield AdminPages(url, server, admin, admin_client)


@pytest.fixture
def customer(admin_pages: AdminPages) -> Iterator[tuple[User, httpx.Client]]:
    person = open_account(admin_pages.url)
    with closing(signed_in(admin_pages.server.client, person)) as client:
        yield person, client


def ask(admin_pages: AdminPages, statement: str, *parameters: Any) -> Any:
    with connect(admin_pages.url) as conn:
        cursor = conn.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else None


def price_of(admin_pages: AdminPages, film_id: str) -> Decimal:
    """What the film costs if it is put into a cart now."""
    with closing(signed_in(admin_pages.server.client, open_account(admin_pages.url))) as somebody:
        response = somebody.post("/api/v1/cart/items", json={"movieId": film_id})
        assert response.status_code == 200, response.text
        return Decimal(str(response.json()["data"]["cart"]["items"][0]["price"]))


@pytest.mark.parametrize("path", PAGES)
def test_admins_alone_may_look(admin_pages: AdminPages, customer: tuple[User, httpx.Client], path: str) -> None:
    response = admin_pages.admin_client.get(path)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert customer[1].get(path).status_code == 403
    with closing(visitor(admin_pages.server.client)) as nobody:
        assert nobody.get(path).headers["location"].startswith("/sign-in?next=%2Fadmin")


@pytest.mark.parametrize("path", ACTIONS)
def test_admins_alone_may_change(admin_pages: AdminPages, customer: tuple[User, httpx.Client], path: str) -> None:
    before = price_of(admin_pages, FILM)
    assert customer[1].post(path, data={"price": "0.01"}).status_code == 403
    with closing(visitor(admin_pages.server.client)) as nobody:
        assert nobody.post(path, data={"price": "0.01"}).status_code == 303
    other_site = {"sec-fetch-site": "cross-site"}
    assert admin_pages.admin_client.post(path, data={"price": "0.01"}, headers=other_site).status_code == 403
    assert price_of(admin_pages, FILM) == before
    assert ask(admin_pages, "SELECT count(*) FROM rental_terms WHERE film_id = %s", FILM) == [(0,)]


def test_orders_and_takings_are_summed(admin_pages: AdminPages, customer: tuple[User, httpx.Client]) -> None:
    person, client = customer
    before = ask(admin_pages, "SELECT count(*), coalesce(sum(total), 0) FROM shop_order")[0]
    client.post("/api/v1/cart/items", json={"movieId": OTHER, "quantity": 2})
    receipt = client.post("/api/v1/checkout", json=CARD).json()["data"]
    cost = Decimal(str(receipt["totalPrice"]))
    text = admin_pages.admin_client.get("/admin").text
    assert f"in all €{before[1] + cost:,.2f} from {before[0] + 1}." in text
    assert len(re.findall(r'<rect class="chart-bar"', text)) == 1, "one day of thirty had orders"
    assert len(re.findall(r'<tr><th scope="row">', text)) == 30
    ask(admin_pages, "UPDATE shop_order SET placed = placed - interval '40 days' WHERE account_id = %s", person.id)
    assert f"in all €{before[1] + cost:,.2f} from {before[0] + 1}." in admin_pages.admin_client.get("/admin").text


def test_days_begin_and_end_in_utc(admin_pages: AdminPages, customer: tuple[User, httpx.Client]) -> None:
    person, client = customer
    client.post("/api/v1/cart/items", json={"movieId": OTHER})
    assert client.post("/api/v1/checkout", json=CARD).status_code == 200
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)

    def orders(day: datetime) -> int:
        text = admin_pages.admin_client.get("/admin").text
        match = re.search(rf'datetime="{day:%Y-%m-%d}">[^<]*</time></th><td class="number">(\d+)<', text)
        assert match
        return int(match[1])

    for moment in (midnight, midnight + timedelta(hours=23, minutes=59, seconds=59)):
        ask(admin_pages, "UPDATE shop_order SET placed = %s WHERE account_id = %s", moment, person.id)
        assert (orders(midnight - timedelta(days=1)), orders(midnight)) == (0, 1)
    ask(
        admin_pages, "UPDATE shop_order SET placed = %s WHERE account_id = %s", midnight - timedelta(days=90), person.id
    )


def test_a_new_price_shows_at_once_and_outlives_an_import(admin_pages: AdminPages) -> None:
    public = f"/films/{OTHER}"
    assert "€7.25" not in admin_pages.server.client.get(public).text
    response = admin_pages.admin_client.post(f"/admin/films/{OTHER}/price", data={"price": " 7.25", "query": "batman"})
    assert (response.status_code, response.headers["location"]) == (303, "/admin/films?query=batman")
    page = admin_pages.admin_client.get(response.headers["location"])
    assert "costs €7.25 now" in page.text
    assert 'value="7.25"' in page.text
    assert price_of(admin_pages, OTHER) == Decimal("7.25")
    import_films(admin_pages.url)
    assert price_of(admin_pages, OTHER) == Decimal("7.25")
    assert "€7.25" in admin_pages.server.client.get(public).text


def listed(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/admin/films/([^"]+)">', text)


def test_films_are_there_before_one_searches_the_best_known_first(admin_pages: AdminPages) -> None:
    """Page by page, with the votes that nobody knows last; a price set there leads back there."""
    order = "SELECT id FROM film ORDER BY votes DESC NULLS LAST, no"
    films = [row[0] for row in ask(admin_pages, order)]
    assert len(films) > 20
    first = admin_pages.admin_client.get("/admin/films").text
    assert f"{len(films)} films, the best known first" in first
    match = re.search(r'rel="next" href="([^"]+)"', first)
    assert match
    assert match[1] == "/admin/films?page=2"
    assert listed(first) + listed(admin_pages.admin_client.get(match[1]).text) == films[:40]
    assert listed(admin_pages.admin_client.get("/admin/films?query=%20").text) == films[:20]
    assert "Nothing on this page" in admin_pages.admin_client.get("/admin/films?page=1000000").text
    response = admin_pages.admin_client.post(
        f"/admin/films/{films[20]}/price", data={"price": "3.21", "query": "", "page": "2"}
    )
    assert response.headers["location"] == "/admin/films?page=2"
    assert 'value="3.21"' in admin_pages.admin_client.get("/admin/films?page=2").text


def cards(page: str) -> dict[str, str]:
    """What each film of a list costs, as it is shown."""
    film_ids = re.findall(r'<li class="film-(?:card|row)".*?href="/films/(\w+)".*?</li>', page, re.DOTALL)
    prices = re.findall(r'<span class="price"><span class="visually-hidden">Costs </span>([^<]+)</span>', page)
    assert len(film_ids) == len(prices) > 0
    return dict(zip(film_ids, prices, strict=True))


@pytest.mark.parametrize(
    "path",
    [
        "/", "/films", "/films?yearFrom=2000&yearTo=2010", "/genres/{drama}", "/search?query=nolan", "/stars/nm0000288",
        "/films/tt0468569",
    ],
)  # fmt: skip
def test_films_in_lists_show_what_they_cost(admin_pages: AdminPages, path: str) -> None:
    """Their own price, or the shop's."""
    [(drama,)] = ask(admin_pages, "SELECT id FROM genre WHERE name = 'Drama'")
    for price in ("6.50", "8.05"):
        admin_pages.admin_client.post(f"/admin/films/{OTHER}/price", data={"price": price})
        shown = cards(admin_pages.admin_client.get(path.format(drama=drama)).text)
        costs = dict(
            ask(admin_pages, "SELECT id, coalesce(t.price, 4.99) FROM film f LEFT JOIN film_terms t ON film_id = id")
        )
        assert shown == {film_id: f"€{costs[film_id]:.2f}" for film_id in shown}
        assert shown[OTHER] == f"€{price}"


@pytest.mark.parametrize("price", ["", "free", "-1", "1.005", "NaN", "1e9", "1000000", "٤", "1,50", "<b>"])
def test_a_price_that_is_none_changes_nothing(admin_pages: AdminPages, price: str) -> None:
    before = price_of(admin_pages, FILM)
    response = admin_pages.admin_client.post(f"/admin/films/{FILM}/price", data={"price": price, "query": "shawshank"})
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    assert "<b>" not in response.text
    assert price_of(admin_pages, FILM) == before


def set_terms(admin_pages: AdminPages, film_id: str = COUNTED, **terms: str) -> httpx.Response:
    fields = {"startDays": "", "hours": "", "copies": "", "query": "dark knight", **terms}
    return admin_pages.admin_client.post(f"/admin/films/{film_id}/terms", data=fields)


def terms_on(page: str, film_id: str = COUNTED) -> list[str]:
    form = page.partition(f'action="/admin/films/{film_id}/terms"')[2].partition("</form>")[0]
    return re.findall(r'name="(?:startDays|hours|copies)"[^>]* value="([^"]*)"', form)


def test_rental_terms_are_set_where_prices_are(admin_pages: AdminPages) -> None:
    response = set_terms(admin_pages, startDays=" 7", hours="12", copies="3")
    assert response.status_code == 400, "blanks are no digits"
    response = set_terms(admin_pages, startDays="7", hours="12", copies="3")
    assert (response.status_code, response.headers["location"]) == (303, "/admin/films?query=dark+knight")
    page = admin_pages.admin_client.get(response.headers["location"]).text
    assert "The terms of The Dark Knight hold for what is rented from now on." in page
    assert "7 days to begin, 12 hours, 3 copies" in page
    assert terms_on(page) == ["7", "12", "3"]
    assert ask(admin_pages, "SELECT * FROM rental_terms") == [(COUNTED, 7, 12, 3)]
    assert set_terms(admin_pages, copies="1").status_code == 303, "what is left empty is as the settings say"
    page = admin_pages.admin_client.get("/admin/films?query=dark+knight").text
    assert "30 days to begin, 48 hours, 1 copy" in page
    assert terms_on(page) == ["", "", "1"]
    assert set_terms(admin_pages).status_code == 303
    assert ask(admin_pages, "SELECT * FROM rental_terms") == [(COUNTED, None, None, None)]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("startDays", "0", "must be at least 1"),
        ("startDays", "3651", "must be at most 3650"),
        ("hours", "87601", "must be at most 87600"),
        ("hours", "soon", "must be a whole number"),
        ("copies", "-1", "must be at least 0"),
        ("copies", "1000001", "must be at most 1000000"),
        ("copies", "\u0661", "must be a whole number"),
    ],
)
def test_terms_that_are_none_change_nothing_and_are_shown_again(
    admin_pages: AdminPages, field: str, value: str, reason: str
) -> None:
    before = ask(admin_pages, "SELECT * FROM rental_terms")
    response = set_terms(admin_pages, **{field: value})
    assert response.status_code == 400
    assert f"This {reason}." in response.text
    assert value in terms_on(response.text)
    assert '<details class="film-terms" open>' in response.text
    assert ask(admin_pages, "SELECT * FROM rental_terms") == before


def test_fewer_copies_than_are_reserved_are_refused(
    admin_pages: AdminPages, customer: tuple[User, httpx.Client]
) -> None:
    person, client = customer
    client.post("/api/v1/cart/items", json={"movieId": COUNTED, "quantity": 2})
    assert client.post("/api/v1/checkout", json=CARD).status_code == 200
    response = set_terms(admin_pages, copies="0")
    assert response.status_code == 409
    assert "copies of The Dark Knight are out or reserved: there can&#39;t be fewer." in response.text
    ask(admin_pages, "UPDATE rental SET state = 'over', ended = now() WHERE account_id = %s", person.id)


@pytest.mark.parametrize("film_id", ["tt9999999", "x" * 11, "%00", "é"])
def test_a_film_that_is_not_there_has_no_price(admin_pages: AdminPages, film_id: str) -> None:
    assert admin_pages.admin_client.post(f"/admin/films/{film_id}/price", data={"price": "1"}).status_code == 404
    assert set_terms(admin_pages, film_id, copies="1").status_code == 404
    assert ask(admin_pages, "SELECT count(*) FROM film_terms WHERE film_id = %s", film_id.replace("%00", "")) == [(0,)]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=1&page=2", "query=%00", "page=99999999999"])
def test_a_list_that_is_asked_for_wrongly_is_400(admin_pages: AdminPages, query: str) -> None:
    for path in ("/admin/customers", "/admin/films"):
        assert admin_pages.admin_client.get(f"{path}?{query}").status_code == 400


def test_health_is_told(admin_pages: AdminPages) -> None:
    text = admin_pages.admin_client.get("/admin").text
    assert re.findall(r"<dt>(Database|Cache|TMDB)</dt><dd><span[^>]*>([^<]+)<", text) == [
        ("Database", "well"),
        ("Cache", "well"),
        ("TMDB", "not set up"),
    ]


@pytest.mark.parametrize(
    ("amount", "top"), [("0", 10), ("9.99", 10), ("10", 10), ("10.01", 20), ("20.5", 50), ("51", 100), ("1234", 2000)]
)
def test_the_scale_ends_at_a_round_amount(amount: str, top: int) -> None:
    assert round_above(Decimal(amount)) == top


def test_bars_are_as_high_as_their_days() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC).date()
    amounts = [Decimal(0), Decimal(50), Decimal(100)]
    chart = chart_of([Day(first + timedelta(days=at), 1, amount) for at, amount in enumerate(amounts)])
    none, half, full = chart.bars
    assert none.height == 0
    assert half.height * 2 == pytest.approx(full.height)
    assert full.y > 0
    assert {bar.y + bar.height for bar in chart.bars} == {chart.lines[0].y}
    assert full.x + full.width < chart.right < chart.width, "the amounts stand beside the last day"
    assert all(0 <= line.y < HEIGHT for line in chart.lines)
    assert chart_of([]).bars == []

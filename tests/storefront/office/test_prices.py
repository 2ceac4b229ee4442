"""Prices of many films at once: the preview is what is applied, and undoing gives the former prices back."""

import re
from collections.abc import Iterator
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch, in_database
from tests.current_edition import pricing
from tests.users import open_account, session_of, visitor

from filmer.catalogue.bulk_prices import BulkPrices, Change, Choice
from filmer.catalogue.filters import Filters
from filmer.settings import MAX_PRICE
from filmer.store.postgres import Connection

AT, PREVIEW, UNDO = "/admin/prices", "/admin/prices/preview", "/admin/prices/undo"
DEFAULT = Decimal("4.99")
BATMAN = ["tt0372784", "tt0468569"]
PRICED = "(id IN (SELECT film_id FROM film_terms WHERE price IS NOT NULL))"


class Office(NamedTuple):
    url: str
    client: httpx.Client

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return fetch(self.url, statement, *values)

    def prices(self) -> dict[str, tuple[Decimal | None, bool]]:
        """Of every film: its own, and whether it was set by hand."""
        rows = self.ask(
            "SELECT f.id, t.price, coalesce(t.is_price_by_hand, false)"
            " FROM film f LEFT JOIN film_terms t ON t.film_id = f.id"
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def post(self, path: str, films: list[str] | None = None, **fields: str) -> httpx.Response:
        return self.client.post(path, data={**fields, "film": films or []})

    def apply(self, films: list[str] | None = None, **fields: Any) -> httpx.Response:
        """As the preview's button does."""
        page = self.post(PREVIEW, films, **fields)
        assert page.status_code == 200, page.text
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
        data: dict[str, list[str]] = {}
        for name, value in hidden:
            data.setdefault(name, []).append(value)
        return self.client.post(AT, data=data)

    def undo(self) -> str:
        change = self.ask("SELECT max(id) FROM price_change")[0][0]
        response = self.client.post(UNDO, data={"change": str(change)})
        assert response.headers["location"] == AT
        return self.client.get(AT).text


@pytest.fixture(scope="module")
def office(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Office]:
    url = make_database(films=True)
    server = serve_here(url).client
    with closing(visitor(server)) as client:
        client.cookies.update(session_of(url, open_account(url, role="admin")))
        yield Office(url, client)


@pytest.fixture(autouse=True)
def as_before(office: Office) -> Iterator[None]:
    before = office.ask("SELECT film_id, price, is_price_by_hand FROM film_terms")
    yield
    office.ask("UPDATE film_terms SET price = NULL, is_price_by_hand = false")
    for film_id, price, by_hand in before:
        office.ask(
            "UPDATE film_terms SET price = %s, is_price_by_hand = %s WHERE film_id = %s", price, by_hand, film_id
        )


def reckoned(old: Decimal, change: Change, digits: int = 2) -> Decimal:
    amount = change.amount
    cent = Decimal(1).scaleb(-digits)
    new = {
        "set": lambda: amount, "add": lambda: old + amount, "subtract": lambda: old - amount, "keep": lambda: old,
        "raise": lambda: (old * (100 + amount) / 100).quantize(cent, ROUND_HALF_UP),
        "lower": lambda: (old * (100 - amount) / 100).quantize(cent, ROUND_HALF_UP),
    }[change.how]()  # fmt: skip
    if not change.to_99 or new <= 0:
        return new
    return max(Decimal("0.99"), (new + Decimal("0.01")).quantize(Decimal(1), ROUND_HALF_UP) - Decimal("0.01"))


money = st.decimals(0, 30, places=2) | st.sampled_from(["0", "0.48", "0.49", "4.49", "4.48"]).map(Decimal)
ways = st.sampled_from(["set", "add", "subtract", "raise", "lower", "keep"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(money, st.builds(Change, ways, money, st.booleans()), st.sampled_from([0, 2]))
def test_prices_are_reckoned_as_is_said(office: Office, old: Decimal, change: Change, digits: int) -> None:
    office.ask(pricing(), old, BATMAN[0])
    choice = Choice(Filters(), films=(BATMAN[0],))

    async def work(conn: Connection) -> Any:
        await conn.use_current_edition()
        return await BulkPrices(DEFAULT).preview(conn, choice, change, digits=digits)

    preview = in_database(office.url, work)
    new = reckoned(old, change, digits)
    assert [line.new for line in preview.lines] == ([new] if new != old else [])
    assert (preview.counts.films, preview.counts.changed) == (1, int(new != old))
    assert (preview.counts.below, preview.counts.above) == (int(new < 0), int(new > MAX_PRICE))


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({"query": "batman"}, "title_folded ~ 'batman'"),
        ({"genreId": "drama"}, "'Drama' = ANY (genres)"),
        ({"yearFrom": "1990", "yearTo": "1999"}, "year BETWEEN 1990 AND 1999"),
        ({"own": "own"}, PRICED),
        ({"own": "default", "yearFrom": "2000"}, f"NOT {PRICED} AND year >= 2000"),
        ({}, "true"),
    ],
)
def test_the_films_that_match_and_no_others_get_the_new_price(
    office: Office, fields: dict[str, Any], matches: str
) -> None:
    office.ask(pricing("10"), "tt0111161")
    before = office.prices()
    if "genreId" in fields:
        fields = {"genreId": str(office.ask("SELECT id FROM genre WHERE name = 'Drama'")[0][0])}
    films = {row[0] for row in office.ask(f"SELECT id FROM film WHERE {matches}")}
    assert films
    shown = office.client.get(AT, params=fields)
    assert f"all {len(films)} films found" in shown.text or len(films) == 1
    response = office.apply(how="raise", amount="10", to99="", **fields)
    assert response.headers["location"] == AT
    assert f"{len(films)} film{'' if len(films) == 1 else 's'}: 10 % more." in office.client.get(AT).text
    change = Change("raise", Decimal(10))
    expected = {
        film: (reckoned(own or DEFAULT, change), True) if film in films else (own, by_hand)
        for film, (own, by_hand) in before.items()
    }
    assert office.prices() == expected
    office.undo()
    assert office.prices() == before, "the former prices, and those that had none have none"


def test_ticked_films_alone_and_a_new_price_shows_at_once(office: Office) -> None:
    public = office.client.get(f"/films/{BATMAN[0]}").text
    assert "$6.99" not in public
    version = office.ask("SELECT version FROM edition")[0][0]
    page = office.post(PREVIEW, BATMAN[:1], query="batman", how="add", amount="2.10", to99="yes")
    assert "1 of 1 film would have another price" in page.text
    assert re.findall(r"\$[0-9.]+", page.text.partition("</thead>")[2]) == ["$4.99", "$6.99"]
    assert office.prices()[BATMAN[0]][0] is None, "nothing is done yet"
    office.apply(BATMAN[:1], query="batman", how="add", amount="2.10", to99="yes")
    assert {film for film, (own, _) in office.prices().items() if own == Decimal("6.99")} == {BATMAN[0]}
    assert "$6.99" in office.client.get(f"/films/{BATMAN[0]}").text
    assert office.ask("SELECT version FROM edition") == [(version + 1,)], "one new edition"
    entry = office.ask("SELECT title, after FROM audit_entry WHERE action = 'prices.change' ORDER BY id DESC LIMIT 1")
    assert entry == [("$2.10 more to .99", {"films": 1})]


def test_what_changed_meanwhile_is_said_and_shown_anew(office: Office) -> None:
    page = office.post(PREVIEW, BATMAN, how="add", amount="1")
    (version,) = re.findall(r'name="version" value="(\d+)"', page.text)
    office.client.post(f"/admin/films/{BATMAN[0]}/price", data={"price": "8.00", "query": ""})
    response = office.post(AT, BATMAN, how="add", amount="1", version=version)
    assert response.status_code == 400
    assert "Films or prices have changed meanwhile" in response.text
    assert "$9.00" in response.text
    assert office.prices()[BATMAN[0]][0] == Decimal("8.00")
    (again,) = re.findall(r'name="version" value="(\d+)"', response.text)
    assert office.post(AT, BATMAN, how="add", amount="1", version=again).status_code == 303
    assert office.prices()[BATMAN[0]][0] == Decimal("9.00")


def test_what_was_changed_since_is_left_and_said(office: Office) -> None:
    office.apply(BATMAN, how="set", amount="3")
    office.client.post(f"/admin/films/{BATMAN[1]}/price", data={"price": "7.00", "query": ""})
    text = office.undo()
    assert "1 film: the former price is back. 1 film changed since then, and left as they are: " in text
    assert [office.prices()[film][0] for film in BATMAN] == [None, Decimal("7.00")]
    assert "Nothing was undone." in office.undo(), "once"


@pytest.mark.parametrize(
    ("how", "amount", "said"), [("subtract", "5", "less than nothing"), ("add", "999999", "more than a price can be")]
)
def test_what_is_no_price_is_refused(office: Office, how: str, amount: str, said: str) -> None:
    before = office.prices()
    page = office.post(PREVIEW, BATMAN, how=how, amount=amount)
    assert page.status_code == 400
    assert said in page.text
    assert 'name="version"' not in page.text
    version = office.ask("SELECT version FROM edition")[0][0]
    assert office.post(AT, BATMAN, how=how, amount=amount, version=str(version)).status_code == 400
    assert office.prices() == before


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"how": "", "amount": "1"}, "how"), ({"how": "double", "amount": "1"}, "how"), ({"how": "keep"}, "how"),
        ({"how": "set", "amount": ""}, "amount"), ({"how": "add", "amount": "-1"}, "amount"),
        ({"how": "raise", "amount": "0"}, "amount"), ({"how": "lower", "amount": "100.01"}, "amount"),
        ({"how": "raise", "amount": "1e3"}, "amount"), ({"how": "raise", "amount": "\u0661"}, "amount"),
        ({"how": "set", "amount": "9" * 40}, "amount"),
    ],
)  # fmt: skip
def test_a_form_that_is_wrong_is_shown_again_as_it_was_filled_in(
    office: Office, fields: dict[str, str], named: str
) -> None:
    for path in (PREVIEW, AT):
        response = office.post(path, BATMAN[:1], query="batman", version="1", **fields)
        assert response.status_code == 400
        assert f'href="#{named}"' in response.text
        assert len(re.findall(r'value="tt0372784" checked', response.text)) == 1
        assert 'name="query" value="batman"' in response.text
        assert not fields.get("amount") or f'value="{fields["amount"]}"' in response.text


def test_what_else_is_sent_is_never_an_error_of_ours(office: Office) -> None:
    for data in ({"change": "x"}, {"change": "9" * 30}, {}):
        assert office.client.post(UNDO, data=data).status_code == 303
    for query in ("yearFrom=x", "genreId=0", "own=x", "query=%00", "yearFrom=1&yearFrom=2"):
        response = office.client.get(f"{AT}?{query}")
        assert response.status_code == 400
    assert office.post(PREVIEW, ["nothing", "x" * 500], how="set", amount="1").status_code == 200
    assert office.client.get(f"{AT}?query=%3Cb%3E&genreId=999999").status_code == 200

"""Takings and the books: random orders, reckoned once more in plain Python; and nobody but owners sees them."""

import csv
import io
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.current_edition import connect
from tests.users import open_account, session_of, visitor

from filmer.importing import csv_table
from filmer.office import takings_queries
from filmer.office.takings import Period, percent

FIRST, DAYS = date(2025, 11, 1), 122  # to the end of February
TITLES = ["=1+1", "@SUM(A1)", "-", "+49", "\tTab", "'=x", '"Quoted", with a comma', "Amélie <b>", "A\r\nB"]
AT = "/admin/takings"


class Line(NamedTuple):
    film: str
    title: str
    quantity: int
    price: Decimal


class Order(NamedTuple):
    """``sold``: None where it was never paid. ``cancelled``: with what is or was to be given back."""

    id: int
    sold: datetime | None
    cancelled: datetime | None
    lines: list[Line]

    @property
    def total(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))


class Books(NamedTuple):
    url: str
    orders: list[Order]
    genres: dict[str, list[str]]
    owner: httpx.Client
    clerk: httpx.Client


def moment(draw: random.Random, after: datetime) -> datetime:
    """Some at midnight itself, and the second before."""
    day = datetime(after.year, after.month, after.day, tzinfo=UTC) + timedelta(days=draw.randrange(40))
    return max(after, day + timedelta(seconds=draw.choice([0, 86_399, draw.randrange(86_400)])))


def draw_order(draw: random.Random, number: int, films: list[str]) -> tuple[Order, str, datetime]:
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=draw.randrange(DAYS))
    placed = min(moment(draw, start), datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    payment = draw.choice(["counter", "card on file 4242", "pi_x", "nothing to pay"])
    paid = draw.choice([None, moment(draw, placed)]) if payment == "counter" else placed
    lines = [
        Line(film, draw.choice(TITLES), draw.randint(1, 3),
             Decimal(0) if payment == "nothing to pay" else Decimal(draw.randint(0, 2000)) / 100)
        for film in draw.sample(films, draw.randint(1, 3))
    ]  # fmt: skip
    cancelled = moment(draw, paid or placed) if draw.random() < 0.3 else None
    return Order(number, paid, cancelled, lines), payment, placed


def insert(conn: psycopg.Connection, order: Order, payment: str, placed: datetime, account: int) -> None:
    conn.execute(
        "INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured)"
        " VALUES (%s, %s, %s, %s, %s, %s, '', %s, %s)",
        [order.id, account, placed, placed, len(order.lines), order.total, payment, order.sold],
    )
    for place, line in enumerate(order.lines, 1):
        conn.execute(
            "INSERT INTO order_line (id, order_id, place, film_id, title, quantity, price)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [order.id * 10 + place, order.id, place, *line],
        )
    if order.cancelled:
        amount = order.total if order.sold else 0
        conn.execute(
            "INSERT INTO cancellation (order_id, reason, cancelled, amount, refund, answered)"
            " VALUES (%s, '', %s, %s, %s, %s)",
            [order.id, order.cancelled, amount, *(("failed", order.cancelled) if amount else ("not requested", None))],
        )


@pytest.fixture(scope="module")
def books(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Books]:
    draw, url = random.Random(20), make_database(films=True)
    server = serve_here(url, FILMER_CURRENCY="EUR").client
    people = [open_account(url, role=role) for role in ("admin", "clerk")]
    with connect(url) as conn:
        genres = {row[0]: row[1] for row in conn.execute("SELECT id, genres FROM film ORDER BY id LIMIT 9")}
        drawn = [draw_order(draw, number, [*genres, "gone"]) for number in range(1, 301)]
        for order, payment, placed in drawn:
            insert(conn, order, payment, placed, people[0].id)
    with closing(visitor(server)) as owner, closing(visitor(server)) as clerk:
        for client, person in zip((owner, clerk), people, strict=True):
            client.cookies.update(session_of(url, person))
        yield Books(url, [order for order, _, _ in drawn], genres, owner, clerk)


def sums(books: Books, period: Period, key: str) -> dict[object, list[Decimal]]:
    """By day, month, film or genre: what was sold, and what was refunded."""
    found: dict[object, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for order in books.orders:
        for place, at in enumerate((order.sold, order.cancelled if order.sold else None)):
            if at is None or not period.first <= at.date() <= period.last:
                continue
            for line in order.lines:
                names: dict[str, list[Any]] = {
                    "day": [at.date()], "month": [at.date().replace(day=1)], "film": [line.film],
                    "genre": books.genres.get(line.film) or [takings_queries.NO_GENRE],
                }  # fmt: skip
                for name in names[key]:
                    found[name][place] += line.price * line.quantity
    return found


PERIODS = [
    Period(date(2026, 1, 1), date(2026, 1, 31)),
    Period(date(2025, 12, 17), date(2026, 2, 3)),
    Period(date(2026, 2, 28), date(2026, 2, 28)),
    Period(date(2025, 12, 1), date(2026, 1, 31)),
]


def amount(text: str) -> Decimal:
    return Decimal(re.sub(r"[^0-9.-]", "", text))


def rows_of(page: str) -> dict[str, list[str]]:
    """The cells of the table, by what its first names: a day, a film's id or title, a genre."""
    found = {}
    for head, cells in re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page, re.DOTALL):
        name = re.search(r'datetime="([^"]+)"|href="/films/([^"]+)"', head)
        found[(name[1] or name[2]) if name else head] = re.findall(r"<td[^>]*>(.*?)</td>", cells)
    return found


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("by", ["day", "month", "film", "genre"])
def test_sums_are_those_of_plain_python(books: Books, period: Period, by: str) -> None:
    expected, before = sums(books, period, by), sums(books, period.before, by)
    response = books.owner.get(AT, params={"by": by, "since": str(period.first), "until": str(period.last)})
    assert response.status_code == 200
    shown = rows_of(response.text)
    got = {name: (amount(cells[2]), amount(cells[1])) for name, cells in shown.items()}
    wanted = {str(name): (sold - refunded, refunded) for name, (sold, refunded) in expected.items()}
    if by in {"film", "genre"}:
        assert got == wanted
        then = {str(name): sold - refunded for name, (sold, refunded) in before.items()}
        assert {name: amount(cells[3]) for name, cells in shown.items()} == {name: then.get(name, 0) for name in shown}
    else:
        assert len(got) == (period.days if by == "day" else 3 if period is PERIODS[1] else period.months or 1)
        assert got == dict.fromkeys(got, (0, 0)) | wanted, "also those on which nothing was sold"
    now, was = (
        sum((sold - refunded for sold, refunded in sums(books, span, "day").values()), Decimal(0))
        for span in (period, period.before)
    )
    text = " ".join(re.sub(r"<[^>]+>", "", response.text).split())
    assert amount(re.findall(r"([^ ]+) from [0-9,]+ order", text)[0]) == now
    assert amount(re.findall(r"on, it was (.+?): now", text)[0]) == was
    word = "more" if now > was else "less"
    assert re.findall(r"now it is .*?([0-9.,]+) (more|less)", text) == [(f"{abs(now - was):,.2f}", word)]


def test_the_books_are_the_database(books: Books) -> None:
    period = Period(FIRST, date(2026, 2, 28))
    response = books.owner.get("/admin/takings.csv", params={"since": str(period.first), "until": str(period.last)})
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["cache-control"] == "no-store"
    table = list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))
    got = sorted(
        (row["date"], int(row["number"]), row["kind"], int(row["line"]), row["film"],
         csv_table.plain(row["title"]), int(row["quantity"]), Decimal(row["price"]), Decimal(row["net"]))
        for row in table
    )  # fmt: skip
    wanted = [
        (str(at.date()), order.id, kind, place, *line, sign * line.price * line.quantity)
        for order in books.orders
        for kind, at, sign in (
            ("sale", order.sold, 1), ("refund", order.cancelled if order.sold and order.total else None, -1),
        )
        if at and at.date() <= period.last
        for place, line in enumerate(order.lines, 1)
    ]  # fmt: skip
    assert got == sorted(wanted)
    assert {row["currency"] for row in table} == {"EUR"}
    assert [row["date"] for row in table] == sorted(row["date"] for row in table)
    assert not [cell for row in table for cell in (row["title"], row["film"]) if cell[:1] in set("=+-@\t\r")]
    assert sum(row[-1] for row in got) == sum((s - r for s, r in sums(books, period, "day").values()), Decimal(0))


@pytest.mark.parametrize("path", [AT, f"{AT}.csv"])
def test_clerks_see_neither_takings_nor_books(books: Books, path: str) -> None:
    assert books.clerk.get(path).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["by=x", "since=x", "since=2026-02-30", "until=%00", "since=2026-02-01&until=2026-01-01", "since=0001-01-01",
     "until=9999-12-31", "since=20260101", "since=2024-01-01&until=2026-01-01", "since=1990-01-01", "by=day&by=day"],
)  # fmt: skip
def test_what_is_asked_for_wrongly_is_shown_again(books: Books, query: str) -> None:
    response = books.owner.get(f"{AT}?{query}")
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    value = httpx.QueryParams(query).get("since", "")
    is_day = len(value) == 10 and value != "2026-02-30"  # nothing else can be shown in a field for days
    assert not value or (f'value="{value}"' in response.text) == is_day
    if "2024" not in query and "by=" not in query:
        assert books.owner.get(f"{AT}.csv?{query}").status_code == 400


def test_a_period_without_anything(books: Books) -> None:
    for by in ("day", "month", "film", "genre"):
        text = books.owner.get(f"{AT}?by={by}&since=2001-02-01&until=2001-02-28").text
        assert "now it is <strong>the same</strong>" in text
    assert books.owner.get(f"{AT}.csv?since=2001-02-01&until=2001-02-28").text.count("\r\n") == 1


def test_the_period_before() -> None:
    assert Period(date(2026, 3, 1), date(2026, 3, 31)).before == Period(date(2026, 2, 1), date(2026, 2, 28))
    assert Period(date(2026, 1, 1), date(2026, 12, 31)).before == Period(date(2025, 1, 1), date(2025, 12, 31))
    assert Period(date(2026, 1, 1), date(2026, 1, 2)).before == Period(date(2025, 12, 30), date(2025, 12, 31))
    assert [percent(Decimal(now), Decimal(before)) for now, before in ((3, 2), (1, 3), ("1.005", 1), (1, 0))] == [
        50, -67, 1, None,
    ]  # fmt: skip

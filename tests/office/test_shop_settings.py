"""The page of settings: the shop's name, colours, currency, locale, contact and hours, shown everywhere at once."""

import io
import re
import time
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import in_database
from tests.machine import at_most
from tests.server_processes import eventually
from tests.users import open_account, session_of, visitor

from filmer.office.colours import Accent

HOSTILE = """</script><script>alert(1)</script>'"><img src=x onerror=alert(1)>{{7*7}}"""
DASH = "\N{EN DASH}"


class Shop:
    """A shop on two nodes, and its owner's browser on the first."""

    def __init__(self, url: str, serve_here: ServeHere, nodes: int = 2, **settings: str) -> None:
        self.url = url
        self.visitors = [serve_here(url, **settings).client for _ in range(nodes)]
        self.owner = visitor(self.visitors[0])
        self.close = self.owner.close
        self.owner.cookies.update(session_of(url, open_account(url, role="admin")))

    def save(self, **fields: str) -> httpx.Response:
        return self.owner.post("/admin/settings", data=fields)

    def saved(self, **fields: str) -> None:
        response = self.save(**fields)
        assert response.status_code == 303, said(response)

    def get(self, path: str) -> str:
        return self.visitors[0].get(path).text

    def everywhere(self, path: str, expected: str) -> None:
        for client in self.visitors:
            assert eventually(lambda client=client: expected in client.get(path).text), path  # type: ignore[misc]

    def log(self, action: str) -> list[tuple[Any, ...]]:
        async def read(conn: Any) -> list[tuple[Any, ...]]:
            cursor = await conn.execute("SELECT before, after FROM audit_entry WHERE action = %s ORDER BY id", [action])
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
            return rows

        found: list[tuple[Any, ...]] = in_database(self.url, read)
        return found


def said(response: httpx.Response) -> str:
    """The errors on a page."""
    return unescape(" ".join(re.findall(r'class="(?:error|form-failure)"[^>]*>(.*?)</p>', response.text, re.DOTALL)))


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Shop]:
    with closing(Shop(make_database(films=True), serve_here)) as shop:
        yield shop


@pytest.fixture(autouse=True)
def _as_it_was(shop: Shop) -> Iterator[None]:
    """On both nodes. Each node takes over everything at once, so it has forgotten the rest when it shows a new name."""
    yield
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    fields = dict.fromkeys(("name", "accent", "currency", "locale", "address", "email", "phone", *days), "")
    shop.saved(**fields | {"name": "Forgotten"})
    shop.everywhere("/", "<title>Forgotten")
    shop.saved(name="")
    shop.everywhere("/", "<title>filmer")


def test_a_name_shows_on_every_node_at_once(shop: Shop) -> None:
    assert "<title>filmer" in shop.get("/")
    shop.saved(name="Kino & Co")
    begun = time.monotonic()
    shop.everywhere("/manifest.webmanifest", '"Kino & Co"')
    at_most(2, since=begun)
    shop.everywhere("/", "<title>Kino &amp; Co")
    shop.everywhere("/films/tt0111161", '<meta property="og:site_name" content="Kino &amp; Co">')
    for client in shop.visitors:
        assert client.get("/manifest.webmanifest").json()["name"] == "Kino & Co"
        assert "· Kino &amp; Co</title>" in client.get("/nothing").text
    assert shop.log("shop.settings")[-1] == ({}, {"name": "Kino & Co"})


def test_only_what_was_sent_changes_and_nothing_is_logged_where_nothing_did(shop: Shop) -> None:
    shop.saved(name="Kino", monday="10-12")
    entries = len(shop.log("shop.settings"))
    shop.saved(name="Kino")
    assert len(shop.log("shop.settings")) == entries
    shop.saved(phone="+49 30 123")
    shop.everywhere("/about", f"10:00{DASH}12:00")
    assert "<h1>Kino</h1>" in shop.get("/about")


def test_a_colour_comes_with_its_tint_for_the_night(shop: Shop) -> None:
    assert "shop.css" not in shop.get("/")
    shop.saved(accent="#006400")
    shop.everywhere("/", "/static/shop.css?v=")
    address = re.findall(r'href="(/static/shop\.css\?v=\w+)"', shop.get("/"))[0]
    style = shop.visitors[0].get(address)
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]
    assert "--accent:#006400;" in style.text
    assert "prefers-color-scheme:dark" in style.text
    assert not re.findall(r"[^#;:{}()@a-z0-9\s-]", style.text), "nothing but colours"
    shop.saved(accent=Accent().colour.upper())
    assert eventually(lambda: "shop.css" not in shop.get("/")), "the colour a shop begins with is none of its own"


def test_a_colour_too_light_is_refused_with_one_that_would_do(shop: Shop) -> None:
    response = shop.save(accent="#ffff99", name="Typed and kept")
    assert response.status_code == 400
    assert (
        "This is too light to be read on a page: its contrast is 1.1 to 1, and must be 4.5. #6a6a00 would do."
        in said(response)
    )
    assert 'value="Typed and kept"' in response.text
    assert "Typed and kept" not in shop.get("/")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "x" * 61, "1 to 60 characters"),
        ("name", "two\nlines", "in one line"),
        ("accent", "red;}body{display:none", "must be a colour"),
        ("currency", "XYZ", "one of the list"),
        ("currency", "€", "one of the list"),
        ("locale", "xx-YY", "such as de-DE"),
        ("email", "nobody", "e-mail address"),
        ("phone", "javascript:alert(1)", "such as +49"),
        ("address", "x" * 501, "at most 500"),
        ("address", "a\u202eb", "at most 500"),
        ("sunday", "always", "must be times"),
        ("name", "a\x00b", "U+0000"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(shop: Shop, field: str, value: str, reason: str) -> None:
    response = shop.save(**{field: value})
    assert response.status_code == 400
    assert reason in unescape(response.text)
    assert shop.owner.post("/admin/settings", content=f"{field}=a&{field}=b", headers=FORM).status_code == 400


FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_money_and_dates_are_written_as_in_the_locale(shop: Shop) -> None:
    shop.saved(locale="de-DE", currency="EUR")
    shop.everywhere("/films/tt0111161", "4,99\N{NO-BREAK SPACE}€")
    page = shop.get("/films/tt0111161")
    assert '<html lang="en">' in page
    assert '"priceCurrency": "EUR"' in page
    assert re.search(r'</span> \d,\d<span class="visually-hidden"> of 10', page), "ratings too"
    assert re.search(r'<span lang="de-DE">\d+\. \w+ \d{4}</span>', shop.owner.get("/admin").text)
    api = shop.visitors[0].get("/api/v1/movies/tt0111161").text
    assert '"price":4.99' in api.replace(" ", "") or "price" not in api


def test_prices_are_typed_as_in_the_locale(shop: Shop) -> None:
    shop.saved(locale="de-DE", currency="EUR")
    address = "/admin/films/tt0111161/price"
    for typed, shown in (("1.234,50", "1.234,50"), ("3,5 €", "3,50")):
        assert shop.owner.post(address, data={"price": typed}).status_code == 303
        shop.everywhere("/films/tt0111161", f"{shown}\N{NO-BREAK SPACE}€")
        assert f'value="{shown.replace(".", "")}"' in shop.owner.get("/admin/films?query=shawshank").text
    for typed in ("4.99", "1.234", "gratis"):
        response = shop.owner.post(address, data={"price": typed, "query": "shawshank"})
        assert response.status_code == 400
        assert "write an amount such as 4,99" in said(response)
        assert f'value="{typed}"' in response.text


def test_contact_and_hours_are_shown_to_people_and_programs(shop: Shop) -> None:
    shop.saved(name="Kino")  # what other tests said of it is gone
    shop.everywhere("/about", "Not found")
    shop.saved(
        name="Kino", address="Main Street 1\n10115 Berlin", email="hello@kino.example", phone="+49 (30) 123",
        monday="10-13, 14-18", saturday="10-24",
    )  # fmt: skip
    shop.everywhere("/", '<a href="/about">About the shop</a>')
    shop.everywhere("/about", f"10:00{DASH}13:00, 14:00{DASH}18:00")
    page = shop.get("/about")
    assert page.count("<dd>closed</dd>") == 5
    assert 'href="tel:+4930123"' in page
    assert "Main Street 1, 10115 Berlin" in page.partition("<footer")[2]
    (described,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    store = httpx.Response(200, text=described).json()
    assert (store["@type"], store["name"], store["telephone"]) == ("Store", "Kino", "+49 (30) 123")
    assert [hours["closes"] for hours in store["openingHoursSpecification"]] == ["13:00", "18:00", "23:59"]


def test_hostile_words_stay_words(shop: Shop) -> None:
    name = "</script><img src=x onerror=alert(1)>'\"{{7*7}}&"
    shop.saved(name=name, address=HOSTILE)
    shop.everywhere("/about", "7*7")
    for path in ("/", "/about", "/films/tt0111161", "/nothing", "/sign-in"):
        page = shop.get(path)
        assert "<img src=x" not in page
        assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;|\\u003c.*?\\u003e", "", page)
        assert "49" not in re.findall("<title>(.*?)</title>", page)[0]
    assert "<img src=x" not in shop.owner.get("/admin/settings").text
    assert shop.visitors[0].get("/manifest.webmanifest").json()["name"] == name
    icon = shop.visitors[0].get("/static/icon-192.png")
    assert Image.open(io.BytesIO(icon.content)).size == (192, 192)


def picture(size: tuple[int, int] = (800, 400), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "#123456").save(file, kind)
    return file.getvalue()


def test_a_mark_becomes_the_icon_on_every_node(shop: Shop) -> None:
    before = shop.visitors[1].get("/static/icon-192.png").content
    response = shop.owner.post("/admin/settings/mark", files={"mark": ("m.png", picture())})
    assert response.status_code == 303, said(response)
    shop.everywhere("/", 'class="mark"')
    page = shop.get("/")
    assert re.search(r'<img class="mark" src="/static/mark\.webp\?v=\w+" width="512" height="256" alt="">', page)
    for client in shop.visitors:
        drawn = Image.open(io.BytesIO(client.get("/static/icon-192.png").content)).convert("RGBA")
        assert drawn.getpixel((96, 96)) == (0x12, 0x34, 0x56, 255)
        assert client.get("/static/icon-192.png").content != before
        assert Image.open(io.BytesIO(client.get("/static/mark.webp").content)).size == (192, 96)
        assert [icon["type"] for icon in client.get("/manifest.webmanifest").json()["icons"]] == ["image/png"] * 4
        assert client.get("/favicon.ico").content[:4] == b"\x00\x00\x01\x00"
    assert shop.log("shop.mark")
    assert shop.owner.post("/admin/settings/mark/remove").status_code == 303
    assert eventually(lambda: 'class="mark"' not in shop.visitors[1].get("/").text)
    assert shop.visitors[0].get("/static/mark.webp").status_code == 404


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "Choose a picture first"), (b"<svg onload=alert(1)>", "not a picture that can be read"),
     (picture()[:60], "damaged|not a picture")],
)  # fmt: skip
def test_what_is_no_picture_is_refused(shop: Shop, data: bytes, reason: str) -> None:
    response = shop.owner.post("/admin/settings/mark", files={"mark": ("m.png", data)})
    assert response.status_code == 400
    assert re.search(reason, said(response))
    assert 'class="mark"' not in shop.get("/")


def test_the_currency_stays_once_there_are_orders(make_database: MakeDatabase, serve_here: ServeHere) -> None:
    with closing(Shop(make_database(films=True), serve_here, nodes=1)) as shop:
        in_database(shop.url, _order)
        assert "The orders so far were in the currency" in shop.owner.get("/admin/settings").text
        response = shop.save(currency="EUR")
        assert response.status_code == 400
        assert "their amounts stay as they are" in said(response)
        shop.saved(currency="EUR", sure="yes")
        assert "There are orders in it, so it stays." in unescape(shop.owner.get("/admin/settings").text)
        response = shop.save(currency="USD", sure="yes")
        assert response.status_code == 400
        assert "stays EUR: there are orders in it" in said(response)


async def _order(conn: Any) -> None:
    await conn.execute(
        "INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment)"
        " SELECT 1, min(id), now(), now(), 1, 5, '', 'counter' FROM account"
    )


def test_the_environment_wins_and_the_form_says_so(make_database: MakeDatabase, serve_here: ServeHere) -> None:
    settings = {"FILMER_SHOP_NAME": "Set Kino", "FILMER_CURRENCY": "CHF", "FILMER_LOCALE": "de-CH"}
    with closing(Shop(make_database(films=True), serve_here, nodes=1, **settings)) as shop:
        page = shop.owner.get("/admin/settings").text
        for variable in settings:
            assert f"Set by <code>{variable}</code>" in page
        for field in ("name", "currency", "locale"):
            assert f'name="{field}"' not in page
        shop.saved(name="Other", currency="EUR", locale="en-US", phone="+41 44 1234")
        shop.everywhere("/films/tt0111161", "CHF\N{NO-BREAK SPACE}4.99")
        assert "<title>Set Kino" in shop.get("/")

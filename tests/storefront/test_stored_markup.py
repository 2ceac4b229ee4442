"""Whatever people type is text wherever it shows: on all pages, in mails, in files for spreadsheets. Never live.

The fields are found, not listed: those of all forms that a crawl meets, of the structs that forms and bodies are read
with, of films, videos and columns of imports. A field that is typed nowhere here, and has no reason below, fails.
"""

import csv
import importlib
import io
import itertools
import pkgutil
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from msgspec import inspect
from tests.browser.storefront import aside
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import in_database
from tests.layers import framework_of
from tests.mail.test_letters import LINKS
from tests.server_in_thread import ServerInThread
from tests.users import CARD, PASSWORD, open_account, put_card, session_of, visitor

import filmer
from filmer.accounts.schemas import Role, User
from filmer.http.body import Body
from filmer.http.query import Query
from filmer.importing.owner_films import COLUMNS
from filmer.mail.letters import Letters
from filmer.mail.queries import select_mails
from filmer.storefront.office import film_form, film_videos

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(300)]
FILM, OTHER, THIRD = "tt0111161", "tt0372784", "tt0468569"
# Fields that nobody can type on a page, and where else they are tried.
ELSEWHERE = {
    "holderFirstName": "Stripe's form, which this shop does not have: tests/shop has it",
    "holderLastName": "as holderFirstName",
    "isSeries": "the API's, a boolean", "season": "the API's, a number", "episode": "the API's, a number",
    "position": "the API's, a number", "duration": "the API's, a number",
    "orderId": "the API's, a number", "movie_id": "a number in a hidden field", "movieId": "an id in a hidden field",
    "role": "one of a list", "kind": "one of a list", "sure": "shown where the currency of orders is changed",
    "expires": "one of a list", "rating": "one of a list", "currency": "one of a list", "locale": "one of a list",
}  # fmt: skip
# Typed, but shown to nobody: secrets, known names, numbers and days of which only a sentence says that they are none.
UNSEEN = {"password", "current", "creditCardId", "quantity", "seen_on", "a browser's name"}
NO_PAGES = ("/static", "/posters", "/docs", "/openapi.json", "/account/data", "/admin/takings.csv", "/sitemap")
OF_A_KIND = 1


class Typist:
    """Makes what is typed: each text has a number, by which it is known again."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.seen: set[int] = set()

    def text(self, name: str, most: int = 1000) -> str:
        number = len(self.names) + 1
        self.names[number] = name
        texts = (
            f"=1+1<img src=x onerror=alert({number})>\"'><script>alert({number})</script>{{{{7*7}}}}javascript:x()",
            f"=<img src=x onerror=alert({number})>\"'>",
            f"=<b on=alert({number})>",
            f"\"'<b>({number})",
        )
        return next(text for text in texts if len(text) <= most)

    def email(self, name: str) -> str:
        number = len(self.names) + 1
        self.names[number] = name
        return f"='onx=1{{{{7*7}}}}+{number}@example.com"

    def read(self, text: str) -> None:
        """Notes what is seen of it."""
        plain = unescape(unescape(text))
        self.seen |= {
            int(number) for number in re.findall(r"alert\((\d+)\)|<b>\((\d+)\)", plain) for number in number if number
        }
        self.seen |= {int(number) for number in re.findall(r"\{\{7\*7\}\}\+(\d+)@", plain)}


class Page(HTMLParser):
    """A page's links and forms, and what on it is live that nobody of us wrote."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, bool, dict[str, str], list[str]]] = []  # address, has a file, fields, those typed
        self.live = [f"an unescaped {text!r}" for text in ("<img src=x", "<script>alert", "<b on=") if text in html]
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        for name, value in attributes.items():
            address = re.sub(r"[\s\x00-\x1f]", "", value).lower()
            is_live = name in {"href", "src", "action", "formaction", "poster"} and not address.startswith(
                ("/", "#", "?", "http", "mailto:", "tel:", "data:image/")
            )
            if name.startswith("on") or not re.fullmatch("[a-z][a-z0-9_-]*", name) or (is_live and address):
                self.live.append(f"<{tag} {name}={value!r}>")
        if (
            tag == "script"
            and not attributes.get("src", "").startswith("/static/")
            and attributes.get("type") != "application/ld+json"
        ):
            self.live.append(f"<script {attributes}>")
        if tag == "a" and "download" not in attributes:
            self.links.append(attributes.get("href", ""))
        elif tag == "form" and attributes.get("method") == "post":
            self.forms.append((attributes.get("action", ""), "enctype" in attributes, {}, []))
        elif tag == "form":
            self.forms.append(("", False, {}, []))
        elif tag in {"input", "textarea", "select"} and self.forms and "name" in attributes:
            self._field(tag, attributes)

    def _field(self, tag: str, attributes: dict[str, str]) -> None:
        _, _, fields, typed = self.forms[-1]
        kind = attributes.get("type", "text") if tag == "input" else tag
        if kind in {"text", "search", "email", "tel", "textarea", "password", "number", "date", "color"}:
            typed.append(attributes["name"])
        elif kind != "file" and (kind not in {"radio", "checkbox"} or "checked" in attributes):
            fields[attributes["name"]] = attributes.get("value", "")


class Shop(NamedTuple):
    url: str
    server: ServerInThread
    typist: Typist
    media: Path
    people: dict[str, User]
    open: ExitStack

    @property
    def origin(self) -> str:
        return str(self.server.client.base_url).rstrip("/")


class Reader:
    """Somebody's browser, which looks at every page that it gets."""

    def __init__(self, shop: Shop, who: str) -> None:
        self.shop, self.who = shop, who
        self.client = shop.open.enter_context(visitor(shop.server.client))
        self.client.headers["origin"] = shop.origin
        if who in shop.people:
            self.client.cookies.update(aside(session_of, shop.url, shop.people[who]))

    def get(self, path: str) -> Page:
        return self.look(self.client.get(path))

    def post(self, path: str, **request: Any) -> httpx.Response:
        response = self.client.post(path, headers={"referer": self.shop.origin + path}, **request)
        self.look(response)
        assert response.status_code < 500, f"{path}: {response.text}"
        if response.is_redirect:
            self.get(response.headers["location"])
        return response

    def done(self, path: str, **request: Any) -> httpx.Response:
        """As ``post``, of what has to be taken."""
        response = self.post(path, **request)
        assert response.status_code in {200, 201, 303}, f"{path}: {re.findall('error.*|failure.*', response.text)}"
        return response

    def look(self, response: httpx.Response) -> Page:
        assert response.status_code < 500, f"{response.url}: {response.text}"
        is_page = response.headers.get("content-type", "").startswith("text/html")
        page = Page(response.text if is_page else "")
        assert not page.live, f"{self.who} at {response.url}: {page.live}"
        if is_page:
            self.shop.typist.read(response.text)
        return page


@pytest.fixture(scope="module")
def shop(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    url = make_database(films=True)
    aside(put_card, url)
    media = tmp_path_factory.mktemp("media")
    server = serve_here(url, FILMER_MEDIA_DIR=str(media), FILMER_COUNTER_PAYMENTS="true")
    roles: tuple[tuple[str, Role], ...] = (("customer", "customer"), ("clerk", "clerk"), ("owner", "admin"))
    people = {name: aside(open_account, url, role=role) for name, role in roles}
    with ExitStack() as opened:
        yield Shop(url, server, Typist(), media, people, opened)


def test_nothing_that_is_typed_is_live_anywhere(shop: Shop) -> None:
    type_everything(shop)
    paths: dict[str, list[str]] = {}
    for who in ("", "customer", "clerk", "owner"):
        paths[who] = crawl(Reader(shop, who))
    ask_for_everything(shop, paths["owner"])
    letters(shop)
    files(shop)
    typist = shop.typist
    fields = {*all_fields()}
    assert fields - {*typist.names.values()} - ELSEWHERE.keys() == set(), "type these, or say why not"
    seen = {typist.names[number] for number in typist.seen}
    assert fields - seen - ELSEWHERE.keys() - UNSEEN == set(), "these are typed, and found nowhere"


def all_fields() -> Iterator[str]:
    """By name."""
    for module in pkgutil.walk_packages(filmer.__path__, "filmer."):
        if module.name.startswith(
            ("filmer.storefront.", "filmer.accounts.", "filmer.shop.", "filmer.rentals.", "filmer.community.")
        ):
            importlib.import_module(module.name)
    yield from names_of(Body)
    yield from film_form.LABELS
    yield from film_videos.LABELS
    yield from COLUMNS
    yield from ("a file's name", "a column's name", "a browser's name", "a video's name")


def names_of(base: type[Any]) -> Iterator[str]:
    """Of the fields of all structs of a kind."""
    for struct in subclasses(base):
        info = inspect.type_info(struct)
        if isinstance(info, inspect.StructType) and struct.__module__.startswith("filmer."):
            yield from (field.encode_name for field in info.fields)


def subclasses(of: type[Any]) -> Iterator[type[Any]]:
    for struct in of.__subclasses__():
        yield struct
        yield from subclasses(struct)


def type_everything(shop: Shop) -> None:
    """What is kept: each field in a way that is taken."""
    text = shop.typist.text
    nobody, customer, owner = (Reader(shop, who) for who in ("", "customer", "owner"))
    nobody.done("/api/v1/auth/register", json={"firstName": text("firstName", 50), "lastName": text("lastName", 50),
        "email": shop.typist.email("email"), "password": PASSWORD})  # fmt: skip
    named = Reader(shop, "")
    named.client.headers["user-agent"] = text("a browser's name")
    named.done("/api/v1/auth/login", json={"email": shop.people["customer"].email, "password": PASSWORD})
    customer.done("/account/name", data={"firstName": text("firstName", 50), "lastName": text("lastName", 50)})
    customer.done("/account/address", data={"email": shop.typist.email("email"), "current": PASSWORD})
    customer.done("/account/tokens", data={"name": text("name", 100), "expires": "90"})
    owner.done("/admin/customers/invite", data={"firstName": text("firstName", 50), "lastName": text("lastName", 50),
        "email": shop.typist.email("email"), "role": "customer"})  # fmt: skip
    owner.done("/admin/settings", data={"name": text("name", 60), "address": text("address", 300)})
    page = {
        "title": text("title", 80),
        "body": f"{text('body')}\n\n[link](javascript:alert(1)) ![x](javascript:alert(2))",
    }
    owner.done("/admin/pages/new", files={name: (None, value) for name, value in page.items()})
    kept = ("title", "original_title", "country", "language", "overview", "genres", "directors", "cast")
    film = {name: text(name, 100) for name in kept} | {"certificate": text("certificate", 20)}
    parts = {name: (None, value) for name, value in film.items()}
    for path in ("/admin/new-film", f"/admin/films/{FILM}"):
        owner.done(path, files=parts | {"year": (None, "1999")})
    name = text("a video's name", 60).replace("/", "") + ".mp4"
    (shop.media / name).write_bytes(b"no film")
    owner.done(f"/admin/films/{OTHER}/videos", data={"kind": "trailer", "location": name})
    buy_and_cancel(shop, customer, owner)
    bring_in(shop, owner)
    come_back(shop)


def buy_and_cancel(shop: Shop, customer: Reader, owner: Reader) -> None:
    orders = []
    for film in (FILM, THIRD, FILM):
        customer.done("/api/v1/cart/items", json={"movieId": film})
        orders.append(customer.done("/api/v1/checkout", json=CARD).json()["data"]["orderId"])
    customer.done(f"/orders/{orders[0]}/cancel", data={"reason": shop.typist.text("reason", 200)})
    owner.done(f"/admin/orders/{orders[1]}/refund", data={"reason": shop.typist.text("reason", 200)})
    customer.done("/favorites", data={"movie_id": "278"})
    customer.done("/api/v1/cart/items", json={"movieId": FILM})


def bring_in(shop: Shop, owner: Reader) -> None:
    """A file whose name, header and cells are hostile, row by row: kept where they may be, else told in its report."""
    text = shop.typist.text
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow([*COLUMNS, text("a column's name")])
    for name in COLUMNS:
        cells = {"title": f"Film of {name}"} | {name: text(name, 20 if name == "certificate" else 200)}
        rows.writerow([*(cells.get(column, "") for column in COLUMNS), "x"])
    name = text("a file's name", 100).replace("/", "").replace('"', "'")
    sent = owner.done("/admin/import", files={"file": (name, written.getvalue().encode())})
    job = sent.headers["location"]
    finish(owner, job)
    report = owner.client.get(f"{job}/report").text
    shop.typist.read(report)
    inert(report)
    owner.done(f"{job}/carry-out", data={"others": "keep"})
    finish(owner, job)


def come_back(shop: Shop) -> None:
    """A form with a file, sent when the session was over: seen again after the sign-in, with the file's name."""
    text, reader = shop.typist.text, Reader(shop, "")
    poster = (text("poster", 60).replace("/", "").replace('"', "'"), b"x")
    asked = reader.post(f"/admin/films/{THIRD}", files={"title": (None, text("title")), "poster": poster})
    fields = next(fields for address, _, fields, _ in Page(asked.text).forms if address == "/sign-in")
    welcome = reader.done("/sign-in", data=fields | {"email": shop.people["owner"].email, "password": PASSWORD})
    address, fields = next((form[0], form[2]) for form in Page(welcome.text).forms if "waiting" in form[2])
    assert "has to be chosen again" in reader.post(address, files={n: (None, v) for n, v in fields.items()}).text


def finish(owner: Reader, job: str) -> None:
    until = time.monotonic() + 60
    while "data-progress" in (response := owner.client.get(job)).text:
        assert time.monotonic() < until
        time.sleep(0.1)
    owner.look(response)
    assert "form-failure" not in response.text.partition("What it")[0], response.text[-4000:]


def crawl(reader: Reader) -> list[str]:
    """All that leads on from the first page, some of each kind; every form is sent, with nonsense in its fields."""
    routes = (
        route.path for route in framework_of(reader.shop.server.app).routes if "GET" in getattr(route, "methods", ())
    )
    queue = deque(["/", *(path for path in routes if "{" not in path and not path.startswith("/api"))])
    found, kinds, forms = list[str](), Counter[str](), set[str]()
    while queue:
        path = queue.popleft()
        if path in found or path.startswith(NO_PAGES) or "." in path.rpartition("/")[2]:
            continue
        kinds[kind_of(path)] += 1
        if kinds[kind_of(path)] > OF_A_KIND:
            continue
        found.append(path)
        page = reader.get(path)
        queue += [link.partition("#")[0] for link in page.links if link.startswith("/")]
        for address, has_file, fields, typed in page.forms:
            if address and typed and kind_of(address) not in forms:
                forms.add(kind_of(address))
                send_nonsense(reader, address, fields, typed, has_file=has_file)
    assert len(found) > (20 if reader.who else 15), found
    return found


def send_nonsense(reader: Reader, address: str, fields: dict[str, str], typed: list[str], *, has_file: bool) -> None:
    """What is refused is shown again."""
    nonsense = fields | {name: reader.shop.typist.text(name) for name in typed}
    if has_file:
        reader.post(address, files={name: (None, value) for name, value in nonsense.items()})
    else:
        reader.post(address, data=nonsense)


def kind_of(path: str) -> str:
    parts = urlsplit(path)
    names = {pair.partition("=")[0] for pair in parts.query.split("&")}
    return f"{re.sub('/[^/]*[0-9(%][^/]*', '/*', parts.path)}?{'&'.join(sorted(names))}"


def ask_for_everything(shop: Shop, paths: list[str]) -> None:
    """Every parameter of every query, at every page."""
    names = {*names_of(Query)}
    owner, nobody = Reader(shop, "owner"), Reader(shop, "")
    for path in sorted({urlsplit(path).path for path in paths}):
        for asked in (names, {"query"}):
            params = {name: shop.typist.text(f"?{name}", 150) for name in asked}
            reader = owner if path.startswith(("/admin", "/account")) else nobody
            reader.look(reader.client.get(path, params=params))


def letters(shop: Shop) -> None:
    """All mails that were written, as they would be sent. Those of every kind: tests/mail/test_letters.py."""
    ours = framework_of(shop.server.app).state["components"].shop
    letters = Letters(LINKS, ours, public_url="http://films.example", sender=(ours.name, "shop@films.example"))

    async def read(conn: Any) -> Any:
        return await select_mails(conn, ["not set up", "waiting", "failed"], size=100)

    mails = aside(in_database, shop.url, read)
    assert len(mails) >= 5
    for mail in mails:
        message = letters.message(mail)
        for part in message.walk():
            if part.get_content_type() == "text/html":
                html = part.get_content()
                assert not [live for live in Page(html).live if "http" not in live], html
            if part.get_content_maintype() == "text":
                shop.typist.read(part.get_content())
        assert not any("\n" in str(value) for value in message.values())


def files(shop: Shop) -> None:
    """No cell is a formula."""
    owner = Reader(shop, "owner")
    for kind in ("films", "orders", "members"):
        inert(owner.client.post(f"/admin/export/{kind}").text)
    inert(owner.client.get("/admin/takings.csv").text)


def inert(text: str) -> None:
    cells = list(itertools.chain.from_iterable(csv.reader(io.StringIO(text.removeprefix("\ufeff")))))
    assert not [cell for cell in cells if re.match(r"\s*[=+@\t\r]|\s*-(?![0-9.]+$)", cell)]
    assert len(cells) > 5

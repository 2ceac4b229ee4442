"""Once the shop has a name, ours stands nowhere that a visitor looks: pages, headers, files, mails."""

import re
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from importlib import resources
from pathlib import Path
from typing import get_args

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.mail.test_letters import FIELDS, LINKS, NOW
from tests.users import open_account, session_of, visitor

from filmer.accounts.schemas import Role
from filmer.mail.kinds import KINDS
from filmer.mail.letters import Letters
from filmer.mail.queries import Mail
from filmer.office.identity import ShopIdentity
from filmer.settings import Settings

NAME = "Kino & Sons"
STARTS = ("/", "/manifest.webmanifest", "/robots.txt", "/sitemap.xml", "/new-films.atom", "/nothing", "/films?page=x",
    "/favicon.ico", "/account", "/cart", "/register", "/forgotten", "/search?query=qqqq", "/films/tt0111161", "/admin",
    "/account/data", "/library", "/new-password/1.0", "/checkout",
)  # fmt: skip
FOR_DEVELOPERS = ("/docs", "/openapi.json", "/api")
MOST = 60  # pages of each kind of visitor


@pytest.fixture(scope="module")
def site(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[dict[Role | None, httpx.Client]]:
    """A browser of each role; None: of nobody."""
    url = make_database(films=True)
    server = serve_here(url, FILMER_PUBLIC_URL="http://films.example", FILMER_PAYMENT="cards,counter").client
    clients: dict[Role | None, httpx.Client] = {None: server}
    for role in get_args(Role):
        clients[role] = visitor(server)
        clients[role].cookies.update(session_of(url, open_account(url, role=role)))
    saved = clients["admin"].post("/admin/settings", data={"name": NAME, "email": "us@kino.example"})
    assert saved.status_code == 303
    clients["customer"].post("/cart/items", data={"movieId": "tt0111161", "quantity": "1"})
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("role", [None, "customer", "clerk", "admin"])
def test_no_page_that_can_be_reached_has_our_name(site: dict[Role | None, httpx.Client], role: Role | None) -> None:
    """One page of each kind: what differs only by an id is one kind."""
    waiting, wrong = list(STARTS), []
    seen: set[str] = set()
    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        kind = re.sub(r"=[^&]*|tt\d+|nm\d+|\d+", "=", path)
        if kind in seen or path.startswith(FOR_DEVELOPERS):
            continue
        seen.add(kind)
        response = site[role].get(path)
        text = response.text if response.headers.get("content-type", "").startswith(("text/", "application/")) else ""
        if role in {"clerk", "admin"}:
            text = re.sub(r"<code>filmer .*?</code>", "", text)  # commands, which are called so
        if "filmer" in f"{response.headers} {text}".lower().replace("filmer_", ""):
            wrong.append((path, re.findall(r".{0,60}filmer.{0,40}", text, re.IGNORECASE)[:2] or dict(response.headers)))
        if "<!doctype html>" in text:
            assert "Kino &amp; Sons" in re.findall("<title>(.*?)</title>", text, re.DOTALL)[0], path
            waiting += [address.replace("&amp;", "&") for address in re.findall(r'(?:href|src)="(/[^"#]*)"', text)]
        elif location := response.headers.get("location", ""):
            waiting.append(location)
    assert len(seen) > 30
    assert wrong == []


def test_no_template_has_it() -> None:
    """But for commands, which are called so."""
    folders = [resources.files("filmer.storefront") / "templates", resources.files("filmer.mail") / "templates"]
    for template in (file for folder in folders for file in Path(str(folder)).rglob("*.*")):
        text = re.sub(r"<code>filmer .*?</code>", "", template.read_text("utf-8"))
        assert "filmer" not in text.replace("filmer import brings some in", ""), template.name


def test_refusals_do_not_have_it_either(site: dict[Role | None, httpx.Client]) -> None:
    client = site[None]
    for response in (
        client.post("/cart/items", headers={"sec-fetch-site": "cross-site"}),
        client.post("/sign-in", content=b"x" * 100_000),
        client.post("/sign-in", data={"email": "nobody@example.com", "password": "wrong"}),
        client.put("/films"),
        client.get("/films/" + "x" * 9000),
    ):
        assert response.status_code >= 400
        assert "filmer" not in f"{response.headers} {response.text}".lower()


@pytest.mark.parametrize("kind", KINDS)
def test_no_mail_has_it(kind: str) -> None:
    letters = Letters(
        LINKS,
        ShopIdentity(Settings(shop_name=NAME)),
        public_url="http://films.example",
        sender=("", "us@films.example"),
    )
    mail = Mail(
        id=7, kind=kind, recipient="mary@example.com", link_id=42, fields=FIELDS.get(kind, {}), state="waiting",
        created=NOW, due=NOW, attempts=0, reason="", first_name="Mary",
    )  # fmt: skip
    message = BytesParser(policy=policy.default).parsebytes(letters.message(mail).as_bytes())
    assert message["From"] == f'"{NAME}" <us@films.example>' or NAME in str(message["From"])
    for part in message.walk():
        if part.get_content_maintype() == "text":
            assert "filmer" not in part.get_content().lower()
    assert "filmer" not in message.as_string().lower()
    html = message.get_body(("html",))
    assert html
    assert "Kino &amp; Sons" in html.get_content()

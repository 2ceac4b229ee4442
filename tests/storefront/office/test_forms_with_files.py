"""Forms with a file, sent when the session is over, or with a file that is too large: nothing is lost without a word."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from typing import Any, NamedTuple

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.raw_connections import RawConnection
from tests.server_in_thread import ServerInThread
from tests.shop.forms import form_of, text_of
from tests.users import PASSWORD, open_account, session_of, visitor

from filmer.accounts.schemas import User
from filmer.http.cookies import SESSION_COOKIE
from filmer.http.uploads import MAX_STRANGERS_FILE, MAX_STRANGERS_TEXT

FILM = "tt0111161"
MIB = 2**20


class Place(NamedTuple):
    server: ServerInThread
    owner: User
    session: dict[str, str]


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere) -> Place:
    url = make_database(films=True)
    owner = open_account(url, role="admin")
    return Place(serve_here(url), owner, session_of(url, owner))


@pytest.fixture
def browser(place: Place) -> Iterator[httpx.Client]:
    """Nobody's."""
    with closing(visitor(place.server.client)) as client:
        yield client


def post(client: httpx.Client, path: str, fields: dict[str, Any], poster: bytes | None = None) -> httpx.Response:
    """As the form's page sends it: the file last."""
    own = str(client.base_url).rstrip("/")
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    parts += [] if poster is None else [("poster", ("still life.png", poster, "image/png"))]
    return client.post(path, files=parts, headers={"origin": own, "referer": f"{own}{path}"})


def come_back(client: httpx.Client, place: Place, asked: httpx.Response) -> httpx.Response:
    """Signs in, wrongly at first, and presses the one button."""
    assert "Nothing was done yet, and what you filled in waits for you." in text_of(asked)
    form = form_of(asked, "/sign-in") | {"email": place.owner.email}
    wrong = client.post("/sign-in", data=form | {"password": "not the password"})
    assert wrong.status_code == 401
    form = form_of(wrong, "/sign-in") | {"email": place.owner.email, "password": PASSWORD}
    welcome = client.post("/sign-in", data=form)
    assert "a file has to be chosen again" in text_of(welcome)
    action = next(action for action in re.findall('action="([^"]+)"', welcome.text) if "/admin/" in action)
    return post(client, action, form_of(welcome, action))


def test_a_film_as_it_was_typed_outlives_the_session(place: Place, browser: httpx.Client) -> None:
    overview = "Två män i ett fängelse & <hopp>. " * 300
    texts = {"title": "Nyckeln till frihet", "overview": overview, "cast": "Tim Robbins\nJane New (1970)", "price": "x"}
    browser.cookies.set(SESSION_COOKIE, "A" * 43)
    asked = post(browser, f"/admin/films/{FILM}", texts, poster=bytes(3 * MIB))
    browser.cookies.delete(SESSION_COOKIE)
    assert asked.status_code == 401
    again = come_back(browser, place, asked)
    assert again.status_code == 400
    html = unescape(again.text)
    assert "This file has to be chosen again: still life.png." in html
    assert 'value="Nyckeln till frihet"' in html
    assert overview.strip() in html
    assert "Tim Robbins\nJane New (1970)" in html
    assert browser.get(f"/films/{FILM}").text.count("Nyckeln") == 0, "and nothing was saved"
    saved = post(browser, f"/admin/films/{FILM}", texts | {"price": "2.50", "shown": ""})
    assert saved.headers["location"] == f"/admin/films/{FILM}"


def test_a_page_as_it_was_typed_outlives_the_session(place: Place, browser: httpx.Client) -> None:
    body = "# Terms\n\n" + "All of them. " * 1500
    asked = post(browser, "/admin/pages/new", {"title": "Terms", "body": body, "do": "publish"})
    again = come_back(browser, place, asked)
    assert "Nothing was saved yet: please look at it, and send it once more" in text_of(again)
    assert body.strip() in unescape(again.text)
    assert browser.get("/pages/terms").status_code == 404


def test_what_waits_is_bounded_and_its_senders_own(place: Place, browser: httpx.Client) -> None:
    too_long = {"title": "x", "overview": "y" * MAX_STRANGERS_TEXT}
    asked = post(browser, f"/admin/films/{FILM}", too_long, poster=b"z")
    assert asked.status_code == 303
    assert "press the button once more" in text_of(browser.get(asked.headers["location"]))
    asked = post(browser, f"/admin/films/{FILM}", {"title": "Mine"})
    waiting = form_of(asked, "/sign-in")["waiting"]
    browser.cookies.update(place.session)
    for unwelcome in (waiting, "x", "é"):  # nobody's yet; forged
        refused = post(browser, f"/admin/films/{FILM}", {"waiting": unwelcome})
        assert (refused.status_code, "Mine" in refused.text) == (400, False)


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_who_sends_everything_before_looking_sees_the_response(place: Place, *, is_signed_in: bool) -> None:
    """As browsers do. Whoever is not signed in gets rid of as much as a film's form may have."""
    size = 24 * MIB if is_signed_in else 8 * MIB
    head = b'--x\r\ncontent-disposition: form-data; name="poster"; filename="a.png"\r\n\r\n'
    cookie = f"cookie: {SESSION_COOKIE}={place.session[SESSION_COOKIE]}\r\n" if is_signed_in else ""
    with RawConnection(place.server.port) as line:
        line.send(
            f"POST /admin/films/{FILM} HTTP/1.1\r\nhost: shop\r\n{cookie}content-type: multipart/form-data; boundary=x"
            f"\r\ncontent-length: {size + len(head)}\r\n\r\n".encode()
            + head
        )
        for _ in range(size // MIB):
            line.send(bytes(MIB))
        answer = b""
        while part := line.socket.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413" if is_signed_in else b"HTTP/1.1 401")
    assert b"connection: close" in answer.lower()
    assert not is_signed_in or b"A file may have 10 MiB here, and this one has more" in answer


def test_a_stranger_who_goes_on_and_on_is_cut_off(place: Place) -> None:
    head = b'--x\r\ncontent-disposition: form-data; name="poster"; filename="a.png"\r\n\r\n'
    sent, begun = 0, time.monotonic()
    with RawConnection(place.server.port) as line:
        line.send(b"POST /admin/new-film HTTP/1.1\r\nhost: shop\r\ncontent-type: multipart/form-data; boundary=x\r\n")
        line.send(b"content-length: %d\r\n\r\n" % 2**30 + head)
        with pytest.raises(ConnectionError):
            while time.monotonic() < begun + 20:
                line.send(bytes(MIB))
                sent += MIB
    assert sent < MAX_STRANGERS_FILE + 16 * MIB  # and what the kernels take in

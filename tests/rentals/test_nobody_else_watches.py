"""Promise 33: a rental is for whoever rented it, for as long: every actor, rental and address, at every boundary."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.figures import record_figure
from tests.rentals.conftest import LIBRARY, PICKED_UP, PROGRESS, WATCHED, RentalShop, rental_ids, states, token_of
from tests.shop.conftest import DARK_KNIGHT
from tests.users import open_account

from filmer.audit.log import command_line
from filmer.errors import NoAccess
from filmer.http.cookies import SESSION_COOKIE
from filmer.rentals.schemas import Rental

pytestmark = [pytest.mark.proof, pytest.mark.parallel]
SECOND = timedelta(seconds=1)
ACTORS = ("customer", "nobody", "signed out", "disabled", "another", "another with films", "admin")
OWNERS = {"customer"}
WITHOUT_SESSION = {"nobody", "signed out", "disabled"}


def unpaid(rentals: RentalShop) -> None:
    rentals.buy()
    fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")


def cancelled(rentals: RentalShop) -> None:
    order = rentals.buy()
    assert rentals.client().post("/api/v1/orders/cancel", json={"orderId": order}).status_code == 200


def cancelled_by_owner(rentals: RentalShop) -> None:
    order = rentals.buy()
    rentals.begin()
    cancelling = rentals.shop.component("cancelling")
    rentals.run(lambda conn: cancelling.cancel(conn, order, "", by=None, actor=command_line()))


def waiting(rentals: RentalShop, *, until_end: timedelta = timedelta(days=1)) -> None:
    rentals.buy()
    rentals.clock.move(seconds=(timedelta(days=30) - until_end).total_seconds())


def running(rentals: RentalShop, *, until_end: timedelta = timedelta(hours=1)) -> None:
    rentals.buy()
    rentals.begin()
    rentals.clock.move(seconds=(timedelta(hours=48) - until_end).total_seconds())


def picked_up(rentals: RentalShop, *, is_out: bool) -> None:
    order = rentals.buy(PICKED_UP)
    if is_out:
        rentals.counter("hand_out", rental_ids(rentals.url, order)[0])


def tidied(state: Callable[[RentalShop], None]) -> Callable[[RentalShop], None]:
    def made(rentals: RentalShop) -> None:
        state(rentals)
        rentals.tidy()

    return made


# What gives access, and what does not; the clock stands a second before a boundary, at it, and after it.
RENTALS: dict[str, tuple[Callable[[RentalShop], None], bool]] = {
    "none": (lambda _: None, False),
    "unpaid": (unpaid, False),
    "waiting": (waiting, True),
    "a second before it lapses": (lambda rentals: waiting(rentals, until_end=SECOND), True),
    "lapsing": (lambda rentals: waiting(rentals, until_end=timedelta()), False),
    "lapsed": (tidied(lambda rentals: waiting(rentals, until_end=-SECOND)), False),
    "running": (running, True),
    "a second before its end": (lambda rentals: running(rentals, until_end=SECOND), True),
    "ending": (lambda rentals: running(rentals, until_end=timedelta()), False),
    "over": (tidied(lambda rentals: running(rentals, until_end=-SECOND)), False),
    "cancelled": (cancelled, False),
    "cancelled while it ran": (cancelled_by_owner, False),
    "another film to pick up": (lambda rentals: picked_up(rentals, is_out=False), False),
    "another film that is out": (lambda rentals: picked_up(rentals, is_out=True), False),
}


def actor(rentals: RentalShop, kind: str) -> httpx.Client:
    if kind == "nobody":
        return httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1")
    if kind == "signed out":
        client = rentals.client()
        cookie = client.cookies[SESSION_COOKIE]
        assert client.post("/api/v1/auth/logout").status_code == 200
        return httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1", cookies={SESSION_COOKIE: cookie})
    if kind in {"customer", "disabled"}:
        return rentals.client()
    stranger = open_account(rentals.url, role="admin" if kind == "admin" else "customer")
    if kind == "another with films":
        rentals.buy(DARK_KNIGHT, person=stranger)
    return rentals.client(stranger)


def opens(rentals: RentalShop, token: str, *, begins: bool) -> bool:
    try:
        return bool(rentals.open_link(token, begins=begins))
    except NoAccess:
        return False


def offers(page: httpx.Response) -> bool:
    """Whether a page plays the film, or has the button that begins the rental."""
    return "/stream/" in page.text or "Start my" in page.text


@pytest.mark.parametrize("rental", RENTALS)
def test_nobody_else_and_no_longer(rentals: RentalShop, rental: str) -> None:
    make, gives_access = RENTALS[rental]
    make(rentals)
    before = states(rentals.url)
    for kind in ACTORS:
        client = actor(rentals, kind)
        if kind == "disabled":
            fetch(rentals.url, "UPDATE account SET disabled = true WHERE id = %s", rentals.person.id)
        for address in ("access", "stream"):
            response = client.get(f"{LIBRARY}/{WATCHED}/{address}")
            cell = f"{kind}, {rental}: {address} {response.status_code}"
            assert response.headers["cache-control"] == "no-store", cell
            if kind in WITHOUT_SESSION:
                assert response.status_code == 401, cell
                continue
            may = gives_access and kind in OWNERS
            if address == "access":
                assert response.json()["data"]["hasAccess"] == may, cell
            else:
                assert response.status_code == (200 if may else 403), cell
        pages = {address: client.get(address) for address in (f"/watch/{WATCHED}", "/library", f"/films/{WATCHED}")}
        if kind in OWNERS:
            assert offers(pages[f"/watch/{WATCHED}"]) == gives_access, f"{kind}, {rental}"
        else:
            assert not any(offers(page) or f"/watch/{WATCHED}" in page.text for page in pages.values()), kind
            assert client.post(f"/watch/{WATCHED}").status_code == 303, kind
        assert all(
            "no-store" in pages[address].headers["cache-control"] for address in (f"/watch/{WATCHED}", "/library")
        )
        listed = client.get(LIBRARY)
        saved = client.post(PROGRESS, json={"movieId": WATCHED, "isSeries": False, "position": 1})
        if kind in WITHOUT_SESSION:
            assert (listed.status_code, saved.status_code) == (401, 401)
        elif kind not in OWNERS:
            assert WATCHED not in listed.text, kind
            assert (saved.status_code, client.get(PROGRESS).json()["data"]) == (403, []), kind
        if kind == "disabled":
            fetch(rentals.url, "UPDATE account SET disabled = false WHERE id = %s", rentals.person.id)
    mine = [state for state in states(rentals.url) if state != "waiting"]
    assert mine == [state for state in before if state != "waiting"], "asking begins nothing"
    record_figure(f"{rental}: {len(ACTORS)} actors, 0 leaks")


# What a link and a trailer are asked for: each with a method, a header and the status of a success.
REQUESTS = {
    "film": ("HEAD", "list.m3u8", {}, 200),
    "part": ("HEAD", "low/part.ts", {}, 200),
    "range of a part": ("HEAD", "low/part.ts", {"range": "bytes=1-2"}, 206),
    "subtitles": ("HEAD", "subtitles/de.vtt", {}, 200),
    "bytes": ("GET", "list.m3u8", {}, 200),
    "bytes of a part": ("GET", "low/part.ts", {}, 200),
    "range": ("GET", "low/part.ts", {"range": "bytes=1-2"}, 206),
    "text": ("GET", "subtitles/de.vtt", {}, 200),
}  # fmt: skip


def playlist(rentals: RentalShop) -> None:
    """Makes the film one of several files, with subtitles and a trailer."""
    for name in ("list.m3u8", "low/part.ts", "de.vtt"):
        path = rentals.media / "hls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"secret")
    fetch(rentals.url, "UPDATE video SET location = 'hls/list.m3u8', subtitles = '{\"de\": \"hls/de.vtt\"}'")
    fetch(
        rentals.url,
        "INSERT INTO video (film_id, kind, location, subtitles, added)"
        " SELECT film_id, 'trailer', location, subtitles, now() FROM video",
    )


@pytest.mark.parametrize("rental", RENTALS)
def test_no_byte_goes_to_anybody_else(rentals: RentalShop, rental: str) -> None:
    """A link is minted for every actor and every rental there is, also by those to whom the API gives none."""
    make, gives_access = RENTALS[rental]
    playlist(rentals)
    make(rentals)
    links = rentals.shop.component("stream_links")
    rows = fetch(rentals.url, "SELECT id FROM rental ORDER BY id")
    rental_id = rows[0][0] if rows else 1
    player = httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1")
    cells = 0
    for kind in ACTORS:
        client = actor(rentals, kind)
        if kind == "disabled":
            fetch(rentals.url, "UPDATE account SET disabled = true WHERE id = %s", rentals.person.id)
        cookie = client.cookies.get(SESSION_COOKIE) or ""
        token, _ = links.mint(forged(rentals, rental_id), hashlib.sha256(cookie.encode()).digest())
        for what, (method, name, headers, status) in REQUESTS.items():
            before = states(rentals.url)
            response = player.request(method, f"/stream/{token}/{name}", headers=headers)
            may = gives_access and kind in OWNERS
            cell = f"{kind}, {rental}: {what} {response.status_code}"
            assert response.status_code == (status if may else 403), cell
            assert may or b"secret" not in response.content, cell
            assert may or states(rentals.url) == before, cell
            assert method == "GET" or states(rentals.url) == before, cell
            assert response.headers["cache-control"] == ("private, no-store" if may else "no-store"), cell
            trailer = player.request(method, f"/trailers/2/{name}", headers=headers)
            assert trailer.status_code == status, cell
            feature = player.request(method, f"/trailers/1/{name}", headers=headers)
            assert feature.status_code == 404, cell
            cells += 3
        if kind == "disabled":
            fetch(rentals.url, "UPDATE account SET disabled = false WHERE id = %s", rentals.person.id)
    record_figure(f"{rental}: {cells} answers with bytes or none, 0 leaks")


def forged(rentals: RentalShop, rental_id: int) -> Rental:
    """What a link of this customer's would be minted of, had the API done so: it would live for another two days."""
    now = rentals.clock.now()
    return Rental(
        rental_id, 1, rentals.person.id, WATCHED, "watch", "waiting", now, now + timedelta(days=1), None, None, None,
        None, None, 24,
    )  # fmt: skip


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("idle", timedelta(minutes=30)),
        ("rental", timedelta(minutes=5)),
        ("lapse", timedelta(minutes=5)),
        ("session", None),
        ("account", None),
        ("cancelled", None),
    ],
)
def test_a_link_ends_with_the_first_of_its_ends(
    rentals: RentalShop, end: str, left: timedelta | None, *, begins: bool
) -> None:
    if end == "rental":
        running(rentals, until_end=timedelta(minutes=5))
    elif end == "lapse":
        waiting(rentals, until_end=timedelta(minutes=5))
    else:
        rentals.buy()
    client = rentals.client()
    token = token_of(rentals.stream(client=client))
    assert opens(rentals, token, begins=False)
    if left is not None:
        rentals.clock.move(seconds=left.total_seconds() - 1)
        assert end == "idle" or opens(rentals, token, begins=False)
        rentals.clock.move(seconds=1)
    actions: dict[str, Callable[[], Any]] = {
        "session": lambda: client.post("/api/v1/auth/logout"),
        "account": lambda: fetch(rentals.url, "UPDATE account SET disabled = true WHERE id = %s", rentals.person.id),
        "cancelled": lambda: client.post(
            "/api/v1/orders/cancel", json={"orderId": fetch(rentals.url, "SELECT order_id FROM rental")[0][0]}
        ),
    }
    actions.get(end, lambda: None)()
    before = states(rentals.url)
    assert not opens(rentals, token, begins=begins)
    assert states(rentals.url) == before

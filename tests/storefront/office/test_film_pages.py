"""The office's page of a film: every field within its bounds, conflicts shown, hidden films gone from the shop."""

import io
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from html import unescape
from typing import Any, NamedTuple

import httpx
import pytest
from PIL import Image
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.current_edition import connect
from tests.server_in_thread import ServerInThread
from tests.users import CARD, open_account, put_card, signed_in, visitor

from filmer.catalogue.edition import SEEN_LOCK

FILM, OTHER, RENTED, SMALL = "tt0111161", "tt0372784", "tt0468569", "tt1375666"
UNTOUCHED = "tt0000009"  # no other test changes it
HOSTILE = '<script>alert("1")</script> & "quotes" \' {{ 7*7 }}'


class Shop(NamedTuple):
    url: str
    server: ServerInThread
    owner: httpx.Client


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Shop]:
    url = make_database(films=True)
    put_card(url)
    server = serve_here(url)
    with closing(signed_in(server.client, open_account(url, role="admin"))) as owner:
        yield Shop(url, server, owner)


def form_of(html: str) -> dict[str, Any]:
    """The fields of the film's form as a browser would send them."""
    form = html[html.index('enctype="multipart') : html.index("</form>", html.index('enctype="multipart'))]
    fields: dict[str, Any] = {
        name: unescape(value)
        for name, value in re.findall(r'<input(?: type="hidden")?(?: id="\w+")? name="(\w+)" value="([^"]*)"', form)
    }
    fields |= {
        name: unescape(text)
        for name, text in re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    }
    fields["genre"] = [unescape(value) for value in re.findall(r'name="genre" value="([^"]*)" checked', form)]
    return fields


def shown(shop: Shop, film_id: str) -> dict[str, Any]:
    return form_of(shop.owner.get(f"/admin/films/{film_id}").text)


def send(shop: Shop, film_id: str, fields: dict[str, Any], poster: bytes | None = None) -> httpx.Response:
    files = {"poster": ("poster.png", poster or b"", "application/octet-stream")} if poster else {"x": (None, "")}
    address = f"/admin/films/{film_id}" if film_id else "/admin/new-film"
    return shop.owner.post(address, data=fields, files=files)


def save(shop: Shop, film_id: str, **changes: Any) -> httpx.Response:
    response = send(shop, film_id, shown(shop, film_id) | changes)
    assert response.status_code == 303, response.text[response.text.index("<main") :][:3000]
    heard(shop)
    return response


def page(shop: Shop, path: str) -> str:
    """As somebody sees it who is not signed in."""
    with closing(visitor(shop.server.client)) as nobody:
        response = nobody.get(path)
        return f"{response.status_code} {response.text}"


def heard(shop: Shop) -> None:
    """Waits until the server has heard of the last change: from then on it answers nothing from before."""
    deadline = time.monotonic() + 30
    with connect(shop.url, autocommit=True) as conn:
        while (
            conn.execute(
                "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND objid::bigint = (SELECT version FROM edition)",
                [SEEN_LOCK],
            ).rowcount
            < 1
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def settled(shop: Shop, within: float = 30) -> float:
    """Waits until the catalogue is built anew. Returns the seconds that took."""
    begun = time.monotonic()
    while time.monotonic() < begun + within:
        with connect(shop.url) as conn:
            if conn.execute("SELECT edits = edits_built FROM edition").fetchone() == (True,):
                return time.monotonic() - begun
        time.sleep(0.02)
    raise AssertionError("the catalogue was not built anew")


def test_a_film_is_changed_shown_at_once_and_taken_back(shop: Shop) -> None:
    shop.owner.post(f"/admin/films/{FILM}/take-back")  # what other tests changed
    before = shown(shop, FILM)
    save(shop, FILM, title="Hope, Changed", year="1995", certificate="R", country="USA", language="English",
         overview="Two men\r\nand a poster.", runtime_minutes="141", release_date="1995-01-02",
         directors="Jane New (1970)", cast="Morgan Freeman (1937)\r\nJane New (1970)", genre=["Drama"],
         genres="Prison film")  # fmt: skip
    heard(shop)
    html = page(shop, f"/films/{FILM}")
    for text in ("Hope, Changed", "1995", "2 h 21 min", "Two men and a poster.", "USA", "English", ">R</span>",
                 "Prison film", "Jane New", "Morgan Freeman"):  # fmt: skip
        assert text in html, text
    assert "Tim Robbins" not in html
    movie = shop.server.client.get(f"/api/v1/movies/{FILM}").json()["data"]
    assert [star["name"] for star in movie["stars"]] == ["Morgan Freeman", "Jane New"]
    assert "Hope, Changed" in page(shop, "/search?query=hope+changed")
    office = shop.owner.get(f"/admin/films/{FILM}").text
    assert 'The import says: <span class="said">The Shawshank Redemption' in office
    assert "title" in shop.owner.get("/admin/films?only=changed").text
    save(shop, FILM, **{"back-title": "1"})
    assert shown(shop, FILM)["title"] == before["title"]
    assert shown(shop, FILM)["year"] == "1995"
    assert shop.owner.post(f"/admin/films/{FILM}/take-back").status_code == 303
    after = shown(shop, FILM)
    assert {name: after[name] for name in before if name != "shown"} == {
        name: before[name] for name in before if name != "shown"
    }


def test_a_film_that_is_saved_as_it_is_is_not_changed(shop: Shop) -> None:
    save(shop, UNTOUCHED)
    with connect(shop.url) as conn:
        assert conn.execute("SELECT FROM film_edit WHERE film_id = %s", [UNTOUCHED]).rowcount == 0


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("title", "", "must not be empty"),
        ("title", "x" * 2401, "over 2400 bytes"),
        ("original_title", "x" * 1001, "over 1000 characters"),
        ("year", "10000", "not between 0 and 9999"),
        ("year", "19x4", "not a whole number"),
        ("release_date", "31.12.1994", "not YYYY-MM-DD"),
        ("runtime_minutes", "0", "not between 1 and 100000"),
        ("certificate", "x" * 21, "over 20 characters"),
        ("country", "x" * 101, "over 100 characters"),
        ("language", "x" * 101, "over 100 characters"),
        ("overview", "x" * 100_001, "over 100000 characters"),
        ("genres", "x" * 101, "a genre of over 100 characters"),
        ("genres", "\n".join(f"g{number}" for number in range(51)), "over 50 genres"),
        ("directors", "[nm1]", "an entry that is not"),
        ("cast", "Somebody [with space]", "an entry with an id with characters"),
        ("cast", "x" * 1001, "over 1000 characters"),
        ("price", "-1", "is not understood"),
        ("price", "1.234", "has too many decimals"),
        ("startDays", "0", "must be at least 1"),
        ("hours", "99999999999", "must be at most"),
        ("copies", "two", "must be a whole number"),
    ],
)
def test_every_field_has_the_bounds_of_an_import(shop: Shop, field: str, value: str, reason: str) -> None:
    """The form comes back as it was filled in, and nothing is changed."""
    response = send(shop, OTHER, shown(shop, OTHER) | {"title": "Kept as typed", field: value})
    assert response.status_code == 400
    html = unescape(response.text)
    assert reason in html
    assert f'id="{field}-error"' in html
    assert field == "title" or form_of(response.text)["title"] == "Kept as typed"
    assert shown(shop, OTHER)["title"] == "Batman Begins"


NUL = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n\0\r\n--x--\r\n'


@pytest.mark.parametrize("body", [b"", b"--x\r\n\r\n", b"\0" * 50, NUL])
def test_what_is_no_form_is_refused(shop: Shop, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    for path in (f"/admin/films/{OTHER}", "/admin/new-film"):
        assert 400 <= shop.owner.post(path, content=body, headers=headers).status_code < 500
    for path in ("nobody", "x" * 300, "%00", "%2E%2E", "a%2Fb"):
        for ending in ("", "/hide", "/show", "/take-back", "/videos", "/videos/1/remove", "/videos/99999999999/remove"):
            assert 400 <= shop.owner.post(f"/admin/films/{path}{ending}", data={"kind": "x"}).status_code < 500


def test_two_edits_at_once_lose_nothing(shop: Shop) -> None:
    mine, theirs = shown(shop, OTHER), shown(shop, OTHER)
    assert send(shop, OTHER, theirs | {"country": "Iceland", "certificate": "12"}).status_code == 303
    assert send(shop, OTHER, mine | {"language": "English"}).status_code == 303, "another field"
    assert (now := shown(shop, OTHER))["country"] == "Iceland"
    assert (now["language"], now["certificate"]) == ("English", "12")
    refused = send(shop, OTHER, mine | {"country": "Greenland", "language": "English"})
    assert refused.status_code == 409
    assert 'Somebody else has made it: <strong class="said">Iceland' in refused.text
    again = form_of(refused.text)
    assert again["country"] == "Greenland"
    assert shown(shop, OTHER)["country"] == "Iceland"
    assert send(shop, OTHER, again).status_code == 303, "knowingly"
    assert shown(shop, OTHER)["country"] == "Greenland"


def test_markup_is_inert(shop: Shop) -> None:
    save(shop, SMALL, title=HOSTILE, overview=HOSTILE, country=HOSTILE, cast=f"{HOSTILE}\nSomebody", genres="<b>")
    for path in (f"/films/{SMALL}", f"/posters/{SMALL}"):
        assert "<script>alert" not in page(shop, path)
    assert "<script>alert" not in shop.owner.get(f"/admin/films/{SMALL}").text
    assert shown(shop, SMALL)["title"] == " ".join(HOSTILE.split())
    save(shop, SMALL)
    shop.owner.post(f"/admin/films/{SMALL}/take-back")


def test_it_is_asked_who_is_meant(shop: Shop) -> None:
    for number, born in enumerate(("1950", "1960")):
        fields = {"title": f"Namesakes {number}", "cast": f"John Twice ({born})"}
        assert send(shop, "", fields).status_code == 303
    asked = send(shop, "", {"title": "Which one", "cast": "john twice\nAnother Newcomer"})
    assert asked.status_code == 400
    assert "Who is john twice?" in asked.text
    assert "born 1950" in asked.text
    assert "Namesakes 1" in asked.text
    ids = re.findall(r'name="who:john twice" value="(\w+)"', asked.text)
    assert len(ids) == 3
    chosen = form_of(asked.text) | {"who:john twice": ids[0]}
    response = send(shop, "", chosen)
    assert response.status_code == 303
    film_id = response.headers["location"].rpartition("/")[2]
    with connect(shop.url) as conn:
        assert conn.execute("SELECT billed_ids[1] FROM film WHERE id = %s", [film_id]).fetchone() == (ids[0],)
    assert send(shop, "", {"title": "Somebody new", "cast": "John Twice", "who:John Twice": "new"}).status_code == 303
    with connect(shop.url) as conn:
        rows = conn.execute("SELECT count(*) FROM star WHERE name_folded = 'john twice'").fetchone()
    assert rows == (3,)


def test_a_new_film_opens_at_once_and_is_listed_when_the_catalogue_is_built(shop: Shop) -> None:
    fields = {"title": "Äußerst Neu", "year": "2026", "directors": "Greta Gerwig", "price": "7.77", "copies": "2"}
    response = send(shop, "", fields)
    assert response.status_code == 303, response.text
    film_id = response.headers["location"].rpartition("/")[2]
    heard(shop)
    html = page(shop, f"/films/{film_id}")
    assert "Äußerst Neu" in html
    assert "7.77" in html
    assert "2 of 2 in the shop" in html
    assert "Äußerst Neu" in page(shop, "/search?query=ausserst+neu"), "found at once"
    assert send(shop, "", fields).status_code == 409, "no second one of this title and year"
    settled(shop)
    heard(shop)
    listed = shop.server.client.get("/api/v1/movies?startsWith=A&sortBy=title").json()["data"]
    assert film_id in [item["id"] for item in listed["items"]]
    assert film_id in page(shop, "/films?order=year+desc") or film_id in page(shop, "/films")


def test_a_hidden_film_is_gone_and_its_rentals_go_on(shop: Shop) -> None:
    settled(shop)
    person = open_account(shop.url)
    with closing(signed_in(shop.server.client, person)) as customer:
        put_card(shop.url, account_id=person.id)
        customer.post("/api/v1/cart/items", json={"movieId": RENTED})
        assert customer.post("/api/v1/checkout", json=CARD).status_code in {200, 201}
        customer.post("/api/v1/cart/items", json={"movieId": RENTED})
        customer.post("/api/v1/cart/items", json={"movieId": OTHER})
        total = customer.get("/api/v1/cart").json()["data"]["totalPrice"]
        assert shop.owner.post(f"/admin/films/{RENTED}/hide").status_code == 303
        heard(shop)
        assert_gone(shop)
        added = customer.post("/api/v1/cart/items", json={"movieId": RENTED})
        changed = customer.put(f"/api/v1/cart/items/{RENTED}", json={"quantity": 2})
        paid = customer.post("/api/v1/checkout", json=CARD)
        for refused in (added, changed, paid):
            assert refused.status_code == 409
            assert refused.json()["error"]["details"]["reason"] == "Not available"
        cart = customer.get("/api/v1/cart").json()["data"]
        assert cart["totalPrice"] == total, "the cart stays"
        assert "Not available" in customer.get("/cart").text
        for path in ("/library", "/cart"):
            assert "The Dark Knight" in customer.get(path).text
            assert f'href="/films/{RENTED}"' not in customer.get(path).text, "a link to a page that there is not"
        save(shop, RENTED, hours="12", copies="7")
        with connect(shop.url) as conn:
            terms = conn.execute("SELECT hours, copies FROM rental_terms WHERE film_id = %s", [RENTED]).fetchone()
        assert terms == (12, 7), "it can still be changed"
        assert customer.get(f"/api/v1/library/{RENTED}/access").json()["data"]["hasAccess"] is True
        assert page(shop, f"/posters/{RENTED}").startswith("200")
        settled(shop)
        heard(shop)
        assert_gone(shop)
        listed = shop.server.client.get("/api/v1/movies?size=100").json()["data"]
        assert RENTED not in [item["id"] for item in listed["items"]]
        assert len(listed["items"]) == min(100, listed["totalItems"])
        assert shop.owner.post(f"/admin/films/{RENTED}/show").status_code == 303
        heard(shop)
        assert page(shop, f"/films/{RENTED}").startswith("200")
        assert customer.post("/api/v1/checkout", json=CARD).status_code in {200, 201}


def assert_gone(shop: Shop) -> None:
    assert page(shop, f"/films/{RENTED}").startswith("404")
    assert shop.server.client.get(f"/api/v1/movies/{RENTED}").status_code == 404
    for path in ("/", "/films", "/films?order=rating", "/search?query=dark+knight", "/genres/1", f"/films/{OTHER}",
                 "/api/v1/movies?size=100", "/api/v1/search/movies?query=dark+knight", "/sitemaps/1",
                 "/api/v1/search/suggestions?query=dark+kn", "/stars/nm0000288", "/api/movies/popular"):  # fmt: skip
        assert RENTED not in page(shop, path), path


def test_a_poster_of_ones_own_is_written_anew(shop: Shop) -> None:
    picture = Image.new("RGB", (3000, 1000), "#cc3311")
    exif = Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    sent = io.BytesIO()
    picture.save(sent, "JPEG", exif=exif)
    drawn = shop.server.client.get(f"/posters/{OTHER}").content
    response = send(shop, OTHER, shown(shop, OTHER), sent.getvalue())
    assert response.status_code == 303, response.text
    heard(shop)
    own = shop.server.client.get(f"/posters/{OTHER}")
    assert own.headers["content-type"] == "image/webp"
    assert b"SECRET" not in own.content
    with Image.open(io.BytesIO(own.content)) as kept:
        assert kept.width <= 800
        assert kept.height <= 1200
    for damaged in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", sent.getvalue()[:500], b"GIF89a" + b"\0" * 50):
        refused = send(shop, OTHER, shown(shop, OTHER) | {"title": "Kept", "year": "soon", "price": "much"}, damaged)
        assert refused.status_code == 400
        assert form_of(refused.text)["title"] == "Kept"
        assert set(re.findall(r'href="#(year|price|poster)"', refused.text)) == {"year", "price", "poster"}
    assert shop.server.client.get(f"/posters/{OTHER}").content == own.content
    save(shop, OTHER, **{"back-poster": "1"})
    heard(shop)
    assert shop.server.client.get(f"/posters/{OTHER}").content == drawn


def test_the_log_has_posters_and_prices(shop: Shop) -> None:
    """What was changed alone: an own poster that is replaced by another was one already."""
    (since,) = fetch(shop.url, "SELECT coalesce(max(id), 0) FROM audit_entry")[0]
    for color in ("#112233", "#332211"):
        picture = io.BytesIO()
        Image.new("RGB", (30, 40), color).save(picture, "PNG")
        assert send(shop, SMALL, shown(shop, SMALL), picture.getvalue()).status_code == 303
    save(shop, SMALL, **{"back-poster": "1"})
    save(shop, SMALL, price="7.77")
    save(shop, SMALL, **{"back-price": "1"})
    entries = fetch(
        shop.url, "SELECT action, subject_id, before, after FROM audit_entry WHERE id > %s ORDER BY id", since
    )
    assert {subject for _, subject, _, _ in entries} == {SMALL}
    posters = [(before.get("own"), after.get("own")) for action, _, before, after in entries if action == "film.poster"]
    assert posters == [(False, True), (None, None), (True, False)]
    prices = [(before["price"], after["price"]) for action, _, before, after in entries if action == "film.price"]
    assert [after for _, after in prices] == ["7.77", prices[0][0]]
    assert prices[1][0] == "7.77"


def test_a_price_by_hand_outlives_an_import(shop: Shop) -> None:
    said = shown(shop, OTHER)["price"]
    save(shop, OTHER, price="8.88")
    with connect(shop.url) as conn:
        assert conn.execute("SELECT price::text FROM film_terms WHERE film_id = %s", [OTHER]).fetchone() == ("8.88",)
    assert "8.88" in page(shop, f"/films/{OTHER}")
    save(shop, OTHER, **{"back-price": "1"})
    assert shown(shop, OTHER)["price"] == said
    save(shop, OTHER, copies="3", hours="24")
    assert (shown(shop, OTHER)["copies"], shown(shop, OTHER)["hours"]) == ("3", "24")
    save(shop, OTHER, copies="", hours="")


def test_videos_are_added_and_removed(shop: Shop) -> None:
    assert "No videos yet" in shop.owner.get(f"/admin/films/{OTHER}/videos").text
    path = f"/admin/films/{OTHER}/videos"
    for fields in ({}, {"kind": "feature", "location": "../etc/passwd.mp4"},
                   {"kind": "x", "location": "demo:/matrix.webm"},
                   {"kind": "feature", "location": "https://elsewhere.example/film.mp4"},
                   {"kind": "feature", "location": "x" * 5000 + ".mp4"},
                   {"kind": "trailer", "location": "demo:/matrix.webm", "subtitles": "=x.vtt"}):  # fmt: skip
        assert shop.owner.post(path, data=fields).status_code == 400, fields
    assert shop.owner.post(path, data={"kind": "trailer", "location": "demo:/matrix.webm"}).status_code == 303
    assert shop.owner.post(path, data={"kind": "trailer", "location": "demo:/matrix.webm"}).status_code == 409
    heard(shop)
    assert 'id="trailer"' in page(shop, f"/films/{OTHER}")
    number = re.findall(r"/videos/(\d+)/remove", shop.owner.get(path).text)[0]
    assert shop.owner.post(f"/admin/films/{FILM}/videos/{number}/remove").status_code == 404
    assert shop.owner.post(f"{path}/{number}/remove").status_code == 303
    heard(shop)
    assert 'id="trailer"' not in page(shop, f"/films/{OTHER}")


def test_every_change_is_in_the_audit_log(shop: Shop) -> None:
    save(shop, FILM, certificate="18")
    with connect(shop.url) as conn:
        row = conn.execute(
            "SELECT action, before, after FROM audit_entry WHERE subject_id = %s ORDER BY id DESC LIMIT 1", [FILM]
        ).fetchone()
    assert row == ("film.edit", {"certificate": None}, {"certificate": "18"})


def test_a_price_is_locked_before_the_edition(shop: Shop) -> None:
    """As all who set prices do: two who took them in different orders would wait for each other."""
    said = shown(shop, OTHER)
    save(shop, OTHER, price="6.66")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%film_terms%'"
    with ThreadPoolExecutor(1) as pool, connect(shop.url) as conn:
        conn.execute("SELECT FROM film_terms WHERE film_id = %s FOR UPDATE", [OTHER])
        saving = pool.submit(save, shop, OTHER, title="Locked", price="7.77")
        while not fetch(shop.url, waiting):
            assert not saving.done()
        conn.execute("SELECT FROM edition FOR UPDATE NOWAIT")
        conn.commit()
        saving.result()
    save(shop, OTHER, title=said["title"], **{"back-price": "1"})

"""/admin/counter: what waits or is out is found, handed out, taken back, written off (contract §9.1, §9.3)."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop, rental_ids, states
from tests.shop.conftest import UNDER_SCORE
from tests.shop.forms import followed, form_of, has_form, look, send, text_of
from tests.users import open_account

from filmer.accounts.schemas import User

COUNTER = "/admin/counter"
ACTIONS = ("hand-out", "take-back", "write-off")


@pytest.fixture
def admin(rentals: RentalShop) -> User:
    return open_account(rentals.url, role="admin")


def code_of(rentals: RentalShop, order: int) -> str:
    return str(fetch(rentals.url, "SELECT code FROM pickup WHERE order_id = %s", order)[0][0])


def action(rental: int, name: str) -> str:
    return f"{COUNTER}/{rental}/{name}"


def sections(page: httpx.Response) -> list[str]:
    return [" ".join(name.split()) for name in re.findall(r'<h2 id="section-\d">(.*?) <span', page.text, re.DOTALL)]


def test_from_the_order_s_code_to_the_copy_s_return(rentals: RentalShop, admin: User) -> None:
    rentals.set_copies(2)
    order = rentals.buy(PICKED_UP)
    (rental,) = rental_ids(rentals.url, order)
    code = code_of(rentals, order)
    shown = f"{code[:4]} {code[4:]}"
    assert f"Your code at the counter {shown}" in text_of(look(rentals.client(), f"/orders/{order}"))
    rentals.clock.move(hours=3)
    client = rentals.client(admin)
    found = look(client, f"{COUNTER}?query=+{code[:4].lower()}%09-{code[4:].lower()}+")
    assert sections(found) == ["To be picked up"]
    for part in ("Amélie (2001)", "Mary Major", rentals.person.email, shown, "1 for “", "To be picked up by"):
        assert part in text_of(found), part
    handed = send(client, action(rental, "hand-out"), **form_of(found, action(rental, "hand-out")))
    page = look(client, handed.headers["location"])
    assert f"Amélie is handed out to Mary Major: it is due back by {out_until(rentals)}." in text_of(page)
    assert sections(page) == ["Out"]
    assert f"Out: due back by {out_until(rentals)}" in text_of(look(rentals.client(), f"/orders/{order}"))
    assert not has_form(page, action(rental, "hand-out"))
    back = send(client, action(rental, "take-back"), query="")
    assert "Amélie is back from Mary Major." in followed(client, back, COUNTER)
    assert rentals.stock().free == 2
    mine = text_of(look(rentals.client(), f"/orders/{order}"))
    assert "Brought back on" in mine
    assert "Your code at the counter" not in mine, "there is nothing left to pick up or bring back"


def out_until(rentals: RentalShop) -> str:
    [(ends,)] = fetch(rentals.url, "SELECT ends_at AT TIME ZONE 'UTC' FROM rental WHERE ends_at IS NOT NULL")
    return f"{ends:%A}, {ends.day} {ends:%B %Y}, {ends:%H:%M} UTC"


def test_what_waits_and_what_is_overdue_is_there_before_one_searches(rentals: RentalShop, admin: User) -> None:
    assert "Nothing waits to be picked up, and nothing is overdue." in text_of(look(rentals.client(admin), COUNTER))
    late, waits, cancelled = (rental_ids(rentals.url, rentals.buy(PICKED_UP))[0] for _ in range(3))
    for rental in (late, cancelled):
        rentals.counter("hand_out", rental)
    out = look(rentals.client(admin), COUNTER)
    assert sections(out) == ["To be picked up"], "what is out has time"
    fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now() WHERE id = %s", cancelled)
    page = look(rentals.client(admin), COUNTER)
    assert "Still to be brought back: the order was cancelled" in text_of(page)
    rentals.clock.move(hours=48)
    page = look(rentals.client(admin), COUNTER)
    assert sections(page) == ["Overdue", "To be picked up"]
    assert re.findall(r'action="/admin/counter/(\d+)/(?:take-back|hand-out)"', page.text) == [
        str(rental) for rental in (late, cancelled, waits)
    ]
    assert "Nothing with this code" in text_of(look(rentals.client(admin), f"{COUNTER}?query=nobody"))


def test_writing_off_asks_first_and_is_one_copy_less(rentals: RentalShop, admin: User) -> None:
    rentals.set_copies(3)
    (rental,) = rental_ids(rentals.url, rentals.buy(PICKED_UP))
    rentals.counter("hand_out", rental)
    client = rentals.client(admin)
    page = look(client, f"{COUNTER}?query=amelie")
    assert "Write the copy of Amélie that Mary Major had off as lost?" in text_of(page)
    form = form_of(page, action(rental, "write-off"))
    done = send(client, action(rental, "write-off"), **form)
    notice = "The copy of Amélie that Mary Major had is written off as lost."
    assert notice in followed(client, done, f"{COUNTER}?query=amelie")
    assert rentals.stock().copies == 2


def test_whoever_comes_second_is_told_and_nothing_happens(rentals: RentalShop, admin: User) -> None:
    (rental,) = rental_ids(rentals.url, rentals.buy(PICKED_UP))
    clients = [rentals.client(admin) for _ in range(8)]

    def press(name: str) -> list[httpx.Response]:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda client: send(client, action(rental, name), query="amelie"), clients))

    for name, sentence in (
        ("hand-out", "This rental does not wait to be picked up: nothing was handed out."),
        ("take-back", "This copy is not out: nothing was taken back."),
    ):
        answers = press(name)
        assert sorted(answer.status_code for answer in answers) == [303, *[400] * 7]
        for answer in answers:
            if answer.status_code == 400:
                assert sentence in text_of(answer)
                assert 'role="alert"' in answer.text
    late = send(clients[0], action(rental, "write-off"), query="")
    assert (late.status_code, states(rentals.url)) == (400, ["over"])
    assert "This copy is not out: nothing was written off." in text_of(late)


def test_what_there_is_not(rentals: RentalShop, admin: User) -> None:
    (watched,) = rental_ids(rentals.url, rentals.buy(WATCHED))
    client = rentals.client(admin)
    for name in ACTIONS:
        assert send(client, action(watched, name), query="").status_code == 400, "it is watched, not handed out"
        assert send(client, action(2**53 - 1, name), query="").status_code == 400
        for unknown in (0, -1, 2**53, "x", "%00", "1_0"):
            assert client.post(f"{COUNTER}/{unknown}/{name}", data={"query": ""}).status_code == 404, unknown
    assert client.get(f"{COUNTER}?query=%00").status_code == 400
    assert client.get(f"{COUNTER}?query={'x' * 201}").status_code == 400
    assert states(rentals.url) == ["waiting"]


def test_admins_alone(rentals: RentalShop) -> None:
    order = rentals.buy(PICKED_UP)
    (rental,) = rental_ids(rentals.url, order)
    nobody = httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1")
    for client, status in ((rentals.client(), 403), (nobody, 303)):
        assert client.get(f"{COUNTER}?query=major").status_code == status
        for name in ACTIONS:
            answer = send(client, action(rental, name), query="")
            assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
    cross = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    client = rentals.client(open_account(rentals.url, role="admin"))
    assert client.post(action(rental, "hand-out"), data={"query": ""}, headers=cross).status_code == 403
    assert states(rentals.url) == ["waiting"]


def test_two_people_and_one_copy(rentals: RentalShop, admin: User) -> None:
    rentals.set_copies(1)
    first = rentals.buy(PICKED_UP)
    other = rentals.client(open_account(rentals.url))
    refused = send(other, "/cart/items", movieId=PICKED_UP)
    assert refused.status_code == 409
    client = rentals.client(admin)
    send(client, action(rental_ids(rentals.url, first)[0], "hand-out"), query="")
    assert send(other, "/cart/items", movieId=PICKED_UP).status_code == 409
    send(client, action(rental_ids(rentals.url, first)[0], "take-back"), query="")
    assert send(other, "/cart/items", movieId=PICKED_UP).status_code == 303


def test_hostile_names_and_titles_are_text(rentals: RentalShop, admin: User) -> None:
    hostile = '"><script>alert(1)</script>&amp;'
    fetch(rentals.url, "UPDATE account SET first_name = %s WHERE id = %s", hostile, rentals.person.id)
    rentals.buy(UNDER_SCORE)
    page = look(rentals.client(admin), f"{COUNTER}?query=%3Cscript%3E")
    assert hostile in text_of(page)
    assert "<script>alert" not in page.text

"""GET /library: what a user has rented, and what there is to do with it."""

import re

import httpx
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, PROGRESS, WATCHED, RentalShop
from tests.shop.conftest import BATMAN_BEGINS, SHAWSHANK, assert_not_cached

PAGE = "/library"


def sections(response: httpx.Response) -> dict[str, str]:
    """The markup of each section, by its heading."""
    assert response.status_code == 200, response.text
    parts = re.split(r"<h2[^>]*>", response.text)[1:]
    return {part.partition("</h2>")[0]: part.partition("</section>")[0] for part in parts}


def test_without_a_session_one_signs_in_first(rentals: RentalShop) -> None:
    response = httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1").get(PAGE)
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in?next=%2Flibrary")


def test_who_has_rented_nothing_is_told_what_would_be_here(rentals: RentalShop) -> None:
    response = rentals.client().get(PAGE)
    assert list(sections(response)) == ["Nothing rented yet"]
    assert_not_cached(response)


def test_each_film_is_where_it_belongs(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    order = rentals.buy(PICKED_UP)
    code = fetch(rentals.url, "SELECT code FROM pickup WHERE order_id = %s", order)[0][0]
    before = sections(rentals.client().get(PAGE))
    assert list(before) == ["Waiting for you", "At the counter"]
    assert "Start by <time" in before["Waiting for you"]
    assert f'href="/watch/{WATCHED}"' in before["Waiting for you"]
    assert f"{code[:4]}-{code[4:]}" in before["At the counter"]
    rentals.begin()
    running = sections(rentals.client().get(PAGE))
    assert list(running) == ["Go on watching", "At the counter"]
    assert "48 hours left" in running["Go on watching"]
    rentals.clock.move(hours=48)
    over = sections(rentals.client().get(PAGE))
    assert list(over) == ["At the counter", "Over"]
    assert "Rent again" in over["Over"]


def test_how_far_one_came_is_shown(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.begin()
    client = rentals.client()
    client.post(PROGRESS, json={"movieId": WATCHED, "isSeries": False, "position": 1500, "duration": 8490})
    running = sections(client.get(PAGE))["Go on watching"]
    assert "25 of 142 min watched" in running
    assert '<progress max="8490" value="1500"' in running


def test_a_copy_that_is_out_is_to_be_brought_back(rentals: RentalShop) -> None:
    rentals.counter("hand_out", first_rental(rentals, rentals.buy(PICKED_UP)))
    assert "bring it back by" in sections(rentals.client().get(PAGE))["At the counter"]
    rentals.clock.move(hours=49)
    assert "Please bring it back" in sections(rentals.client().get(PAGE))["At the counter"]


def test_what_lapses_soon_is_reminded_of_here_and_at_home(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.clock.move(days=26, hours=23)
    assert "left to start it" not in rentals.client().get(PAGE).text
    assert "reminder" not in rentals.client().get("/").text
    rentals.clock.move(hours=1)
    assert "3 days left to start it" in rentals.client().get(PAGE).text
    home = rentals.client().get("/").text
    assert "waits for you, 3 days more" in home
    rentals.clock.move(days=3)
    assert "Never started" not in rentals.client().get(PAGE).text
    assert list(sections(rentals.client().get(PAGE))) == ["Over"]
    assert "reminder" not in rentals.client().get("/").text


def test_what_was_cancelled_is_gone(rentals: RentalShop) -> None:
    order = rentals.buy(WATCHED)
    rentals.client().post("/api/v1/orders/cancel", json={"orderId": order})
    assert list(sections(rentals.client().get(PAGE))) == ["Nothing rented yet"]


def test_of_two_copies_that_were_bought_both_are_shown_and_of_old_ones_the_film_once(rentals: RentalShop) -> None:
    rentals.buy(WATCHED, 2)
    assert sections(rentals.client().get(PAGE))["Waiting for you"].count("rental-row") == 3, "the list and two rows"
    rentals.clock.move(days=30)
    assert sections(rentals.client().get(PAGE))["Over"].count('class="film-card"') == 1


def test_a_film_that_can_be_watched_again_is_not_among_those_that_are_over(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.begin()
    rentals.clock.move(hours=48)
    rentals.buy(WATCHED)
    assert list(sections(rentals.client().get(PAGE))) == ["Waiting for you"]


def test_nobody_sees_what_others_have(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    other = rentals.shop.sign_in()
    assert list(sections(other.get(PAGE))) == ["Nothing rented yet"]


def test_rent_again_puts_the_film_into_the_cart(rentals: RentalShop) -> None:
    assert WATCHED == SHAWSHANK
    rentals.buy(WATCHED)
    rentals.clock.move(days=31)
    client = rentals.client()
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', sections(client.get(PAGE))["Over"]))
    assert client.post("/cart/items", data=form).status_code == 303
    assert "The Shawshank Redemption" in client.get("/cart").text


def test_the_navigation_leads_here(rentals: RentalShop) -> None:
    assert 'href="/library"' in rentals.client().get(f"/films/{BATMAN_BEGINS}").text


def first_rental(rentals: RentalShop, order_id: int) -> int:
    return int(fetch(rentals.url, "SELECT min(id) FROM rental WHERE order_id = %s", order_id)[0][0])

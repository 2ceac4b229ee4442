"""What the page of a film says of rentals: what is yours, what is in the shop, and the trailer."""

import re

import httpx
import pytest
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop
from tests.rentals.test_library_page import first_rental
from tests.search_index import wait_for_index
from tests.shop.conftest import ITEMS, buy

from filmer.http.cache_headers import PUBLIC


def page(rentals: RentalShop, film: str = WATCHED, client: httpx.Client | None = None) -> str:
    response = (client or rentals.client()).get(f"/films/{film}")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    return response.text


def anybody(rentals: RentalShop) -> httpx.Client:
    return httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1")


def stock(text: str) -> str:
    found = re.search(r'<p class="stock">(.*?)</p>', text)
    assert found
    return re.sub("<[^>]+>", "", found[1])


def test_it_follows_the_rental(rentals: RentalShop) -> None:
    assert "Rent for" in page(rentals)
    rentals.buy()
    assert "Start by <time" in page(rentals)
    assert f'href="/watch/{WATCHED}">Watch</a>' in page(rentals)
    rentals.begin()
    assert "Yours until <time" in page(rentals)
    rentals.clock.move(hours=48)
    over = page(rentals)
    assert "Rent again for" in over
    assert f'href="/watch/{WATCHED}"' not in over


def test_what_is_picked_up_has_its_code(rentals: RentalShop) -> None:
    order = rentals.buy(PICKED_UP)
    code = fetch(rentals.url, "SELECT code FROM pickup WHERE order_id = %s", order)[0][0]
    assert f'Pick it up with the code <strong class="pickup-code">{code[:4]}-{code[4:]}' in page(rentals, PICKED_UP)


def test_only_whoever_has_it_is_told(rentals: RentalShop) -> None:
    rentals.buy()
    for client in (anybody(rentals), rentals.shop.sign_in()):
        text = client.get(f"/films/{WATCHED}").text
        assert "Rent for" in text
        assert "Start by" not in text


def test_the_copies_in_the_shop_are_counted_at_each_look(rentals: RentalShop) -> None:
    assert stock(page(rentals, WATCHED)) == "To watch here, in your browser."
    assert stock(page(rentals, PICKED_UP)) == "To pick up at the counter."
    rentals.set_copies(2)
    assert stock(page(rentals, PICKED_UP)) == "2 of 2 in the shop, to pick up at the counter."
    order = rentals.buy(PICKED_UP)
    for client in (rentals.client(), anybody(rentals)):
        response = client.get(f"/films/{PICKED_UP}")
        assert stock(response.text) == "1 of 2 in the shop, to pick up at the counter."
        assert 'max="1"' in response.text
        assert response.headers["cache-control"] == "no-store"
    rentals.buy(PICKED_UP)
    none = page(rentals, PICKED_UP)
    assert stock(none) == "No copy is in the shop right now."
    assert "rent-form" not in none
    rentals.counter("hand_out", first_rental(rentals, order))
    friday = f"{rentals.clock.now().replace(hour=12):%A}"
    back = stock(page(rentals, PICKED_UP))
    assert re.fullmatch(r"No copy is in the shop. The next one should be back by \w+day\.", back)
    assert friday not in back
    rentals.clock.move(hours=49)
    assert stock(page(rentals, PICKED_UP)) == "No copy is in the shop. One should be back any time now."
    rentals.set_copies(None)
    assert stock(page(rentals, PICKED_UP)) == "To pick up at the counter."


def test_other_pages_stay_public(rentals: RentalShop) -> None:
    response = wait_for_index(anybody(rentals)).get(f"/films/{WATCHED}")
    assert response.headers["cache-control"] == PUBLIC


def test_a_page_that_was_cached_knows_a_new_trailer_and_new_copies(rentals: RentalShop) -> None:
    edition = fetch(rentals.url, "SELECT version FROM edition")
    rentals.set_copies(3)
    assert fetch(rentals.url, "SELECT version FROM edition") > edition
    edition = fetch(rentals.url, "SELECT version FROM edition")
    rentals.set_copies(4)
    assert fetch(rentals.url, "SELECT version FROM edition") == edition, "the page was not cached any more"


def test_trailers_are_open_to_all(rentals: RentalShop) -> None:
    fetch(
        rentals.url,
        "INSERT INTO video (film_id, kind, location, subtitles, added)"
        " VALUES (%s, 'trailer', 'films/some trailer.mp4', '{\"en\": \"a.vtt\"}', now())",
        WATCHED,
    )
    video_id = fetch(rentals.url, "SELECT id FROM video WHERE kind = 'trailer'")[0][0]
    text = anybody(rentals).get(f"/films/{WATCHED}").text
    assert f'<source src="/trailers/{video_id}/some%20trailer.mp4" type="video/mp4">' in text
    assert f'src="/trailers/{video_id}/subtitles/en.vtt" srclang="en" label="English">' in text


@pytest.mark.parametrize("path", ["/cart", "/checkout"])
def test_the_cart_says_what_one_has_already_and_what_can_not_be_had(rentals: RentalShop, path: str) -> None:
    rentals.set_copies(2)
    rentals.buy()
    client = rentals.client()
    for film, quantity in ((WATCHED, 1), (PICKED_UP, 2)):
        client.post(ITEMS, json={"movieId": film, "quantity": quantity})
    before = client.get(path).text
    assert before.count("You have this film already") == 1
    assert f'href="/watch/{WATCHED}">it waits for you' in before
    assert "No copy left" not in before
    buy(rentals.shop.sign_in(), PICKED_UP)
    after = client.get(path).text
    assert "No copy left in this quantity" in after
    rentals.begin()
    assert f'href="/watch/{WATCHED}">watch it' in client.get(path).text
    assert "You have this film already" not in rentals.shop.sign_in().get(path).text

"""GET and POST /watch/{film}: a rental begins by the one and plays in the other (contract §9.1, §9.2)."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.connections import fetch
from tests.rentals.conftest import CANCEL, PICKED_UP, PROGRESS, WATCHED, RentalShop, states
from tests.shop.conftest import BATMAN_BEGINS, assert_not_cached

PAGE = f"/watch/{WATCHED}"


def anybody(rentals: RentalShop) -> httpx.Client:
    return httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1")


def source(response: httpx.Response) -> str:
    found = re.search(r'<source src="([^"]+)" type="video/webm">', response.text)
    assert found, response.text
    return found[1]


def test_without_a_session_one_signs_in_first_and_nothing_begins(rentals: RentalShop) -> None:
    rentals.buy()
    assert anybody(rentals).get(PAGE).headers["location"] == f"/sign-in?next=%2Fwatch%2F{WATCHED}"
    assert anybody(rentals).post(PAGE).status_code == 303
    assert states(rentals.url) == ["waiting"]


def test_a_rental_that_waits_says_what_pressing_does_and_does_nothing_yet(rentals: RentalShop) -> None:
    fetch(rentals.url, "INSERT INTO rental_terms (film_id, hours) VALUES (%s, 72)", WATCHED)
    rentals.buy()
    response = rentals.client().get(PAGE)
    until = f"{rentals.clock.now():%Y-%m-%d}"
    assert response.status_code == 200
    assert "your 72 hours start: you can watch until <time" in response.text
    assert "Start my 72 hours" in response.text
    assert "<video" not in response.text
    assert until not in re.findall(r'until <time datetime="([^T]+)', response.text), "it is three days from now"
    assert states(rentals.url) == ["waiting"]
    assert_not_cached(response)


def test_pressing_begins_it_once_and_the_player_follows(rentals: RentalShop) -> None:
    rentals.buy(WATCHED, 2)
    client = rentals.client()
    for _ in range(2):  # a reload, or a second tab
        response = client.post(PAGE)
        assert (response.status_code, response.headers["location"]) == (303, PAGE)
    assert states(rentals.url) == ["running", "waiting"]
    response = client.get(PAGE)
    assert source(response).startswith("/stream/")
    assert 'data-seconds-left="172800"' in response.text
    assert_not_cached(response)


def test_pressed_by_many_at_once_it_begins_once(rentals: RentalShop) -> None:
    rentals.buy(WATCHED, 2)
    client = rentals.client()
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda _: client.post(PAGE), range(16)))
    assert {response.status_code for response in responses} == {303}
    assert states(rentals.url) == ["running", "waiting"]


def test_what_the_page_plays_is_what_was_rented(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.begin()
    rental = rentals.open_link(source(rentals.client().get(PAGE)).split("/")[2])
    assert (rental.film_id, rental.account_id) == (WATCHED, rentals.person.id)


@pytest.mark.parametrize(
    ("position", "fragment"), [(0, ""), (61.26, "#t=61.3"), (8235, "#t=8235.0"), (8400, "")], ids=str
)
def test_it_goes_on_where_one_stopped_unless_that_was_the_end(
    rentals: RentalShop, position: float, fragment: str
) -> None:
    rentals.buy()
    rentals.begin()
    client = rentals.client()
    client.post(PROGRESS, json={"movieId": WATCHED, "isSeries": False, "position": position, "duration": 8490})
    assert source(client.get(PAGE)).partition("#")[2] == fragment.removeprefix("#")


@pytest.mark.parametrize(
    ("browser", "shown"),
    [("de-AT,en;q=0.5", ["de"]), ("en-GB", ["en"]), ("fr,de;q=0.8", []), ("", []), ("pt-BR", ["pt-BR"])],
)
def test_subtitles_in_the_browsers_language_are_shown(rentals: RentalShop, browser: str, shown: list[str]) -> None:
    fetch(rentals.url, """UPDATE video SET subtitles = '{"en": "a.vtt", "de": "b.vtt", "pt-BR": "c.vtt"}'""")
    rentals.buy()
    rentals.begin()
    text = rentals.client().get(PAGE, headers={"accept-language": browser}).text
    tracks = re.findall(r'<track kind="subtitles" src="/stream/[^"]+/subtitles/([\w-]+)\.vtt"[^>]*>', text)
    assert sorted(tracks) == ["de", "en", "pt-BR"]
    assert re.findall(r'srclang="([\w-]+)" label="\w+" default>', text) == shown
    assert 'srclang="de" label="Deutsch"' in text


def test_a_rental_that_is_over_is_told_calmly(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.begin()
    rentals.clock.move(hours=48)
    client = rentals.client()
    response = client.get(PAGE)
    assert response.status_code == 403
    assert "Your rental is over" in response.text
    assert "Rent again" in response.text
    assert "<video" not in response.text
    assert client.post(PAGE).headers["location"] == PAGE
    assert states(rentals.url) == ["running"], "as it was: nothing has begun anew"


def test_one_that_lapsed_does_not_begin(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.clock.move(days=30)
    client = rentals.client()
    client.post(PAGE)
    assert states(rentals.url) == ["waiting"]
    assert "Never started, and over" in client.get(PAGE).text


@pytest.mark.parametrize("film", [WATCHED, BATMAN_BEGINS, "tt9999999", "none%20of%20ours%00"])
def test_a_film_that_one_never_had_leads_to_its_page(rentals: RentalShop, film: str) -> None:
    rentals.buy()
    stranger = rentals.shop.sign_in()
    response = stranger.get(f"/watch/{film}")
    assert (response.status_code, response.headers["location"]) == (303, f"/films/{film}")
    assert stranger.post(f"/watch/{film}").status_code == 303
    assert states(rentals.url) == ["waiting"]


def test_a_cancelled_one_is_none(rentals: RentalShop) -> None:
    order = rentals.buy()
    client = rentals.client()
    client.post(CANCEL, json={"orderId": order})
    assert client.post(PAGE).status_code == 303
    assert client.get(PAGE).headers["location"] == f"/films/{WATCHED}"
    assert states(rentals.url) == ["cancelled"]


def test_what_is_picked_up_says_how(rentals: RentalShop) -> None:
    rentals.buy(PICKED_UP)
    client = rentals.client()
    client.post(f"/watch/{PICKED_UP}")
    assert states(rentals.url) == ["waiting"]
    response = client.get(f"/watch/{PICKED_UP}")
    assert response.status_code == 403
    assert "This one comes from the counter" in response.text
    assert "with the code" in response.text


def test_a_form_of_another_site_begins_nothing(rentals: RentalShop) -> None:
    rentals.buy()
    response = rentals.client().post(PAGE, headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 403
    assert states(rentals.url) == ["waiting"]

"""GET /api/v1/library/{movieId}/stream, and the links it makes (client-api.md; contract §9.2)."""

from datetime import timedelta

import pytest
from tests.connections import fetch
from tests.rentals.conftest import LIBRARY, PICKED_UP, WATCHED, RentalShop, add_feature, states, token_of
from tests.responses import data_of, error_of, offences_of
from tests.shop.conftest import assert_not_cached
from tests.users import open_account

from filmer.clock import timestamp
from filmer.errors import NoAccess


def test_the_answer_is_as_client_api_prints_it(rentals: RentalShop) -> None:
    rentals.buy()
    response = rentals.client().get(f"{LIBRARY}/{WATCHED}/stream?season=1&episode=2&tmdbId=278")
    token = token_of(response)
    assert data_of(response) == {
        "movieId": WATCHED,
        "titleType": None,
        "season": 1,
        "episode": 2,
        "provider": "filmer",
        "streamUrl": f"http://127.0.0.1/stream/{token}/feature.webm",
        "contentType": "video/webm",
        "embedUrl": f"http://127.0.0.1/watch/{WATCHED}",
        "fallbackUrl": None,
        "expiresAt": timestamp(rentals.clock.now() + timedelta(hours=24)),  # when the session ends, used or not
    }
    assert_not_cached(response)


@pytest.mark.parametrize(
    ("location", "name", "content_type"),
    [
        ("a/film one.MP4", "film%20one.MP4", "video/mp4"),
        ("https://cdn.example/x/list.m3u8?a=/b", "list.m3u8", "application/vnd.apple.mpegurl"),
        ("film", "film", "application/octet-stream"),
    ],
)
def test_names_and_types(rentals: RentalShop, location: str, name: str, content_type: str) -> None:
    fetch(rentals.url, "UPDATE video SET location = %s", location)
    rentals.buy()
    stream = data_of(rentals.stream())
    assert stream["streamUrl"].endswith(f"/{name}")
    assert stream["contentType"] == content_type


def test_asking_does_not_begin_the_rental_playing_does(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    assert rentals.open_link(token, begins=False).state == "waiting"
    assert states(rentals.url) == ["waiting"]
    rentals.clock.move(minutes=1)
    begun = rentals.open_link(token, begins=True)
    assert (begun.state, begun.began) == ("running", rentals.clock.now())
    rentals.clock.move(minutes=1)
    assert rentals.open_link(token, begins=True) == begun


def test_without_access(rentals: RentalShop) -> None:
    error_of(rentals.stream(), 403, "NO_ACCESS")
    error_of(rentals.stream("tt9999999"), 403, "NO_ACCESS")
    rentals.buy()
    error_of(rentals.stream(client=rentals.client(open_account(rentals.url, role="admin"))), 403, "NO_ACCESS")
    rentals.begin()
    rentals.clock.move(hours=48)
    error_of(rentals.stream(), 403, "NO_ACCESS")


def test_without_a_video(rentals: RentalShop) -> None:
    rentals.buy(PICKED_UP)
    error_of(rentals.stream(PICKED_UP), 404, "NOT_FOUND")
    add_feature(rentals.url, PICKED_UP)
    error_of(rentals.stream(PICKED_UP), 404, "NOT_FOUND")  # it was sold to be picked up
    rentals.buy(PICKED_UP)
    assert data_of(rentals.stream(PICKED_UP))["movieId"] == PICKED_UP


def test_wrong_parameters_are_named(rentals: RentalShop) -> None:
    response = rentals.client().get(f"{LIBRARY}/{WATCHED}/stream?season=x&episode=-1")
    assert list(offences_of(response)) == ["season", "episode"]


def use_for(rentals: RentalShop, token: str, hours: float) -> None:
    for _ in range(round(hours * 3)):
        rentals.clock.move(minutes=20)
        assert rentals.open_link(token)


def test_a_link_lives_as_long_as_it_is_used(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    rentals.open_link(token, begins=True)
    use_for(rentals, token, 23 + 2 / 3)
    rentals.clock.move(minutes=19, seconds=59)
    assert rentals.open_link(token)
    rentals.clock.move(seconds=1)
    with pytest.raises(NoAccess):
        rentals.open_link(token)


@pytest.mark.parametrize(("until_lapse", "hours"), [(timedelta(days=30), 48), (timedelta(minutes=7), 1)])
def test_a_link_to_what_waits_may_begin_until_it_lapses(
    rentals: RentalShop, until_lapse: timedelta, hours: int
) -> None:
    """The session aside, which ends before most rentals do."""
    fetch(rentals.url, "INSERT INTO rental_terms (film_id, hours) VALUES (%s, %s)", WATCHED, hours)
    rentals.buy()
    rentals.clock.move(seconds=(timedelta(days=30) - until_lapse).total_seconds())
    links = rentals.shop.component("stream_links")
    (rental,) = rentals.run(lambda conn: rentals.shop.component("watching").access(conn, rentals.person.id, WATCHED))
    ends = rentals.clock.now() + until_lapse + timedelta(hours=hours)
    assert links.mint(rental, b"")[1] == ends
    session_ends = rentals.clock.now() + timedelta(hours=24)
    told = data_of(rentals.stream())["expiresAt"]
    assert told == timestamp(min(ends, session_ends))


def test_a_link_of_a_rental_that_is_over_does_not_begin_another(rentals: RentalShop) -> None:
    fetch(rentals.url, "INSERT INTO rental_terms (film_id, hours) VALUES (%s, 1)", WATCHED)
    rentals.buy()
    token = token_of(rentals.stream())
    rentals.open_link(token, begins=True)
    rentals.buy()
    use_for(rentals, token, 2 / 3)
    rentals.clock.move(minutes=19, seconds=59)
    assert rentals.open_link(token, begins=True).state == "running"
    rentals.clock.move(seconds=1)
    with pytest.raises(NoAccess):
        rentals.open_link(token, begins=True)
    assert states(rentals.url) == ["running", "waiting"]
    assert token_of(rentals.stream())


def test_a_link_ends_with_the_rental(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.begin()
    rentals.clock.move(hours=47, minutes=50)
    response = rentals.stream()
    assert data_of(response)["expiresAt"] == timestamp(rentals.clock.now() + timedelta(minutes=10))
    rentals.clock.move(minutes=9, seconds=59)
    assert rentals.open_link(token_of(response))
    rentals.clock.move(seconds=1)
    with pytest.raises(NoAccess):
        rentals.open_link(token_of(response))


def test_a_link_ends_when_its_rental_is_cancelled(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now()")
    with pytest.raises(NoAccess):
        rentals.open_link(token, begins=True)


def test_a_link_ends_with_the_session_that_asked_for_it(rentals: RentalShop) -> None:
    rentals.buy()
    client, other = rentals.client(), rentals.client()
    token, others = token_of(rentals.stream(client=client)), token_of(rentals.stream(client=other))
    assert client.post("/api/v1/auth/logout").status_code == 200
    with pytest.raises(NoAccess):
        rentals.open_link(token, begins=True)
    assert rentals.open_link(others)
    fetch(rentals.url, "UPDATE account SET disabled = true")
    with pytest.raises(NoAccess):
        rentals.open_link(others, begins=True)
    assert states(rentals.url) == ["waiting"]


def test_playing_is_a_use_of_the_session(rentals: RentalShop) -> None:
    rentals.buy()
    client = rentals.client()
    token = token_of(rentals.stream(client=client))
    rentals.clock.move(minutes=19)
    rentals.open_link(token, begins=True)
    rentals.clock.move(minutes=19)
    assert token_of(rentals.stream(client=client)), "38 minutes after the last request of its own"


def test_only_links_of_ours_open_anything(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    payload, _, signature = token.partition(".")
    assert rentals.open_link(token)
    changed = payload[:-1] + ("A" if payload[-1] != "A" else "B")
    for forged in (
        "", ".", payload, f"{payload}.", f".{signature}", f"{changed}.{signature}", f"{payload}.{signature[:-1]}",
        f"{token}=", f"{token}.x", token.upper(), f"{payload}.{signature}é", "\ud800",
    ):  # fmt: skip
        with pytest.raises(NoAccess):
            rentals.open_link(forged)

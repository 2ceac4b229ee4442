"""Films on the pages of other origins: their bytes in a ``<video>``, the player in a frame (client-api.md)."""

from collections.abc import Iterator

import httpx
import pytest
from tests.conftest import MakeDatabase
from tests.in_process import MovedClock
from tests.rentals.conftest import WATCHED, RentalShop, add_feature, token_of, write_feature
from tests.rentals.test_sending import SUBTITLES, anybody, trailer, write
from tests.shop.conftest import LocalShop, open_store

from filmer.http.envelopes import PAGE_HEADERS, POLICY

FIRST, SECOND, UNNAMED = "http://localhost:3000", "https://a.example", "https://evil.example"
PAGE = f"/watch/{WATCHED}"
RESOURCE_POLICY, FRAMES = "cross-origin-resource-policy", "x-frame-options"


@pytest.fixture(scope="module")
def opened(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RentalShop]:
    """A shop that names two origins, and one who has rented a film there."""
    media, clock = tmp_path_factory.mktemp("media"), MovedClock()
    with LocalShop(
        open_store(make_database), clock=clock, media_dir=str(media), cors_origins=f"{FIRST},{SECOND}"
    ) as shop:
        add_feature(shop.url)
        write_feature(media)
        rentals = RentalShop(shop, clock)
        rentals.buy()
        yield rentals


def addresses(rentals: RentalShop) -> list[str]:
    """Of bytes: a film's, a trailer's, its subtitles' and what there is not."""
    write(rentals.media / "t.webm", b"trailer")
    write(rentals.media / "texts" / "de.vtt", SUBTITLES)
    number = trailer(rentals, "t.webm")
    token = token_of(rentals.stream())
    return [
        f"/stream/{token}/feature.webm",
        f"/trailers/{number}/t.webm",
        f"/trailers/{number}/subtitles/de.vtt",
        "/stream/x/feature.webm",
    ]


def cors_of(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-allow-")}


def test_pages_of_any_origin_play_films_and_no_script_reads_them(rentals: RentalShop) -> None:
    rentals.buy()
    for address in addresses(rentals):
        response = anybody(rentals).get(address, headers={"origin": FIRST, "sec-fetch-site": "cross-site"})
        assert response.headers.get_list(RESOURCE_POLICY) == ["cross-origin"]
        assert cors_of(response) == {}
    assert anybody(rentals).get("/").headers.get_list(RESOURCE_POLICY) == ["same-origin"]


def test_scripts_of_named_origins_read_them(opened: RentalShop) -> None:
    for address in addresses(opened):
        for origin in (FIRST, SECOND):
            response = anybody(opened).get(address, headers={"origin": origin})
            assert response.headers.get_list(RESOURCE_POLICY) == ["cross-origin"]
            assert cors_of(response)["access-control-allow-origin"] == origin
            asked = {
                "origin": origin,
                "access-control-request-method": "GET",
                "access-control-request-headers": "range",
            }
            allowed = anybody(opened).options(address, headers=asked)
            assert allowed.status_code == 204
            assert "Range" in cors_of(allowed)["access-control-allow-headers"].split(", ")
        response = anybody(opened).get(address, headers={"origin": UNNAMED})
        assert cors_of(response) == {}
        assert "Origin" in response.headers.get_list("vary", split_commas=True)


def test_named_origins_alone_frame_the_player_and_nothing_else(opened: RentalShop) -> None:
    client = opened.client()
    response = client.get(PAGE, headers={"sec-fetch-dest": "iframe"})
    assert response.headers[POLICY] == PAGE_HEADERS[POLICY].replace(
        "frame-ancestors 'none'", f"frame-ancestors {FIRST} {SECOND}"
    )
    assert FRAMES not in response.headers
    assert '<base target="_top">' in response.text, "what leads to other pages leads out of the frame"
    assert 'target="_self">' in response.text, "but for the button that begins the rental"
    assert '<base target="_top">' not in client.get(PAGE).text
    for path in ("/", "/library", "/sign-in", "/api/v1/library", "/watchlist", f"/films/{WATCHED}"):
        response = client.get(path)
        assert response.headers.get_list(FRAMES) == ["DENY"], path
        assert "frame-ancestors 'none'" in response.headers[POLICY], path
    for response in (client.post(PAGE), anybody(opened).get(PAGE), client.get("/watch/tt9999999")):
        assert response.status_code == 303
        assert "frame-ancestors 'none'" in response.headers[POLICY]


def test_without_the_setting_nobody_frames_it(rentals: RentalShop) -> None:
    rentals.buy()
    response = rentals.client().get(PAGE)
    assert response.headers[POLICY] == PAGE_HEADERS[POLICY]
    assert response.headers.get_list(FRAMES) == ["DENY"]

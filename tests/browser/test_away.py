"""What the storefront is without TMDB, and what it says without its database."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_actions import (
    BATMAN,
    DARK_KNIGHT,
    SHAWSHANK,
    Options,
    bought,
    come_in,
    expect_notice,
    pay,
    with_and_without_scripts,
)
from tests.browser.screenshots import put_in_cart
from tests.browser.storefront import Storefront, aside, signed_in
from tests.conftest import MakeDatabase, Serve, Server
from tests.proxy import Proxy, proxied_database
from tests.sandbox import Sandbox
from tests.users import PASSWORD, put_card, token_of

from filmer.accounts.schemas import User

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

BATMAN_THERE = 272  # its TMDB id


@pytest.fixture(scope="module")
def tmdb() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> Iterator[tuple[str, str, Proxy]]:
    """Its address, the same by way of a proxy, and the proxy."""
    url = make_database()
    with proxied_database(url) as (proxied, proxy):
        yield url, proxied, proxy


@pytest.fixture(scope="module")
def storefront(browser: Browser, tmdb: Sandbox, database: tuple[str, str, Proxy], serve: Serve) -> Storefront:
    """With a TMDB and a database that can be taken away."""
    assert browser.is_connected()
    url, proxied, _ = database
    aside(put_card, url)
    settings = {
        "TMDB_API_KEY": "0123456789abcdef0123456789abcdef",
        "TMDB_BASE_URL": tmdb.url,
        "TMDB_IMAGE_BASE_URL": f"{tmdb.address}/t/p",
        "TMDB_REQUESTS_PER_SECOND": "1000",
        "TMDB_DEADLINE_SECONDS": "2",
    }
    return Storefront(serve(proxied, "--demo", **settings), url)


@pytest.fixture(scope="module")
def keeper(storefront: Storefront, tmdb: Sandbox) -> User:
    """A user with a favourite and a rating from before TMDB went away, which it does now."""
    person = storefront.newcomer()
    token = aside(token_of, storefront.database_url, person)
    for path, what in ((f"/api/users/{person.id}/favorites", {}), ("/api/movies/ratings", {"rating": 4.5})):
        response = storefront.server.client.post(
            path, json={"movie_id": BATMAN_THERE, **what}, headers={"authorization": f"Bearer {token}"}
        )
        assert response.status_code == 201, response.text
    for path in ("/3", "/t/p"):
        tmdb.fail("reset", path=path)
    return person


class Away(NamedTuple):
    """A database, which goes and comes back."""

    proxy: Proxy
    server: Server

    def go(self) -> None:
        self.proxy.refuse()

    def come_back(self) -> None:
        """And is found again."""
        self.proxy.mend()
        deadline = time.monotonic() + 30
        while self.server.client.get("/api/v1/health").status_code != 200:
            assert time.monotonic() < deadline, "it is not found again"
            time.sleep(0.1)


@pytest.fixture
def away(database: tuple[str, str, Proxy], storefront: Storefront) -> Iterator[Away]:
    away = Away(database[2], storefront.server)
    yield away
    away.come_back()


def posters(page: Page) -> list[bool]:
    """Whether each is drawn."""
    drawn: list[bool] = page.evaluate("""async () => {
      const images = [...document.images];
      for (const image of images) image.loading = "eager";
      await Promise.allSettled(images.map(image => image.decode()));
      return images.map(image => image.naturalWidth > 0);
    }""")
    return drawn


def test_without_tmdb_the_catalogue_stands(visit: Visit, keeper: User) -> None:
    assert keeper
    page = visit()
    page.goto("/")
    expect(page.get_by_role("heading", name="Best rated")).to_be_visible()
    expect(page.get_by_role("heading", name="Popular now")).to_have_count(0)
    for path in ("/", f"/films/{BATMAN}", "/search?query=nolan"):
        page.goto(path)
        drawn = posters(page)
        assert drawn
        assert all(drawn), path


def test_without_tmdb_the_popular_films_are_said_to_be_missing(visit: Visit, keeper: User) -> None:
    assert keeper
    page = visit()
    page.goto("/popular")
    expect(page.get_by_role("heading", name="Popular films are not to be had right now")).to_be_visible()
    axe(page)
    page.get_by_role("main").get_by_role("link", name="All films").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All films")


def test_without_tmdb_favourites_stand(visit: Visit, keeper: User) -> None:
    page = visit()
    signed_in(page.context, keeper.email, PASSWORD)
    page.goto("/favorites")
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Batman Begins"))
    expect(row).to_contain_text("2005")
    expect(page.get_by_label("Your stars for Batman Begins")).to_have_value("4.5")
    page.goto("/ratings")
    expect(page.get_by_role("heading", name="Batman Begins")).to_be_visible()
    page.goto(f"/films/{BATMAN}")
    page.get_by_role("button", name="Remove from favourites").click()
    expect_notice(page, "Taken out of your favourites.")


@with_and_without_scripts
def test_without_tmdb_films_of_the_shop_are_kept_all_the_same(
    options: Options,
    visit: Visit,
    storefront: Storefront,
    keeper: User,
) -> None:
    assert keeper
    page = visit(**options)
    come_in(page, storefront)
    page.goto(f"/films/{DARK_KNIGHT}")
    page.get_by_role("button", name="Add to favourites").click()
    expect_notice(page, "The Dark Knight is among your favourites.")
    page.get_by_role("radio", name="4 stars").check()
    page.get_by_role("button", name="Rate").click()
    expect_notice(page, "You gave The Dark Knight 4 of 5 stars.")
    page.get_by_role("button", name="Rent for").click()
    expect_notice(page, "The Dark Knight is in your cart.")
    page.goto("/checkout")
    pay(page)
    expect_notice(page, "Thank you!")
    assert len(bought(page)) == 1


def test_without_a_database_a_page_says_so_and_helps(visit: Visit, away: Away) -> None:
    page = visit(expected_statuses={503}, reduced_motion="reduce")
    away.go()
    response = page.goto(f"/films/{SHAWSHANK}")
    assert response
    assert response.status == 503
    assert int(response.headers["retry-after"]) > 0
    expect(page.get_by_role("heading", level=1)).to_have_text("That did not work, and it is our fault")
    expect(page.get_by_role("main")).to_contain_text("try again in a moment")
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page)
    away.come_back()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Shawshank Redemption")


def test_what_was_asked_without_a_database_can_be_asked_again(visit: Visit, storefront: Storefront, away: Away) -> None:
    page = visit(expected_statuses={503})
    come_in(page, storefront)
    put_in_cart(page.context.request, {SHAWSHANK: 1})
    page.goto("/checkout")
    away.go()
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("That did not work, and it is our fault")
    away.come_back()
    page.go_back()
    pay(page)
    expect_notice(page, "Thank you!")
    assert len(bought(page)) == 1

"""A rental in a real browser: bought, started, watched on two devices, without scripts, and over while it plays.

The films are the demo's, of some seconds. What ends a rental, or a session, is done in the database.
"""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_actions import (
    INCEPTION,
    Options,
    come_in,
    expect_notice,
    pay,
    with_and_without_scripts,
)
from tests.browser.screenshots import METROPOLIS, done, put_in_cart
from tests.browser.storefront import Storefront, signed_in
from tests.browser.watched_pages import watched
from tests.conftest import Serve
from tests.connections import fetch
from tests.server_processes import eventually
from tests.users import CARD, PASSWORD

from filmer.accounts.schemas import User

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

PAGE = f"/watch/{METROPOLIS}"
_WAIT = """() => new Promise((resolve, reject) => {
  const end = Date.now() + 15_000;
  const look = () => {
    const video = document.querySelector("video");
    if (%s) return resolve();
    const { paused, currentTime, readyState, error } = video;
    if (Date.now() > end) return reject(JSON.stringify({ paused, currentTime, readyState, error: error?.message }));
    setTimeout(look, 50);
  };
  look();
})"""
_SAVED = """async () => {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const { data } = await (await fetch("/api/v1/library/progress")).json();
    if (data[0].position > 4) return;
  }
  throw new Error("it is not saved");
}"""
NEAR = 0.6  # seconds: a seek lands on a frame


def rent(page: Page, film: str = METROPOLIS, *, begin: bool = True) -> None:
    """Without the forms."""
    put_in_cart(page.context.request, {film: 1})
    done(page.context.request.post("/api/v1/checkout", data=CARD))
    if begin:
        done(page.context.request.post(f"/watch/{film}"))


def player(page: Page, expression: str) -> Any:
    return page.evaluate(f"(() => {{ const video = document.querySelector('#player'); return {expression}; }})()")


def until(page: Page, condition: str) -> None:
    """Waits for something to be true of the player, in the page itself: its policy forbids what Playwright would do."""
    page.evaluate(_WAIT % condition)


def play(page: Page) -> None:
    page.locator("h1").click()  # where no key means anything else
    page.keyboard.press(" ")
    until(page, "!video.paused && video.currentTime > 0.1")


def saved(page: Page) -> float:
    """Where the film goes on on any device, in seconds."""
    entries = page.context.request.get("/api/v1/library/progress").json()["data"]
    return float(next((entry["position"] for entry in entries if entry["movieId"] == METROPOLIS), 0))


def test_a_film_is_rented_started_and_watched_to_go_on_elsewhere(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    person = come_in(page, storefront)
    page.goto(f"/films/{METROPOLIS}")
    page.get_by_role("button", name="Rent for").click()
    expect_notice(page, "is in your cart")
    page.goto("/checkout")
    pay(page)
    expect_notice(page, "Thank you!")
    page.get_by_role("main").get_by_role("link", name="Your films").click()
    page.get_by_role("link", name="Start watching").click()
    page.get_by_text("When you press the button, your 48 hours start").wait_for()
    page.get_by_role("button", name="Start my 48 hours").click()
    page.get_by_text("hours left").wait_for()
    play(page)
    page.keyboard.press("m")
    assert player(page, "video.muted")
    page.keyboard.press("ArrowRight")
    until(page, "video.ended || video.currentTime > 9")
    page.keyboard.press("ArrowLeft")
    until(page, "!video.seeking && video.currentTime < 9")
    player(page, "video.pause()")
    until(page, "video.paused")
    player(page, "video.currentTime = 4")
    until(page, "!video.seeking && Math.abs(video.currentTime - 4) < 0.01")
    assert eventually(lambda: saved(page) == pytest.approx(4, abs=NEAR)), saved(page)
    page.reload()
    until(page, f"Math.abs(video.currentTime - 4) < {NEAR}")
    goes_on_elsewhere(visit, person)


def goes_on_elsewhere(visit: Visit, person: User) -> None:
    other = visit(width="phone")
    signed_in(other.context, person.email, PASSWORD)
    other.goto("/library")
    other.get_by_role("link", name="Go on watching").click()
    until(other, f"video.readyState > 1 && Math.abs(video.currentTime - 4) < {NEAR}")
    assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")
    play(other)
    until(other, "video.currentTime > 4.5")
    other.goto("/library")  # leaving is saved as well
    other.evaluate(_SAVED)


def test_subtitles_are_those_of_the_browser_and_can_be_changed(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    rent(page)
    page.goto(PAGE)
    shown = "[...video.textTracks].filter(track => track.mode === 'showing').map(track => track.language)"
    until(page, f"{shown}.join() === 'en' && [...video.textTracks].some(track => track.cues?.length > 0)")
    page.locator("h1").click()
    seen = []
    for _ in range(3):
        page.keyboard.press("c")
        seen.append(",".join(player(page, shown)))
    assert sorted(seen) == ["", "de", "en"]


@with_and_without_scripts
def test_it_starts_and_plays(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(width="phone", **options)
    come_in(page, storefront)
    rent(page, begin=False)
    page.goto(PAGE)
    page.get_by_role("button", name="Start my 48 hours").click()
    page.get_by_text("hours left").wait_for()
    done(
        page.context.request.post(
            "/api/v1/library/progress",
            data={"movieId": METROPOLIS, "isSeries": False, "position": 3, "duration": 30},
        )
    )
    page.goto(PAGE)
    video = page.locator("#player")
    expect(video).to_have_js_property("controls", value=True)
    expect(video).to_have_js_property("error", None)
    expect(video).to_have_js_property("currentTime", 3)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_rental_that_ends_while_it_plays_is_told_calmly(visit: Visit, storefront: Storefront) -> None:
    page = visit(reduced_motion="reduce")
    person = come_in(page, storefront)
    rent(page)
    fetch(
        storefront.database_url,
        "UPDATE rental SET ends_at = now() + interval '5 seconds' WHERE account_id = %s",
        person.id,
    )
    page.goto(PAGE)
    play(page)
    told(page, "Your rental is over")
    page.get_by_role("button", name="Rent again").click()
    expect_notice(page, "is in your cart")


@pytest.mark.parametrize(
    ("statement", "status", "title"),
    [
        ("UPDATE rental SET state = 'cancelled', ended = now() WHERE account_id = %s", 403, "Your rental is over"),
        ("DELETE FROM session WHERE account_id = %s", 401, "You are signed out by now"),
    ],
    ids=["cancelled", "signed out"],
)
def test_what_ends_it_before_is_told_too(
    statement: str, status: int, title: str, visit: Visit, storefront: Storefront
) -> None:
    page = visit(expected_statuses={status, 403}, reduced_motion="reduce")
    person = come_in(page, storefront)
    rent(page)
    page.goto(PAGE)
    play(page)
    fetch(storefront.database_url, statement, person.id)
    player(page, "video.pause()")
    told(page, title)


def test_bytes_that_do_not_come_are_told_and_can_be_tried_again(visit: Visit, storefront: Storefront) -> None:
    page = visit(expected_statuses={404}, reduced_motion="reduce")
    come_in(page, storefront)
    rent(page)
    page.route("**/stream/*/*.webm", lambda route: route.fulfill(status=404, body=""))
    page.goto(PAGE)
    told(page, "The film stopped")
    page.unroute("**/stream/*/*.webm")
    page.get_by_role("link", name="Try again").click()
    play(page)


def told(page: Page, title: str) -> None:
    """Waits for a message in the place of the player."""
    page.get_by_role("heading", name=title).wait_for()
    expect(page.locator("#player")).to_be_hidden()
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[str]:
    """The origin of another server, which has the files of the test's folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_plays_it_and_frames_the_player(
    browser: Browser, storefront: Storefront, serve: Serve, front_end: str, tmp_path: Path
) -> None:
    server = serve(storefront.database_url, "--demo", FILMER_CORS_ORIGINS=front_end)
    shop = storefront._replace(server=server)
    with watched(browser, shop.origin, others=[front_end]) as page:
        come_in(page, shop)
        rent(page)
        stream = page.context.request.get(f"/api/v1/library/{METROPOLIS}/stream").json()["data"]
        (tmp_path / "index.html").write_text(
            f"""<!doctype html><title>Another page</title><link rel="icon" href="data:,">
            <video src="{stream["streamUrl"]}" muted></video><iframe src="{stream["embedUrl"]}"></iframe>"""
        )
        page.goto(f"{front_end}/")
        page.evaluate("(document.querySelector('video').play(), 0)")
        until(page, "video.currentTime > 0.2")
        expect(page.frame_locator("iframe").locator("#player")).to_have_js_property("error", None)


def test_a_trailer_plays_for_everybody(visit: Visit) -> None:
    page = visit()
    page.goto(f"/films/{INCEPTION}")
    page.get_by_role("heading", name="Trailer").scroll_into_view_if_needed()
    page.evaluate("(document.querySelector('video').play(), 0)")
    until(page, "video.currentTime > 0.2")

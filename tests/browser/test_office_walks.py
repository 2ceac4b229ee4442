"""The office as its owner walks through it: at a desktop, on a phone, with the keyboard alone, and without scripts."""

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect
from tests.browser.accessibility import axe
from tests.browser.page_actions import expect_notice, warned
from tests.browser.storefront import aside
from tests.browser.watched_pages import watched
from tests.conftest import MakeDatabase, ServeHere
from tests.importing.workbooks import xlsx
from tests.server_processes import eventually
from tests.users import CARD, open_account, put_card, session_of, visitor

from filmer.accounts.schemas import Role, User

pytestmark = [pytest.mark.proof, pytest.mark.parallel]
FILM, TITLE, OTHER = "tt0111161", "The Shawshank Redemption", "tt0372784"
FOUND = "/api/v1/search/movies?query=blaue+engel"
CSV = "Titel;Jahr;Regie;Preis;Notiz\nDer blaue Engel;1930;Josef von Sternberg;2,50;A 3\nM;1931;Fritz Lang;x;A 4\n"


class Site(NamedTuple):
    url: str
    server: httpx.Client

    @property
    def origin(self) -> str:
        return str(self.server.base_url).rstrip("/")

    def session(self, person: User) -> dict[str, str]:
        cookies: dict[str, str] = aside(session_of, self.url, person)
        return cookies

    def person(self, role: Role = "customer") -> User:
        person: User = aside(open_account, self.url, role=role)
        return person

    def get(self, path: str) -> httpx.Response:
        """As a stranger."""
        with visitor(self.server) as client:
            return client.get(path, headers={"cache-control": "no-cache"})

    def shows(self, path: str, text: str) -> bool:
        """Whether a stranger sees it, as soon as the server has heard of the last change."""
        return eventually(lambda: text in self.get(path).text)

    def costs(self, film: str, price: str) -> bool:
        return self.shows(f"/films/{film}", f'<span class="money">{price}<')


class Walker:
    """Opens pages as the owner."""

    def __init__(self, site: Site, browser: Browser, pages: ExitStack) -> None:
        self.site = site
        self._browser = browser
        self._pages = pages

    def page(self, person: User | None = None, **options: Any) -> Page:
        page = self._pages.enter_context(
            watched(self._browser, self.site.origin, **{"reduced_motion": "reduce", **options})
        )
        session = self.site.session(person or self.site.person("admin"))
        page.context.add_cookies([{"name": n, "value": v, "url": self.site.origin} for n, v in session.items()])
        return page


@pytest.fixture(scope="module")
def site(make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory) -> Site:
    url = make_database(films=True)
    aside(put_card, url)
    media = tmp_path_factory.mktemp("media")
    for name in ("film.mp4", "trailer.webm"):
        (media / name).write_bytes(b"no film")
    return Site(url, serve_here(url, FILMER_MEDIA_DIR=str(media)).client)


@pytest.fixture
def walk(site: Site, browser: Browser) -> Iterator[Walker]:
    with ExitStack() as pages:
        yield Walker(site, browser, pages)


def seen(page: Page, *, both: bool = False, scripts: bool = True) -> None:
    """The state that a page is in: accessible, by night too (which only scripts can tell), and nothing sticks out."""
    for scheme in ("light", "dark") if both else ("light",):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if scripts:
            axe(page)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    wide = page.viewport_size
    assert wide
    assert page.evaluate("document.documentElement.scrollWidth") <= wide["width"], f"{page.url} is too wide"


def tab_to(page: Page, target: Locator) -> Locator:
    """With the keyboard alone."""
    target.wait_for()
    for _ in range(150):
        if target.evaluate("element => element === document.activeElement"):
            return target
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target} of {page.url}")


def type_at(page: Page, target: Locator, text: str) -> None:
    tab_to(page, target)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def choose_at(page: Page, target: Locator, label: str) -> None:
    """As one does who types the beginning of what a list has."""
    tab_to(page, target)
    page.keyboard.type(label)
    expect(target.locator("option:checked")).to_have_text(label)


def press_at(page: Page, name: str, *, role: Any = "button") -> None:
    tab_to(page, page.get_by_role(role, name=name, exact=True))
    page.keyboard.press("Enter")


def agree(page: Page, ask: str, yes: str, *, scripts: bool = True, within: Locator | None = None) -> None:
    """Nothing is done before the question is answered: first it is left, then said yes to."""
    place = within or page.get_by_role("main")
    if not scripts:
        summary = place.locator("summary").filter(has_text=ask).first
        expect(page.get_by_role("button", name=yes)).to_be_hidden()
        summary.click()
        page.get_by_role("button", name=yes).click()
        return
    place.get_by_role("button", name=ask).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name=yes)).to_be_visible()
    seen(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    place.get_by_role("button", name=ask).first.click()
    dialog.get_by_role("button", name=yes).click()


def picture() -> FilePayload:
    written = io.BytesIO()
    Image.new("RGB", (400, 600), "teal").save(written, "PNG")
    return FilePayload(name="poster.png", mimeType="image/png", buffer=written.getvalue())


def text_file(name: str, text: str) -> FilePayload:
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=text.encode())


# --- films ------------------------------------------------------------------------------------------------


def test_a_film_is_added_given_videos_hidden_and_shown(walk: Walker, site: Site) -> None:
    """At a desktop."""
    page = walk.page(expected_statuses={400})
    page.goto("/admin")
    page.get_by_role("navigation", name="Office").get_by_role("link", name="Films").click()
    page.get_by_role("link", name="Add a film").click()
    page.get_by_label("Title", exact=True).fill("The Lighthouse Keeper")
    page.get_by_label("Year").fill("19x9")
    page.get_by_label("Drama").check()
    page.get_by_label("Cast").fill("Tim Robbins\nNora New (1980)")
    page.get_by_label("A poster of your own").set_input_files(text_file("poster.svg", "<svg onload='alert(1)'/>"))
    page.get_by_role("button", name="Add the film").click()
    warned(page, "Please look at")
    seen(page, both=True)
    assert page.get_by_label("Cast").input_value() == "Tim Robbins\nNora New (1980)"
    page.get_by_label("Year").fill("1999")
    page.get_by_label("Price").fill("3.25")
    page.get_by_role("button", name="Add the film").click()
    expect_notice(page, "The Lighthouse Keeper is saved. New among its people: Nora New.")
    page.get_by_label("A poster of your own").set_input_files(picture())
    page.get_by_role("button", name="Save").click()
    expect_notice(page, "The Lighthouse Keeper is saved.")
    page.get_by_label("Another poster").wait_for()
    seen(page, both=True)
    place = page.url.removeprefix(site.origin)
    film = place.rpartition("/")[2]
    assert site.get(f"/posters/{film}").headers["content-type"] == "image/webp"
    assert site.costs(film, "$3.25")

    page.get_by_role("link", name="Videos and trailer").click()
    page.get_by_label("A trailer").check()
    page.get_by_label("File or address").fill("no such file.webm")
    page.get_by_role("button", name="Add it").click()
    warned(page, "Please look at File or address")
    page.get_by_label("File or address").fill("trailer.webm")
    page.get_by_role("button", name="Add it").click()
    expect_notice(page, "The film has a new trailer.")
    seen(page)
    assert site.shows(f"/films/{film}", "<video")
    agree(page, "Remove trailer.webm", "Yes, remove it")
    expect_notice(page, "The video is removed. Its file stays.")
    page.goto(place)
    page.get_by_role("button", name="Hide it from the shop").click()
    expect_notice(page, "The Lighthouse Keeper is hidden: nobody finds, opens or rents it.")
    seen(page)
    assert eventually(lambda: site.get(f"/films/{film}").status_code == 404)
    page.goto("/admin/films?only=hidden")
    page.get_by_role("link", name="The Lighthouse Keeper").click()
    page.get_by_role("button", name="Show it in the shop again").click()
    expect_notice(page, "The Lighthouse Keeper is in the shop again.")
    assert site.shows(f"/films/{film}", "Nora New")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_film_is_changed_and_taken_back_on_a_phone(walk: Walker, site: Site, *, scripts: bool) -> None:
    """With scripts, with the keyboard alone."""
    page = walk.page(width="phone", scripts=scripts)
    page.goto("/admin/films?query=shawshank")
    if scripts:
        seen(page)
        press_at(page, TITLE, role="link")
        type_at(page, page.get_by_label("Title", exact=True), "Hope, Changed")
        type_at(page, page.get_by_label("Cast"), "Tim Robbins")
        press_at(page, "Save")
    else:
        page.get_by_role("link", name=TITLE, exact=True).click()
        page.get_by_label("Title", exact=True).fill("Hope, Changed")
        page.get_by_role("button", name="Save").click()
    expect_notice(page, "Hope, Changed is saved.")
    page.get_by_text("by hand", exact=True).first.wait_for()
    if scripts:
        seen(page)
    assert site.shows(f"/films/{FILM}", "Hope, Changed")
    agree(page, "Take all changes back", "Yes, take them back", scripts=scripts)
    expect_notice(page, f"{TITLE} is what the import says.")
    assert site.shows(f"/films/{FILM}", TITLE)


# --- imports ----------------------------------------------------------------------------------------------


def test_a_list_is_imported_on_a_phone_by_keyboard_and_undone(walk: Walker, site: Site) -> None:
    page = walk.page(width="phone", expected_statuses={400})
    page.goto("/admin/import")
    seen(page)
    page.get_by_label("A file of films").set_input_files(text_file("empty.csv", ""))
    press_at(page, "Send and check")
    warned(page, "one that is not empty")
    page.get_by_label("A file of films").set_input_files(text_file("filme.csv", CSV))
    press_at(page, "Send and check")
    page.get_by_role("heading", name="What it would change").wait_for(timeout=60_000)
    seen(page, both=True)
    assert site.shows(FOUND, '"totalItems":0')
    choose_at(page, page.get_by_label("Preis"), "not read")
    choose_at(page, page.get_by_label("Notiz"), "overview")
    press_at(page, "Check again")
    page.get_by_role("heading", name="What it would change").wait_for(timeout=60_000)
    expect(page.locator(".tallies div").filter(has_text="New").locator("dd")).to_have_text("2")
    press_at(page, "Add and update")
    expect_notice(page, "Done.")
    seen(page)
    assert site.shows(FOUND, '"title":"Der blaue Engel"')
    page.goto("/admin/import")
    tab_to(page, page.get_by_role("button", name="Undo the last import"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("be undone in turn")
    seen(page)
    tab_to(page, dialog.get_by_role("button", name="Undo it"))
    page.keyboard.press("Enter")
    expect_notice(page, "Done.")
    assert site.shows(FOUND, '"totalItems":0')


def test_a_workbook_is_imported_without_scripts(walk: Walker, site: Site) -> None:
    """At a desktop. The page of what is under way loads itself again."""
    page = walk.page(scripts=False, expected_statuses={400})
    page.goto("/admin/import")
    rows: Any = {"Notes": [["nothing"]], "Films": [["id", "title", "year"], ["own1", "Of a workbook", 1971]]}
    workbook = FilePayload(name="films.xlsx", mimeType="application/octet-stream", buffer=xlsx(rows))
    page.get_by_label("A file of films").set_input_files(workbook)
    page.get_by_role("button", name="Send and check").click()
    page.get_by_role("heading", name="What it would change").wait_for(timeout=60_000)
    page.get_by_text("sheet 'Films'").wait_for()
    seen(page, scripts=False)
    page.get_by_role("button", name="Add and update").click()
    page.get_by_text("Done.").wait_for(timeout=60_000)
    assert site.shows("/api/v1/movies/own1", "Of a workbook")
    page.goto("/admin/import")
    agree(page, "Undo the last import", "Undo it", scripts=False)
    page.get_by_text("Done.").wait_for(timeout=60_000)
    assert eventually(lambda: site.get("/api/v1/movies/own1").status_code == 404)


# --- prices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_prices_of_many_films_change_and_are_undone(walk: Walker, site: Site, *, scripts: bool) -> None:
    """On a phone with the keyboard alone; at a desktop without scripts."""
    assert site.costs(OTHER, "$4.99")
    page = walk.page(width="phone" if scripts else "wide", scripts=scripts, expected_statuses={400})
    page.goto("/admin/prices")
    query, how = page.get_by_label("Title, director or cast"), page.get_by_label("The price", exact=True)
    amount = page.get_by_label("Amount or percent")
    if scripts:
        type_at(page, query, "batman begins")
        page.keyboard.press("Enter")
        expect(page.get_by_role("checkbox")).to_have_count(1)
        choose_at(page, how, "goes up by")
        type_at(page, amount, "gratis")
        press_at(page, "Preview")
        warned(page, "Please look at")
        seen(page, both=True)
        type_at(page, amount, "1.50")
        tab_to(page, page.get_by_role("checkbox").first)
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
    else:
        query.fill("batman begins")
        page.get_by_role("button", name="Find", exact=True).click()
        how.select_option("goes up by")
        amount.fill("1.50")
        page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Preview").wait_for()
    seen(page, scripts=scripts)
    assert site.costs(OTHER, "$4.99")
    if scripts:
        press_at(page, "Change 1 price")
    else:
        page.get_by_role("button", name="Change 1 price").click()
    page.get_by_role("heading", name="The last change").wait_for()
    assert site.costs(OTHER, "$6.49")
    agree(page, "Undo the last change", "Yes, undo it", scripts=scripts)
    page.get_by_text("undone on").wait_for()
    assert site.costs(OTHER, "$4.99")


# --- customers --------------------------------------------------------------------------------------------


def test_people_are_found_invited_signed_out_closed_and_promoted(walk: Walker, site: Site) -> None:
    """At a desktop."""
    customer = site.person()
    theirs = walk.page(customer, expected_statuses={401})
    theirs.goto("/account")
    page = walk.page(expected_statuses={400, 409})
    page.goto("/admin/customers")
    page.get_by_label("Name, e-mail or id").fill(customer.email)
    page.get_by_role("button", name="Find", exact=True).click()
    seen(page)
    page.get_by_role("row", name=customer.email).get_by_role("link").click()
    seen(page, both=True)
    agree(page, "Sign out everywhere", "Yes, sign out")
    expect_notice(page, "Signed out everywhere.")
    theirs.reload()
    theirs.get_by_role("heading", name="Sign in").wait_for()
    agree(page, "New password", "Yes, make a link")
    page.get_by_role("heading", name="Copy it now").wait_for()
    seen(page)
    link = page.locator("code.token").inner_text()
    theirs.goto(link[link.index("/new-password") :])
    theirs.get_by_label("New password").fill("another horse battery")
    theirs.get_by_role("button").last.click()
    theirs.get_by_role("status").first.wait_for()
    page.get_by_role("link", name="I have it").click()
    agree(page, "Close the account", "Yes, close it")
    expect_notice(page, "The account is closed, and signed out everywhere.")
    page.get_by_role("button", name="Open the account again").click()
    expect_notice(page, "The account is open.")
    agree(page, "Make them a clerk", "Yes, change the role")
    expect_notice(page, "The role is changed")
    clerk = walk.page(customer, expected_statuses={403})
    clerk.goto("/admin")
    expect(clerk.get_by_role("navigation", name="Office").get_by_role("link")).to_have_count(3)
    seen(clerk)
    clerk.goto("/admin/takings")
    clerk.get_by_text("This is for the owners of the shop").wait_for()
    seen(clerk)


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_is_invited_and_closed_on_a_phone(walk: Walker, *, scripts: bool) -> None:
    """With scripts, with the keyboard alone."""
    email = f"nora.{time.monotonic_ns()}@example.com"
    page = walk.page(width="phone", scripts=scripts, expected_statuses={400, 409})
    page.goto("/admin/customers")
    if scripts:
        seen(page)
        press_at(page, "Invite somebody", role="link")
        for label, text in (("First name", "Nora"), ("Last name", "New"), ("E-mail", email)):
            type_at(page, page.get_by_label(label), text)
        press_at(page, "Invite")
    else:
        page.get_by_role("link", name="Invite somebody").click()
        for label, text in (("First name", "Nora"), ("Last name", "New"), ("E-mail", email)):
            page.get_by_label(label).fill(text)
        page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_role("heading", name="A link for Nora New").wait_for()
    seen(page, scripts=scripts)
    page.get_by_role("link", name="I have it").click()
    agree(page, "Close the account", "Yes, close it", scripts=scripts)
    expect_notice(page, "The account is closed")
    seen(page, scripts=scripts)
    page.goto(f"/admin/customers?state=closed&query={email}")
    page.get_by_role("row", name=email).wait_for()


# --- takings and orders -----------------------------------------------------------------------------------


def buy(site: Site, person: User, film: str) -> int:
    with visitor(site.server) as client:
        client.cookies.update(site.session(person))
        assert client.post("/api/v1/cart/items", json={"movieId": film}).status_code in {200, 201}
        bought = client.post("/api/v1/checkout", json=CARD)
        assert bought.status_code in {200, 201}, bought.text
        return int(bought.json()["data"]["orderId"])


@pytest.mark.parametrize("scripts", [True, False])
def test_an_order_is_found_sent_again_refunded_and_in_the_books(walk: Walker, site: Site, *, scripts: bool) -> None:
    """At a desktop; on a phone without scripts."""
    customer = site.person()
    kept, refunded = buy(site, customer, FILM), buy(site, customer, OTHER)
    page = walk.page(width="wide" if scripts else "phone", scripts=scripts, expected_statuses={400})
    page.goto("/admin/orders")
    page.get_by_label("Number, code, name").fill(customer.email)
    page.get_by_label("State").select_option("Paid")
    page.get_by_label("From").fill("1999-12-31")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_role("row")).to_have_count(3)
    seen(page, both=scripts, scripts=scripts)
    page.get_by_role("link", name=str(refunded)).click()
    seen(page, both=scripts, scripts=scripts)
    agree(page, "Send again", "Yes, send it", scripts=scripts)
    page.get_by_role("status").first.wait_for()
    if scripts:
        page.get_by_role("button", name="Cancel and refund").click()
    else:
        page.locator("summary").filter(has_text="Cancel and refund").click()
    page.get_by_role("textbox", name="Reason").fill("<b>The disc is broken</b>")
    page.get_by_role("button", name="Yes, refund it").click()
    expect_notice(page, "The order is cancelled.")
    seen(page, scripts=scripts)
    with visitor(site.server) as client:
        client.cookies.update(site.session(customer))
        assert "&lt;b&gt;The disc is broken&lt;/b&gt;" in client.get(f"/orders/{refunded}").text
    page.goto("/admin/takings")
    page.get_by_label("By", exact=True).select_option("Film")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("row", name=TITLE).wait_for()
    seen(page, both=scripts, scripts=scripts)
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="The books of this period as CSV").click()
    books = downloaded.value.path().read_text("utf-8-sig").splitlines()
    kinds = [(line.split(",")[1], line.split(",")[2]) for line in books if str(customer.id)]
    assert {(str(kept), "sale"), (str(refunded), "sale"), (str(refunded), "refund")} <= set(kinds)

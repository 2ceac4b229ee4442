"""``make screenshots``: every kind of page, light and dark, wide and phone; ``ARGS="film cart"``: these alone."""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import APIRequestContext, APIResponse, Browser, FilePayload, Page
from tests.browser.chromium import CHOSEN, find_chromium, running_chromium
from tests.browser.storefront import ADMIN, CUSTOMER, signed_in
from tests.browser.watched_pages import Scheme, Width, open_context
from tests.conftest import Server

from filmer.demo import CARDS, USERS

FOLDER = Path(__file__).parents[2] / "screenshots"
METROPOLIS, MATRIX = "tt0017136", "tt0133093"  # which have videos, the first one subtitles
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS: tuple[Width, ...] = ("wide", "phone")
_SHOW_ALL = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled(Array.from(document.images, image => image.decode()));
  await document.fonts.ready;
}"""


class Shot(NamedTuple):
    name: str
    path: str  # {order}: that of the order the customer has
    who: str = ""  # nobody
    steps: Callable[[Page], None] | None = None  # once there


def print_it(page: Page) -> None:
    page.emulate_media(media="print")


def ask_to_cancel(page: Page) -> None:
    page.get_by_role("button", name="Cancel this order").click()


def see_cancelled(page: Page) -> None:
    page.get_by_role("row", name="cancelled").first.get_by_role("link").click()
    page.get_by_role("heading", name="Cancelled and refunded").wait_for()


def see_terms(page: Page) -> None:
    page.locator(".film-terms summary").filter(has_text="Batman Begins").click()


def change_by_hand(page: Page) -> None:
    """A field by hand, another wrong."""
    page.get_by_role("textbox", name="Certificate").fill("FSK 16")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("by hand", exact=True).first.wait_for()
    page.get_by_role("textbox", name="Year", exact=True).fill("19x9")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("This is not a whole number").wait_for()


def see_operations(page: Page) -> None:
    page.locator(".opblock").first.wait_for()


FILMS = """Titel;Jahr;Regie;Genre;Preis;Regal
Der blaue Engel;1930;Josef von Sternberg;Drama|Musik;2,50;A 3
Menschen am Sonntag;1930;Robert Siodmak|Edgar G. Ulmer;Drama;;A 4
;1931;Fritz Lang;Krimi;;A 5
Das Testament des Dr. Mabuse;1933x;Fritz Lang;Krimi;2,50;A 6
Metropolis;1927;Fritz Lang;Drama|Science Fiction;3,00;B 1
"""


def check_films(page: Page) -> None:
    films = FilePayload(name="filme.csv", mimeType="text/csv", buffer=FILMS.encode())
    page.get_by_label("A file of films").set_input_files(films)
    page.get_by_role("button", name="Send and check").click()
    page.get_by_role("heading", name="What it would change").wait_for(timeout=60_000)


PAGES = (
    Shot("home", "/"),
    Shot("browse", "/films"),
    Shot("genres", "/genres"),
    Shot("genre", "/genres/7"),
    Shot("people", "/stars"),
    Shot("search", "/search?query=nolan"),
    Shot("search-nothing", "/search?query=qqqq"),
    Shot("film", "/films/tt0111161"),
    Shot("star", "/stars/nm0000134"),
    Shot("popular", "/popular"),
    Shot("sign-in", "/sign-in"),
    Shot("register", "/register"),
    Shot("forgotten", "/forgotten"),
    Shot("link-over", "/new-password/1.00"),
    Shot("account", "/account", CUSTOMER),
    Shot("own-address", "/account/address", CUSTOMER),
    Shot("own-password", "/account/password", CUSTOMER),
    Shot("cart", "/cart", CUSTOMER),
    Shot("checkout", "/checkout", CUSTOMER),
    Shot("library", "/library", CUSTOMER),
    Shot("about-to-watch", f"/watch/{MATRIX}", CUSTOMER),
    Shot("player", f"/watch/{METROPOLIS}", CUSTOMER),
    Shot("order", "/orders/{order}", CUSTOMER),
    Shot("order-printed", "/orders/{order}", CUSTOMER, print_it),
    Shot("orders", "/orders", CUSTOMER),
    Shot("favorites", "/favorites", CUSTOMER),
    Shot("watchlist", "/watchlist", CUSTOMER),
    Shot("seen", "/seen", CUSTOMER),
    Shot("ratings", "/ratings", CUSTOMER),
    Shot("bring-films", "/shelves/import", CUSTOMER),
    Shot("order-cancelling", "/orders/{order}", CUSTOMER, ask_to_cancel),
    Shot("admin", "/admin", ADMIN),
    Shot("counter", "/admin/counter", ADMIN),
    Shot("counter-found", "/admin/counter?query=doe", ADMIN),
    Shot("all-orders", "/admin/orders", ADMIN),
    Shot("any-order", "/admin/orders/{order}", ADMIN),
    Shot("takings", "/admin/takings", ADMIN),
    Shot("takings-film", "/admin/takings?by=film", ADMIN),
    Shot("bulk-prices", "/admin/prices?query=batman", ADMIN),
    Shot("cancelled", "/admin/orders", ADMIN, see_cancelled),
    Shot("terms", "/admin/films?query=batman", ADMIN, see_terms),
    Shot("prices", "/admin/films?query=batman", ADMIN),
    Shot("office-film", f"/admin/films/{MATRIX}", ADMIN),
    Shot("office-film-by-hand", f"/admin/films/{MATRIX}", ADMIN, change_by_hand),
    Shot("new-film", "/admin/new-film", ADMIN),
    Shot("office-videos", f"/admin/films/{MATRIX}/videos", ADMIN),
    Shot("edited-films", "/admin/films?only=changed", ADMIN),
    Shot("customers", "/admin/customers", ADMIN),
    Shot("customer", "/admin/customers/2", ADMIN),
    Shot("invitation", "/admin/customers/invite", ADMIN),
    Shot("settings", "/admin/settings", ADMIN),
    Shot("own-pages", "/admin/pages", ADMIN),
    Shot("own-page", "/admin/pages/new?title=Imprint", ADMIN),
    Shot("admin-mail", "/admin/mail", ADMIN),
    Shot("log", "/admin/log", ADMIN),
    Shot("import", "/admin/import", ADMIN),
    Shot("import-checked", "/admin/import", ADMIN, check_films),
    Shot("inbox", "/inbox"),
    Shot("not-found", "/nothing-here"),
    Shot("docs", "/docs", steps=see_operations),
)


def main(wanted: Sequence[str]) -> None:
    names = [shot.name for shot in PAGES]
    if unknown := set(wanted) - set(names):
        sys.exit(f"There is no page {', '.join(sorted(unknown))}. There are: {', '.join(names)}.")
    executable = find_chromium()
    if executable is None:
        sys.exit(f"There is no browser: install chromium, or name one by {CHOSEN}.")
    with running_chromium(executable) as browser, demo() as origin:
        order = furnish(browser, origin)
        for shot, width, scheme in product(PAGES, WIDTHS, SCHEMES):
            if not wanted or shot.name in wanted:
                path = take(browser, origin, shot, order, width, scheme, FOLDER)
                print(path.relative_to(FOLDER.parent))  # noqa: T201


@contextmanager
def demo() -> Iterator[str]:
    """The address of the demo, served from a data directory that goes away with it."""
    folder = Path(tempfile.mkdtemp(prefix="filmer-screenshots-"))
    folder.chmod(0o711)  # the engines may run as another user
    try:
        server = Server({"FILMER_DATA_DIR": str(folder), "DATABASE_URL": "", "REDIS_URL": ""}, ["--demo"])
        try:
            yield f"http://127.0.0.1:{server.port}"
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def furnish(browser: Browser, origin: str) -> str:
    """Gives the customer an order, whose id is returned, favourites, ratings, and two films in the cart.

    Another one is handed out, a third cancelled; of a fourth one film runs, and one waits.
    """
    context = open_context(browser, origin)
    signed_in(context, CUSTOMER)
    api = context.request
    card = next(card for card in CARDS if card.account_id == 2)
    paid = {
        "creditCardId": card.number,
        "firstName": card.first_name,
        "lastName": card.last_name,
        "expiration": card.expiration,
    }
    orders = []
    for films in ({"tt0110912": 1}, {"tt0071562": 2}, {METROPOLIS: 1, MATRIX: 1}, {"tt0068646": 1, "tt0468569": 2}):
        put_in_cart(api, films)
        orders.append(done(api.post("/api/v1/checkout", data=paid)).json()["data"]["orderId"])
    out, cancelled, _, order = orders
    done(api.post("/api/v1/orders/cancel", data={"orderId": cancelled, "reason": "Ordered twice"}))
    hand_out(browser, origin, out)
    done(api.post(f"/watch/{METROPOLIS}"))
    put_in_cart(api, {"tt0111161": 1, "tt0211915": 3})
    token = next(person.token for person in USERS if person.email == CUSTOMER)
    headers = {"authorization": f"Bearer {token}"}
    for film, rating in ((278, 5), (550, 3.5), (238, 4)):
        done(api.post("/api/users/2/favorites", data={"movie_id": film}, headers=headers))
        done(api.post("/api/movies/ratings", data={"movie_id": film, "rating": rating}, headers=headers))
    done(api.post("/api/users/2/watchlist", data={"movie_id": 238}, headers=headers))
    done(api.post("/api/users/2/seen", data={"movie_id": 278, "seen_on": "2024-01-31"}, headers=headers))
    context.close()
    return str(order)


def hand_out(browser: Browser, origin: str, order: int) -> None:
    """All that waits of an order, as the counter does."""
    context = open_context(browser, origin)
    signed_in(context, ADMIN)
    code = re.search(r"query=(\w{8})", done(context.request.get(f"/admin/orders/{order}")).text())
    assert code
    found = done(context.request.get(f"/admin/counter?query={code[1]}")).text()
    for action in re.findall(r"/admin/counter/\d+/hand-out", found):
        done(context.request.post(action, form={"query": ""}, headers={"origin": origin}))
    context.close()


def put_in_cart(api: APIRequestContext, films: dict[str, int]) -> None:
    for film, quantity in films.items():
        done(api.post("/api/v1/cart/items", data={"movieId": film, "quantity": quantity}))


def done(response: APIResponse) -> APIResponse:
    assert response.ok, f"{response.url}: {response.text()}"
    return response


def take(browser: Browser, origin: str, shot: Shot, order: str, width: Width, scheme: Scheme, folder: Path) -> Path:
    context = open_context(browser, origin, width=width, color_scheme=scheme, reduced_motion="reduce")
    if shot.who:
        signed_in(context, shot.who)
    page = context.new_page()
    page.goto(shot.path.format(order=order))
    if shot.steps:
        shot.steps(page)
    page.evaluate(_SHOW_ALL)
    path = folder / f"{shot.name}-{scheme}-{width}.png"
    page.screenshot(path=path, full_page=True, animations="disabled")
    context.close()
    return path


if __name__ == "__main__":
    main(sys.argv[1:])

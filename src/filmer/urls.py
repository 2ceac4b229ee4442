"""All URLs: a table for each API and each group of pages, and which paths the edge treats in a special way.

The API description (``api_description.py``) is made from the tables of the two APIs.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from litestar import HttpMethod, Router, get, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.utils.path import join_paths

from filmer.accounts.api import AccountsApi
from filmer.catalogue.api import CatalogueApi
from filmer.community.api import CommunityApi
from filmer.http.cache_headers import PUBLIC
from filmer.http.envelopes import CommunityResponse, ShopResponse
from filmer.http.handlers import Methods
from filmer.http.health import HealthApi
from filmer.openapi.pages import ApiDocPages
from filmer.rentals.api import RentalsApi
from filmer.rentals.sending import SendingApi
from filmer.rentals.videos import STREAM_PATH, TRAILER_PATH
from filmer.shop.api import ShopApi
from filmer.storefront.about import AboutPages
from filmer.storefront.accounts import AccountPages
from filmer.storefront.cards import CardPages
from filmer.storefront.catalogue import CataloguePages
from filmer.storefront.checkout import CheckoutPages
from filmer.storefront.community import CommunityPages
from filmer.storefront.feed import Feed
from filmer.storefront.files import Files
from filmer.storefront.films import FilmPages
from filmer.storefront.office.counter import CounterPages
from filmer.storefront.office.customers import CustomerPages
from filmer.storefront.office.film import FilmEditPages
from filmer.storefront.office.film_videos import FilmVideoPages
from filmer.storefront.office.films import OfficeFilmPages
from filmer.storefront.office.imports import ImportPages
from filmer.storefront.office.log import LogPages
from filmer.storefront.office.mail import MailPages
from filmer.storefront.office.orders import OfficeOrderPages
from filmer.storefront.office.overview import OverviewPages
from filmer.storefront.office.own_pages import OwnPagesPages
from filmer.storefront.office.prices import PricePages
from filmer.storefront.office.settings import SettingsPages
from filmer.storefront.office.takings import TakingsPages
from filmer.storefront.orders import OrderPages
from filmer.storefront.own_account import OwnAccountPages
from filmer.storefront.personal_data import PersonalDataPages
from filmer.storefront.posters import PosterPages
from filmer.storefront.rentals import RentalPages
from filmer.storefront.shelves import ShelfPages
from filmer.storefront.shop import ShopPages
from filmer.storefront.sitemaps import Sitemaps

if TYPE_CHECKING:
    from filmer.metrics.api import MetricsApi

GET, POST, PUT, DELETE = HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.DELETE
SHOP_API = "/api/v1"
_NO_STORE = {"cache-control": "no-store"}

# The edge answers GETs from its cache where the path begins with one of these: their responses are the same for all.
PUBLIC_PATHS = (
    "/api/v1/movies",
    "/api/v1/stars",
    "/api/v1/genres",
    "/api/v1/search/",
    "/static/",
    "/favicon.ico",
    "/manifest.webmanifest",
    "/posters/",
)
# These too, if FILMER_PUBLIC_URL is set. Otherwise the addresses in them depend on the request's Host.
WITH_ORIGIN = ("/sitemap", "/new-films.atom")

# These too, for requests without a session cookie: "/" itself, and all paths that begin with one of the others.
PUBLIC_PAGES = ("/", "/films", "/stars", "/genres", "/search", "/popular", "/about", "/pages")

# Responses made of TMDB's. The edge caches them by age, not by the edition of the catalogue.
TMDB_PATHS = ("/api/movies/popular",)

# What these paths begin and end with changes with every rating: the edge asks anew each time, once for all who wait.
RATINGS_PATHS = ("/api/movies/", "/ratings")

# The limit of concurrent requests does not apply to these, so that monitoring works when the server is overloaded.
MONITORING_PATHS = ("/api/v1/health", "/api/v1/health/db", "/metrics")


def public(path: str, handler: Callable[..., Any]) -> HTTPRouteHandler:
    """A GET whose response is the same for everybody. Its path must be in PUBLIC_PATHS or TMDB_PATHS, too."""
    return get(path, response_headers={"cache-control": PUBLIC}, opt={"public": True})(handler)


def anonymous(method: HttpMethod, path: str, handler: Callable[..., Any], *, status: int = 200) -> HTTPRouteHandler:
    """An endpoint that needs neither session nor token, and whose responses nobody may store (contract §1.7)."""
    return route(path, http_method=method, status_code=status, response_headers=_NO_STORE)(handler)


def personal(method: HttpMethod, path: str, handler: Callable[..., Any], *, status: int = 200) -> HTTPRouteHandler:
    """An endpoint that needs a session or a token, and whose responses nobody may store (contract §1.7)."""
    options = {"personal": True}
    return route(path, http_method=method, status_code=status, response_headers=_NO_STORE, opt=options)(handler)


class _OneAppsRouter(Router):
    """Of one application, which would else copy the router and all that its handlers refer to.

    Makes each route once: Litestar's own makes them anew with every handler.
    """

    def __init__(self, path: str, route_handlers: Sequence[HTTPRouteHandler], **options: Any) -> None:
        super().__init__(path, route_handlers=[], **options)
        by_path: dict[str, list[HTTPRouteHandler]] = {}
        for handler in route_handlers:
            handler.owner = self
            for handler_path in handler.paths:
                by_path.setdefault(join_paths([path, handler_path]), []).append(handler)
        self.routes = [HTTPRoute(path=route_path, route_handlers=same) for route_path, same in by_path.items()]

    def __deepcopy__(self, _: object) -> Self:
        return self


def _router(path: str, route_handlers: Sequence[HTTPRouteHandler], **options: Any) -> Router:
    """A router that answers OPTIONS with all methods of a path.

    Litestar would do so with a handler for each path, and each costs a start its time: one serves all paths that allow
    the same.
    """
    methods: dict[str, set[str]] = {}
    for handler in route_handlers:
        for handler_path in handler.paths:
            methods.setdefault(handler_path, {"OPTIONS"}).update(handler.http_methods)
    paths: dict[frozenset[str], list[str]] = {}
    for handler_path, names in methods.items():
        paths.setdefault(frozenset(names), []).append(handler_path)
    options_handlers = [
        route(same, http_method=HttpMethod.OPTIONS, status_code=204)(Methods(names).show)
        for names, same in paths.items()
    ]
    return _OneAppsRouter(path, route_handlers=[*options_handlers, *route_handlers], **options)


def catalogue_routes(catalogue: CatalogueApi) -> dict[str, Callable[..., Any]]:
    """The public endpoints of the shop API, under SHOP_API, by path (all of them GET)."""
    return {
        "/movies": catalogue.list_movies,
        "/movies/{movie_id:str}": catalogue.show_movie,
        "/stars": catalogue.list_stars,
        "/stars/{star_id:str}": catalogue.show_star,
        "/genres": catalogue.list_genres,
        "/genres/{genre_id:str}/movies": catalogue.list_genre_movies,
        "/search/movies": catalogue.search_movies,
        "/search/suggestions": catalogue.suggest,
    }


def shop_api(
    health: HealthApi, catalogue: CatalogueApi, accounts: AccountsApi, shop: ShopApi, rentals: RentalsApi
) -> Router:
    """The shop API (shop-api.md, client-api.md), under /api/v1."""
    return _router(
        SHOP_API,
        response_class=ShopResponse,
        route_handlers=[
            get("/health")(health.show_health),
            anonymous(GET, "/health/db", health.show_database),
            *(public(path, handler) for path, handler in catalogue_routes(catalogue).items()),
            anonymous(POST, "/auth/login", accounts.log_in),
            anonymous(POST, "/auth/register", accounts.register, status=201),
            personal(POST, "/auth/logout", accounts.log_out),
            personal(GET, "/auth/session", accounts.show_session),
            personal(GET, "/cart", shop.show_cart),
            personal(DELETE, "/cart", shop.clear_cart),
            personal(POST, "/cart/items", shop.add_item),
            personal(PUT, "/cart/items/{movie_id:str}", shop.change_item),
            personal(DELETE, "/cart/items/{movie_id:str}", shop.remove_item),
            personal(POST, "/checkout", shop.check_out),
            personal(GET, "/orders", shop.list_orders),
            personal(POST, "/orders/cancel", shop.cancel_order),
            personal(GET, "/orders/{order_id:str}", shop.show_order),
            personal(GET, "/orders/{order_id:str}/track", shop.track_order),
            personal(GET, "/orders/{order_id:str}/refund", shop.show_refund),
            personal(GET, "/library", rentals.show_library),
            personal(GET, "/library/progress", rentals.list_progress),
            personal(POST, "/library/progress", rentals.save_progress),
            personal(GET, "/library/{movie_id:str}/access", rentals.show_access),
            personal(GET, "/library/{movie_id:str}/stream", rentals.show_stream),
        ],
    )


def community_api(community: CommunityApi) -> Router:
    """The community API (community-api.txt), under /api."""
    return _router(
        "/api",
        response_class=CommunityResponse,
        route_handlers=[
            public("/movies/popular", community.list_popular),
            personal(POST, "/users/{user_id:str}/favorites", community.add_favorite, status=201),
            personal(GET, "/users/{user_id:str}/favorites", community.list_favorites),
            personal(DELETE, "/users/{user_id:str}/favorites/{favorite_id:str}", community.remove_favorite, status=204),
            personal(POST, "/users/{user_id:str}/watchlist", community.add_to_watchlist, status=201),
            personal(GET, "/users/{user_id:str}/watchlist", community.list_watchlist),
            personal(
                DELETE, "/users/{user_id:str}/watchlist/{entry_id:str}", community.remove_from_watchlist, status=204
            ),
            personal(POST, "/users/{user_id:str}/seen", community.add_seen, status=201),
            personal(GET, "/users/{user_id:str}/seen", community.list_seen),
            personal(DELETE, "/users/{user_id:str}/seen/{entry_id:str}", community.remove_seen, status=204),
            public("/movies/{movie_id:str}/ratings", community.show_ratings),
            personal(POST, "/movies/ratings", community.rate, status=201),
            personal(PUT, "/movies/ratings/{rating_id:str}", community.change_rating),
            personal(DELETE, "/movies/ratings/{rating_id:str}", community.remove_rating, status=204),
            personal(DELETE, "/admin/users/{user_id:str}/favorites", community.clear_favorites, status=204),
        ],
    )


def storefront(
    catalogue: CataloguePages,
    films: FilmPages,
    sitemaps: Sitemaps,
    feed: Feed,
    accounts: AccountPages,
    own_account: OwnAccountPages,
    personal_data: PersonalDataPages,
    cards: CardPages,
    shop: ShopPages,
    checkout: CheckoutPages,
    orders: OrderPages,
    community: CommunityPages,
    shelves: ShelfPages,
    rentals: RentalPages,
    posters: PosterPages,
    about: AboutPages,
    files: Files,
) -> Router:
    """The storefront's pages, under /. Forms are sent with POST, and the response redirects to the next page."""
    return _router(
        "/",
        route_handlers=[
            get("/")(catalogue.show_home),
            get("/films")(catalogue.list_films),
            get("/films/{film_id:str}")(films.show_film),
            get("/stars")(catalogue.list_stars),
            get("/stars/{star_id:str}")(films.show_star),
            get("/genres")(catalogue.list_genres),
            get("/genres/{genre_id:str}")(catalogue.show_genre),
            get("/search")(catalogue.search_films),
            get("/popular")(community.list_popular),
            get("/sign-in")(accounts.show_sign_in),
            post("/sign-in")(accounts.sign_in),
            get("/register")(accounts.show_register),
            post("/register")(accounts.register),
            post("/sign-out")(accounts.sign_out),
            get("/forgotten")(own_account.show_forgotten),
            post("/forgotten")(own_account.forget),
            get("/new-password/{token:str}")(own_account.show_new_password),
            post("/new-password/{token:str}")(own_account.choose_password),
            get("/confirm-address/{token:str}")(own_account.show_confirmation),
            post("/confirm-address/{token:str}")(own_account.confirm_address),
            get("/account")(accounts.show_account),
            get("/account/name")(own_account.show_name),
            post("/account/name")(own_account.change_name),
            get("/account/address")(own_account.show_address),
            post("/account/address")(own_account.change_address),
            get("/account/password")(own_account.show_password),
            post("/account/password")(own_account.change_password),
            post("/account/tokens")(accounts.create_token),
            post("/account/tokens/{token_id:str}/revoke")(accounts.revoke_token),
            post("/account/sessions/end")(accounts.end_sessions),
            post("/account/sessions/{sign_in_id:str}/end")(accounts.end_session),
            get("/account/cards")(cards.show_cards),
            post("/account/cards")(cards.add_card),
            post("/account/cards/{card_id:str}/remove")(cards.remove_card),
            get("/account/data")(personal_data.download),
            get("/account/delete")(personal_data.show_deletion),
            post("/account/delete")(personal_data.delete),
            get("/account/undo-deletion/{token:str}")(personal_data.show_undo),
            post("/account/undo-deletion/{token:str}")(personal_data.undo),
            get("/cart")(shop.show_cart),
            post("/cart/items")(shop.add_item),
            post("/cart/items/{film_id:str}")(shop.change_item),
            post("/cart/items/{film_id:str}/remove")(shop.remove_item),
            post("/cart/clear")(shop.clear_cart),
            get("/checkout")(checkout.show_checkout),
            post("/checkout")(checkout.check_out),
            get("/orders")(orders.list_orders),
            get("/orders/{order_id:str}")(orders.show_order),
            post("/orders/{order_id:str}/cancel")(orders.cancel_order),
            get("/favorites")(community.list_favorites),
            post("/favorites")(community.add_favorite),
            post("/favorites/{entry_id:str}/remove")(community.remove_favorite),
            get("/watchlist")(community.list_watchlist),
            post("/watchlist")(community.add_to_watchlist),
            post("/watchlist/{entry_id:str}/remove")(community.remove_from_watchlist),
            get("/seen")(community.list_seen),
            post("/seen")(community.add_seen),
            post("/seen/{entry_id:str}/remove")(community.remove_seen),
            get("/ratings")(community.list_ratings),
            post("/ratings")(community.rate),
            post("/ratings/{rating_id:str}/remove")(community.remove_rating),
            get("/shelves/import")(shelves.show_imports),
            post("/shelves/import")(shelves.receive),
            get("/shelves/import/{import_id:str}")(shelves.show_import),
            get("/shelves/import/{import_id:str}/report")(shelves.download_report),
            post("/shelves/import/{import_id:str}/choose")(shelves.choose),
            post("/shelves/import/{import_id:str}/remove")(shelves.remove),
            get("/shelves/export/{kind:str}")(shelves.export),
            get("/library")(rentals.show_library),
            get("/watch/{film_id:str}")(rentals.show_player),
            post("/watch/{film_id:str}")(rentals.begin),
            get("/posters/{film_id:str}")(posters.show_poster),
            get("/posters/{film_id:str}/preview")(posters.show_preview),
            get("/about")(about.show_about),
            get("/pages/{slug:str}")(about.show_page),
            get("/robots.txt")(sitemaps.show_robots),
            get("/sitemap.xml")(sitemaps.show_index),
            get("/new-films.atom")(feed.show_feed),
            get("/sitemaps/{number:str}")(sitemaps.show_sitemap),
            get("/static/{name:str}")(files.show_file),
            get("/favicon.ico")(files.show_favicon),
            get("/manifest.webmanifest")(files.show_manifest),
        ],
    )


def videos(sending: SendingApi) -> Router:
    """The bytes of films: for whoever has a link, trailers for everybody."""
    return _router(
        "/",
        route_handlers=[
            get(f"{STREAM_PATH}/{{token:str}}/{{name:path}}")(sending.send_stream),
            get(f"{TRAILER_PATH}/{{video_id:str}}/{{name:path}}")(sending.send_trailer),
        ],
    )


def office(
    overview: OverviewPages,
    customers: CustomerPages,
    films: OfficeFilmPages,
    film: FilmEditPages,
    videos: FilmVideoPages,
    counter: CounterPages,
    orders: OfficeOrderPages,
    takings: TakingsPages,
    prices: PricePages,
    mail: MailPages,
    settings: SettingsPages,
    own_pages: OwnPagesPages,
    log: LogPages,
    imports: ImportPages,
) -> Router:
    """The pages of the people who run the shop, under /admin."""
    return _router(
        "/admin",
        route_handlers=[
            get("/")(overview.show_overview),
            get("/customers")(customers.list_customers),
            get("/customers/invite")(customers.show_invitation),
            post("/customers/invite")(customers.invite),
            get("/customers/{account_id:str}")(customers.show_customer),
            post("/customers/{account_id:str}/disable")(customers.disable),
            post("/customers/{account_id:str}/enable")(customers.enable),
            post("/customers/{account_id:str}/reset")(customers.reset),
            post("/customers/{account_id:str}/role")(customers.change_role),
            post("/customers/{account_id:str}/sign-out")(customers.sign_out),
            post("/customers/{account_id:str}/delete")(customers.delete),
            post("/customers/{account_id:str}/favorites/clear")(customers.clear_favorites),
            post("/customers/{account_id:str}/sessions/{sign_in_id:str}/end")(customers.end_session),
            post("/customers/{account_id:str}/tokens/{token_id:str}/revoke")(customers.revoke_token),
            get("/films")(films.list_films),
            get("/new-film")(film.show_new),
            post("/new-film")(film.add_film),
            get("/films/{film_id:str}")(film.show_film),
            post("/films/{film_id:str}")(film.save_film),
            post("/films/{film_id:str}/hide")(film.hide),
            post("/films/{film_id:str}/show")(film.show_again),
            post("/films/{film_id:str}/take-back")(film.take_back),
            get("/films/{film_id:str}/videos")(videos.show_videos),
            post("/films/{film_id:str}/videos")(videos.add),
            post("/films/{film_id:str}/videos/{video_id:str}/remove")(videos.remove),
            post("/films/{film_id:str}/price")(films.set_price),
            post("/films/{film_id:str}/terms")(films.set_terms),
            get("/counter")(counter.show_counter),
            post("/counter/{rental_id:str}/hand-out")(counter.hand_out),
            post("/counter/{rental_id:str}/take-back")(counter.take_back),
            post("/counter/{rental_id:str}/write-off")(counter.write_off),
            get("/orders")(orders.list_orders),
            get("/orders/{order_id:str}")(orders.show_order),
            post("/orders/{order_id:str}/refund")(orders.refund_order),
            post("/orders/{order_id:str}/paid")(orders.mark_paid),
            post("/orders/{order_id:str}/given-back")(orders.mark_given_back),
            post("/orders/{order_id:str}/resend")(orders.resend),
            get("/prices")(prices.show_prices),
            post("/prices")(prices.apply),
            post("/prices/preview")(prices.preview),
            post("/prices/undo")(prices.undo),
            get("/takings")(takings.show_takings),
            get("/takings.csv")(takings.download),
            get("/mail")(mail.list_mails),
            post("/mail/{mail_id:str}/retry")(mail.retry),
            get("/settings")(settings.show_settings),
            post("/settings")(settings.save),
            post("/settings/mark")(settings.save_mark),
            post("/settings/mark/remove")(settings.remove_mark),
            get("/pages")(own_pages.list_pages),
            get("/pages/{slug:str}")(own_pages.show_page),
            post("/pages/{slug:str}")(own_pages.save),
            post("/pages/{slug:str}/undo")(own_pages.undo),
            post("/pages/{slug:str}/up")(own_pages.move),
            post("/pages/{slug:str}/remove")(own_pages.remove),
            get("/log")(log.show_log),
            get("/import")(imports.show_imports),
            post("/import")(imports.receive),
            post("/import/undo")(imports.undo),
            get("/import/{job_id:str}")(imports.show_job),
            post("/import/{job_id:str}/check")(imports.check),
            post("/import/{job_id:str}/carry-out")(imports.carry_out),
            get("/import/{job_id:str}/report")(imports.download_report),
            post("/export/{kind:str}", status_code=200)(imports.export),
        ],
    )


def inbox(mail: MailPages) -> Router:
    """What the demo's mails would have said."""
    return _router("/", route_handlers=[get("/inbox")(mail.show_inbox)])


def documentation(pages: ApiDocPages) -> Router:
    """The API description, and the page that shows it."""
    return _router(
        "/",
        route_handlers=[
            get("/openapi.json")(pages.show_openapi),
            get("/docs")(pages.show_page),
            get("/docs/{name:str}")(pages.show_asset),
        ],
    )


def payments(receive_webhook: Callable[..., Any]) -> Router:
    """What payment providers tell. They sign it, and have neither session nor page."""
    return _router("/", route_handlers=[anonymous(POST, "/payments/stripe", receive_webhook)])


def monitoring(metrics: "MetricsApi") -> Router:
    """The metrics, for monitoring systems."""
    return _router("/", route_handlers=[get("/metrics")(metrics.show_metrics)])

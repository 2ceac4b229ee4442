"""The application: its URLs in one table an API, and what it is wired of."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import structlog
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar import HttpMethod, Litestar, Router, get, post, route
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from filmer.accounts.api import AccountsApi
from filmer.accounts.nouns import Credentials
from filmer.accounts.pages import AccountPages
from filmer.accounts.passwords import Passwords
from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import SigningIn
from filmer.accounts.throttle import Throttle
from filmer.accounts.tokens import Tokens
from filmer.admin.pages import AdminPages
from filmer.catalogue import api as catalogue
from filmer.catalogue import queries as catalogue_queries
from filmer.catalogue import sitemaps
from filmer.catalogue.edition import Edition
from filmer.catalogue.film_pages import FilmPages
from filmer.catalogue.pages import CataloguePages
from filmer.catalogue.search import Search
from filmer.clock import Clock, SystemClock
from filmer.community.api import CommunityApi
from filmer.community.pages import CommunityPages
from filmer.community.shelves import Shelves
from filmer.demo import PASSWORD, PEOPLE, card_hint
from filmer.http import documents, health
from filmer.http.body import MAX_BODY
from filmer.http.cross_site import CrossSite
from filmer.http.edge import PUBLIC, Edge
from filmer.http.envelopes import CommunityResponse, ShopResponse
from filmer.http.failures import answer_failure
from filmer.logs import configure_logs
from filmer.posters.pages import PosterPages
from filmer.secret import SecretKey
from filmer.serving import exit_with_parent
from filmer.settings import Settings, load_settings, parse_origin, parse_origins, parse_proxies
from filmer.shop.api import ShopApi
from filmer.shop.cards import CardsOnFile
from filmer.shop.cart import Carts
from filmer.shop.checkout import Checkout
from filmer.shop.pages import ShopPages
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.copies import Copies
from filmer.tmdb.images import Images
from filmer.tmdb.pace import Pace
from filmer.tmdb.sandbox.child import KEY as SANDBOX_KEY
from filmer.upkeep import upkeep
from filmer.web.files import Files
from filmer.web.notices import Notices
from filmer.web.pages import Pages
from filmer.web.rendering import Assets, Templates

GET, POST, PUT, DELETE = HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.DELETE

# Where a GET is the same for everybody, and may be answered from the byte cache.
PUBLIC_PATHS = (
    "/api/v1/movies",
    "/api/v1/stars",
    "/api/v1/genres",
    "/api/v1/search/",
    "/static/",
    "/sitemap",
    "/posters/",
)

# So are these, for whoever brings no session along.
PUBLIC_PAGES = ("/", "/films", "/stars", "/genres", "/search", "/popular")

# Where a GET tells everybody what TMDB told: it has an age, and outlives TMDB.
OUTSIDE_PATHS = ("/api/movies/popular",)


def public(path: str, handler: Callable[..., Any]) -> HTTPRouteHandler:
    """A GET whose answer is the same for everybody."""
    return get(path, response_headers={"cache-control": PUBLIC})(handler)


def personal(method: HttpMethod, path: str, handler: Callable[..., Any], *, status: int = 200) -> HTTPRouteHandler:
    """What concerns one account: nobody keeps the answer (contract §1.6)."""
    return route(path, http_method=method, status_code=status, response_headers={"cache-control": "no-store"})(handler)


def shop_api(accounts: AccountsApi, shop: ShopApi) -> Router:
    """shop-api.md, under /api/v1."""
    return Router(
        "/api/v1",
        response_class=ShopResponse,
        route_handlers=[
            get("/health")(health.show_health),
            public("/movies", catalogue.list_movies),
            public("/movies/{movie_id:str}", catalogue.show_movie),
            public("/stars", catalogue.list_stars),
            public("/stars/{star_id:str}", catalogue.show_star),
            public("/genres", catalogue.list_genres),
            public("/genres/{genre_id:str}/movies", catalogue.list_genre_movies),
            public("/search/movies", catalogue.search_movies),
            public("/search/suggestions", catalogue.suggest),
            personal(POST, "/auth/login", accounts.log_in),
            personal(POST, "/auth/register", accounts.register, status=201),
            personal(POST, "/auth/logout", accounts.log_out),
            personal(GET, "/auth/session", accounts.show_session),
            personal(GET, "/cart", shop.show_cart),
            personal(DELETE, "/cart", shop.clear_cart),
            personal(POST, "/cart/items", shop.add_item),
            personal(PUT, "/cart/items/{movie_id:str}", shop.change_item),
            personal(DELETE, "/cart/items/{movie_id:str}", shop.remove_item),
            personal(POST, "/checkout", shop.check_out),
            personal(GET, "/orders", shop.list_orders),
            personal(GET, "/orders/{order_id:str}", shop.show_order),
        ],
    )


def community_api(community: CommunityApi) -> Router:
    """community-api.txt, under /api."""
    return Router(
        "/api",
        response_class=CommunityResponse,
        route_handlers=[
            public("/movies/popular", community.list_popular),
            personal(POST, "/users/{user_id:str}/favorites", community.add_favorite, status=201),
            personal(GET, "/users/{user_id:str}/favorites", community.list_favorites),
            personal(DELETE, "/users/{user_id:str}/favorites/{favorite_id:str}", community.remove_favorite, status=204),
            personal(POST, "/movies/ratings", community.rate, status=201),
            personal(PUT, "/movies/ratings/{rating_id:str}", community.change_rating),
            personal(DELETE, "/admin/users/{user_id:str}/favorites", community.clear_favorites, status=204),
        ],
    )


def storefront(
    catalogue: CataloguePages,
    films: FilmPages,
    accounts: AccountPages,
    shop: ShopPages,
    community: CommunityPages,
    files: Files,
) -> Router:
    """The pages, under /. Forms are sent with POST, and answered with the way to the next page."""
    return Router(
        "/",
        include_in_schema=False,
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
            get("/account")(accounts.show_account),
            post("/account/tokens")(accounts.create_token),
            post("/account/tokens/{token_id:str}/revoke")(accounts.revoke_token),
            post("/account/sessions/end")(accounts.end_sessions),
            get("/cart")(shop.show_cart),
            post("/cart/items")(shop.add_item),
            post("/cart/items/{film_id:str}")(shop.change_item),
            post("/cart/items/{film_id:str}/remove")(shop.remove_item),
            post("/cart/clear")(shop.clear_cart),
            get("/checkout")(shop.show_checkout),
            post("/checkout")(shop.check_out),
            get("/orders")(shop.list_orders),
            get("/orders/{order_id:str}")(shop.show_order),
            get("/favorites")(community.list_favorites),
            post("/favorites")(community.add_favorite),
            post("/favorites/{favorite_id:str}/remove")(community.remove_favorite),
            get("/ratings")(community.list_ratings),
            post("/ratings")(community.rate),
            get("/robots.txt")(sitemaps.show_robots),
            get("/sitemap.xml")(sitemaps.show_index),
            get("/sitemaps/{number:str}")(sitemaps.show_sitemap),
            get("/static/{name:str}")(files.show_file),
        ],
    )


def office(admin: AdminPages) -> Router:
    """The admins' pages, under /admin."""
    return Router(
        "/admin",
        include_in_schema=False,
        route_handlers=[
            get("/")(admin.show_dashboard),
            get("/accounts")(admin.list_accounts),
            post("/accounts/{account_id:str}/favorites/clear")(admin.clear_favorites),
            get("/films")(admin.list_films),
            post("/films/{film_id:str}/price")(admin.set_price),
        ],
    )


def posters(posters: PosterPages) -> Router:
    """Pictures of films, the same for everybody."""
    return Router(
        "/posters",
        include_in_schema=False,
        route_handlers=[get("/{film_id:str}")(posters.show_poster)],
    )


def documentation() -> Router:
    """What the APIs say of themselves."""
    return Router(
        "/",
        route_handlers=[
            get("/openapi.json")(documents.show_openapi),
            get("/docs")(documents.show_page),
            get("/docs/{name:str}")(documents.show_asset),
        ],
    )


def create_app(settings: Settings, *, clock: Clock | None = None) -> ASGIApp:
    """The whole service as one ASGI application. ``settings`` must name a database."""
    if settings.database_url is None:
        raise ValueError("settings.database_url must be set")
    clock = clock or SystemClock()
    database = Database(settings.database_url, size=settings.pool_size)
    shared = SharedCache(settings.redis_url, settings.redis_password)
    edition = Edition(settings.database_url)
    public_url = parse_origin(settings.public_url) if settings.public_url else None
    is_https = public_url is not None and public_url.startswith("https:")
    secret = SecretKey(settings)
    throttle = Throttle(clock, secret)
    passwords = Passwords(threads=max(1, min(os.cpu_count() or 1, 8) // max(1, settings.workers)))
    sessions = Sessions(
        clock,
        idle=timedelta(minutes=settings.session_minutes),
        longest=timedelta(hours=settings.session_hours),
        is_secure=is_https,
        demo=settings.demo,
    )
    signing_in = SigningIn(database, sessions, passwords, throttle, secret, clock, demo=settings.demo)
    payments = CardsOnFile(database, secret, demo=settings.demo)
    checkout = Checkout(database, payments, throttle, secret, clock)
    accounts = AccountsApi(database, sessions, signing_in)
    tokens = Tokens(clock, demo=settings.demo)
    pace = Pace(shared, clock, per_second=settings.tmdb_requests_per_second, workers=settings.workers)
    tmdb = Tmdb(settings, pace, clock)
    has_pictures = tmdb.is_set_up and not (settings.demo and settings.tmdb_api_key == SANDBOX_KEY)
    images = Images(tmdb, pace, shared, clock, settings) if has_pictures else None
    copies = Copies(tmdb, shared, database, clock, settings)
    shelves = Shelves(database, copies, shared, clock, cache_seconds=settings.cache_duration_seconds)
    community = CommunityApi(database, tokens, copies, shelves, cache_seconds=settings.cache_duration_seconds)
    carts = Carts(settings.default_price)
    shop = ShopApi(database, sessions, carts, checkout, clock)
    search = Search()
    assets = Assets()
    templates = Templates(assets, public_url=public_url, currency=settings.currency)
    pages = Pages(sessions, templates, Notices(secret, is_secure=is_https), count_cart=carts.count)
    catalogue_pages = CataloguePages(pages, database, search, edition, copies)
    film_pages = FilmPages(pages, database, shelves, settings.default_price, currency=settings.currency)
    account_pages = AccountPages(
        pages,
        database,
        sessions,
        signing_in,
        clock,
        demo=[Credentials(email=one.email, password=PASSWORD) for one in PEOPLE] if settings.demo else [],
    )
    shop_pages = ShopPages(
        pages, database, carts, checkout, clock, hint=card_hint(f"{clock.now():%Y-%m}") if settings.demo else None
    )
    community_pages = CommunityPages(pages, database, copies, shelves, catalogue_queries.select_films_by_tmdb_ids)
    admin_pages = AdminPages(
        pages, database, shared, tmdb, shelves, search, edition, clock, settings.default_price
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await database.open()
        edition.start()
        try:
            chores = [
                lambda: sessions.tidy(database),
                lambda: tokens.tidy(database),
                lambda: checkout.tidy(database),
                copies.tidy,
            ]
            async with upkeep(chores):
                yield
        finally:
            await copies.close()
            if images:
                await images.close()
            await tmdb.close()
            await edition.stop()
            await shared.close()
            await database.close()

    def provide(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False, use_cache=True)

    app = Litestar(
        route_handlers=[
            shop_api(accounts, shop),
            community_api(community),
            storefront(catalogue_pages, film_pages, account_pages, shop_pages, community_pages, Files(assets)),
            office(admin_pages),
            posters(PosterPages(database, images)),
            documentation(),
        ],
        dependencies={
            "database": provide(database),
            "search": provide(search),
            "edition": provide(edition),
        },
        exception_handlers={Exception: answer_failure},
        lifespan=[lifespan],
        state=State(
            {
                "clock": clock,
                "sessions": sessions,
                "signing_in": signing_in,
                "checkout": checkout,
                "database": database,
                "failure_page": pages.failure,
                "public_url": public_url,
            }
        ),
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )
    edge = Edge(
        app,
        public=PUBLIC_PATHS,
        pages=PUBLIC_PAGES,
        failure_page=pages.failure,
        build=templates.build,
        outside=OUTSIDE_PATHS,
        edition=edition,
        shared=shared,
        cache_seconds=settings.cache_duration_seconds,
        cache_bytes=settings.cache_mib * 2**20,
        clock=clock,
        access_log=settings.access_log,
        cross_site=CrossSite(
            cors_origins=parse_origins(settings.cors_origins) if settings.cors_origins else (),
            public_url=public_url,
        ),
        is_https=is_https,
    )
    if settings.trusted_proxies is None:
        return edge
    # So that scope["client"] is whoever called the proxies: the last address none of ours has.
    return cast("ASGIApp", wrap_asgi_with_proxy_headers(edge, trusted_hosts=parse_proxies(settings.trusted_proxies)))


def serve_from_environment() -> ASGIApp:
    """What each worker process of ``filmer serve`` runs; its settings come in the environment."""
    exit_with_parent()
    settings = load_settings(os.environ)
    configure_logs(settings)
    structlog.get_logger().debug("worker starts", pid=os.getpid())
    return create_app(settings)

"""The ASGI application: components, handlers and URLs, with the edge in front."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial, reduce
from typing import TYPE_CHECKING, cast

import structlog
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.types import ASGIApp

from filmer import demo, urls
from filmer.accounts.api import AccountsApi
from filmer.accounts.schemas import Credentials
from filmer.api_description import describe
from filmer.catalogue.api import CatalogueApi
from filmer.catalogue.bulk_prices import BulkPrices
from filmer.catalogue.prices import Prices
from filmer.clock import Clock, SystemClock
from filmer.community.api import CommunityApi
from filmer.components import Components
from filmer.edge.body_drain import BodyDrain
from filmer.edge.cache import ResponseCache
from filmer.edge.cross_site import CrossSite, CrossSiteRules
from filmer.edge.default_headers import DefaultHeaders
from filmer.edge.direct_routes import DirectRoutes, Handler
from filmer.edge.head import Head
from filmer.edge.limits import Limits
from filmer.edge.overload import ConcurrencyLimit, Overload
from filmer.edge.public_cache import PublicCache
from filmer.edge.refusals import Refusals
from filmer.edge.request_context import RequestContext
from filmer.edge.request_log import RequestLog
from filmer.edge.response_headers import ResponseHeaders
from filmer.edge.retry import Retry
from filmer.edge.tmdb_response_cache import TmdbResponseCache
from filmer.edge.valkey_cache import ValkeyCache
from filmer.edge.whole_responses import WholeResponses
from filmer.http.body import MAX_BODY
from filmer.http.failures import answer_failure
from filmer.http.health import HealthApi
from filmer.logs import configure_logs
from filmer.mail.kinds import SECRET_PATHS
from filmer.openapi.pages import ApiDocPages
from filmer.rentals.api import RentalsApi
from filmer.rentals.counter_queries import Terms
from filmer.rentals.media_files import MediaFiles
from filmer.rentals.sending import SendingApi
from filmer.rentals.videos import STREAM_PATH
from filmer.server.periodic import periodically
from filmer.server.worker import exit_with_parent
from filmer.settings import Settings, has_inbox, is_loopback, load_settings, parse_origins, parse_proxies
from filmer.shop.api import ShopApi
from filmer.store.engines import has_embedded_valkey
from filmer.store.valkey import SharedCache
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
from filmer.storefront.stripe_page import StripePage

if TYPE_CHECKING:
    from filmer.edge.traffic import Traffic
    from filmer.metrics.collector import Metrics


def create_app(settings: Settings, *, clock: Clock | None = None) -> ASGIApp:
    """The whole service as one ASGI application. ``settings`` must name a database."""
    components = Components(settings, clock or SystemClock())
    metrics = _metrics(components) if settings.metrics_token else None
    catalogue = CatalogueApi(components.catalogue, components.search)
    framework: ASGIApp = _framework(components, settings, metrics, catalogue)
    routes = urls.catalogue_routes(catalogue)
    edge = in_front_of(framework, components, settings, metrics.traffic if metrics else None, direct_routes=routes)
    if settings.trusted_proxies is None:
        return edge
    # Sets scope["client"] to the caller's address: the last in X-Forwarded-For that is not one of these proxies.
    return cast("ASGIApp", wrap_asgi_with_proxy_headers(edge, trusted_hosts=parse_proxies(settings.trusted_proxies)))


def _metrics(components: Components) -> "Metrics":
    from filmer.metrics.collector import Metrics  # takes 25 ms, so only where metrics are served

    return Metrics(components)


def _framework(
    components: Components, settings: Settings, metrics: "Metrics | None", catalogue: CatalogueApi
) -> Litestar:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await components.open()
        try:
            async with periodically(components.periodic_tasks), metrics.publishing() if metrics else nullcontext():
                yield
        finally:
            await components.close()

    apis = _apis(components, settings, catalogue)
    framework = Litestar(
        route_handlers=[
            *apis,
            *_pages(components, settings),
            urls.documentation(ApiDocPages(partial(describe, apis))),
            urls.videos(SendingApi(components.database, components.stream_links, components.clock, settings)),
            *_payments(components),
            *_monitoring(metrics, settings),
        ],
        exception_handlers={Exception: answer_failure},
        lifespan=[lifespan],
        state=State(
            {
                "clock": components.clock,
                "components": components,
                "failure_page": components.pages.failure,
                "failure_page_for": components.pages.failure_for,
                "redirect": components.pages.redirect,
                "to_sign_in": components.pages.to_sign_in,
            }
        ),
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )
    if metrics:
        metrics.traffic.know(route.path for route in framework.routes)
    return framework


def _apis(components: Components, settings: Settings, catalogue: CatalogueApi) -> list[Router]:
    health = HealthApi(components.database, components.clock)
    accounts = AccountsApi(components.database, components.sessions, components.signing_in)
    shop = ShopApi(
        components.database, components.sessions, components.carts, components.checkout, components.cancelling
    )
    rentals = RentalsApi(
        components.database,
        components.sessions,
        components.watching,
        components.stream_links,
        components.public_url,
    )
    community = CommunityApi(
        components.database,
        components.tokens,
        components.tmdb_cache,
        components.shelves,
        components.popular,
        cache_seconds=settings.cache_duration_seconds,
    )
    return [urls.shop_api(health, catalogue, accounts, shop, rentals), urls.community_api(community)]


def _pages(components: Components, settings: Settings) -> list[Router]:
    pages, database = components.pages, components.database
    prices = Prices(settings.default_price)
    demo_users = [Credentials(email=user.email, password=demo.PASSWORD) for user in demo.USERS]
    shop = ShopPages(
        pages, database, components.carts, components.watching, components.guest_carts, components.guest_cookies
    )
    orders = OrderPages(pages, components.cancelling, hold=components.counter_payments.hold)
    community = CommunityPages(pages, database, components.catalogue, components.popular, components.shelves, prices)
    accounts = AccountPages(
        pages,
        database,
        components.sessions,
        components.kept,
        components.signing_in,
        components.own_account,
        components.clock,
        components.guest_cookies,
        actions={**shop.actions, **community.actions},
        demo=demo_users if settings.demo else [],
    )
    storefront = urls.storefront(
        CataloguePages(
            pages,
            components.catalogue,
            components.search,
            components.tmdb_cache,
            prices,
            components.watching,
            components.recommendations,
        ),
        FilmPages(
            pages,
            components.catalogue,
            components.search,
            components.shelves,
            prices,
            components.watching,
            shop=components.shop,
            public_url=components.public_url,
        ),
        Sitemaps(components.catalogue, components.shop, components.public_url),
        Feed(components.catalogue, components.shop, components.clock, components.public_url),
        accounts,
        OwnAccountPages(pages, database, components.own_account, accounts),
        PersonalDataPages(
            pages, database, components.sessions, components.signing_in, components.leaving, components.clock
        ),
        CardPages(pages, components.own_cards, components.clock, ways=components.checkout.ways),
        shop,
        CheckoutPages(
            pages,
            components.carts,
            components.checkout,
            components.watching,
            components.own_cards,
            components.clock,
            hold_days=settings.hold_days,
            stripe=StripePage.of(settings),
            hint=demo.card_hint(f"{components.clock.now():%Y-%m}") if settings.demo else None,
        ),
        orders,
        community,
        ShelfPages(pages, components.shelf_imports, components.uploads),
        RentalPages(
            pages,
            components.watching,
            components.stream_links,
            player_framed_by=parse_origins(settings.cors_origins),
        ),
        PosterPages(components.catalogue, components.images),
        AboutPages(pages, components.catalogue, components.shop, components.public_url),
        Files(components.assets, components.shop),
    )
    terms = Terms(settings.rental_start_days, settings.rental_hours)
    mail = MailPages(pages, database, components.outbox, components.letters, components.clock)
    office = urls.office(
        OverviewPages(pages, components.shared, components.tmdb, components.clock),
        CustomerPages(
            pages,
            components.customers,
            components.sessions,
            components.shelves,
            components.watching,
            components.own_cards,
            components.letters,
        ),
        OfficeFilmPages(
            pages,
            components.search,
            components.clock,
            settings.default_price,
            terms,
        ),
        FilmEditPages(
            pages, components.uploads, components.rebuilding, components.clock, (settings.default_price, terms)
        ),
        FilmVideoPages(pages, MediaFiles(settings.media_dir), parse_origins(settings.media_origins), components.clock),
        CounterPages(pages, components.counter),
        OfficeOrderPages(pages, components.cancelling, components.counter_payments, components.order_mails),
        TakingsPages(pages, database, components.clock),
        PricePages(pages, database, BulkPrices(settings.default_price)),
        mail,
        SettingsPages(pages, components.shop, components.uploads),
        OwnPagesPages(pages, components.shop, components.uploads),
        LogPages(pages),
        ImportPages(pages, components.imports, components.uploads, database),
    )
    return [storefront, office, *([urls.inbox(mail)] if has_inbox(settings) else [])]


def _payments(components: Components) -> list[Router]:
    if components.stripe is None:
        return []
    from filmer.shop.stripe_webhooks import StripeWebhooks

    return [urls.payments(StripeWebhooks(components.stripe).receive)]


def _monitoring(metrics: "Metrics | None", settings: Settings) -> list[Router]:
    if metrics is None or settings.metrics_token is None:
        return []
    from filmer.metrics.api import MetricsApi

    return [urls.monitoring(MetricsApi(metrics, settings.metrics_token))]


def in_front_of(
    framework: ASGIApp,
    components: Components,
    settings: Settings,
    traffic: "Traffic | None" = None,
    *,
    direct_routes: Mapping[str, Handler] | None = None,
) -> ASGIApp:
    """The edge: its layers, outermost first. A request goes down the list, its response up.

    ``direct_routes``: handlers that are called past the framework, by their path under ``urls.SHOP_API``.
    """
    refusals = Refusals(components.clock, components.pages.failure)
    limit = ConcurrencyLimit(settings.pool_size * 2)
    cross_site = CrossSite(
        cors_origins=parse_origins(settings.cors_origins),
        public_url=components.public_url,
    )
    is_https = components.is_https and not is_loopback((components.public_url or "").partition("://")[2])
    public = urls.PUBLIC_PATHS + (urls.WITH_ORIGIN if components.public_url else ())
    clock, seconds, cache_bytes = components.clock, settings.cache_duration_seconds, settings.cache_mib * 2**20
    tmdb_bytes = cache_bytes // 8  # all five hundred popular pages take 3 MiB
    memory, tmdb_memory = ResponseCache(max_bytes=cache_bytes - tmdb_bytes), ResponseCache(max_bytes=tmdb_bytes)
    layers: list[Callable[[ASGIApp], ASGIApp]] = [
        partial(RequestLog, lifespan=framework, clock=clock, access_log=settings.access_log, traffic=traffic,
            secret_paths=(f"{STREAM_PATH}/", *SECRET_PATHS),
        ),
        partial(ResponseHeaders, cross_site=cross_site, is_https=is_https),
        Head,
        partial(Limits, refusals=refusals),
        partial(
            PublicCache, public=public, pages=urls.PUBLIC_PAGES, edition=components.edition, memory=memory, limit=limit,
            refusals=refusals,
        ),
        partial(
            TmdbResponseCache, paths=urls.TMDB_PATHS, ageless=urls.RATINGS_PATHS, memory=tmdb_memory, clock=clock,
            seconds=seconds,
        ),
        partial(RequestContext, clock=clock),
        BodyDrain,
        partial(CrossSiteRules, cross_site=cross_site, refusals=refusals),
        partial(Overload, limit=limit, exempt=urls.MONITORING_PATHS, refusals=refusals),
        partial(
            ValkeyCache, edition=components.edition, shared=_shared_cache(components, settings), clock=clock,
            build=components.templates.build, seconds=seconds,
        ),
        partial(WholeResponses, clock=clock),
        DefaultHeaders,
        Retry,
        partial(DirectRoutes, prefix=urls.SHOP_API, routes=direct_routes or {}, refusals=refusals),
    ]  # fmt: skip
    # Bound methods are faster to call than objects with __call__, and every cached response passes five layers.
    return reduce(lambda app, layer: layer(app).__call__, reversed(layers), framework)


def _shared_cache(components: Components, settings: Settings) -> SharedCache | None:
    """The cache in Valkey, unless this is the only worker, and Valkey is its own."""
    is_alone = settings.workers == 1 and has_embedded_valkey(settings)
    return None if is_alone else components.shared


def serve_from_environment() -> ASGIApp:
    """The application of each worker process of ``filmer serve``, which has its settings in the environment."""
    exit_with_parent()
    settings = load_settings(os.environ)
    configure_logs(settings)
    structlog.get_logger().debug("worker starts", pid=os.getpid())
    return create_app(settings)

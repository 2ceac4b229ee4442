"""The application: its URLs in one table an API, and what it is wired of."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from litestar.types import ASGIApp

from filmer.catalogue import api as catalogue
from filmer.catalogue.edition import Edition
from filmer.catalogue.search import Search
from filmer.clock import Clock, SystemClock
from filmer.http import documents, health
from filmer.http.edge import PUBLIC, Edge
from filmer.http.envelopes import ShopResponse
from filmer.http.failures import answer_failure
from filmer.logs import configure_logs
from filmer.serving import exit_with_parent
from filmer.settings import Settings, load_settings
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache

MAX_BODY = 64 * 1024  # bytes (contract §1.3)

# Where a GET is the same for everybody, and may be answered from the byte cache.
PUBLIC_PATHS = ("/api/v1/movies", "/api/v1/stars", "/api/v1/genres", "/api/v1/search/")


def public(path: str, handler: Callable[..., Any]) -> HTTPRouteHandler:
    """A GET whose answer is the same for everybody."""
    return get(path, response_headers={"cache-control": PUBLIC})(handler)


def shop_api() -> Router:
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
        ],
    )


def documentation() -> Router:
    """What the APIs say of themselves."""
    return Router(
        "/",
        route_handlers=[
            get("/", name="home")(to_documentation),
            get("/openapi.json")(documents.show_openapi),
            get("/docs")(documents.show_page),
            get("/docs/{name:str}")(documents.show_asset),
        ],
    )


async def to_documentation() -> Redirect:
    return Redirect("/docs")


def create_app(settings: Settings, *, clock: Clock | None = None) -> ASGIApp:
    """The whole service as one ASGI application. ``settings`` must name a database."""
    if settings.database_url is None:
        raise ValueError("settings.database_url must be set")
    clock = clock or SystemClock()
    database = Database(settings.database_url, size=settings.pool_size)
    shared = SharedCache(settings.redis_url, settings.redis_password)
    edition = Edition(settings.database_url)
    search = Search()

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await database.open()
        edition.start()
        try:
            yield
        finally:
            await edition.stop()
            await shared.close()
            await database.close()

    def provide(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False, use_cache=True)

    app = Litestar(
        route_handlers=[shop_api(), documentation()],
        dependencies={
            "database": provide(database),
            "search": provide(search),
            "edition": provide(edition),
        },
        exception_handlers={Exception: answer_failure},
        lifespan=[lifespan],
        state=State({"clock": clock}),
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )
    return Edge(
        app,
        public=PUBLIC_PATHS,
        edition=edition,
        shared=shared,
        cache_seconds=settings.cache_duration_seconds,
        cache_bytes=settings.cache_mib * 2**20,
        clock=clock,
        access_log=settings.access_log,
    )


def serve_from_environment() -> ASGIApp:
    """What each worker process of ``filmer serve`` runs; its settings come in the environment."""
    exit_with_parent()
    settings = load_settings(os.environ)
    configure_logs(settings)
    structlog.get_logger().debug("worker starts", pid=os.getpid())
    return create_app(settings)

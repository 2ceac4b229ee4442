"""``filmer doctor``: checks everything that filmer needs, and says what to do about each problem."""

import asyncio
import logging
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psycopg
import redis
import structlog
from rich.text import Text

from filmer import __version__
from filmer.accounts.address_conflicts import ADVICE, find_shared
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import err, shown
from filmer.errors import ExternalApiError, ServiceUnavailable
from filmer.importing import queries
from filmer.mail.smtp import Smtp, Undelivered
from filmer.plurals import counted
from filmer.rentals import video_queries
from filmer.rentals.media_files import DEMO
from filmer.rentals.videos import is_address
from filmer.secret import FILE, SecretKey
from filmer.settings import Settings, SettingsError, load_settings, parse_mail_from, parse_smtp_url
from filmer.store.embedded import EmbeddedError
from filmer.store.engines import connect, data_directory, engines, in_transaction
from filmer.store.migrate import MINIMUM_POSTGRESQL, MigrationError, pending
from filmer.store.valkey import SharedCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.rate_limit import RateLimit

MINIMUM_VALKEY = (7, 0)  # the first Redis in which SET has both NX and GET
TMDB_SECONDS = 5
SERVER_SECONDS = 5


class Finding(msgspec.Struct, frozen=True):
    is_ok: bool
    text: str
    advice: str = ""


def doctor(*, data_dir: DataDir = None) -> None:
    """Check settings, database, cache, server, TMDB and mail server, and say what to do about each problem."""
    healthy = True
    for finding in examine(data_dir):
        healthy &= finding.is_ok
        mark = ("ok  ", "green") if finding.is_ok else ("FAIL", "red")
        err.print(Text.assemble(mark, f" {finding.text}"), soft_wrap=True)
        if finding.advice:
            err.print(f"     → {finding.advice}", soft_wrap=True)
    if not healthy:
        raise SystemExit(1)


def examine(data_dir: str | None) -> Iterator[Finding]:
    """All findings, in the order of the checks."""
    yield Finding(
        True, f"filmer {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, {sys.platform}"
    )
    try:
        settings = load_settings(data_dir=data_dir)
    except SettingsError as error:
        yield Finding(False, str(error), "Correct it or unset it; docs/settings.md lists all settings.")
        return
    yield Finding(True, "all settings are valid")
    place = "embedded in " + str(data_directory(settings))
    yield Finding(True, f"database: {'DATABASE_URL' if settings.database_url else place}")
    yield Finding(True, f"cache: {'REDIS_URL' if settings.redis_url else place}")
    # Before the engines: these are started if they are down, which would hide that a server has lost them.
    yield from _server(settings)
    try:
        with engines(settings) as running:
            yield from _database(settings, running)
            yield _cache(running)
        yield _tmdb(settings)
        yield _mail(settings)
        yield from _stripe(settings)
    except EmbeddedError as error:
        yield Finding(False, f"embedded engines: {error}")


def _server(settings: Settings) -> Iterator[Finding]:
    """The health of the server at the configured address, if one runs."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{settings.port}".replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    try:
        health = httpx.get(f"{address}/api/v1/health", timeout=SERVER_SECONDS, trust_env=False)
    except httpx.ConnectError:
        yield Finding(True, f"no server runs at {address}")
    except httpx.HTTPError as error:
        yield Finding(False, f"the server at {address} does not answer: {type(error).__name__}", "Start it again.")
    else:
        if health.status_code not in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}:
            yield Finding(True, f"another program listens at {address}", "Choose another port for filmer.")
            return
        advice = "Look into its log, and at the lines below about database and cache."
        yield Finding(
            health.is_success,
            f"the server at {address} reports its health: {health.status_code} {health.text[:200]}",
            "" if health.is_success else advice,
        )


def _database(settings: Settings, running: Settings) -> Iterator[Finding]:
    try:
        with connect(running) as conn:
            version = conn.info.server_version
            yield Finding(
                version >= MINIMUM_POSTGRESQL,
                f"PostgreSQL {version // 10000}.{version % 10000} answers",
                "" if version >= MINIMUM_POSTGRESQL else "filmer needs 15 or newer: upgrade it.",
            )
            yield from _schema(settings, running, conn)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        yield Finding(
            False,
            f"the database can't be reached: {str(error).strip()}",
            "Check DATABASE_URL (postgresql://user:password@host:port/name), and that the server runs.",
        )


def _schema(settings: Settings, running: Settings, conn: "psycopg.Connection[tuple[object, ...]]") -> Iterator[Finding]:
    has_trigrams = conn.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone()
    if has_trigrams == (0,):
        yield Finding(False, "the extension pg_trgm is missing", "Install PostgreSQL's contrib package on the server.")
    else:
        yield Finding(True, "the extension pg_trgm is available")
    try:
        behind = pending(conn)
    except MigrationError as error:
        yield Finding(False, str(error))
        return
    if behind:
        advice = "Run `filmer migrate`." if settings.database_url else "`filmer serve` and `filmer migrate` do that."
        yield Finding(settings.database_url is None, f"{counted(len(behind), 'database migration')} to apply", advice)
        return
    yield Finding(True, "the database is up to date")
    if conn.execute("SELECT show_trgm('é') = '{}'").fetchone() == (True,):
        yield Finding(
            True,
            "the database's character type is C: searches for words that are not ASCII are slow",
            "To make them fast, create the database anew with LC_CTYPE 'C.UTF-8' (or any UTF-8 locale).",
        )
    yield from _key(settings, conn)
    for shared in asyncio.run(in_transaction(running, lambda connection, _: find_shared(connection))):
        yield Finding(False, str(shared), ADVICE)
    yield from _media(running)
    state = queries.select_state(conn)
    films = state["films"] or 0
    yield Finding(
        True,
        f"the catalogue has {counted(films, 'film')} (version {state['version']})",
        "" if films else "Fill it: filmer import imdb PATH, filmer import csv FILE, filmer import demo.",
    )


def _key(settings: Settings, conn: "psycopg.Connection[tuple[object, ...]]") -> Iterator[Finding]:
    """Whether the secret key is the one that the cards on file were stored with."""
    key = SecretKey(settings)
    known = conn.execute("SELECT fingerprint FROM secret_key WHERE EXISTS (SELECT FROM card)").fetchone()
    if known is not None and not (key.is_there and known == (key.fingerprint,)):
        yield Finding(
            False,
            "the secret key is not the one that the cards on file in this database were stored with",
            f"Put the old key back: FILMER_SECRET_KEY, or {FILE} in {data_directory(settings)}. If it is lost, "
            "remove the cards with `filmer card remove --all`, and add them again.",
        )
    elif settings.database_url and not settings.secret_key:
        yield Finding(
            True,
            f"the secret key is in {data_directory(settings)}",
            "With more than one node, set FILMER_SECRET_KEY, the same on each.",
        )
    else:
        yield Finding(True, "the secret key is the right one" if known else "no card on file needs a secret key yet")


def _media(running: Settings) -> Iterator[Finding]:
    """Whether the folder of the films' files can be read, where films have some."""
    videos = asyncio.run(in_transaction(running, lambda conn, _: video_queries.select_all_videos(conn)))
    if files := [video for video in videos if not (is_address(video.location) or video.location.startswith(DEMO))]:
        folder = running.media_dir
        is_there = folder is not None and os.access(folder, os.R_OK | os.X_OK) and Path(folder).is_dir()
        advice = "" if is_there else "It must be a folder that this user may read; `filmer video check` looks at files."
        what = f"{counted(len(files), 'video')} in FILMER_MEDIA_DIR, which is {folder or 'not set'}"
        yield Finding(is_there, what, advice)


def _cache(running: Settings) -> Finding:
    advice = "filmer works without a cache, but slower. Check REDIS_URL and REDIS_PASSWORD, and that the server runs."
    try:
        client = redis.Redis.from_url(
            running.redis_url or "", password=running.redis_password, socket_timeout=2, socket_connect_timeout=2
        )
        with client:
            info = client.info("server")
    except (redis.RedisError, OSError, ValueError) as error:
        return Finding(False, f"the cache can't be reached: {error}", advice)
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    is_supported = tuple(map(int, version.split(".")[:2])) >= MINIMUM_VALKEY
    return Finding(is_supported, f"{name} {version} answers", "" if is_supported else "filmer needs Redis 7 or Valkey.")


def _tmdb(settings: Settings) -> Finding:
    """Whether TMDB answers and accepts the credential."""
    if not (settings.tmdb_access_token or settings.tmdb_api_key):
        return Finding(
            True,
            "TMDB: no credential is set, so popular films and the details of films are the catalogue's own",
            "If you want TMDB's, set TMDB_ACCESS_TOKEN or TMDB_API_KEY to the credential of your account at TMDB.",
        )
    # Without the client's log, as the finding says the same.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        asyncio.run(_ask_tmdb(settings))
    except ExternalApiError as error:
        return Finding(
            False,
            f"TMDB: {str(error.__cause__ or '') or error}",
            "Check TMDB_ACCESS_TOKEN or TMDB_API_KEY and TMDB_BASE_URL, and that this machine can reach it. Until "
            "then filmer answers from its cache.",
        )
    return Finding(True, "TMDB answers, and accepts the credential")


def _mail(settings: Settings) -> Finding:
    """Whether the mail server takes connection and login. No mail is sent."""
    if not (settings.smtp_url and settings.mail_from):
        advice = "If you want mail, set FILMER_SMTP_URL and FILMER_MAIL_FROM (docs/mail.md)."
        return Finding(True, "mail: no server is set, so nothing is sent; links to hand over are in the office", advice)

    async def connect() -> None:
        sender = parse_mail_from(settings.mail_from or "")
        async with Smtp(parse_smtp_url(settings.smtp_url or ""), sender[1]).connected():
            pass

    try:
        asyncio.run(connect())
    except Undelivered as error:
        return Finding(False, f"mail: {shown(error.reason)}", "Check FILMER_SMTP_URL; mails wait meanwhile.")
    return Finding(True, "the mail server answers, and accepts the login")


def _stripe(settings: Settings) -> Iterator[Finding]:
    """Whether Stripe answers and accepts the secret key, where there is one."""
    if settings.stripe_secret_key is None:
        return
    from filmer.shop.stripe_client import KeyRefused, StripeApi, StripeRefused

    async def ask() -> None:
        api = StripeApi(settings)
        try:
            await api.check()
        finally:
            await api.close()

    try:
        asyncio.run(ask())
    except KeyRefused as refused:
        advice = "Copy FILMER_STRIPE_SECRET_KEY from Stripe's dashboard once more (docs/payments.md)."
        yield Finding(False, f"Stripe does not accept the secret key: {refused.reason}", advice)
    except (ServiceUnavailable, StripeRefused):
        advice = "Check FILMER_STRIPE_API, and that this machine can reach it."
        yield Finding(False, "Stripe does not answer", advice)
    else:
        test = ", which is one for tests: no money moves" if "_test_" in settings.stripe_secret_key else ""
        yield Finding(True, f"Stripe answers, and accepts the secret key{test}")


async def _ask_tmdb(settings: Settings) -> None:
    clock = SystemClock()
    settings = msgspec.structs.replace(settings, tmdb_deadline_seconds=TMDB_SECONDS)
    rate_limit = RateLimit(SharedCache(None), clock, per_second=settings.tmdb_requests_per_second, workers=1)
    tmdb = Tmdb(settings, rate_limit, clock)
    try:
        await tmdb.popular(1)
    finally:
        await tmdb.close()

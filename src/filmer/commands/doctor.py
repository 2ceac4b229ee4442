"""``filmer doctor``: looks at everything filmer stands on, and says what to do about what is not right."""

import asyncio
import logging
import os
import platform
import sys
from collections.abc import Iterator

import httpx
import msgspec
import psycopg
import redis
import structlog
from rich.text import Text

from filmer import __version__
from filmer.accounts.address_conflicts import ADVICE, find_shared
from filmer.clock import SystemClock
from filmer.commands.terminal import DataDir, err
from filmer.errors import ExternalApiError
from filmer.importing import queries
from filmer.plurals import counted
from filmer.secret import FILE, SecretKey
from filmer.settings import Settings, SettingsError, load_settings
from filmer.store.embedded import EmbeddedError
from filmer.store.engines import connect, data_directory, engines, in_transaction
from filmer.store.migrate import MINIMUM_POSTGRESQL, MigrationError, pending
from filmer.store.valkey import SharedCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.rate_limit import RateLimit

MINIMUM_VALKEY = (6, 2)
TMDB_SECONDS = 5
SERVER_SECONDS = 5


class Finding(msgspec.Struct, frozen=True):
    fine: bool
    what: str
    advice: str = ""


def doctor(*, data_dir: DataDir = None) -> None:
    """Check settings, engines, versions, extensions and migrations, and say what to do."""
    healthy = True
    for finding in examine(data_dir):
        healthy &= finding.fine
        mark = ("ok  ", "green") if finding.fine else ("FAIL", "red")
        err.print(Text.assemble(mark, f" {finding.what}"), soft_wrap=True)
        if finding.advice:
            err.print(f"     → {finding.advice}", soft_wrap=True)
    if not healthy:
        raise SystemExit(1)


def examine(data_dir: str | None) -> Iterator[Finding]:
    """Everything there is to say, in the order one would look."""
    yield Finding(
        True, f"filmer {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, {sys.platform}"
    )
    try:
        asked = load_settings(data_dir=data_dir)
    except SettingsError as error:
        yield Finding(False, str(error), "Set it right or unset it; docs/settings.md lists all settings.")
        return
    yield Finding(True, "settings can be used")
    place = "embedded in " + str(data_directory(asked))
    yield Finding(True, f"database: {'DATABASE_URL' if asked.database_url else place}")
    yield Finding(True, f"cache: {'REDIS_URL' if asked.redis_url else place}")
    # Before the engines are asked for: that starts them where they are down, and would hide that a server lacks them.
    yield from _server(asked)
    try:
        with engines(asked) as running:
            yield from _database(asked, running)
            yield _cache(running)
        yield _tmdb(asked)
    except EmbeddedError as error:
        yield Finding(False, f"embedded engines: {error}")


def _server(asked: Settings) -> Iterator[Finding]:
    """What a server says of itself that listens where ours would, if there is one."""
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    address = f"http://{host}:{asked.port}".replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    try:
        health = httpx.get(f"{address}/api/v1/health", timeout=SERVER_SECONDS, trust_env=False)
    except httpx.ConnectError:
        yield Finding(True, f"no server runs at {address}")
    except httpx.HTTPError as error:
        yield Finding(False, f"the server at {address} does not answer: {type(error).__name__}", "Start it again.")
    else:
        if health.status_code not in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}:
            yield Finding(True, f"something that isn't filmer listens at {address}", "Choose another port for filmer.")
            return
        advice = "Look into its log, and at what the lines below say of database and cache."
        yield Finding(
            health.is_success,
            f"the server at {address} says of its health: {health.status_code} {health.text[:200]}",
            "" if health.is_success else advice,
        )


def _database(asked: Settings, running: Settings) -> Iterator[Finding]:
    try:
        with connect(running) as conn:
            version = conn.info.server_version
            yield Finding(
                version >= MINIMUM_POSTGRESQL,
                f"PostgreSQL {version // 10000}.{version % 10000} answers",
                "" if version >= MINIMUM_POSTGRESQL else "filmer needs 15 or newer: upgrade it.",
            )
            yield from _schema(asked, running, conn)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        yield Finding(
            False,
            f"the database can't be reached: {str(error).strip()}",
            "Check DATABASE_URL (postgresql://user:password@host:port/name), that the server runs and lets us in.",
        )


def _schema(asked: Settings, running: Settings, conn: "psycopg.Connection[tuple[object, ...]]") -> Iterator[Finding]:
    has_trigrams = conn.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone()
    if has_trigrams == (0,):
        yield Finding(
            False, "the extension pg_trgm is not there", "Install PostgreSQL's contrib package on the server."
        )
    else:
        yield Finding(True, "the extension pg_trgm is there")
    try:
        behind = pending(conn)
    except MigrationError as error:
        yield Finding(False, str(error))
        return
    if behind:
        advice = "Run `filmer migrate`." if asked.database_url else "`filmer serve` or `filmer migrate` does that."
        yield Finding(asked.database_url is None, f"{counted(len(behind), 'migration')} to apply", advice)
        return
    yield Finding(True, "the database is up to date")
    if conn.execute("SELECT show_trgm('é') = '{}'").fetchone() == (True,):
        yield Finding(
            True,
            "the database's character type is C: searches for words that are not ASCII find all, but slowly",
            "Make the database anew with LC_CTYPE 'C.UTF-8' (or any UTF-8 locale) for quick ones.",
        )
    yield from _key(asked, conn)
    for one in asyncio.run(in_transaction(running, lambda found, _: find_shared(found))):
        yield Finding(False, str(one), ADVICE)
    state = queries.select_state(conn)
    films = state["films"] or 0
    yield Finding(
        True,
        f"the catalogue has {counted(films, 'film')} (version {state['version']})",
        "" if films else "Bring one in: filmer import imdb PATH, filmer import csv FILE, filmer import demo.",
    )


def _key(asked: Settings, conn: "psycopg.Connection[tuple[object, ...]]") -> Iterator[Finding]:
    """Whether the secret key is the one that the cards in the database were put on file with."""
    key = SecretKey(asked)
    known = conn.execute("SELECT fingerprint FROM secret_key WHERE EXISTS (SELECT FROM card)").fetchone()
    if known is not None and not (key.is_there and known == (key.fingerprint,)):
        yield Finding(
            False,
            "the secret key is not the one this database, with the cards on file in it, was used with",
            f"Give back the old one: FILMER_SECRET_KEY, or {FILE} in {data_directory(asked)}. If it is lost: "
            "`filmer card remove --all`, and put the cards on file again.",
        )
    elif asked.database_url and not asked.secret_key:
        yield Finding(
            True,
            f"the secret key is in {data_directory(asked)}",
            "With more than one node, set FILMER_SECRET_KEY, the same on each.",
        )
    else:
        yield Finding(
            True, "the secret key is the right one" if known else "the secret key: no card on file needs one yet"
        )


def _cache(running: Settings) -> Finding:
    advice = "filmer works without, only slower. Check REDIS_URL and REDIS_PASSWORD, and that the server runs."
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
    fine = tuple(int(part) for part in version.split(".")[:2]) >= MINIMUM_VALKEY
    return Finding(fine, f"{name} {version} answers", "" if fine else "filmer needs 6.2 or newer.")


def _tmdb(asked: Settings) -> Finding:
    """Whether TMDB takes our credential."""
    if not (asked.tmdb_access_token or asked.tmdb_api_key):
        return Finding(
            True,
            "TMDB: no credential is set, so popular films and new favourites and ratings answer 503",
            "Set TMDB_ACCESS_TOKEN or TMDB_API_KEY to what your account at TMDB gives you, if you want them.",
        )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # a finding is enough
    try:
        asyncio.run(_ask_tmdb(asked))
    except ExternalApiError as error:
        return Finding(
            False,
            f"TMDB: {str(error.__cause__ or '') or error}",
            "Check TMDB_ACCESS_TOKEN or TMDB_API_KEY and TMDB_BASE_URL, and that this machine may reach it. Meanwhile "
            "filmer answers from the copies it has.",
        )
    return Finding(True, "TMDB answers, and takes our credential")


async def _ask_tmdb(asked: Settings) -> None:
    clock = SystemClock()
    settings = msgspec.structs.replace(asked, tmdb_deadline_seconds=TMDB_SECONDS)
    pace = RateLimit(SharedCache(None), clock, per_second=asked.tmdb_requests_per_second, workers=1)
    tmdb = Tmdb(settings, pace, clock)
    try:
        await tmdb.popular(1)
    finally:
        await tmdb.close()

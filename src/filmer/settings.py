"""Every setting of filmer: its environment variable, default, bounds and meaning (docs/settings.md)."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from filmer.errors import CommandFailed

MAX_PRICE = Decimal("999999.99")
MAX_CURRENCY = 10  # characters
MIN_SECRET = 32  # characters
SECRETS = {
    "database_url",
    "redis_url",
    "secret_key",
    "redis_password",
    "tmdb_access_token",
    "tmdb_api_key",
    "metrics_token",
}  # never shown, not even when they can't be used


def _setting(env: str, description: str, **bounds: Any) -> Meta:
    return Meta(description=description, extra={"env": env}, **bounds)


class SettingsError(CommandFailed):
    """A setting can't be used; the text names the variable and what it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process. Unset and empty variables mean the default."""

    database_url: Annotated[
        str | None,
        _setting(
            "DATABASE_URL",
            "PostgreSQL ≥ 15 to use, or primary and standbys by commas. Unset: an embedded one in the data directory.",
        ),
    ] = None
    redis_url: Annotated[
        str | None, _setting("REDIS_URL", "Valkey/Redis ≥ 6.2 to use. Unset: an embedded one in the data directory.")
    ] = None
    redis_password: Annotated[
        str | None, _setting("REDIS_PASSWORD", "Its password, where the URL does not carry one.")
    ] = None
    cache_duration_seconds: Annotated[
        int,
        _setting(
            "CACHE_DURATION_SECONDS",
            "How long answers to GETs, and what TMDB told, count as fresh, in seconds; 0: not at all.",
            ge=0,
        ),
    ] = 30
    tmdb_access_token: Annotated[
        str | None, _setting("TMDB_ACCESS_TOKEN", "TMDB's API read access token. Without it or a key: no TMDB.")
    ] = None
    tmdb_api_key: Annotated[
        str | None, _setting("TMDB_API_KEY", "TMDB's v3 API key, for those without an access token.")
    ] = None
    tmdb_base_url: Annotated[str, _setting("TMDB_BASE_URL", "Where TMDB's v3 API is.")] = "https://api.themoviedb.org/3"
    tmdb_image_base_url: Annotated[str, _setting("TMDB_IMAGE_BASE_URL", "Where TMDB's pictures are.")] = (
        "https://image.tmdb.org/t/p"
    )
    tmdb_language: Annotated[str, _setting("TMDB_LANGUAGE", "Language of titles and overviews, as TMDB takes it.")] = (
        "en-US"
    )
    tmdb_region: Annotated[
        str | None, _setting("TMDB_REGION", "Country whose release dates and popular films TMDB tells, such as DE.")
    ] = None
    tmdb_requests_per_second: Annotated[
        int, _setting("TMDB_REQUESTS_PER_SECOND", "Requests to TMDB of all workers together.", ge=1, le=1000)
    ] = 40
    tmdb_deadline_seconds: Annotated[
        int,
        _setting(
            "TMDB_DEADLINE_SECONDS",
            "How long somebody waits for TMDB where there is no copy, retries included.",
            ge=1,
            le=60,
        ),
    ] = 15
    data_dir: Annotated[
        str | None, _setting("FILMER_DATA_DIR", "Where the embedded engines keep their data. Default: per user.")
    ] = None
    host: Annotated[str, _setting("FILMER_HOST", "Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _setting("FILMER_PORT", "Port to listen on.", ge=0, le=65535)] = 8000
    workers: Annotated[
        int, _setting("FILMER_WORKERS", "Worker processes; 0: one per core, at most 8.", ge=0, le=256)
    ] = 0
    pool_size: Annotated[
        int, _setting("FILMER_POOL_SIZE", "Database connections per worker, at most.", ge=1, le=500)
    ] = 8
    cache_mib: Annotated[
        int, _setting("FILMER_CACHE_MIB", "Memory for the byte cache of one worker, in MiB.", ge=0, le=65536)
    ] = 64
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _setting("FILMER_LOG_LEVEL", "Least level that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        _setting("FILMER_LOG_FORMAT", "`auto`: readable on a terminal, JSON otherwise."),
    ] = "auto"
    access_log: Annotated[
        bool, _setting("FILMER_ACCESS_LOG", "Log every request (`true`), not only those that fail on our side.")
    ] = False
    metrics_token: Annotated[
        str | None,
        _setting(
            "FILMER_METRICS_TOKEN",
            "The bearer token that GET /metrics wants; at least 32 characters. Unset: there is no such address.",
        ),
    ] = None
    default_price: Annotated[
        Decimal, _setting("FILMER_DEFAULT_PRICE", "What a film costs that has no price of its own, 0 to 999999.99.")
    ] = Decimal("4.99")
    currency: Annotated[
        str,
        _setting("FILMER_CURRENCY", "What stands before a price on pages: a sign such as €, or a code such as EUR."),
    ] = "$"
    session_minutes: Annotated[
        int, _setting("FILMER_SESSION_MINUTES", "Minutes without a request after which a session ends.", ge=1, le=1440)
    ] = 30
    session_hours: Annotated[
        int, _setting("FILMER_SESSION_HOURS", "Hours after which a session ends, used or not.", ge=1, le=8760)
    ] = 24
    secret_key: Annotated[
        str | None,
        _setting(
            "FILMER_SECRET_KEY",
            "Keys the digests of card numbers; at least 32 characters. Unset: a file in the data directory.",
        ),
    ] = None
    demo: Annotated[
        bool, _setting("FILMER_DEMO", "Serve the demo, as `filmer serve --demo`: its passwords are public.")
    ] = False
    public_url: Annotated[
        str | None, _setting("FILMER_PUBLIC_URL", "The address this server has in browsers: scheme, host and port.")
    ] = None
    cors_origins: Annotated[
        str | None, _setting("FILMER_CORS_ORIGINS", "Origins, by commas, whose pages may use the APIs in a browser.")
    ] = None
    trusted_proxies: Annotated[
        str | None,
        _setting("FILMER_TRUSTED_PROXIES", "Addresses and networks, by commas, whose X-Forwarded-For is believed."),
    ] = None


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    return str(_meta(field)["env"])


def _meta(field: str) -> dict[str, Any]:
    annotation = Settings.__annotations__[field]
    return dict(annotation.__metadata__[0].extra)


def load_settings(env: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """The settings of an environment; overrides that are not ``None`` win (they come from the command line).

    Raises SettingsError with a sentence for the one who set it.
    """
    values: dict[str, Any] = {}
    for field in Settings.__struct_fields__:
        given = env.get(variable_of(field), "").strip()
        if given:
            values[field] = given
    values.update({name: str(value) for name, value in overrides.items() if value is not None})
    for field, value in values.items():
        try:
            msgspec.convert({field: value}, Settings, strict=False)
            if field in _PARSERS:
                _PARSERS[field](value)
        except (msgspec.ValidationError, ValueError) as error:
            reason = str(error).split(" - at")[0]
            shown = "" if field in SECRETS else f"={value!r}"
            raise SettingsError(f"{variable_of(field)}{shown} can't be used: {reason}") from None
    return msgspec.convert(values, Settings, strict=False)


_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = re.compile(
    r"(?:(?:[a-z0-9_-]+\.)*localhost\.?|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]*)?", re.IGNORECASE | re.ASCII
)
_OTHER_LOOPBACK = re.compile(r"^(https?://)(?:127\.0\.0\.1|\[::1\])(?=:[0-9]+$|$)")


def origin_of(text: str) -> str | None:
    """An http(s) origin as browsers write it: in lower case, without a default port. None for anything else."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    scheme, host = found[1].lower(), found[2].lower()
    port = _DEFAULT_PORTS[scheme] if found[3] is None else int(found[3])
    if not 0 < port < 2**16:
        return None
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def parse_origin(text: str) -> str:
    """One origin of a setting. Raises ValueError with a sentence for the one who set it."""
    origin = origin_of(text)
    if origin is None:
        raise ValueError(
            f"{text!r} is no origin. An origin is http:// or https://, a host (xn--… where it has other letters than"
            " ASCII) and maybe a port: https://films.example or http://localhost:3000. No path, no final /, no *"
        )
    return origin


def with_one_loopback(origin: str) -> str:
    """An origin in which the three usual names of this machine are one: people take whichever comes to mind."""
    return _OTHER_LOOPBACK.sub(r"\1localhost", origin)


def is_loopback(host: str) -> bool:
    """Whether a host of an address, with a port or without, is a name of the machine that asks."""
    return _LOOPBACK.fullmatch(host) is not None


def parse_origins(text: str) -> tuple[str, ...]:
    """Several, separated by commas, each once. Raises ValueError."""
    return tuple(dict.fromkeys(parse_origin(part) for part in _parts(text)))


def parse_proxies(text: str) -> list[str]:
    """Addresses and networks, each also as a socket that speaks IPv6 and IPv4 writes it. Raises ValueError."""
    found: list[str] = []
    for part in _parts(text):
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError(
                f"{error}. What is needed is addresses or networks such as 127.0.0.1, 10.0.0.0/8 or fd00::/8"
            ) from None
        found.append(str(network))
        if network.version == 4:  # noqa: PLR2004 - IPv4
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


def require_currency(text: str) -> str:
    """Raises ValueError for what is no sign or code."""
    if not (1 <= len(text.strip()) <= MAX_CURRENCY and text.isprintable()):
        raise ValueError(f"must have 1 to {MAX_CURRENCY} characters")
    return text


def parse_price(text: str) -> Decimal:
    """Raises ValueError for what no film can cost."""
    price = Decimal(text)
    if not (price.is_finite() and 0 <= price <= MAX_PRICE and price == round(price, 2)):
        raise ValueError(f"Expected a price from 0 to {MAX_PRICE}, with two decimals at most")
    return round(price, 2)


def parse_base_url(text: str) -> str:
    """Raises ValueError for what is no http(s) address."""
    parts = urlsplit(text)
    _ = parts.port  # raises for what is none
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("Expected an address such as https://api.themoviedb.org/3")
    return text


def require_language(text: str) -> None:
    """Raises ValueError for what TMDB does not take for a language."""
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", text):
        raise ValueError("Expected a language such as en-US, pt-BR or de")


def require_region(text: str) -> None:
    """Raises ValueError for what is no country's code."""
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError("Expected a country's two capital letters, such as DE")


def require_conninfo(text: str) -> None:
    """Raises ValueError for what libpq makes nothing of; its own words would show the password."""
    import psycopg  # here, as most who read settings need no database
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ValueError("Expected an address such as postgresql://user:password@host:5432/name") from None


def require_credential(text: str) -> None:
    """Raises ValueError for what no header can carry."""
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("Expected printable ASCII characters without spaces")


def require_strong(text: str) -> None:
    """Raises ValueError for a key that is too short."""
    if len(text) < MIN_SECRET:
        raise ValueError(f"Expected at least {MIN_SECRET} characters; `openssl rand -hex 32` makes a good one")


def require_token(text: str) -> None:
    """Raises ValueError for what is too short, or what no header can carry."""
    require_strong(text)
    require_credential(text)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


_PARSERS: dict[str, Callable[[str], object]] = {
    "database_url": require_conninfo,
    "default_price": parse_price,
    "currency": require_currency,
    "tmdb_access_token": require_credential,
    "tmdb_api_key": require_credential,
    "tmdb_base_url": parse_base_url,
    "tmdb_image_base_url": parse_base_url,
    "tmdb_language": require_language,
    "tmdb_region": require_region,
    "secret_key": require_strong,
    "metrics_token": require_token,
    "public_url": parse_origin,
    "cors_origins": parse_origins,
    "trusted_proxies": parse_proxies,
}

"""Every setting of filmer: its environment variable, default, bounds and meaning (docs/settings.md)."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta

from filmer.currencies import currency_code, minor_units
from filmer.errors import CommandFailed

MAX_PRICE = Decimal("999999.99")
MAX_CURRENCY = 10  # characters
MAX_SHOP_NAME = 60
MIN_SECRET = 32  # characters
SECRETS = {
    "database_url",
    "redis_url",
    "secret_key",
    "redis_password",
    "tmdb_access_token",
    "tmdb_api_key",
    "metrics_token",
    "media_url_secret",
    "smtp_url",
    "stripe_secret_key",
    "stripe_webhook_secret",
}  # never shown, not even in errors


def _setting(env: str, description: str, **bounds: Any) -> Meta:
    return Meta(description=description, extra={"env": env}, **bounds)


class SettingsError(CommandFailed):
    """A setting can't be used. The text names the variable, and says what it may be."""


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
        str | None, _setting("REDIS_URL", "Valkey or Redis ≥ 7 to use. Unset: an embedded one in the data directory.")
    ] = None
    redis_password: Annotated[
        str | None, _setting("REDIS_PASSWORD", "Its password, where the URL does not carry one.")
    ] = None
    cache_duration_seconds: Annotated[
        int,
        _setting(
            "CACHE_DURATION_SECONDS",
            "For how many seconds responses to GETs, and those of TMDB, are fresh; 0: not at all.",
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
        str | None, _setting("TMDB_REGION", "Country for TMDB's release dates and popular films, such as DE.")
    ] = None
    tmdb_requests_per_second: Annotated[
        int, _setting("TMDB_REQUESTS_PER_SECOND", "Requests to TMDB of all workers together.", ge=1, le=1000)
    ] = 40
    tmdb_deadline_seconds: Annotated[
        int,
        _setting(
            "TMDB_DEADLINE_SECONDS",
            "For how many seconds a request waits for TMDB if nothing is cached, retries included.",
            ge=1,
            le=60,
        ),
    ] = 15
    data_dir: Annotated[
        str | None,
        _setting("FILMER_DATA_DIR", "The data directory: embedded engines, search index. Default: one per user."),
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
        int, _setting("FILMER_CACHE_MIB", "Memory for the response cache of one worker, in MiB.", ge=0, le=65536)
    ] = 64
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _setting("FILMER_LOG_LEVEL", "Lowest level that is logged.")
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
            "The bearer token for GET /metrics; at least 32 characters. Unset: there are no metrics.",
        ),
    ] = None
    default_price: Annotated[
        Decimal, _setting("FILMER_DEFAULT_PRICE", "Price of films that have no price of their own, 0 to 999999.99.")
    ] = Decimal("4.99")
    shop_name: Annotated[
        str | None, _setting("FILMER_SHOP_NAME", "What the shop is called. Unset: as its owner says in the office.")
    ] = None
    locale: Annotated[
        str | None,
        _setting("FILMER_LOCALE", "How money and dates are written, such as de-DE. Unset: as its owner says."),
    ] = None
    currency: Annotated[
        str | None,
        _setting(
            "FILMER_CURRENCY",
            "A code such as EUR, which stays once there are orders, or a sign such as €. Unset: as its owner says.",
        ),
    ] = None
    rental_start_days: Annotated[
        int,
        _setting("FILMER_RENTAL_START_DAYS", "Days after payment in which a rental must begin.", ge=1, le=3650),
    ] = 30
    rental_hours: Annotated[
        int, _setting("FILMER_RENTAL_HOURS", "Hours that a rental lasts from its beginning.", ge=1, le=87600)
    ] = 48
    cancel_hours: Annotated[
        int,
        _setting(
            "FILMER_CANCEL_HOURS",
            "Hours after payment in which customers may cancel what has not begun.",
            ge=0,
            le=8760,
        ),
    ] = 24
    media_dir: Annotated[
        str | None, _setting("FILMER_MEDIA_DIR", "The folder of the films' files. Nothing outside it is ever served.")
    ] = None
    media_accel: Annotated[
        str | None,
        _setting("FILMER_MEDIA_ACCEL", "nginx sends the files: its internal location for FILMER_MEDIA_DIR."),
    ] = None
    media_origins: Annotated[
        str | None, _setting("FILMER_MEDIA_ORIGINS", "Origins, by commas, of other hosts that films are played from.")
    ] = None
    media_url_secret: Annotated[
        str | None,
        _setting("FILMER_MEDIA_URL_SECRET", "Signs links to these hosts; at least 32 characters. Unset: unsigned."),
    ] = None
    payment: Annotated[
        str,
        _setting("FILMER_PAYMENT", "How orders are paid: cards, counter, stripe, or several; the first for the API."),
    ] = "cards"
    stripe_secret_key: Annotated[
        str | None,
        _setting("FILMER_STRIPE_SECRET_KEY", "Stripe's secret key, sk_… or rk_…, for FILMER_PAYMENT=stripe."),
    ] = None
    stripe_publishable_key: Annotated[
        str | None, _setting("FILMER_STRIPE_PUBLISHABLE_KEY", "Stripe's publishable key, pk_…, which browsers get.")
    ] = None
    stripe_webhook_secret: Annotated[
        str | None, _setting("FILMER_STRIPE_WEBHOOK_SECRET", "With which Stripe signs its webhooks, whsec_….")
    ] = None
    stripe_api: Annotated[str, _setting("FILMER_STRIPE_API", "Where Stripe's API is.")] = "https://api.stripe.com"
    stripe_script: Annotated[str, _setting("FILMER_STRIPE_SCRIPT", "Where Stripe's script for pages is.")] = (
        "https://js.stripe.com/v3/"
    )
    hold_days: Annotated[
        int,
        _setting("FILMER_HOLD_DAYS", "Days after which an order that nobody paid at the counter lapses.", ge=1, le=365),
    ] = 3
    smtp_url: Annotated[
        str | None,
        _setting(
            "FILMER_SMTP_URL",
            "The server that sends mails, such as smtp+starttls://user:password@host:587. Unset: no mail is sent.",
        ),
    ] = None
    mail_from: Annotated[
        str | None,
        _setting("FILMER_MAIL_FROM", "Whom mails are from: an address, or a name and <address>."),
    ] = None
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
            "Key of digests of cards and of links; at least 32 characters. Unset: a file in the data directory.",
        ),
    ] = None
    demo: Annotated[
        bool, _setting("FILMER_DEMO", "Serve the demo, as `filmer serve --demo`: everybody may know its passwords.")
    ] = False
    public_url: Annotated[
        str | None, _setting("FILMER_PUBLIC_URL", "The address this server has in browsers: scheme, host and port.")
    ] = None
    cors_origins: Annotated[
        str | None,
        _setting(
            "FILMER_CORS_ORIGINS",
            "Origins, by commas, whose pages may use the APIs in a browser, and frame the player.",
        ),
    ] = None
    trusted_proxies: Annotated[
        str | None,
        _setting("FILMER_TRUSTED_PROXIES", "Addresses and networks, by commas, whose X-Forwarded-For is trusted."),
    ] = None


def has_inbox(settings: Settings) -> bool:
    """Whether everybody sees the mails: in a demo that sends none."""
    return settings.demo and settings.smtp_url is None


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    return str(Settings.__annotations__[field].__metadata__[0].extra["env"])


def load_settings(env: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """The settings of an environment; overrides that are not ``None`` win (they come from the command line).

    Raises SettingsError with a sentence for the owner.
    """
    values: dict[str, Any] = {}
    for field in Settings.__struct_fields__:
        if value := env.get(variable_of(field), "").strip():
            values[field] = value
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
    for needed in ("mail_from", "public_url") if "smtp_url" in values else ():
        if needed not in values:
            raise SettingsError(f"{variable_of('smtp_url')} needs {variable_of(needed)} as well (docs/mail.md)")
    settings = msgspec.convert(values, Settings, strict=False)
    _require_stripe(settings)
    return settings


_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = re.compile(
    r"(?:(?:[a-z0-9_-]+\.)*localhost\.?|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]*)?", re.IGNORECASE | re.ASCII
)
_OTHER_LOOPBACK = re.compile(r"^(https?://)(?:127\.0\.0\.1|\[::1\])(?=:[0-9]+$|$)")


def origin_of(text: str) -> str | None:
    """An http(s) origin as browsers write it: in lower case, without a default port. None for anything else."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, host = match[1].lower(), match[2].lower()
    port = _DEFAULT_PORTS[scheme] if match[3] is None else int(match[3])
    if not 0 < port < 2**16:
        return None
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def parse_origin(text: str) -> str:
    """One origin of a setting. Raises ValueError with a sentence for the owner."""
    origin = origin_of(text)
    if origin is None:
        raise ValueError(
            f"{text!r} is not an origin. Expected http:// or https://, a host (xn--… where it is not ASCII)"
            " and maybe a port, such as https://films.example or http://localhost:3000: no path, no final /, no *"
        )
    return origin


def with_one_loopback(origin: str) -> str:
    """An origin in which 127.0.0.1 and [::1] are written localhost, as people use these names for the same."""
    return _OTHER_LOOPBACK.sub(r"\1localhost", origin)


def is_loopback(host: str) -> bool:
    """Whether the host of an address, with a port or without, is the caller's own machine."""
    return _LOOPBACK.fullmatch(host) is not None


def parse_origins(text: str | None) -> tuple[str, ...]:
    """Origins separated by commas, each once; none in None. Raises ValueError."""
    return tuple(dict.fromkeys(map(parse_origin, _items(text)))) if text else ()


def parse_proxies(text: str) -> list[str]:
    """Addresses and networks; those of IPv4 also as mapped to IPv6, as IPv6 sockets report them. Raises ValueError."""
    networks: list[str] = []
    for item in _items(text):
        try:
            network = ipaddress.ip_network(item)
        except ValueError as error:
            raise ValueError(f"{error}. Expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8") from None
        networks.append(str(network))
        if network.version == 4:  # noqa: PLR2004 - IPv4
            networks.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return networks


def require_currency(text: str) -> str:
    """Raises ValueError for a text that is not the sign or code of a currency."""
    if not (1 <= len(text.strip()) <= MAX_CURRENCY and text.isprintable()):
        raise ValueError(f"must have 1 to {MAX_CURRENCY} characters")
    return text


def require_name(text: str) -> str:
    """Raises ValueError for what can't be the name of a shop."""
    if not (1 <= len(text.strip()) <= MAX_SHOP_NAME and text.strip().isprintable()):
        raise ValueError(f"must have 1 to {MAX_SHOP_NAME} characters, in one line")
    return text.strip()


def require_locale(text: str) -> None:
    """Raises ValueError."""
    from filmer.formats import parse_locale  # imported here, as many processes read settings and write nothing

    parse_locale(text)


def parse_payment(text: str) -> tuple[str, ...]:
    """The ways to pay, the API's first. Raises ValueError."""
    ways = tuple(dict.fromkeys(_items(text)))
    if not ways or not set(ways) <= {"cards", "counter", "stripe"}:
        raise ValueError("Expected cards, counter or stripe, or several with commas between them")
    return ways


def _require_stripe(settings: Settings) -> None:
    """Raises SettingsError where stripe is a way to pay, and other settings lack what it needs."""
    if "stripe" not in parse_payment(settings.payment):
        return
    keys = ("stripe_secret_key", "stripe_publishable_key", "stripe_webhook_secret")
    if missing := [variable_of(key) for key in keys if not getattr(settings, key)]:
        raise SettingsError(f"FILMER_PAYMENT has stripe, which also needs {', '.join(missing)} (docs/payments.md)")
    if ("_test_" in (settings.stripe_secret_key or "")) != ("_test_" in (settings.stripe_publishable_key or "")):
        raise SettingsError("Of Stripe's secret and publishable key, one is for tests and one is not: take a pair")
    code = currency_code(settings.currency or "")
    if code is None:
        raise SettingsError(
            f"FILMER_CURRENCY={settings.currency or ''!r} can't be used with stripe: it must be a code such as EUR"
        )
    try:
        minor_units(settings.default_price, code)
    except ValueError as error:
        raise SettingsError(f"FILMER_DEFAULT_PRICE={settings.default_price} can't be used: {error}") from None


def require_key(*beginnings: str) -> Callable[[str], None]:
    """Checks a key of Stripe's. The function raises ValueError."""

    def require(text: str) -> None:
        require_credential(text)
        if not text.startswith(beginnings):
            raise ValueError(f"Expected a key that begins with {' or '.join(beginnings)}")

    return require


def parse_price(text: str) -> Decimal:
    """The price of a film. Raises ValueError."""
    price = Decimal(text)
    if not (price.is_finite() and 0 <= price <= MAX_PRICE and price == round(price, 2)):
        raise ValueError(f"Expected a price from 0 to {MAX_PRICE}, with two decimals at most")
    return round(price, 2)


def parse_base_url(text: str) -> str:
    """An http or https address. Raises ValueError."""
    url = urlsplit(text)
    _ = url.port  # raises ValueError if it is invalid
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise ValueError("Expected an address such as https://api.themoviedb.org/3")
    return text


def require_language(text: str) -> None:
    """Raises ValueError for a text that TMDB does not accept as a language."""
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", text):
        raise ValueError("Expected a language such as en-US, pt-BR or de")


def require_region(text: str) -> None:
    """Raises ValueError for a text that is not the code of a country."""
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError("Expected a country's two capital letters, such as DE")


def require_conninfo(text: str) -> None:
    """Raises ValueError for an address that libpq does not understand. Its own message would show the password."""
    import psycopg  # imported here, as many processes read settings and use no database
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ValueError("Expected an address such as postgresql://user:password@host:5432/name") from None


def require_credential(text: str) -> None:
    """Raises ValueError for a text that can't be sent in a header."""
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("Expected printable ASCII characters without spaces")


def require_strong(text: str) -> None:
    """Raises ValueError for a key that is too short."""
    if len(text) < MIN_SECRET:
        raise ValueError(f"Expected at least {MIN_SECRET} characters; `openssl rand -hex 32` makes a good one")


def require_prefix(text: str) -> None:
    """Raises ValueError for a text that is not the address of an internal location."""
    if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", text):
        raise ValueError("Expected a path without a final /, such as /media-accel")


def require_token(text: str) -> None:
    """Raises ValueError for a token that is too short, or can't be sent in a header."""
    require_strong(text)
    require_credential(text)


class SmtpServer(msgspec.Struct, frozen=True):
    """``tls``: from the first byte; ``starttls``: required, or else used where the server offers it."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool
    starttls: bool


_SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


def parse_smtp_url(text: str) -> SmtpServer:
    """The server of FILMER_SMTP_URL. Raises ValueError, which does not show the password."""
    try:
        url = urlsplit(text)
        port = url.port or _SMTP_PORTS[url.scheme]
        user, password = (unquote(part, errors="strict") if part else None for part in (url.username, url.password))
    except (ValueError, KeyError):
        url = urlsplit("")
    if not url.hostname or url.path.strip("/") or url.query or url.fragment or bool(user) != bool(password):
        raise ValueError(
            "Expected an address such as smtp+starttls://user:password@host:587, or with smtps:// or smtp://;"
            " characters such as / @ # in name or password as %2F %40 %23"
        )
    return SmtpServer(url.hostname, port, user, password, url.scheme == "smtps", url.scheme == "smtp+starttls")


def parse_mail_from(text: str) -> tuple[str, str]:
    """The name, which may be empty, and the address of FILMER_MAIL_FROM. Raises ValueError."""
    match = re.fullmatch(r"""(?:([^<>"@]*)<)?([^\s<>"@,;]+@[A-Za-z0-9.-]+)(?(1)>)""", text)
    if not (match and text.isprintable() and match[2].isascii()):
        raise ValueError("Expected an address such as shop@films.example, or Our shop <shop@films.example>")
    return (match[1] or "").strip(), match[2]


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]


_PARSERS: dict[str, Callable[[str], object]] = {
    "database_url": require_conninfo,
    "default_price": parse_price,
    "currency": require_currency,
    "shop_name": require_name,
    "locale": require_locale,
    "payment": parse_payment,
    "tmdb_access_token": require_credential,
    "tmdb_api_key": require_credential,
    "tmdb_base_url": parse_base_url,
    "tmdb_image_base_url": parse_base_url,
    "tmdb_language": require_language,
    "tmdb_region": require_region,
    "secret_key": require_strong,
    "metrics_token": require_token,
    "media_accel": require_prefix,
    "media_origins": parse_origins,
    "media_url_secret": require_strong,
    "smtp_url": parse_smtp_url,
    "mail_from": parse_mail_from,
    "stripe_secret_key": require_key("sk_", "rk_"),
    "stripe_publishable_key": require_key("pk_"),
    "stripe_webhook_secret": require_key("whsec_"),
    "stripe_api": parse_base_url,
    "stripe_script": parse_base_url,
    "public_url": parse_origin,
    "cors_origins": parse_origins,
    "trusted_proxies": parse_proxies,
}

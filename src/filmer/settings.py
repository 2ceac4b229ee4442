"""Every setting of filmer: its environment variable, default, bounds and meaning (the README's table)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


def _setting(env: str, description: str, **bounds: Any) -> Meta:
    return Meta(description=description, extra={"env": env}, **bounds)


class SettingsError(Exception):
    """A setting can't be used; the text names the variable and what it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process. Unset and empty variables mean the default."""

    database_url: Annotated[
        str | None, _setting("DATABASE_URL", "PostgreSQL ≥ 15 to use. Unset: an embedded one in the data directory.")
    ] = None
    redis_url: Annotated[
        str | None, _setting("REDIS_URL", "Valkey/Redis ≥ 6.2 to use. Unset: an embedded one in the data directory.")
    ] = None
    redis_password: Annotated[
        str | None, _setting("REDIS_PASSWORD", "Its password, where the URL does not carry one.")
    ] = None
    cache_duration_seconds: Annotated[
        int, _setting("CACHE_DURATION_SECONDS", "How long answers to public GETs are kept, in seconds; 0: not.", ge=0)
    ] = 30
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
        except (msgspec.ValidationError, ValueError) as error:
            reason = str(error).split(" - at")[0]
            raise SettingsError(f"{variable_of(field)}={value!r} can't be used: {reason}") from None
    return msgspec.convert(values, Settings, strict=False)


def data_directory(settings: Settings) -> Path:
    """Where the embedded engines live: as set, else a place of the user's own."""
    from filmer.store.embedded import default_data_dir

    return Path(settings.data_dir).expanduser().absolute() if settings.data_dir else default_data_dir()

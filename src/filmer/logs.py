"""Structured logs to stderr: readable on a terminal, one JSON object a line otherwise."""

import logging
import sys
from typing import Any

import structlog

from filmer.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Sets up structlog, and makes the standard library's loggers speak the same way."""
    readable = sys.stderr.isatty() if settings.log_format == "auto" else settings.log_format == "text"
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    last = [renderer] if readable else [structlog.processors.dict_tracebacks, renderer]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)

"""The ``Host`` header: the name under which a client reaches the server."""

import re

from filmer.errors import InvalidRequest
from filmer.http.handlers import AnyRequest

HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{0,5})?")
MAX_PORT = 65535


def host_objection(http_version: str, hosts: list[bytes]) -> str | None:
    """What is wrong with a request's ``Host`` (contract §1.6). Granian passes a missing one on as empty."""
    if len(hosts) > 1:
        return "The request has more than one Host header; it must name the server exactly once"
    host = hosts[0].decode("latin-1") if hosts else ""
    if host:
        named = HOST.fullmatch(host)
        is_possible = named is not None and int((named[2] or ":0")[1:] or 0) <= MAX_PORT
        return None if is_possible else "The Host header names no host"
    return "The request has no Host header; HTTP/1.1 wants the server's name there" if http_version == "1.1" else None


def origin_of(request: AnyRequest, configured: str | None) -> str | None:
    """The origin of this server, for addresses that leave it: as configured, else by the request's ``Host``.

    None for HTTP/1.0 without a host. Only what is made with the configured one may be cached.
    """
    if configured:
        return configured
    host = request.headers.get("host", "")
    return f"http://{host}" if HOST.fullmatch(host) else None


def require_origin(request: AnyRequest, configured: str | None) -> str:
    """As ``origin_of``. Raises InvalidRequest where it is not known."""
    origin = origin_of(request, configured)
    if origin is None:
        raise InvalidRequest(message="The request has no Host header; what it asks for needs to know the server's name")
    return origin

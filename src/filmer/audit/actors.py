"""The actor of a request. Beside ``log.py``, as commands do without the framework."""

import ipaddress
from typing import Any

from filmer.audit.log import Actor, Via
from filmer.http.handlers import AnyRequest, arrival


def actor_of(request: AnyRequest, account_id: int, via: Via = "office") -> Actor:
    """The user of a request, with the address that it came from."""
    peer: Any = request.scope.get("client") or ("", 0)
    return Actor(via, arrival(request).at, account_id, _host(peer[0]))


def _host(address: str) -> str:
    """An address without the port that some proxies add; "" for what is none."""
    host = address[1:].partition("]")[0] if address.startswith("[") else address
    for candidate in (host, host.partition(":")[0]):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""

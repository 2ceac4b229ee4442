"""Who is calling: the connection's address, or what proxies we trust say of it. Nobody else is believed."""

import asyncio
from typing import Any, cast

import pytest
from tests.conftest import ServeHere
from tests.layers import layer_of
from tests.responses import data_of

from filmer.app import create_app
from filmer.edge.default_headers import DefaultHeaders
from filmer.settings import Settings, SettingsError, load_settings, parse_proxies

DATABASE = "postgresql://nobody@127.0.0.1:1/none"  # nothing here connects to it
PROXY, SECOND, CALLER, FORGED = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.66"


def address_seen(trusted: str | None, *forwarded: str, peer: str = PROXY, method: str = "POST") -> str:
    """The address a handler sees of a request that comes from ``peer``."""
    app: Any = create_app(Settings(database_url=DATABASE, trusted_proxies=trusted))
    seen: list[str] = []

    async def handler(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Any) -> None:
        pass

    layer_of(app, DefaultHeaders)._app = cast("Any", handler)
    path = "/api/v1/auth/login"
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "client": (peer, 4711),
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"host", b"shop"), *((b"x-forwarded-for", value.encode()) for value in forwarded)],
    }
    asyncio.run(app(scope, receive, send))
    assert len(seen) == 1
    return seen[0]


def test_without_proxies_the_application_is_the_edge_and_believes_nobody() -> None:
    assert address_seen(None, FORGED) == PROXY
    assert address_seen(None, FORGED, peer="127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_trusted_proxy_is_believed(method: str) -> None:
    assert address_seen(PROXY, CALLER, method=method) == CALLER
    assert address_seen("10.0.0.0/8", "2001:db8::9", method=method) == "2001:db8::9"


def test_anybody_else_is_not() -> None:
    assert address_seen(SECOND, FORGED) == PROXY
    assert address_seen("10.0.0.0/8", FORGED, peer=CALLER) == CALLER
    assert address_seen("10.0.0.0/8, fd00::/8", FORGED, peer="2001:db8::9") == "2001:db8::9"


def test_it_is_the_last_address_that_is_no_proxy_of_ours() -> None:
    """Everything left of it came from the caller, who may write what they like."""
    assert address_seen(PROXY, f"{FORGED}, {CALLER}") == CALLER
    assert address_seen("10.0.0.0/8", f"{FORGED}, {CALLER}, {SECOND}") == CALLER
    assert address_seen("10.0.0.0/8", FORGED, f"{CALLER},{SECOND}") == CALLER, "in two headers"
    assert address_seen(PROXY, f"{CALLER}, {SECOND}") == SECOND, "the second proxy is none of ours"
    assert address_seen("10.0.0.0/8", f"{PROXY}, {CALLER}") == CALLER, "the caller can't pass for a proxy"


def test_a_proxy_that_says_nothing_is_the_caller() -> None:
    assert address_seen(PROXY) == PROXY
    assert address_seen(PROXY, "") == PROXY


@pytest.mark.parametrize("trusted", [PROXY, "10.0.0.0/8", "127.0.0.1, 10.0.0.0/24"])
def test_an_address_is_the_same_on_a_socket_that_speaks_both(trusted: str) -> None:
    """Listening on ``::``, an IPv4 caller is ``::ffff:10.0.0.1``."""
    assert address_seen(trusted, CALLER, peer=f"::ffff:{PROXY}") == CALLER
    assert address_seen(trusted, CALLER, peer="::ffff:192.0.2.1") == "::ffff:192.0.2.1"


def test_a_server_behind_a_proxy_answers(database_url: str, serve_here: ServeHere) -> None:
    server = serve_here(database_url, FILMER_TRUSTED_PROXIES="127.0.0.1, ::1", FILMER_WORKERS="1")
    headers = {"x-forwarded-for": CALLER, "x-forwarded-proto": "https"}
    assert data_of(server.client.get("/api/v1/health", headers=headers))["status"] == "UP"
    assert server.client.post("/api/v1/nothing", headers=headers).status_code == 404
    server.stop()


@pytest.mark.parametrize("given", ["127.0.0.1", "::1", "10.0.0.0/8", " 127.0.0.1 , fd00::/8,10.1.2.0/24", "0.0.0.0/0"])
def test_proxies_can_be_set(given: str) -> None:
    assert load_settings({"FILMER_TRUSTED_PROXIES": given}).trusted_proxies == given.strip()
    assert len(parse_proxies(given)) >= len(given.split(","))


@pytest.mark.parametrize(
    "given",
    ["*", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "127.0.0.1:80", "127.0.0.1,", ",", "http://10.0.0.1"],
)
def test_what_is_no_address_is_told_in_a_sentence(given: str) -> None:
    """``10.0.0.1/8`` too: Granian would take it for a name nobody has, and trust no one."""
    with pytest.raises(SettingsError, match=r"FILMER_TRUSTED_PROXIES=.* can't be used: .*Expected addresses"):
        load_settings({"FILMER_TRUSTED_PROXIES": given})

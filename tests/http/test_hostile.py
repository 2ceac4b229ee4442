"""Nothing that anybody sends is our fault: hostile bytes in every field, parameter, segment, header and form.

Promise 10. ``FILMER_TRUST_HOSTILE=100000`` sends all there are; else so many, drawn at random.
"""

import contextlib
import http.client
import json
import os
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest
from tests.community.conftest import tmdb_settings
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.http import hostile
from tests.layers import framework_of
from tests.raw_connections import LOST, RawConnection
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.shop.stress_shop import customers
from tests.users import CARD, PASSWORD, open_account, put_card, token_of

from filmer.app import create_app
from filmer.http.body import Body
from filmer.http.query import Query
from filmer.settings import Settings

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["sandbox", "shared_sandbox"]
TRIES = 4
MOST = int(os.environ.get("FILMER_TRUST_HOSTILE") or 800)
FARMED_OUT = ("/sign-out", "/account/sessions/end", "/api/v1/auth/logout")  # they end the session they come with
PLAUSIBLE: dict[str, Any] = {
    **CARD, "email": "mary@example.com", "password": PASSWORD, "movieId": "tt0111161", "quantity": 1, "movie_id": 278,
    "rating": 4, "name": "A token", "expires": "30", "price": "4.99", "next": "/films",
}  # fmt: skip
SEARCHED = [
    "/api/v1/movies",
    "/api/v1/search/movies",
    "/films/tt0111161",
    "/api/v1/cart",
    "/cart",
    "/api/movies/popular",
]


class Route(NamedTuple):
    method: str
    path: str
    segments: list[str]


class SeededServer:
    """A server with films and people, and the words they are known by."""

    def __init__(self, database_url: str, server: Server) -> None:
        self.server = server
        user, admin = open_account(database_url), open_account(database_url, role="admin")
        self.tokens = [token_of(database_url, user).encode() for user in (user, admin)]
        people = customers(database_url, 300)
        with psycopg.connect(database_url) as conn:
            ids = [user.account_id for user in people]
            conn.execute("UPDATE account SET role = 'admin' WHERE id = ANY(%s)", [ids[::2]])
        self.cookies = [user.cookie.encode() for user in people[:100]]
        self._leaving = [user.cookie.encode() for user in people[100:]]
        self._draw = random.Random(10)
        self.routes = list(routes())

    def known(self, path: str) -> list[bytes]:
        """The headers of a user who may send this request, from an address of its own."""
        cookie = self._draw.choice(self._leaving if path in FARMED_OUT else self.cookies)
        address = ".".join(str(self._draw.randrange(1, 255)) for _ in range(3))
        headers = [b"x-forwarded-for: 10." + address.encode()]
        if path.startswith("/api/") and not path.startswith("/api/v1/"):
            return [*headers, b"authorization: Bearer " + self._draw.choice(self.tokens)]
        return [*headers, b"cookie: JSESSIONID=" + cookie] if self._draw.random() < 0.9 else headers

    def fields(self) -> Iterator[bytes]:
        """Bodies of JSON and forms, each with one member that is something else."""
        names = sorted(names_of(Body) | {"next", "seen", "key"})
        for route in self.routes:
            if route.method not in {"POST", "PUT"}:
                continue
            address = hostile.in_place(route.path, "", b"")
            is_api = route.path.startswith("/api/")
            for name in names:
                bodies = (hostile.in_json if is_api else hostile.in_form)(names, name, PLAUSIBLE)
                kind = b"application/json" if is_api else b"application/x-www-form-urlencoded"
                for body in bodies:
                    yield self._sent(route, address, body, kind)
            for kind, body in hostile.BODIES:
                yield self._sent(route, address, body, kind)

    def _sent(self, route: Route, address: bytes, body: bytes, kind: bytes) -> bytes:
        return hostile.request_bytes(route.method, address, [*self.known(route.path), b"content-type: " + kind], body)

    def segments(self) -> Iterator[bytes]:
        for route in self.routes:
            for name in route.segments:
                for text in hostile.TEXTS:
                    address = hostile.in_place(route.path, name, text)
                    yield hostile.request_bytes(route.method, address, self.known(route.path), b"")
        for place in hostile.PLACES:
            for method in ("GET", "POST", "OPTIONS", "DELETE", "PATCH"):
                yield hostile.request_bytes(method, place, self.known("/"), b"")

    def parameters(self) -> Iterator[bytes]:
        names = sorted(names_of(Query) | {"next"})
        for route in self.routes:
            if route.method == "GET" and not route.path.startswith(("/static", "/docs")):
                address = hostile.in_place(route.path, "", b"")
                for name in names:
                    for text in hostile.TEXTS:
                        raw = text.replace(b" ", b"+") if b"\r" not in text and b"\n" not in text else b"%"
                        yield hostile.request_bytes(
                            "GET", b"%b?%b=%b&query=a" % (address, name.encode(), hostile.quoted(text)),
                            self.known(route.path),
                        )  # fmt: skip
                        yield hostile.request_bytes(
                            "GET", b"%b?%b=%b" % (address, name.encode(), raw), self.known(route.path)
                        )

    def headers(self) -> Iterator[bytes]:
        for address in SEARCHED:
            for text in hostile.TEXTS:
                for name in hostile.HEADERS:
                    known = [header for header in self.known(address) if not header.startswith(name + b":")]
                    yield hostile.request_bytes("GET", address.encode(), [*known, name + b": " + text])
                for cookie in hostile.COOKIES:
                    yield hostile.request_bytes("GET", address.encode(), [b"cookie: " + cookie + text])
                for scheme in (b"Bearer ", b"Basic ", b"bearer"):
                    yield hostile.request_bytes("GET", b"/api/users/1/favorites", [b"authorization: " + scheme + text])
                yield hostile.request_bytes(
                    "POST", b"/api/v1/checkout",
                    [*self.known("/api/v1/checkout"), b"content-type: application/json", b"idempotency-key: " + text],
                    json.dumps(CARD).encode(),
                )  # fmt: skip


def routes() -> Iterator[Route]:
    """Every URL there is, with the names of what varies in it."""
    app = framework_of(create_app(Settings(database_url="postgresql://nowhere")))
    for route in app.routes:
        path = re.sub(r":str}", "}", route.path)
        for method in sorted(route.methods or ()):
            if method not in {"HEAD", "OPTIONS"}:
                yield Route(method, path, re.findall(r"{(\w+)}", path))


def names_of(kind: type[msgspec.Struct]) -> set[str]:
    """The fields of all bodies, or of all queries."""
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    return names.union(*(names_of(subclass) for subclass in kind.__subclasses__()))


@pytest.fixture(scope="module")
def seeded(make_database: MakeDatabase, serve: Serve, shared_sandbox: Sandbox) -> SeededServer:
    url = make_database(films=True)
    put_card(url)
    return SeededServer(url, serve(url, FILMER_TRUSTED_PROXIES="127.0.0.1", **tmdb_settings(shared_sandbox)))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("where", ["fields", "segments", "parameters", "headers"])
def test_whatever_stands_there_is_answered(seeded: SeededServer, where: str) -> None:
    requests = list(getattr(seeded, where)())
    random.Random().shuffle(requests)
    # What no column of the database takes is tried at every place, not at some.
    requests.sort(key=lambda request: b"%00" not in request.partition(b" HTTP/")[0].partition(b"?")[0])
    sample = requests[: MOST // 4 if MOST < 10_000 else MOST]
    statuses = Counter(answers_to(seeded.server.port, sample))
    assert len(statuses) > 2, "they get to more than one place"
    assert_alive(seeded.server)
    record_figure(f"hostile {where}: {len(sample):,} of {len(requests):,} requests, 0 answered with 5xx")


def answers_to(port: int, requests: Sequence[bytes]) -> Iterator[int]:
    """The statuses of the answers; each request has one."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(RawConnection(port))
        for request in requests:
            for _ in range(TRIES):
                try:
                    status = connection.round_trip(request).status
                except LOST as lost:  # it may have been closed for the request before
                    status = 0
                    reason: object = lost
                else:
                    reason = status
                if status not in {0, 503}:  # a busy machine's 503 does not come again, one that was asked for does
                    break
                time.sleep(0.5)
                stack.close()
                connection = stack.enter_context(RawConnection(port))
            assert 200 <= status < 500, (reason, request[:2_000])
            yield status
            if is_over(connection):
                stack.close()
                connection = stack.enter_context(RawConnection(port))


def is_over(connection: RawConnection) -> bool:
    """Whether the server has closed the connection, as after what it can't read."""
    connection.socket.setblocking(False)
    try:
        return connection.socket.recv(1) == b"" or True  # what is left of an answer to what followed the request
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.socket.settimeout(20)


@pytest.mark.parametrize("request_", [*hostile.WHOLE, *hostile.LENGTHS], ids=lambda request: repr(request[:60]))
def test_what_is_no_request_is_refused(seeded: SeededServer, request_: bytes) -> None:
    """Or answered, or cut: never with a fault of ours, and never for long."""
    with RawConnection(seeded.server.port) as connection:
        try:
            connection.send(request_)
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it refused the request before all of it was sent
        for status in statuses_of(connection):
            assert status < 500
    assert_alive(seeded.server)


def statuses_of(connection: RawConnection) -> Iterator[int]:
    """Of all that comes until the connection is closed."""
    received = bytearray()
    try:
        while part := connection.socket.recv(1 << 16):
            received += part
    except ConnectionError:
        pass
    yield from (int(status) for status in re.findall(rb"(?:^|\r\n|[}>])HTTP/1\.[01] (\d{3}) ", bytes(received)))


def assert_alive(server: Server) -> None:
    assert server.client.get("/api/v1/movies/tt0111161").status_code == http.client.OK
    output = server.output()
    assert not re.search(r'"level": "(error|critical)"|Traceback|panicked', output), output[-4_000:]

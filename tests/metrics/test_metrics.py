"""What is counted, under which labels, and who is told."""

import random
import string
from urllib.parse import quote

import httpx
import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.metrics.scraping import BEARER, TOKEN, Scrape, scrape
from tests.proxy import Proxy, proxied_database
from tests.raw_connections import RawConnection
from tests.sandbox import Sandbox
from tests.server_processes import eventually
from tests.shop.stress_shop import CHECKOUT, FILMS, ITEMS, open_shop
from tests.users import CARD, LOGIN, PASSWORD, visitor

from filmer.edge.traffic import NOWHERE, Traffic

REQUESTED = "filmer_http_requests_total"
CACHED = "filmer_cache_answers_total"


@pytest.fixture(scope="module")
def address(make_database: MakeDatabase) -> str:
    database = make_database()
    open_shop(database)
    return database


@pytest.fixture(scope="module")
def server(address: str, serve: Serve, shared_sandbox: Sandbox) -> Server:
    given = {"FILMER_METRICS_TOKEN": TOKEN, "TMDB_BASE_URL": shared_sandbox.url, "TMDB_API_KEY": "sandbox"}
    running: Server = serve(address, **given, TMDB_IMAGE_BASE_URL=f"{shared_sandbox.address}/t/p")
    return running


class Since:
    """What has been counted since then."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = scrape(server)

    def comes_to(self, count: float, name: str, **labels: str) -> bool:
        return eventually(lambda: self._more(name, labels) == count) or pytest.fail(
            f"{name} {labels}: {self._more(name, labels)}, not {count}"
        )

    def _more(self, name: str, labels: dict[str, str]) -> float:
        return round(scrape(self._server).value(name, **labels) - self._before.value(name, **labels), 6)


def test_off_by_default_as_if_there_were_no_such_address(shop: httpx.Client) -> None:
    answer, other = (shop.get(path, headers=BEARER) for path in ("/metrics", "/metricz"))
    assert answer.status_code == other.status_code == 404
    assert answer.text.replace("/metrics", "/metricz") == other.text
    assert set(answer.headers) == set(other.headers)
    assert shop.post("/metrics").status_code == shop.post("/metricz").status_code


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        ["Bearer"],
        [f"Bearer {TOKEN[:-1]}"],
        [f"Bearer {TOKEN}x"],
        [f"Bearer {TOKEN.upper()}"],
        [f"Basic {TOKEN}"],
        [TOKEN],
        [f"Bearer {TOKEN}", f"Bearer {TOKEN}"],
        ["Bearer \xe4\xf6"],
        ["Bearer " + "x" * 4000],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_without_the_token_nothing_is_told(server: Server, method: str, given: list[str]) -> None:
    headers = [(b"authorization", value.encode("latin-1")) for value in given]
    answer = server.client.request(method, "/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    assert "filmer_" not in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_with_the_token_everything_is(server: Server, scheme: str) -> None:
    answer = server.client.get("/metrics/", headers={"authorization": f"{scheme} {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert scrape(server).value("filmer_build_info") == 1
    head = server.client.head("/metrics", headers=BEARER)
    assert (head.status_code, head.content) == (200, b"")
    accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    newer = server.client.get("/metrics", headers={**BEARER, **accept})
    assert newer.headers["content-type"].startswith("application/openmetrics-text")
    assert newer.text.endswith("# EOF\n")
    assert "/metrics" not in server.client.get("/openapi.json").json()["paths"]


def test_labels_are_bounded_whatever_is_asked(server: Server) -> None:
    draw = random.Random(6)
    letters = string.ascii_letters + string.digits + string.punctuation + '  éß/\\"\n\0{}'
    drawn = [draw.choices(letters, k=draw.randrange(1, 40)) for _ in range(10_000)]
    begins = ["/", "/films/", "/api/v1/movies/", "/api/v1/", "/api/users/", "/static/", "/metrics/", "/api/v1/movies/{"]
    paths = [draw.choice(begins) + "".join(one) for one in drawn]
    traffic = Traffic()
    templates = ["/", "/films", "/films/{film_id}", "/api/v1/movies/{movie_id}", "/api/users/{user_id}/favorites"]
    traffic.know(templates)
    told = {traffic.route_of(path) for path in paths}
    assert told <= {*templates, NOWHERE}
    assert {"/films/{film_id}", NOWHERE} <= told

    before = scrape(server)
    routes, methods = before.labels(REQUESTED, "route"), before.labels(REQUESTED, "method")
    for path in paths[:300]:
        server.client.get(quote(path, safe="/"))
    for _ in range(20):
        server.client.request("".join(draw.choices(string.ascii_uppercase, k=7)), "/films/tt0111161")
    assert eventually(lambda: scrape(server).value(REQUESTED, method="other") == 20)
    after = scrape(server)
    new = after.labels(REQUESTED, "route") - routes
    assert all(route == NOWHERE or "{" in route or route in {"/", "/films", "/metrics"} for route in new), new
    assert len(new) < 12, new
    assert after.labels(REQUESTED, "method") - methods <= {"GET", "other"}
    assert after.value(REQUESTED, route=NOWHERE, status="404") > before.value(REQUESTED, route=NOWHERE, status="404")
    record_figure(f"10,000 drawn paths: {len(told)} routes; 300 asked: {len(new)} new")


def test_answers_from_the_cache_are_counted_by_their_route(server: Server) -> None:
    since = Since(server)
    template = "/api/v1/movies/{movie_id}"
    path = f"/api/v1/movies/{FILMS[0]}"
    first = server.client.get(path)
    for _ in range(4):
        assert server.client.get(path).content == first.content
    server.client.head(path)
    for _ in range(2):
        assert server.client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert since.comes_to(5, REQUESTED, route=template, method="GET", status="200")
    assert since.comes_to(1, REQUESTED, route=template, method="HEAD", status="200")
    assert since.comes_to(2, REQUESTED, route=template, method="GET", status="304")
    assert since.comes_to(7, CACHED, cache="page", outcome="memory")
    assert since.comes_to(1, CACHED, cache="page", outcome="computed")

    page = f"/films/{FILMS[1]}"
    for _ in range(3):  # compressed, which is kept beside
        assert server.client.get(page, headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    assert since.comes_to(3, REQUESTED, route="/films/{film_id}", status="200", api="pages")


def test_refusals_are_counted_by_their_status(server: Server) -> None:
    since = Since(server)
    elsewhere = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    refusals: list[tuple[int, str, str, str, dict[str, str]]] = [
        (404, "GET", "/api/v1/movies/tt9999999999", "/api/v1/movies/{movie_id}", {}),
        (404, "GET", "/no/such/page", NOWHERE, {}),
        (405, "PATCH", CHECKOUT, CHECKOUT, {}),
        (401, "POST", CHECKOUT, CHECKOUT, {}),
        (400, "GET", "/api/v1/movies?page=none", "/api/v1/movies", {}),
        (414, "GET", "/api/v1/movies?page=" + "1" * 9000, "/api/v1/movies", {}),
        (403, "POST", "/sign-in", "/sign-in", elsewhere),
        (401, "DELETE", "/api/users/1/favorites/2", "/api/users/{user_id}/favorites/{favorite_id}", {}),
        (401, "GET", "/metrics", "/metrics", {}),
    ]
    for status, method, path, _, headers in refusals:
        assert server.client.request(method, path, headers=headers).status_code == status, path
    for status, method, _, route, _ in refusals:
        assert since.comes_to(1, REQUESTED, method=method, route=route, status=str(status))


def test_a_caller_who_hangs_up_before_all_was_said_is_counted_as_gone(server: Server) -> None:
    since = Since(server)
    for _ in range(5):
        wire = RawConnection(server.port)
        wire.send(b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n")
        wire.send(b'content-type: application/json\r\n\r\n{"email"')
        wire.reset()
    assert since.comes_to(5, REQUESTED, route=LOGIN, status="499")


def test_people_and_orders_are_counted(server: Server, address: str) -> None:
    since = Since(server)
    person = {"firstName": "Mary", "lastName": "Major", "email": "counted@example.com", "password": PASSWORD}
    login = {"email": person["email"], "password": PASSWORD}
    with visitor(server.client) as browser, visitor(server.client) as other:
        assert browser.post("/api/v1/auth/register", json=person).status_code == 201
        assert other.post("/api/v1/auth/register", json=person).status_code == 409
        assert other.post(LOGIN, json={**login, "password": "not this one"}).status_code == 401
        assert other.post(LOGIN, json=login).status_code == 200
        assert browser.post(LOGIN, json=login).status_code == 200  # instead of the first session
        assert browser.post(ITEMS, json={"movieId": FILMS[0], "quantity": 2}).status_code == 200
        assert browser.post(CHECKOUT, json={**CARD, "lastName": "Minor"}).status_code == 402
        key = {"idempotency-key": "once"}
        for _ in range(3):  # one order, however often it is sent
            assert browser.post(CHECKOUT, json=CARD, headers=key).status_code == 200
        assert other.post("/api/v1/auth/logout").status_code == 200
    with psycopg.connect(address) as conn:
        taken, sessions, orders = conn.execute(
            "SELECT sum(total), (SELECT count(*) FROM session), count(*) FROM shop_order"
        ).fetchall()[0]
    for count, name, labels in [
        (1, "filmer_registrations_total", {"outcome": "done"}),
        (1, "filmer_registrations_total", {"outcome": "refused"}),
        (2, "filmer_sign_ins_total", {"outcome": "done"}),
        (1, "filmer_sign_ins_total", {"outcome": "refused"}),
        (3, "filmer_sessions_begun_total", {}),
        (1, "filmer_sessions_ended_total", {"reason": "replaced"}),
        (1, "filmer_sessions_ended_total", {"reason": "signed out"}),
        (1, "filmer_payments_refused_total", {}),
        (1, "filmer_orders_placed_total", {}),
        (float(taken), "filmer_orders_placed_amount_total", {}),
    ]:
        assert since.comes_to(count, name, **labels)

    def in_stock() -> tuple[float, float]:
        scraped = scrape(server)
        return scraped.value("filmer_sessions"), scraped.value("filmer_orders")

    assert eventually(lambda: in_stock() == (sessions, orders) == (1, 1), 20), "they are counted every ten seconds"


def test_what_tmdb_is_asked_is_counted(server: Server, sandbox: Sandbox) -> None:
    since = Since(server)
    popular = "/api/movies/popular?page=7"
    for _ in range(3):
        assert server.client.get(popular).status_code == 200
    called = "filmer_tmdb_call_duration_seconds_count"
    assert since.comes_to(1, called, part="api", outcome="answered")
    assert since.comes_to(1, "filmer_tmdb_copies_total", outcome="miss")
    assert since.comes_to(1, CACHED, cache="outside", outcome="computed")
    assert since.comes_to(2, CACHED, cache="outside", outcome="memory")
    sandbox.fail("503", path="/3/movie/popular", times=1)
    assert server.client.get("/api/movies/popular?page=8").status_code == 200  # at the second try
    assert since.comes_to(1, called, part="api", outcome="unusable")
    assert since.comes_to(2, called, part="api", outcome="answered")
    assert scrape(server).value("filmer_tmdb_left_alone") == 0


def without_postgresql(proxy: Proxy, how: str) -> None:
    {"refuse": proxy.refuse, "freeze": proxy.freeze}[how]()


@pytest.mark.proof
@pytest.mark.parallel
@pytest.mark.parametrize("how", ["refuse", "freeze"])
def test_it_answers_with_everything_away(database_url: str, serve: Serve, how: str) -> None:
    open_shop(database_url)
    with proxied_database(database_url) as (address, proxy):
        nowhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "TMDB_BASE_URL": "http://127.0.0.1:1/3", "TMDB_API_KEY": "x"}
        running: Server = serve(address, FILMER_METRICS_TOKEN=TOKEN, FILMER_POOL_SIZE="2", **nowhere)
        assert eventually(lambda: scrape(running).value("filmer_database_up") == 1)
        running.client.get("/api/v1/movies")  # who is not asked is not missed
        assert scrape(running).value("filmer_valkey_up") == 0
        assert "filmer_orders" in scrape(running).names
        without_postgresql(proxy, how)
        assert running.client.get("/api/v1/stars").status_code == 503

        def is_told() -> Scrape | None:
            scraped = scrape(running)
            return scraped if scraped.value("filmer_database_up") == 0 else None

        assert eventually(is_told, 25)
        scraped = scrape(running)
        assert scraped.value(REQUESTED, route="/api/v1/stars", status="503") == 1
        assert not {"filmer_orders", "filmer_sessions"} & scraped.names
        proxy.mend()
        assert eventually(lambda: scrape(running).value("filmer_database_up") == 1, 20)

"""Whichever worker is asked, it tells the sums of all, of those too that are dead."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import MakeDatabase, Serve, Server, import_films
from tests.figures import record_figure
from tests.metrics.scraping import TOKEN, Scrape, scrape
from tests.raw_connections import open_connections, request
from tests.server_processes import eventually, kill_worker, workers

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

REQUESTS = 600
LINES = 20  # connections: more than one worker gets some
REQUESTED = "filmer_http_requests_total"
MOVIES = "/api/v1/movies"


@pytest.fixture(scope="module")
def server(make_database: MakeDatabase, serve: Serve) -> Server:
    database = make_database(films=True)
    running: Server = serve(database, FILMER_WORKERS="2", FILMER_METRICS_TOKEN=TOKEN)
    assert eventually(lambda: listening(running) == 2), "one worker is up when serve returns"
    return running


def listening(server: Server) -> int:
    """How many sockets do at its port: a worker's does once it is up."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return sum(local.endswith(f":{server.port:04X}") and state == "0A" for _, local, _, state, *_ in sockets)


def ask(server: Server, path: str, times: int = REQUESTS) -> None:
    sent = request("GET", path)
    with open_connections(server.port, LINES) as lines:
        for number in range(times):
            assert lines[number % LINES].round_trip(sent).status == 200


def directory(server: Server) -> Path:
    """Where the workers write down what they count."""
    (place,) = {file.parent for file in counted_in(server)}
    return place


def counted_in(server: Server) -> list[Path]:
    """The files of counters that workers have open."""
    paths = [Path(file.path) for worker in workers(server) for file in worker.open_files()]
    return [path for path in paths if path.suffix == ".db"]


def processes_that_counted(server: Server) -> int:
    return len(list(directory(server).glob("counter_*.db")))


def test_a_scrape_tells_the_sum_of_all_workers(server: Server) -> None:
    before = scrape(server)
    ask(server, f"{MOVIES}?page=2")

    def counted(scraped: Scrape) -> float:
        labels = {"route": MOVIES, "method": "GET", "status": "200", "api": "shop"}
        return scraped.value(REQUESTED, **labels) - before.value(REQUESTED, **labels)

    assert eventually(lambda: counted(scrape(server)) >= REQUESTS)
    for _ in range(6):  # of either worker
        scraped = scrape(server)
        assert counted(scraped) == REQUESTS
        timed = "filmer_http_request_duration_seconds"
        assert scraped.value(f"{timed}_count", route=MOVIES) == scraped.value(REQUESTED, route=MOVIES)
        assert scraped.value(f"{timed}_bucket", route=MOVIES, le="+Inf") == scraped.value(REQUESTED, route=MOVIES)
        assert scraped.value(f"{timed}_sum", route=MOVIES) > 0
    sources = ("computed", "valkey", "memory")
    came = {
        source: scraped.value("filmer_cache_answers_total", cache="page", outcome=source)
        - before.value("filmer_cache_answers_total", cache="page", outcome=source)
        for source in sources
    }
    assert sum(came.values()) == REQUESTS
    assert came["computed"] == 1
    assert came["valkey"] >= 1, "one worker answered all"
    assert scraped.value("filmer_workers") == 2
    record_figure(f"{REQUESTS} requests to 2 workers: {counted(scraped):.0f} told by either")


def test_what_a_worker_counted_stays_when_it_is_killed(server: Server) -> None:
    path = "/api/v1/genres"
    ask(server, path, 200)
    assert eventually(lambda: scrape(server).value(REQUESTED, route=path) == 200), "so all of it was handed over"
    assert kill_worker(server)
    assert eventually(lambda: len(workers(server)) == 2, 30)
    assert eventually(lambda: scrape(server).value("filmer_workers") == 2, 30)
    assert processes_that_counted(server) == 3
    for _ in range(6):
        scraped = scrape(server)
        assert scraped.value(REQUESTED, route=path) == 200
        assert scraped.value("filmer_workers") == 2, "what is no more has no connections and no worker"
    ask(server, path, 100)
    assert eventually(lambda: scrape(server).value(REQUESTED, route=path) == 300)


def test_scrapes_in_plenty_while_others_ask(server: Server) -> None:
    path = "/api/v1/stars"

    def scrapes() -> Iterator[float]:
        for _ in range(15):
            yield scrape(server).value(REQUESTED, route=path)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, server, path, 300) for _ in range(2)]
        told = list(pool.map(lambda _: list(scrapes()), range(2)))
        for one in asking:
            one.result()
    assert all(0 <= count <= 600 for counts in told for count in counts)
    assert eventually(lambda: scrape(server).value(REQUESTED, route=path) == 600)


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
def test_the_workers_files_go_with_the_server(database_url: str, serve: Serve, signal: str) -> None:
    import_films(database_url)
    running: Server = serve(database_url, FILMER_METRICS_TOKEN=TOKEN)
    place = directory(running)
    assert place.stat().st_mode & 0o777 == 0o700
    assert list(place.glob("*.db"))
    running.process.send_signal(getattr(__import__("signal"), signal))
    running.process.wait(30)
    assert not place.exists()


def test_without_a_token_nothing_is_written(database_url: str, serve: Serve) -> None:
    import_films(database_url)
    running: Server = serve(database_url, PROMETHEUS_MULTIPROC_DIR=os.devnull)
    assert not counted_in(running)
    assert running.client.get("/metrics").status_code == 404

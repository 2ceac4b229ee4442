"""Load of visitors and buyers on several nodes at once, while the databases behind them fail over."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, Self

import httpx
from tests.raw_connections import Customer
from tests.shop.stress_shop import CHECKOUT, FILMS, ITEMS
from tests.users import CARD

_WORDS = ("bat", "the", "dark", "night", "shaw", "nolan", "man", "red", "co", "in")
SAME = ("/", f"/films/{FILMS[0]}", "/api/v1/genres", f"/api/v1/movies/{FILMS[1]}", f"/posters/{FILMS[2]}", "/genres")
PAUSE = 0.004  # seconds between two requests of one visitor: the database's processes need the cores too


def any_address(draw: random.Random) -> str:
    """Of a public read: one in three is asked for again and again, the others never were before."""
    if draw.random() < 1 / 3:
        return draw.choice(SAME)
    word, number, size = f"{draw.choice(_WORDS)}+{draw.choice(_WORDS)}", draw.randint(1, 10**9), draw.randint(1, 100)
    return draw.choice(
        (
            f"/api/v1/search/movies?query={word}&page={number}&size={size}",
            f"/api/v1/movies?page={number}&size={size}",
            f"/api/v1/stars?name=a&page={number}&size={size}",
            f"/api/v1/genres/1/movies?page={number}&size={size}",
            f"/api/v1/search/suggestions?query={word}+{number}",
            f"/films?page={number}",
            f"/search?query={word}&page={number}",
            f"/stars?page={number}",
        )
    )


class TimedRequest(NamedTuple):
    at: float  # seconds of time.monotonic(), when it was asked
    took: float
    name: str
    status: int  # 0: the connection broke


class Load:
    """Threads that ask until the context ends."""

    def __init__(self) -> None:
        self.reads: list[TimedRequest] = []
        self.writes: dict[int, list[TimedRequest]] = {}  # by port
        self.orders: dict[str, int] = {}  # acknowledged ones, by key
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def visit(self, port: int, addresses: Callable[[random.Random], str] = any_address) -> None:
        """One more visitor of a node."""
        self._start(lambda client: self._visit(client, random.Random(f"{port} {len(self._threads)}"), addresses), port)

    def buy(self, port: int, customers: Iterable[Customer]) -> None:
        """One after another they buy what is in their carts, each with a key, until it is acknowledged."""
        self.writes[port] = []
        self._start(lambda client: self._buy(client, port, customers), port)

    def failed_reads(self) -> list[TimedRequest]:
        return [timed for timed in self.reads if timed.status != httpx.codes.OK]

    def wait_for_writes(self, since: float, *, seconds: float) -> dict[int, float]:
        """Seconds from ``since`` until each node took a write again; of those that did."""
        back: dict[int, float] = {}
        while len(back) < len(self.writes) and time.monotonic() < since + seconds:
            for port, timed in self.writes.items():
                done = [
                    timed.at + timed.took
                    for timed in list(timed)
                    if timed.status in {200, 201} and timed.at + timed.took > since
                ]
                if done:
                    back[port] = min(done) - since
            time.sleep(0.02)
        return back

    def _start(self, work: Callable[[httpx.Client], None], port: int) -> None:
        def run() -> None:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, verify=False) as client:
                work(client)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def _visit(self, client: httpx.Client, draw: random.Random, addresses: Callable[[random.Random], str]) -> None:
        while not self._over.wait(PAUSE):
            address = addresses(draw)
            self.reads.append(self._timed(address, partial(client.get, address))[0])

    def _buy(self, client: httpx.Client, port: int, customers: Iterable[Customer]) -> None:
        for number, customer in enumerate(customers):
            headers = {"cookie": f"JSESSIONID={customer.cookie}", "idempotency-key": f"{port}-{customer.account_id}"}
            is_sold = False
            while not is_sold and not self._over.wait(5 * PAUSE):
                if number % 3 == 0:  # one more, or the wish for it came to nothing: what is sold is what is in the cart
                    line = {"movieId": FILMS[3], "quantity": 1}
                    self._write(port, "add", partial(client.post, ITEMS, json=line, headers=headers))
                response = self._write(port, "checkout", partial(client.post, CHECKOUT, json=CARD, headers=headers))
                is_sold = response is not None and response.status_code in {200, 201}
                if is_sold and response is not None:
                    self.orders[headers["idempotency-key"]] = response.json()["data"]["orderId"]
            if self._over.is_set():
                return

    def _write(self, port: int, what: str, ask: Callable[[], httpx.Response]) -> httpx.Response | None:
        timed, response = self._timed(what, ask)
        self.writes[port].append(timed)
        return response

    @staticmethod
    def _timed(what: str, ask: Callable[[], httpx.Response]) -> tuple[TimedRequest, httpx.Response | None]:
        begun = time.monotonic()
        try:
            response = ask()
        except httpx.TransportError:
            return TimedRequest(begun, time.monotonic() - begun, what, 0), None
        return TimedRequest(begun, time.monotonic() - begun, what, response.status_code), response

"""Compares with django-oscar: two shoppers put a film into their carts and order it, at filmer and there, interleaved.

Both have two workers, and databases on the same server. filmer is asked through its API: add a film, check out.
django-oscar has pages only, and is asked for the fewest that lead to an order, which has nothing to ship and costs no
payment, and tell its number: add the film, choose no shipping, look at the order, place it, read the thanks. A browser
would follow five redirects more and fetch what the pages link to. It is served by Granian, as filmer is: gunicorn was
not faster.
"""

import json
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
from bench import catalogues
from bench.cart_users import CARD, CartUsers, cart_users
from bench.http_connections import journeys_per_second, request
from bench.request_mix import API
from bench.results import Rows, compared
from bench.server import environment, serving, stop, wait_for
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from filmer.server.serving import free_port
from filmer.settings import Settings
from filmer.store.engines import connect

SHOPPERS = 2
WORKERS = 2
ORDERS = 384  # of filmer, in a round
THEIR_ORDERS = 48
LIMIT = 20  # times as many, with a key
PYTHON = Path(__file__).parents[1] / ".venv/oscar/bin/python"  # `make bench` installs it
DATABASE = "oscar"
FORM = "application/x-www-form-urlencoded"
TOKEN = "0123456789abcdefghijklmnopqrstuv"  # of Django's protection against other sites


def rows(scale: str) -> Rows:
    with (
        catalogues.running(scale) as settings,
        cart_users(settings, ORDERS) as users,
        _oscar(settings) as (oscar, journeys),
        serving(scale, workers=WORKERS) as filmer,
    ):
        figures: dict[str, list[float]] = {"with a key": [], "without a key": [], "oscar": []}
        for number in range(catalogues.ROUNDS[scale] + 1):
            for who, rates in figures.items():
                if who == "oscar":
                    figure = journeys_per_second(oscar, journeys, connections=SHOPPERS)
                else:
                    figure = _filmer(filmer, users, has_key=who == "with a key")
                if number:  # the first finds pools empty and pages cold
                    rates.append(figure)
        _require_orders(settings, len(journeys) * (catalogues.ROUNDS[scale] + 1))
    for who, limit in {"with a key": LIMIT, "without a key": None}.items():
        yield compared(
            f"from cart to order, {who}: {SHOPPERS} shoppers, {WORKERS} workers",
            figures[who],
            figures["oscar"],
            reference="django-oscar, whose answers are pages",
            bound=limit,
        )


def _filmer(url: str, users: CartUsers, *, has_key: bool) -> float:
    users.fill(0)
    before = users.effect()
    figure = journeys_per_second(url, _journeys(url, users, has_key=has_key), connections=SHOPPERS)
    gained = [after - was for after, was in zip(users.effect(), before, strict=True)]
    if gained != [ORDERS, ORDERS, ORDERS if has_key else 0, 0]:
        raise SystemExit(f"bench: {ORDERS} journeys made {gained} orders, lines, keys and lines in carts")
    return figure


def _journeys(url: str, users: CartUsers, *, has_key: bool) -> list[list[bytes]]:
    film = httpx.get(f"{url}{API}/movies?size=1", trust_env=False).json()["data"]["items"][0]["id"]
    item, card = json.dumps({"movieId": film}).encode(), json.dumps(CARD).encode()
    return [
        [
            request("POST", f"{API}/cart/items", cookie=users.cookie(number), body=item),
            request(
                "POST",
                f"{API}/checkout",
                cookie=users.cookie(number),
                body=card,
                key=str(uuid.uuid4()) if has_key else "",
            ),
        ]
        for number in range(1, ORDERS + 1)
    ]


@contextmanager
def _oscar(settings: Settings) -> Iterator[tuple[str, list[list[bytes]]]]:
    """Its address, and the requests of each order."""
    if not PYTHON.exists():
        raise SystemExit("bench: django-oscar is not installed; `make bench` installs it")
    _remake_database(settings)
    fields = conninfo_to_dict(settings.database_url or "")
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    database = {names[name]: str(value) for name, value in fields.items() if name in names} | {"NAME": DATABASE}
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory() as media:
        variables = environment() | {
            "DJANGO_SETTINGS_MODULE": "bench.oscar.settings", "DATABASE": json.dumps(database), "MEDIA": media,
            "SHOPPERS": str(THEIR_ORDERS),
        }  # fmt: skip
        folder = Path(__file__).parents[1]
        filled = subprocess.run(
            [PYTHON, "-m", "bench.oscar.fill"], env=variables, cwd=folder, stdout=subprocess.PIPE, check=True
        )
        shop = json.loads(filled.stdout)
        process = subprocess.Popen(
            [
                PYTHON, "-m", "granian", "django.core.wsgi:get_wsgi_application", "--factory", "--interface", "wsgi",
                "--port", str(port), "--workers", str(WORKERS), "--blocking-threads", "1", "--log-level", "warning",
            ],
            env=variables, cwd=folder,
        )  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/catalogue/")
            yield f"http://127.0.0.1:{port}", [_their_journey(shop["product"], key) for key in shop["sessions"]]
        finally:
            stop(process)
    _remake_database(settings, is_wanted=False)


def _their_journey(product: int, session: str) -> list[bytes]:
    cookie = f"sessionid={session}; csrftoken={TOKEN}"
    token = f"csrfmiddlewaretoken={TOKEN}"
    return [
        request(
            "POST", f"/basket/add/{product}/", cookie=cookie, body=f"{token}&quantity=1".encode(), content_type=FORM
        ),
        request("GET", "/checkout/shipping-method/", cookie=cookie),
        request("GET", "/checkout/preview/", cookie=cookie),
        request(
            "POST", "/checkout/preview/", cookie=cookie, body=f"{token}&action=place_order".encode(), content_type=FORM
        ),
        request("GET", "/checkout/thank-you/", cookie=cookie),
    ]


def _remake_database(settings: Settings, *, is_wanted: bool = True) -> None:
    name = sql.Identifier(DATABASE)
    with connect(settings) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        if is_wanted:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(name))


def _require_orders(settings: Settings, wanted: int) -> None:
    with psycopg.connect(make_conninfo(settings.database_url or "", dbname=DATABASE)) as conn:
        row = conn.execute("SELECT count(*) FROM order_order").fetchone()
    if row != (wanted,):
        raise SystemExit(f"bench: django-oscar has {row} orders instead of {wanted}")

"""shop-api.md to the letter: what it prints, every status of its tables, and how to come by each from a live server."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import psycopg
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.users import CARD, PASSWORD, put_card, visitor

NOW = "2026-02-08T12:00:00Z"
SHAWSHANK = {"id": "tt0000001", "title": "The Shawshank Redemption", "year": 1994, "director": "Frank Darabont"}
RATED = {**SHAWSHANK, "rating": 9.3}
ROBBINS = {"id": "nm0000209", "name": "Tim Robbins"}
LISTED = {**RATED, "numVotes": 2500000, "genres": ["Drama"], "stars": [ROBBINS]}
DETAILED = {
    **RATED,
    "numVotes": 2500000,
    "genres": [{"id": 3, "name": "Drama"}],
    "stars": [
        {"id": "nm0000209", "name": "Tim Robbins", "birthYear": 1958},
        {"id": "nm0000151", "name": "Morgan Freeman", "birthYear": 1937},
    ],
}
GENRES = [{"id": 1, "name": "Action"}, {"id": 2, "name": "Comedy"}, {"id": 3, "name": "Drama"}]
CUSTOMER = {"customerId": 1, "email": "user@example.com", "firstName": "John", "lastName": "Doe"}
BOUGHT = {"movieId": "tt0000001", "title": "The Shawshank Redemption", "quantity": 1, "price": 4.99}
IN_CART = {
    "movieId": "tt0000001",
    "title": "The Shawshank Redemption",
    "year": 1994,
    "quantity": 1,
    "price": 4.99,
    "subtotal": 4.99,
}
ADDED = {**BOUGHT, "subtotal": 4.99}
EMPTY = {"items": [], "itemCount": 0, "totalPrice": 0.00}


def ok(data: Any) -> dict[str, Any]:
    return {"success": True, "data": data}


def page(item: dict[str, Any], total: int, pages: int) -> dict[str, Any]:
    return {"items": [item], "page": 1, "size": 20, "totalItems": total, "totalPages": pages}


def changed(message: str, cart: dict[str, Any]) -> dict[str, Any]:
    return ok({"message": message, "cart": cart})


def error(code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": message, "details": details or {}}, "timestamp": NOW}


# Every answer that shop-api.md prints, its keys in the order it prints them in.
PRINTED: dict[tuple[str, int], dict[str, Any]] = {
    ("GET /api/v1/health", 200): ok({"status": "UP", "database": "UP", "timestamp": NOW}),
    ("GET /api/v1/health", 503): ok({"status": "DOWN", "database": "DOWN", "timestamp": NOW}),
    ("POST /api/v1/auth/login", 200): ok(CUSTOMER),
    ("POST /api/v1/auth/login", 401): error("INVALID_CREDENTIALS", "Invalid email or password"),
    ("POST /api/v1/auth/logout", 200): ok({"message": "Logged out successfully"}),
    ("GET /api/v1/auth/session", 200): ok({"authenticated": True, **CUSTOMER}),
    ("GET /api/v1/movies", 200): ok(page(LISTED, 150, 8)),
    ("GET /api/v1/movies/{movieId}", 200): ok(DETAILED),
    ("GET /api/v1/movies/{movieId}", 404): error("NOT_FOUND", "Movie not found with id: tt9999999"),
    ("GET /api/v1/stars/{starId}", 200): ok({**ROBBINS, "birthYear": 1958, "movies": [SHAWSHANK]}),
    ("GET /api/v1/stars", 200): ok(page({**ROBBINS, "birthYear": 1958, "movieCount": 45}, 500, 25)),
    ("GET /api/v1/genres", 200): ok({"items": GENRES}),
    ("GET /api/v1/genres/{genreId}/movies", 200): ok({"genre": GENRES[2], **page(RATED, 50, 3)}),
    ("GET /api/v1/search/movies", 200): ok(page(LISTED, 5, 1)),
    ("GET /api/v1/cart", 200): ok({"items": [IN_CART], "itemCount": 1, "totalPrice": 4.99}),
    ("POST /api/v1/cart/items", 200): changed(
        "Item added to cart", {"items": [ADDED], "itemCount": 1, "totalPrice": 4.99}
    ),
    ("PUT /api/v1/cart/items/{movieId}", 200): changed(
        "Cart updated", {"items": [{**ADDED, "quantity": 2, "subtotal": 9.98}], "itemCount": 2, "totalPrice": 9.98}
    ),
    ("DELETE /api/v1/cart/items/{movieId}", 200): changed("Item removed from cart", EMPTY),
    ("DELETE /api/v1/cart", 200): changed("Cart cleared", EMPTY),
    ("POST /api/v1/checkout", 200): ok(
        {
            "orderId": 12345,
            "message": "Order placed successfully",
            "items": [BOUGHT],
            "totalPrice": 4.99,
            "orderDate": "2026-02-08",
        }
    ),
    ("POST /api/v1/checkout", 402): error(
        "PAYMENT_FAILED", "Credit card validation failed", {"reason": "Card information does not match"}
    ),
    ("GET /api/v1/orders/{orderId}", 200): ok(
        {
            "orderId": 12345,
            "customerId": 1,
            "items": [{"saleId": 1001, **BOUGHT}],
            "totalPrice": 4.99,
            "orderDate": "2026-02-08",
        }
    ),
    ("GET /api/v1/orders", 200): ok(
        page({"orderId": 12345, "orderDate": "2026-02-08", "itemCount": 2, "totalPrice": 9.98}, 5, 1)
    ),
}


class Case(NamedTuple):
    """A request, and the status it gets. ``address``, where it is not the operation's path, may name ``Stage.ids``."""

    operation: str
    status: int
    address: str = ""
    who: str = "nobody"
    body: Any = None
    in_cart: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    times: int = 1  # how often it is sent; the last answer is the one meant

    def __str__(self) -> str:
        return f"{self.operation} {self.status} {self.address}"[:80]


JOHN = {"email": "user@example.com", "password": PASSWORD}
ITEM: dict[str, Any] = {"movieId": "tt0000001", "quantity": 1}
UNKNOWN = {"movieId": "tt9999999", "quantity": 1}
LINE, NO_LINE = "/api/v1/cart/items/tt0000001", "/api/v1/cart/items/tt9999999"

# Every status of shop-api.md's tables but that of a service which is down.
CASES = [
    Case("GET /api/v1/health", 200),
    Case("POST /api/v1/auth/login", 200, body=JOHN),
    Case("POST /api/v1/auth/login", 400, body={"email": "nobody"}),
    Case("POST /api/v1/auth/login", 401, body={**JOHN, "password": "wrong"}),
    Case("POST /api/v1/auth/logout", 200, who="john for once"),
    Case("POST /api/v1/auth/logout", 401),
    Case("GET /api/v1/auth/session", 200, who="john"),
    Case("GET /api/v1/auth/session", 401),
    Case("GET /api/v1/movies", 200, "/api/v1/movies?sortBy=rating&order=desc"),
    Case("GET /api/v1/movies", 400, "/api/v1/movies?page=0&size=x"),
    Case("GET /api/v1/movies/{movieId}", 200, "/api/v1/movies/tt0000001"),
    Case("GET /api/v1/movies/{movieId}", 404, "/api/v1/movies/tt9999999"),
    Case("GET /api/v1/stars/{starId}", 200, "/api/v1/stars/nm0000209"),
    Case("GET /api/v1/stars/{starId}", 404, "/api/v1/stars/nm9999999"),
    Case("GET /api/v1/stars", 200, "/api/v1/stars?name=robbins"),
    Case("GET /api/v1/stars", 400, "/api/v1/stars?order=x"),
    Case("GET /api/v1/genres", 200),
    Case("GET /api/v1/genres/{genreId}/movies", 200, "/api/v1/genres/3/movies"),
    Case("GET /api/v1/genres/{genreId}/movies", 404, "/api/v1/genres/99/movies"),
    Case("GET /api/v1/search/movies", 200, "/api/v1/search/movies?query=shawsh"),
    Case("GET /api/v1/search/movies", 400),
    Case("GET /api/v1/cart", 200, who="john", in_cart=1),
    Case("GET /api/v1/cart", 401),
    Case("POST /api/v1/cart/items", 200, who="john", body=ITEM),
    Case("POST /api/v1/cart/items", 400, who="john", body={**ITEM, "quantity": 11}),
    Case("POST /api/v1/cart/items", 401, body=ITEM),
    Case("POST /api/v1/cart/items", 404, who="john", body=UNKNOWN),
    Case("PUT /api/v1/cart/items/{movieId}", 200, LINE, "john", {"quantity": 2}, in_cart=1),
    Case("PUT /api/v1/cart/items/{movieId}", 400, LINE, "john", {"quantity": 0}, in_cart=1),
    Case("PUT /api/v1/cart/items/{movieId}", 401, LINE, body={"quantity": 2}),
    Case("PUT /api/v1/cart/items/{movieId}", 404, NO_LINE, "john", {"quantity": 2}),
    Case("DELETE /api/v1/cart/items/{movieId}", 200, LINE, "john", in_cart=1),
    Case("DELETE /api/v1/cart/items/{movieId}", 401, LINE),
    Case("DELETE /api/v1/cart/items/{movieId}", 404, NO_LINE, "john"),
    Case("DELETE /api/v1/cart", 200, who="john", in_cart=1),
    Case("DELETE /api/v1/cart", 401),
    Case("POST /api/v1/checkout", 200, who="jane", body=CARD, in_cart=1),
    Case("POST /api/v1/checkout", 400, who="john", body=CARD),
    Case("POST /api/v1/checkout", 400, who="john", body={**CARD, "expiration": "2020-13"}, in_cart=1),
    Case("POST /api/v1/checkout", 401, body=CARD),
    Case("POST /api/v1/checkout", 402, who="john", body={**CARD, "firstName": "John"}, in_cart=1),
    Case("GET /api/v1/orders/{orderId}", 200, "/api/v1/orders/{one}", "john"),
    Case("GET /api/v1/orders/{orderId}", 401, "/api/v1/orders/{one}"),
    Case("GET /api/v1/orders/{orderId}", 403, "/api/v1/orders/{hers}", "john"),
    Case("GET /api/v1/orders/{orderId}", 404, "/api/v1/orders/{nobodys}", "john"),
    Case("GET /api/v1/orders", 200, who="john"),
    Case("GET /api/v1/orders", 401),
]

FILMS = """\
id,title,year,directors,genres,stars,rating,votes,price
tt0000001,The Shawshank Redemption,1994,Frank Darabont,Drama,\
Tim Robbins (1958) [nm0000209] | Morgan Freeman (1937) [nm0000151],9.3,2500000,4.99
tt0000002,Batman,1989,Tim Burton,Action,Michael Keaton (1951) [nm0000474],7.5,380000,4.99
tt0000003,Home,1990,,Comedy,,,,
tt0000004,Under_score,,,,,,,
"""
KEY = ("idempotency-key", "of John's first order")


class Stage:
    """A server of its own with the films and the people of the examples: two orders of John's, one of Jane's."""

    def __init__(self, make_database: MakeDatabase, serve_here: ServeHere, folder: Any) -> None:
        self._url = url = make_database()
        films = folder / "films.csv"
        films.write_text(FILMS)
        import_films(url, films)
        put_card(url)
        self.client: httpx.Client = serve_here(url, FILMER_TRUSTED_PROXIES="127.0.0.1").client
        self._people = {
            "john": self._newcomer("John", "Doe", "user@example.com"),
            "jane": self._newcomer("Jane", "Smith", "jane@example.com"),
            "mary": self._newcomer("Mary", "Major", "mary@example.com"),
        }
        with psycopg.connect(url) as conn:  # the first is picked up, and has few copies; the second is watched
            conn.execute("INSERT INTO rental_terms (film_id, copies) VALUES ('tt0000001', 9)")
            conn.execute(
                "INSERT INTO video (film_id, kind, location, added) VALUES ('tt0000002', 'feature', 'a.webm', now())"
            )
        first_order = self._buy("john", 1, dict([KEY]))
        self.ids = {"one": first_order, "hers": self._buy("jane", 1), "nobodys": 12345}
        self.ids |= {name: self._buy("john", 1, film="tt0000002") for name in ("kept", "soon", "gone")}
        gone = self._people["john"].post("/api/v1/orders/cancel", json={"orderId": self.ids["gone"]})
        assert gone.status_code == 200, gone.text
        self.ids["two"] = self._buy("john", 2)  # the newest, which lists print first

    def _newcomer(self, first_name: str, last_name: str, email: str) -> httpx.Client:
        client = visitor(self.client)
        person = {"firstName": first_name, "lastName": last_name, "email": email, "password": PASSWORD}
        assert client.post("/api/v1/auth/register", json=person).status_code == 201
        return client

    def _buy(self, who: str, quantity: int, headers: dict[str, str] | None = None, film: str = ITEM["movieId"]) -> int:
        self._fill_cart(who, quantity, film)
        response = self._people[who].post("/api/v1/checkout", json=CARD, headers=headers)
        assert response.status_code == 200, response.text
        number: int = response.json()["data"]["orderId"]
        return number

    def _fill_cart(self, who: str, quantity: int, film: str = ITEM["movieId"]) -> None:
        client = self._people[who]
        assert client.delete("/api/v1/cart").status_code == 200
        if quantity:
            assert client.post("/api/v1/cart/items", json={"movieId": film, "quantity": quantity}).status_code == 200

    def ask(self, case: Case) -> httpx.Response:
        """The answer to a case, whatever was asked before."""
        if case.who in self._people:
            self._fill_cart(case.who, case.in_cart)
            return self._send(self._people[case.who], case)
        with visitor(self.client) as client:
            if case.who == "john for once":
                assert client.post("/api/v1/auth/login", json=JOHN).status_code == 200
            return self._send(client, case)

    def _send(self, client: httpx.Client, case: Case) -> httpx.Response:
        method, _, path = case.operation.partition(" ")
        content: dict[str, Any] = {"content": case.content} if case.content else {"json": self._named(case.body)}
        for _ in range(case.times):
            address = (case.address or path).format(**self.ids)
            response = client.request(method, address, headers=dict(case.headers), **content)
        return response

    def _named(self, body: Any) -> Any:
        """A body that names one of ``ids``, as "{one}"."""
        if isinstance(body, dict) and str(body.get("orderId")).startswith("{"):
            return {**body, "orderId": str(self.ids[body["orderId"].strip("{}")])}
        return body

    @contextlib.contextmanager
    def broken(self, table: str) -> Iterator[None]:
        """A table is not where it should be."""
        with psycopg.connect(self._url, autocommit=True) as conn:
            conn.execute(f"ALTER TABLE {table} RENAME TO away".encode())
            yield
            conn.execute(f"ALTER TABLE away RENAME TO {table}".encode())

    def client_of(self, who: str) -> httpx.Client:
        return self._people[who]

    def close(self) -> None:
        for client in self._people.values():
            client.close()

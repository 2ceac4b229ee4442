"""Stripe for tests: localstripe, and a faulty proxy in front of it.

localstripe is a real server with a state of its own, but knows no Idempotency-Key, and allows what Stripe refuses. The
proxy adds what the shop leans on, as Stripe's reference describes it, and fails as a test asks:

- the same key gets the same answer, with other parameters 400, while it is under way 409;
- only what is authorized can be captured, only what was captured refunded, and that once;
- a card of one customer is no other's, and one that nobody keeps pays once;
- ``setup_future_usage`` keeps a card once it was accepted. ``use_stripe_sdk`` is dropped.

``script`` and ``frame`` stand in for Stripe's script, which localstripe has in an old form only.
"""

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

import httpx
import pytest
import stripe

from filmer.server.serving import free_port

SECRET_KEY, PUBLISHABLE_KEY = "sk_test_12345678", "pk_test_12345678"
WEBHOOK_SECRET = "whsec_12345678"
GOOD, SECURE, BROKE = "4242424242424242", "4000002500003155", "4000000000000341"  # pays; asks the bank; has no money
_CODES = {400: "invalid_request_error", 402: "card_error", 429: "rate_limit", 500: "api_error"}
_FILES = Path(__file__).parent / "browser" / "stripe"
_PASSING = ["500", "409", "429", "lost", "cut", "slow"]
_UNKNOWN = ("use_stripe_sdk", "setup_future_usage")

# The library of a shop in this process tries again after this many seconds, not after half a second and more.
stripe.HTTPClient.INITIAL_DELAY = 0.01

Answer = tuple[int, bytes]


class Asked(NamedTuple):
    method: str
    path: str
    values: dict[str, str]
    key: str | None


class _Fault(NamedTuple):
    kind: str  # an HTTP status, or what becomes of the answer: "lost", "cut", or "slow"
    path: str
    seconds: float


class StripeServer:
    """``address``: of the API. ``asked``: all requests so far."""

    def __init__(self) -> None:
        self._port = free_port("127.0.0.1")
        program = [sys.executable, str(Path(__file__).parent / "stripe_upstream.py"), str(self._port)]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE)
        self._upstream = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}", timeout=30, trust_env=False, verify=False
        )
        self._lock = threading.Lock()
        self._resting = threading.Condition()
        self._answers: dict[str, tuple[Any, Answer | None]] = {}
        self._faults: list[_Fault] = []
        self._kept: dict[str, str] = {}  # customers, by the payment that keeps its card
        self._used: set[str] = set()  # cards that nobody keeps
        self._draw = random.Random(1)
        self.faultiness = 0.0  # how many requests fail in some way that passes, of 1
        self.asked: list[Asked] = []
        self._under_way = 0
        self._await_upstream()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"stripe": self}))
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _await_upstream(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self._upstream.get("/js.stripe.com/_intents").raise_for_status()
            except httpx.TransportError:
                assert self._process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._upstream.close()
        with self._process:
            self._process.terminate()

    @property
    def settings(self) -> dict[str, Any]:
        """By the fields of Settings."""
        return {
            "stripe_secret_key": SECRET_KEY,
            "stripe_publishable_key": PUBLISHABLE_KEY,
            "stripe_webhook_secret": WEBHOOK_SECRET,
            "stripe_api": self.address,
            "stripe_script": f"{self.address}/v3/",
        }

    @property
    def environment(self) -> dict[str, str]:
        return {f"FILMER_{name.upper()}": value for name, value in self.settings.items()}

    def fail(self, kind: str | int, path: str = "/v1/", *, times: int = 1, seconds: float = 1) -> None:
        """The next requests whose path has this in it fail. "lost": carried out; "cut": not. Orders queue up."""
        with self._lock:
            self._faults += [_Fault(str(kind), path, seconds)] * times

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def card(self, number: str = GOOD) -> str:
        """What Stripe's script makes of a card in the browser."""
        card = {"number": number, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
        values = {"type": "card", **{f"card[{name}]": value for name, value in card.items()}}
        return str(self._ask("POST", "/v1/payment_methods", values)["id"])

    def kept_card(self) -> tuple[str, str]:
        """A card, and the customer who keeps it."""
        method, customer = self.card(), str(self._ask("POST", "/v1/customers")["id"])
        self._ask("POST", f"/v1/payment_methods/{method}/attach", {"customer": customer})
        return method, customer

    def confirm(self, client_secret: str, *, success: bool = True) -> None:
        """What the customer's bank does in the browser."""
        intent = client_secret.partition("_secret_")[0]
        path = f"/v1/payment_intents/{intent}/_authenticate?success={str(success).lower()}"
        response = self._upstream.post(path, data={"client_secret": client_secret, "key": PUBLISHABLE_KEY})
        response.raise_for_status()
        if success:
            self._keep(intent)

    def intents(self, *orders: str) -> list[dict[str, Any]]:
        """All payments; of these orders, if any are given."""
        found: list[dict[str, Any]] = self._upstream.get("/js.stripe.com/_intents").json()
        return [intent for intent in found if not orders or intent["order"] in orders]

    def customer_of(self, method: str) -> str | None:
        return self._ask("GET", f"/v1/payment_methods/{method}")["customer"]  # type: ignore[no-any-return]

    def calls(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if path in asked.path]

    # What the proxy does with a request.

    def _ask(self, method: str, path: str, values: dict[str, str] | None = None) -> dict[str, Any]:
        status, body = self._forward(method, path, values or {})
        assert status == 200, body
        return json.loads(body)  # type: ignore[no-any-return]

    def _forward(self, method: str, path: str, values: dict[str, str]) -> Answer:
        known = {name: value for name, value in values.items() if name not in _UNKNOWN}
        auth = {"Authorization": f"Bearer {SECRET_KEY}"}
        form = {"params": known} if method == "GET" else {"data": known}
        response = self._upstream.request(method, path, headers=auth, **form)  # type: ignore[arg-type]
        return response.status_code, response.content

    def await_rest(self) -> None:
        """Until everything that was asked is done, whether or not somebody still waits for it."""
        with self._resting:
            assert self._resting.wait_for(lambda: not self._under_way, 30)

    def answer(self, asked: Asked) -> Answer | None:
        """None: the connection breaks."""
        with self._resting:
            self._under_way += 1
        try:
            return self._answer(asked)
        finally:
            with self._resting:
                self._under_way -= 1
                self._resting.notify_all()

    def _answer(self, asked: Asked) -> Answer | None:
        with self._lock:
            self.asked.append(asked)
            fault = next((one for one in self._faults if one.path in asked.path), None)
            if fault:
                self._faults.remove(fault)
            elif self._draw.random() < self.faultiness:
                fault = _Fault(self._draw.choice(_PASSING), "", 0.2)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault and fault.kind == "cut":
            return None
        if fault and fault.kind.isdigit():
            code = "card_declined" if fault.kind == "402" else "faulty"
            return _refusal(int(fault.kind), code)
        answer = self._once(asked)
        return None if fault and fault.kind == "lost" else answer

    def _once(self, asked: Asked) -> Answer:
        """As Stripe does with an Idempotency-Key."""
        if asked.key is None:
            return self._judged(asked)
        about = (asked.method, asked.path, asked.values)
        with self._lock:
            known = self._answers.get(asked.key)
            if known is None:
                self._answers[asked.key] = (about, None)
        if known is not None:
            if known[0] != about:
                return _refusal(400, "idempotency_error", kind="idempotency_error")
            return known[1] or _refusal(409, "idempotency_key_in_use")
        answer = self._judged(asked)
        self._answers[asked.key] = (about, answer)
        return answer

    def _judged(self, asked: Asked) -> Answer:
        parts = asked.path.strip("/").split("/")
        if asked.path == "/v1/payment_intents" and (refusal := self._refuse_card(asked.values)):
            return refusal
        if parts[1:2] == ["payment_intents"] and parts[3:] == ["capture"]:
            status = self._ask("GET", f"/v1/payment_intents/{parts[2]}")["status"]
            if status != "requires_capture":
                return _refusal(400, "payment_intent_unexpected_state")
        if asked.path == "/v1/refunds" and asked.method == "POST":
            intent = self._ask("GET", f"/v1/payment_intents/{asked.values['payment_intent']}")
            if intent["status"] != "succeeded":
                return _refusal(400, "payment_intent_unexpected_state")
            if intent["latest_charge"]["amount_refunded"] >= intent["amount"]:
                return _refusal(400, "charge_already_refunded")
        answer = self._forward(asked.method, asked.path, asked.values)
        self._remember(asked, parts, answer)
        return answer

    def _refuse_card(self, values: dict[str, str]) -> Answer | None:
        method = values.get("payment_method", "")
        status, body = self._forward("GET", f"/v1/payment_methods/{method}", {})
        if status != 200:
            return _refusal(400, "resource_missing", param="payment_method")
        owner = json.loads(body)["customer"]
        if owner and owner != values.get("customer"):
            return _refusal(400, "payment_method_invalid_parameter", param="payment_method")
        return _refusal(400, None) if owner is None and method in self._used else None

    def _remember(self, asked: Asked, parts: list[str], answer: Answer) -> None:
        if asked.path == "/v1/payment_intents" and answer[0] == 200 and "setup_future_usage" in asked.values:
            self._kept[json.loads(answer[1])["id"]] = asked.values["customer"]
        if parts[3:] == ["confirm"]:
            intent = self._ask("GET", f"/v1/payment_intents/{parts[2]}")
            if intent["status"] == "requires_capture":
                self._keep(parts[2])
            if intent["payment_method"] and self.customer_of(intent["payment_method"]) is None:
                self._used.add(intent["payment_method"])

    def _keep(self, intent: str) -> None:
        if customer := self._kept.get(intent):
            method = self._ask("GET", f"/v1/payment_intents/{intent}")["payment_method"]
            self._ask("POST", f"/v1/payment_methods/{method}/attach", {"customer": customer})


def _refusal(status: int, code: str | None, *, kind: str | None = None, param: str | None = None) -> Answer:
    kind = kind or _CODES.get(status, "invalid_request_error")
    error = {"type": kind, "code": code, "message": code, "param": param}
    return status, json.dumps({"error": error}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer's head and body are two packets, and the second would wait for 40 ms
    stripe: StripeServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        files = {"/v3/": ("script.js", "text/javascript"), "/v3/frame": ("frame.html", "text/html")}
        if path in files:
            name, kind = files[path]
            text = (_FILES / name).read_text("utf-8").replace("PUBLISHABLE", PUBLISHABLE_KEY)
            self._send((200, text.encode()), kind)
            return
        self._serve(path, dict(parse_qsl(query)))

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # who asked was killed in the middle: no request, and its key is not used
            self.close_connection = True
            return
        self._serve(self.path, dict(parse_qsl(body.decode())))

    def do_DELETE(self) -> None:
        self._serve(self.path, {})

    def _serve(self, path: str, values: dict[str, str]) -> None:
        key = values.pop("key", None)
        is_script = key == PUBLISHABLE_KEY and path == "/v1/payment_methods"
        if key == PUBLISHABLE_KEY and path.endswith("/_authenticate"):
            self.stripe.confirm(values["client_secret"], success=values["success"] == "true")
            self._send((200, b"{}"))
            return
        if not is_script and self.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            self._send(_refusal(401, "api_key_invalid"))
            return
        answer = self.stripe.answer(Asked(self.command, path, values, self.headers.get("idempotency-key")))
        if answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self._send(answer)

    def _send(self, answer: Answer, kind: str = "application/json") -> None:
        self.send_response(answer[0])
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer[1])))
        self.send_header("access-control-allow-origin", "*")
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def signed(
    event: dict[str, Any], *, secret: str = WEBHOOK_SECRET, at: float | None = None
) -> tuple[str, dict[str, str]]:
    """A webhook's body and headers, as Stripe sends them."""
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, secret, int(at or time.time()))
    return body, {"stripe-signature": signature, "content-type": "application/json"}


def event_of(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": kind, "created": int(time.time()), "data": {"object": about}}


@contextmanager
def _running() -> Iterator[StripeServer]:
    with StripeServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_stripe() -> Iterator[StripeServer]:
    with _running() as server:
        yield server


@pytest.fixture
def stripe_server(shared_stripe: StripeServer) -> Iterator[StripeServer]:
    shared_stripe.asked.clear()
    yield shared_stripe
    shared_stripe.heal()
    shared_stripe.faultiness = 0

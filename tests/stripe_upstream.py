"""localstripe on a port, in memory alone: run as a program. GET /_intents tells what it holds of all payments."""

import os
import sys
import threading

from aiohttp import web
from localstripe import resources
from localstripe.server import app

resources.Store.dump_to_disk = lambda _: None  # it would write everything into one file of /tmp at each change


def _state(intent: resources.PaymentIntent) -> dict[str, object]:
    charge = intent.latest_charge
    return {
        "id": intent.id,
        "order": intent.metadata.get("order"),
        "currency": intent.currency,
        "status": intent.status,
        "amount": intent.amount,
        "captured": intent.amount if charge and charge.captured else 0,
        "refunded": charge.amount_refunded if charge and charge.captured else 0,
    }


async def show_intents(_: web.Request) -> web.Response:
    found = [value for key, value in resources.store.items() if key.startswith("payment_intent:")]
    return web.json_response([_state(intent) for intent in found])


def end_with_the_tests() -> None:
    """They hold the other end of this pipe, however they end."""
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_the_tests, daemon=True).start()
app.router.add_get("/js.stripe.com/_intents", show_intents)  # the only place that it lets in without a key
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)

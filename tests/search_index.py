"""Waits for what a server does in the background after its start: opening the search index of its edition."""

import time

import httpx


def wait_for_index(client: httpx.Client) -> httpx.Client:
    """The client, once the server answers with its index: until then, what it suggests may be stored nowhere."""
    deadline = time.monotonic() + 60
    while client.get("/api/v1/search/suggestions?query=qqqq").headers["cache-control"] == "no-store":
        assert time.monotonic() < deadline, "the server did not open its search index"
        time.sleep(0.02)
    return client

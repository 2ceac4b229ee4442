"""``GET /metrics``, for whoever has the token."""

import hashlib
import hmac
from typing import Any

from litestar import MediaType, Request, Response
from prometheus_client.exposition import choose_encoder

from filmer.http.handlers import Handlers
from filmer.metrics.collector import Metrics

_HEADERS = {"cache-control": "no-store"}


class MetricsApi(Handlers):
    def __init__(self, metrics: Metrics, token: str) -> None:
        self._metrics = metrics
        self._token = _digest(token)

    async def show_metrics(self, request: Request[Any, Any, Any]) -> Response[Any]:
        if not self._may_see(request.headers.getall("authorization", [])):
            return Response(
                "The token of FILMER_METRICS_TOKEN is wanted, as Authorization: Bearer …\n",
                status_code=401,
                media_type=MediaType.TEXT,
                headers={**_HEADERS, "www-authenticate": "Bearer"},
            )
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(await self._metrics.tell(encode), headers={**_HEADERS, "content-type": content_type})

    def _may_see(self, given: list[str]) -> bool:
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return hmac.compare_digest(_digest(token.strip()), self._token) and scheme.lower() == "bearer"


def _digest(token: str) -> bytes:
    """By which tokens are compared: whatever their lengths, it takes the same time."""
    return hashlib.sha256(token.encode()).digest()

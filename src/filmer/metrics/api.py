"""``GET /metrics``, for clients with the token."""

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
        if not self._is_authorized(request.headers.getall("authorization", [])):
            return Response(
                "The token of FILMER_METRICS_TOKEN is wanted, as Authorization: Bearer …\n",
                status_code=401,
                media_type=MediaType.TEXT,
                headers={**_HEADERS, "www-authenticate": "Bearer"},
            )
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(await self._metrics.render(encode), headers={**_HEADERS, "content-type": content_type})

    def _is_authorized(self, authorizations: list[str]) -> bool:
        scheme, _, token = authorizations[0].partition(" ") if len(authorizations) == 1 else ("", "", "")
        return hmac.compare_digest(_digest(token.strip()), self._token) and scheme.lower() == "bearer"


def _digest(token: str) -> bytes:
    """Digests are compared rather than tokens, so that the time does not depend on the lengths."""
    return hashlib.sha256(token.encode()).digest()

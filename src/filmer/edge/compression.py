"""Public text and fonts for clients that take gzip: compressed once, when a response is made, and cached so.

Only what is the same for everybody: the length of what is compressed beside a secret tells of the secret.
"""

import gzip
from typing import Final

from filmer.edge.cache import CachedResponse

SMALLEST = 600  # bytes; below, it saves no packet
LEVEL = 7
_VARY = (b"vary", b"Accept-Encoding")
_TYPES: Final = (
    b"text/html", b"text/css", b"text/javascript", b"image/svg+xml", b"font/", b"application/xml",
    b"application/manifest+json", b"application/atom+xml",
)  # fmt: skip


def compress(response: CachedResponse) -> None:
    """Gives the response its twin in gzip, where that is worth it. JSON stays as it is printed."""
    headers = dict(response.headers)
    if len(response.body) < SMALLEST or not headers.get(b"content-type", b"").startswith(_TYPES):
        return
    if b"vary" not in headers:
        response.headers.append(_VARY)
    body = gzip.compress(response.body, LEVEL, mtime=0)
    etag = response.etag[:-1] + b'-gzip"'
    others = {b"content-length": str(len(body)).encode(), b"content-encoding": b"gzip", b"etag": etag}
    response.compressed = CachedResponse(response.status, list((dict(response.headers) | others).items()), body, etag)

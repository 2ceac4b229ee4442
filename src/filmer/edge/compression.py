"""Public text and fonts for whoever takes gzip: compressed once, when it is put together, and kept so.

Only what is the same for everybody: what is compressed beside somebody's secret tells of it by its length.
"""

import gzip
from typing import Final

from filmer.edge.cache import CachedResponse

SMALLEST = 600  # bytes; below, it saves no packet
LEVEL = 7
_VARY = (b"vary", b"Accept-Encoding")
_KINDS: Final = (
    b"text/html", b"text/css", b"text/javascript", b"image/svg+xml", b"font/", b"application/xml",
    b"application/manifest+json",
)  # fmt: skip


def compress(answer: CachedResponse) -> None:
    """Gives the answer its twin in gzip, where that is worth it. JSON stays as it is printed."""
    headers = dict(answer.headers)
    if len(answer.body) < SMALLEST or not headers.get(b"content-type", b"").startswith(_KINDS):
        return
    if b"vary" not in headers:
        answer.headers.append(_VARY)
    body = gzip.compress(answer.body, LEVEL, mtime=0)
    etag = answer.etag[:-1] + b'-gzip"'
    told = {b"content-length": str(len(body)).encode(), b"content-encoding": b"gzip", b"etag": etag}
    answer.compressed = CachedResponse(answer.status, list((dict(answer.headers) | told).items()), body, etag)

"""The faults of the sandbox: how they are requested, which ones are pending, and what each does."""

import asyncio
import json
import struct
import zlib
from collections.abc import Awaitable, Callable
from math import inf, nan
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from filmer.tmdb.sandbox.connection import HttpConnection
from filmer.tmdb.sandbox.responses import (
    SandboxApi,
    SandboxResponse,
    details,
    error_response,
    found_by_id,
    json_response,
)

Name = Literal[
    "latency", "429", "500", "502", "503", "504", "401", "reset", "half", "endless", "drip", "huge", "not-json",
    "wrong-types", "black-hole", "redirect", "gzip-bomb", "wrong-id", "svg",
    "flawed",
]  # fmt: skip
Flaw = Literal[
    "no-film", "no-title", "empty-title", "blank-title", "long-title", "surrogate", "text-for-number", "long-overview",
    "big-id", "twice", "low-vote", "high-vote", "high-popularity", "not-a-number", "impossible-date", "odd-adult",
]  # fmt: skip
NAMES: tuple[str, ...] = get_args(Name)
# The one fault that each option belongs to.
OPTIONS = {"seconds": "latency", "retry_after": "429", "location": "redirect", "flaw": "flawed", "films": "flawed"}
REQUIRED = {"latency": "seconds", "flawed": "flaw"}
JSON_ONLY = {"wrong-types", "wrong-id", "flawed"}
# The fields that each flaw replaces in a film.
FLAWS: dict[str, dict[str, Any]] = {
    "no-title": {"title": None},
    "empty-title": {"title": ""},
    "blank-title": {"title": " \u3000\n"},
    "long-title": {"title": "long " * 600},
    "surrogate": {"title": "half \ud800"},
    "text-for-number": {"vote_average": "8"},
    "long-overview": {"overview": "long " * 4000},
    "big-id": {"id": 2**31},
    "low-vote": {"vote_average": -1e300},
    "high-vote": {"vote_average": 10.5},
    "high-popularity": {"popularity": 1e308},
    "not-a-number": {"popularity": nan, "vote_average": inf},
    "impossible-date": {"release_date": "2023-02-29"},
    "odd-adult": {"adult": "perhaps"},
}

GIB = 2**30
GIB_OF_BLANKS_CRC = 0x9AC47FA6  # a constant, because computing it takes a second
DRIP_SECONDS = 0.1  # between two bytes
_BLANKS = b" " * 2**16  # JSON may have any amount of white space
_HTML = (("content-type", "text/html; charset=utf-8"),)
_JSON = SandboxResponse(200, b"").headers
_Header = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z", max_length=2000)]


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An order to fail requests at ``path`` and below it, ``times`` more times (None: until cleared)."""

    fault: Name
    path: Annotated[str, Meta(pattern=r"\A/(3|t/p)(/|\Z)")] = "/3"
    times: Annotated[int, Meta(ge=1)] | None = None
    seconds: Annotated[float, Meta(ge=0, le=3600)] | UnsetType = UNSET
    retry_after: int | _Header | UnsetType = UNSET  # in seconds or as a date; UNSET: no such header
    location: _Header | UnsetType = UNSET
    flaw: Flaw | UnsetType = UNSET
    films: Annotated[int, Meta(ge=1)] | UnsetType = UNSET  # how many of a list are flawed, from the first on

    def __post_init__(self) -> None:
        for option, owner in OPTIONS.items():
            if getattr(self, option) is not UNSET and self.fault != owner:
                raise ValueError(f"`{option}` is an option of {owner} only")
        if self.fault in JSON_ONLY and self.path.startswith("/t"):
            raise ValueError(f"{self.fault} does not apply to images")
        required = REQUIRED.get(self.fault)
        if required and getattr(self, required) is UNSET:
            raise ValueError(f"{self.fault} needs `{required}`")


class Faults:
    """The pending faults, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, path: str) -> Fault | None:
        """The first fault for this path. It counts as applied once more."""
        for fault in self.waiting:
            if f"{path}/".startswith(f"{fault.path.rstrip('/')}/"):
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self.waiting.remove(fault)
                return fault
        return None


async def apply_fault(fault: Fault, response: SandboxResponse, connection: HttpConnection, tmdb: SandboxApi) -> bool:
    """Apply the fault to ``response``, and send it. Return whether the connection can still be used."""
    if send := BROKEN_RESPONSES.get(fault.fault):
        await send(response, connection)
        return False
    if fault.seconds is not UNSET:
        await asyncio.sleep(fault.seconds)
    else:
        response = REPLACED_RESPONSES[fault.fault](fault, response, tmdb)
    await connection.send(*response)
    return connection.is_open


# --- complete responses, but wrong ones -------------------------------------------------------------


def _error(code: int) -> Callable[[Fault, SandboxResponse, SandboxApi], SandboxResponse]:
    return lambda *_: error_response(code)


def _too_many(fault: Fault, _response: SandboxResponse, _tmdb: SandboxApi) -> SandboxResponse:
    response = error_response(25)
    if fault.retry_after is UNSET:
        return response
    return response._replace(headers=(*response.headers, ("retry-after", str(fault.retry_after))))


def _bad_gateway(*_: object) -> SandboxResponse:
    """The HTML page of a gateway in front of TMDB."""
    return SandboxResponse(
        502, b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>", _HTML
    )


def _not_json(*_: object) -> SandboxResponse:
    return SandboxResponse(
        200, b"<!doctype html><title>Sign in to the network</title><p>Welcome! Please sign in.", _HTML
    )


def _svg(*_: object) -> SandboxResponse:
    """An SVG with a script, sent as a JPEG."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    return SandboxResponse(200, svg, (("content-type", "image/jpeg"),))


def _redirect(fault: Fault, _response: SandboxResponse, _tmdb: SandboxApi) -> SandboxResponse:
    location = "http://127.0.0.1:9/" if fault.location is UNSET else fault.location
    return SandboxResponse(302, b"", (("location", location),))


def _wrong_types(_fault: Fault, response: SandboxResponse, _tmdb: SandboxApi) -> SandboxResponse:
    return json_response(_mistyped(msgspec.json.decode(response.body)))


def _mistyped(value: Any) -> Any:
    """Text for a number, a number for text, an object for a list, at all levels."""
    match value:
        case dict():
            return {name: _mistyped(item) for name, item in value.items()}
        case list():
            return {str(index): _mistyped(item) for index, item in enumerate(value)}
        case str():
            return len(value)
        case _:
            return str(value)


def _wrong_id(_fault: Fault, response: SandboxResponse, tmdb: SandboxApi) -> SandboxResponse:
    """A film or page that was not requested; other responses stay as they are."""
    document = msgspec.json.decode(response.body)
    match document:
        case {"page": page}:
            document["page"] = page + 1
        case {"id": number}:
            document = details(tmdb.other_film(number))
        case {"movie_results": [{"id": number}]}:
            document["movie_results"] = [found_by_id(tmdb.other_film(number))]
        case _:
            return response
    return json_response(document)


def _flawed(fault: Fault, response: SandboxResponse, _tmdb: SandboxApi) -> SandboxResponse:
    """A film with the flaw, or some of a list. The JSON may have NaN and lone surrogates."""
    document = msgspec.json.decode(response.body)
    count = 1 if fault.films is UNSET else fault.films
    match document:
        case {"results": [*films]}:
            document["results"] = _with_flaw(films, count, fault.flaw)
        case {"movie_results": [*films]}:
            document["movie_results"] = _with_flaw(films, count, fault.flaw)
        case {"title": _}:
            (document,) = _with_flaw([document], 1, fault.flaw)
    return response._replace(body=json.dumps(document).encode())


def _with_flaw(films: list[Any], count: int, flaw: Flaw | UnsetType) -> list[Any]:
    if flaw == "no-film":
        flawed: list[Any] = [None] * len(films)
    elif flaw == "twice":
        flawed = films[1:] + films[:1]
    else:
        flawed = [film | FLAWS[str(flaw)] for film in films]
    return flawed[:count] + films[count:]


def _gzip_bomb(*_: object) -> SandboxResponse:
    """A deflated MiB of blanks, repeated. That works because the block does not refer to bytes before it."""
    mebibyte = 2**20
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(b" " * mebibyte) + deflate.flush(zlib.Z_FULL_FLUSH)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # deflate, no time, unknown system
    trailer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush() + struct.pack("<II", GIB_OF_BLANKS_CRC, GIB)
    return SandboxResponse(200, header + block * (GIB // mebibyte) + trailer, (*_JSON, ("content-encoding", "gzip")))


REPLACED_RESPONSES: dict[str, Callable[[Fault, SandboxResponse, SandboxApi], SandboxResponse]] = {
    "401": _error(7),
    "429": _too_many,
    "500": _error(11),
    "502": _bad_gateway,
    "503": _error(9),
    "504": _error(24),
    "flawed": _flawed,
    "gzip-bomb": _gzip_bomb,
    "not-json": _not_json,
    "redirect": _redirect,
    "svg": _svg,
    "wrong-id": _wrong_id,
    "wrong-types": _wrong_types,
}

# --- responses that break off, or never end -------------------------------------------------------------


async def _reset(_response: SandboxResponse, connection: HttpConnection) -> None:
    connection.reset()


async def _black_hole(_response: SandboxResponse, connection: HttpConnection) -> None:
    await connection.read_to_end()


async def _half(response: SandboxResponse, connection: HttpConnection) -> None:
    await _start(response, connection)
    await connection.send_data(response.body[: len(response.body) // 2])


async def _drip(response: SandboxResponse, connection: HttpConnection) -> None:
    await _start(response, connection)
    for byte in response.body:
        await connection.send_data(bytes([byte]))
        await asyncio.sleep(DRIP_SECONDS)


async def _endless(_response: SandboxResponse, connection: HttpConnection) -> None:
    await connection.start(200, (*_JSON, ("transfer-encoding", "chunked")))
    while True:
        await connection.send_data(_BLANKS)


async def _huge(_response: SandboxResponse, connection: HttpConnection) -> None:
    await connection.start(200, (*_JSON, ("content-length", str(GIB))))
    for _ in range(GIB // len(_BLANKS)):
        await connection.send_data(_BLANKS)


async def _start(response: SandboxResponse, connection: HttpConnection) -> None:
    await connection.start(response.status, (*response.headers, ("content-length", str(len(response.body)))))


BROKEN_RESPONSES: dict[str, Callable[[SandboxResponse, HttpConnection], Awaitable[None]]] = {
    "black-hole": _black_hole,
    "drip": _drip,
    "endless": _endless,
    "half": _half,
    "huge": _huge,
    "reset": _reset,
}

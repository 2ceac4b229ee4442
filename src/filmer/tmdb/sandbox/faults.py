"""How the sandbox fails on demand: what can be ordered, what waits its turn, and what each fault does."""

import asyncio
import json
import struct
import zlib
from collections.abc import Awaitable, Callable
from math import inf, nan
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from filmer.tmdb.sandbox.answers import Answer, Tmdb, answered, details, error, found_by_id
from filmer.tmdb.sandbox.wire import Wire

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
# Each belongs to one fault.
OPTIONS = {"seconds": "latency", "retry_after": "429", "location": "redirect", "flaw": "flawed", "films": "flawed"}
NEEDED = {"latency": "seconds", "flawed": "flaw"}
OF_JSON = {"wrong-types", "wrong-id", "flawed"}
# What a film has instead of its own with each flaw that is one film's alone.
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
GIB_OF_BLANKS_CRC = 0x9AC47FA6  # computing it takes a second
DRIP_SECONDS = 0.1  # between two bytes
_BLANKS = b" " * 2**16  # white space is what JSON takes any amount of
_HTML = (("content-type", "text/html; charset=utf-8"),)
_JSON = Answer(200, b"").headers
_Header = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z", max_length=2000)]


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An order to fail: for requests at ``path`` and below it, so many ``times`` still (None: until cleared)."""

    fault: Name
    path: Annotated[str, Meta(pattern=r"\A/(3|t/p)(/|\Z)")] = "/3"
    times: Annotated[int, Meta(ge=1)] | None = None
    seconds: Annotated[float, Meta(ge=0, le=3600)] | UnsetType = UNSET
    retry_after: int | _Header | UnsetType = UNSET  # seconds or, as HTTP has it, a date; without it no such header
    location: _Header | UnsetType = UNSET
    flaw: Flaw | UnsetType = UNSET
    films: Annotated[int, Meta(ge=1)] | UnsetType = UNSET  # of a list, the first so many are flawed; else the first

    def __post_init__(self) -> None:
        for option, owner in OPTIONS.items():
            if getattr(self, option) is not UNSET and self.fault != owner:
                raise ValueError(f"`{option}` is an option of {owner} alone")
        if self.fault in OF_JSON and self.path.startswith("/t"):
            raise ValueError(f"{self.fault} is nothing a picture can be")
        needed = NEEDED.get(self.fault)
        if needed and getattr(self, needed) is UNSET:
            raise ValueError(f"{self.fault} needs `{needed}`")


class Faults:
    """The orders that wait, in the order they were given."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, path: str) -> Fault | None:
        """The first order for this path, once less."""
        for fault in self.waiting:
            if f"{path}/".startswith(f"{fault.path.rstrip('/')}/"):
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self.waiting.remove(fault)
                return fault
        return None


async def fail(fault: Fault, answer: Answer, wire: Wire, tmdb: Tmdb) -> bool:
    """Answers as ordered instead of with ``answer``. Whether the connection can still be used."""
    if broken := BREAKING.get(fault.fault):
        await broken(answer, wire)
        return False
    if fault.seconds is not UNSET:
        await asyncio.sleep(fault.seconds)
    else:
        answer = OTHER_ANSWERS[fault.fault](fault, answer, tmdb)
    await wire.send(*answer)
    return wire.is_open


# --- whole answers, but not the one that was asked for ------------------------------------------------


def _error(code: int) -> Callable[[Fault, Answer, Tmdb], Answer]:
    return lambda *_: error(code)


def _too_many(fault: Fault, _answer: Answer, _tmdb: Tmdb) -> Answer:
    refused = error(25)
    if fault.retry_after is UNSET:
        return refused
    return refused._replace(headers=(*refused.headers, ("retry-after", str(fault.retry_after))))


def _bad_gateway(*_: object) -> Answer:
    """As a gateway in front of TMDB tells it, which knows nothing of JSON."""
    return Answer(502, b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>", _HTML)


def _not_json(*_: object) -> Answer:
    return Answer(200, b"<!doctype html><title>Sign in to the network</title><p>Welcome! Please sign in.", _HTML)


def _svg(*_: object) -> Answer:
    """A document that says of itself that it is a photograph."""
    drawn = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    return Answer(200, drawn, (("content-type", "image/jpeg"),))


def _redirect(fault: Fault, _answer: Answer, _tmdb: Tmdb) -> Answer:
    location = "http://127.0.0.1:9/" if fault.location is UNSET else fault.location
    return Answer(302, b"", (("location", location),))


def _wrong_types(_fault: Fault, answer: Answer, _tmdb: Tmdb) -> Answer:
    return answered(_mistyped(msgspec.json.decode(answer.body)))


def _mistyped(value: Any) -> Any:
    """Text for a number, a number for text, an object for a list, all the way down."""
    match value:
        case dict():
            return {name: _mistyped(inner) for name, inner in value.items()}
        case list():
            return {str(place): _mistyped(inner) for place, inner in enumerate(value)}
        case str():
            return len(value)
        case _:
            return str(value)


def _wrong_id(_fault: Fault, answer: Answer, tmdb: Tmdb) -> Answer:
    """Another film than was asked for, or another page; what is about neither stays."""
    told = msgspec.json.decode(answer.body)
    match told:
        case {"page": page}:
            told["page"] = page + 1
        case {"id": number}:
            told = details(tmdb.another(number))
        case {"movie_results": [{"id": number}]}:
            told["movie_results"] = [found_by_id(tmdb.another(number))]
        case _:
            return answer
    return answered(told)


def _flawed(fault: Fault, answer: Answer, _tmdb: Tmdb) -> Answer:
    """A film, or some of a list, that can't be what TMDB means, in JSON as careless programs write it."""
    told = msgspec.json.decode(answer.body)
    many = 1 if fault.films is UNSET else fault.films
    match told:
        case {"results": [*films]}:
            told["results"] = _with_flaw(films, many, fault.flaw)
        case {"movie_results": [*films]}:
            told["movie_results"] = _with_flaw(films, many, fault.flaw)
        case {"title": _}:
            (told,) = _with_flaw([told], 1, fault.flaw)
    return answer._replace(body=json.dumps(told).encode())


def _with_flaw(films: list[Any], many: int, flaw: Flaw | UnsetType) -> list[Any]:
    if flaw == "no-film":
        flawed: list[Any] = [None] * len(films)
    elif flaw == "twice":
        flawed = films[1:] + films[:1]
    else:
        flawed = [film | FLAWS[str(flaw)] for film in films]
    return flawed[:many] + films[many:]


def _gzip_bomb(*_: object) -> Answer:
    """One MiB of blanks deflates to a block that does not refer to what came before: it is repeated, not computed."""
    mebibyte = 2**20
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(b" " * mebibyte) + deflate.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # deflated, by nobody, never
    tail = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush() + struct.pack("<II", GIB_OF_BLANKS_CRC, GIB)
    return Answer(200, head + block * (GIB // mebibyte) + tail, (*_JSON, ("content-encoding", "gzip")))


OTHER_ANSWERS: dict[str, Callable[[Fault, Answer, Tmdb], Answer]] = {
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

# --- answers that break off, or never end -------------------------------------------------------------


async def _reset(_answer: Answer, wire: Wire) -> None:
    wire.reset()


async def _black_hole(_answer: Answer, wire: Wire) -> None:
    await wire.read_on()


async def _half(answer: Answer, wire: Wire) -> None:
    await _start(answer, wire)
    await wire.send_data(answer.body[: len(answer.body) // 2])


async def _drip(answer: Answer, wire: Wire) -> None:
    await _start(answer, wire)
    for byte in answer.body:
        await wire.send_data(bytes([byte]))
        await asyncio.sleep(DRIP_SECONDS)


async def _endless(_answer: Answer, wire: Wire) -> None:
    await wire.start(200, (*_JSON, ("transfer-encoding", "chunked")))
    while True:
        await wire.send_data(_BLANKS)


async def _huge(_answer: Answer, wire: Wire) -> None:
    await wire.start(200, (*_JSON, ("content-length", str(GIB))))
    for _ in range(GIB // len(_BLANKS)):
        await wire.send_data(_BLANKS)


async def _start(answer: Answer, wire: Wire) -> None:
    await wire.start(answer.status, (*answer.headers, ("content-length", str(len(answer.body)))))


BREAKING: dict[str, Callable[[Answer, Wire], Awaitable[None]]] = {
    "black-hole": _black_hole,
    "drip": _drip,
    "endless": _endless,
    "half": _half,
    "huge": _huge,
    "reset": _reset,
}

"""Bytes that nobody means well with, and every place of a request where they can be put."""

import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote_from_bytes

LONG = b"a" * 5_000
# Texts that are invalid, that are not what they seem, or that mean something where they are not escaped.
TEXTS: list[bytes] = [
    b"", b" ", b"\x00", b"a\x00b", b"\xff", b"\xc0\x80", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xb0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc3", b"\xff\xfea\x00", b"\xef\xbb\xbfa", b"\r\nset-cookie: a=b\r\n\r\n", b"\n", b"\x1b[31m", b"\x7f", b"\x85",
    "\u202etxt.exe".encode(), "\u200b\u2060".encode(), "\u2028".encode(), "a\u0300".encode() * 400, "İßſ".encode(),
    "\U0001f9d1\u200d\U0001f680".encode() * 50, "١٢".encode(), "\ufdfa".encode() * 200, b"' OR '1'='1",
    b'"; DROP TABLE film; --',
    b"%s %(a)s %n", b"{{7*7}}${7*7}<%= 7 %>", b"{0.__class__}", b"../../../../etc/passwd", b"..\\..\\boot.ini",
    b"<script>alert(1)</script>",
    b"-0", b"-1", b"0", b"1.5", b"1e400", b"NaN", b"Infinity", b"0x10", b"1_0", b"+1", b"2147483648",
    b"9223372036854775808",
    b"9" * 400, b"9" * 5_000, b"null", b"true", b"[]", b"{}", b"\\", b"\\u0000", b"a;b", b"a//b", b"a,b", b"*", b"%",
    b"%zz", b"%00",
    b"__proto__", LONG, b"@", b"a@b@c", b"tt0111161",
]  # fmt: skip
_DEEP = 10_000
# What a member of a JSON object can be.
VALUES: list[bytes] = [
    b"null", b"true", b"[]", b"{}", b'""', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b"-0", b"-0.0", b"1.0",
    b"1e400", b"-1e400",
    b"1e-400", b"NaN", b"Infinity", b"1" + b"0" * 400, b"0." + b"1" * 400, b"1e99999999999", b"9223372036854775808",
    b"-1", b"0", b"11",
    b"01", b"0x1", b"[" * _DEEP + b"]" * _DEEP, b'{"a":' * _DEEP + b"1" + b"}" * _DEEP, b'"' + b"x" * 60_000 + b'"',
    b'"\x01"',
    b'"\\x"', b"'a'", b"1,2", b"", b'["tt0111161"]', b'{"$gt": ""}', b"1e5", b"undefined",
    *(json.dumps(text.decode("utf-8", "surrogateescape")).encode() for text in TEXTS),
    *(b'"%b"' % text for text in TEXTS),
]  # fmt: skip
# Whole bodies that are not what their content type says.
BODIES: list[tuple[bytes, bytes]] = [
    (b"application/json", b"\xef\xbb\xbf{}"),
    (b"application/json", b"[" * _DEEP),
    (b"application/json", b'{"a":' * _DEEP),
    (b"application/json", b'{"quantity":1,"quantity":2,"movieId":"a","movieId":"b","rating":1,"rating":2}'),
    (b"application/json", b"\x00"),
    (b"application/json", b'"'),
    (b"application/json", "{}".encode("utf-16")),
    (b"application/json; charset=utf-16", "{}".encode("utf-16")),
    (b"application/json; charset=\xff", b"{}"),
    (b'application/json; charset="', b"{}"),
    (b"application/json\x00", b"{}"),
    (b"application/json;" + b"a=b;" * 2_000, b"{}"),
    (b"application/x-www-form-urlencoded", b"&" * 60_000),
    (b"application/x-www-form-urlencoded", b"a=" * 30_000),
    (b"application/x-www-form-urlencoded", b"%" * 1_000 + b"=%zz&=&=="),
    (b"multipart/form-data", b"--x\r\n\r\n--x--"),
    (b"multipart/form-data; boundary=", b"--\r\n\r\n----"),
    (
        b"multipart/form-data; boundary=x",
        b'--x\r\ncontent-disposition: form-data; name="movieId"; filename="../\x00"\r\n\r\n\xff\x00\r\n--x--\r\n',
    ),
    (b"multipart/form-data; boundary=x", b"--x\r\n" * 5_000),
    (b"text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    (b"application/json\r\ncontent-encoding: gzip", gzip.compress(b"{}" + b" " * 10**6)),
    (b"application/json\r\ncontent-encoding: gzip", b"\x1f\x8bnot gzip"),
    (b"application/json\r\ncontent-encoding: br, deflate, \xff", b"{}"),
    (b"application/json\r\ncontent-type: text/html", b"{}"),
]
HEADERS: list[bytes] = [
    b"accept", b"accept-encoding", b"accept-language", b"authorization", b"content-type", b"cookie", b"expect",
    b"forwarded", b"host",
    b"idempotency-key", b"if-modified-since", b"if-none-match", b"origin", b"range", b"referer", b"sec-fetch-site",
    b"upgrade",
    b"user-agent", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-http-method-override",
    b"x-request-id",
]  # fmt: skip
COOKIES = [b"JSESSIONID=", b"kept_sign_in=", b"kept_sign_in=1.1.", b"notice=", b"=", b"JSESSIONID=a; JSESSIONID="]
_HEAD = b"host: shop\r\n"
# Requests that are none, or are read in two ways; each on a connection of its own.
WHOLE: list[bytes] = [
    b"OPTIONS * HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET * HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET http://elsewhere.example/films?page=1 HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET http://[::1 HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"CONNECT shop:443 HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"CONNECT / HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/3.7\r\n" + _HEAD + b"\r\n",
    b"GET /\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\xff" * 64,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    b"\x00" * 512,
    b"\r\n" * 2_000 + b"GET / HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET / HTTP/1.1\n" + _HEAD + b"\n",
    b" GET / HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"get / HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"G" * 4_000 + b" / HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"TRACE /api/v1/movies HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"QUERY /api/v1/movies HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /a b HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /\x00 HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /\xff\xc3\xa9 HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /#part HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET ?query HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost : shop\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: shop\r\n folded: yes\r\n\r\n",
    b"GET / HTTP/1.1\r\n: nameless\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
    b"GET / HTTP/1.1\r\na: " + b"b" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET / HTTP/1.1\r\n" + _HEAD + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: \xff\r\n\r\n",
    b"GET / HTTP/1.1\r\n"
    + _HEAD
    + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAAA\r\n\r\n",
]
_POST = b"POST /api/v1/auth/login HTTP/1.1\r\n" + _HEAD + b"content-type: application/json\r\n"
_CHUNKED = _POST + b"transfer-encoding: chunked\r\n\r\n"
# Bodies whose length is stated wrongly, twice, or not at all.
LENGTHS: list[bytes] = [
    _POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    _POST + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
    _POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    _POST + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    _POST + b"content-length: -1\r\n\r\n{}",
    _POST + b"content-length: +2\r\n\r\n{}",
    _POST + b"content-length: 0x2\r\n\r\n{}",
    _POST + b"content-length: 2, 2\r\n\r\n{}",
    _POST + b"content-length: 99999999999999999999999\r\n\r\n{}",
    _POST + b"content-length: \r\n\r\n{}",
    _POST + b"content-length: 5\r\n\r\n{}",
    _POST + b"transfer-encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    _POST + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    _POST + b"transfer-encoding: identity\r\n\r\n{}",
    _POST + b"transfer-encoding: \x0bchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    _POST + b"transfer-encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    _CHUNKED + b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
    _CHUNKED + b"2\n{}\n0\n\n",
    _CHUNKED + b"fffffffffffffffff\r\n{}",
    _CHUNKED + b"ffffffffffffffff\r\n{}",
    _CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    _CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    _CHUNKED + b"2\r\n{}xx0\r\n\r\n",
    _CHUNKED + b"0" * 100_000 + b"2\r\n{}\r\n0\r\n\r\n",
    _CHUNKED + b"1\r\n{\r\n" * 20_000,
    _CHUNKED + b"2\r\n{}\r\n0\r\n" + b"trailer: a\r\n" * 20_000 + b"\r\n",
    _CHUNKED + b"2\r\n{}\r\n0\r\ncontent-length: 7\r\n\r\n",
    _POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
    _POST + b"expect: something\r\ncontent-length: 2\r\n\r\n{}",
    b"GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HEAD + b"content-length: 10\r\n\r\n0123456789",
    b"HEAD / HTTP/1.1\r\n" + _HEAD + b"content-length: 1\r\n\r\n",
]
# Addresses that name something else to some reader.
PLACES: list[bytes] = [
    b"//", b"///films", b"//elsewhere.example/films", b"/films//tt0111161", b"/films/", b"/films/.", b"/films/..",
    b"/./films", b"/../films",
    b"/films/%2e%2e/admin", b"/films/..%2fadmin", b"/%2fadmin", b"/admin%2f", b"/films;a=b", b"/films/tt0111161;v=1",
    b"/films%00", b"/%",
    b"/%z", b"/%f", b"/%u0041", b"/\\", b"/films\\..\\admin", b"/static/../pages.py",
    b"/static/..%2f..%2fsettings.py", b"/docs/..%5c",
    b"/posters/..%2f", b"/sitemaps/..", b"/sitemaps/9" + b"9" * 300, b"/api/v1/../movies", b"/api//v1/movies",
    b"/api/v1", b"/api", b"/api/",
    b"/API/V1/MOVIES", b"/api/v1/movies/%e2%80%ae", b"/favicon.ico", b"/.git/config", b"/.env", b"/metrics/..",
    b"/?", b"/??", b"/?&", b"/?=",
    b"/?" + b"a=b&" * 1_500, b"/" + b"a/" * 3_000, b"/?a[]=b&a[b]=c", b"/films?page=1&page=2",
    b"/search?query=" + b"+" * 4_000,
]  # fmt: skip


def quoted(text: bytes) -> bytes:
    return quote_from_bytes(text, safe="").encode()


def request_bytes(method: str, address: bytes, headers: Sequence[bytes] = (), body: bytes | None = None) -> bytes:
    """A request as it goes over the wire."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), address), *headers]
    if not any(header.startswith(b"host:") for header in headers):
        lines.insert(1, b"host: shop")
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + (body or b"")


def in_place(path: str, name: str, text: bytes) -> bytes:
    """The path with this text where the name stands; other names are ones."""
    parts = path.replace("{" + name + "}", "\x00").split("\x00")
    return quoted(text).join(_plain(part) for part in parts)


def _plain(part: str) -> bytes:
    out, rest = "", part
    while "{" in rest:
        before, _, rest = rest.partition("{")
        out += before + "1"
        rest = rest.partition("}")[2]
    return (out + rest).encode()


def in_json(names: Sequence[str], name: str, plausible: dict[str, Any]) -> Iterator[bytes]:
    """Bodies that are plausible but for this member."""
    others = [
        b'"%b":%b' % (other.encode(), json.dumps(plausible.get(other, "a")).encode())
        for other in names
        if other != name
    ]
    for value in VALUES:
        yield b"{" + b",".join([*others, b'"%b":%b' % (name.encode(), value)]) + b"}"


def in_form(names: Sequence[str], name: str, plausible: dict[str, Any]) -> Iterator[bytes]:
    others = [
        b"%b=%b" % (other.encode(), quoted(str(plausible.get(other, "a")).encode())) for other in names if other != name
    ]
    for text in TEXTS:
        for written in (quoted(text), text.replace(b"&", b"")):
            yield b"&".join([*others, b"%b=%b" % (name.encode(), written)])

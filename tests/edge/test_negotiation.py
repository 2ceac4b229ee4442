"""Headers with lists and weights are read as they are meant, in one line or several (contract §1.6)."""

import gzip

import httpx
import pytest
from tests.responses import data_of

from filmer.edge.negotiation import takes_gzip

PAGE, JSON_PAGE = "/films", "/api/v1/genres"


def raw(shop: httpx.Client, path: str, headers: list[tuple[str, str]]) -> tuple[httpx.Headers, bytes]:
    """The headers and the body as they came."""
    request = httpx.Request("GET", shop.base_url.join(path), headers=headers)
    answer = shop.send(request, stream=True)
    body = b"".join(answer.iter_raw())
    assert answer.status_code == 200
    return answer.headers, body


OFFERED = [
    ["gzip"],
    ["GZIP"],
    ["x-gzip"],
    ["gzip, deflate, br, zstd"],
    ["br,gzip"],
    ["identity", "gzip"],
    ["gzip;q=1"],
    ["gzip;q=1.000"],
    ["gzip ; Q=0.001"],
    ["gzip;q=0.5, identity;q=1"],
    ["identity;q=0, gzip;q=1.0"],
    ["*"],
    ["*;q=0.1"],
    ["br;q=0, *"],
    ["gzip, *;q=0"],
    [", ,gzip,"],
]
NOT_OFFERED = [
    [],
    [""],
    ["identity"],
    ["br"],
    ["notgzip"],
    ["gzipped, gzip2, gzip-not, x-x-gzip, a gzip, gzip/2"],
    ["gzip;q=0"],
    ["gzip;q=00"],
    ["gzip;q=0."],
    ["gzip;q=0.0"],
    ["gzip; q=0.000"],
    ["gzip ;q=0"],
    ["GZIP;Q=0"],
    ["deflate, gzip;q=0"],
    ["deflate", "gzip;q=0"],
    ["gzip;q=0", "*"],
    ["gzip, gzip;q=0"],
    ["*;q=0"],
    ["*;q=0.000, br"],
    ["gzip;q=2"],
    ["gzip;q=0.0001"],
    ["gzip;q=-1"],
    ["gzip;q="],
    ["gzip;q=high"],
    ["gzip;q=1e0"],
    ["gzip;level=9"],
    ["gzip;q=1;q=1"],
    ['"gzip"'],
]


@pytest.mark.parametrize("lines", OFFERED)
def test_a_page_is_compressed_for_who_offers_gzip(shop: httpx.Client, lines: list[str]) -> None:
    headers, body = raw(shop, PAGE, [("accept-encoding", line) for line in lines])
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body).startswith(b"<!doctype html>")
    assert "Accept-Encoding" in headers["vary"]


@pytest.mark.parametrize("lines", NOT_OFFERED)
def test_and_for_nobody_else(shop: httpx.Client, lines: list[str]) -> None:
    headers, body = raw(shop, PAGE, [("accept-encoding", line) for line in lines])
    assert "content-encoding" not in headers
    assert body.startswith(b"<!doctype html>")
    assert "Accept-Encoding" in headers["vary"]
    assert not takes_gzip(",".join(lines).encode())


def test_tags_may_come_in_several_lines(shop: httpx.Client) -> None:
    tag = shop.get(JSON_PAGE).headers["etag"]
    for lines, status in [
        (['"other"', tag], 304),
        ([f"W/{tag}", '"other"'], 304),
        (['"other", "more"', f'"again", W/{tag}'], 304),
        (['"other"', '"more"'], 200),
        ([f"w/{tag}"], 200),
        ([tag.strip('"')], 200),
        (['"other"', "*"], 200),
        ([tag[:-1] + '-gzip"'], 200),
    ]:
        request = httpx.Request(
            "GET", shop.base_url.join(JSON_PAGE), headers=[("if-none-match", line) for line in lines]
        )
        assert shop.send(request).status_code == status, lines


def test_the_compressed_answer_has_a_tag_of_its_own(shop: httpx.Client) -> None:
    plain = shop.get(PAGE, headers={"accept-encoding": "identity"})
    small = shop.get(PAGE, headers={"accept-encoding": "gzip"})
    assert small.headers["etag"] != plain.headers["etag"]
    assert small.text == plain.text
    for coding, tag, status in [
        ("gzip", small.headers["etag"], 304),
        ("gzip;q=0", small.headers["etag"], 200),
        ("notgzip", plain.headers["etag"], 304),
    ]:
        asked = {"accept-encoding": coding, "if-none-match": tag}
        assert shop.get(PAGE, headers=asked).status_code == status


def test_json_is_sent_as_it_is_printed(shop: httpx.Client) -> None:
    headers, _ = raw(shop, JSON_PAGE, [("accept-encoding", "gzip")])
    assert "content-encoding" not in headers
    assert data_of(shop.get(JSON_PAGE, headers={"accept-encoding": "gzip"}))["items"]

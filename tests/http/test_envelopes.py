"""What the framework says wears the envelope too; headers of every answer (contract §1.4, §1.7, §6.6)."""

import http.client
import re

import httpx
import pytest
from tests.responses import TIME, data_of, error_of

PUBLIC = [
    "/api/v1/movies",
    "/api/v1/movies?sortBy=year&size=3",
    "/api/v1/movies/tt0111161",
    "/api/v1/stars",
    "/api/v1/stars?name=a",
    "/api/v1/stars/nm0000209",
    "/api/v1/genres",
    "/api/v1/genres/1/movies",
    "/api/v1/search/movies?query=batman",
]
KNOWN = ["/api/v1/health", *PUBLIC]
FAILING = [
    "/api/v1/nothing",
    "/api/v1/movies/tt9999999",
    "/api/v1/movies?page=0",
    "/api/v1/search/movies",
    f"/api/v1/movies?x={'a' * 8200}",
]


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nothing", "/api/v1/", "/api/v1", "/api/v1/movies/tt0111161/cast", "/api/v1/search"],
)
def test_an_unknown_path_is_404(shop: httpx.Client, path: str) -> None:
    error = error_of(shop.get(path), 404, "NOT_FOUND")
    assert error["details"] == {}


@pytest.mark.parametrize("path", ["/api/v1/%00", "/api/v1/%FF", "/api/v1/%ED%A0%80", "/api/v1/a%2Fb"])
def test_a_path_that_is_no_text_is_404(shop: httpx.Client, path: str) -> None:
    """contract §1.3"""
    error_of(shop.get(path), 404, "NOT_FOUND")


def test_an_unknown_path_of_the_other_api_wears_the_other_envelope(shop: httpx.Client) -> None:
    response = shop.get("/api/nothing")
    assert response.status_code == 404
    assert list(response.json()) == ["error"]
    assert response.json()["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("path", KNOWN)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_wrong_method_is_405_and_says_which_are_right(shop: httpx.Client, method: str, path: str) -> None:
    response = shop.request(method, path)
    error = error_of(response, 405, "METHOD_NOT_ALLOWED")
    assert error["details"] == {}
    allowed = set(re.split(r",\s*", response.headers["allow"]))
    assert "GET" in allowed
    assert method not in allowed


@pytest.mark.parametrize("path", KNOWN)
def test_options_says_which_methods_are_right(shop: httpx.Client, path: str) -> None:
    response = shop.options(path)
    assert response.status_code == 204
    assert "GET" in response.headers["allow"]


def test_a_body_where_none_belongs_is_not_read(shop: httpx.Client) -> None:
    with httpx.Client(base_url=shop.base_url, timeout=10, trust_env=False, verify=False) as client:
        error_of(client.post("/api/v1/movies", content=b"{"), 405, "METHOD_NOT_ALLOWED")
    with httpx.Client(base_url=shop.base_url, timeout=10, trust_env=False, verify=False) as client:
        response = client.request("GET", "/api/v1/movies", content=b"{", headers={"content-type": "text/plain"})
    assert data_of(response) == data_of(shop.get("/api/v1/movies"))


@pytest.mark.parametrize("length", [8193, 20_000, 60_000])
@pytest.mark.parametrize("start", ["/api/v1/movies?title=", "/api/v1/movies/", "/api/v1/nothing/"])
def test_an_address_over_8_kib_is_414(shop: httpx.Client, start: str, length: int) -> None:
    response = shop.get(start + "a" * length)
    error_of(response, 414, "VALIDATION_ERROR")


def test_an_address_of_8_kib_is_read(shop: httpx.Client) -> None:
    start = "/api/v1/movies?x="
    assert shop.get(start + "a" * (8193 - len(start))).status_code == 200  # the "?" is not counted
    assert shop.get(start + "a" * (8194 - len(start))).status_code == 414


def test_health_is_as_the_spec_prints_it(shop: httpx.Client) -> None:
    response = shop.get("/api/v1/health")
    data = data_of(response)
    assert list(data) == ["status", "database", "timestamp"]
    assert (data["status"], data["database"]) == ("UP", "UP")
    assert TIME.fullmatch(data["timestamp"])


@pytest.mark.parametrize("path", ["/api/v1/health", *FAILING])
def test_health_and_errors_are_not_kept(shop: httpx.Client, path: str) -> None:
    """contract §1.7"""
    response = shop.get(path)
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


@pytest.mark.parametrize("path", PUBLIC)
def test_public_data_carries_etag_and_cache_control(shop: httpx.Client, path: str) -> None:
    """contract §1.7"""
    first, second = shop.get(path), shop.get(path)
    assert first.status_code == 200
    assert re.fullmatch(r'"[!-~]+"', first.headers["etag"])
    assert "public" in first.headers["cache-control"]
    assert first.headers["etag"] == second.headers["etag"]
    assert first.content == second.content


def test_another_answer_has_another_etag(shop: httpx.Client) -> None:
    assert len({shop.get(path).headers["etag"] for path in PUBLIC}) == len(PUBLIC)


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("given", ["{}", "W/{}", '"other", {}', '"other" ,W/{},"more"', "*"])
def test_if_none_match_gets_304_without_a_body(shop: httpx.Client, path: str, given: str) -> None:
    """contract §1.7"""
    whole = shop.get(path)
    response = shop.get(path, headers={"if-none-match": given.format(whole.headers["etag"])})
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == whole.headers["etag"]
    assert response.headers["cache-control"] == whole.headers["cache-control"]


@pytest.mark.parametrize("given", ['"other"', "", 'W/"other"', "nonsense"])
def test_another_etag_gets_the_whole_answer(shop: httpx.Client, given: str) -> None:
    response = shop.get("/api/v1/genres", headers={"if-none-match": given})
    assert data_of(response)["items"]


def test_if_none_match_does_not_hide_an_error(shop: httpx.Client) -> None:
    error_of(shop.get("/api/v1/movies?page=0", headers={"if-none-match": "*"}), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("path", [*KNOWN, *FAILING, "/nothing", "/openapi.json", "/docs"])
def test_head_is_get_without_the_body(shop: httpx.Client, path: str) -> None:
    whole, head = shop.get(path), shop.head(path)
    assert head.status_code == whole.status_code
    assert head.content == b""
    same = ("content-type", "content-length", "cache-control", "etag")
    assert [head.headers.get(name) for name in same] == [whole.headers.get(name) for name in same]


def test_nothing_follows_the_answer_to_a_head(shop: httpx.Client) -> None:
    """Two requests on one connection: bytes too many would be taken for the second answer."""
    connection = http.client.HTTPConnection(shop.base_url.host, shop.base_url.port or 80, timeout=10)
    for method, path in [("HEAD", "/api/v1/movies"), ("HEAD", "/api/v1/nothing"), ("GET", "/api/v1/health")]:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        assert bool(body) == (method == "GET")
    connection.close()


@pytest.mark.parametrize("path", [*KNOWN, *FAILING, "/nothing", "/openapi.json", "/docs"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_answer_forbids_sniffing(shop: httpx.Client, method: str, path: str) -> None:
    assert shop.request(method, path).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("given", ["a", "5f0c7a1e-9b3d.2468_Z", "x" * 64])
@pytest.mark.parametrize("path", [*KNOWN, *FAILING])
def test_a_request_id_given_comes_back(shop: httpx.Client, path: str, given: str) -> None:
    assert shop.get(path, headers={"x-request-id": given}).headers.get_list("x-request-id") == [given]
    assert shop.post(path, headers={"x-request-id": given}).headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", [None, b"", b"x" * 65, b"a b", b"a\tb", b'a"b', b"\xc3\xa9", b"a;b", b"<b>"])
def test_an_unfit_request_id_is_replaced_by_one_of_ours(shop: httpx.Client, given: bytes | None) -> None:
    headers = {} if given is None else {b"x-request-id": given}
    ids = [shop.get("/api/v1/genres", headers=headers).headers["x-request-id"] for _ in range(5)]
    assert all(re.fullmatch(r"[0-9a-f]{16}", film_id) for film_id in ids)
    assert len(set(ids)) == 5, "another one for each request, whatever is cached"

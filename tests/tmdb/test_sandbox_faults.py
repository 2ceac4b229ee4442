"""What each fault of the sandbox looks like to clients, and when it applies."""

import json
import socket
import time
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from tests.machine import at_most
from tests.sandbox import Sandbox
from tests.tmdb import response_shapes
from tests.tmdb.response_shapes import misfits

from filmer.tmdb.sandbox.faults import GIB, NAMES

POPULAR = "/3/movie/popular"
ENOUGH = 8 * 2**20  # bytes after which an answer without end is believed


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=sandbox.address, params={"api_key": "k"}, timeout=10, trust_env=False, verify=False
    ) as made:
        yield made


def normal(client: httpx.Client, path: str = POPULAR) -> bool:
    answer = client.get(path)
    return answer.status_code == 200 and misfits(answer.json(), response_shapes.PAGE) == []


def ask(sandbox: Sandbox, path: str = POPULAR) -> socket.socket:
    """A connection over which a request went out."""
    sock = socket.create_connection(("127.0.0.1", sandbox.port), timeout=10)
    sock.sendall(f"GET {path}?api_key=k HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
    return sock


def read_head(sock: socket.socket) -> tuple[str, bytes]:
    """The headers in lower case, and as much of the body as was received."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = sock.recv(65536)
        assert piece, got
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    return head.decode().lower(), body


def read_all(sock: socket.socket, got: bytes = b"") -> bytes:
    while piece := sock.recv(65536):
        got += piece
    return got


# --- whole answers --------------------------------------------------------------------------------

CODES = {"401": (401, 7), "429": (429, 25), "500": (500, 11), "503": (503, 9), "504": (504, 24)}


@pytest.mark.parametrize("fault", CODES)
def test_an_error_is_tmdbs_and_the_connection_goes_on(fault: str, client: httpx.Client, sandbox: Sandbox) -> None:
    status, code = CODES[fault]
    sandbox.fail(fault, times=1)
    answer = client.get(POPULAR)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert misfits(answer.json(), response_shapes.ERROR) == []
    assert (answer.json()["status_code"], answer.json()["success"]) == (code, False)
    assert "retry-after" not in answer.headers
    assert normal(client)


def test_a_bad_gateway_is_no_json(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("502")
    answer = client.get(POPULAR)
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("wait", [0, 2, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
def test_too_many_can_say_when(wait: int | str, client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("429", retry_after=wait)
    answer = client.get(POPULAR)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(wait))


def test_latency_comes_before_the_normal_answer(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("latency", seconds=0.3, times=1)
    begun = time.monotonic()
    assert normal(client)
    assert time.monotonic() - begun >= 0.3
    at_most(5, since=begun)


def test_what_is_not_json(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("not-json")
    answer = client.get(POPULAR)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_wrong_types_are_wrong_all_the_way_down(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("wrong-types")
    answer = client.get(POPULAR)
    assert answer.status_code == 200
    page = answer.json()
    assert (page["page"], page["total_results"]) == ("1", "430")
    assert isinstance(page["results"], dict)
    first = page["results"]["0"]
    right = [
        name
        for name in response_shapes.LISTED
        if not misfits({name: first[name]}, {name: response_shapes.LISTED[name]})
    ]
    assert set(right) <= {"backdrop_path", "poster_path"}  # null, which became text


def test_a_redirect_leads_astray(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("redirect", times=1)
    sandbox.fail("redirect", location="https://films.example/elsewhere")
    for location in ("http://127.0.0.1:9/", "https://films.example/elsewhere"):
        answer = client.get(POPULAR)
        assert (answer.status_code, answer.headers["location"]) == (302, location)


def test_a_gzip_bomb_is_small_and_inflates_to_a_gibibyte(sandbox: Sandbox) -> None:
    sandbox.fail("gzip-bomb")
    with ask(sandbox) as sock:
        head, body = read_head(sock)
        assert "content-encoding: gzip" in head
        length = int(head.split("content-length: ")[1].split()[0])
        assert length < 2 * 2**20
        while len(body) < length:
            body += sock.recv(65536)
    inflated = zlib.decompressobj(zlib.MAX_WBITS | 16)
    size, rest = 0, body
    while piece := inflated.decompress(rest, 2**20):
        size += len(piece)
        rest = inflated.unconsumed_tail
    assert (size, inflated.eof) == (GIB, True)  # well-formed to the end: the checksum is right


def test_a_wrong_id_is_that_of_another(client: httpx.Client, sandbox: Sandbox) -> None:
    first = client.get(POPULAR).json()["results"][0]["id"]
    sandbox.fail("wrong-id")
    for film_id in (603, first):
        film = client.get(f"/3/movie/{film_id}").json()
        assert misfits(film, response_shapes.DETAILS) == []
        assert film["id"] != film_id
    page = client.get(POPULAR, params={"page": 3}).json()
    assert (page["page"], misfits(page, response_shapes.PAGE)) == (4, [])
    found = client.get("/3/find/tt0133093", params={"external_source": "imdb_id"}).json()
    assert misfits(found, response_shapes.FOUND) == []
    assert [film["id"] for film in found["movie_results"]] == [first]
    assert client.get("/3/configuration").status_code == 200
    assert client.get("/3/movie/999999999").status_code == 404


def flawed_of(films: list[Any]) -> list[int]:
    """Where in a list there is a film that TMDB would not tell of."""
    return [
        place for place, film in enumerate(films) if not isinstance(film, dict) or misfits(film, response_shapes.LISTED)
    ]


@pytest.mark.parametrize(("flaw", "name"), [("no-title", "title"), ("text-for-number", "vote_average")])
def test_a_flaw_is_one_film_s_or_that_of_so_many(client: httpx.Client, sandbox: Sandbox, flaw: str, name: str) -> None:
    before = client.get(POPULAR).json()["results"]
    orders: list[tuple[dict[str, Any], int]] = [({}, 1), ({"films": 3}, 3), ({"films": 100}, 20)]
    for options, many in orders:
        sandbox.fail("flawed", flaw=flaw, times=1, **options)
        after = client.get(POPULAR).json()["results"]
        assert flawed_of(after) == list(range(many))
        assert [one | {name: None} for one in after] == [one | {name: None} for one in before]
    sandbox.fail("flawed", flaw=flaw, films=3)
    assert misfits({name: client.get("/3/movie/603").json()[name]}, {name: response_shapes.LISTED[name]})
    found = client.get("/3/find/tt0133093", params={"external_source": "imdb_id"}).json()
    assert flawed_of(found["movie_results"]) == [0]
    assert client.get("/3/configuration").status_code == 200
    assert client.get("/3/movie/999999999").status_code == 404


def test_flaws_of_a_whole_list_and_of_json_itself(client: httpx.Client, sandbox: Sandbox) -> None:
    before = client.get(POPULAR).json()["results"]
    for flaw in ("no-film", "twice", "surrogate", "not-a-number"):
        sandbox.fail("flawed", flaw=flaw, times=1)
    nothing, twice = (client.get(POPULAR).json()["results"] for _ in range(2))
    assert nothing == [None, *before[1:]]
    assert twice == [before[1], *before[1:]]
    assert b'"title": "half \\ud800"' in client.get(POPULAR).content
    content = client.get(POPULAR).content
    assert b'"popularity": NaN' in content
    assert b'"vote_average": Infinity' in content


# --- broken answers -------------------------------------------------------------------------------


def test_a_reset_comes_before_any_byte(sandbox: Sandbox) -> None:
    sandbox.fail("reset")
    with ask(sandbox) as sock, pytest.raises(ConnectionResetError):
        sock.recv(1)


def test_half_an_answer_ends_in_the_middle(client: httpx.Client, sandbox: Sandbox) -> None:
    whole = client.get(POPULAR).content
    sandbox.fail("half")
    with ask(sandbox) as sock:
        head, body = read_head(sock)
        assert f"content-length: {len(whole)}" in head
        assert read_all(sock, body) == whole[: len(whole) // 2]
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(POPULAR)


def test_an_endless_answer_goes_on_as_long_as_one_reads(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("endless", times=1)
    with client.stream("GET", POPULAR) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        got = 0
        for piece in answer.iter_raw():
            got += len(piece)
            if got > ENOUGH:
                break
    assert got > ENOUGH
    assert normal(client)


def test_a_huge_answer_says_how_huge_it_is(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("huge", times=1)
    with client.stream("GET", POPULAR) as answer:
        assert answer.headers["content-length"] == str(2**30)
        got = 0
        for piece in answer.iter_raw():
            got += len(piece)
            if got > ENOUGH:
                break
    assert got > ENOUGH
    assert normal(client)


def test_who_does_not_read_holds_nobody_up(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("endless", times=1)
    with ask(sandbox) as sock:
        read_head(sock)
        assert normal(client)


def test_a_slow_answer_comes_byte_by_byte(sandbox: Sandbox) -> None:
    sandbox.fail("drip")
    with ask(sandbox) as sock:
        _, body = read_head(sock)
        times = [time.monotonic()]
        pieces = [body]
        while sum(map(len, pieces)) < 4:
            pieces.append(sock.recv(65536))
            times.append(time.monotonic())
    assert b"".join(pieces).startswith(b'{"pa')
    assert times[-1] - times[0] > 0.15
    assert all(later - earlier < 5 for earlier, later in pairwise(times))


def test_a_black_hole_never_answers(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("black-hole", times=1)
    with ask(sandbox) as sock:
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.sendall(b"still here")
        assert normal(client)


@pytest.mark.parametrize("fault", NAMES)
def test_after_any_fault_it_answers_as_before(fault: str, client: httpx.Client, sandbox: Sandbox) -> None:
    needed: dict[str, dict[str, Any]] = {"latency": {"seconds": 0.01}, "flawed": {"flaw": "surrogate"}}
    sandbox.fail(fault, times=1, **needed.get(fault, {}))
    with ask(sandbox):
        deadline = time.monotonic() + 10
        while sandbox.calls(POPULAR) < 1:
            assert time.monotonic() < deadline
    assert normal(client)
    assert [request.fault for request in sandbox.requests()] == [fault, None]


# --- when they apply ------------------------------------------------------------------------------


def statuses(client: httpx.Client, count: int, path: str = POPULAR) -> list[int]:
    return [client.get(path).status_code for _ in range(count)]


def test_a_fault_lasts_until_it_is_cleared(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("500")
    assert statuses(client, 5) == [500] * 5
    sandbox.heal()
    assert statuses(client, 2) == [200, 200]


def test_a_fault_lasts_so_many_times(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("500", times=2)
    assert statuses(client, 4) == [500, 500, 200, 200]


def test_faults_wait_for_their_turn(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("503", times=1)
    sandbox.fail("429", times=2)
    sandbox.fail("500")
    sandbox.fail("504")
    assert statuses(client, 5) == [503, 429, 429, 500, 500]


def test_a_fault_is_for_its_path_and_those_below(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("500", path="/3/movie/60")
    sandbox.fail("503", path="/3/movie/popular", times=1)
    sandbox.fail("504", path="/3/movie/603/")
    assert statuses(client, 1, "/3/movie/603") == [504]
    assert statuses(client, 1, "/3/movie/60") == [500]
    assert statuses(client, 1, "/3/movie/60/credits") == [500]
    assert statuses(client, 2) == [503, 200]
    assert statuses(client, 1, "/3/configuration") == [200]
    sandbox.fail("502", path="/3/movie")
    assert statuses(client, 1, "/3/configuration") == [200]
    assert statuses(client, 1) == [502]


def test_control_does_not_fail(sandbox: Sandbox) -> None:
    sandbox.fail("black-hole")
    assert httpx.get(f"{sandbox.address}/health", trust_env=False, verify=False).status_code == 200
    assert httpx.get(f"{sandbox.address}/calls", trust_env=False, verify=False).status_code == 200


def test_a_fault_comes_before_credentials_are_looked_at(sandbox: Sandbox) -> None:
    sandbox.fail("503")
    assert httpx.get(f"{sandbox.url}/movie/popular", trust_env=False, verify=False).status_code == 503

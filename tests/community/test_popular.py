"""GET /api/movies/popular (community-api.txt; contract §7.6, §7.9)."""

import html
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.community.conftest import POPULAR, ApiUser, Community, MakeCommunity
from tests.community.responses import POPULAR_FILM, community_error_of, community_offences_of, failing, own_language
from tests.conftest import import_films
from tests.connections import fetch
from tests.sandbox import Sandbox

from filmer.tmdb.payloads import PayloadError, read_popular

WITHOUT_DATE = 77771  # the one film of the demo whose release date TMDB's sandbox gives as ""


def page_at_tmdb(sandbox: Sandbox, page: int) -> Any:
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.get(f"{sandbox.url}/movie/popular", params={"page": page, "api_key": "any"}).json()


def popular_of(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers.get_list("cache-control") == ["public, no-cache"]
    body = response.json()
    assert list(body) == ["page", "total_pages", "total_results", "results"]
    assert all(list(film) == POPULAR_FILM for film in body["results"])
    return body


def until(client: httpx.Client, is_it: Callable[[httpx.Response], bool], address: str = POPULAR) -> httpx.Response:
    """The first answer that is it."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        response = client.get(address)
        assert response.status_code == 200, response.text
        if is_it(response):
            return response
        time.sleep(0.02)
    raise AssertionError(f"never: {response.headers}")


def times_asked(sandbox: Sandbox, language: str) -> int:
    """The number of requests to TMDB by servers of this language."""
    return sum(request.query["language"] == language for request in sandbox.requests())


def freshness(response: httpx.Response) -> str:
    assert response.headers["age"].isdigit()
    return str(response.headers["x-cache"])


@pytest.mark.parametrize("page", [1, 2, 22, 23, 500])
def test_it_tells_what_tmdb_tells_and_nothing_besides(community: Community, sandbox: Sandbox, page: int) -> None:
    """Past the end: 200, no films, true totals."""
    tmdb_page = page_at_tmdb(sandbox, page)
    expected: dict[str, Any] = {
        "page": page,
        "total_pages": 22,
        "total_results": 430,
        "results": [
            {name: film[name] for name in POPULAR_FILM} | {"release_date": film["release_date"] or None}
            for film in tmdb_page["results"]
        ],
    }
    assert popular_of(community.server.get(POPULAR, params={"page": page})) == expected
    assert len(expected["results"]) == {22: 10, 23: 0, 500: 0}.get(page, 20)


def test_the_first_page_by_default(community: Community) -> None:
    first = community.server.get(POPULAR, params={"page": 1})
    assert popular_of(community.server.get(POPULAR))["page"] == 1
    assert community.server.get(POPULAR).content == first.content
    assert community.server.get(f"{POPULAR}?size=5&sort=x&page_=0&=&x=%FF").content == first.content


def test_a_film_without_a_date_has_null(community: Community) -> None:
    """contract §1.2"""
    films = [
        film
        for page in range(1, 23)
        for film in popular_of(community.server.get(POPULAR, params={"page": page}))["results"]
    ]
    assert len({film["id"] for film in films}) == 430
    assert [film["id"] for film in films if film["release_date"] is None] == [WITHOUT_DATE]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("page=0", "must be at least 1"),
        ("page=-1", "must be at least 1"),
        ("page=501", "must be at most 500"),
        (f"page={2**31}", "must be at most 500"),
        (f"page={2**63}", "must be at most 500"),
        (f"page={'9' * 70}", "must be an integer"),
        ("page=", "must be an integer"),
        ("page=abc", "must be an integer"),
        ("page=1.5", "must be an integer"),
        ("page=1_0", "must be an integer"),
        ("page=%D9%A1%D9%A2", "must be an integer"),
        ("page=%2B1", "must be an integer"),
        ("page=1%00", "must not contain U+0000"),
        ("page=%FF", "must be valid UTF-8"),
        ("page=1&page=1", "must be given only once"),
        ("page=1&p%61ge=2", "must be given only once"),
    ],
)
def test_pages_there_are_not_are_400(community: Community, query: str, reason: str) -> None:
    """contract §1.3, §7.6"""
    assert community_offences_of(community.server.get(f"{POPULAR}?{query}")) == {"page": reason}


def test_totals_never_exceed_tmdb_s_own_limits() -> None:
    """contract §7.6"""

    def read(pages: int, results: int) -> tuple[int, int]:
        body = {"page": 1, "total_pages": pages, "total_results": results, "results": []}
        popular, _ = read_popular(json.dumps(body).encode(), 1)
        return popular.total_pages, popular.total_results

    assert read(500, 10_000) == (500, 10_000)
    assert read(501, 10_001) == (500, 10_000)
    assert read(48_211, 964_203) == (500, 10_000)
    assert read(499, 9_999) == (499, 9_999)
    assert read(0, 0) == (0, 0)
    with pytest.raises(PayloadError):
        read(-1, 0)


def test_everybody_may_see_it_whatever_token_they_send(community: Community, user: ApiUser) -> None:
    plain = community.server.get(POPULAR)
    for token in ("", "Bearer", "Bearer wrong", f"Bearer {user.token}"):
        response = community.server.get(POPULAR, headers={"Authorization": token})
        popular_of(response)
        assert response.content == plain.content


def test_etag_and_304(community: Community) -> None:
    """contract §1.7"""
    first = community.server.get(POPULAR)
    tag = first.headers["etag"]
    assert community.server.get(POPULAR).headers["etag"] == tag
    assert community.server.get(f"{POPULAR}?page=2").headers["etag"] != tag
    for matching in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = community.server.get(POPULAR, headers={"If-None-Match": matching})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert freshness(response) in {"hit", "stale"}
    assert community.server.get(POPULAR, headers={"If-None-Match": '"other"'}).content == first.content


def test_head_is_get_without_a_body(community: Community) -> None:
    got, head = community.server.get(POPULAR), community.server.head(POPULAR)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "cache-control"):
        assert head.headers[name] == got.headers[name]
    assert freshness(head) in {"hit", "stale"}
    bad = community.server.head(f"{POPULAR}?page=0")
    assert (bad.status_code, bad.content) == (400, b"")


@pytest.mark.parametrize("address", [f"{POPULAR}/", "/api/movies//popular", "/api/movies/%70opular"])
def test_another_spelling_of_the_address_is_as_good_or_unknown(community: Community, address: str) -> None:
    """contract §1.4, §1.7: whatever is answered is whole"""
    usual = community.server.get(POPULAR)
    response = community.server.get(address)
    if response.status_code == 404:
        community_error_of(response, 404, "NOT_FOUND")
    else:
        popular_of(response)
        assert response.headers["etag"] == usual.headers["etag"]
        assert freshness(response) in {"hit", "stale"}


def test_first_a_miss_then_hits_then_stale_and_asked_for_anew_behind(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    """contract §7.9"""
    language = own_language()
    server = make_community(CACHE_DURATION_SECONDS="2", TMDB_LANGUAGE=language).server
    first = server.get(POPULAR)
    assert (freshness(first), first.headers["age"]) == ("miss", "0")
    second = server.get(POPULAR)
    assert (freshness(second), second.content) == ("hit", first.content)
    assert times_asked(sandbox, language) == 1
    old = until(server, lambda response: freshness(response) != "hit")
    assert (freshness(old), old.content) == ("stale", first.content)
    assert int(old.headers["age"]) >= 2
    new = until(server, lambda response: freshness(response) == "hit")
    assert int(new.headers["age"]) < 2
    assert times_asked(sandbox, language) >= 2


def test_an_old_copy_outlives_tmdb(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    """contract §7.9: served at once, on every node that shares Valkey, and a page that is not cached is 503."""
    own = {"CACHE_DURATION_SECONDS": "1", "TMDB_LANGUAGE": own_language(), "TMDB_DEADLINE_SECONDS": "1"}
    first_server, second_server = make_community(**own).server, make_community(**own).server
    first = first_server.get(POPULAR)
    with failing(sandbox):
        for server in (first_server, second_server):
            old = until(server, lambda response: freshness(response) == "stale")
            assert (old.content, old.headers["etag"]) == (first.content, first.headers["etag"])
        error = community_error_of(second_server.get(f"{POPULAR}?page=2"), 503, "EXTERNAL_API_ERROR")
        assert error["details"] == {}
        head = second_server.head(f"{POPULAR}?page=3")
        assert (head.status_code, head.content) == (503, b"")


def test_32_who_ask_at_once_on_two_nodes_are_one_request_to_tmdb(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    """contract §7.9"""
    language = own_language()
    servers = [make_community(TMDB_LANGUAGE=language).server for _ in range(2)]
    with failing(sandbox, "latency", seconds=0.3, times=1), ThreadPoolExecutor(32) as threads:
        responses = list(threads.map(lambda number: servers[number % 2].get(POPULAR), range(32)))
    assert {popular_of(response)["page"] for response in responses} == {1}
    assert len({response.content for response in responses}) == 1
    assert times_asked(sandbox, language) == 1


def test_nothing_is_fresh_where_the_duration_is_0(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    """Yet a copy there is, for nobody is to wait for TMDB (contract §7.9)."""
    language = own_language()
    server = make_community(CACHE_DURATION_SECONDS="0", TMDB_LANGUAGE=language).server
    assert freshness(server.get(POPULAR)) == "miss"
    assert freshness(server.get(POPULAR)) == "stale"
    until(server, lambda _: times_asked(sandbox, language) >= 2)


def test_without_a_credential_it_is_the_catalogue_s_own_list(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    """contract §14.1: by popularity, then votes; the page of the storefront shows the same."""
    language = own_language()
    community = make_community(TMDB_API_KEY="", TMDB_LANGUAGE=language, CACHE_DURATION_SECONDS="30")
    empty = popular_of(community.server.get(f"{POPULAR}?page=3"))
    assert empty == {"page": 3, "total_pages": 0, "total_results": 0, "results": []}
    import_films(community.database_url)
    first = community.server.get(POPULAR)
    body = popular_of(first)
    assert (body["page"], body["total_pages"], body["total_results"]) == (1, 2, 24)
    known = fetch(
        community.database_url,
        "SELECT id, title, rating FROM film ORDER BY popularity DESC NULLS LAST, votes DESC NULLS LAST, no",
    )
    every = body["results"] + popular_of(community.server.get(f"{POPULAR}?page=2"))["results"]
    assert [film["title"] for film in every] == [title for _, title, _ in known]
    assert [film["vote_average"] for film in every] == [rating for *_, rating in known]
    assert every[0] == {
        "id": 278,
        "title": "The Shawshank Redemption",
        "release_date": "1994-09-23",
        "overview": "Two men in a prison keep hope alive for decades.",
        "popularity": 120.5,
        "vote_average": 9.3,
    }
    assert len({film["id"] for film in every}) == 24
    assert popular_of(community.server.get(f"{POPULAR}?page=500"))["results"] == []
    assert freshness(first) == "miss"
    second = community.server.get(POPULAR, headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, freshness(second)) == (304, "hit")
    text = community.server.get("/popular").text
    assert all(f">{film['title']}</a></h2>" in html.unescape(text) for film in body["results"])
    assert "TheMovieDB" not in text
    assert "TMDB" not in text
    assert times_asked(sandbox, language) == 0

"""Films of TMDB's that can't be used, or not wholly: they do not take the others with them (contract §7.12)."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from tests.community.conftest import POPULAR, SHAWSHANK, Community, MakeCommunity, tmdb_settings
from tests.community.responses import FAVORITE, community_error_of, failing, own_language, record_of
from tests.community.test_popular import freshness, page_at_tmdb, popular_of, times_asked, until
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.connections import fetch
from tests.sandbox import Sandbox

from filmer.tmdb.sandbox.faults import Flaw

# What is returned of a film with one of these flaws; with any other flaw the film is left out.
USABLE: dict[str, dict[str, Any]] = {
    "low-vote": {"vote_average": None},
    "high-vote": {"vote_average": None},
    "high-popularity": {"popularity": None},
    "not-a-number": {"popularity": None, "vote_average": None},
    "impossible-date": {"release_date": None},
    "odd-adult": {},  # which nobody reads
}
FLAWS = get_args(Flaw)
ONE_FILM_S = [flaw for flaw in FLAWS if flaw not in {"no-film", "twice"}]
UNUSABLE = [flaw for flaw in FLAWS if flaw not in USABLE]


@pytest.fixture(scope="module")
def community(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> Iterator[Community]:
    """A server that has copies of nothing but what these tests ask for; each asks for a page and a film of its own."""
    url = make_database(films=True)
    own = {"TMDB_LANGUAGE": own_language(), "CACHE_DURATION_SECONDS": "3600"}
    running = Community(url, serve_here(url, **tmdb_settings(shared_sandbox), **own).client)
    yield running
    running.close()


def told_as_printed(sandbox: Sandbox, page: int) -> list[Any]:
    names = ("id", "title", "release_date", "overview", "popularity", "vote_average")
    films = page_at_tmdb(sandbox, page)["results"]
    return [{name: film[name] for name in names} | {"release_date": film["release_date"] or None} for film in films]


@pytest.mark.parametrize("flaw", FLAWS)
def test_one_of_a_page_is_left_out_or_tells_less_and_the_others_are_answered(
    community: Community, sandbox: Sandbox, flaw: str
) -> None:
    page = 1 + FLAWS.index(flaw)
    first, *others = told_as_printed(sandbox, page)
    expected = [first | USABLE[flaw], *others] if flaw in USABLE else others
    with failing(sandbox, "flawed", flaw=flaw, path="/3/movie/popular", times=1):
        body = popular_of(community.server.get(POPULAR, params={"page": page}))
    assert body == {"page": page, "total_pages": 22, "total_results": 430, "results": expected}


@pytest.mark.parametrize("flaw", ONE_FILM_S)
def test_details_go_by_the_same_rules(community: Community, sandbox: Sandbox, flaw: str) -> None:
    film = told_as_printed(sandbox, 21)[ONE_FILM_S.index(flaw)]
    user = community.user()
    with failing(sandbox, "flawed", flaw=flaw, path=f"/3/movie/{film['id']}", times=1):
        response = user.client.post(user.favorites, json={"movie_id": film["id"]})
    if flaw in UNUSABLE:
        error = community_error_of(response, 503, "EXTERNAL_API_ERROR")
        assert error["message"] == "TheMovieDB answers, but with nothing that can be used right now"
        assert user.listed() == []
        user.favorite(told_as_printed(sandbox, 20)[ONE_FILM_S.index(flaw)]["id"])  # so that TMDB is not left alone
        return
    favorite = record_of(response, 201, FAVORITE)
    expected = {"user_rating": None, "created_at": favorite["created_at"], "movie_id": film["id"]}
    assert user.listed() == [film | USABLE[flaw] | expected | {"id": favorite["id"]}]


def test_a_page_without_a_film_that_can_be_used_is_an_error_of_its_own_words(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    """On every node; and it does not replace a good cached value."""
    own = {"CACHE_DURATION_SECONDS": "1", "TMDB_LANGUAGE": own_language()}
    first_server, second_server = make_community(**own).server, make_community(**own).server
    first = first_server.get(POPULAR)
    assert second_server.get(POPULAR).content == first.content
    with failing(sandbox, "flawed", flaw="empty-title", films=100):
        for server in (first_server, second_server):
            error = community_error_of(server.get(f"{POPULAR}?page=2"), 503, "EXTERNAL_API_ERROR")
            assert error["message"] == "TheMovieDB answers, but with nothing that can be used right now"
            past_the_end = popular_of(server.get(f"{POPULAR}?page=499"))
            assert (past_the_end["results"], past_the_end["total_results"]) == ([], 430)
            old = until(server, lambda response: freshness(response) == "stale")
            sandbox.forget()
            until(server, lambda _: sandbox.calls("/3/movie/popular") > 0)
            assert server.get(POPULAR).content == old.content == first.content
    until(first_server, lambda response: freshness(response) == "hit")


def test_a_copy_without_a_title_is_none(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    """Earlier versions stored such films: the catalogue's details are shown, and TMDB is asked."""
    language = own_language()
    community = make_community(CACHE_DURATION_SECONDS="0", TMDB_LANGUAGE=language)
    import_films(community.database_url)
    user = community.user()
    user.favorite(SHAWSHANK)
    (imported,) = fetch(community.database_url, "SELECT title, overview FROM film WHERE id = 'tt0111161'")
    with failing(sandbox, "flawed", flaw="empty-title"):
        sandbox.forget()
        # A refresh that began earlier is over once TMDB is asked again; what it saves late is older than this copy.
        until(user.client, lambda _: times_asked(sandbox, language) > 0, user.favorites)
        untitled = "UPDATE tmdb_film SET title = ' ', overview = 'Nothing', fetched = clock_timestamp()"
        fetch(community.database_url, f"{untitled} WHERE movie_id = %s", SHAWSHANK)
        (film,) = user.listed()
        assert (film["title"], film["overview"]) == imported
    until(user.client, lambda response: response.json()["favorites"][0]["overview"] != imported[1], user.favorites)


def test_a_good_copy_is_enough_to_rate_what_is_flawed_now(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    user = make_community(CACHE_DURATION_SECONDS="0", TMDB_LANGUAGE=own_language()).user()
    user.favorite(SHAWSHANK)
    before = user.listed()
    with failing(sandbox, "flawed", flaw="no-title", path="/3/movie"):
        user.rate(SHAWSHANK, 4)
        assert user.listed() == [before[0] | {"user_rating": 4}]

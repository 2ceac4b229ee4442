"""The sandbox answers as TMDB's v3 API does."""

import csv
from collections.abc import Iterator
from importlib import resources
from typing import Any

import httpx
import pytest
from tests.sandbox import Sandbox
from tests.tmdb import response_shapes
from tests.tmdb.response_shapes import misfits

JSON = "application/json;charset=utf-8"
ROWS = list(csv.DictReader((resources.files("filmer.importing") / "demo.csv").read_text("utf-8").splitlines()))
BY_POPULARITY = [int(row["tmdb_id"]) for row in sorted(ROWS, key=lambda row: -float(row["popularity"]))]
MATRIX = next(row for row in ROWS if row["title"] == "The Matrix")


@pytest.fixture(scope="module")
def client(shared_sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{shared_sandbox.url}/", params={"api_key": "k"}, timeout=10, trust_env=False, verify=False
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def _healed(sandbox: Sandbox) -> Sandbox:
    return sandbox


def json_of(response: httpx.Response, shape: response_shapes.Shape, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == JSON
    assert misfits(response.json(), shape) == []
    return response.json()


def refused(response: httpx.Response, status: int, code: int) -> None:
    error = json_of(response, response_shapes.ERROR, status)
    assert error["success"] is False
    assert error["status_code"] == code
    assert error["status_message"]


def test_the_shapes_find_what_does_not_fit() -> None:
    good = {"success": False, "status_code": 7, "status_message": "No."}
    assert misfits(good, response_shapes.ERROR) == []
    assert misfits(good | {"status_code": "7"}, response_shapes.ERROR) == ["answer.status_code is '7'"]
    assert misfits(good | {"status_code": True}, response_shapes.ERROR) == ["answer.status_code is True"]
    assert misfits({"success": False, "status_code": 7, "more": 1}, response_shapes.ERROR) == [
        "answer.more is not in both",
        "answer.status_message is not in both",
    ]
    assert misfits({"errors": ["a", 1]}, response_shapes.ERRORS) == ["answer.errors[1] is 1"]
    assert misfits({"errors": {"0": "a"}}, response_shapes.ERRORS) == ["answer.errors is no list"]
    assert misfits([], response_shapes.ERRORS) == ["answer is no object"]


# --- popular --------------------------------------------------------------------------------------


def test_popular_films_come_by_popularity_twenty_a_page(client: httpx.Client) -> None:
    pages = [json_of(client.get("movie/popular", params={"page": page}), response_shapes.PAGE) for page in range(1, 23)]
    assert [page["page"] for page in pages] == list(range(1, 23))
    assert {(page["total_pages"], page["total_results"]) for page in pages} == {(22, len(ROWS))}
    assert [len(page["results"]) for page in pages] == [20] * 21 + [10]
    films = [film for page in pages for film in page["results"]]
    assert [film["popularity"] for film in films] == sorted((film["popularity"] for film in films), reverse=True)
    assert sorted(film["id"] for film in films) == sorted(BY_POPULARITY)


def test_without_a_page_it_is_the_first(client: httpx.Client) -> None:
    first = json_of(client.get("movie/popular", params={"language": "de-DE", "region": "DE"}), response_shapes.PAGE)
    assert first == client.get("movie/popular", params={"page": 1}).json()


def test_a_film_is_told_as_the_demo_has_it(client: httpx.Client) -> None:
    page = BY_POPULARITY.index(int(MATRIX["tmdb_id"])) // 20 + 1
    films = json_of(client.get("movie/popular", params={"page": page}), response_shapes.PAGE)["results"]
    film = next(film for film in films if film["id"] == int(MATRIX["tmdb_id"]))
    assert film == {
        "adult": False,
        "backdrop_path": None,
        "genre_ids": [28, 878],
        "id": 603,
        "original_language": "en",
        "original_title": "The Matrix",
        "overview": MATRIX["overview"],
        "popularity": float(MATRIX["popularity"]),
        "poster_path": "/poster-603.png",
        "release_date": MATRIX["release_date"],
        "title": "The Matrix",
        "video": False,
        "vote_average": float(MATRIX["rating"]),
        "vote_count": int(MATRIX["votes"]),
    }


def test_a_film_without_a_date_has_an_empty_one(client: httpx.Client) -> None:
    dateless = [int(row["tmdb_id"]) for row in ROWS if not row["release_date"]]
    assert dateless
    for film_id in dateless:
        assert json_of(client.get(f"movie/{film_id}"), response_shapes.DETAILS)["release_date"] == ""


@pytest.mark.parametrize("page", ["23", "500", "0023"])
def test_a_page_past_the_end_is_empty(page: str, client: httpx.Client) -> None:
    response = json_of(client.get("movie/popular", params={"page": page}), response_shapes.PAGE)
    assert response == {"page": int(page), "results": [], "total_pages": 22, "total_results": len(ROWS)}


@pytest.mark.parametrize("page", ["0", "501", "-1", "1.5", "one", "", "²", "1_0", "+1", "9" * 5000])
@pytest.mark.parametrize("path", ["movie/popular", "search/movie?query=the"])
def test_what_is_no_page_is_refused(path: str, page: str, client: httpx.Client) -> None:
    url = httpx.URL(path, params={"query": "the", "api_key": "k", "page": page})
    refused(client.get(url, params=url.params), 400, 22)


# --- one film -------------------------------------------------------------------------------------


def test_the_details_of_every_film(client: httpx.Client) -> None:
    for row in ROWS:
        film = json_of(client.get(f"movie/{row['tmdb_id']}"), response_shapes.DETAILS)
        assert (film["id"], film["imdb_id"], film["title"]) == (int(row["tmdb_id"]), row["id"], row["title"])
        assert film["original_title"] == (row["original_title"] or row["title"])
        assert film["runtime"] == int(row["runtime_minutes"])
        assert len({genre["id"] for genre in film["genres"]}) == len(film["genres"])


def test_genres_have_tmdbs_names_and_numbers(client: httpx.Client) -> None:
    film = client.get("movie/603").json()
    assert film["genres"] == [{"id": 28, "name": "Action"}, {"id": 878, "name": "Science Fiction"}]


def test_a_film_that_is_not_there(client: httpx.Client) -> None:
    refused(client.get("movie/999999999"), 404, 34)


@pytest.mark.parametrize("number", ["0", "-1", "abc", "1.5", "tt0133093", "%31%00", "²", "9" * 5000])
def test_what_is_no_id(number: str, client: httpx.Client) -> None:
    refused(client.get(f"movie/{number}"), 404, 6)


# --- find -----------------------------------------------------------------------------------------


def test_a_film_is_found_by_its_imdb_id(client: httpx.Client) -> None:
    found = json_of(client.get("find/tt0133093", params={"external_source": "imdb_id"}), response_shapes.FOUND)
    assert [film["id"] for film in found["movie_results"]] == [603]
    assert found["movie_results"][0]["media_type"] == "movie"


@pytest.mark.parametrize(
    ("external_id", "source"), [("tt9999999", "imdb_id"), ("nothing", "imdb_id"), ("tt0133093", "wikidata_id")]
)
def test_what_is_not_found_is_an_empty_list(external_id: str, source: str, client: httpx.Client) -> None:
    found = json_of(client.get(f"find/{external_id}", params={"external_source": source}), response_shapes.FOUND)
    assert set(map(len, found.values())) == {0}


@pytest.mark.parametrize("params", [{}, {"external_source": ""}, {"external_source": "IMDB"}])
def test_a_source_must_be_one_that_there_is(params: dict[str, str], client: httpx.Client) -> None:
    refused(client.get("find/tt0133093", params=params), 422, 5)


# --- search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["matrix", "MATRIX", "he mat", "Mátrix"])
def test_films_are_found_by_what_their_titles_contain(query: str, client: httpx.Client) -> None:
    page = json_of(client.get("search/movie", params={"query": query}), response_shapes.PAGE)
    assert 603 in [film["id"] for film in page["results"]]
    assert page["total_results"] == len(page["results"])


def test_accents_in_a_title_may_be_left_out(client: httpx.Client) -> None:
    accented = next(row for row in ROWS if row["title"].startswith("Amélie"))
    page = json_of(client.get("search/movie", params={"query": "amelie"}), response_shapes.PAGE)
    assert [film["id"] for film in page["results"]] == [int(accented["tmdb_id"])]


def test_a_search_has_pages(client: httpx.Client) -> None:
    first = json_of(client.get("search/movie", params={"query": "the"}), response_shapes.PAGE)
    matches = [row for row in ROWS if "the" in row["title"].lower()]
    assert first["total_results"] == len(matches) > 20
    assert first["total_pages"] == -(-len(matches) // 20)
    second = json_of(client.get("search/movie", params={"query": "the", "page": 2}), response_shapes.PAGE)
    assert not {film["id"] for film in first["results"]} & {film["id"] for film in second["results"]}


def test_nothing_found_is_an_empty_page(client: httpx.Client) -> None:
    page = json_of(client.get("search/movie", params={"query": "no film is called this"}), response_shapes.PAGE)
    assert page == {"page": 1, "results": [], "total_pages": 0, "total_results": 0}


@pytest.mark.parametrize("params", [{}, {"query": ""}])
def test_a_search_for_nothing_is_told(params: dict[str, str], client: httpx.Client) -> None:
    assert json_of(client.get("search/movie", params=params), response_shapes.ERRORS, 422)["errors"] == [
        "query must be provided"
    ]


# --- the rest -------------------------------------------------------------------------------------


def test_the_configuration_tells_where_images_are(client: httpx.Client) -> None:
    images = json_of(client.get("configuration"), response_shapes.CONFIGURATION)["images"]
    assert images["secure_base_url"] == "https://image.tmdb.org/t/p/"
    assert "w500" in images["poster_sizes"]


@pytest.mark.parametrize("path", ["", "movie", "movie/603/credits", "tv/popular", "movie/popular/", "find", "x" * 4000])
def test_other_paths_are_not_there(path: str, client: httpx.Client) -> None:
    refused(client.get(path), 404, 34)


@pytest.mark.parametrize("path", ["/", "/4/list", "/30/movie/popular", "/favicon.ico"])
def test_neither_are_those_beside_the_api(path: str, sandbox: Sandbox) -> None:
    refused(httpx.get(f"{sandbox.address}{path}", trust_env=False, verify=False), 404, 34)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["movie/popular", "movie/603", "configuration"])
def test_other_methods_are_not_offered(method: str, path: str, client: httpx.Client) -> None:
    refused(client.request(method, path), 405, 4)


def test_head_has_no_body_and_leaves_the_connection_in_order(client: httpx.Client) -> None:
    assert (client.head("movie/603").status_code, client.head("movie/603").content) == (405, b"")
    assert client.get("movie/603").status_code == 200


# --- credentials ----------------------------------------------------------------------------------

ACCEPTED: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"api_key": "k"}, {}),
    ({"api_key": "0123456789abcdef"}, {}),
    ({}, {"authorization": "Bearer token"}),
    ({}, {"authorization": "bearer token"}),
]
REFUSED: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    ({"api_key": ""}, {}),
    ({"api_key": "wrong"}, {}),
    ({}, {"authorization": "Bearer wrong"}),
    ({}, {"authorization": "Bearer"}),
    ({}, {"authorization": "Basic dXNlcjprZXk="}),
    ({}, {"authorization": "token"}),
]
PATHS = ["/movie/popular", "/movie/603", "/find/tt0133093", "/search/movie", "/configuration", "/nothing"]


@pytest.mark.parametrize(("query", "headers"), ACCEPTED)
def test_a_key_or_a_token_opens(query: dict[str, str], headers: dict[str, str], sandbox: Sandbox) -> None:
    response = httpx.get(f"{sandbox.url}/movie/popular", params=query, headers=headers, trust_env=False, verify=False)
    json_of(response, response_shapes.PAGE)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("query", "headers"), REFUSED)
def test_nothing_and_wrong_do_not(query: dict[str, str], headers: dict[str, str], path: str, sandbox: Sandbox) -> None:
    refused(httpx.get(f"{sandbox.url}{path}", params=query, headers=headers, trust_env=False, verify=False), 401, 7)

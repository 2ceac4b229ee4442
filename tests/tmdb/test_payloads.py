"""What TMDB answers, read strictly (community-api.txt; contract §1.3, §7.6)."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filmer.tmdb.payloads import (
    PayloadError,
    Popular,
    TmdbFilm,
    read_error_code,
    read_film,
    read_find_result,
    read_popular,
)
from filmer.tmdb.sandbox.responses import SandboxApi, error_response, read_films

FILM = {
    "id": 603,
    "title": "The Matrix",
    "release_date": "1999-03-31",
    "overview": "Set in the 22nd century.",
    "popularity": 83.5,
    "vote_average": 8.2,
    "adult": False,
}
PAGE = {"page": 1, "total_pages": 22, "total_results": 430, "results": [FILM]}
DEEP = b"[" * 2000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
near_films = st.fixed_dictionaries(
    {"id": json_values | st.just(1), "title": json_values | st.text()},
    optional=dict.fromkeys(("release_date", "overview", "popularity", "vote_average"), json_values),
)
near_pages = st.fixed_dictionaries(
    {
        "page": json_values | st.just(1),
        "total_pages": json_values | st.integers(),
        "total_results": json_values | st.integers(),
        "results": json_values | st.lists(near_films | json_values, max_size=3),
    }
)
bodies = st.binary(max_size=200) | (json_values | near_films | near_pages).map(msgspec.json.encode)


def packed(value: Any) -> bytes:
    return msgspec.json.encode(value)


def film_of(**fields: Any) -> TmdbFilm:
    return read_film(packed(FILM | fields), fields.get("id", 603))


@given(bodies)
@example(DEEP)
@example(b'{"id":' + DEEP)
@example(b'{"status_code":' + DEEP)
@example(b'{"x":' + DEEP)
@example(b'{"x":' * 2000)
@example(b'{"id":1,"title":"\\ud800"}')
@example(b'{"id":1,"title":"\xed\xa0\x80"}')
@example(b'{"id":1,"title":"\xff"}')
@example(b'{"id":1,"title":"a","popularity":1e999}')
@example(b'{"id":1,"title":"a","popularity":' + b"9" * 5000 + b"}")
@example(b'{"status_code":' + b"9" * 5000 + b"}")
@example(b"")
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    for read in (
        lambda: read_popular(body, 1)[0],
        lambda: read_film(body, 1),
        lambda: read_find_result(body)[0],
    ):
        try:
            found = read()
        except PayloadError:
            continue
        assert b"\\u0000" not in packed(found)
        if isinstance(found, Popular):
            assert 0 <= found.total_pages <= 500
            assert 0 <= found.total_results <= 10_000
    assert isinstance(read_error_code(body), int | None)


def test_real_answers_are_taken() -> None:
    """Those of the sandbox, which are held against what TMDB documents."""
    tmdb = SandboxApi(read_films())
    page, left_out = read_popular(tmdb.respond("GET", "/3/movie/popular", {"api_key": "k", "page": "2"}, "").body, 2)
    assert left_out == []
    assert (page.page, page.total_pages, page.total_results, len(page.results)) == (2, 22, 430, 20)
    film = read_film(tmdb.respond("GET", "/3/movie/603", {"api_key": "k"}, "").body, 603)
    assert (film.id, film.title) == (603, "The Matrix")
    found = {"api_key": "k", "external_source": "imdb_id"}
    assert read_find_result(tmdb.respond("GET", "/3/find/tt0133093", found, "").body) == (603, [])
    assert read_find_result(tmdb.respond("GET", "/3/find/tt9999999", found, "").body) == (None, [])
    assert read_error_code(error_response(34).body) == 34


def test_what_the_spec_prints_is_kept_and_nothing_else() -> None:
    film = TmdbFilm(603, "The Matrix", date(1999, 3, 31), "Set in the 22nd century.", 83.5, 8.2)
    assert read_film(packed(FILM), 603) == film
    assert read_popular(packed(PAGE), 1) == (Popular(1, 22, 430, [film]), [])
    assert read_film(b'{"id":603,"title":"M"}', 603) == TmdbFilm(603, "M", None, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024-13-01",
        "2024-02-30",
        "0000-00-00",
        "2024",
        "20240131",
        "2024-W05-1",
        "\u0662\u0660\u0662\u0664-01-01",
    ],
)
def test_a_date_that_is_none_is_none(text: str) -> None:
    assert film_of(release_date=text).release_date is None


def test_what_no_column_holds_goes() -> None:
    film = film_of(title="A\0B\0", overview="\0")
    assert (film.title, film.overview) == ("AB", "")


@pytest.mark.parametrize(("number", "expected"), [(0, 0), (500, 500), (501, 500), (10**30, 500)])
def test_pages_never_exceed_five_hundred(number: int, expected: int) -> None:
    assert read_popular(packed(PAGE | {"total_pages": number}), 1)[0].total_pages == expected


@pytest.mark.parametrize(("number", "expected"), [(0, 0), (10_000, 10_000), (10_001, 10_000), (10**30, 10_000)])
def test_results_never_exceed_ten_thousand(number: int, expected: int) -> None:
    body = packed(PAGE).replace(b'"total_results":430', b'"total_results":%d' % number)
    assert read_popular(body, 1)[0].total_results == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"id": 604}, {"id": 0}, {"id": -603}, {"id": 2**31}, {"id": "603"}, {"id": True}, {"id": 603.5}, {"id": None},
        {"title": None}, {"title": 5}, {"release_date": 1999}, {"overview": []}, {"popularity": "83.5"},
        {"vote_average": True}, {"vote_average": {}},
    ],
)  # fmt: skip
def test_another_film_or_another_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        read_film(packed(FILM | fields), 603)


@pytest.mark.parametrize(
    "fields",
    [
        {"page": 2}, {"page": "1"}, {"page": None}, {"total_pages": -1}, {"total_results": "430"}, {"results": None},
        {"results": {}}, {"results": [FILM | {"id": 0}]}, {"results": [None]},
    ],
)  # fmt: skip
def test_another_page_or_another_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        read_popular(packed(PAGE | fields), 1)


@pytest.mark.parametrize("field", ["id", "title"])
def test_a_film_has_an_id_and_a_title(field: str) -> None:
    with pytest.raises(PayloadError):
        read_film(packed({name: value for name, value in FILM.items() if name != field}), 603)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"status_code":"34"}', b'{"status_code":true}'])
def test_an_error_without_tmdbs_code_has_none(body: bytes) -> None:
    assert read_error_code(body) is None

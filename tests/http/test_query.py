"""Reading query parameters: a value or InvalidRequest, never anything else (contract §1.3, §1.5)."""

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from filmer.catalogue.api import GenreMovieList, MovieList, MovieSearch, StarList
from filmer.errors import FieldError, InvalidRequest
from filmer.http.query import MAX_PARAMETERS, Query, id_errors, path_id, read_integer, read_query, read_text


class Sample(Query):
    """One parameter of each kind."""

    page: Annotated[int, Meta(ge=1)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20
    sort_by: Literal["title", "year"] = "title"
    name: str | None = None
    code: Annotated[Annotated[str, Meta(min_length=1, max_length=3)] | None, Meta()] = None
    year: Annotated[Annotated[int, Meta(ge=0, le=9999)] | None, Meta()] = None

    @classmethod
    def cross_check(cls, given: dict[str, Any], _named: Collection[str]) -> Iterator[FieldError]:
        if given.get("name") == "both" and "year" in given:
            yield FieldError("name", "must not be both")


STRUCTS: list[type[Query]] = [Sample, MovieList, GenreMovieList, StarList, MovieSearch]
NAMES = "page size perPage sortBy order startsWith name code year query title yearFrom yearTo star genreId"
unhurried = settings(deadline=None)  # a busy machine is no defect


def read(raw: bytes) -> Sample:
    return read_query(raw, Sample)


def field_errors(raw: bytes, struct: type[Query] = Sample) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        read_query(raw, struct)
    return {field_error["field"]: field_error["reason"] for field_error in caught.value.details.get("fields", [])}


def test_nothing_given_is_all_defaults() -> None:
    assert read(b"") == Sample()
    assert (Sample().page, Sample().per_page, Sample().sort_by, Sample().name) == (1, 20, "title", None)


def test_names_are_in_camel_case() -> None:
    assert read(b"perPage=5&sortBy=year") == Sample(per_page=5, sort_by="year")
    assert read(b"per_page=0&sort_by=x") == Sample()  # unknown, so ignored


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"page=1", Sample(page=1)),
        (b"page=007", Sample(page=7)),
        (b"page=%31%30", Sample(page=10)),
        (b"p%61ge=2", Sample(page=2)),
        (b"perPage=100", Sample(per_page=100)),
        (b"page=" + b"9" * 31, Sample(page=10**31 - 1)),
        (b"year=0", Sample(year=0)),
        (b"year=9999", Sample(year=9999)),
        (b"name=", Sample(name="")),
        (b"name", Sample(name="")),
        (b"name=a+b%20c%2Bd", Sample(name="a b c+d")),
        (b"name=a=b", Sample(name="a=b")),
        (b"name=%C3%89lan", Sample(name="Élan")),
        (b"name=\xc3\x89lan", Sample(name="Élan")),
        (b"name=%F0%9F%8E%AC", Sample(name="🎬")),
        (b"name=100%", Sample(name="100%")),
        (b"name=%zz%2", Sample(name="%zz%2")),
        (b"name=%25%5F%5C", Sample(name="%_\\")),
        (b"code=abc", Sample(code="abc")),
        (b"&&page=3&", Sample(page=3)),
        (b"other=1&other=2&%00=%00&%FF=%FF&page=3", Sample(page=3)),
    ],
)
def test_values_are_read(raw: bytes, expected: Sample) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "field", "reason"),
    [
        (b"page=0", "page", "must be at least 1"),
        (b"page=-1", "page", "must be at least 1"),
        (b"perPage=101", "perPage", "must be at most 100"),
        (b"year=10000", "year", "must be at most 9999"),
        (b"page=", "page", "must be an integer"),
        (b"page", "page", "must be an integer"),
        (b"page=abc", "page", "must be an integer"),
        (b"page=1.5", "page", "must be an integer"),
        (b"page=1.0", "page", "must be an integer"),
        (b"page=1e3", "page", "must be an integer"),
        (b"page=1_0", "page", "must be an integer"),
        (b"page=0x1", "page", "must be an integer"),
        (b"page=+1", "page", "must be an integer"),
        (b"page=%2B1", "page", "must be an integer"),
        (b"page=%201", "page", "must be an integer"),
        (b"page=1%20", "page", "must be an integer"),
        (b"page=1%0A", "page", "must be an integer"),
        (b"page=--1", "page", "must be an integer"),
        (b"page=true", "page", "must be an integer"),
        (b"page=null", "page", "must be an integer"),
        (b"page=%D9%A1%D9%A2", "page", "must be an integer"),  # Arabic digits
        (b"page=%C2%B2", "page", "must be an integer"),  # ²
        (b"page=%EF%BC%91", "page", "must be an integer"),  # full-width 1
        (b"sortBy=Title", "sortBy", "must be one of: title, year"),
        (b"sortBy=", "sortBy", "must be one of: title, year"),
        (b"code=", "code", "must not be empty"),
        (b"code=+%09", "code", "must not be empty"),
        (b"code=abcd", "code", "must have at most 3 characters"),
        (b"name=%00", "name", "must not contain U+0000"),
        (b"name=a\x00b", "name", "must not contain U+0000"),
        (b"name=%FF", "name", "must be valid UTF-8"),
        (b"name=%C3", "name", "must be valid UTF-8"),
        (b"name=\xff", "name", "must be valid UTF-8"),
        (b"name=%C0%80", "name", "must be valid UTF-8"),  # U+0000, overlong
        (b"name=%ED%A0%80", "name", "must be valid UTF-8"),  # a lone surrogate
        (b"name=%ED%A0%BC%ED%BE%AC", "name", "must be valid UTF-8"),  # a pair of them
        (b"name=%F4%90%80%80", "name", "must be valid UTF-8"),  # beyond Unicode
        (b"page=1&page=1", "page", "must be given only once"),
        (b"name=a&n%61me=a", "name", "must be given only once"),
        (b"name&name=", "name", "must be given only once"),
        (b"name=both&year=1", "name", "must not be both"),
    ],
)
def test_an_offence_names_its_parameter_and_reason(raw: bytes, field: str, reason: str) -> None:
    assert field_errors(raw) == {field: reason}


def test_every_offence_is_told_once() -> None:
    """contract §1.5"""
    raw = b"page=0&perPage=x&sortBy=z&code=&year=-1&name=%00&name=%FF&page=1"
    assert set(field_errors(raw)) == {"page", "perPage", "sortBy", "code", "year", "name"}
    with pytest.raises(InvalidRequest) as caught:
        read(raw)
    assert len(caught.value.details["fields"]) == 6


def test_what_is_wrong_by_itself_is_not_checked_against_others() -> None:
    assert field_errors(b"name=both&year=x") == {"year": "must be an integer"}


def test_a_hundred_parameters_are_read_and_no_more() -> None:
    assert read(b"&".join([b"x=1"] * (MAX_PARAMETERS - 1) + [b"page=3"])).page == 3
    with pytest.raises(InvalidRequest, match="100"):
        read(b"&".join([b"x=1"] * MAX_PARAMETERS + [b"page=3"]))


RAW = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.tuples(
            st.sampled_from(NAMES.split()),
            st.one_of(
                st.text(max_size=8).map(lambda text: quote(text, errors="surrogatepass")),
                st.integers().map(str),
                st.sampled_from(["", "title", "asc", "desc", "relevance", "1.5", "%00", "%ED%A0%80", "%", "+", "*"]),
                st.binary(max_size=6).map(quote),
            ),
        ).map("=".join),
        max_size=12,
    ).map(lambda pairs: "&".join(pairs).encode()),
)


@unhurried
@given(RAW, st.sampled_from(STRUCTS))
def test_whatever_is_given_is_a_value_or_an_invalid_request(raw: bytes, struct: type[Query]) -> None:
    try:
        value = read_query(raw, struct)
    except InvalidRequest as refused:
        fields = refused.details["fields"]
        assert fields
        assert all(field_error["reason"] for field_error in fields)
        assert len({field_error["field"] for field_error in fields}) == len(fields)
    else:
        assert isinstance(value, struct)


@unhurried
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_text_arrives_as_it_was(text: str) -> None:
    assert read_query(f"name={quote(text)}".encode(), Sample).name == text
    assert read_query(f"name={quote_plus(text)}".encode(), Sample).name == text
    assert read_text(quote(text, safe="").encode()) == text


@unhurried
@given(st.integers(min_value=-(10**60), max_value=10**60))
def test_every_integer_is_read_or_out_of_bounds(number: int) -> None:
    assert read_integer(str(number)) == number
    if number >= 1:
        assert read(f"page={number}".encode()).page == number
    else:
        assert field_errors(f"page={number}".encode()) == {"page": "must be at least 1"}


@unhurried
@given(st.text())
def test_no_other_text_is_an_integer(text: str) -> None:
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 60:
        assert read_integer(text) == int(text)
    else:
        with pytest.raises(ValueError, match="must be an integer"):
            read_integer(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("2147483647", 2**31 - 1), ("007", 7), ("0" * 63 + "7", 7), ("2147483648", None)]
)
def test_an_id_in_a_path_is_told_wrong_by_no_bound_above(text: str, number: int | None) -> None:
    assert path_id(text, 2**31 - 1) == number
    assert id_errors("id", text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "must be at least 1") for text in ("0", "-0", "-1", "-" + "9" * 64)),
        *((text, "must be an integer") for text in ("", "x", "+1", " 1", "1 ", "1\n", "1_0", "1.0", "٤", "²", "\0")),
        ("0" * 64 + "7", "must be an integer"),
    ],
)
def test_what_can_be_no_id_in_a_path(text: str, reason: str) -> None:
    assert path_id(text, 2**31 - 1) is None
    assert id_errors("id", text) == [FieldError("id", reason)]

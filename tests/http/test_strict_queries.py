"""Every list reads its parameters strictly and pages alike (shop-api.md, contract §1.3, §1.5, §2.1)."""

import httpx
import pytest
from tests.responses import data_of, error_of, offences_of

LISTS = [
    "/api/v1/movies?",
    "/api/v1/stars?",
    "/api/v1/genres/1/movies?",
    "/api/v1/search/movies?title=a&",
    "/api/v1/search/movies?query=batman&",
    "/api/v1/search/movies?yearFrom=1900&",
    "/api/v1/stars?name=a&",
]
each_list = pytest.mark.parametrize("path", LISTS)


@each_list
def test_page_is_1_and_size_20_unless_given(shop: httpx.Client, path: str) -> None:
    data = data_of(shop.get(path))
    assert (data["page"], data["size"]) == (1, 20)
    assert len(data["items"]) == min(20, data["totalItems"])


@each_list
@pytest.mark.parametrize("size", [1, 2, 100])
def test_size_is_1_to_100(shop: httpx.Client, path: str, size: int) -> None:
    data = data_of(shop.get(f"{path}size={size}"))
    assert data["size"] == size
    assert len(data["items"]) == min(size, data["totalItems"])
    assert data["totalPages"] == -(-data["totalItems"] // size)


@each_list
@pytest.mark.parametrize("page", ["99", str(2**31 - 1), str(2**31), str(2**63), str(10**30)])
def test_a_page_past_the_end_is_empty_with_true_totals(shop: httpx.Client, path: str, page: str) -> None:
    """contract §2.1"""
    first, past = data_of(shop.get(path)), data_of(shop.get(f"{path}page={page}"))
    assert past["items"] == []
    assert past["page"] == int(page)
    assert [past[name] for name in ("size", "totalItems", "totalPages")] == [
        first[name] for name in ("size", "totalItems", "totalPages")
    ]
    assert past["totalItems"] > 0


@each_list
@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ("page=0", "page", "must be at least 1"),
        ("page=-1", "page", "must be at least 1"),
        ("page=-9223372036854775809", "page", "must be at least 1"),
        ("size=0", "size", "must be at least 1"),
        ("size=-1", "size", "must be at least 1"),
        ("size=101", "size", "must be at most 100"),
        ("size=2147483648", "size", "must be at most 100"),
        ("size=1000000000000000000000000000000", "size", "must be at most 100"),
    ],
)
def test_page_and_size_have_bounds(shop: httpx.Client, path: str, given: str, field: str, reason: str) -> None:
    assert offences_of(shop.get(path + given)) == {field: reason}


@each_list
@pytest.mark.parametrize("name", ["page", "size"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "1.5",
        "1.0",
        "1e1",
        "0x1",
        "1_0",
        "%D9%A1%D9%A2",  # ١٢
        "%EF%BC%91",  # a full-width 1
        "+1",  # a space and 1
        "%2B1",  # +1
        "%201",
        "1%20",
        "1%0A",
        "true",
        "null",
        "[1]",
        "1,2",
        "NaN",
    ],
)
def test_an_integer_is_plain_digits(shop: httpx.Client, path: str, name: str, value: str) -> None:
    """contract §1.3"""
    assert offences_of(shop.get(f"{path}{name}={value}")) == {name: "must be an integer"}


@each_list
@pytest.mark.parametrize("name", ["page", "size", "sortBy", "order"])
@pytest.mark.parametrize("value", ["%00", "1%00", "%FF", "%C3", "%ED%A0%80", "%F4%90%80%80"])
def test_what_is_no_text_is_no_value(shop: httpx.Client, path: str, name: str, value: str) -> None:
    """contract §1.3: U+0000, invalid UTF-8, lone surrogates"""
    assert list(offences_of(shop.get(f"{path}{name}={value}"))) == [name]


TEXTS = [
    ("/api/v1/movies", "startsWith"),
    ("/api/v1/stars", "name"),
    ("/api/v1/search/movies", "query"),
    ("/api/v1/search/movies", "title"),
    ("/api/v1/search/movies", "director"),
    ("/api/v1/search/movies", "star"),
]


@pytest.mark.parametrize(("path", "name"), TEXTS)
@pytest.mark.parametrize("value", ["%00", "a%00b", "%FF", "%C3%28", "%ED%A0%80", "%ED%B0%80", "%C0%80"])
def test_what_no_column_can_hold_is_400(shop: httpx.Client, path: str, name: str, value: str) -> None:
    """contract §1.3: U+0000, invalid UTF-8, lone surrogates"""
    assert list(offences_of(shop.get(f"{path}?{name}={value}"))) == [name]


@each_list
@pytest.mark.parametrize(
    "given",
    [
        "page=1&page=1",
        "page=1&page=2",
        "size=20&size=20",
        "order=asc&order=asc",
        "sortBy=rating&sortBy=x",
        "page=1&p%61ge=1",
    ],
)
def test_a_known_parameter_given_twice_is_400(shop: httpx.Client, path: str, given: str) -> None:
    """contract §1.3"""
    assert offences_of(shop.get(path + given)) == {given.partition("=")[0]: "must be given only once"}


@pytest.mark.parametrize(("path", "name"), TEXTS)
def test_a_known_text_given_twice_is_400(shop: httpx.Client, path: str, name: str) -> None:
    """contract §1.3"""
    assert offences_of(shop.get(f"{path}?{name}=a&{name}=a")) == {name: "must be given only once"}


@each_list
@pytest.mark.parametrize(
    "given",
    ["x=1", "x=1&x=2", "Page=0", "PAGE=x", "page%20=0", "page[]=0", "x=%00&y=%FF", "%FF=1", "%00", "&&", "="],
)
def test_unknown_parameters_are_ignored(shop: httpx.Client, path: str, given: str) -> None:
    """contract §1.3"""
    assert data_of(shop.get(path + given)) == data_of(shop.get(path))


@each_list
def test_two_hundred_parameters_are_too_many(shop: httpx.Client, path: str) -> None:
    """contract §1.3: a 4xx, and no work done for them"""
    error_of(shop.get(path + "&".join(f"x{number}=1" for number in range(200))), 400, "VALIDATION_ERROR")
    few = "&".join(f"x{number}=1" for number in range(50))
    assert data_of(shop.get(path + few)) == data_of(shop.get(path))


@each_list
def test_every_offence_is_told(shop: httpx.Client, path: str) -> None:
    """contract §1.5"""
    offences = offences_of(shop.get(f"{path}page=0&size=101&sortBy=colour&order=up"))
    assert offences["page"] == "must be at least 1"
    assert offences["size"] == "must be at most 100"
    assert set(offences) == {"page", "size", "sortBy", "order"}


def test_an_offence_looks_as_the_contract_prints_it(shop: httpx.Client) -> None:
    """contract §1.5"""
    error = error_of(shop.get("/api/v1/movies?page=0"), 400, "VALIDATION_ERROR")
    assert error["details"] == {"fields": [{"field": "page", "reason": "must be at least 1"}]}

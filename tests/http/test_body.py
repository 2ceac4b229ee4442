"""JSON bodies: a value or a 4xx in the envelope, never anything else (contract §1.3)."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.http.sample_body import JSON, Sample

from filmer.errors import FieldError, FilmerError, InvalidRequest, UnsupportedMediaType
from filmer.http.body import ReceivedBody

unhurried = settings(deadline=None)  # a busy machine is no defect


def read(text: str | bytes, content_type: str | None = JSON) -> Sample:
    return ReceivedBody(text.encode() if isinstance(text, str) else text, content_type).read(Sample)


def refusal(text: str | bytes, content_type: str | None = JSON) -> FilmerError:
    with pytest.raises(FilmerError) as caught:
        read(text, content_type)
    return caught.value


def field_errors(text: str | bytes) -> dict[str, str]:
    refused = refusal(text)
    assert isinstance(refused, InvalidRequest)
    fields = refused.details["fields"]
    assert refused.message == f"{fields[0]['field']}: {fields[0]['reason']}"
    assert len({field_error["field"] for field_error in fields}) == len(fields)
    return {field_error["field"]: field_error["reason"] for field_error in fields}


def of(field: str, value: str) -> str:
    return f'{{"movieId": "tt1", "{field}": {value}}}' if field != "movieId" else f'{{"movieId": {value}}}'


# --- fields ---------------------------------------------------------------------------------------


def test_what_is_not_given_is_its_default_and_what_is_unknown_is_ignored() -> None:
    body = read('{"movieId": "tt1", "movie_id": 7, "other": [null, {"x": 1e999}], "": 0}')
    assert body == Sample(movie_id="tt1")


@pytest.mark.parametrize(
    ("field", "value", "name", "expected"),
    [
        ("movieId", '"tt12345678"', "movie_id", "tt12345678"),
        ("movieId", '" a "', "movie_id", " a "),
        ("movieId", '"\\u00e9\\ud83c\\udfac"', "movie_id", "é🎬"),
        ("password", '"  "', "password", "  "),
        ("quantity", "10", "quantity", 10),
        ("quantity", "4.0", "quantity", 4),  # to JSON's schemas, and so to ours, an integer
        ("quantity", "0.04e2", "quantity", 4),
        ("anyNumber", "-0", "any_number", 0),
        ("anyNumber", "1e63", "any_number", 10**63),
        ("anyNumber", "9" * 64, "any_number", 10**64 - 1),
        ("rating", "4", "rating", 4.0),
        ("rating", "4.5", "rating", 4.5),
        ("rating", "45e-1", "rating", 4.5),
        ("rating", "0." + "1" * 1000, "rating", 1 / 9),
        ("weight", "-12.5E3", "weight", -12500.0),
        ("gift", "true", "gift", True),
        ("note", "null", "note", None),
        ("note", '""', "note", ""),
        ("year", "null", "year", None),
        ("year", "0", "year", 0),
        ("shouted", '"abc"', "shouted", "ABC"),
    ],
)
def test_values_are_read(field: str, value: str, name: str, expected: Any) -> None:
    result = getattr(read(of(field, value)), name)
    assert result == expected
    assert type(result) is type(expected)


def test_a_text_may_be_read_as_something_else() -> None:
    month = read(of("expiration", '"2030-12"')).expiration
    assert month is not None
    assert (month.year, month.number) == (2030, 12)
    assert read(of("expiration", "null")).expiration is None


@pytest.mark.parametrize("zero", ["-0.0", "-1e-400", "-0"])
def test_there_is_no_negative_zero(zero: str) -> None:
    assert math.copysign(1, read(of("rating", zero)).rating) == 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        *[("movieId", value, "must be a string") for value in ("null", "1", "true", "[]", "{}", '["a"]', "1.5")],
        ("movieId", '""', "must not be empty"),
        ("movieId", '" \\t\\u2003"', "must not be empty"),
        ("movieId", '"12345678901"', "must have at most 10 characters"),
        ("movieId", '"\\u0000"', "must not contain U+0000"),
        ("password", '" "', "must have at least 2 characters"),
        ("password", '"123456789"', "must have at most 8 characters"),
        ("password", '"ab\\u0000"', "must not contain U+0000"),
        *[
            ("quantity", value, "must be an integer")
            for value in ("null", '"4"', '""', "true", "false", "1.5", "1.00000000000000000001", "1e-1", "[1]", "{}")
        ],
        ("quantity", "-0.0", "must be at least 1"),
        ("quantity", "0e" + "9" * 12, "must be at least 1"),
        ("quantity", "1e400", "must be at most 10"),
        ("quantity", "1e" + "9" * 12, "must be at most 10"),
        ("quantity", "-1e" + "9" * 12, "must be at least 1"),
        ("quantity", "1e" + "9" * 30_000, "must be an integer"),
        ("quantity", "0", "must be at least 1"),
        ("quantity", "11", "must be at most 10"),
        ("quantity", "-9223372036854775809", "must be at least 1"),
        ("quantity", "9" * 60_000, "must be at most 10"),
        ("quantity", "-" + "9" * 60_000, "must be at least 1"),
        ("anyNumber", "9" * 65, "is out of range"),
        ("anyNumber", "-" + "9" * 65, "is out of range"),
        ("anyNumber", "null", "must be an integer"),
        *[("rating", value, "must be a number") for value in ("null", '"4"', "true", "[]", "{}")],
        ("rating", "5.0000001", "must be at most 5"),
        ("rating", "-0.1", "must be at least 0"),
        ("rating", "1e400", "must be at most 5"),
        ("rating", "1e" + "9" * 30_000, "must be at most 5"),
        ("rating", "9" * 60_000, "must be at most 5"),
        ("weight", "1e400", "is out of range"),
        ("weight", "-1e400", "is out of range"),
        ("weight", "9" * 60_000, "is out of range"),
        *[("gift", value, "must be true or false") for value in ("null", "0", "1", '"true"', "[]")],
        *[("note", value, "must be a string") for value in ("0", "false", "[]", "{}")],
        ("note", '"a\\u0000b"', "must not contain U+0000"),
        ("year", '"1999"', "must be an integer"),
        ("year", "10000", "must be at most 9999"),
        ("shouted", '"abcdef"', "must have at most 5 characters"),
        ("expiration", '"2030-1"', "must be YYYY-MM"),
        ("expiration", '"\\u0000"', "must not contain U+0000"),
        ("expiration", "203012", "must be a string"),
    ],
)
def test_an_offence_names_its_field_and_reason(field: str, value: str, reason: str) -> None:
    assert field_errors(of(field, value)) == {field: reason}


def test_what_is_required_must_be_there() -> None:
    assert field_errors("{}") == {"movieId": "is required"}
    assert field_errors('{"movie_id": "tt1", "MovieId": "tt1"}') == {"movieId": "is required"}


def test_a_known_field_is_given_once() -> None:
    """As a query parameter; of unknown ones nothing is asked."""
    assert field_errors('{"movieId": "a", "movieId": "a"}') == {"movieId": "must be given only once"}
    assert field_errors('{"movieId": "a", "movie\\u0049d": 1}') == {"movieId": "must be given only once"}
    assert read('{"x": 1, "movieId": "a", "x": {"movieId": 1, "movieId": 1}}') == Sample(movie_id="a")


def test_every_offence_is_told_in_the_structs_order_after_the_callers() -> None:
    """contract §1.5"""
    received = ReceivedBody(b'{"rating": "x", "gift": 1, "quantity": 0, "note": "both", "year": 1}', JSON)
    with pytest.raises(InvalidRequest) as caught:
        received.read(Sample, [FieldError("orderId", "must be an integer")])
    assert caught.value.details["fields"] == [
        {"field": "orderId", "reason": "must be an integer"},
        {"field": "movieId", "reason": "is required"},
        {"field": "quantity", "reason": "must be at least 1"},
        {"field": "rating", "reason": "must be a number"},
        {"field": "gift", "reason": "must be true or false"},
        {"field": "note", "reason": "must not be both"},
    ]


def test_what_is_wrong_by_itself_is_not_checked_against_others() -> None:
    assert field_errors('{"movieId": "a", "note": "both", "year": "x"}') == {"year": "must be an integer"}


def test_secrets_stay_out_of_what_is_printed() -> None:
    received = ReceivedBody(b'{"movieId": "a", "password": "geheim"}', JSON)
    assert "geheim" not in repr(received)
    assert "geheim" not in repr(received.read(Sample))


# --- documents ------------------------------------------------------------------------------------


NOT_JSON: list[bytes] = [
    b" ",
    b"\0",
    b"{",
    b"}",
    b'{"movieId": "a"',
    b'{"movieId": "a",}',
    b'{"movieId": "a"} x',
    b'{"movieId": "a"}{}',
    b'{"movieId": "a"}\0',
    b"{'movieId': 'a'}",
    b'{movieId: "a"}',
    b'{"movieId": "a" "quantity": 1}',
    b'{"movieId": "a", "x": NaN}',
    b'{"movieId": "a", "x": Infinity}',
    b'{"movieId": "a", "x": -Infinity}',
    b'{"movieId": "a", "x": nan}',
    b'{"movieId": "a", "quantity": 01}',
    b'{"movieId": "a", "quantity": +1}',
    b'{"movieId": "a", "quantity": .5}',
    b'{"movieId": "a", "quantity": 1.}',
    b'{"movieId": "a", "quantity": 0x1}',
    b'{"movieId": "a", "quantity": 1_0}',
    '{"movieId": "a", "quantity": \u0661}'.encode(),
    b'{"movieId": "a\nb"}',
    b'{"movieId": "a\0b"}',
    b'{"movieId": "\\x41"}',
    b'{"movieId": "\\u00g1"}',
    b'{"movieId": "\\u+041"}',
    b'{"movieId": "\\u 041"}',
    b'{"movieId": "\\ud800"}',
    b'{"movieId": "\\udfac\\ud83c"}',
    b'{"movieId": "a", "x": ["\\ud83c"]}',
    b'{"movieId": "a", "x": {"\\ud83c": 1}}',
    b'{"movieId": "a", "x": "\\ud83c", "x": 1}',
    b'{"movieId": "\xff"}',
    b'{"movieId": "\xed\xa0\x80"}',
    b'{"movieId": "\xc0\x80"}',
    b'{"movieId": "\xf4\x90\x80\x80"}',
    '\ufeff{"movieId": "a"}'.encode(),
    '{"movieId": "a"}'.encode("utf-16"),
    '{"movieId": "a"}'.encode("utf-16-le"),
    '{"movieId": "a"}'.encode("utf-32"),
    '\u00a0{"movieId": "a"}'.encode(),
    b'/* */ {"movieId": "a"}',
    b"movieId=a",
    b'{"movieId": True}',
    b'"' + b"a" * 60_000,
    b"[" * 500,
    b'{"x":' * 500,
]


@pytest.mark.parametrize("raw", NOT_JSON)
def test_what_is_not_json_is_said_to_be_none(raw: bytes) -> None:
    refused = refusal(raw)
    assert (refused.status, refused.code, refused.details) == (400, "VALIDATION_ERROR", {})
    assert refused.message == "Request body is not valid JSON"


@pytest.mark.parametrize("raw", ["[]", "null", "1", '"a"', "true", "1.5", '[{"movieId": "a"}]', "9" * 60_000, "1e999"])
def test_what_is_no_object_is_said_to_be_none(raw: str) -> None:
    refused = refusal(raw)
    assert (refused.status, refused.message, refused.details) == (400, "Request body must be a JSON object", {})


def nested(levels: int, opening: str, closing: str) -> str:
    return f'{{"movieId": "a", "x": {opening * (levels - 1)}{closing * (levels - 1)}}}'


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"x":[', "]}")])
def test_levels_are_counted_from_the_outermost_object(opening: str, closing: str) -> None:
    step = opening.count("[") + opening.count("{")
    inner = 32 if step == 1 else 16  # levels: 1 and 31; 1 and 30
    assert read(nested(inner, opening, closing)) == Sample(movie_id="a")
    refused = refusal(nested(inner + 1, opening, closing))
    assert (refused.status, refused.message, refused.details) == (400, "Request body is nested too deeply", {})


def test_a_wide_body_is_not_a_deep_one() -> None:
    assert read(f'{{"movieId": "a", "x": [{",".join(["[[]]"] * 5000)}]}}') == Sample(movie_id="a")


@pytest.mark.parametrize("raw", ["[" * 65_536, "[" * 30_000 + "]" * 30_000, '{"x":' * 10_000 + "1" + "}" * 10_000])
def test_no_depth_is_too_deep_to_be_refused(raw: str) -> None:
    assert refusal(raw).message == "Request body is nested too deeply"


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json ; Charset="UTF-8"',
        "application/json; version=1",
        "application/json;",
        "application/json; charset=UTF8",
        'application/json; title="a; charset=latin1"; charset="utf-8"',
        'application/json; title="\\"; charset=latin1"',
    ],
)
def test_json_is_read(content_type: str) -> None:
    assert read('{"movieId": "a"}', content_type) == Sample(movie_id="a")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonp",
        "application/json-patch+json",
        "application/problem+json",
        "text/json",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        'application/json; charset="latin1"',
        'application/json; title="a"; charset=latin1',
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset=",
        "application/json, application/json",
        "*/*",
    ],
)
def test_another_content_type_is_415(content_type: str | None) -> None:
    """contract §1.4"""
    assert isinstance(refusal('{"movieId": "a"}', content_type), UnsupportedMediaType)
    assert isinstance(refusal("not json", content_type), UnsupportedMediaType)


def test_an_empty_body_is_400_whether_or_not_it_has_a_type() -> None:
    for content_type in (None, JSON):
        refused = refusal(b"", content_type)
        assert (refused.status, refused.message, refused.details) == (400, "Request body is empty", {})
    assert isinstance(refusal(b"", "text/plain"), UnsupportedMediaType)


# --- anything -------------------------------------------------------------------------------------


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["", " ", "a", "4", "ab", "true", "2030-12", "2030-1\u0660", "both", "\0", "a" * 300]),
)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-2, 12),
        st.integers(-(10**70), 10**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(-1, 6),
        TEXTS,
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def is_text(value: Any, least: int = 0, most: int = 10**9, *, exact: bool = False) -> bool:
    if not isinstance(value, str) or "\0" in value or len(value) > most:
        return False
    return len(value) >= least if exact else len(value.strip()) >= least


def is_whole(value: Any, least: int, most: int) -> bool:
    return is_number(value, least, most) and (isinstance(value, int) or value.is_integer())


def is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


RIGHT: dict[str, Callable[[Any], bool]] = {
    "movieId": lambda value: is_text(value, 1, 10),
    "password": lambda value: is_text(value, 2, 8, exact=True),
    "quantity": lambda value: is_whole(value, 1, 10),
    "anyNumber": lambda value: is_whole(value, 1 - 10**64, 10**64 - 1),
    "rating": lambda value: is_number(value, 0, 5),
    "weight": lambda value: is_number(value, -9.9999e63, 9.9999e63),
    "gift": lambda value: isinstance(value, bool),
    "note": lambda value: value is None or is_text(value),
    "year": lambda value: value is None or is_whole(value, 0, 9999),
    "shouted": lambda value: is_text(value, 0, 5),
    "expiration": lambda value: value is None or (is_text(value) and value == "2030-12"),
}


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(st.sampled_from([*RIGHT, "other", "movie_id"]), VALUES), st.booleans())
def test_any_value_in_any_field_is_taken_or_named(document: dict[str, Any], escaped: bool) -> None:  # noqa: FBT001
    if isinstance(month := document.get("expiration"), str) and len(month) == 7 and month != "2030-12":
        del document["expiration"]  # for the oracle does not know of other months
    if is_number(weight := document.get("weight", 0), -math.inf, math.inf) and abs(weight) > 9e63:
        del document["weight"]  # nor of the very edge
    wrong = [name for name, right in RIGHT.items() if name in document and not right(document[name])]
    if "movieId" not in document:
        wrong.insert(0, "movieId")
    if document.get("note") == "both" and "year" in document and "year" not in wrong:
        wrong.append("note")
    text = json.dumps(document, ensure_ascii=escaped)
    if wrong:
        assert list(field_errors(text)) == wrong
    else:
        assert read(text).movie_id == document["movieId"]


@unhurried
@given(st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(NOT_JSON), max_size=3).map(b"".join)))
def test_any_bytes_are_a_value_or_an_invalid_request(raw: bytes) -> None:
    try:
        read(raw)
    except InvalidRequest as refused:
        json.dumps(refused.details)


@unhurried
@given(
    VALUES.map(json.dumps), st.integers(0, 200), st.sampled_from([b"", b'"', b"[", b"}", b"\\", b"\xff", b",", b"1"])
)
def test_damaged_json_is_a_value_or_an_invalid_request(text: str, place: int, put: bytes) -> None:
    raw = f'{{"movieId": {text}}}'.encode()
    try:
        read(raw[:place] + put + raw[place + 1 :])
    except InvalidRequest as refused:
        json.dumps(refused.details)

"""What the OpenAPI document tells of bodies, sessions, tokens, request headers and the answers that come with them."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from msgspec import Meta
from openapi_spec_validator import OpenAPIV31SpecValidator

from filmer import errors
from filmer.http.body import Body, ReceivedBody
from filmer.http.bounds import BLANKS, STORABLE
from filmer.openapi.document import EndpointDoc, HeaderParameter, PathParameter, ResponseDoc, document
from filmer.openapi.examples import refusal


class Month:
    """What a text is read as."""


class NewOrder(Body):
    """An order made up for these tests."""

    movie_id: Annotated[str, Meta(min_length=1, max_length=10, description="IMDb's id")]
    e_mail: Annotated[str, Meta(extra={"read": str.strip}, extra_json_schema={"format": "email"})]
    password: Annotated[str, Meta(min_length=8, extra={"exact": True})]
    quantity: Annotated[int, Meta(ge=1, le=10)] = 1
    rating: Annotated[float, Meta(ge=0, le=5)] | None = None
    gift: bool = False
    expiration: Annotated[
        Month | None,
        Meta(extra={"read": lambda _: Month()}, extra_json_schema={"description": "A month", "examples": ["2030-12"]}),
    ] = None


class Order(msgspec.Struct, rename="camel"):
    order_id: int


GIVEN = {"movieId": "tt1", "eMail": "user@example.com", "password": "filmer-demo", "quantity": 2}
PLACE = EndpointDoc(
    method="POST",
    path="/api/v1/made-up",
    name="placeMadeUp",
    summary="Place an order",
    tag="Made up",
    headers=(HeaderParameter("Idempotency-Key", {"type": "string", "maxLength": 255}, "Makes it safe to repeat."),),
    body=NewOrder,
    body_example=GIVEN,
    protected=True,
    slowed=True,
    answers={
        200: ResponseDoc(
            description="Placed",
            data=Order,
            example={"success": True, "data": {"orderId": 1}},
            headers=("Set-Cookie",),
        ),
        409: refusal("The key was used for another order", errors.Conflict()),
    },
)
SHOW = EndpointDoc(
    method="GET",
    path="/api/v1/made-up",
    name="showMadeUp",
    summary="Show an order",
    tag="Made up",
    protected=True,
    answers={
        200: ResponseDoc(description="It", data=Order, example={"success": True, "data": {"orderId": 1}}),
        401: refusal("In its own words", errors.InvalidCredentials()),
    },
)
FORGET = EndpointDoc(
    method="DELETE",
    path="/api/v1/made-up/{orderId}",
    name="forgetMadeUp",
    summary="Forget an order",
    tag="Others",
    path_parameters=(PathParameter("orderId", {"type": "integer"}, "Its id"),),
    answers={204: ResponseDoc(description="Forgotten")},
)
JUDGE = EndpointDoc(  # the other API's
    method="POST",
    path="/api/made-up",
    name="judgeMadeUp",
    summary="Judge an order",
    tag="Others",
    body=NewOrder,
    body_example=GIVEN,
    protected=True,
    answers={
        201: ResponseDoc(description="Judged", data=Order, example={"orderId": 1}, headers=("Age", "X-Cache")),
        400: refusal(
            "In its own words",
            errors.InvalidRating([errors.FieldError("rating", "must be at most 5")]),
            errors.InvalidRequest(),
        ),
        503: refusal("Two things may be away", errors.ExternalApiError(), errors.ServiceUnavailable()),
    },
)


@pytest.fixture(scope="module")
def told() -> Any:
    return json.loads(msgspec.json.encode(document([PLACE, SHOW], [FORGET, JUDGE])))


def place(told: Any) -> Any:
    return told["paths"]["/api/v1/made-up"]["post"]


def judge(told: Any) -> Any:
    return told["paths"]["/api/made-up"]["post"]


def schema(told: Any) -> Any:
    media = place(told)["requestBody"]["content"]
    assert list(media) == ["application/json"]
    assert media["application/json"]["schema"] == {"$ref": "#/components/schemas/NewOrder"}
    return told["components"]["schemas"]["NewOrder"]


def resolved(told: Any, answer: Any) -> Any:
    return told["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer


def test_it_is_valid_openapi_3_1(told: Any) -> None:
    assert list(OpenAPIV31SpecValidator(told).iter_errors()) == []


def test_several_tables_make_one_document(told: Any) -> None:
    assert list(told["paths"]) == ["/api/v1/made-up", "/api/v1/made-up/{orderId}", "/api/made-up"]
    assert [tag["name"] for tag in told["tags"]] == ["Made up", "Others"]


def test_a_bodys_schema_is_made_of_its_struct(told: Any) -> None:
    found = schema(told)
    assert found["required"] == ["movieId", "eMail", "password"]
    assert found.get("additionalProperties", True) is True
    assert found["properties"] == {
        "movieId": {
            "type": "string",
            "minLength": 1,
            "maxLength": 10,
            "description": "IMDb's id",
            "pattern": rf"^[^\u0000]*[^\u0000{BLANKS}][^\u0000]*$",
        },
        "eMail": {"type": "string", "format": "email", "pattern": STORABLE},
        "password": {"type": "string", "minLength": 8, "pattern": STORABLE},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
        "rating": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 5}, {"type": "null"}], "default": None},
        "gift": {"type": "boolean", "default": False},
        "expiration": {
            "anyOf": [{"type": "string", "pattern": STORABLE}, {"type": "null"}],
            "default": None,
            "description": "A month",
            "examples": ["2030-12"],
        },
    }
    assert place(told)["requestBody"]["required"] is True
    for marker in ("exact", "read"):
        assert f'"{marker}"' not in json.dumps(found)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"other": [1]}, True),
        ({"rating": None, "gift": True}, True),
        ({"rating": 4.5}, True),
        ({"rating": 5.5}, False),
        ({"rating": "4"}, False),
        ({"quantity": None}, False),
        ({"quantity": "4"}, False),
        ({"quantity": True}, False),
        ({"quantity": 1.5}, False),
        ({"quantity": 11}, False),
        ({"movieId": ""}, False),
        ({"movieId": None}, False),
        ({"password": "short"}, False),
        ({"gift": 1}, False),
    ],
)
def test_the_schema_says_what_the_reader_does(told: Any, change: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    body = GIVEN | change
    assert Draft202012Validator(schema(told)).is_valid(body) == fits
    received = ReceivedBody(json.dumps(body).encode(), "application/json")
    if fits:
        assert received.read(NewOrder).movie_id == "tt1"
    else:
        with pytest.raises(errors.InvalidRequest):
            received.read(NewOrder)


def test_a_session_is_a_cookie(told: Any) -> None:
    scheme = told["components"]["securitySchemes"]["sessionCookie"]
    assert {name: scheme[name] for name in ("type", "in", "name")} == {
        "type": "apiKey", "in": "cookie", "name": "JSESSIONID",
    }  # fmt: skip
    assert place(told)["security"] == [{"sessionCookie": []}]
    assert "security" not in told["paths"]["/api/v1/made-up/{orderId}"]["delete"]


def test_a_token_is_a_bearers(told: Any) -> None:
    scheme = told["components"]["securitySchemes"]["bearerToken"]
    assert {name: scheme[name] for name in ("type", "scheme")} == {"type": "http", "scheme": "bearer"}
    assert judge(told)["security"] == [{"bearerToken": []}]


def test_request_headers_are_parameters(told: Any) -> None:
    (header,) = place(told)["parameters"]
    assert (header["name"], header["in"], header["required"]) == ("Idempotency-Key", "header", False)
    assert header["schema"] == {"type": "string", "maxLength": 255, "pattern": STORABLE}


def test_every_operation_tells_its_answers(told: Any) -> None:
    statuses = {
        (method, path): set(operation["responses"])
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    }
    assert statuses == {
        ("post", "/api/v1/made-up"): set("200 400 401 403 408 409 413 415 429 500 503".split()),  # noqa: SIM905
        ("get", "/api/v1/made-up"): {"200", "401", "500", "503"},
        ("delete", "/api/v1/made-up/{orderId}"): {"204", "500", "503"},
        ("post", "/api/made-up"): set("201 400 401 403 408 413 415 500 503".split()),  # noqa: SIM905
    }


def test_an_operations_own_words_come_before_the_common_ones(told: Any) -> None:
    answer = told["paths"]["/api/v1/made-up"]["get"]["responses"]["401"]
    assert answer["description"] == "In its own words"


def test_what_has_no_body_tells_none(told: Any) -> None:
    assert "content" not in told["paths"]["/api/v1/made-up/{orderId}"]["delete"]["responses"]["204"]


def test_answers_tell_their_headers(told: Any) -> None:
    responses = place(told)["responses"]
    assert "Set-Cookie" in resolved(told, responses["200"])["headers"]
    for status in ("429", "503"):
        assert "Retry-After" in resolved(told, responses[status])["headers"]
    assert {"Set-Cookie", "Retry-After"} <= set(told["components"]["headers"])


def test_errors_bring_their_headers(told: Any) -> None:
    responses = judge(told)["responses"]
    headers = {
        status: set(resolved(told, answer)["headers"]) - {"X-Request-Id"} for status, answer in responses.items()
    }
    assert {status: names for status, names in headers.items() if names} == {
        "201": {"Age", "X-Cache"}, "401": {"WWW-Authenticate"}, "503": {"Retry-After"},
    }  # fmt: skip
    assert set.union(*headers.values()) <= set(told["components"]["headers"])


def test_what_the_community_answers_has_no_envelope(told: Any) -> None:
    (media,) = judge(told)["responses"]["201"]["content"].values()
    assert media == {"schema": {"$ref": "#/components/schemas/Order"}, "example": {"orderId": 1}}


def test_several_errors_of_one_status_are_examples_named_by_their_codes(told: Any) -> None:
    (media,) = judge(told)["responses"]["400"]["content"].values()
    assert "example" not in media
    field_error = {"field": "rating", "reason": "must be at most 5"}
    wrong = {"code": "INVALID_RATING", "message": "rating: must be at most 5", "details": {"fields": [field_error]}}
    assert media["examples"]["INVALID_RATING"] == {"value": {"error": wrong}}
    assert set(media["examples"]) == {"INVALID_RATING", "VALIDATION_ERROR"}


SHOPS = {
    "400": "VALIDATION_ERROR",
    "401": "UNAUTHORIZED",
    "403": "FORBIDDEN",
    "408": "REQUEST_TIMEOUT",
    "409": "CONFLICT",
    "413": "PAYLOAD_TOO_LARGE",
    "415": "UNSUPPORTED_MEDIA_TYPE",
    "429": "RATE_LIMITED",
    "500": "INTERNAL_ERROR",
    "503": "SERVICE_UNAVAILABLE",
}
COMMUNITYS = {
    "401": "INVALID_TOKEN",
    "403": "FORBIDDEN",
    "408": "REQUEST_TIMEOUT",
    "413": "PAYLOAD_TOO_LARGE",
    "415": "UNSUPPORTED_MEDIA_TYPE",
    "500": "INTERNAL_ERROR",
}


@pytest.mark.parametrize(
    ("path", "envelope", "status", "code"),
    [
        *(("/api/v1/made-up", "ShopError", *one) for one in SHOPS.items()),
        *(("/api/made-up", "CommunityError", *one) for one in COMMUNITYS.items()),
    ],
)
def test_errors_have_their_codes_and_fit_their_schema(
    told: Any, path: str, envelope: str, status: str, code: str
) -> None:
    (media,) = resolved(told, told["paths"][path]["post"]["responses"][status])["content"].values()
    assert media["schema"] == {"$ref": f"#/components/schemas/{envelope}"}
    assert media["example"]["error"]["code"] == code
    Draft202012Validator({**media["schema"], "components": told["components"]}).validate(media["example"])

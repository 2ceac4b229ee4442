"""The OpenAPI document of made-up endpoints: bodies, sessions, tokens, request headers, responses; and its mistakes."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from litestar import HttpMethod, Router
from litestar.params import FromPath
from msgspec import Meta
from openapi_spec_validator import OpenAPIV31SpecValidator

from filmer import errors
from filmer.http.body import Body, ReceivedBody
from filmer.http.bounds import BLANKS, STORABLE
from filmer.http.handlers import AnyRequest, Handlers
from filmer.openapi.document import make_document
from filmer.openapi.endpoints import EndpointDoc, EndpointDocs, Parameter, ResponseDoc, failure
from filmer.urls import anonymous, personal


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


class MadeUp(Handlers):
    """Endpoints made up for these tests."""

    async def place(self, request: AnyRequest) -> None: ...

    async def show(self, request: AnyRequest) -> None: ...

    async def forget(self, order_id: FromPath[str]) -> None: ...

    async def judge_order(self, request: AnyRequest) -> None: ...


GIVEN = {"movieId": "tt1", "eMail": "user@example.com", "password": "filmer-demo", "quantity": 2}
DOCS: EndpointDocs = {
    MadeUp.place: EndpointDoc(
        operation_id="placeMadeUp",
        summary="Place an order",
        tag="Made up",
        headers=(Parameter("Idempotency-Key", {"type": "string", "maxLength": 255}, "Makes it safe to repeat."),),
        body=NewOrder,
        body_example=GIVEN,
        rate_limited=True,
        responses=(
            ResponseDoc("Placed", Order, {"orderId": 1}, headers=("Set-Cookie",)),
            failure("The key was used for another order", errors.Conflict()),
        ),
    ),
    MadeUp.show: EndpointDoc(
        summary="Show an order",
        tag="Made up",
        responses=(
            ResponseDoc("It", Order, {"orderId": 1}),
            failure("In its own words", errors.InvalidCredentials()),
        ),
    ),
    MadeUp.forget: EndpointDoc(
        summary="Forget an order",
        tag="Others",
        path_parameters=(Parameter("orderId", {"type": "integer"}, "Its id"),),
        responses=(ResponseDoc("Forgotten"),),
    ),
    MadeUp.judge_order: EndpointDoc(  # the other API's
        summary="Judge an order",
        tag="Others",
        body=NewOrder,
        body_example=GIVEN,
        responses=(
            ResponseDoc("Judged", Order, {"orderId": 1}, headers=("Age", "X-Cache")),
            failure(
                "In its own words",
                errors.InvalidRating([errors.FieldError("rating", "must be at most 5")]),
                errors.InvalidRequest(),
            ),
            failure("Two things may be away", errors.ExternalApiError(), errors.ServiceUnavailable()),
        ),
    ),
}


def routers() -> list[Router]:
    made_up = MadeUp()
    shop = [
        personal(HttpMethod.POST, "/made-up", made_up.place),
        personal(HttpMethod.GET, "/made-up", made_up.show),
        anonymous(HttpMethod.DELETE, "/made-up/{order_id:str}", made_up.forget, status=204),
    ]
    community = [personal(HttpMethod.POST, "/made-up", made_up.judge_order, status=201)]
    return [Router("/api/v1", route_handlers=shop), Router("/api", route_handlers=community)]


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(msgspec.json.encode(make_document(routers(), DOCS)))


def place(document: Any) -> Any:
    return document["paths"]["/api/v1/made-up"]["post"]


def judge(document: Any) -> Any:
    return document["paths"]["/api/made-up"]["post"]


def schema(document: Any) -> Any:
    media = place(document)["requestBody"]["content"]
    assert list(media) == ["application/json"]
    assert media["application/json"]["schema"] == {"$ref": "#/components/schemas/NewOrder"}
    return document["components"]["schemas"]["NewOrder"]


def resolved(document: Any, response: Any) -> Any:
    return document["components"]["responses"][response["$ref"].rpartition("/")[2]] if "$ref" in response else response


def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_several_tables_make_one_document(document: Any) -> None:
    assert list(document["paths"]) == ["/api/v1/made-up", "/api/v1/made-up/{orderId}", "/api/made-up"]
    assert [tag["name"] for tag in document["tags"]] == ["Made up", "Others"]


def test_an_operation_has_the_name_of_its_handler_unless_its_doc_has_another(document: Any) -> None:
    assert place(document)["operationId"] == "placeMadeUp"
    assert judge(document)["operationId"] == "judgeOrder"


@pytest.mark.parametrize("handler", DOCS, ids=lambda handler: handler.__name__)
def test_a_route_without_a_doc_is_an_error(handler: Any) -> None:
    docs = {documented: doc for documented, doc in DOCS.items() if documented != handler}
    with pytest.raises(LookupError, match=f"missing: {handler.__qualname__}$"):
        make_document(routers(), docs)


def test_a_doc_without_a_route_is_an_error() -> None:
    with pytest.raises(LookupError, match=f"missing: {MadeUp.judge_order.__qualname__}$"):
        make_document(routers()[:1], DOCS)


def test_a_doc_names_each_parameter_of_the_path() -> None:
    nameless = msgspec.structs.replace(DOCS[MadeUp.forget], path_parameters=())
    with pytest.raises(LookupError, match=r"MadeUp\.forget has 1 parameters in its path, its doc has 0"):
        make_document(routers(), {**DOCS, MadeUp.forget: nameless})


def test_a_bodys_schema_is_made_of_its_struct(document: Any) -> None:
    new_order = schema(document)
    assert new_order["required"] == ["movieId", "eMail", "password"]
    assert new_order.get("additionalProperties", True) is True
    assert new_order["properties"] == {
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
    assert place(document)["requestBody"]["required"] is True
    for marker in ("exact", "read"):
        assert f'"{marker}"' not in json.dumps(new_order)


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
def test_the_schema_says_what_the_reader_does(document: Any, change: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    body = GIVEN | change
    assert Draft202012Validator(schema(document)).is_valid(body) == fits
    received = ReceivedBody(json.dumps(body).encode(), "application/json")
    if fits:
        assert received.read(NewOrder).movie_id == "tt1"
    else:
        with pytest.raises(errors.InvalidRequest):
            received.read(NewOrder)


def test_a_session_is_a_cookie(document: Any) -> None:
    scheme = document["components"]["securitySchemes"]["sessionCookie"]
    assert {name: scheme[name] for name in ("type", "in", "name")} == {
        "type": "apiKey", "in": "cookie", "name": "JSESSIONID",
    }  # fmt: skip
    assert place(document)["security"] == [{"sessionCookie": []}]
    assert "security" not in document["paths"]["/api/v1/made-up/{orderId}"]["delete"]


def test_a_token_is_a_bearers(document: Any) -> None:
    scheme = document["components"]["securitySchemes"]["bearerToken"]
    assert {name: scheme[name] for name in ("type", "scheme")} == {"type": "http", "scheme": "bearer"}
    assert judge(document)["security"] == [{"bearerToken": []}]


def test_request_headers_are_parameters(document: Any) -> None:
    (header,) = place(document)["parameters"]
    assert (header["name"], header["in"], header["required"]) == ("Idempotency-Key", "header", False)
    assert header["schema"] == {"type": "string", "maxLength": 255, "pattern": STORABLE}


def test_every_operation_tells_its_answers(document: Any) -> None:
    statuses = {
        (method, path): set(operation["responses"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert statuses == {
        ("post", "/api/v1/made-up"): set("200 400 401 403 408 409 413 415 429 500 503".split()),  # noqa: SIM905
        ("get", "/api/v1/made-up"): {"200", "401", "500", "503"},
        ("delete", "/api/v1/made-up/{orderId}"): {"204", "500", "503"},
        ("post", "/api/made-up"): set("201 400 401 403 408 413 415 500 503".split()),  # noqa: SIM905
    }


def test_an_operations_own_words_come_before_the_common_ones(document: Any) -> None:
    response = document["paths"]["/api/v1/made-up"]["get"]["responses"]["401"]
    assert response["description"] == "In its own words"


def test_what_has_no_body_tells_none(document: Any) -> None:
    assert "content" not in document["paths"]["/api/v1/made-up/{orderId}"]["delete"]["responses"]["204"]


def test_answers_tell_their_headers(document: Any) -> None:
    responses = place(document)["responses"]
    assert "Set-Cookie" in resolved(document, responses["200"])["headers"]
    for status in ("429", "503"):
        assert "Retry-After" in resolved(document, responses[status])["headers"]
    assert {"Set-Cookie", "Retry-After"} <= set(document["components"]["headers"])


def test_errors_bring_their_headers(document: Any) -> None:
    responses = judge(document)["responses"]
    headers = {
        status: set(resolved(document, response)["headers"]) - {"X-Request-Id"}
        for status, response in responses.items()
    }
    assert {status: names for status, names in headers.items() if names} == {
        "201": {"Age", "X-Cache"}, "401": {"WWW-Authenticate"}, "503": {"Retry-After"},
    }  # fmt: skip
    assert set.union(*headers.values()) <= set(document["components"]["headers"])


def test_what_the_community_answers_has_no_envelope(document: Any) -> None:
    (media,) = judge(document)["responses"]["201"]["content"].values()
    assert media == {"schema": {"$ref": "#/components/schemas/Order"}, "example": {"orderId": 1}}


def test_several_errors_of_one_status_are_examples_named_by_their_codes(document: Any) -> None:
    (media,) = judge(document)["responses"]["400"]["content"].values()
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
        *(("/api/v1/made-up", "ShopError", *error) for error in SHOPS.items()),
        *(("/api/made-up", "CommunityError", *error) for error in COMMUNITYS.items()),
    ],
)
def test_errors_have_their_codes_and_fit_their_schema(
    document: Any, path: str, envelope: str, status: str, code: str
) -> None:
    (media,) = resolved(document, document["paths"][path]["post"]["responses"][status])["content"].values()
    assert media["schema"] == {"$ref": f"#/components/schemas/{envelope}"}
    assert media["example"]["error"]["code"] == code
    Draft202012Validator({**media["schema"], "components": document["components"]}).validate(media["example"])

"""Forms are read by the rules of the JSON bodies (contract §1.3, §1.5)."""

from typing import Annotated
from urllib.parse import urlencode

import pytest
from msgspec import Meta

from filmer.community.schemas import NewRating
from filmer.errors import FieldError, InvalidRequest, UnsupportedMediaType
from filmer.http.body import Body, ReceivedBody
from filmer.shop.schemas import NewCartItem, Submission
from filmer.storefront.forms import Form, _members, without_blanks

MEDIA_TYPE = "application/x-www-form-urlencoded"


class Whole(Body):
    amount: Annotated[float, Meta(ge=0, le=5)] = 1.0


def form(body: str | bytes, media_type: str | None = MEDIA_TYPE) -> Form:
    raw = body.encode() if isinstance(body, str) else body
    return Form(_members(ReceivedBody(raw, media_type)))


def field_errors(body: str, struct: type[Body]) -> list[FieldError]:
    with pytest.raises(InvalidRequest) as raised:
        form(body).read(struct)
    return list(raised.value.field_errors)


def test_a_form_becomes_what_json_becomes() -> None:
    item = form("movieId=tt0111161&quantity=3&other=x").read(NewCartItem)
    assert (item.movie_id, item.quantity) == ("tt0111161", 3)
    rating = form("movie_id=278&rating=4.5").read(NewRating)
    assert (rating.movie_id, rating.rating) == (278, 4.5)
    assert form("rating=4&movie_id=1").read(NewRating).rating == 4


def test_text_is_percent_encoded_utf_8_with_plus_for_blank() -> None:
    card = {"creditCardId": "4111 1111", "firstName": "Zoë & Co", "lastName": "a+b=c", "expiration": "2030-12"}
    read = form(urlencode(card)).read(Submission)
    assert (read.credit_card_id, read.first_name, read.last_name) == ("4111 1111", "Zoë & Co", "a+b=c")


@pytest.mark.parametrize("number", ["1.5", "1_0", "١٢", "", " 3", "0x3", "1e3", "+1", "nan", "inf"])
def test_what_is_no_integer_is_none(number: str) -> None:
    assert field_errors(urlencode({"movieId": "tt1", "quantity": number}), NewCartItem) == [
        FieldError("quantity", "must be an integer")
    ]


@pytest.mark.parametrize("number", ["1_0", "١٢", "", " 3", "1e3", "nan", "inf", "Infinity", "+1", "1.", ".5"])
def test_what_is_no_number_is_none(number: str) -> None:
    assert field_errors(urlencode({"amount": number}), Whole) == [FieldError("amount", "must be a number")]


def test_every_offence_is_told() -> None:
    assert field_errors("quantity=11", NewCartItem) == [
        FieldError("movieId", "is required"),
        FieldError("quantity", "must be at most 10"),
    ]
    assert field_errors("movieId=a&movieId=b&quantity=99999999999999999999999", NewCartItem) == [
        FieldError("movieId", "must be given only once"),
        FieldError("quantity", "must be at most 10"),
    ]


@pytest.mark.parametrize("body", [b"movieId=%00", b"movieId=%FF", b"%FF=1"])
def test_what_no_column_holds_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        form(body).read(NewCartItem)


def test_too_many_fields_and_other_media_types_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        form("&".join(f"a{number}=1" for number in range(101)))
    with pytest.raises(UnsupportedMediaType):
        form("{}", "application/json")
    with pytest.raises(UnsupportedMediaType):
        form("a=b", "multipart/form-data; boundary=x")


def test_an_empty_form_is_a_form() -> None:
    assert form("", None).get("next") == ""
    assert form("a=&b=2").get("a") == ""


def test_a_form_tells_nothing_of_what_is_in_it() -> None:
    assert "4111" not in repr(form("creditCardId=4111111111111111"))


def test_fields_left_empty_are_not_asked() -> None:
    assert without_blanks(b"title=&year=1999&star=+%20%E3%80%80%09&page=2&x&y=%FF") == b"year=1999&page=2&y=%FF"
    assert without_blanks(b"") == b""

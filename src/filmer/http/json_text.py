"""Decodes the JSON object of an untrusted body; whatever is wrong with it is an InvalidRequest (contract §1.3).

With Python's own decoder, which unlike msgspec's shows what the checks need: repeated members, each digit of a number.
"""

import json
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, NoReturn

import msgspec

from filmer.errors import InvalidRequest

MAX_DEPTH = 32  # levels; the outermost object is the first
HUGE = 10**64  # stands for every integer with more digits: it is beyond any bound, and made quickly


class Fraction(msgspec.Struct, frozen=True):
    """A number that is no integer, as it was written."""

    text: str


class Members(list[tuple[str, Any]]):
    """An object's names and values, in the order and as often as they were sent."""


def read_json(raw: bytes) -> Members:
    """The outermost object's members. Integers are ``int``, up to ``HUGE``; other numbers are ``Fraction``."""
    try:
        value = _DECODER.decode(raw.decode())
        _check_depth_and_text(value)
    except RecursionError:
        raise InvalidRequest(message="Request body is nested too deeply") from None
    except ValueError:
        raise InvalidRequest(message="Request body is not valid JSON") from None
    if not isinstance(value, Members):
        raise InvalidRequest(message="Request body must be a JSON object")
    return value


def _check_depth_and_text(value: Any) -> None:
    """Raises UnicodeEncodeError for a lone surrogate, RecursionError for too many levels."""
    level, depth = [value], 0
    while level:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                item.encode()
            elif isinstance(item, list):
                if depth == MAX_DEPTH:
                    raise RecursionError
                inner.extend(chain.from_iterable(item) if isinstance(item, Members) else item)
        level, depth = inner, depth + 1


def _integer(text: str) -> int:
    if len(text) <= len(str(HUGE)) - 1:
        return int(text)
    return -HUGE if text.startswith("-") else HUGE


def _decimal(text: str) -> int | Fraction:
    """An integer in whatever notation: to JSON Schema, and so to our API description, ``4.0`` and ``4e0`` are 4."""
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of nineteen digits or more
        return Fraction(text)
    if number != number.to_integral_value():
        return Fraction(text)
    if number.adjusted() < len(str(HUGE)) - 1 or not number:
        return int(number)
    return -HUGE if number < 0 else HUGE


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and infinities are Python's, not JSON's


_DECODER = json.JSONDecoder(object_pairs_hook=Members, parse_int=_integer, parse_float=_decimal, parse_constant=_refuse)

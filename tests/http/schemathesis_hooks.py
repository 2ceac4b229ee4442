"""Hooks for schemathesis, loaded by its command in a process of its own (``SCHEMATHESIS_HOOKS``).

Each request comes from an address of its own, so that none is slowed; and most from somebody who is known, where
schemathesis is not told itself who asks.
"""

import os
import random
from typing import Any

import msgspec
import schemathesis
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis import Case, GenerationMode, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

VARIABLE = "FILMER_CALLERS"
# What is refused though each part of it is right: it goes by what else was sent, what the cart holds, or which cards
# there are. No schema can say it.
BEYOND_SCHEMAS = (
    "at least one search filter must be given",  # contract §3.3
    "relevance needs query",
    "must not be after yearTo",
    "must not bring the line over 10",  # contract §5.2
    "a cart holds at most",
    "must not be in the past",  # contract §6.2
    "must not be before 1900-01-01",  # of a day on which a film was seen
    "must not be in the future",  # the same
    "Cart is empty",  # contract §6.1
    "Card information does not match",  # contract §6.3
)


class Callers(msgspec.Struct):
    """``user`` and ``admin``: their tokens."""

    known: dict[str, list[Any]]  # what there is, by the path parameter that names it
    sessions: list[str] = []
    user: str = ""
    admin: str = ""


callers = msgspec.json.decode(os.environ[VARIABLE], type=Callers)
draw = random.Random()


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
    case.headers["X-Forwarded-For"] = f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}"
    if case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE:
        for name, value in case.path_parameters.items():
            known = callers.known.get(name, [])
            # Links that schemathesis infers may bring an id of another kind.
            if known and (draw.random() < 0.7 or not isinstance(value, type(known[0]))):
                case.path_parameters[name] = draw.choice(known)
    if not callers.sessions or draw.random() < 0.1:  # without credentials, or with those that schemathesis made up
        return
    if case.path.startswith("/api/v1/"):
        case.cookies["JSESSIONID"] = "of nobody" if case.path.endswith("/logout") else draw.choice(callers.sessions)
    else:
        is_admins = "/admin/" in case.path or draw.random() < 0.2
        case.headers["Authorization"] = f"Bearer {callers.admin if is_admins else callers.user}"


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """What counts as one."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    return not (has_id_of_another_kind(case) or any(reason in response.text for reason in BEYOND_SCHEMAS))


def has_id_of_another_kind(case: Case[Any]) -> bool:
    """Links that schemathesis infers may bring one API's id to the other: then the request breaks its own schema."""
    return any(
        not Draft202012Validator(parameter.definition["schema"]).is_valid(case.path_parameters[parameter.name])
        for parameter in case.operation.path_parameters.items
    )

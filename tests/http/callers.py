"""Who asks what schemathesis thinks of: loaded by its command, in a process of its own (``SCHEMATHESIS_HOOKS``).

Each request comes from an address of its own, so that none is slowed, and most from somebody who is known.
"""

import os
import random
from typing import Any

import msgspec
import schemathesis
from schemathesis import Case, GenerationMode, HookContext

VARIABLE = "FILMER_CALLERS"


class Callers(msgspec.Struct):
    """``user`` and ``admin``: their tokens."""

    sessions: list[str]
    user: str
    admin: str
    known: dict[str, list[Any]]  # what there is, by the path parameter that names it


callers = msgspec.json.decode(os.environ[VARIABLE], type=Callers)
draw = random.Random()


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
    case.headers["X-Forwarded-For"] = f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}"
    if case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE:
        for name in case.path_parameters:
            if name in callers.known and draw.random() < 0.7:
                case.path_parameters[name] = draw.choice(callers.known[name])
    if draw.random() < 0.1:  # as nobody, or whoever was thought of
        return
    if case.path.startswith("/api/v1/"):
        case.cookies["JSESSIONID"] = "of nobody" if case.path.endswith("/logout") else draw.choice(callers.sessions)
    else:
        is_admins = "/admin/" in case.path or draw.random() < 0.2
        case.headers["Authorization"] = f"Bearer {callers.admin if is_admins else callers.user}"

"""Nothing tells whether there is an account: same bodies, same time (contract §4.2, §12.1; promise 13).

Asked are the API's sign-in, and the pages for signing in, for registering and for a forgotten password.

LOGINS sets how many are made of each kind: about 60 here, 1 000 in `make trust`, which tells the measured AUC: how
well the time of an answer tells the kinds apart. 0.5 is not at all, 1 (or 0) is always.
"""

import asyncio
import math
import os
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from tests.accounts.conftest import new_address, open_account
from tests.accounts.mailed import SENDS_MAIL
from tests.conftest import PASSWORD_COST
from tests.figures import record_figure
from tests.in_process import in_process
from tests.responses import error_of
from tests.users import LOGIN, PASSWORD, hash_password

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]
LOGINS = int(os.environ.get("LOGINS", "60"))
IS_MEASURED = LOGINS >= 1000  # fewer prove nothing about times
EACH = 5  # tries of one e-mail: fewer than would be slowed
ASKED = 2  # mails to one address, likewise
ANOTHER = "a password of another"
Fields = dict[str, str]


@pytest.fixture(autouse=True)
def _passwords_cost_enough(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What they do for users; where nothing is measured an eighth, which is still seen if it is left out."""
    memory = PASSWORD_COST["MEMORY_KIB"] // (1 if IS_MEASURED else 8)
    monkeypatch.setattr("filmer.accounts.passwords.MEMORY_KIB", memory)
    monkeypatch.setattr("filmer.accounts.passwords.NICENESS", PASSWORD_COST["NICENESS"])
    hash_password.cache_clear()  # one that costs less
    yield
    hash_password.cache_clear()


class Refused(NamedTuple):
    kind: str
    seconds: float
    response: httpx.Response


def auc(first: list[float], second: list[float]) -> float:
    """How often one of the first is above one of the second; ties count half."""
    ranks = {value: [0, 0.0] for value in {*first, *second}}
    for place, value in enumerate(sorted([*first, *second]), 1):
        ranks[value][0] += 1
        ranks[value][1] += place
    summed = math.fsum(ranks[value][1] / ranks[value][0] for value in first)
    return (summed - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))


def test_the_measure_measures() -> None:
    assert auc([1, 2, 3], [4, 5]) == 0
    assert auc([4, 5], [1, 2, 3]) == 1
    assert auc([1, 2, 3], [1, 2, 3]) == 0.5
    assert auc([1, 3, 5, 7], [2, 4, 6]) == 0.5
    assert auc([2, 2, 9], [1, 2]) == pytest.approx((1 + 0.5 + 1 + 0.5 + 2) / 6)


async def _refusals(database_url: str, emails: dict[str, list[str]]) -> list[Refused]:
    attempts = [(kind, email) for kind, some in emails.items() for email in some * EACH]
    random.shuffle(attempts)
    refusals = []
    async with in_process(database_url, trusted_proxies="10.0.0.1") as process, process.visitor("10.0.0.1") as client:
        for _ in range(10):  # until connections and caches are warm
            await _refusal(client, "warm", f"{new_address()}@example.com")
        for kind, email in attempts:
            refusals.append(await _refusal(client, kind, email))
    return refusals


async def _refusal(client: httpx.AsyncClient, kind: str, email: str) -> Refused:
    headers = {"x-forwarded-for": new_address()}
    password = PASSWORD if kind == "closed" else "not the password"
    begun = time.perf_counter()
    response = await client.post(LOGIN, json={"email": email, "password": password}, headers=headers)
    return Refused(kind, time.perf_counter() - begun, response)


def _shown(response: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but what is another each time: its id, and what time it is."""
    headers = [(name, value) for name, value in response.headers.multi_items() if name != "x-request-id"]
    return response.status_code, headers, response.content.partition(b'"timestamp"')[0]


def test_nothing_tells_whether_there_is_an_account(database_url: str) -> None:
    """A wrong password, an e-mail nobody has, and the right password of a closed account."""
    people = max(1, LOGINS // EACH)
    emails = {
        "known": [open_account(database_url).email for _ in range(people)],
        "closed": [open_account(database_url).email for _ in range(people)],
        "unknown": [f"nobody{number}@example.com" for number in range(people)],
    }
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE account SET disabled = true WHERE email = ANY(%s)", [emails["closed"]])
    refused = asyncio.run(_refusals(database_url, emails))
    for refusal in refused:
        error_of(refusal.response, 401, "INVALID_CREDENTIALS")
        assert _shown(refusal.response) == _shown(refused[0].response)
    times = {kind: [refusal.seconds for refusal in refused if refusal.kind == kind] for kind in emails}
    for kind in ("known", "closed"):
        measured = auc(times[kind], times["unknown"])
        record_figure(f"{kind} against unknown e-mails, {len(times[kind])} each: AUC {measured:.3f}")
        if IS_MEASURED:
            assert 0.45 <= measured <= 0.55
        # Where the password of nobody were not looked at, each of the known would take longer.
        assert measured < 0.9


SIGN_IN: Fields = {"password": "not the password"}
REGISTER: Fields = {"firstName": "Mary", "lastName": "Major", "password": ANOTHER}
PAGES = [("/sign-in", SIGN_IN, EACH, 401), ("/register", REGISTER, ASKED, 200), ("/forgotten", {}, ASKED, 200)]
QUICK = 3  # times as many of what hashes no password: it costs little, and chance moves the AUC of 1,000 by 0.013


@pytest.mark.parametrize(("path", "fields", "each", "status"), PAGES, ids=[page[0] for page in PAGES])
def test_no_page_tells_whether_there_is_an_account(
    database_url: str, path: str, fields: Fields, each: int, status: int
) -> None:
    people = max(1, (LOGINS if "password" in fields else LOGINS * QUICK) // each)
    emails = {
        "known": [open_account(database_url).email for _ in range(people)],
        "unknown": [f"mary0{number}@example.com" for number in range(people)],
    }
    answers = asyncio.run(_answers(database_url, path, fields, {kind: some * each for kind, some in emails.items()}))
    first = answers[0][1]
    for email, answer in answers:
        assert answer.response.status_code == status
        assert _without(email, answer) == _without(answers[0][0], first)
    times = {kind: [answer.seconds for _, answer in answers if answer.kind == kind] for kind in emails}
    measured = auc(times["known"], times["unknown"])
    record_figure(f"{path}: known against unknown e-mails, {len(times['known'])} each: AUC {measured:.3f}")
    if IS_MEASURED:
        assert 0.45 <= measured <= 0.55
    assert 0.1 < measured < 0.9


async def _answers(
    database_url: str, path: str, fields: Fields, emails: dict[str, list[str]]
) -> list[tuple[str, Refused]]:
    attempts = [(kind, email) for kind, some in emails.items() for email in some]
    random.shuffle(attempts)
    settings: dict[str, Any] = {**SENDS_MAIL, "trusted_proxies": "10.0.0.1"}
    answers = []
    async with in_process(database_url, **settings) as process, process.visitor("10.0.0.1") as client:
        if process.component("delivery"):
            await process.component("delivery").stop()  # nobody would be there
        for kind, email in [*[("warm", f"{new_address()}@example.com") for _ in range(10)], *attempts]:
            headers = {"x-forwarded-for": new_address()}
            begun = time.perf_counter()
            response = await client.post(path, data={**fields, "email": email}, headers=headers)
            answers.append((email, Refused(kind, time.perf_counter() - begun, response)))
    return answers[10:]


def _without(email: str, answer: Refused) -> tuple[list[tuple[str, str]], str]:
    """All of an answer but its id and the address that was typed."""
    headers = [
        header
        for header in answer.response.headers.multi_items()
        if header[0] not in {"x-request-id", "content-length"}
    ]
    return headers, answer.response.text.replace(email, "")


def test_slowing_down_is_the_same_for_both(database_url: str) -> None:
    known = open_account(database_url).email

    async def run() -> None:
        async with (
            in_process(database_url, trusted_proxies="10.0.0.1") as process,
            process.visitor("10.0.0.1") as client,
        ):
            for email in (known, "nobody@example.com"):
                statuses = [(await _refusal(client, "", email)).response.status_code for _ in range(12)]
                assert statuses == [401] * 10 + [429] * 2

    asyncio.run(run())

"""What filmer promises under load, faults and attack, the figure each promise names, and what proves it."""

from typing import Literal

import msgspec

Beside = Literal["anything", "idle", "nothing"]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """``tests``: of pytest, or else ``module`` of this folder; ``figures`` stand in their environment.

    ``beside``: what may run at the same time: anything; what leaves the processor idle, as it does itself, since short
    times are measured; nothing, since the processor itself is. ``minutes`` it takes, about: the longest come last.
    """

    number: int
    promise: str
    figure: str
    tests: tuple[str, ...] = ()
    chosen: str = ""  # pytest's -k
    module: str = ""
    figures: dict[str, str] = {}
    beside: Beside = "anything"
    minutes: float = 1


PROMISES = [
    Promise(
        number=1,
        promise="one cart gives one order",
        figure="64 submits at once, 500 rounds: 0 second orders; with a key one answer, without it or an empty cart",
        tests=("tests/shop/test_one_order.py",),
        figures={"FILMER_TRUST_ROUNDS": "500"},
        minutes=5,
    ),
    Promise(
        number=2,
        promise="a crash loses and doubles nothing",
        figure="10 000 checkouts, and any process killed 200 times: 0 lost, doubled, partial; back ≤ 5 s",
        tests=("tests/shop/test_crashes.py", "tests/server/test_kills.py"),
        chosen="killed",
        figures={"FILMER_TRUST_CRASH_CHECKOUTS": "10000", "FILMER_TRUST_KILLS": "200"},
        beside="nothing",
        minutes=20,
    ),
    Promise(
        number=3,
        promise="all or nothing, wherever it breaks",
        figure="every point clean",
        tests=("tests/shop/test_all_or_nothing.py",),
    ),
    Promise(
        number=4,
        promise="acknowledged means durable",
        figure="1 000 orders, 0 missing",
        tests=("tests/shop/test_crashes.py",),
        chosen="acknowledged or through or waives",
        figures={"FILMER_TRUST_DURABLE_ORDERS": "1000"},
        minutes=2,
    ),
    Promise(
        number=5,
        promise="you pay what you saw",
        figure="5 000 sequences, 0 cents",
        tests=("tests/shop/test_price_as_shown.py",),
        figures={"SEQUENCES": "5000"},
        minutes=15,
    ),
    Promise(
        number=6,
        promise="cart and orders behave like one copy",
        figure="1 000 histories of 50 operations; 5 bugs caught",
        tests=("tests/shop/test_like_one_copy.py", "tests/shop/test_histories.py"),
        figures={"FILMER_TRUST_HISTORIES": "1000", "FILMER_TRUST_OPERATIONS": "50"},
        minutes=8,
    ),
    Promise(
        number=7,
        promise="nobody sees another's things",
        figure="every actor, object, endpoint and page: 0 leaks",
        tests=(
            "tests/shop/test_nobody_elses.py",
            "tests/community/test_nobody_elses.py",
            "tests/storefront/test_nobody_elses.py",
        ),
    ),
    Promise(
        number=8,
        promise="no secret at rest or in a log",
        figure="dump, cache, logs, metrics: 0 hits",
        tests=("tests/shop/test_no_secrets.py", "tests/community/test_no_secrets.py", "tests/mail/test_no_secrets.py"),
        minutes=1.5,
    ),
    Promise(
        number=9,
        promise="both specs to the letter",
        figure="every example, status and code in them: 100 %",
        tests=(
            "tests/test_spec_examples.py",
            "tests/community/test_spec_examples.py",
            "tests/openapi/test_document.py",
        ),
    ),
    Promise(
        number=10,
        promise="no 5xx from any input",
        figure="1 000 examples an operation, and hostile bytes in every field: 0",
        tests=("tests/openapi/test_schemathesis.py", "tests/http/test_hostile.py"),
        figures={"FILMER_TRUST_EXAMPLES": "1000", "FILMER_TRUST_HOSTILE": "100000"},
        minutes=90,
    ),
    Promise(
        number=11,
        promise="sessions end when they should",
        figure="29:59 lives, 30:01 is dead; rotation, replay, logout on another node",
        tests=("tests/accounts/test_session_times.py",),
    ),
    Promise(
        number=12,
        promise="other sites can't act for you",
        figure="method, Sec-Fetch-Site, Origin, content type: all cells",
        tests=("tests/edge/test_cross_site.py",),
    ),
    Promise(
        number=13,
        promise="no telling who has an account",
        figure="2 times 1 000 logins: AUC ≤ 0.55, equal bodies",
        tests=("tests/accounts/test_no_telling.py",),
        figures={"LOGINS": "1000"},
        beside="nothing",
        minutes=3,
    ),
    Promise(
        number=14,
        promise="guessing is slowed, cache up or down",
        figure="10 000 tries: no more than documented; the victim signs in",
        tests=("tests/accounts/test_guessing.py",),
        figures={"GUESSES": "10000"},
        minutes=4,
    ),
    Promise(
        number=15,
        promise="TMDB down: nobody notices on warm pages",
        figure="10 minutes, 300 req/s: 100 % 200, p99 as before, bounded calls",
        tests=("tests/community/test_tmdb_down.py",),
        figures={"FILMER_TRUST_OUTAGE_SECONDS": "600", "FILMER_TRUST_OUTAGE_RATE": "300"},
        beside="idle",
        minutes=11,
    ),
    Promise(
        number=16,
        promise="one question, one call",
        figure="1 000 cold requests, 4 workers: 1 call; ≤ 1 a worker without Valkey",
        tests=("tests/tmdb/test_one_call.py",),
        figures={
            "FILMER_TRUST_ONE_CALL_REQUESTS": "1000",
            "FILMER_TRUST_ONE_CALL_WORKERS": "4",
            "FILMER_TRUST_TMDB_DEADLINE": "15",
        },
    ),
    Promise(
        number=17,
        promise="retries as specified",
        figure="4 calls; waits ≥ 1, 2, 4 s, each ≤ 5 s; Retry-After kept",
        tests=("tests/tmdb/test_retries.py",),
    ),
    Promise(
        number=18,
        promise="a cold failure is bounded",
        figure="503 within the deadline; size capped; good copies stand",
        tests=("tests/tmdb/test_cold_failures.py",),
        figures={"FILMER_TRUST_TMDB_DEADLINE": "15"},
    ),
    Promise(
        number=19,
        promise="the cache is optional",
        figure="8 harms: 0 wrong answers, 0 mixed-up users; p99 + ≤ 60 ms",
        tests=("tests/community/test_cache_optional.py",),
        figures={"FILMER_TRUST_CACHE_SECONDS": "30"},
        beside="idle",
        minutes=9,
    ),
    Promise(
        number=20,
        promise="the database comes back, so do we",
        figure="killed, paused, read-only, failed over under load: ≤ 5 s after it is back",
        tests=("tests/store/test_database_comes_back.py", "tests/store/test_replicas.py"),
        figures={"FILMER_TRUST_COMES_BACK_ROUNDS": "10", "FILMER_TRUST_FAIL_OVERS": "10"},
        minutes=6,
    ),
    Promise(
        number=21,
        promise="a caller who hangs up breaks nothing",
        figure="5 000: 0 half-states, 0 leaked connections",
        tests=("tests/shop/test_hang_ups.py",),
        figures={"FILMER_TRUST_HANG_UPS": "5000"},
    ),
    Promise(
        number=22,
        promise="a new version, no failed request",
        figure="50 restarts under load, 0 failures; SIGTERM drains within 15 s",
        tests=("tests/server/test_rolling.py",),
        figures={"FILMER_TRUST_RESTARTS": "50"},
        minutes=10,
    ),
    Promise(
        number=23,
        promise="disk full is orderly",
        figure="PostgreSQL on a small volume: 503 for writes, reads go on, nothing torn",
        tests=("tests/store/test_disk_full.py",),
        figures={"FILMER_TRUST_DISK_FULL_ROUNDS": "10", "FILMER_TRUST_DISK_FULL_SECONDS": "10"},
        minutes=4,
    ),
    Promise(
        number=24,
        promise="slow and fat callers are cut",
        figure="closed ≤ 10 s; memory + ≤ 50 MiB",
        tests=("tests/edge/test_slow_and_fat.py",),
        figures={"FILMER_TRUST_FAT_BYTES": "1073741824", "FILMER_TRUST_IDLE": "1000"},
        beside="nothing",
    ),
    Promise(
        number=25,
        promise="overload sheds, then recovers",
        figure="three times capacity: goodput ≥ 80 %; normal ≤ 10 s after",
        tests=("tests/edge/test_overload.py",),
        figures={"FILMER_TRUST_OVERLOAD_SECONDS": "30"},
        beside="nothing",
    ),
    Promise(
        number=26,
        promise="any page is cheap",
        figure="pages up to 10³⁰: 0 5xx, ≤ 50 ms",
        module="bench.deep_pages",
        beside="nothing",
    ),
    Promise(
        number=27,
        promise="search means what it says",
        figure="10 000 queries, 0 differences",
        tests=("tests/catalogue/test_search_oracle.py", "tests/catalogue/test_lists_oracle.py"),
        figures={"FILMER_TRUST_SEARCHES": "10000"},
        minutes=4,
    ),
    Promise(
        number=28,
        promise="an import is all or nothing",
        figure="killed 60 times, damaged, run twice, browsed meanwhile",
        tests=("tests/importing",),
        figures={"FILMER_TRUST_KILLS": "60"},
        minutes=5,
    ),
    Promise(
        number=29,
        promise="backups come back",
        figure="dump, restore, audit: 100 %",
        tests=("tests/backup",),
        figures={"FILMER_TRUST_BACKUPS": "50", "FILMER_TRUST_RESTORE_KILLS": "60"},
        minutes=4,
    ),
    Promise(
        number=30,
        promise="pages are safe",
        figure="crawled under the policy: 0 violations, 0 findings of axe",
        tests=("tests/browser",),
        minutes=4,
    ),
    Promise(
        number=31,
        promise="tests bite",
        figure="≥ 90 % of the mutants of checkout, sessions, TMDB cache killed, survivors explained",
        module="bench.mutants",
        figures={"FILMER_TRUST_MUTANTS": "150"},
        beside="nothing",
        minutes=12,
    ),
    Promise(
        number=32,
        promise="the supply chain is known",
        figure="pinned and hashed; 0 known vulnerabilities",
        module="bench.dependency_audit",
    ),
    Promise(
        number=33,
        promise="a rental is for whoever rented it, for as long",
        figure="every actor, rental and address, at every boundary: 0 leaks",
        tests=("tests/rentals/test_nobody_else_watches.py",),
    ),
    Promise(
        number=34,
        promise="it begins once, ends once",
        figure="64 plays and hand-outs at once over 2 nodes, with kills, 500 rounds: one beginning",
        tests=("tests/rentals/test_begins_once.py",),
        figures={"FILMER_TRUST_BEGINNINGS": "500"},
        minutes=8,
    ),
    Promise(
        number=35,
        promise="no copy is promised twice",
        figure="5 000 sequences, with kills: never more out and reserved than there are",
        tests=("tests/rentals/test_copies_promised_once.py",),
        figures={"FILMER_TRUST_COPIES": "5000"},
        minutes=20,
    ),
    Promise(
        number=36,
        promise="cancelled and refunded agree",
        figure="5 000 sequences, the provider failing and losing answers: sums agree once it answers",
        tests=("tests/rentals/test_cancelled_and_refunded.py",),
        figures={"FILMER_TRUST_CANCELS": "5000"},
        minutes=15,
    ),
    Promise(
        number=37,
        promise="one order, one charge",
        figure="2 000 orders, Stripe failing, losing answers, repeating and forging webhooks, kills: sums equal",
        tests=("tests/shop/test_stripe_one_charge.py", "tests/shop/test_stripe_faults.py"),
        figures={"FILMER_TRUST_CHARGES": "2000"},
        minutes=20,
    ),
    Promise(
        number=38,
        promise="a mail is sent if its cause was committed",
        figure="2 000 mails, a server that refuses and drops, kills: 0 lost, 0 without cause, ≤ 1 % twice",
        tests=("tests/mail/test_none_lost_few_doubled.py",),
        figures={"FILMER_TRUST_MAILS": "2000"},
        minutes=10,
    ),
    Promise(
        number=39,
        promise="who leaves is gone",
        figure="dump, cache, logs, metrics, a later backup: 0 hits of the person; sums of orders unchanged",
        tests=("tests/personal_data/test_who_leaves_is_gone.py",),
    ),
    Promise(
        number=40,
        promise="any first character, any title",
        figure="10 000 first characters, every mark and script: every film opens; ids imported or refused",
        tests=("tests/importing/test_any_title.py",),
        figures={"FILMER_TRUST_FIRST_CHARACTERS": "10000"},
        minutes=5,
    ),
]

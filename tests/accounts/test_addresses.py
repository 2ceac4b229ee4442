"""One e-mail address is one account, however its domain is spelt (contract §4.5); and what was kept before that."""

import itertools
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.accounts.conftest import Browser, Shop, open_account
from tests.accounts.forms import error_beside, is_signed_in, send
from tests.accounts.test_account_command import CHOSEN, command, create, output_of, refusal
from tests.accounts.test_login import log_in
from tests.accounts.test_register import REGISTER, newcomer
from tests.commands import CommandResult, filmer
from tests.conftest import MakeDatabase, Serve, ServeHere
from tests.responses import data_of, error_of, offences_of
from tests.server_in_thread import ServerInThread
from tests.users import PASSWORD, hash_password

from filmer.accounts.addresses import MAX_EMAIL, email_key, read_email, read_sign_in_email
from filmer.store.embedded import Engines

_numbers = itertools.count(1)

# Spellings of one domain: as people type it, on keyboards of their own, and as browsers and mail servers do.
SPELLINGS = [
    "münchen.example",
    "xn--mnchen-3ya.example",
    "XN--MNCHEN-3YA.EXAMPLE",
    "MÜNCHEN.Example",
    "mu\u0308nchen.example",
    "münchen。example",
    "\uff4dünchen\uff0eexample",
]
FARSI = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc"  # with a joiner that is unseen
# Spellings, what they are compared by, and how they are shown.
FORMS = [
    ("Mary.Größe@Example.com", "mary.größe@example.com", "Mary.Größe@Example.com"),
    ("a@Straße.example", "a@xn--strae-oqa.example", "a@straße.example"),
    ("a@strasse.example", "a@strasse.example", "a@strasse.example"),
    ("用户@例子.公司", "用户@xn--fsqu00a.xn--55qx5d", "用户@例子.公司"),
    ("a@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff61\uff43\uff4f\uff4d", "a@example.com", "a@example.com"),
    (f"a@{FARSI}.example", "a@xn--mgba3gch31f060k.example", f"a@{FARSI}.example"),
    ("a@xn--mgba3gch31f060k.example", "a@xn--mgba3gch31f060k.example", f"a@{FARSI}.example"),
    ("a@my_host.münchen.example", "a@my_host.xn--mnchen-3ya.example", "a@my_host.münchen.example"),
    ("a@r3---sn.example", "a@r3---sn.example", "a@r3---sn.example"),
    ("a@1.2.3.4", "a@1.2.3.4", "a@1.2.3.4"),
    *((f"Kunde@{domain}", "kunde@xn--mnchen-3ya.example", "Kunde@münchen.example") for domain in SPELLINGS),
]
# Domains there can't be. The first few were addresses for earlier versions, and some people may have one.
ONCE_TAKEN = ["xn--i-7iq.example", "xn--a.example", "\u0661\u0662.example", "\ufdfa.example", f"{'ü' * 60}.example"]
IMPOSSIBLE = [
    *ONCE_TAKEN,
    "-ü.example",
    "ü-.example",
    "♥.example",
    "ü..example",
    "a\uff0fb.example",
    "ü\uff20b.example",
]


def new_name() -> str:
    return f"kunde{next(_numbers)}"


@pytest.mark.parametrize(("typed", "key", "shown"), FORMS)
def test_what_an_address_is_compared_by_and_how_it_is_shown(typed: str, key: str, shown: str) -> None:
    assert (email_key(typed), read_email(f" {typed} ")) == (key, shown)
    assert (email_key(shown), read_email(shown)) == (key, shown)
    assert email_key(read_sign_in_email(typed)) == key


@given(st.text(max_size=40) | st.from_regex("[a-z]@[-ü。.xn\uff19_]{1,30}", fullmatch=True) | st.emails())
def test_whatever_is_typed_is_refused_or_has_one_form(typed: str) -> None:
    try:
        shown = read_email(typed)
    except ValueError:
        return
    assert read_email(shown) == shown
    assert email_key(shown) == email_key(read_sign_in_email(typed))
    assert email_key(shown).partition("@")[2].isascii()
    assert len(shown) <= MAX_EMAIL


def test_who_registers_at_one_spelling_signs_in_at_every_other(accounts: Shop, browser: Browser) -> None:
    name = new_name()
    response = browser().post(REGISTER, json=newcomer(email=f"{name}@{SPELLINGS[1]}"))
    assert response.status_code == 201, response.text
    data = response.json()["data"]
    assert data["email"] == f"{name}@münchen.example"
    for domain in SPELLINGS:
        assert data_of(log_in(browser(), f"{name.upper()}@{domain}")) == data
    for domain in SPELLINGS[:2]:
        error_of(browser().post(REGISTER, json=newcomer(email=f"{name}@{domain}")), 409, "CONFLICT")
        again = send(browser(), "/register", **newcomer(email=f"{name}@{domain}"))
        assert error_beside(again, "email").endswith("sign in instead, or use another.")
        assert "has an account already" in refusal(create(accounts.database_url, f"{name}@{domain}"))


def test_an_account_of_the_command_line_signs_in_at_the_page(accounts: Shop, browser: Browser) -> None:
    """Browsers send a field of addresses in ASCII."""
    name = new_name()
    listing = output_of(create(accounts.database_url, f"{name}@MÜNCHEN.example"))
    assert f"{name}@münchen.example" in listing
    client = browser()
    assert send(client, "/sign-in", email=f"{name}@xn--mnchen-3ya.example", password=CHOSEN).status_code == 303
    assert is_signed_in(client)
    assert f"{name}@münchen.example" in client.get("/account").text


def test_another_spelling_is_no_other_allowance_to_guess(browser: Browser) -> None:
    """contract §4.2"""
    name = new_name()
    spelt = itertools.cycle(SPELLINGS)
    statuses = [log_in(browser(), f"{name}@{next(spelt)}", "wrong").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


@pytest.mark.parametrize("domain", IMPOSSIBLE)
def test_a_domain_there_can_not_be_is_told(domain: str, accounts: Shop, browser: Browser) -> None:
    email = f"{new_name()}@{domain}"
    reasons = offences_of(browser().post(REGISTER, json=newcomer(email=email)))
    assert list(reasons) == ["email"]
    assert reasons["email"].startswith("must be an e-mail address")
    result = create(accounts.database_url, email)
    assert (result.returncode, f"'{email}' must be an e-mail address" in result.stderr) == (1, True)
    if domain in ONCE_TAKEN:
        assert "there can be no such domain" in reasons["email"]
        error_of(log_in(browser(), email), 401, "INVALID_CREDENTIALS")
    else:
        assert list(offences_of(log_in(browser(), email))) == ["email"]


def test_the_longest_address_is_bounded_as_it_is_shown(browser: Browser) -> None:
    """Some characters are mapped to several."""
    response = browser().post(REGISTER, json=newcomer(email=f"{'x' * 64}@{'㎯.' * 60}example"))
    assert list(offences_of(response)) == ["email"]


# --- what earlier versions kept -------------------------------------------------------------------


class Old:
    """A database with accounts as earlier versions made them, and a server of this one."""

    def __init__(self, url: str, server: ServerInThread) -> None:
        self.url = url
        self._server = server

    def open(self, email: str) -> int:
        """An account, compared by its address without case alone."""
        with psycopg.connect(self.url) as conn:
            row = conn.execute(
                "INSERT INTO account (email, email_key, first_name, last_name, password, created)"
                " VALUES (%s, %s, 'Mary', 'Major', %s, now()) RETURNING id",
                [email, email.lower(), hash_password()],
            ).fetchone()
        assert row
        return int(row[0])

    def migrate(self) -> CommandResult:
        return command_of(self.url, "migrate")

    def rows(self) -> dict[int, tuple[str, str]]:
        with psycopg.connect(self.url) as conn:
            rows_found = conn.execute("SELECT id, email, email_key FROM account").fetchall()
        return {row[0]: (row[1], row[2]) for row in rows_found}

    def signs_in(self, email: str) -> int:
        """Whose account that is."""
        number: int = data_of(log_in(self._server.client, email))["customerId"]
        return number


def command_of(url: str, *arguments: object, **settings: str) -> CommandResult:
    result = filmer(*arguments, DATABASE_URL=url, **settings)
    assert "Traceback" not in result.stderr, result.stderr
    return result


@pytest.fixture
def old(database_url: str, serve_here: ServeHere) -> Old:
    hash_password()
    return Old(database_url, serve_here(database_url))


def test_earlier_accounts_come_to_be_compared_by_their_domains(old: Old) -> None:
    ours, theirs, other = old.open("Kunde@MÜNCHEN.example"), old.open("a@xn--55qx5d.example"), old.open("B@Example.com")
    strange = {domain: old.open(f"a@{domain}") for domain in ONCE_TAKEN}
    expected = {number: (f"a@{domain}", f"a@{domain}") for domain, number in strange.items()} | {
        ours: ("Kunde@münchen.example", "kunde@xn--mnchen-3ya.example"),
        theirs: ("a@公司.example", "a@xn--55qx5d.example"),
        other: ("B@Example.com", "b@example.com"),
    }
    assert old.signs_in("kunde@münchen.example") == ours, "before anything was brought into form, too"
    for _ in range(2):
        migrated = old.migrate()
        assert (migrated.returncode, migrated.stderr) == (0, "")
        assert old.rows() == expected
    assert {old.signs_in(f"kunde@{domain}") for domain in SPELLINGS} == {ours}
    assert old.signs_in("a@公司.example") == old.signs_in("a@xn--55qx5d.example") == theirs
    assert {domain: old.signs_in(f"a@{domain}") for domain in ONCE_TAKEN} == strange


def test_accounts_of_one_address_are_told_of_left_alone_and_both_sign_in(
    old: Old, engines: Engines, serve: Serve
) -> None:
    """Each with the spelling it had; until the owner gives one of them another address."""
    older, younger = old.open("kunde@münchen.example"), old.open("kunde@xn--mnchen-3ya.example")
    first, second = old.open("b@ÖL.example"), old.open("b@\uff4f\u0308l.example")
    spelt = {older: "kunde@münchen.example", younger: "kunde@xn--mnchen-3ya.example", second: "b@\uff4f\u0308l.example"}
    for _ in range(2):
        done = old.migrate()
        assert done.returncode == 0
        has = "has the e-mail address of account"
        assert done.stderr.splitlines()[:2] == [
            f"warning: account {older} (kunde@münchen.example) {has} {younger} (kunde@xn--mnchen-3ya.example)",
            f"warning: account {second} (b@\uff4f\u0308l.example) {has} {first} (b@xn--l-0ga.example)",
        ]
        assert "filmer account email" in done.stderr
        rows = old.rows()
        assert {number: rows[number][0] for number in spelt} == spelt
        assert rows[first] == ("b@öl.example", "b@xn--l-0ga.example"), "the older one has what is free"
        assert {number: old.signs_in(email) for number, email in spelt.items()} == {number: number for number in spelt}
        assert old.signs_in("b@öl.example") == old.signs_in("b@xn--l-0ga.example") == first
    listed = output_of(command(old.url, "list")).splitlines()
    for one, another in ((older, younger), (younger, older), (first, second), (second, first)):
        (line,) = [line for line in listed if line.split()[0] == str(one)]
        assert line.endswith(f"(same e-mail address as account {another})")
    doctor = command_of(old.url, "doctor", REDIS_URL=engines.redis_url)
    assert doctor.returncode == 1
    assert doctor.stderr.count("FAIL") == 2
    assert f"account {older} (kunde@münchen.example)" in doctor.stderr

    output = serve(old.url).output()
    assert output.count("accounts have one e-mail address") == 1
    assert f"{older} and {younger}" in output
    assert "münchen" not in output

    assert "has an account already" in refusal(command(old.url, "email", second, "KUNDE@xn--mnchen-3ya.example"))
    assert "There is no account 999999" in refusal(command(old.url, "email", 999999, "nobody@example.com"))
    assert "must be an e-mail address" in command(old.url, "email", second, "b@-ü.example").stderr
    assert output_of(command(old.url, "email", second, "b2@Example.com")).endswith("b2@Example.com now")
    assert output_of(command(old.url, "email", younger, "kunde@XN--55QX5D.example")).endswith("kunde@公司.example now")
    assert old.signs_in("b2@example.com") == second
    assert old.signs_in("kunde@xn--mnchen-3ya.example") == old.signs_in("kunde@münchen.example") == older
    assert old.migrate().stderr == ""
    assert command_of(old.url, "doctor", REDIS_URL=engines.redis_url).returncode == 0


def test_no_second_account_is_opened_beside_one_not_yet_brought_into_form(old: Old) -> None:
    """A worker of the earlier version made it a moment ago."""
    number = old.open("kunde@münchen.example")
    assert "has an account already" in refusal(create(old.url, "kunde@xn--mnchen-3ya.example"))
    assert old.signs_in("kunde@münchen.example") == number


def test_an_earlier_backup_comes_back_in_form(old: Old, make_database: MakeDatabase, tmp_path: Path) -> None:
    older, younger = old.open("kunde@münchen.example"), old.open("kunde@xn--mnchen-3ya.example")
    other_user = old.open("other@münchen.example")
    done = command_of(old.url, "backup", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    target = make_database()
    done = command_of(target, "restore", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    assert f"account {older} (kunde@münchen.example) has the e-mail address of account {younger}" in done.stderr
    with psycopg.connect(target) as conn:
        row = conn.execute("SELECT email_key FROM account WHERE id = %s", [other_user]).fetchone()
    assert row == ("other@xn--mnchen-3ya.example",)


def test_the_office_finds_both_spellings(accounts: Shop, browser: Browser) -> None:
    name = new_name()
    person = open_account(accounts.database_url, email=f"{name}@münchen.example")
    owner, client = open_account(accounts.database_url, role="admin"), browser()
    assert send(client, "/sign-in", email=owner.email, password=PASSWORD).status_code == 303
    for typed in (f"{name}@münchen", f"{name}@xn--mnchen-3ya"):
        page = client.get("/admin/customers", params={"query": typed, "q": typed}).text
        assert page.count(person.email) == 1

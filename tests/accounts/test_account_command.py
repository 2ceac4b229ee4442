"""The command ``filmer account``, as an administrator uses it."""

import os
import pty
import re
import select
import sys
import termios
import time
from datetime import timedelta

import psutil
import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop, open_account
from tests.accounts.forms import send
from tests.accounts.test_login import log_in, session_of, token_of
from tests.commands import CommandResult, environment, filmer

CHOSEN = "tr0ub4dor & three"


def command(database_url: str, *arguments: object, typed: str | bytes = "") -> CommandResult:
    """``filmer account …`` with something on its standard input."""
    result = filmer("account", *arguments, typed=typed, DATABASE_URL=database_url)
    assert "Traceback" not in result.stderr, result.stderr
    assert CHOSEN not in result.stdout + result.stderr
    return result


def create(database_url: str, email: str, *more: str, typed: str | bytes = f"{CHOSEN}\n") -> CommandResult:
    names = ("--first-name", "Mary", "--last-name", "Major")
    return command(database_url, "create", "--email", email, *names, *more, typed=typed)


def output_of(result: CommandResult) -> str:
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout.strip()


def refusal(result: CommandResult) -> str:
    """Why it was not done: one sentence, and exit code 1."""
    assert (result.returncode, result.stdout) == (1, ""), result.stdout + result.stderr
    message = result.stderr.strip()
    assert message.startswith("filmer: ")
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_an_account_is_opened_and_signs_in(accounts: Shop, browser: Browser) -> None:
    message = output_of(create(accounts.database_url, " Chief@Example.com ", "--role", "admin"))
    match = re.fullmatch(r"account (\d+): Mary Major, Chief@Example\.com, admin", message)
    assert match
    response = log_in(browser(), "chief@example.com", CHOSEN)
    assert response.json()["data"]["customerId"] == int(match[1])
    listed = output_of(command(accounts.database_url, "list"))
    line = next(line for line in listed.splitlines() if "Chief@Example.com" in line)
    assert re.search(rf"^ *{match[1]} +admin +Chief@Example.com +Mary Major, since \d{{4}}-\d\d-\d\d, 1 session$", line)


def test_without_a_role_it_is_a_customer(accounts: Shop) -> None:
    assert output_of(create(accounts.database_url, "clerk@example.com")).endswith(", customer")


def invite(database_url: str, email: str, **settings: str) -> CommandResult:
    names = ("--first-name", "Grace", "--last-name", "Hopper")
    return filmer("account", "invite", email, *names, DATABASE_URL=database_url, **settings)


def test_who_is_invited_chooses_a_password_by_a_link_once(accounts: Shop, browser: Browser) -> None:
    opened, link = output_of(
        invite(accounts.database_url, "invited@example.com", FILMER_PUBLIC_URL="https://films.example")
    ).splitlines()
    assert opened.endswith("Grace Hopper, invited@example.com, customer")
    path = link.removeprefix("https://films.example")
    assert path.startswith("/new-password/")
    assert log_in(browser(), "invited@example.com", CHOSEN).status_code == 401
    assert browser().get(path).status_code == 200
    assert send(browser(), path, password=CHOSEN).status_code == 303
    assert log_in(browser(), "invited@example.com", CHOSEN).status_code == 200
    send(browser(), path, password=f"not {CHOSEN}")
    assert log_in(browser(), "invited@example.com", f"not {CHOSEN}").status_code == 401


def test_an_invitation_is_good_for_seven_days(accounts: Shop) -> None:
    output_of(invite(accounts.database_url, "linus@example.com"))
    statement = """
        SELECT until - created FROM new_password_link l JOIN account a ON a.id = l.account_id
        WHERE a.email = 'linus@example.com'
    """
    with psycopg.connect(accounts.database_url) as conn:
        (good_for,) = conn.execute(statement).fetchone() or (None,)
    assert timedelta(days=7) <= good_for < timedelta(days=7, minutes=1)
    assert "has an account already" in refusal(invite(accounts.database_url, "linus@example.com"))


def test_an_address_that_is_known_is_told(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    assert "has an account already" in refusal(create(accounts.database_url, mary.email.upper()))
    assert log_in(browser(), mary.email).status_code == 200


def test_a_list_of_nobody_says_what_to_do(database_url: str) -> None:
    assert "filmer account create" in output_of(command(database_url, "list"))


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "8 to 128"), ("\n", "8 to 128"), ("1234567\n", "8 to 128"), ("x" * 129 + "\n", "8 to 128"),
        (b"\xff\xfe not in UTF-8\n", "UTF-8"), ("four\0four\n", "U+0000"),
    ],
)  # fmt: skip
def test_a_password_that_cannot_be_one(typed: str | bytes, reason: str, database_url: str) -> None:
    sentence = refusal(create(database_url, "mary@example.com", typed=typed))
    assert reason in sentence
    assert "Nothing was changed." in sentence
    assert "1234567" not in sentence
    assert "no accounts" in output_of(command(database_url, "list"))


@pytest.mark.parametrize("typed", [CHOSEN, f"{CHOSEN}\r\n", f"{CHOSEN}\nanother line\n"])
def test_the_password_is_the_first_line(typed: str, accounts: Shop, browser: Browser) -> None:
    email = f"line{abs(hash(typed))}@example.com"
    output_of(create(accounts.database_url, email, typed=typed))
    assert log_in(browser(), email, CHOSEN).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("mary", "Mary", "Major"), "'mary' must be an e-mail address"),
        (("mary@example.com", " ", "Major"), "must not be empty"),
        (("mary@example.com", "x" * 101, "Major"), "at most 100"),
        (("mary@example.com", "Mary", "\x1b[2J"), "control characters"),
        (("mary@example.com", "Mary", "\udcff"), "control characters"),
        (("ma\udcffry@example.com", "Mary", "Major"), "must be an e-mail address"),
    ],
)
def test_what_is_no_address_or_name_is_told(arguments: tuple[str, str, str], reason: str, database_url: str) -> None:
    email, first, last = arguments
    arguments_given = ("create", f"--email={email}", f"--first-name={first}", f"--last-name={last}")
    result = command(database_url, *arguments_given, typed=f"{CHOSEN}\n")
    assert result.returncode == 1
    assert result.stderr.startswith("filmer: ")
    assert reason in result.stderr
    assert "\x1b" not in result.stderr


def test_a_closed_account_is_out_at_once_and_opens_again(accounts: Shop, browser: Browser) -> None:
    mary, client = open_account(accounts.database_url), browser()
    token = token_of(log_in(client, mary.email))
    assert f"filmer account enable {mary.id}" in output_of(command(accounts.database_url, "disable", mary.id))
    assert session_of(client, token).status_code == 401
    assert log_in(client, mary.email).status_code == 401
    assert f"{mary.email} " in (listed := output_of(command(accounts.database_url, "list")))
    assert next(line for line in listed.splitlines() if f"{mary.email} " in line).endswith("0 sessions  (disabled)")
    assert output_of(command(accounts.database_url, "enable", mary.id)) == f"account {mary.id} is open"
    assert session_of(client, token).status_code == 401, "what was ended stays so"
    assert log_in(client, mary.email).status_code == 200


def test_a_new_password_signs_out_everywhere(accounts: Shop, browser: Browser) -> None:
    mary, client = open_account(accounts.database_url), browser()
    tokens = [token_of(log_in(client, mary.email)) for _ in range(3)]
    output_of(command(accounts.database_url, "password", mary.id, typed=f"{CHOSEN}\n"))
    assert {session_of(client, token).status_code for token in tokens} == {401}
    assert log_in(client, mary.email).status_code == 401
    assert log_in(client, mary.email, CHOSEN).status_code == 200


def test_a_role_is_changed(accounts: Shop) -> None:
    mary, _ = open_account(accounts.database_url), open_account(accounts.database_url, role="admin")
    for role in ("admin", "clerk", "customer"):
        assert output_of(command(accounts.database_url, "role", mary.id, role)) == f"account {mary.id} is {role} now"
        with psycopg.connect(accounts.database_url) as conn:
            assert conn.execute("SELECT role FROM account WHERE id = %s", [mary.id]).fetchone() == (role,)
    result = command(accounts.database_url, "role", mary.id, "emperor")
    assert result.returncode == 2
    assert "customer" in result.stderr


def test_signing_out_ends_all_sessions_of_one(accounts: Shop, browser: Browser) -> None:
    mary, john, client = open_account(accounts.database_url), open_account(accounts.database_url), browser()
    tokens = [token_of(log_in(client, mary.email)) for _ in range(2)]
    johns_token = token_of(log_in(client, john.email))
    assert "(2 sessions)" in output_of(command(accounts.database_url, "sign-out", mary.id))
    assert [session_of(client, token).status_code for token in (*tokens, johns_token)] == [401, 401, 200]
    assert "(0 sessions)" in output_of(command(accounts.database_url, "sign-out", mary.id))


@pytest.mark.parametrize(
    "arguments",
    [("disable", "999"), ("enable", "0"), ("password", "9" * 10), ("sign-out", "9" * 20), ("role", "999", "admin")],
)
def test_an_account_that_is_not_there_is_told(arguments: tuple[str, ...], database_url: str) -> None:
    message = refusal(command(database_url, *arguments, typed=f"{CHOSEN}\n"))
    assert f"There is no account {arguments[1]}:" in message
    assert "filmer account list" in message


# --- at a terminal --------------------------------------------------------------------------------


class Terminal:
    """A user at a terminal, who types what the command asks for."""

    def __init__(self, database_url: str, *arguments: str) -> None:
        self.shown = ""
        self.pid, self._there = pty.fork()
        if self.pid == 0:
            command = [sys.executable, "-m", "filmer", "account", *arguments]
            os.execve(sys.executable, command, environment(DATABASE_URL=database_url))

    def type(self, when: str, text: str) -> list[str]:
        """What others can list of the process when it asks, before the text is typed."""
        self._read(lambda: self.shown.count(when) > 0)
        self.shown = self.shown.replace(when, "(asked)")
        listed = psutil.Process(self.pid).cmdline()
        while termios.tcgetattr(self._there)[3] & termios.ECHO:  # until the terminal no longer shows what is typed
            assert psutil.Process(self.pid).is_running()
        os.write(self._there, text.encode())
        return listed

    def end(self) -> int:
        self._read(lambda: False)
        os.close(self._there)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, is_enough: object) -> None:
        assert callable(is_enough)
        deadline = time.monotonic() + 60
        while not is_enough():
            ready, _, _ = select.select([self._there], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"nothing more than {self.shown!r}"
            try:
                chunk = os.read(self._there, 4096)
            except OSError:  # it has ended
                return
            if not chunk:
                return
            self.shown += chunk.decode()


CREATE = ("create", "--email", "tty@example.com", "--first-name", "Mary", "--last-name", "Major")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_at_a_terminal_the_password_is_asked_for_twice_and_never_shown(accounts: Shop, browser: Browser) -> None:
    terminal = Terminal(accounts.database_url, *CREATE)
    listed = terminal.type("Password: ", f"{CHOSEN}\n")
    terminal.type("Password, again: ", f"{CHOSEN}\n")
    assert terminal.end() == 0, terminal.shown
    assert "tty@example.com, customer" in terminal.shown
    assert CHOSEN not in terminal.shown
    assert CHOSEN not in " ".join(listed)
    assert log_in(browser(), "tty@example.com", CHOSEN).status_code == 200


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("second", "code", "message"),
    [(f"{CHOSEN}!\n", 1, "something else"), ("\x04", 1, "nothing was typed"), ("\x03", 130, "interrupted")],
)
def test_what_is_not_typed_twice_is_not_taken(second: str, code: int, message: str, database_url: str) -> None:
    """Another password, the end of the input (Ctrl-D), and an interruption (Ctrl-C)."""
    terminal = Terminal(database_url, *CREATE)
    terminal.type("Password: ", f"{CHOSEN}\n")
    terminal.type("Password, again: ", second)
    assert terminal.end() == code, terminal.shown
    assert message in terminal.shown
    assert "Traceback" not in terminal.shown
    assert CHOSEN not in terminal.shown
    assert "no accounts" in output_of(command(database_url, "list"))


def test_no_command_takes_a_password_as_an_argument(database_url: str) -> None:
    """Everybody on the machine can list arguments."""
    for arguments in (
        ("create", "--password", CHOSEN),
        ("password", "1", CHOSEN),
        ("password", "1", "--password", CHOSEN),
    ):
        result = filmer("account", *arguments, DATABASE_URL=database_url)
        assert result.returncode == 2, result.stderr

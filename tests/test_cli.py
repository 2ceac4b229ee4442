"""The command line: its help, its messages and its exit codes."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.commands import environment, filmer, filmer_process
from tests.conftest import ServeHere
from tests.sandbox import Sandbox

from filmer import __version__, cli
from filmer.server.rolling import RollingServer
from filmer.server.serving import free_port, ip_address_of
from filmer.settings import Settings, SettingsError, load_settings, variable_of
from filmer.store.embedded import Engines

COMMANDS = ["serve", "migrate", "catalogue", "doctor", "import imdb", "import csv", "import demo", "backup", "restore"]

# Each command once as people start it, in a process of its own: how it ends, and what it prints.
# Those of the servers are in test_serving.py and tmdb/test_sandbox_command.py.
STARTED = {
    "migrate": (0, "up to date"),
    "catalogue": (0, "empty"),
    "doctor": (0, "Valkey"),
    "import imdb no-such-folder": (1, "no-such-folder"),
    "import csv no-such.csv": (1, "no-such.csv"),
    "import demo": (0, "are in the catalogue"),
    "account invite bob@example.com --first-name Bob --last-name Ray": (0, "/new-password/"),
    "account import no-such.csv": (1, "no-such.csv"),
    "account list": (0, "filmer account create"),
    "account sign-out 7": (1, "There is no account 7"),
    "token list": (0, "filmer token create"),
    "card list": (0, "filmer card add"),
    "rental terms tt7": (1, "tt7"),
    "mail list": (0, "0 mails not sent"),
    "video check": (0, "0 videos, nothing is wrong"),
    "link tmdb": (1, "TMDB_ACCESS_TOKEN"),
    "export csv films": (0, "title"),
    "log nothing-like-this": (0, "no such entry"),
    "shelves import no-such.csv --user nobody@example.com": (1, "There is no user"),
    "backup shop.backup": (0, "rows in"),
    "restore no-such.backup": (1, "no-such.backup"),
}
HEAVY = {"numpy", "pyarrow"}  # of imports alone


# --- help -----------------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    result = filmer("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert all(command.split()[0] in result.stdout for command in COMMANDS)


def test_the_installed_command_says_its_version() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("filmer"), "--version"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout.strip()) == (0, __version__)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = filmer(*command.split(), "--help")
    assert result.returncode == 0
    assert f"filmer {command}" in result.stdout
    assert "--data-dir" in result.stdout


def test_the_help_of_serve_names_the_variables_its_flags_stand_for() -> None:
    shown = filmer("serve", "--help").stdout
    for flag in ("--demo", "--host", "--port", "--workers"):
        assert flag in shown
    for field in ("host", "port", "workers", "data_dir"):
        assert variable_of(field) in shown


def test_the_help_of_the_imdb_import_says_whose_data_it_is() -> None:
    shown = " ".join(filmer("import", "imdb", "--help").stdout.split())
    assert "Information courtesy of IMDb" in shown
    assert "non-commercial" in shown


@pytest.mark.parametrize(
    "arguments",
    ["no-such-command", "serve --no-such-flag", "serve --port eighty", "import csv", "import", "serve 80 81"],
)
def test_what_it_does_not_understand_is_not_done(arguments: str) -> None:
    result = filmer(*arguments.split())
    assert "Traceback" not in result.stderr + result.stdout
    if arguments == "import":  # a group by itself shows its help
        assert result.returncode == 0
        assert "csv" in result.stdout
    else:
        assert result.returncode == 2  # as shells and argparse have it: the usage was wrong, nothing was tried
        assert result.stderr


# --- each in a process of its own -----------------------------------------------------------------


@pytest.mark.proof
@pytest.mark.parallel
@pytest.mark.parametrize("command", STARTED)
def test_every_command_runs_as_people_start_it(
    command: str, database_url: str, engines: Engines, tmp_path: Path
) -> None:
    code, message = STARTED[command]
    result = filmer_process(*command.split(), at=tmp_path, DATABASE_URL=database_url, REDIS_URL=engines.redis_url)
    assert result.returncode == code, result.stderr
    assert message in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_every_group_of_commands_is_started_above() -> None:
    servers = {"serve", "tmdb-sandbox"}
    flags = {*cli.app.help_flags, *cli.app.version_flags}
    assert {command.split()[0] for command in STARTED} == set(cli.app) - servers - flags


@pytest.mark.parametrize(("module", "goes_without"), [
    ("filmer.cli", HEAVY | {"psycopg", "granian", "litestar"}),
    ("filmer.__main__", HEAVY | {"cyclopts", "rich", "psycopg"}),  # which each worker imports, too
    ("filmer.commands.serve", HEAVY | {"litestar", "httpx", "argon2", "psycopg"}),  # until the workers are started
    ("filmer.commands.opening", HEAVY | {"litestar", "httpx", "argon2", "redis"}),
    ("filmer.demo", HEAVY | {"litestar", "httpx", "redis"}),
    ("filmer.tmdb.sandbox.responses", HEAVY | {"litestar", "psycopg", "structlog"}),
    ("filmer.app", HEAVY | {"cyclopts", "stripe", "requests"}),
])  # fmt: skip
def test_nothing_large_is_loaded_before_it_is_needed(module: str, goes_without: set[str]) -> None:
    """The modules of imports take a third of a second to load, and memory for as long as the process lives."""
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert module in loaded
    assert goes_without & set(loaded) == set()


def test_ctrl_c_ends_a_command_whoever_started_it(database_url: str) -> None:
    """``nohup filmer … &`` hands down an ignored SIGINT."""
    code = (
        "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'filmer', 'account', 'password', '1'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment(DATABASE_URL=database_url), stdin=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_until_it_waits(psutil.Process(process.pid))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr
        assert "interrupted" in process.stderr.read()


def wait_until_it_waits(process: psutil.Process) -> None:
    """Waits until the process has loaded its modules and uses no more time: it waits for input then."""
    deadline = time.monotonic() + 60
    spent = None
    while spent != (spent := process.cpu_times().user) or spent < 0.1 or process.status() != psutil.STATUS_SLEEPING:
        assert time.monotonic() < deadline
        time.sleep(0.5)


# --- settings -------------------------------------------------------------------------------------

BAD = [
    ("FILMER_PORT", "eighty"),
    ("FILMER_PORT", "65536"),
    ("FILMER_PORT", "-1"),
    ("FILMER_WORKERS", "257"),
    ("FILMER_WORKERS", "two"),
    ("FILMER_POOL_SIZE", "0"),
    ("FILMER_CACHE_MIB", "-1"),
    ("FILMER_LOG_LEVEL", "loud"),
    ("FILMER_LOG_FORMAT", "xml"),
    ("FILMER_ACCESS_LOG", "perhaps"),
    ("CACHE_DURATION_SECONDS", "-1"),
    ("CACHE_DURATION_SECONDS", "1.5"),
    ("FILMER_DEFAULT_PRICE", "free"),
    ("FILMER_DEFAULT_PRICE", "-0.01"),
    ("FILMER_DEFAULT_PRICE", "1.999"),
    ("FILMER_DEFAULT_PRICE", "1000000"),
    ("FILMER_DEFAULT_PRICE", "NaN"),
    ("FILMER_CURRENCY", "much too long"),
    ("FILMER_SHOP_NAME", "x" * 81),
    ("FILMER_LOCALE", "klingon"),
    ("FILMER_SESSION_MINUTES", "0"),
    ("FILMER_SESSION_HOURS", "0"),
    ("FILMER_RENTAL_START_DAYS", "0"),
    ("FILMER_RENTAL_HOURS", "0"),
    ("FILMER_CANCEL_HOURS", "-1"),
    ("FILMER_PAYMENT", "cash"),
    ("FILMER_STRIPE_API", "api.stripe.com"),
    ("FILMER_STRIPE_SCRIPT", "js.stripe.com"),
    ("FILMER_STRIPE_PUBLISHABLE_KEY", "sk_"),
    ("FILMER_HOLD_DAYS", "0"),
    ("FILMER_DEMO", "perhaps"),
    ("FILMER_PUBLIC_URL", "films.example"),
    ("FILMER_CORS_ORIGINS", "*"),
    ("FILMER_TRUSTED_PROXIES", "somewhere"),
    ("TMDB_BASE_URL", "api.themoviedb.org/3"),
    ("TMDB_BASE_URL", "ftp://api.themoviedb.org/3"),
    ("TMDB_BASE_URL", "https://api.themoviedb.org/3?page=1"),
    ("TMDB_IMAGE_BASE_URL", "image.tmdb.org/t/p"),
    ("TMDB_IMAGE_BASE_URL", "file:///t/p"),
    ("TMDB_LANGUAGE", "English"),
    ("TMDB_REGION", "Germany"),
    ("TMDB_REQUESTS_PER_SECOND", "0"),
    ("TMDB_DEADLINE_SECONDS", "0"),
    ("TMDB_DEADLINE_SECONDS", "61"),
    ("FILMER_MEDIA_ACCEL", "/media-accel/"),
    ("FILMER_MEDIA_ACCEL", "media"),
    ("FILMER_MEDIA_ORIGINS", "https://cdn.example/films"),
    ("FILMER_MAIL_FROM", "Our shop"),
]
BAD_SECRETS = [
    ("TMDB_API_KEY", "a b"),
    ("TMDB_ACCESS_TOKEN", "ké"),
    ("TMDB_ACCESS_TOKEN", "a\x07b"),
    ("FILMER_METRICS_TOKEN", "short"),
    ("FILMER_MEDIA_URL_SECRET", "short"),
    ("FILMER_SMTP_URL", "http://shop:secret@mail.example"),
    ("FILMER_STRIPE_SECRET_KEY", "pk_test_1"),
    ("FILMER_STRIPE_WEBHOOK_SECRET", "sk_test_1"),
    ("DATABASE_URL", "postgresql+psycopg://filmer:secret@db/filmer"),
]


@pytest.mark.parametrize(("variable", "value"), BAD)
def test_a_setting_that_cannot_be_used_is_named(variable: str, value: str) -> None:
    result = filmer("serve", **{variable: value})
    assert result.returncode == 1
    assert result.stderr.startswith(f"filmer: {variable}='{value}' can't be used: ")
    assert "\n" not in result.stderr.strip()


@pytest.mark.parametrize(("variable", "value"), BAD_SECRETS)
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(variable: str, value: str) -> None:
    result = filmer("serve", **{variable: value})
    assert result.returncode == 1
    assert result.stderr.startswith(f"filmer: {variable} can't be used: ")
    assert value not in result.stderr


def test_every_bounded_setting_is_tested_here() -> None:
    free = {"redis_url", "redis_password", "data_dir", "media_dir", "host"}  # any text will do
    free.add("secret_key")  # never shown: tests/test_secret.py
    assert {variable for variable, _ in BAD + BAD_SECRETS} == {
        variable_of(field) for field in Settings.__struct_fields__ if field not in free
    }


def test_a_flag_wins_over_its_variable() -> None:
    result = filmer("serve", "--port", "70000", FILMER_PORT="80")
    assert result.returncode == 1
    assert "70000" in result.stderr
    settings = load_settings({"FILMER_PORT": "80", "FILMER_WORKERS": "3"}, port=81, workers=None)
    assert (settings.port, settings.workers) == (81, 3)
    assert load_settings({"FILMER_PORT": "80"}, port=0).port == 0


def test_an_empty_variable_is_an_unset_one() -> None:
    assert load_settings(dict.fromkeys(map(variable_of, Settings.__struct_fields__), " ")) == Settings()
    assert load_settings({}) == Settings()


@pytest.mark.parametrize(
    ("typed", "read"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False)]
)
def test_yes_and_no_are_read(typed: str, *, read: bool) -> None:
    assert load_settings({"FILMER_ACCESS_LOG": typed}).access_log is read


def test_an_error_of_a_setting_never_repeats_another() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"REDIS_PASSWORD": "tell-nobody", "FILMER_PORT": "x"})
    assert "tell-nobody" not in str(raised.value)


# --- commands -------------------------------------------------------------------------------------


def test_an_empty_catalogue_is_told_with_what_to_do(database_url: str) -> None:
    result = filmer("catalogue", DATABASE_URL=database_url)
    assert result.returncode == 0
    assert "empty" in result.stdout
    for way in ("filmer import imdb", "filmer import csv", "filmer import demo"):
        assert way in result.stdout


def test_an_import_shows_in_the_catalogue(database_url: str) -> None:
    result = filmer("import", "csv", Path(__file__).parent / "films.csv", DATABASE_URL=database_url)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().endswith("are in the catalogue.")
    films = result.stdout.split()[0]
    shown = filmer("catalogue", DATABASE_URL=database_url)
    assert shown.returncode == 0
    rows = {line.split()[0]: line.split(maxsplit=1)[1].strip() for line in shown.stdout.splitlines() if line.strip()}
    assert rows["films"] == films
    assert rows["version"] == "1"
    assert rows["source"] == "csv"


def test_a_file_that_is_not_there_is_told(database_url: str, tmp_path: Path) -> None:
    result = filmer("import", "csv", tmp_path / "nothing.csv", DATABASE_URL=database_url)
    assert result.returncode == 1
    assert "nothing.csv" in result.stderr
    assert "Traceback" not in result.stderr


def test_migrate_twice_is_fine(database_url: str) -> None:
    result = filmer("migrate", DATABASE_URL=database_url)
    assert (result.returncode, result.stdout.strip()) == (0, "the database is up to date")


# --- serve ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("begins", ["before", "meanwhile"])
def test_a_port_of_another_program_is_told_in_one_sentence(
    database_url: str, engines: Engines, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that listens only while the server starts."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        start = RollingServer.start_early

        def start_early(server: RollingServer) -> None:
            start(server)
            other.listen()

        if begins == "before":
            other.listen()
        monkeypatch.setattr(RollingServer, "start_early", start_early)
        port = other.getsockname()[1]
        settings = {"DATABASE_URL": database_url, "REDIS_URL": engines.redis_url, "FILMER_WORKERS": "1"}
        result = filmer("serve", "--port", port, **settings)
    assert result.returncode == 1
    assert result.stderr == (
        f"filmer: Can't listen on 127.0.0.1:{port}: Address already in use. Choose another port with --port, or stop"
        " the program that uses this one.\n"
    )


def test_a_name_without_an_address_is_not_listened_on(database_url: str, engines: Engines) -> None:
    settings = {"DATABASE_URL": database_url, "REDIS_URL": engines.redis_url}
    result = filmer("serve", "--host", "shop.invalid", "--port", "0", **settings)
    assert result.returncode == 1
    assert result.stderr == ("filmer: Can't listen on 'shop.invalid': it has no address. Choose another with --host.\n")


def test_localhost_is_an_address_to_listen_on() -> None:
    assert ip_address_of("localhost") in {"127.0.0.1", "::1"}
    assert ip_address_of("::1") == "::1"


# --- doctor ---------------------------------------------------------------------------------------


def test_the_doctor_finds_all_well(database_url: str, engines: Engines) -> None:
    result = filmer("doctor", DATABASE_URL=database_url, REDIS_URL=engines.redis_url)
    assert result.returncode == 0, result.stderr
    assert "FAIL" not in result.stderr
    assert __version__ in result.stderr
    for line_part in ("PostgreSQL", "pg_trgm", "up to date", "Valkey"):
        assert line_part in result.stderr
    assert "filmer import demo" in result.stderr, "an empty catalogue is no illness, but there is something to do"


def test_the_doctor_asks_the_server_that_runs(database_url: str, engines: Engines, serve_here: ServeHere) -> None:
    """Also a server that has lost its database, although the doctor can reach its own."""
    unused_port = free_port("127.0.0.1")
    well = serve_here(database_url)
    ill = serve_here(f"postgresql://filmer@127.0.0.1:{unused_port}/filmer")
    for port, returncode, message in [
        (well.port, 0, f"ok   the server at http://127.0.0.1:{well.port} reports its health: 200"),
        (ill.port, 1, f"FAIL the server at http://127.0.0.1:{ill.port} reports its health: 503"),
        (unused_port, 0, f"ok   no server runs at http://127.0.0.1:{unused_port}"),
    ]:
        result = filmer(
            "doctor",
            DATABASE_URL=database_url,
            REDIS_URL=engines.redis_url,
            FILMER_PORT=str(port),
            FILMER_HOST="0.0.0.0",
        )
        assert result.returncode == returncode, result.stderr
        assert message in result.stderr


def test_the_doctor_says_what_to_do_about_a_database_that_is_behind(database_url: str, engines: Engines) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA catalogue, public CASCADE")
        conn.execute("CREATE SCHEMA public")
    result = filmer("doctor", DATABASE_URL=database_url, REDIS_URL=engines.redis_url)
    assert result.returncode == 1
    assert "FAIL" in result.stderr
    assert "`filmer migrate`" in result.stderr


def test_the_doctor_looks_on_after_the_first_finding() -> None:
    """Database and cache are missing: both are reported, with advice, and without passwords."""
    unused_port = free_port("127.0.0.1")
    result = filmer(
        "doctor",
        DATABASE_URL=f"postgresql://filmer:tell-nobody@127.0.0.1:{unused_port}/filmer",
        REDIS_URL=f"redis://:tell-nobody@127.0.0.1:{unused_port}/0",
    )
    assert result.returncode == 1
    assert result.stderr.count("FAIL") == 2
    assert "Check DATABASE_URL" in result.stderr
    assert "Check REDIS_URL" in result.stderr
    assert "Traceback" not in result.stderr
    assert "tell-nobody" not in result.stderr + result.stdout


def test_the_doctor_says_that_tmdb_is_not_set_up(database_url: str, engines: Engines) -> None:
    result = filmer("doctor", DATABASE_URL=database_url, REDIS_URL=engines.redis_url)
    assert result.returncode == 0
    assert "ok   TMDB: no credential is set" in result.stderr


@pytest.mark.parametrize(
    ("key", "message"),
    [("right", "ok   TMDB answers"), ("wrong", "FAIL TMDB: TMDB refuses the credential: set TMDB_ACCESS_TOKEN")],
)
def test_the_doctor_asks_tmdb(database_url: str, engines: Engines, key: str, message: str) -> None:
    with Sandbox() as sandbox:
        tmdb = {"TMDB_BASE_URL": sandbox.url, "TMDB_API_KEY": key}
        result = filmer("doctor", DATABASE_URL=database_url, REDIS_URL=engines.redis_url, **tmdb)
    assert (result.returncode == 0) is message.startswith("ok")
    assert message in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_the_doctor_names_a_setting_that_cannot_be_used() -> None:
    result = filmer("doctor", FILMER_PORT="eighty")
    assert result.returncode == 1
    assert "FILMER_PORT" in result.stderr
    assert "→" in result.stderr


@pytest.mark.parametrize("url", ["nonsense", "mysql://shop/filmer"])
def test_the_doctor_takes_an_address_of_no_database(url: str, engines: Engines) -> None:
    result = filmer("doctor", DATABASE_URL=url, REDIS_URL=engines.redis_url)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "FAIL" in result.stderr
    assert "DATABASE_URL" in result.stderr


def test_the_doctor_says_what_is_wrong_with_a_data_directory(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("not a folder")
    result = filmer("doctor", "--data-dir", place)
    assert result.returncode == 1
    assert str(place) in result.stderr
    assert "Traceback" not in result.stderr

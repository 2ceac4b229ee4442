"""The command line. Every command says what it did, or what went wrong and what to do, and exits accordingly."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psycopg
from cyclopts import App, Parameter

from filmer import __version__, serving
from filmer.accounts.commands import account_app, token_app
from filmer.backup.commands import backup, restore
from filmer.clock import SystemClock
from filmer.demo import open_demo
from filmer.importing import build, demo, imdb, own, queries
from filmer.importing.arrival import Arrival, ImportFailed, Report
from filmer.importing.download import download
from filmer.importing.progress import Progress
from filmer.logs import configure_logs
from filmer.secret import require_known_key
from filmer.settings import Settings, SettingsError, load_settings
from filmer.shop.commands import card_app
from filmer.store.embedded import EmbeddedError
from filmer.store.engines import connect, engines, ensure_migrated
from filmer.store.migrate import MigrationError, migrate
from filmer.terminal import CommandFailed, DataDir, database, err
from filmer.tmdb.commands import link_app
from filmer.tmdb.sandbox.child import sandbox_for_demo
from filmer.tmdb.sandbox.commands import tmdb_sandbox
from filmer.welcome import say_ready

app = App(
    name="filmer",
    help="The movie catalogue and rental server.",
    version=__version__,
    suppress_keyboard_interrupt=False,  # main() tells what an interruption means
)
import_app = App(name="import", help="Bring a catalogue in: all of it or nothing.")
app.command(import_app)
app.command(account_app)
app.command(token_app)
app.command(card_app)
app.command(link_app)
app.command(tmdb_sandbox)
app.command(backup)
app.command(restore)


@app.command
def serve(
    *,
    demo: Annotated[
        bool,
        Parameter(negative="", help="Serve the demo: its accounts and cards, and its films where there are none."),
    ] = False,
    public_demo: Annotated[
        bool,
        Parameter(
            name="--i-know-these-are-public",
            negative="",
            help="Let the demo listen beyond this machine, with passwords that everybody knows.",
        ),
    ] = False,
    host: Annotated[str | None, Parameter(help="Address to listen on (FILMER_HOST).")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0: any free one (FILMER_PORT).")] = None,
    workers: Annotated[int | None, Parameter(help="Worker processes (FILMER_WORKERS).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve the APIs and the storefront."""
    # A reload may come before there is anything to reload. (SIG_IGN would be inherited by the engines.)
    signal.signal(signal.SIGHUP, lambda *_: None)
    asked = load_settings(host=host, port=port, workers=workers, data_dir=data_dir, demo=demo or None)
    configure_logs(asked)
    if asked.demo and not public_demo:
        serving.require_loopback(asked.host)
    chosen = asked.port or serving.free_port(asked.host)
    serving.require_free_port(asked.host, chosen)
    with engines(asked) as running:
        ensure_migrated(asked, running)
        require_known_key(running)
        if asked.demo:
            open_demo(running)
            _bring_in_demo(running)
        with sandbox_for_demo(_with_port(running, chosen)) as (complete, sandbox):
            serving.serve(complete, when_ready=lambda address: say_ready(address, complete, sandbox))


@app.command(name="migrate")
def migrate_command(*, data_dir: DataDir = None) -> None:
    """Bring the database up to date."""
    with database(data_dir, migrated=False) as settings, connect(settings) as conn:
        done = [migration.name for migration in migrate(conn)]
    print("\n".join(f"applied {name}" for name in done) or "the database is up to date")


@import_app.command(name="imdb")
def import_imdb(
    path: Path,
    /,
    *,
    types: Annotated[str, Parameter(help="Title types to take, separated by commas.")] = ",".join(imdb.FILM_TYPES),
    min_votes: Annotated[int, Parameter(help="Only titles with at least so many votes.")] = 0,
    adult: Annotated[bool, Parameter(negative="", help="Adult titles too.")] = False,
    download_first: Annotated[
        bool, Parameter(name="--download", negative="", help="Fetch the files into PATH first, from IMDb.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make IMDb's non-commercial data set, in the folder PATH, the catalogue.

    Information courtesy of IMDb (https://www.imdb.com). Used with permission. Personal and non-commercial use only.
    """
    wanted = imdb.Wanted(types=tuple(kind.strip() for kind in types.split(",")), min_votes=min_votes, adult=adult)
    report = Report()
    with _importing(data_dir, report) as (conn, progress):
        if download_first:
            download(path, progress)
        arrival = imdb.read_imdb(path, wanted, report, progress)
        counts = build.bring_in(
            conn, arrival, source="imdb", origin=str(path), report=report, now=SystemClock().now(), progress=progress
        )
    _say_imported(counts)


@import_app.command(name="csv")
def import_csv(
    file: Path,
    /,
    *,
    replace: Annotated[
        bool, Parameter(negative="", help="The file is the whole catalogue: what is not in it goes.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Add the films of your own FILE to the catalogue, or bring those that are there up to date.

    Columns: id, title (the only one required), original_title, year, release_date, runtime_minutes, directors,
    genres, stars, rating, votes, popularity, tmdb_id, price, overview. Several directors, genres or stars are
    separated by "|"; a star is "Name (birth year) [id]". See docs/importing.md.
    """
    report = Report(keep_all=True)
    with _importing(data_dir, report) as (conn, progress):
        arrival = own.read_csv(file, report)
        counts = build.bring_in(
            conn, arrival, source="csv", origin=str(file), report=report, now=SystemClock().now(), progress=progress,
            keep_others=not replace,
        )  # fmt: skip
    _say_imported(counts)


@import_app.command(name="demo")
def import_demo(*, data_dir: DataDir = None) -> None:
    """Make the demo's well-known films the catalogue."""
    report = Report()
    with _importing(data_dir, report) as (conn, progress):
        counts = _bring_in(conn, demo.read_demo(report), report, progress)
    _say_imported(counts)


@app.command
def catalogue(*, data_dir: DataDir = None) -> None:
    """Show what is in the catalogue: counts, version, since when and from where."""
    with database(data_dir) as settings, connect(settings) as conn:
        state = queries.select_state(conn)
        known_to_tmdb = queries.count_known_to_tmdb(conn)
    if not state["films"]:
        print("The catalogue is empty. Bring one in: filmer import imdb PATH, filmer import csv FILE, "
              "filmer import demo")  # fmt: skip
        return
    rows = {
        "version": state["version"],
        "films": f"{state['films']:,}",
        "stars": f"{state['stars']:,}",
        "genres": state["genres"],
        "own prices": f"{state['priced']:,}",
        "TMDB ids": f"{known_to_tmdb:,}",
        "in use": f"{state['in_use']:,}",
        "source": state["source"],
        "from": state["origin"],
        "since": f"{state['finished']:%Y-%m-%d %H:%M:%S} UTC",
    }
    for name, value in rows.items():
        print(f"{name:<12}{value}")


@app.command
def doctor(*, data_dir: DataDir = None) -> None:
    """Check settings, engines, versions, extensions and migrations, and say what to do."""
    from filmer.doctor import examine

    healthy = True
    for finding in examine(data_dir):
        healthy &= finding.fine
        mark = "[green]ok[/]  " if finding.fine else "[red]FAIL[/]"
        err.print(f"{mark} {finding.what}", soft_wrap=True)
        if finding.advice:
            err.print(f"     → {finding.advice}", soft_wrap=True)
    if not healthy:
        raise SystemExit(1)


def main() -> None:
    """Exit codes: 0 done, 1 not done (stderr says why), 2 the command line was not understood, 130 interrupted."""
    try:
        app()
    except (SettingsError, EmbeddedError, MigrationError, ImportFailed, CommandFailed, serving.ServeError) as error:
        err.print(f"filmer: {error}", markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        err.print(
            f"filmer: the database refuses: {str(error).strip()}. The user of DATABASE_URL must own the database, and "
            "it must take changes (a replica does not).",
            markup=False,
            soft_wrap=True,
        )
        raise SystemExit(1) from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        err.print(
            f"filmer: the database can't be reached: {str(error).strip()}. Is DATABASE_URL right, and the server up? "
            "`filmer doctor` looks further.",
            markup=False,
            soft_wrap=True,
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        err.print("filmer: interrupted; nothing was changed by what did not finish")
        raise SystemExit(130) from None


@contextmanager
def _importing(
    data_dir: str | None, report: Report
) -> Iterator[tuple["psycopg.Connection[tuple[object, ...]]", Progress]]:
    """What an import works with. Its report is shown however it ends."""
    try:
        with Progress() as progress, database(data_dir) as settings, build.import_connection(_url(settings)) as conn:
            yield conn, progress
    finally:
        _say_report(report)


def _url(settings: Settings) -> str:
    return settings.database_url or ""


def _with_port(settings: Settings, port: int) -> Settings:
    import msgspec

    return msgspec.structs.replace(settings, port=port)


def _bring_in_demo(settings: Settings) -> None:
    with connect(settings) as conn:
        if queries.select_state(conn)["films"]:
            return
    report = Report()
    with Progress(quiet=True) as progress, build.import_connection(_url(settings)) as conn:
        _bring_in(conn, demo.read_demo(report), report, progress)


def _bring_in(
    conn: "psycopg.Connection[tuple[object, ...]]", arrival: Arrival, report: Report, progress: Progress
) -> tuple[int, int]:
    return build.bring_in(
        conn, arrival, source="demo", origin=demo.FILE, report=report, now=SystemClock().now(), progress=progress
    )


def _say_imported(counts: tuple[int, int]) -> None:
    print(f"{counts[0]:,} films and {counts[1]:,} stars are in the catalogue.")


def _say_report(report: Report) -> None:
    """What was read, and what was not taken and why."""
    lines = [f"read {rows:>12,} rows of {name}" for name, rows in report.rows.items()]
    lines += [f"left {count:>12,} {reason}" for reason, count in sorted(report.skipped.items()) if count]
    lines += [f"warning: {warning}" for warning in report.warnings]
    for kind, count in sorted(report.bad.items()):
        first = report.first[kind]
        where = first.file + (f", line {first.line}" if first.line else "")
        lines += [f"bad  {count:>12,} {kind}; the first, in {where}:", f"     {first.text!r}"]
    lines += [f"{bad.file}, line {bad.line}: {bad.kind}: {bad.text!r}" for bad in report.every]
    for line in lines:
        err.print(line, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()

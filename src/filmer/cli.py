"""The command line. Every command reports what it did, or what went wrong and what to do.

The module of a command is imported only when the command is called: some of them take long to load.
"""

import signal
import sys

from cyclopts import App

from filmer import __version__
from filmer.errors import CommandFailed

app = App(
    name="filmer",
    help="The movie catalogue and rental server.",
    version=__version__,
    suppress_keyboard_interrupt=False,  # main() reports it
)
app.command("filmer.commands.serve:serve")
app.command("filmer.commands.migrate:migrate")
app.command("filmer.commands.imports:import_app", name="import")
app.command("filmer.commands.export:export_app", name="export")
app.command("filmer.commands.catalogue:catalogue")
app.command("filmer.commands.doctor:doctor")
app.command("filmer.commands.account:account_app", name="account")
app.command("filmer.commands.token:token_app", name="token")
app.command("filmer.commands.card:card_app", name="card")
app.command("filmer.commands.shelves:shelves_app", name="shelves")
app.command("filmer.commands.rental:rental_app", name="rental")
app.command("filmer.commands.video:video_app", name="video")
app.command("filmer.commands.link:link_app", name="link")
app.command("filmer.commands.mail:mail_app", name="mail")
app.command("filmer.commands.log:log")
app.command("filmer.commands.tmdb_sandbox:tmdb_sandbox")
app.command("filmer.commands.backup:backup")
app.command("filmer.commands.restore:restore")


def main() -> None:
    """Exit codes: 0 done, 1 failed (the reason is on stderr), 2 the command line is wrong, 130 interrupted."""
    # A command that was started in the background (by nohup, or a shell's &) may inherit an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        arguments = sys.argv[1:]
        if not arguments or arguments[0] in app.help_flags:
            app.resolved_commands()  # the list of commands shows the help in their modules
        app(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("filmer: interrupted; incomplete changes were not saved\n")
        raise SystemExit(130) from None
    except CommandFailed as error:
        sys.stderr.write(f"filmer: {error}\n")
        raise SystemExit(1) from None
    except Exception as error:
        message = _database_message(error)
        if message is None:
            raise
        sys.stderr.write(f"filmer: {message}\n")
        raise SystemExit(1) from None


def _database_message(error: Exception) -> str | None:
    """The message for an error of PostgreSQL; None for any other error."""
    import psycopg

    reason = str(error).strip()
    if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction):
        return (
            f"the database refused the change: {reason}. The user in DATABASE_URL must own the database, and the "
            "server must not be a read-only replica."
        )
    if isinstance(error, psycopg.OperationalError | psycopg.ProgrammingError):
        return (
            f"the database can't be reached: {reason}. Check DATABASE_URL, and that the database server runs. "
            "`filmer doctor` checks more."
        )
    return None


if __name__ == "__main__":
    main()

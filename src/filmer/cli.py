"""The command line. Every command says what it did, or what went wrong and what to do, and exits accordingly.

A command's module is imported when the command is called: what an import or a server stands on takes long to load.
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
    suppress_keyboard_interrupt=False,  # main() tells what an interruption means
)
app.command("filmer.commands.serve:serve")
app.command("filmer.commands.migrate:migrate")
app.command("filmer.commands.imports:import_app", name="import")
app.command("filmer.commands.catalogue:catalogue")
app.command("filmer.commands.doctor:doctor")
app.command("filmer.commands.account:account_app", name="account")
app.command("filmer.commands.token:token_app", name="token")
app.command("filmer.commands.card:card_app", name="card")
app.command("filmer.commands.link:link_app", name="link")
app.command("filmer.commands.tmdb_sandbox:tmdb_sandbox")
app.command("filmer.commands.backup:backup")
app.command("filmer.commands.restore:restore")


def main() -> None:
    """Exit codes: 0 done, 1 not done (stderr says why), 2 the command line was not understood, 130 interrupted."""
    # Whoever starts commands in the background (nohup, a shell's &) may hand down an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        arguments = sys.argv[1:]
        if not arguments or arguments[0] in app.help_flags:
            app.resolved_commands()  # the list of commands says of each what its module says
        app(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("filmer: interrupted; nothing was changed by what did not finish\n")
        raise SystemExit(130) from None
    except CommandFailed as error:
        sys.stderr.write(f"filmer: {error}\n")
        raise SystemExit(1) from None
    except Exception as error:
        sentence = _about_database(error)
        if sentence is None:
            raise
        sys.stderr.write(f"filmer: {sentence}\n")
        raise SystemExit(1) from None


def _about_database(error: Exception) -> str | None:
    """What to tell where PostgreSQL refuses or is away; None for any other error."""
    import psycopg

    told = str(error).strip()
    if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction):
        return (
            f"the database refuses: {told}. The user of DATABASE_URL must own the database, and it must take changes "
            "(a replica does not)."
        )
    if isinstance(error, psycopg.OperationalError | psycopg.ProgrammingError):
        return (
            f"the database can't be reached: {told}. Is DATABASE_URL right, and the server up? `filmer doctor` looks "
            "further."
        )
    return None


if __name__ == "__main__":
    main()

"""``filmer catalogue``."""

from filmer.commands.options import DataDir
from filmer.commands.terminal import database
from filmer.importing import queries
from filmer.store.engines import connect


def catalogue(*, data_dir: DataDir = None) -> None:
    """Show what is in the catalogue: counts, version, and when and from where it was imported."""
    with database(data_dir) as settings, connect(settings) as conn:
        state = queries.select_state(conn)
        known_to_tmdb = queries.count_known_to_tmdb(conn)
    if not state["films"]:
        print("The catalogue is empty. Fill it: filmer import imdb PATH, filmer import csv FILE, "
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

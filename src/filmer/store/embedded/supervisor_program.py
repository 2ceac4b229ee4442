"""The supervisor's program: run as a file by `client.py`, with two descriptors and the data directory."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # The filmer this file belongs to, wherever that is. Its folder counts for this one import only: beside filmer
    # may lie what must not stand in for a module of the standard library.
    sys.path.insert(0, str(Path(__file__).parents[3]))
    import filmer  # noqa: F401 - what is imported from it later is looked for in its own folder

    del sys.path[0]
    from filmer.store.embedded.supervisor import supervise

    supervise(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

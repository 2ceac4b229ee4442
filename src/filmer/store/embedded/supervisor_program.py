"""The supervisor's program: `client.py` runs this file, with two descriptors and the data directory as arguments."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Import the filmer this file belongs to, wherever that is. Its folder is on the path for this one import only:
    # a file beside the package must not be imported in place of a module of the standard library.
    sys.path.insert(0, str(Path(__file__).parents[3]))
    import filmer  # noqa: F401 - submodules imported later are then looked for in its own folder

    del sys.path[0]
    from filmer.store.embedded.supervisor import supervise

    supervise(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

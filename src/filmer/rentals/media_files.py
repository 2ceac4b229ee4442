"""The files of videos, below the media directory: whatever a location or a link says, nothing else is found."""

import os
import stat
from pathlib import Path

import msgspec

from filmer.errors import CommandFailed

DEMO = "demo:/"  # begins the locations of the demo's films, which are part of this package
DEMO_FOLDER = Path(__file__).parent / "demo_films"


class UnusableFile(CommandFailed):
    """A file that can't be served. The text says why, and what to do."""


class MediaFile(msgspec.Struct, frozen=True):
    """``place``: from the media directory, without symbolic links; None: it is not in there, but in this package."""

    path: Path
    place: str | None
    details: os.stat_result


class MediaFiles:
    def __init__(self, directory: str | None) -> None:
        self._directory = Path(directory).absolute() if directory else None

    def find(self, location: str, part: str = "") -> MediaFile:
        """The file at a location, or with ``part`` one in the folder of the file there, or below it.

        Raises UnusableFile for what is missing or not a file, and for what leads out of these folders by symbolic
        links or otherwise.
        """
        is_demo = location.startswith(DEMO)
        root = DEMO_FOLDER if is_demo else self._directory
        if root is None:
            raise UnusableFile("FILMER_MEDIA_DIR is not set: set it to the folder of the films' files")
        location = location.removeprefix(DEMO)
        for text in (location, part):
            if text.startswith("/") or ".." in text.split("/"):
                raise UnusableFile("it is outside FILMER_MEDIA_DIR: move it there")
        try:
            real_root = root.resolve(strict=True)
            path = within = (root / location).resolve(strict=True)
            if part:
                within = path.parent
                path = (within / part).resolve(strict=True)
            details = path.stat()
        except (OSError, ValueError, RuntimeError):  # ValueError: not a name of files; RuntimeError: links in a circle
            raise UnusableFile("it is missing, or this user may not look into its folder") from None
        if not (within.is_relative_to(real_root) and path.is_relative_to(within)):
            raise UnusableFile("it is outside FILMER_MEDIA_DIR: move it there")
        if not stat.S_ISREG(details.st_mode):
            raise UnusableFile("it is not a file")
        return MediaFile(path, None if is_demo else path.relative_to(real_root).as_posix(), details)

    def location_of(self, typed: str) -> str:
        """The location of a file that the owner named: from the current folder, or from the media directory.

        Raises UnusableFile.
        """
        if self._directory is None:
            raise UnusableFile("FILMER_MEDIA_DIR is not set: set it to the folder of the films' files")
        path = Path(typed).resolve() if Path(typed).exists() else (self._directory / typed).resolve()
        root = self._directory.resolve()
        if not path.is_relative_to(root):
            raise UnusableFile(f"it is outside FILMER_MEDIA_DIR ({root}): move it there")
        location = path.relative_to(root).as_posix()
        if location.startswith(DEMO):
            raise UnusableFile(f"a name must not begin with {DEMO}")
        self.find(location)
        return location

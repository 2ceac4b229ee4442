"""In the place of a library that scales pictures: none is shown."""

from typing import Any, NamedTuple


class Thumbnail(NamedTuple):
    url: str


class NoThumbnails:
    def generate_thumbnail(self, source: Any, **_: Any) -> Thumbnail:
        return Thumbnail(str(source))

    def delete_thumbnails(self, source: Any) -> None:
        """There are none."""

"""Fetches IMDb's data set into a folder, where the network allows."""

import time
from pathlib import Path

import httpx

from filmer.importing.data_set import ImportFailed
from filmer.importing.imdb import COLUMNS
from filmer.importing.progress import Progress

SOURCE = "https://datasets.imdbws.com/"
TRIES = 4


def download(folder: Path, progress: Progress, source: str = SOURCE) -> None:
    """Fetch what is missing or out of date. A file is there whole or not at all; an interruption goes on where it was.

    Raises ImportFailed when a file can't be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=source, timeout=30, follow_redirects=True) as client:
        for name in COLUMNS:
            _fetch(client, folder / f"{name}.tsv.gz", progress)


def _fetch(client: httpx.Client, path: Path, progress: Progress) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            _fetch_once(client, path, progress)
        except httpx.HTTPStatusError as error:
            raise ImportFailed(
                f"{path.name} can't be had: {error.response.status_code} from {client.base_url}"
            ) from error
        except (httpx.HTTPError, OSError) as error:
            if attempt == TRIES:
                raise ImportFailed(f"{path.name} could not be fetched in {TRIES} tries: {error!r}") from error
            progress.say(f"{path.name}: {error!r}; trying again")
            time.sleep(attempt)
        else:
            return


def _fetch_once(client: httpx.Client, path: Path, progress: Progress) -> None:
    part, tag, part_tag = (path.with_suffix(end) for end in (".part", ".etag", ".part-etag"))
    headers: dict[str, str] = {}
    if part.exists() and part_tag.exists():
        headers |= {"Range": f"bytes={part.stat().st_size}-", "If-Range": part_tag.read_text()}
    elif path.exists() and tag.exists():
        headers["If-None-Match"] = tag.read_text()
    with client.stream("GET", path.name, headers=headers) as response:
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("the part we have does not fit any more")
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = part.stat().st_size if resumed else 0
        total = done + int(response.headers.get("content-length", 0))
        part_tag.write_text(response.headers.get("etag", ""))
        with (
            progress.step(f"Fetching {path.name}", total, unit="bytes") as advance,
            part.open("ab" if resumed else "wb") as file,
        ):
            for block in response.iter_raw(1 << 20):
                file.write(block)
                done += len(block)
                advance(done)
        if total and done != total:
            raise httpx.RemoteProtocolError(f"{done} of {total} bytes arrived")
    part.replace(path)
    part_tag.replace(tag)

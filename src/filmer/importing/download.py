"""Downloads IMDb's data set into a folder."""

import time
from pathlib import Path

import httpx

from filmer.importing.data_set import ImportFailed
from filmer.importing.imdb import COLUMNS
from filmer.importing.progress import Progress

SOURCE = "https://datasets.imdbws.com/"
TRIES = 4


def download(folder: Path, progress: Progress, source: str = SOURCE) -> None:
    """Download the files that are missing or out of date. A file has its name only once it is complete.

    An interrupted download is resumed. Raises ImportFailed when a file can't be downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=source, timeout=30, follow_redirects=True) as client:
        for name in COLUMNS:
            _download_file(client, folder / f"{name}.tsv.gz", progress)


def _download_file(client: httpx.Client, path: Path, progress: Progress) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            _download_once(client, path, progress)
        except httpx.HTTPStatusError as error:
            raise ImportFailed(
                f"{path.name} can't be downloaded: {client.base_url} answers with status {error.response.status_code}"
            ) from error
        except (httpx.HTTPError, OSError) as error:
            if attempt == TRIES:
                raise ImportFailed(f"{path.name} could not be downloaded in {TRIES} tries: {error!r}") from error
            progress.say(f"{path.name}: {error!r}; trying again")
            time.sleep(attempt)
        else:
            return


def _download_once(client: httpx.Client, path: Path, progress: Progress) -> None:
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
            raise httpx.RemoteProtocolError("the incomplete file here is not the beginning of the server's")
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = part.stat().st_size if resumed else 0
        total = done + int(response.headers.get("content-length", 0))
        part_tag.write_text(response.headers.get("etag", ""))
        with (
            progress.step(f"Downloading {path.name}", total, unit="bytes") as advance,
            part.open("ab" if resumed else "wb") as file,
        ):
            for block in response.iter_raw(1 << 20):
                file.write(block)
                done += len(block)
                advance(done)
        if total and done != total:
            raise httpx.RemoteProtocolError(f"{done} of {total} bytes received")
    part.replace(path)
    part_tag.replace(tag)

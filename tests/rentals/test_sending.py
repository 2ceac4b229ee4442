"""GET and HEAD of /stream and /trailers: the bytes of films (contract §9.1, §9.2)."""

import os
from pathlib import Path

import httpx
import pytest
from tests.connections import fetch
from tests.rentals.conftest import FEATURE, PICKED_UP, WATCHED, RentalShop, states, token_of
from tests.responses import error_of

SUBTITLES = b"WEBVTT\n\n00:01.000 --> 00:02.000\nGuten Abend\n"


def stream(
    rentals: RentalShop, name: str, token: str | None = None, method: str = "GET", **headers: str
) -> httpx.Response:
    token = token or token_of(rentals.stream())
    return anybody(rentals).request(
        method, f"/stream/{token}/{name}", headers={key.replace("_", "-"): value for key, value in headers.items()}
    )


def anybody(rentals: RentalShop) -> httpx.Client:
    """Without a session: a player has the link alone."""
    return httpx.Client(transport=rentals.shop, base_url="http://127.0.0.1")


def trailer(rentals: RentalShop, location: str) -> int:
    """The number of a new trailer of a film that nobody has rented."""
    return int(
        fetch(
            rentals.url,
            "INSERT INTO video (film_id, kind, location, subtitles, added)"
            " VALUES (%s, 'trailer', %s, '{\"de\": \"texts/de.vtt\"}', now()) RETURNING id",
            PICKED_UP,
            location,
        )[0][0]
    )


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_get_begins_the_rental_and_has_all_bytes(rentals: RentalShop) -> None:
    rentals.buy()
    response = stream(rentals, "feature.webm", accept_encoding="gzip")
    assert (response.status_code, response.content) == (200, FEATURE)
    assert states(rentals.url) == ["running"]
    told = {name: response.headers.get(name) for name in ("content-type", "content-length", "accept-ranges")}
    assert told == {"content-type": "video/webm", "content-length": str(len(FEATURE)), "accept-ranges": "bytes"}
    assert response.headers["cache-control"] == "private, no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in response.headers
    assert {"etag", "last-modified"} <= set(response.headers)
    assert "x-accel-redirect" not in response.headers


def test_a_head_begins_nothing_and_tells_the_same(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    asked = stream(rentals, "feature.webm", token, "HEAD", range="bytes=0-9")
    assert (asked.status_code, asked.content, states(rentals.url)) == (206, b"", ["waiting"])
    asked = stream(rentals, "feature.webm", token, "HEAD")
    sent = stream(rentals, "feature.webm", token)
    assert (asked.status_code, asked.content) == (200, b"")
    own = {"x-request-id", "date"}
    assert {name: value for name, value in asked.headers.items() if name not in own} == {
        name: value for name, value in sent.headers.items() if name not in own
    }


@pytest.mark.parametrize("headers", [{"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}])
def test_what_a_browser_fetches_in_advance_begins_nothing(rentals: RentalShop, headers: dict[str, str]) -> None:
    rentals.buy()
    error_of(stream(rentals, "feature.webm", **headers), 403, "NO_ACCESS")
    assert states(rentals.url) == ["waiting"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        ("bytes=0-", 0, len(FEATURE)),
        ("bytes=255999-", 255999, 256000),
        ("bytes=-300", len(FEATURE) - 300, len(FEATURE)),
        ("bytes=255000-999999", 255000, 256000),
    ],
)
def test_a_range(rentals: RentalShop, asked: str, start: int, end: int) -> None:
    rentals.buy()
    response = stream(rentals, "feature.webm", range=asked)
    assert (response.status_code, response.content) == (206, FEATURE[start:end])
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(FEATURE)}"
    assert response.headers["content-length"] == str(end - start)


def test_several_ranges(rentals: RentalShop) -> None:
    rentals.buy()
    response = stream(rentals, "feature.webm", range="bytes=0-1,1000-1003")
    boundary = response.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    parts = [part.partition(b"\r\n\r\n")[2].strip(b"\r\n") for part in response.content.split(f"--{boundary}".encode())]
    assert response.status_code == 206
    assert [part for part in parts if part] == [FEATURE[0:2], FEATURE[1000:1004]]


def test_a_range_that_is_not_there(rentals: RentalShop) -> None:
    rentals.buy()
    response = stream(rentals, "feature.webm", range="bytes=256000-")
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(FEATURE)}"


@pytest.mark.parametrize("asked", ["bytes=abc", "bytes=", "bytes=-", "bytes=9-1", "bytes=x-4,", "lines=1-2", "x"])
def test_what_is_no_range_is_ignored(rentals: RentalShop, asked: str) -> None:
    """RFC 9110, 14.2."""
    rentals.buy()
    response = stream(rentals, "feature.webm", range=asked)
    assert (response.status_code, response.content) == (200, FEATURE)


def test_a_range_of_the_file_that_it_was_part_of(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    etag = stream(rentals, "feature.webm", token, "HEAD").headers["etag"]
    same = stream(rentals, "feature.webm", token, range="bytes=0-4", if_range=etag)
    assert (same.status_code, same.content) == (206, FEATURE[:5])
    other = stream(rentals, "feature.webm", token, range="bytes=0-4", if_range='"other"')
    assert (other.status_code, other.content) == (200, FEATURE)


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("a b/fürchten #1?.webm", "f%C3%BCrchten%20%231%3F.webm"),
        ("x%2e/%41.MP4", "%2541.MP4"),
        ('q"/\'"\n.webm', "%27%22%0A.webm"),
    ],
)
def test_names_with_special_characters(rentals: RentalShop, location: str, name: str) -> None:
    write(rentals.media / location, b"film")
    fetch(rentals.url, "UPDATE video SET location = %s", location)
    rentals.buy()
    response = stream(rentals, name)
    assert (response.status_code, response.content) == (200, b"film")


# None of these may be found through the film "films/feature.webm", or through a playlist in its folder.
ESCAPES = [
    "other.webm", "../secret.webm", "%2e%2e/secret.webm", "..%2fsecret.webm", "films/../../secret.webm", "..",
    "%2Fetc/passwd", "%2F%2Fsecret.webm", "feature.webm%00.vtt", "%00", ".", "", "feature.webm/x.webm", "FEATURE.WEBM",
    "subtitles/..%2f..%2fsecret.vtt", "subtitles/en.vtt", "subtitles/.vtt", "out.webm", "linked/secret.webm",
    ".hidden", "x" * 300 + ".webm", "part.html", "%ff.webm", "..%5csecret.webm", "loop.webm", "pipe.webm", "notes.txt",
]  # fmt: skip


@pytest.mark.parametrize("location", ["films/feature.webm", "films/list.m3u8"])
def test_nothing_else_is_ever_sent(rentals: RentalShop, tmp_path: Path, location: str) -> None:
    media, films = rentals.media, rentals.media / "films"
    for path in (tmp_path / "secret.webm", media / "secret.webm", media / "secret.vtt", films / "notes.txt"):
        write(path, b"secret")
    write(films / "part.html", b"secret")
    write(films / "list.m3u8", b"")
    (films / "out.webm").symlink_to(media / "secret.webm")
    (films / "linked").symlink_to(tmp_path)
    (films / "loop.webm").symlink_to("loop.webm")
    os.mkfifo(films / "pipe.webm")
    fetch(rentals.url, "UPDATE video SET location = %s", location)
    rentals.buy()
    number = trailer(rentals, location)
    client = anybody(rentals)
    token = token_of(rentals.stream())
    for place in (f"/stream/{token}", f"/trailers/{number}"):
        for name in ESCAPES:
            response = client.get(f"{place}/{name}")
            assert response.status_code in {400, 404}, name
            assert b"secret" not in response.content
            assert str(media) not in response.text
    assert states(rentals.url) == ["waiting"], "and nothing begins"


@pytest.mark.parametrize(
    "location", ["../secret.webm", "/etc/hostname.webm", "films/out.webm", "away/secret.webm", "away"]
)
def test_locations_that_lead_out_are_not_followed(rentals: RentalShop, tmp_path: Path, location: str) -> None:
    """However they came into the database, or whatever the folders became since."""
    write(rentals.media.parent / "secret.webm", b"secret")
    write(tmp_path / "secret.webm", b"secret")
    (rentals.media / "films" / "out.webm").symlink_to(tmp_path / "secret.webm")
    (rentals.media / "away").symlink_to(tmp_path)
    fetch(rentals.url, "UPDATE video SET location = %s", location)
    rentals.buy()
    number = trailer(rentals, location)
    name = location.rpartition("/")[2]
    assert stream(rentals, name).status_code == 404
    assert anybody(rentals).get(f"/trailers/{number}/{name}").status_code == 404
    assert states(rentals.url) == ["waiting"]


def test_a_playlist_and_what_is_beside_it(rentals: RentalShop) -> None:
    for name in ("list.m3u8", "low/part 1.ts", "low/list.m3u8"):
        write(rentals.media / "hls" / name, name.encode())
    fetch(rentals.url, "UPDATE video SET location = 'hls/list.m3u8'")
    rentals.buy()
    token = token_of(rentals.stream())
    types = {"list.m3u8": "application/vnd.apple.mpegurl", "low/list.m3u8": "application/vnd.apple.mpegurl"}
    for name in ("list.m3u8", "low/list.m3u8", "low/part%201.ts"):
        response = stream(rentals, name, token)
        assert (response.status_code, response.text) == (200, name.replace("%20", " "))
        assert response.headers["content-type"] == types.get(name, "video/mp2t")
    assert stream(rentals, "low/part%202.ts", token).status_code == 404


def test_subtitles(rentals: RentalShop) -> None:
    write(rentals.media / "texts" / "de.vtt", SUBTITLES)
    fetch(rentals.url, 'UPDATE video SET subtitles = \'{"de": "texts/de.vtt", "en": "texts/missing.vtt"}\'')
    rentals.buy()
    response = stream(rentals, "subtitles/de.vtt")
    assert (response.status_code, response.content) == (200, SUBTITLES)
    assert response.headers["content-type"] == "text/vtt; charset=utf-8"
    assert stream(rentals, "subtitles/en.vtt").status_code == 404
    assert stream(rentals, "subtitles/fr.vtt").status_code == 404


def test_trailers_are_open_to_all_and_begin_nothing(rentals: RentalShop) -> None:
    write(rentals.media / "t.webm", b"trailer")
    write(rentals.media / "texts" / "de.vtt", SUBTITLES)
    number = trailer(rentals, "t.webm")
    rentals.buy()
    client = anybody(rentals)
    response = client.get(f"/trailers/{number}/t.webm", headers={"range": "bytes=1-3"})
    assert (response.status_code, response.content) == (206, b"rai")
    assert response.headers["cache-control"] == "public, max-age=3600"
    assert client.get(f"/trailers/{number}/subtitles/de.vtt").content == SUBTITLES
    assert client.head(f"/trailers/{number}/t.webm").headers["content-length"] == "7"
    (feature,) = fetch(rentals.url, "SELECT id FROM video WHERE kind = 'feature'")
    for number_and_name in (
        f"{feature[0]}/feature.webm",
        f"{number}/x.webm",
        "0/t.webm",
        "x/t.webm",
        f"{10**30}/t.webm",
        "1%2F/t.webm",
    ):
        error_of(client.get(f"/trailers/{number_and_name}"), 404, "NOT_FOUND")
    assert states(rentals.url) == ["waiting"]


def test_a_feature_of_another_film_is_not_sent(rentals: RentalShop) -> None:
    write(rentals.media / "films" / "other.webm", b"other")
    fetch(
        rentals.url,
        "INSERT INTO video (film_id, kind, location, added) VALUES (%s, 'feature', 'films/other.webm', now())",
        PICKED_UP,
    )
    rentals.buy(WATCHED)
    error_of(stream(rentals, "other.webm"), 404, "NOT_FOUND")


def test_other_methods(rentals: RentalShop) -> None:
    rentals.buy()
    token = token_of(rentals.stream())
    assert anybody(rentals).options(f"/stream/{token}/feature.webm").headers["allow"] == "GET, OPTIONS"
    error_of(anybody(rentals).post(f"/stream/{token}/feature.webm"), 405, "METHOD_NOT_ALLOWED")
    assert states(rentals.url) == ["waiting"]

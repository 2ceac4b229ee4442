"""Forms with a file: what is received, what is refused as soon as it is known, and that nothing stays behind."""

import asyncio
import io
import random
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from litestar import Request

from filmer.errors import FilmerError, InvalidRequest, PayloadTooLarge, RequestTimeout, ServiceUnavailable
from filmer.http import uploads as module
from filmer.http.uploads import Upload, Uploads

TYPE = b"multipart/form-data; boundary=xyz"
MIB = 2**20


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xyz--\r\n"


def request_of(chunks: Iterable[bytes], content_type: bytes = TYPE, length: int | None = None) -> Any:
    """A request whose body comes in these chunks, after which its client says nothing more."""
    coming = iter(chunks)

    async def receive() -> Any:
        for chunk in coming:
            return {"type": "http.request", "body": chunk, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-type", content_type)]
    headers += [(b"content-length", str(length).encode())] if length is not None else []
    scope: Any = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    return Request(scope, receive)


def receive(request: Any, uploads: Uploads | None = None) -> tuple[Upload, bytes]:
    async def run() -> tuple[Upload, bytes]:
        async with (uploads or Uploads()).receive(request, "file", max_bytes=MIB) as upload:
            return upload, upload.file.content.read() if upload.file else b""

    return asyncio.run(run())


def in_pieces(raw: bytes, size: int) -> Iterator[bytes]:
    yield from (raw[start : start + size] for start in range(0, len(raw), size))


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_fields_and_a_file_arrive_however_they_are_cut(size: int) -> None:
    content = bytes(range(256)) * 10 + b"\r\n--xy\r\n--xz-"
    body = whole(part("title", "Amélie".encode()), part("file", content, "films.csv"), part("empty", b""))
    upload, received = receive(request_of(in_pieces(body, size)))
    assert list(upload.members) == [("title", "Amélie"), ("empty", "")]
    assert upload.file is not None
    assert (upload.file.name, upload.file.size, received) == ("films.csv", len(content), content)


def test_a_form_as_a_client_of_today_writes_it() -> None:
    sent = httpx.Request("POST", "http://shop/", data={"a": "1"}, files={"file": ("ü b.csv", io.BytesIO(b"id,title"))})
    upload, received = receive(request_of([sent.read()], sent.headers["content-type"].encode()))
    assert (list(upload.members), received) == ([("a", "1")], b"id,title")
    assert upload.file is not None
    assert upload.file.name == "ü b.csv"


def test_a_form_without_a_chosen_file_has_none() -> None:
    upload, _ = receive(request_of([whole(part("file", b"", ""), part("a", b"1"))]))
    assert (upload.file, list(upload.members)) == (None, [("a", "1")])


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\films\\a.csv", "a.csv"), ("a\tb.csv", "ab.csv"), ("é" * 300, "é" * 200)],
)
def test_the_name_of_a_file_is_never_a_path(name: str, kept: str) -> None:
    upload, _ = receive(request_of([whole(part("file", b"x", name))]))
    assert upload.file is not None
    assert upload.file.name == kept


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", TYPE, 400),
        (b"nothing of a form", TYPE, 400),
        (whole(part("a", b"1"))[:-10], TYPE, 400),
        (whole(part("a", b"\xff")), TYPE, 400),
        (whole(part("a", b"\0")), TYPE, 400),
        (whole(part("file", b"1", "a"), part("file", b"2", "b")), TYPE, 400),
        (whole(part("other", b"1", "a")), TYPE, 400),
        (whole(*[part("a", b"1")] * 200), TYPE, 400),
        (b"--xyz\r\n" + b"X: y\r\n" * 100 + b"\r\n", TYPE, 400),
        (b"--xyz\r\nX: " + b"y" * 10_000, TYPE, 400),
        (b"--xyz\r\n\r\n", TYPE, 400),
        (whole(part("a", b"1")), b"multipart/form-data", 400),
        (whole(part("a", b"1")), b"multipart/form-data; boundary=\xe9", 400),
        (b"a=1", b"application/x-www-form-urlencoded", 415),
        (b"{}", b"", 415),
        (whole(part("a", b"1" * 65_537)), TYPE, 413),
        (whole(*[part("a", b"1" * 1000)] * 70), TYPE, 413),
        (whole(part("file", b"1" * (MIB + 1), "a")), TYPE, 413),
    ],
)
def test_what_is_no_form_of_ours_is_refused_with_a_sentence(body: bytes, content_type: bytes, status: int) -> None:
    with pytest.raises(FilmerError) as refused:
        receive(request_of(in_pieces(body, 5000), content_type))
    assert refused.value.status == status
    assert len(refused.value.message) > 10


def test_random_forms_are_read_or_refused() -> None:
    dice = random.Random(20)
    good = whole(part("title", b"Alien"), part("file", b"1,2,3\r\n" * 20, "a;b.csv"))

    async def run() -> set[int]:
        statuses = set()
        for _ in range(500):
            body = bytearray(good)
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(len(body))
                body[at : at + dice.randrange(3)] = dice.choice([b"", b"\r\n", b'"', b"\\", b"%", b"--xyz", b"\xff"])
            try:
                async with Uploads().receive(request_of(in_pieces(bytes(body), 100)), "file", max_bytes=MIB):
                    statuses.add(200)
            except FilmerError as refused:
                statuses.add(refused.status)
        return statuses

    assert asyncio.run(run()) == {200, 400}


def test_what_is_too_large_is_refused_before_it_has_come() -> None:
    def endless() -> Iterator[bytes]:
        yield part("file", b"", "a")[:-2]
        for number in range(10_000):
            assert number < 25, "the rest of a file that is too large was read"
            yield b"x" * 65_536

    with pytest.raises(PayloadTooLarge, match="1 MiB"):
        receive(request_of(endless()))

    with pytest.raises(PayloadTooLarge):
        receive(request_of([b"no form, but its length is said first"], length=2**30))


def test_memory_stays_flat_however_large_the_file() -> None:
    def chunks() -> Iterator[bytes]:
        yield part("file", b"", "a")[:-2]
        yield from (bytes(65_536) for _ in range(800))
        yield b"\r\n--xyz--\r\n"

    async def run() -> int:
        async with Uploads().receive(request_of(chunks()), "file", max_bytes=2**30) as upload:
            return upload.file.size if upload.file else 0

    tracemalloc.start()
    try:
        assert asyncio.run(run()) == 800 * 65_536
        assert tracemalloc.get_traced_memory()[1] < 5 * MIB
    finally:
        tracemalloc.stop()


def test_who_trickles_is_cut_off_and_who_is_slow_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(module, "SLOWEST", 1000)
    body = whole(part("file", b"x" * 2000, "a"))

    async def send(size: int) -> int:
        chunks = in_pieces(body, size)

        async def receive_slowly() -> Any:
            await asyncio.sleep(0.05)
            chunk = next(chunks, b"")
            return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

        request = request_of([])
        request.receive = receive_slowly
        async with Uploads().receive(request, "file", max_bytes=MIB) as upload:
            return upload.file.size if upload.file else 0

    assert asyncio.run(send(200)) == 2000  # 4,000 bytes a second
    with pytest.raises(RequestTimeout):
        asyncio.run(send(1))


def test_who_hangs_up_has_sent_nothing() -> None:
    async def hang_up() -> Any:
        return {"type": "http.disconnect"}

    request = request_of([])
    request.receive = hang_up
    with pytest.raises(InvalidRequest, match="cut off"):
        receive(request)


def test_a_full_disk_is_said() -> None:
    def full() -> IO[bytes]:
        return Path("/dev/full").open("r+b", buffering=0)

    with pytest.raises(ServiceUnavailable, match="no room"):
        receive(request_of([whole(part("file", b"x", "a"))]), Uploads(full))


def test_so_many_at_once_and_each_gives_its_place_back() -> None:
    uploads = Uploads()

    async def run() -> None:
        async with AsyncExitStack() as stack:
            for _ in range(module.AT_ONCE):
                request = request_of([whole(part("a", b"1"))])
                await stack.enter_async_context(uploads.receive(request, "file", max_bytes=MIB))
            with pytest.raises(ServiceUnavailable, match="in a minute"):
                async with uploads.receive(request_of([]), "file", max_bytes=MIB):
                    pass

    asyncio.run(run())
    asyncio.run(run())


def test_nothing_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    receive(request_of([whole(part("file", b"x", "a"))]))
    with pytest.raises(PayloadTooLarge):
        receive(request_of([whole(part("file", b"1" * (MIB + 1), "a"))]))
    assert list(tmp_path.iterdir()) == []

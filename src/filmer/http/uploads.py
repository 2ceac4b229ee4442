"""Forms with a file (multipart/form-data): fields are kept in memory, the file on the disk, both bounded.

A handler first makes sure of the account, then receives, and makes sure again in the transaction of the change::

    async with self._pages.owner(request):
        pass
    async with self._uploads.receive(request, "poster", max_bytes=10 * 2**20) as upload:
        ...Form(upload.members), upload.file

So strangers send nothing that is kept, and no connection of the database waits for a slow sender.
"""

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO, Any, cast

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from filmer.errors import (
    FilmerError,
    InvalidRequest,
    PayloadTooLarge,
    RequestTimeout,
    ServiceUnavailable,
    UnsupportedMediaType,
)
from filmer.http.body import BODY_SECONDS
from filmer.http.bounds import require_storable
from filmer.http.handlers import AnyRequest
from filmer.http.json_text import Members

MEDIA_TYPE = "multipart/form-data"
UPLOAD = "filmer.upload"  # in a request's scope: bytes that are read after a refusal (edge/body_drain.py)
MAX_REFUSED = 2**31  # bytes that are read of a file after its refusal, so that its sender sees the page that says so
MAX_FIELDS = 100
MAX_TEXT = 64 * 1024  # bytes of all fields
MAX_STRANGERS_TEXT = 40_000  # of who has to sign in first
MAX_STRANGERS_FILE = 16 * 2**20  # bytes that are read of theirs, and thrown away
MAX_NAME = 200  # characters of the file's name that are kept
AT_ONCE = 4  # files that a process receives at the same time
SILENCE_SECONDS = 15.0  # without a byte
GRACE_SECONDS = 15.0  # before the slowest speed counts
SLOWEST = 16 * 1024  # bytes a second on average: a phone's worst connection, but nobody who sends a byte at a time
_WRITTEN_AT_ONCE = 2**20  # bytes


class UploadedFile(msgspec.Struct, frozen=True):
    """``content``: a temporary file without a name, at its beginning; it is gone after ``Uploads.receive``."""

    name: str  # as the sender named it: to be shown, and never a path
    size: int
    content: IO[bytes]


class Upload(msgspec.Struct, frozen=True):
    members: Members  # the fields, for the storefront's ``Form``
    file: UploadedFile | None  # None: none was chosen


class Uploads:
    """Receives the forms with files of one process."""

    def __init__(self, new_file: Callable[[], IO[bytes]] = tempfile.TemporaryFile) -> None:
        self._new_file = new_file
        self._under_way = 0

    @asynccontextmanager
    async def receive(
        self, request: AnyRequest, field: str, *, max_bytes: int, max_text: int = MAX_TEXT
    ) -> AsyncIterator[Upload]:
        """``field``: the form's only field with a file. ``max_text``: bytes of all others.

        Raises PayloadTooLarge as soon as the file is too large, RequestTimeout for a sender who is far too slow,
        UnsupportedMediaType, InvalidRequest, and ServiceUnavailable while there is no room.
        """
        if self._under_way >= AT_ONCE:
            raise ServiceUnavailable("Other files are being received. Please send yours again in a minute")
        self._under_way += 1
        cast("dict[str, Any]", request.scope)[UPLOAD] = MAX_REFUSED
        try:
            with _explained_disk_errors():
                content = self._new_file()
            with content:
                yield await _Receiver(content, field, max_bytes, max_text).receive(request)
        finally:
            self._under_way -= 1

    async def texts(self, request: AnyRequest, field: str) -> Members:
        """What stands in a form before its file, and the file's name: of a sender who has to sign in first.

        Nothing else of it is read as a form, and nothing is kept. Nothing at all of a form that can't be read.
        """
        cast("dict[str, Any]", request.scope)[UPLOAD] = MAX_STRANGERS_FILE
        receiver = _Receiver(io.BytesIO(), field, 0, MAX_STRANGERS_TEXT)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return (await receiver.read(request, MAX_STRANGERS_FILE)).members
        except (FilmerError, TimeoutError):
            return receiver.until_file()


class _Receiver:
    """Receives one form."""

    def __init__(self, content: IO[bytes], field: str, max_bytes: int, max_text: int) -> None:
        self._content = content
        self._field = field
        self._max_bytes = max_bytes
        self._max_text = max_text
        self._too_large = PayloadTooLarge(f"A file may have {max_bytes // 2**20} MiB here, and this one has more")
        self._members = Members()
        self._segment: MultipartSegment | None = None
        self._text = bytearray()  # of the current field
        self._text_size = 0  # of all fields
        self._file_name: str | None = None
        self._file_size = 0
        self._unwritten = bytearray()  # of the file

    async def receive(self, request: AnyRequest) -> Upload:
        left = self._max_bytes + 2 * self._max_text
        if (request.content_length or 0) > left:
            raise self._too_large
        return await self.read(request, left)

    def until_file(self) -> Members:
        """The fields before the file, where that was too large, and its name."""
        return Members([*self._members, (self._field, self._file_name)] if self._file_name else [])

    async def read(self, request: AnyRequest, left: int) -> Upload:
        """``left``: bytes of the whole form."""
        essence, options = parse_options_header(request.headers.get("content-type", ""))
        if essence != MEDIA_TYPE:
            raise UnsupportedMediaType(f"A form with a file is sent as {MEDIA_TYPE}")
        try:
            parser = PushMultipartParser(options.get("boundary", ""), max_segment_count=MAX_FIELDS + 1)
            async for chunk in _chunks(request):
                left -= len(chunk)
                if left < 0:
                    raise self._too_large
                for event in parser.parse(chunk):
                    self._take(event)
                if len(self._unwritten) >= _WRITTEN_AT_ONCE:
                    await self._write()
            parser.close()
        except MultipartError as error:
            raise InvalidRequest(message=f"The form can't be read: {error}") from error
        await self._write()
        self._content.seek(0)
        file = UploadedFile(self._file_name, self._file_size, self._content) if self._file_name else None
        return Upload(self._members, file)

    def _take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        """An event of the parser: a field begins, bytes of it, its end."""
        if isinstance(event, MultipartSegment):
            self._segment = event
            if event.filename is not None:
                self._begin_file(event)
        elif self._segment is not None and self._segment.filename is not None:
            self._file_size += len(event or b"")
            if self._file_size > self._max_bytes:
                raise self._too_large
            self._unwritten += event or b""
        elif event is not None:
            self._text_size += len(event)
            if self._text_size > self._max_text:
                raise PayloadTooLarge(f"The fields of a form may have {self._max_text // 1024} KiB together")
            self._text += event
        elif self._segment is not None:
            self._members.append((_storable(self._segment.name or ""), _storable(self._text)))
            self._text = bytearray()

    def _begin_file(self, segment: MultipartSegment) -> None:
        if segment.name != self._field or self._file_name is not None:
            raise InvalidRequest(message="The form has a file where none belongs")
        name = _storable(segment.filename or "").replace("\\", "/").rpartition("/")[2]
        self._file_name = "".join(letter for letter in name if letter.isprintable())[:MAX_NAME]

    async def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, bytearray()
        with _explained_disk_errors():
            await asyncio.to_thread(self._content.write, unwritten)
            await asyncio.to_thread(self._content.flush)


async def _chunks(request: AnyRequest) -> AsyncIterator[bytes]:
    """The body as it comes, from senders who are slow, but not from those who are too slow to be honest."""
    received, begun = 0, time.monotonic()
    more = True
    while more:
        left = GRACE_SECONDS + received / SLOWEST - (time.monotonic() - begun)
        try:
            async with asyncio.timeout(min(SILENCE_SECONDS, left)):
                message: Any = await request.receive()
        except TimeoutError:
            raise RequestTimeout("The file did not arrive in time. Please send it again") from None
        if message["type"] == "http.disconnect":
            raise InvalidRequest(message="Request body is cut off")
        received += len(chunk := message.get("body", b""))
        if chunk:
            yield chunk
        more = message.get("more_body", False)


@contextmanager
def _explained_disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceUnavailable("The server has no room for the file. Nothing was changed") from error


def _storable(text: str | bytearray) -> str:
    """A name or value as text. Raises InvalidRequest for what no column can hold."""
    try:
        text = text if isinstance(text, str) else text.decode()
        require_storable(text)
    except UnicodeDecodeError:
        raise InvalidRequest(message="A field must be valid UTF-8") from None
    except ValueError as error:
        raise InvalidRequest(message=f"A field {error}") from None
    return text

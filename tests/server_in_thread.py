"""A real server over a real socket, on a thread of the test process.

``filmer serve`` takes two seconds of a processor to start, and nearly all of that is Python loading what this process
has loaded already. So whoever needs a server with settings of its own, and neither its processes, its log nor its
command line, takes this one: the same application, and Granian's HTTP as well.
"""

import asyncio
import os
import threading
from collections.abc import Mapping

import httpx
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from filmer.app import create_app
from filmer.server.serving import HEADER_SECONDS, MAX_CONNECTIONS, free_port
from filmer.settings import Settings, load_settings


class ServerInThread:
    """What ``filmer serve`` with this environment answers. ``client`` talks to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.port = free_port("127.0.0.1")
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False, verify=False)
        self._error: BaseException | None = None
        self._ready = threading.Event()
        settings = load_settings({**os.environ, **environment})
        self._thread = threading.Thread(target=self._run, args=(settings,), daemon=True)
        self._thread.start()
        if not self._ready.wait(60) or self._error is not None:
            raise AssertionError("the server did not start") from self._error

    def stop(self) -> None:
        self.client.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._granian.stop)
            self._thread.join(30)

    def _run(self, settings: Settings) -> None:
        try:
            asyncio.run(self._serve(settings))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self, settings: Settings) -> None:
        self._loop = asyncio.get_running_loop()
        self.app = create_app(settings)
        self._granian = Granian(
            self.app,
            address="127.0.0.1",
            port=self.port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            backpressure=MAX_CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=64 * 1024),
            log_enabled=False,
        )
        serving = asyncio.create_task(self._granian.serve())
        async with httpx.AsyncClient(base_url=self.client.base_url, trust_env=False, verify=False) as client:
            while not serving.done():
                try:
                    await client.get("/api/v1/health")  # whatever it says of the database
                except httpx.HTTPError:
                    await asyncio.sleep(0.01)
                else:
                    break
        self._ready.set()
        await serving

"""TMDB's posters: what counts as an image, what is cached, who waits, and how often TMDB is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
from structlog.testing import capture_logs
from tests.conftest import MakeDatabase
from tests.sandbox import Sandbox
from tests.tmdb.clients import KEY, MATRIX, SHAWSHANK, UNKNOWN, http, make_settings, scripted_server, until
from tests.tmdb.cluster import Cluster, Run, make_run

from filmer.errors import ExternalApiError
from filmer.store.embedded import Engines
from filmer.store.valkey import CLAIMED, SharedCache
from filmer.tmdb import images as module
from filmer.tmdb.client import Tmdb
from filmer.tmdb.images import FAILED_SECONDS, MAX_BYTES, NO_POSTER_SECONDS, Images, PosterImage, media_type_of
from filmer.tmdb.payloads import PayloadError, read_poster_path
from filmer.tmdb.rate_limit import RateLimit
from filmer.tmdb.sandbox.images import picture

BARE = 630  # The Wizard of Oz, which has no poster in the sandbox
HOST = "/t/p"
JPEG = b"\xff\xd8\xff\xe0"
NOT_YET = "EXTERNAL_API_ERROR"


class Viewer(NamedTuple):
    """What one process of filmer has of TMDB's posters."""

    images: Images
    shared: SharedCache
    logs: list[Any]

    async def sees(self, movie_id: int = MATRIX) -> PosterImage | str | None:
        try:
            return await self.images.poster(movie_id)
        except ExternalApiError as error:
            return error.code

    async def settled(self) -> None:
        """Returns when nothing is under way any more."""
        await until(
            lambda: (
                not (
                    self.images._in_flight
                    or self.shared._queue
                    or (self.shared._sender and not self.shared._sender.done())
                )
            )
        )


@asynccontextmanager
async def viewing(cluster: Cluster, **changes: Any) -> AsyncIterator[Viewer]:
    """An image cache that requests posters from the sandbox, unless ``changes`` name another host."""
    options = {"tmdb_image_base_url": f"{cluster.sandbox.address}{HOST}", "tmdb_language": cluster._language, **changes}
    shared = SharedCache(options.pop("redis_url", cluster._redis_url))
    settings = make_settings(cluster.sandbox.url, **options)
    rate_limit = RateLimit(SharedCache(None), cluster.clock, per_second=1000, workers=1)
    tmdb = Tmdb(settings, rate_limit, cluster.clock)
    images = Images(tmdb, rate_limit, shared, cluster.clock, settings)
    try:
        with capture_logs() as logs:
            yield Viewer(images, shared, logs)
    finally:
        await images.close()
        await tmdb.close()
        await shared.close()


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    return make_database()


@pytest.fixture
def run(sandbox: Sandbox, engines: Engines, database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(module, "WAIT_SECONDS", 30.0)  # a busy machine is another matter
    return make_run(sandbox, engines, database)


def pictures(cluster: Cluster, movie_id: int = MATRIX) -> int:
    """The number of requests for the image."""
    return cluster.sandbox.calls(f"{HOST}/w342/poster-{movie_id}.png")


def matrix() -> PosterImage:
    return PosterImage(picture(MATRIX), "image/png")


# --- what is taken for a picture ----------------------------------------------------------------------


@pytest.mark.parametrize("credential", [{"tmdb_api_key": KEY}, {"tmdb_api_key": None, "tmdb_access_token": KEY}])
def test_a_poster_comes_from_the_host_of_pictures_which_gets_no_credential(run: Run, credential: Any) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster, **credential) as viewer_a:
            assert await viewer_a.sees() == matrix()
        requests = [request for request in cluster.sandbox.requests() if request.path.startswith(HOST)]
        assert [(request.path, request.query) for request in requests] == [(f"{HOST}/w342/poster-603.png", {})]

    run(work)


@pytest.mark.parametrize(
    "fault",
    ["not-json", "svg", "huge", "endless", "half", "reset", "redirect", "gzip-bomb", "401", "429", "500", "502", "503"],
)
def test_what_is_no_picture_is_not_shown_and_asked_for_anew_a_minute_later(run: Run, fault: str) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail(fault, path=HOST)
        async with viewing(cluster) as viewer_a:
            assert await viewer_a.sees() == NOT_YET
            cluster.sandbox.heal()
            assert await viewer_a.sees() == NOT_YET
            assert pictures(cluster) == 1, "one try, and not another for each visitor"
            [entry] = [entry for entry in viewer_a.logs if entry["event"] == "no image from TMDB"]
            assert entry["path"] == "/poster-603.png"
            await viewer_a.settled()
            cluster.move(FAILED_SECONDS + 1)
            assert await viewer_a.sees() == matrix()

    run(work)


def test_a_redirect_is_not_followed(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        elsewhere = f"{cluster.sandbox.address}{HOST}/w342/poster-{SHAWSHANK}.png"
        cluster.sandbox.fail("redirect", path=HOST, location=elsewhere)
        async with viewing(cluster) as viewer_a:
            assert await viewer_a.sees() == NOT_YET
            assert pictures(cluster, SHAWSHANK) == 0

    run(work)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (JPEG + b"x" * (MAX_BYTES - len(JPEG)), "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (JPEG + b"x" * (MAX_BYTES - len(JPEG) + 1), None),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"GIF89a", None),
        (b" " + JPEG, None),
        (b"", None),
    ],
    ids=["largest", "webp", "too large", "sound", "gif", "later", "empty"],
)
def test_a_picture_is_known_by_its_first_bytes_and_bounded(run: Run, body: bytes, media_type: str | None) -> None:
    async def work(cluster: Cluster) -> None:
        async with (
            scripted_server(http("200 OK", body, "content-type: text/html", "set-cookie: a=b")) as host,
            viewing(cluster, tmdb_image_base_url=host.url, redis_url=None) as viewer_a,
        ):
            assert await viewer_a.sees() == (PosterImage(body, media_type) if media_type else NOT_YET)
            assert not viewer_a.images._http.cookies

    run(work)


def test_a_host_that_is_not_there(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster, tmdb_image_base_url="http://127.0.0.1:9/t/p") as viewer_a:
            assert await viewer_a.sees() == NOT_YET

    run(work)


def test_a_film_without_a_poster_or_unknown_has_none_and_is_not_asked_about_again_soon(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster) as viewer_a, viewing(cluster) as viewer_b:
            for movie_id in (BARE, UNKNOWN):
                assert [await viewer_a.sees(movie_id), await viewer_a.sees(movie_id)] == [None, None]
                await viewer_a.settled()
                assert await viewer_b.sees(movie_id) is None
                assert cluster.calls(movie_id) == 1
                cluster.move(NO_POSTER_SECONDS + 1)
                assert await viewer_a.sees(movie_id) is None
                assert cluster.calls(movie_id) == 2

    run(work)


def test_a_picture_that_is_not_there_is_none(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster, tmdb_image_base_url=f"{cluster.sandbox.address}{HOST}/nowhere") as viewer_a:
            assert await viewer_a.sees() is None

    run(work)


def test_while_tmdb_fails_there_is_no_poster_to_be_had(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("401")
        async with viewing(cluster) as viewer_a:
            assert await viewer_a.sees() == NOT_YET
            assert pictures(cluster) == 0

    run(work)


# --- who waits, and how often TMDB is asked -------------------------------------------------------------


def test_whoever_cannot_wait_goes_without_and_the_next_one_has_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)

    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", path=HOST, seconds=0.6)
        async with viewing(cluster) as viewer_a:
            assert [await viewer_a.sees(), await viewer_a.sees()] == [NOT_YET, NOT_YET]
            await viewer_a.settled()
            assert await viewer_a.sees() == matrix()
            assert pictures(cluster) == 1

    run(work)


def test_many_visitors_of_two_processes_make_one_request(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", path=HOST, seconds=0.3)
        async with viewing(cluster) as viewer_a, viewing(cluster) as viewer_b:
            posters = await asyncio.gather(*(viewer.sees() for viewer in (viewer_a, viewer_b) for _ in range(20)))
            assert posters == [matrix()] * 40
            assert (cluster.calls(), pictures(cluster)) == (1, 1)

    run(work)


def test_a_restart_finds_it_in_valkey_for_a_day(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster) as viewer_a:
            assert await viewer_a.sees() == matrix()
            await viewer_a.settled()
        cluster.sandbox.fail("black-hole", path=HOST)
        cluster.move(23 * 3600)
        async with viewing(cluster) as viewer_b:
            assert await viewer_b.sees() == matrix(), (viewer_a.logs, viewer_b.logs)
        assert (cluster.calls(), pictures(cluster)) == (1, 1)

    run(work)


def test_without_valkey_it_is_kept_in_memory(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster, redis_url=None) as viewer_a:
            assert [await viewer_a.sees(), await viewer_a.sees()] == [matrix(), matrix()]
            assert pictures(cluster) == 1

    run(work)


def test_what_another_put_into_valkey_is_looked_at_as_closely(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with viewing(cluster) as viewer_a:
            cluster.valkey.set(
                f"{viewer_a.images._prefix}:{MATRIX}", b"<svg xmlns='http://www.w3.org/2000/svg'/>", ex=60
            )
            assert await viewer_a.sees() == matrix()

    run(work)


def test_while_another_worker_asks_nobody_else_does(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)

    async def work(cluster: Cluster) -> None:
        async with viewing(cluster) as viewer_a:
            key = f"{viewer_a.images._prefix}:{MATRIX}"
            cluster.valkey.set(key, CLAIMED, ex=60)
            assert await viewer_a.sees() == NOT_YET
            assert pictures(cluster) == 0
            cluster.valkey.delete(key)  # that one died, and its claim is over
            await viewer_a.settled()
            assert await viewer_a.sees() == matrix()

    run(work)


def test_memory_is_bounded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    few = 2 * (len(picture(MATRIX)) + module.OVERHEAD) + 100
    monkeypatch.setattr(module, "MEMORY_BYTES", few)

    async def work(cluster: Cluster) -> None:
        async with viewing(cluster, redis_url=None) as viewer_a:
            for movie_id in (MATRIX, SHAWSHANK, 238, 424):
                assert isinstance(await viewer_a.sees(movie_id), PosterImage)
                assert viewer_a.images._memory.currsize <= few
            assert 1 <= len(viewer_a.images._memory) <= 2

    run(work)


def test_no_more_films_are_looked_for_at_once_than_memory_has_room_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_IN_FLIGHT", 1)

    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", path=HOST, seconds=0.5)
        async with viewing(cluster) as viewer_a:
            first = asyncio.create_task(viewer_a.sees())
            await until(lambda: viewer_a.images._in_flight)
            assert await viewer_a.sees(SHAWSHANK) == NOT_YET
            assert await first == matrix()
            assert isinstance(await viewer_a.sees(SHAWSHANK), PosterImage)

    run(work)


def test_a_host_that_fails_again_and_again_is_left_alone(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("500", path=HOST)
        films = [MATRIX, SHAWSHANK, 238, 424, 389, 129, 19404, 155, 496243, 13]
        async with viewing(cluster, redis_url=None) as viewer_a:
            for movie_id in films:
                assert await viewer_a.sees(movie_id) == NOT_YET
            assert sum(pictures(cluster, movie_id) for movie_id in films) == 8

    run(work)


def test_who_ends_does_not_wait_for_tmdb(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)

    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("black-hole", path=HOST)
        async with asyncio.timeout(8), viewing(cluster) as viewer_a:
            assert await viewer_a.sees() == NOT_YET
            key = f"{viewer_a.images._prefix}:{MATRIX}"
            assert cluster.valkey.get(key) == CLAIMED
        assert not cluster.valkey.exists(key), "others need not wait until it ends by itself"

    run(work)


# --- what TMDB says ---------------------------------------------------------------------------------


def details(**fields: Any) -> bytes:
    return msgspec.json.encode({"id": MATRIX, "title": "The Matrix", **fields})


@pytest.mark.parametrize("path", ["/abc.jpg", "/a_B-9.png", "/x.webp"])
def test_where_a_poster_is(path: str) -> None:
    assert read_poster_path(details(poster_path=path), MATRIX) == path


@pytest.mark.parametrize(
    "path",
    [
        None, "", "/", "abc.jpg", "/abc.svg", "/abc.jpg\n", "/../abc.jpg", "/a/b.jpg", "//host/abc.jpg", "/abc.jpg?x=1",
        "http://host/abc.jpg", "/é.jpg", "/%2e%2e.jpg", f"/{'a' * 101}.jpg",
    ],
)  # fmt: skip
def test_what_is_no_place_of_a_picture_is_none(path: str | None) -> None:
    assert read_poster_path(details(poster_path=path), MATRIX) is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", details(), details(poster_path=1), details(poster_path="/abc.jpg").replace(b"603", b"604")]
)
def test_what_is_not_about_the_film_is_no_answer(body: bytes) -> None:
    with pytest.raises(PayloadError):
        read_poster_path(body, MATRIX)


def test_the_sandbox_makes_pictures_of_their_own() -> None:
    assert media_type_of(picture(MATRIX)) == "image/png"
    assert picture(MATRIX) != picture(SHAWSHANK)
    assert len(picture(MATRIX)) < 4096

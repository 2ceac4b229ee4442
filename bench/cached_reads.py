"""Hot reads: answers from the byte cache, JSON and pages, in turn with a constant answer of the same size and head."""

import httpx
from bench import catalogues
from bench.load_generator import in_turn
from bench.request_mix import API
from bench.results import Limit, Row, Rows, compared
from bench.server import constant, serving, wait_for

SECONDS = 0.4
BOUND = 0.85
FIRST_PAGE_LIMIT = 60 * 1024  # bytes over the wire, without posters


def rows(scale: str) -> Rows:
    """One worker each; the client accepts gzip."""
    with serving(scale, workers=1) as address:
        for what, path in _addresses(address).items():
            with constant(wait_for(address + path)) as reference:
                rates = in_turn(
                    {"ours": address + path, "theirs": reference}, rounds=3 * catalogues.ROUNDS[scale], seconds=SECONDS
                )
            yield compared(
                f"{what}, cached", rates["ours"], rates["theirs"], reference="a constant answer like it", bound=BOUND
            )
        yield _weight(address)


def _addresses(address: str) -> dict[str, str]:
    best = httpx.get(f"{address}{API}/movies?sortBy=rating&order=desc", trust_env=False).json()["data"]["items"]
    film = next(item for item in best if item["stars"])
    return {
        "films": f"{API}/movies",
        "a film": f"{API}/movies/{film['id']}",
        "a star": f"{API}/stars/{film['stars'][0]['id']}",
        "search": f"{API}/search/movies?query=love",
        "suggestions": f"{API}/search/suggestions?query=bat",
        "home, as a page": "/",
        "all films, as a page": "/films",
        "a film, as a page": f"/films/{film['id']}",
    }


def _weight(address: str) -> Row:
    """Home and the files it names, as they go over the wire."""
    with httpx.Client(base_url=address, trust_env=False) as client:
        page = client.get("/")
        names = {part.partition('"')[0] for part in page.text.split('"/static/')[1:]}
        responses = [page, *(client.get(f"/static/{name}") for name in names)]
    size = sum(int(response.headers["content-length"]) for response in responses)
    return Row(
        f"home with its {len(names)} files, over the wire, without posters",
        f"{size / 1024:.1f} KiB",
        limits=[Limit(size / 1024, FIRST_PAGE_LIMIT / 1024, "KiB")],
        rounds={"bytes": [size]},
    )

"""A site of small pages, most of them with a fault that a check has to find."""

import gzip
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

POLICY = "default-src 'self'; img-src * data:"
SOUND = "<main><h1>Films</h1><p>All is well.</p></main>"
STYLE = "main { color: black; background: white }\n" * 200


class Answer(NamedTuple):
    body: str
    kind: str = "text/html"
    status: int = 200


def page_of(body: str = SOUND, *, style: str = "", status: int = 200) -> Answer:
    link = f'<link rel="stylesheet" href="/{style}">' if style else ""
    icon = '<link rel="icon" href="data:,">'  # or the browser asks for one, sooner or later
    head = f"<head><title>Films</title>{icon}{link}</head>"
    return Answer(f'<!doctype html><html lang="en">{head}<body>{body}</body></html>', status=status)


def scripted(name: str) -> Answer:
    return page_of(f'{SOUND}<script src="/{name}"></script>')


def pictured(address: str) -> Answer:
    return page_of(f'{SOUND}<img src="{address}" alt="A poster">')


def script(text: str) -> Answer:
    return Answer(text, "text/javascript")


def style(text: str) -> Answer:
    return Answer(text, "text/css")


# The pages a browser complains about, and what is found.
FAULTS = {
    "/error": (scripted("error.js"), "console error: no film"),
    "/warning": (scripted("warning.js"), "console warning: few films"),
    "/throws": (scripted("throws.js"), "uncaught: Error: no more films"),
    "/rejects": (scripted("rejects.js"), "uncaught: Error: no promise of films"),
    "/inline-script": (page_of(f"{SOUND}<script>films = 1</script>"), "Content-Security-Policy: script-src-elem"),
    "/inline-style": (page_of('<main style="color: red">Films</main>'), "violates .* Content Security Policy .*style"),
    "/broken-picture": (pictured("/500"), "server error: 500 for GET"),
    "/missing-picture": (pictured("/404"), "console error: Failed to load .* 404"),
    "/hangs-up": (pictured("/hang-up"), "failed request: GET .*/hang-up"),
    "/elsewhere": (pictured("http://films.example/"), "another host: GET http://films.example/"),
}

PAGES = {path: page for path, (page, _) in FAULTS.items()} | {
    "/": page_of(style="films.css"),
    "/films.css": style(STYLE),
    "/404": page_of(status=404),
    "/500": page_of(status=500),
    "/error.js": script('console.error("no film")'),
    "/warning.js": script('console.warn("few films")'),
    "/throws.js": script('throw new Error("no more films")'),
    "/rejects.js": script('Promise.reject(new Error("no promise of films"))'),
    # for axe
    "/no-alt": page_of('<main><h1>Films</h1><img id="poster" src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></main>'),
    "/pale": page_of('<main><h1>Films</h1><p class="pale">Faint</p></main>', style="pale.css"),
    "/pale.css": style(".pale { color: #ccc; background: #fff }"),
    "/small": page_of("<main><h1>Films</h1><button>a</button><button>b</button></main>", style="small.css"),
    "/small.css": style("button { width: 9px; height: 9px; padding: 0; border: 0; font-size: 8px }"),
    "/no-main": page_of("<h1>Films</h1><p>Nowhere</p>"),
    # for the cost
    "/moving": scripted("moving.js"),
    "/moving.js": script("""addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(() => {
        document.querySelector("main").insertAdjacentHTML("beforebegin", "<p>" + "Later. <br>".repeat(20));
    })));"""),
}


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hang-up":
            self.close_connection = True
            return
        response = PAGES.get(self.path, PAGES["/404"])
        body = gzip.compress(response.body.encode())
        self.send_response(HTTPStatus(response.status))
        self.send_header("content-type", f"{response.kind}; charset=utf-8")
        self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

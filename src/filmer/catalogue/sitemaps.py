"""What search engines are told: which pages there are."""

from litestar import Response
from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest
from filmer.errors import NotFound


async def show_robots(request: AnyRequest) -> Response[bytes]:
    raise NotFound


async def show_index(request: AnyRequest) -> Response[bytes]:
    raise NotFound


async def show_sitemap(number: FromPath[str], request: AnyRequest) -> Response[bytes]:
    raise NotFound

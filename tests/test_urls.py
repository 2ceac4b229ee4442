"""The tables of URLs agree with the lists of paths that the edge goes by."""

from litestar import Litestar
from litestar.routes import HTTPRoute

from filmer import urls
from filmer.app import create_app
from filmer.edge.edge import Edge
from filmer.settings import Settings


def public_api_paths() -> set[str]:
    edge = create_app(Settings(database_url="postgresql://nowhere"))
    assert isinstance(edge, Edge)
    app = edge._app
    assert isinstance(app, Litestar)
    return {
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "public" in handler.opt
    }


def test_public_paths_are_those_of_public_endpoints() -> None:
    """Otherwise an endpoint would not be cached, or the edge would look for responses that nobody puts there."""
    paths = public_api_paths()
    assert paths
    assert [path for path in paths if not path.startswith((*urls.PUBLIC_PATHS, *urls.TMDB_PATHS))] == []
    for prefix in (*urls.PUBLIC_PATHS, *urls.TMDB_PATHS):
        if prefix.startswith("/api/"):
            assert any(path.startswith(prefix) for path in paths), prefix

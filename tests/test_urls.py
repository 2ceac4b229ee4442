"""The tables of URLs agree with the lists of paths that the edge uses."""

from litestar.routes import HTTPRoute

from filmer import urls
from filmer.accounts.api import AccountsApi
from filmer.catalogue.api import CatalogueApi
from filmer.community.api import CommunityApi
from filmer.http.health import HealthApi
from filmer.rentals.api import RentalsApi
from filmer.shop.api import ShopApi


def public_api_paths() -> set[str]:
    """Of routes, which need handlers, but not what these stand on."""
    routers = (
        urls.shop_api(
            HealthApi.__new__(HealthApi),
            CatalogueApi.__new__(CatalogueApi),
            AccountsApi.__new__(AccountsApi),
            ShopApi.__new__(ShopApi),
            RentalsApi.__new__(RentalsApi),
        ),
        urls.community_api(CommunityApi.__new__(CommunityApi)),
    )
    return {
        route.path_format
        for router in routers
        for route in router.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "public" in handler.opt
    }


def test_public_paths_are_those_of_public_endpoints() -> None:
    """Otherwise the edge would not cache an endpoint, or would look for responses that are never cached."""
    paths = public_api_paths()
    first, last = urls.RATINGS_PATHS
    ageless = {path for path in paths if path.startswith(first) and path.endswith(last)}
    assert ageless == {"/api/movies/{movie_id}/ratings"}
    paths -= ageless
    assert [path for path in paths if not path.startswith((*urls.PUBLIC_PATHS, *urls.TMDB_PATHS))] == []
    for prefix in (*urls.PUBLIC_PATHS, *urls.TMDB_PATHS):
        if prefix.startswith("/api/"):
            assert any(path.startswith(prefix) for path in paths), prefix

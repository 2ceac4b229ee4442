"""``OPTIONS``, the 405 and the table of routes name the same methods, of every path there is (contract §1.6)."""

import re

import httpx
from litestar.routes import HTTPRoute
from tests.layers import framework_of

from filmer.app import create_app
from filmer.settings import Settings


def table() -> dict[str, set[str]]:
    """The methods of each path, with a one where something varies in it."""
    app = framework_of(create_app(Settings(database_url="postgresql://nowhere", metrics_token="m" * 32)))
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    return {re.sub(r"{\w+:str}", "1", route.path): set(route.methods) for route in routes}


def told(answer: httpx.Response) -> set[str]:
    (allow,) = answer.headers.get_list("allow")
    names: list[str] = re.split(r",\s*", allow)
    assert len(names) == len(set(names))
    return set(names)


def test_options_and_405_name_the_methods_of_the_table(shop: httpx.Client) -> None:
    paths = table()
    assert len([methods for methods in paths.values() if len(methods - {"OPTIONS"}) > 1]) >= 8
    for path, methods in paths.items():
        if path == "/metrics":  # this server has none
            continue
        options, refused = shop.options(path), shop.request("BREW", path)
        assert (options.status_code, refused.status_code) == (204, 405), path
        assert options.content == b""
        assert told(options) == told(refused) == methods, path
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            if (answer := shop.request(method, path)).status_code != 303:  # a form's address leads to its page
                assert answer.status_code == 405, path
                assert told(answer) == methods, path


def test_a_path_that_is_not_there_has_no_methods(shop: httpx.Client) -> None:
    for path in ("/nothing", "/api/v1/nothing", "/api/nothing"):
        assert shop.options(path).status_code == 404

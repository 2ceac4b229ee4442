"""What stands behind an application's edge: its layers, and the framework."""

from typing import Any, TypeVar

from litestar import Litestar

L = TypeVar("L")


def layer_of(app: Any, kind: type[L]) -> L:
    """The layer of this kind, or the framework, however many layers stand in front of it."""
    while not isinstance(app, kind):
        wrapped = getattr(app, "__wrapped__", None) or getattr(app, "__self__", None)  # by proxies' names, or a method
        app = wrapped or app._app
    return app


def framework_of(app: Any) -> Litestar:
    return layer_of(app, Litestar)

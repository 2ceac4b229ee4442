"""What every server of a test process would compile anew, and each time to the same: handlers' signatures, templates.

A test process starts several hundred servers on its threads. To make their applications took a fifth of its time, and
nearly all of that is Litestar looking at our handlers again. Servers that are processes compile for themselves.
"""

from collections.abc import Callable, Hashable
from types import CodeType
from typing import Any, TypeVar

import jinja2
from litestar._kwargs import KwargsModel
from litestar._signature import SignatureModel
from litestar.handlers.base import BaseRouteHandler
from litestar.utils.helpers import unwrap_partial
from litestar.utils.signature import ParsedSignature

Value = TypeVar("Value")


def compile_once() -> None:
    _of_handlers()
    _of_templates()


def _of_handlers() -> None:
    """A handler is a method of an object that each application has of its own: what counts is its function."""
    signature, model, arguments = ParsedSignature.from_fn, SignatureModel.create, BaseRouteHandler.create_kwargs_model
    signatures: dict[Hashable, ParsedSignature] = {}
    models: dict[Hashable, type[SignatureModel]] = {}
    arguments_of: dict[Hashable, KwargsModel] = {}

    def from_fn(_: type[ParsedSignature], /, fn: Callable[..., Any], namespace: dict[str, Any]) -> ParsedSignature:
        return _kept(signatures, _function(fn), lambda: signature(fn, namespace))

    def create(_: type[SignatureModel], /, *, fn: Callable[..., Any], **options: Any) -> type[SignatureModel]:
        return _kept(models, _function(fn), lambda: model(fn=fn, **options))

    def create_kwargs_model(self: BaseRouteHandler, path_parameters: dict[str, Any]) -> KwargsModel:
        assert not self.resolve_dependencies()  # none of ours has: it would be kept of another application
        key = _function(unwrap_partial(self.fn)), frozenset(path_parameters)
        return _kept(arguments_of, key, lambda: arguments(self, path_parameters))

    for owner, name, replacement in (
        (ParsedSignature, "from_fn", classmethod(from_fn)),
        (SignatureModel, "create", classmethod(create)),
        (BaseRouteHandler, "create_kwargs_model", create_kwargs_model),
    ):
        setattr(owner, name, replacement)


def _of_templates() -> None:
    """Filters are found when a template is rendered; without the optimizer none is called when it is compiled."""
    compiled = jinja2.Environment.compile
    kept: dict[Hashable, CodeType] = {}

    def compile_template(
        self: jinja2.Environment, source: str, name: str | None = None, filename: str | None = None
    ) -> CodeType:
        settings = self.autoescape, self.trim_blocks, self.lstrip_blocks, frozenset(self.filters)
        self.optimized = False
        return _kept(kept, (source, name, filename, settings), lambda: compiled(self, source, name, filename))

    type.__setattr__(jinja2.Environment, "compile", compile_template)


def _function(fn: Callable[..., Any]) -> Hashable:
    return getattr(fn, "__func__", fn)


def _kept(kept: dict[Hashable, Value], key: Hashable, make: Callable[[], Value]) -> Value:
    if key not in kept:
        kept[key] = make()
    return kept[key]

"""Mutation operators: small faults that are put into a module, one at a time.

Of cosmic-ray's operators only those are used whose mutants say something about the tests: ``<<`` for ``+`` raises a
``TypeError`` at the first call whatever is tested, and would only make the share of killed mutants look better. Three
operators are our own: a statement left out, a condition negated, an exception not caught. Those that cosmic-ray has for
the last two make invalid code of ``if x := y`` and ``except (A, b.C)``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

_OPPOSITES = ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt")
_BOUNDS = ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")
_CHOSEN = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in (*_OPPOSITES, *_BOUNDS)),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("ReplaceUnaryOperator_Delete_Not", "NumberReplacer", "ZeroIterationForLoop"),
)
_CONDITIONS = {"if_stmt", "while_stmt", "test", "comp_if"}  # parso's names; "test" is a conditional expression


class Mutant(msgspec.Struct, frozen=True):
    """``line`` became ``becomes``, in the statement that stands at the lines ``first`` to ``last``."""

    module: str  # its path below the root
    operator: str
    occurrence: int
    function: str
    first: int
    last: int
    line: str
    becomes: str


class _Own(Operator):  # type: ignore[misc]
    """Replaces each node that ``_places`` finds."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        for _, position in self._places(node):
            yield position.start_pos, position.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        number, position = list(self._places(node))[index]
        node.children[number] = parso.parse(position.get_first_leaf().prefix + self._instead(position))
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()

    def _places(self, node: Any) -> Iterator[tuple[int, Any]]:
        raise NotImplementedError

    def _instead(self, position: Any) -> str:
        raise NotImplementedError


class DropStatement(_Own):
    """Leaves out a call, a ``raise``, a ``return`` or an assignment to an attribute or item."""

    def _places(self, node: Any) -> Iterator[tuple[int, Any]]:
        if node.type != "simple_stmt":
            return
        statement = node.children[0]
        # A name that is no longer bound fails whatever is tested, and so does an attribute that __init__ did not set.
        keeps = statement.type == "expr_stmt" and statement.children[0].type in {"atom_expr", "power"}
        if statement.type in {"raise_stmt", "return_stmt", "atom_expr"} or (keeps and _function(node) != "__init__"):
            yield 0, statement

    def _instead(self, _: Any) -> str:
        return "pass"


class Negate(_Own):
    """Negates a condition."""

    def _places(self, node: Any) -> Iterator[tuple[int, Any]]:
        if node.type in _CONDITIONS:
            for number, child in enumerate(node.children[:-1]):
                if getattr(child, "value", "") in {"if", "elif", "while"}:
                    yield number + 1, node.children[number + 1]

    def _instead(self, position: Any) -> str:
        return f"not ({position.get_code(include_prefix=False)})"


class CatchNothing(_Own):
    def _places(self, node: Any) -> Iterator[tuple[int, Any]]:
        is_suppressing = node.type == "trailer" and node.get_previous_sibling().get_code().strip() == "suppress"
        if node.type == "except_clause" or is_suppressing:
            yield 1, node.children[1]

    def _instead(self, position: Any) -> str:
        return "" if position.parent.type == "trailer" else "()"


_OWN = {own.__name__: own for own in (DropStatement, Negate, CatchNothing)}


def mutants_of(root: Path, module: str) -> list[Mutant]:
    source = (root / module).read_text("utf-8")
    tree = get_ast(source)
    statements = _statements(source)
    mutants = []
    for name in (*_CHOSEN, *_OWN):
        operator = _operator(name)
        places = ((node, at) for node in ast_nodes(tree) for at, _ in operator.mutation_positions(node))
        for occurrence, (node, at) in enumerate(places):
            if _is_pointless(name, node):
                continue
            line, becomes = _change(source, mutate_code(source, operator, occurrence))
            first, last = statements.get(at[0], (at[0], at[0]))
            mutants.append(Mutant(module, name, occurrence, _function(node), first, last, line, becomes))
    return mutants


def mutated(source: str, mutant: Mutant) -> str:
    code = mutate_code(source, _operator(mutant.operator), mutant.occurrence)
    assert isinstance(code, str)
    return code


def _operator(name: str) -> Any:
    return _OWN[name]() if name in _OWN else get_operator(f"core/{name}")()


def _function(node: Any) -> str:
    return ASTQuery(node).get_definition_name() or ""


def _is_pointless(name: str, node: Any) -> str:
    """Why this mutant would say nothing about the tests; empty if it would."""
    if _within(node, "annassign", "param", "decorator"):
        return "annotations and decorators are the type checker's, or break the module as a whole"
    if _within(node, "classdef"):
        return "frozen=True tells readers and the type checker; nothing tries to change such a struct"
    if name.startswith("ReplaceBinaryOperator") and node.parent.type not in {"arith_expr", "term"}:
        return "it is no operator but the star of a signature or a call"
    is_opposite = name.endswith((*_OPPOSITES, "Delete_Not"))
    if is_opposite and node.parent.type in _CONDITIONS:
        return "Negate makes the same of a whole condition"
    return ""


def _within(node: Any, *kinds: str) -> bool:
    """Whether it is in one of these, and not in the body of a function or class."""
    while node is not None and node.type not in {"suite", "simple_stmt"}:
        if node.type in kinds:
            return True
        node = node.parent
    return bool(node is not None and node.type == "simple_stmt" and _is_annotated(node))


def _is_annotated(statement: Any) -> bool:
    """Annotated alone: there is nothing but the annotation."""
    return any(getattr(child, "type", "") == "annassign" and len(child.children) == 2
               for child in getattr(statement.children[0], "children", []))  # fmt: skip


def _statements(source: str) -> dict[int, tuple[int, int]]:
    """The lines of the innermost statement, or head of one, that each line is in."""
    ranges: dict[int, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(source)):  # outer ones come first
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1 if body else node.end_lineno or 0)
            ranges |= dict.fromkeys(range(node.lineno, last + 1), (node.lineno, last))
    return ranges


def _change(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, each side as one."""
    removed, added = before.splitlines(), after.splitlines()
    while removed and added and removed[0] == added[0]:
        del removed[0], added[0]
    while removed and added and removed[-1] == added[-1]:
        del removed[-1], added[-1]
    return " ".join(line.strip() for line in removed), " ".join(line.strip() for line in added)

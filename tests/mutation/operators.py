"""Two mutation operators that cosmic-ray lacks: leave out a statement, leave out a keyword argument.

A provider is a mapping from names to operators, as cosmic-ray's own. Nodes are those of parso, its parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from cosmic_ray.plugins import OPERATOR_PROVIDERS
from parso.python.tree import Keyword

Position: TypeAlias = tuple[tuple[int, int], tuple[int, int]]  # (line, column) of the start and of the end


class _Operator:
    """What cosmic-ray asks of an operator besides its mutations: it takes no arguments."""

    @classmethod
    def arguments(cls) -> tuple[()]:
        return ()


class DeleteStatement(_Operator):
    """An assignment or a call in a function becomes `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "simple_stmt" and node.search_ancestor("funcdef"):
            statement = node.children[0]
            if statement.type in ("expr_stmt", "atom_expr"):
                yield statement.start_pos, statement.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        left_out = node.children[0]
        node.children[0] = Keyword("pass", left_out.start_pos, left_out.get_first_leaf().prefix)
        return node


class DropKeyword(_Operator):
    """A call loses one of its keyword arguments."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        for argument in self._keywords(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        dropped = self._keywords(node)[index]
        siblings = dropped.parent.children
        at = siblings.index(dropped)
        del siblings[at : at + (2 if dropped.parent.type == "arglist" else 1)]  # its comma too
        return node

    @staticmethod
    def _keywords(node: Any) -> list[Any]:
        if node.type != "trailer" or node.children[0].value != "(":
            return []
        inside = node.children[1:-1]
        arguments = inside[0].children if inside and inside[0].type == "arglist" else inside
        return [a for a in arguments if a.type == "argument" and a.children[1] == "="]


OPERATOR_PROVIDERS["minisnip"] = {operator.__name__: operator for operator in (DeleteStatement, DropKeyword)}

"""Changes of a line: a node of a function, its replacement, and the kind of mistake that this undoes."""

from __future__ import annotations

import ast
import contextlib
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from seqmem.checking.repairs.own_code import Own


class Spot(NamedTuple):
    """A position in a tree."""

    parent: ast.AST
    field: str
    at: int | None  # the index within a field that is a list

    @property
    def node(self) -> Any:
        """The node at this position."""
        value = getattr(self.parent, self.field)
        return value if self.at is None else value[self.at]

    def put(self, node: Any) -> None:
        """Replace the node at this position."""
        if self.at is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.at] = node


class Edit(NamedTuple):
    """One change."""

    kind: str
    own: Own
    statement: ast.stmt
    changes: tuple[tuple[Spot, ast.AST], ...]
    shown: str = ""  # the new statement, if its text would look unnatural

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """Keep this change in the tree during the block."""
        before = [spot.node for spot, _ in self.changes]
        for (spot, node), old in zip(self.changes, before, strict=True):
            spot.put(ast.fix_missing_locations(ast.copy_location(node, old)))
        try:
            yield
        finally:
            for (spot, _), node in zip(self.changes, before, strict=True):
                spot.put(node)


class Place(NamedTuple):
    """A spot, and the nodes around it."""

    spot: Spot
    statement: ast.stmt
    parents: tuple[ast.AST, ...]  # from the statement's own node down
    loops: tuple[ast.stmt, ...]  # around the statement


def places(tree: ast.FunctionDef) -> Iterator[Place]:
    """Yield every place in a function's body, in the order of the text."""
    for k, statement in enumerate(tree.body):
        yield from _of_statement(Spot(tree, "body", k), statement, ())


def _of_statement(spot: Spot, statement: ast.stmt, loops: tuple[ast.stmt, ...]) -> Iterator[Place]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
        return
    yield Place(spot, statement, (), loops)
    inner = (*loops, statement) if isinstance(statement, (ast.For, ast.While)) else loops
    for child in _children(statement):
        if isinstance(child.node, ast.stmt):
            yield from _of_statement(child, child.node, inner)
        elif isinstance(child.node, ast.AST):
            yield from _within(child, statement, (statement,), loops)


def _within(
    spot: Spot, statement: ast.stmt, parents: tuple[ast.AST, ...], loops: tuple[ast.stmt, ...]
) -> Iterator[Place]:
    node = spot.node
    yield Place(spot, statement, parents, loops)
    for child in _children(node):
        yield from _within(child, statement, (*parents, node), loops)


def _children(node: ast.AST) -> Iterator[Spot]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield Spot(node, field, None)
        elif isinstance(value, list):
            yield from (Spot(node, field, k) for k, part in enumerate(value) if isinstance(part, ast.AST))


def is_read(node: ast.AST) -> bool:
    """Return whether a node is an expression whose value is read."""
    return isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def parsed(text: str) -> Any:
    """Return the expression of a text."""
    return ast.parse(text, mode="eval").body


def is_value(place: Place) -> bool:
    """Return whether a place holds an array or a number, not a function's name, an index or an option."""
    node, spot = place.spot.node, place.spot
    if not is_read(node) or not isinstance(
        node, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Call)
    ):
        return False
    return not _is_beside_the_numbers(spot, place.parents)


def _is_beside_the_numbers(spot: Spot, parents: tuple[ast.AST, ...]) -> bool:
    chain = [*parents, spot.node]
    for parent, child in itertools.pairwise(chain):
        if isinstance(parent, (ast.Slice, ast.keyword, ast.Compare)):
            return True
        if isinstance(parent, ast.Subscript) and child is parent.slice:
            return True
        if isinstance(parent, ast.Call) and child is parent.func:
            return True
        if isinstance(parent, ast.Attribute):
            return True
        if isinstance(parent, ast.For) and child is not None and child in (parent.iter, parent.target):
            return True
        if isinstance(parent, ast.Call) and ast.unparse(parent.func) in _SIZES:
            return True
    return False


_SIZES = {
    *("range", "len", "np.zeros", "np.zeros_like", "np.ones", "np.arange", "enumerate", "reversed", "zip"),
    *("isinstance", "print", "np.empty", "np.empty_like", "super", "int", "np.full"),
}


def factors(node: ast.AST) -> list[ast.expr]:
    """Return the factors of a product, or the node alone."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*factors(node.left), *factors(node.right)]
    return [node] if isinstance(node, ast.expr) else []


def is_whole(place: Place) -> bool:
    """Return whether a place is a whole expression, not a factor of a product or quotient."""
    parent = place.parents[-1] if place.parents else None
    is_part = isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Mult, ast.Div, ast.Pow))
    return is_value(place) and not is_part and not isinstance(parent, ast.UnaryOp)

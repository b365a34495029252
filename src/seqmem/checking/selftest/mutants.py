"""Mutants: the library's own passes with one operator, number, name or line changed, one at a time.

The catalogue contains mistakes that somebody thought of. Mutants are systematic (DeMillo, Lipton & Sayward,
1978): every arithmetic operator, comparison and number is replaced, every name is exchanged for a similar
name, a sum, a factor or a call is overwritten or left out, a sign or a transpose dropped.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

OPERATORS: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Add(),
    ast.Div: ast.Mult(),
    ast.Pow: ast.Mult(),
}
COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
}
FUNCTIONS = {"add": "subtract", "subtract": "add", "multiply": "add", "tanh": "sin"}  # of NumPy
ALIKE = (  # names that are easily confused
    {"i", "f", "o", "g"},
    {"r", "z", "n"},
    {"h", "h_prev", "c", "c_prev", "tanh_c"},
    {"h_prev", "reset_h"},
    {"d_h", "d_c", "dh_dc", "d_reset_h"},
    {"d_a_i", "d_a_f", "d_a_o", "d_a_g", "d_a_if"},
    {"d_a_r", "d_a_z", "d_a_n", "d_a_hn", "d_a_rz", "d_a_zn"},
    {"half", "one"},
)


class Mutant(NamedTuple):
    """A function with one change."""

    line: str
    becomes: str
    source: str


def mutants(function: Callable[..., Any]) -> Iterator[Mutant]:
    """Yield every mutant of a function."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    before = ast.unparse(tree).splitlines()
    known = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    known |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    # NumPy treats any negative size as -1: another number changes nothing there.
    negated = {id(node.operand) for node in ast.walk(tree) if isinstance(node, ast.UnaryOp)}
    # A call that is a statement is left out together with the line.
    lines = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for index, node in enumerate(ast.walk(tree)):
        for new in changes(node, known) if id(node) not in negated | lines else ():
            after = ast.unparse(_with(tree, index, new)).splitlines()
            at = next(k for k, (old, new) in enumerate(zip(before, after, strict=True)) if old != new)
            yield Mutant(before[at].strip(), after[at].strip(), "\n".join(after))


def changes(node: ast.AST, known: set[str]) -> Iterator[ast.AST]:
    """Yield the replacements of a node; `known` are the names in the function."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)], right)
        case ast.Compare(left, [op], right) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)]], right)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.AugAssign(target, op, value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)], value)
            yield ast.Pass()
            yield ast.Assign(
                [ast.Subscript(_loaded(target), ast.Constant(...), ast.Store())], value, lineno=0
            )
        case ast.Expr(ast.Call(func)) if not ast.unparse(func).startswith("np."):
            yield ast.Pass()  # if nothing else is written: the memory of np.empty may happen to be right
        case ast.Call(ast.Attribute(ast.Name(owner)), [ast.Name() as first, *_]) if owner != "np":
            yield first  # a step left out: its argument is passed on
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            yield ast.Constant(number + 1)
            if number > 0:
                yield ast.Constant(number - 1)
        case ast.Name() | ast.Attribute():
            yield from _other_names(node, known)


def _other_names(node: ast.Name | ast.Attribute, known: set[str]) -> Iterator[ast.AST]:
    match node:
        case ast.Name(name, ast.Load()):
            yield from (ast.Name(other, ast.Load()) for other in sorted(_alike(name) & known))
        case ast.Attribute(value, name, ctx):
            yield from (ast.Attribute(value, other, ctx) for other in sorted(_alike(name) & known))
            if name in FUNCTIONS and ast.unparse(value) == "np":
                yield ast.Attribute(value, FUNCTIONS[name], ctx)
            if name == "T":
                yield value


def _alike(name: str) -> set[str]:
    return set().union(*(names - {name} for names in ALIKE if name in names))


def _loaded(target: ast.expr) -> ast.expr:
    loaded = copy.deepcopy(target)
    loaded.ctx = ast.Load()  # type: ignore[attr-defined]
    return loaded


def _with(tree: ast.AST, index: int, new: ast.AST) -> ast.AST:
    """Return a copy of the tree with another node at position index."""
    other = copy.deepcopy(tree)
    found = list(ast.walk(other))[index]

    class Exchange(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return copy.deepcopy(new) if node is found else self.generic_visit(node)

    return Exchange().visit(other)

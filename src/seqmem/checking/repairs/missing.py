"""What is missing from a line: a factor, a term, a derivative's other half."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from seqmem.checking.repairs.edits import Edit, Place, factors, is_whole, parsed, places
from seqmem.checking.repairs.own_code import Own

_FACTORS = (
    *("(1 - {0} ** 2)", "{0} * (1 - {0})", "{0}", "(1 - np.tanh({0}) ** 2)", "(1 - {0})"),
    *("{0}[..., None]", "1 / {0}"),
)
_MOST_SHAPED = 24  # arrays that are tried as what is missing


def derivatives(own: Own) -> Iterator[Edit]:
    """The softmax's derivative for its diagonal, and its weighted mean for the plain one."""
    for place in places(own.tree):
        yield from _softmax(own, place)
        yield from _weighted(own, place)


def _softmax(own: Own, place: Place) -> Iterator[Edit]:
    """d * p * (1 - p): p * (d - sum of d * p)."""
    node = place.spot.node
    parts = factors(node)
    if len(parts) < 2 or (place.parents and isinstance(getattr(place.parents[-1], "op", None), ast.Mult)):
        return
    texts = [ast.unparse(part) for part in parts]
    for p in texts:
        if f"1 - {p}" not in texts and f"1.0 - {p}" not in texts:
            continue
        rest = " * ".join(f"({t})" for t in texts if t not in (p, f"1 - {p}", f"1.0 - {p}"))
        if not rest:
            continue
        for axis in (-1, 0, 1):
            text = f"{p} * ({rest} - ({rest} * {p}).sum(axis={axis}, keepdims=True))"
            yield Edit("softmax", own, place.statement, ((place.spot, parsed(text)),))


def _weighted(own: Own, place: Place) -> Iterator[Edit]:
    node = place.spot.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr not in ("mean", "sum"):
        return
    is_numpy = ast.unparse(node.func.value) == "np" and bool(node.args)
    inner = ast.unparse(node.args[0] if is_numpy else node.func.value)
    options = ", ".join(ast.unparse(part) for part in [*node.args[is_numpy:], *node.keywords])
    for name in _arrays(own):
        text = f"({inner} * {name}).sum({options})"
        yield Edit("weighted", own, place.statement, ((place.spot, parsed(text)),))


def missing_factors(own: Own) -> Iterator[Edit]:
    """One more factor."""
    wholes = [place for place in places(own.tree) if is_whole(place)]
    names = _arrays(own) + [name for name, shape in own.shapes.items() if shape == ()]
    for form in _FACTORS:
        for place, name in itertools.product(wholes, names):
            text = ast.unparse(place.spot.node)
            if form.format(name) in text or text == name:
                continue
            new = ast.BinOp(place.spot.node, ast.Mult(), parsed(form.format(name)))
            yield Edit("factor", own, place.statement, ((place.spot, new),))


def missing_means(own: Own) -> Iterator[Edit]:
    """The paths through a mean and through a scale, which a normalisation has."""
    wholes = [place for place in places(own.tree) if is_whole(place)]
    for place in wholes:
        text = f"({ast.unparse(place.spot.node)})"
        for axis in (0, -1):
            mean = f"mean(axis={axis}, keepdims=True)"
            yield Edit("mean-path", own, place.statement, ((place.spot, parsed(f"{text} - {text}.{mean}")),))
            for name in _arrays(own):
                new = f"{text} - {name} * ({text} * {name}).{mean}"
                yield Edit("scale-path", own, place.statement, ((place.spot, parsed(new)),))


def missing_terms(own: Own) -> Iterator[Edit]:
    """One more term: an array."""
    yield from _with_terms(own, _arrays(own))


def missing_products(own: Own) -> Iterator[Edit]:
    """One more term: a product of two arrays."""
    pairs = itertools.combinations(_arrays(own), 2)
    shapes = own.shapes
    yield from _with_terms(own, [f"{one} * {other}" for one, other in pairs if shapes[one] == shapes[other]])


def _with_terms(own: Own, terms: list[str]) -> Iterator[Edit]:
    wholes = [place for place in places(own.tree) if is_whole(place) and _is_sum(place)]
    for text, place in itertools.product(terms, wholes):
        if text != ast.unparse(place.spot.node):
            new = ast.BinOp(place.spot.node, ast.Add(), parsed(text))
            yield Edit("term", own, place.statement, ((place.spot, new),))


def _is_sum(place: Place) -> bool:
    """Whether a place is the whole of a sum."""
    parent = place.parents[-1] if place.parents else None
    return not isinstance(parent, (ast.BinOp, ast.Attribute, ast.Subscript))


def _arrays(own: Own) -> list[str]:
    return [name for name, shape in own.shapes.items() if shape][:_MOST_SHAPED]

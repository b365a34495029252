"""Missing parts of a line: a factor, a term, the other half of a derivative."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from seqmem.checking.repairs.edits import Edit, Place, factors, is_value, is_whole, parsed, places
from seqmem.checking.repairs.own_code import Own, Shape

_FACTORS = (
    *("(1 - {0} ** 2)", "{0} * (1 - {0})", "{0}", "(1 - np.tanh({0}) ** 2)", "(1 - {0})"),
    *("{0}[..., None]", "1 / {0}"),
)
_MOST_SHAPED = 24  # arrays to try as the missing part


def derivatives(own: Own) -> Iterator[Edit]:
    """Yield the softmax's derivative for its diagonal, and its weighted mean for the plain mean."""
    for place in places(own.tree):
        yield from _softmax(own, place)
        yield from _weighted(own, place)


def _softmax(own: Own, place: Place) -> Iterator[Edit]:
    """Replace d * p * (1 - p) by p * (d - sum of d * p)."""
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
    """Yield edits that add a factor."""
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
    """Yield edits that add the paths through the mean and the scale of a normalisation."""
    wholes = [place for place in places(own.tree) if is_whole(place)][::-1]
    # a path is added where the others end, in a formula sooner than in a return
    for place in sorted(wholes, key=_is_formula, reverse=True):
        text = f"({ast.unparse(place.spot.node)})"
        for axis in (0, -1):
            mean = f"mean(axis={axis}, keepdims=True)"
            yield Edit("mean-path", own, place.statement, ((place.spot, parsed(f"{text} - {text}.{mean}")),))
            for name in _arrays(own):
                new = f"{text} - {name} * ({text} * {name}).{mean}"
                yield Edit("scale-path", own, place.statement, ((place.spot, parsed(new)),))


def _is_formula(place: Place) -> bool:
    return not isinstance(place.spot.node, ast.Name)


def missing_terms(own: Own) -> Iterator[Edit]:
    """Yield edits that add an array as a term."""
    sums = [place for place in places(own.tree) if is_whole(place) and _is_sum(place)]
    factors_of = [place for place in places(own.tree) if is_value(place) and _is_factor(place)]
    yield from _with_terms(own, {name: own.shapes[name] for name in _arrays(own)}, sums + factors_of)


def missing_products(own: Own) -> Iterator[Edit]:
    """Yield edits that add a product of two arrays as a term."""
    pairs = itertools.combinations(_arrays(own), 2)
    shapes = own.shapes
    products = {f"{one} * {other}": shapes[one] for one, other in pairs if shapes[one] == shapes[other]}
    sums = [place for place in places(own.tree) if is_whole(place) and _is_sum(place)]
    yield from _with_terms(own, products, [place for place in sums if _shape(own, place) is not None])


def _with_terms(own: Own, terms: dict[str, Shape], where: list[Place]) -> Iterator[Edit]:
    for (text, shape), place in itertools.product(terms.items(), where):
        if text != ast.unparse(place.spot.node) and _shape(own, place) in (shape, None):
            new = ast.BinOp(place.spot.node, ast.Add(), parsed(text))
            yield Edit("term", own, place.statement, ((place.spot, new),))


def _shape(own: Own, place: Place) -> Shape | None:
    """Return the shape of the value at a place; None if it is unknown."""
    statement = place.statement
    if isinstance(statement, ast.Assign) and statement.value is place.spot.node:
        return own.shapes.get(ast.unparse(statement.targets[0]))
    return own.shapes.get(ast.unparse(place.spot.node))


def _is_sum(place: Place) -> bool:
    """Return whether a place is a whole sum."""
    parent = place.parents[-1] if place.parents else None
    return not isinstance(parent, (ast.BinOp, ast.Attribute, ast.Subscript))


def _is_factor(place: Place) -> bool:
    """Return whether a place is a factor without an operation of its own."""
    parent = place.parents[-1] if place.parents else None
    is_product = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult)
    return is_product and isinstance(place.spot.node, (ast.Name, ast.Subscript, ast.Attribute))


def _arrays(own: Own) -> list[str]:
    return [name for name, shape in own.shapes.items() if shape][:_MOST_SHAPED]

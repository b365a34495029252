"""Slips of the pen, undone: another name, index, number, operator; = for +=; a transpose; a slice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from seqmem.checking.repairs.edits import Edit, Place, Spot, is_read, is_value, parsed, places
from seqmem.checking.repairs.own_code import Own

_SWAPPED: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.MatMult),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}
_REDUCTIONS = {"sum", "mean", "max", "min", "argmax", "softmax"}
_PRODUCTS = ("np.dot", "np.matmul", "np.outer")


def slips(own: Own) -> Iterator[Edit]:
    """Yield edits that each undo one slip of a function, the likely ones first."""
    everywhere = list(places(own.tree))
    for kind in (_sums, _names, _texts, _indices, _slices, _numbers, _axes, _transposes, _signs, _parts):
        for place in everywhere:
            yield from kind(own, place, everywhere)


def axes(own: Own) -> Iterator[Edit]:
    """Yield edits that each take one sum of a function along another axis."""
    for place in places(own.tree):
        yield from _axes(own, place, [])


def _edit(kind: str, own: Own, place: Place, node: ast.AST) -> Edit:
    return Edit(kind, own, place.statement, ((place.spot, node),))


def _sums(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    """Yield += for = in a loop, and = for +=."""
    node = place.spot.node
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and place.loops:
        (target,) = node.targets
        if isinstance(target, (ast.Tuple, ast.List)):
            return
        text, value = ast.unparse(target), ast.unparse(node.value)
        before = f"locals().get({text!r}, 0)" if isinstance(target, ast.Name) else text
        new = ast.copy_location(ast.parse(f"{text} = {before} + ({value})").body[0], node)
        yield Edit("sum", own, node, ((place.spot, new),), f"{text} += {value}")
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        target = copy.deepcopy(node.target)
        yield _edit("no-sum", own, place, ast.copy_location(ast.Assign([target], node.value), node))


def _names(own: Own, place: Place, everywhere: list[Place]) -> Iterator[Edit]:
    """Yield another array of the same shape, once or wherever the name occurs in the statement."""
    node = place.spot.node
    if not isinstance(node, (ast.Name, ast.Attribute)) or not is_read(node):
        return
    text = ast.unparse(node)
    shape = own.shapes.get(text)
    if shape is None:
        return
    same = [
        other
        for other in everywhere
        if other.statement is place.statement
        and is_read(other.spot.node)
        and ast.unparse(other.spot.node) == text
    ]
    for name, other_shape in own.shapes.items():
        if name == text or other_shape != shape:
            continue
        yield _edit("name", own, place, parsed(name))
        if len(same) > 1 and same[0].spot == place.spot:
            yield Edit("name", own, place.statement, tuple((one.spot, parsed(name)) for one in same))
    for name, other_name in _exchanges(own, place, everywhere):
        yield from _exchanged(own, everywhere, place.statement, name, other_name)


def _exchanges(own: Own, place: Place, everywhere: list[Place]) -> Iterator[tuple[str, str]]:
    """Yield pairs of names in one statement, once per statement."""
    first = next(one for one in everywhere if one.statement is place.statement and _is_name(own, one))
    if first.spot != place.spot:
        return
    names = list(
        dict.fromkeys(
            ast.unparse(one.spot.node)
            for one in everywhere
            if one.statement is place.statement and _is_name(own, one)
        )
    )
    for k, name in enumerate(names):
        yield from ((name, other) for other in names[k + 1 :] if own.shapes[name] == own.shapes[other])


def _is_name(own: Own, place: Place) -> bool:
    node = place.spot.node
    is_name = isinstance(node, (ast.Name, ast.Attribute)) and is_read(node)
    return is_name and ast.unparse(node) in own.shapes


def _exchanged(
    own: Own, everywhere: list[Place], statement: ast.stmt, one: str, other: str
) -> Iterator[Edit]:
    becomes = {one: other, other: one}
    changes = tuple(
        (place.spot, parsed(becomes[ast.unparse(place.spot.node)]))
        for place in everywhere
        if place.statement is statement and _is_name(own, place) and ast.unparse(place.spot.node) in becomes
    )
    yield Edit("exchanged", own, statement, changes)


def _texts(own: Own, place: Place, everywhere: list[Place]) -> Iterator[Edit]:
    """Yield another key of the same dictionary."""
    node = place.spot.node
    parent = place.parents[-1] if place.parents else None
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return
    if not (isinstance(parent, ast.Subscript) and is_read(parent)):
        return
    others = {
        other.spot.node.value
        for other in everywhere
        if isinstance(other.spot.node, ast.Constant)
        and isinstance(other.spot.node.value, str)
        and other.parents
        and isinstance(other.parents[-1], ast.Subscript)
        and ast.unparse(other.parents[-1].value) == ast.unparse(parent.value)
    }
    yield from (_edit("name", own, place, ast.Constant(text)) for text in sorted(others - {node.value}))


def _indices(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    """Yield another step, and the initial state if an index of -1 refers to the last step."""
    node = place.spot.node
    if not isinstance(node, ast.Subscript) or not is_read(node):
        return
    for k, part in enumerate(_steps_of(node.slice)):
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            yield _edit("index", own, place, _with_index(node, k, part.left))
            if isinstance(part.op, ast.Sub) and isinstance(node.slice, ast.BinOp):
                for name in own.shapes:
                    text = f"({ast.unparse(node)} if {ast.unparse(part.left)} > 0 else {name})"
                    yield _edit("first-step", own, place, parsed(text))
        elif isinstance(part, ast.Name) and place.loops:
            for op in (ast.Sub(), ast.Add()):
                moved = ast.BinOp(copy.deepcopy(part), op, ast.Constant(1))
                yield _edit("index", own, place, _with_index(node, k, moved))


def _steps_of(index: ast.expr) -> list[ast.expr]:
    return list(index.elts) if isinstance(index, ast.Tuple) else [index]


def _with_index(node: ast.Subscript, k: int, part: ast.expr) -> ast.Subscript:
    new = copy.deepcopy(node)
    part = copy.deepcopy(part)
    if isinstance(new.slice, ast.Tuple):
        new.slice.elts[k] = part
    else:
        new.slice = part
    return new


def _slices(own: Own, place: Place, everywhere: list[Place]) -> Iterator[Edit]:
    """Yield another slice that the function uses."""
    node = place.spot.node
    parent = place.parents[-1] if place.parents else None
    if not isinstance(node, ast.Slice) or (isinstance(parent, ast.Subscript) and not is_read(parent)):
        return
    text = ast.unparse(node)
    others = {
        ast.unparse(one.spot.node): one.spot.node
        for one in everywhere
        if isinstance(one.spot.node, ast.Slice)
    }
    for other, found in others.items():
        if other not in (text, ":"):
            yield _edit("slice", own, place, copy.deepcopy(found))


def _numbers(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    node = place.spot.node
    parent = place.parents[-1] if place.parents else None
    if not isinstance(node, ast.Constant) or isinstance(node.value, (bool, str)):
        return
    if isinstance(parent, ast.keyword) and parent.arg in ("axis", "keepdims"):
        return
    value = node.value
    if isinstance(value, int):
        others: list[float] = [value + 1, value - 1, 2 * value]
        others += [-value] if value else []
    elif isinstance(value, float):
        others = [2 * value, value / 2, -value, value + 1, value - 1]
    else:
        return
    for other in dict.fromkeys(others):
        if other != value:
            yield _edit("number", own, place, parsed(repr(other)))


def _axes(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    """Yield another axis of a sum with its length kept, and a sum for a mean or a mean for a sum."""
    node = place.spot.node
    if not isinstance(node, ast.Call):
        return
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name not in _REDUCTIONS:
        return
    if name in ("sum", "mean") and isinstance(node.func, ast.Attribute):
        other = copy.deepcopy(node)
        other.func.attr = "mean" if name == "sum" else "sum"  # type: ignore[attr-defined]
        yield _edit("mean" if name == "mean" else "total", own, place, other)
    for axis in ("None", "0", "1", "2"):
        for kept in (False, True):
            new = copy.deepcopy(node)
            new.keywords = [k for k in new.keywords if k.arg not in ("axis", "keepdims")]
            n_data = 1 if ast.unparse(node.func).startswith("np.") or isinstance(node.func, ast.Name) else 0
            new.args = new.args[:n_data]
            if axis != "None":
                new.keywords.append(ast.keyword("axis", parsed(axis)))
            if kept:
                new.keywords.append(ast.keyword("keepdims", ast.Constant(True)))
            if ast.unparse(new) != ast.unparse(node):
                yield _edit("axis", own, place, new)


def _transposes(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    node = place.spot.node
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield _edit("transposed", own, place, node.value)
    parent = place.parents[-1] if place.parents else None
    in_product = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.MatMult)
    if isinstance(parent, ast.Call):
        called = ast.unparse(parent.func)
        in_product = called in _PRODUCTS or called.endswith(".dot")
    if in_product and is_value(place) and not (isinstance(node, ast.Attribute) and node.attr == "T"):
        yield _edit("transpose", own, place, ast.Attribute(node, "T", ast.Load()))


def _signs(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    """Yield another operator, one minus fewer or one more."""
    node = place.spot.node
    if isinstance(node, ast.BinOp):
        for other in _SWAPPED.get(type(node.op), ()):
            yield _edit("operator", own, place, ast.BinOp(node.left, other(), node.right))
        yield _edit("order", own, place, ast.BinOp(node.right, node.op, node.left))
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
        op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield _edit(
            "operator", own, place, ast.copy_location(ast.AugAssign(node.target, op, node.value), node)
        )
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and is_value(_operand(place, node)):
        yield _edit("operator", own, place, node.operand)


def _operand(place: Place, node: ast.UnaryOp) -> Place:
    return Place(Spot(node, "operand", None), place.statement, (*place.parents, node), place.loops)


def _parts(own: Own, place: Place, _: list[Place]) -> Iterator[Edit]:
    """Yield edits that leave out a term, a factor or a function."""
    node = place.spot.node
    if isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Pow, ast.MatMult)):
        yield _edit("left-out", own, place, node.left)
        if not isinstance(node.op, ast.Div):
            yield _edit("left-out", own, place, node.right)
    elif isinstance(node, ast.Call) and node.args and is_read(node):
        yield from (_edit("left-out", own, place, part) for part in node.args if isinstance(part, ast.expr))

"""Hints in a function's text: shapes in comments, keys of dictionaries, names of returned values."""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

B, T, D, H, V, OUT = 3, 6, 7, 5, 8, 2  # all sizes differ, so that no two axes can be confused
_LETTERS = {
    **dict.fromkeys(("n", "b", "m", "batch", "batchsize", "batch_size", "bs", "n_samples", "num_samples"), B),
    **dict.fromkeys(("t", "t_x", "tx", "steps", "l", "seq", "seq_len", "time", "s", "t_y"), T),
    **dict.fromkeys(
        (
            "d",
            "n_x",
            "nx",
            "i",
            "input",
            "inputs",
            "input_size",
            "n_in",
            "x_dim",
            "in_dim",
            "input_dim",
            "k",
            "features",
            "dim",
            "q",
        ),
        D,
    ),
    **dict.fromkeys(
        ("h", "n_a", "n_h", "nh", "hidden", "hidden_size", "hidden_dim", "units", "cells", "a"), H
    ),
    **dict.fromkeys(("v", "n_y", "c", "vocab", "vocab_size", "classes"), V),
    **dict.fromkeys(("o", "out", "n_out", "outputs"), OUT),
}
_SPARE = (9, 10, 11, 4)
_WORD = re.compile(r"[A-Za-z]\w*")


@lru_cache(maxsize=256)
def text_of(function: Callable[..., Any]) -> str:
    """Return a function's source, or "" if there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, IndentationError):
        return ""


@lru_cache(maxsize=256)
def tree_of(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return a function's definition, or None."""
    try:
        body = ast.parse(text_of(function)).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    return body[0] if body and isinstance(body[0], ast.FunctionDef) else None


def words_of(function: Any) -> str:
    """Return the comments and strings in the source of a function or class, without its code."""
    import io
    import tokenize

    kinds = (tokenize.COMMENT, tokenize.STRING)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text_of(function)).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return ""
    return "\n".join(token.string for token in tokens if token.type in kinds)


def shape_in(text: str, name: str) -> tuple[int, ...] | None:
    """Return the shape that a text gives for a name.

    >>> shape_in("Wx: Weights, of shape (D, 4H)", "Wx")
    (7, 20)
    >>> shape_in("nothing about it", "Wx") is None
    True
    """
    word = rf"(?<![\w.]){re.escape(name)}(?![\w(])(?:\s*[:,\-–=]+|\s+\w)?"
    marks = word + r"[^()\[\]\n]{0,90}?[(\[]([^()\[\]]+)[)\]]"
    for found in re.finditer(marks, text):
        said = found[0][: found.start(1) - found.start() - 1]
        shape = _shape(found[1] + "," * bool(re.search(r"\bshape:?\s*$", said)))
        if shape is not None:
            return shape
    return None


def _shape(text: str) -> tuple[int, ...] | None:
    parts = [part.strip() for part in text.replace("×", ",").split(",") if part.strip()]
    if not parts or len(parts) > 4 or (len(parts) == 1 and "," not in text):
        return None
    if len(parts) == 4 and all(part.isupper() for part in parts):  # images: (N, C, H, W), (F, C, HH, WW)
        return tuple({"N": 2, "C": 2, "F": 3, "HH": 3, "WW": 3, "K": 3}.get(part, 5) for part in parts)
    sizes = [_size(part) for part in parts]
    return tuple(size for size in sizes if size) if all(sizes) else None


def _size(text: str) -> int | None:
    """Return the size of an axis such as "4H" or "n_a + n_x"."""
    text = re.sub(r"(\d)\s*\*?\s*([A-Za-z])", r"\1*\2", text)
    text = re.sub(r"\b(in(?:put)?|hidden|out(?:put)?|vocab|batch) (dim|size)\b", r"\1_\2", text)
    words = set(_WORD.findall(text))
    if len(words) > 2 or any(len(word) > 12 for word in words):
        return None
    values = {word: _LETTERS.get(word.lower(), _SPARE[sum(map(ord, word)) % len(_SPARE)]) for word in words}
    size = 0
    for term in text.split("+"):
        factors = [factor.strip() for factor in term.split("*")]
        if not all(factor in values or (factor.isdecimal() and len(factor) < 4) for factor in factors):
            return None
        size += math.prod(values[factor] if factor in values else int(factor) for factor in factors)
    return size if 0 < size <= 64 else None


def keys_of(function: Callable[..., Any], name: str) -> list[str]:
    """Return the keys by which a function reads a dictionary, in the order of the text."""
    tree = tree_of(function)
    found: dict[str, None] = {}
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
            continue
        is_read = isinstance(node.value, ast.Name) and node.value.id == name
        if is_read and isinstance(node.slice.value, str):
            found[node.slice.value] = None
    return list(found)


def unpacked(function: Callable[..., Any], name: str) -> list[str]:
    """Return the names to which a function unpacks a tuple or list: `W, b = name`; name may have a dot."""
    tree = tree_of(function)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == name:
            target = node.targets[0]
            if isinstance(target, (ast.Tuple, ast.List)):
                return [ast.unparse(part) for part in target.elts]
    return []


@lru_cache(maxsize=256)
def returned_names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parts of a function's result; "" for a part without a name."""
    tree = tree_of(function)
    if tree is None:
        return []
    returns = [node for node in _own_nodes(tree) if isinstance(node, ast.Return) and node.value is not None]
    if not returns:
        return []
    value = returns[-1].value
    if isinstance(value, ast.Name):
        assigned = [
            node.value
            for node in _own_nodes(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == value.id
        ]
        if assigned and isinstance(assigned[-1], (ast.Tuple, ast.List)):
            value = assigned[-1]
    parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
    return [_name_of(part) for part in parts]


def _name_of(node: ast.expr | None) -> str:
    """Return a name, or the name in `self.h`, `h.copy()`, `np.array(hs)`, `hs[-1]`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        if (
            node.args
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) in ("np", "numpy")
        ):
            return _name_of(node.args[0])
        return _name_of(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    if isinstance(node, ast.BinOp):
        return _name_of(node.left)
    return _name_of(node.value) if isinstance(node, ast.Subscript) else ""


def _own_nodes(tree: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function, except those of functions inside it."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            waiting = [*ast.iter_child_nodes(node), *waiting]


def global_names(functions: list[Callable[..., Any]]) -> list[str]:
    """Return the global names that functions read, directly or through the file's own functions."""
    found: dict[str, None] = {}
    seen: set[Any] = set()
    waiting = list(functions)
    while waiting:
        function = waiting.pop()
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        for name in _names_in(code):
            found[name] = None
            other = function.__globals__.get(name)
            own = getattr(other, "__module__", None) == function.__module__
            if callable(other) and own and hasattr(other, "__code__"):
                waiting.append(other)
    return list(found)


def _names_in(code: Any) -> Iterator[str]:
    import dis

    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from _names_in(constant)

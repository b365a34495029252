"""The values to try for an unknown input: arrays of small shapes, integers, sizes."""

from __future__ import annotations

import itertools
import re
import zlib
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.reading.hints import OUT, B, D, H, T, V
from seqmem.checking.reading.words import role, size_letter
from seqmem.module import Array

S = 9  # source positions


class Value(NamedTuple):
    """One possible value of an unknown input."""

    kind: str  # "float", "list" of arrays, "index" array, "tokens" list, "mask", "one-hot", "number", "is"
    shape: tuple[int, ...] = ()
    extra: Any = None  # the number of classes, or the value itself

    @property
    def is_float(self) -> bool:
        """True if the value may have a gradient."""
        return self.kind in ("float", "list")

    def __str__(self) -> str:
        if self.kind in ("number", "is"):
            return f"{self.extra!r:.60}"
        size = "x".join(map(str, self.shape)) or "1"
        words = {
            "index": f" whole numbers below {self.extra}",
            "tokens": f" whole numbers below {self.extra}",
        }
        return size + words.get(self.kind, f" {self.kind}" if self.kind != "float" else "")


class Start(NamedTuple):
    """A convention: the order of the data's axes, and the number of gates whose weights are side by side."""

    data: str
    gates: int
    has_u: bool = False  # True if weights of the state are called U, so that W belongs to the input alone
    is_turned: bool = False  # True if weights are transposed: (H, D) for data in rows
    without_hints: bool = False  # True if shapes in comments are ignored
    classes: int = H  # number of classes of labels
    is_swapped: bool = False  # True if U belongs to the input, W to the state

    def __str__(self) -> str:
        return self.data


_X = {
    "rows": (B, D),
    "batch first": (B, T, D),
    "time first": (T, B, D),
    "columns": (D, B),
    "columns by time": (D, B, T),
    "one vector": (D,),
    "one sequence": (T, D),
    "list of columns": (T, D, 1),
    "one column": (D, 1),
    "tokens": (T,),
    "rows of tokens": (B, T),
    "one row of tokens": (1, T),
    "numbers": (T,),
    "images": (2, 2, 5, 5),
    "heads": (B, T, 4),
    "one output": (B, D),
}
_BATCH = {"images", "heads", "one output", "rows", "batch first", "time first", "rows of tokens"}
_COLUMN = {"list of columns", "one column", "tokens", "numbers"}
_RIGHT = {*_BATCH}  # weights from the right
_DIMS = (D, H, V, OUT, 4 * H, 3 * H, D + H, V + H, B, T, 2 * H, 2 * D, 1 + D + H, S, 3 * D, 1)


def starts(name: str, names: list[str], text: str) -> list[Start]:
    """Return the conventions to begin with, the most likely first."""
    lower = f"{name} {' '.join(names)}".lower()
    parts = re.search(r"\b(?:chunk|[hv]?split)\((?:[\w.]+,)?\s*([2-9])\b", text)
    likely_gates = int(parts[1]) if parts else 4 if "lstm" in lower else 3 if "gru" in lower else 1
    few = sum(role(one) == "weight" for one in names) <= 2
    gates = [likely_gates, *(g for g in (1, 4, 3) if g != likely_gates)] if few else [1]
    sequence = not re.search(r"step|cell", name, re.I)
    rows = ["batch first", "rows", "time first"] if sequence else ["rows", "batch first", "time first"]
    columns = ["columns by time", "columns"] if sequence else ["columns", "columns by time"]
    single = [
        "one sequence",
        "one vector",
        "list of columns",
        "one column",
        "tokens",
        "rows of tokens",
        "numbers",
        "images",
        "one output",
        "one row of tokens",
    ]
    if not any(role(one) == "state" for one in names) and not any(role(one) == "weight" for one in names):
        rows = ["rows", "batch first", "time first"]
    order = (
        [*columns, *rows, *single] if re.search(r"\(n_[xah]\b|n_a\b", text) else [*rows, *columns, *single]
    )
    has_u = bool(re.search(r"\bU_?[a-z]{0,2}\b|[\"']U", f"{text} {' '.join(names)}"))
    classes = 2 if re.search("sigmoid|binary|logistic|bce", name, re.I) else H
    swapped = (False, True) if has_u else (False,)
    order = [*order, "heads"] if re.search("head|qkv|attention", lower) else order
    return [
        Start(data, g, has_u, turned, without, classes, swap)
        for without in (False, True)
        for g in gates
        for turned in (False, True)
        for swap in swapped
        for data in order
    ]


def first_value(name: str, start: Start, shape: tuple[int, ...] | None = None, place: str = "arg") -> Value:
    """Return the value that a name suggests under a convention.

    Args:
        name: the name of the unknown.
        start: the convention.
        shape: the shape in the documentation; None if there is none.
        place: the kind of place.
    """
    kind = role(name, place)
    if name == "corpus":  # long enough for every word to occur
        return Value("index", (5 * V,), V)
    shape = None if start.without_hints else shape
    if kind == "flag":
        return Value("is", (), True)
    if start.data == "heads" and shape is not None and kind not in ("size", "scalar"):
        shape = tuple({D: 4, 3 * D: 12}.get(n, n) for n in shape)
    if kind in ("size", "scalar"):
        return _number(name, kind)
    if kind in ("labels", "tokens", "mask"):
        return _whole(kind, start, shape)
    if shape is not None:
        return Value("float", shape)
    makers = {"state": _state, "bias": _bias, "weight": _weight}
    maker = makers.get(kind)
    return Value("float", maker(name, start)) if maker else _data(start)


def _number(name: str, kind: str) -> Value:
    if kind == "scalar":
        return Value("number", (), 0.3)
    sizes = {"B": B, "T": T, "D": D, "H": H, "V": V}
    return Value("number", (), sizes[size_letter(name)])


def _whole(kind: str, start: Start, shape: tuple[int, ...] | None) -> Value:
    by_data = {
        "batch first": (B, T),
        "time first": (T, B),
        "rows of tokens": (B, T),
        "one row of tokens": (1, T),
        **dict.fromkeys(("heads",), (B, T)),
        **dict.fromkeys(("one sequence", "tokens", "list of columns", "numbers", "one column"), (T,)),
        "one vector": (D,),
        "one output": (B, 1),
    }
    if kind == "tokens":
        by_data |= {"one output": (T,), "one vector": (T,)}
    shape = shape or by_data.get(start.data, (T,) if kind == "tokens" else (B,))
    return Value("mask", shape) if kind == "mask" else Value("index", shape, start.classes)


def _data(start: Start) -> Value:
    if start.data in ("tokens", "rows of tokens", "one row of tokens"):
        return Value("index", _X[start.data], H)
    if start.data == "list of columns":
        return Value("list", _X[start.data])
    return Value("float", _X[start.data])


def _state(name: str, start: Start) -> tuple[int, ...]:
    if start.data in _BATCH:
        return (B, H)
    if start.data in _COLUMN:
        return (H, 1)
    return (H, B) if start.data.startswith("columns") else (H,)


def _bias(name: str, start: Start) -> tuple[int, ...]:
    is_one = bool(re.match(r"^b_?[ifogcruzns1]$", name))
    size = V if _is_out(name) or name == "b2" else H if is_one else start.gates * H
    if start.data == "heads":
        size = 4
    elif re.match(r"^(gamma|beta|gain|scale|shift|(running|moving)_\w+)$", name):
        size = D
    if start.data == "images":
        return (3,)
    if start.data.startswith("columns") or start.data in _COLUMN:
        return (size, 1)
    return (size,)


def _weight(name: str, start: Start) -> tuple[int, ...]:
    if start.data == "images":
        return (3, 2, 3, 3)
    if start.data == "one output":
        return (D, 1)
    inner = _INNER.get(start.data, D)
    lower = name.lower().replace("_", "")
    if start.is_swapped and lower in ("u", "w"):
        lower = {"u": "w", "w": "u"}[lower]
    shape = _in_rows(lower, inner, start)
    return shape if (start.data in _RIGHT) != start.is_turned else shape[::-1]


_INNER = {"one row of tokens": V, "tokens": V, "rows of tokens": V, "numbers": 1, "heads": 4}


def _in_rows(lower: str, inner: int, start: Start) -> tuple[int, int]:
    """Return the shape of a weight that multiplies rows from the right."""
    wide = start.gates * H
    if start.data == "heads":
        return (inner, 3 * inner if "qkv" in lower or "attn" in lower else inner)
    if _is_out(lower) or lower in ("w2", "u2"):
        return (H, V)
    if lower in ("e", "emb", "we", "wemb", "wembed", "embedding", "embeddings"):
        return (V, D)
    if start.has_u and lower == "wh":
        return (inner, H)
    if re.match(r"^(u|w?hh|wh|whh|waa|wrec|wr?hh?|w(hidden|rec)|wh[ifogcrzn]|h2h|w1h)$", lower):
        return (H, wide)
    if re.match(r"^u[ifogcruznhs]$", lower):
        return (H, H)
    if re.match(r"^w[ifogcruzns]$", lower):
        return (inner, H) if start.has_u else (H + inner, H)
    return (inner, wide)


def _is_out(name: str) -> bool:
    lower = name.lower().replace("_", "")
    return bool(
        re.match(r"^([wb](h?y|ya|out|o?ut\w*|hq|v|vocab|scores?)|v|by|bo|c|bv)$", lower)
    ) and lower not in ("bo", "wo")


def others(name: str, place: str = "arg") -> list[Value]:
    """Return all other possible values of a name, the most likely first."""
    kind = role(name, place)
    if kind == "flag":
        return [Value("is", (), False)]
    if kind == "size":
        return [Value("number", (), size) for size in dict.fromkeys((H, D, V, T, B, D + H, V + H, OUT))]
    floats = [Value("float", shape) for shape in _shapes(kind)]
    lists = [Value("list", shape) for shape in ((T, D, 1), (T, V, 1), (T, D), (T, B, D))]
    whole = [
        Value(form, shape, high)
        for high in (H, OUT)
        for form, shape in (
            ("index", (T,)), ("tokens", (T,)), ("index", (B, T)), ("index", (T, B)), ("index", (B,)),
            ("index", (B, 1)),
        )
    ]  # fmt: skip
    whole += [
        Value("one-hot", (B, V)),
        Value("one-hot", (B, T, V)),
        Value("mask", (B, T)),
        Value("mask", (B,)),
    ]
    numbers = [Value("number", (), 0.5), Value("number", (), 2), Value("number", (), 1)]
    if kind in ("labels", "tokens"):
        return whole + numbers[2:] + floats
    if kind in ("weight", "bias"):
        return floats
    if kind in ("scalar", "mask"):
        return numbers + whole + floats
    return floats[:24] + lists + whole + floats[24:] + numbers


def _shapes(kind: str) -> list[tuple[int, ...]]:
    ones: list[tuple[int, ...]] = [(n,) for n in _DIMS]
    columns = [(n, 1) for n in _DIMS] + [(1, n) for n in _DIMS]
    data = [
        *_X.values(),
        (T, V),
        (B, V),
        (B, T, V),
        (T, V, 1),
        (B, H),
        (H, B),
        (B, T, H),
        (B, S, H),
        (B, OUT),
        (V, B),
        (B, 6),
    ]
    images = [(2, 2, 5, 5), (3, 2, 3, 3), (2, 2, 4, 4), (3, 2, 2, 2), (B, H, 4, 4), (B, T), (B, 2, 3)]
    gated = [
        (4, D, H),
        (4, H, H),
        (4, H),
        (3, D, H),
        (3, H, H),
        (3, H),
        (4, H, D + H),
        (4, H, H + D),
        (3, 2, D),
        (3, 2),
    ]
    joined = [(m, g * H) for g in (1, 3, 4) for m in (D + H, 1 + D + H)]  # [x, h], or [1, x, h], of all gates
    squares = [(m, n) for m, n in itertools.product(_DIMS, _DIMS) if m != 1 and n != 1]
    states = [(B, H), (H, B), (H,), (H, 1), (1, H), (B, T, H), (T, B, H), (B, 1, H), (1, B, H)]
    orders = {
        "weight": [*squares[:4], *joined, *squares, *gated, *ones, *images, *columns],
        "bias": [*ones, *columns, *gated, *squares],
        "state": [*states, *data, *columns, *ones],
    }
    order = orders.get(kind, [*data, *states, *ones, *images, *columns, *squares, *gated])
    return [*dict.fromkeys(order), ()]


def draw(value: Value, name: str, seed: int) -> Any:
    """Return the value itself, drawn at random if it is an array; the same for the same name and seed."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if value.kind in ("number", "is"):
        return value.extra
    if value.kind in ("index", "tokens"):
        return _drawn_whole(value, rng)
    if value.kind == "mask":
        mask = np.ones(value.shape, bool)
        mask.flat[1::3] = False
        return mask
    if value.kind == "one-hot":
        return np.eye(value.shape[-1])[rng.integers(value.shape[-1], size=value.shape[:-1])]
    return np.asarray(0.8 * rng.standard_normal(value.shape))


def _drawn_whole(value: Value, rng: np.random.Generator) -> Array | list[int]:
    """Draw integers of which one occurs twice."""
    numbers = rng.integers(value.extra, size=value.shape)
    if numbers.size > 2:
        numbers.flat[2] = numbers.flat[0]
        if numbers.flat[1] == numbers.flat[0]:
            numbers.flat[1] = (numbers.flat[0] + 1) % value.extra
    return [int(n) for n in numbers] if value.kind == "tokens" else numbers

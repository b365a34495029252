"""Common layouts of the same arrays: wide, transposed or per-gate weights, the batch first, [h, x] as one.

A layout is recognised first by the names of a function's parameters and then by the results: it is the
layout in which the function computes the reference's result.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.kinds import Arrays, Kind
from seqmem.module import Array

Packer = Callable[[Arrays], Any]

_X = {"x", "xt", "xs", "input", "inputs", "xseq"}
_H = {"h", "h0", "hprev", "prevh", "aprev", "a0", "hinit", "hpast", "htm", "ht", "hold", "hx"}
_H |= {"hidden", "prevhidden", "hiddenprev", "statehprev"}
_C = {"c", "c0", "cprev", "prevc", "cinit", "cpast", "ctm", "ct", "cold", "cx"}
_C |= {"cell", "prevcell", "cellprev"}
_WIDE_X = {"wx", "wih", "wxh", "wax", "win", "weightih", "kernel", "winput"}
_WIDE_H = {"wh", "whh", "waa", "whidden", "u", "weighthh", "recurrentkernel", "wrec"}
_BIAS = {"b", "bias", "ba", "bh"}
_GATES = {  # spellings of the gates, in lower case
    "i": ("i",),
    "f": ("f",),
    "o": ("o",),
    "g": ("g", "c", "n", "a", "cand", "candidate"),
    "r": ("r",),
    "z": ("z", "u"),
    "n": ("n", "h", "g", "c", "cand", "candidate"),
}
_OTHERS = {  # for the kinds without recurrence
    "query": {"query", "q", "s", "sprev"},
    "keys": {"keys", "k", "hs", "h", "encoderstates", "annotations"},
    "W_q": {"wq", "wa", "ws", "wquery"},
    "W_k": {"wk", "ua", "wh", "wkeys", "wkey"},
    "v": {"v", "va"},
    "W": {"w", "e", "weight", "weights", "table", "embedding"},
    "U": {"u"},
    "tokens": {"tokens", "ids", "idx", "x", "indices"},
    "logits": {"logits", "scores", "x", "z"},
    "targets": {"targets", "target", "y", "labels"},
    "mask": {"mask"},
    "b": _BIAS,
    "b_hn": {"bhn"},
    "max_norm": {"maxnorm", "clip", "threshold", "limit"},
}


class Layout(NamedTuple):
    """One way to pass the reference's arrays to a function."""

    packers: dict[str, Packer]  # by the function's own parameter names
    order: tuple[str, ...]  # of the gates

    def pack(self, arrays: Arrays) -> Arrays:
        """Return the reference's arrays in the function's layout, each as a new array."""
        return {name: _own(packer(arrays)) for name, packer in self.packers.items()}

    def sources(self, arrays: Arrays) -> Arrays:
        """Return, for every entry of the packed arrays, its index among the reference's entries."""
        numbered, start = {}, 0
        for name, value in arrays.items():
            numbered[name] = start + np.arange(np.size(value)).reshape(np.shape(value))
            start += np.size(value)
        return {name: packer(numbered) for name, packer in self.packers.items()}

    def unpack(self, packed: Arrays, arrays: Arrays) -> Arrays:
        """Return gradients in the function's layout as gradients of the reference's arrays, without None."""
        sources = self.sources(arrays)
        found = np.full(sum(np.size(value) for value in arrays.values()), np.nan)
        for name, value in packed.items():
            if value is not None and np.shape(value) == np.shape(sources[name]):
                found[sources[name]] = value
        unpacked, start = {}, 0
        for name, value in arrays.items():
            part = found[start : start + np.size(value)].reshape(np.shape(value))
            start += np.size(value)
            if not np.isnan(part).any():
                unpacked[name] = part
        return unpacked


def says_nothing(kind: Kind, name: str) -> bool:
    """Return whether a parameter's name is unknown for this kind of function."""
    short = _short(name)
    if not kind.gates and not kind.name.startswith("rnn"):
        return not any(short in spellings for spellings in _OTHERS.values())
    if short in _X | _H | _C | _WIDE_X | _WIDE_H | _BIAS | {"w", "bhn"}:
        return False
    gates = {spelling for gate in kind.gates for spelling in _GATES[gate]}
    return not (short[:1] in ("w", "u", "b") and (short[1:] in gates or short[2:] in gates))


def layouts(kind: Kind, names: list[str]) -> Iterator[Layout]:
    """Yield every layout in which a function with parameters of these names may take its arrays."""
    if kind.gates or kind.name.startswith("rnn"):
        yield from _recurrent(kind, names)
    else:
        yield from _plain(kind, names)


def outputs_of(
    leaves: list[Array], outputs: Arrays, close: float
) -> list[tuple[str, tuple[int, ...]]] | None:
    """Return, for each returned array, which output it is and how its axes are permuted; or None."""
    found = []
    for leaf in leaves:
        match = next(_turned(leaf, outputs, close), None)
        if match is None:
            return None
        found.append(match)
    return found


def _turned(leaf: Array, outputs: Arrays, close: float) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, value in outputs.items():
        for axes in itertools.permutations(range(np.ndim(value))):
            turned = np.transpose(value, axes)
            size = max(float(np.max(np.abs(turned), initial=0.0)), 1e-3)
            if turned.shape == leaf.shape and np.all(np.abs(turned - leaf) <= close * size):
                yield name, axes


def _recurrent(kind: Kind, names: list[str]) -> Iterator[Layout]:
    x = "x" if kind.is_step else "xs"
    states = {"h": _H, "c": _C}
    gates = kind.gates or ("",)
    for data in ("time first", "batch first", "features first"):
        if data == "batch first" and kind.is_step:
            continue
        fixed: dict[str, Packer] = {}
        for name in names:
            short = _short(name)
            if short in _X:
                fixed[name] = _pick(x, _data_axes(data, 2 if kind.is_step else 3))
            for letter, spellings in states.items():
                if short in spellings and _state(kind, letter) in _state_names(kind):
                    fixed[name] = _pick(_state(kind, letter), (1, 0) if data == "features first" else (0, 1))
            if short == "bhn":
                fixed[name] = _pick("b_hn")
        weights = [name for name in names if name not in fixed]
        for packers, order in _weights(weights, gates):
            if len(fixed) + len(packers) == len(names):
                yield Layout({name: (fixed | packers)[name] for name in names}, order)


def _weights(names: list[str], gates: tuple[str, ...]) -> Iterator[tuple[dict[str, Packer], tuple[str, ...]]]:
    """Yield the packers of weights and biases, by name, for every possible form."""
    short = {_short(name): name for name in names}
    wide_x, wide_h, bias = (
        next((short[s] for s in short if s in spellings), None) for spellings in (_WIDE_X, _WIDE_H, _BIAS)
    )
    joined = short.get("w")
    for form in ("lead", "columns", "rows") if joined or (wide_x and wide_h) else ():
        for order, bias_form in itertools.product(_orders(gates, form), ("lead", "flat", "column", "row")):
            index = [gates.index(gate) for gate in order]
            packers = {bias: _bias(index, bias_form)} if bias else {}
            if wide_x and wide_h:
                yield packers | {wide_x: _wide("W_x", index, form), wide_h: _wide("W_h", index, form)}, order
            elif joined:
                yield packers | {joined: _joined("W_h", index, form)}, order
                yield packers | {joined: _joined("W_x", index, form)}, order
    for transposed, bias_form, first in itertools.product(
        (False, True), ("flat", "column", "row"), ("W_h", "W_x")
    ):
        found = {
            name: _of_one_gate(_short(name), short, gates, transposed, bias_form, first) for name in names
        }
        yield {name: packer for name, packer in found.items() if packer}, gates


def _of_one_gate(
    name: str, short: dict[str, str], gates: tuple[str, ...], transposed: bool, bias_form: str, first: str
) -> Packer | None:
    for k, gate in enumerate(gates):
        for spelling in _GATES.get(gate, ()):
            if name in (f"wx{spelling}", f"wi{spelling}") or (
                name == f"w{spelling}" and f"u{spelling}" in short
            ):
                return _gate("W_x", k, transposed)
            if name in (f"wh{spelling}", f"u{spelling}"):
                return _gate("W_h", k, transposed)
            if name == f"w{spelling}":
                return _joined_gate(first, k, transposed)
            if name == f"b{spelling}":
                return _bias([k], bias_form)
    return None


def _plain(kind: Kind, names: list[str]) -> Iterator[Layout]:
    wanted = list(kind.draw(np.random.default_rng(0)))
    options: list[list[tuple[str, Packer]]] = []
    for name in names:
        own = [ref for ref in wanted if _short(name) in _OTHERS.get(ref, set()) or name == ref]
        packers = [(name, packer) for ref in own for packer in _plain_packers(ref)]
        if kind.name == "clipping" and _short(name) in ("grads", "gradients", "g"):
            packers.append((name, lambda arrays: {ref: arrays[ref].copy() for ref in ("W", "U", "b")}))
        if not packers:
            return
        options.append(packers)
    for chosen in itertools.product(*options):
        yield Layout(dict(chosen), ())


def _plain_packers(ref: str) -> list[Packer]:
    packers = [_pick(ref)]
    if ref == "keys":
        packers.append(_pick(ref, (1, 0, 2)))
    if ref in ("W_q", "W_k"):
        packers.append(_pick(ref, (1, 0)))
    if ref in ("logits", "targets", "mask"):
        packers.append(lambda arrays: arrays[ref].reshape(-1, *arrays[ref].shape[2:]))
    return packers


def _orders(gates: tuple[str, ...], form: str) -> Iterator[tuple[str, ...]]:
    """Yield gate orders: if the gate axis leads, the order is part of the contract."""
    yield gates
    if form != "lead" and len(gates) > 1:
        yield from (order for order in itertools.permutations(gates) if order != gates)


def _pick(ref: str, axes: tuple[int, ...] | None = None) -> Packer:
    return lambda arrays: arrays[ref] if axes is None else np.transpose(arrays[ref], axes)


def _gated(array: Array) -> Array:
    """Return an array with a gate axis, of length 1 for an RNN."""
    return array if array.ndim == 3 else array[None]


def _wide(ref: str, index: list[int], form: str) -> Packer:
    def pack(arrays: Arrays) -> Array:
        return _formed(_gated(arrays[ref])[index], form, arrays[ref].ndim == 3)

    return pack


def _joined(first: str, index: list[int], form: str) -> Packer:
    def pack(arrays: Arrays) -> Array:
        parts = [_gated(arrays[ref])[index] for ref in _in_order(first)]
        return _formed(np.concatenate(parts, axis=1), form, arrays["W_h"].ndim == 3)

    return pack


def _formed(W: Array, form: str, gated: bool) -> Array:
    """Return (G, D, H) unchanged, as (D, G·H), or as (G·H, D)."""
    if form == "lead":
        return W if gated else W[0]
    columns = np.concatenate(list(W), axis=1)
    return columns if form == "columns" else columns.T


def _gate(ref: str, k: int, transposed: bool) -> Packer:
    return lambda arrays: arrays[ref][k].T if transposed else arrays[ref][k]


def _joined_gate(first: str, k: int, transposed: bool) -> Packer:
    def pack(arrays: Arrays) -> Array:
        W = np.concatenate([arrays[ref][k] for ref in _in_order(first)])
        return W.T if transposed else W

    return pack


def _bias(index: list[int], form: str) -> Packer:
    def pack(arrays: Arrays) -> Array:
        b = arrays["b"]
        if b.ndim == 2:
            b = b[index] if form == "lead" else np.concatenate(list(b[index]))
        return {"lead": b, "flat": b, "column": b[..., None], "row": b[None]}[form]

    return pack


def _in_order(first: str) -> tuple[str, str]:
    return ("W_h", "W_x") if first == "W_h" else ("W_x", "W_h")


def _data_axes(data: str, ndim: int) -> tuple[int, ...]:
    """Return the axes of x: unchanged for time first, or those of (B, T, D), (D, B) and (D, B, T)."""
    if data == "batch first":
        return (1, 0, 2)
    if data == "features first":
        return (1, 0) if ndim == 2 else (2, 1, 0)
    return tuple(range(ndim))


def _state(kind: Kind, letter: str) -> str:
    return f"{letter}_prev" if kind.is_step else f"{letter}0"


def _state_names(kind: Kind) -> list[str]:
    return [_state(kind, "h")] + ([_state(kind, "c")] if "f" in kind.gates else [])


def _short(name: str) -> str:
    return re.sub(r"[_\d]+$|_", "", name.lower()) if name.lower() not in ("h0", "c0", "a0") else name.lower()


def _own(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value

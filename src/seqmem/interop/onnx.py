"""Weights from and to the nodes RNN, LSTM and GRU of ONNX.

    W (dirs, G·H, D)    R (dirs, G·H, H)    B (dirs, 2·G·H) = [Wb, Rb]    y = x @ W^T

LSTM in the order i, o, f, c; GRU in the order z, r, h with a z that keeps, and `linear_before_reset=1` for
the reset gate after the product. A node has one layer, of one direction or of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seqmem.interop.blocks import (
    GATES,
    Entries,
    Weights,
    cell_of,
    cells_of,
    check_alike,
    joined,
    layer_of,
    options_of,
    split,
    weights_of,
)
from seqmem.layers import Bidirectional, Recurrent
from seqmem.layers.sequence import SequenceLayer
from seqmem.module import Array
from seqmem.validation import as_choice, brief

ORDER = {"rnn": ("h",), "lstm": ("i", "o", "f", "g"), "gru": ("z", "r", "n")}
KIND_OF = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
PEEPHOLE_ORDER = [0, 2, 1]  # i, o, f there; i, f, o here
ACTIVATIONS = {"rnn": ["Tanh"], "lstm": ["Sigmoid", "Tanh", "Tanh"], "gru": ["Sigmoid", "Tanh"]}
DIRECTIONS = ("forward", "reverse", "bidirectional")


class Node(NamedTuple):
    """A recurrent node of an ONNX graph."""

    op_type: str  # "RNN", "LSTM" or "GRU"
    inputs: dict[str, Array]  # "W", "R", "B", and "P" for peepholes
    attributes: dict[str, Any]  # "hidden_size", "direction", and "linear_before_reset" of a GRU


def from_onnx(op_type: str, inputs: Any, attributes: Any = None) -> Any:
    """Return a layer with the weights of an ONNX node.

    Args:
        op_type: "RNN", "LSTM" or "GRU".
        inputs: arrays by the names of the standard: "W", "R" and perhaps "B" and "P".
        attributes: of the node, by name; missing ones have the standard's defaults.

    Returns:
        An `RNN`, `LSTM` or `GRU` of one layer; for direction="reverse" a `Recurrent` that reads backward; for
        peepholes ("P") a `Recurrent` or `Bidirectional` of `PeepholeLSTMCell`s.

    Raises:
        ValueError: for arrays of another shape or dtype, or an attribute that no layer here supports: other
            activations, clip, input_forget.
        TypeError: for inputs or attributes that are not mappings.

    >>> from seqmem import LSTM
    >>> node = to_onnx(LSTM(3, 4, rng=0))
    >>> node.op_type, node.inputs["B"].shape, node.attributes
    ('LSTM', (1, 32), {'hidden_size': 4, 'direction': 'forward'})
    >>> from_onnx(*node).input_size
    3
    """
    caller = "from_onnx"
    kind = KIND_OF[as_choice(op_type, tuple(KIND_OF), caller, "op_type")]
    attributes = {} if attributes is None else attributes
    if not isinstance(attributes, Mapping):
        raise TypeError(f"{caller}: attributes is of type {type(attributes).__name__}, expected a mapping")
    direction = attributes.get("direction", "forward")
    direction = direction.decode() if isinstance(direction, bytes) else direction
    as_choice(direction, DIRECTIONS, caller, "attributes['direction']")
    n = 2 if direction == "bidirectional" else 1
    _check_attributes(attributes, kind, n, caller)
    entries = Entries(inputs, "", caller)
    G = len(GATES[kind])
    R = entries.read("R", ((n, "directions"), "G·H", "H"))
    H = R.shape[2]
    if R.shape[1] != G * H:
        raise ValueError(f"{caller}: 'R' has shape {R.shape}, expected (directions, {G}·H, H) of {op_type}")
    if attributes.get("hidden_size", H) != H:
        raise ValueError(
            f"{caller}: attributes['hidden_size'] is {attributes['hidden_size']}, expected {H}: that of R"
        )
    W = entries.read("W", ((n, "directions"), (G * H, f"{G}·H"), "D"))
    B = np.zeros((n, 2 * G * H), W.dtype)
    if "B" in entries:
        B = entries.read("B", ((n, "directions"), (2 * G * H, f"2·{G}·H")))
    peepholes = [None] * n
    if kind == "lstm" and "P" in entries:
        P = entries.read("P", ((n, "directions"), (3 * H, "3·H"))).reshape(n, 3, H)
        peepholes = list(P[:, PEEPHOLE_ORDER])
    entries.finish()
    reset = "after" if attributes.get("linear_before_reset", 0) else "before"
    options = options_of(kind, reset, _activation(attributes))
    order, keeps = ORDER[kind], kind == "gru"
    directions = []
    for W_d, R_d, B_d, P_d in zip(W, R, B, peepholes, strict=True):
        W_x, W_h = (split(block, order, keeps).swapaxes(1, 2) for block in (W_d, R_d))
        b, b_h = (split(half, order, keeps) for half in np.split(B_d, 2))
        directions.append(Weights(kind, W_x, W_h, b, b_h, options, P_d))
    if direction == "reverse":
        return Recurrent(cell_of(directions[0]), reverse=True)
    if peepholes[0] is not None:
        ahead, *back = (Recurrent(cell_of(one), reverse=k == 1) for k, one in enumerate(directions))
        return Bidirectional(ahead, *back) if back else ahead
    return layer_of([directions], caller)


def to_onnx(layer: SequenceLayer[Any]) -> Node:
    """Return a layer of one cell, or of one in each direction, as an ONNX node.

    Args:
        layer: a `Recurrent`, a `Bidirectional`, or an `RNN`, `LSTM` or `GRU` of one layer.

    Returns:
        The node's type, its arrays and its attributes.

    Raises:
        ValueError: for several layers, which are several nodes in ONNX, or for a cell that ONNX lacks.
        TypeError: for anything but such a layer.

    >>> from seqmem import GRU
    >>> to_onnx(GRU(3, 4, reset="after", rng=0)).attributes
    {'hidden_size': 4, 'direction': 'forward', 'linear_before_reset': 1}
    """
    caller = "to_onnx"
    layers = cells_of(layer, caller)
    if len(layers) > 1:
        raise ValueError(
            f"{caller}: {len(layers)} layers were passed, expected one: convert each of `layers` separately"
        )
    directions = [weights_of(cell, caller) for cell in layers[0]]
    check_alike([directions], caller)
    first = directions[0]
    order, keeps = ORDER[first.kind], first.kind == "gru"
    names = ("W", "R", "B") if first.peepholes is None else ("W", "R", "B", "P")
    found: dict[str, list[Array]] = {name: [] for name in names}
    for weights in directions:
        found["W"].append(joined(weights.W_x.swapaxes(1, 2), order, keeps))
        found["R"].append(joined(weights.W_h.swapaxes(1, 2), order, keeps))
        found["B"].append(np.concatenate([joined(b, order, keeps) for b in (weights.b, weights.b_h)]))
        if weights.peepholes is not None:
            found["P"].append(weights.peepholes[PEEPHOLE_ORDER].reshape(-1))
    direction = "reverse" if layer.directions == {"backward"} else "forward"
    direction = "bidirectional" if len(directions) == 2 else direction
    attributes: dict[str, Any] = {"hidden_size": first.sizes[1], "direction": direction}
    if first.kind == "gru":
        attributes["linear_before_reset"] = int(first.options["reset"] == "after")
    if first.options.get("activation") == "relu":
        attributes["activations"] = ["Relu"] * len(directions)
    return Node(first.kind.upper(), {name: np.stack(parts) for name, parts in found.items()}, attributes)


def _check_attributes(attributes: Mapping[str, Any], kind: str, n: int, caller: str) -> None:
    """Raise for an attribute that changes the computation in a way that no layer here supports."""
    given, usual = _activations(attributes), [name.lower() for name in ACTIVATIONS[kind]] * n
    is_relu = kind == "rnn" and given == ["relu"] * n
    if given and given != usual and not is_relu:
        raise ValueError(f"{caller}: attributes['activations'] is {brief(str(given))}, expected {usual}")
    for name, reason in (
        ("clip", "no cell here clips its pre-activations"),
        ("input_forget", "no cell here couples its input and forget gate"),
    ):
        if attributes.get(name):
            raise ValueError(f"{caller}: attributes[{name!r}] is {attributes[name]}, expected none: {reason}")
    known = {
        "hidden_size",
        "direction",
        "linear_before_reset",
        "activations",
        "clip",
        "input_forget",
        "layout",
    }
    known |= {"activation_alpha", "activation_beta"}  # of activations that are refused above
    unknown = [str(name) for name in attributes if name not in known]
    if unknown:
        raise ValueError(
            f"{caller}: attributes has {brief(', '.join(unknown))}, expected {', '.join(sorted(known))}"
        )


def _activations(attributes: Mapping[str, Any]) -> list[str]:
    """Return the activations' names in lower case; the onnx package stores them as bytes."""
    return [
        str(getattr(name, "decode", lambda name=name: name)()).lower()
        for name in attributes.get("activations", [])
    ]


def _activation(attributes: Mapping[str, Any]) -> str:
    return "relu" if "relu" in _activations(attributes) else "tanh"

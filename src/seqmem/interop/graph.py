"""An ONNX graph under construction: nodes, constants, inputs, outputs, and recurrent layers in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.tape import fields_of
from seqmem.interop.onnx import to_onnx
from seqmem.layers import Bidirectional, Linear, Recurrent, Stack
from seqmem.layers.sequence import SequenceLayer

OPSET, IR_VERSION = 14, 8  # the oldest that have all that is used; readers of any later version accept them
LOWEST = np.float32(-3.0e38)  # a score that no softmax sees

Dims = Sequence[int | str]


class Graph:
    """Collects the parts of a graph; values are referred to by name."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._count = 0

    def input(self, name: str, dtype: type[np.generic], dims: Dims) -> str:
        """Add an input."""
        self._inputs.append(self._info(name, dtype, dims))
        return name

    def output(self, value: str, name: str, dims: Dims) -> None:
        """Show a value as an output of single-precision numbers, under a name."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name=name))
        self._outputs.append(self._info(name, np.float32, dims))

    def constant(self, array: Any, name: str = "") -> str:
        """Add an array; floating-point numbers in single precision."""
        array = np.asarray(array)
        array = np.ascontiguousarray(array, np.float32) if array.dtype.kind == "f" else array
        name = name or self._fresh("constant")
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        name = self._fresh(kind)
        found = [name if k == 0 else f"{name}.{k}" for k in range(count)]
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), found, name=name, **attributes))
        return found

    def ints(self, *numbers: int) -> str:
        """Add integers, such as a shape or axes."""
        return self.constant(np.array(numbers, np.int64))

    def size(self, value: str, axis: int) -> str:
        """Return the length of an axis, as an array of one number."""
        return self.op("Gather", self.op("Shape", value), self.ints(axis))

    def linear(self, linear: Linear, x: str) -> str:
        """Return x @ W + b."""
        return self.op("Add", self.op("MatMul", x, self.constant(linear.W)), self.constant(linear.b))

    def valid(self, steps: str, lengths: str) -> str:
        """Return (T, B) True within a sequence, for the number of steps as an array of one number."""
        scalar = self.op("Squeeze", steps, self.ints(0))
        zero, one = self.constant(np.int64(0)), self.constant(np.int64(1))
        times = self.op("Unsqueeze", self.op("Range", zero, scalar, one), self.ints(1))
        return self.op("Less", times, self.op("Cast", lengths, to=self._onnx.TensorProto.INT64))

    def model(self, name: str) -> Any:
        """Return the graph as a checked model."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="seqmem",
        )
        self._onnx.checker.check_model(made)
        return made

    def _info(self, name: str, dtype: type[np.generic], dims: Dims) -> Any:
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, kind, list(dims))

    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind.lower()}_{self._count}"


class State(NamedTuple):
    """The state of one layer in one or both directions, before or after its steps."""

    cell: Cell[Any]
    parts: list[str]  # h, and c of an LSTM: (directions, B, H)


def flat_layers(layer: SequenceLayer[Any]) -> Iterator[list[Recurrent[Any]]]:
    """Yield the one or two directions of every layer, the lowest first."""
    if isinstance(layer, Stack):
        for own in layer.layers:
            yield from flat_layers(own)
    elif isinstance(layer, Bidirectional):
        yield [layer.forward_layer, layer.backward_layer]
    else:
        assert isinstance(layer, Recurrent)
        yield [layer]


def add_layers(
    graph: Graph, layer: SequenceLayer[Any], xs: str, lengths: str, states: list[State] | None, caller: str
) -> tuple[str, list[State]]:
    """Add recurrent layers.

    Args:
        graph: the graph.
        layer: a layer, or a stack of layers.
        xs: (T, B, D).
        lengths: (B,) 32-bit integers.
        states: of every layer before the first step; None for zeros, or for learned states.
        caller: the function name for errors.

    Returns:
        (hs, finals): (T, B, directions * H), and the state of every layer after the last step.

    Raises:
        ValueError: for cells and layers that ONNX lacks.
    """
    finals = []
    for k, parts in enumerate(flat_layers(layer)):
        _check_plain(parts, caller)
        initial = _initial(graph, parts, xs) if states is None else states[k].parts
        joint = parts[0] if len(parts) == 1 else Bidirectional(*parts)
        xs, final = _add_node(graph, joint, parts[0].cell, xs, lengths, initial)
        finals.append(final)
    return xs, finals


def add_step(graph: Graph, cell: Cell[Any], x: str, parts: list[str]) -> list[str]:
    """Add a step of a cell to x (B, D), and return the parts of the state (B, H) after it."""
    ahead = graph.ints(0)
    parts = [graph.op("Unsqueeze", part, ahead) for part in parts]
    xs = graph.op("Unsqueeze", x, ahead)
    _, final = _add_node(graph, Recurrent(cell), cell, xs, "", parts)
    return [graph.op("Squeeze", part, ahead) for part in final.parts]


def part_names(cell: Cell[Any]) -> list[str]:
    """Return the names of the parts of a cell's state."""
    names = fields_of(cell.state_type)
    return list(names)


def _add_node(
    graph: Graph, layer: SequenceLayer[Any], cell: Cell[Any], xs: str, lengths: str, initial: list[str]
) -> tuple[str, State]:
    node = to_onnx(layer)
    W, R, B = (graph.constant(node.inputs[name]) for name in ("W", "R", "B"))
    inputs = [xs, W, R, B, lengths, *(initial or [""])]
    if "P" in node.inputs:
        inputs += [""] * (7 - len(inputs)) + [graph.constant(node.inputs["P"])]
    n_parts = len(part_names(cell))
    hs, *finals = graph.ops(node.op_type, 1 + n_parts, *inputs, **node.attributes)
    side_by_side = graph.op("Transpose", hs, perm=[0, 2, 1, 3])  # (T, directions, B, H) there
    return graph.op("Reshape", side_by_side, graph.ints(0, 0, -1)), State(cell, finals)


def _initial(graph: Graph, parts: list[Recurrent[Any]], xs: str) -> list[str]:
    """Return the learned state for every row of a batch; nothing for zeros."""
    if not parts[0].learned_state:
        return []
    found = []
    for name in part_names(parts[0].cell):
        rows = np.stack([part.initial[name] for part in parts])[:, None]
        shape = graph.op(
            "Concat", graph.ints(len(parts)), graph.size(xs, 1), graph.ints(rows.shape[2]), axis=0
        )
        found.append(graph.op("Expand", graph.constant(rows), shape))
    return found


def _check_plain(parts: list[Recurrent[Any]], caller: str) -> None:
    for part in parts:
        for name in ("zoneout_h", "zoneout_c"):
            if getattr(part, name):
                raise ValueError(
                    f"{caller}: a layer has {name}={getattr(part, name)}, which also acts in prediction: "
                    "ONNX has no such layer"
                )
    if len({part.learned_state for part in parts}) > 1:
        raise ValueError(f"{caller}: one direction has a learned state and the other has none")

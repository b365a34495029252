"""onnxruntime: what a trained layer would be deployed with. Its operators, forward only.

Weights are initialisers of the graph, so that the session lays them out once. ONNX's LSTM has its gates in
the order i, o, f, c and its GRU z, r, h; the update gate keeps where ours writes, so its signs change.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnx
import onnxruntime

from benchmarks.problems import LayerProblem
from benchmarks.subjects import Subject

OPERATORS = {"lstm": "LSTM", "gru": "GRU"}
ORDER = {"lstm": [0, 2, 1, 3], "gru": [1, 0, 2]}  # of our gates
SIGNS = {"lstm": [1, 1, 1, 1], "gru": [-1, 1, 1]}  # after that
OUTPUTS = {"lstm": ["hs", "final[0]", "final[1]"], "gru": ["hs", "final[0]"]}
OPSET, IR_VERSION = 14, 8  # LSTM-14, GRU-14: what every runtime of the last years reads


def inference(problem: LayerProblem) -> Subject:
    """One call a sequence, from NumPy arrays to NumPy arrays."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))  # it does not read it itself
    options.inter_op_num_threads = 1
    model = model_of(problem).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"xs": problem.xs}

    def forward() -> Any:
        return session.run(None, feed)

    def results() -> dict[str, np.ndarray]:
        hs, *final = forward()  # one direction: (T, 1, B, H), (1, B, H)
        named = zip(OUTPUTS[problem.kind], [hs[:, 0], *(part[0] for part in final)], strict=True)
        return dict(named)

    return Subject({"forward": forward}, results)


def model_of(problem: LayerProblem) -> onnx.ModelProto:
    """A graph of one recurrent operator."""
    T, B, D, H = problem.shape
    kind, helper = problem.kind, onnx.helper
    element = helper.np_dtype_to_tensor_dtype(problem.xs.dtype)
    second = np.zeros_like(problem.b)
    if problem.b_hn is not None:
        second[2] = problem.b_hn
    weights = {
        "W": to_onnx(problem.W_x, kind),  # (1, G·H, D)
        "R": to_onnx(problem.W_h, kind),  # (1, G·H, H)
        "B": np.concatenate([to_onnx(problem.b, kind), to_onnx(second, kind)], axis=1),  # (1, 2·G·H)
    }
    attributes = {"linear_before_reset": 1} if kind == "gru" else {}
    names = OUTPUTS[kind]
    node = helper.make_node(OPERATORS[kind], ["xs", *weights], names, hidden_size=H, **attributes)
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info("xs", element, [T, B, D])],
        [
            helper.make_tensor_value_info(name, element, [T, 1, B, H] if name == "hs" else [1, B, H])
            for name in names
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def to_onnx(W: np.ndarray, kind: str) -> np.ndarray:
    """(G, d, H) to (1, G·H, d), or (G, H) to (1, G·H)."""
    signs = np.array(SIGNS[kind], W.dtype).reshape(-1, *(1 for _ in W.shape[1:]))
    gates = W[ORDER[kind]] * signs
    if gates.ndim == 2:
        return gates.reshape(1, -1)
    return np.ascontiguousarray(gates.transpose(0, 2, 1)).reshape(1, -1, W.shape[1])

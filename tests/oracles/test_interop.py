"""Weights of other libraries compute here what they compute there, and the other way round.

Everything is random and not zero: weights tested with zero biases can hide a wrong order of them.
"""

import os

import numpy as np
import pytest

from seqmem import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, PeepholeLSTMCell, Recurrent, RNNCell
from seqmem.interop import (
    from_flax,
    from_keras,
    from_onnx,
    from_torch,
    to_flax,
    to_keras,
    to_onnx,
    to_torch,
)

EXACT = 1e-12  # float64
SINGLE = 2e-5  # float32: some hundred products and steps
KINDS = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}


def exposed(module, rng):
    """The module with random parameters, none of them zero."""
    for param in module.params.values():
        param[...] = rng.uniform(-1, 1, param.shape)
    return module


def sizes_of(rng):
    T, B, D, H = rng.choice(np.arange(1, 9), 4, replace=False)
    return int(T), int(B), int(D), int(H)


def run(layer, xs, lengths=None):
    (hs, _), _ = layer.forward(xs, lengths=lengths)
    return hs


# Keras' own way from its variables to arrays
of_keras = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def torch(require):
    return require("torch")


@pytest.fixture(scope="module")
def keras(require):
    require("torch")
    os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported
    return require("keras")


@pytest.fixture(scope="module")
def nnx(require):
    require("flax")
    jax = require("jax")
    jax.config.update("jax_enable_x64", True)
    return require("flax.nnx")


@pytest.fixture(scope="module")
def onnxruntime(require):
    require("onnx")
    return require("onnxruntime")


@pytest.mark.parametrize("seed", range(60))
def test_layers_of_torch_compute_the_same_here(torch, seed):
    rng = np.random.default_rng(seed)
    T, B, D, H = sizes_of(rng)
    name, n_layers, both, bias = list(KINDS)[seed % 3], int(rng.integers(1, 4)), seed % 2 == 0, seed % 5 != 0
    theirs = getattr(torch.nn, name)(
        D, H, num_layers=n_layers, bidirectional=both, bias=bias, dtype=torch.float64
    )
    for parameter in theirs.parameters():
        parameter.data = torch.tensor(rng.uniform(-1, 1, tuple(parameter.shape)))
    xs = rng.standard_normal((T, B, D))
    expected = theirs(torch.tensor(xs))[0].detach().numpy()
    ours = from_torch(theirs.state_dict())
    assert type(ours) is KINDS[name]
    np.testing.assert_allclose(run(ours, xs), expected, rtol=EXACT, atol=EXACT)
    back = {key: torch.tensor(array) for key, array in to_torch(ours).items()}
    again = getattr(torch.nn, name)(D, H, num_layers=n_layers, bidirectional=both, dtype=torch.float64)
    again.load_state_dict(back)
    np.testing.assert_allclose(again(torch.tensor(xs))[0].detach().numpy(), expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_of_torch_compute_the_same_here(torch, name):
    rng = np.random.default_rng(1)
    theirs = getattr(torch.nn, name)(3, 4, dtype=torch.float64)
    x = rng.standard_normal((2, 3))
    expected = theirs(torch.tensor(x))
    expected = (expected[0] if name == "LSTMCell" else expected).detach().numpy()
    cell = from_torch(theirs.state_dict())
    state, _ = cell.forward(x)
    np.testing.assert_allclose(cell.output(state), expected, rtol=EXACT, atol=EXACT)


def test_a_table_and_a_linear_map_of_torch(torch):
    table, linear = torch.nn.Embedding(7, 3), torch.nn.Linear(3, 2)
    tokens = np.array([[1, 6], [0, 3]])
    expected = linear(table(torch.tensor(tokens))).detach().numpy()
    rows, _ = from_torch(table.state_dict(), kind="embedding").forward(tokens)
    found, _ = from_torch(linear.state_dict(), kind="linear").forward(rows)
    np.testing.assert_allclose(found, expected, rtol=SINGLE, atol=SINGLE)


@of_keras
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("SimpleRNN", {}, SINGLE),  # rounds to float32 inside, whatever its dtype
        ("LSTM", {}, EXACT),
        ("GRU", {"reset_after": True}, EXACT),
        ("GRU", {"reset_after": False}, SINGLE),  # likewise
    ],
)
def test_layers_of_keras_compute_the_same_here(keras, name, options, tolerance, use_bias, both):
    rng = np.random.default_rng(2)
    T, B, D, H = 6, 4, 3, 5
    theirs = getattr(keras.layers, name)(
        H, return_sequences=True, use_bias=use_bias, dtype="float64", **options
    )
    if both:
        theirs = keras.layers.Bidirectional(theirs, dtype="float64")
    xs = rng.standard_normal((T, B, D))
    theirs.build((B, T, D))
    theirs.set_weights([rng.uniform(-1, 1, array.shape) for array in theirs.get_weights()])
    given = keras.ops.convert_to_tensor(xs.swapaxes(0, 1), dtype="float64")  # an array would become float32
    expected = keras.ops.convert_to_numpy(theirs(given)).swapaxes(0, 1)
    ours = from_keras(theirs.get_weights(), **({} if use_bias else options))
    np.testing.assert_allclose(run(ours, xs), expected, rtol=tolerance, atol=tolerance)
    if use_bias:
        for array, weights in zip(to_keras(ours), theirs.get_weights(), strict=True):
            if name == "GRU" and options["reset_after"] and array.ndim == 2 and len(array) == 2:
                array, weights = array.sum(axis=0), weights.sum(axis=0)  # r and z have one sum of two biases
            np.testing.assert_allclose(array, weights, rtol=EXACT)


@of_keras
def test_attention_of_keras_computes_the_same_here(keras):
    rng = np.random.default_rng(3)
    S, B, A = 5, 2, 4
    theirs = keras.layers.AdditiveAttention(dtype="float64")
    query, keys = rng.standard_normal((B, A)), rng.standard_normal((S, B, A))
    theirs.build([(B, 1, A), (B, S, A)])
    theirs.set_weights([rng.uniform(-1, 1, array.shape) for array in theirs.get_weights()])
    given = [keras.ops.convert_to_tensor(a, dtype="float64") for a in (query[:, None], keys.swapaxes(0, 1))]
    expected = keras.ops.convert_to_numpy(theirs(given))[:, 0]
    (context, _), _ = from_keras(theirs.get_weights(), kind="additive_attention").forward(query, keys)
    np.testing.assert_allclose(context, expected, rtol=SINGLE, atol=SINGLE)  # float32 whatever its dtype


@pytest.mark.parametrize("name", ["SimpleCell", "LSTMCell", "OptimizedLSTMCell", "GRUCell"])
def test_cells_of_flax_compute_the_same_here(nnx, name):
    rng = np.random.default_rng(4)
    B, D, H = 2, 3, 5
    theirs = getattr(nnx, name)(D, H, rngs=nnx.Rngs(0), dtype=np.float64, param_dtype=np.float64)
    _, params, _ = nnx.split(theirs, nnx.Param, ...)
    params = nnx.to_pure_dict(params)
    for part in params.values():
        for own, array in part.items():
            part[own] = rng.uniform(-1, 1, np.shape(array))
    state = nnx.state(theirs, nnx.Param)
    nnx.replace_by_pure_dict(state, params)
    nnx.update(theirs, state)
    x, h, c = rng.standard_normal((B, D)), rng.standard_normal((B, H)), rng.standard_normal((B, H))
    carry, shown = theirs((c, h) if "LSTM" in name else h, x)
    cell = from_flax(params)
    ours, _ = cell.forward(x, (h, c) if "LSTM" in name else h)
    np.testing.assert_allclose(cell.output(ours), shown, rtol=EXACT, atol=EXACT)
    if "LSTM" in name:
        np.testing.assert_allclose(ours.c, carry[0], rtol=EXACT, atol=EXACT)
    back = to_flax(cell, **({"optimized": "Optimized" in name} if "LSTM" in name else {}))
    assert {key: set(part) for key, part in back.items()} == {key: set(part) for key, part in params.items()}
    for key, part in back.items():
        for own, array in part.items():
            np.testing.assert_array_equal(array, params[key][own])


def session_of(onnxruntime, node, T, B, D):
    """A session that runs one recurrent node."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    n, H = len(node.inputs["W"]), node.attributes["hidden_size"]
    graph = helper.make_graph(
        [
            helper.make_node(
                node.op_type,
                ["X", "W", "R", "B", "sequence_lens", *(["", "", "P"] if "P" in node.inputs else [])],
                ["Y", "Y_h"],
                **node.attributes,
            )
        ],
        "one node",
        [
            helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, B, D]),
            helper.make_tensor_value_info("sequence_lens", TensorProto.INT32, [B]),
        ],
        [
            helper.make_tensor_value_info("Y", TensorProto.FLOAT, [T, n, B, H]),
            helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [n, B, H]),
        ],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in node.inputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def random_layer(rng, D, H):
    """A layer of every kind that a node can be."""
    cell = [
        lambda: RNNCell(D, H),
        lambda: RNNCell(D, H, activation="relu"),
        lambda: LSTMCell(D, H),
        lambda: PeepholeLSTMCell(D, H),
        lambda: GRUCell(D, H, reset="before"),
        lambda: GRUCell(D, H, reset="after"),
    ][rng.integers(6)]
    direction = rng.integers(3)
    if direction == 2:
        return exposed(Bidirectional(Recurrent(cell()), Recurrent(cell(), reverse=True)), rng)
    return exposed(Recurrent(cell(), reverse=direction == 1), rng)


@pytest.mark.parametrize("seed", range(300))
def test_layers_compute_the_same_in_onnxruntime(onnxruntime, seed):
    rng = np.random.default_rng(seed)
    T, B, D, H = sizes_of(rng)
    layer = random_layer(rng, D, H)
    node = to_onnx(layer)
    xs = rng.standard_normal((T, B, D)).astype(np.float32)
    lengths = rng.integers(1, T + 1, B)
    Y, _ = session_of(onnxruntime, node, T, B, D).run(
        None, {"X": xs, "sequence_lens": lengths.astype(np.int32)}
    )
    expected = Y.swapaxes(1, 2).reshape(T, B, -1)
    np.testing.assert_allclose(run(layer, xs.astype(float), lengths), expected, rtol=SINGLE, atol=SINGLE)
    again = from_onnx(*node)
    np.testing.assert_array_equal(run(again, xs, lengths), run(layer, xs, lengths))

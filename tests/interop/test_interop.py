"""Weights of other libraries: what comes in goes out again, and what does not fit is refused by name.

Whether the layouts are those of the libraries is shown in tests/oracles/test_interop.py, by the libraries.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem import (
    GRU,
    LSTM,
    RNN,
    AdditiveAttention,
    Embedding,
    GRUCell,
    LayerNormLSTMCell,
    Linear,
    LSTMCell,
    PeepholeLSTMCell,
    Recurrent,
    RNNCell,
    Stack,
)
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

RNG = np.random.default_rng(5)


def random_weights(module):
    """A module whose every parameter is random and not zero."""
    for param in module.params.values():
        param[...] = RNG.standard_normal(param.shape)
    return module


def same(one, other):
    """Whether two modules compute the same: exactly, since weights are only moved and change sign."""
    assert list(one.params) == list(other.params)
    return all(np.array_equal(one.params[name], other.params[name]) for name in one.params)


sizes = st.integers(1, 5)
layers = st.one_of(
    st.builds(
        lambda cls, D, H, n, both, dtype: random_weights(
            cls(D, H, num_layers=n, bidirectional=both, dtype=dtype, rng=0)
        ),
        st.sampled_from([RNN, LSTM]), sizes, sizes, sizes, st.booleans(), st.sampled_from(["f4", "f8"]),
    ),
    st.builds(
        lambda D, H, n, both: random_weights(
            GRU(D, H, num_layers=n, bidirectional=both, reset="after", rng=0)
        ),
        sizes, sizes, sizes, st.booleans(),
    ),
)  # fmt: skip
cells = st.sampled_from([RNNCell(3, 4), LSTMCell(3, 4), GRUCell(3, 4, reset="after")]).map(random_weights)


@given(layers, st.sampled_from(["", "encoder.rnn."]))
def test_what_went_to_torch_comes_back(layer, prefix):
    again = (
        from_torch({**to_torch(layer, prefix), "another.weight": np.ones(3)}, prefix or "")
        if prefix
        else None
    )
    again = from_torch(to_torch(layer, prefix), prefix) if again is None else again
    assert same(layer, again)
    assert again.dtype == layer.dtype


@given(cells)
def test_cells_and_their_like_come_back_from_torch_and_flax(cell):
    assert same(cell, from_torch(to_torch(cell)))
    if isinstance(cell, GRUCell):
        cell.b_hn[...] = 0
    assert same(cell, from_flax(to_flax(cell)))
    assert same(cell, from_flax(to_flax(cell, optimized=False)))


@given(layers.filter(lambda layer: layer.num_layers == 1))
def test_what_went_to_keras_or_onnx_comes_back(layer):
    assert same(layer, from_keras(to_keras(layer)))
    assert same(layer, from_onnx(*to_onnx(layer)))


@pytest.mark.parametrize("reset", ["before", "after"])
def test_both_grus_go_to_keras_and_onnx(reset):
    layer = random_weights(GRU(3, 4, reset=reset, bidirectional=True))
    assert same(layer, from_keras(to_keras(layer)))
    assert same(layer, from_onnx(*to_onnx(layer)))


def test_rectified_units_and_peepholes_come_back_where_there_is_a_place_for_them():
    layer = random_weights(RNN(3, 4, bidirectional=True, activation="relu"))
    for again in (
        from_torch(to_torch(layer), activation="relu"),
        from_keras(to_keras(layer), activation="relu"),
        from_onnx(*to_onnx(layer)),
    ):
        assert again.activation == "relu"
        assert same(layer, again)
    peepholes = random_weights(Recurrent(PeepholeLSTMCell(3, 4)))
    assert same(peepholes, from_onnx(*to_onnx(peepholes)))


def test_a_layer_that_reads_backward_is_a_node_of_onnx():
    layer = random_weights(Recurrent(LSTMCell(3, 4), reverse=True))
    node = to_onnx(layer)
    assert node.attributes["direction"] == "reverse"
    again = from_onnx(*node)
    assert again.reverse
    assert same(layer, again)


def test_tables_and_linear_maps():
    linear, table = random_weights(Linear(3, 2)), random_weights(Embedding(7, 3))
    assert to_torch(linear)["weight"].shape == (2, 3)
    assert same(linear, from_torch(to_torch(linear), kind="linear"))
    assert same(table, from_torch(to_torch(table), kind="embedding"))
    assert same(linear, from_keras(to_keras(linear), kind="dense"))
    assert same(table, from_keras(to_keras(table), kind="embedding"))
    assert not from_torch({"weight": np.ones((2, 3))}, kind="linear").b.any()
    assert not from_keras([np.ones((2, 3))], kind="dense").b.any()


def test_keras_attention_has_no_projections():
    attention = from_keras([np.array([1.0, 2.0])], kind="additive_attention")
    assert isinstance(attention, AdditiveAttention)
    query, keys = np.ones((1, 2)), RNG.standard_normal((3, 1, 2))
    (_, weights), _ = attention.forward(query, keys)
    scores = (np.tanh(query + keys[:, 0]) * [1, 2]).sum(axis=1)
    np.testing.assert_allclose(weights[0], np.exp(scores) / np.exp(scores).sum(), rtol=1e-14)


def test_nothing_is_shared_with_what_came_in_or_goes_out():
    layer = LSTM(3, 4, rng=0)
    for convert in (
        to_torch,
        lambda layer: dict(enumerate(to_keras(layer))),
        lambda layer: to_onnx(layer).inputs,
    ):
        for array in convert(layer).values():
            assert not any(np.shares_memory(array, param) for param in layer.params.values())
    arrays = to_torch(layer)
    again = from_torch(arrays)
    for array in arrays.values():
        assert not any(np.shares_memory(array, param) for param in again.params.values())


def test_orders_of_bytes_and_strides_do_not_matter():
    layer = random_weights(LSTM(3, 4))
    arrays = {name: np.asfortranarray(array.astype(">f8")) for name, array in to_torch(layer).items()}
    assert same(layer, from_torch(arrays))


GRU_STATE = to_torch(GRU(3, 4, reset="after", rng=0))
LSTM_STATE = to_torch(LSTM(3, 4, num_layers=2, rng=0))
NODE = to_onnx(GRU(3, 4, rng=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_torch({}), "no name begins with ''; there is nothing"),
        (lambda: from_torch(LSTM_STATE, "rnn."), "no name begins with 'rnn.'; there is weight_ih_l0"),
        (lambda: from_torch(LSTM_STATE | {"weight_hr_l0": np.ones((2, 4))}), "'weight_hr_l0': .*proj_size"),
        (lambda: from_torch(LSTM_STATE | {"extra": np.ones(2)}), "extra: not expected here"),
        (
            lambda: from_torch(LSTM_STATE | {"weight_ih_l0": np.ones((12, 3))}),
            r"'weight_ih_l0' has shape \(12, 3\), expected \(4·H = 16, D\)",
        ),
        (
            lambda: from_torch(LSTM_STATE | {"weight_hh_l0": np.ones((7, 4))}),
            r"weight_hh_l0 has shape \(7, 4\), expected \(G·H, H\)",
        ),
        (
            lambda: from_torch({k: v for k, v in LSTM_STATE.items() if k != "bias_hh_l1"}),
            "there is no 'bias_hh_l1'",
        ),
        (
            lambda: from_torch({k: v for k, v in LSTM_STATE.items() if "l1" in k}),
            "there is no 'weight_hh_l0'",
        ),
        (
            lambda: from_torch(LSTM_STATE | {"bias_hh_l1": np.ones(16, "f4")}),
            "'bias_hh_l1' has dtype float32, expected float64",
        ),
        (
            lambda: from_torch({k: v.astype("f2") for k, v in LSTM_STATE.items()}),
            "has dtype float16, expected float32 or float64",
        ),
        (
            lambda: from_torch(LSTM_STATE | {"weight_ih_l1": np.ones((16, 5))}),
            "layer 1 has input_size 5, expected 4",
        ),
        (lambda: to_torch(GRU(3, 4)), "reset='before', expected 'after'"),
        (lambda: to_torch(Recurrent(RNNCell(3, 4), reverse=True)), "reads backward only"),
        (
            lambda: to_torch(Stack(Recurrent(RNNCell(3, 4)), Recurrent(LSTMCell(4, 4)))),
            "layer 1 has kind lstm, expected rnn",
        ),
        (
            lambda: to_torch(Stack(Recurrent(RNNCell(3, 4)), Recurrent(RNNCell(4, 5)))),
            "layer 1 has hidden_size 5, expected 4",
        ),
        (lambda: to_keras(LSTM(3, 4, num_layers=2)), "2 layers were passed, expected one"),
        (lambda: from_keras([np.ones((3, 4))] * 5), "5 arrays were passed"),
        (lambda: from_keras([np.ones((3, 12)), np.ones((4, 12))]), "expected reset_after=True or False"),
        (
            lambda: from_keras([np.ones((3, 12)), np.ones((4, 12)), np.ones(12)], reset_after=True),
            "expected False: the bias has 1 rows",
        ),
        (lambda: from_onnx("Loop", {}), "op_type is 'Loop'"),
        (
            lambda: from_onnx("LSTM", NODE.inputs),
            r"'R' has shape \(1, 12, 4\), expected \(directions, 4·H, H\)",
        ),
        (lambda: from_onnx("GRU", NODE.inputs, {"clip": 3.0}), r"attributes\['clip'\] is 3.0, expected none"),
        (
            lambda: from_onnx("GRU", NODE.inputs, {"activations": ["Relu", "Tanh"]}),
            r"attributes\['activations'\]",
        ),
        (lambda: from_onnx("GRU", NODE.inputs, {"hidden_size": 5}), r"\['hidden_size'\] is 5, expected 4"),
        (
            lambda: from_onnx("GRU", NODE.inputs, {"direction": "bidirectional"}),
            r"'R' has shape \(1, 12, 4\), expected \(directions = 2",
        ),
        (lambda: from_onnx("GRU", NODE.inputs, {"speed": 1}), "attributes has speed"),
        (
            lambda: from_onnx("LSTM", {**to_onnx(LSTM(3, 4)).inputs, "P": np.ones((1, 8))}),
            r"'P' has shape \(1, 8\), expected \(directions = 1, 3·H = 12\)",
        ),
        (lambda: to_torch(Recurrent(PeepholeLSTMCell(3, 4))), "the LSTM has peepholes"),
        (lambda: to_keras(Recurrent(PeepholeLSTMCell(3, 4))), "the LSTM has peepholes"),
        (lambda: to_flax(PeepholeLSTMCell(3, 4)), "the cell has peepholes"),
        (lambda: to_flax(RNNCell(3, 4, activation="relu")), "the cell has activation='relu'"),
        (lambda: to_torch(Recurrent(LayerNormLSTMCell(3, 4))), "LayerNormLSTMCell has no counterpart there"),
        (lambda: to_flax(random_weights(GRUCell(3, 4, reset="after"))), "b_hn is not 0"),
        (lambda: from_flax({"dense_h": {"kernel": np.ones((4, 20))}}), r"dense_h.kernel has shape \(4, 20\)"),
        (lambda: from_flax({"dense_i": {"kernel": np.ones((3, 16))}}), "there is no 'dense_h.kernel'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: from_torch([1]),
        lambda: from_torch({1: np.ones(2)}),
        lambda: from_torch(GRU_STATE, 3),
        lambda: to_torch(3),
        lambda: from_keras("kernel"),
        lambda: to_keras(3),
        lambda: from_onnx("GRU", 3),
        lambda: from_onnx("GRU", NODE.inputs, 3),
        lambda: to_onnx(RNNCell(3, 4)),
        lambda: from_flax(3),
        lambda: to_flax(3),
    ],
)
def test_a_wrong_type_is_a_type_error(call):
    with pytest.raises(TypeError):
        call()

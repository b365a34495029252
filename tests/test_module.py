"""The protocol's helpers: names of parameters, casts, and nests of arrays."""

import numpy as np
import pytest
from comparing import assert_same
from hypothesis import given
from hypothesis import strategies as st

from seqmem import AdditiveAttention, Decoder, Encoder, LSTMCell, LSTMState, Recurrent, Seq2Seq
from seqmem.module import prefixed, tree_leaves, tree_map

arrays = st.integers(0, 3).map(lambda n: np.arange(float(n)))
nests = st.recursive(
    st.none() | arrays,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.builds(LSTMState, h=inner, c=inner)
    ),
    max_leaves=6,
)


def test_parameters_are_live_arrays_under_dotted_names():
    attention = AdditiveAttention(4, 3, 5, rng=0)
    model = Seq2Seq(Encoder(9, 2, 3), Decoder(8, 2, 4, context=attention, cell="gru"))
    params = model.params
    assert list(params) == [
        *("encoder.embedding.W", "encoder.layer.cell.W_x", "encoder.layer.cell.W_h", "encoder.layer.cell.b"),
        *("bridge.linear.W", "bridge.linear.b"),
        *("decoder.context.W_q", "decoder.context.W_k", "decoder.context.b", "decoder.context.v"),
        *("decoder.embedding.W", "decoder.cell.W_x", "decoder.cell.W_h", "decoder.cell.b"),
        *("decoder.output.W", "decoder.output.b"),
    ]
    params["encoder.layer.cell.b"][...] = 7
    assert (model.encoder.cell.b == 7).all()
    assert params["decoder.context.v"] is attention.v


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_astype_is_an_independent_copy_in_another_dtype(dtype):
    layer = Recurrent(LSTMCell(3, 2, rng=0), reverse=True)
    twin = layer.astype(dtype)
    assert twin.reverse
    assert {param.dtype for param in twin.params.values()} == {np.dtype(dtype)}
    assert twin.dtype == dtype
    assert layer.dtype == np.float64
    right = {name: param.astype(dtype) for name, param in layer.params.items()}
    for param in layer.params.values():
        param.fill(np.nan)
    assert_same(twin.params, right)


def test_config_is_what_the_constructor_was_given_but_the_rng():
    assert LSTMCell(3, 2, forget_bias=0.5, rng=9, dtype=np.float32).config == {
        "input_size": 3,
        "hidden_size": 2,
        "forget_bias": 0.5,
        "dtype": np.float32,
    }
    assert repr(LSTMCell(3, 2)) == "LSTMCell(input_size=3, hidden_size=2, forget_bias=1.0)"


@given(nests)
def test_mapping_the_identity_keeps_a_nest_with_its_types(nest):
    def same(one, other):
        assert type(one) is type(other)
        if isinstance(one, (tuple, list)):
            for a, b in zip(one, other, strict=True):
                same(a, b)
        else:
            assert one is other

    same(tree_map(lambda array: array, nest), nest)


@given(nests)
def test_mapping_several_nests_pairs_their_arrays(nest):
    doubled = tree_map(lambda array: 2 * array, nest)
    sums = list(tree_leaves(tree_map(np.add, nest, doubled), "x"))
    assert_same(sums, [(name, 3 * leaf) for name, leaf in tree_leaves(nest, "x")])


def test_nests_of_different_lengths_cannot_be_paired():
    with pytest.raises(ValueError, match="zip"):
        tree_map(np.add, (np.zeros(1), np.zeros(1)), (np.zeros(1),))


def test_leaves_are_named_by_field_or_by_index_and_none_has_none():
    state = LSTMState(h=np.zeros(1), c=None)
    assert [name for name, _ in tree_leaves((state, [np.zeros(2)], np.zeros(3)), "d")] == [
        "d[0].h",
        "d[1][0]",
        "d[2]",
    ]
    assert [name for name, _ in tree_leaves(np.zeros(1), "x")] == ["x"]
    assert list(tree_leaves(None, "x")) == []


def test_a_prefix_goes_before_every_name():
    W = np.zeros(2)
    assert prefixed("cell", {"W": W, "b.c": W}) == {"cell.W": W, "cell.b.c": W}

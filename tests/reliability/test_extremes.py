"""Numbers at the edge: saturated gates, huge logits, garbage in the padding, arrays that a caller changes."""

import warnings
from typing import Any

import numpy as np
import pytest
from test_protocol import MODULES, drawn, every_module

from seqmem import AdditiveAttention, LSTMCell, Recurrent, cross_entropy
from seqmem.nests import tree_leaves, tree_map

UNBOUNDED = {"stack of plain cells"}  # rectified units have no limit to saturate at


@pytest.fixture(autouse=True)
def strict() -> Any:
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def all_finite(*trees: Any) -> bool:
    return all(
        np.isfinite(array).all()
        for tree in trees
        for _, array in tree_leaves(tree, "")
        if array is not None and array.dtype.kind == "f"
    )


@pytest.mark.parametrize("name", sorted(set(MODULES) - UNBOUNDED))
@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_pre_activations_of_ten_thousand_have_limits_and_finite_gradients(name: str, scale: float) -> None:
    case = drawn(name)
    for param in case.module.params.values():
        param *= scale
    outputs, cache = case.module.forward(*case.inputs, **case.options)
    d_inputs, grads = case.module.backward(case.upstream, cache)
    assert all_finite(outputs, [one for one in d_inputs if one is not None], list(grads.values()))


@pytest.mark.parametrize("size", [1e30, 1e300])
def test_logits_of_any_size_have_the_exact_loss_and_finite_gradients(size: float) -> None:
    logits = np.array([[size, 0.0, -size], [0.0, -size, 0.0]])
    loss, d_logits = cross_entropy(logits, np.array([0, 2]))
    assert loss == pytest.approx(np.log(2) / 2)
    np.testing.assert_allclose(d_logits, [[0, 0, 0], [0.25, 0, -0.25]])


@pytest.mark.parametrize("value", [1e4, -1e4])
def test_a_saturated_cell_keeps_or_forgets_exactly(value: float) -> None:
    cell = LSTMCell(2, 3, rng=0)
    cell.b[1] = value  # f
    cell.b[0] = -1e4  # i: nothing is written
    c = np.arange(6.0).reshape(2, 3)
    state, _ = cell.forward(np.zeros((2, 2)), (np.zeros((2, 3)), c))
    np.testing.assert_array_equal(state.c, c if value > 0 else 0 * c)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, 1e308])
def test_garbage_in_the_padding_has_no_effect_to_the_last_bit(garbage: float) -> None:
    rng = np.random.default_rng(0)
    layer, attention = Recurrent(LSTMCell(2, 3, rng=0)), AdditiveAttention(4, 3, 5, rng=1)
    xs, lengths, query = rng.standard_normal((5, 3, 2)), np.array([5, 0, 2]), rng.standard_normal((3, 4))
    dirty = np.where((np.arange(5)[:, None] < lengths)[:, :, None], xs, garbage)
    found = []
    for given in (xs, dirty):
        (hs, final), cache = layer.forward(given, lengths=lengths)
        (context, weights), looked = attention.forward(
            query, np.where(hs == 0, given[:, :, :1], hs), lengths=lengths
        )
        back = layer.backward((np.ones_like(hs), None), cache)
        (d_query, d_keys), grads = attention.backward((np.ones_like(context), None), looked)
        found.append(
            [hs, *final, context, weights, back[0][0], *back[1].values(), d_query, d_keys, *grads.values()]
        )
    for clean, one in zip(*found, strict=True):
        assert clean.tobytes() == one.tobytes()
    assert not weights[1].any()
    assert not context[1].any()


@every_module
def test_a_caller_may_change_what_came_out_before_the_backward_pass(name: str) -> None:
    """Outputs are arrays of their own; what went in must stay as it was until the gradient is there."""
    case = drawn(name)
    outputs, cache = case.module.forward(*case.inputs, **case.options)
    right = case.module.backward(case.upstream, cache)
    outputs, cache = case.module.forward(*case.inputs, **case.options)
    tree_map(lambda array: array.fill(3) if array.dtype.kind == "f" else None, outputs)
    found = case.module.backward(case.upstream, cache)
    for (place, one), (_, other) in zip(tree_leaves(found, ""), tree_leaves(right, ""), strict=True):
        assert one is other is None or np.array_equal(one, other), place

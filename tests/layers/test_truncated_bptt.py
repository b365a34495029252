"""Truncated backpropagation: the layer's own values, and the gradient of the stated objective."""

import copy
from typing import Any

import numpy as np
import pytest
from comparing import assert_close, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Recurrence, exposed, random_state, recurrences

from seqmem import GRUCell, LSTMCell, Recurrent, TruncatedBPTT, gradcheck
from seqmem.nests import tree_leaves, tree_map

FORWARDS = recurrences(reverse=(False,))


@settings(max_examples=40)
@given(FORWARDS, st.integers(1, 8))
def test_outputs_and_final_state_are_the_layers_own(drawn: Recurrence, steps: int) -> None:
    layer, xs, state, lengths, _, _ = drawn
    (hs, final), _ = layer.forward(xs, state, lengths=lengths)
    assert_close(TruncatedBPTT(layer, steps).forward(xs, state, lengths=lengths)[0], (hs, final))


@settings(max_examples=40)
@given(FORWARDS)
def test_one_window_has_the_whole_gradient(drawn: Recurrence) -> None:
    layer, xs, state, lengths, d_hs, d_final = drawn
    _, cache = layer.forward(xs, state, lengths=lengths)
    d_inputs, grads = layer.backward((d_hs, d_final), cache)
    truncated = TruncatedBPTT(layer, max(1, len(xs)))
    _, cache = truncated.forward(xs, state, lengths=lengths)
    same_d_inputs, same_grads = truncated.backward((d_hs, d_final), cache)
    assert_same(same_d_inputs, d_inputs)
    assert_same(same_grads, {f"layer.{name}": grad for name, grad in grads.items()})


def moved_along(tree: Any, directions: Any) -> Any:
    """A nest of arrays, complex, moved a tiny step into the imaginary direction."""
    return tree_map(lambda array, way: array + 1e-30j * way, tree, directions)


def dot(tree: Any, directions: Any) -> float:
    leaves = zip(tree_leaves(tree, ""), tree_leaves(directions, ""), strict=True)
    return float(sum((one * way).sum() for (_, one), (_, way) in leaves))


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("cell", [LSTMCell, GRUCell])
def test_the_gradient_is_that_of_the_objective_with_incoming_states_held_fixed(cell: Any, steps: int) -> None:
    rng = np.random.default_rng(5)
    T, B, D, H = 7, 4, 3, 2
    layer = Recurrent(exposed(cell(D, H), rng))
    xs, lengths = rng.standard_normal((T, B, D)), np.array([7, 3, 0, 5])
    state, d_final = random_state(layer.cell, B, rng), random_state(layer.cell, B, rng)
    d_hs = rng.standard_normal((T, B, H))
    windows = [(start, np.clip(lengths - start, 0, min(steps, T - start))) for start in range(0, T, steps)]
    starts = [state]
    for start, own in windows:
        starts.append(layer.forward(xs[start : start + steps], starts[-1], lengths=own)[0][1])

    def objective(xs: Any, state: Any, layer: Any) -> Any:
        """The outputs times their factors; a final state counts in the window in which its row ends."""
        total: Any = 0.0
        for window, (start, own) in enumerate(windows):
            before = starts[window] if window else state
            (hs, final), _ = layer.forward(xs[start : start + steps], before, lengths=own)
            total = total + (hs * d_hs[start : start + steps]).sum()
            ended = (np.maximum(lengths - 1, 0) // steps == window)[:, None]
            for (_, one), (_, d) in zip(tree_leaves(final, ""), tree_leaves(d_final, ""), strict=True):
                total = total + (one * d * ended).sum()
        return total

    truncated = TruncatedBPTT(layer, steps)
    _, cache = truncated.forward(xs, state, lengths=lengths)
    found, grads = truncated.backward((d_hs, d_final), cache)
    assert list(grads) == list(truncated.params)
    for _ in range(8):  # directions: a wrong entry shows in every one of them
        directions = tree_map(lambda array: rng.standard_normal(array.shape), (xs, state, layer.params))
        other = copy.deepcopy(layer)
        for name, param in moved_along(layer.params, directions[2]).items():
            setattr(other.cell, name.removeprefix("cell."), param)
        slope = objective(*moved_along((xs, state), directions[:2]), other).imag / 1e-30
        own = {name.removeprefix("layer."): grad for name, grad in grads.items()}
        assert_close(dot(found, directions[:2]) + dot(own, directions[2]), slope)


def test_the_checker_calls_the_gradient_right_with_one_window_and_wrong_with_several() -> None:
    layer = Recurrent(LSTMCell(3, 4, rng=0))
    xs = np.random.default_rng(0).standard_normal((6, 2, 3))
    assert gradcheck(TruncatedBPTT(layer, 6), xs).passed
    assert gradcheck(TruncatedBPTT(layer, 3), xs).verdict == "wrong"


def test_float32_stays_float32_and_no_step_at_all_is_fine() -> None:
    layer = TruncatedBPTT(Recurrent(GRUCell(3, 4, rng=0, dtype="float32")), 2)
    (hs, final), cache = layer.forward(np.ones((5, 2, 3), np.float32))
    (d_xs, d_state), grads = layer.backward((hs, final), cache)
    assert {array.dtype for array in (hs, final, d_xs, d_state, *grads.values())} == {np.dtype("float32")}
    (hs, final), cache = layer.forward(np.ones((0, 2, 3), np.float32))
    assert (hs.shape, final.shape) == ((0, 2, 4), (2, 4))
    (d_xs, d_state), _ = layer.backward((hs, np.ones((2, 4))), cache)
    assert (d_state == 1).all()


def test_a_layer_that_reads_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="TruncatedBPTT: layer reads backwards"):
        TruncatedBPTT(Recurrent(GRUCell(3, 4, rng=0), reverse=True), 2)


def test_upstream_gradients_that_do_not_fit_are_refused() -> None:
    layer = TruncatedBPTT(Recurrent(GRUCell(3, 4, rng=0)), 2)
    _, cache = layer.forward(np.ones((5, 2, 3)))
    with pytest.raises(ValueError, match=r"d_hs has shape \(4, 2, 4\), expected \(5, 2, F\)"):
        layer.backward((np.ones((4, 2, 4)), None), cache)
    with pytest.raises(ValueError, match=r"d_final has shape \(3, 4\), expected 2 rows"):
        layer.backward((None, np.ones((3, 4))), cache)

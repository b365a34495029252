"""A gradient that vanishes ends in 0, not in numbers that slow a processor down; nothing else changes."""

import numpy as np
import pytest
from comparing import assert_close, eps_of

from seqmem import GRUCell, LSTMCell, Recurrent, RNNCell
from seqmem.cells import underflow

T, B, D, H = 300, 3, 4, 5
every_cell = pytest.mark.parametrize("kind", [RNNCell, GRUCell, LSTMCell])
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def layer_and_inputs(kind, dtype, steps=T):
    """A layer with weights so small that the gradient loses a fifth or more of itself at each step."""
    cell = kind(D, H, rng=0, dtype=dtype)
    for param in cell.params.values():
        param *= 0.3
    xs = np.random.default_rng(1).standard_normal((steps, B, D)).astype(dtype)
    return Recurrent(cell), xs


def of_last_step(layer, xs, size=1.0):
    """The gradients of a loss of the last step alone."""
    (hs, _), cache = layer.forward(xs)
    d_hs = np.zeros_like(hs)
    d_hs[-1] = size * np.random.default_rng(2).standard_normal(hs.shape[1:])
    return layer.backward((d_hs, None), cache)


@every_cell
@every_dtype
def test_what_vanishes_is_0_within_a_few_steps(kind, dtype):
    layer, xs = layer_and_inputs(kind, dtype)
    tiny = np.finfo(dtype).tiny
    (d_xs, _), _ = of_last_step(layer, xs, size=tiny / np.finfo(dtype).eps * 2.0**20)
    magnitudes = np.abs(d_xs).max(axis=(1, 2))
    subnormal = (magnitudes > 0) & (magnitudes < tiny)
    assert np.count_nonzero(subnormal) <= underflow.STEPS_BETWEEN
    assert magnitudes[-1] > 0
    assert not magnitudes[0]


@every_cell
@every_dtype
def test_what_does_not_vanish_stays_as_it_is(kind, dtype, monkeypatch):
    layer, xs = layer_and_inputs(kind, dtype, steps=40)
    rounded = of_last_step(layer, xs)
    monkeypatch.setattr("seqmem.cells.cell.flush", lambda parts, smallest: None)
    assert_close(rounded, of_last_step(layer, xs))


@every_dtype
def test_a_number_counts_as_long_as_its_last_digit_is_normal(dtype):
    smallest = underflow.smallest_kept(dtype)
    assert smallest * eps_of(dtype) == np.finfo(dtype).tiny
    part = np.array([smallest, -smallest, smallest / 2, -smallest / 2, 0, 1, np.inf, np.nan], dtype)
    underflow.flush([part], smallest)
    np.testing.assert_array_equal(part, [smallest, -smallest, 0, 0, 0, 1, np.inf, np.nan])

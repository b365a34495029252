"""A cell over time is that cell, step by step, on every sequence by itself."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_finite, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CELLS, random_state

from seqmem import Recurrent, gradcheck
from seqmem.cells import cell as cell_module
from seqmem.module import prefixed
from seqmem.nests import tree_map

every_cell = pytest.mark.parametrize("kind", sorted(CELLS))


def run(r, **changes):
    """Outputs, gradients of the inputs, gradients of the parameters."""
    r = r._replace(**changes)
    (hs, final), cache = r.layer.forward(r.xs, r.state, lengths=r.lengths)
    d_inputs, grads = r.layer.backward((r.d_hs, r.d_final), cache)
    return (hs, final), d_inputs, grads


def rows_of(tree, index):
    return tree_map(lambda array: array[index], tree)


def step_by_step(r, row):
    """One sequence of the batch, by nothing but the cell's own single steps; padding is left at zero."""
    cell, one = r.layer.cell, slice(row, row + 1)
    times = list(range(r.lengths[row]))[:: -1 if r.layer.reverse else 1]
    state, caches, hs = rows_of(r.state, one), {}, np.zeros_like(r.d_hs[:, one])
    for t in times:
        state, caches[t] = cell.forward(r.xs[t, one], state)
        hs[t] = cell.output(state)
    final, d_state, d_xs = state, rows_of(r.d_final, one), np.zeros_like(r.xs[:, one])
    grads = {name: np.zeros_like(param) for name, param in cell.params.items()}
    for t in reversed(times):
        d_state = tree_map(np.copy, d_state)
        d_h = cell.output(d_state)
        d_h += r.d_hs[t, one]
        (d_xs[t], d_state), step_grads = cell.backward(d_state, caches[t])
        grads = {name: grads[name] + step_grads[name] for name in grads}
    return (hs, final), (d_xs, d_state), grads


@settings(max_examples=60)
@given(draw.recurrences(), draw.seeds)
def test_the_gradients_of_a_sequence_are_right(r, seed):
    report = gradcheck(r.layer, r.xs, r.state, seed=seed, tolerance=ROUNDING, lengths=r.lengths)
    assert_right_where_tested(report)


@given(draw.recurrences(T=st.integers(0, 6)))
def test_a_sequence_is_its_steps_values_and_gradients(r):
    (hs, final), (d_xs, d_state), grads = run(r)
    total = {name: np.zeros_like(param) for name, param in r.layer.cell.params.items()}
    for row in range(len(r.lengths)):
        (hs_1, final_1), (d_xs_1, d_state_1), grads_1 = step_by_step(r, row)
        one = slice(row, row + 1)
        assert_close((hs[:, one], rows_of(final, one)), (hs_1, final_1))
        assert_close((d_xs[:, one], rows_of(d_state, one)), (d_xs_1, d_state_1))
        total = {name: total[name] + grads_1[name] for name in total}
    assert_close(grads, prefixed("cell", total))


@given(draw.recurrences(full=True, reverse=[False]), st.data())
def test_splitting_a_sequence_and_carrying_state_and_gradient_equals_the_whole(r, data):
    middle = data.draw(st.integers(0, len(r.xs)))
    first, second = slice(0, middle), slice(middle, None)
    (hs_1, carried), cache_1 = r.layer.forward(r.xs[first], r.state)
    (hs_2, final), cache_2 = r.layer.forward(r.xs[second], carried)
    (d_xs_2, d_carried), grads_2 = r.layer.backward((r.d_hs[second], r.d_final), cache_2)
    (d_xs_1, d_state), grads_1 = r.layer.backward((r.d_hs[first], d_carried), cache_1)
    outputs, d_inputs, grads = run(r)
    assert_close(((np.concatenate([hs_1, hs_2]), final)), outputs)
    assert_close((np.concatenate([d_xs_1, d_xs_2]), d_state), d_inputs)
    assert_close({name: grads_1[name] + grads_2[name] for name in grads}, grads)


@given(draw.recurrences(T=st.integers(0, 5)), st.integers(0, 3), draw.seeds)
def test_nothing_in_the_padding_and_no_more_of_it_has_an_effect(r, more, seed):
    (hs, final), (d_xs, d_state), grads = run(r)
    T = len(r.xs)
    padding = np.arange(T + more)[:, None] >= r.lengths
    garbage = np.random.default_rng(seed).choice([np.nan, np.inf, -np.inf, 1e300, -7.0], padding.sum())
    xs, d_hs = (np.concatenate([a, np.zeros((more, *a.shape[1:]))]) for a in (r.xs, r.d_hs))
    xs[padding], d_hs[padding] = garbage[:, None], garbage[::-1, None]
    with np.errstate(all="raise"):
        (hs_2, final_2), (d_xs_2, d_state_2), grads_2 = run(r, xs=xs, d_hs=d_hs)
    assert all_zero((hs_2[padding], d_xs_2[padding]))
    assert_close((hs_2[:T], final_2, d_xs_2[:T], d_state_2, grads_2), (hs, final, d_xs, d_state, grads))


@given(draw.recurrences(), st.data())
def test_a_batch_in_another_order_or_without_some_rows_gives_the_same_for_those_that_stay(r, data):
    (hs, final), (d_xs, d_state), _ = run(r)
    order = data.draw(st.permutations(range(len(r.lengths))))
    order = order[: data.draw(st.integers(0, len(order)))]
    (hs_2, final_2), (d_xs_2, d_state_2), _ = run(
        r,
        xs=r.xs[:, order],
        state=rows_of(r.state, order),
        lengths=r.lengths[order],
        d_hs=r.d_hs[:, order],
        d_final=rows_of(r.d_final, order),
    )
    assert_close((hs_2, d_xs_2), (hs[:, order], d_xs[:, order]))
    assert_close((final_2, d_state_2), rows_of((final, d_state), order))


@given(draw.recurrences(reverse=[True]))
def test_a_reversed_layer_is_reversing_each_sequence_by_hand(r):
    def reversed_by_hand(xs):
        out = np.zeros_like(xs)
        for row, n in enumerate(r.lengths):
            out[:n, row] = xs[:n, row][::-1]
        return out

    (hs, final), (d_xs, d_state), grads = run(r)
    forwards = r._replace(layer=Recurrent(r.layer.cell))
    (hs_2, final_2), (d_xs_2, d_state_2), grads_2 = run(
        forwards, xs=reversed_by_hand(r.xs), d_hs=reversed_by_hand(r.d_hs)
    )
    assert_close((hs, d_xs), (reversed_by_hand(hs_2), reversed_by_hand(d_xs_2)))
    assert_close((final, d_state, grads), (final_2, d_state_2, grads_2))


@given(draw.recurrences())
def test_a_length_of_0_leaves_the_state_alone_and_hands_its_gradient_back(r):
    (hs, final), (d_xs, d_state), grads = run(r, lengths=np.zeros_like(r.lengths))
    assert_same((final, d_state), (r.state, r.d_final))
    assert all_zero((hs, d_xs, grads))


@given(draw.recurrences(full=True))
def test_no_lengths_are_full_lengths(r):
    assert_same(run(r), run(r, lengths=None))


@given(draw.recurrences())
def test_the_final_state_is_the_last_output(r):
    (hs, final), _ = r.layer.forward(r.xs, r.state, lengths=r.lengths)
    h = r.layer.cell.output(final)
    for row, n in enumerate(r.lengths):
        if n:
            assert_same(h[row], hs[0 if r.layer.reverse else n - 1, row])


@given(draw.recurrences())
def test_the_gradients_of_the_outputs_and_of_the_final_state_add_up(r):
    _, cache = r.layer.forward(r.xs, r.state, lengths=r.lengths)
    both = r.layer.backward((r.d_hs, r.d_final), cache)
    of_outputs, of_final = (r.layer.backward(up, cache) for up in ((r.d_hs, None), (None, r.d_final)))
    assert_close(both[0], tree_map(np.add, of_outputs[0], of_final[0]))
    assert_close(both[1], {name: of_outputs[1][name] + of_final[1][name] for name in both[1]})
    assert all_zero(r.layer.backward(None, cache))


@given(draw.recurrences(), st.integers(1, 3))
def test_the_size_of_the_blocks_in_the_backward_pass_is_a_matter_of_speed_alone(r, steps):
    right = run(r)
    with pytest.MonkeyPatch.context() as patch:
        cell_of_r = r.layer.cell
        blocks = cell_of_r.n_gates + len(cell_of_r.local)
        widest = len(r.lengths) * blocks * cell_of_r.hidden_size * 8
        patch.setattr(cell_module, "BLOCK_BYTES", steps * widest)
        assert_same(run(r), right)


@given(draw.recurrences(), draw.seeds)
def test_a_final_state_may_be_written_to_before_the_backward_pass(r, seed):
    _, d_inputs, grads = run(r)
    (_, final), cache = r.layer.forward(r.xs, r.state, lengths=r.lengths)
    tree_map(lambda array: array.fill(np.nan), final)
    assert_same(r.layer.backward((r.d_hs, r.d_final), cache), (d_inputs, grads))


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("T", "B"), [(0, 3), (4, 0), (0, 0)])
@pytest.mark.parametrize("with_lengths", [False, True])
def test_no_steps_and_no_rows_are_fine(kind, reverse, T, B, with_lengths):
    layer = Recurrent(CELLS[kind](3, 2, rng=0), reverse=reverse)
    state = random_state(layer.cell, B, np.random.default_rng(0))
    lengths = np.zeros(B, int) if with_lengths else None
    (hs, final), cache = layer.forward(np.zeros((T, B, 3)), state, lengths=lengths)
    assert hs.shape == (T, B, 2)
    assert_same(final, state)
    (d_xs, d_state), grads = layer.backward((hs, state), cache)
    assert d_xs.shape == (T, B, 3)
    assert_same(d_state, state)
    assert all_zero(grads)


@every_cell
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_saturated_units_give_exact_limits_and_finite_gradients_without_a_warning(kind, dtype, size):
    if kind == "layer-norm" and dtype is np.float32:
        size = min(size, 1e15)  # it squares its input
    rng = np.random.default_rng(0)
    layer = Recurrent(draw.exposed(CELLS[kind](3, 2, dtype=dtype), rng))
    xs = (size * rng.choice([-1.0, 1.0], (6, 5, 3)) * rng.uniform(0.5, 1, (6, 5, 3))).astype(dtype)
    with np.errstate(all="raise"):
        (hs, final), cache = layer.forward(xs, lengths=[6, 0, 3, 1, 6])
        gradients = layer.backward((np.ones_like(hs), final), cache)
    assert all_finite((hs, final, gradients))
    assert abs(hs).max() <= 1
    if kind in ("rnn", "gru", "gru, reset after"):
        assert set(np.unique(hs)) <= {-1.0, 0.0, 1.0}
    if kind == "rnn":
        assert all_zero(gradients[0][0])


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 5], r"lengths\[1\] is 5, expected 0 to 4 \(T\)"),
        ([-1, 2], r"lengths\[0\] is -1, expected 0 to 4"),
        ([1.0, 2.0], r"lengths has dtype float64, expected integers"),
        ([True, False], r"lengths has dtype bool, expected integers"),
        ([1], r"lengths has shape \(1,\), expected \(2,\): 2 is the batch size"),
        ([[1, 2]], r"lengths has shape \(1, 2\)"),
        (3, r"lengths has shape \(\)"),
    ],
)
def test_lengths_that_cannot_be_are_refused(lengths, message):
    layer = Recurrent(CELLS["gru"](3, 2))
    with pytest.raises(ValueError, match=f"Recurrent.forward: {message}"):
        layer.forward(np.zeros((4, 2, 3)), lengths=lengths)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64, ">i4"])
def test_lengths_may_be_integers_of_any_kind_in_any_order(dtype):
    layer = Recurrent(CELLS["lstm"](3, 2, rng=0))
    xs = np.random.default_rng(0).uniform(-1, 1, (4, 3, 3))
    right, _ = layer.forward(xs, lengths=[1, 4, 0])
    assert_same(layer.forward(xs, lengths=np.array([1, 4, 0], dtype))[0], right)


@pytest.mark.parametrize(
    ("xs", "message"),
    [
        (np.zeros((4, 2, 5)), r"xs has shape \(4, 2, 5\), expected \(T, B, 3\): 3 is input_size"),
        (np.zeros((3, 4, 2)), r"xs has shape \(3, 4, 2\)"),
        (np.zeros((2, 3)), r"xs has shape \(2, 3\)"),
    ],
)
def test_inputs_of_another_shape_are_refused(xs, message):
    with pytest.raises(ValueError, match=f"Recurrent.forward: {message}"):
        Recurrent(CELLS["rnn"](3, 2)).forward(xs)


@every_cell
def test_upstream_gradients_of_another_shape_are_refused(kind):
    layer = Recurrent(CELLS[kind](3, 2))
    _, cache = layer.forward(np.zeros((5, 4, 3)))
    with pytest.raises(
        ValueError, match=r"Recurrent.backward: d_hs has shape \(4, 5, 2\), expected \(5, 4, 2\)"
    ):
        layer.backward((np.zeros((4, 5, 2)), None), cache)
    with pytest.raises(
        ValueError, match=r"Recurrent.backward: d_final.* has shape \(3, 2\), expected \(4, 2\)"
    ):
        layer.backward((None, layer.cell.zero_state(3)), cache)

"""Packed rows hold every step of every sequence once, and nothing else."""

import numpy as np
import pytest
import strategies as draw
from comparing import assert_same
from hypothesis import given
from hypothesis import strategies as st

from seqmem.layers.packing import pack

pytestmark = pytest.mark.quick


@st.composite
def batches(draw_from):
    """T, B, lengths, reverse."""
    T, B = draw_from(st.integers(0, 5)), draw_from(st.integers(0, 5))
    return T, B, draw_from(draw.lengths(T, B)), draw_from(st.booleans())


def numbered(T, B):
    """(T, B, 1), a different number at every place, none of them 0."""
    return 1.0 + np.arange(T * B).reshape(T, B, 1)


def steps(packing):
    """Of each step, its rows, and the states before it."""
    for run in packing.runs:
        for k in range(run.n_steps):
            rows, _, n, before = run.cut(k, k + 1)
            yield slice(rows, rows + n), slice(before, before + n)


@given(batches())
def test_packing_and_unpacking_is_the_identity_up_to_the_lengths_and_zero_beyond(batch):
    T, B, lengths, reverse = batch
    packing, padded = pack(T, B, lengths, reverse), numbered(T, B)
    rows = packing.pack(padded)
    valid = np.arange(T)[:, None, None] < lengths[:, None]
    assert len(rows) == lengths.sum()
    assert_same(packing.unpack(rows, (T, B)), np.where(valid, padded, 0))


@given(batches())
def test_each_step_holds_the_sequences_that_still_run_in_the_order_of_their_reading(batch):
    T, B, lengths, reverse = batch
    packing = pack(T, B, lengths, reverse)
    rows, order = packing.pack(numbered(T, B))[:, 0], np.arange(B)[packing.batch]
    assert (np.diff(lengths[order]) <= 0).all()
    for t, (now, _) in enumerate(steps(packing)):
        running = [b for b in order if lengths[b] > t]
        read = [lengths[b] - 1 - t if reverse else t for b in running]
        assert rows[now].tolist() == [1 + time * B + b for time, b in zip(read, running, strict=True)]


@given(batches())
def test_the_state_before_a_row_is_the_one_that_its_own_sequence_left(batch):
    T, B, lengths, reverse = batch
    packing = pack(T, B, lengths, reverse)
    order = np.arange(B)[packing.batch]
    owner = np.full(B + lengths.sum(), -1)  # of each row of the tape: its sequence
    owner[:B] = order
    of_rows = np.arange(lengths.sum()) if packing.before is None else packing.before
    for now, before in steps(packing):
        count = now.stop - now.start
        assert owner[before].tolist() == order[:count].tolist()
        assert of_rows[now].tolist() == np.arange(len(owner))[before].tolist()
        owner[B + now.start : B + now.stop] = order[:count]
    assert owner[packing.final].tolist() == list(range(B))


@given(batches(), draw.rngs)
def test_unsorting_undoes_the_sorting_of_the_batch(batch, rng):
    T, B, lengths, reverse = batch
    packing, values = pack(T, B, lengths, reverse), rng.uniform(-1, 1, (B, 3))
    assert_same(packing.unsort(values[packing.batch]), values)


@given(st.integers(0, 4), st.integers(0, 4))
def test_without_padding_nothing_is_copied(T, B):
    padded = numbered(T, B)
    packing = pack(T, B)
    rows = packing.pack(padded)
    assert rows.size == 0 or np.shares_memory(rows, padded)
    assert rows.size == 0 or np.shares_memory(packing.unpack(rows, (T, B)), padded)


@given(st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_without_lengths_the_rows_are_those_of_full_lengths(T, B, reverse):
    packing, full = pack(T, B, None, reverse), pack(T, B, np.full(B, T), reverse)
    padded, states = numbered(T, B), np.arange((T + 1) * B)
    assert_same(packing.pack(padded), full.pack(padded))
    assert_same(packing.unpack(packing.pack(padded), (T, B)), padded)
    assert_same(states[packing.final], states[full.final])
    assert [step for run in steps(packing) for step in run] == [step for run in steps(full) for step in run]

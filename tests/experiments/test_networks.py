"""The memory experiment's networks: gradients, equal budgets, two starts."""

import numpy as np
import pytest
from comparing import ROUNDING

from seqmem import check_module, gradcheck
from seqmem.data import recall
from seqmem.experiments.horizons import MemorySettings
from seqmem.experiments.networks import (
    ATTENTION_SIZE,
    BIASED,
    Reader,
    _start_small,
    hidden_size_for,
    make_reader,
    parameters_of,
)


@pytest.mark.parametrize("attention_size", [0, 3])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_readers_gradients_are_right(cell, attention_size):
    reader = Reader(7, 3, 2, 4, cell=cell, attention_size=attention_size, rng=0)
    rng = np.random.default_rng(0)
    for param in reader.params.values():
        param[...] = rng.uniform(-0.8, 0.8, param.shape)
    tokens = rng.integers(7, size=(5, 3))
    report = gradcheck(reader, tokens, tolerance=ROUNDING)
    assert report.passed, report
    assert "purity" in check_module(reader, tokens).passed


@pytest.mark.parametrize("settings", [MemorySettings(), MemorySettings.quick(), MemorySettings.full()])
def test_all_networks_have_equal_budgets(settings):
    counts = []
    for kind in settings.kinds:
        H, E = hidden_size_for(kind, settings.budget, settings.embedding_size), settings.embedding_size
        attention_size = ATTENTION_SIZE if kind == "lstm + attention" else 0
        cell = kind.replace(",", " ").split()[0]
        reader = Reader(len(recall.VOCABULARY), 12, E, H, cell=cell, attention_size=attention_size, rng=0)
        counts.append(sum(param.size for param in reader.params.values()))
        assert counts[-1] == parameters_of(kind, H, E)
    assert max(counts) <= 1.03 * min(counts)


def test_a_budget_that_no_size_meets_is_refused():
    with pytest.raises(ValueError, match=r"expected 1500 within 3 %"):
        hidden_size_for("lstm", 1500, 16)


def test_the_small_start_is_small_and_differs_from_the_orthogonal_one():
    reader = Reader(5, 3, 2, 200, cell="rnn", rng=0)
    before = reader.cell.W_h.copy()
    _start_small(reader.cell, np.random.default_rng(0))
    radius = np.abs(np.linalg.eigvals(reader.cell.W_h)).max()
    assert 0.5 < radius < 0.7
    assert np.abs(np.linalg.eigvals(before)).max() == pytest.approx(1)


@pytest.mark.parametrize("kind", BIASED)
def test_forget_bias_b_and_update_bias_minus_b_keep_the_same_share_at_first(kind):
    bias = -1.5 if kind == "gru" else 1.5
    cell = make_reader(kind, 3, 4, np.random.SeedSequence(0), bias).cell
    cell.W_x[...] = cell.W_h[...] = 0.0  # the gates are those of the biases alone, and nothing is written
    state = cell.zero_state(1)
    (state.c if kind != "gru" else state)[...] = 1.0
    after, _ = cell.forward(np.zeros((1, 3), np.float32), state)
    kept = after if kind == "gru" else after.c
    np.testing.assert_allclose(kept, 1 / (1 + np.exp(-1.5)), rtol=1e-6)


def test_a_reader_needs_something_to_read():
    with pytest.raises(ValueError, match=r"Reader.forward: tokens has no step"):
        Reader(5, 3, 2, 4, rng=0).forward(np.zeros((0, 2), int))

"""Hours in miniature: long sequences, many steps, many threads, and gradients that nearly vanish."""

import concurrent.futures
import gc
import resource
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from seqmem import LSTM, Adam, Encoder, LanguageModel, fit
from seqmem.data import TruncatedBatches, stream_batch
from seqmem.models import SequenceTagger

pytestmark = pytest.mark.slow

STEPS = 100_000
MIB = 2**20


def peak_of(run: Any) -> float:
    """The memory that a call takes beyond what is there, at its most, in MiB."""
    gc.collect()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MIB


def test_a_sequence_of_a_hundred_thousand_steps_takes_the_memory_of_its_values() -> None:
    """Per step of a row, an LSTM keeps x, four gates, h, c and tanh(c): 8 H + D numbers, here 68."""
    layer = LSTM(4, 8, rng=0)
    xs = np.random.default_rng(0).standard_normal((STEPS, 1, 4))
    values = STEPS * 68 * 8 / MIB
    assert peak_of(lambda: layer.forward(xs)) < 2 * values
    (hs, _), cache = layer.forward(xs)
    assert np.isfinite(hs).all()
    assert peak_of(lambda: layer.backward((np.ones_like(hs), None), cache)) < 4 * values


def test_truncated_training_on_a_hundred_thousand_steps_takes_the_memory_of_a_window() -> None:
    model = LanguageModel(Encoder(9, 4, 8, rng=0), rng=1)
    tokens = np.random.default_rng(0).integers(0, 9, STEPS + 1)

    def train(steps: int) -> None:
        batches = TruncatedBatches([stream_batch(tokens[: steps + 1], batch_size=4)], steps=50)
        fit(model, batches, Adam(), epochs=1, progress=False)

    train(1_000)
    short, long = peak_of(lambda: train(2_000)), peak_of(lambda: train(STEPS))
    assert (
        long < short + STEPS * (8 + 8 + 8 + 1) / MIB
    )  # tokens, inputs, targets and mask, of which all is made


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit is the kibibyte on Linux alone")
def test_ten_thousand_steps_of_training_leave_no_memory_behind() -> None:
    model, optimizer = SequenceTagger(Encoder(7, 3, 4, rng=0), 3, rng=1), Adam()
    from seqmem.data import make_sequence_batch

    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 7, size) for size in (3, 5)]
    batches = [make_sequence_batch(rows, [row % 3 for row in rows], per_step=True)] * 100

    def train(epochs: int) -> None:
        fit(model, batches, optimizer, epochs=epochs, progress=False)

    train(10)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    train(100)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1024, f"{grown} KiB more after 10,000 steps"


def test_eight_threads_give_what_one_gives() -> None:
    model = SequenceTagger(Encoder(50, 16, 32, num_layers=2, bidirectional=True, rng=0), 5, rng=1)
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, 50, (20, 8)) for _ in range(8)]
    serial = [model.forward(one)[0].tobytes() for one in inputs]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda k: model.forward(inputs[k % 8])[0].tobytes(), range(400)))
    assert together == [serial[k % 8] for k in range(400)]

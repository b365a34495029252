"""The adding problem of Hochreiter & Schmidhuber (1997): the sum of two marked numbers among a hundred."""

import numpy as np
from installed import QUICK

import seqmem


def draw(rng: np.random.Generator, T: int = 100, B: int = 20) -> seqmem.SequenceBatch:
    values, marks, rows = rng.random((T, B)), np.zeros((T, B)), np.arange(B)
    marks[rng.integers(T // 2, size=B), rows] = marks[rng.integers(T // 2, T, B), rows] = 1
    sums = (values * marks).sum(axis=0)[None, :, None]
    return seqmem.SequenceBatch(np.stack([values, marks], axis=2), np.full(B, T), sums, np.ones((1, B), bool))


steps, epochs = (5, 1) if QUICK else (250, 14)
test = draw(np.random.default_rng(9), B=50 if QUICK else 1000)
model = seqmem.SequenceRegressor(seqmem.LSTM(2, 48, rng=0, dtype="float32"), rng=0)
options = {"max_norm": 1.0, "schedule": seqmem.cosine_decay, "validation": [test], "rng": 0}
batches = lambda rng: (draw(rng) for _ in range(steps))  # noqa: E731 - new ones in every epoch
history = seqmem.fit(model, batches, seqmem.Adam(5e-3), epochs=epochs, **options)
for epoch, error in enumerate(history.validation_loss, start=1):  # 1/6 is the error of always answering 1
    print(f"{20 * steps * epoch:6,} sequences: mean squared error {error:.4f}")

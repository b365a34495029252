"""Handwritten digits as 8 rows of 8 pixels, with 10 units: three cells, one and two layers, ten folds.

pip install scikit-learn
python examples/digits_table.py             about 10 minutes
python examples/digits_table.py --quick     a few seconds, to see that it runs
"""

import numpy as np
from installed import QUICK, installed

import seqmem

installed("sklearn", "scikit-learn")
from sklearn.datasets import load_digits  # noqa: E402

digits = load_digits()
examples = list(zip(digits.images, digits.target.tolist(), strict=True))[: 300 if QUICK else None]
folds = np.array_split(np.random.default_rng(0).permutation(len(examples)), 10)
for layers in (1, 2):
    for cell in ("rnn", "lstm", "gru"):
        found = []
        for fold in folds[: 1 if QUICK else 10]:
            held = set(fold.tolist())
            training = [one for k, one in enumerate(examples) if k not in held]
            task = seqmem.Classifier.build(training, hidden_size=10, cell=cell, num_layers=layers, rng=0)
            task.fit(
                training,
                epochs=1 if QUICK else 100,
                batch_size=25,
                learning_rate=0.01,
                max_norm=None,
                schedule=None,
                rng=0,
                progress=False,
            )
            found.append(task.evaluate([examples[k] for k in fold])["accuracy"])
        print(f"{layers} layer{'s' * (layers > 1)} {cell:>4}: accuracy {np.mean(found):.3f}", flush=True)

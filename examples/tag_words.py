"""Tagging: parts of speech of Turkish sentences from the web. pip install turkish-treebanks"""

from installed import QUICK, installed

import seqmem

path = installed("turkish_treebanks", "turkish-treebanks").parent / "data" / "web.conllu"
sentences = seqmem.data.read_conll(path, columns=(1, 3))
count = 20 if QUICK else 300
training, test = seqmem.data.train_validation_split(sentences[: 100 if QUICK else None], count, rng=0)
training, validation = seqmem.data.train_validation_split(training, len(training) // 10, rng=1)

task = seqmem.Tagger.build(training, hidden_size=64, embedding_size=64, dropout=0.4, rng=0, dtype="float32")
task.fit(training, validation=validation, epochs=1 if QUICK else 15, batch_size=16, learning_rate=5e-3, rng=0)
print(task.evaluate(test))
words = test[0][0]
print(list(zip(words, task.predict([words])[0], strict=True)))

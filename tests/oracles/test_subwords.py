"""Merges and subwords are those of subword-nmt."""

import importlib
import io

import numpy as np
import pytest

from seqmem.data import Subwords


def sentences(seed):
    rng = np.random.default_rng(seed)
    stems = ["".join(rng.choice(list("abcdeé'1-"), rng.integers(1, 5))) for _ in range(12)]
    words = ["".join(rng.choice(stems, rng.integers(1, 4))) for _ in range(60)]
    return [rng.choice(words, rng.integers(1, 9)).tolist() for _ in range(60)]


@pytest.mark.parametrize("seed", range(8))
def test_merges_and_pieces_equal_subword_nmts(require, seed):
    require("subword_nmt")
    learning = importlib.import_module("subword_nmt.learn_bpe")
    applying = importlib.import_module("subword_nmt.apply_bpe")
    corpus, written = sentences(seed), io.StringIO()
    learning.learn_bpe(io.StringIO("\n".join(map(" ".join, corpus)) + "\n"), written, 40)
    _, *lines = written.getvalue().splitlines()  # after the version
    subwords = Subwords.learn(corpus, 40)
    theirs = [tuple(piece.replace("</w>", " ") for piece in line.split(" ")) for line in lines]
    assert subwords.merges == theirs
    bpe = applying.BPE(io.StringIO(written.getvalue()))
    for sentence in sentences(seed + 100):
        marked = bpe.process_line(" ".join(sentence)).split(" ")
        expected = [piece.removesuffix("@@") if piece.endswith("@@") else f"{piece} " for piece in marked]
        assert subwords.split(sentence) == expected

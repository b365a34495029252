"""Symbols and their ids, padded batches, files of pairs, and the built-in tasks: dates, phrases, recall."""

from seqmem.data import dates, recall
from seqmem.data.batches import BucketedBatches, make_batch, pad
from seqmem.data.pairs import join_symbols, read_pairs, split_symbols, train_validation_split
from seqmem.data.phrases import phrases
from seqmem.data.translator import Translation, Translator
from seqmem.data.vocabulary import END, PAD, START, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "PAD",
    "START",
    "UNKNOWN",
    "BucketedBatches",
    "Translation",
    "Translator",
    "Vocabulary",
    "dates",
    "join_symbols",
    "make_batch",
    "pad",
    "phrases",
    "read_pairs",
    "recall",
    "split_symbols",
    "train_validation_split",
]

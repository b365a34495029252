"""Symbols and their ids, padded batches, files of pairs, and the built-in date task."""

from seqmem.data import dates
from seqmem.data.batches import BucketedBatches, make_batch, pad
from seqmem.data.pairs import join_symbols, read_pairs, split_symbols, train_validation_split
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
    "read_pairs",
    "split_symbols",
    "train_validation_split",
]

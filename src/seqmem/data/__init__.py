"""Data: symbols and ids, features, padded batches, windows, files, and generators: dates, phrases, recall."""

import importlib
from typing import TYPE_CHECKING, Any

from seqmem.data.batch import Batch, SequenceBatch
from seqmem.data.batches import BucketedBatches, make_batch, pad
from seqmem.data.bounds import default_max_symbols
from seqmem.data.conll import read_conll
from seqmem.data.generators.phrases import phrases
from seqmem.data.pairs import read_pairs, train_validation_split
from seqmem.data.sequences.batches import (
    Minibatches,
    SequenceBatches,
    make_sequence_batch,
    pad_features,
    take_sequences,
)
from seqmem.data.sequences.files import read_series
from seqmem.data.sequences.standardizer import Standardizer
from seqmem.data.sequences.truncated import TruncatedBatches, stream_batch, truncated_windows
from seqmem.data.sequences.windows import series_windows
from seqmem.data.subwords import Subwords
from seqmem.data.text import join_symbols, prepare_text, split_symbols
from seqmem.data.vectors import WordVectors, read_vectors
from seqmem.data.vocabulary import END, PAD, START, UNKNOWN, Vocabulary

if TYPE_CHECKING:
    from seqmem.data.generators import dates, recall

__all__ = [
    "END",
    "PAD",
    "START",
    "UNKNOWN",
    "Batch",
    "BucketedBatches",
    "Minibatches",
    "SequenceBatch",
    "SequenceBatches",
    "Standardizer",
    "Subwords",
    "TruncatedBatches",
    "Vocabulary",
    "WordVectors",
    "dates",
    "default_max_symbols",
    "join_symbols",
    "make_batch",
    "make_sequence_batch",
    "pad",
    "pad_features",
    "phrases",
    "prepare_text",
    "read_conll",
    "read_pairs",
    "read_series",
    "read_vectors",
    "recall",
    "series_windows",
    "split_symbols",
    "stream_batch",
    "take_sequences",
    "train_validation_split",
    "truncated_windows",
]


def __getattr__(name: str) -> Any:
    if name in ("dates", "recall"):  # built-in tasks, which most programs do not use
        return importlib.import_module(f"seqmem.data.generators.{name}")
    raise AttributeError(f"module 'seqmem.data' has no attribute {name!r}")

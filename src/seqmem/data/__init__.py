"""Data: symbols and their ids, padded batches, files of pairs, and generators: dates, phrases, recall."""

import importlib
from typing import TYPE_CHECKING, Any

from seqmem.data.batch import Batch
from seqmem.data.batches import BucketedBatches, make_batch, pad
from seqmem.data.bounds import default_max_symbols
from seqmem.data.generators.phrases import phrases
from seqmem.data.pairs import read_pairs, train_validation_split
from seqmem.data.text import join_symbols, prepare_text, split_symbols
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
    "Vocabulary",
    "dates",
    "default_max_symbols",
    "join_symbols",
    "make_batch",
    "pad",
    "phrases",
    "prepare_text",
    "read_pairs",
    "recall",
    "split_symbols",
    "train_validation_split",
]


def __getattr__(name: str) -> Any:
    if name in ("dates", "recall"):  # built-in tasks, which most programs do not use
        return importlib.import_module(f"seqmem.data.generators.{name}")
    raise AttributeError(f"module 'seqmem.data' has no attribute {name!r}")

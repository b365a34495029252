"""Training: optimizers, the loop, and models as files."""

from seqmem.training.files.checkpoint import check_save, load, read_metadata, save
from seqmem.training.files.npz import CheckpointError
from seqmem.training.loop import History, NonFiniteError, cosine_decay, fit
from seqmem.training.metrics import edit_distance, token_accuracy
from seqmem.training.optimizers import SGD, Adam, Optimizer, clip_by_global_norm

__all__ = [
    "SGD",
    "Adam",
    "CheckpointError",
    "History",
    "NonFiniteError",
    "Optimizer",
    "check_save",
    "clip_by_global_norm",
    "cosine_decay",
    "edit_distance",
    "fit",
    "load",
    "read_metadata",
    "save",
    "token_accuracy",
]

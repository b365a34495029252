"""Training: optimizers, the loop, and models as files."""

from seqmem.training.files.checkpoint import check_save, load, read_metadata, save
from seqmem.training.files.npz import CheckpointError
from seqmem.training.loop import History, NonFiniteError, cosine_decay, fit
from seqmem.training.metrics import edit_distance, token_accuracy
from seqmem.training.optimizers import SGD, Adam, Optimizer, clip_by_global_norm
from seqmem.training.scores import (
    accuracy,
    f1_score,
    mean_absolute_error,
    root_mean_squared_error,
    sequence_accuracy,
)
from seqmem.training.tag_scores import Entity, entities, entity_f1_score

__all__ = [
    "SGD",
    "Adam",
    "CheckpointError",
    "Entity",
    "History",
    "NonFiniteError",
    "Optimizer",
    "accuracy",
    "check_save",
    "clip_by_global_norm",
    "cosine_decay",
    "edit_distance",
    "entities",
    "entity_f1_score",
    "f1_score",
    "fit",
    "load",
    "mean_absolute_error",
    "read_metadata",
    "root_mean_squared_error",
    "save",
    "sequence_accuracy",
    "token_accuracy",
]

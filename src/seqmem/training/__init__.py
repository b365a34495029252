"""Training: optimizers, the training loop, and models as files."""

from seqmem.training.averaging import average_checkpoints
from seqmem.training.callbacks import (
    AverageEpochs,
    Callback,
    EarlyStopping,
    FitState,
    KeepBest,
    Monitor,
    ReduceOnPlateau,
    StopTraining,
)
from seqmem.training.files.checkpoint import check_save, load, read_metadata, save
from seqmem.training.files.npz import CheckpointError
from seqmem.training.files.parameters import load_params
from seqmem.training.history import History, Picture
from seqmem.training.loop import fit
from seqmem.training.measuring import Metric, validation_loss
from seqmem.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, clip_by_global_norm
from seqmem.training.schedules import cosine_decay, exponential_decay, linear_decay, warm_up
from seqmem.training.scoring.error_rates import character_error_rate, phoneme_error_rate, word_error_rate
from seqmem.training.scoring.metrics import edit_distance, token_accuracy
from seqmem.training.scoring.scores import (
    accuracy,
    f1_score,
    mean_absolute_error,
    root_mean_squared_error,
    sequence_accuracy,
)
from seqmem.training.scoring.tag_scores import Entity, entities, entity_f1_score
from seqmem.training.scoring.translation_scores import bleu, chrf
from seqmem.training.steps import NonFiniteError

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AverageEpochs",
    "Callback",
    "CheckpointError",
    "EarlyStopping",
    "Entity",
    "FitState",
    "History",
    "KeepBest",
    "Metric",
    "Monitor",
    "NonFiniteError",
    "Optimizer",
    "Picture",
    "RMSProp",
    "ReduceOnPlateau",
    "StopTraining",
    "accuracy",
    "average_checkpoints",
    "bleu",
    "character_error_rate",
    "check_save",
    "chrf",
    "clip_by_global_norm",
    "cosine_decay",
    "edit_distance",
    "entities",
    "entity_f1_score",
    "exponential_decay",
    "f1_score",
    "fit",
    "linear_decay",
    "load",
    "load_params",
    "mean_absolute_error",
    "phoneme_error_rate",
    "read_metadata",
    "root_mean_squared_error",
    "save",
    "sequence_accuracy",
    "token_accuracy",
    "validation_loss",
    "warm_up",
    "word_error_rate",
]

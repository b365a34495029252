"""Recurrent networks as scikit-learn estimators: `pip install "seqmem[sklearn]"`.

    RecurrentClassifier().fit(X, y).predict_proba(X)        RecurrentRegressor().fit(X, y).score(X, y)

Unlike elsewhere in seqmem, the batch axis is the first, as in scikit-learn. X is an array (n, T, D) of n
sequences with T steps of D features, a list of n arrays (T, D) or (T,) of any lengths, or an array (n, T),
which is read as T steps of one feature. Features are standardized over all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, Self

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError('seqmem.sklearn needs scikit-learn: pip install "seqmem[sklearn]"') from error

from seqmem.activations import softmax
from seqmem.data import SequenceBatches, Standardizer, pad_features
from seqmem.data.batch import SequenceBatch
from seqmem.data.sequences.batches import as_features
from seqmem.models import SequenceClassifier, SequenceRegressor
from seqmem.module import Array
from seqmem.tasks.encoders import feature_layer
from seqmem.tasks.task import in_batches
from seqmem.training import Adam, EarlyStopping, KeepBest, cosine_decay, fit
from seqmem.validation import as_choice, as_flag, as_fraction, as_size

__all__ = ["RecurrentClassifier", "RecurrentRegressor"]

AT_ONCE = 512  # sequences per batch of a prediction

Batches = Callable[[np.random.Generator], Iterable[SequenceBatch]]


class _Recurrent(BaseEstimator):  # type: ignore[misc]
    """The common part of both estimators: settings, sequences, training."""

    def __init__(
        self,
        hidden_size: int = 32,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        max_norm: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_size = hidden_size
        self.cell = cell
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_norm = max_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _sequences(self, X: Any, *, reset: bool) -> list[Array]:
        """Return n sequences (T, D); with `reset`, record their size in the estimator."""
        name = type(self).__name__
        if _is_ragged(X):
            rows = as_features(X, name, name="X")
            if reset:
                self.n_features_in_ = rows[0].shape[1]
        else:
            array = validate_data(self, X, allow_nd=True, dtype=np.float64, reset=reset)
            if array.ndim > 3:
                raise ValueError(f"{name}: X has shape {array.shape}, expected (n, T), (n, T, D) or a list")
            rows = list(array[:, :, None] if array.ndim == 2 else array)
        if reset:
            self._scale = Standardizer.fit(rows, allow_constant=True)
        D, known = rows[0].shape[1], len(self._scale.mean)
        if known != D:
            raise ValueError(f"X has {D} features a step, but {name} is expecting {known} features a step")
        return [self._scale.transform(row) for row in rows]

    def _layer(self, rng: np.random.Generator) -> Any:
        return feature_layer(
            len(self._scale.mean),
            self.hidden_size,
            cell=self.cell,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            rng=rng,
            dtype=np.float64,
            caller=type(self).__name__,
        )

    def _train(self, model: Any, sequences: list[Array], targets: Array, rng: np.random.Generator) -> None:
        """Train a model on sequences and their targets, (n,) ids or (n, K) numbers."""
        name = type(self).__name__
        batch_size = as_size(self.batch_size, name, "batch_size")
        validation, callbacks = None, []
        order = np.arange(len(sequences))
        if as_flag(self.early_stopping, name, "early_stopping"):
            fraction = as_fraction(self.validation_fraction, name, "validation_fraction")
            order = rng.permutation(len(sequences))
            count = max(1, round(fraction * len(order)))
            if count >= len(order):
                raise ValueError(f"{name}: early_stopping holds out all {len(order)} sequences")
            held, order = order[:count], order[count:]
            validation = SequenceBatches([sequences[k] for k in held], targets[held], AT_ONCE)
            callbacks = [KeepBest(), EarlyStopping(self.patience)]
        history = fit(
            model,
            SequenceBatches([sequences[k] for k in order], targets[order], batch_size),
            Adam(self.learning_rate),
            epochs=self.epochs,
            max_norm=self.max_norm,
            schedule=cosine_decay,
            validation=validation,
            callbacks=callbacks,
            rng=rng,
            progress=bool(self.verbose),
        )
        self.model_, self.loss_curve_, self.n_iter_ = model, history.loss, len(history.loss)

    def _outputs(self, X: Any) -> Array:
        """Return the model's output for each sequence, (n, F)."""
        check_is_fitted(self)
        sequences = self._sequences(X, reset=False)
        found: list[Any] = [None] * len(sequences)
        for rows, part in in_batches(sequences, AT_ONCE):
            inputs, lengths = pad_features(part)
            outputs, _ = self.model_.forward(inputs, lengths=lengths)
            if isinstance(outputs, tuple):  # the outputs of a regressor, with its final state
                outputs = outputs[0][0]
            for row, output in zip(rows, outputs, strict=True):
                found[row] = output
        return np.stack(found)


class RecurrentClassifier(ClassifierMixin, _Recurrent):  # type: ignore[misc]
    """A `SequenceClassifier` of features that works with scikit-learn's tools.

    Args:
        hidden_size: H, for each direction.
        cell: the name of the cell, such as "lstm", "gru" or "rnn".
        num_layers: the number of stacked recurrent layers.
        bidirectional: whether to read from both ends.
        dropout: the probability of zeroing outputs between layers and the pooled outputs in training.
        pooling: the combination of the steps: "last", "mean" or "attention".
        epochs: the maximum number of passes over the sequences.
        batch_size: the number of sequences per step.
        learning_rate: the initial learning rate of Adam, which decays to 0 along half a cosine.
        max_norm: the maximum global norm of the gradients; None for no clipping.
        early_stopping: whether to hold out some sequences, stop after `patience` epochs without a better loss
            on them, and keep the parameters of the best epoch.
        validation_fraction: the fraction of sequences to hold out.
        patience: the number of epochs without a better loss.
        random_state: None, a seed or a RandomState, for the initial weights, the order and dropout.
        verbose: whether to show the progress on stderr.

    Attributes:
        classes_: the labels, (C,).
        model_: the trained `SequenceClassifier`, time first.
        loss_curve_, n_iter_: the training loss of each epoch, and the number of epochs.
        n_features_in_: the number of features per sequence of an array, or per step of a list.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 6, 2)) + np.repeat([0, 2], 20)[:, None, None]
    >>> y = np.repeat(["low", "high"], 20)
    >>> model = RecurrentClassifier(8, epochs=20, random_state=0).fit(X, y)
    >>> model.score(X, y), model.predict_proba(X[:3]).shape
    (1.0, (3, 2))
    """

    def __init__(
        self,
        hidden_size: int = 32,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        pooling: Literal["last", "mean", "attention"] = "last",
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        max_norm: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            max_norm=max_norm,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            patience=patience,
            random_state=random_state,
            verbose=verbose,
        )
        self.pooling = pooling

    def fit(self, X: Any, y: Any) -> Self:
        """Train on sequences and their labels, (n,).

        Raises:
            ValueError, TypeError: for invalid sequences or labels, with the position of an invalid
                sequence in a list; for labels of one class; for a setting out of range.
        """
        sequences = self._sequences(X, reset=True)
        labels = _as_targets(y, sequences, column_or_1d(y, warn=True) if y is not None else None)
        check_classification_targets(labels)
        self.classes_, ids = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"RecurrentClassifier: y has 1 class, {self.classes_[0]!r}, expected two")
        rng = _generator(self.random_state)
        model = SequenceClassifier(
            self._layer(rng), len(self.classes_), pooling=self.pooling, dropout=self.dropout, rng=rng
        )
        self._train(model, sequences, ids.astype(np.intp), rng)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for each sequence, (n, C), in the order of `classes_`."""
        return softmax(self._outputs(X))

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each sequence, (n,)."""
        best: Array = self._outputs(X).argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels


class RecurrentRegressor(RegressorMixin, _Recurrent):  # type: ignore[misc]
    """A `SequenceRegressor` from features to a number, or K numbers, that works with scikit-learn's tools.

    Targets are standardized for training; predictions are in the original unit.

    Args:
        hidden_size: H, for each direction.
        cell: the name of the cell, such as "lstm", "gru" or "rnn".
        num_layers: the number of stacked recurrent layers.
        bidirectional: whether to read from both ends.
        dropout: the probability of zeroing outputs between layers and the last output in training.
        error: the errors in the loss: "squared", "absolute" or "huber".
        epochs: the maximum number of passes over the sequences.
        batch_size: the number of sequences per step.
        learning_rate: the initial learning rate of Adam, which decays to 0 along half a cosine.
        max_norm: the maximum global norm of the gradients; None for no clipping.
        early_stopping: whether to hold out some sequences, stop after `patience` epochs without a better loss
            on them, and keep the parameters of the best epoch.
        validation_fraction: the fraction of sequences to hold out.
        patience: the number of epochs without a better loss.
        random_state: None, a seed or a RandomState, for the initial weights, the order and dropout.
        verbose: whether to show the progress on stderr.

    Attributes:
        model_: the trained `SequenceRegressor`, time first.
        loss_curve_, n_iter_: the training loss of each epoch, and the number of epochs.
        n_features_in_: the number of features per sequence of an array, or per step of a list.

    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> y = X.sum(axis=1)
    >>> RecurrentRegressor(8, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        hidden_size: int = 32,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        error: Literal["squared", "absolute", "huber"] = "squared",
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        max_norm: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            max_norm=max_norm,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            patience=patience,
            random_state=random_state,
            verbose=verbose,
        )
        self.error = error

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Train on sequences and their numbers, (n,) or (n, K).

        Raises:
            ValueError, TypeError: for invalid sequences or numbers, with the position of an invalid
                sequence in a list; for a setting out of range.
        """
        as_choice(self.error, ("squared", "absolute", "huber"), "RecurrentRegressor", "error")
        sequences = self._sequences(X, reset=True)
        numbers = None if y is None else check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        targets = _as_targets(y, sequences, numbers)
        self._one = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self._target_scale = Standardizer.fit(targets, allow_constant=True)
        rng = _generator(self.random_state)
        model = SequenceRegressor(
            self._layer(rng), targets.shape[1], error=self.error, dropout=self.dropout, rng=rng
        )
        self._train(model, sequences, self._target_scale.transform(targets), rng)
        return self

    def predict(self, X: Any) -> Array:
        """Return one number per sequence, (n,), or K numbers, (n, K), like y."""
        found = self._target_scale.inverse(self._outputs(X)) if hasattr(self, "model_") else self._outputs(X)
        return found[:, 0] if self._one else found


def _generator(random_state: Any) -> np.random.Generator:
    """Return a Generator seeded by a seed or a RandomState."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))


def _is_ragged(X: Any) -> bool:
    """Return whether X is a list of sequences of different lengths, or numbers of features."""
    if isinstance(X, np.ndarray):
        return X.dtype == object and X.ndim == 1 and len(X) > 0 and np.ndim(X[0]) > 0
    if not isinstance(X, (list, tuple)) or not X or not all(hasattr(row, "__len__") for row in X):
        return False
    if isinstance(X[0], str):
        return False
    return len({len(row) for row in X}) > 1 or len({np.shape(row[0]) for row in X if len(row)}) > 1


def _as_targets(y: Any, sequences: list[Array], targets: Any) -> Array:
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    if len(targets) != len(sequences):
        raise ValueError(f"y has {len(targets)} targets, expected {len(sequences)}: as many as X")
    found: Array = targets
    return found

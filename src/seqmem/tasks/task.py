"""The common part of all tasks: fit, predict, evaluate, save and load in the same way.

    task    = Classifier.build(examples, hidden_size=64)     a model of the right sizes, not trained
    history = task.fit(examples, validation=others, epochs=10)
    answers = task.predict(inputs)                           an answer for each input
    scores  = task.evaluate(others)                          {"loss": ..., "accuracy": ...}
    task.save("task.npz");  task = Classifier.load("task.npz")

To add a task, write a subclass in a file and put `@seqmem.register("name")` above it, which makes it
available to `load_task` and to the command line. The subclass defines its examples, their batches, the
predictions, the scores, the contents of the file in addition to the model, and, for the command line, its
file format.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np

from seqmem.data.pairs import train_validation_split
from seqmem.data.text import NORMAL_FORM
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Module
from seqmem.registry import task_class, task_names
from seqmem.training import Adam, EarlyStopping, History, KeepBest, Metric, cosine_decay, fit
from seqmem.training.callbacks import Callback, Direction
from seqmem.training.files.checkpoint import check_save, load, read_metadata, save
from seqmem.training.files.npz import MAX_MESSAGE, CheckpointError
from seqmem.training.schedules import Schedule
from seqmem.validation import as_size, brief

Path = str | os.PathLike[str]
Batches: TypeAlias = "Callable[[np.random.Generator], Iterable[Any]]"


class Option(NamedTuple):
    """A setting of a task on the command line, `--max-vocabulary N`.

    `read` and `build` receive it by name if they take an argument of this name.
    """

    name: str  # of the argument: max_vocabulary
    kind: Callable[[str], Any]  # converts the text to a value
    help: str
    choices: tuple[str, ...] | None = None
    default: Any = None  # if the command line's default differs from the function's


class Task(ABC):
    """A model together with the preparation of its data, in one file.

    Attributes:
        model: the trained model.
        file_form: the format of a file of examples, for `train --help`.
        options: the settings of `read` and `build` that the command line offers.
        metric: the score of `evaluate` that judges a training.
        direction: "max" if more is better, "min" if less is.
    """

    model: Any
    file_form: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()
    metric: ClassVar[str] = "loss"
    direction: ClassVar[Direction] = "min"

    @classmethod
    @abstractmethod
    def build(cls, examples: Any, *arguments: Any, **options: Any) -> Self:
        """Return an untrained task whose vocabularies, labels and sizes are those of the examples."""

    @abstractmethod
    def batches(self, examples: Any, batch_size: int) -> Batches:
        """Return an epoch's batches for `seqmem.fit`, as a function of a Generator."""

    @abstractmethod
    def predict(self, inputs: Any, **options: Any) -> list[Any]:
        """Return an answer for each input."""

    @abstractmethod
    def evaluate(self, examples: Any, **options: Any) -> dict[str, float]:
        """Return scores by name, including `metric`."""

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Return the contents of the file in addition to the model, as values for JSON."""

    @classmethod
    @abstractmethod
    def of_metadata(cls, model: Module, metadata: Mapping[str, Any]) -> Self:
        """Return the task of a model and its metadata.

        Raises:
            KeyError, TypeError, ValueError: for metadata of another task or of another model.
        """

    @classmethod
    def read(cls, paths: Sequence[str], **options: Any) -> Any:
        """Return the examples in files, for the command line.

        Raises:
            ValueError: for a line that does not have the expected form, with its number.
        """
        raise ValueError(f"{cls.__name__}: does not read examples from files")

    @classmethod
    def split(cls, examples: Any, held_out: int | None, rng: Rng) -> tuple[Any, Any]:
        """Return the examples for training and those to validate on, for the command line.

        Args:
            examples: the result of `read`.
            held_out: the number of examples for validation; None for a tenth, at most 1000.
            rng: seed or generator for the split.
        """
        count = held_out or min(1_000, max(1, len(examples) // 10))
        return train_validation_split(examples, count, rng=rng)

    def describe(self, examples: Any) -> str:
        """Return the number of examples, in words."""
        return f"{len(examples):,} examples"

    def answer_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the output of the command line for lines of input: by default a line for each."""
        for line in lines:
            (answer,) = self.predict([line])
            yield str(answer)

    def fit(
        self,
        examples: Any,
        *,
        validation: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        max_norm: float | None = 1.0,
        schedule: Schedule | None = cosine_decay,
        patience: int | None = None,
        callback: Callable[[History], object] | None = None,
        rng: Rng = None,
        progress: bool | None = None,
        checkpoint: Path | None = None,
        resume: bool | Path = False,
    ) -> History:
        """Train the model with Adam; for other choices use `seqmem.fit(task.model, task.batches(...), ...)`.

        Args:
            examples: examples as for `build`.
            validation: other examples, on which `evaluate` scores the model after every epoch; at the end,
                the model gets the parameters with the best score. None keeps the last ones.
            epochs: the number of passes over the examples.
            batch_size: examples per step.
            learning_rate: of Adam.
            max_norm: bound on the global norm of the gradients; None for no clipping.
            schedule: factor of the learning rate as a function of the completed fraction of the training.
            patience: the number of epochs without a better score that ends the training; None for no such
                limit.
            callback: called after every epoch with the history so far.
            rng: None, a seed, a SeedSequence or a Generator, for the order of the examples and dropout.
            progress: as in `seqmem.fit`.
            checkpoint: a file of the whole training after every epoch, as in `seqmem.fit`; `load` reads the
                task from it, too.
            resume: whether to continue from `checkpoint`, or another such file, as in `seqmem.fit`.

        Returns:
            The history; with `validation`, it includes the score under the name of the task's `metric`.

        Raises:
            NonFiniteError: for a loss, gradient or parameter that is nan or inf.
            ValueError, TypeError: for an argument out of range, or examples of another kind.
            CheckpointError: for a file that is not of this training.
        """
        caller = f"{type(self).__name__}.fit"
        as_generator(rng)  # raises before the batches are made
        batches = self.batches(examples, as_size(batch_size, caller, "batch_size"))
        metrics, callbacks = None, list[Callback]()
        if validation is not None:
            name = self.metric if self.metric != "loss" else "held-out loss"
            metrics = {name: Metric(lambda _: self.evaluate(validation)[self.metric], self.direction)}
            callbacks.append(KeepBest(name))
        if patience is not None:
            if validation is None:
                raise ValueError(f"{caller}: patience is {patience!r} without validation to judge by")
            callbacks.append(EarlyStopping(patience, name))
        return fit(
            self.model,
            batches,
            Adam(learning_rate),
            epochs=epochs,
            max_norm=max_norm,
            schedule=schedule,
            metrics=metrics,
            callback=callback,
            callbacks=callbacks,
            rng=rng,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            metadata=self.file_metadata(),
        )

    def file_metadata(self) -> dict[str, Any]:
        """Return the metadata of the task's file: its class, and `metadata()`."""
        return {"task": type(self).__name__, **self.metadata()}

    def save(self, path: Path) -> None:
        """Write model and preparation to one file, completely or not at all, as `seqmem.save` does."""
        save(path, self.model, self.file_metadata())

    def check_save(self, path: Path) -> None:
        """Raise any error that `save` would raise, to detect it before a long training run."""
        check_save(path, self.model, self.file_metadata())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            CheckpointError: for a file without a model, or with the model of another task; also a
                FileNotFoundError if there is no such file.
        """
        model, metadata = load(path), read_metadata(path)
        found = metadata.get("task", cls.__name__)
        if found != cls.__name__:
            raise CheckpointError(
                f"{os.fspath(path)}: holds a {brief(str(found))}, expected a {cls.__name__}"
            )
        return cls._of_file(model, metadata, path)

    @classmethod
    def _of_file(cls, model: Module, metadata: Mapping[str, Any], path: Path) -> Self:
        try:
            return cls.of_metadata(model, metadata)
        except CheckpointError as error:
            raise CheckpointError(f"{os.fspath(path)}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            reason = brief(f"no entry {error}" if isinstance(error, KeyError) else str(error), MAX_MESSAGE)
            raise CheckpointError(
                f"{os.fspath(path)}: not the metadata of a {cls.__name__}: {reason}"
            ) from None


def load_task(path: Path) -> Task:
    """Return the task in a file, of whatever class.

    Args:
        path: a file that a task's `save` wrote.

    Raises:
        CheckpointError: for a file without a task, or with a task of an unknown class; also a
            FileNotFoundError if there is no such file.
    """
    metadata = read_metadata(path)
    found = metadata.get("task", "Translator" if "source_symbols" in metadata else None)
    known = {task_class(name).__name__: task_class(name) for name in task_names()}
    if found not in known:
        named = f"the task {brief(repr(found))}" if found is not None else "a model without a task"
        raise CheckpointError(
            f"{os.fspath(path)}: holds {named}, expected one of {', '.join(known)}; "
            "@seqmem.register makes your own class known"
        )
    task: Task = known[found].load(path)
    return task


def check_form(form: Any) -> None:
    """Raise if the texts of a file were prepared in a different normal form."""
    if form != NORMAL_FORM:
        raise ValueError(f"texts were prepared in the form {brief(repr(form))}, expected {NORMAL_FORM!r}")


def in_batches(sequences: Sequence[Array], batch_size: int) -> Iterator[tuple[Array, list[Array]]]:
    """Yield positions and sequences of batches of similar lengths, for use without targets."""
    order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield rows, [sequences[row] for row in rows]


def mean_loss(model: Any, batches: Iterable[Any]) -> float:
    """Return the mean of `model.loss` over batches, weighted by the number of targets that count."""
    total, counted = 0.0, 0
    for batch in batches:
        here = int(np.sum(batch.mask))
        total += model.loss(batch) * here
        counted += here
    return total / counted

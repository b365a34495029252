"""The public names: for each, the subpackage that exports it, its kind, and its short name.

A cell, a context, a layer or a model that the `__all__` of its subpackage contains needs only one line here
to be available everywhere:

    seqmem.LSTMCell              imported on first use; `dir(seqmem)`, `import *`
    Encoder(..., cell="lstm")    the short name, also for Decoder, Translator.build and `train --cell`
    checking.strategies.CELLS    the tests of all cells
    save, load                   files can store objects of this kind

`register` makes a user's class available in the same places. Nothing is imported before its first use.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # like typing.TYPE_CHECKING: importing typing takes half the time of `import seqmem`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    AnyClass = TypeVar("AnyClass", bound=type)


class Entry:
    """One public name of the package.

    Args:
        name: the name itself.
        room: the subpackage that holds it.
        kind: "cell", "context", "layer" or "model" if files can store it; "task"; "" otherwise.
        short_name: the name of a cell for constructors and the command line, or of a task for the latter.
    """

    def __init__(self, name: str, room: str, kind: str = "", short_name: str = "") -> None:
        self.name, self.room, self.kind, self.short_name = name, room, kind, short_name


PUBLIC = (
    Entry("RNNCell", "cells", "cell", "rnn"),
    Entry("LSTMCell", "cells", "cell", "lstm"),
    Entry("LSTMState", "cells"),
    Entry("GRUCell", "cells", "cell", "gru"),
    Entry("PeepholeLSTMCell", "cells", "cell", "peephole"),
    Entry("LayerNormLSTMCell", "cells", "cell", "layer-norm"),
    Entry("FixedContext", "contexts", "context"),
    Entry("AdditiveAttention", "contexts", "context"),
    Entry("DotProductAttention", "contexts", "context"),
    Entry("BilinearAttention", "contexts", "context"),
    Entry("NoContext", "contexts", "context"),
    Entry("Linear", "layers", "layer"),
    Entry("Embedding", "layers", "layer"),
    Entry("Dropout", "layers", "layer"),
    Entry("Recurrent", "layers", "layer"),
    Entry("Bidirectional", "layers", "layer"),
    Entry("BidirectionalState", "layers"),
    Entry("Stack", "layers", "layer"),
    Entry("RNN", "layers", "layer"),
    Entry("LSTM", "layers", "layer"),
    Entry("GRU", "layers", "layer"),
    Entry("TruncatedBPTT", "layers", "layer"),
    Entry("cross_entropy", "layers"),
    Entry("mse_loss", "layers"),
    Entry("mae_loss", "layers"),
    Entry("huber_loss", "layers"),
    Entry("Encoder", "models", "model"),
    Entry("Decoder", "models", "model"),
    Entry("Seq2Seq", "models", "model"),
    Entry("LanguageModel", "models", "model"),
    Entry("SequenceClassifier", "models", "model"),
    Entry("SequenceRegressor", "models", "model"),
    Entry("SequenceTagger", "models", "model"),
    Entry("Batch", "data"),
    Entry("SequenceBatch", "data"),
    Entry("Vocabulary", "data"),
    Entry("make_batch", "data"),
    Entry("Hypothesis", "search"),
    Entry("sample_tokens", "search"),
    Entry("SGD", "training"),
    Entry("Adam", "training"),
    Entry("AdamW", "training"),
    Entry("RMSProp", "training"),
    Entry("EarlyStopping", "training"),
    Entry("KeepBest", "training"),
    Entry("Metric", "training"),
    Entry("CheckpointError", "training"),
    Entry("History", "training"),
    Entry("clip_by_global_norm", "training"),
    Entry("cosine_decay", "training"),
    Entry("fit", "training"),
    Entry("load", "training"),
    Entry("save", "training"),
    Entry("Translator", "tasks", "task", "translate"),
    Entry("Classifier", "tasks", "task", "classify"),
    Entry("Tagger", "tasks", "task", "tag"),
    Entry("TextGenerator", "tasks", "task", "language-model"),
    Entry("Forecaster", "tasks", "task", "forecast"),
    Entry("load_task", "tasks"),
    Entry("assert_gradients", "checking"),
    Entry("check_module", "checking"),
    Entry("gradcheck", "checking"),
    Entry("gradcheck_functions", "checking"),
    Entry("register", "registry"),
)

ROOMS = (  # public: seqmem.cells and so on
    *("cells", "checking", "contexts", "data", "exercises", "experiments", "insight", "interop", "layers"),
    *("models", "pages", "reference", "search", "tasks", "training"),
)

_PUBLIC = {entry.name: entry for entry in PUBLIC}
_FILED = {entry.name: entry for entry in PUBLIC if entry.kind not in ("", "task")}
_CELLS = {entry.short_name: entry.name for entry in PUBLIC if entry.kind == "cell"}
_TASKS = {entry.short_name: entry.name for entry in PUBLIC if entry.kind == "task"}
_registered: dict[str, type] = {}  # by class name; only `register` writes here
_short_names: dict[str, str] = {}  # short name to class name
_tasks: dict[str, type] = {}  # short name to class


def register(short_name: str = "") -> Callable[[AnyClass], AnyClass]:
    """Return a decorator that makes a user's class available wherever the library's own classes are.

    `save` and `load` then accept modules of the class, by the class's name. A cell with a short name is
    available by that name: `Encoder(..., cell="coupled")`, and `checking.strategies.CELLS` includes it. A
    task, a subclass of `tasks.Task`, is available to `train --task` by its short name. A program that loads
    the file must first import the class.

    Args:
        short_name: for a task, or for a cell, in lower case; the constructor of a cell takes (input_size,
            hidden_size, *, rng, dtype). "" for a context, a layer or a model.

    Returns:
        The decorator, which returns the class itself. A class with the same module and name replaces the
        earlier one, as when a notebook cell is run again.

    Raises:
        TypeError: if the class is not a subclass of Module or Task, or the name is not a string.
        ValueError: if the library or another class already has the name.

    >>> from seqmem import load, save
    >>> from seqmem.module import Module
    >>> @register()
    ... class Scale(Module):
    ...     def __init__(self, size):
    ...         self.size, self.w = size, np.ones(size)
    >>> save("scale.npz", Scale(3))
    >>> load("scale.npz")
    Scale(size=3)
    """
    if not isinstance(short_name, str):
        raise TypeError(f"register: short_name is of type {type(short_name).__name__}, expected a string")

    def known(cls: AnyClass) -> AnyClass:
        from seqmem.module import Module

        if not (isinstance(cls, type) and issubclass(cls, Module)):
            if _is_task(cls):
                return _known_task(cls, short_name)
            raise TypeError(f"register: {cls!r:.80} is not a subclass of Module or Task")
        name, before = cls.__name__, _registered.get(cls.__name__)
        if name in _PUBLIC or (before is not None and _place(before) != _place(cls)):
            raise ValueError(f"register: {name} is the name of another class")
        if short_name in _CELLS or _short_names.get(short_name, name) != name:
            raise ValueError(f"register: {short_name!r} is the short name of another cell")
        _registered[name] = cls
        if short_name:
            _short_names[short_name] = name
        return cls

    return known


def _is_task(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, importlib.import_module("seqmem.tasks.task").Task)


def _known_task(cls: AnyClass, short_name: str) -> AnyClass:
    before = _tasks.get(short_name)
    if not short_name or short_name in _TASKS or (before is not None and _place(before) != _place(cls)):
        raise ValueError(f"register: {short_name!r} is the short name of another task, or none")
    if cls.__name__ in _PUBLIC:
        raise ValueError(f"register: {cls.__name__} is the name of another class")
    _tasks[short_name] = cls
    return cls


def _place(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def find(name: str) -> Any:
    """Return the object that a public name of the package refers to.

    Raises:
        KeyError: if the name is not public.
    """
    return getattr(importlib.import_module(f"seqmem.{_PUBLIC[name].room}"), name)


def cell_names() -> list[str]:
    """Return the short names of all cells, the library's first.

    >>> cell_names()[:3]
    ['rnn', 'lstm', 'gru']
    """
    return [*_CELLS, *_short_names]


def cell_class(short_name: str) -> Any:
    """Return the cell class with the given short name.

    Raises:
        KeyError: if no cell has the name.

    >>> cell_class("lstm").__name__
    'LSTMCell'
    """
    if short_name in _CELLS:
        return find(_CELLS[short_name])
    return _registered[_short_names[short_name]]


def task_names() -> list[str]:
    """Return the short names of all tasks, the library's first.

    >>> task_names()[:5]
    ['translate', 'classify', 'tag', 'language-model', 'forecast']
    """
    return [*_TASKS, *_tasks]


def task_class(short_name: str) -> Any:
    """Return the task with the given short name.

    Raises:
        KeyError: if no task has the name.

    >>> task_class("classify").__name__
    'Classifier'
    """
    return find(_TASKS[short_name]) if short_name in _TASKS else _tasks[short_name]


def filed_names() -> list[str]:
    """Return the names of all classes whose objects a file can store."""
    return [*_FILED, *_registered]


def filed_class(name: str) -> Any:
    """Return the class that a file refers to by name; None for any other name.

    >>> filed_class("Linear").__name__, filed_class("Popen")
    ('Linear', None)
    """
    return find(name) if name in _FILED else _registered.get(name)

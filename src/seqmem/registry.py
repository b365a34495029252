"""The public names, each in one line: where it stands, what kind of thing it is, and its short name.

A line here is all that makes a cell, a context, a layer or a model of the library known:

    seqmem.LSTMCell              imported from its room when it is first used; `dir(seqmem)`, `import *`
    Encoder(..., cell="lstm")    the short name, as for Decoder, Translator.build and `train --cell`
    checking.strategies.CELLS    the tests of all cells
    save, load                   a file can hold what has a kind

A class of one's own is known in the same places by `register`. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as typing's, which takes half of the time of `import seqmem` to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    AnyClass = TypeVar("AnyClass", bound=type)


class Entry:
    """One public name of the package.

    Args:
        name: the name itself.
        room: the part of the package that holds it.
        kind: "cell", "context", "layer" or "model"; "" for what no file can hold.
        short_name: what constructors and the command line call a cell.
    """

    def __init__(self, name: str, room: str, kind: str = "", short_name: str = "") -> None:
        self.name, self.room, self.kind, self.short_name = name, room, kind, short_name


PUBLIC = (
    Entry("RNNCell", "cells", "cell", "rnn"),
    Entry("LSTMCell", "cells", "cell", "lstm"),
    Entry("LSTMState", "cells"),
    Entry("GRUCell", "cells", "cell", "gru"),
    Entry("FixedContext", "contexts", "context"),
    Entry("AdditiveAttention", "contexts", "context"),
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
    Entry("cross_entropy", "layers"),
    Entry("mse_loss", "layers"),
    Entry("mae_loss", "layers"),
    Entry("huber_loss", "layers"),
    Entry("Encoder", "models", "model"),
    Entry("Decoder", "models", "model"),
    Entry("Seq2Seq", "models", "model"),
    Entry("Batch", "data"),
    Entry("Vocabulary", "data"),
    Entry("make_batch", "data"),
    Entry("Hypothesis", "search"),
    Entry("SGD", "training"),
    Entry("Adam", "training"),
    Entry("CheckpointError", "training"),
    Entry("History", "training"),
    Entry("clip_by_global_norm", "training"),
    Entry("cosine_decay", "training"),
    Entry("fit", "training"),
    Entry("load", "training"),
    Entry("save", "training"),
    Entry("Translator", "tasks"),
    Entry("assert_gradients", "checking"),
    Entry("check_module", "checking"),
    Entry("gradcheck", "checking"),
    Entry("gradcheck_functions", "checking"),
    Entry("register", "registry"),
)

ROOMS = (  # public, as seqmem.cells
    *("cells", "checking", "contexts", "data", "experiments", "insight", "layers", "models", "pages"),
    *("reference", "search", "tasks", "training"),
)

_PUBLIC = {entry.name: entry for entry in PUBLIC}
_FILED = {entry.name: entry for entry in PUBLIC if entry.kind}
_CELLS = {entry.short_name: entry.name for entry in PUBLIC if entry.short_name}
_registered: dict[str, type] = {}  # by class name: only `register` writes to it
_short_names: dict[str, str] = {}  # short name to class name


def register(short_name: str = "") -> Callable[[AnyClass], AnyClass]:
    """Return a decorator that makes a class of one's own known, as the library's are.

    `save` and `load` then take modules of the class, by the class's name. A cell with a short name can be
    asked for by it: `Encoder(..., cell="peephole")`, and `checking.strategies.CELLS` has it. Whoever loads
    the file has to have imported the class before.

    Args:
        short_name: of a cell, in lower case; its constructor takes (input_size, hidden_size, *, rng, dtype).
            "" for a context, a layer or a model.

    Returns:
        The decorator; it returns the class itself. A class of the same module and name takes the place of
        the one before, as when a notebook's cell is run again.

    Raises:
        TypeError: for what is not a subclass of Module, or a name that is not a string.
        ValueError: for a name that the library or another class has already.

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
            raise TypeError(f"register: {cls!r:.80} is not a subclass of Module")
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


def _place(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def find(name: str) -> Any:
    """Return what a public name of the package stands for.

    Raises:
        KeyError: for any other name.
    """
    return getattr(importlib.import_module(f"seqmem.{_PUBLIC[name].room}"), name)


def cell_names() -> list[str]:
    """Return the short names of all cells, the library's first.

    >>> cell_names()[:3]
    ['rnn', 'lstm', 'gru']
    """
    return [*_CELLS, *_short_names]


def cell_class(short_name: str) -> Any:
    """Return the cell of a short name.

    Raises:
        KeyError: for a name that no cell has.

    >>> cell_class("lstm").__name__
    'LSTMCell'
    """
    if short_name in _CELLS:
        return find(_CELLS[short_name])
    return _registered[_short_names[short_name]]


def filed_names() -> list[str]:
    """Return the names of all classes that a file can hold."""
    return [*_FILED, *_registered]


def filed_class(name: str) -> Any:
    """Return the class that a file calls by a name; None for any other name.

    >>> filed_class("Linear").__name__, filed_class("Popen")
    ('Linear', None)
    """
    return find(name) if name in _FILED else _registered.get(name)

"""The contents of a file in words: its model, parameters, metadata and training, without reading an array."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seqmem.module import Array
from seqmem.training.files.checkpoint import (
    METADATA,
    MODEL,
    TRAINING,
    metadata_of,
    model_entries,
    read_description,
)
from seqmem.training.files.npz import Entry, Reader
from seqmem.training.files.replacing import PathLike
from seqmem.training.files.training_state import read_state
from seqmem.validation import brief

MOST = 12  # values of the metadata that are shown, and names of a list


def summary(path: PathLike) -> str:
    """Return the contents of a file in lines of text.

    Only headers and texts are read. Each text from the file is shortened to a line, without control
    characters.

    Args:
        path: a file of `save`, of `fit(checkpoint=...)`, or of other plain arrays.

    Raises:
        CheckpointError: for a file that cannot be read.

    >>> from seqmem.layers import Linear
    >>> from seqmem.training import save
    >>> save("linear.npz", Linear(2, 3), {"words": ["a", "b"]})
    >>> print(summary("linear.npz"))
    linear.npz: a model of seqmem, format 1
    <BLANKLINE>
    Linear(input_size=2, output_size=3, dtype='float64')
    <BLANKLINE>
      W  float64 (2, 3)   48 bytes
      b  float64 (3,)     24 bytes
      9 numbers in 2 arrays, 72 bytes
    <BLANKLINE>
    metadata
      words  2 values: 'a', 'b'
    """
    with Reader(path) as file:
        if MODEL not in file.entries:
            return summary_of(path, None, file.entries, None)
        head, metadata = read_description(file), None
        if METADATA in file.entries:
            metadata = metadata_of(file)
        state = None
        if TRAINING in file.entries:
            state = read_state(file, lambda name: _stand_in(file.entries[name]))
        return summary_of(path, head, model_entries(file), metadata, state)


def summary_of(
    path: PathLike,
    head: Mapping[str, Any] | None,
    entries: Mapping[str, Entry],
    metadata: Mapping[str, Any] | None,
    state: Any = None,
) -> str:
    """Return the contents of a file, whatever its format, in lines of text.

    Args:
        path: the file.
        head: the description of the model; None for arrays alone.
        entries: the dtypes and shapes of the arrays by name.
        metadata: None for none.
        state: of a training; None for a file without one.
    """
    name = brief(os.fsdecode(path), 200)
    if head is None:
        return "\n".join([f"{name}: arrays without a description", "", *_of_arrays(entries)])
    kind = "a model of seqmem" if state is None else "a training that can go on"
    lines = [f"{name}: {kind}, format {head['version']}", "", *_of_model(head.get("model"), ""), ""]
    ties = head.get("ties")
    for tied, first in ties.items() if isinstance(ties, dict) else ():
        lines += [f"  {brief(tied)} is {brief(str(first))}"]
    lines += [*_of_arrays(entries), ""]
    if metadata is not None:
        lines += _of_metadata(metadata)
    if state is not None:
        lines += ["", *_of_training(state)]
    return "\n".join(lines).rstrip()


def _of_model(description: Any, indent: str) -> Iterator[str]:
    """Yield the class, its plain arguments and, indented, the modules that it was made of."""
    if not isinstance(description, dict):
        yield f"{indent}no description of the model"
        return
    config = description.get("config")
    config = config if isinstance(config, dict) else {}
    plain = ", ".join(
        f"{brief(str(key))}={brief(repr(value))}"
        for key, value in config.items()
        if not isinstance(value, (dict, list))
    )
    yield brief(f"{indent}{brief(str(description.get('type')))}({plain})", 400)
    inner = [(str(key), value) for key, value in config.items() if isinstance(value, dict)]
    positional = description.get("positional")
    inner += [(str(k), part) for k, part in enumerate(positional if isinstance(positional, list) else ())]
    for key, value in inner:
        first, *rest = _of_model(value, f"{indent}  ")
        yield f"{indent}  {brief(key)}: {first.lstrip()}"
        yield from rest


def _of_arrays(entries: Mapping[str, Entry]) -> Iterator[str]:
    rows = [
        (brief(name), f"{entry.dtype.name} {entry.shape}", f"{entry.nbytes:,} bytes")
        for name, entry in entries.items()
    ]
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    for name, kind, size in rows:
        yield f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {size:>{widths[2]}}"
    numbers = sum(int(np.prod(entry.shape, dtype=object)) for entry in entries.values())
    total = sum(entry.nbytes for entry in entries.values())
    yield f"  {numbers:,} numbers in {len(rows)} arrays, {total:,} bytes"


def _of_metadata(metadata: Mapping[str, Any]) -> Iterator[str]:
    yield "metadata" if metadata else "no metadata"
    width = max((len(brief(key)) for key in metadata), default=0)
    for key, value in list(metadata.items())[:MOST]:
        yield f"  {brief(key):<{width}}  {_shown(value)}"
    if len(metadata) > MOST:
        yield f"  and {len(metadata) - MOST:,} more"


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict)):
        count = "1 value" if len(value) == 1 else f"{len(value):,} values"
        return brief(f"{count}: {', '.join(repr(one)[:40] for one in list(value)[:MOST])}")
    return brief(repr(value))


def _of_training(state: Any) -> Iterator[str]:
    state = state if isinstance(state, dict) else {}
    settings, history = state.get("settings"), state.get("history")
    yield "training"
    yield f"  {_shown(state.get('epoch'))} epochs are complete"
    if state.get("stopped"):
        yield f"  stopped: {_shown(state['stopped'])}"
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if value is not None and name != "parameters":
            yield f"  {brief(str(name))}: {brief(str(value), 200)}"
    arrays = state.get("optimizer")
    if isinstance(arrays, dict):
        total = sum(array.nbytes for array in arrays.values() if isinstance(array, np.ndarray))
        yield f"  state of the optimizer: {len(arrays)} arrays, {total:,} bytes"
    if isinstance(history, dict):
        metrics = history.get("metrics")
        names = [*(name for name in history if history[name] and name not in ("metrics", "stopped"))]
        names += list(metrics) if isinstance(metrics, dict) else []
        yield brief(f"  history: {', '.join(names)}", 200)


def _stand_in(entry: Entry) -> Array:
    """Return an array of the shape and dtype of an entry that takes no memory."""
    return np.broadcast_to(np.zeros((), entry.dtype), entry.shape)

"""A training as a file: the model's file, and in addition everything on which the next step depends.

    encoder.embedding.W, ...   the parameters after the last complete epoch
    seqmem.json                the model's description; "model" is null for a model that is no Module
    metadata.json              the metadata
    training.json              {"version": 1, "state": ...}: see `nested`
    training/optimizer...      the arrays of that state, by their places in it

`load` reads the model from such a file and leaves the training aside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqmem.module import Array, Module
from seqmem.training.files.checkpoint import (
    METADATA,
    MODEL,
    OF_TRAINING,
    TRAINING,
    VERSION,
    check_entries,
    check_version,
    contents,
    described,
    metadata_of,
    metadata_text,
    model_entries,
    read_description,
    read_json,
)
from seqmem.training.files.nested import pack, unpack
from seqmem.training.files.npz import CheckpointError, Reader, check_count, write
from seqmem.training.files.replacing import PathLike, check_writable

TRAINING_VERSION = 1
MAX_TRAINING = 1 << 20  # bytes of the state's JSON; its arrays stand apart


def write_training(path: PathLike, model: Any, metadata: Mapping[str, Any] | None, state: Any) -> None:
    """Write a model and the state of its training to a file, completely or not at all.

    Args:
        path: the file.
        model: a Module as `save` takes it, or anything with `params`.
        metadata: as for `save`.
        state: as `pack` takes it.

    Raises:
        TypeError, ValueError: for anything that a file cannot hold.
        OSError: if the file cannot be written; it names `path`.
    """
    write(path, _training_contents(model, metadata, state))


def check_training(path: PathLike, model: Any, metadata: Mapping[str, Any] | None, state: Any) -> None:
    """Raise any error that `write_training` would raise with these arguments, except for a full disk."""
    check_count(_training_contents(model, metadata, state))
    check_writable(path)


def read_training(
    path: PathLike, model: Any, metadata: Mapping[str, Any] | None
) -> tuple[dict[str, Array], Any]:
    """Return the parameters and the state in the file of a training, which must be a training of this model.

    Args:
        path: the file.
        model: the model, which is not changed.
        metadata: the metadata that the file must have; None for any.

    Raises:
        CheckpointError: for a file that cannot be read, that holds no training, or one of another model.
    """
    with Reader(path) as file:
        head = read_description(file)
        expected = described(model, {}) if isinstance(model, Module) else {"model": None}
        for key in ("model", "ties"):
            _check_same(file, MODEL, head.get(key), expected.get(key), "the model")
        entries = model_entries(file)
        check_entries(model.params, entries, file.fail)
        if TRAINING not in file.entries:
            raise file.fail("expected a training that can go on, found a model without one", TRAINING)
        if metadata is not None:
            _check_same(file, METADATA, metadata_of(file), json.loads(metadata_text(metadata)), "metadata")
        else:
            file.verify(METADATA)
        state = read_state(file, file.array)
        return {name: file.array(name) for name in entries}, state


def has_training(path: PathLike) -> bool:
    """Return whether a file holds a training that can be resumed; False for a model alone.

    Raises:
        CheckpointError: for a file that cannot be read.
    """
    with Reader(path) as file:
        read_description(file)
        return TRAINING in file.entries


def _training_contents(model: Any, metadata: Mapping[str, Any] | None, state: Any) -> dict[str, Array]:
    if isinstance(model, Module):
        entries = contents(model, metadata)
    else:
        head = json.dumps({"format": "seqmem", "version": VERSION, "model": None}).encode("ascii")
        texts = {MODEL: head, METADATA: metadata_text({} if metadata is None else metadata)}
        entries = {name: np.frombuffer(text, np.uint8) for name, text in texts.items()}
        for name, param in model.params.items():
            if np.asarray(param).dtype not in (np.float64, np.float32):
                raise ValueError(f"save: {name} has dtype {param.dtype}, expected float64 or float32")
            entries[name] = np.asarray(param)
    packed, arrays = pack(state, OF_TRAINING)
    text = json.dumps({"version": TRAINING_VERSION, "state": packed}, allow_nan=False).encode("ascii")
    if len(text) > MAX_TRAINING:
        raise ValueError(
            f"save: the state of the training has {len(text):,} bytes without its arrays, "
            f"expected at most {MAX_TRAINING:,}"
        )
    return entries | {TRAINING: np.frombuffer(text, np.uint8)} | arrays


def read_state(file: Reader, array_of: Callable[[str], Array]) -> Any:
    """Return the state of the training in an open file.

    Args:
        file: the file.
        array_of: returns the array of a name.
    """
    found = read_json(file, TRAINING, MAX_TRAINING)
    if not isinstance(found, dict):
        raise file.fail(f"expected a dict, found a {type(found).__name__}", TRAINING)
    check_version(found.get("version"), TRAINING_VERSION, TRAINING, file.fail)
    left = {name for name in file.entries if name.startswith(OF_TRAINING)}

    def read(name: str) -> Array:
        if name not in left:
            raise file.fail("expected this entry once, found it elsewhere or not at all", name)
        left.remove(name)
        return array_of(name)

    try:
        state = unpack(found.get("state"), read)
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise file.fail(f"expected the state of a training, found: {error}", TRAINING) from None
    if left:
        raise file.fail("expected no such entry: the training has none of this name", min(left))
    return state


def _check_same(file: Reader, name: str, found: Any, expected: Any, what: str) -> None:
    """Raise for the first place in which JSON in a file differs from what is expected.

    An argument that the file does not know has been added to a class since; its default was then in force.
    """
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in found:
            _check_same(file, name, found[key], expected.get(key), f"{what}.{key}")
        if what == "metadata" and len(found) < len(expected):
            missing = next(key for key in expected if key not in found)
            raise file.fail(f"expected {what}.{missing}, found none: another training's file", name)
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            _check_same(file, name, one, other, f"{what}[{place}]")
    elif found != expected:
        raise file.fail(
            f"expected {what} to be {_short(expected)}, found {_short(found)}: another training's file", name
        )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{value!r:.60}"

"""Models as files: one .npz with a member per parameter, one with the model's making and one of metadata.

    encoder.embedding.W, ...   the parameters by their dotted names
    seqmem.json                {"format": "seqmem", "version": 1, "model": {"type": ..., "config": {...}}}
    metadata.json              whatever JSON the caller wants to keep beside the model

Both texts are stored as rows of bytes, so that plain `np.load(path)` reads every member. A file is taken for
hostile until it is shown to fit: its names, dtypes and shapes are compared with the model's before any data
are read, nothing is ever unpickled, and the memory used is bounded by the file's own size.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqmem.cells import GRUCell, LSTMCell, RNNCell
from seqmem.layers import AdditiveAttention, Dropout, Embedding, FixedContext, Linear, Recurrent
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.module import Array, Module
from seqmem.training.npz import Entry, PathLike, Reader, write

VERSION = 1
MODEL, METADATA = "seqmem.json", "metadata.json"

MAX_MODEL = 1 << 16  # characters of the model's description
MAX_METADATA = 1 << 22  # characters of the metadata: the words of two large vocabularies
MAX_VALUES = 250_000  # values in it: a value may take 80 bytes of memory and 2 of the file

CLASSES: dict[str, type[Module]] = {  # all that a file can have built
    found.__name__: found
    for found in (
        *(RNNCell, LSTMCell, GRUCell),
        *(Linear, Embedding, Dropout, Recurrent, AdditiveAttention, FixedContext),
        *(Encoder, Decoder, Seq2Seq),
    )
}


def save(path: PathLike, model: Module, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a model to a file, whole or not at all.

    It is written under another name in the same folder and then renamed: whatever goes wrong, a file that
    stood there before is still there.

    Args:
        path: the file, used exactly as given: no suffix is added.
        model: a module made of this library's classes, float64 or float32.
        metadata: what JSON can hold and give back unchanged (dicts with string keys, lists, strings, finite
            numbers, booleans, None), such as the vocabularies.

    Raises:
        TypeError: for a class or a constructor argument that cannot be described.
        ValueError: for a parameter of another dtype, or metadata that JSON would change or too large.
        OSError: when the file cannot be written.

    >>> model = Linear(2, 3, rng=0)
    >>> save("model.npz", model, metadata={"words": ["<end>", "cat"]})
    >>> np.array_equal(load("model.npz").params["W"], model.W), read_metadata("model.npz")
    (True, {'words': ['<end>', 'cat']})
    >>> sorted(np.load("model.npz"))
    ['W', 'b', 'metadata.json', 'seqmem.json']
    """
    description = {"format": "seqmem", "version": VERSION, "model": _describe(model)}
    arrays = {
        MODEL: _as_bytes(json.dumps(description, allow_nan=False)),
        METADATA: _as_bytes(_metadata_text({} if metadata is None else dict(metadata))),
    }
    for name, param in model.params.items():
        if param.dtype not in (np.float64, np.float32):
            raise ValueError(f"save: {name} has dtype {param.dtype}, expected float64 or float32")
        arrays[name] = param
    write(path, arrays)


def load(path: PathLike) -> Module:
    """The model that `save` wrote, parameters bit for bit.

    Args:
        path: the file, used exactly as given.

    Returns:
        A new model, of the class that was saved.

    Raises:
        CheckpointError: for a file that cannot be read or is not, in every name, dtype and shape, what its
            own description calls for; nothing is returned then, and nothing kept.
    """
    with Reader(path) as file:
        entries = {name: entry for name, entry in file.entries.items() if name not in (MODEL, METADATA)}
        model, params = _build(file, _read_description(file), entries)
        _check_entries(file, params, entries)
        for name, param in params.items():
            start = 0
            for chunk in file.chunks(name):
                param.flat[start : start + chunk.size] = chunk
                start += chunk.size
        for _ in file.chunks(METADATA):  # for its checksum: a file is accepted whole
            pass
        return model


def read_metadata(path: PathLike) -> dict[str, Any]:
    """The metadata that was saved with a model; the model itself is not built.

    Raises:
        CheckpointError: for a file that cannot be read, or without metadata.
    """
    with Reader(path) as file:
        _read_description(file)
        text = file.text(METADATA, MAX_METADATA)
        if _count_values(text) > MAX_VALUES:
            raise file.fail(f"expected at most {MAX_VALUES} values, found more", METADATA)
        metadata = _parse(file, METADATA, text)
    if not isinstance(metadata, dict):
        raise file.fail(f"expected a dict, found a {type(metadata).__name__}", METADATA)
    return metadata


def _describe(module: Module) -> dict[str, Any]:
    """A module's class and constructor arguments as JSON; modules among them likewise."""
    name = type(module).__name__
    if CLASSES.get(name) is not type(module):
        raise TypeError(f"save: {name} is not a class that a file can name: {', '.join(CLASSES)}")
    config: dict[str, Any] = {}
    for key, value in module.config.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, Module):
            config[key] = _describe(value)
        elif key == "dtype":
            config[key] = np.dtype(value).name
        elif value is None or isinstance(value, (bool, int, float, str)):
            config[key] = value
        else:
            kind = type(value).__name__
            raise TypeError(f"save: {name}.{key} is a {kind}, expected a number, a string or a module")
    return {"type": name, "config": config}


def _build(file: Reader, description: Any, entries: Mapping[str, Entry]) -> tuple[Module, dict[str, Array]]:
    """A model as described, unless it would be larger than the arrays that are there to fill it."""
    sizes = [size for entry in entries.values() for size in entry.shape if entry.nbytes]
    rng = _BoundedGenerator(sum(math.prod(entry.shape) for entry in entries.values()))
    try:
        model = _make(description, max(sizes, default=0), rng)
        return model, model.params
    except Exception as error:  # whatever a constructor says of arguments that make no sense
        raise file.fail(f"expected the description of a model, found: {error}", MODEL) from error


def _make(description: Any, largest: int, rng: np.random.Generator) -> Module:
    if not isinstance(description, dict) or set(description) != {"type", "config"}:
        raise ValueError(f"{str(description)[:80]} in the place of a type and its config")
    name, config = description["type"], description["config"]
    if not isinstance(name, str) or name not in CLASSES or not isinstance(config, dict):
        raise ValueError(f"type {str(name)[:80]!r}, expected one of {', '.join(CLASSES)}")
    parameters = inspect.signature(CLASSES[name]).parameters
    arguments: dict[str, Any] = {"rng": rng} if "rng" in parameters else {}
    for key, value in config.items():
        if key not in parameters or key == "rng":
            raise ValueError(f"{name} keeps no argument {key[:80]!r}")
        if isinstance(value, dict):
            value = _make(value, largest, rng)
        elif isinstance(value, list):
            raise ValueError(f"{name}: {key} is a list")
        elif isinstance(value, int) and abs(value) > max(largest, 1024):  # 1024: it need not be a size
            raise ValueError(f"{name}: {key} is {value}, but no array is larger than {largest} along an axis")
        elif key == "dtype" and value not in ("float64", "float32"):
            raise ValueError(f"{name}: dtype is {value!r}, expected float64 or float32")
        arguments[key] = value
    return CLASSES[name](**arguments)


class _BoundedGenerator(np.random.Generator):
    """Draws the first weights of a model that is about to be filled, but not more of them than there are."""

    def __init__(self, left: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._left = left

    def _spend(self, size: Any) -> None:
        self._left -= 1 if size is None else math.prod(size) if isinstance(size, tuple) else int(size)
        if self._left < 0:
            raise ValueError("a model with more parameters than there are numbers in the file")

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        self._spend(size)
        return super().uniform(low, high, size)

    def standard_normal(self, size: Any = None, *args: Any, **options: Any) -> Any:
        self._spend(size)
        return super().standard_normal(size, *args, **options)


def _check_entries(file: Reader, params: Mapping[str, Array], entries: Mapping[str, Entry]) -> None:
    for name, param in params.items():
        entry = entries.get(name)
        expected = f"{param.dtype.name} {param.shape}"
        if entry is None:
            raise file.fail(f"expected {expected}, found no such entry", name)
        found = f"{entry.dtype.name} {entry.shape}"
        if found != expected:
            raise file.fail(f"expected {expected}, found {found}", name)
    extra = next((name for name in entries if name not in params), None)
    if extra is not None:
        raise file.fail("expected no such entry: the model has no parameter of this name", extra)
    if METADATA not in file.entries:
        raise file.fail("expected this entry, found none", METADATA)


def _read_description(file: Reader) -> Any:
    head = _parse(file, MODEL, file.text(MODEL, MAX_MODEL))
    if not isinstance(head, dict) or head.get("format") != "seqmem":
        raise file.fail("expected a model's description, found other JSON", MODEL)
    if head.get("version") != VERSION:
        raise file.fail(f"expected version {VERSION}, found {str(head.get('version'))[:80]}", MODEL)
    return head.get("model")


def _parse(file: Reader, name: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise file.fail(f"expected JSON, found: {error}", name) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _metadata_text(metadata: dict[str, Any]) -> str:
    text = json.dumps(metadata, allow_nan=False)
    if json.loads(text) != metadata:
        raise ValueError("save: metadata would change in JSON: expected string keys, lists for tuples")
    if len(text) > MAX_METADATA or _count_values(text) > MAX_VALUES:
        raise ValueError(
            f"save: metadata has {len(text)} characters and {_count_values(text)} values, "
            f"expected at most {MAX_METADATA} and {MAX_VALUES}"
        )
    return text


def _count_values(text: str) -> int:
    """An upper bound, without parsing, of how many values a JSON text holds."""
    return 1 + sum(map(text.count, "[{:,"))


def _as_bytes(text: str) -> Array:
    return np.frombuffer(text.encode("ascii"), np.uint8)

"""Models as files: one .npz with a member per parameter, a model description and metadata.

    encoder.embedding.W, ...   the parameters by their dotted names
    seqmem.json                {"format": "seqmem", "version": 1, "model": {"type": ..., "config": {...}}},
                               with "positional": [...] in a model that consists of others, such as a stack,
                               and, if an array has further names, "ties": {further name: first name},
                               or {further name: {"first": first name, "transposed": true}}
    metadata.json              any JSON that the caller wants to keep with the model
    training.json, training/   in the file of a training that can go on: see `training_state`

Both texts are stored as rows of bytes, so that `np.load(path)` reads every member. A file is considered
hostile until checked: names, dtypes and shapes are compared with the model's before any data are read,
nothing is ever unpickled, and the memory used is bounded by the file's own size. `save` applies the same
rules before it writes, so that it writes nothing that `load` would refuse.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from seqmem.module import Array, Module, Tie, arguments_of, named_arrays
from seqmem.registry import filed_class, filed_names
from seqmem.training.files.npz import MAX_MESSAGE, Entry, Reader, write
from seqmem.training.files.replacing import PathLike, check_writable
from seqmem.validation import as_list, as_path, brief

Classes = dict[str, type[Module]]

VERSION = 1
MODEL, METADATA, TRAINING = "seqmem.json", "metadata.json", "training.json"
OF_TRAINING = "training/"  # the beginning of the names of a training's arrays

MAX_MODEL = 1 << 16  # characters of the model's description
MAX_METADATA = 1 << 22  # bytes of the metadata in UTF-8: the words of two large vocabularies
MAX_VALUES = 250_000  # values in the metadata: a value may take 80 bytes of memory and 2 bytes of the file

TIE = {"first": str, "transposed": bool}

_STRING_OR_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{:,]', re.DOTALL)


def save(
    path: PathLike,
    model: Module,
    metadata: Mapping[str, Any] | None = None,
    *,
    classes: Iterable[type[Module]] = (),
) -> None:
    """Write a model to a file, completely or not at all.

    The model is written under another name in the same folder and then renamed: whatever goes wrong, an
    existing file remains. The new file has the permissions of the old one. An array that the model holds
    under several names, as it is or transposed, is written once, and is again a single array in the loaded
    model.

    Args:
        path: the file, used exactly as given: no suffix is added.
        model: a module that consists of library classes and registered classes, float64 or float32.
        metadata: anything that JSON preserves (dicts with string keys, lists, strings, finite
            numbers, booleans, None), such as the vocabularies: at most 4 MiB in UTF-8.
        classes: further classes that the model consists of, which `load` then needs as well;
            `seqmem.register` makes a class known everywhere instead.

    Raises:
        TypeError: for a class or a constructor argument that cannot be described, or metadata of a type that
            JSON lacks.
        ValueError: for a parameter whose dtype or shape does not follow from the model's arguments, for
            parameters that overlap in memory, and for metadata that JSON would change or that are too large.
        OSError: if the file cannot be written; it names `path`.

    >>> from seqmem.layers import Linear
    >>> model = Linear(2, 3, rng=0)
    >>> save("model.npz", model, metadata={"words": ["<end>", "cat"]})
    >>> np.array_equal(load("model.npz").params["W"], model.W), read_metadata("model.npz")
    (True, {'words': ['<end>', 'cat']})
    >>> sorted(np.load("model.npz"))
    ['W', 'b', 'metadata.json', 'seqmem.json']
    """
    as_path(path, "save")
    write(path, contents(model, metadata, own_classes(classes, "save")))


def check_save(
    path: PathLike,
    model: Module,
    metadata: Mapping[str, Any] | None = None,
    *,
    classes: Iterable[type[Module]] = (),
) -> None:
    """Raise any error that `save` would raise with these arguments, to detect it before a long training run.

    Nothing is written except an empty temporary file, which is removed. Disk space is not checked, because it
    may change until the model is saved.

    Args:
        path, model, metadata, classes: as for `save`.

    Raises:
        TypeError, ValueError, OSError: as from `save`.

    >>> from seqmem.layers import Linear
    >>> check_save("model.npz", Linear(2, 3), metadata={"words": ("<end>", "cat")})
    Traceback (most recent call last):
    ValueError: save: metadata would change in JSON: expected string keys, lists for tuples
    """
    as_path(path, "check_save")
    contents(model, metadata, own_classes(classes, "check_save"))
    check_writable(path)


def load(path: PathLike, *, classes: Iterable[type[Module]] = ()) -> Module:
    """Return the model that `save` wrote, with identical parameters.

    A file of a training that can go on, as `fit(checkpoint=...)` writes it, holds a model, too: that of its
    last complete epoch.

    Args:
        path: the file, used exactly as given.
        classes: your own classes, by whose names the file may refer to them. No file decides which module is
            imported.

    Returns:
        A new model, of the class that was saved.

    Raises:
        CheckpointError: for a file that cannot be read, or whose names, dtypes and shapes differ from its own
            description; no part of the model is returned or kept.
        FileNotFoundError: if there is no such file. It is also a CheckpointError, so that one except clause
            covers everything that can be wrong with a file.
    """
    own = own_classes(classes, "load")
    with Reader(path) as file:
        head = read_description(file)
        if TRAINING in file.entries and head.get("model") is None:
            raise file.fail("expected a model, found the training of an object that is no Module", MODEL)
        model, params = build(head, model_entries(file), file.fail, own)
        if METADATA not in file.entries:
            raise file.fail("expected this entry, found none", METADATA)
        for name, param in params.items():
            file.fill(name, param)
        for name in file.entries:
            if name not in params:
                file.verify(name)
        return model


def read_metadata(path: PathLike) -> dict[str, Any]:
    """Return the metadata that was saved with a model; the model itself is not built.

    Args:
        path: a file that `save` wrote.

    Raises:
        CheckpointError: for a file that cannot be read, or without metadata; also a FileNotFoundError if
            there is no such file.
    """
    with Reader(path) as file:
        read_description(file)
        return metadata_of(file)


def metadata_of(file: Reader) -> dict[str, Any]:
    """Return the metadata of an open file."""
    metadata = read_json(file, METADATA, MAX_METADATA)
    if not isinstance(metadata, dict):
        raise file.fail(f"expected a dict, found a {type(metadata).__name__}", METADATA)
    return metadata


def model_entries(file: Reader) -> dict[str, Entry]:
    """Return the entries of a file that are a model's parameters.

    Raises:
        CheckpointError: for the arrays of a training without its description.
    """
    others = [MODEL, METADATA]
    if TRAINING in file.entries:
        others += [TRAINING, *(name for name in file.entries if name.startswith(OF_TRAINING))]
    return {name: entry for name, entry in file.entries.items() if name not in others}


def own_classes(classes: Any, caller: str) -> Classes:
    """Return a caller's classes by their names."""
    own: Classes = {}
    for place, cls in enumerate(as_list(classes, caller, "classes", "a list of classes")):
        if not (isinstance(cls, type) and issubclass(cls, Module)):
            raise TypeError(
                f"{caller}: classes[{place}] is {brief(repr(cls))}, expected a subclass of Module"
            )
        if filed_class(cls.__name__) not in (None, cls):
            raise ValueError(f"{caller}: {cls.__name__} in classes is the name of another class")
        own[cls.__name__] = cls
    return own


def contents(
    model: Module, metadata: Mapping[str, Any] | None, own: Classes | None = None
) -> dict[str, Array]:
    """Return all entries of the model's file, in a form that `load` is certain to accept."""
    own = {} if own is None else own
    if not isinstance(model, Module):
        raise TypeError(f"save: model is of type {type(model).__name__}, expected a Module")
    params = model.params
    for name, param in params.items():
        if param.dtype not in (np.float64, np.float32):
            raise ValueError(f"save: {name} has dtype {param.dtype}, expected float64 or float32")
    _check_overlaps(params)
    head = described(model, own)
    description = json.dumps(head, allow_nan=False).encode("ascii")
    if len(description) > MAX_MODEL:
        raise ValueError(
            f"save: the model's description has {len(description):,} characters, "
            f"expected at most {MAX_MODEL:,}"
        )
    entries = {name: Entry(param.dtype, param.shape, 0) for name, param in params.items()}
    build(head, entries, lambda message, name=None: ValueError(f"save: {name}: {message}"), own)
    texts = {MODEL: description, METADATA: metadata_text({} if metadata is None else metadata)}
    return {name: np.frombuffer(text, np.uint8) for name, text in texts.items()} | params


def described(model: Module, own: Classes) -> dict[str, Any]:
    """Return the description of a model, with its ties."""
    head = {"format": "seqmem", "version": VERSION, "model": _describe(model, own)}
    if model.ties:
        head["ties"] = {
            name: {"first": first, "transposed": True} if transposed else first
            for name, (first, transposed) in model.ties.items()
        }
    return head


def _check_overlaps(params: Mapping[str, Array]) -> None:
    for (name, array), (other, another) in itertools.combinations(params.items(), 2):
        if np.may_share_memory(array, another) and np.shares_memory(array, another):
            raise ValueError(
                f"save: {name} and {other} overlap in memory without being one array, "
                "which a file cannot represent"
            )


def _describe(module: Module, own: Classes) -> dict[str, Any]:
    """Return a module's class and constructor arguments as JSON, including those of modules inside it."""
    name = type(module).__name__
    if own.get(name, filed_class(name)) is not type(module):
        raise TypeError(
            f"save: {name} is not a class that a file can name: {', '.join(filed_names())}. "
            "Put @seqmem.register() above your own class, or pass it in classes=[...]"
        )
    config: dict[str, Any] = {}
    for key, value in module.config.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, Module):
            config[key] = _describe(value, own)
        elif key == "dtype":
            config[key] = np.dtype(value).name
        elif value is None or isinstance(value, (bool, int, float, str)):
            config[key] = value
        else:
            kind = type(value).__name__
            raise TypeError(f"save: {name}.{key} is a {kind}, expected a number, a string or a module")
    parts = module.positional
    for part in parts:
        if not isinstance(part, Module):
            raise TypeError(f"save: {name} was given a {type(part).__name__}, expected modules")
    described = {"type": name, "config": config}
    return described | {"positional": [_describe(part, own) for part in parts]} if parts else described


def build(
    head: Mapping[str, Any], entries: Mapping[str, Entry], fail: Callable[..., ValueError], own: Classes
) -> tuple[Module, dict[str, Array]]:
    """Return the described model and the arrays to fill, which agree with the entries.

    The model is not built if it would be larger than the arrays in the file.
    """
    sizes = [size for entry in entries.values() for size in entry.shape if entry.nbytes]
    numbers = sum(math.prod(entry.shape) for entry in entries.values())
    ties = _read_ties(head.get("ties", {}), fail)
    # A tied array is drawn under each of its names: up to three times as many numbers as in the file.
    tied = sum(math.prod(entries[tie.first].shape) for tie in ties.values() if tie.first in entries)
    from seqmem.training.files.bounded import BoundedGenerator  # loads NumPy's random numbers

    rng = BoundedGenerator(numbers + min(tied, 2 * numbers))
    try:
        model = _make(head.get("model"), max(sizes, default=0), rng, own)
        arrays = named_arrays(model)
    except Exception as error:  # a constructor may raise anything for meaningless arguments
        raise fail(f"expected the description of a model, found: {error}", MODEL) from error
    places = {name: place for place, name in enumerate(arrays)}
    for name, (first, transposed) in ties.items():
        if not places.get(first, len(places)) < places.get(name, 0) or first in ties:
            raise fail(f"expected a tie to an array before it, found {first!r}", name)
        try:
            model.tie(name, first, transposed)
        except ValueError as error:
            raise fail(f"expected a tie to an array like it, found {error}", name) from error
    params = model.params
    check_entries(params, entries, fail)
    return model, params


def _read_ties(found: Any, fail: Callable[..., ValueError]) -> dict[str, Tie]:
    """Return the ties of a model's description: the value is a name, or a dict with "transposed"."""
    ties: dict[str, Tie] = {}
    for name, value in found.items() if isinstance(found, dict) else [("", None)]:
        tie = {"first": value, "transposed": False} if isinstance(value, str) else value
        if not isinstance(tie, dict) or {key: type(part) for key, part in tie.items()} != TIE:
            raise fail("expected a name for each name in ties, found other JSON", MODEL)
        ties[name] = Tie(tie["first"], tie["transposed"])
    return ties


def _looks(array: Array | Entry) -> str:
    return f"{array.dtype.name} {array.shape}"


def _make(description: Any, largest: int, rng: np.random.Generator, own: Classes) -> Module:
    if not isinstance(description, dict) or set(description) - {"positional"} != {"type", "config"}:
        raise ValueError(f"{str(description)[:80]} in the place of a type and its config")
    name, config = description["type"], description["config"]
    parts = description.get("positional", [])
    if not isinstance(parts, list):
        raise ValueError(f"{str(parts)[:80]} in the place of a list of modules")
    cls = own.get(name, filed_class(name)) if isinstance(name, str) else None
    if cls is None or not isinstance(config, dict):
        known = ", ".join([*own, *filed_names()])
        raise ValueError(
            f"type {str(name)[:80]!r}, which load(classes=[...]) would add; known without it: {known}"
        )
    parameters = arguments_of(cls)
    arguments: dict[str, Any] = {"rng": rng} if "rng" in parameters else {}
    for key, value in config.items():
        if key not in parameters or key == "rng":
            raise ValueError(f"{name} keeps no argument {key[:80]!r}")
        if isinstance(value, dict):
            value = _make(value, largest, rng, own)
        elif isinstance(value, list):
            raise ValueError(f"{name}: {key} is a list")
        elif isinstance(value, int) and abs(value) > max(largest, 1024):  # 1024: it need not be a size
            raise ValueError(f"{name}: {key} is {value}, but no array is larger than {largest} along an axis")
        elif key == "dtype" and value not in ("float64", "float32"):
            raise ValueError(f"{name}: dtype is {value!r}, expected float64 or float32")
        arguments[key] = value
    made: Module = cls(*(_make(part, largest, rng, own) for part in parts), **arguments)
    return made


def check_entries(
    params: Mapping[str, Array], entries: Mapping[str, Entry], fail: Callable[..., ValueError]
) -> None:
    """Raise unless the entries are those of the parameters, with their dtypes and shapes."""
    for name, param in params.items():
        expected = _looks(param)
        if name not in entries:
            raise fail(f"expected {expected}, found no such entry", name)
        found = _looks(entries[name])
        if found != expected:
            raise fail(f"expected {expected}, found {found}", name)
    extra = next((name for name in entries if name not in params), None)
    if extra is not None:
        raise fail("expected no such entry: the model has no parameter of this name", extra)


def read_description(file: Reader) -> dict[str, Any]:
    """Return the description of the model in an open file, which is checked for its version alone."""
    return as_description(file.text(MODEL, MAX_MODEL), file.fail)


def as_description(text: str, fail: Callable[..., ValueError]) -> dict[str, Any]:
    """Return the description of a model from JSON, which is checked for its version alone."""
    head = parse_json(text, MODEL, fail)
    if not isinstance(head, dict) or head.get("format") != "seqmem":
        raise fail("expected a model's description, found other JSON", MODEL)
    check_version(head.get("version"), VERSION, MODEL, fail)
    return head


def check_version(found: Any, known: int, name: str, fail: Callable[..., ValueError]) -> None:
    """Raise unless a file has the version of its format that is known."""
    if type(found) is int and found > known:
        raise fail(
            f"expected version {known} of the format, found {str(found)[:80]}: a newer seqmem wrote the file",
            name,
        )
    if found != known:
        raise fail(f"expected version {known}, found {str(found)[:80]}", name)


def read_json(file: Reader, name: str, limit: int) -> Any:
    """Return the JSON in an entry of an open file: at most `limit` bytes and MAX_VALUES values."""
    return parse_json(file.text(name, limit), name, file.fail)


def parse_json(text: str, name: str, fail: Callable[..., ValueError]) -> Any:
    """Return a text as JSON of at most MAX_VALUES values."""
    if _has_too_many_values(text):
        raise fail(f"expected at most {MAX_VALUES} values, found more", name)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise fail(f"expected JSON, found: {error}", name) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def metadata_text(metadata: Mapping[str, Any]) -> bytes:
    """Return metadata as JSON in UTF-8; raise if JSON would change them, or for too many."""
    if not isinstance(metadata, Mapping):
        raise TypeError(f"save: metadata is of type {type(metadata).__name__}, expected a dict")
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        try:
            data = text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can represent
            text = json.dumps(dict(metadata), allow_nan=False)
            data = text.encode()
        same = json.loads(text) == metadata
    except TypeError as error:
        raise TypeError(f"save: metadata: {brief(str(error), MAX_MESSAGE)}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"save: metadata: {brief(str(error), MAX_MESSAGE)}") from None
    if not same:
        raise ValueError("save: metadata would change in JSON: expected string keys, lists for tuples")
    if len(data) > MAX_METADATA:
        raise ValueError(
            f"save: metadata has {len(data):,} bytes in UTF-8, expected at most {MAX_METADATA:,}"
        )
    if _has_too_many_values(text):
        raise ValueError(f"save: metadata has too many values, expected at most {MAX_VALUES:,}")
    return data


def _has_too_many_values(text: str) -> bool:
    """Return whether a JSON text may hold more than MAX_VALUES values, without parsing it."""
    if sum(map(text.count, "[{:,")) < MAX_VALUES:  # nearly always so, although this counts in strings too
        return False
    marks = (match for match in _STRING_OR_MARK.finditer(text) if match[0][0] != '"')
    return next(itertools.islice(marks, MAX_VALUES - 1, None), None) is not None

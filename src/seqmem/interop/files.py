"""Arrays and models in files of other libraries: .npz, .safetensors and .onnx, never a pickle.

read_arrays, write_arrays             any arrays by name, .npz or .safetensors
save_safetensors, load_safetensors    a model with its description, as `save` and `load`
import_onnx                           the recurrent layers of a graph
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from seqmem.interop.export import import_onnx_package
from seqmem.interop.onnx import KIND_OF, from_onnx
from seqmem.module import Array, Module
from seqmem.training.files.checkpoint import (
    METADATA,
    MODEL,
    as_description,
    build,
    contents,
    own_classes,
    parse_json,
)
from seqmem.training.files.npz import CheckpointError, Entry, MissingFileError, write
from seqmem.training.files.replacing import PathLike, replacing
from seqmem.training.files.summary import summary_of
from seqmem.validation import as_path, brief

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
CONVERTING = (
    'state = torch.load("{name}", map_location="cpu", weights_only=True)',
    'safetensors.torch.save_file({{k: v.contiguous() for k, v in state.items()}}, "{stem}.safetensors")',
)


def read_arrays(path: PathLike) -> dict[str, Array]:
    """Return the arrays of a file by name.

    Args:
        path: a .npz, a .safetensors or a .onnx file, whose initializers are read; the name's ending decides.

    Raises:
        CheckpointError: for a file that cannot be read, and for a pickle, such as torch's .pt, which may run
            code: the message has two lines of code that convert it if torch is installed. Also a
            FileNotFoundError if there is no such file.
        ImportError: without the package that reads the file.

    >>> np.savez("some.npz", W=np.eye(2))
    >>> read_arrays("some.npz")["W"].shape
    (2, 2)
    """
    name = os.fspath(as_path(path, "read_arrays"))
    suffix = os.path.splitext(name)[1].lower()
    if suffix in PICKLES:
        stem = os.path.splitext(os.path.basename(name))[0]
        lines = "\n    ".join(CONVERTING).format(name=os.path.basename(name), stem=stem)
        raise CheckpointError(
            f"{brief(name, 200)}: a pickle can run any code when it is read; if the file is trusted, convert "
            f"it where torch is installed:\n    {lines}"
        )
    if suffix == ".safetensors":
        with _safe(path, "read_arrays") as file:
            return {key: np.array(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
    if suffix == ".onnx":
        onnx = import_onnx_package("read_arrays")
        graph = _load_onnx(onnx, path).graph
        return {one.name: np.array(onnx.numpy_helper.to_array(one)) for one in graph.initializer}
    if suffix != ".npz":
        raise CheckpointError(
            f"read_arrays: path is {brief(name, 200)}, expected .npz, .safetensors or .onnx"
        )
    return _read_npz(path)


def write_arrays(path: PathLike, arrays: Mapping[str, Array]) -> None:
    """Write arrays to a .npz or a .safetensors file, completely or not at all.

    Args:
        path: the file, whose name determines the format.
        arrays: by name.

    Raises:
        ValueError: for another ending of the name.
        TypeError: for anything but arrays of numbers by name.
        ImportError: for .safetensors without the package safetensors (extra `safetensors`).
        OSError: if the file cannot be written; it names `path`.
    """
    name = os.fspath(as_path(path, "write_arrays"))
    plain = _as_plain(arrays)
    if name.lower().endswith(".safetensors"):
        _write_safetensors(path, plain, {}, "write_arrays")
    elif name.lower().endswith(".npz"):
        write(path, plain)
    else:
        raise ValueError(f"write_arrays: path is {brief(name)}, expected .npz or .safetensors at its end")


def save_safetensors(
    path: PathLike,
    model: Module,
    metadata: Mapping[str, Any] | None = None,
    *,
    classes: Iterable[type[Module]] = (),
) -> None:
    """Write a model to a file of the safetensors format, completely or not at all.

    The arrays are written contiguously, and are read back and compared before the file gets its name. The
    description of the model and the metadata are in the file's own metadata.

    Args:
        path, model, metadata, classes: as for `seqmem.save`.

    Raises:
        ImportError: without the package safetensors (extra `safetensors`).
        TypeError, ValueError, OSError: as from `seqmem.save`.
    """
    entries = contents(model, metadata, own_classes(classes, "save_safetensors"))
    texts = {name: entries.pop(name).tobytes().decode() for name in (MODEL, METADATA)}
    _write_safetensors(as_path(path, "save_safetensors"), entries, texts, "save_safetensors")


def load_safetensors(
    path: PathLike, *, classes: Iterable[type[Module]] = ()
) -> tuple[Module, dict[str, Any]]:
    """Return the model that `save_safetensors` wrote, and its metadata.

    Args:
        path: the file.
        classes: your own classes, as for `seqmem.load`.

    Raises:
        CheckpointError: as from `seqmem.load`; also for a file of plain arrays, which `read_arrays` reads.
        ImportError: without the package safetensors (extra `safetensors`).
    """
    own = own_classes(classes, "load_safetensors")

    fail = _failing(path)
    with _safe(path, "load_safetensors") as file:
        texts = file.metadata() or {}
        if MODEL not in texts:
            raise fail("expected the description of a model in the metadata, found none", MODEL)
        entries = {key: _entry(file.get_slice(key)) for key in file.keys()}  # noqa: SIM118
        model, params = build(as_description(texts[MODEL], fail), entries, fail, own)
        metadata = parse_json(texts.get(METADATA, "{}"), METADATA, fail)
        if not isinstance(metadata, dict):
            raise fail(f"expected a dict, found a {type(metadata).__name__}", METADATA)
        for name, param in params.items():
            param[...] = file.get_tensor(name)
    return model, metadata


def has_description(path: PathLike) -> bool:
    """Return whether a .safetensors file holds the description of a model.

    Raises:
        CheckpointError: for a file that cannot be read.
    """
    with _safe(path, "has_description") as file:
        return MODEL in (file.metadata() or {})


def safetensors_summary(path: PathLike) -> str:
    """Return what is in a .safetensors file, as `summary` of a .npz file; no array is read.

    Raises:
        CheckpointError: for a file that cannot be read.
        ImportError: without the package safetensors (extra `safetensors`).
    """
    fail = _failing(path)
    with _safe(path, "safetensors_summary") as file:
        texts = file.metadata() or {}
        entries = {key: _entry(file.get_slice(key)) for key in file.keys()}  # noqa: SIM118
    if MODEL not in texts:
        return summary_of(path, None, entries, texts)
    metadata = parse_json(texts.get(METADATA, "{}"), METADATA, fail)
    return summary_of(path, as_description(texts[MODEL], fail), entries, metadata)


def import_onnx(path: PathLike) -> dict[str, Any]:
    """Return the recurrent layers of an ONNX graph, by the names of their nodes.

    Args:
        path: a .onnx file.

    Returns:
        A layer for each node of the type RNN, LSTM or GRU, in the order of the graph, as from `from_onnx`. A
        node without a name has the name of its first output.

    Raises:
        CheckpointError: for a file that cannot be read, or without such a node.
        ValueError: for a node that no layer here represents, with the reason.
        ImportError: without the package onnx (extra `onnx`).
    """
    onnx = import_onnx_package("import_onnx")
    graph = _load_onnx(onnx, as_path(path, "import_onnx")).graph
    arrays = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            (name,) = node.output
            arrays |= {name: one.t for one in node.attribute if one.name == "value"}  # noqa: B035 - one at most
    found = {}
    for node in graph.node:
        if node.op_type not in KIND_OF:
            continue
        places = {"W": 1, "R": 2, "B": 3, "P": 7}
        given = {name: node.input[k] for name, k in places.items() if len(node.input) > k and node.input[k]}
        name = node.name or next(output for output in node.output if output)
        missing = [source for source in given.values() if source not in arrays]
        if missing:
            what = f"{brief(name)}: {brief(missing[0])} is computed, expected a constant"
            raise CheckpointError(f"{os.fsdecode(path)}: {what}")
        inputs = {name: onnx.numpy_helper.to_array(arrays[source]) for name, source in given.items()}
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        found[name] = from_onnx(node.op_type, inputs, attributes)
    if not found:
        raise CheckpointError(f"{os.fsdecode(path)}: expected a node of type RNN, LSTM or GRU, found none")
    return found


def _failing(path: PathLike) -> Callable[..., CheckpointError]:
    def fail(message: str, name: str | None = None) -> CheckpointError:
        shown = (brief(os.fsdecode(path), 200), brief(name or ""), brief(message, 400))
        return CheckpointError(": ".join(part for part in shown if part))

    return fail


def _entry(part: Any) -> Entry:
    """Return the dtype and shape of an array that is not read yet."""
    names = {"F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "U8": "uint8"}
    return Entry(np.dtype(names.get(part.get_dtype(), "bool")), tuple(part.get_shape()), 0)


def _as_plain(arrays: Any) -> dict[str, Array]:
    if not isinstance(arrays, Mapping):
        raise TypeError(
            f"write_arrays: arrays is of type {type(arrays).__name__}, expected a mapping of arrays"
        )
    plain = {}
    for name, value in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"write_arrays: arrays has the key {brief(repr(name))}, expected names")
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"write_arrays: {brief(name)} has dtype {array.dtype}, expected real numbers")
        plain[name] = np.array(array, array.dtype.newbyteorder("="), order="C")
    return plain


def _write_safetensors(
    path: PathLike, arrays: Mapping[str, Array], texts: dict[str, str], caller: str
) -> None:
    package = _package(caller)
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    plain = {name: array.reshape(arrays[name].shape) for name, array in plain.items()}  # () became (1,)
    with replacing(path) as file:
        file.write(package.save(plain, metadata=texts or None))
        file.flush()
        with open(file.name, "rb") as written:
            back = package.load(written.read())
        for name, array in plain.items():
            other = back.get(name)
            if other is None or (other.dtype, other.shape) != (array.dtype, array.shape):
                raise OSError(f"{brief(name)} was not read back as it was written")
            if other.tobytes() != array.tobytes():
                raise OSError(f"{brief(name)} was not read back as it was written")


def _package(caller: str) -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            f"{caller}: .safetensors files need the package safetensors, which is not installed: "
            'pip install "seqmem[safetensors]"'
        ) from error
    return safetensors.numpy


@contextmanager
def _safe(path: PathLike, caller: str) -> Iterator[Any]:
    """Open a .safetensors file for reading; its errors become a CheckpointError."""
    _package(caller)
    from safetensors import SafetensorError, safe_open

    name = os.fsdecode(path)
    if not os.path.exists(name):
        raise MissingFileError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if not os.path.isfile(name):
        raise CheckpointError(f"{brief(name, 200)}: expected a file, found a folder or a device")
    try:
        opened: Any = safe_open(name, framework="numpy")
        with opened as file:
            yield file
    except (SafetensorError, TypeError, OSError) as error:
        raise CheckpointError(
            f"{brief(name, 200)}: expected a readable .safetensors file, found: {brief(str(error))}"
        ) from error


def _load_onnx(onnx: Any, path: PathLike) -> Any:
    name = os.fsdecode(path)
    if not os.path.exists(name):
        raise MissingFileError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    try:
        return onnx.load(name, load_external_data=False)
    except Exception as error:  # of protobuf, which has classes of its own
        raise CheckpointError(
            f"{brief(name, 200)}: expected an ONNX model, found: {brief(str(error))}"
        ) from error


def _read_npz(path: PathLike) -> dict[str, Array]:
    """Return the arrays of any .npz file, compressed ones included; never a pickle."""
    import zipfile
    import zlib

    name = os.fsdecode(path)
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise MissingFileError(error.errno, error.strerror, name) from None
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(
            f"{brief(name, 200)}: expected a readable .npz file, found: {brief(str(error))}"
        ) from error

"""Weights from one file to another: formats by the names' endings, layouts by request."""

from __future__ import annotations

import itertools
import os
import zipfile
from typing import Any

from seqmem.interop.export import export_onnx
from seqmem.interop.files import (
    PICKLES,
    has_description,
    import_onnx,
    load_safetensors,
    read_arrays,
    save_safetensors,
    write_arrays,
)
from seqmem.interop.torch import from_torch, to_torch
from seqmem.layers import Stack
from seqmem.module import Array, Module
from seqmem.training.files.checkpoint import MODEL, load, read_metadata, save
from seqmem.training.files.npz import CheckpointError
from seqmem.validation import brief

FORMATS = (".npz", ".safetensors", ".onnx")


def ending(path: str) -> str:
    """Return the ending of a file's name, in lower case."""
    return os.path.splitext(path)[1].lower()


def read_any(
    source: str, *, torch: bool = False, prefix: str = "", kind: str | None = None, node: str | None = None
) -> tuple[Module | dict[str, Array], dict[str, Any]]:
    """Return the model in a file and its metadata; without a description of a model, the arrays by name.

    Args:
        source: a file of seqmem, an ONNX graph, or a .npz or .safetensors file of arrays.
        torch: whether the arrays have torch's names and layout, and become a module.
        prefix, kind: as for `from_torch`.
        node: of an ONNX graph, one of its recurrent nodes; None for all, one above the other.

    Raises:
        CheckpointError: for a file that cannot be read.
        ValueError: for arrays or nodes that do not form a module of this kind.
        ImportError: without the package that reads the file.
    """
    suffix = ending(source)
    if suffix == ".onnx":
        return _of_graph(source, node), {}
    if suffix == ".safetensors" and has_description(source):
        return load_safetensors(source)
    if suffix != ".safetensors" and suffix not in PICKLES and _is_described(source):
        return load(source), read_metadata(source)
    arrays = read_arrays(source)
    if not torch:
        return arrays, {}
    module: Module = from_torch(arrays, prefix, kind=kind)
    return module, {}


def write_any(
    out: str,
    found: Module | dict[str, Array],
    metadata: dict[str, Any],
    *,
    torch: bool = False,
    prefix: str = "",
    part: str | None = None,
) -> str:
    """Write a model or arrays in the format that the file's name implies; return a description of the result.

    Args:
        out: the file.
        found: a model, or arrays by name.
        metadata: of the model; an ONNX graph has none.
        torch: whether to write arrays with torch's names, which begin with `prefix`.
        prefix: the beginning of the names.
        part: as for `export_onnx`.

    Raises:
        ValueError: for anything that the format cannot hold.
        ImportError: without the package that writes the file.
        OSError: if the file cannot be written; it names `out`.
    """
    if torch and isinstance(found, Module):
        found = to_torch(found, prefix)
    if not isinstance(found, Module):
        write_arrays(out, found)
        return f"{len(found)} arrays"
    if ending(out) == ".onnx":
        export_onnx(found, out, part=part)
    elif ending(out) == ".safetensors":
        save_safetensors(out, found, metadata)
    else:
        save(out, found, metadata)
    return type(found).__name__


def _is_described(source: str) -> bool:
    """Return whether a file holds the description of a model; a damaged one is reported when it is read."""
    try:
        with zipfile.ZipFile(source) as archive:
            return f"{MODEL}.npy" in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _of_graph(source: str, node: str | None) -> Module:
    """Return the recurrent layers of a graph, or the one of a node's name."""
    layers = import_onnx(source)
    names = brief(", ".join(layers), 400)
    if node is not None and node not in layers:
        raise CheckpointError(f"{source}: expected a recurrent node {brief(node)}, found {names}")
    parts = list(layers.values()) if node is None else [layers[node]]
    if len(parts) == 1:
        only: Module = parts[0]
        return only
    if any(below.output_size != above.input_size for below, above in itertools.pairwise(parts)):
        raise CheckpointError(f"{source}: expected layers one above the other, found {names}: choose a node")
    return Stack(*parts)

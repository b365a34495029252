"""Weights from and to other libraries: arrays and files, without importing a framework."""

from seqmem.interop.export import export_onnx
from seqmem.interop.files import (
    import_onnx,
    load_safetensors,
    read_arrays,
    save_safetensors,
    write_arrays,
)
from seqmem.interop.flax import from_flax, to_flax
from seqmem.interop.keras import from_keras, to_keras
from seqmem.interop.onnx import from_onnx, to_onnx
from seqmem.interop.torch import from_torch, to_torch

__all__ = [
    "export_onnx",
    "from_flax",
    "from_keras",
    "from_onnx",
    "from_torch",
    "import_onnx",
    "load_safetensors",
    "read_arrays",
    "save_safetensors",
    "to_flax",
    "to_keras",
    "to_onnx",
    "to_torch",
    "write_arrays",
]

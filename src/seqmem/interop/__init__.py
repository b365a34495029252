"""Weights from and to other libraries, as mappings or lists of arrays, without importing a framework."""

from seqmem.interop.flax import from_flax, to_flax
from seqmem.interop.keras import from_keras, to_keras
from seqmem.interop.onnx import from_onnx, to_onnx
from seqmem.interop.torch import from_torch, to_torch

__all__ = [
    "from_flax",
    "from_keras",
    "from_onnx",
    "from_torch",
    "to_flax",
    "to_keras",
    "to_onnx",
    "to_torch",
]

"""Checking: gradients against the complex step."""

from seqmem.checking.draw import exposing_inputs, with_exposing_params
from seqmem.checking.gradcheck import gradcheck
from seqmem.checking.report import Report, Row

__all__ = ["Report", "Row", "exposing_inputs", "gradcheck", "with_exposing_params"]

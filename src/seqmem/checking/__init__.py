"""Checking: whether a backward pass is the derivative of its forward pass, and if not, the mistake."""

from typing import TYPE_CHECKING, Any

from seqmem.checking.exposing import exposing_inputs, with_exposing_params
from seqmem.checking.gradient_check import assert_gradients, gradcheck, gradcheck_functions
from seqmem.checking.module_check import CONTRACT_CHECKS, Checked, check_module
from seqmem.checking.report import Cause, Report, Row, SideEffect

if TYPE_CHECKING:
    from seqmem.checking.catalogue.kinds import KINDS

__all__ = [
    "CONTRACT_CHECKS",
    "KINDS",
    "Cause",
    "Checked",
    "Report",
    "Row",
    "SideEffect",
    "assert_gradients",
    "check_module",
    "exposing_inputs",
    "gradcheck",
    "gradcheck_functions",
    "with_exposing_params",
]


def __getattr__(name: str) -> Any:
    if name == "KINDS":  # loads the reference passes, which the check of a module does not need
        from seqmem.checking.catalogue.kinds import KINDS

        return KINDS
    raise AttributeError(f"module 'seqmem.checking' has no attribute {name!r}")

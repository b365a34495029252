"""Checking: is a backward pass the derivative of its forward pass, and if not, which mistake is it?"""

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
    if name == "KINDS":  # with the reference passes, which a check of a module does without
        from seqmem.checking.catalogue.kinds import KINDS

        return KINDS
    raise AttributeError(f"module 'seqmem.checking' has no attribute {name!r}")

"""Checking: is a backward pass the derivative of its forward pass, and if not, which mistake is it?"""

from typing import TYPE_CHECKING, Any

from seqmem.checking.battery import CONTRACT_CHECKS, Checked, check_module
from seqmem.checking.draw import exposing_inputs, with_exposing_params
from seqmem.checking.gradcheck import assert_gradients, gradcheck, gradcheck_functions
from seqmem.checking.report import Cause, Report, Row

if TYPE_CHECKING:
    from seqmem.checking.likes import LIKES

__all__ = [
    "CONTRACT_CHECKS",
    "LIKES",
    "Cause",
    "Checked",
    "Report",
    "Row",
    "assert_gradients",
    "check_module",
    "exposing_inputs",
    "gradcheck",
    "gradcheck_functions",
    "with_exposing_params",
]


def __getattr__(name: str) -> Any:
    if name == "LIKES":  # with the reference passes, which a check of a module does without
        from seqmem.checking.likes import LIKES

        return LIKES
    raise AttributeError(f"module 'seqmem.checking' has no attribute {name!r}")

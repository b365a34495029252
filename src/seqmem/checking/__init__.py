"""Checking: is a backward pass the derivative of its forward pass, and if not, which mistake is it?"""

from seqmem.checking.battery import CONTRACT_CHECKS, Checked, check_module
from seqmem.checking.draw import exposing_inputs, with_exposing_params
from seqmem.checking.gradcheck import assert_gradients, gradcheck, gradcheck_functions
from seqmem.checking.likes import LIKES
from seqmem.checking.report import Cause, Report, Row

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

"""Settings and fixtures that every test shares."""

import importlib
import os
import warnings
from collections.abc import Callable
from types import ModuleType

import blas
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "seqmem",
    deadline=None,
    max_examples=int(os.environ.get("SEQMEM_EXAMPLES", "50")),
    derandomize=bool(os.environ.get("CI")),  # CI judges a tree always the same; elsewhere the search goes on
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is not a failing test
)
settings.load_profile("seqmem")


def pytest_report_header() -> str:
    """What rounding depends on, at the head of every run."""
    return f"blas: {blas.description()}"


@pytest.fixture(scope="session")
def require() -> Callable[[str], ModuleType]:
    """`torch = require("torch")` imports an optional package, or skips with the reason.

    With SEQMEM_REQUIRE_ORACLES=1 in the environment a missing package is a failure instead.
    """

    def require(name: str) -> ModuleType:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it warns of as it loads is not ours to mend
                return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:  # there, but broken
                raise
            reason = f"needs {name}, which is not installed"
        if os.environ.get("SEQMEM_REQUIRE_ORACLES") == "1":
            pytest.fail(f"{reason}, and SEQMEM_REQUIRE_ORACLES=1 requires it")
        pytest.skip(reason)

    return require

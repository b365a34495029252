"""Every run of the tests names the BLAS that it computes with."""

import os
import subprocess
import sys
from pathlib import Path

import blas
import pytest

ASK = "import blas; print(blas.description())"


def described(**environment):
    path = os.pathsep.join([str(Path(blas.__file__).parent), *sys.path])
    found = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def test_the_kernel_and_the_number_of_threads_are_those_of_the_process():
    if "unknown" in blas.description():
        pytest.skip("NumPy came without an OpenBLAS of its own")
    assert described(OPENBLAS_NUM_THREADS="1").endswith(", 1 thread")
    assert described(OPENBLAS_NUM_THREADS="1").startswith("OpenBLAS, kernel ")


def test_where_no_openblas_is_found_the_name_that_numpy_knows_serves(monkeypatch):
    monkeypatch.setattr(blas, "FOLDERS", ())
    assert blas.description().endswith(", kernel and threads unknown")

"""The cases of the ONNX standard for its nodes RNN, LSTM and GRU: the numbers that every runtime must give.

The package has no files with them; it computes them when the modules are imported.
"""

from typing import Any

import numpy as np
import pytest

from seqmem.interop import from_onnx

CASES = 18
PLACES = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


@pytest.fixture(scope="module")
def cases(require: Any) -> list[Any]:
    require("onnx")
    import importlib
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        room = importlib.import_module("onnx.backend.test.case.node")
        for name in ("rnn", "lstm", "gru"):
            importlib.import_module(f"onnx.backend.test.case.node.{name}")
    return [
        case for case in room._NodeTestCases if case.model.graph.node[0].op_type in ("RNN", "LSTM", "GRU")
    ]


def test_there_are_cases_of_every_kind(cases: list[Any]) -> None:
    kinds = [case.model.graph.node[0].op_type for case in cases]
    assert {kind: kinds.count(kind) for kind in kinds} == {"RNN": 6, "LSTM": 6, "GRU": 6}
    assert len({case.name for case in cases}) == CASES


@pytest.mark.parametrize("number", range(CASES))
def test_a_case_of_the_standard(cases: list[Any], number: int) -> None:
    from onnx.helper import get_attribute_value

    case = cases[number]
    node = case.model.graph.node[0]
    ((given, expected),) = case.data_sets
    inputs = _named(PLACES, node.input, given)
    outputs = _named(("Y", "Y_h", "Y_c"), node.output, expected)
    attributes = {one.name: get_attribute_value(one) for one in node.attribute}
    layer = from_onnx(
        node.op_type, {key: inputs[key] for key in ("W", "R", "B", "P") if key in inputs}, attributes
    )
    batchwise = attributes.get("layout", 0) == 1
    xs = inputs["X"].swapaxes(0, 1) if batchwise else inputs["X"]
    n = len(inputs["W"])
    for name in ("initial_h", "initial_c"):
        assert not inputs.get(name, np.zeros(1)).any()  # all cases begin with zeros
    (hs, final), _ = layer.forward(xs, lengths=inputs.get("sequence_lens"))
    T, B, H = len(xs), xs.shape[1], inputs["R"].shape[2]
    Y = hs.reshape(T, B, n, H).swapaxes(1, 2)
    found = {"Y": Y.transpose(2, 0, 1, 3) if batchwise else Y}
    for name, part in (("Y_h", "h"), ("Y_c", "c")):
        array = np.stack([one.reshape(B, H) for one in _parts(final, part)])
        found[name] = array.swapaxes(0, 1) if batchwise else array
    assert outputs
    for name, right in outputs.items():
        np.testing.assert_allclose(found[name], right, rtol=2e-6, atol=2e-6, err_msg=f"{case.name}: {name}")


def _named(names: tuple[str, ...], sources: Any, arrays: Any) -> dict[str, Any]:
    """The arrays of a case by the standard's names; optional ones may be missing."""
    there = [name for name, source in zip(names, sources, strict=False) if source]
    return dict(zip(there, arrays, strict=True))


def _parts(final: Any, part: str) -> list[Any]:
    """The h or c of each direction, from a state in any nest."""
    if isinstance(final, np.ndarray):
        return [final]
    if hasattr(final, "c"):
        return [getattr(final, part)]
    return [one for inner in final for one in _parts(inner, part)]

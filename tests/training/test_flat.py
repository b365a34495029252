"""The parameters of a small model as one vector: the same numbers, and a state that anybody may exchange."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seqmem import SGD, Adam, AdamW, RMSProp
from seqmem.training.optimizers import base, flat

MAKERS = [
    lambda: SGD(0.1, 0.9),
    lambda: SGD(0.1, 0.9, nesterov=True),
    lambda: Adam(0.1),
    lambda: AdamW(0.1, weight_decay=0.2),
    lambda: RMSProp(0.1, momentum=0.5),
]
every_optimizer = pytest.mark.parametrize("make", MAKERS)
SHAPES = {"W": (3, 4), "b": (4,), "slope": (), "V": (4, 3, 2), "empty": (0, 3)}


def arrays(seed: int, dtype: Any = np.float64) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


def trained(optimizer: Any, steps: range = range(5), params: Any = None, dtype: Any = np.float64) -> Any:
    params = arrays(99, dtype) if params is None else params
    for seed in steps:
        optimizer.step(params, arrays(seed, dtype))
    return params


def assert_equal(ours: Any, theirs: Any) -> None:
    assert sorted(ours) == sorted(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name, strict=True)


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_vector_and_each_array_on_its_own_give_the_same_bits(
    make: Callable[[], Any], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = make()
    params = trained(together, dtype=dtype)
    assert together._flat is not None
    monkeypatch.setattr(base, "small_ones", lambda params, grads: {})
    apart = make()
    assert_equal(params, trained(apart, dtype=dtype))
    assert apart._flat is None
    assert_equal(together.state, apart.state)


@every_optimizer
@pytest.mark.parametrize("how", ["copy", "pickle", "npz", "halfway"])
def test_a_state_that_was_copied_filed_or_exchanged_goes_on(make: Callable[[], Any], how: str) -> None:
    straight = make()
    expected = trained(straight, range(6))

    first = make()
    params = trained(first, range(3))
    second = make()
    if how == "copy":
        second = copy.deepcopy(first)
    elif how == "pickle":
        second = pickle.loads(pickle.dumps(first))
    elif how == "npz":
        file = io.BytesIO()
        np.savez(file, **first.state)
        file.seek(0)
        second.state = dict(np.load(file))
    else:
        trained(second, range(7, 9))  # of another training
        second.state = {key: np.array(value) for key, value in first.state.items()}
    kept = {key: np.array(value) for key, value in first.state.items()}
    assert_equal(trained(second, range(3, 6), params), expected)
    assert_equal(second.state, straight.state)
    assert_equal(first.state, kept)  # two optimizers never share a state unnoticed


@every_optimizer
def test_one_entry_of_the_state_may_be_exchanged(make: Callable[[], Any]) -> None:
    optimizer, other = make(), make()
    params, same = trained(optimizer), trained(other)
    key = next(key for key in optimizer.state if key.endswith(".W"))
    for one in (optimizer, other):
        one.state[key] = np.ones(SHAPES["W"])
    optimizer._flat = None
    assert_equal(trained(optimizer, range(5, 7), params), trained(other, range(5, 7), same))


def test_large_few_and_mixed_parameters_stay_apart() -> None:
    size = flat.MOST // 8
    for params in (
        {f"W{k}": np.zeros(size + 1) for k in range(4)},
        {f"W{k}": np.zeros(2) for k in range(3)},
        {f"W{k}": np.zeros(2, np.float32 if k else np.float64) for k in range(5)},
    ):
        optimizer = Adam()
        optimizer.step(params, {name: np.ones_like(param) for name, param in params.items()})
        assert optimizer._flat is None
    wide = Adam()
    params = {f"W{k}": np.zeros(2, np.float32) for k in range(5)}
    wide.step(params, {name: np.ones(2) for name in params})
    assert wide._flat is None
    assert params["W0"].dtype == np.float32


@every_optimizer
def test_large_parameters_among_small_ones_get_the_same_bits(
    make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> tuple[Any, Any]:
        rng, optimizer = np.random.default_rng(0), make()
        shapes = {"large": (flat.MOST // 8 + 1,), **SHAPES}
        params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        for _ in range(3):
            optimizer.step(params, {name: rng.standard_normal(shape) for name, shape in shapes.items()})
        return params, optimizer

    together, optimizer = run()
    assert optimizer._flat is not None
    assert not [key for key in optimizer._flat.state if key.endswith(".large")]
    monkeypatch.setattr(base, "small_ones", lambda params, grads: {})
    apart, other = run()
    assert_equal(together, apart)
    assert_equal(optimizer.state, other.state)


@every_optimizer
def test_after_an_error_nothing_has_changed(make: Callable[[], Any]) -> None:
    optimizer = make()
    params = trained(optimizer)
    before, state = copy.deepcopy(params), copy.deepcopy(optimizer.state)
    with pytest.raises(ValueError, match="grads has no 'V'"):
        optimizer.step(params, {name: grad for name, grad in arrays(0).items() if name != "V"})
    optimizer.learning_rate = -1.0
    with pytest.raises(ValueError, match=r"learning_rate is -1\.0"):
        optimizer.step(params, arrays(0))
    assert_equal(params, before)
    assert_equal(optimizer.state, state)


def test_another_model_is_noticed() -> None:
    optimizer = Adam()
    trained(optimizer)
    others = {name: np.zeros((2, *shape)) for name, shape in SHAPES.items()}
    with pytest.raises(ValueError, match=r"the state of 'W' has shape \(3, 4\), expected \(2, 3, 4\)"):
        optimizer.step(others, others)


def test_an_optimizer_of_ones_own_that_looks_at_whole_arrays_gets_them() -> None:
    class Normed(Adam):
        """Steps of norm 1 for each parameter."""

        _elementwise = False

        def _update(self, param: Any, grad: Any, work: Any, factors: Any, *slots: Any) -> None:
            param -= grad / np.linalg.norm(grad)

    params = {f"W{k}": np.zeros(4) for k in range(5)}
    Normed().step(params, {name: np.full(4, 3.0) for name in params})
    assert [np.linalg.norm(param) for param in params.values()] == [1.0] * 5

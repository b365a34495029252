"""Optimizers against their papers, and clipping against the definition of a norm."""

import math
import pickle
from typing import Any

import numpy as np
import pytest
from comparing import assert_close, rounding
from hypothesis import given
from hypothesis import strategies as st

from seqmem.training import SGD, Adam, AdamW, Optimizer, RMSProp, clip_by_global_norm, cosine_decay

SEEDS = st.integers(0, 2**32)
RATES = st.floats(1e-6, 10.0)
MAKERS = [
    lambda: SGD(0.1),
    lambda: SGD(0.1, momentum=0.9),
    lambda: SGD(0.1, momentum=0.9, nesterov=True),
    lambda: Adam(0.1),
    lambda: AdamW(0.1, weight_decay=0.2),
    lambda: RMSProp(0.1),
    lambda: RMSProp(0.1, momentum=0.5),
]


def arrays(seed: int, dtype: Any = np.float64, scale: float = 1.0) -> dict[str, Any]:
    """Matrices, vectors and a scalar of random numbers."""
    rng = np.random.default_rng(seed)
    shapes = {"cell.W": (3, 4), "cell.b": (4,), "slope": ()}
    return {name: np.array(scale * rng.standard_normal(shape), dtype) for name, shape in shapes.items()}


def adam_by_the_paper(
    theta: float, gradients: list[float], a: float, b1: float, b2: float, eps: float
) -> float:
    """Algorithm 1 of Kingma & Ba (2015) for one number."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = m / (1 - b1**t)
        v_hat = v / (1 - b2**t)
        theta = theta - a * m_hat / (math.sqrt(v_hat) + eps)
    return theta


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12),
    RATES,
    st.floats(0, 0.99),
    st.floats(0, 0.9999),
    st.floats(1e-9, 1.0),
)
def test_adam_is_algorithm_1_of_its_paper(
    gradients: Any, rate: float, b1: float, b2: float, eps: float
) -> None:
    params = {"w": np.array([2.0])}
    optimizer = Adam(rate, beta1=b1, beta2=b2, epsilon=eps)
    for gradient in gradients:
        optimizer.step(params, {"w": np.array([gradient])})
    expected = adam_by_the_paper(2.0, gradients, rate, b1, b2, eps)
    # 12 steps of ten operations each; 1 - beta2**t loses the digits that 1 and beta2**t share, up to four
    bound = rounding(np.float64, 12 * 10, size=1e4)
    assert params["w"][0] == pytest.approx(expected, rel=bound, abs=bound * 12 * rate)


@given(st.floats(1e-4, 1e4), RATES, st.booleans())
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(
    size: float, rate: float, up: bool
) -> None:
    params = {"w": np.array([0.0])}
    Adam(rate, epsilon=1e-12).step(params, {"w": np.array([size if up else -size])})
    assert params["w"][0] == pytest.approx(-rate if up else rate, rel=1e-7)  # epsilon / size is 1e-8


@given(SEEDS, RATES, st.floats(0, 0.99))
def test_sgd_is_its_two_equations(seed: int, rate: float, momentum: float) -> None:
    params, expected = arrays(seed), arrays(seed)
    velocity = dict.fromkeys(params, 0.0)
    optimizer = SGD(rate, momentum)
    for step in range(4):
        grads = arrays(seed + 1 + step)
        optimizer.step(params, grads)
        for name, grad in grads.items():
            velocity[name] = momentum * velocity[name] - rate * grad
            expected[name] = expected[name] + velocity[name]
    for name in params:
        assert_close(params[name], expected[name])


@pytest.mark.parametrize("make", MAKERS)
def test_a_step_writes_to_the_live_arrays_and_never_to_the_gradients(make: Any) -> None:
    params, grads = arrays(0), arrays(1)
    live = dict(params)
    for grad in grads.values():
        grad.flags.writeable = False
    make().step(params, grads)
    for name, before in arrays(0).items():
        assert params[name] is live[name]
        assert (params[name] != before).all()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("grad_dtype", [np.float32, np.float64])
def test_float32_parameters_and_state_stay_float32(make: Any, grad_dtype: Any) -> None:
    params, optimizer = arrays(0, np.float32), make()
    optimizer.learning_rate = np.float64(0.1)  # NumPy's own scalars would widen an array
    optimizer.step(params, arrays(1, grad_dtype))
    assert {param.dtype for param in params.values()} == {np.dtype(np.float32)}
    assert {slot.dtype for name, slot in optimizer.state.items() if name != "t"} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("make", MAKERS)
def test_parameters_may_be_strided_views(make: Any) -> None:
    plain, wide = arrays(0), {name: np.repeat(array[..., None], 2, -1) for name, array in arrays(0).items()}
    views = {name: array[..., 0] for name, array in wide.items()}
    ours, theirs = make(), make()
    for step in range(3):
        ours.step(plain, arrays(step))
        theirs.step(views, arrays(step))
    for name in plain:
        np.testing.assert_array_equal(views[name], plain[name])


@pytest.mark.parametrize("make", MAKERS)
def test_the_learning_rate_may_change_between_steps_and_0_stands_still(make: Any) -> None:
    params, optimizer = arrays(0), make()
    optimizer.learning_rate = 0.0
    optimizer.step(params, arrays(1))
    for name, before in arrays(0).items():
        np.testing.assert_array_equal(params[name], before)
    optimizer.learning_rate = 0.1
    optimizer.step(params, arrays(1))
    assert (params["cell.W"] != arrays(0)["cell.W"]).all()


@pytest.mark.parametrize("make", MAKERS)
def test_training_goes_on_bit_for_bit_from_a_kept_state(make: Any, tmp_path: Any) -> None:
    straight, broken, first = arrays(0), arrays(0), make()
    optimizer = make()
    for step in range(6):
        optimizer.step(straight, arrays(step))
    for step in range(3):
        first.step(broken, arrays(step))
    np.savez(tmp_path / "state.npz", **first.state)
    with np.load(tmp_path / "state.npz") as kept:
        from_file = make()
        from_file.state = dict(kept)
    for step in range(3, 6):
        from_file.step(broken, arrays(step))
    for name in straight:
        np.testing.assert_array_equal(broken[name], straight[name])
    again = pickle.loads(pickle.dumps(optimizer))
    assert repr(again) == repr(optimizer)
    assert all(np.array_equal(again.state[key], slot) for key, slot in optimizer.state.items())


@pytest.mark.parametrize("make", MAKERS)
def test_a_step_that_does_not_fit_changes_nothing(make: Any) -> None:
    params, optimizer = arrays(0), make()
    optimizer.step(params, arrays(1))
    before = {name: param.copy() for name, param in params.items()}
    state = {name: slot.copy() for name, slot in optimizer.state.items()}
    grads = arrays(2)
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (params, {name: grads[name] for name in ("cell.W", "slope")}, "grads has no 'cell.b'"),
        ({"cell.W": params["cell.W"]}, grads, "params has no 'cell.b'"),
        (params, grads | {"slope": np.zeros(2)}, r"grads\['slope'\] has shape \(2,\), expected \(\)"),
    ]
    if state:
        other = params | {"slope": np.zeros(2)}
        cases.append((other, grads | {"slope": np.zeros(2)}, "the state of 'slope' has shape"))
    for some, others, message in cases:
        with pytest.raises(ValueError, match=message):
            optimizer.step(some, others)
    for name, param in params.items():
        np.testing.assert_array_equal(param, before[name])
    for name, slot in optimizer.state.items():
        np.testing.assert_array_equal(slot, state[name])


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


MISFITS: dict[str, tuple[str, Any, type[Exception], str]] = {
    "read-only": ("params", read_only(np.ones(4)), ValueError, r"params\['z'\] is read-only"),
    "broadcast": ("params", np.broadcast_to(1.0, 4), ValueError, r"params\['z'\] is read-only"),
    "complex": ("params", np.ones(4, complex), TypeError, r"params\['z'\] has dtype complex128"),
    "integers": ("params", np.ones(4, int), TypeError, r"params\['z'\] has dtype int64"),
    "booleans": ("params", np.ones(4, bool), TypeError, r"params\['z'\] has dtype bool"),
    "objects": ("params", np.array([None] * 4), TypeError, r"params\['z'\] has dtype object"),
    "a list": ("params", [1.0] * 4, TypeError, r"params\['z'\] is of type list, expected an array"),
    "a number": ("params", 1.0, TypeError, r"params\['z'\] is of type float, expected an array"),
    "complex gradient": ("grads", np.ones(4, complex), TypeError, r"grads\['z'\] has dtype complex128"),
    "boolean gradient": ("grads", np.ones(4, bool), TypeError, r"grads\['z'\] has dtype bool"),
    "text for a gradient": ("grads", "abcd", TypeError, r"grads\['z'\] has dtype <U4"),
    "no gradient": ("grads", None, TypeError, r"grads\['z'\] has dtype object"),
    "ragged gradient": ("grads", [[1], [2, 3]], TypeError, r"grads\['z'\] has no array dtype"),
    "masked gradient": ("grads", np.ma.ones(4), TypeError, r"grads\['z'\] is a masked array"),
    "no params": ("params", None, TypeError, "params is of type "),
    "no grads": ("grads", None, TypeError, "grads is of type "),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("case", MISFITS)
def test_a_step_that_one_array_does_not_allow_is_taken_by_none(make: Any, begun: bool, case: str) -> None:
    where, value, error, message = MISFITS[case]
    params, optimizer = arrays(0), make()
    if begun:
        optimizer.step(params, arrays(1))
    before = {name: param.copy() for name, param in params.items()}
    state = {name: slot.copy() for name, slot in optimizer.state.items()}
    both: dict[str, Any] = {"params": params | {"z": np.ones(4)}, "grads": arrays(2) | {"z": np.ones(4)}}
    both[where] = value if case.startswith("no ") and case != "no gradient" else both[where] | {"z": value}
    with pytest.raises(error, match=f"{type(optimizer).__name__}.step: {message}"):
        optimizer.step(**both)
    assert_same(params, before)
    assert_same(optimizer.state, state)


def assert_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    ("make", "spoil", "error"),
    [
        (lambda: Adam(0.1), lambda o: o.state.update(t=np.array(-1)), ValueError),
        (lambda: Adam(0.1), lambda o: o.state.update(t=np.array(1.5)), ValueError),
        (lambda: Adam(0.1), lambda o: o.state.update(t="many"), ValueError),
        (lambda: Adam(0.1), lambda o: o.state.update({"v.slope": read_only(np.zeros(()))}), ValueError),
        (lambda: Adam(0.1), lambda o: o.state.update({"v.slope": np.zeros((), int)}), TypeError),
        (lambda: Adam(0.1), lambda o: o.state.update({"v.slope": 0.0}), TypeError),
        (lambda: Adam(0.1), lambda o: setattr(o, "beta1", "a"), TypeError),
        (lambda: Adam(0.1), lambda o: setattr(o, "beta2", 1.0), ValueError),
        (lambda: Adam(0.1), lambda o: setattr(o, "epsilon", None), TypeError),
        (lambda: Adam(0.1), lambda o: setattr(o, "learning_rate", True), TypeError),
        (lambda: SGD(0.1, 0.5), lambda o: setattr(o, "momentum", True), TypeError),
        (lambda: SGD(0.1, 0.5), lambda o: o.state.update({"velocity.slope": np.zeros(2)}), ValueError),
    ],
)
def test_a_state_or_setting_that_was_spoiled_changes_nothing(make: Any, spoil: Any, error: Any) -> None:
    params, optimizer = arrays(0), make()
    optimizer.step(params, arrays(1))
    spoil(optimizer)
    before, state = {name: param.copy() for name, param in params.items()}, dict(optimizer.state)
    with pytest.raises(error, match=rf"{type(optimizer).__name__}\.step: "):
        optimizer.step(params, arrays(2))
    assert_same(params, before)
    assert_same(optimizer.state, state)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("gradient", [1e39, -np.inf, np.nan])
def test_a_step_that_overflows_is_taken_whole_and_without_a_warning(make: Any, gradient: float) -> None:
    params = {"a": np.ones(2, np.float32), "b": np.ones(2, np.float32)}
    with np.errstate(all="raise"):
        make().step(params, {"a": np.full(2, gradient), "b": np.ones(2)})
    assert not np.isfinite(params["a"]).all() or gradient == 1e39
    assert (params["b"] < 1).all()


@pytest.mark.parametrize("make", MAKERS)
def test_empty_and_fortran_ordered_parameters_are_updated_like_others(make: Any) -> None:
    plain = {"e": np.zeros((0, 2)), "W": np.arange(6.0).reshape(2, 3)}
    other = {"e": np.zeros((0, 2)), "W": np.asfortranarray(plain["W"].copy())}
    for params in (plain, other):
        make().step(params, {"e": np.zeros((0, 2)), "W": np.arange(6.0).reshape(2, 3)})
    assert_same(plain, other)


NUMBERS = {
    "SGD: learning_rate": lambda value: SGD(value),
    "SGD: momentum": lambda value: SGD(0.1, value),
    "Adam: learning_rate": lambda value: Adam(value),
    "Adam: beta1": lambda value: Adam(beta1=value),
    "Adam: beta2": lambda value: Adam(beta2=value),
    "Adam: epsilon": lambda value: Adam(epsilon=value),
    "clip_by_global_norm: max_norm": lambda value: clip_by_global_norm({}, value),
    "cosine_decay: fraction": lambda value: cosine_decay(value),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [True, np.True_, "a", "0.5", None, {"learning_rate": 0.1}, [0.5], 1j, np.zeros(2), "a" * 60_000],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_no_number_is_refused_in_our_words(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} is .*, expected a number") as raised:
        NUMBERS[name](value)
    assert len(str(raised.value)) < 200
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.5, 10**400, 10**5000], ids=range(5))
def test_a_number_out_of_range_is_refused_in_our_words(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is ") as raised:
        NUMBERS[name](value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("grads", [None, [np.ones(2)], {"w": [1.0]}, {"w": 1.0}, {"w": np.ones(2, complex)}])
def test_gradients_of_another_kind_are_not_clipped(grads: Any) -> None:
    with pytest.raises(TypeError, match=r"clip_by_global_norm: .*expected"):
        clip_by_global_norm(grads, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "SGD: learning_rate is -0.1, expected a finite number of at least 0"),
        (lambda: SGD(math.nan), "SGD: learning_rate is nan"),
        (lambda: SGD(math.inf), "SGD: learning_rate is inf"),
        (lambda: SGD(0.1, momentum=1.0), "SGD: momentum is 1.0"),
        (lambda: SGD(0.1, momentum=math.nan), "SGD: momentum is nan"),
        (lambda: Adam(-1.0), "Adam: learning_rate is -1.0"),
        (lambda: Adam(beta1=1.0), "Adam: beta1 is 1.0"),
        (lambda: Adam(beta2=-0.1), "Adam: beta2 is -0.1"),
        (lambda: Adam(epsilon=0.0), "Adam: epsilon is 0.0"),
        (lambda: Adam(epsilon=math.nan), "Adam: epsilon is nan"),
        (lambda: clip_by_global_norm({}, -1.0), "clip_by_global_norm: max_norm is -1.0"),
        (lambda: clip_by_global_norm({}, math.nan), "clip_by_global_norm: max_norm is nan"),
    ],
)
def test_a_hyper_parameter_out_of_range_is_refused_at_once(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", MAKERS)
def test_a_learning_rate_spoiled_later_is_refused_at_the_next_step(make: Any) -> None:
    optimizer: Optimizer = make()
    optimizer.learning_rate = math.nan
    with pytest.raises(ValueError, match="learning_rate is nan"):
        optimizer.step(arrays(0), arrays(1))


def norm_of(grads: dict[str, Any]) -> float:
    """The Euclidean norm of all gradients together, safe by Python's own hypot."""
    return math.hypot(*(float(value) for grad in grads.values() for value in np.ravel(grad)))


@given(SEEDS, st.integers(-30, 30), st.integers(-30, 30), st.sampled_from([np.float32, np.float64]))
def test_clipping_bounds_the_norm_and_keeps_the_direction(
    seed: int, size: int, bound: int, dtype: Any
) -> None:
    grads, max_norm = arrays(seed, dtype, 10.0**size), 10.0**bound
    for grad in grads.values():
        grad.flags.writeable = False
    before = norm_of(grads)
    with np.errstate(all="raise"):
        clipped, norm = clip_by_global_norm(grads, max_norm)
    tolerance = rounding(dtype, 4 * 17)  # 17 numbers: divided, squared, added; and the test does the same
    assert norm == pytest.approx(before, rel=tolerance)
    if norm <= max_norm:
        assert all(clipped[name] is grads[name] for name in grads)
        return
    assert norm_of(clipped) == pytest.approx(max_norm, rel=tolerance)
    for name, grad in grads.items():
        assert clipped[name].dtype == dtype
        assert clipped[name].shape == grad.shape
        np.testing.assert_allclose(
            clipped[name].astype(float),
            grad.astype(float) * (max_norm / before),
            rtol=10 * tolerance,
            atol=1e-44,  # seven times the smallest number of float32
        )


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e20), (np.float32, 3e38), (np.float64, 1e308)])
def test_clipping_gradients_whose_squares_overflow(dtype: Any, size: float) -> None:
    with np.errstate(all="raise"):
        clipped, norm = clip_by_global_norm({"w": np.full(4, size, dtype), "z": np.zeros(3, dtype)}, 1.0)
    assert norm == pytest.approx(2 * size) or (math.isinf(norm) and size == 1e308)
    np.testing.assert_allclose(clipped["w"], 0.5, rtol=rounding(dtype, 10))
    assert not clipped["z"].any()


@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool])
def test_gradients_that_are_no_floats_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match=f"'w' has dtype {np.dtype(dtype)}, expected floating-point numbers"):
        clip_by_global_norm({"v": np.ones(2), "w": np.ones(2, dtype)}, 1.0)


def test_the_norm_of_half_precision_does_not_lose_small_squares() -> None:
    grads = {f"w{k}": np.array([1e-4], np.float16) for k in range(10)}
    right = 1e-4 * math.sqrt(10)
    assert clip_by_global_norm(grads, 1.0)[1] == pytest.approx(right, rel=rounding(np.float16, 10))


@pytest.mark.parametrize("grads", [{}, {"w": np.zeros(3)}, {"w": np.zeros((0, 2))}])
def test_gradients_of_norm_zero_are_left_alone(grads: dict[str, Any]) -> None:
    with np.errstate(all="raise"):
        clipped, norm = clip_by_global_norm(grads, 1.0)
    assert norm == 0
    assert all(clipped[name] is grads[name] for name in grads)


@pytest.mark.parametrize("order", [("bad", "good"), ("good", "bad")])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_shows_in_the_norm(order: tuple[str, str], value: float) -> None:
    found = {"bad": np.array([1.0, value]), "good": np.array([5.0])}
    grads = {name: found[name] for name in order}
    clipped, norm = clip_by_global_norm(grads, 1.0)
    assert not math.isfinite(norm)
    assert all(clipped[name] is grads[name] for name in grads)

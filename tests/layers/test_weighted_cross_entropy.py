"""Cross-entropy with ignored targets, class and sample weights and label smoothing, alone and together."""

from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.layers.losses import cross_entropy

pytestmark = pytest.mark.quick

SIZES = st.integers(1, 4)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Logits (..., V), targets, a mask, and any of the options; one position at least counts."""
    leading = tuple(draw(st.lists(SIZES, min_size=1, max_size=3)))
    V = draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits, targets = rng.standard_normal((*leading, V)) * 3, rng.integers(0, V, leading)
    mask = np.array(rng.random(leading) < 0.7) if draw(st.booleans()) else None
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["class_weights"] = rng.uniform(0.1, 2, V)
    if draw(st.booleans()):
        options["sample_weights"] = rng.uniform(0.1, 2, leading)
    if draw(st.booleans()):
        options["label_smoothing"] = draw(st.floats(0, 0.9))
    if draw(st.booleans()):
        options["ignore_index"] = -100
        targets[rng.random(leading) < 0.3] = -100
    first = (0,) * len(leading)
    targets[first] = V - 1
    if mask is not None:
        mask[first] = True
    return logits, targets, mask, options


def by_the_definition(
    logits: Any,
    targets: Any,
    mask: Any,
    ignore_index: int | None = None,
    class_weights: Any = None,
    sample_weights: Any = None,
    label_smoothing: float = 0.0,
) -> float:
    """The formula of the module, position by position."""
    V, total, weight = logits.shape[-1], 0.0, 0.0
    w = np.ones(V) if class_weights is None else class_weights
    for where in np.ndindex(targets.shape):
        y = targets[where]
        if (mask is not None and not mask[where]) or y == ignore_index:
            continue
        s = 1.0 if sample_weights is None else sample_weights[where]
        row = logits[where].astype(np.longdouble)
        log_p = row - np.log(np.sum(np.exp(row)))
        total -= s * ((1 - label_smoothing) * w[y] * log_p[y] + label_smoothing / V * (w * log_p).sum())
        weight += s * w[y]
    return float(total / weight)


@given(problems())
def test_the_loss_is_the_weighted_mean_of_smoothed_cross_entropies(problem: Any) -> None:
    logits, targets, mask, options = problem
    loss, _ = cross_entropy(logits, targets, mask, **options)
    assert type(loss) is float
    assert_close(loss, by_the_definition(logits, targets, mask, **options))


@settings(max_examples=30)
@given(problems())
def test_the_derivative_is_that_of_a_complex_step(problem: Any) -> None:
    logits, targets, mask, options = problem
    _, d_logits = cross_entropy(logits, targets, mask, **options)
    for where in np.ndindex(logits.shape):
        moved = logits.astype(complex)
        moved[where] += 1e-30j
        assert_close(cross_entropy(moved, targets, mask, **options)[0].imag / 1e-30, d_logits[where])


@given(problems())
def test_weights_of_one_and_no_smoothing_change_nothing(problem: Any) -> None:
    logits, targets, mask, options = problem
    ignored = {"ignore_index": options.get("ignore_index")}
    ones = {"class_weights": np.ones(logits.shape[-1]), "sample_weights": np.ones(targets.shape)}
    plain = cross_entropy(logits, targets, mask, **ignored)
    assert_close(cross_entropy(logits, targets, mask, **ignored, **ones, label_smoothing=0), plain)


@given(problems(), st.sampled_from([np.nan, np.inf, -np.inf, 1e308]))
def test_what_does_not_count_has_no_effect(problem: Any, garbage: float) -> None:
    logits, targets, mask, options = problem
    given_weights = options.get("sample_weights")
    out = np.zeros(targets.shape, bool) if mask is None else ~mask
    out |= targets == options.get("ignore_index")
    if given_weights is not None and out.size > 1:
        given_weights.reshape(-1)[-1] = 0  # the first always counts
        out.reshape(-1)[-1] = True
    loss, d_logits = cross_entropy(logits, targets, mask, **options)
    spoiled = logits.copy()
    spoiled[out] = garbage
    with np.errstate(all="raise"):
        same_loss, same_d_logits = cross_entropy(spoiled, targets, mask, **options)
    assert same_loss == loss
    np.testing.assert_array_equal(same_d_logits, d_logits)
    assert not d_logits[out].any()


@given(problems())
def test_a_sample_weight_of_two_is_the_same_position_twice(problem: Any) -> None:
    logits, targets, _, options = problem
    options.pop("sample_weights", None)
    logits, targets = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    weights = np.ones(targets.shape)
    weights[0] = 2
    loss, _ = cross_entropy(logits, targets, sample_weights=weights, **options)
    twice = np.concatenate([logits[:1], logits]), np.concatenate([targets[:1], targets])
    assert_close(loss, cross_entropy(*twice, **options)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_the_derivative_has_the_dtype_of_the_logits(dtype: Any) -> None:
    _, d_logits = cross_entropy(np.ones((2, 3), dtype), np.array([0, 1]), label_smoothing=0.1)
    assert d_logits.dtype == dtype


def test_nothing_that_goes_in_is_written_to() -> None:
    logits, targets, mask = np.ones((3, 4)), np.array([0, 1, -1]), np.array([True, True, False])
    weights, samples = np.ones(4), np.ones(3)
    for array in (logits, targets, mask, weights, samples):
        array.flags.writeable = False
    options = {"class_weights": weights, "sample_weights": samples, "label_smoothing": 0.2}
    cross_entropy(logits, targets, mask, ignore_index=-1, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"class_weights": np.ones(2)}, ValueError, r"class_weights has shape \(2,\), expected \(3,\)"),
        ({"class_weights": [1, -1, 1]}, ValueError, r"class_weights holds -1.0 at \[1\], expected finite"),
        ({"class_weights": [1, np.nan, 1]}, ValueError, r"class_weights holds nan at \[1\]"),
        ({"class_weights": ["a", "b", "c"]}, TypeError, "class_weights has dtype <U1, expected real numbers"),
        ({"sample_weights": np.ones(3)}, ValueError, r"sample_weights has shape \(3,\), expected \(2,\)"),
        ({"sample_weights": [1, np.inf]}, ValueError, r"sample_weights holds inf at \[1\]"),
        ({"sample_weights": [0, 0]}, ValueError, "mean of nothing"),
        ({"class_weights": [0, 0, 1]}, ValueError, "mean of nothing"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing is 1.0, expected a number from 0 up to"),
        ({"label_smoothing": -0.1}, ValueError, "label_smoothing is -0.1"),
        ({"label_smoothing": "a"}, TypeError, "label_smoothing is 'a', expected a number"),
        ({"ignore_index": 0.5}, TypeError, "ignore_index is 0.5, expected an integer"),
        ({"ignore_index": 2}, ValueError, r"targets holds 7 at \[1\]"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    targets = np.array([2, 7]) if options.get("ignore_index") == 2 else np.array([0, 1])
    with pytest.raises(error, match=f"cross_entropy: {message}"):
        cross_entropy(np.zeros((2, 3)), targets, **options)


def test_a_position_whose_target_is_ignored_may_hold_any_id() -> None:
    plain = cross_entropy(np.zeros((1, 3)), np.array([1]))[0]
    assert cross_entropy(np.zeros((2, 3)), np.array([1, 99]), ignore_index=99)[0] == plain

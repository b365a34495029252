"""Losses against torch's, in float64: every option alone and all together, values and gradients."""

import itertools

import numpy as np
import pytest
from comparing import assert_close

from seqmem import cross_entropy, huber_loss, mae_loss, mse_loss

T, B, V, K = 6, 4, 5, 3
OPTIONS = ("mask", "ignore_index", "class_weights", "sample_weights", "label_smoothing")


@pytest.fixture(scope="module")
def torch(require):
    return require("torch")


@pytest.mark.parametrize("chosen", list(itertools.product([False, True], repeat=len(OPTIONS))))
def test_cross_entropy_equals_torchs_with_every_set_of_options(torch, chosen):
    rng, on = np.random.default_rng(3), dict(zip(OPTIONS, chosen, strict=True))
    logits, targets = rng.standard_normal((T, B, V)) * 2, rng.integers(0, V, (T, B))
    mask = rng.random((T, B)) < 0.7 if on["mask"] else None
    if on["ignore_index"]:
        targets[rng.random((T, B)) < 0.3] = -100
    class_weights = rng.uniform(0.1, 2, V) if on["class_weights"] else None
    sample_weights = rng.uniform(0.1, 2, (T, B)) if on["sample_weights"] else None
    smoothing = 0.2 if on["label_smoothing"] else 0.0
    loss, d_logits = cross_entropy(
        *(logits, targets, mask),
        ignore_index=-100 if on["ignore_index"] else None,
        class_weights=class_weights,
        sample_weights=sample_weights,
        label_smoothing=smoothing,
    )

    leaf = torch.tensor(logits, requires_grad=True)
    labels = torch.from_numpy(targets if mask is None else np.where(mask, targets, -100)).reshape(-1)
    options = {
        "weight": None if class_weights is None else torch.from_numpy(class_weights),
        "label_smoothing": smoothing,
    }
    function, rows = torch.nn.functional.cross_entropy, leaf.reshape(-1, V)
    if sample_weights is None:
        theirs = function(rows, labels, **options)
    else:  # torch knows no sample weights: its mean is this with each of them 1
        shares = torch.from_numpy(sample_weights).reshape(-1)
        each = function(rows, labels, reduction="none", **options)
        known = torch.where(labels < 0, 0, labels)
        of_target = torch.ones(T * B) if class_weights is None else options["weight"][known]
        theirs = (each * shares).sum() / (of_target * shares * (labels >= 0)).sum()
    theirs.backward()
    assert_close(loss, theirs.item())
    assert_close(d_logits, leaf.grad.numpy())


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("ours", "name", "options"),
    [
        (mse_loss, "mse_loss", {}),
        (mae_loss, "l1_loss", {}),
        (huber_loss, "huber_loss", {"delta": 1.0}),
        (huber_loss, "huber_loss", {"delta": 0.3}),
    ],
)
def test_the_losses_of_a_regression_equal_torchs(torch, ours, name, options, masked):
    rng = np.random.default_rng(4)
    predictions, targets = rng.standard_normal((T, B, K)), rng.standard_normal((T, B, K))
    predictions[0, 0] = targets[0, 0]  # exactly right
    mask = rng.random((T, B)) < 0.6 if masked else np.ones((T, B), bool)
    loss, d_predictions = ours(predictions, targets, mask if masked else None, **options)
    leaf = torch.tensor(predictions, requires_grad=True)
    kept = torch.from_numpy(mask)
    theirs = getattr(torch.nn.functional, name)(leaf[kept], torch.from_numpy(targets)[kept], **options)
    theirs.backward()
    assert_close(loss, theirs.item())
    assert_close(d_predictions, leaf.grad.numpy())


@pytest.mark.parametrize(("ours", "name"), [(mse_loss, "mse_loss"), (mae_loss, "l1_loss")])
def test_weighted_errors_equal_torchs(torch, ours, name):
    rng = np.random.default_rng(5)
    predictions, targets, weights = (rng.standard_normal((T, B, K)) for _ in range(3))
    weights = np.abs(weights)
    loss, d_predictions = ours(predictions, targets, sample_weights=weights)
    leaf, shares = torch.tensor(predictions, requires_grad=True), torch.from_numpy(weights)
    each = getattr(torch.nn.functional, name)(leaf, torch.from_numpy(targets), reduction="none")
    theirs = (each * shares).sum() / shares.sum()
    theirs.backward()
    assert_close(loss, theirs.item())
    assert_close(d_predictions, leaf.grad.numpy())

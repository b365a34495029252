"""The estimators of seqmem.sklearn are scikit-learn's: its own checks, its tools, and what they answer."""

import doctest
import importlib
import pickle

import numpy as np
import pytest
from comparing import assert_same

SMALL = {"hidden_size": 16, "epochs": 60, "random_state": 0}


@pytest.fixture(scope="module")
def sk(require):
    require("sklearn")
    return importlib.import_module("seqmem.sklearn")


def tool(name):
    """A name of scikit-learn's, such as model_selection.GridSearchCV."""
    module, _, attribute = f"sklearn.{name}".rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture(scope="module")
def waves():
    """Sequences of 12 steps of 2 features: which of two frequencies, and how high."""
    rng = np.random.default_rng(0)
    labels, height = rng.integers(2, size=80), rng.uniform(1, 2, 80)
    t = np.arange(12)
    X = height[:, None, None] * np.sin(t[:, None] * (1 + labels)[:, None, None] + np.array([0, 1]))
    return X + 0.1 * rng.standard_normal(X.shape), labels, height


@pytest.mark.parametrize("name", ["RecurrentClassifier", "RecurrentRegressor"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of scikit-learn's own checks
def test_every_check_of_scikit_learn_passes(sk, name, require):
    require("pandas")  # which two of the checks want
    results = tool("utils.estimator_checks.check_estimator")(
        getattr(sk, name)(**SMALL), on_fail=None, on_skip=None
    )
    assert len(results) > 40
    assert [one["check_name"] for one in results if one["status"] not in ("passed", "skipped")] == []
    assert {one["check_name"] for one in results if one["status"] == "skipped"} <= {"check_array_api_input"}


def test_a_sequence_of_another_number_of_features_is_named_by_its_row(sk):
    rows = [np.ones((5, 2)), np.ones((5, 3))]
    with pytest.raises(ValueError, match=r"X\[1\] has shape \(5, 3\), expected \(T, 2\)"):
        sk.RecurrentClassifier(**SMALL).fit(rows, [0, 1])


def test_arrays_ragged_lists_and_rows_of_numbers_are_read(sk, waves):
    X, labels, _ = waves
    whole = sk.RecurrentClassifier(**SMALL).fit(X, labels)
    assert whole.score(X, labels) > 0.95
    assert_same(whole.predict_proba(list(X)), whole.predict_proba(X))
    ragged = [one[: 6 + k % 7] for k, one in enumerate(X)]
    of_lists = sk.RecurrentClassifier(**SMALL).fit(ragged, labels)
    assert of_lists.score(ragged, labels) > 0.9
    flat = sk.RecurrentClassifier(**SMALL).fit(X[:, :, 0], labels)
    assert_same(flat.predict_proba(X[:, :, 0]), flat.predict_proba(X[:, :, 0].copy()))
    assert flat.model_.encoder.input_size == 1


def test_probabilities_follow_the_classes_and_answers_are_labels(sk, waves):
    X, labels, _ = waves
    names = np.array(["slow", "fast"])[labels]
    model = sk.RecurrentClassifier(**SMALL).fit(X, names)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert model.classes_.tolist() == ["fast", "slow"]
    assert (model.predict(X) == model.classes_[p.argmax(axis=1)]).all()


def test_one_number_or_several_are_predicted_in_their_unit(sk, waves):
    X, _, height = waves
    one = sk.RecurrentRegressor(**SMALL).fit(X, 1000 * height + 5)
    assert one.score(X, 1000 * height + 5) > 0.9
    assert one.predict(X).shape == (80,)
    both = sk.RecurrentRegressor(**SMALL, error="huber").fit(X, np.stack([height, -height], axis=1))
    assert both.predict(X[:3]).shape == (3, 2)


def test_a_random_state_decides_everything(sk, waves):
    X, labels, _ = waves
    options = {"hidden_size": 6, "epochs": 3, "dropout": 0.2, "num_layers": 2, "bidirectional": True}
    first, again, other = (
        sk.RecurrentClassifier(**options, random_state=seed).fit(X, labels).predict_proba(X)
        for seed in (1, 1, 2)
    )
    assert_same(first, again)
    assert not np.array_equal(first, other)


def test_early_stopping_ends_the_training_and_keeps_the_best(sk, waves):
    X, _, _ = waves
    noise = np.random.default_rng(7).integers(2, size=len(X))  # nothing can be learnt that holds for others
    options = {"early_stopping": True, "patience": 3, "random_state": 0}
    model = sk.RecurrentClassifier(16, epochs=200, **options).fit(X, noise)
    assert model.n_iter_ == len(model.loss_curve_) < 200
    with pytest.raises(ValueError, match="early_stopping holds out all 2 sequences"):
        sk.RecurrentClassifier(4, early_stopping=True, validation_fraction=0.9).fit(X[:2], [0, 1])


def test_pipelines_cross_validation_and_grid_searches_take_them(sk, waves):
    X, labels, height = waves
    scale, pipe = tool("preprocessing.StandardScaler"), tool("pipeline.make_pipeline")
    quick = {"hidden_size": 8, "epochs": 15, "random_state": 0}
    chain = pipe(scale(), sk.RecurrentClassifier(**quick)).fit(X[:, :, 0], labels)
    assert chain.score(X[:, :, 0], labels) > 0.7
    scores = tool("model_selection.cross_val_score")(sk.RecurrentClassifier(**quick), X, labels, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.7
    search = tool("model_selection.GridSearchCV")(
        sk.RecurrentRegressor(**quick), {"cell": ["gru", "rnn"], "hidden_size": [2, 8]}, cv=2
    ).fit(X, height)
    assert search.best_params_["cell"] in ("gru", "rnn")
    ragged = [one[: 6 + k % 7] for k, one in enumerate(X)]
    assert (
        len(tool("model_selection.cross_val_score")(sk.RecurrentClassifier(**quick), ragged, labels, cv=3))
        == 3
    )


def test_clones_and_pickles_are_equal(sk, waves):
    X, labels, _ = waves
    model = sk.RecurrentClassifier(8, epochs=3, random_state=0).fit(X, labels)
    assert_same(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    assert_same(tool("base.clone")(model).fit(X, labels).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[:, :, :1], "1 features a step, but RecurrentClassifier is expecting 2|features"),
        (lambda X: [X[0], X[1][:5, :1]], r"X\[1\] has shape \(5, 1\), expected \(T, 2\)"),
        (lambda X: [X[0], np.full((3, 2), np.nan)], r"X\[1\] holds nan at \[0, 0\]"),
        (lambda X: np.where(np.arange(12)[:, None] == 3, np.nan, X), "contains NaN"),
        (lambda X: X[None], r"expected \(n, T\), \(n, T, D\) or a list|features"),
    ],
)
def test_sequences_of_another_form_are_named(sk, waves, change, message):
    X, labels, _ = waves
    model = sk.RecurrentClassifier(4, epochs=1, random_state=0).fit(X, labels)
    with pytest.raises(ValueError, match=message):
        model.predict(change(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"cell": "transformer"}, "cell is 'transformer'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"pooling": "max"}, "pooling is 'max'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_a_setting_out_of_its_range_is_named_when_it_is_used(sk, waves, options, message):
    X, labels, _ = waves
    with pytest.raises(ValueError, match=message):
        sk.RecurrentClassifier(**({"epochs": 1} | options)).fit(X, labels)


def test_the_examples_of_the_docstrings_run(sk):
    failed, attempted = doctest.testmod(sk, extraglobs={"np": np})
    assert attempted > 5
    assert failed == 0

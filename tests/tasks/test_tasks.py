"""What is true of every task: it learns, answers, is scored, saved and loaded, and names what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqmem
from seqmem import (
    CheckpointError,
    Classifier,
    Forecaster,
    SequenceClassifier,
    Tagger,
    TextGenerator,
    Translator,
    load_task,
    registry,
)
from seqmem.tasks import Task, seasonal_naive

TEXTS = [("so good", "praise"), ("good fun", "praise"), ("so bad", "blame"), ("bad luck", "blame")]
SENTENCES = [
    (["Ada", "wrote", "it"], ["NAME", "VERB", "O"]),
    (["Bob", "read"], ["NAME", "VERB"]),
    (["Eve", "wrote", "to", "Bob"], ["NAME", "VERB", "O", "NAME"]),
]
WAVES = [np.sin(np.arange(30.0) / 2), np.cos(np.arange(25.0) / 2)]
FEATURES = [
    (wave[k : k + 8], name) for wave, name in zip(WAVES, ("sine", "cosine"), strict=True) for k in range(9)
]
PAIRS = [("cab", "bac"), ("ab", "ba"), ("abc", "cba"), ("b", "b")]
SMALL: dict[str, Any] = {"hidden_size": 8, "rng": 0}

TASKS: dict[str, tuple[type[Task], Any, dict[str, Any], Any]] = {  # class, examples, sizes, inputs
    "translate": (Translator, PAIRS, {"level": "char", "embedding_size": 4, **SMALL}, ["abc", "", "ca"]),
    "deep": (
        Translator,
        PAIRS,
        {
            "level": "char",
            "embedding_size": 4,
            "num_layers": 2,
            "bidirectional": True,
            "dropout": 0.1,
            **SMALL,
        },
        ["abc", "c"],
    ),
    "classify": (Classifier, TEXTS, {"embedding_size": 4, **SMALL}, ["good", "", "bad bad bad"]),
    "features": (Classifier, FEATURES, SMALL, [WAVES[0][:8], WAVES[1][3:]]),
    "tag": (
        Tagger,
        SENTENCES,
        {"embedding_size": 4, "min_count": 1, **SMALL},
        [["Bob", "wrote"], [], ["Zoe"]],
    ),
    "language-model": (TextGenerator, ["abcabc" * 5, "ab"], {"embedding_size": 4, **SMALL}, ["ab", ""]),
    "forecast": (Forecaster, WAVES, {"length": 6, "horizon": 3, "season": 2, **SMALL}, WAVES),
}

every_task = pytest.mark.parametrize("name", TASKS)


def built(name: str, **more: Any) -> tuple[Any, Any, Any]:
    cls, examples, sizes, inputs = TASKS[name]
    return cls.build(examples, **(sizes | more)), examples, inputs


def same(one: Any, other: Any) -> bool:
    """Whether two lists of answers are equal, arrays bit for bit."""
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def answers(task: Any, inputs: Any) -> Any:
    return task.predict(inputs, **({"rng": 0, "n_symbols": 9} if isinstance(task, TextGenerator) else {}))


@every_task
def test_it_learns_is_scored_and_answers_each_input(name: str) -> None:
    task, examples, inputs = built(name)
    before = task.evaluate(examples)
    history = task.fit(
        examples, validation=examples, epochs=6, batch_size=2, learning_rate=0.02, rng=0, progress=False
    )
    after = task.evaluate(examples)
    assert history.loss[-1] < history.loss[0]
    scores = history.values(task.metric if task.metric != "loss" else "held-out loss")
    assert task.evaluate(examples)[task.metric] == (max if task.direction == "max" else min)(scores)
    key = "rmse" if name == "forecast" else "loss"
    assert after[key] < before[key]
    assert task.metric in after
    assert all(type(value) is float and np.isfinite(value) for value in after.values())
    found = answers(task, inputs)
    assert type(found) is list
    assert len(found) == len(inputs)


@every_task
def test_a_file_brings_back_the_same_task(name: str, tmp_path: Path) -> None:
    task, examples, inputs = built(name)
    task.fit(examples, epochs=1, rng=0, progress=False)
    path = tmp_path / "task.npz"
    task.check_save(path)
    assert not path.exists()
    task.save(path)
    for loaded in (type(task).load(path), load_task(path)):
        assert type(loaded) is type(task)
        assert loaded.metadata() == task.metadata()
        assert loaded.evaluate(examples) == task.evaluate(examples)
        assert same(answers(loaded, inputs), answers(task, inputs))


@every_task
def test_a_seed_decides_the_training(name: str) -> None:
    losses = []
    for _ in range(2):
        task, examples, _ = built(name)
        losses.append(task.fit(examples, epochs=2, batch_size=2, rng=5, progress=False).loss)
    assert losses[0] == losses[1]


@every_task
def test_nothing_is_predicted_of_no_inputs(name: str) -> None:
    task, _, _ = built(name)
    if name == "forecast":
        with pytest.raises(ValueError, match=r"series\[0\] has 0 steps"):
            task.predict([])
    else:
        assert task.predict([]) == []


@every_task
def test_answers_do_not_depend_on_the_company_of_an_input(name: str) -> None:
    task, _, inputs = built(name)
    together = answers(task, inputs)
    for k, one in enumerate(inputs[:1] if name == "language-model" else inputs):
        (alone,) = answers(task, [one])
        if isinstance(alone, np.ndarray):
            np.testing.assert_allclose(alone, together[k], rtol=0, atol=1e-12)  # an order of summation
        else:
            assert alone == together[k]


@every_task
def test_the_file_of_another_task_or_of_a_bare_model_is_refused(name: str, tmp_path: Path) -> None:
    task, _, _ = built(name)
    path = tmp_path / "task.npz"
    other = Forecaster if name != "forecast" else Tagger
    task.save(path)
    with pytest.raises(CheckpointError, match=f"holds a {type(task).__name__}, expected a {other.__name__}"):
        other.load(path)
    seqmem.save(path, seqmem.Linear(2, 3, rng=0))
    with pytest.raises(CheckpointError, match="a model without a task"):
        load_task(path)
    with pytest.raises(
        CheckpointError, match=type(task).__name__ if name not in ("translate", "deep") else "vocabularies"
    ):
        type(task).load(path)
    with pytest.raises(FileNotFoundError):
        load_task(tmp_path / "missing.npz")


@every_task
def test_metadata_that_do_not_fit_the_model_are_refused(name: str, tmp_path: Path) -> None:
    task, _, _ = built(name)
    path = tmp_path / "task.npz"
    for key, value in task.metadata().items():
        kept = {"task": type(task).__name__, **task.metadata()}
        for wrong in ([], {}, "x", 17, None):
            if key in ("season", "columns", "steps") or (key == "length" and wrong == 17) or wrong == value:
                continue
            seqmem.save(path, task.model, kept | {key: wrong})
            with pytest.raises(CheckpointError):
                load_task(path)


def test_a_task_of_ones_own_is_a_file_and_a_registration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_tasks", {})

    @seqmem.register("language")
    class LanguageGuesser(Classifier):
        """Guesses the language of a text by its letters."""

        file_form = "a language, a tab and a text on each line"

    assert registry.task_names()[-1] == "language"
    examples = [("le chat", "fr"), ("the cat", "en"), ("la table", "fr"), ("the table", "en")]
    task = LanguageGuesser.build(examples, "char", hidden_size=6, embedding_size=3, rng=0)
    task.fit(examples, epochs=1, rng=0, progress=False)
    path = tmp_path / "task.npz"
    task.save(path)
    loaded = load_task(path)
    assert type(loaded) is LanguageGuesser
    assert loaded.predict(["chat"]) == task.predict(["chat"])
    monkeypatch.setattr(registry, "_tasks", {})
    with pytest.raises(CheckpointError, match="holds the task 'LanguageGuesser', expected one of Translator"):
        load_task(path)
    for wrong, message in (("", "or none"), ("tag", "the short name of another task")):
        with pytest.raises(ValueError, match=message):
            seqmem.register(wrong)(LanguageGuesser)


# What is refused, by its row.


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "examples is empty"),
        ([("a", "x"), "b"], r"examples\[1\] is 'b', expected a pair of an input and a label"),
        ([("a", "x"), (3, "y")], r"inputs\[1\] is 3, expected a string"),
        ([("a", "x"), ("b", 1.5)], r"labels\[1\] is 1.5, expected a label"),
        ([("a", "x"), ("b", "x")], "labels holds one label, 'x', expected at least two"),
        (
            [([1.0, 2.0], 0), ([1.0, np.nan], 1)],
            r"inputs\[1\] holds nan at \[1(, 0)?\], expected finite",
        ),
        ([([[1.0, 2.0]], 0), ([[1.0]], 1)], r"inputs\[1\] has shape \(1, 1\), expected \(T, 2\)"),
    ],
)
def test_what_a_classifier_cannot_learn_from_is_named_by_its_example(examples: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Classifier.build(examples, **SMALL)


def test_labels_and_features_that_were_not_there_at_training_are_named() -> None:
    texts, _, _ = built("classify")
    with pytest.raises(ValueError, match=r"labels\[1\] is 'meh', expected one of 'blame', 'praise'"):
        texts.evaluate([("so good", "praise"), ("so so", "meh")])
    features, _, _ = built("features")
    with pytest.raises(ValueError, match=r"inputs\[1\] has shape \(4, 2\), expected \(T, 1\)"):
        features.predict([np.ones(4), np.ones((4, 2))])
    tagger, _, _ = built("tag")
    with pytest.raises(ValueError, match=r"examples\[0\]\[1\]\[0\] is 'NUM', expected one of 'NAME'"):
        tagger.evaluate([(["7"], ["NUM"])])


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([(["a", "b"], ["X"])], r"examples\[0\] has 2 words and 1 labels"),
        ([(["a"], ["X"]), ("bc", ["X", "Y"])], r"examples\[1\]\[0\] is of type str"),
        ([(["a", 3], ["X", "Y"])], r"examples\[0\]\[0\]\[1\] is 3, expected a string"),
    ],
)
def test_what_a_tagger_cannot_learn_from_is_named_by_its_example(examples: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Tagger.build(examples, **SMALL)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ([], "series"),
        (np.ones(50), "feature 0 of series changes by 0.0 over every 2 steps"),
        (np.arange(8.0), r"series\[0\] has 8 steps, expected at least 11: length, a season"),
        (np.r_[np.arange(20.0), np.nan], r"series\[0\] holds nan at \[20(, 0)?\], expected finite numbers"),
        ([np.arange(20.0), np.arange(5.0)], r"series\[1\] has 5 steps, expected at least 11"),
        (["a", "b"], "series"),
    ],
)
def test_a_series_that_says_nothing_is_too_short_or_has_holes_is_named(series: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Forecaster.build(series, length=6, horizon=3, season=2, **SMALL)


def test_features_of_another_size_and_short_pasts_are_named() -> None:
    task, _, _ = built("forecast")
    with pytest.raises(ValueError, match=r"series\[0\] has shape \(20, 2\), expected \(T, 1\)"):
        task.predict([np.ones((20, 2))])
    with pytest.raises(ValueError, match=r"series\[1\] has 7 steps, expected at least 8"):
        task.predict([np.arange(8.0), np.arange(7.0)])


def test_a_series_that_never_changes_is_refused_with_its_feature() -> None:
    wave = np.sin(np.arange(30.0))
    with pytest.raises(ValueError, match=r"Forecaster.build: feature 1 of series is 3.0 at every step"):
        Forecaster.build(np.c_[wave, np.full(30, 3.0)], length=6, **SMALL)
    assert Forecaster.build([wave, np.full(30, 3.0)], length=6, **SMALL).horizon == 1  # the other one changes


def test_what_has_no_step_no_label_or_no_pair_is_named_by_its_row() -> None:
    features, _, _ = built("features")
    with pytest.raises(
        ValueError, match=r"Classifier.predict: inputs\[1\] is empty, expected at least one step"
    ):
        features.predict([np.ones(4), np.ones(0)])
    with pytest.raises(TypeError, match=r"Tagger.build: examples\[1\]\[1\]\[0\] is nan, expected a label"):
        Tagger.build([(["a", "b"], ["X", "Y"]), (["c"], [np.nan])], **SMALL)
    with pytest.raises(ValueError, match=r"Translator.build: pairs is empty"):
        Translator.build([], "char", embedding_size=4, **SMALL)
    with pytest.raises(TypeError, match=r"Translator.build: pairs\[1\]\[1\] is None, expected a sequence"):
        Translator.build([("a", "b"), ("c", None)], "char", embedding_size=4, **SMALL)


def test_texts_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="texts holds no symbol"):
        TextGenerator.build([""], **SMALL)
    with pytest.raises(TypeError, match="texts is of type str"):
        TextGenerator.build("a text", **SMALL)


# What belongs to one task alone.


def test_a_forecast_is_what_was_a_season_before_where_the_model_predicts_no_change() -> None:
    series = np.arange(40.0) + np.tile([0.0, 5.0, 2.0], 14)[:40]
    task = Forecaster.build(
        series + np.random.default_rng(0).normal(size=40), length=6, horizon=5, season=3, **SMALL
    )
    for name in ("output.W", "output.b"):
        task.model.params[name][...] = 0
    (found,) = task.predict(series)
    mean = task.scale.mean  # the change that the model predicts then, over each season
    right = seasonal_naive(series[:, None], 5, 3) + mean * np.array([[1], [1], [1], [2], [2]])
    np.testing.assert_allclose(found, right, rtol=1e-12)


def test_the_errors_are_those_of_the_forecasts_one_by_one() -> None:
    task, _, _ = built("forecast")
    series = WAVES[0]
    errors, naive = [], []
    for end in range(8, len(series) - 3 + 1):
        (found,) = task.predict(series[:end])
        errors.append(found[:, 0] - series[end : end + 3])
        naive.append(seasonal_naive(series[:end], 3, 2) - series[end : end + 3])
    scores = task.evaluate(series)
    np.testing.assert_allclose(scores["rmse"], np.sqrt(np.mean(np.square(errors))), rtol=1e-12)
    np.testing.assert_allclose(scores["mae"], np.mean(np.abs(errors)), rtol=1e-12)
    np.testing.assert_allclose(scores["naive rmse"], np.sqrt(np.mean(np.square(naive))), rtol=1e-12)


def test_some_features_are_predicted_from_all() -> None:
    series = np.random.default_rng(0).normal(size=(40, 3))
    task = Forecaster.build(series, length=6, horizon=2, columns=[2], **SMALL)
    (found,) = task.predict(series)
    assert found.shape == (2, 1)
    assert task.evaluate(series)["rmse"] > 0


def test_probabilities_are_those_of_the_labels_in_their_order() -> None:
    task, examples, _ = built("classify")
    p = task.probabilities([text for text, _ in examples])
    assert task.labels.values == ["blame", "praise"]
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert task.predict(["so bad"]) == [task.labels.values[p[2].argmax()]]


def test_a_tagger_knows_a_word_that_it_never_saw_by_its_form() -> None:
    words = [f"{stem}{end}" for stem in ("walk", "talk", "jump", "look") for end in ("ing", "ed")]
    examples = [([word], ["ING" if word.endswith("ing") else "ED"]) for word in words]
    task = Tagger.build(examples, embedding_size=8, min_count=2, hidden_size=8, rng=0)
    task.fit(examples, epochs=30, batch_size=4, learning_rate=0.02, rng=0, progress=False)
    assert task.predict([["swimming"], ["waited"]]) == [["ING"], ["ED"]]


def test_special_symbols_are_no_part_of_a_generated_text() -> None:
    task, _, _ = built("language-model")
    task.model.output.b[:4] = 50.0  # all but certain
    for text in task.predict(["a", ""], n_symbols=50, rng=0):
        assert len(text) == 50
        assert set(text) <= set("abc")
    assert task.predict(["a"], n_symbols=50, until_end=True, rng=0) == [""]


def test_perplexity_is_the_exponential_of_the_loss_whatever_the_windows() -> None:
    task, examples, _ = built("language-model")
    scores = task.evaluate(examples)
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]))
    stream = np.concatenate([[1, *task.vocabulary.encode(text), 2] for text in examples])
    (logits, _), _ = task.model.forward(stream[:-1, None])
    loss, _ = seqmem.cross_entropy(logits, stream[1:, None])
    assert scores["loss"] == pytest.approx(loss, rel=1e-12)


def test_a_classifier_of_another_number_of_labels_or_features_is_refused() -> None:
    model = SequenceClassifier(seqmem.LSTM(2, 3, rng=0), 3)
    labels = seqmem.tasks.Labels(["a", "b"])
    with pytest.raises(ValueError, match="there are 2 labels, expected 3: n_classes"):
        Classifier(model, labels)
    scale = seqmem.data.Standardizer(np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match="scale is of 1 features, expected 2"):
        Classifier(model, seqmem.tasks.Labels(["a", "b", "c"]), scale=scale)

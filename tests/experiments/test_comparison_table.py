"""The lecture's table: its figures are those of the library's own layers."""

import json
from functools import partial

import pytest

from seqmem.cli import compare
from seqmem.cli.compare import compare_text
from seqmem.experiments.comparison_table import COLUMNS, Comparison, Shape, comparison
from seqmem.experiments.experiment import Experiment

SMALL = Shape(T=3, B=2, D=128, H=128)


def a_record(kind, accuracy, start):
    own = {"kind": kind, "start": start, "course": "growing", "seed": 0, "parameters": 7}
    return {**own, "at": [5, 50, 400], "accuracy": accuracy}


def an_experiment(title="memory horizon"):
    found = (
        ("gru", [1, 1, 0.8], "update bias 0"),
        ("gru", [1, 1, 1], "update bias -2"),
        ("lstm", [1, 1, 1], "forget bias 1"),
        ("rnn", [1, 0.5, 0.2], "orthogonal"),
        ("rnn, small start", [0.1, 0, 0], "small"),
    )
    return Experiment(title, {}, [a_record(*one) for one in found])


def test_the_parameters_at_128_are_those_of_the_formulas():
    table = comparison(shape=SMALL, repeats=1)
    one = 128 * 128 + 128 * 128 + 128
    scorer = 128 * 64 * 2 + 64 + 64
    assert isinstance(table, Comparison)
    assert table.parameters == (one, 4 * one, 3 * one, 4 * one + scorer)
    assert table.parameters_two_biases == (
        one + 128,
        4 * (one + 128),
        3 * (one + 128),
        4 * (one + 128) + scorer,
    )
    assert table.gru_to_lstm == 0.75
    assert table.gru_to_lstm_two_biases == 0.75


def test_the_state_is_what_a_sequence_carries():
    assert comparison(shape=SMALL, repeats=1).state_floats == (128, 256, 128, 256 + 3 * 128)


def test_a_longer_sequence_takes_longer():
    short = comparison(shape=Shape(T=2, B=2, D=8, H=8, A=4), repeats=3).milliseconds
    long = comparison(shape=Shape(T=200, B=2, D=8, H=8, A=4), repeats=3).milliseconds
    assert all(0 < a < b for a, b in zip(short, long, strict=True))


def test_the_memory_rows_are_those_of_the_experiment_and_its_absence_is_said():
    with_memory = comparison(an_experiment(), shape=SMALL, repeats=1)
    assert with_memory.horizon == (
        ("network", "start", "from near to far"),
        ("rnn", "small", "at 5"),
        ("rnn", "orthogonal", "at 50"),
        ("lstm", "forget bias 1", "not up to 400"),
        ("gru", "update bias 0", "at 400"),
        ("gru", "update bias -2", "not up to 400"),
    )
    assert "gru      update bias -2  not up to 400" in str(with_memory)
    assert "not measured here" not in str(with_memory)
    assert "not measured here" in str(comparison(shape=SMALL, repeats=1))


def test_the_text_has_the_lectures_rows_the_figures_and_the_choice(monkeypatch):
    small = partial(comparison, shape=SMALL)  # the full size takes seconds
    monkeypatch.setattr(compare, "comparison", small)
    text = compare_text()
    for words in (
        "vanishes",
        "update gate",
        "131,584",
        "exactly 3/4",
        "0.7529",
        "When to choose which",
        *COLUMNS,
    ):
        assert words in text
    figures = json.loads(compare_text(as_json=True))
    assert figures["gru_to_lstm"] == 0.75
    assert figures["columns"] == list(COLUMNS)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="comparison: memory has the title 'bottleneck'"):
        comparison(an_experiment("bottleneck"))
    with pytest.raises(ValueError, match="comparison: repeats is 0"):
        comparison(repeats=0)

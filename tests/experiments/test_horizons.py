"""The memory experiment: runs that are functions of their settings, courses that draw what they say."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from seqmem.cli.memory import memory_text
from seqmem.experiments import horizons
from seqmem.experiments.bottlenecks import BottleneckSettings
from seqmem.experiments.experiment import Experiment
from seqmem.experiments.horizons import MemorySettings, memory_runs, run_memory
from seqmem.experiments.networks import KINDS
from seqmem.experiments.run_all import _file_name

TINY = MemorySettings(
    seeds=(0, 1),
    alone_distances=(5, 6),
    distances=(5, 8),
    longest=8,
    budget=4000,
    steps=2,
    alone_steps=2,
    test_count=24,
)
TINY_BOTTLENECK = BottleneckSettings(
    seeds=(0,), longest=3, lengths=(1, 3), budget=3150, steps=2, test_count=4
)


def test_every_kind_course_seed_and_distance_has_its_run_the_long_ones_first():
    runs = memory_runs(TINY)
    assert len(runs) == 2 * (len(KINDS) + 2) * (2 + 1 + 1)  # LSTM and GRU have two starts
    names = {(run["kind"], run["bias"], run["course"], run["seed"], run["longest"]) for run in runs}
    assert len(names) == len(runs)
    work = [horizons._expected_work(run) for run in memory_runs(MemorySettings.quick())]
    assert work == sorted(work, reverse=True)
    assert len({_file_name(run_memory, run) for run in runs}) == len(runs)


def test_a_run_can_be_pickled_and_depends_on_nothing_but_its_settings():
    run = memory_runs(TINY)[0]
    moved, copied = pickle.loads(pickle.dumps((run_memory, run)))
    first, second, other = moved(copied), run_memory(run), run_memory({**run, "seed": 9})
    for record in (first, second, other):
        record.pop("seconds")
    assert first == second
    assert other["loss"] != first["loss"]


def test_the_two_rnns_differ_in_their_start_and_nothing_else():
    settings = replace(TINY, courses=("mixed",), seeds=(0,), learning_rates=dict.fromkeys(KINDS, 0.01))
    runs = {run["kind"]: run for run in memory_runs(settings)}
    assert {**runs["rnn"], "kind": "rnn, small start"} == runs["rnn, small start"]
    assert run_memory(runs["rnn"])["loss"] != run_memory(runs["rnn, small start"])["loss"]


def test_starts_differ_in_a_bias_and_nothing_else_and_the_record_names_them():
    settings = replace(TINY, kinds=("gru", "lstm + attention"), courses=("mixed",), seeds=(0,))
    settings = replace(settings, starts={"gru": (0, -2.5), "lstm + attention": (1.0,)})
    runs = {(run["kind"], run["bias"]): run for run in memory_runs(settings)}
    zero, low, attention = (runs[key] for key in (("gru", 0), ("gru", -2.5), ("lstm + attention", 1)))
    assert {**low, "bias": 0.0} == zero
    assert [run_memory(run)["start"] for run in (zero, low, attention)] == [
        "update bias 0",
        "update bias -2.5",
        "forget bias 1",
    ]
    assert run_memory(zero)["loss"] != run_memory(low)["loss"]


def test_the_courses_draw_what_they_say():
    rng = np.random.default_rng(0)
    draw = horizons._draw_distance
    run = {"longest": 400, "course": "alone"}
    assert {draw(run, 0.1, rng) for _ in range(9)} == {400}
    mixed = [draw(run | {"course": "mixed"}, 0.0, rng) for _ in range(2000)]
    assert min(mixed) == 5
    assert max(mixed) > 390
    assert np.median(mixed) == pytest.approx(np.sqrt(5 * 400), rel=0.15)
    growing = run | {"course": "growing"}
    assert {draw(growing, 0.0, rng) for _ in range(99)} == {5}
    assert 15 < max(draw(growing, 0.2, rng) for _ in range(500)) < 25
    assert max(draw(growing, 0.6, rng) for _ in range(2000)) > 390


def test_a_network_learns_the_task_and_the_record_says_so():
    settings = replace(
        TINY, kinds=("gru",), seeds=(0,), courses=("alone",), alone_distances=(5,), alone_steps=150
    )
    settings = replace(settings, starts={"gru": (-1.0,)})
    (run,) = memory_runs(settings)
    record = run_memory(run)
    assert record["accuracy"][0] > 0.95
    untrained = run_memory({**run, "steps": 1})
    assert untrained["accuracy"][0] < 0.4


def test_the_command_prints_both_experiments(monkeypatch, tmp_path):
    monkeypatch.setattr(MemorySettings, "quick", classmethod(lambda cls: replace(TINY, courses=("growing",))))
    monkeypatch.setattr(BottleneckSettings, "quick", classmethod(lambda cls: TINY_BOTTLENECK))
    options = {"quick": True, "distances": [9, 5], "seeds": [3], "folder": tmp_path}
    with ThreadPoolExecutor(1) as executor:
        text = memory_text(executor=executor, **options)
        found = json.loads(memory_text(executor=executor, as_json=True, **options))
    assert "GROWING" in text
    assert "REVERSE" in text
    assert found["memory"]["settings"]["longest"] == 9
    assert {record["seed"] for record in found["memory"]["records"]} == {3}
    assert found["memory"]["records"][0]["at"] == [5, 9]
    assert Experiment.from_json(json.dumps(found)).records == found["memory"]["records"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": ("rnn", "cnn")}, "kinds is 'cnn', expected some of rnn"),
        ({"courses": ()}, "courses is empty"),
        ({"distances": (5, 4)}, "distances holds 4, expected integers of at least 5"),
        ({"longest": 4}, "longest holds 4, expected integers of at least 5"),
        ({"seeds": ()}, "seeds is empty"),
        ({"seeds": (True,)}, "seeds holds True"),
        ({"steps": 0}, "steps is 0"),
        ({"learning_rates": {"rnn": 1.0}}, "learning_rates has none for 'rnn, small start'"),
        ({"starts": {"lstm": (1.0,)}}, "starts has none for 'gru'"),
        ({"starts": {"rnn": (1.0,)}}, "starts is 'rnn', expected some of lstm"),
        ({"starts": {**MemorySettings().starts, "gru": (1, 1.0)}}, "expected different biases"),
        ({"starts": {**MemorySettings().starts, "gru": ()}}, "expected different biases"),
        ({"starts": {**MemorySettings().starts, "gru": (np.inf,)}}, "expected a finite number"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)


def test_every_kind_has_its_learning_rate():
    assert set(MemorySettings().learning_rates) == set(KINDS)

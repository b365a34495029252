"""The bottleneck experiment: equal budgets, the tasks are what they are called, and are learnt."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from seqmem.experiments.bottlenecks import (
    BottleneckSettings,
    _make_seq2seq,
    _symbols_batch,
    bottleneck_runs,
    run_bottleneck,
)

TINY_BOTTLENECK = BottleneckSettings(
    seeds=(0,), longest=3, lengths=(1, 3), budget=3150, steps=2, test_count=4
)


@pytest.mark.parametrize("settings", [BottleneckSettings.quick(), BottleneckSettings.full()])
def test_both_contexts_have_equal_budgets(settings):
    counts = []
    for run in bottleneck_runs(settings)[:2]:
        sizes = (run["symbols"], run["embedding_size"], run["hidden_size"])
        model = _make_seq2seq(run["kind"], *sizes, np.random.default_rng(0))
        counts.append(sum(param.size for param in model.params.values()))
    assert max(counts) <= 1.03 * min(counts)


def test_a_run_can_be_pickled_and_depends_on_nothing_but_its_settings():
    run = bottleneck_runs(TINY_BOTTLENECK)[0]
    moved, copied = pickle.loads(pickle.dumps((run_bottleneck, run)))
    first, second, other = moved(copied), run_bottleneck(run), run_bottleneck({**run, "seed": 9})
    for record in (first, second, other):
        record.pop("seconds")
    assert first == second
    assert other["loss"] != first["loss"]


def test_an_encoder_decoder_learns_to_reverse_and_to_copy():
    for task in ("reverse", "copy"):
        settings = replace(
            TINY_BOTTLENECK,
            task=task,
            symbols=3,
            longest=1,
            lengths=(1,),
            steps=120,
            budget=3250,
            learning_rate=0.02,
        )
        for run in bottleneck_runs(settings):
            assert run_bottleneck(run)["accuracy"] == [1.0], task


def test_reversing_and_copying_are_what_they_are_called():
    rng = np.random.default_rng(0)
    for task, order in (("reverse", -1), ("copy", 1)):
        batch = _symbols_batch({"task": task, "symbols": 10}, 3, 5, rng)
        np.testing.assert_array_equal(batch.targets[:-1], batch.source[::order])
        np.testing.assert_array_equal(batch.inputs[1:], batch.targets[:-1])
        assert (batch.targets[-1] == 2).all()
        assert (batch.inputs[0] == 1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": (0,)}, "lengths holds 0"),
        ({"task": "sort"}, "task is 'sort', expected some of copy, reverse"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY_BOTTLENECK, **changes)

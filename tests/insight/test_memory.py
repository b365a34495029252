"""The experiments: equal budgets, runs that are functions of their settings, resuming, any executor."""

import json
import pickle
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from seqmem import gradcheck
from seqmem.data import recall
from seqmem.insight import memory
from seqmem.insight.memory import (
    CONTEXTS,
    COURSES,
    KINDS,
    BottleneckSettings,
    Experiment,
    MemorySettings,
    Reader,
    bottleneck,
    bottleneck_runs,
    hidden_size_for,
    memory_command,
    memory_horizon,
    memory_runs,
    run_all,
    run_bottleneck,
    run_memory,
)

TINY = MemorySettings(
    seeds=(0, 1), alone=(5, 6), tested=(5, 8), longest=8, budget=4000, steps=2, alone_steps=2, examples=24
)
TINY_BOTTLENECK = BottleneckSettings(seeds=(0,), longest=3, tested=(1, 3), budget=3150, steps=2, examples=4)


IDENTITY = {"course": "alone", "parameters": 7}


class Here:
    """An executor that runs at once, in this thread, and counts."""

    def __init__(self):
        self.runs = []

    def submit(self, function, run):
        self.runs.append(run)
        future = Future()
        try:
            future.set_result(function(run))
        except ArithmeticError as error:
            future.set_exception(error)
        return future


def without_time(experiment):
    return [
        {key: value for key, value in record.items() if key != "seconds"} for record in experiment.records
    ]


def an_experiment(accuracies, course="growing", at=(5, 10, 50, 200)):
    """An experiment of made-up accuracies: for each kind, a list for each seed."""
    records = [
        {**IDENTITY, "kind": kind, "course": course, "seed": seed, "at": list(at), "accuracy": list(values)}
        for kind, seeds in accuracies.items()
        for seed, values in enumerate(seeds)
    ]
    return Experiment("memory horizon", {}, records)


@pytest.mark.parametrize("attention_size", [0, 3])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_readers_gradients_are_right(cell, attention_size):
    reader = Reader(7, 3, 2, 4, cell=cell, attention_size=attention_size, rng=0)
    rng = np.random.default_rng(0)
    for param in reader.params.values():
        param[...] = rng.uniform(-0.8, 0.8, param.shape)
    report = gradcheck(reader, rng.integers(7, size=(5, 3)), tolerance=1e-11)
    assert report.passed, report


@pytest.mark.parametrize("settings", [MemorySettings(), MemorySettings.quick(), MemorySettings.full()])
def test_all_networks_have_equal_budgets(settings):
    counts = []
    for kind in settings.kinds:
        H, E = hidden_size_for(kind, settings.budget, settings.embedding_size), settings.embedding_size
        attention_size = memory.ATTENTION_SIZE if kind == "lstm + attention" else 0
        cell = kind.replace(",", " ").split()[0]
        reader = Reader(len(recall.VOCABULARY), 12, E, H, cell=cell, attention_size=attention_size, rng=0)
        counts.append(sum(param.size for param in reader.params.values()))
        assert counts[-1] == memory.parameters_of(kind, H, E)
    assert max(counts) <= 1.03 * min(counts)


@pytest.mark.parametrize("settings", [BottleneckSettings.quick(), BottleneckSettings.full()])
def test_both_contexts_have_equal_budgets(settings):
    counts = []
    for run in bottleneck_runs(settings)[:2]:
        sizes = (run["symbols"], run["embedding_size"], run["hidden_size"])
        model = memory._make_seq2seq(run["kind"], *sizes, np.random.default_rng(0))
        counts.append(sum(param.size for param in model.params.values()))
    assert max(counts) <= 1.03 * min(counts)


def test_a_budget_that_no_size_meets_is_refused():
    with pytest.raises(ValueError, match=r"expected 1500 within 3 %"):
        hidden_size_for("lstm", 1500, 16)


def test_every_kind_course_seed_and_distance_has_its_run_the_long_ones_first():
    runs = memory_runs(TINY)
    assert len(runs) == 2 * len(KINDS) * (2 + 1 + 1)
    names = {(run["kind"], run["course"], run["seed"], run["longest"]) for run in runs}
    assert len(names) == len(runs)
    work = [memory._expected_work(run) for run in memory_runs(MemorySettings.quick())]
    assert work == sorted(work, reverse=True)
    assert len({memory._file_name(run_memory, run) for run in runs}) == len(runs)


def test_runs_can_be_pickled_and_depend_on_nothing_but_their_settings():
    for function, run in (
        (run_memory, memory_runs(TINY)[0]),
        (run_bottleneck, bottleneck_runs(TINY_BOTTLENECK)[0]),
    ):
        moved, copied = pickle.loads(pickle.dumps((function, run)))
        first, second, other = moved(copied), function(run), function({**run, "seed": 9})
        for record in (first, second, other):
            record.pop("seconds")
        assert first == second
        assert other["loss"] != first["loss"]


def test_the_small_start_is_small_and_differs_from_the_orthogonal_one():
    reader = Reader(5, 3, 2, 200, cell="rnn", rng=0)
    before = reader.cell.W_h.copy()
    memory._start_small(reader.cell, np.random.default_rng(0))
    radius = np.abs(np.linalg.eigvals(reader.cell.W_h)).max()
    assert 0.5 < radius < 0.7
    assert np.abs(np.linalg.eigvals(before)).max() == pytest.approx(1)


def test_the_two_rnns_differ_in_their_start_and_nothing_else():
    settings = replace(TINY, courses=("mixed",), seeds=(0,), learning_rates=dict.fromkeys(KINDS, 0.01))
    runs = {run["kind"]: run for run in memory_runs(settings)}
    assert {**runs["rnn"], "kind": "rnn, small start"} == runs["rnn, small start"]
    assert run_memory(runs["rnn"])["loss"] != run_memory(runs["rnn, small start"])["loss"]


def test_the_courses_draw_what_they_say():
    rng = np.random.default_rng(0)
    draw = memory._draw_distance
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
    settings = replace(TINY, kinds=("gru",), seeds=(0,), courses=("alone",), alone=(5,), alone_steps=150)
    (run,) = memory_runs(settings)
    record = run_memory(run)
    assert record["accuracy"][0] > 0.95
    untrained = run_memory({**run, "steps": 1})
    assert untrained["accuracy"][0] < 0.4


def test_an_encoder_decoder_learns_to_reverse_and_to_copy():
    for task in ("reverse", "copy"):
        settings = replace(
            TINY_BOTTLENECK,
            task=task,
            symbols=3,
            longest=1,
            tested=(1,),
            steps=120,
            budget=3250,
            learning_rate=0.02,
        )
        for run in bottleneck_runs(settings):
            assert run_bottleneck(run)["accuracy"] == [1.0], task


def test_reversing_and_copying_are_what_they_are_called():
    rng = np.random.default_rng(0)
    for task, order in (("reverse", -1), ("copy", 1)):
        batch = memory._symbols_batch({"task": task, "symbols": 10}, 3, 5, rng)
        np.testing.assert_array_equal(batch.targets[:-1], batch.source[::order])
        np.testing.assert_array_equal(batch.inputs[1:], batch.targets[:-1])
        assert (batch.targets[-1] == 2).all()
        assert (batch.inputs[0] == 1).all()


def test_finished_runs_are_not_run_again_and_the_rest_is(tmp_path):
    settings = replace(TINY, kinds=("rnn", "gru"), courses=("alone",), seeds=(0,))
    first = Here()
    whole = memory_horizon(settings, executor=first, folder=tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(first.runs) == len(files) == 4
    assert {path.suffix for path in files} == {".json"}
    files[0].unlink()
    files[1].write_text('{"run": ')  # cut off
    second = Here()
    again = memory_horizon(settings, executor=second, folder=tmp_path)
    assert len(second.runs) == 2
    assert without_time(again) == without_time(whole)
    third = Here()
    memory_horizon(replace(settings, alone_steps=3), executor=third, folder=tmp_path)
    assert len(third.runs) == 4  # other settings


def test_a_failing_run_is_raised_after_the_others_were_kept(tmp_path):
    runs = [{"kind": "rnn", "course": "alone", "seed": seed, "longest": 5, "steps": 1} for seed in range(3)]
    with pytest.raises(ZeroDivisionError):
        run_all(_fails_for_seed_1, runs, executor=Here(), folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interruption_leaves_nothing_in_the_queue():
    class Busy:
        """Finishes its first run only."""

        futures: ClassVar[list] = []

        def submit(self, function, run):
            self.futures.append(Future())
            if len(self.futures) == 1:
                self.futures[0].set_result({})
            return self.futures[-1]

    busy, runs = Busy(), memory_runs(TINY)[:3]
    finished = memory._finished(busy, run_memory, runs, [0, 1, 2])
    assert next(finished) == (0, {})
    finished.close()  # what an exception in the consumer does
    assert [future.cancelled() for future in busy.futures] == [False, True, True]


def _fails_for_seed_1(run):
    return {"value": 1 / (run["seed"] - 1)}


def test_threads_and_processes_find_the_same(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    settings = replace(TINY, kinds=("rnn",), courses=("mixed",))
    with ThreadPoolExecutor(2) as threads:
        one = memory_horizon(settings, executor=threads)
    other = memory_horizon(settings, folder=tmp_path)
    assert without_time(one) == without_time(other)
    assert "OPENBLAS_NUM_THREADS" not in memory.os.environ


def test_a_cluster_needs_no_code_of_ours(require):
    distributed = require("distributed")
    settings = replace(TINY, kinds=("rnn",), courses=("mixed",))
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
    ) as client:
        found = memory_horizon(settings, executor=client.get_executor())
    assert without_time(found) == without_time(memory_horizon(settings, executor=Here()))


def test_progress_is_shown_when_it_is_asked_for(capsys):
    settings = replace(TINY, kinds=("rnn",), courses=("mixed",))
    memory_horizon(settings, executor=Here(), progress=True)
    shown = capsys.readouterr()
    assert "100% run 2/2  rnn, mixed, seed" in shown.err
    memory_horizon(settings, executor=Here(), progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_horizon_is_the_first_distance_below_nine_tenths():
    found = an_experiment({"rnn": [[1, 0.9, 0.5, 1], [1, 1, 0.9, 0.2]], "lstm": [[1, 1, 1, 0.95]] * 2})
    rnn, lstm = found.row("rnn", "growing"), found.row("lstm", "growing")
    assert rnn.means == pytest.approx([1, 0.95, 0.7, 0.6])
    assert (rnn.below, rnn.below_by_seed) == (50, [50, 200])
    assert (lstm.below, lstm.below_by_seed) == (None, [None, None])
    assert found.row("gru", "growing") is None
    assert found.accuracy("growing")["rnn"][50] == [0.5, 0.9]
    assert found.accuracy("alone") == {}


def test_distances_of_networks_of_their_own_stand_in_one_row():
    records = [
        {**IDENTITY, "kind": "rnn", "seed": seed, "at": [at], "accuracy": [seed / 10 + at / 100]}
        for at in (20, 5)
        for seed in (1, 0)
    ]
    (row,) = Experiment("memory horizon", {}, records).rows
    assert row.at == [5, 20]
    assert row.accuracy == [[0.05, pytest.approx(0.15)], [0.2, pytest.approx(0.3)]]


def test_the_text_says_what_the_figures_say():
    text = str(an_experiment({"rnn": [[1, 1, 1, 0.1]], "lstm": [[1, 1, 1, 1]]}))
    assert "an RNN that starts orthogonal reaches 50 and is below 90 % at 200" in text
    assert "5-10 words do not hold: it is more" in text
    assert "an LSTM stays at 90 % or more up to 200" in text
    assert "hundreds hold" in text
    shallow = str(an_experiment({"rnn": [[1, 1]], "lstm": [[1, 1]]}, at=(5, 10)))
    assert shallow.count("can neither be shown nor refuted") == 2
    short = str(an_experiment({"rnn": [[1, 0.5, 0.5, 0.1]], "lstm": [[1, 1, 0.5, 1]]}))
    assert "reaches 5 and is below 90 % at 10: the lecture's 5-10 words hold" in short
    assert "hundreds do not hold: it is less" in short
    assert "below 90 % even at 5" in str(an_experiment({"rnn": [[0.5] * 4]}))


def test_an_experiment_survives_json():
    found = bottleneck(TINY_BOTTLENECK, executor=Here())
    again = Experiment.from_json(found.to_json())
    assert str(again) == str(found)
    assert again.records == found.records
    assert again.settings["task"] == "reverse"
    assert {row.kind for row in again.rows} == set(CONTEXTS)
    with pytest.raises(ValueError, match=r"Experiment.from_json: expected an object of"):
        Experiment.from_json('{"title": 1}')


def test_the_command_prints_both_experiments(monkeypatch, tmp_path):
    monkeypatch.setattr(MemorySettings, "quick", classmethod(lambda cls: replace(TINY, courses=("growing",))))
    monkeypatch.setattr(BottleneckSettings, "quick", classmethod(lambda cls: TINY_BOTTLENECK))
    text = memory_command(executor=Here(), lags=[9, 5], seeds=[3], folder=tmp_path)
    assert "GROWING" in text
    assert "REVERSE" in text
    found = json.loads(memory_command(executor=Here(), as_json=True, lags=[9, 5], seeds=[3], folder=tmp_path))
    assert found["memory"]["settings"]["longest"] == 9
    assert {record["seed"] for record in found["memory"]["records"]} == {3}
    assert found["memory"]["records"][0]["at"] == [5, 9]
    assert Experiment.from_json(json.dumps(found)).records == found["memory"]["records"]


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        (TINY, {"kinds": ("rnn", "cnn")}, "kinds is 'cnn', expected some of rnn"),
        (TINY, {"courses": ()}, "courses is empty"),
        (TINY, {"tested": (5, 4)}, "tested holds 4, expected integers of at least 5"),
        (TINY, {"longest": 4}, "longest holds 4, expected integers of at least 5"),
        (TINY, {"seeds": ()}, "seeds is empty"),
        (TINY, {"seeds": (True,)}, "seeds holds True"),
        (TINY, {"steps": 0}, "steps is 0"),
        (TINY, {"learning_rates": {"rnn": 1.0}}, "learning_rates has none for 'rnn, small start'"),
        (TINY_BOTTLENECK, {"tested": (0,)}, "tested holds 0"),
        (TINY_BOTTLENECK, {"task": "sort"}, "task is 'sort', expected some of copy, reverse"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(settings, **changes)


def test_a_reader_needs_something_to_read():
    with pytest.raises(ValueError, match=r"Reader.forward: tokens has no step"):
        Reader(5, 3, 2, 4, rng=0).forward(np.zeros((0, 2), int))


def test_every_course_and_kind_has_its_title_and_rate():
    assert set(memory._COURSE_WORDS) == set(COURSES)
    assert set(MemorySettings().learning_rates) == set(KINDS)

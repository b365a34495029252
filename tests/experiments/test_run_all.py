"""Runs: any executor, resumed from a folder, the failing one raised after the others were kept."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import pytest

from seqmem.experiments.horizons import MemorySettings, memory_horizon, memory_runs, run_memory
from seqmem.experiments.run_all import _finished, run_all

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


def test_finished_runs_are_not_run_again_and_the_rest_is(tmp_path):
    settings = replace(TINY, kinds=("rnn", "rnn, small start"), courses=("alone",), seeds=(0,))
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
    finished = _finished(busy, run_memory, runs, [0, 1, 2])
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
    assert "OPENBLAS_NUM_THREADS" not in os.environ


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

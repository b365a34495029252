"""The benchmarks measure the same computation everywhere, and their tables say what was measured."""

import argparse
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import compare, contests, goals, indirection, measure, revisions, table, worker
from benchmarks.contests import BOTH, EAGER, FUSED, HIPS, Contest, Job
from benchmarks.goals import Goal
from benchmarks.measure import DisagreementError, Row, Settings, WorkerError
from benchmarks.problems import (
    LEARNING_RATE,
    classifier_problem,
    layer_problem,
    stack_problem,
    translation_problem,
    without_end,
)
from benchmarks.revisions import Revision, RevisionError
from benchmarks.subjects import ours
from comparing import TERMS, assert_close, rounding

from seqmem import LSTMCell, Recurrent

SHAPE = (5, 3, 4, 6)  # T, B, D, H
SIZES = (4, 7, 6, 3, 5, 4, 11)  # B, S, T, E, H, A, V


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_torchs_layers_compute_what_ours_do(require, kind):
    require("torch")
    from benchmarks.subjects import torch_fused

    problem = layer_problem(kind, SHAPE, "float64")
    assert_close(torch_fused.layer(problem).results(), ours.layer(problem).results())


def test_torchs_loop_of_cells_computes_what_ours_does(require):
    require("torch")
    from benchmarks.subjects import torch_cells

    problem = layer_problem("lstm", SHAPE, "float64")
    assert_close(torch_cells.layer(problem).results(), ours.layer(problem).results())


def test_a_single_step_of_torchs_cell_computes_what_ours_does(require):
    require("torch")
    from benchmarks.subjects import torch_cells

    problem = layer_problem("lstm", (1, 3, 4, 6), "float64")
    assert_close(torch_cells.step(problem).results(), ours.step(problem).results())


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_onnxruntimes_operators_compute_what_ours_do(require, kind, batch_size):
    require("onnxruntime")
    require("onnx")
    from benchmarks.subjects import onnx_runtime

    problem = layer_problem(kind, (5, batch_size, 4, 6), "float32")
    theirs, right = onnx_runtime.inference(problem).results(), ours.inference(problem).results()
    # its tanh and sigmoid are rational functions, right to four units in the last place
    assert_close(theirs, right, rounding(np.float32, TERMS, size=4))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_hips_autograd_computes_what_ours_does_and_in_the_same_dtype(require, dtype):
    require("autograd")
    from benchmarks.subjects import hips_autograd

    problem = layer_problem("lstm", SHAPE, dtype)
    theirs, right = hips_autograd.layer(problem).results(), ours.layer(problem).results()
    assert_close(theirs, right)
    assert {array.dtype for array in (*theirs.values(), *right.values())} == {np.dtype(dtype)}


@pytest.mark.parametrize("readout", ["state", "all"])
@pytest.mark.parametrize("unequal", [False, True])
def test_eager_torchs_training_step_is_ours(require, unequal, readout):
    require("torch")
    from benchmarks.subjects import torch_eager

    problem = translation_problem(SIZES, "float64", unequal, readout)
    # a move is a difference of parameters over the rate; Adam's first is a gradient over its own size, whose
    # terms may cancel
    bound = rounding(np.float64, TERMS, size=16 / LEARNING_RATE)
    assert_close(torch_eager.training(problem).results(), ours.training(problem).results(), bound)


def test_torchs_layers_on_top_of_each_other_and_its_classifier_compute_what_ours_do(require):
    require("torch")
    from benchmarks.subjects import torch_eager, torch_fused

    problem = stack_problem(SHAPE, "float64")
    assert_close(torch_fused.stack(problem).results(), ours.stack(problem).results())
    problem = classifier_problem((3, 6, 2, 5, 11, 4), "float64")
    assert_close(torch_eager.classifier(problem).results(), ours.classifier(problem).results())


@pytest.mark.parametrize("readout", ["state", "all"])
def test_greedy_decoding_in_eager_torch_finds_our_tokens_and_takes_all_steps(require, readout):
    require("torch")
    from benchmarks.subjects import torch_eager

    problem = without_end(translation_problem(SIZES, "float64", readout=readout))
    right = ours.decoding(problem).results()
    assert right["tokens"].shape == (SIZES[2], SIZES[0])
    assert_close(torch_eager.decoding(problem).results(), right)


@pytest.mark.parametrize("readout", ["state", "all"])
def test_beam_search_in_eager_torch_finds_our_best_and_takes_all_steps(require, readout):
    require("torch")
    from benchmarks.subjects import torch_eager

    problem = without_end(translation_problem(SIZES, "float64", readout=readout))
    right = ours.beam(problem).results()
    assert right["tokens"].shape == (SIZES[2], SIZES[0])
    assert_close(torch_eager.beam(problem).results(), right)


def test_results_that_differ_stop_the_run_and_name_the_array():
    jobs = {"seqmem": Job("ours", "layer", "rnn", SHAPE, "float64"), "other": Job("floor", "layer")}
    contest = Contest("rnn", "RNN", "", jobs)
    results = ours.layer(layer_problem("rnn", SHAPE, "float64")).results()

    def digests(arrays):
        return {name: worker.digest(name, array) for name, array in arrays.items()}

    right = digests(results)
    measure.check_agreement(contest, {"seqmem": right, "other": digests(results)})
    wrong = results | {"d_xs": results["d_xs"].copy()}
    wrong["d_xs"][2, 1, 3] += 1e-6
    with pytest.raises(DisagreementError, match="other's d_xs differs"):
        measure.check_agreement(contest, {"seqmem": right, "other": digests(wrong)})
    swapped = results | {"hs": results["hs"][::-1]}  # the same norm
    with pytest.raises(DisagreementError, match="other's hs differs"):
        measure.check_agreement(contest, {"seqmem": right, "other": digests(swapped)})
    with pytest.raises(DisagreementError, match="hs"):
        measure.check_agreement(contest, {"seqmem": right, "other": digests({"d_xs": results["d_xs"]})})


def test_a_contest_runs_in_processes_of_its_own_and_gives_a_ratio_for_every_round():
    jobs = {label: Job(label, "layer", "lstm", SHAPE, "float32") for label in ("ours", "floor")}
    rows = measure.measure(Contest("lstm", "LSTM", "", jobs), Settings(2, 0, 0.001, 1, threads=2))
    assert [(row.figure, row.threads) for row in rows] == [("forward", 2), (BOTH, 2)]
    for row in rows:
        assert len(row.judged) == 2
        assert row.judged == [floor / own for own, floor in zip(row.ours, row.other, strict=True)]
        assert row.median > 0


def test_what_is_not_installed_is_named_in_its_rows_and_in_its_goal(monkeypatch):
    monkeypatch.setitem(contests.PACKAGES, "hips_autograd", ("numpy", "no_such_package"))
    jobs = {label: Job(label, "layer", "rnn", SHAPE, "float32") for label in ("ours", "hips_autograd")}
    rows = measure.measure(Contest("rnn", "RNN", "", jobs), Settings(1, 0, 0.001, 1, 1))
    reason = "no_such_package is not installed"
    assert [row.missing for row in rows] == [reason, reason]
    assert all(f"missing: {reason}" in table.row_cells(row) for row in rows)
    goal = Goal("RNN", ("rnn",), BOTH, "hips_autograd", "only", 1.0)
    assert table.outcome(goal, rows).verdict == reason
    assert reason in table.markdown({1: [goal]}, rows, {"cores": 2})


def row(name="a", ours=(1.0, 1.0, 1.0), other=(2.0, 1.0, 4.0), at_most=False):
    return Row(name, "work", name, BOTH, "other", "ms", at_most, list(ours), list(other))


def goal(*names, how="geometric mean", must=2.0, aim=3.0):
    return Goal("work", names, BOTH, "other", how, must, aim)


def test_ratios_are_taken_within_a_round_and_the_median_of_them_is_shown():
    assert row(ours=(1.0, 2.0, 4.0), other=(3.0, 2.0, 2.0)).judged == [3.0, 1.0, 0.5]
    assert row(ours=(1.0, 2.0, 4.0), other=(3.0, 2.0, 2.0)).median == 1.0
    assert row(ours=(3.0,), other=(2.0,), at_most=True).judged == [1.5]


def test_a_geometric_mean_is_taken_of_the_medians_and_its_spread_over_the_rounds():
    rows = [row("a"), row("b", other=(8.0, 8.0, 1.0))]
    found = table.outcome(goal("a", "b"), rows)
    assert math.isclose(found.figure, 4.0)  # of 2 and 8
    assert found.spread == pytest.approx((2.0, 4.0))  # rounds: √16, √8, √4
    assert found.shape == "geometric mean of 2"
    assert table.geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def test_the_worst_shape_is_the_smallest_ratio_or_the_largest_where_small_is_good():
    rows = [row("a"), row("b", other=(1.0, 1.0, 1.0))]
    assert table.outcome(goal("a", "b", how="worst"), rows).shape == "worst of 2: b"
    assert table.outcome(goal("a", "b", how="worst"), rows).figure == 1.0
    nameless = [one._replace(shape="", work=f"import {one.contest}") for one in rows]
    assert table.outcome(goal("a", "b", how="worst"), nameless).shape == "worst of 2: import b"
    rows = [row("a", at_most=True), row("b", other=(1.0, 1.0, 1.0), at_most=True)]
    assert table.outcome(goal("a", "b", how="worst"), rows).figure == 1.0


@pytest.mark.parametrize(
    ("figure", "at_most", "verdict"),
    [
        *((3.0, False, "aim reached"), (2.9, False, "reached"), (1.9, False, "MISSED")),
        *((3.1, True, "MISSED"), (3.0, True, "reached"), (2.0, True, "aim reached")),
    ],
)
def test_a_verdict_compares_with_the_aim_and_with_what_must_be_reached(figure, at_most, verdict):
    bounds = {"must": 3.0, "aim": 2.0} if at_most else {"must": 2.0, "aim": 3.0}
    ours, other = ([figure], [1.0]) if at_most else ([1.0], [figure])
    found = table.outcome(goal("a", how="only", **bounds), [row("a", ours, other, at_most)])
    assert found.verdict == verdict


def test_no_verdict_from_a_busy_machine():
    measured = row("a", other=(99.0, 99.0, 99.0))
    assert table.outcome(goal("a"), [measured._replace(busy=0.05)]).verdict == "aim reached"
    found = table.outcome(goal("a"), [measured._replace(busy=0.3)])
    assert found.verdict == "open: the machine was busy (aim reached)"


def test_the_share_of_others_is_what_is_used_beyond_ourselves():
    assert measure.share_of_others((10.0, 4.0, 50.0), (16.0, 9.0, 70.0)) == pytest.approx(1 / 20)
    assert measure.share_of_others(None, (1.0, 1.0, 1.0)) is None


def test_disturbed_rounds_are_measured_again_and_the_calmest_are_kept(monkeypatch):
    shares = iter([0.5, 0.0, 0.4, 0.05, 0.3, 0.2])
    seconds = iter(range(1, 9))
    monkeypatch.setattr(measure, "share_of_others", lambda before, after: next(shares))
    answer = {"digest": None}
    monkeypatch.setattr(
        measure, "run_worker", lambda *args, **options: answer | {"figures": {BOTH: next(seconds)}}
    )
    contest = Contest("rnn", "RNN", "", {"seqmem": Job("ours", "layer")})
    (found,) = measure.measure(contest, Settings(rounds=2, spare=2))
    assert (found.ours, found.busy) == ([2, 4], 0.05)
    (found,) = measure.measure(contest, Settings(rounds=2, spare=0))
    assert (found.ours, found.busy) == ([6, 5], 0.3)


def test_no_verdict_on_a_part_of_the_shapes():
    found = table.outcome(goal("a", "b"), [row("a", other=(99.0, 99.0, 99.0))])
    assert found.verdict == "open: 1 of 2 shapes measured"
    assert table.outcome(goal("c"), [row("a")]).verdict == "not measured"


def test_every_goal_finds_its_contests_and_their_figures():
    by_name = {contest.name: contest for contest in contests.CONTESTS}
    assert len(by_name) == len(contests.CONTESTS)
    for goal in goals.GOALS:
        assert goal.contests
        for name in goal.contests:
            assert goal.other in (None, *by_name[name].jobs), goal.work


def test_the_markdown_is_a_table_of_equal_rows():
    text = table.markdown({1: [goal("a")]}, [row("a")], {"cores": 2, "torch": None})
    assert "torch not installed" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len({line.count("|") for line in lines}) for lines in tables] == [1, 1]
    assert "2.00" in text


def test_figures_are_shown_in_their_unit():
    assert table.show(0.00123456, "ms") == "1.23 ms"
    assert table.show(1 / 1234, "tokens/s") == "1,234 tokens/s"
    assert table.show(3.5e8, "MB") == "350 MB"


def test_repetitions_go_on_until_time_and_number_are_reached(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(worker.time, "perf_counter", lambda: float(next(clock)))
    calls = []
    assert worker.median_seconds(lambda: calls.append(1), seconds=2.0, least=5) == 1.0
    assert len(calls) == 1 + 5  # one to warm up
    calls.clear()
    worker.median_seconds(lambda: calls.append(1), seconds=0.1, least=5)
    assert len(calls) == 1 + 1  # too slow for more


def test_kept_memory_counts_buffers_once_whole_and_without_inputs_and_outputs():
    a, b, out = np.zeros(10), np.zeros(7), np.zeros(4)
    cache = (a[:2], [a[3:], {"b": b}], None, slice(0, 3), out[1:])
    assert ours.bytes_beyond(cache, [out]) == 8 * 17
    assert ours.bytes_beyond(cache, [out[:3]]) == 8 * 18  # the buffer is longer than the output in it
    assert ours.bytes_beyond(cache, [out, out[:3], b]) <= 8 * 10


def test_kept_memory_agrees_with_what_the_allocator_says():
    import tracemalloc

    T, B, D, H = 40, 16, 8, 32
    recurrent = Recurrent(LSTMCell(D, H, rng=0))
    xs = np.ones((T, B, D))
    tracemalloc.start()
    try:
        outputs, cache = recurrent.forward(xs)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found = ours.bytes_beyond(cache, [xs, outputs, *recurrent.params.values()])
    (hs, final) = outputs
    outputs_size = hs.nbytes + sum(part.nbytes for part in final)
    assert found + outputs_size == pytest.approx(held, rel=0.05)


def test_the_contests_are_those_of_the_issue():
    names = {contest.name.split("/")[0] for contest in contests.CONTESTS}
    expected = (
        "lstm gru rnn inference step training decoding beam stack classifier import long kept peak gradcheck"
    )
    assert names == set(expected.split())
    lstm = next(contest for contest in contests.CONTESTS if contest.name.startswith("lstm"))
    assert {FUSED["lstm"], HIPS, contests.CELLS, contests.FLOOR} < set(lstm.jobs)
    training = next(contest for contest in contests.CONTESTS if contest.name.startswith("training"))
    assert EAGER in training.jobs


def test_every_contest_knows_what_its_subjects_need():
    subjects = {job.subject for contest in contests.CONTESTS for job in contest.jobs.values()}
    assert subjects == set(contests.PACKAGES)


def test_a_goal_for_information_has_neither_bound_nor_verdict():
    found = table.goal_cells(goal("a", how="only", must=None, aim=None), [row("a", other=(99.0, 99.0, 99.0))])
    assert found[-3:] == ["", "", "for information"]


def test_what_must_be_reached_holds_with_one_thread_and_each_number_of_threads_has_its_table():
    assert goals.goals_with(1) == goals.GOALS
    assert {(goal.must, goal.aim) for goal in goals.goals_with(2)} == {(None, None)}
    rows = [row("a"), row("a", other=(9.0, 9.0, 9.0))._replace(threads=2)]
    free = goal("a", how="only", must=None, aim=None)
    text = table.markdown({1: [goal("a", how="only")], 2: [free]}, rows, {"cores": 2})
    first, second, every = text.split("\n\n|")[1:]
    assert "| 2.00 | 1.00–4.00 | 2 | 3 | reached |" in first
    assert "With 2 threads:" in first  # the next table's heading
    assert "| 9.00 | 9.00–9.00 |  |  | for information |" in second
    assert [line.split(" | ")[2] for line in every.splitlines()[2:]] == ["1", "2"]


@pytest.mark.parametrize(("text", "n"), [("1", 1), ("2", 2), ("13", 13)])
def test_a_number_of_threads_is_itself(text, n):
    assert compare.threads_of(text) == (n,)


def test_all_threads_are_as_many_as_the_process_has_cores_and_both_is_one_first(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert compare.threads_of("all") == (3,)
    assert compare.threads_of("both") == (1, 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4}, raising=False)
    assert compare.threads_of("both") == (1,)


@pytest.mark.parametrize("text", ["0", "-1", "none", "1.5", ""])
def test_what_is_no_number_of_threads_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no number of threads"):
        compare.threads_of(text)


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path):
    """Two commits without the package, with it, and a change that is not committed."""
    if not shutil.which("git"):
        pytest.skip("needs git, which is not installed")
    folder = tmp_path / "repository"
    package = folder / "src" / "seqmem"
    package.mkdir(parents=True)
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    (package / "__init__.py").write_text("committed = True\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "a package")
    (package / "__init__.py").write_text("committed = False\n")
    return folder


def test_an_older_version_is_the_commit_in_a_folder_that_is_gone_at_the_end(repository):
    before = git(repository, "worktree", "list")
    with revisions.checked_out("HEAD", repository) as revision:
        assert revision.label == "seqmem at HEAD"
        assert git(repository, "rev-parse", "HEAD").startswith(revision.commit)
        assert (revision.source / "seqmem" / "__init__.py").read_text() == "committed = True\n"
    assert not revision.source.exists()
    assert git(repository, "worktree", "list") == before
    assert (repository / "src" / "seqmem" / "__init__.py").read_text() == "committed = False\n"


def test_an_older_version_is_gone_after_an_error_too(repository):
    with pytest.raises(KeyboardInterrupt), revisions.checked_out("HEAD", repository) as revision:
        raise KeyboardInterrupt
    assert not revision.source.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [("HEAD~1", "HEAD~1 has no src/seqmem"), ("nonsense", "rev-parse"), ("--all", "rev-parse")],
)
def test_what_is_no_older_version_is_refused_and_leaves_nothing(repository, name, message):
    with pytest.raises(RevisionError, match=message), revisions.checked_out(name, repository):
        pass
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_no_revision_is_one_line_on_the_command_line():
    command = [sys.executable, compare.__file__, "--only", "kept", "--against", "no-such-revision"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("--against: git")


def older(source):
    return Revision("seqmem at HEAD~1", "abc1234", source)


def test_an_older_version_runs_in_turn_right_after_todays(tmp_path):
    shutil.copytree(
        Path(ours.seqmem.__file__).parent, tmp_path / "seqmem", ignore=shutil.ignore_patterns("__pycache__")
    )
    jobs = {
        "seqmem": Job("ours", "layer", "rnn", SHAPE, "float32"),
        "other": Job("floor", "layer", "rnn", SHAPE),
    }
    jobs["other"] = jobs["other"]._replace(dtype="float32")
    contest = revisions.with_older(Contest("rnn", "RNN", "", jobs, at_most=True), older(tmp_path))
    assert list(contest.jobs) == ["seqmem", "seqmem at HEAD~1", "other"]
    rows = measure.measure(contest, Settings(1, 0, 0.001, 1, 1))
    assert [(row.other_name, row.at_most) for row in rows] == [
        *[("seqmem at HEAD~1", False)] * 2,  # other / ours, whatever the contest's own ratio is
        *[("other", True)] * 2,
    ]
    assert all(row.missing is None and row.median > 0 for row in rows)


def test_beside_an_older_version_what_stands_alone_keeps_its_row(tmp_path):
    jobs = {"seqmem": Job("ours", "kept", "lstm", SHAPE, "float32")}
    contest = revisions.with_older(Contest("kept", "LSTM", "", jobs, at_most=True), older(tmp_path))
    turn = measure.Turn({"seqmem": {"kept": 6.0}, "seqmem at HEAD~1": {"kept": 9.0}}, 0.0)
    alone, beside = measure.rows_of(contest, [turn], dict.fromkeys(contest.jobs))
    assert (alone.other_name, alone.median) == (None, 6.0)
    assert (beside.other_name, beside.median) == ("seqmem at HEAD~1", 1.5)


def test_an_older_version_that_cannot_do_a_job_is_missing_with_the_reason(tmp_path):
    (tmp_path / "seqmem").mkdir()
    (tmp_path / "seqmem" / "__init__.py").write_text("raise TypeError('there was no such option')\n")
    jobs = {"seqmem": Job("ours", "layer", "rnn", SHAPE, "float32")}
    contest = revisions.with_older(Contest("rnn", "RNN", "", jobs), older(tmp_path))
    assert measure.verify(contest, 1) == {"seqmem at HEAD~1": "TypeError: there was no such option"}
    rows = measure.measure(contest, Settings(2, 0, 0.001, 1, 1))
    assert [row.missing for row in rows if row.other_name] == ["TypeError: there was no such option"] * 2


def test_todays_version_that_cannot_do_a_job_is_an_error():
    jobs = {"seqmem": Job("ours", "layer", "no such kind", SHAPE, "float32")}
    with pytest.raises(WorkerError, match="no such kind"):
        measure.measure(Contest("rnn", "RNN", "", jobs), Settings(1, 0, 0.001, 1, 1))


def test_an_installed_version_never_stands_for_an_older_one(tmp_path):
    with pytest.raises(ImportError, match=f"expected from {tmp_path}"):
        worker.check_source(str(tmp_path))
    worker.check_source("")
    worker.check_source(str(Path(ours.seqmem.__file__).parents[1]))


def test_nothing_may_be_slower_than_in_the_older_version():
    revision = older(Path())
    rows = [
        row(name, other=[ratio] * 3)._replace(other_name=other)
        for name, ratio, other in (
            *(("lstm/a", 0.9, revision.label), ("lstm/b", 1.6, revision.label), ("lstm/b", 9.0, "other")),
            *(("gru/a", 0.96, revision.label),),
        )
    ]
    rows.append(rows[0]._replace(contest="rnn/a", ours=[], other=[], missing="it had none"))
    found = [(goal, table.outcome(goal, rows)) for goal in revisions.goals_against(revision, rows)]
    assert [goal.work for goal, _ in found] == [
        *["lstm, forward + backward, against seqmem at HEAD~1"] * 2,
        "gru, forward + backward, against seqmem at HEAD~1",
    ]
    assert [outcome.figure for _, outcome in found] == pytest.approx([1.2, 0.9, 0.96])
    assert [outcome.verdict for _, outcome in found] == ["aim reached", "MISSED", "reached"]


def test_the_ratio_beside_an_older_version_is_explained_where_there_is_one():
    text = table.markdown({1: []}, [row("a")], {"cores": 2, "against": "seqmem at HEAD~1 (abc1234)"})
    assert "Compared with an older version" in text
    assert "older" not in table.markdown({1: []}, [row("a")], {"cores": 2})


def test_indirection_counts_each_function_once_and_only_in_a_warm_pass():
    cache = []

    def warm_up():
        cache.append(1)

    def twice(x):
        return x

    def run():
        if not cache:
            warm_up()
        return twice(1) + twice(2) + len(np.array([1]))

    found = indirection.entered(run)
    assert found == {run.__code__, twice.__code__}
    here = Path(__file__)
    assert list(indirection.in_package(found, here.parent)) == [here.name]
    names = [
        name.partition(",")[0].rpartition(".")[2]
        for name in indirection.in_package(found, here.parent)[here.name]
    ]
    assert names == ["twice", "run"]  # as they stand in the file
    assert indirection.in_package(found, here.parent / "benchmarks") == {}


def test_indirection_of_a_layer_names_its_files_and_functions(capsys):
    with pytest.raises(SystemExit) as left:
        indirection.main()
    text = capsys.readouterr().out
    assert "cells/lstm.py (3)" in text
    assert "    LSTMCell.step_backward, line " in text
    assert f"files, at most {indirection.MOST_FILES}: " in text
    assert bool(left.value.code) == ("MISSED" in text)

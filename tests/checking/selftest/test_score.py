"""The mutation score: what it counts, what it prints, and when it fails."""

import re
from pathlib import Path

import numpy as np
import pytest

from seqmem import AdditiveAttention, Embedding
from seqmem.cells.names import names_of
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.mistakes.record import Mistake
from seqmem.checking.selftest import score as selftest
from seqmem.checking.selftest.mutants import mutants
from seqmem.checking.selftest.mutation_score import Mutation
from seqmem.checking.selftest.places import PLACES
from seqmem.checking.selftest.planted import PLANTED, Planted, plant
from seqmem.checking.selftest.score import (
    CATALOGUES,
    WITHOUT_C0,
    Score,
    SelfTest,
    _planted,
    _score,
    _score_planted,
)
from seqmem.module import Module

FULL = Score("an LSTM", 100, 100, 100, 40, 30)


CAUGHT = Mutation(caught=5, right=("one",), silent=())


def result(*scores, correct=19, findings=(), mutation=CAUGHT):
    return SelfTest(scores, correct, findings, mutation)


PASSED = {
    "all named": (result(FULL), True),
    "95 % named": (result(Score("an LSTM", 100, 100, 95)), True),
    "95 % named in all": (result(FULL, Score("a GRU", 100, 100, 90)), True),
    "pairs without a name": (result(Score("an LSTM", 100, 100, 100, 40, 0)), True),
    "94 % named": (result(Score("an LSTM", 100, 100, 94)), False),
    "one silent": (result(Score("an LSTM", 100, 99, 99, silent=("lstm-x",))), False),
    "one silent among many": (result(FULL, FULL, Score("a GRU", 100, 99, 100)), False),
    "a mutant that nobody caught": (result(FULL, mutation=Mutation(5, (), ("one",))), False),
    "a false finding": (result(FULL, findings=("RNN step: WRONG",)), False),
}


@pytest.mark.parametrize(("outcome", "passed"), PASSED.values(), ids=PASSED.keys())
def test_it_passes_when_all_is_caught_95_percent_named_and_nothing_else_found(outcome, passed):
    assert outcome.passed is passed


def test_the_score_prints_a_row_for_each_and_the_sum_of_all():
    silent = Score("a GRU", 50, 49, 40, silent=("gru-one",), unnamed=("gru-two",))
    mutation = Mutation(5, ("same",), ("LSTMCell.step: a -> b",))
    lines = str(result(FULL, silent, findings=("RNN step: WRONG",), mutation=mutation)).splitlines()
    assert lines[0].split() == ["mistakes", "planted", "in", "planted", "caught", "named", "pairs", "named"]
    assert lines[1].split() == ["an", "LSTM", "100", "100", "100", "40", "30"]
    assert lines[2].split() == ["a", "GRU", "50", "49", "40"]
    assert lines[3].split() == ["in", "all", "150", "149", "140", "40", "30"]
    assert lines[4:7] == ["NOT CAUGHT: gru-one", "not named: gru-two", "FALSE FINDING: RNN step: WRONG"]
    assert lines[7] == "NOT CAUGHT: LSTMCell.step: a -> b"
    assert lines[8] == (
        "the library's passes with one place changed, 7 mutants: 5 caught, 1 whose gradients are "
        "right, 1 not caught"
    )
    assert lines[9] == (
        "99.3 % caught, 93.3 % named, 75.0 % of the pairs named; 1 false findings on 19 correct passes"
    )


def test_a_score_without_pairs_prints_no_share_of_them():
    assert "- of the pairs named" in str(result(Score("clipping", 2, 2, 2)))


@pytest.mark.parametrize("name", ["clipping", "embedding"])
def test_every_mistake_of_a_small_catalogue_is_caught_and_named(name):
    score = _score(KINDS[name])
    assert score.planted == score.caught == score.named == len(KINDS[name].mistakes)
    assert score.silent == score.unnamed == ()


def test_of_one_step_what_goes_wrong_between_steps_is_not_planted_and_any_name_of_a_result_will_do():
    like = KINDS["rnn_step"]
    score = _score(like)
    assert score.planted == score.caught == score.named
    assert len(like.mistakes) / 2 < score.planted < len(like.mistakes)
    assert score.pairs == 0


def test_a_mistake_that_changes_nothing_is_counted_as_silent_and_without_a_name():
    same = Mistake("embedding-same", "backward", 'return {"W": d_W}', 'return {"W": 1 * d_W}', "", "")
    score = _score(KINDS["embedding"]._replace(mistakes=(same,)))
    assert (score.planted, score.caught, score.named) == (1, 0, 0)
    assert score.silent == score.unnamed == ("embedding-same",)
    assert not result(score).passed


def test_mistakes_planted_in_the_librarys_own_code_are_caught_and_named(monkeypatch):
    some = tuple(planted for planted in PLANTED if planted.owner in (AdditiveAttention, Embedding))
    monkeypatch.setattr(selftest, "PLANTED", some)
    score = _score_planted()
    assert score.planted == score.caught == score.named == len(some) >= 4
    assert score.silent == score.unnamed == ()


@pytest.mark.parametrize("planted", PLANTED, ids=[f"{p.owner.__name__}: {p.becomes}" for p in PLANTED])
def test_every_line_to_be_planted_stands_once_in_the_librarys_code(planted):
    assert isinstance(plant(planted), Module)


def test_planting_a_line_that_is_not_there_is_refused():
    absent = PLANTED[0]._replace(line="there is no such line")
    assert isinstance(absent, Planted)
    with pytest.raises(ValueError, match="stands 0 times in local_derivatives"):
        plant(absent)


def test_a_planted_line_may_want_a_value_that_the_method_does_not():
    planted = next(planted for planted in PLANTED if planted.wants)
    module = plant(planted)
    assert names_of(getattr(module.cell, planted.method))[0] == planted.wants.split(",")[0]
    assert module.forward(np.ones((4, 3, 2)))


def test_planting_leaves_the_library_as_it_is():
    planted = PLANTED[0]
    before = vars(planted.owner)[planted.method]
    plant(planted)
    assert vars(planted.owner)[planted.method] is before


def test_every_catalogue_is_in_the_selftest_and_there_are_eighty_mistakes_and_more():
    catalogues = {KINDS[name].mistakes for name in CATALOGUES}
    assert catalogues == {like.mistakes for like in KINDS.values()}
    assert sum(len(mistakes) for mistakes in catalogues) >= 80


def printed_in_the_docs():
    """The counts behind each title in docs/checking.md, and how many mutants it says there are."""
    text = (Path(__file__).parents[3] / "docs" / "checking.md").read_text("utf-8")
    (table,) = re.findall(r"```text\n(mistakes planted in .*?)```", text, re.DOTALL)
    rows = re.findall(r"^(\S.*?)  +(\d+) +(\d+) +(\d+)", table, re.MULTILINE)
    (mutants,) = re.findall(r"(\d+) mutants: (\d+) caught, (\d+) whose gradients are right, 0 not", table)
    return {title: tuple(map(int, counts)) for title, *counts in rows}, tuple(map(int, mutants))


def test_the_figures_in_the_docs_are_of_this_version():
    """What is wrong here: run `python -m seqmem check --selftest` and copy what it prints."""
    shown, (in_all, caught, right) = printed_in_the_docs()
    likes = [KINDS[name] for name in CATALOGUES]
    planted = {like.title: len(_planted(like)) for like in likes} | {"the library's own code": len(PLANTED)}
    planted["a sequence of an LSTM without c0"] = len(_planted(KINDS["lstm_sequence"], WITHOUT_C0))
    planted["in all"] = sum(planted.values())
    assert {title: counts[0] for title, counts in shown.items()} == planted
    assert all(counts[1] == counts[0] for counts in shown.values())
    assert in_all == caught + right
    assert in_all == sum(
        len(list(mutants(getattr(place.owner, method)))) for place in PLACES for method in place.methods
    )

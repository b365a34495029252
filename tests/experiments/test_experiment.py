"""What an experiment says: rows, horizons, text, JSON."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from seqmem.experiments import experiment
from seqmem.experiments.bottlenecks import BottleneckSettings, bottleneck
from seqmem.experiments.experiment import CONTEXTS, COURSES, Experiment

IDENTITY = {"course": "alone", "parameters": 7}


def an_experiment(accuracies, course="growing", at=(5, 10, 50, 200)):
    """An experiment of made-up accuracies: for each kind, a list for each seed."""
    records = [
        {**IDENTITY, "kind": kind, "course": course, "seed": seed, "at": list(at), "accuracy": list(values)}
        for kind, seeds in accuracies.items()
        for seed, values in enumerate(seeds)
    ]
    return Experiment("memory horizon", {}, records)


def test_the_horizon_is_the_first_distance_below_nine_tenths():
    found = an_experiment({"rnn": [[1, 0.9, 0.5, 1], [1, 1, 0.9, 0.2]], "lstm": [[1, 1, 1, 0.95]] * 2})
    rnn, lstm = found.row("rnn", "growing"), found.row("lstm", "growing")
    assert rnn.means == pytest.approx([1, 0.95, 0.7, 0.6])
    assert (rnn.below, rnn.below_by_seed) == (50, [50, 200])
    assert (lstm.below, lstm.below_by_seed) == (None, [None, None])
    assert found.row("gru", "growing") is None
    assert found.accuracy("growing")["rnn"][50] == [0.5, 0.9]
    assert found.accuracy("alone") == {}


def test_every_start_has_a_row_of_its_own_and_a_column_that_says_so():
    records = [
        {
            **IDENTITY,
            "kind": "gru",
            "start": start,
            "course": course,
            "seed": 0,
            "at": [5, 200],
            "accuracy": values,
        }
        for course in ("growing", "alone")
        for start, values in (("update bias -2", [1, 1]), ("update bias 0", [1, 0.1]))
    ]
    found = Experiment("memory horizon", {}, records)
    assert [row.start for row in found.rows] == ["update bias -2", "update bias 0"] * 2
    assert [row.course for row in found.rows] == ["alone", "alone", "growing", "growing"]
    assert found.row("gru", "alone", "update bias 0").below == 200
    assert found.row("gru", "alone").below is None
    assert list(found.accuracy("alone")) == ["gru, update bias -2", "gru, update bias 0"]
    text = words(found)
    assert "start parameters" in text
    assert "a GRU with update bias -2 stays at 90 % or more up to 200" in text
    assert "a GRU with update bias 0 reaches 5" in text
    with pytest.raises(ValueError, match="a record's start is 3"):
        Experiment.from_json(found.to_json().replace('"update bias 0"', "3"))


def test_distances_of_networks_of_their_own_stand_in_one_row():
    records = [
        {**IDENTITY, "kind": "rnn", "seed": seed, "at": [at], "accuracy": [seed / 10 + at / 100]}
        for at in (20, 5)
        for seed in (1, 0)
    ]
    (row,) = Experiment("memory horizon", {}, records).rows
    assert row.at == [5, 20]
    assert row.accuracy == [[0.05, pytest.approx(0.15)], [0.2, pytest.approx(0.3)]]


def words(found):
    """What an experiment says, without its line breaks."""
    return " ".join(str(found).split())


def test_the_text_says_what_the_figures_say():
    text = words(an_experiment({"rnn": [[1, 1, 1, 0.1]], "lstm": [[1, 1, 1, 1]]}))
    assert "an RNN that starts orthogonal reaches 50 and is below 90 % at 200" in text
    assert "5-10 words do not hold: it is more" in text
    assert "an LSTM stays at 90 % or more up to 200" in text
    assert "hundreds hold" in text
    shallow = words(an_experiment({"rnn": [[1, 1]], "lstm": [[1, 1]]}, at=(5, 10)))
    assert shallow.count("can neither be shown nor refuted") == 2
    short = words(an_experiment({"rnn": [[1, 0.5, 0.5, 0.1]], "lstm": [[1, 1, 0.5, 1]]}))
    assert "reaches 5 and is below 90 % at 10: the lecture's 5-10 words hold" in short
    assert "hundreds do not hold: it is less" in short
    assert "below 90 % even at 5" in words(an_experiment({"rnn": [[0.5] * 4]}))


def test_an_experiment_survives_json():
    settings = BottleneckSettings(seeds=(0,), longest=3, lengths=(1, 3), budget=3150, steps=2, test_count=4)
    with ThreadPoolExecutor(1) as executor:
        found = bottleneck(settings, executor=executor)
    again = Experiment.from_json(found.to_json())
    assert str(again) == str(found)
    assert again.records == found.records
    assert again.settings["task"] == "reverse"
    assert {row.kind for row in again.rows} == set(CONTEXTS)
    with pytest.raises(ValueError, match=r"Experiment.from_json: expected an object of"):
        Experiment.from_json('{"title": 1}')


def test_every_course_has_its_words():
    assert set(experiment._COURSE_WORDS) == set(COURSES)

"""Whatever numbers come back, forged or odd, are judged: nobody's answer is an error of the grader's."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.exercises import all_exercises, exercise_named, judge, packed, questions, unpacked
from seqmem.exercises.asking import Answer
from seqmem.exercises.grading.apart import _read

ODD = {
    "nothing": None,
    "a text": "0.5",
    "a huge number": 10**400,
    "a negative huge number": -(10**400),
    "not a number": float("nan"),
    "infinite": float("inf"),
    "complex": 1j,
    "true": True,
    "an array of truth": np.ones((3, 5), bool),
    "whole numbers": np.ones((3, 5), np.int64),
    "half precision": np.ones((3, 5), np.float16),
    "a complex array": np.full((3, 5), 1j),
    "an array of NaN": np.full((3, 5), np.nan),
    "an array of the infinite": np.full((3, 5), np.inf),
    "an array of the largest": np.full((3, 5), 1.7e308),
    "no axes": np.array(1.0),
    "no entries": np.zeros((0, 7)),
    "many axes": np.zeros((1,) * 30),
    "too many values": (1,) * 3000,
    "an empty tuple": (),
    "an empty dict": {},
    "a dict of dicts": {"x": {"x": {"x": 1.0}}},
    "names of another": {"nobody": np.ones(3)},
    "names with odd signs": {"x.y[0]\n": np.ones(3), "": 1.0},
    "lists of lists": [[1.0, [2.0]], (3.0,)],
    "uneven lists": [[1.0], [2.0, 3.0]],
}
SOME = ("rnn_step_forward", "cross_entropy")


def judged(exercise, value):
    """A report on answers all of which are one value, as they come out of a box."""
    asked = questions(exercise, np.random.default_rng(0))
    answers = [_read(packed(Answer((value,) * len(question.calls))), Answer) for question in asked]
    assert all(type(answer) is Answer for answer in answers)
    with np.errstate(all="ignore"):
        return judge(exercise, asked, answers)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("value", ODD.values(), ids=ODD.keys())
def test_an_odd_answer_is_wrong_and_no_error(name, value):
    report = judged(exercise_named(name), value)
    assert report.verdict == "wrong"
    assert 0 <= report.score < report.max_score
    assert str(report)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.name)
def test_no_odd_answer_to_any_exercise_is_an_error(exercise):
    for name, value in ODD.items():
        assert judged(exercise, value).verdict == "wrong", name


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 3), (), (1,), (3, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_any_shape_comes_back_as_it_was(shape, order):
    array = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
    back = unpacked(packed(array))
    assert back.shape == shape
    assert np.array_equal(back, array)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Answer", "Trouble", "Call", "Made", "array", "tuple", "list", "dict", "float"]),
            inner,
            min_size=1,
            max_size=1,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=300)
def test_whatever_json_comes_back_is_an_answer_or_none(value):
    found = _read(value, Answer)
    assert found is None or type(found) is Answer


@pytest.mark.parametrize(
    "array",
    [
        *(["<f8", [10**12], ""], ["<f8", [-1], "AAAAAAAA8D8="], ["O", [1], "AAAAAAAAAAA="]),
        *(
            ["f8,f8", [1], ""],
            ["f8,(", [1], ""],
            ["V1000000000", [1], ""],
            ["<U9", [1], "AAAA"],
            ["<f8", [1], "!"],
        ),
        *(["<f8", [2**63], ""], ["<f8", ["1"], "AAAAAAAA8D8="], ["<f8", None, ""], [1, 2, 3], ["<f8"], []),
        *(["M8[s]", [1], "AAAAAAAAAAA="], ["<f8", [0, 10**18, 10**18], ""]),
    ],
    ids=itertools.count(),
)
def test_a_forged_array_is_none_or_as_large_as_its_bytes(array):
    found = _read(
        {"Answer": [{"tuple": [{"array": array}]}, {"tuple": []}, {"float": "0x0p+0"}, None]}, Answer
    )
    assert found is None or (found.results[0].nbytes <= 8 and found.results[0].dtype.kind in "biufc")

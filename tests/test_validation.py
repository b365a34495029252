"""The checks at the public border: what passes as what, and what is said of the rest."""

import numpy as np
import pytest
from comparing import assert_same
from hypothesis import given
from hypothesis import strategies as st

import seqmem
from seqmem import experiments, tasks
from seqmem.validation import (
    as_floats,
    as_fraction,
    as_ids,
    as_lengths,
    as_param_dtype,
    as_positive,
    as_size,
    as_upstream,
    check_shape,
    working_dtype,
)

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
REAL = [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64, bool]


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("given_dtype", REAL)
def test_numbers_of_any_real_kind_come_back_in_the_working_dtype(dtype, given_dtype):
    got = as_floats(np.array([[0, 1], [1, 0]], given_dtype), dtype, ("T", "B"), "f", "x")
    assert_same(got, np.array([[0, 1], [1, 0]], dtype))


@pytest.mark.parametrize(("dtype", "right"), [(F32, np.complex64), (F64, np.complex128)])
def test_complex_numbers_stay_complex(dtype, right):
    assert as_floats([1j], dtype, ("B",), "f", "x").dtype == right
    assert as_floats([1j], np.dtype(right), ("B",), "f", "x").dtype == right


def test_an_array_that_is_right_already_is_not_copied():
    x = np.zeros((2, 3))
    assert as_floats(x, F64, ("T", "B"), "f", "x") is x


@pytest.mark.parametrize("dtype", [F32, F64])
def test_what_comes_back_is_contiguous_aligned_and_in_native_order(dtype):
    for x in (np.zeros((3, 4)).T, np.zeros((6, 8))[::2, ::-2], np.zeros((3, 4), ">f8")):
        got = as_floats(x, dtype, ("T", "B"), "f", "x")
        assert got.flags.c_contiguous
        assert got.flags.aligned
        assert got.dtype.isnative


def test_a_number_too_large_for_the_dtype_is_infinite_without_a_warning():
    with np.errstate(all="raise"):
        assert as_floats([1e300, -1e300], F32, ("B",), "f", "x").tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    "value", [None, "a", [None], ["a"], [b"a"], np.array(["2026"], "M8[Y]"), [[1], [1, 2]], {1}]
)
def test_what_are_no_numbers_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"^f: x has (dtype|no array dtype)"):
        as_floats(value, F64, ("B",), "f", "x")
    with pytest.raises(TypeError, match=r"^f: x has (dtype|no array dtype)"):
        as_ids(value, 5, ("B",), "f", "x")


def test_a_masked_array_is_a_type_error_that_says_what_to_pass():
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    with pytest.raises(
        TypeError, match=r"f: x is a masked array, expected a plain array \(pass lengths or a mask\)"
    ):
        as_floats(masked, F64, ("B",), "f", "x")


@given(st.lists(st.integers(0, 4), max_size=3), st.lists(st.integers(0, 4), max_size=3))
def test_a_shape_fits_when_all_its_sizes_are_equal(shape, expected):
    axes = tuple((size, f"size {k}") for k, size in enumerate(expected))
    if shape == expected:
        check_shape(np.zeros(shape), axes, "f", "x")
    else:
        with pytest.raises(ValueError, match=r"^f: x has shape \(.*\), expected \("):
            check_shape(np.zeros(shape), axes, "f", "x")


@given(st.lists(st.integers(0, 4), max_size=4), st.integers(0, 4))
def test_a_free_axis_has_any_size(shape, rank):
    if len(shape) == rank:
        check_shape(np.zeros(shape), ("T",) * rank, "f", "x")
    else:
        with pytest.raises(ValueError, match="has shape"):
            check_shape(np.zeros(shape), ("T",) * rank, "f", "x")


def test_a_wrong_shape_is_told_with_what_came_what_was_expected_and_what_the_axis_is():
    with pytest.raises(ValueError, match="shape") as caught:
        check_shape(np.zeros((8, 31)), ("B", (32, "input_size")), "LSTMCell.forward", "x")
    assert str(caught.value) == "LSTMCell.forward: x has shape (8, 31), expected (B, 32): 32 is input_size"
    with pytest.raises(ValueError, match="shape") as caught:
        check_shape(np.zeros(3), ((4, "the batch size"),), "f", "lengths")
    assert str(caught.value) == "f: lengths has shape (3,), expected (4,): 4 is the batch size"


@given(st.lists(st.integers(-3, 8), min_size=1, max_size=8), st.integers(1, 6))
def test_ids_are_integers_from_0_to_below_the_size_and_the_first_that_is_not_is_named(ids, size):
    wrong = [k for k, token in enumerate(ids) if not 0 <= token < size]
    if wrong:
        message = rf"^f: x holds {ids[wrong[0]]} at \[{wrong[0]}\], expected ids from 0 to {size - 1}$"
        with pytest.raises(ValueError, match=message):
            as_ids(ids, size, ("B",), "f", "x")
    else:
        assert_same(as_ids(ids, size, ("B",), "f", "x"), np.array(ids, np.intp))


@pytest.mark.parametrize("value", [[1.0], [True], [1j], [np.nan]])
def test_ids_of_another_kind_are_a_type_error(value):
    with pytest.raises(TypeError, match=r"f: x has dtype .*, expected integers"):
        as_ids(value, 5, ("B",), "f", "x")


@given(st.lists(st.integers(-2, 6), min_size=1, max_size=5), st.integers(0, 5))
def test_lengths_are_integers_from_0_to_the_longest(lengths, longest):
    wrong = [k for k, length in enumerate(lengths) if not 0 <= length <= longest]
    if wrong:
        message = rf"^f: lengths\[{wrong[0]}\] is {lengths[wrong[0]]}, expected 0 to {longest} \(T\)$"
        with pytest.raises(ValueError, match=message):
            as_lengths(lengths, len(lengths), longest, "f")
    else:
        found = as_lengths(lengths, len(lengths), longest, "f")
        full = all(length == longest for length in lengths)
        assert found is None if full else (found.dtype == np.intp and found.tolist() == lengths)


@pytest.mark.parametrize("value", [[1.0, 2.0], [True, False], ["1", "2"], [None, 1]])
def test_lengths_of_another_kind_are_a_type_error(value):
    with pytest.raises(TypeError, match=r"f: lengths has dtype"):
        as_lengths(value, 2, 5, "f")


@pytest.mark.parametrize("value", [[1], [[1, 2]], 2])
def test_lengths_of_another_shape_are_a_value_error(value):
    with pytest.raises(ValueError, match=r"f: lengths has shape") as caught:
        as_lengths(value, 2, 5, "f")
    assert not isinstance(caught.value, TypeError)


def test_no_lengths_and_lengths_of_no_rows_are_fine():
    assert as_lengths(None, 2, 5, "f") is None
    assert as_lengths([], 0, 5, "f") is None


def test_an_upstream_gradient_has_the_shape_of_its_output_and_none_is_zeros():
    assert_same(as_upstream(None, (2, 3), F32, "f", "d"), np.zeros((2, 3), np.float32))
    assert_same(as_upstream(np.ones((2, 3)), (2, 3), F32, "f", "d"), np.ones((2, 3), np.float32))
    with pytest.raises(
        ValueError, match=r"f: d has shape \(3, 2\), expected \(2, 3\): 2 is axis 0 of the output"
    ):
        as_upstream(np.ones((3, 2)), (2, 3), F32, "f", "d")


@pytest.mark.parametrize(
    ("params", "inputs", "right"),
    [
        (F32, [np.float64], np.float32),
        (F64, [np.float32], np.float64),
        (F32, [np.complex128], np.complex64),
        (F64, [np.complex64, np.float32], np.complex128),
        (None, [np.float32, np.float32], np.float32),
        (None, [">f4"], np.float32),
        (None, [np.float32, np.float64], np.float64),
        (None, [np.float16], np.float64),
        (None, [np.int64], np.float64),
        (None, [np.complex64], np.complex64),
        (None, [np.complex64, np.float64], np.complex128),
    ],
)
def test_the_parameters_dtype_wins_but_complex_stays_complex(params, inputs, right):
    assert working_dtype(params, *(np.zeros(1, dtype) for dtype in inputs), None) == right


@pytest.mark.parametrize("value", [0, -1, np.int8(-3)])
def test_a_size_is_at_least_1(value):
    with pytest.raises(ValueError, match=r"^f: n is .*, expected at least 1$") as caught:
        as_size(value, "f", "n")
    assert not isinstance(caught.value, TypeError)
    assert as_size(np.uint8(3), "f", "n") == 3


WRONG_TYPES = ["a", None, [1], np.zeros(300), object(), {}]


@pytest.mark.parametrize("value", [1.0, 2.5, True, np.float64(1), np.nan, *WRONG_TYPES])
def test_a_size_of_another_type_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"^f: n is (?s:.)*, expected a positive integer$") as caught:
        as_size(value, "f", "n")
    assert len(str(caught.value)) < 150


TAKES = {  # what takes an argument of each kind, and values of the right type that are out of range
    "LSTMCell: input_size": (lambda v: seqmem.LSTMCell(v, 3), [0, -1]),
    "LSTMCell: hidden_size": (lambda v: seqmem.LSTMCell(3, v), [0, -1]),
    "LSTMCell: forget_bias": (lambda v: seqmem.LSTMCell(3, 3, forget_bias=v), [np.inf, np.nan]),
    "GRUCell: input_size": (lambda v: seqmem.GRUCell(v, 3), [0]),
    "GRUCell: reset": (lambda v: seqmem.GRUCell(3, 3, reset=v), ["a", "both"]),
    "RNNCell: hidden_size": (lambda v: seqmem.RNNCell(3, v), [0]),
    "Dropout: rate": (seqmem.Dropout, [-0.1, 1, np.nan]),
    "Linear: input_size": (lambda v: seqmem.Linear(v, 3), [0]),
    "Linear: output_size": (lambda v: seqmem.Linear(3, v), [0]),
    "Embedding: vocab_size": (lambda v: seqmem.Embedding(v, 3), [0]),
    "Embedding: std": (lambda v: seqmem.Embedding(5, 3, std=v), [0.0, -0.1, np.inf, np.nan]),
    "AdditiveAttention: attention_size": (lambda v: seqmem.AdditiveAttention(3, 3, v), [0]),
    "Encoder: cell": (lambda v: seqmem.Encoder(5, 3, 3, cell=v), ["a"]),
    "Decoder: cell": (lambda v: seqmem.Decoder(5, 3, 3, cell=v), ["a"]),
    "Encoder: embedding_std": (lambda v: seqmem.Encoder(5, 3, 3, embedding_std=v), [0.0, np.nan]),
    "Decoder: embedding_std": (lambda v: seqmem.Decoder(5, 3, 3, embedding_std=v), [0.0, np.nan]),
    "Decoder: readout": (lambda v: seqmem.Decoder(5, 3, 3, readout=v), ["a", ""]),
    "Recurrent: cell": (seqmem.Recurrent, []),
    "Recurrent: reverse": (lambda v: seqmem.Recurrent(seqmem.GRUCell(3, 3), reverse=v), []),
    "Seq2Seq: encoder": (lambda v: seqmem.Seq2Seq(v, seqmem.Decoder(5, 3, 3)), []),
    "Seq2Seq: decoder": (lambda v: seqmem.Seq2Seq(seqmem.Encoder(5, 3, 3), v), []),
    "MemorySettings: steps": (lambda v: experiments.MemorySettings(steps=v), [0]),
    "MemorySettings: longest": (lambda v: experiments.MemorySettings(longest=v), [4]),
    "MemorySettings: kinds": (lambda v: experiments.MemorySettings(kinds=v), [("a",)]),
    "MemorySettings: seeds": (lambda v: experiments.MemorySettings(seeds=v), [(-1,), ()]),
    "MemorySettings: learning_rates": (
        lambda v: experiments.MemorySettings(learning_rates=v),
        [{"rnn": 1.0}],
    ),
    "BottleneckSettings: steps": (lambda v: experiments.BottleneckSettings(steps=v), [0]),
    "phrase_model: language": (tasks.phrase_model, ["a"]),
    "comparison: repeats": (lambda v: experiments.comparison(repeats=v), [0]),
}


@pytest.mark.parametrize("where", TAKES)
def test_a_wrong_type_is_a_type_error_and_a_wrong_value_a_value_error_everywhere(where):
    make, out_of_range = TAKES[where]
    right_type = tuple(type(value) for value in out_of_range)
    for value in [object(), np.zeros(300), 1j, None, [object()]]:
        if isinstance(value, right_type):
            continue
        with pytest.raises(TypeError, match=f"^{where} ") as caught:
            make(value)
        assert len(str(caught.value)) < 200
    for value in out_of_range:
        with pytest.raises(ValueError, match=f"^{where} ") as caught:
            make(value)
        assert not isinstance(caught.value, TypeError)


@pytest.mark.parametrize("cell", [seqmem.RNNCell, seqmem.GRUCell, seqmem.LSTMCell])
@pytest.mark.parametrize("lengths", [[5, 3], (5, 3), np.array([5, 3]), [5, 3, 1], [5]])
def test_lengths_by_position_are_told_to_go_by_name(cell, lengths):
    layer = seqmem.Recurrent(cell(4, 3, rng=0))
    xs = np.ones((5, len(lengths), 4))
    with pytest.raises(TypeError, match=r"^Recurrent\.forward: .*pass lengths by name, lengths="):
        layer.forward(xs, lengths)
    layer.forward(xs, lengths=lengths)
    with pytest.raises(ValueError, match=r"(state|h) has shape") as caught:
        layer.forward(xs, np.ones((7, 3)) if cell is not seqmem.LSTMCell else (np.ones((7, 3)), None))
    assert "lengths" not in str(caught.value)


@pytest.mark.parametrize("value", [-0.1, 1, 1.0, 2, np.nan, np.inf, -np.inf])
def test_a_fraction_lies_from_0_to_below_1(value):
    with pytest.raises(ValueError, match=r"^f: p is .*, expected a number from 0"):
        as_fraction(value, "f", "p")
    assert [as_fraction(p, "f", "p") for p in (0, 0.5, np.float32(0.25))] == [0.0, 0.5, 0.25]


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf])
def test_a_positive_number_is_finite_and_above_0(value):
    with pytest.raises(ValueError, match=r"^f: p is .*, expected a finite number above 0"):
        as_positive(value, "f", "p")
    assert as_positive(1e-300, "f", "p") == 1e-300


@pytest.mark.parametrize("dtype", ["float16", int, complex, np.longdouble, ">f4", object])
def test_parameters_are_float64_or_float32(dtype):
    with pytest.raises(ValueError, match=r"^f: dtype is .*, expected float64 or float32"):
        as_param_dtype(dtype, "f")
    assert [as_param_dtype(right, "f") for right in ("float32", float)] == [F32, F64]

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import END, PAD, START, UNKNOWN, Vocabulary

SYMBOLS = st.text(min_size=1, max_size=4).filter(lambda symbol: not symbol.startswith("<"))
VOCABULARIES = st.lists(SYMBOLS, unique=True, max_size=12).map(Vocabulary)
SEQUENCES = st.lists(st.lists(SYMBOLS, max_size=8), max_size=8)


def test_the_special_ids_are_fixed_and_come_first():
    assert (PAD, START, END, UNKNOWN) == (0, 1, 2, 3)
    assert len(Vocabulary([])) == 4
    assert Vocabulary("ab").encode("ba") == [5, 4]


@given(VOCABULARIES, st.data())
def test_decoding_undoes_encoding(vocabulary, data):
    known = st.sampled_from(vocabulary.symbols) if vocabulary.symbols else st.nothing()
    sequence = data.draw(st.lists(known))
    ids = vocabulary.encode(sequence)
    assert vocabulary.decode(ids) == sequence
    assert vocabulary.decode(np.array([START, *ids, END, PAD, PAD], np.intp)) == sequence


@given(VOCABULARIES, st.lists(SYMBOLS))
def test_exactly_the_symbols_it_lacks_become_unknown(vocabulary, sequence):
    ids = vocabulary.encode(sequence)
    assert len(ids) == len(sequence)
    assert [index != UNKNOWN for index in ids] == [symbol in vocabulary for symbol in sequence]
    assert all(UNKNOWN <= index < len(vocabulary) for index in ids)


@given(VOCABULARIES)
def test_its_symbols_are_all_there_is_to_store(vocabulary):
    restored = Vocabulary(json.loads(json.dumps(vocabulary.symbols)))
    assert restored == vocabulary
    assert hash(restored) == hash(vocabulary)
    assert len(vocabulary) == 4 + len(vocabulary.symbols)


def test_equality_is_about_order_too():
    assert Vocabulary("ab") != Vocabulary("ba")
    assert Vocabulary("ab") != ["a", "b"]


def test_the_symbols_handed_out_are_a_copy():
    vocabulary = Vocabulary("ab")
    vocabulary.symbols.append("c")
    assert vocabulary.symbols == ["a", "b"]


@pytest.mark.parametrize("special", ["<pad>", "<start>", "<end>", "<unknown>"])
def test_no_text_can_spell_a_special_id(special):
    vocabulary = Vocabulary("ab")
    assert special not in vocabulary
    assert vocabulary.encode([special]) == [UNKNOWN]
    with pytest.raises(ValueError, match=r"symbols\[1\] is '<.*>', the name of the special id"):
        Vocabulary(["a", special])


def test_decoding_stops_at_the_first_end_and_shows_what_is_unknown():
    vocabulary = Vocabulary(["cat"])
    assert vocabulary.decode([START, 4, PAD, UNKNOWN, END, 4, END]) == ["cat", "<unknown>"]
    assert vocabulary.decode([]) == []


@given(st.lists(st.integers(0, 5)))
def test_decoding_every_id_loses_none(ids):
    names = ["<pad>", "<start>", "<end>", "<unknown>", "a", "b"]
    assert Vocabulary("ab").decode(ids, every=True) == [names[index] for index in ids]


@given(SEQUENCES, st.integers(1, 3))
def test_building_puts_the_most_frequent_first_and_ties_in_string_order(sequences, min_count):
    vocabulary = Vocabulary.build(sequences, min_count=min_count)
    everything = [symbol for sequence in sequences for symbol in sequence]
    ranks = [(-everything.count(symbol), symbol) for symbol in vocabulary.symbols]
    assert ranks == sorted(ranks)
    assert set(vocabulary.symbols) == {s for s in everything if everything.count(s) >= min_count}


@given(SEQUENCES, st.integers(4, 12))
def test_max_size_bounds_the_length_and_keeps_the_most_frequent(sequences, max_size):
    everything = Vocabulary.build(sequences)
    vocabulary = Vocabulary.build(sequences, max_size=max_size)
    assert len(vocabulary) == min(max_size, len(everything))
    assert vocabulary.symbols == everything.symbols[: max_size - 4]


@given(SEQUENCES, st.randoms())
def test_building_does_not_depend_on_the_order_of_the_text(sequences, random):
    shuffled = random.sample(sequences, len(sequences))
    assert Vocabulary.build(shuffled) == Vocabulary.build(sequences)


def test_repr_shows_the_size_and_the_first_symbols():
    assert repr(Vocabulary("abc")) == "<Vocabulary of 7 ids: 4 special and ['a', 'b', 'c']>"
    assert (
        repr(Vocabulary("abcdefg")) == "<Vocabulary of 11 ids: 4 special and ['a', 'b', 'c', 'd', 'e', ...]>"
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Vocabulary(["a", 3]), TypeError, r"Vocabulary: symbols\[1\] is 3, expected a string"),
        (lambda: Vocabulary(["a", None]), TypeError, r"symbols\[1\] is None"),
        (lambda: Vocabulary(["a", ""]), ValueError, r"symbols\[1\] is an empty string"),
        (lambda: Vocabulary(["b", "a", "b"]), ValueError, r"symbols\[2\] is 'b', as is symbols\[0\]"),
        (lambda: Vocabulary("ab").encode(["a", b"b"]), TypeError, r"encode: sequence\[1\] is b'b'"),
        (
            lambda: Vocabulary("ab").decode([4, 6]),
            ValueError,
            r"ids holds 6 at \[1\], expected ids from 0 to 5",
        ),
        (lambda: Vocabulary("ab").decode([-1]), ValueError, r"ids holds -1 at \[0\]"),
        (lambda: Vocabulary("ab").decode([4.0]), TypeError, "ids has dtype float64"),
        (lambda: Vocabulary("ab").decode([[4]]), ValueError, r"ids has shape \(1, 1\), expected \(T,\)"),
        (lambda: Vocabulary.build([["a"], ["b", 1]]), TypeError, r"build: sequences\[1\]\[1\] is 1"),
        (lambda: Vocabulary.build(["a"], max_size=3), ValueError, "max_size is 3, expected at least 4"),
        (lambda: Vocabulary.build(["a"], max_size=True), ValueError, "max_size is True"),
        (lambda: Vocabulary.build(["a"], min_count=0), ValueError, "min_count is 0"),
    ],
)
def test_errors_say_what_came_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""Nests of arrays: mapped, named and put together again."""

import types

import numpy as np
import pytest
from comparing import assert_same
from hypothesis import given
from hypothesis import strategies as st

from seqmem import LSTMState
from seqmem.nests import as_arrays, reachable_arrays, tree_leaves, tree_map, tree_replace

arrays = st.integers(0, 3).map(lambda n: np.arange(float(n)))
nests = st.recursive(
    st.none() | arrays | st.just("text"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(LSTMState, h=inner, c=inner)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(nests)
def test_mapping_the_identity_keeps_a_nest_with_its_types(nest):
    def same(one, other):
        assert type(one) is type(other)
        if isinstance(one, (tuple, list)):
            for a, b in zip(one, other, strict=True):
                same(a, b)
        elif isinstance(one, dict):
            same(list(one.items()), list(other.items()))
        else:
            assert one is other

    same(tree_map(lambda array: array, nest), nest)


@given(nests)
def test_mapping_several_nests_pairs_their_arrays(nest):
    doubled = tree_map(lambda array: 2 * array, nest)
    sums = list(tree_leaves(tree_map(np.add, nest, doubled), "x"))
    assert_same(sums, [(name, 3 * leaf) for name, leaf in tree_leaves(nest, "x")])


def test_nests_of_different_lengths_cannot_be_paired():
    with pytest.raises(ValueError, match="zip"):
        tree_map(np.add, (np.zeros(1), np.zeros(1)), (np.zeros(1),))


def test_leaves_are_named_by_field_or_by_index_and_none_has_none():
    state = LSTMState(h=np.zeros(1), c=None)
    assert [name for name, _ in tree_leaves((state, [np.zeros(2)], np.zeros(3)), "d")] == [
        "d[0].h",
        "d[1][0]",
        "d[2]",
    ]
    assert [name for name, _ in tree_leaves(np.zeros(1), "x")] == ["x"]
    assert list(tree_leaves(None, "x")) == []


@given(nests)
def test_a_nest_whose_leaves_are_replaced_by_others_of_the_same_names_has_those(nest):
    doubled = tree_map(lambda array: 2 * array, nest)
    assert_same(tree_replace(nest, "x", dict(tree_leaves(doubled, "x"))), doubled)
    kept = dict(tree_leaves(tree_replace(nest, "x", {}), "x"))
    assert all(kept[name] is leaf for name, leaf in tree_leaves(nest, "x"))


def test_a_dicts_leaves_are_named_by_key_and_text_has_no_name():
    nest = {"x": np.zeros(1), "mode": "lead", "state": LSTMState(np.zeros(2), None)}
    assert [name for name, _ in tree_leaves(nest, "")] == ["x", "state.h"]
    assert [name for name, _ in tree_leaves(nest, "in")] == ["in.x", "in.state.h"]
    assert tree_map(lambda array: array + 1, nest)["mode"] == "lead"


def test_an_inputs_lists_are_arrays_and_its_tuples_and_dicts_are_nests():
    found = as_arrays(({"x": [[1, 2], [3, 4]]}, LSTMState([1.0], None), "text"))
    assert_same(found[0], {"x": np.array([[1, 2], [3, 4]])})
    assert type(found[1]) is LSTMState
    assert_same(found[1].h, np.array([1.0]))
    assert found[2] == "text"


class Slotted:
    __slots__ = ("kept", "unset")


def test_arrays_are_reached_through_containers_attributes_and_slots_and_once_each():
    array, other = np.zeros(1), np.ones(2)
    slotted = Slotted()
    slotted.kept = types.MappingProxyType({"a": other})
    nest = [array, {"again": array}, types.SimpleNamespace(inner=slotted), np.zeros, "text", b"text"]
    nest.append(nest)
    assert [name for name, _ in reachable_arrays(nest, "cache")] == ["cache[0]", "cache[2].inner.kept.a"]
    assert next(iter(reachable_arrays({frozenset([1, 2]): {(3,)}, "x": other}, "c")))[1] is other


@pytest.mark.parametrize("nothing", [None, "text", (), {}, [None]])
def test_what_holds_no_arrays_has_no_leaves(nothing):
    assert list(tree_leaves(nothing, "x")) == []
    assert tree_map(np.copy, nothing) == nothing

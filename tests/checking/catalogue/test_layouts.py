"""A layout hands the reference's arrays over and takes their gradients back, and loses nothing on the way."""

import inspect
import itertools

import numpy as np
import pytest

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.layouts import layouts, outputs_of
from seqmem.checking.selftest import correct_passes

STEP = ["x", "h_prev"]
NAMES = {
    "own names": ("lstm_sequence", ["xs", "h0", "c0", "W_x", "W_h", "b"]),
    "wide": ("lstm_step", ["x", "prev_h", "prev_c", "Wx", "Wh", "b"]),
    "joined": ("lstm_step", ["x", "h_prev", "c_prev", "W", "b"]),
    "LSTM gate by gate": (
        "lstm_step",
        [*STEP, "c_prev", *(f"{kind}{gate}" for gate in "ifog" for kind in ("W_x", "W_h", "b_"))],
    ),
    "features first": ("lstm_step", ["xt", "a_prev", "c_prev", *(k + g for k in "Wb" for g in "fico")]),
    "W and U": ("lstm_step", ["x", "h", "c", *(k + g for k in "WUb" for g in "ifoc")]),
    "RNN": ("rnn_step", ["x", "h_prev", "W_xh", "W_hh", "b_h"]),
    "RNN sequence": ("rnn_sequence", ["inputs", "h0", "Wx", "Wh", "b"]),
    "GRU gate by gate": ("gru_step", [*STEP, *(k + g for k in ("W_", "U_", "b_") for g in "rzh")]),
    "GRU wide": ("gru_sequence", ["x", "h0", "W_ih", "W_hh", "bias"]),
    "reset-after GRU": ("gru_after_step", [*STEP, "Wx", "Wh", "b", "b_hn"]),
    "attention": ("attention", ["query", "keys", "W_q", "W_k", "b", "v"]),
    "attention, as Bahdanau": ("attention", ["s", "h", "W_a", "U_a", "b", "v_a"]),
    "embedding": ("embedding", ["W", "tokens"]),
    "embedding, other names": ("embedding", ["ids", "table"]),
    "cross-entropy": ("cross_entropy", ["logits", "targets", "mask"]),
    "clipping": ("clipping", ["W", "U", "b", "max_norm"]),
}
NAMES |= {
    f"style: {style.name}": (style.like, list(inspect.signature(style.forward).parameters))
    for style in correct_passes.STYLES
}
some_names = pytest.mark.parametrize(("like", "names"), NAMES.values(), ids=NAMES.keys())


def candidates(like, names):
    found = list(layouts(KINDS[like], names))
    assert found
    return found


def arrays(like):
    return KINDS[like].draw(np.random.default_rng(3))


@some_names
def test_a_layout_hands_over_what_the_function_takes_in_its_order(like, names):
    for layout in candidates(like, names):
        assert list(layout.pack(arrays(like))) == names
        assert sorted("".join(layout.order)) == sorted(KINDS[like].gates)


@some_names
def test_every_entry_is_handed_over_once(like, names):
    inputs = arrays(like)
    total = sum(np.size(value) for value in inputs.values())
    for layout in candidates(like, names):
        numbers = np.concatenate([np.ravel(part) for part in layout.sources(inputs).values()])
        if np.array_equal(np.sort(numbers), np.arange(total)):
            break
        assert len(np.unique(numbers)) == len(numbers)
    else:
        pytest.fail("no layout hands everything over")


@some_names
def test_sources_say_where_each_number_handed_over_comes_from(like, names):
    inputs = arrays(like)
    flat = np.concatenate([np.ravel(value) for value in inputs.values()])
    for layout in candidates(like, names):
        sources = layout.sources(inputs)
        for name, value in layout.pack(inputs).items():
            np.testing.assert_array_equal(flat[sources[name]], value)


@some_names
def test_unpacking_undoes_packing(like, names):
    inputs = arrays(like)
    whole = 0
    for layout in candidates(like, names):
        back = layout.unpack(layout.pack(inputs), inputs)
        for name, value in back.items():
            np.testing.assert_array_equal(value, inputs[name])
        whole += back.keys() == inputs.keys()
    assert whole


@some_names
def test_what_is_handed_over_is_the_functions_own(like, names):
    inputs = arrays(like)
    kept = {name: np.copy(value) for name, value in inputs.items()}
    for layout in itertools.islice(candidates(like, names), 60):
        for value in layout.pack(inputs).values():
            if isinstance(value, np.ndarray):
                value[...] = 0
    for name, value in inputs.items():
        np.testing.assert_array_equal(value, kept[name])


def test_a_gradient_that_is_none_or_of_another_shape_is_left_out():
    like, names = NAMES["wide"]
    inputs = arrays(like)
    layout = candidates(like, names)[0]
    packed = layout.pack(inputs) | {"Wx": None, "b": np.zeros(1)}
    assert layout.unpack(packed, inputs).keys() == {"x", "h_prev", "c_prev", "W_h"}


def test_half_an_array_is_not_taken_for_the_whole():
    like, names = NAMES["LSTM gate by gate"]
    inputs = arrays(like)
    layout = candidates(like, names)[0]
    packed = layout.pack(inputs) | {"b_f": None}
    assert layout.unpack(packed, inputs).keys() == inputs.keys() - {"b"}


@pytest.mark.parametrize(
    ("name", "orders"), [("wide", 24), ("joined", 24), ("GRU wide", 6), ("LSTM gate by gate", 1), ("RNN", 1)]
)
def test_every_order_of_the_gates_is_tried_where_gates_stand_side_by_side(name, orders):
    assert len({layout.order for layout in candidates(*NAMES[name])}) == orders


def test_all_the_data_layouts_of_a_sequence_are_tried():
    like, names = NAMES["GRU wide"]
    shapes = {layout.pack(arrays(like))["x"].shape for layout in candidates(like, names)}
    T, B, D = arrays(like)["xs"].shape
    assert shapes == {(T, B, D), (B, T, D), (D, B, T)}


def test_all_the_forms_of_wide_weights_are_tried():
    like, names = NAMES["wide"]
    shapes = {layout.pack(arrays(like))["Wx"].shape for layout in candidates(like, names)}
    G, D, H = arrays(like)["W_x"].shape
    assert shapes == {(G, D, H), (D, G * H), (G * H, D)}


@pytest.mark.parametrize("like", KINDS)
def test_names_that_say_nothing_have_no_layout(like):
    assert list(layouts(KINDS[like], ["p1", "p2", "foo"])) == []


@pytest.mark.parametrize("like", [name for name in KINDS if name != "clipping"])
def test_the_references_own_names_have_a_layout_that_changes_nothing(like):
    inputs = arrays(like)
    first = candidates(like, list(inputs))[0].pack(inputs)
    for name, value in inputs.items():
        np.testing.assert_array_equal(first[name], value)


OUTPUTS = {"hs": np.arange(24.0).reshape(2, 3, 4), "h": 100 + np.arange(12.0).reshape(3, 4)}


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ([OUTPUTS["hs"]], [("hs", (0, 1, 2))]),
        ([OUTPUTS["h"], OUTPUTS["hs"]], [("h", (0, 1)), ("hs", (0, 1, 2))]),
        ([OUTPUTS["hs"].swapaxes(0, 1)], [("hs", (1, 0, 2))]),
        ([OUTPUTS["hs"].transpose(2, 1, 0), OUTPUTS["h"].T], [("hs", (2, 1, 0)), ("h", (1, 0))]),
        ([OUTPUTS["hs"] + 1e-12], [("hs", (0, 1, 2))]),
        ([OUTPUTS["hs"] + 1e-6], None),
        ([OUTPUTS["hs"][:1]], None),
        ([OUTPUTS["hs"], np.zeros(3)], None),
        ([OUTPUTS["hs"] * np.nan], None),
        ([], []),
    ],
)
def test_outputs_are_recognised_by_their_values_in_any_order_of_axes(leaves, expected):
    assert outputs_of(leaves, OUTPUTS, 1e-9) == expected

"""The protocol's helpers: names of parameters, ties, casts, how a module is shown."""

import copy
import itertools
import pickle
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest
from comparing import assert_same
from hypothesis import given
from hypothesis import strategies as st

from seqmem import (
    SGD,
    AdditiveAttention,
    Decoder,
    Encoder,
    GRUCell,
    Linear,
    LSTMCell,
    Recurrent,
    RNNCell,
    Seq2Seq,
    gradcheck,
)
from seqmem.module import Module, Tie, named_modules, prefixed


def test_parameters_are_live_arrays_under_dotted_names():
    attention = AdditiveAttention(4, 3, 5, rng=0)
    model = Seq2Seq(Encoder(9, 2, 3), Decoder(8, 2, 4, context=attention, cell="gru"))
    params = model.params
    assert list(params) == [
        *("encoder.embedding.W", "encoder.layer.cell.W_x", "encoder.layer.cell.W_h", "encoder.layer.cell.b"),
        *("bridge.linear.W", "bridge.linear.b"),
        *("decoder.context.W_q", "decoder.context.W_k", "decoder.context.b", "decoder.context.v"),
        *("decoder.embedding.W", "decoder.cell.W_x", "decoder.cell.W_h", "decoder.cell.b"),
        *("decoder.output.W", "decoder.output.b"),
    ]
    params["encoder.layer.cell.b"][...] = 7
    assert (model.encoder.cell.b == 7).all()
    assert params["decoder.context.v"] is attention.v


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_astype_is_an_independent_copy_in_another_dtype(dtype):
    layer = Recurrent(LSTMCell(3, 2, rng=0), reverse=True)
    twin = layer.astype(dtype)
    assert twin.reverse
    assert {param.dtype for param in twin.params.values()} == {np.dtype(dtype)}
    assert twin.dtype == dtype
    assert layer.dtype == np.float64
    right = {name: param.astype(dtype) for name, param in layer.params.items()}
    for param in layer.params.values():
        param.fill(np.nan)
    assert_same(twin.params, right)


def test_config_is_what_the_constructor_was_given_but_the_rng():
    assert LSTMCell(3, 2, forget_bias=0.5, rng=9, dtype=np.float32).config == {
        "input_size": 3,
        "hidden_size": 2,
        "forget_bias": 0.5,
        "chrono": None,
        "input_init": "glorot",
        "recurrent_init": "orthogonal",
        "dtype": np.float32,
    }


def test_a_module_shows_the_arguments_that_are_not_the_default():
    assert repr(LSTMCell(3, 2)) == "LSTMCell(input_size=3, hidden_size=2)"
    assert repr(LSTMCell(3, 2, forget_bias=0.5)) == "LSTMCell(input_size=3, hidden_size=2, forget_bias=0.5)"


class Pair(NamedTuple):
    """Two of a kind."""

    one: object
    other: object


class Holder(Module):
    """Anything under any name."""

    def __init__(self, **parts):
        vars(self).update(parts)


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),
    "astype": lambda module: module.astype(module.dtype),
}
every_copy = pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)


def test_children_and_arrays_in_lists_tuples_and_dicts_are_found():
    W = np.zeros((2, 3))
    holder = Holder(
        layers=[Linear(1, 2), Linear(2, 3)],
        heads={"left": Linear(3, 1), "right": (W, {7: np.ones(4)})},
        pair=Pair(RNNCell(1, 2), [[np.zeros(5)]]),
        size=3,
        names=["a", "b"],
        nothing=[],
    )
    assert {name: array.shape for name, array in holder.params.items()} == {
        "layers.0.W": (1, 2),
        "layers.0.b": (2,),
        "layers.1.W": (2, 3),
        "layers.1.b": (3,),
        "heads.left.W": (3, 1),
        "heads.left.b": (1,),
        "heads.right.0": (2, 3),
        "heads.right.1.7": (4,),
        "pair.0.W_x": (1, 2),
        "pair.0.W_h": (2, 2),
        "pair.0.b": (2,),
        "pair.1.0.0": (5,),
    }
    assert holder.params["heads.right.0"] is W
    names = ["", "layers.0", "layers.1", "heads.left", "pair.0"]
    assert [name for name, _ in named_modules(holder)] == names
    assert holder.dtype == np.float64


def test_a_cast_keeps_the_kinds_of_the_containers():
    holder = Holder(
        a=OrderedDict(W=np.zeros(2)), b=Pair(np.zeros(3), None), c=[np.zeros(1)], d=(np.zeros(4),)
    )
    twin = holder.astype(np.float32)
    assert {param.dtype for param in twin.params.values()} == {np.dtype(np.float32)}
    assert {param.dtype for param in holder.params.values()} == {np.dtype(np.float64)}
    assert [type(part) for part in vars(twin).values()] == [OrderedDict, Pair, list, tuple]
    assert twin.b.one is twin.params["b.0"]


def test_two_arrays_of_one_name_are_an_error():
    with pytest.raises(ValueError, match=r"Holder: two arrays have the name d\.1"):
        Holder(d={1: np.zeros(2), "1": np.zeros(3)}).params  # noqa: B018


class Deep(Module):
    """Two linear layers one after the other, which may be one."""

    def __init__(self, first, second):
        self.layers = [first, second]

    def forward(self, x):
        y, cache = self.layers[0].forward(x)
        z, further = self.layers[1].forward(np.tanh(y))
        return z, (cache, np.tanh(y), further)

    def backward(self, d_z, cache):
        cache, y, further = cache
        (d_y,), second = self.layers[1].backward(d_z, further)
        (d_x,), first = self.layers[0].backward(d_y * (1 - y**2), cache)
        return (d_x,), self.summed(prefixed("layers.0", first) | prefixed("layers.1", second))


def one_child_twice():
    layer = Linear(3, 3, rng=0)
    return Deep(layer, layer)


def one_array_twice():
    deep = Deep(Linear(3, 3, rng=0), Linear(3, 3, rng=1))
    deep.layers[1].W = deep.layers[0].W
    return deep


def one_array_there_and_back():
    deep = Deep(Linear(3, 4, rng=0), Linear(4, 3, rng=1))
    deep.tie("layers.1.W", "layers.0.W", transposed=True)
    return deep


TWICE = {
    "a child": (one_child_twice, ["layers.0.W", "layers.0.b"]),
    "an array": (one_array_twice, ["layers.0.W", "layers.0.b", "layers.1.b"]),
    "an array transposed": (one_array_there_and_back, ["layers.0.W", "layers.0.b", "layers.1.b"]),
}
every_twice = pytest.mark.parametrize(("make", "names"), TWICE.values(), ids=TWICE)


@every_twice
def test_what_stands_under_two_names_is_one_parameter_with_the_sum_of_the_gradients(make, names):
    deep, x = make(), np.random.default_rng(0).normal(size=(5, 3))
    assert list(deep.params) == names
    report = gradcheck(deep, x)
    assert report.passed, report
    assert {row.name for row in report.rows} == {*names, "x"}


@every_twice
def test_what_stands_under_two_names_is_updated_once(make, names):
    deep, x = make(), np.ones((2, 3))
    before = {name: param.copy() for name, param in deep.params.items()}
    z, cache = deep.forward(x)
    _, grads = deep.backward(z, cache)
    SGD(0.5).step(deep.params, grads)
    for name, param in deep.params.items():
        assert_same(param, before[name] - 0.5 * grads[name])
    W = deep.layers[0].W
    assert_same(deep.layers[1].W, W.T if make is one_array_there_and_back else W)


@every_twice
@every_copy
def test_a_copy_holds_it_under_both_names_as_well(make, names, duplicate):
    deep = make()
    twin = duplicate(deep)
    assert (list(twin.params), twin.ties) == (names, deep.ties)
    assert not any(np.shares_memory(twin.params[name], deep.params[name]) for name in names)
    x = np.random.default_rng(0).normal(size=(5, 3))
    for param in (*deep.params.values(), *twin.params.values()):
        param[...] = 0.1
    twin.params["layers.0.W"][0, 1] = deep.params["layers.0.W"][0, 1] = 2
    assert_same(twin.forward(x)[0], deep.forward(x)[0])


def test_weights_that_a_cell_or_an_attention_uses_twice_are_one_parameter():
    cell = GRUCell(4, 4, rng=0)
    cell.W_h = cell.W_x
    attention = AdditiveAttention(3, 3, 5, rng=0)
    attention.W_k = attention.W_q
    decoder = Decoder(6, 3, 5, context=AdditiveAttention(5, 5, 4, rng=0), rng=1)
    decoder.context.W_k = decoder.context.W_q
    for module, left_out in (
        (cell, "W_h"),
        (Recurrent(cell), "cell.W_h"),
        (attention, "W_k"),
        (decoder, "context.W_k"),
    ):
        report = gradcheck(module)
        assert report.passed, report
        assert left_out not in module.params


def tied_model():
    """What is read, written and scored goes by the same vectors."""
    encoder = Encoder(7, 5, 5, rng=0)
    decoder = Decoder(7, 5, 5, context=AdditiveAttention(5, 5, 3, rng=1), rng=2)
    model = Seq2Seq(encoder, decoder)
    model.tie("decoder.embedding.W", "encoder.embedding.W")
    model.tie("decoder.output.W", "encoder.embedding.W", transposed=True)
    return model


def test_a_model_whose_embedding_scores_as_well_has_right_gradients():
    model = tied_model()
    assert model.ties == {
        "decoder.embedding.W": Tie("encoder.embedding.W", transposed=False),
        "decoder.output.W": Tie("encoder.embedding.W", transposed=True),
    }
    report = gradcheck(model)
    assert report.passed, report
    assert len(report.rows) == len(model.params) == 12
    decoder = gradcheck(model.decoder)
    assert decoder.passed, decoder
    assert "output.W" not in model.decoder.params


@every_copy
def test_a_copy_of_a_tied_model_is_tied(duplicate):
    model = tied_model()
    twin = duplicate(model)
    assert twin.ties == model.ties
    assert (twin.decoder.ties, twin.encoder.ties) == (model.decoder.ties, {})
    assert_same(twin.params, model.params)
    twin.encoder.embedding.W[2, 3] = 8
    assert twin.decoder.embedding.W[2, 3] == twin.decoder.output.W[3, 2] == 8
    assert model.encoder.embedding.W[2, 3] != 8


def test_what_fits_no_tie_is_refused():
    decoder = Decoder(7, 5, 5, rng=0)
    decoder.cell.W_x = decoder.cell.W_x.astype(np.float32)
    with pytest.raises(ValueError, match=r"Decoder\.tie: 'W' is not one of embedding\.W, cell\.W_x, "):
        decoder.tie("W", "embedding.W")
    with pytest.raises(
        ValueError, match=r"embedding\.W is float64 \(7, 5\) as it is, .* \(5, 7\): that of output\.W"
    ):
        decoder.tie("output.W", "embedding.W")
    with pytest.raises(
        ValueError, match=r"embedding\.W is float64 \(5, 7\) transposed, expected float64 \(7,\): "
    ):
        decoder.tie("output.b", "embedding.W", transposed=True)
    with pytest.raises(ValueError, match=r"float64 .*expected float32"):
        decoder.tie("cell.W_x", "cell.W_h")
    with pytest.raises(ValueError, match=r"Decoder\.tie: cell\.b would be tied to itself"):
        decoder.tie("cell.b", "cell.b")
    assert decoder.ties == {}


@pytest.mark.parametrize(
    "view", [lambda W: W[::-1], lambda W: W[:2], lambda W: W.reshape(-1), lambda W: W.T[::-1]]
)
def test_an_array_that_shows_other_numbers_is_a_parameter_of_its_own(view):
    W = np.arange(9.0).reshape(3, 3)
    holder = Holder(one=W, other=view(W))
    assert (list(holder.params), holder.ties) == (["one", "other"], {})


@st.composite
def trees(draw):
    """A module of nested containers, in which few arrays stand in many places, as they are or transposed."""
    sizes = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
    arrays = [np.arange(float(m * n)).reshape(m, n) + 10 * k for k, (m, n) in enumerate(sizes)]
    shown = st.builds(
        lambda array, turned: array.T if turned else array, st.sampled_from(arrays), st.booleans()
    )
    names = st.sampled_from("abc")
    nests = st.recursive(
        shown | st.integers(0, 9) | st.just("text"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(names, inner, max_size=3)
            | st.dictionaries(names, inner, max_size=3).map(lambda parts: Holder(**parts))
        ),
        max_leaves=8,
    )
    return Holder(**draw(st.dictionaries(names, nests, max_size=3))), arrays


@given(trees())
def test_every_array_is_one_parameter_whatever_its_names(tree):
    module, arrays = tree
    used = [
        array for array in arrays if any(np.shares_memory(array, found) for found in module.params.values())
    ]
    assert len(module.params) == len(used)
    assert set(module.ties).isdisjoint(module.params)
    assert {tie.first for tie in module.ties.values()} <= set(module.params)


@given(trees(), st.sampled_from(sorted(COPIES)))
def test_a_copy_is_tied_as_the_original_is(tree, how):
    module, _ = tree
    twin = COPIES[how](module) if how != "astype" else module.astype(np.float32)
    assert twin.ties == module.ties
    assert list(twin.params) == list(module.params)
    assert str(twin) == str(module)
    for name, param in module.params.items():
        twin.params[name][...] = -1
        assert (param >= 0).all()
    for _, found in leaves_of(twin):
        assert (found == -1).all()


@given(trees())
def test_the_gradients_by_every_name_add_up_to_the_derivative(tree):
    """Of the loss Σ over names of the sum of weight * array, each name with weights of its own."""
    module, _ = tree
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=array.shape) for name, array in leaves_of(module)}
    grads = module.summed(dict(weights))
    assert list(grads) == list(module.params)
    before = sum((weights[name] * array).sum() for name, array in leaves_of(module))
    for name, param in module.params.items():
        kept = param.copy()
        param += 1
        after = sum((weights[own] * array).sum() for own, array in leaves_of(module))
        np.testing.assert_allclose(grads[name].sum(), after - before, atol=1e-10)  # of sums of up to 200
        param[...] = kept


def leaves_of(module):
    """Every array with every name that it has, found without the module's help."""

    def walk(value, path):
        if isinstance(value, np.ndarray):
            yield path, value
        parts = vars(value) if isinstance(value, Module) else value
        if isinstance(parts, dict):
            parts = parts.items()
        elif isinstance(parts, (list, tuple)):
            parts = enumerate(parts)
        else:
            return
        for name, part in parts:
            yield from walk(part, f"{path}.{name}" if path else str(name))

    return list(walk(module, ""))


class Forgetful(Module):
    def __init__(self, size, rate=0.5):
        self.W = np.zeros(size)


class Open(Module):
    def __init__(self, *sizes, **options):
        self.layers = [Linear(a, b) for a, b in itertools.pairwise(sizes)]


class Raising(Module):
    def __init__(self, size):
        pass

    @property
    def size(self):
        raise RuntimeError("not yet")


def test_a_module_can_be_shown_whatever_its_constructor_keeps():
    assert repr(Forgetful(3)) == "Forgetful(...)"
    assert repr(Open(2, 3, 4, rate=1)) == "Open(...)"
    assert repr(Raising(3)) == "Raising(...)"
    assert repr(Linear.__new__(Linear)) == "Linear(...)"
    assert repr(Holder(part=Forgetful(3))) == "Holder()"
    for dtype in (np.float32, "float32", np.dtype("f4")):
        shown = repr(RNNCell(2, 3, dtype=dtype))
        assert shown == "RNNCell(input_size=2, hidden_size=3, dtype='float32')"
    assert repr(RNNCell(2, 3, dtype="f8")) == "RNNCell(input_size=2, hidden_size=3)"
    with pytest.raises(TypeError, match=r"Forgetful: keep the constructor's argument size as self\.size"):
        Forgetful(3).config  # noqa: B018


def test_printed_a_module_is_a_tree_with_shapes():
    deep = one_array_there_and_back()
    deep.heads = {"left": Recurrent(RNNCell(2, 3))}
    assert str(deep) == "\n".join(
        [
            "Deep",
            "  layers.0: Linear",
            "    W (3, 4)",
            "    b (4,)",
            "  layers.1: Linear",
            "    W (4, 3) = layers.0.W.T",
            "    b (3,)",
            "  heads.left: Recurrent",
            "    cell: RNNCell",
            "      W_x (2, 3)",
            "      W_h (3, 3)",
            "      b (3,)",
        ]
    )
    assert str(Holder()) == "Holder"


def test_a_summary_counts_every_parameter_once():
    model = tied_model()
    lines = model.summary().split("\n")
    assert lines[0].split() == ["parameter", "shape", "count"]
    assert lines[-1].split() == ["total", f"{sum(param.size for param in model.params.values()):,}"]
    counted = {line.split()[0]: line.split()[-1] for line in lines[1:-1]}
    assert counted == {name: f"{param.size:,}" for name, param in model.params.items()} | dict.fromkeys(
        model.ties, "tied"
    )
    assert ["decoder.output.W", "encoder.embedding.W.T", "tied"] in [line.split() for line in lines]
    assert len({len(line) for line in lines}) == 1
    assert Holder().summary() == "parameter  shape  count\ntotal                 0"


def test_a_prefix_goes_before_every_name():
    W = np.zeros(2)
    assert prefixed("cell", {"W": W, "b.c": W}) == {"cell.W": W, "cell.b.c": W}

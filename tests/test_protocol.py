"""What is true of every module: the contract checks, and what the library promises beyond them."""

import concurrent.futures
import copy
import inspect
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import strategies as draw
from comparing import assert_same, leaves
from strategies import CELLS

from seqmem import (
    GRU,
    LSTM,
    RNN,
    AdditiveAttention,
    BilinearAttention,
    Decoder,
    DotProductAttention,
    Dropout,
    Embedding,
    Encoder,
    FixedContext,
    GRUCell,
    LanguageModel,
    Linear,
    LSTMState,
    NoContext,
    Recurrent,
    Seq2Seq,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from seqmem.checking import CONTRACT_CHECKS, exposing_inputs, with_exposing_params
from seqmem.checking.contract.assertions import NotApplicableError
from seqmem.checking.contract.subject import ModuleSubject
from seqmem.layers.sequence import SequenceLayer
from seqmem.models import AttentionPooling, Bridge, MeanPooling
from seqmem.module import Module
from seqmem.nests import tree_map


def small_model(source, target, context, readout="state", **options):
    encoder = Encoder(6, 2, 5, cell=source, rng=0, **options)
    decoder = Decoder(7, 3, 4, context=context, key_size=5, cell=target, readout=readout, rng=1, **options)
    return Seq2Seq(encoder, decoder, rng=2)


MODULES = {
    **{f"{kind} cell": lambda kind=kind, **options: CELLS[kind](3, 5, rng=0, **options) for kind in CELLS},
    **{
        f"{kind} layer": lambda kind=kind, **options: Recurrent(CELLS[kind](3, 5, rng=0, **options))
        for kind in CELLS
    },
    "reversed layer": lambda **options: Recurrent(CELLS["lstm"](3, 5, rng=0, **options), reverse=True),
    "both directions": lambda **options: LSTM(3, 5, bidirectional=True, rng=0, **options).layers[0],
    "stack of plain cells": lambda **options: RNN(2, 4, activation="relu", rng=0, **options),
    "stack": lambda **options: GRU(3, 5, num_layers=2, rng=0, **options),
    "stack, both directions": lambda **options: LSTM(
        3, 4, num_layers=2, bidirectional=True, rng=0, **options
    ),
    "linear": lambda **options: Linear(3, 5, rng=0, **options),
    "embedding": lambda **options: Embedding(6, 3, rng=0, **options),
    "additive attention": lambda **options: AdditiveAttention(3, 5, 4, rng=0, **options),
    "fixed context": lambda **options: FixedContext(),
    "dot-product attention": lambda **options: DotProductAttention(4),
    "scaled dot-product attention": lambda **options: DotProductAttention(scaled=True),
    "bilinear attention": lambda **options: BilinearAttention(3, 5, rng=0, **options),
    "no context": lambda **options: NoContext(),
    "dropout": lambda **options: Dropout(0.4),
    "encoder": lambda **options: Encoder(6, 3, 5, rng=0, **options),
    "decoder, fixed": lambda **options: Decoder(6, 3, 5, key_size=4, cell="gru", rng=0, **options),
    "decoder, attention": lambda **options: Decoder(
        6, 3, 5, context=AdditiveAttention(5, 4, 2, rng=1, **options), rng=0, **options
    ),
    "decoder, whole readout": lambda **options: Decoder(
        6, 3, 5, context=AdditiveAttention(5, 4, 2, rng=1, **options), readout="all", rng=0, **options
    ),
    "bridge": lambda **options: Bridge(LSTMState(3, 3), 5, rng=0, **options),
    "deep encoder": lambda **options: Encoder(6, 3, 4, num_layers=2, bidirectional=True, rng=0, **options),
    "deep decoder": lambda **options: Decoder(
        6, 3, 5, context=AdditiveAttention(5, 4, 2, rng=1, **options), num_layers=2, rng=0, **options
    ),
    "model, fixed": lambda **options: small_model("lstm", "lstm", FixedContext(), **options),
    "model, attention": lambda **options: small_model(
        "gru", "rnn", AdditiveAttention(4, 5, 3, rng=3, **options), **options
    ),
    "model, whole readout": lambda **options: small_model(
        "rnn", "lstm", AdditiveAttention(4, 5, 3, rng=3, **options), "all", **options
    ),
}
MODULES |= {
    "language model": lambda **options: LanguageModel(Encoder(6, 3, 5, cell="gru", rng=0, **options), rng=1),
    "classifier, last": lambda **options: SequenceClassifier(
        GRU(3, 5, bidirectional=True, rng=0, **options), 4, rng=1
    ),
    "classifier, mean": lambda **options: SequenceClassifier(
        LSTM(3, 5, num_layers=2, rng=0, **options), 4, pooling="mean", rng=1
    ),
    "classifier, attention": lambda **options: SequenceClassifier(
        RNN(3, 5, rng=0, **options), 4, pooling="attention", rng=1
    ),
    "tagger": lambda **options: SequenceTagger(LSTM(3, 5, bidirectional=True, rng=0, **options), 4, rng=1),
    "regressor": lambda **options: SequenceRegressor(GRU(3, 5, rng=0, **options), 2, horizon=7, rng=1),
    "regressor, every step": lambda **options: SequenceRegressor(
        Recurrent(GRUCell(3, 5, rng=0, **options)), 2, every_step=True, rng=1
    ),
    "mean pooling": lambda **options: MeanPooling(),
    "attention pooling": lambda **options: AttentionPooling(5, 3, rng=0, **options),
}
WITH_FLOATS = sorted(
    set(MODULES)
    - {
        "bridge",
        "embedding",
        "encoder",
        "deep encoder",
        "model, fixed",
        "model, attention",
        "model, whole readout",
        "language model",
    }
)

every_module = pytest.mark.parametrize("name", sorted(MODULES))
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def drawn(name, dtype=np.float64, seed=0):
    """A module with random parameters and what goes in; the gradients of what comes out are drawn, too."""
    rng = np.random.default_rng(seed)
    module = draw.exposed(MODULES[name](dtype=dtype), rng)
    inputs, options = exposing_inputs(module, rng)
    if module.dtype is None:  # it follows its inputs
        inputs = tree_map(lambda array: array.astype(dtype), inputs)
    return ModuleSubject(module, inputs, options, seed)


def battery_case(name, dtype):
    rng = np.random.default_rng(0)
    module = with_exposing_params(MODULES[name](dtype=dtype), rng)
    inputs, options = exposing_inputs(module, rng)
    if module.dtype is None:  # it follows its inputs
        inputs = tree_map(lambda array: array.astype(dtype), inputs)
    return ModuleSubject(module, inputs, options)


def does_not_apply(module, check):
    """What a check has nothing to say about; everything else must be checked, not left out."""
    takes_lengths = "lengths" in inspect.signature(module.forward).parameters
    return (check == "padding" and not takes_lengths) or (
        check == "splitting"
        and not (isinstance(module, SequenceLayer) and len(module.directions) == 1)
        and not (isinstance(module, SequenceRegressor) and module.every_step)
    )


each_check = pytest.mark.parametrize(
    ("check", "dtype"),
    [
        pytest.param(
            check,
            dtype,
            id=f"{check.name}-{dtype.__name__}",
            marks=marks if dtype is np.float64 else pytest.mark.slow,
        )
        for check in CONTRACT_CHECKS
        for dtype in (np.float64, np.float32)
        for marks in [[pytest.mark.quick] * (check.name == "gradients")]
    ],
)


@every_module
@each_check
def test_it_keeps_the_promise(name, dtype, check):
    case = battery_case(name, dtype)
    if does_not_apply(case.module, check.name):
        with pytest.raises(NotApplicableError):
            check.function(case)
    else:
        check.function(case)


@every_module
def test_gradients_come_in_the_order_of_the_parameters_and_tokens_have_none(name):
    case = drawn(name)
    _, cache = case.outputs_and_cache()
    d_inputs, grads = case.d_inputs_and_grads(case.upstream, cache)
    assert list(grads) == list(case.module.params)
    for value, d_value in zip(case.inputs, d_inputs, strict=True):
        assert (d_value is None) == (isinstance(value, np.ndarray) and value.dtype.kind == "i")


@every_module
def test_options_are_taken_by_keyword_alone(name):
    """What is positional is an input, so that a length in the place of a state cannot pass for one."""
    case = drawn(name)
    parameters = inspect.signature(case.module.forward).parameters.values()
    by_keyword = [one.name for one in parameters if one.kind == inspect.Parameter.KEYWORD_ONLY]
    assert len(parameters) - len(by_keyword) == len(case.inputs)
    assert set(by_keyword) <= {"lengths", "rng", "traced"}
    assert set(case.options) <= set(by_keyword)


@every_module
def test_outputs_are_arrays_of_their_own(name):
    """Whoever scales a final state in place must not change the outputs of the last step."""
    case = drawn(name)
    case.options.pop("lengths", None)
    outputs, _ = case.module.forward(*case.inputs, **case.options)
    found = list(leaves(outputs).values())
    others = list(leaves((case.inputs, case.module.params)).values())
    for k, output in enumerate(found):
        assert not any(np.shares_memory(output, other) for other in [*found[:k], *others])


@every_module
def test_memory_mapped_arrays_give_the_same_to_the_last_bit(name, tmp_path: Path):
    case = drawn(name)
    right = case.run()

    def mapped(array):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    case.inputs, case.upstream = tree_map(mapped, (case.inputs, case.upstream))
    assert_same(case.run(), right)
    found = case.d_inputs_and_grads(case.upstream, case.outputs_and_cache()[1])
    assert all(type(leaf) is np.ndarray for leaf in leaves(found).values())


@every_module
def test_broadcast_arrays_give_the_same_as_their_copies(name):
    case = drawn(name)
    one_step = tree_map(lambda array: np.broadcast_to(array[:1], array.shape), case.inputs)
    case.inputs = tree_map(np.copy, one_step)
    right = case.run()
    case.inputs = one_step
    assert_same(case.run(), right)


WITHOUT_PARAMETERS = {
    *("dropout", "mean pooling", "fixed context", "no context"),
    *("dot-product attention", "scaled dot-product attention"),
}


@pytest.mark.parametrize("name", sorted(set(WITH_FLOATS) - WITHOUT_PARAMETERS))
@both_dtypes
def test_the_parameters_dtype_wins_over_that_of_inputs_and_upstream_gradients(name, dtype):
    case = drawn(name, dtype)
    other = np.float32 if dtype == np.float64 else np.float64
    half = tree_map(
        lambda a: a.astype(np.float16) if a.dtype.kind == "f" else a, (case.inputs, case.upstream)
    )
    case.inputs, case.upstream = tree_map(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a, half)
    right = case.run()
    for found in (np.float16, other):
        case.inputs, case.upstream = tree_map(
            lambda a, found=found: a.astype(found) if a.dtype.kind == "f" else a, half
        )
        assert_same(case.run(), right)


@pytest.mark.parametrize("name", WITH_FLOATS)
@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.round(3 * x).astype(np.int8),
        lambda x: x > 0,
        lambda x: np.round(3 * abs(x)).astype(np.uint64),
        lambda x: x.tolist(),
        lambda x: np.round(3 * x).astype(int).tolist(),
    ],
    ids=["int8", "bool", "uint64", "list of floats", "list of integers"],
)
def test_integers_booleans_and_lists_are_promoted(name, change):
    case = drawn(name)
    place = next(k for k, v in enumerate(case.inputs) if isinstance(v, np.ndarray) and v.dtype.kind == "f")
    inputs = list(case.inputs)
    inputs[place] = change(inputs[place])
    outputs, _ = case.module.forward(*inputs, **case.options)
    inputs[place] = np.array(inputs[place], float)
    assert_same(outputs, case.module.forward(*inputs, **case.options)[0])


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"bridge"}))  # it stands inside a model
@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (None, "object"),
        ("text", "<U4"),
        (np.array([["a"]]), "<U1"),
        (np.array([[1, None]]), "object"),
        (np.array(["2026-11-01"], "M8[D]"), r"datetime64\[D\]"),
        (np.ma.masked_array(np.zeros((2, 3)), mask=True), "masked array"),
        ([[1, 2], [3]], "array dtype"),
        ({}, "object"),
    ],
    ids=["None", "string", "strings", "objects", "dates", "masked", "ragged", "dict"],
)
def test_what_are_no_numbers_is_refused_with_its_dtype(name, value, dtype):
    case = drawn(name)
    caller = type(case.module).__name__
    with pytest.raises(TypeError, match=rf"^{caller}.forward: \w+ (has dtype|is a|has no) ?{dtype}"):
        case.module.forward(value, *case.inputs[1:], **case.options)


@every_module
@both_dtypes
def test_numbers_too_small_to_multiply_are_zero_without_a_warning(name, dtype):
    """An underflow is its own exact limit; a caller who lets NumPy raise must not see it."""
    case = drawn(name, dtype)
    tiny = float(np.finfo(dtype).tiny)
    case.inputs, case.upstream = tree_map(
        lambda a: a * dtype(tiny) if a.dtype.kind == "f" else a, (case.inputs, case.upstream)
    )
    with np.errstate(all="raise"):
        case.run()


@every_module
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_computes_the_same(name, duplicate):
    case = drawn(name)
    twin = duplicate(case.module)
    assert type(twin) is type(case.module)
    assert_same(twin.params, case.module.params)
    assert_same(replace(case, module=twin).run(), case.run())


@every_module
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module)), lambda module: module.astype(float)],
    ids=["deepcopy", "pickle", "astype"],
)
def test_a_deep_copy_is_independent(name, duplicate):
    case = drawn(name)
    before, twin = case.run(), duplicate(case.module)
    for param in twin.params.values():
        param.fill(np.nan)
    assert_same(case.run(), before)


@every_module
def test_caches_and_outputs_can_be_pickled(name):
    case = drawn(name)
    outputs, cache = case.module.forward(*case.inputs, **case.options)
    thawed_outputs, thawed = pickle.loads(pickle.dumps((outputs, cache)))
    assert_same(thawed_outputs, outputs)
    assert_same(case.module.backward(case.upstream, thawed), case.module.backward(case.upstream, cache))


@every_module
def test_several_threads_with_one_module_get_what_one_gets(name):
    cases = [drawn(name, seed=seed) for seed in range(4)]
    for case in cases:
        case.module = cases[0].module
    serial = [case.run() for case in cases]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: cases[k % 4].run(), range(80)))
    for k, found in enumerate(together):
        assert_same(found, serial[k % 4])


def test_several_threads_generate_what_one_generates():
    module = drawn("model, attention").module
    sources = [np.random.default_rng(k).integers(6, size=(5, 4)) for k in range(4)]

    def answers(k):
        return [
            (one.tokens, one.score, one.weights.tolist())
            for one in module.generate(sources[k % 4], max_length=6)
        ]

    serial = [answers(k) for k in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answers, range(40)))
    assert together == [serial[k % 4] for k in range(40)]


@every_module
def test_its_config_makes_its_like_and_its_repr_says_it(name):
    module = MODULES[name](dtype=np.float64)
    twin = type(module)(**module.config)
    assert draw.grad_shapes(twin) == draw.grad_shapes(module)
    assert repr(twin) == repr(module)
    assert repr(module).startswith(f"{type(module).__name__}(")


@every_module
@both_dtypes
def test_one_seed_makes_one_module_to_the_last_bit(name, dtype):
    assert_same(MODULES[name](dtype=dtype).params, MODULES[name](dtype=dtype).params)
    assert {param.dtype for param in MODULES[name](dtype=dtype).params.values()} <= {np.dtype(dtype)}


SEEDED = {
    **{f"{kind} cell": lambda kind=kind, **options: CELLS[kind](3, 5, **options) for kind in CELLS},
    "stack": lambda **options: LSTM(3, 5, num_layers=2, **options),
    "linear": lambda **options: Linear(3, 5, **options),
    "embedding": lambda **options: Embedding(6, 3, **options),
    "additive attention": lambda **options: AdditiveAttention(3, 5, 4, **options),
    "bilinear attention": lambda **options: BilinearAttention(3, 5, **options),
    "encoder": lambda **options: Encoder(6, 3, 5, **options),
    "decoder": lambda **options: Decoder(6, 3, 5, **options),
}


def same_stream(rng, seed):
    """Whether both draw the same numbers."""
    return np.random.default_rng(rng).random() == np.random.default_rng(seed).random()


@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED.keys())
def test_a_seed_decides_the_weights_and_other_things_than_seeds_are_refused(make):
    first = make(rng=3).params
    for rng in (np.random.default_rng(3), np.int64(3)):
        assert_same(make(rng=rng).params, first)
    for rng in (4, None, np.random.SeedSequence(3)):
        other = make(rng=rng).params
        assert [param.shape for param in other.values()] == [param.shape for param in first.values()]
        assert any(not np.array_equal(other[key], first[key]) for key in first) == (not same_stream(rng, 3))
    for rng in (True, np.True_, 1.5, "3", np.random.RandomState(0), [3]):
        with pytest.raises(
            TypeError, match=r"rng is .*, expected None, an int, a numpy Generator or a SeedSequence"
        ):
            make(rng=rng)
    with pytest.raises(ValueError, match="rng is -1, expected a seed of at least 0"):
        make(rng=-1)


@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED.keys())
@pytest.mark.parametrize("dtype", [np.float16, int, complex, ">f8", object])
def test_parameters_are_made_in_float64_or_float32_only(make, dtype):
    with pytest.raises(ValueError, match=r"dtype is .*, expected float64 or float32"):
        make(dtype=dtype)


ELSEWHERE = {
    "seqmem.experiments.networks",  # an experiment's: tests/experiments/test_networks.py
    "seqmem.layers.truncated_bptt",  # leaves out paths on purpose: tests/layers/test_truncated_bptt.py
    "seqmem.exercises.lectures.leaky_cell",  # a solution: tests/exercises
    "seqmem.checking.selftest.demanding_cell",  # the self test's
}


def test_every_module_of_the_library_stands_in_this_battery():
    def kinds_of(kind):
        for child in kind.__subclasses__():
            own = child.__module__.startswith("seqmem.") and not inspect.isabstract(child)
            own = own and not child.__name__.startswith("_")  # what only its subclasses use
            if own and child.__module__ not in (*ELSEWHERE, "seqmem.registry"):  # whose example makes a class
                yield f"{child.__module__}.{child.__qualname__}"  # by which the self test's copies go, too
            yield from kinds_of(child)

    parts = [part for make in MODULES.values() for part in parts_of(make(dtype=np.float64))]
    assert set(kinds_of(Module)) <= {f"{type(part).__module__}.{type(part).__qualname__}" for part in parts}


def parts_of(module):
    """A module and all modules in it."""
    yield module
    for value in vars(module).values():
        if isinstance(value, Module):
            yield from parts_of(value)

"""The contract checks pass what is sound, someone's own module included, and every one of them can fail."""

import sys

import numpy as np
import pytest

from seqmem import GRUCell, LSTMCell, Recurrent
from seqmem.cells import LSTMState
from seqmem.checking import CONTRACT_CHECKS, check_module, strategies
from seqmem.checking.contract.assertions import NotApplicableError
from seqmem.checking.contract.subject import ModuleSubject
from seqmem.module import Module

NAMES = [check.name for check in CONTRACT_CHECKS]


def plain(array):
    """In C order and the machine's own bytes, so that every layout gives the same bits."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


class Leaky(Module):
    """Someone's own cell: c = tanh(x W + h_prev U + b),  h = h_prev + s (c - h_prev)."""

    def __init__(self, input_size, hidden_size, *, rng=None):
        self.input_size, self.hidden_size = input_size, hidden_size
        rng = np.random.default_rng(rng)
        self.W = rng.uniform(-1, 1, (input_size, hidden_size))
        self.U = rng.uniform(-1, 1, (hidden_size, hidden_size))
        self.b = rng.uniform(-1, 1, hidden_size)
        self.s = rng.uniform(-1, 1, hidden_size)

    def forward(self, x, h_prev):
        x, h_prev = plain(x), plain(h_prev)
        c = np.tanh(x @ self.W + h_prev @ self.U + self.b)
        return h_prev + self.s * (c - h_prev), (x, h_prev, c)

    def backward(self, d_h, cache):
        x, h_prev, c = cache
        d_h = np.zeros_like(c) if d_h is None else plain(d_h)
        d_a = d_h * self.s * (1 - c**2)
        grads = {
            "W": x.T @ d_a,
            "U": h_prev.T @ d_a,
            "b": d_a.sum(axis=0),
            "s": (d_h * (c - h_prev)).sum(axis=0),
        }
        return (d_a @ self.W.T, d_h * (1 - self.s) + d_a @ self.U.T), grads


class Decay(Module):
    """Someone's own layer: h_t = w h_{t-1} + x_t over sequences of unequal lengths."""

    def __init__(self, size):
        self.size = size
        self.w = np.linspace(0.3, 0.8, size)

    def forward(self, xs, state, *, lengths=None):
        xs, h = plain(xs), plain(state)
        lengths = np.full(xs.shape[1], len(xs)) if lengths is None else np.asarray(lengths)
        hs = np.zeros(xs.shape, np.result_type(xs, h, self.w))
        before = []
        for t in range(len(xs)):
            before.append(h)
            live = (t < lengths)[:, None]
            h = np.where(live, self.w * h + xs[t], h)
            hs[t] = np.where(live, h, 0)
        return (hs, np.array(h)), (before, lengths, hs.shape, hs.dtype)

    def backward(self, d_outputs, cache):
        before, lengths, shape, dtype = cache
        d_hs, d_final = d_outputs if d_outputs is not None else (None, None)
        d_hs = np.zeros(shape, dtype) if d_hs is None else plain(d_hs)
        d_h = np.zeros(shape[1:], dtype) if d_final is None else plain(d_final)
        d_xs, d_w = np.zeros(shape, dtype), np.zeros_like(self.w)
        for t in reversed(range(shape[0])):
            live = (t < lengths)[:, None]
            d_new = np.where(live, d_h + d_hs[t], 0)
            d_xs[t] = d_new
            d_w = d_w + (d_new * before[t]).sum(axis=0)
            d_h = np.where(live, d_new * self.w, d_h)
        return (d_xs, d_h), {"w": d_w}


class Scales(Leaky):
    def backward(self, d_h, cache):
        d_inputs, grads = super().backward(d_h, cache)
        return d_inputs, grads | {"U": 1.1 * grads["U"]}


class KeepsAnAxis(Leaky):
    def backward(self, d_h, cache):
        d_inputs, grads = super().backward(d_h, cache)
        return d_inputs, grads | {"b": grads["b"][None]}


class WritesToItsCache(Leaky):
    def backward(self, d_h, cache):
        found = super().backward(d_h, cache)
        cache[2][...] = 0
        return found


class Accumulates(Leaky):
    def __init__(self, input_size, hidden_size, *, rng=None):
        super().__init__(input_size, hidden_size, rng=rng)
        self.total = 0

    def backward(self, d_h, cache):
        d_inputs, grads = super().backward(d_h, cache)
        self.total = self.total + grads["b"]
        return d_inputs, grads | {"b": self.total + 0}

    @property
    def params(self):
        return {key: value for key, value in super().params.items() if key != "total"}


class PassesOn(Leaky):
    def backward(self, d_h, cache):
        (d_x, d_prev), grads = super().backward(d_h, cache)
        return (d_x, d_prev if d_h is None else d_h), grads


class Clips(Leaky):
    def backward(self, d_h, cache):
        return super().backward(None if d_h is None else np.clip(d_h, -0.1, 0.1), cache)


class WantsAnArray(Leaky):
    def backward(self, d_h, cache):
        return super().backward(d_h.copy(), cache)


class ReadsMemory(Leaky):
    def forward(self, x, h_prev):
        return super().forward(x.ravel("K").reshape(x.shape), h_prev)


class WritesToItsInput(Leaky):
    def forward(self, x, h_prev):
        x += 0
        return super().forward(x, h_prev)


class Centres(Leaky):
    def forward(self, x, h_prev):
        return super().forward(x - x.mean(axis=0), h_prev)


class MultipliesByAMask(Decay):
    def forward(self, xs, state, *, lengths=None):
        mask = 1 if lengths is None else (np.arange(len(xs))[:, None] < lengths)[:, :, None]
        (hs, final), cache = super().forward(xs * mask, state, lengths=lengths)
        return (hs + 0 * xs, final), cache


class ForgetsItsState(Decay):
    def forward(self, xs, state, *, lengths=None):
        return super().forward(xs, 0 * state, lengths=lengths)


class TakesRealParts(Leaky):
    def forward(self, x, h_prev):
        return super().forward(x.real, h_prev.real)


class Upcasts(Leaky):
    def forward(self, x, h_prev):
        return super().forward(np.float64(1) * x, h_prev)


class LosesAnOption(Leaky):
    def __init__(self, input_size, hidden_size, *, gain=1.0, rng=None):
        super().__init__(input_size, hidden_size, rng=rng)
        self.factor, self.gain = gain, 1.0

    def forward(self, x, h_prev):
        return super().forward(self.factor * x, h_prev)


def of_a_cell(kind, **options):
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, (4, 3))
    return (kind(2, 3, rng=0, **options), *inputs), {"batch_axes": (0, 0)}


def of_a_layer(kind):
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (5, 4, 3)), rng.uniform(-1, 1, (4, 3))
    return (kind(3), *inputs), {"batch_axes": (1, 0), "lengths": np.array([3, 5, 0, 1])}


BROKEN = {
    "gradients": (of_a_cell(Scales), r"U"),
    "shapes": (of_a_cell(KeepsAnAxis), r"grads\[b\] has shape \(1, 3\) and dtype float64, expected \(3,\)"),
    "purity": (
        of_a_cell(WritesToItsCache),
        r"backward writes to what it was lent: cache\[2\]\[0, 0\] is 0.0",
    ),
    "repeatable": (of_a_cell(Accumulates), r"the same run again: grads\[b\]\[0\] is "),
    "own arrays": (of_a_cell(PassesOn), r"d_h_prev shares memory with d_outputs"),
    "linear": (of_a_cell(Clips), r"backward of 2.5 u - v: d_x\[0, 0\] is "),
    "None is zero": (of_a_cell(WantsAnArray), r"backward raised AttributeError: 'NoneType'"),
    "strides": (of_a_cell(ReadsMemory), r"Fortran-ordered inputs .*: outputs\[0, 0\] is "),
    "read-only": (of_a_cell(WritesToItsInput), r"forward raised ValueError: .*read-only"),
    "batch independence": (of_a_cell(Centres), r"row 0 of the batch alone: outputs\[0, 0\] is "),
    "padding": (of_a_layer(MultipliesByAMask), r"nan in the padding of xs: outputs\[0\]\[0, 2, 0\] is nan"),
    "splitting": (of_a_layer(ForgetsItsState), r"cut in two after step 1: outputs\[0\]\[1, 0, 0\] is "),
    "complex-clean": (
        of_a_cell(TakesRealParts),
        r"complex inputs: outputs has dtype float64, expected compl",
    ),
    "dtypes": (of_a_cell(Upcasts), r"in float32: outputs has dtype float64, expected float32"),
    "copies": (
        of_a_cell(LosesAnOption, gain=2.0),
        r"type\(m\)\(\*\*m.config\) with the same parameters: outp",
    ),
}


def test_every_check_is_shown_to_fail():
    assert sorted(BROKEN) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_check_finds_its_broken_module_and_says_where(name):
    ((module, *inputs), options), message = BROKEN[name]
    promise = next(check.promise for check in CONTRACT_CHECKS if check.name == name)
    with pytest.raises(AssertionError, match=message) as caught:
        check_module(module, *inputs, checks=[name], **options)
    said = str(caught.value)
    assert f"{type(module).__name__} breaks 1 of 1 promises" in said
    assert f"- {name}: {promise}" in said


def test_all_failures_are_listed_at_once():
    (module, *inputs), options = of_a_cell(Clips)
    with pytest.raises(AssertionError) as caught:
        check_module(module, *inputs, **options)
    said = str(caught.value)
    assert "- gradients: " in said
    assert "- linear: " in said
    assert "- purity: " not in said


def test_a_cell_of_ones_own_passes():
    (module, *inputs), options = of_a_cell(Leaky)
    checked = check_module(module, *inputs, **options)
    assert list(checked.left_out) == ["padding", "splitting"]
    assert [*checked.passed] == [name for name in NAMES if name not in checked.left_out]


def test_a_layer_of_ones_own_passes():
    (module, *inputs), options = of_a_layer(Decay)
    assert list(check_module(module, *inputs, **options).passed) == NAMES


def test_what_does_not_apply_is_left_out_with_the_reason():
    (module, *inputs), _ = of_a_cell(Leaky)
    checked = check_module(module, *inputs, checks=["batch independence", "shapes", "padding"])
    assert checked.passed == ("shapes",)
    assert checked.left_out == {
        "batch independence": "the batch axes of its inputs are unknown: pass batch_axes",
        "padding": "its forward pass takes no lengths",
    }
    assert "left out  padding: its forward pass takes no lengths" in str(checked)


def test_the_librarys_modules_need_no_inputs():
    assert list(check_module(Recurrent(GRUCell(2, 3, rng=0), reverse=True)).passed) == NAMES


def test_nothing_of_the_callers_is_changed_by_a_module_that_writes_to_it():
    (module, *inputs), options = of_a_cell(WritesToItsInput)
    before = [array.copy() for array in inputs]
    with pytest.raises(AssertionError):
        check_module(module, *inputs, **options)
    for array, kept in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_what_cannot_be_checked_is_refused():
    (module, *inputs), _ = of_a_cell(Leaky)
    with pytest.raises(TypeError, match="module is of type int, expected a subclass of Module"):
        check_module(3)
    with pytest.raises(
        TypeError, match=r"no inputs are known for a Leaky; pass them: check_module\(module, x"
    ):
        check_module(module)
    with pytest.raises(TypeError, match="rng is a Generator, expected a seed"):
        check_module(module, *inputs, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="checks has 'no such check', expected some of"):
        check_module(module, *inputs, checks=["no such check"])


def test_a_check_may_be_called_on_its_own():
    padding = next(check for check in CONTRACT_CHECKS if check.name == "padding")
    (module, *inputs), _ = of_a_cell(Leaky)
    with pytest.raises(NotApplicableError):
        padding.function(ModuleSubject(module, tuple(inputs)))


class ReturnsAPlainTuple(LSTMCell):
    def backward(self, d_state, cache):
        (d_x, d_prev), grads = super().backward(d_state, cache)
        return (d_x, tuple(d_prev)), grads


class SwapsItsStates(LSTMCell):
    def backward(self, d_state, cache):
        (d_x, d_prev), grads = super().backward(d_state, cache)
        return (d_x, LSTMState(d_prev.h, d_prev.c[:1])), grads


class WritesItsWeights(Leaky):
    def forward(self, x, h_prev):
        found = super().forward(x, h_prev)
        self.U[0, 0] += 1
        return found


class RemembersTheLastForward(Leaky):
    def forward(self, x, h_prev):
        outputs, cache = super().forward(x, h_prev)
        self.memory = (cache,)
        return outputs, None

    def backward(self, d_h, cache):
        return super().backward(d_h, self.memory[0])


class TrainsOnPadding(Decay):
    def backward(self, d_outputs, cache):
        (d_xs, d_state), grads = super().backward(d_outputs, cache)
        return (np.where(d_xs == 0, 1.0, d_xs), d_state), grads


class DropsTheFinalGradient(Decay):
    def backward(self, d_outputs, cache):
        return super().backward((d_outputs[0], None), cache)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("shapes", ((ReturnsAPlainTuple(2, 3, rng=0),), {}), "d_state is tuple, expected LSTMState of 2"),
        ("shapes", ((SwapsItsStates(2, 3, rng=0),), {}), r"d_state.c has shape \(1, 3\) and"),
        ("purity", of_a_cell(WritesItsWeights), r"forward writes to what it was lent: params\[U\]\[0, 0\]"),
        ("repeatable", of_a_cell(RemembersTheLastForward), "backward after another forward: d_x"),
        (
            "padding",
            of_a_layer(TrainsOnPadding),
            r"0.0 in the padding of xs: d_xs\[0, 2, 0\] is 1.0",
        ),
        ("splitting", of_a_layer(DropsTheFinalGradient), "cut in two after step 1: d_xs"),
    ],
)
def test_other_ways_to_break_a_promise_are_found_too(name, given, message):
    (module, *inputs), options = given
    with pytest.raises(AssertionError, match=message):
        check_module(module, *inputs, checks=[name], **options)


def test_the_strategies_say_what_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis.strategies", None)
    with pytest.raises(ImportError, match=r'needs hypothesis: pip install "seqmem\[test\]"'):
        strategies.lengths(3, 2)
    with pytest.raises(AttributeError, match="has no attribute 'Z'"):
        _ = strategies.Z


def test_sums_that_go_on_in_one_array_are_not_repeatable():
    class Accumulating(Leaky):
        total = None

        def backward(self, d_h, cache):
            d_inputs, grads = super().backward(d_h, cache)
            self.total = np.zeros_like(grads["b"]) if self.total is None else self.total
            self.total += grads["b"]
            return d_inputs, grads | {"b": self.total}

    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, (4, 3))
    with pytest.raises(AssertionError, match="repeatable"):
        check_module(Accumulating(2, 3, rng=0), *inputs, checks=["repeatable"])


def test_what_the_first_forward_pass_writes_over_is_seen():
    class Clipping(Leaky):
        def forward(self, x, h_prev):
            np.clip(x, -1, 1, out=x)
            return super().forward(x, h_prev)

    rng = np.random.default_rng(0)
    inputs = 3 * rng.standard_normal((4, 2)), rng.standard_normal((4, 3))
    with pytest.raises(AssertionError, match="purity"):
        check_module(Clipping(2, 3, rng=0), *inputs, checks=["purity"])


def test_a_side_effect_breaks_a_promise_unless_somebody_lets_it_pass():
    class Writing(Leaky):
        def backward(self, d_h, cache):
            d_inputs, grads = super().backward(d_h, cache)
            if d_h is not None:
                d_h *= 2
            return d_inputs, grads

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4, 2)), rng.standard_normal((4, 3))
    module = Writing(2, 3, rng=0)
    with pytest.raises(AssertionError, match="purity"):
        check_module(module, *inputs, batch_axes=(0, 0))
    checked = check_module(module, *inputs, batch_axes=(0, 0), strict=False)
    assert set(NAMES) - set(checked.passed) == {"purity", "read-only", "padding", "splitting"}
    assert {"purity", "read-only"} <= set(checked.left_out)
    (effect,) = checked.side_effects
    assert (effect.code, effect.source) == ("upstream-written", "d_h *= 2")
    assert "side effect  line" in str(checked)
    assert check_module(Leaky(2, 3, rng=0), *inputs, strict=False).side_effects == ()


def test_a_wrong_gradient_is_wrong_also_where_side_effects_may_pass():
    class Wrong(Leaky):
        def backward(self, d_h, cache):
            d_inputs, grads = super().backward(d_h, cache)
            cache[0][...] = 0
            return d_inputs, grads | {"s": 2 * grads["s"]}

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4, 2)), rng.standard_normal((4, 3))
    with pytest.raises(AssertionError, match="breaks 1 of"):
        check_module(Wrong(2, 3, rng=0), *inputs, strict=False)


def test_a_gradient_that_the_next_call_overwrites_is_not_repeatable():
    class HandsOutOneArray(Leaky):
        def __init__(self, input_size, hidden_size, *, rng=None):
            super().__init__(input_size, hidden_size, rng=rng)
            self.buffer = [None]

        def backward(self, d_h, cache):
            d_inputs, grads = super().backward(d_h, cache)
            if self.buffer[0] is None:
                self.buffer[0] = (np.empty_like(grads["s"]),)
            return d_inputs, grads | {"s": np.copyto(self.buffer[0][0], grads["s"]) or self.buffer[0][0]}

        @property
        def params(self):
            return {key: value for key, value in super().params.items() if "buffer" not in key}

    (module, *inputs), options = of_a_cell(HandsOutOneArray)
    with pytest.raises(AssertionError, match=r"backward returns the same array at every call \(s\)"):
        check_module(module, *inputs, checks=["repeatable"], **options)


def test_inputs_may_be_nested_in_dicts():
    class Named(Module):
        def __init__(self):
            self.w = np.array([0.5, -1.5, 2.0])

        def forward(self, given):
            x, y = plain(given["x"]), plain(given["y"])
            return {"sum": x + y, "product": self.w * x * y}, (x, y)

        def backward(self, d_outputs, cache):
            x, y = cache
            given = d_outputs or {}
            d_sum, d_product = (given.get(name) for name in ("sum", "product"))
            d_sum = np.zeros(x.shape, x.dtype) if d_sum is None else plain(d_sum)
            d_product = np.zeros(x.shape, x.dtype) if d_product is None else plain(d_product)
            d_x, d_y = d_sum + self.w * y * d_product, d_sum + self.w * x * d_product
            return ({"x": d_x, "y": d_y},), {"w": (x * y * d_product).sum(axis=0)}

    rng = np.random.default_rng(0)
    given = {"x": rng.standard_normal((4, 3)), "y": rng.standard_normal((4, 3))}
    checked = check_module(Named(), given, batch_axes=(0,))
    assert list(checked.left_out) == ["padding", "splitting"]

"""Layers of several cells against torch's `nn.RNN`, `nn.LSTM` and `nn.GRU`, on random configurations."""

import numpy as np
import pytest
from strategies import exposed, random_state

from seqmem import GRU, LSTM, RNN

CONFIGURATIONS = 200
TOLERANCE = 1e-10  # of an array's largest entry, or of 1: far above rounding, far below any wrong term
ORDERS = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [0, 1, 2]}  # our gates in torch's order
NAMES = {"weight_ih": "W_x", "weight_hh": "W_h", "bias_ih": "b"}


@pytest.fixture(scope="module")
def torch(require):
    return require("torch")


def signs_of(kind):
    """By what each gate's block is multiplied on the way to torch, whose z keeps where ours writes."""
    return np.array([1.0, -1.0, 1.0]) if kind == "gru" else np.ones(len(ORDERS[kind]))


def to_torch(weight, kind):
    """(G, .., H) to torch's (G·H, ..)."""
    blocks = weight.reshape(len(ORDERS[kind]), -1, weight.shape[-1]) * signs_of(kind)[:, None, None]
    found = np.concatenate([block.T for block in blocks[ORDERS[kind]]])
    return found if weight.ndim > 2 or (kind == "rnn" and weight.ndim == 2) else found[:, 0]


def configuration(seed):
    """A layer, its kind, and everything that goes in; torch's packing refuses lengths of 0."""
    rng = np.random.default_rng(seed)
    kind = ["rnn", "lstm", "gru"][rng.integers(3)]
    T, B, D, H, num_layers = (int(n) for n in rng.integers(1, (9, 6, 6, 6, 5)))
    options = {"num_layers": num_layers, "bidirectional": bool(rng.integers(2))}
    make = {"rnn": RNN, "lstm": LSTM, "gru": lambda *sizes, **o: GRU(*sizes, reset="after", **o)}[kind]
    layer = exposed(make(D, H, **options), rng)
    lengths = None if rng.integers(2) else rng.integers(1, T + 1, B)
    xs, d_hs = rng.standard_normal((T, B, D)), rng.standard_normal((T, B, layer.output_size))
    return layer, kind, options, xs, random_state(layer, B, rng), lengths, d_hs, random_state(layer, B, rng)


def cells_of(layer):
    """torch's suffix of each cell's weights, and the cell."""
    for k, one in enumerate(layer.layers):
        if layer.bidirectional:
            yield f"l{k}", one.forward_layer.cell
            yield f"l{k}_reverse", one.backward_layer.cell
        else:
            yield f"l{k}", one.cell


def torch_layer(torch, layer, kind, options):
    made = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    theirs = made(layer.input_size, layer.hidden_size, dtype=torch.float64, **options)
    with torch.no_grad():
        for suffix, cell in cells_of(layer):
            for name, own in NAMES.items():
                getattr(theirs, f"{name}_{suffix}").copy_(torch.tensor(to_torch(getattr(cell, own), kind)))
            second = np.zeros_like(cell.b)
            if kind == "gru":
                second[2] = cell.b_hn
            getattr(theirs, f"bias_hh_{suffix}").copy_(torch.tensor(to_torch(second, kind)))
    return theirs


def joined(state, bidirectional, kind):
    """Our nest of states as torch's arrays (num_layers · directions, B, H): of h, and of c."""
    states = [one for part in state for one in (part if bidirectional else [part])]
    parts = zip(*states, strict=True) if kind == "lstm" else [states]
    return [np.stack(list(part)) for part in parts]


def run_torch(torch, theirs, xs, state, lengths):
    nn = torch.nn.utils.rnn
    given = tuple(state) if len(state) == 2 else state[0]
    if lengths is None:
        hs, final = theirs(xs, given)
    else:
        packed = nn.pack_padded_sequence(xs, torch.tensor(lengths), enforce_sorted=False)
        packed, final = theirs(packed, given)
        hs, _ = nn.pad_packed_sequence(packed, total_length=len(xs))
    return [hs, *(final if isinstance(final, tuple) else [final])]


def assert_equal(got, right, what):
    size = max(1.0, float(np.abs(right).max(initial=0.0)))
    assert got.shape == right.shape, what
    np.testing.assert_allclose(got, right, rtol=0, atol=TOLERANCE * size, err_msg=what)


@pytest.mark.parametrize("start", range(0, CONFIGURATIONS, 20))
def test_values_and_all_gradients_are_torchs(torch, start):
    for seed in range(start, start + 20):
        layer, kind, options, xs, state, lengths, d_hs, d_final = configuration(seed)
        (hs, final), cache = layer.forward(xs, state, lengths=lengths)
        (d_xs, d_state), grads = layer.backward((d_hs, d_final), cache)

        theirs = torch_layer(torch, layer, kind, options)
        own = joined(state, layer.bidirectional, kind)
        leaves = [torch.tensor(array, requires_grad=True) for array in (xs, *own)]
        outputs = run_torch(torch, theirs, leaves[0], leaves[1:], lengths)
        upstream = [d_hs, *joined(d_final, layer.bidirectional, kind)]
        torch.autograd.backward(outputs, [torch.tensor(d) for d in upstream])

        what = f"seed {seed}: {layer!r}, lengths {lengths}"
        for got, right in zip([hs, *joined(final, layer.bidirectional, kind)], outputs, strict=True):
            assert_equal(got, right.detach().numpy(), what)
        for got, leaf in zip([d_xs, *joined(d_state, layer.bidirectional, kind)], leaves, strict=True):
            assert_equal(got, leaf.grad.numpy(), what)
        names = {id(param): name for name, param in layer.params.items()}
        for suffix, cell in cells_of(layer):
            for name, ours in NAMES.items():
                grad = grads[names[id(getattr(cell, ours))]]
                assert_equal(to_torch(grad, kind), getattr(theirs, f"{name}_{suffix}").grad.numpy(), what)
            if kind == "gru":
                b_hn = getattr(theirs, f"bias_hh_{suffix}").grad.numpy()[-layer.hidden_size :]
                assert_equal(grads[names[id(cell.b_hn)]], b_hn, what)


def test_the_configurations_are_of_every_kind_depth_and_direction():
    found = [configuration(seed) for seed in range(CONFIGURATIONS)]
    forms = {(kind, layer.num_layers, layer.bidirectional) for layer, kind, *_ in found}
    assert forms == {(kind, n, both) for kind in ORDERS for n in (1, 2, 3, 4) for both in (False, True)}
    assert sum(lengths is not None for *_, lengths, _, _ in found) > CONFIGURATIONS / 3

"""Cells, contexts, losses and whole models of random sizes against torch, which differentiates the equations.

700 configurations in float64: values and gradients of every input and parameter. With the 200 stacks of
test_torch_stacks.py, the 60 layers of test_interop.py, and the cases of test_torch.py and
test_torch_losses.py they are more than a thousand.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seqmem import (
    GRU,
    LSTM,
    AdditiveAttention,
    Batch,
    Decoder,
    Encoder,
    FixedContext,
    GRUCell,
    LSTMCell,
    PeepholeLSTMCell,
    RNNCell,
    Seq2Seq,
    SequenceBatch,
    cross_entropy,
)
from seqmem.models import SequenceClassifier, SequenceTagger
from seqmem.module import Module

TOLERANCE = 1e-11  # some hundred roundings of numbers of size 1
EACH = 20  # configurations of a test
CELLS: dict[str, Callable[[int, int], Any]] = {
    "rnn": lambda D, H: RNNCell(D, H),
    "relu": lambda D, H: RNNCell(D, H, activation="relu"),
    "lstm": lambda D, H: LSTMCell(D, H),
    "peepholes": lambda D, H: PeepholeLSTMCell(D, H),
    "gru before": lambda D, H: GRUCell(D, H, reset="before"),
    "gru after": lambda D, H: GRUCell(D, H, reset="after"),
}


@pytest.fixture(scope="module")
def torch(require: Any) -> Any:
    return require("torch")


def exposed(model: Any, rng: np.random.Generator) -> Any:
    for param in model.params.values():
        param[...] = rng.uniform(-1, 1, param.shape)
    return model


def sizes(rng: np.random.Generator, count: int, most: int = 6) -> list[int]:
    return [int(size) for size in rng.choice(np.arange(1, most + 1), count, replace=False)]


def leaf(torch: Any, array: Any) -> Any:
    return torch.tensor(np.array(array), requires_grad=True)


def leaves(torch: Any, model: Module) -> dict[str, Any]:
    return {name: leaf(torch, param) for name, param in model.params.items()}


def of(params: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name[len(prefix) :]: one for name, one in params.items() if name.startswith(prefix)}


def assert_same(ours: Any, theirs: Any, what: str) -> None:
    right = theirs.detach().numpy() if hasattr(theirs, "detach") else np.asarray(theirs)
    size = max(1.0, float(np.abs(right).max(initial=0)))
    assert np.shape(ours) == right.shape, what
    np.testing.assert_allclose(ours, right, rtol=0, atol=TOLERANCE * size, err_msg=what)


def assert_grads(grads: dict[str, Any], params: dict[str, Any], what: str) -> None:
    assert set(grads) == set(params)
    for name, grad in grads.items():
        theirs = params[name].grad
        assert_same(grad, np.zeros(grad.shape) if theirs is None else theirs, f"{what}: {name}")


def step(torch: Any, kind: str, p: dict[str, Any], x: Any, state: list[Any]) -> list[Any]:
    """The equations of a cell."""
    if kind in ("rnn", "relu"):
        a = x @ p["W_x"] + state[0] @ p["W_h"] + p["b"]
        return [torch.tanh(a) if kind == "rnn" else torch.relu(a)]
    a = [x @ p["W_x"][k] + p["b"][k] for k in range(len(p["b"]))]
    h = state[0]
    if kind.startswith("gru"):
        r, z = (torch.sigmoid(a[k] + h @ p["W_h"][k]) for k in range(2))
        inner = (r * h) @ p["W_h"][2] if kind == "gru before" else r * (h @ p["W_h"][2] + p["b_hn"])
        return [(1 - z) * h + z * torch.tanh(a[2] + inner)]
    i, f, o, g = (a[k] + h @ p["W_h"][k] for k in range(4))
    c = state[1]
    if kind == "peepholes":
        i, f = i + p["p_i"] * c, f + p["p_f"] * c
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    o = o + p["p_o"] * c if kind == "peepholes" else o
    return [torch.sigmoid(o) * torch.tanh(c), c]


def run_layer(
    torch: Any, kind: str, p: dict[str, Any], xs: Any, state: list[Any], lengths: Any, reverse: bool = False
) -> tuple[Any, list[Any]]:
    """A cell over steps: past a length the outputs are 0 and the state stands still."""
    hs: list[Any] = [None] * len(xs)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        live = torch.tensor(t < np.asarray(lengths))[:, None]
        new = step(torch, kind, p, xs[t], state)
        hs[t] = torch.where(live, new[0], 0.0)
        state = [torch.where(live, one, old) for one, old in zip(new, state, strict=True)]
    return torch.stack(hs), state


def attend(torch: Any, p: dict[str, Any], query: Any, keys: Any, lengths: Any) -> tuple[Any, Any]:
    """Additive attention; without parameters the fixed context."""
    S = len(keys)
    if not p:
        weights = torch.tensor((np.arange(S) == np.asarray(lengths)[:, None] - 1).astype(float))
    else:
        scores = (torch.tanh(query @ p["W_q"] + keys @ p["W_k"] + p["b"]) @ p["v"]).T
        outside = torch.tensor(np.arange(S) >= np.asarray(lengths)[:, None])
        weights = torch.softmax(scores.masked_fill(outside, -torch.inf), dim=1)
    return torch.einsum("bs,sbk->bk", weights, keys), weights


def parts(state: Any) -> list[Any]:
    return list(state) if isinstance(state, tuple) else [state]


@pytest.mark.parametrize("start", range(0, 100, EACH))
@pytest.mark.parametrize("part", [0, 1, 2])
def test_layers_of_every_cell_with_lengths_in_both_directions(torch: Any, start: int, part: int) -> None:
    from seqmem import Recurrent

    for seed in range(start, start + EACH):
        rng = np.random.default_rng(seed + 1000 * part)
        T, B, D, H = sizes(rng, 4)
        kind, reverse = list(CELLS)[seed % 6], bool(rng.integers(2))
        layer = exposed(Recurrent(CELLS[kind](D, H), reverse=reverse), rng)
        xs, lengths = rng.standard_normal((T, B, D)), rng.integers(0, T + 1, B)
        zeros = layer.zero_state(B)
        state = [rng.standard_normal((B, H)) for _ in parts(zeros)]
        given = type(zeros)(*state) if isinstance(zeros, tuple) else state[0]
        (hs, final), cache = layer.forward(xs, given, lengths=lengths)
        d_hs, d_final = rng.standard_normal(hs.shape), [rng.standard_normal((B, H)) for _ in state]
        d_given = type(zeros)(*d_final) if isinstance(zeros, tuple) else d_final[0]
        (d_xs, d_state), grads = layer.backward((d_hs, d_given), cache)
        params, xs_t, state_t = leaves(torch, layer), leaf(torch, xs), [leaf(torch, one) for one in state]
        hs_t, final_t = run_layer(torch, kind, of(params, "cell."), xs_t, state_t, lengths, reverse)
        outputs = [hs_t, *final_t]
        torch.autograd.backward(outputs, [torch.tensor(d) for d in (d_hs, *d_final)])
        what = f"{kind}, seed {seed}, reverse {reverse}, lengths {lengths}"
        for one, other in zip([hs, *parts(final)], outputs, strict=True):
            assert_same(one, other, what)
        for one, other in zip([d_xs, *parts(d_state)], [xs_t, *state_t], strict=True):
            assert_same(one, other.grad, what)
        assert_grads(grads, params, what)


@pytest.mark.parametrize("start", range(0, 100, EACH))
def test_additive_attention_of_every_size(torch: Any, start: int) -> None:
    for seed in range(start, start + EACH):
        rng = np.random.default_rng(seed)
        S, B, Q, K, A = sizes(rng, 5, 7)
        attention = exposed(AdditiveAttention(Q, K, A), rng)
        query, keys, lengths = (
            rng.standard_normal((B, Q)),
            rng.standard_normal((S, B, K)),
            rng.integers(1, S + 1, B),
        )
        (context, weights), cache = attention.forward(query, keys, lengths=lengths)
        upstream = rng.standard_normal((B, K)), rng.standard_normal((B, S))
        (d_query, d_keys), grads = attention.backward(upstream, cache)
        params, query_t, keys_t = leaves(torch, attention), leaf(torch, query), leaf(torch, keys)
        found = attend(torch, params, query_t, keys_t, lengths)
        torch.autograd.backward(found, [torch.tensor(d) for d in upstream])
        for one, other in ((context, found[0]), (weights, found[1])):
            assert_same(one, other, f"seed {seed}")
        assert_same(d_query, query_t.grad, f"seed {seed}")
        assert_same(d_keys, keys_t.grad, f"seed {seed}")
        assert_grads(grads, params, f"seed {seed}")


@pytest.mark.parametrize("start", range(0, 100, EACH))
def test_encoder_decoders_of_every_cell_and_context(torch: Any, start: int) -> None:
    kinds = {"rnn": "rnn", "lstm": "lstm", "gru before": "gru"}
    for seed in range(start, start + EACH):
        rng = np.random.default_rng(seed)
        S, T, B, E, H, A, V = sizes(rng, 7, 8)
        V, kind = V + 4, list(kinds)[seed % 3]
        additive, readout = bool(rng.integers(2)), ("state", "all")[int(rng.integers(2))]
        context = AdditiveAttention(H, H, A) if additive else FixedContext()
        encoder = Encoder(V, E, H, cell=kinds[kind])
        model = exposed(
            Seq2Seq(encoder, Decoder(V, E, H, cell=kinds[kind], context=context, readout=readout)), rng
        )
        batch = random_pairs(rng, S, T, B, V)
        loss, grads = model.loss_and_grads(batch)
        params = leaves(torch, model)
        lengths = batch.source_lengths
        keys, state = run_layer(
            torch,
            kind,
            of(params, "encoder.layer.cell."),
            params["encoder.embedding.W"][torch.tensor(batch.source)],
            [torch.zeros((B, H), dtype=torch.float64) for _ in parts(model.decoder.zero_state(B))],
            lengths,
        )
        logits = []
        for t in range(T):
            y = params["decoder.embedding.W"][torch.tensor(batch.inputs[t])]
            seen, _ = attend(torch, of(params, "decoder.context."), state[0], keys, lengths)
            x = torch.cat([y, seen], dim=1)
            state = step(torch, kind, of(params, "decoder.cell."), x, state)
            shown = torch.cat([state[0], y, seen], dim=1) if readout == "all" else state[0]
            logits.append(shown @ params["decoder.output.W"] + params["decoder.output.b"])
        mask = torch.tensor(batch.mask)
        theirs = torch.nn.functional.cross_entropy(
            torch.stack(logits)[mask], torch.tensor(batch.targets)[mask]
        )
        theirs.backward()
        what = f"{kind}, seed {seed}, additive {additive}, readout {readout}"
        assert_same(loss, theirs, what)
        assert_grads(grads, params, what)


def random_pairs(rng: np.random.Generator, S: int, T: int, B: int, V: int) -> Batch:
    lengths, steps = rng.integers(1, S + 1, B), rng.integers(1, T + 1, B)
    mask = np.arange(T)[:, None] < steps
    source, inputs, targets = (rng.integers(0, V, (n, B)) for n in (S, T, T))
    return Batch(source=source, source_lengths=lengths, inputs=inputs, targets=targets, mask=mask)


@pytest.mark.parametrize("start", range(0, 100, EACH))
def test_taggers_and_classifiers_on_layers_of_torch(torch: Any, start: int) -> None:
    for seed in range(start, start + EACH):
        rng = np.random.default_rng(seed)
        T, B, D, H, C = sizes(rng, 5)
        make, name = ((LSTM, "lstm"), (GRU, "gru after"))[seed % 2]
        layer = make(D, H, **({} if name == "lstm" else {"reset": "after"}))
        tagger, pooling = seed % 3 == 0, ("last", "mean", "attention")[seed % 3]
        built: Any = (
            SequenceTagger(layer, C + 1) if tagger else SequenceClassifier(layer, C + 1, pooling=pooling)
        )  # type: ignore[arg-type]
        model = exposed(built, rng)
        xs, lengths = rng.standard_normal((T, B, D)), rng.integers(1, T + 1, B)
        targets = rng.integers(0, C + 1, (T, B) if tagger else B)
        mask = np.arange(T)[:, None] < lengths if tagger else np.ones(B, bool)
        loss, grads = model.loss_and_grads(SequenceBatch(xs, lengths, targets, mask, None))
        params, xs_t = leaves(torch, model), leaf(torch, xs)
        zeros = [torch.zeros((B, H), dtype=torch.float64) for _ in range(1 + (name == "lstm"))]
        prefix = next(key for key in params if key.endswith("W_x"))[: -len("W_x")]
        hs, final = run_layer(torch, name, of(params, prefix), xs_t, zeros, lengths)
        shown = hs if tagger else pooled(torch, pooling, of(params, "pool."), hs, final, lengths)
        logits = shown @ params["output.W"] + params["output.b"]
        live = torch.tensor(mask)
        theirs = torch.nn.functional.cross_entropy(logits[live], torch.tensor(targets)[live])
        theirs.backward()
        what = f"{name}, seed {seed}, {'tagger' if tagger else pooling}"
        assert_same(loss, theirs, what)
        assert_grads(grads, params, what)


def pooled(torch: Any, kind: str, p: dict[str, Any], hs: Any, final: list[Any], lengths: Any) -> Any:
    if kind == "last":
        return final[0]
    if kind == "mean":
        return hs.sum(dim=0) / torch.tensor(lengths)[:, None]
    scores = torch.tanh(hs @ p["W"] + p["b"]) @ p["v"]
    outside = torch.tensor(np.arange(len(hs))[:, None] >= np.asarray(lengths))
    weights = torch.softmax(scores.masked_fill(outside, -torch.inf), dim=0)
    return (weights[:, :, None] * hs).sum(dim=0)


@pytest.mark.parametrize("start", range(0, 100, EACH))
def test_losses_of_every_shape_with_their_options(torch: Any, start: int) -> None:
    for seed in range(start, start + EACH):
        rng = np.random.default_rng(seed)
        T, B, C = sizes(rng, 3)
        logits, targets = 5 * rng.standard_normal((T, B, C + 1)), rng.integers(0, C + 1, (T, B))
        options: dict[str, Any] = {}
        if seed % 2:
            options["class_weights"] = rng.uniform(0.1, 2, C + 1)
        smoothing = float(rng.uniform(0, 0.5)) if seed % 3 == 0 else 0.0
        loss, d_logits = cross_entropy(logits, targets, label_smoothing=smoothing, **options)
        theirs_in = leaf(torch, logits)
        weight = torch.tensor(options["class_weights"]) if options else None
        theirs = torch.nn.functional.cross_entropy(
            theirs_in.reshape(T * B, -1), torch.tensor(targets).reshape(-1), weight, label_smoothing=smoothing
        )
        theirs.backward()
        assert_same(loss, theirs, f"seed {seed}")
        assert_same(d_logits, theirs_in.grad, f"seed {seed}")

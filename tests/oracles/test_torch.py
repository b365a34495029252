"""Values and gradients against torch, in float64, on random non-zero weights, biases and states.

Ours to torch's: W_x (G, D, H) is weight_ih (G·H, D); LSTM gates i, f, o, g are their i, f, g, o; GRU's z
writes where theirs keeps, so its weights and biases change sign; one bias is their two, except for b_hn.
"""

import copy

import numpy as np
import pytest
from comparing import assert_close
from strategies import CELLS, exposed, random_state

from seqmem import (
    AdditiveAttention,
    Batch,
    BilinearAttention,
    Decoder,
    DotProductAttention,
    Embedding,
    Encoder,
    FixedContext,
    Linear,
    LSTMState,
    Recurrent,
    Seq2Seq,
    cross_entropy,
)
from seqmem.training import SGD, Adam, AdamW, RMSProp, clip_by_global_norm

T, B, D, H = 7, 5, 3, 4
LENGTHS = {"full": None, "unequal": np.array([3, 7, 1, 6, 3])}
ORDERS = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [0, 1, 2], "gru, reset after": [0, 1, 2]}
KINDS = sorted(ORDERS)

every_cell = pytest.mark.parametrize("kind", KINDS)
both_contexts = pytest.mark.parametrize("context", ["additive", "fixed"])


@pytest.fixture(scope="module")
def torch(require):
    return require("torch")


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def leaf(torch):
    """An array as a torch tensor that collects its gradient."""
    return lambda array: torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


def detached(tensors):
    """The numbers of torch's tensors; zeros for a gradient that never came."""
    return [tensor.detach().numpy() for tensor in tensors]


def signs_of(kind):
    """By what each gate's block is multiplied on the way to torch."""
    return np.array([1.0, -1.0, 1.0]) if kind == "gru, reset after" else np.ones(len(ORDERS[kind]))


def to_torch(weight, kind):
    """(G, .., H) to torch's (G·H, ..)."""
    blocks = weight.reshape(len(ORDERS[kind]), -1, H) * signs_of(kind)[:, None, None]
    return np.concatenate([block.T for block in blocks[ORDERS[kind]]])


def from_torch(weight, kind, like):
    """The way back, for gradients."""
    blocks = np.split(weight, len(ORDERS[kind]))
    found = np.stack([blocks[ORDERS[kind].index(k)].reshape(H, -1).T for k in range(len(blocks))])
    return (found * signs_of(kind)[:, None, None]).reshape(like.shape)


def torch_layer(torch, cell, kind, reverse=False):
    """torch's own layer with this cell's weights; in its `_reverse` half for the other direction."""
    made = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru, reset after": torch.nn.GRU}[kind]
    layer = made(D, H, bidirectional=reverse, dtype=torch.float64)
    suffix = "l0_reverse" if reverse else "l0"
    second = np.zeros_like(cell.b)
    if kind == "gru, reset after":
        second[2] = cell.b_hn
    arrays = {
        "weight_ih": to_torch(cell.W_x, kind),
        "weight_hh": to_torch(cell.W_h, kind),
        "bias_ih": to_torch(cell.b, kind)[:, 0],
        "bias_hh": to_torch(second, kind)[:, 0],
    }
    with torch.no_grad():
        for name, array in arrays.items():
            getattr(layer, f"{name}_{suffix}").copy_(torch.from_numpy(array))
    return layer, {name: getattr(layer, f"{name}_{suffix}") for name in arrays}


def run_torch(torch, layer, xs, state, lengths, reverse):
    """hs (T, B, H) and the parts of the final state, of one direction."""
    nn = torch.nn.utils.rnn
    own = slice(1, 2) if reverse else slice(0, 1)
    parts = [torch.cat([torch.zeros_like(part), part]) if reverse else part for part in state]
    given = tuple(parts) if len(parts) == 2 else parts[0]
    if lengths is None:
        hs, final = layer(xs, given)
    else:
        packed = nn.pack_padded_sequence(xs, torch.tensor(lengths), enforce_sorted=False)
        packed, final = layer(packed, given)
        hs, _ = nn.pad_packed_sequence(packed, total_length=T)
    final = final if isinstance(final, tuple) else (final,)
    return hs[:, :, H:] if reverse else hs, [part[own] for part in final]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru, reset after"])
def test_a_layer_equals_torchs_values_and_all_gradients(torch, leaf, rng, kind, reverse, lengths):
    layer = Recurrent(exposed(CELLS[kind](D, H), rng), reverse=reverse)
    cell, lengths = layer.cell, LENGTHS[lengths]
    xs, d_hs = rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))
    state, d_final = random_state(cell, B, rng), random_state(cell, B, rng)
    (hs, final), cache = layer.forward(xs, state, lengths=lengths)
    (d_xs, d_state), grads = layer.backward((d_hs, d_final), cache)

    theirs, weights = torch_layer(torch, cell, kind, reverse)
    their_xs = leaf(xs)
    parts, d_parts = (list(s) if isinstance(s, tuple) else [s] for s in (state, d_final))
    their_state = [leaf(part[None]) for part in parts]
    their_hs, their_final = run_torch(torch, theirs, their_xs, their_state, lengths, reverse)
    loss = (their_hs * torch.from_numpy(d_hs)).sum()
    loss = loss + sum((f[0] * torch.from_numpy(d)).sum() for f, d in zip(their_final, d_parts, strict=True))
    loss.backward()

    found = [part.detach().numpy()[0] for part in their_final]
    assert_close(hs, their_hs.detach().numpy())
    assert_close(list(final) if kind == "lstm" else [final], found)
    assert_close(d_xs, their_xs.grad.numpy())
    d_parts = list(d_state) if kind == "lstm" else [d_state]
    assert_close(d_parts, [part.grad.numpy()[0] for part in their_state])
    their_grads = {name: weight.grad.numpy() for name, weight in weights.items()}
    right = {
        "cell.W_x": from_torch(their_grads["weight_ih"], kind, cell.W_x),
        "cell.W_h": from_torch(their_grads["weight_hh"], kind, cell.W_h),
        "cell.b": from_torch(their_grads["bias_ih"], kind, cell.b),
    }
    if kind == "gru, reset after":
        right["cell.b_hn"] = from_torch(their_grads["bias_hh"], kind, cell.b)[2]
    assert_close(grads, right)


def torch_step(torch, kind, p, prefix, x, state):
    """One step of any cell, from its equations; p holds the parameters by our own names."""
    W_x, W_h, b = (p[f"{prefix}{name}"] for name in ("W_x", "W_h", "b"))
    if kind == "lstm":
        h_prev, c_prev = state
        a_i, a_f, a_o, a_g = (x @ W_x[k] + h_prev @ W_h[k] + b[k] for k in range(4))
        c = torch.sigmoid(a_f) * c_prev + torch.sigmoid(a_i) * torch.tanh(a_g)
        return torch.sigmoid(a_o) * torch.tanh(c), c
    (h_prev,) = state
    if kind == "rnn":
        return (torch.tanh(x @ W_x + h_prev @ W_h + b),)
    r, z = (torch.sigmoid(x @ W_x[k] + h_prev @ W_h[k] + b[k]) for k in range(2))
    if kind == "gru":
        n = torch.tanh(x @ W_x[2] + (r * h_prev) @ W_h[2] + b[2])
    else:
        n = torch.tanh(x @ W_x[2] + r * (h_prev @ W_h[2] + p[f"{prefix}b_hn"]) + b[2])
    return ((1 - z) * h_prev + z * n,)


def torch_run(torch, kind, p, prefix, xs, state, lengths):
    """A cell over time: (outputs, 0 beyond the lengths; the state after each sequence's last step)."""
    hs = []
    for t, x in enumerate(xs):
        runs = torch.tensor(lengths > t)[:, None]
        new = torch_step(torch, kind, p, prefix, x, state)
        hs.append(torch.where(runs, new[0], torch.zeros_like(new[0])))
        state = tuple(torch.where(runs, n, s) for n, s in zip(new, state, strict=True))
    return torch.stack(hs), state


@every_cell
def test_a_layer_equals_its_equations_in_torch_where_torch_has_no_such_layer(torch, leaf, rng, kind):
    """GRU with the reset before the product, and lengths of 0, which torch's packing refuses."""
    layer = Recurrent(exposed(CELLS[kind](D, H), rng))
    lengths = np.array([3, 7, 0, 6, 1])
    xs, d_hs = rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))
    state, d_final = random_state(layer.cell, B, rng), random_state(layer.cell, B, rng)
    (hs, final), cache = layer.forward(xs, state, lengths=lengths)
    (d_xs, d_state), grads = layer.backward((d_hs, d_final), cache)

    p = {name: leaf(param) for name, param in layer.params.items()}
    parts = [list(s) if kind == "lstm" else [s] for s in (state, d_final, final, d_state)]
    their_xs, their_state = leaf(xs), tuple(map(leaf, parts[0]))
    their_hs, their_final = torch_run(torch, kind, p, "cell.", their_xs, their_state, lengths)
    outputs, upstream = (their_hs, *their_final), (d_hs, *parts[1])
    torch.autograd.backward(outputs, [torch.from_numpy(d) for d in upstream])
    assert_close([hs, *parts[2]], detached(outputs))
    assert_close([d_xs, *parts[3]], [x.grad.numpy() for x in (their_xs, *their_state)])
    assert_close(grads, {name: param.grad.numpy() for name, param in p.items()})


def torch_attention(torch, p, prefix, query, keys, lengths):
    """Additive attention from its equations: keys (S, B, K) to ((B, K), (B, S))."""
    W_q, W_k, b, v = (p[f"{prefix}{name}"] for name in ("W_q", "W_k", "b", "v"))
    scores = torch.tanh(query @ W_q + keys @ W_k + b) @ v  # (S, B)
    valid = torch.arange(len(keys))[:, None] < torch.tensor(lengths)
    weights = torch.softmax(torch.where(valid, scores, -torch.inf), 0)
    return (weights[:, :, None] * keys).sum(0), weights.T


def test_additive_attention_equals_its_equations_in_torch(torch, leaf, rng):
    attention = exposed(AdditiveAttention(3, 4, 5), rng)
    lengths = np.array([6, 1, 4])
    shapes = ((3, 3), (6, 3, 4), (3, 4), (3, 6))
    query, keys, d_context, d_weights = (rng.standard_normal(shape) for shape in shapes)
    outputs, cache = attention.forward(query, keys, lengths=lengths)
    d_inputs, grads = attention.backward((d_context, d_weights), cache)

    p, inputs = {name: leaf(param) for name, param in attention.params.items()}, (leaf(query), leaf(keys))
    theirs = torch_attention(torch, p, "", *inputs, lengths)
    torch.autograd.backward(theirs, [torch.from_numpy(d) for d in (d_context, d_weights)])
    assert_close(list(outputs), detached(theirs))
    assert_close(list(d_inputs), [x.grad.numpy() for x in inputs])
    assert_close(grads, {name: param.grad.numpy() for name, param in p.items()})


@pytest.mark.parametrize("kind", ["dot product", "scaled", "bilinear"])
def test_attention_by_inner_products_equals_its_equations_in_torch(torch, leaf, rng, kind):
    K = 4
    Q = 3 if kind == "bilinear" else K
    context = (
        BilinearAttention(Q, K) if kind == "bilinear" else DotProductAttention(K, scaled=kind == "scaled")
    )
    context, lengths = exposed(context, rng), np.array([6, 1, 4])
    shapes = ((3, Q), (6, 3, K), (3, K), (3, 6))
    query, keys, d_context, d_weights = (rng.standard_normal(shape) for shape in shapes)
    outputs, cache = context.forward(query, keys, lengths=lengths)
    d_inputs, grads = context.backward((d_context, d_weights), cache)

    p, (q, k) = {name: leaf(param) for name, param in context.params.items()}, (leaf(query), leaf(keys))
    asked = q @ p["W"] if p else q
    valid = torch.arange(6) < torch.tensor(lengths)[:, None]
    attend = torch.nn.functional.scaled_dot_product_attention  # keys are values, one query a row
    batch_first = k.transpose(0, 1)
    scale = K**-0.5 if kind == "scaled" else 1.0
    context_t = attend(asked[:, None], batch_first, batch_first, valid[:, None], scale=scale)[:, 0]
    scores = torch.einsum("bk,sbk->bs", asked, k) * scale
    weights_t = torch.softmax(torch.where(valid, scores, -torch.inf), 1)
    torch.autograd.backward((context_t, weights_t), [torch.from_numpy(d) for d in (d_context, d_weights)])
    assert_close(list(outputs), detached((context_t, weights_t)))
    assert_close(list(d_inputs), [q.grad.numpy(), k.grad.numpy()])
    assert_close(grads, {name: param.grad.numpy() for name, param in p.items()})


def test_a_linear_layer_and_an_embedding_equal_torchs(torch, leaf, rng):
    linear, table = exposed(Linear(3, 4), rng), exposed(Embedding(6, 3), rng)
    tokens, d_y = rng.integers(6, size=(5, 4)), rng.standard_normal((5, 4, 4))
    x, embedding_cache = table.forward(tokens)
    y, cache = linear.forward(x)
    (d_x,), grads = linear.backward(d_y, cache)
    _, table_grads = table.backward(d_x, embedding_cache)
    W, b, their_table = leaf(linear.W.T), leaf(linear.b), leaf(table.W)
    their_x = torch.nn.functional.embedding(torch.from_numpy(tokens), their_table)
    their_y = torch.nn.functional.linear(their_x, W, b)
    their_y.backward(torch.from_numpy(d_y))
    assert_close(y, their_y.detach().numpy())
    assert_close(grads, {"W": W.grad.numpy().T, "b": b.grad.numpy()})
    assert_close(table_grads, {"W": their_table.grad.numpy()})


@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_equals_torchs(torch, leaf, rng, masked):
    logits, targets = 5 * rng.standard_normal((T, B, 6)), rng.integers(6, size=(T, B))
    mask = rng.random((T, B)) < 0.6 if masked else None
    loss, d_logits = cross_entropy(logits, targets, mask)
    theirs = leaf(logits)
    their_targets = torch.from_numpy(targets if mask is None else np.where(mask, targets, -100))
    their_loss = torch.nn.functional.cross_entropy(theirs.reshape(-1, 6), their_targets.reshape(-1))
    their_loss.backward()
    assert_close((loss, d_logits), (their_loss.item(), theirs.grad.numpy()))


OPTIMIZERS = [
    (SGD(0.1), "SGD", {}),
    (SGD(0.1, momentum=0.9), "SGD", {"momentum": 0.9}),
    (SGD(0.1, momentum=0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
    (Adam(0.1, 0.8, 0.95, 1e-4), "Adam", {"betas": (0.8, 0.95), "eps": 1e-4}),
    (AdamW(0.1, 0.8, 0.95, 1e-4, 0.3), "AdamW", {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.3}),
    (RMSProp(0.1, 0.8, 1e-4), "RMSprop", {"alpha": 0.8, "eps": 1e-4}),
    (RMSProp(0.1, 0.8, 1e-4, 0.7), "RMSprop", {"alpha": 0.8, "eps": 1e-4, "momentum": 0.7}),
]


@pytest.mark.parametrize("count", [2, 6], ids=["each on its own", "as one vector"])
@pytest.mark.parametrize(("ours", "name", "options"), OPTIMIZERS, ids=lambda one: str(one))
def test_optimizers_step_as_torchs_do(torch, leaf, rng, ours, name, options, count):
    ours = copy.deepcopy(ours)
    params = {f"W{k}": rng.standard_normal((3, k + 1)) for k in range(count)}
    theirs = {name: leaf(param.copy()) for name, param in params.items()}
    optimizer = getattr(torch.optim, name)(theirs.values(), lr=0.1, **options)
    for _ in range(20):
        grads = {name: rng.standard_normal(param.shape) for name, param in params.items()}
        for name, tensor in theirs.items():
            tensor.grad = torch.from_numpy(grads[name].copy())
        ours.step(params, grads)
        optimizer.step()
        assert_close(params, {name: tensor.detach().numpy() for name, tensor in theirs.items()})


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 1e3])
def test_clipping_equals_torchs(torch, leaf, rng, max_norm):
    grads = {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal(4)}
    theirs = {name: leaf(grad) for name, grad in grads.items()}
    for name, tensor in theirs.items():
        tensor.grad = torch.from_numpy(grads[name].copy())
    their_norm = torch.nn.utils.clip_grad_norm_(theirs.values(), max_norm)
    clipped, norm = clip_by_global_norm(grads, max_norm)
    assert_close(norm, their_norm.item())
    right = {name: tensor.grad.numpy() for name, tensor in theirs.items()}
    assert_close(clipped, right, 2e-6 / max_norm)  # torch adds 1e-6 to the norm that it divides by


def torch_seq2seq(torch, p, model, source_kind, target_kind, batch):
    """The whole model's logits and weights, step by step."""
    S, B = batch.source.shape
    zeros = torch.zeros((B, model.encoder.hidden_size), dtype=torch.float64)
    xs = p["encoder.embedding.W"][torch.from_numpy(batch.source)]
    first = (zeros, zeros) if source_kind == "lstm" else (zeros,)
    lengths = batch.source_lengths
    keys, state = torch_run(torch, source_kind, p, "encoder.layer.cell.", xs, first, lengths)
    if not model.bridge.unchanged:
        flat = torch.cat(state, 1) @ p["bridge.linear.W"] + p["bridge.linear.b"]
        state = torch.tanh(flat).chunk(2 if target_kind == "lstm" else 1, 1)
    logits, weights = [], []
    for tokens in torch.from_numpy(batch.inputs):
        if isinstance(model.decoder.context, FixedContext):
            last = lengths - 1
            C, alpha = keys[last, range(B)], torch.eye(S, dtype=torch.float64)[last]
        else:
            C, alpha = torch_attention(torch, p, "decoder.context.", state[0], keys, lengths)
        x = torch.cat([p["decoder.embedding.W"][tokens], C], 1)
        state = torch_step(torch, target_kind, p, "decoder.cell.", x, state)
        shown = torch.cat([state[0], x], 1) if model.decoder.readout == "all" else state[0]
        logits.append(shown @ p["decoder.output.W"] + p["decoder.output.b"])
        weights.append(alpha)
    return torch.stack(logits), torch.stack(weights)


@both_contexts
@pytest.mark.parametrize("readout", ["state", "all"])
@pytest.mark.parametrize(
    ("source_kind", "target_kind", "target_size"),
    [*((kind, kind, 4) for kind in KINDS), ("lstm", "gru", 3), ("gru", "lstm", 3), ("rnn", "lstm", 4)],
)
def test_the_encoder_decoder_equals_the_same_model_in_torch(
    torch, leaf, rng, source_kind, target_kind, target_size, readout, context
):
    look = AdditiveAttention(target_size, 4, 5) if context == "additive" else FixedContext()
    encoder = Encoder(9, 3, 4, cell=CELLS[source_kind](3, 4))
    cell = CELLS[target_kind](2 + 4, target_size)
    decoder = Decoder(8, 2, target_size, context=look, key_size=4, cell=cell, readout=readout)
    model = exposed(Seq2Seq(encoder, decoder), rng)
    target_lengths = np.array([4, 2, 5])
    mask = np.arange(5)[:, None] < target_lengths
    inputs, targets = rng.integers(8, size=(2, 5, 3))
    batch = Batch(rng.integers(9, size=(6, 3)), np.array([6, 1, 4]), inputs, targets, mask)
    loss, grads = model.loss_and_grads(batch)
    outputs, _ = model.forward(batch.source, batch.inputs, lengths=batch.source_lengths)

    p = {name: leaf(param) for name, param in model.params.items()}
    theirs = torch_seq2seq(torch, p, model, source_kind, target_kind, batch)
    labels = torch.from_numpy(np.where(mask, targets, -100))
    their_loss = torch.nn.functional.cross_entropy(theirs[0].reshape(-1, 8), labels.reshape(-1))
    their_loss.backward()
    assert_close(list(outputs), detached(theirs))
    assert_close(loss, their_loss.item())
    assert_close(grads, {name: param.grad.numpy() for name, param in p.items()})


@both_contexts
@pytest.mark.parametrize("readout", ["state", "all"])
@every_cell
def test_a_decoder_of_several_layers_equals_the_same_model_in_torch(torch, leaf, rng, kind, readout, context):
    look = AdditiveAttention(H, 4, 5) if context == "additive" else FixedContext()
    options = {"key_size": 4, "cell": CELLS[kind](2 + 4, H), "num_layers": 3, "readout": readout}
    decoder = exposed(Decoder(8, 2, H, context=look, **options), rng)
    lengths, tokens, keys = np.array([6, 1, 4]), rng.integers(8, size=(5, 3)), rng.standard_normal((6, 3, 4))
    state = tuple(random_state(decoder.cell, 3, rng) for _ in range(3))
    outputs, cache = decoder.forward(tokens, state, keys, lengths=lengths)
    upstream = [rng.standard_normal(output.shape) for output in outputs]
    (_, d_state, d_keys), grads = decoder.backward(tuple(upstream), cache)

    p, their_keys = {name: leaf(param) for name, param in decoder.params.items()}, leaf(keys)
    first = [[leaf(part) for part in (s if kind == "lstm" else [s])] for s in state]
    states, logits, weights = [tuple(parts) for parts in first], [], []
    for step in torch.from_numpy(tokens):
        if context == "additive":
            C, alpha = torch_attention(torch, p, "context.", states[-1][0], their_keys, lengths)
        else:
            C, alpha = their_keys[lengths - 1, range(3)], torch.eye(6, dtype=torch.float64)[lengths - 1]
        shown = x = torch.cat([p["embedding.W"][step], C], 1)
        for k in range(3):
            states[k] = torch_step(torch, kind, p, f"upper.{k - 1}." if k else "cell.", x, states[k])
            x = states[k][0]
        shown = torch.cat([x, shown], 1) if readout == "all" else x
        logits.append(shown @ p["output.W"] + p["output.b"])
        weights.append(alpha)
    theirs = [torch.stack(logits), torch.stack(weights)]
    sum((their * torch.from_numpy(d)).sum() for their, d in zip(theirs, upstream, strict=True)).backward()
    assert_close(list(outputs), detached(theirs))
    assert_close(d_keys, their_keys.grad.numpy())
    for ours, parts in zip(d_state, first, strict=True):
        assert_close(list(ours) if kind == "lstm" else [ours], [part.grad.numpy() for part in parts])
    assert_close(grads, {name: param.grad.numpy() for name, param in p.items()})


def test_a_state_of_torchs_lstm_is_ours_in_the_same_order(torch, rng):
    cell = exposed(CELLS["lstm"](D, H), rng)
    x, state = rng.standard_normal((B, D)), random_state(cell, B, rng)
    layer, _ = torch_layer(torch, cell, "lstm")
    _, (h, c) = layer(torch.from_numpy(x[None]), tuple(torch.from_numpy(part[None]) for part in state))
    assert_close(cell.forward(x, state)[0], LSTMState(h[0].detach().numpy(), c[0].detach().numpy()))

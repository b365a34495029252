"""The fast cells, layers, contexts, models and optimizers compute what the plain passes compute."""

import copy

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st
from strategies import B, D, H, K, Look, T, V, exposed, lengths, looks, recurrences, rngs

from seqmem import (
    SGD,
    Adam,
    AdamW,
    AdditiveAttention,
    Batch,
    BilinearAttention,
    Decoder,
    DotProductAttention,
    Dropout,
    Embedding,
    Encoder,
    FixedContext,
    GRUCell,
    LayerNormLSTMCell,
    Linear,
    LSTMCell,
    LSTMState,
    PeepholeLSTMCell,
    Recurrent,
    RMSProp,
    RNNCell,
    Seq2Seq,
    TruncatedBPTT,
    clip_by_global_norm,
    cross_entropy,
    huber_loss,
    mae_loss,
    mse_loss,
    reference,
)

sizes = st.integers(1, 5)


def pass_of(cell):
    """What the room calls a cell: "lstm", "gru_after" and so on."""
    if isinstance(cell, GRUCell):
        return f"gru_{cell.reset}"
    if isinstance(cell, RNNCell):
        return "rnn" if cell.activation == "tanh" else "relu_rnn"
    return {LSTMCell: "lstm", PeepholeLSTMCell: "peephole_lstm", LayerNormLSTMCell: "layer_norm_lstm"}[
        type(cell)
    ]


relu_cells = st.builds(lambda D, H, rng: exposed(RNNCell(D, H, activation="relu"), rng), D, H, rngs)


def parts(state):
    """The arrays of a state: h, and c of an LSTM."""
    return tuple(state) if isinstance(state, LSTMState) else (state,)


def state_of(like, arrays):
    return LSTMState(*arrays) if isinstance(like, LSTMState) else arrays[0]


@given(st.one_of(recurrences(), recurrences(cells=relu_cells)))
def test_a_layer_run_either_way_over_sequences_of_unequal_lengths(drawn):
    layer, xs, state, rows, d_hs, d_final = drawn
    cell, name = layer.cell, pass_of(layer.cell)
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    mask, way = reference.length_mask(rows, len(xs)), slice(None, None, -1 if layer.reverse else 1)
    hs, *final, cache = forward(xs[way], *parts(state), **cell.params, mask=mask[way])
    gradients = backward(d_hs[way], *parts(d_final), cache)

    (fast_hs, fast_final), fast_cache = layer.forward(xs, state, lengths=rows)
    (d_xs, d_state), grads = layer.backward((d_hs, d_final), fast_cache)
    assert_close((hs[way], final), (fast_hs, parts(fast_final)))
    initial = {f"{letter}0": part for letter, part in zip("hc", parts(d_state), strict=False)}
    fast = {"xs": d_xs[way]} | initial | {key.removeprefix("cell."): grad for key, grad in grads.items()}
    assert_close(gradients, fast)


@given(recurrences(full=True, reverse=[False]))
def test_without_a_mask_every_sequence_has_all_steps(drawn):
    layer, xs, state, _, d_hs, d_final = drawn
    name = pass_of(layer.cell)
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    *outputs, cache = forward(xs, *parts(state), **layer.cell.params)
    (hs, final), fast_cache = layer.forward(xs, state)
    assert_close(outputs, [hs, *parts(final)])
    gradients = backward(d_hs, *parts(d_final), cache)
    (d_xs, _), grads = layer.backward((d_hs, d_final), fast_cache)
    assert_close(gradients["xs"], d_xs)
    assert_close({f"cell.{key}": grad for key, grad in gradients.items() if f"cell.{key}" in grads}, grads)


@given(recurrences(T=st.just(1), full=True, reverse=[False]))
def test_a_cells_step(drawn):
    cell, xs, state, d_state = drawn.layer.cell, drawn.xs, drawn.state, drawn.d_final
    name = pass_of(cell)
    forward, backward = (
        getattr(reference, f"{name}_step_forward"),
        getattr(reference, f"{name}_step_backward"),
    )
    *new, cache = forward(xs[0], *parts(state), **cell.params)
    fast_new, fast_cache = cell.forward(xs[0], state)
    assert_close(new, list(parts(fast_new)))
    (d_x, d_prev), grads = cell.backward(d_state, fast_cache)
    before = {f"{letter}_prev": part for letter, part in zip("hc", parts(d_prev), strict=False)}
    assert_close(backward(*parts(d_state), cache), {"x": d_x} | before | grads)


@given(recurrences())
def test_what_stands_in_the_padding_has_no_effect(drawn):
    layer, xs, state, rows, d_hs, d_final = drawn
    name, mask = pass_of(layer.cell), reference.length_mask(rows, len(xs))
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    results = []
    for padding in (0.0, np.nan):
        filled = np.where(mask[:, :, None], xs, padding)
        *outputs, cache = forward(filled, *parts(state), **layer.cell.params, mask=mask)
        results.append((outputs, backward(np.where(mask[:, :, None], d_hs, padding), *parts(d_final), cache)))
    np.testing.assert_equal(*results)


CONTEXTS = {
    AdditiveAttention: "additive",
    DotProductAttention: "dot_product",
    BilinearAttention: "bilinear",
}


@given(looks())
def test_a_context(drawn):
    context, query, keys, rows, d_context, d_weights = drawn
    mask = reference.length_mask(rows, len(keys))
    if isinstance(context, FixedContext):
        *outputs, cache = reference.fixed_context_forward(keys, mask)
        gradients = reference.fixed_context_backward(d_context, d_weights, cache)
    else:
        name, options = CONTEXTS[type(context)], {}
        if isinstance(context, DotProductAttention) and context.scaled:
            options["scaled"] = True
        forward = getattr(reference, f"{name}_attention_forward")
        *outputs, cache = forward(query, keys, **context.params, mask=mask, **options)
        gradients = getattr(reference, f"{name}_attention_backward")(d_context, d_weights, cache)
        d_query = gradients.pop("query")
    fast, fast_cache = context.forward(query, keys, lengths=rows)
    (fast_d_query, d_keys), grads = context.backward((d_context, d_weights), fast_cache)
    assert_close(outputs, list(fast))
    assert_close(gradients, {"keys": d_keys} | grads)
    if not isinstance(context, FixedContext):
        assert_close(d_query, fast_d_query)


@given(looks(contexts=st.tuples(st.just(FixedContext()), st.integers(1, 3), K)))
def test_a_keys_padding_has_no_effect_on_a_context(drawn: Look):
    mask = reference.length_mask(drawn.lengths, len(drawn.keys))
    filled = np.where(mask[:, :, None], drawn.keys, np.nan)
    scorer = [np.ones((drawn.query.shape[1], 2)), np.ones((filled.shape[2], 2)), np.ones(2), np.ones(2)]
    for outputs in (
        reference.fixed_context_forward(filled, mask)[:2],
        reference.additive_attention_forward(drawn.query, filled, *scorer, mask)[:2],
    ):
        assert all(np.isfinite(output).all() for output in outputs)
        assert not outputs[1][~mask.T].any()


@given(T, B, V, D, rngs)
def test_an_embedding(steps, batch, vocab_size, width, rng):
    table = Embedding(vocab_size, width, rng=rng)
    tokens, d_y = rng.integers(vocab_size, size=(steps, batch)), rng.normal(size=(steps, batch, width))
    y, cache = reference.embedding_forward(table.W, tokens)
    fast_y, fast_cache = table.forward(tokens)
    assert_close(y, fast_y)
    assert_close(reference.embedding_backward(d_y, cache), table.backward(d_y, fast_cache)[1])


@given(T.filter(bool), B, D, H, st.integers(1, 7), rngs)
def test_a_layer_in_windows(steps, batch, width, size, k, rng):
    layer = TruncatedBPTT(Recurrent(exposed(RNNCell(width, size), rng)), k)
    xs, h0 = rng.normal(size=(steps, batch, width)), rng.normal(size=(batch, size))
    d_hs, d_h = rng.normal(size=(steps, batch, size)), rng.normal(size=(batch, size))
    weights = {name: getattr(layer.layer.cell, name) for name in ("W_x", "W_h", "b")}
    hs, h, cache = reference.truncated_rnn_forward(xs, h0, **weights, k=k)
    (fast_hs, fast_h), fast_cache = layer.forward(xs, h0)
    assert_close((hs, h), (fast_hs, fast_h))
    (d_xs, d_h0), grads = layer.backward((d_hs, d_h), fast_cache)
    own = {name.rpartition(".")[2]: grad for name, grad in grads.items()}
    assert_close(reference.truncated_rnn_backward(d_hs, d_h, cache), {"xs": d_xs, "h0": d_h0} | own)


@given(T, B, D, V, rngs)
def test_a_linear_layer(steps, batch, width, vocab_size, rng):
    layer = exposed(Linear(width, vocab_size), rng)
    x, d_y = rng.normal(size=(steps, batch, width)), rng.normal(size=(steps, batch, vocab_size))
    y, cache = reference.linear_forward(x, **layer.params)
    fast_y, fast_cache = layer.forward(x)
    (d_x,), grads = layer.backward(d_y, fast_cache)
    assert_close(y, fast_y)
    assert_close(reference.linear_backward(d_y, cache), {"x": d_x} | grads)


@given(st.data(), T, B, V, rngs)
def test_the_cross_entropy(data, steps, batch, vocab_size, rng):
    rows = data.draw(lengths(steps, batch).filter(any))
    mask = reference.length_mask(rows, steps)
    logits, targets = (
        rng.normal(size=(steps, batch, vocab_size)),
        rng.integers(vocab_size, size=(steps, batch)),
    )
    loss, cache = reference.cross_entropy_forward(logits, targets, mask)
    fast_loss, d_logits = cross_entropy(logits, targets, mask)
    assert_close(loss, fast_loss)
    assert_close(reference.cross_entropy_backward(1.0, cache), {"logits": d_logits})
    assert_close(reference.cross_entropy_forward(logits, targets)[0], cross_entropy(logits, targets)[0])


@given(st.data(), T, B, V, st.floats(0, 0.9), rngs)
def test_the_weighted_cross_entropy(data, steps, batch, vocab_size, smoothing, rng):
    mask = reference.length_mask(data.draw(lengths(steps, batch).filter(any)), steps)
    logits = rng.normal(size=(steps, batch, vocab_size))
    targets = rng.integers(vocab_size, size=(steps, batch))
    w, s = rng.uniform(0.1, 2, vocab_size), rng.uniform(0.1, 2, (steps, batch))
    loss, cache = reference.weighted_cross_entropy_forward(logits, targets, w, s * mask, smoothing)
    options = {"class_weights": w, "sample_weights": s, "label_smoothing": smoothing}
    fast_loss, d_logits = cross_entropy(logits, targets, mask, **options)
    assert_close(loss, fast_loss)
    assert_close(reference.weighted_cross_entropy_backward(1.0, cache), {"logits": d_logits})


@pytest.mark.parametrize(
    ("name", "fast", "options"),
    [
        ("squared_error", mse_loss, {}),
        ("absolute_error", mae_loss, {}),
        ("huber_error", huber_loss, {"delta": 0.7}),
    ],
)
def test_the_losses_of_a_regression(name, fast, options):
    rng = np.random.default_rng(0)
    predictions, targets = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2))
    weights, mask = rng.uniform(0.1, 2, (4, 3, 2)), rng.random((4, 3)) < 0.6
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    loss, cache = forward(predictions, targets, weights * mask[:, :, None], **options)
    fast_loss, d_predictions = fast(predictions, targets, mask, sample_weights=weights, **options)
    assert_close(loss, fast_loss)
    assert_close(backward(1.0, cache), {"predictions": d_predictions})


@given(T, B, D, st.floats(0.0, 0.9), st.integers(0, 99))
def test_dropout(steps, batch, width, rate, seed):
    x, layer = np.random.default_rng(seed + 1).normal(size=(steps, batch, width)), Dropout(rate)
    keep = np.random.default_rng(seed).random(x.shape, np.float32) >= rate
    y, cache = reference.dropout_forward(x, keep, rate)
    fast_y, fast_cache = layer.forward(x, rng=seed)
    assert_close(y, fast_y)
    assert_close(reference.dropout_backward(x, cache), {"x": layer.backward(x, fast_cache)[0][0]})


@pytest.mark.parametrize("max_norm", [0.01, 1000.0])
def test_clipping_above_the_norm_and_below(max_norm):
    rng = np.random.default_rng(0)
    grads = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
    clipped, norm = reference.clip_by_global_norm(grads, max_norm)
    fast, fast_norm = clip_by_global_norm(grads, max_norm)
    assert_close((clipped, norm), (fast, fast_norm))


def sgd(param, grad, state, t):
    param, velocity = reference.sgd_step(param, grad, state.get("velocity", 0 * param), 0.1, 0.9)
    return param, {"velocity": velocity}


def nesterov(param, grad, state, t):
    param, velocity = reference.nesterov_step(param, grad, state.get("velocity", 0 * param), 0.1, 0.9)
    return param, {"velocity": velocity}


def rmsprop(param, grad, state, t):
    zeros = 0 * param
    averages = state.get("v", zeros), state.get("velocity", zeros)
    param, v, velocity = reference.rmsprop_step(param, grad, *averages, 0.1, 0.8, 1e-4, 0.7)
    return param, {"v": v, "velocity": velocity}


def adam(param, grad, state, t):
    zeros = 0 * param
    averages = state.get("m", zeros), state.get("v", zeros)
    param, m, v = reference.adam_step(param, grad, *averages, t, 0.1, 0.8, 0.95, 1e-4)
    return param, {"m": m, "v": v}


def adamw(param, grad, state, t):
    zeros = 0 * param
    averages = state.get("m", zeros), state.get("v", zeros)
    param, m, v = reference.adamw_step(param, grad, *averages, t, 0.1, 0.8, 0.95, 1e-4, 0.3)
    return param, {"m": m, "v": v}


@pytest.mark.parametrize("names", ["W", "abcdef"], ids=["one array", "a vector of several"])
@pytest.mark.parametrize(
    ("optimizer", "step"),
    [
        (SGD(0.1, 0.9), sgd),
        (SGD(0.1, 0.9, nesterov=True), nesterov),
        (RMSProp(0.1, 0.8, 1e-4, 0.7), rmsprop),
        (Adam(0.1, 0.8, 0.95, 1e-4), adam),
        (AdamW(0.1, 0.8, 0.95, 1e-4, 0.3), adamw),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_optimizers_over_several_steps(optimizer, step, names):
    rng, optimizer = np.random.default_rng(0), copy.deepcopy(optimizer)
    params = {name: rng.normal(size=(3, k + 1)) for k, name in enumerate(names)}
    plain, states = dict(params), {name: {} for name in names}
    params = {name: param.copy() for name, param in params.items()}
    for t in range(1, 6):
        grads = {name: rng.normal(size=param.shape) for name, param in params.items()}
        optimizer.step(params, grads)
        for name in names:
            plain[name], states[name] = step(plain[name], grads[name], states[name], t)
        assert_close(params, plain)
    for name in names:
        assert_close({kind: optimizer.state[f"{kind}.{name}"] for kind in states[name]}, states[name])


@given(B, sizes, sizes, rngs)
def test_a_bridge(batch, source_size, target_size, rng):
    encoder = Encoder(3, 2, source_size, cell="gru", rng=0)
    model = Seq2Seq(encoder, Decoder(3, 2, target_size, key_size=source_size, cell="rnn", rng=1))
    bridge = exposed(model, rng).bridge
    if bridge.unchanged:
        return
    h, d_s0 = rng.normal(size=(batch, source_size)), rng.normal(size=(batch, target_size))
    s0, cache = reference.bridge_forward(h, bridge.linear.W, bridge.linear.b)
    fast_s0, fast_cache = bridge.forward(h)
    (d_h,), grads = bridge.backward(d_s0, fast_cache)
    assert_close(s0, fast_s0)
    linear = {key.removeprefix("linear."): grad for key, grad in grads.items()}
    assert_close(reference.bridge_backward(d_s0, cache), {"h": d_h} | linear)


@st.composite
def models(draw):
    """An encoder-decoder of GRU cells with attention, and a batch of pairs of unequal lengths."""
    rng, hidden_size, steps, positions, batch = draw(rngs), draw(H), draw(T), draw(st.integers(1, 6)), draw(B)
    source_size, target_size, width, attention_size = draw(V), draw(V), draw(sizes), draw(sizes)
    context = AdditiveAttention(hidden_size, hidden_size, attention_size)
    encoder = Encoder(source_size, width, hidden_size, cell="gru")
    decoder = Decoder(target_size, width + 1, hidden_size, context=context, cell="gru")
    model = exposed(Seq2Seq(encoder, decoder, start=0, end=1 if target_size > 1 else 0), rng)
    return model, Batch(
        rng.integers(source_size, size=(positions, batch)),
        draw(lengths(positions, batch)),
        rng.integers(target_size, size=(steps, batch)),
        rng.integers(target_size, size=(steps, batch)),
        reference.length_mask(draw(lengths(steps, batch).filter(any)), steps),
    )


@given(models())
def test_a_whole_model_its_loss_and_every_gradient(drawn):
    model, batch = drawn
    source_mask = reference.length_mask(batch.source_lengths, len(batch.source))
    loss, cache = reference.encoder_decoder_forward(
        batch.source, batch.inputs, batch.targets, source_mask, batch.mask, model.params
    )
    fast_loss, grads = model.loss_and_grads(batch)
    assert_close(loss, fast_loss)
    assert_close(reference.encoder_decoder_backward(1.0, cache)["params"], grads)


@given(B, T, st.integers(1, 4), H, K, V, rngs)
def test_a_decoder_of_several_layers(batch, steps, n_layers, size, key_size, vocab_size, rng):
    context = AdditiveAttention(size, key_size, size + 1)
    decoder = exposed(Decoder(vocab_size, 2, size, context=context, cell="gru", num_layers=n_layers), rng)
    tokens, rows = rng.integers(vocab_size, size=(steps, batch)), rng.integers(1, 7, batch)
    s0, keys = rng.normal(size=(n_layers, batch, size)), rng.normal(size=(6, batch, key_size))
    d_logits, d_weights = rng.normal(size=(steps, batch, vocab_size)), rng.normal(size=(steps, batch, 6))
    params = {f"decoder.{name}": param for name, param in decoder.params.items()}
    forward = reference.deep_decoder_forward
    if steps == 0:
        return  # the passes of the room take at least one step
    logits, weights, _, cache = forward(tokens, s0, keys, reference.length_mask(rows, 6), params)
    gradients = reference.deep_decoder_backward(d_logits, d_weights, np.zeros_like(s0), cache)

    given_state = tuple(s0) if n_layers > 1 else s0[0]
    outputs, fast_cache = decoder.forward(tokens, given_state, keys, lengths=rows)
    (_, d_state, d_keys), grads = decoder.backward((d_logits, d_weights), fast_cache)
    assert_close((logits, weights), outputs)
    assert_close(gradients["keys"], d_keys)
    assert_close(list(gradients["s0"]), list(d_state) if n_layers > 1 else [d_state])
    assert_close(gradients["params"], {f"decoder.{name}": grad for name, grad in grads.items()})


@given(models())
def test_the_greedy_search(drawn):
    model, batch = drawn
    found = model.generate(batch.source, batch.source_lengths, max_length=6)
    for row, fast in enumerate(found):
        if batch.source_lengths[row] == 0:
            continue  # the search of the room takes a sequence of at least one token
        source = batch.source[: batch.source_lengths[row], row]
        tokens, score, weights = reference.greedy_search(source, model.params, model.start, model.end, 6)
        assert tokens == fast.tokens
        assert_close((score, weights), (fast.score, fast.weights))

"""Teacher forcing is the step, repeated; and the step is a context, the cell and an affine map."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_finite, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CELLS, random_state

from seqmem import AdditiveAttention, Decoder, FixedContext, GRUCell, LSTMCell, LSTMState, gradcheck
from seqmem.nests import tree_map


def run(d, **changes):
    """(logits, weights), (d_state, d_keys), gradients of the parameters."""
    d = d._replace(**changes)
    outputs, cache = d.decoder.forward(d.tokens, d.state, d.keys, lengths=d.lengths)
    (nothing, *d_inputs), grads = d.decoder.backward((d.d_logits, d.d_weights), cache)
    assert nothing is None
    return outputs, tuple(d_inputs), grads


@settings(max_examples=25)
@given(draw.decodings(), draw.seeds)
def test_the_gradients_are_right(d, seed):
    report = gradcheck(d.decoder, d.tokens, d.state, d.keys, seed=seed, tolerance=ROUNDING, lengths=d.lengths)
    assert_right_where_tested(report)


@settings(max_examples=40)
@given(draw.decodings(T=st.integers(0, 5)))
def test_the_step_repeated_is_teacher_forcing(d):
    (logits, weights), _, _ = run(d)
    state, memory = d.state, d.decoder.memory(d.keys, lengths=d.lengths)
    for t, tokens in enumerate(d.tokens):
        (logits_t, weights_t), state = d.decoder.step(tokens, state, memory)
        assert_close((logits_t, weights_t), (logits[t], weights[t]))


@settings(max_examples=40)
@given(draw.decodings(T=st.integers(0, 5)))
def test_each_step_is_the_modules_in_bahdanaus_order_values_and_gradients(d):
    """The highest layer's state asks before the step, and answers after it, alone or as [s ; y ; C]."""
    decoder, context, cells = d.decoder, d.decoder.context, [d.decoder.cell, *d.decoder.upper]
    names = ["cell", *(f"upper.{k}" for k in range(len(cells) - 1))]
    states = list(d.state) if len(cells) > 1 else [d.state]
    top, caches, logits, weights = cells[-1], [], [], []
    for tokens in d.tokens:
        y, embedding_cache = decoder.embedding.forward(tokens)
        (C, weights_t), context_cache = context.forward(top.output(states[-1]), d.keys, lengths=d.lengths)
        read, cell_caches = np.concatenate([y, C], axis=1), []
        for k, cell in enumerate(cells):
            states[k], cell_cache = cell.forward(read, states[k])
            read = cell.output(states[k])
            cell_caches.append(cell_cache)
        shown = [read, y, C] if decoder.readout == "all" else [read]
        logits_t, output_cache = decoder.output.forward(np.concatenate(shown, axis=1))
        caches.append((embedding_cache, context_cache, cell_caches, output_cache))
        logits.append(logits_t)
        weights.append(weights_t)
    d_states, d_keys = [tree_map(np.zeros_like, state) for state in states], np.zeros_like(d.keys)
    total = {name: np.zeros_like(param) for name, param in decoder.params.items()}

    def add(child, grads):
        for name, grad in grads.items():
            total[f"{child}.{name}"] += grad

    for t in reversed(range(len(caches))):
        embedding_cache, context_cache, cell_caches, output_cache = caches[t]
        (d_shown,), grads = decoder.output.backward(d.d_logits[t], output_cache)
        add("output", grads)
        E, H = decoder.embedding_size, decoder.hidden_size
        d_x, d_shown_y, d_shown_C = np.split(d_shown, [H, H + E], axis=1)
        for k in reversed(range(len(cells))):
            d_h = cells[k].output(d_states[k])
            d_h += d_x
            (d_x, d_states[k]), grads = cells[k].backward(d_states[k], cell_caches[k])
            add(names[k], grads)
        d_y, d_C = np.split(d_x, [E], axis=1)
        if decoder.readout == "all":
            d_y, d_C = d_y + d_shown_y, d_C + d_shown_C
        (d_query, d_keys_t), grads = context.backward((d_C, d.d_weights[t]), context_cache)
        add("context", grads)
        d_keys += d_keys_t
        d_h = top.output(d_states[-1])
        d_h += d_query
        add("embedding", decoder.embedding.backward(d_y, embedding_cache)[1])
    d_state = tuple(d_states) if len(cells) > 1 else d_states[0]
    (got_logits, got_weights), d_inputs, grads = run(d)
    assert_close((list(got_logits), list(got_weights)), (logits, weights))
    assert_close((d_inputs, grads), ((d_state, d_keys), total))


@settings(max_examples=40)
@given(draw.decodings(T=st.integers(0, 5)), st.data())
def test_splitting_a_target_and_carrying_the_state_equals_the_whole(d, data):
    (logits, weights), _, _ = run(d)
    middle = data.draw(st.integers(0, len(d.tokens)))
    state, memory = d.state, d.decoder.memory(d.keys, lengths=d.lengths)
    for tokens in d.tokens[:middle]:
        _, state = d.decoder.step(tokens, state, memory)
    rest, _ = d.decoder.forward(d.tokens[middle:], state, d.keys, lengths=d.lengths)
    assert_close(rest, (logits[middle:], weights[middle:]))


@settings(max_examples=40)
@given(draw.decodings())
def test_the_future_has_no_effect_on_the_past(d):
    (logits, weights), _, _ = run(d)
    other = d.tokens.copy()
    other[-1] = (other[-1] + 1) % d.decoder.vocab_size
    (logits_2, weights_2), _, _ = run(d, tokens=other)
    assert_same(logits_2[:-1], logits[:-1])
    assert_same(weights_2, weights)  # the last token is fed after the last question


@settings(max_examples=40)
@given(draw.decodings(), st.integers(0, 3), draw.seeds)
def test_nothing_in_the_padding_of_the_keys_and_no_more_of_it_has_an_effect(d, more, seed):
    (logits, weights), (d_state, d_keys), grads = run(d)
    S, B, K = d.keys.shape
    rng = np.random.default_rng(seed)
    padding = np.arange(S + more)[:, None] >= d.lengths
    keys, d_weights = np.zeros((S + more, B, K)), np.zeros((len(d.tokens), B, S + more))
    keys[:S], d_weights[:, :, :S] = d.keys, d.d_weights
    garbage = [np.nan, np.inf, -np.inf, 1e300, -7.0]
    keys[padding] = rng.choice(garbage, keys[padding].shape)
    d_weights[:, padding.T] = rng.choice(garbage, d_weights[:, padding.T].shape)
    with np.errstate(all="raise"):
        (logits_2, weights_2), (d_state_2, d_keys_2), grads_2 = run(d, keys=keys, d_weights=d_weights)
    assert all_zero((weights_2[:, padding.T], d_keys_2[padding]))
    assert_close((logits_2, weights_2[:, :, :S]), (logits, weights))
    assert_close((d_state_2, d_keys_2[:S], grads_2), (d_state, d_keys, grads))


@settings(max_examples=40)
@given(draw.decodings(), st.data())
def test_a_batch_in_another_order_or_without_some_rows_gives_the_same_for_those_that_stay(d, data):
    (logits, weights), (d_state, d_keys), _ = run(d)
    order = data.draw(st.permutations(range(len(d.lengths))))
    order = order[: data.draw(st.integers(0, len(order)))]
    outputs, d_inputs, _ = run(
        d,
        tokens=d.tokens[:, order],
        state=tree_map(lambda array: array[order], d.state),
        keys=d.keys[:, order],
        lengths=d.lengths[order],
        d_logits=d.d_logits[:, order],
        d_weights=d.d_weights[:, order],
    )
    assert_close(outputs, (logits[:, order], weights[:, order]))
    assert_close(d_inputs, (tree_map(lambda array: array[order], d_state), d_keys[:, order]))


@settings(max_examples=40)
@given(draw.decodings(deep=False))
def test_over_a_single_key_attention_is_the_fixed_context(d):
    K, H = d.decoder.key_size, d.decoder.hidden_size
    one = d._replace(keys=d.keys[:1], lengths=None, d_weights=d.d_weights[:, :, :1])
    attention = draw.exposed(AdditiveAttention(H, K, 3), np.random.default_rng(0))
    decoders = [
        Decoder(
            d.decoder.vocab_size,
            d.decoder.embedding_size,
            H,
            context=context,
            key_size=K,
            cell=d.decoder.cell,
            readout=d.decoder.readout,
        )
        for context in (FixedContext(), attention)
    ]
    for decoder in decoders:
        for name in ("embedding", "output"):
            setattr(decoder, name, getattr(d.decoder, name))
    fixed, attended = (run(one, decoder=decoder) for decoder in decoders)
    assert_close(attended[:2], fixed[:2])
    assert_close({name: attended[2][name] for name in fixed[2]}, fixed[2])
    assert all_zero({name: grad for name, grad in attended[2].items() if name.startswith("context")})


@settings(max_examples=40)
@given(draw.decodings())
def test_the_gradients_of_logits_and_weights_add_up(d):
    _, both, grads = run(d)
    _, of_logits, logits_grads = run(d, d_weights=None)
    _, of_weights, weights_grads = run(d, d_logits=None)
    assert_close(both, tree_map(np.add, of_logits, of_weights))
    assert_close(grads, {name: logits_grads[name] + weights_grads[name] for name in grads})
    assert all_zero(run(d, d_logits=None, d_weights=None)[1:])


@settings(max_examples=40)
@given(draw.decodings(T=st.just(0)))
def test_no_steps_are_fine(d):
    (logits, weights), (d_state, d_keys), grads = run(d)
    assert (logits.shape, weights.shape) == (d.d_logits.shape, d.d_weights.shape)
    assert all_zero((d_state, d_keys, grads))


@settings(max_examples=40)
@given(draw.decodings(), st.booleans())
def test_no_positions_are_fine(d, with_lengths):
    none = d._replace(keys=d.keys[:0], lengths=np.zeros_like(d.lengths), d_weights=d.d_weights[:, :, :0])
    (logits, weights), (_, d_keys), grads = run(none, lengths=none.lengths if with_lengths else None)
    assert (weights.shape, d_keys.shape) == (none.d_weights.shape, none.keys.shape)
    empty, _, _ = run(d, lengths=np.zeros_like(d.lengths))
    assert_close(logits, empty[0])
    assert all_finite(grads)


@settings(max_examples=40)
@given(draw.decodings())
def test_a_step_writes_to_nothing_that_it_is_given(d):
    state, memory = d.state, d.decoder.memory(d.keys, lengths=d.lengths)
    before = tree_map(np.copy, (d.tokens[0], state, tuple(memory)))
    first = d.decoder.step(d.tokens[0], state, memory)
    assert_same((d.tokens[0], state, tuple(memory)), before)
    assert_same(d.decoder.step(d.tokens[0], state, memory), first)


@settings(max_examples=5)
@given(draw.decodings(), draw.seeds)
def test_the_gradients_are_right_under_dropout(d, seed):
    options = {"context": d.decoder.context, "key_size": d.decoder.key_size, "dropout": 0.4, "cell": "gru"}
    options["readout"] = d.decoder.readout
    sizes = d.decoder.vocab_size, d.decoder.embedding_size, d.decoder.hidden_size
    decoder = draw.exposed(Decoder(*sizes, **options), np.random.default_rng(seed))
    state = random_state(decoder.cell, len(d.lengths), np.random.default_rng(seed))
    report = gradcheck(decoder, d.tokens, state, d.keys, lengths=d.lengths, rng=seed, tolerance=ROUNDING)
    assert_right_where_tested(report)


def small(**options):
    return Decoder(5, 3, 2, context=AdditiveAttention(2, 4, 3), **options)


def test_a_context_that_asks_with_another_size_is_refused():
    with pytest.raises(ValueError, match="Decoder: context has query_size 3, expected 2: hidden_size"):
        Decoder(5, 3, 2, context=AdditiveAttention(3, 4, 3))
    with pytest.raises(ValueError, match="Decoder: context has key_size 4, expected 6"):
        small(key_size=6)


def test_the_key_size_is_the_contexts_or_else_the_hidden_size():
    assert small().key_size == 4
    assert Decoder(5, 3, 2).key_size == 2
    assert Decoder(5, 3, 2, key_size=7).cell.input_size == 10


@pytest.mark.parametrize("kind", sorted(CELLS))
def test_a_cell_of_another_size_is_refused(kind):
    message = r"Decoder: cell has \(input_size, hidden_size\) \(3, 2\), expected \(7, 2\)"
    with pytest.raises(ValueError, match=message):
        small(cell=CELLS[kind](3, 2))


def test_the_readout_decides_what_the_logits_are_computed_from():
    assert small().readout == "state"
    assert small().output.input_size == 2  # s
    assert small(readout="all").output.input_size == 2 + 3 + 4  # [s ; y ; C]
    with pytest.raises(ValueError, match="Decoder: readout is 'both', expected 'state' or 'all'"):
        small(readout="both")


def test_of_the_whole_readout_zero_weights_for_token_and_context_leave_the_state():
    rng = np.random.default_rng(0)
    whole, alone = draw.exposed(small(readout="all"), rng), small()
    whole.output.W[2:] = 0
    for name, param in alone.params.items():
        param[...] = whole.params[name][:2] if name == "output.W" else whole.params[name]
    state, keys, tokens = (
        random_state(whole.cell, 3, rng),
        rng.uniform(-1, 1, (4, 3, 4)),
        rng.integers(5, size=(6, 3)),
    )
    assert_close(whole.forward(tokens, state, keys)[0], alone.forward(tokens, state, keys)[0])


def test_parts_of_different_dtypes_are_refused():
    with pytest.raises((ValueError, TypeError), match="float32"):
        small(dtype=np.float32)  # the context's parameters are float64
    with pytest.raises((ValueError, TypeError), match="float32"):
        Decoder(5, 3, 2, cell=CELLS["gru"](5, 2, dtype=np.float32))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tokens": [[1, 5]]}, ValueError, r"tokens holds 5 at \[0, 1\], expected ids from 0 to 4"),
        ({"tokens": [1, 2]}, ValueError, r"tokens has shape \(2,\), expected \(T, B\)"),
        ({"tokens": [[1.0, 2.0]]}, TypeError, r"tokens has dtype float64"),
        ({"keys": np.zeros((3, 5, 4))}, ValueError, r"keys has shape \(3, 5, 4\), expected \(S, 2, 4\)"),
        ({"keys": np.zeros((3, 2, 2))}, ValueError, r"keys has shape \(3, 2, 2\).* 4 is key_size"),
        ({"keys": None}, TypeError, r"keys has dtype object"),
        ({"state": np.zeros((2, 3))}, ValueError, r"state has shape \(2, 3\), expected \(2, 2\)"),
        ({"state": np.zeros((1, 2))}, ValueError, r"state has shape \(1, 2\), expected \(2, 2\)"),
        ({"lengths": [1, 4]}, ValueError, r"lengths\[1\] is 4, expected 0 to 3 \(S\)"),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, message):
    arguments = {"tokens": [[1, 2]], "state": np.zeros((2, 2)), "keys": np.zeros((3, 2, 4)), "lengths": None}
    with pytest.raises(error, match=f"Decoder.forward: {message}"):
        small(cell="gru").forward(**(arguments | changes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", sorted(CELLS))
@pytest.mark.parametrize("context", ["fixed", "additive"])
@pytest.mark.parametrize("readout", ["state", "all"])
def test_enormous_weights_give_finite_numbers_without_a_warning(dtype, kind, context, readout):
    rng = np.random.default_rng(0)
    look = FixedContext() if context == "fixed" else AdditiveAttention(2, 4, 3, dtype=dtype)
    options = {"context": look, "key_size": 4, "cell": CELLS[kind](7, 2, dtype=dtype), "readout": readout}
    decoder = Decoder(5, 3, 2, **options, dtype=dtype)
    for name, param in draw.exposed(decoder, rng).params.items():
        param *= 1e30 if name.startswith("output") else 1e4
    state, keys = random_state(decoder.cell, 3, rng), rng.uniform(-1, 1, (6, 3, 4))
    with np.errstate(all="raise"):
        (logits, weights), cache = decoder.forward(
            rng.integers(5, size=(4, 3)), state, keys, lengths=[6, 0, 2]
        )
        gradients = decoder.backward((1e-30 * np.ones_like(logits), np.ones_like(weights)), cache)
    assert all_finite((logits, weights, gradients))
    assert logits.dtype == weights.dtype == dtype


@pytest.mark.parametrize(
    ("tokens", "state", "message"),
    [
        ([1, 5], np.zeros((2, 2)), r"tokens holds 5 at \[1\], expected ids from 0 to 4"),
        ([-1, 0], np.zeros((2, 2)), r"tokens holds -1 at \[0\]"),
        ([1], np.zeros((1, 2)), r"tokens has shape \(1,\), expected \(2,\)"),
        ([1, 2], np.zeros((2, 3)), r"state has shape \(2, 3\), expected \(2, 2\)"),
    ],
)
def test_a_step_refuses_what_does_not_fit(tokens, state, message):
    decoder = small(cell="gru")
    with pytest.raises(ValueError, match=f"Decoder.step: {message}"):
        decoder.step(tokens, state, decoder.memory(np.zeros((3, 2, 4))))


def deep(**options):
    attention = AdditiveAttention(3, 4, 2, rng=1)
    return Decoder(7, 2, 3, context=attention, cell=LSTMCell(6, 3, rng=2), num_layers=3, rng=0, **options)


def test_the_layers_above_are_made_as_its_cell_was():
    decoder = Decoder(7, 2, 5, key_size=4, cell=GRUCell(6, 5, reset="after", rng=2), num_layers=3, rng=0)
    assert [cell.config for cell in decoder.upper] == [decoder.cell.config | {"input_size": 5}] * 2
    assert not np.array_equal(decoder.upper[0].W_h, decoder.upper[1].W_h)


def test_dropout_acts_on_the_tokens_and_between_the_layers_and_its_gradients_are_right():
    rng, decoder = np.random.default_rng(3), draw.exposed(deep(dropout=0.3), np.random.default_rng(0))
    tokens, keys = rng.integers(7, size=(4, 2)), rng.normal(size=(6, 2, 4))
    state = random_state(decoder, 2, rng)
    _, cache = decoder.forward(tokens, state, keys, rng=5)
    scales = [cache.drop.scale, *(upper.scale for upper in cache.upper)]
    assert [scale.shape for scale in scales] == [(4, 2, 2), (4, 2, 3), (4, 2, 3)]
    assert len({scale.tobytes() for scale in scales}) == 3
    report = gradcheck(decoder, tokens, state, keys, lengths=[6, 2], rng=5)
    assert report.passed, report
    plain = deep()
    for name, param in decoder.params.items():
        plain.params[name][...] = param
    assert_same(decoder.forward(tokens, state, keys)[0], plain.forward(tokens, state, keys)[0])


def test_a_trace_of_several_layers_begins_names_with_the_layers_number():
    rng, decoder = np.random.default_rng(3), deep()
    tokens, keys = rng.integers(7, size=(4, 2)), rng.normal(size=(6, 2, 4))
    (logits, _), cache = decoder.forward(tokens, decoder.zero_state(2), keys, traced=True)
    trace = decoder.trace(cache)
    assert_close(decoder.output.forward(trace["2.h"])[0], logits)
    assert {"0.a_f", "1.c", "weights", "context"} <= set(trace)
    gradients = decoder.trace_gradients((logits, None), cache)
    _, grads = decoder.backward((logits, None), cache)
    for k, name in enumerate(["cell", "upper.0", "upper.1"]):
        d_a = np.stack([gradients[f"{k}.a_{gate}"] for gate in "ifog"])
        assert_close(d_a.sum(axis=(1, 2)), grads[f"{name}.b"])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (LSTMState(np.zeros((2, 3)), np.zeros((2, 3))), "state has 2 parts, expected a tuple of 3"),
        ((LSTMState(np.zeros((2, 3)), np.zeros((2, 4))),) * 3, r"state\[0\].c has shape \(2, 4\)"),
    ],
)
def test_a_state_of_another_form_than_the_layers_is_refused(state, message):
    with pytest.raises((TypeError, ValueError), match=f"Decoder.forward: {message}"):
        deep().forward(np.zeros((4, 2), int), state, np.zeros((6, 2, 4)))


@pytest.mark.parametrize("num_layers", [0, 1.5, True])
def test_a_number_of_layers_is_a_positive_integer(num_layers):
    with pytest.raises((TypeError, ValueError), match="Decoder: num_layers is"):
        Decoder(7, 2, 5, num_layers=num_layers)

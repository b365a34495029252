"""Recurrent dropout, zoneout, variational dropout and learned states do what their papers say."""

import functools

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CELLS, exposed, random_state, rngs

from seqmem import (
    GRU,
    LSTM,
    RNN,
    Decoder,
    Dropout,
    Encoder,
    GRUCell,
    LSTMCell,
    Recurrent,
    RNNCell,
    Stack,
    check_module,
    gradcheck,
    load,
    reference,
    save,
)

T, B, D, H = 6, 3, 2, 5
KINDS = {**CELLS, "rnn, relu": functools.partial(RNNCell, activation="relu")}
LENGTHS = [6, 2, 4]


def layer_of(kind, seed=0, size=H, **options):
    return exposed(Recurrent(KINDS[kind](D, size), **options), np.random.default_rng(seed))


def inputs(seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (T, B, D))


@st.composite
def noisy_layers(draw_from):
    """A layer of any cell with any noise that its state can have."""
    cell = draw_from(draw.cells(kinds=st.sampled_from(sorted(CELLS))))
    rates = st.sampled_from([0.0, 0.25, 0.6])
    zoneout_c = draw_from(rates) if hasattr(cell.zero_state(1), "c") else 0.0
    noise = {"recurrent_dropout": draw_from(rates), "zoneout_h": draw_from(rates), "zoneout_c": zoneout_c}
    return Recurrent(cell, reverse=draw_from(st.booleans()), **noise)


@settings(max_examples=30)
@given(draw.layered(layers=noisy_layers()), st.one_of(st.none(), st.integers(0, 9)))
def test_the_gradients_are_right_with_any_noise_in_any_cell(r, rng):
    options = {"lengths": r.lengths} | ({} if rng is None else {"rng": rng})
    report = gradcheck(r.layer, r.xs, r.state, tolerance=ROUNDING, **options)
    assert_right_where_tested(report)


@given(
    rngs, st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.2]), st.booleans()
)
def test_a_noisy_lstm_is_the_reference_with_the_same_noise(rng, dropout, on_h, on_c, drawn):
    layer = exposed(Recurrent(LSTMCell(D, H), recurrent_dropout=dropout, zoneout_h=on_h, zoneout_c=on_c), rng)
    xs, lengths = rng.uniform(-1, 1, (T, B, D)), np.array([6, 4, 4])  # in order: rows are not moved
    state, d_final = random_state(layer, B, rng), random_state(layer, B, rng)
    d_hs = rng.uniform(-1, 1, (T, B, H))
    (hs, final), cache = layer.forward(xs, state, lengths=lengths, rng=5 if drawn else None)
    (d_xs, d_state), grads = layer.backward((d_hs, d_final), cache)

    noise, packing = cache.tape.noise, cache.packing
    keep = np.ones((B, H)) if noise.keep_first is None else noise.keep_first
    zones = {"zones_h": np.zeros((T, B, H)), "zones_c": np.zeros((T, B, H))}
    for field, zone in noise.zones.items():
        zones[f"zones_{field}"][...] = packing.unpack(zone, (T, B)) if zone.ndim else zone
    mask = reference.length_mask(lengths, T)
    *right, cache = reference.noisy_lstm_forward(
        xs, *state, **layer.cell.params, keep=keep, **zones, mask=mask
    )
    assert_close([hs, *final], right)
    d_right = reference.noisy_lstm_backward(d_hs, *d_final, cache)
    fast = {"xs": d_xs, "h0": d_state.h, "c0": d_state.c}
    assert_close(fast | {name.removeprefix("cell."): grad for name, grad in grads.items()}, d_right)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_recurrent_dropout_acts_only_when_an_rng_is_passed(kind):
    layer, plain, xs = layer_of(kind, recurrent_dropout=0.5), layer_of(kind), inputs()
    assert_same(layer.forward(xs)[0], plain.forward(xs)[0])
    first, again, other = (layer.forward(xs, rng=seed)[0][0] for seed in (0, 0, 1))
    assert_same(first, again)
    assert not np.array_equal(first, other)
    assert_same(plain.forward(xs, rng=0)[0], plain.forward(xs)[0])


def test_recurrent_dropout_drops_the_same_units_at_every_step_of_a_sequence_and_scales_the_others():
    layer = layer_of("rnn", recurrent_dropout=0.5)
    _, cache = layer.forward(inputs(), lengths=LENGTHS, rng=0)
    keep = cache.packing.unpack(cache.tape.noise.keep, (T, B))
    assert set(np.unique(cache.tape.noise.keep)) == {0.0, 2.0}
    for row, length in enumerate(LENGTHS):
        assert_same(keep[:length, row], np.tile(keep[0, row], (length, 1)))
    assert len({keep[0, row].tobytes() for row in range(B)}) == B


def test_a_unit_that_is_dropped_has_no_way_into_the_recurrent_product():
    layer = layer_of("rnn", recurrent_dropout=0.5)
    (hs, _), cache = layer.forward(inputs(), np.ones((B, H)), rng=0)
    (_, d_state), _ = layer.backward((hs, None), cache)
    assert_same(d_state == 0, cache.tape.noise.keep_first == 0)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_zoneout_without_an_rng_keeps_its_rate_of_the_old_state(kind):
    """Written out by the cell's own steps."""
    rates = {"zoneout_h": 0.25}
    if hasattr(KINDS[kind](D, H).zero_state(1), "c"):
        rates["zoneout_c"] = 0.5
    layer, xs = layer_of(kind, **rates), inputs()
    state = random_state(layer, B, np.random.default_rng(3))
    (hs, _), _ = layer.forward(xs, state)
    for x, h in zip(xs, hs, strict=True):
        new, _ = layer.cell.forward(x, state)
        if isinstance(new, tuple):
            state = type(new)(0.25 * state.h + 0.75 * new.h, 0.5 * state.c + 0.5 * new.c)
        else:
            state = 0.25 * state + 0.75 * new
        assert_close(layer.cell.output(state), h)


@pytest.mark.parametrize("reverse", [False, True])
def test_zoneout_with_an_rng_keeps_or_replaces_each_entry_whole(reverse):
    layer = layer_of("lstm", zoneout_h=0.4, zoneout_c=0.2, reverse=reverse)
    _, cache = layer.forward(inputs(), lengths=LENGTHS, rng=0)
    tape = cache.tape
    for field in "hc":
        zone = tape.noise.zones[field]
        assert set(np.unique(zone)) == {0.0, 1.0}
        new, prev, state = (tape.array(name) for name in (f"{field} new", f"{field}_prev", field))
        assert_same(state, np.where(zone == 1, prev, new))
    assert not np.array_equal(tape.noise.zones["h"], tape.noise.zones["c"])


@pytest.mark.slow  # a mean of many draws
def test_the_mean_of_zoned_steps_is_the_expectation():
    layer = layer_of("gru", zoneout_h=0.3, size=400)
    x, state = inputs()[:1], random_state(layer, B, np.random.default_rng(3))
    zones = layer.forward(x, state, rng=0)[1].tape.noise.zones["h"]
    # four standard errors of a share of 0.3 among 1,200
    assert abs(zones.mean() - 0.3) < 4 * np.sqrt(0.21 / zones.size)


@pytest.mark.parametrize("cell", ["rnn", "gru", "gru, reset after", "rnn, relu"])
def test_zoneout_of_a_state_that_the_cell_lacks_is_refused(cell):
    with pytest.raises(ValueError, match=r"zoneout_c is 0.1, expected 0: the state of a .* has no c"):
        layer_of(cell, zoneout_c=0.1)


@pytest.mark.parametrize("name", ["recurrent_dropout", "zoneout_h", "zoneout_c"])
@pytest.mark.parametrize("rate", [1.0, -0.1, np.nan, "0.1", True])
def test_rates_are_from_0_up_to_1(name, rate):
    with pytest.raises((ValueError, TypeError), match=f"Recurrent: {name} is"):
        Recurrent(LSTMCell(D, H), **{name: rate})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_of_the_layers_dtype(dtype):
    layer = Recurrent(LSTMCell(D, H, dtype=dtype), recurrent_dropout=0.3, zoneout_h=0.2, zoneout_c=0.1)
    for rng in (None, 0):
        (hs, final), cache = layer.forward(inputs().astype(dtype), rng=rng)
        (d_xs, _), grads = layer.backward((hs, None), cache)
        assert {hs.dtype, final.c.dtype, d_xs.dtype, *(g.dtype for g in grads.values())} == {np.dtype(dtype)}


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_a_zoned_layer_keeps_every_promise(kind):
    checked = check_module(layer_of(kind, zoneout_h=0.2, reverse=True))
    assert checked.left_out == {}


# Variational dropout.


def test_variational_dropout_drops_the_same_entries_at_every_step():
    drop, x = Dropout(0.5, variational=True), np.ones((T, B, 7))
    y, _ = drop.forward(x, rng=0)
    assert_same(y, np.tile(y[:1], (T, 1, 1)))
    assert set(np.unique(y)) == {0.0, 2.0}
    assert len({y[0, row].tobytes() for row in range(B)}) == B
    report = gradcheck(drop, np.random.default_rng(0).normal(size=(T, B, 4)), rng=1)
    assert report.passed, report


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(D, 4, num_layers=3, dropout=0.5, variational=True, rng=0),
        Stack(RNN(D, 4, rng=0), GRU(4, 4, rng=1), dropout=0.5, variational=True),
    ],
    ids=["LSTM", "Stack"],
)
def test_between_layers_too(layer):
    _, cache = layer.forward(inputs(), lengths=LENGTHS, rng=3)
    for drop in cache.drops:
        assert drop.scale.shape == (1, B, 4)
    report = gradcheck(layer, inputs(), layer.zero_state(B), lengths=LENGTHS, rng=3, tolerance=ROUNDING)
    assert report.passed, report


def test_in_an_encoder_and_a_decoder_too():
    rng = np.random.default_rng(0)
    encoder = Encoder(6, 3, 4, num_layers=2, dropout=0.4, variational=True, rng=0)
    tokens = rng.integers(6, size=(T, B))
    _, cache = encoder.forward(tokens, rng=1)
    assert [d.scale.shape for d in (cache.drop, *cache.layer.drops)] == [(1, B, 3), (1, B, 4)]
    decoder = exposed(Decoder(6, 3, 2, key_size=4, num_layers=2, dropout=0.4, variational=True), rng)
    keys = rng.normal(size=(5, B, 4))
    report = gradcheck(decoder, tokens, random_state(decoder, B, rng), keys, rng=2)
    assert report.passed, report


@pytest.mark.parametrize(
    "make",
    [
        lambda: LSTM(D, H, variational=True),
        lambda: Stack(LSTM(D, H), LSTM(H, H), variational=True),
        lambda: Encoder(6, D, H, variational=True),
        lambda: Decoder(6, D, H, variational=True),
    ],
)
def test_variational_dropout_of_nothing_is_refused(make):
    with pytest.raises(ValueError, match=r": variational is True, but dropout is 0: nothing is dropped"):
        make()


# A learned first state.


@pytest.mark.parametrize("kind", sorted(CELLS))
@pytest.mark.parametrize("reverse", [False, True])
def test_a_learned_state_is_where_every_sequence_starts(kind, reverse):
    layer = layer_of(kind, learned_state=True, reverse=reverse)
    fields = list(layer.initial)
    assert [name for name in layer.params if name.startswith("initial")] == [f"initial.{f}" for f in fields]
    parts = [np.tile(layer.initial[field], (B, 1)) for field in fields]
    xs, d_hs = inputs(), np.random.default_rng(4).normal(size=(T, B, H))
    (hs, final), cache = layer.forward(xs, lengths=LENGTHS)
    (right, right_final), right_cache = layer.forward(xs, layer.cell.of_parts(parts), lengths=LENGTHS)
    assert_same((hs, final), (right, right_final))
    (_, d_state), grads = layer.backward((d_hs, None), cache)
    for field, d in zip(fields, d_state if isinstance(d_state, tuple) else [d_state], strict=True):
        assert_close(grads[f"initial.{field}"], d.sum(axis=0))
    _, of_given = layer.backward((d_hs, None), right_cache)
    assert all_zero([of_given[f"initial.{field}"] for field in fields])
    report = gradcheck(layer, xs, lengths=LENGTHS)
    assert report.passed, report


def test_a_learned_state_starts_at_zero():
    layer, plain = (Recurrent(GRUCell(D, H, rng=0), learned_state=learned) for learned in (True, False))
    assert_same(layer.forward(inputs())[0], plain.forward(inputs())[0])


@pytest.mark.parametrize(
    "module",
    [
        LSTM(D, 3, num_layers=2, learned_state=True, zoneout_h=0.1, zoneout_c=0.2, rng=0),
        GRU(D, 3, bidirectional=True, learned_state=True, recurrent_dropout=0.3, rng=0),
        Encoder(6, D, 3, learned_state=True, zoneout_h=0.1, zoneout_c=0.2, recurrent_dropout=0.3, rng=0),
    ],
    ids=lambda module: type(module).__name__,
)
def test_modules_with_all_of_it_keep_every_promise_and_come_back_from_a_file(module, tmp_path):
    check_module(module)
    save(tmp_path / "module.npz", module)
    twin = load(tmp_path / "module.npz")
    assert repr(twin) == repr(module)
    assert_same(twin.params, module.params)

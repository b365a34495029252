"""The encoder is an embedding and a recurrence."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from strategies import CELLS

from seqmem import LSTM, Encoder, GRUCell, LSTMCell, Recurrent, RNNCell, gradcheck
from seqmem.nests import tree_map


def run(e, **changes):
    """(hs, final), gradients of the parameters."""
    e = e._replace(**changes)
    outputs, cache = e.encoder.forward(e.tokens, lengths=e.lengths)
    d_inputs, grads = e.encoder.backward((e.d_hs, e.d_final), cache)
    assert d_inputs == (None,)
    return outputs, grads


@settings(max_examples=25)
@given(draw.encodings(), draw.seeds)
def test_the_gradients_are_right(e, seed):
    report = gradcheck(e.encoder, e.tokens, seed=seed, tolerance=ROUNDING, lengths=e.lengths)
    assert_right_where_tested(report)


@settings(max_examples=40)
@given(draw.encodings(deep=False))
def test_it_is_the_recurrence_over_the_embedded_tokens(e):
    xs, embedding_cache = e.encoder.embedding.forward(e.tokens)
    layer = Recurrent(e.encoder.cell)
    outputs, cache = layer.forward(xs, lengths=e.lengths)
    (d_xs, _), layer_grads = layer.backward((e.d_hs, e.d_final), cache)
    _, embedding_grads = e.encoder.embedding.backward(d_xs, embedding_cache)
    right = {f"layer.{name}": grad for name, grad in layer_grads.items()}
    assert_close(run(e), (outputs, right | {"embedding.W": embedding_grads["W"]}))


@settings(max_examples=20)
@given(draw.encodings())
def test_its_layer_reads_the_embedded_tokens_whatever_its_depth_and_direction(e):
    xs, embedding_cache = e.encoder.embedding.forward(e.tokens)
    outputs, cache = e.encoder.layer.forward(xs, lengths=e.lengths)
    (d_xs, _), layer_grads = e.encoder.layer.backward((e.d_hs, e.d_final), cache)
    _, embedding_grads = e.encoder.embedding.backward(d_xs, embedding_cache)
    right = {f"layer.{name}": grad for name, grad in layer_grads.items()}
    assert_close(run(e), (outputs, right | {"embedding.W": embedding_grads["W"]}))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_its_layers_are_those_of_an_lstm(num_layers, bidirectional):
    form = {"num_layers": num_layers, "bidirectional": bidirectional}
    encoder, layer = Encoder(7, 3, 4, **form), LSTM(3, 4, **form)
    draw.exposed(layer, np.random.default_rng(0))
    for name, param in zip(encoder.layer.params, layer.params.values(), strict=True):
        encoder.layer.params[name][...] = param
    tokens = np.random.default_rng(1).integers(7, size=(5, 2))
    (hs, final), _ = encoder.forward(tokens, lengths=[5, 3])
    (right, right_final), _ = layer.forward(encoder.embedding.W[tokens], lengths=[5, 3])
    assert_same(hs, right)
    assert_same(final, right_final if num_layers > 1 else right_final[0])
    assert encoder.output_size == layer.output_size


def test_its_further_layers_are_made_as_its_cell_was():
    cell = GRUCell(3, 4, reset="after", update_bias=-2.0, recurrent_init="uniform", rng=0)
    encoder = Encoder(7, 3, 4, cell=cell, num_layers=2, bidirectional=True, rng=1)
    upper = encoder.layer.layers[1].backward_layer.cell
    assert encoder.cell is cell
    assert upper.config == cell.config | {"input_size": 8}
    assert not np.array_equal(upper.W_h, cell.W_h)


def test_dropout_acts_on_the_tokens_and_between_the_layers():
    encoder = Encoder(7, 3, 4, num_layers=3, dropout=0.4, rng=0)
    tokens = np.random.default_rng(1).integers(7, size=(5, 2))
    _, cache = encoder.forward(tokens, rng=2)
    scales = [cache.drop.scale, *(drop.scale for drop in cache.layer.drops)]
    assert [scale.shape for scale in scales] == [(5, 2, 3), (5, 2, 4), (5, 2, 4)]
    assert len({scale.tobytes() for scale in scales}) == 3
    assert Encoder(7, 3, 4, dropout=0.4).layer.directions == {"forward"}
    report = gradcheck(encoder, tokens, lengths=[5, 3], rng=2)
    assert report.passed, report


@settings(max_examples=40)
@given(draw.encodings(deep=False))
def test_the_gradients_of_the_positions_and_of_the_final_state_both_reach_every_parameter(e):
    _, both = run(e)
    _, of_positions = run(e, d_final=None)
    _, of_final = run(e, d_hs=None)
    assert_close(both, {name: of_positions[name] + of_final[name] for name in both})
    if e.lengths.any():
        assert not all_zero(of_positions["layer.cell.b"])
        assert not all_zero(of_final["layer.cell.b"])
    assert all_zero(run(e, d_hs=None, d_final=None)[1])


@settings(max_examples=40)
@given(draw.encodings())
def test_which_tokens_stand_in_the_padding_does_not_matter(e):
    padding = np.arange(len(e.tokens))[:, None] >= e.lengths
    assert_close(run(e, tokens=np.where(padding, 0, e.tokens)), run(e))


@settings(max_examples=40)
@given(draw.encodings(), draw.seeds)
def test_dropout_is_on_when_an_rng_is_passed_and_its_gradients_are_right(e, seed):
    encoder = Encoder(e.encoder.vocab_size, 4, 3, cell=GRUCell(4, 3, rng=0), dropout=0.5, rng=1)
    (without, _), _ = encoder.forward(e.tokens)
    (with_rng, _), cache = encoder.forward(e.tokens, rng=seed)
    (again, _), _ = encoder.forward(e.tokens, rng=seed)
    assert_same(with_rng, again)
    scale = cache.drop.scale
    right, _ = encoder.layer.forward(encoder.embedding.W[e.tokens] * scale)
    assert_close(with_rng, right[0])
    assert (abs(with_rng - without).max() > ROUNDING) == bool((scale != 1).any())


@settings(max_examples=5)
@given(draw.encodings(), draw.seeds)
def test_the_gradients_are_right_under_dropout(e, seed):
    encoder = draw.exposed(Encoder(e.encoder.vocab_size, 3, 2, dropout=0.4), np.random.default_rng(seed))
    report = gradcheck(encoder, e.tokens, lengths=e.lengths, rng=seed, tolerance=ROUNDING)
    assert_right_where_tested(report)


@pytest.mark.parametrize(("name", "kind"), [("rnn", RNNCell), ("lstm", LSTMCell), ("gru", GRUCell)])
def test_a_cell_is_made_by_its_name(name, kind):
    encoder = Encoder(5, 3, 2, cell=name)
    assert type(encoder.cell) is kind
    assert (encoder.cell.input_size, encoder.cell.hidden_size) == (3, 2)


@pytest.mark.parametrize("cell", ["transformer", "LSTM", None, 3])
def test_a_cell_of_another_name_is_refused(cell):
    with pytest.raises(ValueError, match=r"Encoder: cell is .*, expected one of \['gru', 'layer-norm', 'ls"):
        Encoder(5, 3, 2, cell=cell)


@pytest.mark.parametrize("kind", sorted(CELLS))
def test_a_cell_of_another_size_is_refused(kind):
    message = r"Encoder: cell has \(input_size, hidden_size\) \(4, 2\), expected \(3, 2\)"
    with pytest.raises(ValueError, match=message):
        Encoder(5, 3, 2, cell=CELLS[kind](4, 2))


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_a_size_is_a_positive_integer(place, size):
    sizes = [5, 3, 2]
    sizes[place] = size
    with pytest.raises(ValueError, match="_size is"):
        Encoder(*sizes)


@pytest.mark.parametrize("dropout", [-0.5, 1, np.nan])
def test_a_dropout_outside_0_to_1_is_refused(dropout):
    with pytest.raises(ValueError, match="Encoder: dropout is"):
        Encoder(5, 3, 2, dropout=dropout)


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([[1, 2], [0, 5]], ValueError, r"tokens holds 5 at \[1, 1\], expected ids from 0 to 4"),
        ([[1, -1]], ValueError, r"tokens holds -1 at \[0, 1\]"),
        ([1, 2], ValueError, r"tokens has shape \(2,\), expected \(S, B\)"),
        ([[1.0]], TypeError, r"tokens has dtype float64, expected integers"),
        ([["a"]], TypeError, r"tokens has dtype <U1"),
        (None, (TypeError, ValueError), r"tokens has dtype object"),
    ],
)
def test_tokens_outside_the_vocabulary_or_of_another_kind_are_refused(tokens, error, message):
    with pytest.raises(error, match=f"Encoder.forward: {message}"):
        Encoder(5, 3, 2).forward(tokens)


def test_no_positions_and_no_rows_are_fine():
    encoder = Encoder(5, 3, 2)
    for shape in [(0, 4), (3, 0), (0, 0)]:
        (hs, final), cache = encoder.forward(np.zeros(shape, int))
        assert hs.shape == (*shape, 2)
        assert all_zero(final)
        assert all_zero(encoder.backward((hs, tree_map(np.ones_like, final)), cache))

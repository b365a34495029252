"""What a check draws by itself leaves no mistake a place to hide."""

import numpy as np
import pytest
from comparing import assert_same, leaves
from strategies import CELLS

from seqmem import Decoder, Encoder, Recurrent, Seq2Seq
from seqmem.checking import exposing_inputs, with_exposing_params

LAYERS = [Recurrent(CELLS[kind](2, 5)) for kind in sorted(CELLS)]


def test_parameters_are_random_biases_included_and_the_module_itself_stays():
    layer = LAYERS[1]
    before = {name: param.copy() for name, param in layer.params.items()}
    params = with_exposing_params(layer, np.random.default_rng(0)).params
    assert_same(layer.params, before)
    assert all(param.all() for param in params.values())
    everything = np.concatenate([param.ravel() for param in params.values()])
    assert 0.6 < everything.std() < 1.0


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_sequences_have_sizes_that_differ_states_that_are_not_zero_and_unequal_lengths(layer):
    (xs, state), options = exposing_inputs(layer, np.random.default_rng(0))
    assert len({*xs.shape, layer.cell.hidden_size}) == 4
    assert all(leaf.all() for leaf in leaves(state).values())
    assert len(set(options["lengths"])) == len(options["lengths"]) == xs.shape[1]
    assert options["lengths"].max() == len(xs)


def test_tokens_occur_twice():
    model = Seq2Seq(Encoder(50, 2, 3), Decoder(60, 2, 4, key_size=3))
    (source, target), _ = exposing_inputs(model, np.random.default_rng(0))
    for tokens in (source, target):
        assert len(np.unique(tokens)) < tokens.size
        assert len(np.unique(tokens)) > 3


def test_inputs_have_the_modules_dtype():
    layer = Recurrent(CELLS["lstm"](2, 5, dtype=np.float32))
    inputs, _ = exposing_inputs(layer, np.random.default_rng(0))
    assert {leaf.dtype for leaf in leaves(inputs).values()} == {np.dtype(np.float32)}

"""Every pass of the library as a simple function; a derivative stands below the forward lines it belongs to.

Read these functions first. They use no classes and are not fast; the fast cells, layers and models are tested
against them, and the catalogue of mistakes changes their lines one at a time. All passes have the same form:

    outputs and a cache  = name_forward(inputs)
    gradients            = name_backward(the gradients of the outputs, cache), a dict by the inputs' names

where `d_x` is dLoss/dx, in x's shape. Axes: T steps (1 or more), B batch, D input features, H hidden units,
S source positions, E embedding width, K key width, Q query width, A attention width, V vocabulary. Time comes
first. The gate axis of weights comes first, too: i, f, o, g for an LSTM, r, z, n for a GRU. `a` is a
pre-activation; weights multiply from the right. A mask is True within a sequence, False in its padding.

>>> from seqmem import gradcheck_functions, reference
>>> rng = np.random.default_rng(0)
>>> shapes = {"x": (2, 3), "h_prev": (2, 4), "W_x": (3, 4), "W_h": (4, 4), "b": (4,)}
>>> inputs = {name: rng.normal(size=shape) for name, shape in shapes.items()}
>>> gradcheck_functions(reference.rnn_step_forward, reference.rnn_step_backward, inputs).passed
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqmem.reference.activations import sigmoid
    from seqmem.reference.attention import (
        additive_attention_backward,
        additive_attention_forward,
        fixed_context_backward,
        fixed_context_forward,
    )
    from seqmem.reference.clipping import clip_by_global_norm
    from seqmem.reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
    from seqmem.reference.embedding import embedding_backward, embedding_forward
    from seqmem.reference.encoder_decoder import (
        decoder_backward,
        decoder_forward,
        decoder_step_backward,
        decoder_step_forward,
        encoder_backward,
        encoder_decoder_backward,
        encoder_decoder_forward,
        encoder_forward,
    )
    from seqmem.reference.gru_after import (
        gru_after_backward,
        gru_after_forward,
        gru_after_step_backward,
        gru_after_step_forward,
    )
    from seqmem.reference.gru_before import (
        gru_before_backward,
        gru_before_forward,
        gru_before_step_backward,
        gru_before_step_forward,
    )
    from seqmem.reference.layers import (
        bridge_backward,
        bridge_forward,
        dropout_backward,
        dropout_forward,
        linear_backward,
        linear_forward,
    )
    from seqmem.reference.losses.regression import (
        absolute_error_backward,
        absolute_error_forward,
        huber_error_backward,
        huber_error_forward,
        squared_error_backward,
        squared_error_forward,
    )
    from seqmem.reference.losses.weighted_cross_entropy import (
        weighted_cross_entropy_backward,
        weighted_cross_entropy_forward,
    )
    from seqmem.reference.lstm import lstm_backward, lstm_forward, lstm_step_backward, lstm_step_forward
    from seqmem.reference.masks import (
        hold_backward,
        hold_forward,
        length_mask,
        zero_padding_backward,
        zero_padding_forward,
    )
    from seqmem.reference.measures.numerical import numerical_gradient, relative_errors, wrong_gradients
    from seqmem.reference.measures.vanishing import lstm_gradient_norms, rnn_gradient_norms
    from seqmem.reference.models.classifier import sequence_classifier_backward, sequence_classifier_forward
    from seqmem.reference.models.language_model import language_model_backward, language_model_forward
    from seqmem.reference.models.pooling import (
        attention_pooling_backward,
        attention_pooling_forward,
        mean_pooling_backward,
        mean_pooling_forward,
    )
    from seqmem.reference.models.regressor import sequence_regressor_backward, sequence_regressor_forward
    from seqmem.reference.optimizers import (
        adam_step,
        adamw_step,
        nesterov_step,
        rmsprop_step,
        sgd_step,
    )
    from seqmem.reference.rnn import rnn_backward, rnn_forward, rnn_step_backward, rnn_step_forward
    from seqmem.reference.search.beam import beam_search
    from seqmem.reference.search.greedy import greedy_search
    from seqmem.reference.variants.bidirectional import bidirectional_backward, bidirectional_forward
    from seqmem.reference.variants.deep_decoder import (
        deep_decoder_backward,
        deep_decoder_forward,
        deep_decoder_step_backward,
        deep_decoder_step_forward,
    )
    from seqmem.reference.variants.layer_norm_lstm import (
        layer_norm_lstm_backward,
        layer_norm_lstm_forward,
        layer_norm_lstm_step_backward,
        layer_norm_lstm_step_forward,
        normalise_backward,
        normalise_forward,
    )
    from seqmem.reference.variants.multiplicative_attention import (
        bilinear_attention_backward,
        bilinear_attention_forward,
        dot_product_attention_backward,
        dot_product_attention_forward,
        position_softmax_backward,
        position_softmax_forward,
    )
    from seqmem.reference.variants.noisy_lstm import (
        noisy_lstm_backward,
        noisy_lstm_forward,
        zoneout_backward,
        zoneout_forward,
    )
    from seqmem.reference.variants.peephole_lstm import (
        peephole_lstm_backward,
        peephole_lstm_forward,
        peephole_lstm_step_backward,
        peephole_lstm_step_forward,
    )
    from seqmem.reference.variants.relu_rnn import (
        relu_rnn_backward,
        relu_rnn_forward,
        relu_rnn_step_backward,
        relu_rnn_step_forward,
    )
    from seqmem.reference.variants.stack import stack_backward, stack_forward
    from seqmem.reference.variants.truncated_rnn import truncated_rnn_backward, truncated_rnn_forward

# In reading order.
_FILES = {
    "activations": ("sigmoid",),
    "rnn": ("rnn_step_forward", "rnn_step_backward", "rnn_forward", "rnn_backward"),
    "masks": (
        *("length_mask", "hold_forward", "hold_backward"),
        *("zero_padding_forward", "zero_padding_backward"),
    ),
    "lstm": ("lstm_step_forward", "lstm_step_backward", "lstm_forward", "lstm_backward"),
    "gru_before": (
        *("gru_before_step_forward", "gru_before_step_backward"),
        *("gru_before_forward", "gru_before_backward"),
    ),
    "gru_after": (
        *("gru_after_step_forward", "gru_after_step_backward"),
        *("gru_after_forward", "gru_after_backward"),
    ),
    "layers": (
        *("linear_forward", "linear_backward", "bridge_forward", "bridge_backward"),
        *("dropout_forward", "dropout_backward"),
    ),
    "variants.relu_rnn": (
        "relu_rnn_step_forward",
        "relu_rnn_step_backward",
        "relu_rnn_forward",
        "relu_rnn_backward",
    ),
    "variants.peephole_lstm": (
        "peephole_lstm_step_forward",
        "peephole_lstm_step_backward",
        "peephole_lstm_forward",
        "peephole_lstm_backward",
    ),
    "variants.layer_norm_lstm": (
        "normalise_forward",
        "normalise_backward",
        "layer_norm_lstm_step_forward",
        "layer_norm_lstm_step_backward",
        "layer_norm_lstm_forward",
        "layer_norm_lstm_backward",
    ),
    "variants.noisy_lstm": (
        "zoneout_forward",
        "zoneout_backward",
        "noisy_lstm_forward",
        "noisy_lstm_backward",
    ),
    "variants.multiplicative_attention": (
        *("position_softmax_forward", "position_softmax_backward"),
        *("dot_product_attention_forward", "dot_product_attention_backward"),
        *("bilinear_attention_forward", "bilinear_attention_backward"),
    ),
    "variants.bidirectional": ("bidirectional_forward", "bidirectional_backward"),
    "variants.truncated_rnn": ("truncated_rnn_forward", "truncated_rnn_backward"),
    "variants.stack": ("stack_forward", "stack_backward"),
    "embedding": ("embedding_forward", "embedding_backward"),
    "cross_entropy": ("cross_entropy_forward", "cross_entropy_backward"),
    "losses.weighted_cross_entropy": ("weighted_cross_entropy_forward", "weighted_cross_entropy_backward"),
    "losses.regression": (
        *("squared_error_forward", "squared_error_backward"),
        *("absolute_error_forward", "absolute_error_backward", "huber_error_forward", "huber_error_backward"),
    ),
    "attention": (
        *("fixed_context_forward", "fixed_context_backward"),
        *("additive_attention_forward", "additive_attention_backward"),
    ),
    "encoder_decoder": (
        *("encoder_forward", "encoder_backward", "decoder_step_forward", "decoder_step_backward"),
        *("decoder_forward", "decoder_backward", "encoder_decoder_forward", "encoder_decoder_backward"),
    ),
    "variants.deep_decoder": (
        *("deep_decoder_step_forward", "deep_decoder_step_backward"),
        *("deep_decoder_forward", "deep_decoder_backward"),
    ),
    "models.pooling": (
        *("mean_pooling_forward", "mean_pooling_backward"),
        *("attention_pooling_forward", "attention_pooling_backward"),
    ),
    "models.language_model": ("language_model_forward", "language_model_backward"),
    "models.classifier": ("sequence_classifier_forward", "sequence_classifier_backward"),
    "models.regressor": ("sequence_regressor_forward", "sequence_regressor_backward"),
    "search.greedy": ("greedy_search",),
    "search.beam": ("beam_search",),
    "clipping": ("clip_by_global_norm",),
    "optimizers": ("sgd_step", "nesterov_step", "rmsprop_step", "adam_step", "adamw_step"),
    "measures.vanishing": ("rnn_gradient_norms", "lstm_gradient_norms"),
    "measures.numerical": ("numerical_gradient", "relative_errors", "wrong_gradients"),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}

__all__ = [
    "absolute_error_backward",
    "absolute_error_forward",
    "adam_step",
    "adamw_step",
    "additive_attention_backward",
    "additive_attention_forward",
    "attention_pooling_backward",
    "attention_pooling_forward",
    "beam_search",
    "bidirectional_backward",
    "bidirectional_forward",
    "bilinear_attention_backward",
    "bilinear_attention_forward",
    "bridge_backward",
    "bridge_forward",
    "clip_by_global_norm",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "decoder_backward",
    "decoder_forward",
    "decoder_step_backward",
    "decoder_step_forward",
    "deep_decoder_backward",
    "deep_decoder_forward",
    "deep_decoder_step_backward",
    "deep_decoder_step_forward",
    "dot_product_attention_backward",
    "dot_product_attention_forward",
    "dropout_backward",
    "dropout_forward",
    "embedding_backward",
    "embedding_forward",
    "encoder_backward",
    "encoder_decoder_backward",
    "encoder_decoder_forward",
    "encoder_forward",
    "fixed_context_backward",
    "fixed_context_forward",
    "greedy_search",
    "gru_after_backward",
    "gru_after_forward",
    "gru_after_step_backward",
    "gru_after_step_forward",
    "gru_before_backward",
    "gru_before_forward",
    "gru_before_step_backward",
    "gru_before_step_forward",
    "hold_backward",
    "hold_forward",
    "huber_error_backward",
    "huber_error_forward",
    "language_model_backward",
    "language_model_forward",
    "layer_norm_lstm_backward",
    "layer_norm_lstm_forward",
    "layer_norm_lstm_step_backward",
    "layer_norm_lstm_step_forward",
    "length_mask",
    "linear_backward",
    "linear_forward",
    "lstm_backward",
    "lstm_forward",
    "lstm_gradient_norms",
    "lstm_step_backward",
    "lstm_step_forward",
    "mean_pooling_backward",
    "mean_pooling_forward",
    "nesterov_step",
    "noisy_lstm_backward",
    "noisy_lstm_forward",
    "normalise_backward",
    "normalise_forward",
    "numerical_gradient",
    "peephole_lstm_backward",
    "peephole_lstm_forward",
    "peephole_lstm_step_backward",
    "peephole_lstm_step_forward",
    "position_softmax_backward",
    "position_softmax_forward",
    "relative_errors",
    "relu_rnn_backward",
    "relu_rnn_forward",
    "relu_rnn_step_backward",
    "relu_rnn_step_forward",
    "rmsprop_step",
    "rnn_backward",
    "rnn_forward",
    "rnn_gradient_norms",
    "rnn_step_backward",
    "rnn_step_forward",
    "sequence_classifier_backward",
    "sequence_classifier_forward",
    "sequence_regressor_backward",
    "sequence_regressor_forward",
    "sgd_step",
    "sigmoid",
    "squared_error_backward",
    "squared_error_forward",
    "stack_backward",
    "stack_forward",
    "truncated_rnn_backward",
    "truncated_rnn_forward",
    "weighted_cross_entropy_backward",
    "weighted_cross_entropy_forward",
    "wrong_gradients",
    "zero_padding_backward",
    "zero_padding_forward",
    "zoneout_backward",
    "zoneout_forward",
]


def __getattr__(name: str) -> Any:
    if name in _FILE_OF:
        value = getattr(importlib.import_module(f"seqmem.reference.{_FILE_OF[name]}"), name)
        globals()[name] = value  # the next access does not call this function
        return value
    raise AttributeError(f"module 'seqmem.reference' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)

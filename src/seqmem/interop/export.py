"""Models as ONNX graphs, for onnxruntime and other readers: in single precision, without dropout.

    a layer          xs (T, B, D), lengths (B,), h_0 and c_0 (directions, B, H) -> hs, h_n_0, c_n_0
    an Encoder       tokens (T, B), lengths -> hs, h_n_0, ...
    a tagger         tokens (T, B) or xs, lengths -> logits (T, B, L)
    a classifier     the same -> logits (B, C)
    a language model tokens, lengths, states -> logits (T, B, V), states
    a decoder        one step: tokens (B,), h_0 ... (B, H), keys (S, B, K), lengths -> logits, weights, h_n_0
    a Seq2Seq        part="encoder": tokens, lengths -> keys, h_0 ...; part="decoder": as a decoder

Tokens are 64-bit and lengths 32-bit integers. The numbers at the end of the names count the layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqmem.contexts import AdditiveAttention, FixedContext
from seqmem.interop.graph import LOWEST, Graph, State, add_layers, add_step, flat_layers, part_names
from seqmem.layers.sequence import SequenceLayer
from seqmem.models import Decoder, Encoder, LanguageModel, Seq2Seq, SequenceClassifier, SequenceTagger
from seqmem.models.pooling import AttentionPooling, MeanPooling
from seqmem.models.reading import layer_of
from seqmem.module import Module
from seqmem.training.files.replacing import PathLike, check_writable, replacing
from seqmem.validation import as_choice, as_path

CALLER = "export_onnx"
PARTS = ("encoder", "decoder")


def export_onnx(model: Module, path: PathLike, *, part: str | None = None) -> None:
    """Write a model as an ONNX graph, checked by the onnx package, completely or not at all.

    The graph computes predictions in single precision. Sequences of a batch have lengths of at least 1.

    Args:
        model: a recurrent layer, an `Encoder`, a `Decoder` (one step), a `SequenceTagger`, a
            `SequenceClassifier`, a `LanguageModel` or a `Seq2Seq`; its cells are `RNNCell`, `LSTMCell`,
            `GRUCell` or `PeepholeLSTMCell`.
        path: the file.
        part: "encoder" or "decoder" of a Seq2Seq; None for other models.

    Raises:
        ImportError: without the package onnx (extra `onnx`).
        TypeError: for another model.
        ValueError: for a cell, a context or a layer without a counterpart in ONNX, with its name.
        OSError: if the file cannot be written; it names `path`.
    """
    as_path(path, CALLER)
    if isinstance(model, Seq2Seq):
        as_choice(part, PARTS, CALLER, "part")
    elif part is not None:
        raise ValueError(f"{CALLER}: part is {part!r} for a {type(model).__name__}, expected None")
    adds = next((add for kind, add in _ADDS.items() if isinstance(model, kind)), None)
    if adds is None:
        known = ", ".join(kind.__name__ for kind in _ADDS)
        raise TypeError(f"{CALLER}: model is of type {type(model).__name__}, expected one of {known}")
    graph = Graph(import_onnx_package(CALLER))
    check_writable(path)
    if isinstance(model, Seq2Seq):
        (_add_bridged if part == "encoder" else _add_seq2seq_step)(graph, model)
    else:
        adds(graph, model)
    data = graph.model(type(model).__name__).SerializeToString()
    with replacing(path) as file:
        file.write(data)


def import_onnx_package(caller: str) -> Any:
    """Return the onnx package.

    Raises:
        ImportError: if it is not installed; the message names the extra.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            f'{caller}: .onnx files need the package onnx, which is not installed: pip install "seqmem[onnx]"'
        ) from error
    return onnx


def _add_layer(graph: Graph, layer: SequenceLayer[Any]) -> None:
    xs = graph.input("xs", np.float32, ["T", "B", layer.input_size])
    lengths = graph.input("lengths", np.int32, ["B"])
    hs, finals = add_layers(graph, layer, xs, lengths, _state_inputs(graph, layer), CALLER)
    graph.output(hs, "hs", ["T", "B", layer.output_size])
    _show_states(graph, finals, layer)


def _state_inputs(graph: Graph, layer: SequenceLayer[Any]) -> list[State]:
    """Add the initial states of all layers as inputs."""
    found = []
    for k, parts in enumerate(flat_layers(layer)):
        cell = parts[0].cell
        names = [f"{name}_{k}" for name in part_names(cell)]
        dims: list[int | str] = [len(parts), "B", cell.hidden_size]
        found.append(State(cell, [graph.input(name, np.float32, dims) for name in names]))
    return found


def _show_states(graph: Graph, finals: list[State], layer: SequenceLayer[Any]) -> None:
    for k, (parts, (cell, values)) in enumerate(zip(flat_layers(layer), finals, strict=True)):
        for name, value in zip(part_names(cell), values, strict=True):
            graph.output(value, f"{name}_n_{k}", [len(parts), "B", cell.hidden_size])


def _read(graph: Graph, encoder: Any, states: list[State] | None = None) -> tuple[str, list[State], str]:
    """Add the reading of a batch; return (hs, finals, lengths)."""
    layer = layer_of(encoder)
    if isinstance(encoder, Encoder):
        tokens = graph.input("tokens", np.int64, ["T", "B"])
        lengths = graph.input("lengths", np.int32, ["B"])
        xs = graph.op("Gather", graph.constant(encoder.embedding.W), tokens)
    else:
        xs = graph.input("xs", np.float32, ["T", "B", layer.input_size])
        lengths = graph.input("lengths", np.int32, ["B"])
    hs, finals = add_layers(graph, layer, xs, lengths, states, CALLER)
    return hs, finals, lengths


def _add_encoder(graph: Graph, encoder: Encoder) -> None:
    hs, finals, _ = _read(graph, encoder)
    graph.output(hs, "hs", ["T", "B", encoder.output_size])
    _show_states(graph, finals, encoder.layer)


def _add_tagger(graph: Graph, model: SequenceTagger) -> None:
    hs, _, _ = _read(graph, model.encoder)
    graph.output(graph.linear(model.output, hs), "logits", ["T", "B", model.n_labels])


def _add_language_model(graph: Graph, model: LanguageModel) -> None:
    layer = layer_of(model.encoder)
    hs, finals, _ = _read(graph, model.encoder, _state_inputs(graph, layer))
    graph.output(graph.linear(model.output, hs), "logits", ["T", "B", model.encoder.vocab_size])
    _show_states(graph, finals, layer)


def _add_classifier(graph: Graph, model: SequenceClassifier) -> None:
    hs, finals, lengths = _read(graph, model.encoder)
    if isinstance(model.pool, MeanPooling):
        total = graph.op("ReduceSum", hs, graph.ints(0), keepdims=0)  # the padding is 0
        counts = graph.op("Unsqueeze", graph.op("Cast", lengths, to=1), graph.ints(1))
        pooled = graph.op("Div", total, counts)
    elif isinstance(model.pool, AttentionPooling):
        pooled = _pooled_by_attention(graph, model.pool, hs, lengths)
    else:
        last = graph.op("Transpose", finals[-1].parts[0], perm=[1, 0, 2])
        pooled = graph.op("Reshape", last, graph.ints(0, -1))
    graph.output(graph.linear(model.output, pooled), "logits", ["B", model.n_classes])


def _pooled_by_attention(graph: Graph, pool: AttentionPooling, hs: str, lengths: str) -> str:
    above = graph.op("Add", graph.op("MatMul", hs, graph.constant(pool.W)), graph.constant(pool.b))
    scores = graph.op("MatMul", graph.op("Tanh", above), graph.constant(pool.v[:, None]))  # (T, B, 1)
    valid = graph.op("Unsqueeze", graph.valid(graph.size(hs, 0), lengths), graph.ints(2))
    weights = graph.op("Softmax", graph.op("Where", valid, scores, graph.constant(LOWEST)), axis=0)
    return graph.op("ReduceSum", graph.op("Mul", weights, hs), graph.ints(0), keepdims=0)


def _add_decoder(graph: Graph, decoder: Decoder) -> None:
    """Add one step: the context from the previous state, the cells, the logits."""
    cells = [decoder.cell, *decoder.upper]
    tokens = graph.input("tokens", np.int64, ["B"])
    states = [
        [graph.input(f"{name}_{k}", np.float32, ["B", cell.hidden_size]) for name in part_names(cell)]
        for k, cell in enumerate(cells)
    ]
    keys = graph.input("keys", np.float32, ["S", "B", decoder.key_size])
    lengths = graph.input("lengths", np.int32, ["B"])
    ys = graph.op("Gather", graph.constant(decoder.embedding.W), tokens)
    context, weights = _add_context(graph, decoder, states[-1][0], keys, lengths)
    x = graph.op("Concat", ys, context, axis=1)
    for k, cell in enumerate(cells):
        states[k] = add_step(graph, cell, x, states[k])
        x = states[k][0]
    if decoder.readout == "all":
        x = graph.op("Concat", x, ys, context, axis=1)
    graph.output(graph.linear(decoder.output, x), "logits", ["B", decoder.vocab_size])
    graph.output(weights, "weights", ["B", "S"])
    for k, cell in enumerate(cells):
        for name, value in zip(part_names(cell), states[k], strict=True):
            graph.output(value, f"{name}_n_{k}", ["B", cell.hidden_size])


def _add_context(graph: Graph, decoder: Decoder, query: str, keys: str, lengths: str) -> tuple[str, str]:
    """Add the context (B, K) of a query and its weights (B, S)."""
    steps, one, zero = graph.size(keys, 0), graph.ints(1), graph.constant(np.float32(0))
    valid = graph.op("Transpose", graph.valid(steps, lengths), perm=[1, 0])  # (B, S)
    rows = graph.op("Transpose", keys, perm=[1, 0, 2])  # (B, S, K)
    rows = graph.op("Where", graph.op("Unsqueeze", valid, graph.ints(2)), rows, zero)
    attention = decoder.context
    if isinstance(attention, AdditiveAttention):
        of_keys = graph.op("MatMul", rows, graph.constant(attention.W_k))
        of_query = graph.op("MatMul", query, graph.constant(attention.W_q))
        above = graph.op("Add", of_keys, graph.op("Unsqueeze", of_query, one))
        hidden = graph.op("Tanh", graph.op("Add", above, graph.constant(attention.b)))
        scores = graph.op("MatMul", hidden, graph.constant(attention.v[:, None]))
        scores = graph.op("Squeeze", scores, graph.ints(2))
        weights = graph.op("Softmax", graph.op("Where", valid, scores, graph.constant(LOWEST)), axis=1)
        weights = graph.op("Where", valid, weights, zero)  # a row without a position has no weight at all
    elif isinstance(attention, FixedContext):
        shorter = graph.op("Sub", lengths, graph.constant(np.int32(1)))
        before = graph.op("Transpose", graph.valid(steps, shorter), perm=[1, 0])
        last = graph.op("And", valid, graph.op("Not", before))
        weights = graph.op("Cast", last, to=1)
    else:
        raise ValueError(
            f"{CALLER}: the decoder's context is a {type(attention).__name__}, expected an AdditiveAttention "
            "or a FixedContext"
        )
    context = graph.op("MatMul", graph.op("Unsqueeze", weights, one), rows)
    return graph.op("Squeeze", context, one), weights


def _add_bridged(graph: Graph, model: Seq2Seq) -> None:
    """Add an encoder, and the bridge to the decoder's initial state."""
    hs, finals, _ = _read(graph, model.encoder)
    graph.output(hs, "keys", ["S", "B", model.encoder.output_size])
    leaves = []
    for parts, (_, values) in zip(flat_layers(model.encoder.layer), finals, strict=True):
        for direction in range(len(parts)):
            place = graph.constant(np.int64(direction))
            leaves += [graph.op("Gather", value, place, axis=0) for value in values]
    if not model.bridge.unchanged:
        joint = graph.op("Concat", *leaves, axis=1) if len(leaves) > 1 else leaves[0]
        first = graph.op("Tanh", graph.linear(model.bridge.linear, joint))
        sizes = model.bridge.target_sizes
        leaves = (
            graph.ops("Split", len(sizes), first, graph.ints(*sizes), axis=1) if len(sizes) > 1 else [first]
        )
    cells = [model.decoder.cell, *model.decoder.upper]
    names = [f"{name}_{k}" for k, cell in enumerate(cells) for name in part_names(cell)]
    for name, leaf in zip(names, leaves, strict=True):
        graph.output(leaf, name, ["B", model.decoder.hidden_size])


def _add_seq2seq_step(graph: Graph, model: Seq2Seq) -> None:
    _add_decoder(graph, model.decoder)


_ADDS: dict[type[Module], Callable[[Graph, Any], None]] = {
    SequenceLayer: _add_layer,
    Encoder: _add_encoder,
    Decoder: _add_decoder,
    SequenceTagger: _add_tagger,
    SequenceClassifier: _add_classifier,
    LanguageModel: _add_language_model,
    Seq2Seq: _add_bridged,
}

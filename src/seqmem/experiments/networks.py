"""The network of the memory experiment: it reads a text and answers after the last word.

    hs = cell over the embedded words             (S, B, H)
    C  = attention of hs[S - 1] over all hs       (B, H), with attention only
    logits = [hs[S - 1] ; C] @ W + b              (B, N)

The hidden sizes are chosen to give RNN, LSTM, GRU and LSTM with attention equal numbers of parameters. The
RNN occurs twice: with an orthogonal recurrent matrix, the default of the library's cells (Saxe et al., 2014),
which keeps a gradient's norm at first; and with small random numbers, uniform within ±1/√H, the most common
initialisation elsewhere. LSTM and GRU start with one bias for all units: forget bias b and update bias -b
keep the same share of the state at first, sigmoid(b).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell
from seqmem.contexts import AdditiveAttention
from seqmem.contexts.context import ContextCache
from seqmem.data import Batch, recall
from seqmem.experiments.training import ATTENTION_SIZE, EMBEDDING_STD, nearest_size
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Embedding, Linear, Recurrent, cross_entropy
from seqmem.layers.embedding import EmbeddingCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.recurrent import RecurrentCache
from seqmem.models.encoder import make_cell
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.validation import as_ids, as_pair

KINDS = ("rnn, small start", "rnn", "lstm", "gru", "lstm + attention")
BIASED = ("lstm", "gru", "lstm + attention")  # the kinds that start with a bias
_GATES = {"lstm": ("f", "forget"), "gru": ("z", "update")}  # the gate of that bias, and its name


class ReaderCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    embedding: EmbeddingCache
    layer: RecurrentCache[Any]
    look: ContextCache | None  # None without attention
    output: LinearCache


class Reader(Module):
    """Reads token sequences and scores N answers after the last token.

    Args:
        vocab_size: V.
        n_answers: N.
        embedding_size: E.
        hidden_size: H.
        cell: "lstm", "gru", "rnn", or a cell of input size E and hidden size H.
        attention_size: width of an additive scorer (Bahdanau et al., 2015) with which the last state attends
            to all states; 0 for no attention.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> reader = Reader(10, 3, 4, 5, attention_size=6, rng=0)
    >>> (logits, weights), cache = reader.forward(np.array([[5, 6], [7, 8]]))
    >>> logits.shape, weights.shape
    ((2, 3), (2, 2))
    """

    def __init__(
        self,
        vocab_size: int,
        n_answers: int,
        embedding_size: int,
        hidden_size: int,
        *,
        cell: str | Cell[Any] = "lstm",
        attention_size: int = 0,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)
        H = hidden_size
        self.vocab_size, self.n_answers = vocab_size, n_answers
        self.embedding_size, self.hidden_size, self.attention_size = embedding_size, H, attention_size
        self.embedding = Embedding(vocab_size, embedding_size, std=EMBEDDING_STD, rng=rng, dtype=dtype)
        self.layer = Recurrent(make_cell(cell, embedding_size, H, rng, dtype, "Reader"))
        self.attention = None
        if attention_size:
            self.attention = AdditiveAttention(H, H, attention_size, rng=rng, dtype=dtype)
        self.output = Linear(2 * H if attention_size else H, n_answers, rng=rng, dtype=dtype)

    @property
    def cell(self) -> Cell[Any]:
        """The cell of the recurrent layer."""
        return self.layer.cell

    def forward(self, tokens: Array) -> tuple[tuple[Array, Array | None], ReaderCache]:
        """Read B sequences of S tokens each.

        Args:
            tokens: (S, B), S at least 1, integers from 0 to V - 1.

        Returns:
            ((logits, weights), cache): (B, N); (B, S), None without attention; and the cache for `backward`.

        Raises:
            ValueError, TypeError: for empty tokens, tokens outside the vocabulary or a wrong shape.
        """
        tokens = as_ids(tokens, self.vocab_size, ("S", "B"), "Reader.forward", "tokens")
        if len(tokens) == 0:
            raise ValueError("Reader.forward: tokens has no step, expected at least one to read")
        xs, embedding_cache = self.embedding.forward(tokens)
        (hs, _), layer_cache = self.layer.forward(xs)
        features, weights, look = hs[-1], None, None
        if self.attention is not None:
            (context, weights), look = self.attention.forward(hs[-1], hs)
            features = np.concatenate([features, context], axis=1)
        logits, output_cache = self.output.forward(features)
        return (logits, weights), ReaderCache(embedding_cache, layer_cache, look, output_cache)

    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: ReaderCache
    ) -> tuple[tuple[None], Grads]:
        """Return ((None,), grads) from (d_logits, d_weights); None means zeros."""
        d_logits, d_weights = as_pair(d_outputs, "Reader.backward", "d_outputs", "(d_logits, d_weights)")
        H = self.hidden_size
        (d_features,), output_grads = self.output.backward(d_logits, cache.output)
        d_h, d_hs, grads = d_features[:, :H], None, prefixed("output", output_grads)
        if self.attention is not None and cache.look is not None:
            upstream = (d_features[:, H:], d_weights)
            (d_query, d_hs), attention_grads = self.attention.backward(upstream, cache.look)
            d_h = d_h + d_query
            grads = prefixed("attention", attention_grads) | grads
        (d_xs, _), layer_grads = self.layer.backward((d_hs, self.cell.of_output(d_h)), cache.layer)
        _, embedding_grads = self.embedding.backward(d_xs, cache.embedding)
        grads = prefixed("embedding", embedding_grads) | prefixed("layer", layer_grads) | grads
        return (None,), self.summed(grads)

    def loss_and_grads(self, batch: Batch, rng: Any = None) -> tuple[float, Grads]:
        """Return the mean cross-entropy of the answers in nats, and the parameters' gradients.

        Args:
            batch: the source is the text, the targets (1, B) are the answers; nothing else is used.
            rng: not used, because nothing is random.
        """
        (logits, _), cache = self.forward(batch.source)
        loss, d_logits = cross_entropy(logits, batch.targets[0])
        _, grads = self.backward((d_logits, None), cache)
        return loss, grads


def make_reader(
    kind: str, embedding_size: int, hidden_size: int, seed: np.random.SeedSequence, bias: float | None = None
) -> Reader:
    """Return the untrained network of a kind in float32, for the texts of `seqmem.data.recall`.

    Args:
        kind: one of KINDS.
        embedding_size, hidden_size: E, H.
        seed: of the initial weights.
        bias: first value of the LSTM's forget gate or the GRU's update gate; None for the cell's default.
    """
    reader = Reader(
        len(recall.VOCABULARY),
        len(recall.LANGUAGES),
        embedding_size,
        hidden_size,
        cell=_cell_name(kind),
        attention_size=ATTENTION_SIZE if kind == "lstm + attention" else 0,
        rng=seed,
        dtype=np.float32,
    )
    if kind == "rnn, small start":
        _start_small(reader.cell, np.random.default_rng(seed.spawn(1)[0]))
    if bias is not None:
        reader.cell.gate(_GATES[_cell_name(kind)][0]).b[...] = bias
    return reader


def start_of(kind: str, bias: float | None) -> str:
    """Return how the networks of a kind start, as text for a column of a table.

    >>> start_of("gru", -2), start_of("lstm + attention", 1.0), start_of("rnn", None)
    ('update bias -2', 'forget bias 1', 'orthogonal')
    """
    name = _cell_name(kind)
    if name not in _GATES:
        return "small" if kind == "rnn, small start" else "orthogonal"
    return f"{_GATES[name][1]} bias {bias:g}"


def parameters_of(kind: str, hidden_size: int, embedding_size: int) -> int:
    """Return the number of parameters of a network of `run_memory`.

    >>> parameters_of("gru", 50, 16)
    12214
    """
    V, N, E, H, A = len(recall.VOCABULARY), len(recall.LANGUAGES), embedding_size, hidden_size, ATTENTION_SIZE
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[_cell_name(kind)]
    attention = kind == "lstm + attention"
    scorer = (2 * H * A + 2 * A) if attention else 0
    return V * E + gates * (E + H + 1) * H + scorer + (H * (1 + attention) + 1) * N


def hidden_size_for(kind: str, budget: int, embedding_size: int) -> int:
    """Return the hidden size whose parameter count is nearest to a budget.

    Raises:
        ValueError: if the nearest count is more than 3 % away.

    >>> {kind: hidden_size_for(kind, 14_500, 16) for kind in KINDS}
    {'rnn, small start': 100, 'rnn': 100, 'lstm': 48, 'gru': 56, 'lstm + attention': 43}
    """
    return nearest_size(lambda H: parameters_of(kind, H, embedding_size), budget, f"MemorySettings: a {kind}")


def _cell_name(kind: str) -> str:
    return kind.replace(",", " ").split()[0]


def _start_small(cell: Cell[Any], rng: np.random.Generator) -> None:
    """Draw recurrent weights uniformly within ±1/√H, as torch does: the spectral radius is about 0.58."""
    H = cell.hidden_size
    cell.W_h[...] = rng.uniform(-1, 1, cell.W_h.shape) / np.sqrt(H)

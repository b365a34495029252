"""From tokens to states: embedding and recurrence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell, State
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Dropout, Embedding
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.embedding import STD, EmbeddingCache
from seqmem.layers.multilayer import first_cell, layer_of
from seqmem.layers.stack import as_variational
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.registry import cell_class, cell_names
from seqmem.validation import (
    WrongTypeError,
    as_cache,
    as_flag,
    as_fraction,
    as_ids,
    as_lengths,
    as_param_dtype,
    as_positive,
    as_size,
    brief,
)


class EncoderCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    embedding: EmbeddingCache
    drop: DropoutCache
    layer: Any  # of the layer


class Encoder(Module):
    """Encodes a batch of token sequences as one state per position and a final state.

    The layer, and therefore the form of the state, is as simple as possible: a `Recurrent`, a `Bidirectional`
    for one layer in both directions, or a `Stack` of either.

    Args:
        vocab_size: V.
        embedding_size: E.
        hidden_size: H, of each direction.
        cell: "lstm", "gru", "rnn" or another cell's short name, or a cell of input size E and hidden size H,
            for the lowest layer; the other layers get the same kind of cell.
        num_layers: the number of layers; each reads the outputs of the layer below.
        bidirectional: whether every layer reads from both ends.
        embedding_std: standard deviation of the embedding's initial table.
        dropout: the probability of zeroing embedded inputs and the outputs of every layer but the last, if an
            `rng` is passed.
        variational: whether every step of a sequence drops the same entries (Gal & Ghahramani, 2016).
        recurrent_dropout, zoneout_h, zoneout_c, learned_state: as in `Recurrent`, for every layer.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> encoder = Encoder(10, 3, 4, rng=0)
    >>> (hs, final), cache = encoder.forward(np.array([[5, 6], [7, 0]]), lengths=[2, 1])
    >>> hs.shape, final.c.shape
    ((2, 2, 4), (2, 4))
    >>> encoder = Encoder(10, 3, 4, cell="gru", num_layers=2, bidirectional=True, rng=0)
    >>> (hs, final), cache = encoder.forward(np.array([[5, 6], [7, 0]]), lengths=[2, 1])
    >>> hs.shape, encoder.output_size, final[1].backward.shape
    ((2, 2, 8), 8, (2, 4))
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        cell: str | Cell[Any] = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        embedding_std: float = STD,
        dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        learned_state: bool = False,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)
        self.embedding_std = as_positive(embedding_std, "Encoder", "embedding_std")
        self.embedding = Embedding(vocab_size, embedding_size, std=self.embedding_std, rng=rng, dtype=dtype)
        self.dropout = as_fraction(dropout, "Encoder", "dropout")
        self.variational = as_variational(variational, self.dropout, "Encoder")
        self.drop = Dropout(self.dropout, variational=variational)
        first = make_cell(cell, embedding_size, hidden_size, rng, dtype, "Encoder")
        self.num_layers = as_size(num_layers, "Encoder", "num_layers")
        self.bidirectional = as_flag(bidirectional, "Encoder", "bidirectional")
        self.recurrent_dropout, self.zoneout_h, self.zoneout_c = recurrent_dropout, zoneout_h, zoneout_c
        self.learned_state = learned_state
        self.layer = layer_of(
            first,
            num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            variational=variational,
            rng=rng,
            recurrent_dropout=recurrent_dropout,
            zoneout_h=zoneout_h,
            zoneout_c=zoneout_c,
            learned_state=learned_state,
        )
        self.vocab_size, self.embedding_size, self.hidden_size = vocab_size, embedding_size, hidden_size

    @property
    def cell(self) -> Cell[Any]:
        """The cell of the lowest layer, in the forward direction."""
        return first_cell(self.layer)

    @property
    def output_size(self) -> int:
        """H, or the sum over both directions."""
        return self.layer.output_size

    def zero_state(self, batch_size: int) -> State:
        """Return a final state of zeros."""
        return self.layer.zero_state(batch_size)

    def forward(
        self, tokens: Array, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[tuple[Array, State], EncoderCache]:
        """Encode a batch.

        Args:
            tokens: (S, B), integers from 0 to V - 1.
            lengths: (B,) integers from 0 to S; None if every sequence has S tokens.
            rng: enables dropout, and makes zoneout random.

        Returns:
            ((hs, final), cache): one state per position, (S, B, H) or (S, B, 2H) in both directions, 0 in the
            padding; the state of the layer after each sequence's last token; and the cache for `backward`.

        Raises:
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes, dtypes or lengths.
        """
        tokens = as_ids(tokens, self.vocab_size, ("S", "B"), "Encoder.forward", "tokens")
        S, B = tokens.shape
        lengths = as_lengths(lengths, B, S, "Encoder.forward", "S")
        if lengths is not None:  # even an added zero may change the rounding of a token's sum
            tokens = np.where(np.arange(S)[:, None] < lengths, tokens, 0)
        rng = None if rng is None else as_generator(rng)
        embedded, embedding_cache = self.embedding.forward(tokens)
        xs, drop_cache = self.drop.forward(embedded, rng=rng)
        outputs, layer_cache = self.layer.forward(xs, lengths=lengths, rng=rng)
        return outputs, EncoderCache(embedding_cache, drop_cache, layer_cache)

    def backward(
        self, d_outputs: tuple[Array | None, State], cache: EncoderCache
    ) -> tuple[tuple[None], Grads]:
        """Return ((None,), grads) from (d_hs, d_final): both outputs' gradients reach every parameter."""
        grads = self.backward_by_name(d_outputs, as_cache(cache, EncoderCache, "Encoder.backward"))
        return (None,), self.summed(grads)

    def backward_by_name(self, d_outputs: tuple[Array | None, State], cache: EncoderCache) -> Grads:
        """Return the gradients by every name, ties not summed, for a model with this encoder."""
        (d_xs, _), layer_grads = self.layer.backward(d_outputs, cache.layer)
        (d_embedded,), _ = self.drop.backward(d_xs, cache.drop)
        _, embedding_grads = self.embedding.backward(d_embedded, cache.embedding)
        return prefixed("embedding", embedding_grads) | prefixed("layer", layer_grads)


def make_cell(
    cell: str | Cell[Any], input_size: int, hidden_size: int, rng: Rng, dtype: npt.DTypeLike, caller: str
) -> Cell[Any]:
    """Return a new cell for a name, or the given cell if its sizes and dtype are correct."""
    if isinstance(cell, Cell):
        found = (cell.input_size, cell.hidden_size)
        if found != (input_size, hidden_size):
            raise ValueError(
                f"{caller}: cell has (input_size, hidden_size) {found}, expected {(input_size, hidden_size)}"
            )
        check_dtype(cell, dtype, caller, "cell")
        return cell
    if not isinstance(cell, str) or cell not in cell_names():
        kind = ValueError if isinstance(cell, str) else WrongTypeError
        raise kind(f"{caller}: cell is {brief(repr(cell))}, expected one of {sorted(cell_names())} or a cell")
    made: Cell[Any] = cell_class(cell)(input_size, hidden_size, rng=rng, dtype=dtype)
    return made


def check_dtype(module: Module, dtype: npt.DTypeLike, caller: str, name: str) -> None:
    """Raise if a module has parameters of a dtype other than the model's."""
    expected = as_param_dtype(dtype, caller)
    if module.dtype is not None and module.dtype != expected:
        raise ValueError(f"{caller}: {name} has dtype {module.dtype}, expected {expected}: dtype")

"""The gate movie: what every unit of a trained model did at every step, on a page of its own."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from seqmem.module import Array
from seqmem.pages.page import Page, compose, part
from seqmem.pages.page_data import data_block
from seqmem.tasks.translator import Translator
from seqmem.validation import as_array, as_texts

STYLES = ("base.css", "choice.css", "movie.css")
SCRIPTS = ("text.js", "choice.js", "movie_map.js", "movie.js")

_MEANINGS = {
    "i": "input gate: how much of the candidate is written",
    "f": "forget gate: 0 erases the cell, 1 keeps it",
    "o": "output gate: how much of the cell is shown",
    "g": "candidate: what could be written",
    "c": "cell state: the long-term memory",
    "tanh_c": "tanh of the cell state",
    "r": "reset gate: how much of the state before the candidate sees",
    "z": "update gate: 0 keeps the state, 1 writes the candidate",
    "n": "candidate: what could be written",
    "h": "hidden state: what the step shows",
    "weights": "attention: how much each input word counted",
    "context": "context: what the attention saw",
}
_GATES = frozenset("iforz")  # of an activation between 0 and 1; everything else has a sign


@runtime_checkable
class Traced(Protocol):
    """A layer whose steps can be read: `forward(xs) -> (outputs, cache)` and `trace(cache)`."""

    def forward(self, xs: Array) -> tuple[Any, Any]:
        """All steps of (T, B, D)."""

    def trace(self, cache: Any) -> Mapping[str, Array]:
        """What happened at every step, (T, B, H) each, by name."""


class _Part(NamedTuple):
    """A trace of one sequence."""

    name: str
    steps: list[str]  # T labels
    values: Mapping[str, Array]  # (T, units) each
    inputs: list[str]  # what a decoder's attention looks at


def gate_movie(
    model: Translator | Traced,
    text_or_xs: str | Array,
    *,
    steps: Sequence[str] | None = None,
    max_length: int = 100,
) -> Page:
    """A page on which the gates and states of a model play, step by step, as heat maps of units over time.

    The values are the forward pass's own, in full precision. Of a translator they are those of its encoder
    reading the text and of its decoder writing the translation, the step that ends it included.

    Args:
        model: a translator, or a layer such as `Recurrent`.
        text_or_xs: the text to translate; for a layer the inputs (T, D) of one sequence, or (T, 1, D).
        steps: T labels for a layer's steps; their numbers when None.
        max_length: symbols after which a translation ends in any case.

    Returns:
        The page: `.save("movie.html")` writes it, a notebook shows it in place.

    Raises:
        TypeError: for a model that is neither, or something that it does not read.
        ValueError: for more than one sequence, another number of labels than steps, or values that are not
            finite.

    >>> from seqmem import LSTMCell, Recurrent
    >>> page = gate_movie(Recurrent(LSTMCell(3, 4, rng=0)), np.ones((5, 3)), steps=list("abcde"))
    >>> page.title
    'Gate movie'
    """
    if isinstance(model, Translator):
        if not isinstance(text_or_xs, str):
            raise TypeError(
                f"gate_movie: text_or_xs is of type {type(text_or_xs).__name__}, expected a text: "
                "the model is a Translator"
            )
        if steps is not None:
            raise TypeError("gate_movie: steps are a layer's; a Translator's steps are its symbols")
        parts = _translation(model, text_or_xs, max_length)
    elif isinstance(model, Traced):
        labels = None if steps is None else as_texts(steps, "gate_movie", "steps")
        parts = [_sequence(model, text_or_xs, labels)]
    else:
        raise TypeError(
            f"gate_movie: model is of type {type(model).__name__}, expected a Translator or a layer "
            "with forward and trace"
        )
    return compose(
        "Gate movie",
        body=part("movie.html") + data_block({"parts": [_data(one) for one in parts]}),
        styles=map(part, STYLES),
        scripts=map(part, SCRIPTS),
    )


def _translation(translator: Translator, text: str, max_length: int) -> list[_Part]:
    """The encoder's steps and the decoder's, the latter fed what it wrote."""
    model = translator.model
    symbols = translator.prepare(text)
    source = np.array(translator.source_vocabulary.encode(symbols), np.intp)[:, None]
    (hypothesis,) = model.generate(source, max_length=max_length)
    ended = hypothesis.ended
    fed = np.array([model.start, *hypothesis.tokens], np.intp)
    fed = fed if ended else fed[:-1]  # the last token is written, and nothing reads it
    _, cache = model.forward(source, fed[:, None])
    written = translator.target_vocabulary.decode(hypothesis.tokens, every=True)
    written += ["end of the text"] * ended
    reads = {name: rows[:, 0] for name, rows in model.encoder.layer.trace(cache.encoder.layer).items()}
    writes = {name: rows[:, 0] for name, rows in model.decoder.trace(cache.decoder).items()}
    return [
        _Part("Encoder reads", symbols, reads, []),
        _Part("Decoder writes", written, writes, symbols),
    ]


def _sequence(layer: Traced, xs: Any, steps: Sequence[str] | None) -> _Part:
    if isinstance(xs, str):
        raise TypeError("gate_movie: text_or_xs is a text, expected inputs (T, D): the model is a layer")
    xs = as_array(xs, "gate_movie", "text_or_xs")
    if xs.dtype.kind not in "fiub":
        raise TypeError(f"gate_movie: text_or_xs has dtype {xs.dtype}, expected real numbers")
    xs = xs[:, None] if xs.ndim == 2 else xs
    if xs.ndim != 3 or xs.shape[1] != 1:
        raise ValueError(
            f"gate_movie: text_or_xs has shape {np.shape(xs)}, expected (T, D) or (T, 1, D): one sequence"
        )
    labels = [str(t) for t in range(len(xs))] if steps is None else list(steps)
    if len(labels) != len(xs):
        raise ValueError(f"gate_movie: steps has {len(labels)} labels, expected {len(xs)}: T")
    _, cache = layer.forward(xs)
    return _Part("Layer", labels, {name: rows[:, 0] for name, rows in layer.trace(cache).items()}, [])


def _data(one: _Part) -> dict[str, Any]:
    return {
        "name": one.name,
        "steps": one.steps,
        "quantities": [_quantity(name, rows, one.inputs) for name, rows in one.values.items()],
    }


def _quantity(name: str, rows: Array, inputs: list[str]) -> dict[str, Any]:
    """A (T, units) array as the little-endian bytes of its own precision."""
    if not np.isfinite(rows).all():
        raise ValueError(
            f"gate_movie: the trace of {name!r} is not finite: the model's parameters hold nan or inf"
        )
    kind = "<f4" if rows.dtype == np.float32 else "<f8"
    last = name.rpartition(".")[2]
    return {
        "name": name,
        "meaning": _MEANINGS.get(last, ""),
        "gate": last in _GATES or last == "weights",
        "axis": {"weights": "Input", "context": "Feature"}.get(name, "Unit"),
        "units": inputs if name == "weights" else None,
        "count": rows.shape[1],
        "bits": 32 if kind == "<f4" else 64,
        "bytes": base64.b64encode(np.ascontiguousarray(rows, kind).tobytes()).decode(),
    }

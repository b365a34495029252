"""The gate movie: a page that shows every unit of a trained model at every step."""

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
SCRIPTS = ("text.js", "choice.js", "address.js", "movie_map.js", "movie.js")

_MEANINGS = {
    "i": "input gate: how much of the candidate is written",
    "f": "forget gate: 0 erases the cell, 1 keeps it",
    "o": "output gate: how much of the cell is shown",
    "g": "candidate: what could be written",
    "c": "cell state: the long-term memory",
    "tanh_c": "tanh of the cell state",
    "r": "reset gate: how much of the previous state the candidate sees",
    "z": "update gate: 0 keeps the state, 1 writes the candidate",
    "n": "candidate: what could be written",
    "h": "hidden state: the output of the step",
    "weights": "attention: the weight of each input word",
    "context": "context: the weighted sum that the attention returns",
}
_GATES = frozenset("iforz")  # their values lie between 0 and 1; all other quantities have a sign


@runtime_checkable
class Traced(Protocol):
    """A layer whose steps can be read: `forward(xs) -> (outputs, cache)` and `trace(cache)`."""

    def forward(self, xs: Array) -> tuple[Any, Any]:
        """Run all steps of (T, B, D)."""

    def trace(self, cache: Any) -> Mapping[str, Array]:
        """Return the values at every step by name, (T, B, H) each."""


class _Part(NamedTuple):
    """A trace of one sequence."""

    name: str
    steps: list[str]  # T labels
    values: Mapping[str, Array]  # (T, units) each
    inputs: list[str]  # the symbols that a decoder attends to


def gate_movie(
    model: Translator | Traced,
    text_or_xs: str | Sequence[str] | Array,
    *,
    steps: Sequence[str] | None = None,
    max_length: int = 100,
) -> Page:
    """Return a page that plays the gates and states of a model step by step, as heat maps over time.

    The values are those of the forward pass, in full precision. For a translator, they are the values of the
    encoder that reads the text and of the decoder that writes the translation, including the final step.

    Args:
        model: a translator, or a layer such as `Recurrent`.
        text_or_xs: the text to translate, or several, of which the page shows one at a time; for a layer,
            the inputs (T, D) of one sequence, or (T, 1, D).
        steps: T labels for a layer's steps; None for their numbers.
        max_length: the maximum number of symbols of a translation.

    Returns:
        The page: `.save("movie.html")` writes it, a notebook displays it.

    Raises:
        TypeError: if the model is neither, or the second argument does not suit the model.
        ValueError: for no text, more than one sequence of a layer, a number of labels that is not T, or
            values that are not finite.

    >>> from seqmem import LSTMCell, Recurrent
    >>> page = gate_movie(Recurrent(LSTMCell(3, 4, rng=0)), np.ones((5, 3)), steps=list("abcde"))
    >>> page.title
    'Gate movie'
    """
    if isinstance(model, Translator):
        if steps is not None:
            raise TypeError("gate_movie: steps are a layer's; a Translator's steps are its symbols")
        texts = _texts(text_or_xs)
        parts = [part for text in texts for part in _translation(model, text, max_length)]
    elif isinstance(model, Traced):
        texts = [""]
        labels = None if steps is None else as_texts(steps, "gate_movie", "steps")
        parts = [_sequence(model, text_or_xs, labels)]
    else:
        raise TypeError(
            f"gate_movie: model is of type {type(model).__name__}, expected a Translator or a layer "
            "with forward and trace"
        )
    return compose(
        "Gate movie",
        body=part("movie.html") + data_block({"texts": texts, "parts": [_data(one) for one in parts]}),
        styles=map(part, STYLES),
        scripts=map(part, SCRIPTS),
    )


def _texts(given: Any) -> list[str]:
    """Return the texts for a translator: one, or several."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
        kind = type(given).__name__
        raise TypeError(
            f"gate_movie: text_or_xs is of type {kind}, expected a text or a list of texts: "
            "the model is a Translator"
        )
    if not given:
        raise ValueError("gate_movie: text_or_xs is empty, expected at least one text to translate")
    return list(given)


def _translation(translator: Translator, text: str, max_length: int) -> list[_Part]:
    """Return the steps of the encoder, and the steps of the decoder when fed the translation."""
    model = translator.model
    symbols = translator.prepare(text)
    source = np.array(translator.source_vocabulary.encode(symbols), np.intp)[:, None]
    (hypothesis,) = model.generate(source, max_length=max_length)
    ended = hypothesis.ended
    fed = np.array([model.start, *hypothesis.tokens], np.intp)
    fed = fed if ended else fed[:-1]  # the last token is output only, never input
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
    """Return a (T, units) array as the little-endian bytes of its dtype."""
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

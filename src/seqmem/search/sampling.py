"""Sampling: tokens drawn from a model's distribution, which may first be sharpened or truncated.

    temperature   softmax(logits / temperature): below 1, probable tokens become more probable
    top_k         only the k most probable tokens (Fan, Lewis & Dauphin, 2018)
    top_p         only the smallest set of tokens that together have probability p (Holtzman et al., 2020)

They are applied in this order, each to the result of the previous one. Of equally probable tokens, the lower
id comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from seqmem.data.vocabulary import END, PAD, START, UNKNOWN
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array
from seqmem.validation import (
    Axis,
    as_count,
    as_floats,
    as_index,
    as_list,
    as_number,
    as_positive,
    as_size,
)

SPECIAL = (PAD, START, END, UNKNOWN)


def sampling_probabilities(
    logits: Array,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    excluded: Iterable[int] = (),
) -> Array:
    """Return the distribution from which a token is drawn.

    Args:
        logits: unnormalised log-probabilities, (B, V), finite unless excluded.
        temperature: above 0; 1 leaves the distribution unchanged.
        top_k: the number of tokens to draw from; None for all, 1 for the most probable one.
        top_p: in (0, 1]; the minimum total probability of the tokens to draw from; None for all.
        excluded: ids with probability 0.

    Returns:
        (B, V) float64; each row sums to 1.

    Raises:
        ValueError: for an argument out of range, logits that are not finite, with their position, or a
            vocabulary in which everything is excluded.
        TypeError: for an argument of the wrong type.

    >>> sampling_probabilities(np.log([[0.5, 0.3, 0.2]]), top_k=2).round(3)
    array([[0.625, 0.375, 0.   ]])
    >>> sampling_probabilities(np.log([[0.5, 0.3, 0.2]]), excluded=[0], temperature=0.5).round(3)
    array([[0.   , 0.692, 0.308]])
    """
    caller = "sampling_probabilities"
    scores = as_floats(logits, np.dtype(np.float64), ("B", "V"), caller, "logits").real.copy()
    as_positive(temperature, caller, "temperature")
    allowed = np.ones(scores.shape[1], bool)
    allowed[_as_excluded(excluded, len(allowed), caller)] = False
    if not allowed.any():
        raise ValueError(f"{caller}: excluded holds all {len(allowed)} ids, expected one that may be drawn")
    bad = ~np.isfinite(scores) & allowed
    if bad.any():
        row, token = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{caller}: logits[{row}, {token}] is {scores[row, token]}, expected a finite number: the "
            "model's parameters hold nan, inf or numbers too large"
        )

    scores[:, ~allowed] = -np.inf
    scores -= scores.max(axis=1, keepdims=True)
    with np.errstate(over="ignore", under="ignore"):  # a temperature near 0 selects the most probable token
        scores /= temperature
        order = np.argsort(-scores, axis=1, kind="stable")
        if top_k is not None:
            kept = as_size(top_k, caller, "top_k")
            np.put_along_axis(scores, order[:, kept:], -np.inf, axis=1)
        p = np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        if top_p is not None:
            share = as_number(top_p, caller, "top_p")
            if not 0 < share <= 1:
                raise ValueError(f"{caller}: top_p is {top_p!r}, expected a number above 0, up to 1")
            in_order = np.take_along_axis(p, order, axis=1)
            before = np.cumsum(in_order, axis=1) - in_order
            np.put_along_axis(p, order, np.where(before < share, in_order, 0), axis=1)
            p /= p.sum(axis=1, keepdims=True)
    return p


def draw_tokens(p: Array, rng: Rng) -> Array:
    """Draw a token from each row of a table of probabilities.

    Args:
        p: the probabilities of the tokens, (B, V); a row need not add up to 1.
        rng: seed or generator of the draws.

    Returns:
        The ids of the tokens, (B,), none of probability 0.

    >>> draw_tokens(np.array([[0.0, 1.0, 0.0]]), rng=0)
    array([1])
    """
    p = as_floats(p, np.dtype(np.float64), ("B", "V"), "draw_tokens", "p")
    below = np.cumsum(p, axis=1)
    thresholds = as_generator(rng).random(len(p)) * below[:, -1]
    drawn = (below <= thresholds[:, None]).sum(axis=1)
    last = p.shape[1] - 1 - (p[:, ::-1] > 0).argmax(axis=1)  # if the product was rounded up to the sum
    tokens: Array = np.minimum(drawn, last)
    return tokens


def sample_tokens(
    step: Callable[[Array], Array],
    logits: Array,
    n_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    excluded: Iterable[int] = SPECIAL,
    end: int | None = None,
    rng: Rng = None,
) -> list[list[int]]:
    """Draw the continuation of B sequences, one token at a time.

    Args:
        step: feeds a token to each sequence, (B,), and returns the logits of the next one, (B, V).
        logits: the logits of the first token, (B, V).
        n_tokens: the number of tokens to draw.
        temperature, top_k, top_p: as in `sampling_probabilities`.
        excluded: ids that are never drawn; by default the vocabulary's special ids.
        end: an id that ends a sequence; it may be drawn and is not returned. None for no such id.
        rng: None, a seed, a SeedSequence or a Generator.

    Returns:
        A list of ids for each sequence: n_tokens, or fewer if the sequence has ended.

    Raises:
        TypeError, ValueError: as from `sampling_probabilities`.

    >>> always = np.log([[0.1, 0.1, 0.1, 0.1, 0.2, 0.4]])
    >>> sample_tokens(lambda tokens: always, always, 6, rng=0)
    [[5, 4, 4, 4, 5, 5]]
    """
    caller = "sample_tokens"
    if not callable(step):
        raise TypeError(f"{caller}: step is of type {type(step).__name__}, expected a function")
    n_tokens, rng = as_count(n_tokens, caller, "n_tokens"), as_generator(rng)
    logits = as_floats(logits, np.dtype(np.float64), ("B", "V"), caller, "logits")
    V = logits.shape[1]
    banned = set(_as_excluded(excluded, V, caller))
    if end is not None:
        banned.discard(as_index(end, V, caller, "end"))
    settings: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "excluded": banned,
    }
    found: list[list[int]] = [[] for _ in logits]
    open_rows = np.ones(len(logits), bool)
    for n in range(n_tokens):
        tokens = draw_tokens(sampling_probabilities(logits, **settings), rng)
        if end is not None:
            open_rows &= tokens != end
            if not open_rows.any():
                break
        for row in np.flatnonzero(open_rows):
            found[row].append(int(tokens[row]))
        if n + 1 < n_tokens:
            axes: tuple[Axis, ...] = ((len(found), "the batch size"), (V, "the size of the vocabulary"))
            logits = as_floats(step(tokens), np.dtype(np.float64), axes, caller, "what step returned")
    return found


def _as_excluded(excluded: Any, vocab_size: int, caller: str) -> list[int]:
    ids = as_list(excluded, caller, "excluded", "ids")
    return [as_index(token, vocab_size, caller, f"excluded[{k}]") for k, token in enumerate(ids)]

"""Beam search: the best extensions of the best prefixes, partial hypotheses (Lowerre, 1976; Graves, 2012).

    score             sum over the tokens of log p(token | previous tokens), including the end token's
    normalized score  score / ((5 + length) / 6) ** length_penalty      (Wu et al., 2016)

The length counts the end token. At each step the `beam_size` best extensions of all prefixes are kept. All
of them are equally long, so they are compared by score. A sequence that ends keeps its place: from then on
there is one place fewer for prefixes, and the search of a row is over when no place is left. The sequences
found are compared by normalized score. Ties go to the extension of the better prefix, then to the lower
id; of sequences found, to the one that was found first.

All prefixes of all rows take one decoder step together, as rows of one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import State
from seqmem.contexts.context import Memory
from seqmem.module import Array
from seqmem.search.best import best_tokens
from seqmem.search.constraints import forbid_end, forbid_repetition
from seqmem.search.greedy import Hypothesis, check_search, greedy_search, not_finite, parts_of
from seqmem.search.stepper import Decodes, Decoding
from seqmem.validation import as_count, as_rate, as_size


class BeamOptions(NamedTuple):
    """The checked options of a beam search; `beam_search` explains them."""

    beam_size: int
    n_best: int
    max_length: int
    min_length: int
    length_penalty: float
    no_repeat_ngram_size: int

    @property
    def is_greedy(self) -> bool:
        """True if greedy search finds the same."""
        return self.beam_size == 1 and not self.min_length and not self.no_repeat_ngram_size


def beam_options(
    caller: str,
    *,
    beam_size: int,
    n_best: int | None,
    max_length: int,
    min_length: int,
    length_penalty: float,
    no_repeat_ngram_size: int,
) -> BeamOptions:
    """Return the options; raise for one that is out of range."""
    beam_size = as_size(beam_size, caller, "beam_size")
    n_best = beam_size if n_best is None else as_size(n_best, caller, "n_best")
    if n_best > beam_size:
        raise ValueError(f"{caller}: n_best is {n_best}, expected at most {beam_size}: beam_size")
    max_length = as_count(max_length, caller, "max_length")
    min_length = as_count(min_length, caller, "min_length")
    if min_length > max_length:
        raise ValueError(f"{caller}: min_length is {min_length}, expected at most {max_length}: max_length")
    length_penalty = as_rate(length_penalty, caller, "length_penalty")
    size = as_count(no_repeat_ngram_size, caller, "no_repeat_ngram_size")
    return BeamOptions(beam_size, n_best, max_length, min_length, length_penalty, size)


def beam_search(
    decoder: Decodes,
    state: State,
    memory: Memory,
    start: int,
    end: int,
    max_length: int,
    *,
    beam_size: int,
    n_best: int | None = None,
    min_length: int = 0,
    length_penalty: float = 0.0,
    no_repeat_ngram_size: int = 0,
) -> list[list[Hypothesis]]:
    """Keep the best prefixes at each step, for a batch at once.

    Args:
        decoder: the decoder that scores the tokens.
        state: the decoder's state before the first step.
        memory: the memory that `decoder.memory` returned.
        start: the input token of the first step.
        end: the token that ends a sequence.
        max_length: the maximum number of tokens, without the end token.
        beam_size: the number of prefixes to keep.
        n_best: the maximum number of hypotheses to return for each row, at most beam_size; None means all.
        min_length: the minimum number of tokens, without the end token.
        length_penalty: 0 compares log-probabilities, which favours short sequences; larger values favour
            longer sequences.
        no_repeat_ngram_size: the size of the n-grams of which none may occur twice in a sequence; 0 for no
            such rule.

    Returns:
        For each row its hypotheses, the best first. A hypothesis is cut off where its length reaches
        max_length, or where min_length and no_repeat_ngram_size leave no token.

    Raises:
        ValueError: for an option out of range, or logits that are not finite, with their row and step. A
            logit of -inf is a token that cannot occur.
        TypeError: for an argument of the wrong type.
    """
    check_search(decoder, state, memory, "beam_search")
    start, end = as_count(start, "beam_search", "start"), as_count(end, "beam_search", "end")
    options = beam_options(
        "beam_search",
        beam_size=beam_size,
        n_best=n_best,
        max_length=max_length,
        min_length=min_length,
        length_penalty=length_penalty,
        no_repeat_ngram_size=no_repeat_ngram_size,
    )
    return search(decoder, state, memory, start, end, options)


def search(
    decoder: Decodes, state: State, memory: Memory, start: int, end: int, options: BeamOptions
) -> list[list[Hypothesis]]:
    """Search with checked options, greedily where that finds the same; return as `beam_search`."""
    if options.is_greedy:
        found = greedy_search(decoder, state, memory, start, end, options.max_length)
        divisors = [normalizer(len(one.tokens) + one.ended, options.length_penalty) for one in found]
        return [
            [replace(one, normalized_score=one.score / divisor)]
            for one, divisor in zip(found, divisors, strict=True)
        ]
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):  # what is not finite is reported
        decoding = decoder.start(parts_of(state), memory, max(1, options.max_length))
        return _Beam(decoding, len(memory[0]), start, end, options).search()


def normalizer(length: int, length_penalty: float) -> float:
    """Return the divisor of the score of a sequence (Wu et al., 2016, equation 14).

    Args:
        length: of the sequence, including the end token.
        length_penalty: the exponent.

    >>> normalizer(1, 0.6), normalizer(7, 1.0)
    (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** length_penalty)


class _Found(NamedTuple):
    """A sequence that has ended or was cut off, as a place in the history."""

    normalized: float
    score: float
    step: int  # the number of its tokens
    row: int  # of the decoder's batch at that step
    ended: bool


class _Beam:
    """A search in progress.

    The decoder's batch has `width` rows for each source whose search goes on. The score of a row without a
    prefix is -inf.
    """

    def __init__(self, decoding: Decoding, B: int, start: int, end: int, options: BeamOptions) -> None:
        self.decoding, self.end, self.options = decoding, end, options
        self.found: list[list[_Found]] = [[] for _ in range(B)]
        self.sources = np.arange(B)  # those whose search goes on
        self.places = np.full(B, options.beam_size)  # for prefixes of these sources
        self.reached = np.full(B, -np.inf)  # the n_best-th normalized score
        self.scores = np.zeros((B, 1))  # (sources, width) of the prefixes
        self.fed = np.full(B, start)  # (rows,) the last token of each prefix
        self.written = np.empty((B, 0), np.intp)  # (rows, t), if no n-gram may be repeated
        self.parents: list[Array] = []  # for each step, the row that each row of the next step continues
        self.tokens: list[Array] = []  # and the token that it added
        self.looks: list[Array] = []  # (rows, S)

    def search(self) -> list[list[Hypothesis]]:
        """Take all steps; return the hypotheses of each source."""
        for step in range(self.options.max_length):
            if not len(self.sources):
                break
            self._advance(step)
        for k, source in enumerate(self.sources.tolist()):  # cut off
            width = self.scores.shape[1]
            for place in np.flatnonzero(self.scores[k] > -np.inf).tolist():
                self._add(source, self.scores[k, place], self.options.max_length, k * width + place)
        best = [sorted(found, key=_badness)[: self.options.n_best] for found in self.found]
        hypotheses = iter(self._written_out([one for found in best for one in found]))
        return [[next(hypotheses) for _ in found] for found in best]

    def _advance(self, step: int) -> None:
        """Take one step with every prefix, and choose the prefixes of the next."""
        options, (n_sources, width) = self.options, self.scores.shape
        logits, looks = self.decoding.step(self.fed)
        self.looks.append(looks)
        totals, tokens = self._extensions(logits, step)  # (rows, n) each
        n = totals.shape[1]
        if options.min_length or options.no_repeat_ngram_size:
            self._cut_off(totals, step)
        totals, tokens = totals.reshape(n_sources, -1), tokens.reshape(n_sources, -1)
        order = np.argsort(-totals, axis=1, kind="stable")[:, : options.beam_size]
        scores, tokens = (np.take_along_axis(array, order, axis=1) for array in (totals, tokens))
        rows = order // n + np.arange(0, n_sources * width, width)[:, None]

        scores[np.arange(scores.shape[1]) >= self.places[:, None]] = -np.inf
        ends = (tokens == self.end) & (scores > -np.inf)
        if ends.any():
            for k, place in np.argwhere(ends).tolist():
                self._add(int(self.sources[k]), scores[k, place], step, rows[k, place], k, ended=True)
            self.places -= np.count_nonzero(ends, axis=1)
            scores[ends] = -np.inf
        self.scores = scores
        self._continue(rows, tokens)

    def _extensions(self, logits: Array, step: int) -> tuple[Array, Array]:
        """Return the scores and tokens of the best extensions of each prefix, (rows, n) each."""
        options, scores = self.options, self.scores.reshape(-1, 1)
        log_p = logits.real - logits.real.max(axis=1, keepdims=True)
        normalizers = np.log(np.add.reduce(np.exp(log_p), axis=1, keepdims=True))  # (rows, 1)
        if not np.isfinite(normalizers).all():
            bad = ~np.isfinite(normalizers) & (scores > -np.inf)
            if bad.any():
                row = self.sources[int(bad.argmax()) // self.scores.shape[1]]
                raise not_finite("beam_search", int(row), step)
        if step < options.min_length:
            forbid_end(log_p, self.end)
        if options.no_repeat_ngram_size:
            forbid_repetition(log_p, self.written, options.no_repeat_ngram_size)
        tokens, values = best_tokens(log_p, min(options.beam_size, log_p.shape[1]))
        return scores + (values - normalizers), tokens

    def _cut_off(self, totals: Array, step: int) -> None:
        """End the prefixes that cannot be extended, as cut off."""
        width = self.scores.shape[1]
        stuck = (self.scores > -np.inf) & (totals[:, 0].reshape(self.scores.shape) == -np.inf)
        for k, place in np.argwhere(stuck).tolist():
            self._add(int(self.sources[k]), self.scores[k, place], step, k * width + place, k)
            self.places[k] -= 1

    def _add(
        self, source: int, score: float, step: int, row: int, k: int | None = None, ended: bool = False
    ) -> None:
        """Add a sequence to those found; k is the place of its source among those whose search goes on."""
        n_best, found = self.options.n_best, self.found[source]
        normalized = float(score) / normalizer(step + ended, self.options.length_penalty)
        found.append(_Found(normalized, float(score), step, int(row), ended))
        if k is not None and len(found) >= n_best:
            self.reached[k] = sorted((one.normalized for one in found), reverse=True)[n_best - 1]

    def _continue(self, rows: Array, tokens: Array) -> None:
        """Go on with the prefixes that continue these rows with these tokens, (sources, width) each."""
        options = self.options
        # A score only falls, and is divided by no more than this: what cannot become better is left out.
        longest = normalizer(options.max_length, options.length_penalty)
        best = self.scores.max(axis=1)
        open_sources = (best > -np.inf) & (best / longest > self.reached)
        width_before = len(self.fed) // len(self.sources)
        n_open = int(np.count_nonzero(open_sources))
        fewer = n_open <= len(self.sources) // 2  # fewer rows pay for the new tapes and copies of the memory
        self.scores[~open_sources] = -np.inf
        if fewer:
            self.sources, self.places = self.sources[open_sources], self.places[open_sources]
            self.reached, self.scores = self.reached[open_sources], self.scores[open_sources]
            rows, tokens = rows[open_sources], tokens[open_sources]
        kept, self.fed = rows.reshape(-1), tokens.reshape(-1)
        self.parents.append(kept)
        self.tokens.append(self.fed)
        if not n_open:
            return
        if fewer or rows.shape[1] != width_before:
            self.decoding.keep(kept)
        elif options.beam_size > 1:
            self.decoding.reorder(kept)
        if options.no_repeat_ngram_size:
            self.written = np.concatenate([self.written[kept], self.fed[:, None]], axis=1)

    def _written_out(self, found: Sequence[_Found]) -> list[Hypothesis]:
        """Return the hypotheses, read from the history backwards."""
        lengths = np.array([one.step for one in found], np.intp)
        rows = np.array([one.row for one in found], np.intp)
        if found and not self.looks:
            self.looks = [self.decoding.step(self.fed)[1][:0]]  # for the number of source positions
        T, S = len(self.tokens), self.looks[0].shape[1] if found else 0
        written = np.empty((T, len(found)), np.intp)
        shown = np.empty((len(found), T, S), self.looks[0].dtype if found else float)
        for t in reversed(range(T)):
            one = np.flatnonzero(lengths > t)
            written[t, one] = self.tokens[t][rows[one]]
            rows[one] = self.parents[t][rows[one]]
            shown[one, t] = self.looks[t][rows[one]]
        return [
            Hypothesis(
                written[: one.step, k].tolist(),
                one.score,
                shown[k, : one.step].copy(),
                one.ended,
                one.normalized,
            )
            for k, one in enumerate(found)
        ]


def _badness(found: _Found) -> Any:
    return -found.normalized

"""Piecewise functions, their one-sided derivatives, and numbers at their kinks and beside them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

ROUND = (*range(-6, 7), *(k + 0.5 for k in range(-6, 6)), 0.25, -0.75, 0.1, -0.3, 2.2)


class Piecewise(NamedTuple):
    """A function of one array with kinks, or with jumps."""

    forward: Callable[[Any], Any]
    backward: Callable[[Any, Any, float], Any]  # of d, x and the share of the slope to the right at a kink
    kinks: tuple[float, ...] = ()  # of every entry; () where ties are the kinks
    tied: Callable[[Any], Any] | None = None  # puts the rows of an array at a kink
    repeated: bool = False  # whether the kinks are one apart, without an end


def step(x, share):
    """The derivative of relu."""
    return np.where(x > 0, 1.0, np.where(x < 0, 0.0, share))


def shared(among, share):
    """Hand a gradient to the first of those that tie, or to all of them in equal shares."""
    first = among & (np.cumsum(among, axis=-1) == 1)
    return (1 - share) * first + share * among / among.sum(axis=-1, keepdims=True)


def of_entries(forward, derivative, *kinks, repeated=False):
    return Piecewise(forward, lambda d, x, share: d * derivative(x, share), kinks, None, repeated)


def taken(x, order):
    return np.take_along_axis(x, order, axis=-1)


def order(x):
    return np.argsort(x.real, axis=-1, kind="stable")


def ranked(x, d, share):
    """The gradient of sorted rows: each to where its number came from, ties shared or not."""
    placed = np.zeros(x.shape)
    np.put_along_axis(placed, order(x), d, axis=-1)
    ties = x[..., :, None] == x[..., None, :]
    return (1 - share) * placed + share * (ties * placed[..., None, :]).sum(-1) / ties.sum(-1)


def of_middles(x, d):
    """The gradient of the two middle numbers, as one of sorted rows."""
    found, size = np.zeros(x.shape), x.shape[-1]
    found[..., (size - 1) // 2] += d / 2
    found[..., size // 2] += d / 2
    return found


def middles(x):
    ranks, size = taken(x, order(x)), x.shape[-1]
    return (ranks[..., (size - 1) // 2] + ranks[..., size // 2]) / 2


def pooled(x):
    """The largest of each pair."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    return taken(pairs, np.argmax(pairs.real, axis=-1)[..., None])[..., 0]


def of_pooled(d, x, share):
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    return (d[..., None] * shared(pairs == pairs.max(axis=-1, keepdims=True), share)).reshape(x.shape)


def margins(x):
    """The hinge loss of rows whose first score is the right one's."""
    return np.maximum(0, x[..., 1:] - x[..., :1] + 1).sum(axis=-1)


def of_margins(d, x, share):
    slopes = d[..., None] * step(x[..., 1:] - x[..., :1] + 1, share)
    return np.concatenate([-slopes.sum(axis=-1, keepdims=True), slopes], axis=-1)


def tie(which, with_which):
    """Give the number of one rank to that of another, in the first row."""

    def tied(x):
        x, ranks = x.copy(), order(x)[0]
        x[0, ranks[which(len(ranks))]] = x[0, ranks[with_which(len(ranks))]]
        return x

    return tied


def first_pair(x):
    x = x.copy()
    x[0, 1] = x[0, 0]
    return x


def on_the_margin(x):
    x = x.copy()
    right = np.round(4 * x[0, 0]) / 4  # in single precision, too, one less is just that
    x[0] += right - x[0, 0]  # the others are as far from the margin as they were
    x[0, 0] = right
    x[0, 1] = x[0, 0] - 1
    return x


def largest(d, x, share):
    return d[..., None] * shared(x == x.max(axis=-1, keepdims=True), share)


def smallest(d, x, share):
    return d[..., None] * shared(x == x.min(axis=-1, keepdims=True), share)


TOP = tie(lambda n: n - 2, lambda n: n - 1)
LOW = tie(lambda n: 1, lambda n: 0)
MIDDLE = tie(lambda n: (n - 1) // 2 - (n % 2 == 0), lambda n: (n - 1) // 2 + (n % 2 == 1))
PIECEWISE = {
    "relu": [
        of_entries(lambda x: np.maximum(x, 0), step, 0),
        of_entries(lambda x: x * (x > 0), step, 0),
        of_entries(lambda x: np.where(x.real > 0, x, 0), step, 0),
        of_entries(lambda x: np.where(x.real > 0, x, 0.1 * x), lambda x, s: 0.1 + 0.9 * step(x, s), 0),
        of_entries(lambda x: x**2 + np.maximum(x, 0), lambda x, s: 2 * x + step(x, s), 0),
        of_entries(
            lambda x: np.where(x.real > 0, x, 2 * np.expm1(np.where(x.real > 0, 0, x))),
            lambda x, s: np.where(x == 0, 2 - s, np.where(x > 0, 1, 2 * np.exp(np.minimum(x, 0)))),
            0,
        ),
    ],
    "clip": [
        of_entries(lambda x: np.clip(x, -1, 2), lambda x, s: step(x + 1, s) * step(2 - x, 1 - s), -1, 2),
        of_entries(
            lambda x: np.minimum(np.maximum(x, 0), 6), lambda x, s: step(x, s) * step(6 - x, 1 - s), 0, 6
        ),
        of_entries(
            lambda x: np.clip(0.25 * x + 0.5, 0, 1),
            lambda x, s: 0.25 * step(x + 2, s) * step(2 - x, 1 - s),
            -2,
            2,
        ),
    ],
    "absolute value": [
        of_entries(np.abs, lambda x, s: 2 * step(x, s) - 1, 0),
        of_entries(lambda x: np.where(x.real < 0, -x, x), lambda x, s: 2 * step(x, s) - 1, 0),
        of_entries(
            lambda x: np.sign(x.real) * np.maximum(np.where(x.real < 0, -x, x) - 1, 0),
            lambda x, s: step(np.abs(x) - 1, s),
            *(-1, 1),
        ),
    ],
    "hinge": [
        of_entries(lambda x: np.maximum(0, 1 - x), lambda x, s: -step(1 - x, s), 1),
        Piecewise(margins, of_margins, (), on_the_margin),
    ],
    "largest": [
        Piecewise(lambda x: x.max(axis=-1), largest, (), TOP),
        Piecewise(lambda x: x.min(axis=-1), smallest, (), LOW),
        Piecewise(lambda x: taken(x, np.argmax(x.real, axis=-1)[..., None])[..., 0], largest, (), TOP),
    ],
    "pooling": [Piecewise(pooled, of_pooled, (), first_pair)],
    "sort": [
        Piecewise(lambda x: np.sort(x, axis=-1), lambda d, x, s: ranked(x, d, s), (), MIDDLE),
        Piecewise(lambda x: taken(x, order(x)), lambda d, x, s: ranked(x, d, s), (), LOW),
    ],
    "median": [
        Piecewise(
            lambda x: np.median(x, axis=-1), lambda d, x, s: ranked(x, of_middles(x, d), s), (), MIDDLE
        ),
        Piecewise(middles, lambda d, x, s: ranked(x, of_middles(x, d), s), (), MIDDLE),
    ],
    "rounding": [
        of_entries(lambda x: x - np.round(x.real), lambda x, s: np.ones_like(x), 0.5, 1.5, repeated=True),
        of_entries(lambda x: x * np.floor(x.real), lambda x, s: np.floor(x), -1, 2, repeated=True),
        of_entries(lambda x: x**2 + np.ceil(x.real), lambda x, s: 2 * x, 0, 3, repeated=True),
        of_entries(lambda x: x + np.sign(x.real), lambda x, s: np.ones_like(x), 0),
    ],
}


class Draw(NamedTuple):
    """A function and numbers for it."""

    function: Piecewise
    inside: Any  # the dtype of a buffer in the forward pass; None without one
    x: Any
    at: Any  # the same numbers, one of them, or two that tie, at a kink
    share: float
    max_elements: int
    seed: int


def forward_of(draw):
    """The forward pass, as it is or through a buffer that drops imaginary parts."""

    def forward(x):
        y = draw.function.forward(x)
        if draw.inside is None:
            return y, x
        buffer = np.zeros(np.shape(y), draw.inside)
        buffer[...] = y
        return buffer, x

    return forward


@st.composite
def draws(draw, kind):
    """Draw a function of a kind, numbers that are round or in single precision, and how they are checked."""
    function = draw(st.sampled_from(PIECEWISE[kind]))
    inside = draw(st.sampled_from([None, np.float64, np.float32]))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    away = 0.09 if inside is np.float32 else 1e-2  # in single precision, a short step is lost in noise
    shape = draw(st.sampled_from([(1, 4), (2, 6), (3, 4)]))
    number = st.one_of(st.sampled_from(ROUND), st.floats(-8, 8, width=32))
    size = shape[0] * shape[1]
    flat = draw(st.lists(number.filter(lambda v: distance(function, v) > away), min_size=size, max_size=size))
    x = np.array(flat).reshape(shape)
    if function.tied is not None:  # the first numbers, moved apart: no two tie, and no two lie on a margin
        x = spread(x, 3 * away)
    x = x.astype(dtype)
    if function.tied is on_the_margin:
        assume(bool((np.abs(x[..., 1:] - x[..., :1] + 1) > away).all()))
    if function.tied is None:
        at = x.copy()
        at.flat[draw(st.integers(0, size - 1))] = draw(st.sampled_from(function.kinks))
    else:
        at = function.tied(x)
    share = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    return Draw(function, inside, x, at, share, draw(st.sampled_from([20_000, 0])), draw(st.integers(0, 99)))


def distance(function, value):
    """How far a number lies from the next kink."""
    offsets = [abs(value - kink) for kink in function.kinks]
    if function.repeated:
        offsets = [abs(offset - round(offset)) for offset in offsets]
    return min(offsets, default=np.inf)


def spread(x, gap):
    """The same ranks in each row, with numbers on a grid that has no two a whole number apart."""
    ranks = np.argsort(np.argsort(x, axis=-1, kind="stable"), axis=-1)
    return np.round(x[..., :1]) + ranks * (0.25 + gap)

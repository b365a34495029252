"""The floor: only the matrix products that the pass cannot do without, through np.matmul.

    forward     the input's projection for all rows; at each step the recurrent product
    backward    at each step the transposed recurrent product; both weights' gradients and d_xs for all rows

One product for all gates, into outputs that are allocated and views that are made before the clock runs.
What is multiplied is random: the time of a product does not depend on it.
"""

from __future__ import annotations

import numpy as np

from benchmarks.problems import LayerProblem
from benchmarks.subjects import Subject


def layer(problem: LayerProblem) -> Subject:
    """The products of one recurrent layer."""
    T, B, D, H = problem.shape
    G = len(problem.W_x)
    dtype, rng = problem.xs.dtype, np.random.default_rng(0)

    def random(*axes: int) -> np.ndarray:
        return rng.uniform(-1, 1, axes).astype(dtype)

    xs, hs, d_a = random(T * B, D), random(T * B, H), random(T * B, G * H)
    W_x, W_h = random(D, G * H), random(H, G * H)
    a = np.empty((T * B, G * H), dtype)
    recurrent, d_h = np.empty((B, G * H), dtype), np.empty((B, H), dtype)
    d_W_x, d_W_h, d_xs = np.empty_like(W_x), np.empty_like(W_h), np.empty_like(xs)
    h_steps = [hs[t * B : (t + 1) * B] for t in range(T)]
    d_a_steps = [d_a[t * B : (t + 1) * B] for t in range(T)]

    def forward() -> None:
        np.matmul(xs, W_x, out=a)
        for h in h_steps:
            np.matmul(h, W_h, out=recurrent)

    def both() -> None:
        forward()
        for d in d_a_steps:
            np.matmul(d, W_h.T, out=d_h)
        np.matmul(xs.T, d_a, out=d_W_x)
        np.matmul(hs.T, d_a, out=d_W_h)
        np.matmul(d_a, W_x.T, out=d_xs)

    return Subject({"forward": forward, "forward + backward": both}, results=dict)

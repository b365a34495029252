"""The same LSTM in HIPS autograd, as its users write it: NumPy code whose gradient is traced."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from benchmarks.problems import LayerProblem
from benchmarks.subjects import Subject


def sigmoid(a: Any) -> Any:
    return 0.5 * (anp.tanh(0.5 * a) + 1.0)


def lstm(W: Any, b: Any, xs: Any, h: Any, c: Any) -> tuple[Any, Any, Any]:
    """W (D + H, 4H) for [x ; h], gates side by side: one product a step."""
    hs = []
    for x in xs:
        a = anp.dot(anp.concatenate([x, h], axis=1), W) + b
        a_i, a_f, a_o, a_g = anp.split(a, 4, axis=1)
        c = sigmoid(a_f) * c + sigmoid(a_i) * anp.tanh(a_g)
        h = sigmoid(a_o) * anp.tanh(c)
        hs.append(h)
    return anp.stack(hs), h, c


def layer(problem: LayerProblem) -> Subject:
    """Forward on plain arrays, without a trace; backward as the gradient of a scalar loss."""
    _, B, D, H = problem.shape
    W = np.concatenate([problem.W_x, problem.W_h], axis=1)  # (4, D + H, H)
    W = np.ascontiguousarray(W.transpose(1, 0, 2)).reshape(D + H, 4 * H)
    b, xs = problem.b.reshape(-1), problem.xs
    zeros = np.zeros((B, H), xs.dtype)
    upstream = (problem.d_hs, *problem.d_final)

    def loss(W: Any, b: Any, xs: Any) -> Any:
        outputs = lstm(W, b, xs, zeros, zeros)
        return sum(anp.sum(output * d) for output, d in zip(outputs, upstream, strict=True))

    gradient = value_and_grad(loss, (0, 1, 2))

    def forward() -> Any:
        return lstm(W, b, xs, zeros, zeros)

    def both() -> Any:
        return gradient(W, b, xs)

    def results() -> dict[str, np.ndarray]:
        hs, h, c = forward()
        _, (d_W, d_b, d_xs) = both()
        d_gates = d_W.reshape(D + H, 4, H).transpose(1, 0, 2)
        return {
            "hs": hs,
            "final[0]": h,
            "final[1]": c,
            "d_xs": d_xs,
            "d_W_x": d_gates[:, :D],
            "d_W_h": d_gates[:, D:],
            "d_b": d_b.reshape(4, H),
        }

    return Subject({"forward": forward, "forward + backward": both}, results)

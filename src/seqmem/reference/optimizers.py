"""One update of one parameter, as the papers write it: the new values are returned, nothing is written to."""

from __future__ import annotations

import numpy as np

from seqmem.reference.activations import Array


def sgd_step(
    param: Array, grad: Array, velocity: Array, learning_rate: float, momentum: float = 0.0
) -> tuple[Array, Array]:
    """Return (param, velocity) after a step of gradient descent with momentum (Polyak, 1964).

    Args:
        param: of any shape.
        grad: its gradient, of the same shape.
        velocity: what the last step returned, of the same shape; zeros before the first.
        learning_rate: how far a step goes.
        momentum: what is kept of the velocity, in [0, 1).

    >>> sgd_step(np.array([1.0, 2.0]), np.array([10.0, -10.0]), np.zeros(2), 0.1)[0]
    array([0., 3.])
    """
    velocity = momentum * velocity - learning_rate * grad
    param = param + velocity
    return param, velocity


def adam_step(
    param: Array,
    grad: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, Array, Array]:
    """Return (param, m, v) after step t of Adam (Kingma & Ba, 2015, algorithm 1).

    Args:
        param: of any shape.
        grad: its gradient, of the same shape.
        m: the running average of the gradient, as the last step returned it; zeros before the first.
        v: the running average of its square, likewise.
        t: the number of this step, 1 for the first.
        learning_rate: about how far each entry moves in a step.
        beta1: what is kept of m, in [0, 1).
        beta2: what is kept of v, in [0, 1).
        epsilon: added to the root of v.

    >>> param, grad, zeros = np.array([1.0, 2.0]), np.array([1e-3, -1e3]), np.zeros(2)
    >>> param, m, v = adam_step(param, grad, zeros, zeros, t=1, learning_rate=0.1)
    >>> param.round(4)
    array([0.9, 2.1])
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    param = param - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return param, m, v

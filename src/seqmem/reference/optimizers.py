"""One update of one parameter, as in the papers: new values are returned, no argument is changed."""

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
        velocity: the velocity that the last step returned, of the same shape; zeros at first.
        learning_rate: the step size.
        momentum: the fraction of the velocity to keep, in [0, 1).

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
        m: the running average of the gradient that the last step returned; zeros at first.
        v: the running average of the squared gradient that the last step returned; zeros at first.
        t: the number of this step, 1 for the first.
        learning_rate: about how far each entry moves in a step.
        beta1: the fraction of m to keep, in [0, 1).
        beta2: the fraction of v to keep, in [0, 1).
        epsilon: added to the square root of v.

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

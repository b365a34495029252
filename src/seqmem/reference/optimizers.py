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


def nesterov_step(
    param: Array, grad: Array, velocity: Array, learning_rate: float, momentum: float
) -> tuple[Array, Array]:
    """Return (param, velocity) after a step with Nesterov's momentum (Sutskever et al., 2013).

    Args:
        param, grad, velocity, learning_rate, momentum: as in `sgd_step`.

    >>> param, velocity = nesterov_step(np.array([1.0]), np.array([10.0]), np.zeros(1), 0.1, momentum=0.5)
    >>> param, velocity
    (array([-0.5]), array([-1.]))
    """
    velocity = momentum * velocity - learning_rate * grad
    param = param + momentum * velocity - learning_rate * grad
    return param, velocity


def adamw_step(
    param: Array,
    grad: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Array, Array, Array]:
    """Return (param, m, v) after step t of AdamW (Loshchilov & Hutter, 2019, algorithm 2).

    Args:
        param, grad, m, v, t, learning_rate, beta1, beta2, epsilon: as in `adam_step`.
        weight_decay: the fraction of a parameter that a step subtracts, in units of the learning rate.

    >>> param, grad, zeros = np.array([1.0, 2.0]), np.array([1e-3, -1e3]), np.zeros(2)
    >>> param, m, v = adamw_step(param, grad, zeros, zeros, t=1, learning_rate=0.1, weight_decay=0.5)
    >>> param.round(4)
    array([0.85, 2.  ])
    """
    param = param - learning_rate * weight_decay * param
    return adam_step(param, grad, m, v, t, learning_rate, beta1, beta2, epsilon)


def rmsprop_step(
    param: Array,
    grad: Array,
    v: Array,
    velocity: Array,
    learning_rate: float = 1e-2,
    decay: float = 0.99,
    epsilon: float = 1e-8,
    momentum: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Return (param, v, velocity) after a step of RMSProp (Tieleman & Hinton, 2012).

    Args:
        param: of any shape.
        grad: its gradient, of the same shape.
        v: the running average of its square, as the last step returned it; zeros before the first.
        velocity: the velocity that the last step returned; zeros before the first.
        learning_rate: the step size.
        decay: the fraction of v to keep, in [0, 1).
        epsilon: added to the root of v.
        momentum: the fraction of the velocity to keep, in [0, 1).

    >>> zeros = np.zeros(2)
    >>> rmsprop_step(np.array([1.0, 2.0]), np.array([1e-3, -1e3]), zeros, zeros, 0.1)[0].round(3)
    array([0., 3.])
    """
    v = decay * v + (1 - decay) * grad**2
    velocity = momentum * velocity - learning_rate * grad / (np.sqrt(v) + epsilon)
    param = param + velocity
    return param, v, velocity

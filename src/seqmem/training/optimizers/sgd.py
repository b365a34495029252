"""Stochastic gradient descent, with momentum or without."""

from __future__ import annotations

import numpy as np

from seqmem.module import Array
from seqmem.training.optimizers.base import Optimizer
from seqmem.validation import as_flag, as_fraction


class SGD(Optimizer):
    """Stochastic gradient descent with classical momentum (Polyak, 1964).

        velocity = momentum * velocity - learning_rate * grad
        param    = param + velocity

    Nesterov's form evaluates the gradient at the point to which the velocity leads (Sutskever et al., 2013):
    the step is momentum * velocity - learning_rate * grad, with the new velocity.

    Args:
        learning_rate: at least 0; a plain attribute that may be changed between steps.
        momentum: the fraction of the velocity to keep, in [0, 1); 0 is plain gradient descent without state.
        nesterov: whether a step looks ahead; it needs a momentum.

    Raises:
        ValueError: for a learning rate that is negative or not finite, a momentum outside [0, 1), or
            nesterov without momentum.
        TypeError: for an argument that is not a number, or a nesterov that is not a bool.

    >>> params = {"w": np.array([1.0, 2.0])}
    >>> SGD(0.1).step(params, {"w": np.array([10.0, -10.0])})
    >>> params["w"]
    array([0., 3.])
    """

    _elementwise = True

    def __init__(self, learning_rate: float, momentum: float = 0.0, *, nesterov: bool = False) -> None:
        super().__init__(learning_rate)
        self.momentum = as_fraction(momentum, "SGD", "momentum")
        self.nesterov = as_flag(nesterov, "SGD", "nesterov")
        if self.nesterov and not self.momentum:
            raise ValueError("SGD: nesterov is True, but momentum is 0, expected a momentum above 0")

    def __repr__(self) -> str:
        ahead = ", nesterov=True" if self.nesterov else ""
        return f"SGD(learning_rate={self.learning_rate}, momentum={self.momentum}{ahead})"

    def _kinds(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def _begin(self, rate: float) -> tuple[float, ...]:
        return -rate, as_fraction(self.momentum, "SGD.step", "momentum")

    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        descent, kept = factors
        np.multiply(grad, descent, out=work, casting="same_kind")
        for velocity in slots:
            velocity *= kept
            velocity += work
            if self.nesterov:
                param += work
                np.multiply(velocity, kept, out=work)
            else:
                work = velocity
        param += work

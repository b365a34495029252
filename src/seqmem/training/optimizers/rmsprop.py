"""RMSProp: steps scaled by a running average of g²."""

from __future__ import annotations

import numpy as np

from seqmem.module import Array
from seqmem.training.optimizers.base import Optimizer
from seqmem.validation import as_fraction, as_positive


class RMSProp(Optimizer):
    """RMSProp (Tieleman & Hinton, 2012), with the momentum of Graves (2013).

        v        = decay v + (1 - decay) g²
        velocity = momentum * velocity - learning_rate * g / (√v + ε)
        param    = param + velocity

    Args:
        learning_rate: at least 0; a plain attribute that may be changed between steps.
        decay: the fraction of v to keep, in [0, 1).
        epsilon: above 0.
        momentum: the fraction of the velocity to keep, in [0, 1); 0 means no velocity.

    Raises:
        ValueError: for a learning rate that is negative or not finite, or another value out of range.
        TypeError: for an argument that is not a number; a bool is not one.

    >>> params = {"w": np.array([1.0, 2.0])}
    >>> RMSProp(0.1).step(params, {"w": np.array([1e-3, -1e3])})
    >>> params["w"].round(3)
    array([0., 3.])
    """

    _elementwise = True

    def __init__(
        self, learning_rate: float = 1e-2, decay: float = 0.99, epsilon: float = 1e-8, momentum: float = 0.0
    ) -> None:
        super().__init__(learning_rate)
        self.decay = as_fraction(decay, "RMSProp", "decay")
        self.epsilon = as_positive(epsilon, "RMSProp", "epsilon")
        self.momentum = as_fraction(momentum, "RMSProp", "momentum")

    def __repr__(self) -> str:
        return (
            f"RMSProp(learning_rate={self.learning_rate}, decay={self.decay}, epsilon={self.epsilon}, "
            f"momentum={self.momentum})"
        )

    def _kinds(self) -> tuple[str, ...]:
        return ("v", "velocity") if self.momentum else ("v",)

    def _begin(self, rate: float) -> tuple[float, ...]:
        caller = "RMSProp.step"
        decay = as_fraction(self.decay, caller, "decay")
        momentum = as_fraction(self.momentum, caller, "momentum")
        return decay, 1 - decay, as_positive(self.epsilon, caller, "epsilon"), -rate, momentum

    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        decay, new, epsilon, descent, kept = factors
        v, *velocities = slots
        np.multiply(grad, grad, out=work, casting="same_kind")
        work *= new
        v *= decay
        v += work
        np.sqrt(v, out=work)
        work += epsilon
        np.divide(grad, work, out=work, casting="same_kind")
        work *= descent
        for velocity in velocities:
            velocity *= kept
            velocity += work
            work = velocity
        param += work

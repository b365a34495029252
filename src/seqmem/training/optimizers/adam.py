"""Adam, and AdamW with a weight decay that is independent of the gradient's scale."""

from __future__ import annotations

import math

import numpy as np

from seqmem.module import Array
from seqmem.training.optimizers.base import Optimizer
from seqmem.validation import as_fraction, as_positive, as_rate, brief


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015, algorithm 1): steps scaled by running averages of g and g².

        m = β1 m + (1 - β1) g             m̂ = m / (1 - β1^t)
        v = β2 v + (1 - β2) g²            v̂ = v / (1 - β2^t)
        param = param - learning_rate * m̂ / (√v̂ + ε)

    Both corrections are contained in the two scalars of the update, as the paper's section 2 suggests, but
    with ε scaled as well, so that the result is that of algorithm 1.

    Args:
        learning_rate: at least 0; a plain attribute that may be changed between steps.
        beta1: the fraction of m to keep, in [0, 1).
        beta2: the fraction of v to keep, in [0, 1).
        epsilon: above 0.

    Raises:
        ValueError: for a learning rate that is negative or not finite, or another value out of range.
        TypeError: for an argument that is not a number; a bool is not one.

    >>> params = {"w": np.array([1.0, 2.0])}
    >>> Adam(0.1).step(params, {"w": np.array([1e-3, -1e3])})
    >>> params["w"].round(4)
    array([0.9, 2.1])
    """

    _elementwise = True

    def __init__(
        self, learning_rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        super().__init__(learning_rate)
        self.beta1 = as_fraction(beta1, type(self).__name__, "beta1")
        self.beta2 = as_fraction(beta2, type(self).__name__, "beta2")
        self.epsilon = as_positive(epsilon, type(self).__name__, "epsilon")

    def __repr__(self) -> str:
        return (
            f"Adam(learning_rate={self.learning_rate}, beta1={self.beta1}, beta2={self.beta2}, "
            f"epsilon={self.epsilon})"
        )

    def _kinds(self) -> tuple[str, ...]:
        return ("m", "v")

    def _begin(self, rate: float) -> tuple[float, ...]:
        caller = f"{type(self).__name__}.step"
        t = np.asarray(self.state.get("t", 0))
        if t.shape != () or t.dtype.kind not in "iu" or t < 0:
            raise ValueError(f"{caller}: state['t'] is {brief(repr(t))}, expected the number of steps taken")
        steps = int(t) + 1
        beta1 = as_fraction(self.beta1, caller, "beta1")
        beta2 = as_fraction(self.beta2, caller, "beta2")
        root = math.sqrt(1 - beta2**steps)
        epsilon = as_positive(self.epsilon, caller, "epsilon") * root
        self.state["t"] = np.array(steps)
        return beta1, 1 - beta1, beta2, 1 - beta2, epsilon, rate * root / (1 - beta1**steps)

    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        m, v = slots
        beta1, new1, beta2, new2, epsilon, rate = factors
        np.multiply(grad, new1, out=work, casting="same_kind")
        m *= beta1
        m += work
        np.multiply(grad, grad, out=work, casting="same_kind")
        work *= new2
        v *= beta2
        v += work
        np.sqrt(v, out=work)
        work += epsilon
        np.divide(m, work, out=work)
        work *= rate
        param -= work


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019, algorithm 2, without its schedule).

        param = (1 - learning_rate * weight_decay) param, then Adam's step

    Unlike a penalty in the loss, the decay is not divided by √v̂. All parameters decay, biases included.

    Args:
        learning_rate, beta1, beta2, epsilon: as for Adam.
        weight_decay: at least 0; the fraction of a parameter that a step removes, divided by the learning
            rate.

    Raises:
        ValueError, TypeError: as from Adam; for a weight decay that is not a finite number of at least 0.

    >>> params = {"w": np.array([1.0, 2.0])}
    >>> AdamW(0.1, weight_decay=0.5).step(params, {"w": np.array([1e-3, -1e3])})
    >>> params["w"].round(4)
    array([0.85, 2.  ])
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon)
        self.weight_decay = as_rate(weight_decay, "AdamW", "weight_decay")

    def __repr__(self) -> str:
        return f"{super().__repr__().replace('Adam(', 'AdamW(', 1)[:-1]}, weight_decay={self.weight_decay})"

    def _begin(self, rate: float) -> tuple[float, ...]:
        kept = 1 - rate * as_rate(self.weight_decay, "AdamW.step", "weight_decay")
        return *super()._begin(rate), kept

    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        *of_adam, kept = factors
        param *= kept
        super()._update(param, grad, work, of_adam, *slots)

"""Gradient descent: updates of parameters from gradients, and the bound on a gradient's norm.

An optimizer consists of hyper-parameters, a state and one update. The state is a flat dict of plain arrays,
created when parameters are first seen, so `np.savez(path, **optimizer.state)` stores it and
`optimizer.state = dict(np.load(path))` restores it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqmem.module import Array, Grads
from seqmem.validation import as_array, as_fraction, as_positive, as_rate, brief

TINY = 1e-20  # between it and its inverse, neither squares nor factors leave float32's range


class Optimizer(ABC):
    """Base class of the optimizers: a learning rate that may change between steps, a state, and `step`."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = as_rate(learning_rate, type(self).__name__, "learning_rate")
        self.state: dict[str, Array] = {}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Update all parameters in place, or none if something is wrong.

        Everything is checked before anything is written: after an error, the parameters and the state are
        unchanged. An update that overflows makes a parameter inf or nan without a warning; `fit` detects
        that.

        Args:
            params: the live arrays by name, as in `model.params`: floating-point, writeable.
            grads: the gradients, with the same names and shapes; never written to.

        Raises:
            ValueError: for names or shapes that differ between the two, or a read-only array, with the first
                name; for a setting or a state of the optimizer that is out of range.
            TypeError: for parameters that are not arrays of floats, or gradients that are not real numbers.
        """
        caller = f"{type(self).__name__}.step"
        found = _check_pairs(params, grads, caller)
        rate = as_rate(self.learning_rate, caller, "learning_rate")
        fresh: dict[str, Array] = {}
        slots = [self._slots(name, param, fresh) for name, param in params.items()]
        # One buffer for all, so that no update fails halfway for lack of memory.
        buffer = np.empty(max((param.nbytes for param in params.values()), default=0), np.uint8)
        factors = self._begin(rate)
        self.state.update(fresh)
        with np.errstate(all="ignore"):
            # As arrays of the parameters' dtypes: a Python number doubles the time of a call on small arrays.
            of_dtype = {
                dtype: [np.array(factor, dtype) for factor in factors]
                for dtype in {param.dtype for param in params.values()}
            }
            for (name, param), own in zip(params.items(), slots, strict=True):
                work: Array = np.ndarray(param.shape, param.dtype, buffer)
                self._update(param, found[name], work, of_dtype[param.dtype], *own)

    @abstractmethod
    def _kinds(self) -> tuple[str, ...]:
        """Return the names of the running averages of every parameter."""

    @abstractmethod
    def _begin(self, rate: float) -> tuple[float, ...]:
        """Return the factors of a step's updates; this may raise, because nothing has been written."""

    @abstractmethod
    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        """Update one parameter and its running averages in place; `work` has the parameter's form."""

    def _slots(self, name: str, param: Array, fresh: dict[str, Array]) -> list[Array]:
        """Return the running averages of a parameter; new ones are also put into `fresh`."""
        slots = []
        for kind in self._kinds():
            key = f"{kind}.{name}"
            slot = self.state.get(key)
            if slot is None:
                slot = fresh[key] = np.zeros_like(param)
            elif not _is_writeable(slot) or slot.shape != param.shape:
                caller = f"{type(self).__name__}.step"
                _check_writeable(slot, f"state[{key!r}]", caller)
                raise ValueError(
                    f"{caller}: the state of {name!r} has shape {slot.shape}, expected "
                    f"{param.shape}: an optimizer belongs to one model"
                )
            slots.append(slot)
        return slots


class SGD(Optimizer):
    """Stochastic gradient descent with classical momentum (Polyak, 1964).

        velocity = momentum * velocity - learning_rate * grad
        param    = param + velocity

    Args:
        learning_rate: at least 0; a plain attribute that may be changed between steps.
        momentum: the fraction of the velocity to keep, in [0, 1); 0 is plain gradient descent without state.

        es:
        ValueError: for a learning rate that is negative or not finite, a momentum outside [0, 1).
    TypeError: for an argument that is not a number; a bool is not one.

    >>> params = {"w": np.array([1.0, 2.0])}
    >>> SGD(0.1).step(params, {"w": np.array([10.0, -10.0])})
    >>> params["w"]
    array([0., 3.])
    """

    def __init__(self, learning_rate: float, momentum: float = 0.0) -> None:
        super().__init__(learning_rate)
        self.momentum = as_fraction(momentum, "SGD", "momentum")

    def __repr__(self) -> str:
        return f"SGD(learning_rate={self.learning_rate}, momentum={self.momentum})"

    def _kinds(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def _begin(self, rate: float) -> tuple[float, ...]:
        return -rate, as_fraction(self.momentum, "SGD.step", "momentum")

    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        descent, kept = factors
        move = np.multiply(grad, descent, out=work, casting="same_kind")
        for velocity in slots:
            velocity *= kept
            velocity += move
            move = velocity
        param += move


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
        ValueError: for a learning rate that is negative or not finite, or another value out of its range.
            TypeError: for an argument that is not a number; a bool is not one.

    >>> params = {"w": np.array([1.0, 2.0])}
    >>> Adam(0.1).step(params, {"w": np.array([1e-3, -1e3])})
    >>> params["w"].round(4)
    array([0.9, 2.1])
    """

    def __init__(
        self, learning_rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        super().__init__(learning_rate)
        self.beta1 = as_fraction(beta1, "Adam", "beta1")
        self.beta2 = as_fraction(beta2, "Adam", "beta2")
        self.epsilon = as_positive(epsilon, "Adam", "epsilon")

    def __repr__(self) -> str:
        return (
            f"Adam(learning_rate={self.learning_rate}, beta1={self.beta1}, beta2={self.beta2}, "
            f"epsilon={self.epsilon})"
        )

    def _kinds(self) -> tuple[str, ...]:
        return ("m", "v")

    def _begin(self, rate: float) -> tuple[float, ...]:
        t = np.asarray(self.state.get("t", 0))
        if t.shape != () or t.dtype.kind not in "iu" or t < 0:
            raise ValueError(f"Adam.step: state['t'] is {brief(repr(t))}, expected the number of steps taken")
        steps = int(t) + 1
        beta1 = as_fraction(self.beta1, "Adam.step", "beta1")
        beta2 = as_fraction(self.beta2, "Adam.step", "beta2")
        root = math.sqrt(1 - beta2**steps)
        epsilon = as_positive(self.epsilon, "Adam.step", "epsilon") * root
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


def clip_by_global_norm(grads: Mapping[str, Array], max_norm: float) -> tuple[Grads, float]:
    """Scale gradients down together so that their common Euclidean norm is at most `max_norm`.

    If squares could overflow or underflow, the gradients are first divided by the largest magnitude (Pascanu,
    Mikolov & Bengio, 2013, with the scaling of BLAS' nrm2).

    Args:
        grads: gradients by name, never written to.
        max_norm: a finite number above 0.

    Returns:
        (clipped, norm): new arrays in the gradients' dtypes, or the given arrays themselves if no clipping
        was necessary; and the norm before clipping. Gradients that are not finite are returned unchanged,
        with the norm nan or inf.

    Raises:
        ValueError: for a `max_norm` that is not finite or not above 0.
        TypeError: for gradients that are not arrays of floating-point numbers; complex numbers are not
            allowed.

    >>> clipped, norm = clip_by_global_norm({"w": np.array([3.0, 0.0]), "b": np.array([-4.0])}, 1.0)
    >>> norm, clipped["w"].round(15).tolist(), clipped["b"].tolist()
    (5.0, [0.6, 0.0], [-0.8])
    """
    max_norm = as_positive(max_norm, "clip_by_global_norm", "max_norm")
    if not isinstance(grads, Mapping):
        kind = type(grads).__name__
        raise TypeError(f"clip_by_global_norm: grads is of type {kind}, expected a dict of arrays by name")
    for name, grad in grads.items():
        if not isinstance(grad, (np.ndarray, np.generic)):
            kind = type(grad).__name__
            raise TypeError(f"clip_by_global_norm: {name!r} is of type {kind}, expected an array")
        if grad.dtype.kind != "f":
            raise TypeError(
                f"clip_by_global_norm: {name!r} has dtype {grad.dtype}, expected floating-point numbers"
            )
    no_halves = all(grad.dtype.itemsize >= 4 for grad in grads.values())
    with np.errstate(under="ignore", over="ignore"):
        top, units, squares = 1.0, grads, _sum_of_squares(grads)
        if not (no_halves and max_norm >= TINY and TINY <= squares <= 1 / TINY):
            top = _largest_magnitude(grads)
            if top == 0 or not math.isfinite(top):
                return dict(grads), top
            units = {name: np.divide(g, top, out=np.empty_like(g)) for name, g in grads.items()}
            squares = _sum_of_squares(units)
        relative = math.sqrt(squares)
        norm = top * relative
        if norm <= max_norm:
            return dict(grads), norm
        factor = max_norm / relative
        return {name: np.multiply(g, factor, out=np.empty_like(g)) for name, g in units.items()}, norm


def _sum_of_squares(grads: Mapping[str, Array]) -> float:
    return sum(float(np.vdot(g, g)) for g in grads.values())


def _largest_magnitude(grads: Mapping[str, Array]) -> float:
    """Return the largest magnitude by two reductions per gradient without a temporary; both propagate NaN."""
    tops = [max(float(g.max()), -float(g.min())) for g in grads.values() if g.size]
    return math.nan if any(map(math.isnan, tops)) else max(tops, default=0.0)


def _check_pairs(params: Mapping[str, Array], grads: Mapping[str, Any], caller: str) -> Grads:
    """Return the gradients as arrays if every parameter has a matching one."""
    for ours, theirs, name, other in ((params, grads, "params", "grads"), (grads, params, "grads", "params")):
        if not isinstance(ours, Mapping):
            kind = type(ours).__name__
            raise TypeError(f"{caller}: {name} is of type {kind}, expected a dict of arrays by name")
        if not isinstance(theirs, Mapping):
            continue  # reported when its turn comes
        missing = next((key for key in ours if key not in theirs), None)
        if missing is not None:
            raise ValueError(f"{caller}: {other} has no {missing!r}, which is in {name}")
    found: Grads = {}
    for key, param in params.items():
        if not _is_writeable(param):
            _check_writeable(param, f"params[{key!r}]", caller)
        grad = grads[key]
        if type(grad) is not np.ndarray:
            grad = as_array(grad, caller, f"grads[{key!r}]")
        found[key] = grad
        if grad.dtype.kind not in "fiu":
            raise TypeError(f"{caller}: grads[{key!r}] has dtype {grad.dtype}, expected real numbers")
        if grad.shape != param.shape:
            raise ValueError(f"{caller}: grads[{key!r}] has shape {grad.shape}, expected {param.shape}")
    return found


def _is_writeable(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.flags.writeable


def _check_writeable(array: Any, name: str, caller: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{caller}: {name} is of type {type(array).__name__}, expected an array")
    if array.dtype.kind != "f":
        raise TypeError(f"{caller}: {name} has dtype {array.dtype}, expected floating-point numbers")
    if not array.flags.writeable:
        raise ValueError(f"{caller}: {name} is read-only, expected an array that can be updated")

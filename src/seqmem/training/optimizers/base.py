"""The base class of the optimizers: checks, running averages, and one update of all parameters or none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from seqmem.module import Array, Grads
from seqmem.training.optimizers.flat import Flat, small_ones
from seqmem.validation import as_array, as_rate


class Optimizer(ABC):
    """Base class of the optimizers: a learning rate that may change between steps, a state, and `step`."""

    _elementwise: ClassVar[bool] = False  # whether `_update` treats every entry separately

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = as_rate(learning_rate, type(self).__name__, "learning_rate")
        self.state: dict[str, Array] = {}
        self._flat: Flat | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state; copies and pickles build the vector behind it again."""
        return vars(self) | {"_flat": None}

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
        small = small_ones(params, found) if self._elementwise and self._kinds() else {}
        large = {name: param for name, param in params.items() if name not in small} if small else params
        flat = self._flat_for(small) if small else None
        fresh: dict[str, Array] = {}
        slots = [self._slots(name, param, fresh) for name, param in large.items()]
        # One buffer for all, so that no update fails halfway for lack of memory.
        buffer = np.empty(max([param.nbytes for param in large.values()], default=0), np.uint8)
        factors = self._begin(rate)
        self.state.update(fresh)
        if flat is not self._flat:
            self._flat = flat
            self.state.update(flat.state if flat else {})
        with np.errstate(all="ignore"):
            # As arrays of the parameters' dtypes: a Python number doubles the time of a call on small arrays.
            of_dtype = {
                dtype: [np.array(factor, dtype) for factor in factors]
                for dtype in {param.dtype for param in params.values()}
            }
            if flat is not None:
                flat.update(self._update, small, found, of_dtype)
            for (name, param), own in zip(large.items(), slots, strict=True):
                work: Array = np.ndarray(param.shape, param.dtype, buffer)
                self._update(param, found[name], work, of_dtype[param.dtype], *own)

    def _flat_for(self, small: Mapping[str, Array]) -> Flat:
        """Return the vectors of the small parameters' averages, creating them if needed."""
        kinds = self._kinds()
        if self._flat is not None and self._flat.holds(kinds, small, self.state):
            return self._flat
        fresh: dict[str, Array] = {}
        return Flat(kinds, small, [self._slots(name, param, fresh) for name, param in small.items()])

    @abstractmethod
    def _kinds(self) -> tuple[str, ...]:
        """Return the names of the running averages of every parameter."""

    @abstractmethod
    def _begin(self, rate: float) -> tuple[float, ...]:
        """Return the factors of a step's updates; this may raise, because nothing has been written."""

    @abstractmethod
    def _update(self, param: Array, grad: Array, work: Array, factors: list[Array], *slots: Array) -> None:
        """Update one parameter and its running averages in place; `work` has the parameter's form.

        If `_elementwise`, the small parameters are passed as one vector.
        """

    def _slots(self, name: str, param: Array, fresh: dict[str, Array]) -> list[Array]:
        """Return the running averages of a parameter; new ones are also put into `fresh`."""
        slots = []
        for kind in self._kinds():
            key = f"{kind}.{name}"
            slot = self.state.get(key)
            if slot is None:
                slot = fresh[key] = np.zeros(param.shape, param.dtype)
            elif not _is_writeable(slot) or slot.shape != param.shape:
                caller = f"{type(self).__name__}.step"
                _check_writeable(slot, f"state[{key!r}]", caller)
                raise ValueError(
                    f"{caller}: the state of {name!r} has shape {slot.shape}, expected "
                    f"{param.shape}: an optimizer belongs to one model"
                )
            slots.append(slot)
        return slots


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

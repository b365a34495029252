"""The small parameters of a model as one vector: an update then needs a few calls of NumPy, not hundreds.

The running averages remain separate arrays by name, as views of one vector. Parameters and gradients are
copied into vectors and back: for a small array that costs less than the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seqmem.module import Array, Grads

MOST = 1 << 14  # bytes of a parameter: above it, copies cost more than calls
FEWEST = 4  # parameters: with fewer, there is nothing to save


def small_ones(params: Mapping[str, Array], grads: Grads) -> dict[str, Array]:
    """Return the parameters that form one vector with their gradients; none if that saves nothing."""
    small = {name: param for name, param in params.items() if param.nbytes <= MOST}
    if len(small) < FEWEST:
        return {}
    dtype = next(iter(small.values())).dtype
    if all([param.dtype == dtype == grads[name].dtype for name, param in small.items()]):  # noqa: C419 - faster
        return small
    return {}


class Flat:
    """The running averages of some parameters, a vector for each kind, and the buffers of a step.

    Args:
        kinds: the names of the kinds, such as "m" and "v".
        params: the parameters, all of one dtype.
        slots: the previous averages of each parameter, which are copied.
    """

    def __init__(self, kinds: Sequence[str], params: Mapping[str, Array], slots: list[list[Array]]) -> None:
        self._kinds = tuple(kinds)
        self._shapes = {name: param.shape for name, param in params.items()}
        self._dtype = next(iter(params.values())).dtype
        ends = np.cumsum([param.size for param in params.values()]).tolist()
        cuts = [slice(end - param.size, end) for param, end in zip(params.values(), ends, strict=True)]
        self._param, self._grad, self._work, *self._averages = (
            np.empty(ends[-1], self._dtype) for _ in range(3 + len(kinds))
        )

        def shown(vector: Array) -> list[Array]:
            """Return the parts of a vector in the shapes of the parameters."""
            return [
                vector[cut].reshape(shape) for cut, shape in zip(cuts, self._shapes.values(), strict=True)
            ]

        self._new_params = shown(self._param)
        self.state: dict[str, Array] = {}
        for k, (kind, vector) in enumerate(zip(kinds, self._averages, strict=True)):
            for name, view, before in zip(params, shown(vector), slots, strict=True):
                view[...] = before[k]
                self.state[f"{kind}.{name}"] = view

    def holds(self, kinds: Sequence[str], params: Mapping[str, Array], state: Mapping[str, Array]) -> bool:
        """Return whether the vectors were made for these parameters and averages."""
        if tuple(kinds) != self._kinds or list(params) != list(self._shapes):
            return False
        if [param.shape for param in params.values()] != list(self._shapes.values()):
            return False
        get = state.get
        return all([get(key) is view for key, view in self.state.items()])  # noqa: C419 - a list is faster

    def update(
        self,
        update: Callable[..., None],
        params: Mapping[str, Array],
        grads: Grads,
        factors: Mapping[np.dtype[Any], list[Array]],
    ) -> None:
        """Update the parameters and their averages."""
        np.concatenate([*params.values()], axis=None, out=self._param)
        np.concatenate([grads[name] for name in params], axis=None, out=self._grad)
        update(self._param, self._grad, self._work, factors[self._dtype], *self._averages)
        for live, new in zip(params.values(), self._new_params, strict=True):
            np.copyto(live, new)

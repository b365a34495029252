"""A `torch.autograd.Function` with arrays instead of tensors: the arguments and results of its passes.

Torch is not imported before a file of that kind is checked; a Function cannot be run without it.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from seqmem.checking.reading.loading import Stub


class Context:
    """The first argument of both passes, which keeps what the backward pass needs.

    As in torch: saved tensors, and any attribute that the forward pass sets.

    Args:
        needs_input_grad: a flag for each argument of the forward pass.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Any, ...] = ()
        self.arguments_given = len(needs_input_grad)

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The saved tensors, by their older name."""
        return self.saved_tensors

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for the backward pass."""
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Do nothing: derivatives in forward mode are not checked."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Do nothing: an argument that is written to is reported in any case."""

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Do nothing: an output without a gradient has no upstream gradient that matters."""

    def set_materialize_grads(self, value: bool) -> None:
        """Do nothing: every upstream gradient is given."""


def is_available() -> bool:
    """Return whether torch is installed."""
    try:
        return not isinstance(importlib.import_module("torch"), Stub)
    except ImportError:
        return False


def is_separate(owner: type | None) -> bool:
    """Return whether a Function fills its context in a method of its own, and its forward takes none."""
    found = getattr(owner, "setup_context", None)
    return found is not None and not found.__module__.startswith("torch.")


def run_forward(
    owner: type, function: Callable[..., Any], context: Context, arguments: dict[str, Any]
) -> Any:
    """Return the outputs of a forward pass as arrays, with what it saves in the context."""
    context.arguments_given = len(arguments)
    with _in_double_precision():
        given = {name: as_tensors(value) for name, value in arguments.items()}
        outputs = function(**given) if is_separate(owner) else function(context, **given)
        if is_separate(owner):
            owner.setup_context(context, tuple(given.values()), outputs)  # type: ignore[attr-defined]
    return as_arrays(outputs)


def run_backward(function: Callable[..., Any], context: Context, upstream: list[Any]) -> Any:
    """Return the gradients of a backward pass as a tuple of arrays, one for each argument of forward."""
    with _in_double_precision():
        found = as_arrays(function(context, *map(as_tensors, upstream)))
    gradients = list(found) if isinstance(found, (tuple, list)) else [found]
    while len(gradients) > context.arguments_given and gradients[-1] is None:
        gradients.pop()
    return tuple(gradients)


def miscounted(context: Context, gradients: tuple[Any, ...]) -> TypeError | None:
    """Return the error that torch would raise for too few or too many gradients; None if there is none."""
    if len(gradients) == context.arguments_given:
        return None
    return TypeError(
        f"the number of gradients returned is {len(gradients)}, expected {context.arguments_given}: one for "
        "each argument of forward, None where there is none"
    )


def as_tensors(value: Any) -> Any:
    """Return arrays as tensors that share their memory, also within lists and dicts."""
    if isinstance(value, np.ndarray):
        torch = importlib.import_module("torch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arrays that must not be written to
            return torch.from_numpy(value if all(step >= 0 for step in value.strides) else value.copy())
    return _mapped(value, as_tensors)


def as_arrays(value: Any) -> Any:
    """Return tensors as arrays, also within lists and dicts."""
    if hasattr(value, "detach"):
        return value.detach().resolve_conj().numpy()
    return _mapped(value, as_arrays)


def _mapped(value: Any, of: Callable[[Any], Any]) -> Any:
    if type(value) in (list, tuple):
        return type(value)(map(of, value))
    if type(value) is dict:
        return {key: of(part) for key, part in value.items()}
    return value


@contextlib.contextmanager
def _in_double_precision() -> Iterator[None]:
    """Create tensors in double precision in the block, without a graph of their operations."""
    torch = importlib.import_module("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)

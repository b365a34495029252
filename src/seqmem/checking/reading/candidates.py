"""The passes that a file offers: pairs of functions, single calls with their gradients, classes."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from seqmem.checking.reading.hints import returned_names, text_of, tree_of
from seqmem.checking.reading.loading import NAME
from seqmem.checking.reading.words import bare, is_upstream, plain

MOST = 200  # passes to check per file
_FORWARD = {"forward", "fwd", "fprop", "feedforward", "forwardprop", "forwards", "fp", "forwardpass"}
_BACKWARD = {
    "backward", "backwards", "bwd", "bprop", "back", "backprop", "bp", "backpropagation", "backpropagate",
    "backwardpass", "bptt", "grad", "gradient", "gradients", "derivative", "deriv", "prime", "d",
}  # fmt: skip
_FILLERS = {"pass", "prop", "propagation", "propagate"}
_METHODS = (
    ("forward", "backward"), ("forward", "backprop"), ("forward", "bprop"), ("forward", "backpropagate"),
    ("forward", "backward_pass"), ("loss", "bptt"), ("total_loss", "bptt"), ("calculate_total_loss", "bptt"),
    ("forward", "bptt"), ("forward", "grad"), ("forward", "gradient"),
    ("forward_pass", "backward_pass"), ("forwardprop", "backprop"), ("forward_prop", "backprop"),
    ("forward_prop", "backward_prop"), ("forward_prop", "back_prop"),
    ("forward_propagation", "back_propagation"), ("forward_propagation", "backward_propagation"),
    ("feedforward", "backprop"), ("feedforward", "backpropagation"), ("feed_forward", "back_propagation"),
    ("fprop", "bprop"), ("fwd", "bwd"), ("__call__", "backward"), ("__call__", "backprop"),
    ("__call__", "bprop"),
    ("loss", "backward"), ("loss", "gradient"), ("loss", "grad"), ("fn", "grad"), ("__call__", "grad"),
    ("__call__", "gradient"),
    ("data_is", "diff_is"), ("bottom_data_is", "top_diff_is"), ("predict", "backward"), ("step", "backward"),
    ("_forward", "_backward"), ("_fprop", "_bprop"),
    ("forward_step", "backward_step"), ("step_forward", "step_backward"),
)  # fmt: skip


class Candidate(NamedTuple):
    """Something that can be checked: the functions to call, and their owner."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any] | None  # None: one call returns both, or a function for the rest
    owner: type | None = None  # the class that has them as methods
    is_torch: bool = False  # a torch.autograd.Function

    @property
    def aliases(self) -> set[str]:
        """The names under which a user may select it."""
        own = self.forward.__name__
        found = {self.name, own, re.sub(r"_(forward|fwd)(_\w+)?$", "", own)}
        found |= {self.backward.__name__} if self.backward is not None else set()
        return found if self.owner is None else {self.name, f"{self.name}.{own}"}


def candidates(names: dict[str, Any]) -> list[Candidate]:
    """Return the passes among a file's own functions and classes, in the order of the text."""
    functions = {name: value for name, value in names.items() if _is_own(value, types.FunctionType)}
    classes = [value for value in names.values() if isinstance(value, type) and value.__module__ == NAME]
    found = list(_pairs(functions))
    used = {one.forward for one in found} | {one.backward for one in found}
    found += [
        _single(name, value) for name, value in functions.items() if value not in used and returns_both(value)
    ]
    found += [one for owner in dict.fromkeys(classes) if (one := of_class(owner)) is not None]
    return sorted(found, key=_line)


def _is_own(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and getattr(value, "__module__", None) == NAME


def _line(one: Candidate) -> int:
    code = getattr(one.forward, "__code__", None)
    return code.co_firstlineno if code else 0


def _single(name: str, function: Callable[..., Any]) -> Candidate:
    return Candidate(name, function, None)


def words(name: str) -> list[str]:
    """Return the words of a name: of lstm_stepForward, lstm, step and forward."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().split("_")
    return [part for part in parts if part]


def _pairs(functions: dict[str, Callable[..., Any]]) -> Iterator[Candidate]:
    """Yield pairs of functions whose names differ by forward and backward only, or f and its derivative."""
    backward: dict[tuple[str, ...], list[str]] = {}
    for name in functions:
        own = words(name)
        if set(own) & _BACKWARD:
            backward.setdefault(tuple(w for w in own if w not in _BACKWARD | _FILLERS), []).append(name)
        elif name.startswith("d") and name[1:] in functions:
            backward.setdefault(tuple(words(name[1:])), []).append(name)
    for name, function in functions.items():
        own = words(name)
        if set(own) & _BACKWARD:
            continue
        stem = tuple(w for w in own if w not in _FORWARD | _FILLERS)
        is_forward = bool(set(own) & _FORWARD)
        partners = [other for other in backward.get(stem, []) if other != name]
        if not partners or (not is_forward and not stem):
            continue
        if not is_forward and any(set(words(one)) & _FORWARD and _stem(one) == stem for one in functions):
            continue  # of softmax, softmax_forward and softmax_backward, take the second
        title = "_".join(w for w in re.split(r"_", name) if w.lower() not in _FORWARD | _FILLERS) or name
        yield Candidate(title if is_forward else name, function, functions[_nearest(name, partners)])


def _stem(name: str) -> tuple[str, ...]:
    return tuple(w for w in words(name) if w not in _FORWARD | _FILLERS)


def _nearest(name: str, partners: list[str]) -> str:
    """Return the backward function whose name is most similar to the forward function's."""
    order = ("backward", "bwd", "bprop", "backprop", "back", "grad", "gradient", "derivative", "prime", "d")
    return min(partners, key=lambda one: min((k for k, w in enumerate(order) if w in words(one)), default=9))


def returns_both(function: Callable[..., Any]) -> bool:
    """Return whether a function returns a value and gradients, or a value and a function."""
    if is_clipping(function):
        return True
    parts = returned_names(function)
    if len(parts) < 2 or re.match(r"_?(train|update|sgd|optimi[sz]e|fit|learn)", function.__name__):
        return False
    tree = tree_of(function)
    inner = {node.name for node in tree.body if hasattr(node, "name")} if tree else set()
    if parts[-1] in inner:
        return True
    own = {plain(name) for name in inspect.signature(function).parameters}
    loss = any(
        "loss" in part.lower() or part.lower() in ("j", "cost", "l", "e", "error") for part in parts[:1]
    )
    gradients = any(
        part.lower() in ("grads", "grad", "gradients", "gradient", "g")
        or (is_upstream(part) and bare(part) != plain(part))
        for part in parts[1:]
    )
    says = bool(re.search(r"loss|cost|entropy|objective|grad|hinge|mse|huber", function.__name__, re.I))
    to_inputs = any(bare(part) in own for part in parts[1:] if part)
    return (
        (loss and (gradients or says))
        or (gradients and (says or to_inputs))
        or (says and loss)
        or (says and "" in parts and len(parts) == 2)
    )


def is_clipping(function: Callable[..., Any]) -> bool:
    """Return whether a function clips gradients by their norm."""
    names = [name.lower() for name in inspect.signature(function).parameters]
    said = function.__name__.lower()
    return said.startswith("clip") and len(names) > 1 and any("norm" in name for name in (said, *names))


def of_class(owner: type) -> Candidate | None:
    """Return a class's two passes, or its only pass that returns both."""
    for forward, backward in _METHODS:
        one, other = _method(owner, forward), _method(owner, backward)
        if one is not None and other is not None:
            return Candidate(owner.__name__, one, other, owner, _is_torch(owner, one, other))
    for name in (
        "loss",
        "loss_and_grads",
        "compute_loss",
        "step",
        "train_step",
        "lossFun",
        "gradient",
        "forward",
    ):
        one = _method(owner, name)
        if one is not None and (returns_both(one) or (name == "loss" and len(returned_names(one)) > 1)):
            return Candidate(owner.__name__, one, None, owner)
    return None


def _method(owner: type, name: str) -> Callable[..., Any] | None:
    for base in owner.__mro__:
        if name in vars(base):
            if base.__module__ in ("builtins", "abc") or base.__module__.partition(".")[0] == "torch":
                return None
            value = vars(base)[name]
            value = getattr(value, "__func__", value)
            return (
                value
                if inspect.isfunction(value) and not getattr(value, "__isabstractmethod__", False)
                else None
            )
    return None


def _is_torch(owner: type, forward: Callable[..., Any], backward: Callable[..., Any]) -> bool:
    """Return whether a class is a torch.autograd.Function, by its base, or by its text without torch."""
    if any(base.__name__ == "Function" and base.__module__.startswith("torch.") for base in owner.__mro__):
        return True
    is_static = isinstance(inspect.getattr_static(owner, backward.__name__, None), staticmethod)
    first = next(iter(inspect.signature(backward).parameters), "")
    text = text_of(forward) + text_of(backward)
    keeps = re.search(r"\.(save_for_backward|saved_tensors|saved_variables)\b", text)
    return is_static and owner.__mro__[1:] == (object,) and (first == "ctx" or keeps is not None)

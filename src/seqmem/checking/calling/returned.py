"""The assignment of a backward pass's results, returned or left in an object, to the arrays."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling import slots as within
from seqmem.checking.calling.backwards import Binding, Part
from seqmem.checking.calling.calls import RATE, Call, Ran
from seqmem.checking.reading.hints import returned_names
from seqmem.checking.reading.words import bare, is_upstream, plain, role
from seqmem.module import Array


class Found(NamedTuple):
    """A possible gradient."""

    label: str  # its name in the author's code
    where: tuple[Any, ...]  # ("returned", path), ("left", root, path), ("update", root, path)
    value: Any


class Pairing(NamedTuple):
    """The position of the gradient of each array."""

    places: dict[str, tuple[Any, ...]]
    notes: tuple[str, ...]
    left_over: tuple[str, ...]  # returned values that are not a gradient


def fetch(where: tuple[Any, ...], result: Any, ran: Ran, before: dict[Any, Any]) -> Any:
    """Return a gradient from its position."""
    if where[0] == "sum":
        return sum(np.asarray(fetch(one, result, ran, before)) for one in where[1])
    if where[0] == "returned":
        return within.get(result, where[1]) if where[1] else result
    value = within.get(ran.roots[where[1]], where[2])
    if where[0] == "left":
        return value
    return (before[where[1], where[2]] - value) / RATE


def collected(
    call: Call, binding: Binding, parts: list[Part], result: Any, ran: Ran, before: dict[Any, Any]
) -> list[Found]:
    """Return all possible gradients: first the returned values, then those left in objects."""
    found = _of_result(binding, parts, result)
    own_params = {(root, path) for root, slot in call.params.values() for path in slot.paths}
    for root, thing in ran.roots.items():
        for slot in within.slots(thing):
            mine = [path for path in slot.paths if (root, path) in own_params]
            old = before.get((root, slot.path))
            changed = old is None or old.shape != slot.array.shape or not np.array_equal(old, slot.array)
            if mine and changed and old is not None:
                found.append(
                    Found(within.name_of(mine[0]), ("update", root, mine[0]), (old - slot.array) / RATE)
                )
            elif changed or within.is_gradient(slot.path):
                found.append(Found(_label(slot.path), ("left", root, slot.path), slot.array))
    return found


def _of_result(binding: Binding, parts: list[Part], result: Any) -> list[Found]:
    """Return the possible gradients among the values that were returned, or written into dictionaries."""
    if binding.function is None:
        spread = [
            _spread(part.name, (("item", k),), part.value)
            for k, part in enumerate(parts)
            if k not in binding.outputs
        ]
        return [one for ones in spread for one in ones]
    names = returned_names(binding.function)
    filled = [f"{name}." for name, kind, _ in binding.others if kind == "fill"]
    if filled:  # the result is followed by the dictionaries
        first = names[0] if len(names) == 1 else ""
        named = enumerate((first, *filled))
        return [one for k, name in named for one in _spread(name, (("item", k),), result[k])]
    is_several = isinstance(result, (tuple, list)) and not hasattr(result, "_fields")
    if is_several and len(names) == len(result):
        return [one for k, value in enumerate(result) for one in _spread(names[k], (("item", k),), value)]
    return _spread(names[0] if len(names) == 1 else "", (), result)


def _label(path: within.Path) -> str:
    """Return the name of an attribute or entry, or its index if it has none."""
    words = [str(step) for kind, step in path]
    if len(words) > 1 and path[-1][0] == "item":
        return ".".join(words)
    if len(words) > 1 and words[-1] in ("d", "grad", "g", "dv", "derivative", "gradient", "diff"):
        return f"d_{words[-2]}"
    return words[-1]


def _spread(name: str, path: within.Path, value: Any) -> list[Found]:
    if isinstance(value, np.ndarray) or (np.isscalar(value) and not isinstance(value, str)):
        return [Found(name, ("returned", path), value)] if np.asarray(value).dtype.kind in "fciu" else []
    if isinstance(value, dict) and len(value) < 200:
        if any(isinstance(key, int) for key in value):
            return []  # states by step
        short = {key: str(key).rpartition("/")[2] for key in value}  # W of "Dense/W"
        return [
            one for key, part in value.items() for one in _spread(short[key], (*path, ("key", key)), part)
        ]
    if hasattr(value, "_fields"):
        return [
            one for key in value._fields for one in _spread(key, (*path, ("attr", key)), getattr(value, key))
        ]
    if isinstance(value, (tuple, list)) and len(value) < 200:
        return [
            one for k, part in enumerate(value) for one in _spread(f"{name}.{k}", (*path, ("item", k)), part)
        ]
    return []


def pair(
    call: Call,
    arrays: dict[str, Array],
    found: list[Found],
    fits: Callable[[str, Any], bool],
) -> Pairing:
    """Find each array's gradient by its name, its position or its numbers.

    Args:
        call: the calls of the candidate.
        arrays: all arrays that may have a gradient, by name, in the order of the forward pass.
        found: all possible gradients.
        fits: whether a value is the right derivative with respect to an array of that name.
    """
    if call.candidate.is_torch:
        return _in_torch(call, arrays, found)
    pairs = _Pairs(call, arrays, list(found))
    pairs.of_shared_weights()
    pairs.by(_is_named)
    pairs.by(_is_nearly_named)
    pairs.by_place()
    moved = pairs.by_numbers(fits)
    pairs.of_parameters_without()
    notes = (f"gradients recognised by their numbers: {'; '.join(moved)}",) if moved else ()
    left = [
        one.label for one in pairs.left if one.where[0] == "returned" and _looks_like_gradient(one, arrays)
    ]
    return Pairing(pairs.places, notes, tuple(left))


def _in_torch(call: Call, arrays: dict[str, Array], found: list[Found]) -> Pairing:
    """Return the gradients of a torch.autograd.Function: one for each argument, in the arguments' order."""
    order = [parameter.name for parameter in call.parameters]
    returned = {one.where for one in found}
    places = {name: ("returned", (("item", order.index(name)),)) for name in arrays}
    return Pairing({name: where for name, where in places.items() if where in returned}, (), ())


class _Pairs:
    """The gradients that were found so far, and the remaining values."""

    def __init__(self, call: Call, arrays: dict[str, Array], left: list[Found]) -> None:
        self.call, self.arrays, self.left = call, arrays, left
        self.places: dict[str, tuple[Any, ...]] = {}

    def take(self, name: str, *ones: Found) -> None:
        """Take one value for an array's gradient, or several for its parts."""
        self.places[name] = ones[0].where if len(ones) == 1 else ("sum", tuple(one.where for one in ones))
        self.left = [other for other in self.left if not any(other is one for one in ones)]

    def waiting(self) -> list[str]:
        """Return the arrays whose gradients were not found."""
        return [name for name in self.arrays if name not in self.places]

    def of_shared_weights(self) -> None:
        """Assign both gradients of a weight that occurs twice in a list."""
        for name in self.call.params:
            several = _of_shared(self.call, name, self.left)
            if several:
                self.take(name, *several)

    def by(self, test: Callable[[Call, str, Found], bool]) -> None:
        """Assign gradients by name; among several, one of the right shape is preferred."""
        for name in self.waiting():
            ones = [one for one in self.left if test(self.call, name, one)]
            if ones:
                shape = self.arrays[name].shape
                self.take(name, next((one for one in ones if np.shape(one.value) == shape), ones[0]))

    def by_place(self) -> None:
        """Assign parts without a known name in the order of the missing arrays, if all shapes fit."""
        is_loss = self.call.candidate.backward is None
        unnamed = [
            one
            for one in self.left
            if one.where[0] == "returned" and (is_upstream(one.label) if is_loss else _may_be_any(one))
        ]
        waiting = self.waiting()
        alike = [np.shape(one.value) for one in unnamed] == [self.arrays[name].shape for name in waiting]
        only = len(unnamed) == len(waiting) == len(self.arrays) == 1
        if waiting and (alike or only):
            for name, one in zip(waiting, unnamed, strict=True):
                self.take(name, one)

    def by_numbers(self, fits: Callable[[str, Any], bool]) -> list[str]:
        """Assign gradients by their numbers; return notes on those that were returned."""
        moved = []
        for name in self.waiting():
            same = [one for one in self.left if np.shape(one.value) == self.arrays[name].shape]
            right = next((one for one in same if fits(name, one.value)), None)
            if right is not None:
                self.take(name, right)
                if right.where[0] == "returned":
                    moved.append(f"{right.label or 'a part'} is the gradient of {name}")
        return moved

    def of_parameters_without(self) -> None:
        """Assign the only remaining gradient of a parameter's shape to that parameter."""
        for name in self.call.params:
            same = [
                one
                for one in self.left
                if name not in self.places
                and np.shape(one.value) == self.arrays[name].shape
                and one.where[0] == "left"
                and within.is_gradient(one.where[2])
            ]
            if same:
                self.take(name, same[0])


def in_shape(value: Any, array: Array) -> Any:
    """Return a gradient in its array's shape if they differ only in axes of length 1."""
    same = np.shape(value) != array.shape and np.size(value) == array.size
    if same and [n for n in np.shape(value) if n > 1] == [n for n in array.shape if n > 1]:
        return np.reshape(value, array.shape)
    return value


def _looks_like_gradient(one: Found, arrays: dict[str, Array]) -> bool:
    if role(bare(one.label)) == "state":
        return False  # the gradient of a state that starts from zeros
    unnamed = one.label.strip(".0123456789") == ""
    return (unnamed or is_upstream(one.label)) and any(
        np.shape(one.value) == a.shape for a in arrays.values()
    )


def _is_named(call: Call, name: str, one: Found) -> bool:
    label = one.label
    if one.where[0] == "update":
        return bool(label == name)
    if one.where[0] == "left" and _same_index(call, name, one):
        return True
    if one.where[0] == "left" and "." in name and len(one.where[2]) > 1 and one.where[2][-1][0] == "key":
        return False  # W.z is not where dU["z"] is
    own = {plain(name), plain(_last(name))}
    if plain(label) in own:
        return (one.where[0] == "returned" and any(kind == "key" for kind, _ in one.where[1])) or (
            one.where[0] == "left" and within.is_gradient(one.where[2])
        )
    return bare(label) in own and bare(label) != plain(label)


def _last(name: str) -> str:
    """Return the last part of a name: W of "dense.W" and of "dense/W"."""
    return re.split(r"[./]", name)[-1]


def _same_index(call: Call, name: str, one: Found) -> bool:
    """Return whether grads[2] is the gradient of params[2], and so on."""
    if name not in call.params:
        return False
    root, slot = call.params[name]
    path = one.where[2]
    if root != one.where[1] or not within.is_gradient(path):
        return False
    return any(
        len(own) == len(path)
        and own[-1] == path[-1]
        and own[-1][0] in ("item", "key")
        and _same_holder(own, path)
        for own in slot.paths
    )


def _of_shared(call: Call, name: str, left: list[Found]) -> list[Found]:
    """Return the separate gradients of a weight that occurs more than once in a list of parameters."""
    root, slot = call.params[name]
    listed = [path for path in slot.paths if path[-1][0] == "item"]
    if len(listed) < 2:
        return []
    found = [
        one
        for one in left
        if one.where[:2] == ("left", root)
        and len(one.where[2]) == 2
        and within.is_gradient(one.where[2])
        and any(_is_at(path, one.where[2][-1]) for path in listed)
    ]
    return found if len({id(one.value) for one in found}) > 1 else []


def _is_at(path: within.Path, last: within.Step) -> bool:
    return len(path) == 2 and path[-1] == last and within.is_holder(str(path[0][1]))


def _same_holder(own: within.Path, path: within.Path) -> bool:
    """Return whether dU holds the gradients of the contents of U; grads holds the gradients of all."""
    if len(path) < 2:
        return True
    short, holder = bare(str(path[-2][1])), plain(str(own[-2][1]))
    return short == holder or within.is_holder(str(own[-2][1])) or len(holder) > 2


def _is_nearly_named(call: Call, name: str, one: Found) -> bool:
    """Return whether a returned name is similar: dx for xt, dh for h_prev, dW for weights."""
    if one.where[0] == "update":
        return False
    short, own = bare(one.label), plain(_last(name))
    if not short or short == plain(one.label) or not short[0].isalpha():
        return False
    if len(short) == 1 or len(own) == 1:
        stripped = _stripped(own)
        return _stripped(short) == stripped and bool(stripped)
    return _stripped(short) == _stripped(own) or own.startswith(short) or short.startswith(own)


def _stripped(name: str) -> str:
    for word in ("prev", "next", "init", "input", "old", "past", "before", "last"):
        if name != word:
            name = name.removeprefix(word).removesuffix(word)
    return name.rstrip("0123456789") if len(name) > 1 else name


def _may_be_any(one: Found) -> bool:
    """Return whether a part's name allows it to be a gradient: a, b and c may be gradients."""
    return len(one.label) < 3 or one.label.startswith(".") or is_upstream(one.label)

"""A module that works with another text of one of the library's functions; the library stays as it is."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

from seqmem.module import Module

_Cached = type(functools.cache(len))
NOTHING: Mapping[str, Any] = MappingProxyType({})


def text_of(owner: type | ModuleType, name: str) -> str:
    """The text of a class's method or of a file's function, from the left margin."""
    return textwrap.dedent(inspect.getsource(_function_in(getattr(owner, name))))


def with_text(
    module: Module, owner: type | ModuleType, name: str, text: str, constants: Mapping[str, Any] = NOTHING
) -> Module:
    """The module with another text for a method of one of its parts, or for what its parts call.

    Args:
        module: is written to.
        owner: the class whose method it is, of a part (the first that is one) or of anything that parts work
            with; or the file whose function it is.
        name: of the method or function.
        text: the new one.
        constants: the owner's file's names that the text should see with other values.
    """
    part = module
    if isinstance(owner, type) and issubclass(owner, Module):
        part = next(part for part in _parts(module) if isinstance(part, owner))
        now = getattr(type(part), name)
    else:
        now = getattr(owner, name)
    new = _compiled(text, name, {**_function_in(now).__globals__, **constants, "__class__": owner})
    if isinstance(owner, ModuleType):
        _rewire(module, {now: new})
    elif issubclass(owner, Module):
        part.__class__ = _with_methods(type(part), {name: new})
    else:
        _rewire(module, {owner: _with_methods(owner, {name: new})})
    return module


def _function_in(method: Any) -> FunctionType:
    """The function itself of one that a decorator wraps."""
    function: FunctionType = inspect.unwrap(method)
    return function


def _compiled(text: str, name: str, names: dict[str, Any]) -> Any:
    exec(text.replace("super()", "super(__class__, self)"), names)  # our own text, from our own files
    return names[name]


def _parts(module: Module) -> Iterator[Module]:
    yield module
    for value in vars(module).values():
        if isinstance(value, Module):
            yield from _parts(value)


def _with_methods(owner: type, methods: dict[str, Any]) -> Any:
    return type(owner.__name__, (owner,), {"__module__": owner.__module__, **methods})


def _rewire(module: Module, changed: dict[Any, Any]) -> None:
    """Let every part see something else wherever it would come to the keys of `changed`."""
    for part in _parts(module):
        methods = _methods_that_see(type(part), changed)
        if methods:
            part.__class__ = _with_methods(type(part), methods)


def _methods_that_see(owner: type, changed: dict[Any, Any]) -> dict[str, Any]:
    methods = {name: inspect.getattr_static(owner, name) for name in dir(owner)}
    others = {name: _seeing(method, changed) for name, method in methods.items()}
    return {name: other for name, other in others.items() if other is not methods[name]}


def _seeing(thing: Any, changed: dict[Any, Any]) -> Any:
    """A function or class of the library, or a copy of it when it comes to what was changed."""
    of_the_library = (getattr(thing, "__module__", None) or "").startswith("seqmem.")
    if not of_the_library or not isinstance(thing, (FunctionType, type, _Cached)):
        return thing
    if thing in changed:
        return changed[thing]
    changed[thing] = thing  # until it is known: what calls itself is met again on the way
    if isinstance(thing, type):
        methods = {} if issubclass(thing, Module) else _methods_that_see(thing, changed)
        changed[thing] = _with_methods(thing, methods) if methods else thing
    elif isinstance(thing, _Cached):
        other = _seeing(thing.__wrapped__, changed)
        changed[thing] = thing if other is thing.__wrapped__ else functools.cache(other)
    else:
        seen = {name: thing.__globals__[name] for name in _names(thing.__code__) & thing.__globals__.keys()}
        others = {name: _seeing(value, changed) for name, value in seen.items()}
        if any(others[name] is not value for name, value in seen.items()):
            names = thing.__globals__ | others
            other = FunctionType(thing.__code__, names, thing.__name__, thing.__defaults__, thing.__closure__)
            other.__kwdefaults__ = thing.__kwdefaults__
            changed[thing] = other
    return changed[thing]


def _names(code: CodeType) -> set[str]:
    """What a function reads by name, in the functions within it, too."""
    within = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, within))

"""Modules that run with a changed text of one of the library's functions; the library is unchanged."""

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
    """Return the text of a class's method or of a file's function, dedented."""
    return textwrap.dedent(inspect.getsource(_function_in(getattr(owner, name))))


def with_text(
    module: Module, owner: type | ModuleType, name: str, text: str, constants: Mapping[str, Any] = NOTHING
) -> Module:
    """Return the module with another text for a method of one of its parts, or for a function they call.

    Args:
        module: the module, which is changed.
        owner: the class of the method: of a part (the first of that class) or of any object that parts use;
            or the file of the function.
        name: the name of the method or function.
        text: the new text.
        constants: names of the owner's file that have other values for the text.
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
    """Return the function that a decorator wraps."""
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
    """Let every part use a replacement wherever it would use a key of `changed`."""
    for part in _parts(module):
        methods = _methods_that_see(type(part), changed)
        if methods:
            part.__class__ = _with_methods(type(part), methods)


def _methods_that_see(owner: type, changed: dict[Any, Any]) -> dict[str, Any]:
    methods = {name: inspect.getattr_static(owner, name) for name in dir(owner)}
    others = {name: _seeing(method, changed) for name, method in methods.items()}
    return {name: other for name, other in others.items() if other is not methods[name]}


def _seeing(thing: Any, changed: dict[Any, Any]) -> Any:
    """Return a function or class of the library, or a copy if it uses something that was changed."""
    of_the_library = (getattr(thing, "__module__", None) or "").startswith("seqmem.")
    if not of_the_library or not isinstance(thing, (FunctionType, type, _Cached)):
        return thing
    if thing in changed:
        return changed[thing]
    changed[thing] = thing  # until it is known, because a recursive function is met again
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
    """Return the names that a function reads, including those of functions inside it."""
    within = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, within))

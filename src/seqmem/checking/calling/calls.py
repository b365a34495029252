"""Calls of a pass with values for everything that it needs: arguments, dictionaries, globals, an object."""

from __future__ import annotations

import ast
import copy
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling import slots as within
from seqmem.checking.calling.values import Value, draw
from seqmem.checking.reading import torch_functions
from seqmem.checking.reading.candidates import Candidate, words
from seqmem.checking.reading.hints import (
    global_names,
    keys_of,
    shape_in,
    text_of,
    tree_of,
    unpacked,
    words_of,
)
from seqmem.checking.reading.loading import NOT_IMPORTED, Stub, _Missing
from seqmem.checking.reading.words import role, size_letter
from seqmem.module import Array

RATE = 0.5  # the learning rate for a backward pass that updates weights itself
MOST_NUMBERS = 3000  # an array in the file with at most this many numbers keeps its shape
_SETUPS = (
    "setup",
    "build",
    "initialize",
    "init_params",
    "_init_params",
    "init_weights",
    "initialize_parameters",
    "_build",
)
_DICTS = re.compile(r"^(param\w*|theta|weights|model|p|wts|\w+_params?|P|grads|config|state_dict)$")
_KNOWN = {  # options with known keys
    "mode": "train", "stride": 1, "pad": 1, "pool_height": 2, "pool_width": 2, "p": 0.6, "seed": 3,
    "eps": 1e-5,
    "momentum": 0.9, "dropout": 0.0, "padding": 0,
}  # fmt: skip


class Site(NamedTuple):
    """A place where a value is needed."""

    place: str  # "arg", "back", "init", "key", "item", "global"
    owner: str  # the dictionary, list or class that contains it
    name: str


class AskError(Exception):
    """Raised if a value is needed at an unknown site."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.name)
        self.site = site


class _NeedKeyError(KeyError):
    def __init__(self, owner: str, key: Any) -> None:
        super().__init__(key)
        self.owner = owner


class _Asking(dict[Any, Any]):
    """A dictionary that reports which key was requested."""

    owner = ""

    def __missing__(self, key: Any) -> Any:
        raise _NeedKeyError(self.owner, key)

    def __deepcopy__(self, memo: Any) -> _Asking:
        found = _Asking({key: copy.deepcopy(value, memo) for key, value in self.items()})
        found.owner = self.owner
        return found


class Ran:
    """The arguments and results of a forward pass, any of which a backward pass may need."""

    __slots__ = ("arguments", "globals", "result", "roots")

    def __init__(
        self, result: Any, arguments: dict[str, Any], roots: dict[str, Any], names: dict[str, Any]
    ) -> None:
        self.result, self.arguments, self.roots, self.globals = result, arguments, roots, names


class Descent:
    """A plain optimizer for layers that update themselves: a weight's change is its gradient."""

    def update(self, w: Any, grad_wrt_w: Any) -> Any:
        """Return updated weights."""
        return w - RATE * np.reshape(grad_wrt_w, np.shape(w))


class Call:
    """The calls of one candidate."""

    def __init__(
        self, candidate: Candidate, names: dict[str, Any], seed: int, fixed: dict[str, Value]
    ) -> None:
        self.candidate, self.names, self.seed, self.fixed = candidate, names, seed, fixed
        self.functions = [f for f in (candidate.forward, candidate.backward) if f is not None]
        self.text = "\n".join(map(text_of, self.functions)) + _docs(candidate, text_of)
        self.remarks = "\n".join(map(words_of, self.functions)) + _docs(candidate, words_of)
        self.parameters = _parameters(candidate.forward, candidate.owner is not None)
        if candidate.is_torch and not torch_functions.is_separate(candidate.owner):
            self.parameters = self.parameters[1:]  # without the context
        unpackings = {n: unpacked(candidate.forward, n) for n in self._required()}
        self.lists = {n: parts for n, parts in unpackings.items() if len(parts) > 1 and _is_list(n, parts)}
        self.makers = self._makers()
        self.dicts = {n: keys_of(candidate.forward, n) for n in self._required() if self._is_dict(n)}
        self.objects = self._objects()
        self.params: dict[str, tuple[str, within.Slot]] = {}  # arrays within objects that matter
        self._made: dict[Any, Any] = {}
        self._made_with: dict[str, Any] = {}
        self.found_for: Any = None  # the values for which the parameters were found
        self.phase = "init"  # "init", "forward" or "backward": the active phase
        self.warm = False  # True if an object has its parameters only after a first call

    def _required(self) -> list[str]:
        return [p.name for p in self.parameters if self._is_required(p)]

    def _is_required(self, parameter: inspect.Parameter) -> bool:
        if parameter.default is parameter.empty or parameter.name in self.fixed:
            return True
        is_loss = self.candidate.backward is None and role(parameter.name) == "labels"
        too_large = (
            type(parameter.default) is int and parameter.default > 1 and bool(size_letter(parameter.name))
        )
        return too_large or (is_loss and parameter.default is None)

    def _makers(self) -> dict[str, Callable[..., Any]]:
        """Return the makers of objects for arguments: a class of the same name, or a function."""
        found: dict[str, Callable[..., Any]] = {}
        for parameter in [*self.parameters, *self._init()]:
            name = parameter.name
            if name in self.fixed or parameter.default is not parameter.empty:
                continue
            maker = _maker(name, parameter.annotation, self.names, self.candidate)
            if maker is not None:
                found[name] = maker
        return found

    def _make_objects(self, given: dict[Site, Any]) -> None:
        """Create the objects that are arguments."""
        for name, maker in self.makers.items():
            own = {s.name: v for s, v in given.items() if s.place == "make" and s.owner == name}
            key = tuple((k, _key(v)) for k, v in own.items())
            if self._made_with.get(name) != key:
                self.objects[name] = self._guarded(lambda maker=maker, own=own: maker(**own))  # type: ignore[misc]
                self._made_with[name] = key

    def _is_dict(self, name: str) -> bool:
        if name in self.lists or name in self.makers:
            return False
        looked_up = rf"\b{re.escape(name)}(\[([\"']|[a-z]\w*\])|\.(items|keys|values|get)\b)"
        told = re.match(r"^(\w+_)?params?$|^parameters$", name) or re.search(looked_up, self.text)
        is_known = bool(_DICTS.match(name) and told) or bool(keys_of(self.candidate.forward, name))
        return name not in self.fixed and is_known

    def _objects(self) -> dict[str, Any]:
        """Return objects of the file's own classes that are default arguments or globals."""
        module = self.candidate.forward.__module__
        parameters = [p for function in self.functions for p in _parameters(function, False)]
        return {p.name: p.default for p in parameters if type(p.default).__module__ == module}

    def sites(self) -> list[Site]:
        """Return the sites that are known from the start."""
        found: list[Site] = []
        if self.candidate.owner is not None:
            found += [
                Site("init", "", p.name)
                for p in self._init()
                if self._is_asked(p) and p.name not in self.makers
            ]
        for name in self._required():
            if name in self.dicts:
                found += [Site("key", name, key) for key in self.dicts[name]]
            elif name in self.lists:
                found += [Site("item", name, part) for part in self.lists[name]]
            elif name not in self.objects and name not in self.makers:
                found.append(Site("arg", "", name))
        for name, maker in self.makers.items():
            parameters = _parameters(maker, isinstance(maker, type))
            found += [Site("make", name, p.name) for p in parameters if p.default is p.empty]
        return found + self._globals()

    def _init(self) -> list[inspect.Parameter]:
        owner = self.candidate.owner
        init = inspect.getattr_static(owner, "__init__", None) if owner else None
        return _parameters(init, True) if inspect.isfunction(init) else []

    def _is_asked(self, parameter: inspect.Parameter) -> bool:
        if parameter.name in self.fixed or parameter.default is parameter.empty:
            return True
        default = parameter.default
        return type(default) is int and default > 1 and bool(size_letter(parameter.name))

    def _globals(self) -> list[Site]:
        """Return the sites of arrays among the globals that the passes read."""
        found = []
        for name in global_names(self.functions):
            value = self.names.get(name)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and 0 < value.size <= MOST_NUMBERS:
                found.append(Site("global", "", name))
        return found

    def known(self, site: Site) -> Value | None:
        """Return a value that is certain: given by the user, or the shape of an existing array."""
        if site.name in self.fixed:
            return self.fixed[site.name]
        if site.place == "init" and site.name in self._pairs():
            return Value("is", (), (2, 2))
        present = self.names.get(site.name) if site.place == "global" else None
        if isinstance(present, np.ndarray):
            return Value("float", present.shape)
        if (
            site.place == "key"
            and site.name in _KNOWN
            and not re.match(r"^(params?|parameters|theta)$", site.owner)
        ):
            return Value("is", (), _KNOWN[site.name])
        return None

    def _pairs(self) -> set[str]:
        """Return the constructor's arguments that are two sizes, by their annotations."""
        return {p.name for p in self._init() if re.search(r"\b[tT]uple\[int, *int\]", str(p.annotation))}

    def hint(self, site: Site) -> tuple[int, ...] | None:
        """Return a shape from the file's comments."""
        return shape_in(self.remarks, site.name)

    # --- calls ---

    def forward(self, values: dict[Site, Value], arrays: dict[str, Array] | None = None) -> Ran:
        """Run the forward pass.

        Raises:
            AskError: if it needs another value.
        """
        arrays = arrays or {}
        given = {site: self._value(site, value, arrays) for site, value in values.items()}
        self._make_objects(given)
        roots = self._roots(given, arrays)
        names = {s.name: v for s, v in given.items() if s.place == "global"}
        with _Globals(self.names, names):
            arguments = self._arguments(given)
            for name, value in self.objects.items():
                roots.setdefault(name, copy.deepcopy(value))
                if name in {p.name for p in self.parameters}:
                    arguments[name] = roots[name]
            for name, (root, slot) in self.params.items():
                if name in arrays and root in roots:
                    for path in slot.paths:
                        within.put(roots[root], path, arrays[name])
            self.phase = "forward"
            np.random.seed(self.seed)  # noqa: NPY002 - dropout leaves out the same numbers at every call
            result = self._called(self.candidate.forward, arguments, roots)
        return Ran(result, arguments, roots, names)

    def _value(self, site: Site, value: Value, arrays: dict[str, Array]) -> Any:
        name = self.display(site)
        drawn = arrays[name] if name in arrays else draw(value, name, self.seed)
        return list(drawn) if value.kind == "list" else drawn

    def display(self, site: Site) -> str:
        """Return the name of a site for a report."""
        return site.name

    def _arguments(self, given: dict[Site, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name in self._required():
            if name in self.dicts:
                found = _Asking({s.name: v for s, v in given.items() if s.place == "key" and s.owner == name})
                found.owner = name
                arguments[name] = found
            elif name in self.lists:
                arguments[name] = [v for s, v in given.items() if s.place == "item" and s.owner == name]
        arguments |= {s.name: v for s, v in given.items() if s.place == "arg"}
        order = [p.name for p in self.parameters]
        return {name: arguments[name] for name in order if name in arguments}

    def _roots(self, given: dict[Site, Any], arrays: dict[str, Array]) -> dict[str, Any]:
        if self.candidate.owner is None:
            return {}
        if self.candidate.is_torch:
            return {"context": self._context(given)}
        init = {s.name: v for s, v in given.items() if s.place == "init"}
        init |= {p.name: copy.deepcopy(self.objects[p.name]) for p in self._init() if p.name in self.objects}
        key = (*((name, _key(v)) for name, v in init.items()), *self._made_with.items())
        if key not in self._made:
            self._made = {key: self._make(init, given)}
        return {"self": copy.deepcopy(self._made[key])}

    def _make(self, init: dict[str, Any], given: dict[Site, Any]) -> Any:
        np.random.seed(self.seed)  # noqa: NPY002 - the file's own classes may draw from it
        owner = self.candidate.owner
        assert owner is not None
        if inspect.isabstract(owner):
            return None
        made = self._guarded(lambda: owner(**init))
        if not within.slots(made):
            self._set_up(made, given)
        if self.warm:
            self._called(self.candidate.forward, self._arguments(given), {"self": made})
        return made

    def _set_up(self, made: Any, given: dict[Site, Any]) -> None:
        """Call the method that creates an object's parameters, if it has one."""
        self._tell_shape(made, given)
        for name in _SETUPS:
            method = getattr(made, name, None)
            if not callable(method):
                continue
            first = next((v for s, v in given.items() if s.place == "arg" and hasattr(v, "shape")), None)
            takes = " ".join(inspect.signature(method).parameters)
            ways = ((Descent(),),) if "optim" in takes else ((), (getattr(first, "shape", None),), (first,))
            for arguments in ways:
                try:
                    method(*copy.deepcopy(arguments))
                    break
                except Exception:  # noqa: BLE001 - another way to call it may work
                    continue

    def _tell_shape(self, made: Any, given: dict[Site, Any]) -> None:
        """Tell an object the shape of its input without the batch, if it has a place for it."""
        first = next((v for s, v in given.items() if s.place == "arg" and hasattr(v, "shape")), None)
        if first is None or getattr(made, "input_shape", None) is not None:
            return
        if callable(getattr(made, "set_input_shape", None)):
            made.set_input_shape(first.shape[1:])
        elif hasattr(made, "input_shape"):
            made.input_shape = first.shape[1:]

    def _called(self, function: Callable[..., Any], arguments: dict[str, Any], roots: dict[str, Any]) -> Any:
        if self.candidate.is_torch:
            return self._guarded(lambda: self._called_with_tensors(function, arguments, roots["context"]))
        if self.candidate.owner is not None and not _is_static(self.candidate.owner, function):
            return self._guarded(lambda: function(roots["self"], **arguments))
        return self._guarded(lambda: function(**arguments))

    def _context(self, given: dict[Site, Any]) -> torch_functions.Context:
        floats = {s.name for s, v in given.items() if np.asarray(v).dtype.kind in "fc"}
        return torch_functions.Context(tuple(p.name in floats for p in self.parameters))

    def _called_with_tensors(
        self, function: Callable[..., Any], arguments: dict[str, Any], context: torch_functions.Context
    ) -> Any:
        if function is not self.candidate.forward:
            return torch_functions.run_backward(function, context, list(arguments.values()))
        assert self.candidate.owner is not None
        return torch_functions.run_forward(self.candidate.owner, function, context, arguments)

    def _guarded(self, call: Callable[[], Any]) -> Any:
        try:
            with np.errstate(all="ignore"):
                return call()
        except _NeedKeyError as error:
            if isinstance(error.args[0], str):
                raise AskError(Site("key", error.owner, error.args[0])) from error
            raise
        except NameError as error:
            name = getattr(error, "name", None)
            if name in self.names.get(NOT_IMPORTED, {}):
                raise ImportError(f"{name} is missing, because {self.names[NOT_IMPORTED][name]}") from error
            if name and not isinstance(error, UnboundLocalError) and name not in self.names:
                raise AskError(Site("global", "", name)) from error
            raise

    def call_backward(
        self, ran: Ran, arguments: dict[str, Any], function: Callable[..., Any] | None = None
    ) -> Any:
        """Run the backward pass with named arguments."""
        function = function or self.candidate.backward
        assert function is not None
        with _Globals(self.names, ran.globals):
            if function is not self.candidate.backward:  # a function that a forward pass returned
                return self._guarded(lambda: function(**arguments))
            return self._called(function, arguments, ran.roots)


class _Globals:
    """Global names of a file, replaced temporarily."""

    def __init__(self, names: dict[str, Any], given: dict[str, Any]) -> None:
        self.names, self.given = names, given
        self.before: dict[str, Any] = {}

    def __enter__(self) -> None:
        self.before = {name: self.names[name] for name in self.given if name in self.names}
        self.names.update(self.given)

    def __exit__(self, *_: Any) -> None:
        for name in self.given:
            if name in self.before:
                self.names[name] = self.before[name]
            else:
                self.names.pop(name, None)


def _key(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    simple = isinstance(value, (int, float, str, bool, list, tuple, dict, type(None)))
    return repr(value) if simple else type(value).__name__


def _docs(candidate: Candidate, of: Callable[[Any], str]) -> str:
    owner = candidate.owner
    if owner is None:
        return ""
    return "\n" + (owner.__doc__ or "") + "\n" + of(vars(owner).get("__init__", owner))


def _maker(
    name: str, annotation: Any, names: dict[str, Any], candidate: Candidate
) -> Callable[..., Any] | None:
    """Return the file's own class or function that creates an argument of this name."""
    module = candidate.forward.__module__
    own = [v for v in names.values() if getattr(v, "__module__", None) == module]
    classes = [v for v in own if isinstance(v, type) and v is not candidate.owner]
    found = next((c for c in classes if annotation in (c, c.__name__)), None)
    if found is None and len(name) > 2:
        found = next((c for c in classes if words(c.__name__)[-1:] == words(name)[-1:]), None)
    if found is None:
        return None
    for function in own:  # for example Maxout(W, b), which returns a Model with this forward pass
        tree = tree_of(function) if inspect.isfunction(function) else None
        said = ast.unparse(tree) if tree else ""
        if (
            tree
            and f"{found.__name__}(" in said
            and candidate.forward.__name__ in said
            and tree.name != candidate.forward.__name__
        ):
            return function
    return found


def _is_list(name: str, parts: list[str]) -> bool:
    """Return whether an unpacked argument is a list of arrays; a state, only if its parts are states."""
    return role(name) != "state" or all(role(part) == "state" for part in parts)


def _is_static(owner: type, function: Callable[..., Any]) -> bool:
    found = (value for base in owner.__mro__ for value in vars(base).values())
    return any(isinstance(value, staticmethod) and value.__func__ is function for value in found)


def _parameters(function: Callable[..., Any], is_method: bool) -> list[inspect.Parameter]:
    """Return the parameters of a function, without self."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = [p for p in inspect.signature(function).parameters.values() if p.kind not in kinds]
    return found[1:] if is_method and found and found[0].name in ("self", "cls", "this") else found


parameters_of = _parameters
is_static = _is_static


def is_missing(value: Any) -> bool:
    """Return whether a value is a substitute for something that is not installed."""
    return isinstance(value, Stub) or type(value) is _Missing

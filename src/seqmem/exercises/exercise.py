"""An exercise: functions of `seqmem.reference` with a hole in them, and the way to test an answer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.mistakes.record import Mistake
from seqmem.nests import tree_leaves

Draw = Callable[[np.random.Generator, dict[str, int]], dict[str, Any]]
View = Callable[[Any], dict[str, Any]]

# All sizes that meet in a pass differ, so that axes cannot be confused; LARGE shows the cost of a loop.
SMALL = {"T": 4, "B": 3, "S": 6, "D": 7, "H": 5, "K": 8, "Q": 7, "A": 9, "E": 2, "V": 11}
LARGE = {"T": 12, "B": 96, "S": 12, "D": 24, "H": 32, "K": 16, "Q": 16, "A": 16, "E": 16, "V": 40}


class Made(NamedTuple):
    """A function that is created from its source where it is needed."""

    source: str
    name: str


def made(value: Any, names: dict[str, Any] | None = None) -> Any:
    """Return a value with functions in place of their sources.

    Args:
        value: any value; a `Made` in it, or in a dict in it, becomes a function.
        names: names that the source may use.

    >>> made({"double": Made("def f(x):\\n    return 2 * x", "f"), "n": 3})["double"](4)
    8
    """
    if isinstance(value, dict):
        return {name: made(part, names) for name, part in value.items()}
    if not isinstance(value, Made):
        return value
    own = dict(names or {})
    exec(compile(_PREFIX + value.source, "<given>", "exec"), own)  # a source of ours
    return own[value.name]


_PREFIX = "from __future__ import annotations\nimport numpy as np\n"


class Part(NamedTuple):
    """A unit of credit: a returned array, or one gate of it."""

    function: str
    array: str
    gate: str = ""

    @property
    def name(self) -> str:
        """Its name in reports: `lstm_step_backward: W_x, gate f`."""
        return f"{self.function}: {self.array}" + (f", gate {self.gate}" if self.gate else "")


class Problem(NamedTuple):
    """One set of numbers for a task."""

    inputs: dict[str, Any]  # the inputs of the forward pass, by name
    upstream: tuple[Any, ...] = ()  # a gradient for each output; () if there is no backward pass


class Task(NamedTuple):
    """One function to write."""

    function: str  # its name in `seqmem.reference`
    draw: Draw  # the inputs of the forward pass, or of the function itself if there is none
    outputs: tuple[str, ...]  # the results of the forward pass, by name, without the cache
    has_cache: bool = True  # whether the forward pass returns a cache, last
    kind: str = ""  # of `seqmem.checking.KINDS`: layouts that are recognised, and mistakes that have names
    axes: dict[str, str] = {}  # noqa: RUF012 - a letter for each axis of an input: {"W_x": "GDH"}
    gates: tuple[str, ...] = ()  # where an axis G leads
    view: View | None = None  # the arrays in what is returned, where that is neither a tuple nor a dict
    module: str = "seqmem.reference"  # the module of the function
    is_timed: bool = True  # whether a loop over the batch would be slower
    second: Draw | None = None  # the second set of numbers, if drawn differently
    tolerance: float = 1e-9  # relative to an array's largest entry
    expected: Callable[[Problem], dict[str, Any]] | None = None  # the right arrays, if there is no reference
    told: Callable[[Any], list[str]] | None = None  # the errors that the returned value shows by itself
    source: tuple[str, str] = ("", "")  # of the function, with a hole and solved, where no reference has it
    known: tuple[Mistake, ...] = ()  # known mistakes of the function that no kind has
    glue: Made | None = None  # called in place of the function; calls the student's code

    @property
    def is_backward(self) -> bool:
        """True if the function is a backward pass, which takes a forward pass's cache."""
        return self.function.endswith("_backward")

    @property
    def forward(self) -> str:
        """The name of the forward pass; that of the function itself unless it is a backward pass."""
        return self.function.removesuffix("_backward") + "_forward" if self.is_backward else self.function

    def of_reference(self, name: str) -> Callable[..., Any]:
        """Return a function of the reference."""
        return getattr(importlib.import_module(self.module), name)

    def problem(self, rng: np.random.Generator, sizes: dict[str, int] | None = None) -> Problem:
        """Draw numbers for the task."""
        return self._completed(self.draw(rng, sizes or SMALL), rng)

    def second_problem(self, rng: np.random.Generator) -> Problem:
        """Draw other numbers, which show mistakes that the first ones may hide."""
        return self._completed((self.second or self.draw)(rng, SMALL), rng)

    def _completed(self, inputs: dict[str, Any], rng: np.random.Generator) -> Problem:
        if not self.is_backward:
            return Problem(inputs)
        *outputs, _ = self.of_reference(self.forward)(**inputs)
        return Problem(inputs, tuple(np.asarray(rng.uniform(-1, 1, np.shape(out))) for out in outputs))

    def right(self, problem: Problem) -> dict[str, Any]:
        """Return the reference's results, as arrays by name."""
        if self.expected is not None:
            return self.expected(problem)
        functions = {name: self.of_reference(name) for name in (self.forward, self.function)}
        return self.run(problem, functions)

    def run(self, problem: Problem, functions: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
        """Return the results of functions used in the reference's place, as arrays by name."""
        result = functions[self.forward](**made(problem.inputs))
        if not self.is_backward:
            shown = result[:-1] if self.has_cache else result
            return self.arrays_of(shown[0] if self.has_cache and len(self.outputs) == 1 else shown)
        return self.arrays_of(functions[self.function](*problem.upstream, result[-1]))

    def arrays_of(self, returned: Any) -> dict[str, Any]:
        """Return the arrays in the function's result, by name and without the cache.

        >>> Task("f", lambda rng, sizes: {}, ("h", "c")).arrays_of((1.0, 2.0))
        {'h': 1.0, 'c': 2.0}
        """
        if self.view is not None:
            return self.view(returned)
        if isinstance(returned, dict):
            return {name.removeprefix("params."): leaf for name, leaf in tree_leaves(returned, "")}
        parts = returned if isinstance(returned, (tuple, list)) else (returned,)
        names = (
            self.outputs
            if len(parts) == len(self.outputs)
            else tuple(f"output {k}" for k in range(len(parts)))
        )
        return {
            own: leaf
            for name, part in zip(names, parts, strict=True)
            for own, leaf in tree_leaves(part, name)
        }


def parts_of(task: Task) -> tuple[Part, ...]:
    """Return the units of credit in a task: each array, or each gate of an array with a gate axis."""
    right = task.right(task.problem(np.random.default_rng(0)))
    found: list[Part] = []
    for name in right:
        gated = task.axes.get(name, "").startswith("G")
        found += [Part(task.function, name, gate) for gate in (task.gates if gated else ("",))]
    return tuple(found)


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course."""

    name: str  # also the name of its file
    title: str
    section: str  # of the lecture
    tasks: tuple[Task, ...]
    equation: str  # the equations to implement, as in the lecture
    teaches: str
    minutes: int  # for a typical student
    hints: tuple[str, str, str]  # from a question to almost the line itself
    mistakes: tuple[str, ...] = ()  # that are common, and no answer
    derivation: str = ""  # the required part of the lecture
    given: tuple[str, ...] = ()  # further functions of the reference to show above the hole
    example: tuple[str, ...] = ()  # functions of the reference as worked examples
    forbids_seqmem: bool = True  # whether importing seqmem is forbidden
    imports: tuple[str, ...] = ()  # further lines at the top of the file
    planted: Mistake | None = None  # the mistake to find, if any
    seed: int = 0  # the seed that drew the mistake

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions to write."""
        return tuple(task.function for task in self.tasks)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The units of credit, in order."""
        return tuple(part for task in self.tasks for part in parts_of(task))

"""The record of a mistake: a line of a reference pass and its replacement."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from types import CodeType, ModuleType
from typing import Any, Literal, NamedTuple


class Mistake(NamedTuple):
    """One common mistake, as one change of one line."""

    code: str  # its name, such as "lstm-d-f-with-new-c"
    place: Literal["forward", "backward"]
    line: str  # a line of that pass, without its indentation and without a comment
    becomes: str  # the replacement; further lines are indented relative to the first
    message: str  # the mistake, with the array, the gate and the position
    hint: str  # the question that leads to the right line
    in_step: str = ""  # both for a single step, if they mention a loop

    def text(self, is_step: bool) -> str:
        """Return the message and the hint, for a sequence or for a single step."""
        return self.in_step if is_step and self.in_step else f"{self.message} {self.hint}"


class Passes(NamedTuple):
    """The forward and backward pass of a reference."""

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None  # None if nothing is differentiated


def passes_of(reference: ModuleType) -> Passes:
    """Return a reference's complete passes, the last in its file: sequence passes follow step passes."""
    functions = _functions(reference)
    return Passes(functions["forward"][-1], functions["backward"][-1] if functions["backward"] else None)


def mistaken(reference: ModuleType, mistakes: Iterable[Mistake]) -> Passes:
    """Return a reference's passes with mistakes in them, in a step or in the loop over the steps.

    Raises:
        ValueError: for a line that does not occur exactly once in the functions of its direction.
    """
    names = mistaken_names(reference, mistakes)
    forward, backward = passes_of(reference)
    return Passes(names[forward.__name__], names[backward.__name__] if backward else None)


def mistaken_names(reference: ModuleType, mistakes: Iterable[Mistake]) -> dict[str, Any]:
    """Return all names of a reference, with mistakes in its functions; imported names are unchanged.

    Raises:
        ValueError: for a line that does not occur exactly once in the functions of its direction.
    """
    names: dict[str, Any] = dict(vars(reference))
    functions = _functions(reference)
    sources = {place: [_source(function) for function in functions[place]] for place in functions}
    for mistake in mistakes:
        sources[mistake.place] = replaced(sources[mistake.place], mistake)
    for source in itertools.chain(*sources.values()):
        exec(_compiled(source), names)  # our own text, from our own files; all of it: a loop calls its step
    return names


def stands_in_loop(reference: ModuleType, mistake: Mistake) -> bool:
    """Return whether a mistake's line belongs to the complete pass, not to a step of it."""
    whole = _source(_functions(reference)[mistake.place][-1])
    return mistake.line in (line.partition("  #")[0].strip() for line in whole.splitlines())


@cache
def _functions(reference: ModuleType) -> dict[str, list[Callable[..., Any]]]:
    """Return a reference's own functions in the order of its file, by the direction of their pass."""
    own = [
        value
        for value in vars(reference).values()
        if inspect.isfunction(value) and value.__module__ == reference.__name__
    ]
    found: dict[str, list[Callable[..., Any]]] = {"forward": [], "backward": []}
    for function in own:
        found["backward" if function.__name__.endswith("_backward") else "forward"].append(function)
    return found


@cache
def _source(function: Callable[..., Any]) -> str:
    return inspect.getsource(function)


@lru_cache(maxsize=512)  # functions that no mistake, or only one of a pair, changes are compiled once
def _compiled(source: str) -> CodeType:
    return compile(source, "<a reference with mistakes>", "exec")


def replaced(sources: list[str], mistake: Mistake) -> list[str]:
    """Return source texts of which one has a line changed.

    Args:
        sources: the source texts of functions.
        mistake: the mistake, whose line occurs exactly once in them.

    Raises:
        ValueError: if it does not.
    """
    texts = [source.splitlines() for source in sources]
    found = [
        (lines, k)
        for lines in texts
        for k, line in enumerate(lines)
        if line.partition("  #")[0].strip() == mistake.line
    ]
    if len(found) != 1:
        raise ValueError(f"{mistake.code}: {mistake.line!r} stands {len(found)} times in {mistake.place}")
    ((lines, k),) = found
    indent = lines[k][: len(lines[k]) - len(lines[k].lstrip())]
    lines[k] = "\n".join(indent + line for line in mistake.becomes.splitlines())
    return ["\n".join(lines) for lines in texts]

"""A mistake is a line of a reference pass and what it becomes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any, Literal, NamedTuple


class Mistake(NamedTuple):
    """One mistake that people make, as one change of one line."""

    code: str  # its name: "lstm-f-with-new-c"
    place: Literal["forward", "backward"]
    line: str  # a line of that function, without its indentation and without a comment
    becomes: str  # what stands there instead; further lines are indented relative to the first
    message: str  # what is wrong, with the array, the gate and the place
    hint: str  # the question that leads to the right line


def mistaken(
    reference: ModuleType, mistakes: Iterable[Mistake]
) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """A reference's forward and backward functions with mistakes in them; None for a backward it has not.

    Raises:
        ValueError: for a line that does not stand exactly once in its function.
    """
    names: dict[str, Any] = dict(vars(reference))
    sources: dict[str, str] = {}
    for mistake in mistakes:
        source = sources.get(mistake.place) or _source(names[mistake.place])
        sources[mistake.place] = _replaced(source, mistake)
    for source in sources.values():
        exec(source, names)  # our own text, from our own files
    return names["forward"], names.get("backward")


@cache
def _source(function: Callable[..., Any]) -> str:
    return inspect.getsource(function)


def _replaced(source: str, mistake: Mistake) -> str:
    lines = source.splitlines()
    found = [k for k, line in enumerate(lines) if line.partition("  #")[0].strip() == mistake.line]
    if len(found) != 1:
        raise ValueError(f"{mistake.code}: {mistake.line!r} stands {len(found)} times in {mistake.place}")
    indent = lines[found[0]][: len(lines[found[0]]) - len(lines[found[0]].lstrip())]
    lines[found[0]] = "\n".join(indent + line for line in mistake.becomes.splitlines())
    return "\n".join(lines)

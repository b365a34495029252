"""Find the bug: a backward pass with one mistake of the catalogue, to be named and corrected.

A student's seed draws the mistake, so that different students have different ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS, Problem
from seqmem.checking.catalogue.mistakes.record import Mistake
from seqmem.checking.catalogue.recognise import CLOSE, agree
from seqmem.exercises.cutting import equation_of, renamed
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.exercise import Problem as TaskProblem
from seqmem.exercises.lectures import attention, lstm, plain_rnn
from seqmem.exercises.lectures.numbers import drawn

_GRU = {"xs": "TBD", "h0": "BH", "W_x": "GDH", "W_h": "GHH", "b": "GH"}
_TASKS = {
    "rnn": plain_rnn.RNN_BACKWARD.tasks[0],
    "lstm": lstm.LSTM_BACKWARD.tasks[0],
    "gru": Task(
        "gru_before_backward",
        drawn(_GRU, 3),
        ("hs", "h"),
        kind="gru_sequence",
        axes=_GRU,
        gates=("r", "z", "n"),
    ),
    "attention": attention.ATTENTION_BACKWARD.tasks[0],
}
_TITLES = {"rnn": "an RNN", "lstm": "an LSTM", "gru": "a GRU", "attention": "additive attention"}
_PREFIX = "find_the_bug_"
_SEED = re.compile(r"^ *Seed: (\d{1,18})$", re.M)

_HOLE = '''
def wrong_line() -> str:
    """Return the line that was wrong, as it stood in this file."""
    raise NotImplementedError
'''
_SOLVED = '''
def wrong_line() -> str:
    """Return the line that was wrong, as it stood in this file."""
    return {line!r}
'''


def bug_exercises(seed: int = 0) -> tuple[Exercise, ...]:
    """Return an exercise for each pass in which a mistake is planted.

    Args:
        seed: the student's seed, which draws the mistakes.

    >>> [exercise.name for exercise in bug_exercises()]
    ['find_the_bug_rnn', 'find_the_bug_lstm', 'find_the_bug_gru', 'find_the_bug_attention']
    """
    return tuple(with_mistake(topic, _drawn(topic, seed), seed) for topic in _TASKS)


def with_mistake(topic: str, mistake: Mistake, seed: int = 0) -> Exercise:
    """Return the exercise with a certain mistake in it.

    Args:
        topic: "rnn", "lstm", "gru" or "attention".
        mistake: one of `mistakes_of(topic)`.
        seed: the seed that drew the mistake.
    """
    task = _TASKS[topic]
    line = renamed(mistake.becomes, seed)
    solved = _SOLVED.format(line=line)
    name = Task(
        "wrong_line",
        _nothing,
        ("line",),
        has_cache=False,
        is_timed=False,
        view=partial(_is_line, line=line),
        expected=_named,
        source=(_HOLE, solved),
    )
    return Exercise(
        f"{_PREFIX}{topic}",
        f"Find the bug: {_TITLES[topic]}, backward",
        "Find the bug",
        (task, name),
        f"{equation_of(f'seqmem.reference.{_file_of(task)}').strip()}\n\nSeed: {seed}",
        f"One line of the backward pass of {_TITLES[topic]} is wrong. Find it, correct it, and name it.",
        30,
        (
            "Run the check: which arrays are wrong, and which are right? What do only the wrong ones have "
            "in common?",
            "Each line follows a comment with the forward line that it differentiates. Read the lines in "
            "pairs, beginning with the last line whose results are all wrong.",
            "For each line ask: is the shape right, the factor, the transpose, the state (before the step or "
            "after it), and is every use of a value counted once?",
        ),
        (
            "Two lines are changed, and the two changes nearly cancel.",
            "The line is corrected, but not named.",
        ),
        "The derivation of the pass itself.",
        planted=mistake,
        seed=seed,
    )


def seed_in(text: str) -> int | None:
    """Return the seed that a file contains; None if it contains none.

    >>> seed_in('Find the bug.\\n\\nSeed: 17\\n')
    17
    """
    found = _SEED.search(text)
    return int(found[1]) if found else None


@cache
def mistakes_of(topic: str) -> tuple[Mistake, ...]:
    """Return the mistakes of one line that can be planted, each of which shows on any numbers."""
    task = _TASKS[topic]
    kind = KINDS[task.kind]
    drawn_now = task.problem(np.random.default_rng(0))
    upstream = dict(zip(task.outputs, drawn_now.upstream, strict=True))
    problem = Problem(drawn_now.inputs, upstream)
    _, right = kind.run(problem.inputs, problem.upstream)
    found = []
    for mistake in kind.mistakes:
        if mistake.place != "backward" or "\n" in mistake.becomes or mistake.line.startswith("return"):
            continue
        with np.errstate(all="ignore"):
            _, wrong = kind.run(problem.inputs, problem.upstream, (mistake,))
        if not agree(wrong, right, CLOSE) and all(np.isfinite(value).all() for value in wrong.values()):
            found.append(mistake)
    return tuple(found)


def _drawn(topic: str, seed: int) -> Mistake:
    known = mistakes_of(topic)
    return known[int(np.random.default_rng([seed, *topic.encode()]).integers(len(known)))]


def _file_of(task: Task) -> str:
    function: Callable[..., Any] = task.of_reference(task.function)
    return function.__module__.removeprefix("seqmem.reference.")


def _nothing(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    return {}


def _named(problem: TaskProblem) -> dict[str, Any]:
    return {"line": True}


def _is_line(returned: Any, line: str) -> dict[str, Any]:
    return {"line": _bare(str(returned)) == _bare(line)}


def _bare(line: str) -> str:
    return "".join(line.partition("#")[0].split())

"""Questions to a student's code and its answers: plain numbers, so that they can pass between processes.

The judging process never runs the code: `questions` are created in it, `answer` is called in the process that
runs the code, `judge` looks at the returned numbers. Questions and answers are nests of tuples, lists, dicts,
arrays, numbers, strings and None; `packed` and `unpacked` convert them to JSON and back.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.reading.loading import patience
from seqmem.exercises.exercise import Made, made
from seqmem.nests import tree_leaves

PATIENCE = 8.0  # seconds per question; the caller has a limit for all of them
_FINE = time.get_clock_info("thread_time").resolution <= 1e-6
clock = (
    time.thread_time if _FINE else time.perf_counter
)  # processor time, so that other processes do not matter
MOST_FRAMES = 6  # frames of an error to show
MOST_TEXT = 2000  # characters of an error
MOST_BITS = 1000  # bits of an integer that also fits a float
KINDS = "biufc"  # of dtypes that are numbers


class Call(NamedTuple):
    """One call of one function."""

    function: str | Made  # the student's, by its name, or one of ours that calls theirs
    arguments: dict[str, Any] | tuple[Any, ...]  # by name, or by position
    cache_of: int | None = None  # the call of this question whose last result is passed on, last
    keeps_last: bool = False  # whether the last result is a cache, which is not sent back


class Question(NamedTuple):
    """Calls that are made together."""

    calls: tuple[Call, ...]
    repeat: int = 1
    shapes: tuple[
        tuple[int, ...], ...
    ] = ()  # of the first call's results, in order, where they are as expected
    instead_of: int | None = None  # the question whose answer makes this one superfluous
    about: Any = None  # for the judge; it is not sent


class Trouble(NamedTuple):
    """The reason why a question has no answer."""

    kind: (
        str  # "not started", "missing" function, "error", "no number", "time", "memory", "ended", "forbidden"
    )
    message: str
    frames: tuple[str, ...] = ()  # the student's own: "line 12, in lstm_step_backward: d_o = d_h * tanh"


class Answer(NamedTuple):
    """The answer to one question."""

    results: tuple[Any, ...] = ()  # of each call, the caches left out
    changed: tuple[str, ...] = ()  # arguments that were written to
    seconds: float = 0.0  # of the fastest repetition
    trouble: Trouble | None = None


NOT_ASKED = Answer(trouble=Trouble("not asked", ""))


class NoNumberError(TypeError):
    """A returned value that is neither a number nor a nest of numbers."""


def answer(
    names: dict[str, Any],
    calls: Iterable[Call],
    repeat: int = 1,
    file: str = "",
    seconds: float = PATIENCE,
) -> Answer:
    """Call a student's functions, in the process that runs the code.

    Args:
        names: the global names of the student's file.
        calls: the calls, in order.
        repeat: how often all of them are repeated; the fastest counts.
        file: the student's file; frames of an error in files with other names are not shown.
        seconds: time limit of each repetition.
    """
    done = list(calls)
    best = float("inf")
    results: tuple[Any, ...] = ()
    changed: tuple[str, ...] = ()
    try:
        for _ in range(max(1, repeat)):
            given = [_given(call.arguments, names) for call in done]
            before = copy.deepcopy(given) if repeat == 1 else given
            with _patience(seconds), np.errstate(all="ignore"):
                start = clock()
                results = _called(names, done, given)
                best = min(best, clock() - start)
            changed = tuple(_changed(done, before, given)) if repeat == 1 else ()
        shown = tuple(
            plain(_without_last(result) if call.keeps_last else result)
            for call, result in zip(done, results, strict=True)
        )
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Answer(trouble=trouble_of(error, file, seconds))
    return Answer(shown, changed, best)


def answers(names: dict[str, Any], questions: Iterable[Question], file: str = "") -> list[Answer]:
    """Answer questions in order, in the process that runs the code.

    Args:
        names: the global names of the student's file.
        questions: the result of `questions`.
        file: the student's file, as in `answer`.
    """
    return list(each_answer(names, questions, file))


def each_answer(
    names: dict[str, Any], questions: Iterable[Question], file: str = "", seconds: float = PATIENCE
) -> Iterator[Answer]:
    """Answer like `answers`, one by one, so that earlier answers are known if later ones never come.

    A function that took too long is not called again; the others are.
    """
    settled: list[bool] = []
    endless: dict[Any, Answer] = {}  # by the last function of a question that took too long
    for question in questions:
        slow = next((endless[call.function] for call in question.calls if call.function in endless), None)
        if slow is not None:
            found = slow
        elif question.instead_of is not None and settled[question.instead_of]:
            found = NOT_ASKED
        else:
            found = answer(names, question.calls, question.repeat, file, seconds)
        yield found
        if found.trouble is not None and found.trouble.kind == "time":
            endless.setdefault(question.calls[-1].function, found)
        settled.append(_is_as_expected(question, found))


def _is_as_expected(question: Question, given: Answer) -> bool:
    """Return whether a question was answered in the expected shapes, or never will be."""
    if given.trouble is not None:
        return given.trouble.kind in ("not started", "missing", "time", "memory")
    leaves = [np.shape(leaf) for _, leaf in tree_leaves(given.results[0], "")]
    return tuple(leaves) == tuple(map(tuple, question.shapes))


def trouble_of(error: BaseException, file: str = "", seconds: float = PATIENCE) -> Trouble:
    """Return an error in a form for its author: the author's own lines, and the exception."""
    frames = [
        f"line {frame.lineno}, in {frame.name}: {(frame.line or '').strip()}".removesuffix(": ")
        for frame in traceback.extract_tb(error.__traceback__)
        if (frame.filename == file if file else not _is_ours(frame.filename))
    ]
    if isinstance(error, NotImplementedError):
        return Trouble("not started", str(error)[:MOST_TEXT], tuple(frames[-1:]))
    if isinstance(error, _MissingError):
        return Trouble("missing", str(error))
    if isinstance(error, NoNumberError):
        return Trouble("no number", str(error)[:MOST_TEXT])
    shown = tuple(frames[-MOST_FRAMES:])
    if isinstance(error, SystemExit):
        return Trouble("error", f"SystemExit: it calls {exit_call(error)}", shown)
    if isinstance(error, TimeoutError):
        why = f"it did not finish within {seconds:g} seconds: is there an endless loop?"
        return Trouble("time", why, shown)
    kind = "memory" if isinstance(error, MemoryError) else "error"
    text = f"{type(error).__name__}: {error}".removesuffix(": ").splitlines() or [type(error).__name__]
    return Trouble(kind, text[0][:MOST_TEXT], shown)


def exit_call(error: SystemExit) -> str:
    """Return the call that raised SystemExit.

    >>> exit_call(SystemExit(None)), exit_call(SystemExit(2))
    ('exit()', 'exit(2)')
    """
    return "exit()" if error.code is None else f"exit({error.code!r:.100})"


def plain(value: Any) -> Any:
    """Return a copy that consists of nests of base arrays, numbers, strings and None.

    Raises:
        NoNumberError: for anything else.

    >>> plain({"h": np.float64(2.0), "steps": [np.arange(2)]})
    {'h': 2.0, 'steps': [array([0, 1])]}
    """
    if type(value) is int and value.bit_length() > MOST_BITS:
        raise NoNumberError(f"a whole number of {value.bit_length()} bits was returned, which no array holds")
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in KINDS:
            raise NoNumberError(f"an array of dtype {value.dtype} was returned, expected numbers")
        return np.array(value, subok=False)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    if isinstance(value, list):
        return [plain(part) for part in value]
    raise NoNumberError(f"a value of type {type(value).__name__} was returned, expected arrays of numbers")


def packed(value: Any) -> Any:
    """Return a plain value, a question's calls or an answer in a form that JSON can represent.

    >>> unpacked(packed((np.arange(2), {"n": None})))
    (array([0, 1]), {'n': None})
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": [value.dtype.str, list(value.shape), data]}
    if isinstance(value, Question):
        value = value._replace(about=None)
    for kind in _RECORDS:
        if isinstance(value, kind):
            return {kind.__name__: [packed(part) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[str(key), packed(part)] for key, part in value.items()]}
    if isinstance(value, (tuple, list)):
        return {type(value).__name__: [packed(part) for part in value]}
    raise TypeError(f"packed: value is of type {type(value).__name__}, expected a plain one")


def unpacked(value: Any) -> Any:
    """Return the value that `packed` was given, without running anything in it.

    Raises:
        ValueError: for anything that `packed` does not make.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("unpacked: not a packed value")
    ((kind, parts),) = value.items()
    try:
        return _UNPACKERS[kind](parts)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"unpacked: not a packed value: {error}") from None


def _record(kind: Callable[..., Any], parts: list[Any]) -> Any:
    return kind(*map(unpacked, parts))


_RECORDS = (Made, Call, Question, Trouble, Answer)
_UNPACKERS: dict[str, Callable[[Any], Any]] = {
    "float": float.fromhex,
    "complex": lambda parts: complex(*map(float.fromhex, parts)),
    "array": lambda parts: _array(*parts),
    "dict": lambda parts: {str(key): unpacked(part) for key, part in parts},
    "tuple": lambda parts: tuple(map(unpacked, parts)),
    "list": lambda parts: list(map(unpacked, parts)),
    **{kind.__name__: partial(_record, kind) for kind in _RECORDS},
}


def _array(dtype: str, shape: list[int], data: str) -> Any:
    kind = np.dtype(dtype)
    if kind.kind not in KINDS or kind.hasobject:
        raise ValueError(f"unpacked: an array of dtype {dtype}")
    return np.frombuffer(base64.b64decode(data, validate=True), kind).reshape(tuple(map(int, shape))).copy()


def _patience(seconds: float) -> contextlib.AbstractContextManager[None]:
    """Return a time limit if there can be one: its signal reaches only the main thread."""
    is_main = threading.current_thread() is threading.main_thread()
    return patience(seconds) if is_main else contextlib.nullcontext()


class _MissingError(LookupError):
    pass


def _called(names: dict[str, Any], calls: list[Call], given: list[Any]) -> tuple[Any, ...]:
    results: list[Any] = []
    for call, arguments in zip(calls, given, strict=True):
        function = made(call.function, names) if isinstance(call.function, Made) else names.get(call.function)
        if not callable(function):
            raise _MissingError(f"there is no function {call.function}")
        cache = () if call.cache_of is None else (_last(results[call.cache_of], calls[call.cache_of]),)
        if isinstance(arguments, dict):
            results.append(function(**arguments))
        else:
            results.append(function(*arguments, *cache))
    return tuple(results)


def _last(result: Any, call: Call) -> Any:
    if not isinstance(result, tuple) or len(result) < 2:
        raise NoNumberError(f"{call.function}: {_what(result)}, expected its outputs and, last, the cache")
    return result[-1]


def _without_last(result: Any) -> Any:
    if not isinstance(result, tuple) or len(result) < 2:
        raise NoNumberError(f"{_what(result)}, expected the outputs and, last, the cache")
    return result[0] if len(result) == 2 else result[:-1]


def _what(result: Any) -> str:
    if result is None:
        return "nothing is returned (is a return missing?)"
    if isinstance(result, tuple):
        return f"a tuple of {len(result)} is returned"
    return f"only one value is returned, of type {type(result).__name__}"


def _given(arguments: Any, names: dict[str, Any]) -> Any:
    """Return copies of arguments, which may be written to."""
    if isinstance(arguments, Made):
        return made(arguments, names)
    if isinstance(arguments, dict):
        return {name: _given(part, names) for name, part in arguments.items()}
    if isinstance(arguments, (tuple, list)):
        return type(arguments)(_given(part, names) for part in arguments)
    return arguments.copy() if isinstance(arguments, np.ndarray) else arguments


def _changed(calls: list[Call], before: list[Any], after: list[Any]) -> Iterable[str]:
    for call, one, other in zip(calls, before, after, strict=True):
        pairs = one.items() if isinstance(one, dict) else enumerate(one)
        for name, value in pairs:
            if not _same(value, other[name]):
                yield f"{call.function}: {name if isinstance(name, str) else f'argument {name + 1}'}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and set(one) == set(other) and all(_same(one[k], other[k]) for k in one)
        )
    return True


def _is_ours(filename: str) -> bool:
    return filename.startswith("<frozen") or filename == __file__ or "site-packages" in filename

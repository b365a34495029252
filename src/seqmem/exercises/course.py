"""A course's own exercises: Python files in a folder, each a solved exercise with its inputs and its words.

A file defines the functions of a solution in the reference's style, and

    EXERCISE = {"title": ..., "teaches": ..., "write": ["name_backward"], "minutes": 30, "hints": [3 texts]}
    def inputs(rng): return {"x": rng.standard_normal((3, 4)), ...}

In the dict, `outputs` names the values that the forward pass returns before its cache, and `mistakes` lists
common mistakes.
The file belongs to the instructor, and is run unchanged.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import textwrap
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from seqmem.exercises.exercise import Exercise, Task

_KEYS = {
    "title",
    "teaches",
    "write",
    "minutes",
    "hints",
    "outputs",
    "mistakes",
    "equation",
    "section",
    "seqmem",
}
_TEMPLATE = '''"""Scale and shift: y = x * w + b."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EXERCISE = {{
    "title": "{title}",
    "section": "Our course",
    "equation": "y = x * w + b        x (B, D), w (D,), b (D,)",
    "teaches": "A product entry by entry, and a bias that every row shares.",
    "write": ["{name}_backward"],
    "outputs": ["y"],
    "minutes": 15,
    "hints": [
        "What does each row of x see of w and b?",
        "w and b are used by every row: what does that mean for their gradients?",
        "Multiply entry by entry, and sum over the first axis for w and for b.",
    ],
    "mistakes": ["The mean over the rows where the sum belongs."],
}}


def inputs(rng: np.random.Generator) -> dict[str, Array]:
    """Return what {name}_forward takes, by name: all sizes differ, and no number is zero."""
    return {{"x": rng.standard_normal((3, 4)), "w": rng.standard_normal(4), "b": rng.standard_normal(4)}}


def {name}_forward(x: Array, w: Array, b: Array) -> tuple[Array, Any]:
    """Return y (B, D) and what `{name}_backward` needs."""
    y = x * w + b
    return y, (x, w)


def {name}_backward(d_y: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of x, w and b, in a dict."""
    x, w = cache
    # from y = x * w + b
    d_x = d_y * w
    d_w = (d_y * x).sum(axis=0)
    d_b = d_y.sum(axis=0)
    return {{"x": d_x, "w": d_w, "b": d_b}}
'''


def course_exercises(folder: Path) -> tuple[Exercise, ...]:
    """Return the exercises in a course's folder, in the order of their file names.

    Raises:
        ValueError: for a folder without exercises, or a file that is not an exercise, with the reason.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    files = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith(("_", "."))]
    if not files:
        raise ValueError(f"{folder} has no exercises: python -m seqmem exercises new NAME --course {folder}")
    return tuple(_exercise(path) for path in files)


def new_exercise(folder: Path, name: str) -> Path:
    """Write a template of an exercise into the folder of a course.

    Args:
        folder: the folder of the course, which is created if necessary.
        name: the name of the exercise, with which the names of its functions begin.

    Raises:
        ValueError: for a name that is not an identifier, or a file that exists.
    """
    if not name.isidentifier() or name.startswith("_"):
        raise ValueError(f"{name!r} is not a valid name of a function, expected letters, digits and _")
    path = folder / f"{name}.py"
    if path.exists():
        raise ValueError(f"{path} exists already; nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(_TEMPLATE.format(name=name, title=name.replace("_", " ").capitalize()), "utf-8")
    return path


def _exercise(path: Path) -> Exercise:
    try:
        module = _module(path)
    except Exception as error:  # noqa: BLE001 - whatever an instructor's file raises
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from None
    about = getattr(module, "EXERCISE", None)
    if not isinstance(about, dict) or not callable(getattr(module, "inputs", None)):
        raise ValueError(f"{path} is not an exercise: expected a dict EXERCISE and a function inputs(rng)")
    unknown = sorted(set(about) - _KEYS)
    if unknown:
        raise ValueError(f"{path}: EXERCISE has {unknown[0]!r}, expected some of {', '.join(sorted(_KEYS))}")
    names = [str(name) for name in about.get("write", [])]
    missing = [name for name in names if not inspect.isfunction(getattr(module, name, None))]
    if not names or missing:
        what = f"there is no function {missing[0]}" if missing else "EXERCISE does not say what to write"
        raise ValueError(f"{path}: {what}")
    hints = [str(hint) for hint in about.get("hints", [])][:3]
    hints += ["There is no further hint."] * (3 - len(hints))
    return Exercise(
        path.stem,
        str(about.get("title", path.stem)),
        str(about.get("section", "")),
        tuple(_task(module, name, about, path) for name in names),
        textwrap.dedent(str(about.get("equation", ""))).strip("\n"),
        str(about.get("teaches", "")),
        int(about.get("minutes", 30)),
        (hints[0], hints[1], hints[2]),
        tuple(map(str, about.get("mistakes", ()))),
        forbids_seqmem=not about.get("seqmem", False),
    )


def _task(module: ModuleType, name: str, about: dict[str, Any], path: Path) -> Task:
    forward = name.removesuffix("_backward") + "_forward" if name.endswith("_backward") else name
    function = getattr(module, forward, None)
    if not inspect.isfunction(function):
        raise ValueError(f"{path}: {name} has no forward pass {forward}")
    given = partial(_drawn, inputs=module.inputs)
    returned = function(**given(np.random.default_rng(0), {}))
    has_cache = name.endswith(("_backward", "_forward"))
    if has_cache and (not isinstance(returned, tuple) or len(returned) < 2):
        raise ValueError(f"{path}: {forward} returns no cache, expected (out, cache)")
    parts = returned[:-1] if has_cache else returned if isinstance(returned, tuple) else (returned,)
    named = [str(one) for one in about.get("outputs", [])]
    outputs = named if len(named) == len(parts) else [f"output {k + 1}" for k in range(len(parts))]
    return Task(
        name,
        given,
        tuple(outputs),
        has_cache,
        module=module.__name__,
        is_timed=False,
    )


def _drawn(rng: np.random.Generator, sizes: dict[str, int], inputs: Any) -> dict[str, Any]:
    return dict(inputs(rng))


def _module(path: Path) -> ModuleType:
    """Return an instructor's file as a module with a unique name."""
    key = hashlib.sha256(path.resolve().as_posix().encode() + path.read_bytes()).hexdigest()[:12]
    name = f"seqmem_course_{key}_{path.stem}"  # another for another text, whose pieces are remembered
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its source is looked up
    spec.loader.exec_module(module)
    return module

"""An exercise as a notebook for nbgrader or Otter, with solution and tests marked in the format of each.

Both run a student's notebook and its tests in one process, where a dishonest student can change the marks:
`exercises grade` grades the same notebooks in separate processes. (Jupyter, nbgrader: metadata of
cells, schema 3; UC Berkeley, Otter Assign: notebook format 1.)
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import Any

from seqmem.exercises.asking import Trouble
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.judging.judge import empty_report
from seqmem.exercises.notebooks import notebook

_MARKS = {
    "nbgrader": ("### BEGIN SOLUTION", "### END SOLUTION"),
    "otter": ("# BEGIN SOLUTION", "# END SOLUTION"),
}


def as_nbgrader(exercise: Exercise) -> dict[str, Any]:
    """Return an exercise as a source notebook of an nbgrader assignment.

    Args:
        exercise: an exercise that is not about finding a bug, because each student's seed selects the bug.

    Raises:
        ValueError: for an exercise with a bug to find.

    >>> from seqmem.exercises.catalogue import exercise_named
    >>> book = as_nbgrader(exercise_named("rnn_step_forward"))
    >>> [cell["metadata"]["nbgrader"]["points"] for cell in book["cells"] if is_graded(cell)]
    [3.0]
    """
    book = _solved(exercise)
    for cell in book["cells"]:
        name = f"{exercise.name}-{cell['id']}"
        if _is_yours(cell):
            cell["source"] = _marked(cell["source"], "nbgrader")
            cell["metadata"] = {"nbgrader": _metadata(name, is_solution=True)}
        elif cell["id"] == "check":
            cell["source"] = _graded_by_nbgrader(exercise)
            about = _metadata(name, is_solution=False) | {"points": _most(exercise)}
            cell["metadata"] = {"nbgrader": about}
    return book


def is_graded(cell: dict[str, Any]) -> bool:
    """Return whether a cell of `as_nbgrader` is worth points."""
    return bool(cell["metadata"].get("nbgrader", {}).get("grade"))


def as_otter(exercise: Exercise) -> dict[str, Any]:
    """Return an exercise as a source notebook of Otter Assign.

    Args:
        exercise: as in `as_nbgrader`.

    Raises:
        ValueError: for an exercise with a bug to find.
    """
    book = _solved(exercise)
    yours = [cell for cell in book["cells"] if _is_yours(cell)]
    rest = [cell for cell in book["cells"] if cell not in yours and not cell["id"].startswith("check")]
    hints = [cell for cell in rest if cell["id"] == "hints"]
    for cell in yours:
        cell["source"] = _marked(cell["source"], "otter")
    book["cells"] = [
        _raw("config", "# ASSIGNMENT CONFIG\ninit_cell: false\nexport_cell: false\ncheck_all_cell: false"),
        *(cell for cell in rest if cell not in hints),
        _raw("begin", f"# BEGIN QUESTION\nname: {exercise.name}\npoints: {_most(exercise):g}"),
        _markdown("prompt", f"Write {', '.join(exercise.functions)}."),
        *(_raw("begin-solution", "# BEGIN SOLUTION"), *yours, _raw("end-solution", "# END SOLUTION")),
        *(_raw("begin-tests", "# BEGIN TESTS"), *_otter_tests(exercise), _raw("end-tests", "# END TESTS")),
        _raw("end", "# END QUESTION"),
        *hints,
    ]
    return book


def _is_yours(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code" and cell["id"].startswith("yours-")


def _solved(exercise: Exercise) -> dict[str, Any]:
    if exercise.planted is not None:
        raise ValueError(
            f"{exercise.name} depends on each student's seed, so it cannot be one notebook for all"
        )
    return copy.deepcopy(notebook(exercise, solved=True))


def _marked(source: Sequence[str], system: str) -> list[str]:
    """Return a cell's lines with marks around the bodies of functions and methods, below their docstrings."""
    text = "".join(source)
    lines = text.splitlines()
    begin, end = _MARKS[system]
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    outer = [
        node
        for node in functions
        if not any(node is not other and node in ast.walk(other) for other in functions)
    ]
    for node in sorted(outer, key=lambda node: -node.lineno):
        has_words = ast.get_docstring(node) is not None and len(node.body) > 1
        first = _start(lines, node, has_words)
        indent = " " * node.body[0].col_offset
        lines[node.end_lineno :] = [f"{indent}{end}", *lines[node.end_lineno :]]
        lines[first:first] = [f"{indent}{begin}"]
    return "\n".join(lines).splitlines(keepends=True)


def _start(lines: Sequence[str], node: ast.FunctionDef, has_words: bool) -> int:
    """Return the index of a body's first line, including its comments."""
    if has_words:
        return node.body[0].end_lineno or node.lineno
    first = node.body[0].lineno - 1
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _metadata(name: str, is_solution: bool) -> dict[str, Any]:
    return {
        "grade": not is_solution,
        "grade_id": name,
        "locked": not is_solution,
        "schema_version": 3,
        "solution": is_solution,
        "task": False,
        "cell_type": "code",
    }


def _most(exercise: Exercise) -> float:
    return empty_report(exercise, Trouble("missing", "")).max_score


def _graded_by_nbgrader(exercise: Exercise) -> list[str]:
    """Return the lines of a test cell; the value of the last line is the credit."""
    names = ", ".join(exercise.functions)
    return [
        "from seqmem.exercises import check\n",
        "\n",
        f'report = check("{exercise.name}", {names})\n',
        "print(report)\n",
        "float(report.score)",
    ]


def _otter_tests(exercise: Exercise) -> list[dict[str, Any]]:
    """Return a test for each part, and one for the whole exercise with the remaining points."""
    call = f'check("{exercise.name}", {", ".join(exercise.functions)})'
    tests = [(1.0, f'assert {call}.parts["{part.name}"], "{part.name} is wrong"') for part in exercise.parts]
    rest = _most(exercise) - len(exercise.parts)
    if rest > 0:
        tests.append((rest, f"report = {call}\nassert report.passed, str(report)"))
    return [
        _code(
            f"test-{k + 1}",
            f'""" # BEGIN TEST CONFIG\npoints: {points:g}\n""" # END TEST CONFIG\n'
            f"from seqmem.exercises import check\n{text}",
        )
        for k, (points, text) in enumerate(tests)
    ]


def _raw(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "raw", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(name: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }

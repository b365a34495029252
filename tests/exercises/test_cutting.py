from __future__ import annotations

import ast
import inspect
import re

import numpy as np
import pytest

from seqmem import reference
from seqmem.exercises import Exercise, all_exercises, exercise_named, imports_of_seqmem, solution, stub
from seqmem.exercises.cutting import parameters_of
from seqmem.exercises.notebooks import as_text, notebook

EXERCISES = all_exercises()
OF_REFERENCE = [one for one in EXERCISES if one.tasks[0].module == "seqmem.reference" and one.planted is None]


def named(exercise: Exercise) -> str:
    return exercise.name


def bodies(text: str) -> dict[str, str]:
    """The code of each function, without docstrings."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            has_words = ast.get_docstring(node) is not None
            found[node.name] = "\n".join(map(ast.unparse, node.body[has_words:]))
    return found


@pytest.mark.parametrize("exercise", OF_REFERENCE, ids=named)
def test_a_solution_is_the_librarys_own_code(exercise: Exercise) -> None:
    own = bodies(solution(exercise))
    for name in own:
        theirs = inspect.getsource(getattr(reference, name))
        assert own[name] == bodies(theirs)[name]
    assert set(exercise.functions) <= set(own)


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_a_stub_and_its_solution_differ_in_what_is_to_be_written_alone(exercise: Exercise) -> None:
    before, after = bodies(stub(exercise)), bodies(solution(exercise))
    assert set(before) == set(after)
    if exercise.planted is None:
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= set(exercise.functions)
        assert stub(exercise).count("raise NotImplementedError") >= len(exercise.functions)


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_a_stub_shows_shapes_equations_and_how_it_is_checked(exercise: Exercise) -> None:
    text = stub(exercise)
    assert exercise.title in text
    assert all(line.strip() in text for line in exercise.equation.splitlines())
    assert f"exercises check {exercise.name}" in text
    assert ">>>" not in text
    assert all(len(line) <= 110 for line in text.splitlines())
    assert bool(imports_of_seqmem(text)) != exercise.forbids_seqmem
    for task in exercise.tasks:
        if task.function in parameters_of(text):
            node = next(one for one in ast.parse(text).body if getattr(one, "name", "") == task.function)
            assert isinstance(node, ast.FunctionDef)
            assert node.returns is not None
            assert ast.get_docstring(node)


def test_the_worked_example_stands_above_the_hole() -> None:
    text = stub(exercise_named("lstm_step_backward"))
    assert text.index("def rnn_step_backward") < text.index("# Yours.") < text.index("def lstm_step_backward")


def test_a_backward_stub_says_what_its_dict_holds() -> None:
    assert "W_x (4, D, H), W_h (4, H, H), b (4, H)" in " ".join(
        stub(exercise_named("lstm_step_backward")).split()
    )


@pytest.mark.parametrize(
    "line",
    [
        "import seqmem",
        "import numpy, seqmem.reference as r",
        "from seqmem import reference",
        "from seqmem.exercises import check, solution",
        "import importlib; importlib.import_module('seqmem.reference')",
        "__import__('seqmem')",
        "def f():\n    from seqmem.reference import lstm",
    ],
)
def test_an_import_of_seqmem_is_found(line: str) -> None:
    assert len(imports_of_seqmem(line)) == 1


@pytest.mark.parametrize(
    "line", ["from seqmem.exercises import check", "import numpy", "seqmem = 1", "def ("]
)
def test_what_is_no_answer_is_let_through(line: str) -> None:
    assert imports_of_seqmem(line) == []


SHORT = {"rnn_step_backward", "masks", "clip_by_global_norm", "beam_search", "find_the_bug_rnn"}


@pytest.mark.parametrize(
    "exercise",
    [pytest.param(one, marks=() if one.name in SHORT else pytest.mark.slow) for one in EXERCISES],
    ids=named,
)
def test_a_notebook_has_the_file_s_code_and_checks_itself(exercise: Exercise) -> None:
    cells = notebook(exercise, solved=True)["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert bodies("\n".join(code[:-1])) == bodies(solution(exercise))
    names: dict[str, object] = {}
    for text in code[:-1]:
        exec(text, names)
    report = eval(
        code[-1].splitlines()[-1], names | {"check": __import__("seqmem.exercises").exercises.check}
    )
    assert report.passed, str(report)


def test_a_notebook_is_nbformat_four() -> None:
    book = notebook(exercise_named("rnn_backward"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    assert as_text(book) == as_text(notebook(exercise_named("rnn_backward")))
    for cell in book["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == keys | ({"outputs", "execution_count"} if cell["cell_type"] == "code" else set())


def test_numbers_are_new_with_every_seed_and_the_same_with_the_same() -> None:
    task = exercise_named("lstm_backward").tasks[0]
    one, again, other = (task.problem(np.random.default_rng(seed)).inputs["xs"] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.any(one == other)


@pytest.mark.parametrize("seed", range(3))
def test_a_comparison_with_the_other_files_does_not_show_the_bug(seed: int) -> None:
    """Most lines of the backward passes are lines of no other exercise, the wrong one among them."""
    every = all_exercises(seed)
    others = {
        line.strip()
        for one in every
        if one.planted is None
        for line in stub(one).splitlines()
        if line.strip()
    }
    for one in every:
        if one.planted is None:
            continue
        backward = stub(one).partition("_backward(")[2]
        lines = [line.strip() for line in backward.splitlines() if re.search(r"[\w\]] [+]?= ", line)]
        new = [line for line in lines if line not in others]
        assert len(new) > 10
        assert len(new) > len(lines) // 2

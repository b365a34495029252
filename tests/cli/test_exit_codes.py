"""The table of exit codes in docs/command-line.md: every row is what the command line returns."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seqmem.checking.selftest.mutation_score import Mutation
from seqmem.checking.selftest.score import Score, SelfTest
from seqmem.checking.submissions.walls import UnusableError
from seqmem.cli import check, compare, demo, explore, memory, train
from seqmem.cli.exercises import student
from seqmem.cli.main import main
from seqmem.cli.saved import model_files, predict, sample, translate
from seqmem.cli.terminal.signals import Terminated
from seqmem.exercises import exercise_named, solution
from seqmem.exercises.grading import grade as grading
from seqmem.exercises.grading import running
from seqmem.exercises.grading.record import Grade
from seqmem.training import NonFiniteError, fit

DOCUMENT = Path(__file__).parents[2] / "docs" / "command-line.md"
COMMANDS = (
    "check",
    "exercises",
    "demo",
    "train",
    "translate",
    "evaluate",
    "predict",
    "inspect",
    "convert",
    "sample",
    "explore",
    "compare",
    "memory",
)
SMALL = ["--epochs", "1", "--hidden", "4", "--embedding", "4"]
TRAIN = ["train", "pairs.tsv", "--out", "model.npz", *SMALL]
TRANSLATE = ["translate", "model.npz", "ab"]
CONVERT = ["convert", "model.npz", "converted.npz"]
INSPECT = ["inspect", "model.npz"]
EVALUATE = ["evaluate", "model.npz", "pairs.tsv"]
PREDICT = ["predict", "model.npz", "ab"]
TRAIN_LANGUAGE = ["train", "--task", "language-model", "mine.py", "--out", "language.npz", *SMALL]
SAMPLE = ["sample", "language.npz", "ab", "--length", "5"]
EXERCISE = ["exercises", "check", "rnn_step_forward", "--folder", "given"]
EXPLORE = ["explore", "--model", "model.npz", "--text", "ab", "--out", "pages"]

MINE = """
def mine_forward(x, w):
    return x @ w, (x, w)

def mine_backward(d_y, cache):
    x, w = cache
    return d_y @ w.T, x.T @ d_y

def mine_inputs(rng):
    return {"x": rng.standard_normal((3, 2)), "w": rng.standard_normal((2, 4))}
"""

Situation = tuple[str, str]
SITUATIONS: dict[Situation, Callable[[pytest.MonkeyPatch], list[int]]] = {}


def rows() -> list[tuple[str, str, int]]:
    """The rows of the document's table."""
    text = DOCUMENT.read_text("utf-8").split("## Exit codes")[1]
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line[:1] == "|"
    ]
    return [(command, cause, int(code)) for command, cause, code in cells[2:]]


def situation(command: str, cause: str) -> Callable[..., Callable[..., list[int]]]:
    def keep(codes: Callable[[pytest.MonkeyPatch], list[int]]) -> Callable[..., list[int]]:
        SITUATIONS[command, cause] = codes
        return codes

    return keep


def code_of(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(str(ended.code))


def raising(error: BaseException) -> Callable[..., None]:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


def stubbed(patch: pytest.MonkeyPatch, function: Callable[..., None]) -> list[int]:
    """The codes of all commands whose work is this function."""
    for command, name in (
        *(
            (check, "check_file"),
            (student, "check_exercise"),
            (demo, "gradcheck"),
            (train, "read_pairs"),
            (translate, "heatmap"),
        ),
        *((explore, "phrase_model"), (compare, "compare_text"), (memory, "memory_text")),
        (predict, "load_task"),
        (model_files, "summary"),
        (model_files, "read_any"),
    ):
        patch.setattr(command, name, function)
    patch.setattr(translate.Translator, "load", function)
    patch.setattr(sample.TextGenerator, "load", function)
    commands = [["check", "mine.py"], EXERCISE, ["demo"], TRAIN, TRANSLATE, EVALUATE, PREDICT, SAMPLE]
    commands += [["explore", "--out", "lecture"]]
    commands += [["compare"], ["memory"], INSPECT, CONVERT]
    assert {command[0] for command in commands} == set(COMMANDS)
    return [code_of(command) for command in commands]


@situation("every command", "success")
def done(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(demo, "_prove_gradients", lambda seed: None)
    patch.setattr(demo.dates, "split", lambda train, held_out, rng, split=demo.dates.split: split(40, 4, rng))
    for command in (demo, train):
        patch.setattr(command, "fit", lambda *a, **o: fit(*a, **{**o, "epochs": 1}))
    patch.setattr(memory, "memory_text", lambda **options: "a table")
    commands = [["check", "mine.py"], ["demo"], TRAIN, TRANSLATE, PREDICT, TRAIN_LANGUAGE, SAMPLE, EXPLORE]
    commands += [EVALUATE, [*EVALUATE, "--beam", "3", "--n-best", "2", "--json"], ["compare"], ["memory"]]
    commands += [INSPECT, CONVERT]
    commands += [["exercises", *rest] for rest in (["init", "new"], ["list", "--folder", "given"])]
    commands += [
        ["exercises", *rest, "rnn_step_forward", "--folder", "given"] for rest in (["hint"], ["reset"])
    ]
    commands += [["exercises", "solution", "rnn_step_forward", "--give-up", "--folder", "given"]]
    commands += [["exercises", "new", "own"], ["exercises", "verify", "--course", "course"]]
    assert {command[0] for command in commands} == set(COMMANDS)
    helps = [[command, "--help"] for command in COMMANDS]
    return [code_of(command) for command in [*commands, *helps, ["--help"], ["--version"]]]


@situation("every command", "a wrong argument or option")
def misused(patch: pytest.MonkeyPatch) -> list[int]:
    return [code_of([command, "--nonsense"]) for command in COMMANDS] + [
        *map(code_of, ([], ["nonsense"], ["check"], ["train", "pairs.tsv"], [*TRAIN, "--held-out", "99"])),
        *map(code_of, (["explore", "--out", "pages", "--text", "ab"], ["memory", "--lags", "1"])),
        *map(code_of, (["exercises"], ["exercises", "check", "gone", "--folder", "given"])),
        *map(code_of, (["exercises", "hint", "--level", "4"], ["exercises", "new", "a-b"])),
    ]


@situation("every command", "a file that is missing, unreadable or of the wrong kind")
def unreadable(patch: pytest.MonkeyPatch) -> list[int]:
    commands = [
        *(
            [command, *rest]
            for command in ("check", "translate", "predict", "sample")
            for rest in (["gone"], [".:f"], ["gone.py:f"])
        ),
        *(["train", path, "--out", "m"] for path in ("gone", ".", "model.npz")),
        *(["explore", "--model", path, "--text", "ab", "--out", "p"] for path in ("gone", ".", "pairs.tsv")),
        *(["compare", "--memory", path] for path in ("gone", ".", "model.npz", "pairs.tsv")),
        *([command, "pairs.tsv", "ab"] for command in ("translate", "predict", "sample")),
        *(
            ["evaluate", *files]
            for files in (["gone", "pairs.tsv"], ["model.npz", "gone"], ["pairs.tsv"] * 2)
        ),
        ["sample", "model.npz"],
        *(["inspect", path] for path in ("gone", ".", "pairs.tsv")),
        *(["convert", path, "c.npz"] for path in ("gone.npz", ".", "pairs.tsv", "model.pt")),
        [*PREDICT[:2], "--file", "gone"],
        *(
            ["train", "--task", task, path, "--out", "m"]
            for task in ("classify", "tag", "language-model", "forecast")
            for path in ("gone", ".", "model.npz")
        ),
        ["demo", "--out", "gone/model"],
        ["memory", "--folder", "pairs.tsv"],
        *(["exercises", *rest] for rest in (["list"], ["check", "--folder", "gone"], ["init", "mine.py"])),
        ["exercises", "verify", "--course", "gone"],
    ]
    assert {command[0] for command in commands} == set(COMMANDS)
    return [code_of(command) for command in commands]


@situation("every command", "standard output cannot be written")
def unwritable(patch: pytest.MonkeyPatch) -> list[int]:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    codes = []
    for arguments in (["compare"], TRANSLATE, TRAIN, ["check", "mine.py"]):
        with open("/dev/full", "w") as full:
            process = [sys.executable, "-m", "seqmem", *arguments]
            codes.append(subprocess.run(process, stdout=full, stderr=subprocess.DEVNULL).returncode)
    return codes


@situation("every command", "Ctrl-C")
def interrupted(patch: pytest.MonkeyPatch) -> list[int]:
    return [*stubbed(patch, raising(KeyboardInterrupt())), ended_by(signal.SIGINT)]


def ended_by(number: signal.Signals) -> int:
    """The code of a training that a signal ends."""
    command = [sys.executable, "-m", "seqmem", *TRAIN[:4], "--epochs", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        process.stdout.read()
    return process.returncode


@situation("every command", "SIGTERM")
def terminated(patch: pytest.MonkeyPatch) -> list[int]:
    return [*stubbed(patch, raising(Terminated(signal.SIGTERM))), ended_by(signal.SIGTERM)]


@situation("every command", "SIGHUP: the terminal was closed")
def hung_up(patch: pytest.MonkeyPatch) -> list[int]:
    return [*stubbed(patch, raising(Terminated(signal.SIGHUP))), ended_by(signal.SIGHUP)]


@situation("demo, train", "`--out` would replace something else")
def in_the_way(patch: pytest.MonkeyPatch) -> list[int]:
    return [
        code_of(["demo", "--out", "mine.py"]),
        code_of(["train", "pairs.tsv", "--out", "mine.py"]),
        code_of(["train", "pairs.tsv", "--out", "pairs.tsv", "--force"]),
    ]


@situation("explore", "`--out` would replace something else")
def page_in_the_way(patch: pytest.MonkeyPatch) -> list[int]:
    Path("pages").mkdir()
    Path("pages/gates.html").touch()
    return [code_of(EXPLORE), code_of(["explore", "--out", "mine.py"])]


@situation("demo, train", "the loss or a parameter is no longer finite")
def not_finite(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(demo, "_prove_gradients", lambda seed: None)
    for command in (demo, train):
        patch.setattr(command, "fit", raising(NonFiniteError("fit: the loss is nan", 1, 1, "W")))
    return [code_of(["demo"]), code_of(TRAIN)]


def checked(text: str, *options: str) -> int:
    Path("yours.py").write_text(text, encoding="utf-8")
    return code_of(["check", "yours.py:mine", *options])


@situation("check", "the gradients are right")
def right(patch: pytest.MonkeyPatch) -> list[int]:
    return [checked(MINE), checked(MINE, "--json")]


WRITING = MINE.replace(
    "return d_y @ w.T, x.T @ d_y", "gradients = d_y @ w.T, x.T @ d_y\n    d_y *= 2\n    return gradients"
)


@situation("check", "the gradients are right, and a pass has a side effect")
def right_with_a_side_effect(patch: pytest.MonkeyPatch) -> list[int]:
    return [checked(WRITING), checked(WRITING, "--json")]


@situation("check `--strict`", "the gradients are right, and a pass has a side effect")
def right_with_a_side_effect_strictly(patch: pytest.MonkeyPatch) -> list[int]:
    assert checked(MINE, "--strict") == 0
    Path("folder").mkdir()
    Path("folder/theirs.py").write_text(WRITING, encoding="utf-8")
    return [
        checked(WRITING, "--strict"),
        checked(WRITING, "--json", "--strict"),
        code_of(["check", "folder", "--strict"]),
    ]


@situation("check", "a gradient is wrong")
def wrong(patch: pytest.MonkeyPatch) -> list[int]:
    text = MINE.replace("x.T @ d_y", "2 * x.T @ d_y")
    return [checked(text), checked(text, "--json")]


@situation("check", "the checker cannot tell: the code failed or took too long, or nothing could be compared")
def cannot_tell(patch: pytest.MonkeyPatch) -> list[int]:
    failing = MINE.replace("x, w = cache", "raise KeyError")
    looping = "while True: pass\n" + MINE
    nothing = MINE.replace("(3, 2)", "(0, 2)")
    return [checked(failing), checked(looping, "--seconds", "0.5", "--run-all"), checked(nothing)]


@situation("check", "the file is not Python, or a notebook of another language")
def no_python(patch: pytest.MonkeyPatch) -> list[int]:
    kernel = '{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "R"}}}'
    Path("yours.ipynb").write_text(kernel, encoding="utf-8")
    return [checked("def mine(:"), code_of(["check", "yours.ipynb"]), checked("x = 1\0")]


@situation("check", "a pass cannot be called without a flag that says how")
def asks(patch: pytest.MonkeyPatch) -> list[int]:
    text = "def mine_forward(x, how):\n    return how.times(x), None\n"
    return [checked(text + "def mine_backward(d_y, cache):\n    return d_y\n")]


def a_selftest(caught: int) -> Callable[[], SelfTest]:
    return lambda: SelfTest((Score("steps", 2, caught, 2),), 1, (), Mutation(1, (), ()))


@situation("check `--selftest`", "every known mistake is caught")
def all_caught(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(check, "selftest", a_selftest(2))
    return [code_of(["check", "--selftest"])]


@situation("check `--selftest`", "a mistake is missed, or a right pass is called wrong")
def one_missed(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(check, "selftest", a_selftest(1))
    return [code_of(["check", "--selftest"])]


def without_reader(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "seqmem", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.close()
    return process.wait()


STEP = Path("given/01_rnn_step_forward.py")


def answered(text: str) -> list[int]:
    STEP.write_text(text, encoding="utf-8")
    return [code_of(EXERCISE), code_of([*EXERCISE, "--json"])]


@situation("exercises check", "every checked exercise is right")
def exercise_right(patch: pytest.MonkeyPatch) -> list[int]:
    return answered(solution(exercise_named("rnn_step_forward")))


@situation("exercises check", "something is wrong")
def exercise_wrong(patch: pytest.MonkeyPatch) -> list[int]:
    text = solution(exercise_named("rnn_step_forward")).replace("np.tanh(a)", "a")
    return [*answered(text), code_of(["exercises", "check", "--all", "--folder", "given"])]


@situation("exercises check", "nothing is wrong, but something is not started")
def exercise_not_started(patch: pytest.MonkeyPatch) -> list[int]:
    return [code_of(EXERCISE), code_of(["exercises", "check", "--folder", "given"])]


@situation("exercises check", "the file was deleted")
def exercise_deleted(patch: pytest.MonkeyPatch) -> list[int]:
    STEP.unlink()
    return [code_of(EXERCISE)]


@situation("exercises init, new", "something would be replaced")
def exercises_in_the_way(patch: pytest.MonkeyPatch) -> list[int]:
    assert code_of(["exercises", "new", "own"]) == 0
    inits = [["exercises", "init", where] for where in (".", "given", "mine.py")]
    return [code_of(command) for command in (*inits, ["exercises", "new", "own"])]


@situation("exercises solution", "the exercise is not passed, and `--give-up` is missing")
def solution_refused(patch: pytest.MonkeyPatch) -> list[int]:
    return [code_of(["exercises", "solution", "rnn_step_forward", "--folder", "given"])]


@situation("exercises verify", "all exercises are sound")
def exercises_sound(patch: pytest.MonkeyPatch) -> list[int]:
    return [code_of(["exercises", "verify", "rnn_step_forward"])]


@situation("exercises verify", "one exercise is not")
def exercises_unsound(patch: pytest.MonkeyPatch) -> list[int]:
    assert code_of(["exercises", "new", "own"]) == 0
    text = Path("course/own.py").read_text("utf-8").replace("d_x = d_y * w", "d_x = rng.random()")
    Path("course/own.py").write_text(text, "utf-8")
    return [code_of(["exercises", "verify", "--course", "course"])]


def graded() -> int:
    """The code of a grading of three students: right, not started, and hostile."""
    texts = (solution(exercise_named("rnn_step_forward")), STEP.read_text("utf-8"), "while True: pass")
    for k, text in enumerate(texts):
        folder = Path("homework", f"student{k}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rnn_step_forward.py").write_text(text, "utf-8")
    return code_of(["exercises", "grade", "homework", "--out", "grades.csv", "--workers", "1"])


@situation("exercises grade", "everything is graded, whatever the marks")
def class_graded(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(running, "_processes", lambda workers: ThreadPoolExecutor(1))
    return [graded(), code_of(["exercises", "report", "grades.csv"])]


@situation("exercises grade", "an answer could not be judged, and somebody must look at it")
def answer_not_judged(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(running, "_processes", lambda workers: ThreadPoolExecutor(1))
    patch.setattr(grading, "judge", raising(ZeroDivisionError()))
    return [graded()]


@situation("exercises grade", "this machine cannot isolate submissions")
def machine_without_walls(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(running, "_processes", lambda workers: ThreadPoolExecutor(1))
    patch.setattr(grading, "ask", raising(UnusableError("/root may not be read")))
    return [graded()]


@situation("exercises grade, report, autograder, assignment", "something else would be replaced")
def grades_in_the_way(patch: pytest.MonkeyPatch) -> list[int]:
    patch.setattr(running, "_processes", lambda workers: ThreadPoolExecutor(1))
    patch.setattr(running, "grade", lambda work: Grade(work.student, work.exercise, "right", 3.0, 3.0))
    assert graded() == 0
    one = ["exercises", "report", "grades.csv", "--student", "student0"]
    commands = [
        ["exercises", "grade", "homework", "--out", "mine.py"],
        *([*one, option, "mine.py"] for option in ("--gradescope", "--junit", "--class-summary")),
        ["exercises", "autograder", "rnn_step_forward", "--out", "mine.py"],
        *(
            ["exercises", "assignment", "rnn_step_forward", option, "mine.py"]
            for option in ("--nbgrader", "--otter")
        ),
    ]
    return [code_of(command) for command in commands]


@situation(
    "translate, predict, sample", r"the reader of the output has closed the pipe: `translate ... \| head`"
)
def translation_without_reader(patch: pytest.MonkeyPatch) -> list[int]:
    assert main(TRAIN_LANGUAGE) == 0
    return [without_reader(command) for command in (TRANSLATE, PREDICT, SAMPLE)]


@situation("every other command", "the reader of the output has closed the pipe")
def without_a_reader(patch: pytest.MonkeyPatch) -> list[int]:
    return [without_reader(TRAIN), without_reader(["compare"]), without_reader(["check", "mine.py"])]


def test_the_table_has_a_row_for_each_situation_and_no_other() -> None:
    assert [(command, cause) for command, cause, _ in rows()] == list(SITUATIONS)


@pytest.mark.parametrize(("command", "cause", "code"), rows(), ids=lambda value: str(value)[:40])
def test_the_exit_code_is_the_tables(
    command: str, cause: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE, encoding="utf-8")
    words = ("ab", "ba", "abc", "cab", "aa", "bb")
    Path("pairs.tsv").write_text("".join(f"{word}\t{word[::-1]}\n" for word in words), encoding="utf-8")
    assert main(["exercises", "init", "given"]) == 0
    assert main(TRAIN) == 0
    codes = SITUATIONS[command, cause](monkeypatch)
    assert codes
    assert set(codes) == {code}, codes

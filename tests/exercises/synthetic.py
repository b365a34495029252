"""A class of two hundred that nobody teaches: what each handed in, and what that is worth.

What is expected is found without the judge: a text is run here, its arrays and gates are compared with the
reference's on numbers of our own, and a mistake is known because it was planted.
"""

from __future__ import annotations

import ast
import itertools
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.mistakes.record import Mistake
from seqmem.exercises import Exercise, exercise_named, solution, stub

EXERCISES = (
    *("rnn_step_backward", "lstm_step_backward", "gru_step_backward", "rnn_backward"),
    *("additive_attention_backward", "cross_entropy", "embedding_backward", "lstm_step_forward"),
)
WITH_MISTAKES = EXERCISES[:5]
SINGLES, DOUBLES = 64, 30
CLOSE = 1e-8


class Student(NamedTuple):
    """One of the class."""

    name: str
    exercise: str
    files: dict[str, str]  # what was handed in, by name
    status: str  # of a grade, or "harmless" where all arrays are right and the time they take is not known
    parts: dict[str, bool] | None = None  # what is right; None for nothing
    causes: tuple[str, ...] = ()  # the codes of the mistakes that were planted


def students() -> list[Student]:
    """Return the class."""
    found = [*_right(), *_in_other_layouts(), *_single(), *_double(), *_hostile(), *_half_done()]
    return [*found, *_empty(200 - len(found))]


def write_class(folder: Path, members: list[Student]) -> None:
    """Write what a class handed in, a folder a student."""
    for member in members:
        (folder / member.name).mkdir(parents=True)
        for name, text in member.files.items():
            (folder / member.name / name).write_text(text, encoding="utf-8", newline="")


# Right, in eight styles: the exercise's own, and these.


def _as_notebook(text: str, name: str) -> dict[str, str]:
    blocks = text.split("\n\n\n")
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": "# Homework"}]
    cells += [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": block}
        for block in blocks
    ]
    cells.append({"cell_type": "code", "metadata": {}, "outputs": [], "source": "%timeit 1\n!ls"})
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return {f"{name}.ipynb": json.dumps(book)}


class _Renamed(ast.NodeTransformer):
    """The local variables of functions by other names."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        parameters = {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
        stored = {
            one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
        own = {name: f"my_{k}" for k, name in enumerate(sorted(stored - parameters))}
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and one.id in own:
                one.id = own[one.id]
        return node


def _renamed(text: str, name: str) -> dict[str, str]:
    return {f"{name}.py": ast.unparse(_Renamed().visit(ast.parse(text)))}


def _beside(text: str, name: str) -> dict[str, str]:
    return {f"{name}.py": "from my_passes import *\n", "my_passes.py": text}


def _without_words(text: str, name: str) -> dict[str, str]:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            node.body = [
                one
                for one in node.body
                if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
            for one in ast.walk(node.args):
                if isinstance(one, ast.arg):
                    one.annotation = None
    return {f"{name}.py": "\ufeff" + ast.unparse(tree).replace("\n", "\r\n")}


def _chatty(text: str, name: str) -> dict[str, str]:
    more = (
        '\nprint("training")\nfor epoch in range(10**9):\n    print(epoch)\n'
        'if __name__ == "__main__":\n    raise SystemExit("done")\n'
    )
    lines = [
        line.replace("# from", "print('here')  # from") if line.lstrip().startswith("# from") else line
        for line in text.split("\n")
    ]
    return {f"my {name} (1).py": "\n".join(lines) + more}


def _by_its_name(text: str, name: str) -> dict[str, str]:
    return {f"{name}.py": text.replace("import numpy as np", "import numpy").replace("np.", "numpy.")}


def _with_a_class_of_numbers(text: str, name: str) -> dict[str, str]:
    """The arrays that are returned are of a subclass that does nothing."""
    own = (
        "class Mine(np.ndarray):\n    pass\n\ndef mine(function):\n"
        "    def own(*arguments, **named):\n        found = function(*arguments, **named)\n"
        "        if isinstance(found, dict):\n"
        "            return {key: value.view(Mine) for key, value in found.items()}\n"
        "        return found\n    return own\n\n"
    )
    head, _, hole = text.rpartition("# Yours.\n")
    return {f"{name}.py": head + own + hole.replace("\ndef ", "\n@mine\ndef ")}


STYLES = (
    *(lambda text, name: {f"{name}.py": text}, _as_notebook, _renamed, _beside),
    *(_without_words, _chatty, _by_its_name, _with_a_class_of_numbers),
)


def _right() -> Iterator[Student]:
    for name in EXERCISES:
        exercise = exercise_named(name)
        for k, style in enumerate(STYLES):
            files = style(solution(exercise), name)
            yield Student(f"right-{name}-{k}", name, files, "right", _all(exercise))


def _all(exercise: Exercise) -> dict[str, bool]:
    return {part.name: True for part in exercise.parts}


WIDE = """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    c = f * prev_c + i * g
    h = o * np.tanh(c)
    return h, c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, c)


def lstm_step_backward(dh, dc, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, c = cache
    do = dh * np.tanh(c)
    dc = dc + dh * o * (1 - np.tanh(c) ** 2)
    df, di, dg = dc * prev_c, dc * g, dc * i
    da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)
"""
COLUMNS = """
import numpy as np


def rnn_step_forward(x, h_prev, Wx, Wh, b):  # a column for each row of the batch
    h = np.tanh(Wx @ x + Wh @ h_prev + b)
    return h, (x, h_prev, Wx, Wh, h)


def rnn_step_backward(dh, cache):
    x, h_prev, Wx, Wh, h = cache
    da = dh * (1 - h**2)
    return Wx.T @ da, Wh.T @ da, da @ x.T, da @ h_prev.T, da.sum(axis=1, keepdims=True)
"""


def _in_other_layouts() -> Iterator[Student]:
    for name, text in (("lstm_step_backward", WIDE), ("rnn_step_backward", COLUMNS)):
        yield Student(f"layout-{name}", name, {f"{name}.py": text}, "right", _all(exercise_named(name)))


# Wrong, by one mistake of the catalogue or two.


def results_of(text: str, exercise: Exercise, seed: int) -> dict[str, Any]:
    """What a text's functions return, as arrays by part."""
    names: dict[str, Any] = {"__name__": "student"}
    exec(compile(text, "<student>", "exec"), names)
    found: dict[str, Any] = {}
    for task in exercise.tasks:
        problem = task.problem(np.random.default_rng(seed))
        with np.errstate(all="ignore"):
            *outputs, cache = names[task.forward](**problem.inputs)
            if task.is_backward:
                returned = task.arrays_of(names[task.function](*problem.upstream, cache))
            else:
                returned = task.arrays_of(tuple(outputs) if len(outputs) > 1 else outputs[0])
        found |= {f"{task.function}: {name}": np.asarray(value) for name, value in returned.items()}
    return found


def parts_right(text: str, exercise: Exercise, seed: int = 5) -> dict[str, bool]:
    """Which arrays and gates of a text are right on numbers of our own."""
    got, right = results_of(text, exercise, seed), results_of(solution(exercise), exercise, seed)
    found = {}
    for part in exercise.parts:
        task = next(task for task in exercise.tasks if task.function == part.function)
        one, other = got.get(f"{part.function}: {part.array}"), right[f"{part.function}: {part.array}"]
        if one is None or one.shape != other.shape:
            found[part.name] = False
            continue
        most = float(np.max(np.abs(other), initial=0.0))
        if part.gate:
            k = task.gates.index(part.gate)
            one, other = one[k], other[k]
        found[part.name] = bool(np.all(np.abs(one - other) <= CLOSE * most))
    return found


def planted(exercise: Exercise, *mistakes: Mistake) -> str | None:
    """The exercise solved, with mistakes; None where a line is not there once."""
    head, mark, hole = solution(exercise).rpartition("# Yours.")
    lines = hole.split("\n")
    for mistake in mistakes:
        places = [k for k, line in enumerate(lines) if line.partition("  #")[0].strip() == mistake.line]
        if len(places) != 1:
            return None
        line = lines[places[0]]
        lines[places[0]] = textwrap.indent(mistake.becomes, line[: len(line) - len(line.lstrip())])
    return f"{head}{mark}" + "\n".join(lines)


def mistakes_of(exercise: Exercise) -> list[Mistake]:
    """The mistakes of the catalogue that can be planted and show in what is returned."""
    found = []
    for mistake in KINDS[exercise.tasks[-1].kind].mistakes:
        text = planted(exercise, mistake)
        if mistake.place == "backward" and text is not None and _shows(text, exercise):
            found.append(mistake)
    return found


def _shows(text: str, exercise: Exercise) -> bool:
    try:
        got = results_of(text, exercise, 5)
    except Exception:  # noqa: BLE001 - a mistake with which it does not run is another thing
        return False
    right = results_of(solution(exercise), exercise, 5)
    is_whole = set(got) == set(right) and all(got[name].shape == right[name].shape for name in right)
    return is_whole and not all(parts_right(text, exercise).values())


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(np.allclose(one[name], other[name], rtol=CLOSE, atol=CLOSE) for name in other)


def explains(member: Student, codes: list[str]) -> bool:
    """Whether other mistakes than those that were planted, as many, give the same results."""
    task = exercise_named(member.exercise).tasks[-1]
    kind = KINDS[task.kind]
    known = {mistake.code: mistake for mistake in kind.mistakes}
    if len(codes) != len(member.causes) or not set(codes) <= set(known):
        return False
    problem = task.problem(np.random.default_rng(7))
    upstream = dict(zip(task.outputs, problem.upstream, strict=True))
    both = [
        kind.run(problem.inputs, upstream, tuple(known[code] for code in names))[1]
        for names in (codes, member.causes)
    ]
    return _same(*both)


def _single() -> Iterator[Student]:
    pools = {name: mistakes_of(exercise_named(name)) for name in WITH_MISTAKES}
    turns = itertools.chain.from_iterable(itertools.zip_longest(*([(n, m) for m in pools[n]] for n in pools)))
    for k, (name, mistake) in enumerate(itertools.islice(filter(None, turns), SINGLES)):
        exercise = exercise_named(name)
        text = planted(exercise, mistake)
        assert text is not None
        parts = parts_right(text, exercise)
        files = {f"{name}.py": text}
        yield Student(f"single-{k}-{mistake.code}", name, files, "wrong", parts, (mistake.code,))


def _double() -> Iterator[Student]:
    pools = {name: mistakes_of(exercise_named(name)) for name in WITH_MISTAKES}
    rng = np.random.default_rng(3)
    count = 0
    while count < DOUBLES:
        name = WITH_MISTAKES[int(rng.integers(len(WITH_MISTAKES)))]
        exercise, pool = exercise_named(name), pools[name]
        first, second = (pool[int(k)] for k in rng.choice(len(pool), 2, replace=False))
        text = planted(exercise, first, second)
        if text is None or first.line == second.line or not _shows(text, exercise):
            continue
        both = results_of(text, exercise, 7)
        alone = [planted(exercise, one) for one in pool]
        if any(one is not None and _same(results_of(one, exercise, 7), both) for one in alone):
            continue  # one mistake explains it as well as two
        parts, codes = parts_right(text, exercise), (first.code, second.code)
        yield Student(f"double-{count}", name, {f"{name}.py": text}, "wrong", parts, codes)
        count += 1


# Those that mean harm; what they do stands at the beginning of the function that was to be written.

HARM = {
    "loop": ("while True: pass", "failed"),
    "bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "failed"),
    "exit": ("import os; os._exit(0)", "failed"),
    "system-exit": ("raise SystemExit(0)", "failed"),
    "memory": ("kept = []\nwhile True: kept.append(bytearray(1 << 26))", "failed"),
    "recursion": ("def f(): return f()\nf()", "failed"),
    "output": ("print('x' * 10_000_000)", "harmless"),
    "seqmem": ("import seqmem", "failed"),
    "hidden-import": ("__import__('seq' + 'mem.reference')", "failed"),
    "other-program": ("import subprocess; subprocess.run(['id'])", "failed"),
    "passwords": ("import io; io.open('/etc/passwd').read()", "failed"),
    "parent": ("import os; os.kill(os.getppid(), 9)", "failed"),
    "group": ("import os; os.kill(0, 9)", "failed"),
    "signals": ("import signal\nsignal.signal(15, signal.SIG_IGN)", "harmless"),
    "thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,)).start()",
        "harmless",
    ),
    "daemon": ("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1e6)", "harmless"),
    "files": ("import os; os.closerange(0, 64)", "failed"),
    "disk": (
        "import io\nwith io.open('large', 'wb') as f:\n    while True: f.write(bytes(1 << 20))",
        "failed",
    ),
    "folder": ("import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True)", "harmless"),
    "crash": ("import ctypes; ctypes.string_at(0)", "failed"),
}


def _hostile() -> Iterator[Student]:
    name = "rnn_step_backward"
    exercise = exercise_named(name)
    for what, (body, status) in HARM.items():
        head, mark, hole = solution(exercise).rpartition("    x, h_prev, W_x, W_h, h = cache\n")
        text = head + textwrap.indent(body, "    ") + "\n" + mark + hole
        parts = _all(exercise) if status == "harmless" else None
        yield Student(f"hostile-{what}", name, {f"{name}.py": text}, status, parts)
    lying = (
        "\nclass Lying(np.ndarray):\n    def __eq__(self, other): return np.True_\n"
        "    def __sub__(self, other): return np.zeros(self.shape)\n"
        "    def __array_function__(self, *a, **k): return np.True_\n"
        "    def __array_ufunc__(self, *a, **k): return np.True_\n"
        "\nclass Patch:\n    np.allclose = np.array_equal = lambda *a, **k: True\n"
        "\ndef rnn_step_backward(d_h, cache):\n"
        "    return {k: np.zeros(v.shape).view(Lying) for k, v in zip(['x', 'h_prev', 'W_x', 'W_h', 'b'], "
        "[cache[0], cache[1], cache[2], cache[3], cache[3][0]])}\n"
    )
    # zeros everywhere are what comes of ignoring the only gradient that there is
    causes = ("rnn-final-h-ignored",)
    yield Student("hostile-lying", name, {f"{name}.py": solution(exercise) + lying}, "wrong", None, causes)


# Half done: some of the functions, or some of the arrays.


def _half_done() -> Iterator[Student]:
    exercise = exercise_named("cross_entropy")
    open_back = _opened(solution(exercise), "cross_entropy_backward")
    parts = {part.name: part.function.endswith("forward") for part in exercise.parts}
    yield Student("half-cross-entropy", exercise.name, {"cross_entropy.py": open_back}, "wrong", parts)
    for name in WITH_MISTAKES[:4]:
        exercise = exercise_named(name)
        for array in ("W_h", "b"):
            own = f'"{array}": d_{array}'
            text = solution(exercise)
            head, mark, hole = text.rpartition(own)
            assert mark, (name, own)
            text = f'{head}"{array}": np.zeros_like(d_{array}){hole}'
            parts = parts_right(text, exercise)
            yield Student(f"half-{name}-{array}", name, {f"{name}.py": text}, "wrong", parts, ("zeros",))


def _opened(text: str, name: str) -> str:
    """A text with a hole again."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            node.body = [ast.parse("raise NotImplementedError").body[0]]
    return ast.unparse(tree)


def _empty(count: int) -> Iterator[Student]:
    kinds: list[tuple[str, dict[str, str]]] = [
        ("failed", {"{}.py": ""}),
        ("not started", {"{}.py": "STUB"}),
        ("failed", {"{}.py": "# nothing yet\n"}),
        ("not handed in", {"readme.txt": "ill"}),
        ("failed", {"{}.ipynb": "{}"}),
        ("failed", {"{}.py": "def f(:\n"}),
    ]
    for k in range(count):
        name = EXERCISES[k % len(EXERCISES)]
        status, files = kinds[k % len(kinds)]
        own = {
            key.format(name): text.replace("STUB", stub(exercise_named(name))) for key, text in files.items()
        }
        yield Student(f"empty-{k}", name, own, status)

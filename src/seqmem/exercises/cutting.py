"""A student's file and its solution, both cut from the source of `seqmem.reference`.

The functions that the exercise calls stand above it, complete, in the order of the reference; the file
imports only NumPy. In the stub, each function to write keeps its signature, its docstring and the line that
unpacks the cache.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import NamedTuple

from seqmem.checking.catalogue.mistakes.record import Mistake, replaced
from seqmem.exercises.exercise import Exercise, Task

HEADER = """from __future__ import annotations

{standard}

{packages}

Array = npt.NDArray[Any]
"""
_HEADINGS = {"example": "# A worked example: read it first.", "yours": "# Yours."}
NOT_WRITTEN = "raise NotImplementedError"
WIDTH = 100
_TYPES = ("Array", "Any", "np", "npt")  # names that the header defines
_GRADIENTS = ("g_{}", "D_{}", "dL_{}")  # names of a gradient where a bug is to be found
_COUNTS = {"i": "4", "r": "3"}  # gates, by the first


class Piece(NamedTuple):
    """One function, class or constant of the reference's source."""

    name: str
    module: str
    source: str
    node: ast.stmt
    line: int


class Section(NamedTuple):
    """A piece of a student's file."""

    kind: str  # "imports", "given", "example" or "yours"
    text: str


def stub(exercise: Exercise) -> str:
    """Return the student's file: everything that is given, and a hole for each function to write."""
    return _file(exercise, solved=False)


def solution(exercise: Exercise) -> str:
    """Return the file without holes: the reference's own lines."""
    return _file(exercise, solved=True)


def imports_of_seqmem(source: str) -> list[str]:
    """Return the imports of seqmem in a file, other than its `check`, each with its line.

    >>> imports_of_seqmem("from seqmem.exercises import check\\nimport seqmem.reference")
    ['line 2: import seqmem.reference']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom, ast.Call))]
    return [f"line {node.lineno}: {ast.unparse(node)[:80]}" for node in nodes if _imports_seqmem(node)]


def parameters_of(source: str) -> dict[str, tuple[str, ...]]:
    """Return the parameters of the functions that a file defines, by name, without running it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    return {
        node.name: tuple(one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def pieces(exercise: Exercise) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces that are given and the pieces to write, each in order."""
    module = exercise.tasks[0].module
    holes = [_piece(task.module, task.function) for task in exercise.tasks if not task.source[0]]
    wanted = [*exercise.example, *exercise.given]
    wanted += [task.forward for task in exercise.tasks if not task.source[0]]
    found: dict[str, Piece] = {}
    for name in wanted:
        if name not in exercise.functions:
            _collect(_piece(module, name), found)
    for hole in holes:
        for other in _needs(hole):
            _collect(other, found)
    given = [piece for piece in found.values() if piece.name not in exercise.functions]
    return given, holes


def source_of(piece: Piece, brief: bool = False) -> str:
    """Return a piece's lines, with its docstring without examples, or reduced to its first line."""
    if not isinstance(piece.node, (ast.FunctionDef, ast.ClassDef)) or not ast.get_docstring(piece.node):
        return piece.source
    lines = piece.source.splitlines()
    text = piece.node.body[0]
    start, end = text.lineno - piece.node.lineno, (text.end_lineno or 0) - piece.node.lineno
    docstring = textwrap.dedent(" " * 4 + "\n".join(lines[start : end + 1]).strip())
    words = _brief(docstring) if brief else _without_examples(docstring)
    whole = "\n".join([*lines[:start], *textwrap.indent(words, "    ").splitlines(), *lines[end + 1 :]])
    return re.sub(r"# noqa: \w+ - ", "# ", whole)


def with_hole(piece: Piece, task: Task) -> str:
    """Return a function with a hole in place of its lines, except for unpacking the cache."""
    if isinstance(piece.node, ast.ClassDef):
        return _class_with_holes(piece)
    lines = source_of(piece).splitlines()
    body = ast.parse("\n".join(lines)).body[0]
    assert isinstance(body, ast.FunctionDef)
    docstring = body.body[0].end_lineno or 1
    head = _told(lines[:docstring], task)
    kept = [ast.unparse(node) for node in body.body[1:2] if _unpacks_the_cache(node)]
    hole = [*kept, NOT_WRITTEN]
    return "\n".join([*head, *(f"    {line}" for line in hole)])


def source_in(module: str, name: str) -> str:
    """Return the source of a function of the reference, with its docstring without examples."""
    return source_of(_piece(module, name))


def equation_of(module: str) -> str:
    """Return the equations in the docstring of a reference file."""
    blocks = re.findall(r"(?:^ {4}.*\n?)+", inspect.getdoc(importlib.import_module(module)) or "", re.M)
    return textwrap.dedent("\n".join(block.rstrip() for block in blocks))


def sections(exercise: Exercise, solved: bool = False) -> list[Section]:
    """Return a file's sections in order: a text, the imports, given pieces, an example, the student's part.

    Args:
        exercise: the exercise.
        solved: whether the file has no holes.
    """
    given, holes = pieces(exercise)
    found = [Section("imports", _header(exercise, [*given, *holes]))]
    for piece in given:
        is_example = piece.name in exercise.example
        brief = not is_example and piece.name not in exercise.given
        found.append(Section("example" if is_example else "given", source_of(piece, brief)))
    found.sort(key=lambda section: ("imports", "given", "example").index(section.kind))
    named = {hole.name: hole for hole in holes}
    for task in exercise.tasks:
        if task.function not in named:
            text = task.source[solved].strip("\n")
        elif solved or exercise.planted is not None:
            text = source_of(named[task.function])
        else:
            text = with_hole(named[task.function], task)
        found.append(Section("yours", text))
    if exercise.planted is None:
        return found
    found = found if solved else _with_mistake(found, exercise.planted)
    return [section._replace(text=renamed(section.text, exercise.seed)) for section in found]


def renamed(text: str, seed: int) -> str:
    """Return a pass with other names for its gradients, or one line of it.

    The other files of a folder contain many of the right lines; under other names, a comparison of two files
    does not tell the wrong line from all others.

    >>> renamed("d_x = d_a @ W_x.T", 0)
    'g_x = g_a @ W_x.T'
    """
    style = _GRADIENTS[seed % len(_GRADIENTS)]
    return re.sub(r"\bd_([A-Za-z]\w*)", lambda found: style.format(found[1]), text)


def _file(exercise: Exercise, solved: bool) -> str:
    parts = [_words(exercise)]
    before = ""
    for section in sections(exercise, solved):
        heading = _HEADINGS.get(section.kind, "") if section.kind != before else ""
        parts += [f"\n{heading}\n"] * bool(heading)
        parts.append(section.text if section.kind == "imports" else f"\n{section.text}")
        before = section.kind
    return "\n\n".join(parts).replace("\n\n\n\n", "\n\n\n") + "\n"


def _with_mistake(found: list[Section], mistake: Mistake) -> list[Section]:
    """Return a file's sections with a mistake in the backward pass that contains its line."""
    places = [k for k, section in enumerate(found) if re.match(r"def \w+_backward", section.text)]
    changed = replaced([found[k].text for k in places], mistake)
    texts = dict(zip(places, changed, strict=True))
    return [section._replace(text=texts.get(k, section.text)) for k, section in enumerate(found)]


def _header(exercise: Exercise, shown: list[Piece]) -> str:
    """Return the imports of a file."""
    names = {node.id for piece in shown for node in ast.walk(piece.node) if isinstance(node, ast.Name)}
    standard = ["from collections.abc import Callable"] * ("Callable" in names) + ["from typing import Any"]
    packages = ["import numpy as np", "import numpy.typing as npt"]
    texts = ["\n".join(standard), "\n".join(packages)] + ["\n".join(exercise.imports)] * bool(
        exercise.imports
    )
    return HEADER.format(standard=texts[0], packages="\n\n".join(texts[1:])).rstrip()


def _words(exercise: Exercise) -> str:
    """Return the docstring of a file."""
    names = ", ".join(exercise.functions)
    what = "" if exercise.planted is not None else f" Write {names}."
    about = textwrap.fill(exercise.teaches + what, WIDTH)
    equation = textwrap.indent(exercise.equation.strip("\n"), "    ")
    how = f"Check it with: python -m seqmem exercises check {exercise.name}"
    return f'"""{exercise.title}\n\n{about}\n\n{equation}\n\n{how}\n"""'


def _class_with_holes(piece: Piece) -> str:
    """Return a class whose methods, except for the constructor, have holes."""
    lines = source_of(piece).splitlines()
    body = ast.parse("\n".join(lines)).body[0]
    assert isinstance(body, ast.ClassDef)
    for node in reversed(body.body):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            start = node.body[0].end_lineno if ast.get_docstring(node) else node.body[0].lineno - 1
            lines[start : node.end_lineno] = [f"        {NOT_WRITTEN}"]
    return "\n".join(lines)


def _told(head: list[str], task: Task) -> list[str]:
    """Return the lines of a signature and a docstring, with the shapes of the results."""
    if not task.is_backward or not task.axes:
        return head
    count = _COUNTS.get(task.gates[0], "") if task.gates else ""
    shapes = {
        name: f"({', '.join(letters.replace('G', count)) + (',' if len(letters) == 1 else '')})"
        for name, letters in task.axes.items()
    }
    listed = ", ".join(f"{name} {shape}".replace(" ", "\xa0") for name, shape in shapes.items())
    wrapped = textwrap.wrap(f"A dict of the gradients: {listed}.", WIDTH - 8)
    text = ["Returns:", *(f"    {line}".replace("\xa0", " ") for line in wrapped)]
    last = head[-1]
    if last.strip() == '"""':
        return [*head[:-1], "", *(f"    {line}" for line in text), last]
    return [*head[:-1], last.rstrip().removesuffix('"""'), "", *(f"    {line}" for line in text), '    """']


def _unpacks_the_cache(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id == "cache"


def _brief(docstring: str) -> str:
    first = docstring.splitlines()[0].rstrip()
    return first if first.count('"""') == 2 else f'{first}"""'


def _without_examples(docstring: str) -> str:
    before, examples, _ = docstring.partition(">>>")
    if not examples:
        return docstring
    return before.rstrip() + ('\n"""' if "\n" in before.rstrip() else '"""')


def _imports_seqmem(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == "seqmem" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        is_check = node.module == "seqmem.exercises" and all(alias.name == "check" for alias in node.names)
        return (node.module or "").split(".")[0] == "seqmem" and not is_check
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0] if node.args else None
        text = first.value if isinstance(first, ast.Constant) else ""
        return name in ("import_module", "__import__") and str(text).split(".")[0] == "seqmem"
    return False


def _collect(piece: Piece, found: dict[str, Piece]) -> None:
    """Add a piece after everything that it needs."""
    if piece.name in found:
        return
    for other in _needs(piece):
        _collect(other, found)
    found[piece.name] = piece


def _needs(piece: Piece) -> Iterator[Piece]:
    """Yield the pieces of the reference that a piece refers to."""
    known = _pieces_of(piece.module)
    for node in ast.walk(piece.node):
        if isinstance(node, ast.Name) and node.id in known and node.id not in (*_TYPES, piece.name):
            yield known[node.id]


def _piece(module: str, name: str) -> Piece:
    whole = importlib.import_module(module)
    owner = getattr(getattr(whole, name, None), "__module__", module)
    return _pieces_of(owner if name in _pieces_of(owner) else module)[name]


@cache
def _pieces_of(module: str) -> dict[str, Piece]:
    """Return the functions, classes and constants that a reference file defines or imports."""
    whole: ModuleType = importlib.import_module(module)
    text = inspect.getsource(whole)
    found: dict[str, Piece] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("seqmem.reference."):
            for alias in node.names:
                if alias.name not in _TYPES:
                    found[alias.asname or alias.name] = _piece(str(node.module), alias.name)
        for name in _defined(node):
            source = ast.get_source_segment(text, node) or ""
            found[name] = Piece(name, module, source, node, node.lineno)
    return found


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []

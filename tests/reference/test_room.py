"""A reader who has only this folder can follow every derivative: the line it comes from stands above it."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from seqmem import reference

ROOM = Path(reference.__path__[0])
FILES = sorted(path for path in ROOM.rglob("*.py") if path.name != "__init__.py")
BACKWARD = [name for name in dir(reference) if name.endswith("_backward")]


def code_of(function):
    """The lines of a function's body without indentation and trailing comments, after its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.splitlines()[docstring.end_lineno :]
    return [line.strip().partition("  #")[0] for line in lines]


def quoted(function):
    """The forward lines that a backward function's comments quote, without what is remarked on them."""
    heads = [line for line in code_of(function) if line.startswith("# from ")]
    return [head.removeprefix("# from ").partition(": ")[0] for head in heads]


def module_of(path):
    return ".".join(("seqmem.reference", *path.relative_to(ROOM).with_suffix("").parts))


def forward_of(name):
    return getattr(reference, name.replace("_backward", "_forward"))


@pytest.mark.parametrize("name", BACKWARD)
def test_what_a_backward_pass_quotes_stands_in_its_forward_pass(name):
    lines = code_of(forward_of(name))
    heads = quoted(getattr(reference, name))
    assert heads
    assert [head for head in heads if head not in lines] == []


NOT_DIFFERENTIATED = (
    *(
        "mask =",
        "valid",
        "onehot =",
        "counted =",
        "last =",
        "weights = (",
        "V =",
        "S, B, _ =",
    ),  # integers, bools
    *(
        "top =",
        "shifted =",
        "p =",
        "q =",
        "of_target =",
        "near =",
        "sign =",
        "divisor =",
    ),  # a shift of all scores has no effect, and p is what the gradient is made of
    *("W_", "W =", "names =", "h0 =", "h_prev =", "h_prev, c_prev =", "s_prev ="),  # names
)


@pytest.mark.parametrize("name", BACKWARD)
def test_every_line_that_a_gradient_goes_through_is_quoted(name):
    lines = [line for line in code_of(forward_of(name)) if " = " in line and not line.endswith("= []")]
    wanted = [line for line in lines if not line.startswith(NOT_DIFFERENTIATED)]
    heads = quoted(getattr(reference, name))
    assert wanted
    assert [line for line in wanted if line not in heads] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_imports_nothing_but_numpy_and_its_own_room(path):
    tree = ast.parse(path.read_text("utf-8"))
    names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    allowed = ("numpy", "numpy.typing", "typing", "collections.abc", "__future__", "seqmem.reference")
    assert [name for name in names if not name.startswith(allowed)] == []
    assert not any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))


def test_every_function_of_every_file_is_public_and_found_without_knowing_its_file():
    own = {
        name: value
        for path in FILES
        for name, value in vars(import_module(module_of(path))).items()
        if inspect.isfunction(value)
    }
    assert sorted(own) == sorted(reference.__all__) == dir(reference)
    assert all(getattr(reference, name) is value for name, value in own.items())


@pytest.mark.parametrize("name", [name for name in dir(reference) if not name.endswith("_backward")])
def test_a_function_shows_an_example_with_its_way_back(name):
    text = inspect.getdoc(getattr(reference, name))
    assert ">>>" in text
    back = name.replace("_forward", "_backward")
    assert back == name or f"{back}(" in text


@pytest.mark.parametrize("name", BACKWARD)
def test_the_names_of_the_gradients_are_those_of_the_inputs(name):
    taken = list(inspect.signature(forward_of(name)).parameters)
    source = inspect.getsource(getattr(reference, name))
    last = source[source.rindex("return ") :]
    keys = [word for word in last.split('"')[1::2] if word != "decoder.output.b"]
    if "d_inputs" in last:
        keys = source[source.index("d_inputs = {") :].split('"')[1::2]
    assert keys
    assert [key for key in keys if key not in taken] == []


def test_the_lines_on_the_page_about_this_room_are_those_of_the_lstm():
    page = Path(__file__).parents[2] / "docs" / "reference-passes.md"
    _, block, _ = page.read_text("utf-8").split("```", 2)
    shown = [line for line in block.splitlines()[3:] if line.strip()]
    left = [line[:44].strip() for line in shown if line[:44].strip()]
    right = [line[44:].strip() for line in shown if line[44:].strip()]
    assert (len(left), len(right)) == (3, 10)
    assert [line for line in left if line not in code_of(reference.lstm_step_forward)] == []
    assert [line for line in right if line not in code_of(reference.lstm_step_backward)] == []


def test_the_page_about_this_room_lists_every_function_in_reading_order():
    page = Path(__file__).parents[2] / "docs" / "reference-passes.md"
    rows = [line.split("|") for line in page.read_text("utf-8").splitlines() if line.startswith("| `")]
    listed = [(name, row[2]) for row in rows for name in re.findall(r"`(\w+)`", row[1])]
    in_order = {}
    for file, names in reference._FILES.items():
        for name in names:
            in_order[re.sub("_(forward|backward)$", "", name)] = f"[{file.replace('.', '/')}.py]"
    assert [name for name, _ in listed] == list(in_order)
    assert [name for name, cell in listed if in_order[name] not in cell] == []


def test_a_name_is_imported_when_it_is_used():
    script = """
import sys
from seqmem import reference
assert "lstm_forward" in dir(reference)
assert "seqmem.reference.lstm" not in sys.modules
reference.lstm_forward
assert "seqmem.cells" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match=r"module 'seqmem\.reference' has no attribute 'gru_forward'"):
        _ = reference.gru_forward

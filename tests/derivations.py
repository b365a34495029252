"""Keep docs/derivations/ true: its lines of code are the package's, its numbers are computed.

    python tests/derivations.py            say which chapters are out of date
    python tests/derivations.py --write    write the lines and the numbers again

A chapter is Markdown with three kinds of marked parts, each up to `<!-- end -->`:

    <!-- lines: seqmem.reference.lstm_step_forward | c = … h = -->
        the lines of that function from the one that begins with "c =" to the one that begins with "h ="; one
        line without "…"; the whole function, without its docstring, without "|"
    <!-- quoted: seqmem.layers.recurrent.Recurrent._backward | for _ in … d_xs, grads = -->
        the same for lines that cannot run outside their method
    <!-- numbers: c tanh_c h -->
        a table with a row for the last assignment to each of these names in the blocks above it: the line,
        the line with the values of its names, and its result

The Python blocks of a chapter share one namespace, and the included lines are Python blocks, too. So a
chapter runs the very lines that it explains, and its numbers are theirs.
"""

import __future__

import ast
import doctest
import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "docs" / "derivations"
CHAPTERS = sorted(FOLDER.glob("*.md"))
ANYWHERE = re.DOTALL | re.MULTILINE
PART = re.compile(r"^<!-- (?P<kind>lines|quoted|numbers): (?P<what>[^\n]+) -->\n.*?^<!-- end -->$", ANYWHERE)
BLOCK = re.compile(r"^```(?:python|pycon)\n(?P<code>.*?)^```$", ANYWHERE)
ANNOTATIONS = __future__.annotations.compiler_flag  # a method is shown without the imports of its file
NUMBERS = (np.ndarray, np.generic, int, float)
DECIMALS = 4
ROUNDING = 1e-12  # a number of a chapter is 0 or far larger

Namespace = dict[str, Any]
Row = tuple[str, str, str]  # a line, the line with numbers, its value


def lines_of(what: str) -> str:
    """Return the lines that the text of a marker selects, without their common indentation."""
    name, _, selected = (part.strip() for part in what.partition("|"))
    source = inspect.getsource(_found(name))
    lines = textwrap.dedent(source).splitlines()
    function = ast.parse("\n".join(lines)).body[0]
    assert isinstance(function, ast.FunctionDef)
    body = function.body
    if ast.get_docstring(function) is not None:
        first, last = body[0].lineno, body[0].end_lineno or body[0].lineno
        del lines[first - 1 : last]
        body = body[1:]
    if not selected:
        return "\n".join(lines)
    start, _, stop = (part.strip() for part in selected.partition("…"))
    begin = _one_line(lines, start, name)
    end = begin + _one_line(lines[begin:], stop, name, only=False) if stop else begin
    return textwrap.dedent("\n".join(lines[begin : _statement_end(lines, end) + 1]))


def _found(name: str) -> Any:
    """Return the object of a dotted name: the longest part that is a module, then its attributes."""
    parts = name.split(".")
    for n in reversed(range(1, len(parts) + 1)):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def _one_line(lines: list[str], start: str, name: str, only: bool = True) -> int:
    found = [n for n, line in enumerate(lines) if line.strip().startswith(start)]
    if not found or (only and len(found) > 1):
        raise LookupError(f"{name} has {len(found)} lines that begin with {start!r}, expected 1")
    return found[0]


def _statement_end(lines: list[str], n: int) -> int:
    """Return the last line of a statement that begins at line n, its indented block included."""
    depth = len(lines[n]) - len(lines[n].lstrip())
    while n + 1 < len(lines) and lines[n + 1].strip():
        following = lines[n + 1]
        if len(following) - len(following.lstrip()) <= depth and following.strip()[0] not in ")]}":
            break
        n += 1
    return n


def as_text(value: Any) -> str:
    """Return a number, or an array without its axes of length 1, rounded.

    >>> as_text(np.array([[0.25, -1 / 3]])), as_text(np.array([[-2e-8]])), as_text(-1e-17), as_text(3)
    ('[0.25, -0.3333]', '-2e-08', '0', '3')
    """
    array = np.squeeze(np.asarray(value))
    if array.ndim:
        return "[" + ", ".join(as_text(part) for part in array) + "]"
    number = array.item()
    if isinstance(number, (bool, int)):
        return str(int(number))
    if abs(number) < ROUNDING:
        return "0"
    if abs(number) < 10.0 ** (1 - DECIMALS):
        return f"{number:.3g}"
    return f"{number:.{DECIMALS}f}".rstrip("0").rstrip(".")


class _WithNumbers(ast.NodeTransformer):
    """Put the values of a namespace in the place of names, of their parts and of their transposes."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def _value(self, node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "chapter", "eval"), self.namespace)

    def _written(self, node: ast.expr) -> ast.expr:
        value = self._value(node)
        if not isinstance(value, NUMBERS):
            return node
        text = as_text(value)
        return ast.Name(f"({text})" if text.startswith("-") else text)  # unparsed as it stands

    def visit_Name(self, node: ast.Name) -> ast.expr:
        is_read = isinstance(node.ctx, ast.Load) and node.id in self.namespace
        return self._written(node) if is_read else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        return self._written(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if ast.unparse(node.value) == "np":
            return ast.Name(node.attr)
        return self._written(node) if node.attr in ("T", "real") else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if not isinstance(function, ast.Attribute) or ast.unparse(function.value) == "np":
            return self.generic_visit(node)
        if function.attr in ("transpose", "swapaxes", "copy"):
            return self._written(node)
        if function.attr not in ("sum", "mean"):
            return node
        operand, before, after = function.value, self._value(function.value), self._value(node)
        if before.size == after.size:
            return self.visit(operand)  # over axes of length 1
        if np.squeeze(before).ndim == 1:
            return ast.Call(ast.Name(function.attr), [self.visit(operand)], [])
        axis = [keyword for keyword in node.keywords if keyword.arg == "axis"]
        return ast.Call(ast.Attribute(self.visit(operand), function.attr), [], axis)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        return node  # its names have a value each time

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.MatMult):
            first, second = self._value(node.left), self._value(node.right)
            inner, columns = (second.shape[-2], second.shape[-1]) if second.ndim > 1 else (len(second), 1)
            if inner == 1 and first.shape[-2] > 1 and columns > 1:
                return ast.Call(ast.Name("outer"), [left, right], [])
            if inner == 1:
                return ast.BinOp(left, ast.Mult(), right)
        return ast.BinOp(left, node.op, right)


def with_numbers(expression: ast.expr, namespace: Namespace) -> str:
    """Return the text of an expression with values in the place of names.

    >>> values = {"x": np.array([[0.5]]), "W": np.array([[1.0, -2.0]]), "b": -1.0}
    >>> with_numbers(ast.parse("np.tanh(x @ W + b)", mode="eval").body, values | {"np": np})
    'tanh(0.5 * [1, -2] + (-1))'
    """
    copy = ast.parse(ast.unparse(expression), mode="eval").body
    return re.sub(r"\((\([^()]*\))\)", r"\1", ast.unparse(_WithNumbers(namespace).visit(copy)))


def run(code: str, namespace: Namespace, rows: dict[str, Row]) -> None:
    """Run a block, statement by statement, and note every assignment to one name with its numbers."""
    if code.lstrip().startswith(">>>"):
        code = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
    for statement in ast.parse(code).body:
        name = calculation = None
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, calculation = statement.targets[0].id, with_numbers(statement.value, namespace)
        module = ast.Module([statement], [])
        exec(compile(module, "chapter", "exec", ANNOTATIONS), namespace)
        if name is not None and isinstance(namespace[name], NUMBERS):
            line = " ".join((ast.get_source_segment(code, statement) or "").split())
            rows[name] = (line, str(calculation), as_text(namespace[name]))


def table(names: str, rows: dict[str, Row]) -> str:
    """Return a Markdown table with the row of each name."""
    lines = ["| line | with its numbers | result |", "|---|---|---|"]
    for name in names.split():
        line, calculation, value = rows[name]
        lines.append(f"| `{line}` | `{calculation}` | `{value}` |")
    return "\n".join(lines)


def rendered(text: str) -> str:
    """Return the text of a chapter with its lines and numbers as they are now."""
    namespace: Namespace = {"__name__": "chapter"}
    rows: dict[str, Row] = {}
    last = text.rfind("<!-- numbers: ")  # no block below it has an effect on a number
    done, result = 0, ""

    def run_blocks(part: str) -> None:
        for block in BLOCK.finditer(part) if done < last else ():
            run(block["code"], namespace, rows)

    for match in PART.finditer(text):
        between = text[done : match.start()]
        run_blocks(between)
        if match["kind"] == "lines":
            inside = f"```python\n{lines_of(match['what'])}\n```"
            run_blocks(inside + "\n")
        elif match["kind"] == "quoted":
            inside = f"```text\n{lines_of(match['what'])}\n```"
        else:
            inside = table(match["what"], rows)
        result += f"{between}<!-- {match['kind']}: {match['what']} -->\n\n{inside}\n\n<!-- end -->"
        done = match.end()
    return result + text[done:]


def main(arguments: list[str]) -> int:
    """Write the chapters again, or say which are out of date; return the exit code."""
    is_writing, is_stale = arguments == ["--write"], False
    for path in CHAPTERS:
        text = path.read_text("utf-8")
        if (now := rendered(text)) != text:
            is_stale = True
            sys.stdout.write(f"{path.name}: {'written' if is_writing else 'out of date'}\n")
            if is_writing:
                path.write_text(now, "utf-8")
    return int(is_stale and not is_writing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

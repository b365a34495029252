"""The derivations show the package's own lines, all of them, and computed numbers."""

import ast
import doctest
import re
from pathlib import Path
from xml.etree import ElementTree

import derivations
import flow_pictures
import pytest
from derivations import CHAPTERS, lines_of, rendered

pytestmark = pytest.mark.quick

EXPLAINED = [  # the backward passes whose every line a chapter derives
    *("rnn_step_backward", "rnn_backward", "truncated_rnn_backward"),
    *("lstm_step_backward", "lstm_backward", "gru_before_step_backward", "gru_after_step_backward"),
    *("hold_backward", "zero_padding_backward", "additive_attention_backward", "fixed_context_backward"),
    *("dot_product_attention_backward", "bilinear_attention_backward"),
    *("linear_backward", "bridge_backward", "decoder_step_backward", "decoder_backward"),
    *("encoder_backward", "encoder_decoder_backward"),
    *("cross_entropy_backward", "weighted_cross_entropy_backward", "embedding_backward"),
    *("squared_error_backward", "absolute_error_backward", "huber_error_backward"),
    *("normalise_backward", "layer_norm_lstm_step_backward"),
    *("sgd_step", "nesterov_step", "rmsprop_step", "adam_step", "adamw_step", "clip_by_global_norm"),
]
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
TEXT = """# A chapter

```python
import numpy as np

a, h_prev = np.array([[2.0]]), np.array([[0.5]])
```

<!-- lines: seqmem.reference.rnn_step_forward | h = -->
old lines
<!-- end -->

<!-- numbers: h -->
<!-- end -->
"""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_shows_the_lines_and_numbers_of_today(path: Path) -> None:
    text = path.read_text("utf-8")
    assert rendered(text) == text, "python tests/derivations.py --write writes them again"


def hands_over(statement: ast.stmt) -> bool:
    """Whether a statement only takes a cache apart, or puts gradients into a dict or returns them."""
    if isinstance(statement, ast.Return):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    unpacks = isinstance(statement.targets[0], ast.Tuple) and isinstance(statement.value, ast.Name)
    return unpacks or ast.unparse(statement.value) == "cache" or isinstance(statement.value, ast.Dict)


@pytest.mark.parametrize("name", EXPLAINED)
def test_no_line_of_a_derivative_is_left_out(name: str) -> None:
    shown = {line.strip() for path in CHAPTERS for line in path.read_text("utf-8").splitlines()}
    source = lines_of(f"seqmem.reference.{name}").splitlines()
    function = ast.parse("\n".join(source)).body[0]
    assert isinstance(function, ast.FunctionDef)
    computing = [statement for statement in function.body if not hands_over(statement)]
    assert computing
    lines = [line.strip() for own in computing for line in source[own.lineno - 1 : own.end_lineno]]
    assert [line for line in lines if line not in shown] == []


def test_the_table_of_contents_names_every_chapter() -> None:
    contents = (derivations.FOLDER / "index.md").read_text("utf-8")
    assert [
        path.name for path in CHAPTERS if path.stem != "index" and f"]({path.name})" not in contents
    ] == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_formula_within_a_line_survives_markdown(path: Path) -> None:
    """Code hosts take away a backslash before punctuation, and see no formula beside a letter."""
    for paragraph in FENCE.sub("", path.read_text("utf-8")).split("\n\n"):
        assert paragraph.count("$") % 2 == 0, paragraph
    formulas = re.findall(r"(\w?)\$([^$]+)\$(\w?)", FENCE.sub("", path.read_text("utf-8")))
    assert [each for each in formulas if each[0] or each[2] or each[1] != each[1].strip()] == []
    assert [formula for _, formula, _ in formulas if re.search(r"\\[^a-zA-Z]", formula)] == []


@pytest.mark.parametrize("name", flow_pictures.PICTURES)
def test_a_picture_is_the_one_that_the_script_draws_and_a_chapter_shows_it(name: str) -> None:
    file = flow_pictures.FOLDER / f"{name}.svg"
    drawn = flow_pictures.as_svg(flow_pictures.PICTURES[name])
    assert file.read_text("utf-8") == drawn, "python tests/flow_pictures.py --write draws it again"
    assert any(f"](figures/{name}.svg)" in path.read_text("utf-8") for path in CHAPTERS)


@pytest.mark.parametrize("name", flow_pictures.PICTURES)
def test_nothing_of_a_picture_lies_outside_it_and_no_text_is_wider_than_its_box(name: str) -> None:
    (width, height), parts = flow_pictures.PICTURES[name].size, flow_pictures.PICTURES[name].parts
    ElementTree.fromstring(flow_pictures.as_svg(flow_pictures.PICTURES[name]))  # it is XML
    boxes = [part for part in parts if isinstance(part, flow_pictures.Box)]
    for (x, y), text, _, w, h in boxes:
        assert (w / 2 < x < width - w / 2, h / 2 < y < height - h / 2) == (True, True), text
        assert 6.6 * len(text) < w, f"{text} is too wide: a character has about 6.6 pixels"
    lines = [part for part in parts if isinstance(part, flow_pictures.Line)]
    assert all(0 < x < width and 0 < y < height for line in lines for x, y in line.points)


def test_lines_and_numbers_are_put_between_their_marks() -> None:
    now = rendered(TEXT)
    assert "```python\nh = np.tanh(a)\n```" in now
    assert "| `h = np.tanh(a)` | `tanh(2)` | `0.964` |" in now
    assert "old lines" not in now
    assert rendered(now) == now


def test_a_mark_that_selects_no_line_or_several_is_found() -> None:
    with pytest.raises(LookupError, match="has 0 lines that begin with 'H ='"):
        rendered(TEXT.replace("| h = ", "| H = "))
    with pytest.raises(LookupError, match="has 2 lines that begin with 'd_W'"):
        lines_of("seqmem.reference.rnn_step_backward | d_W")


def test_a_statement_of_several_lines_is_whole() -> None:
    loop = lines_of("seqmem.reference.rnn_backward | for t in")
    assert loop.splitlines()[0] == "for t in reversed(range(T)):"
    assert loop.splitlines()[-1] == '    d_h = d_hold["prev"] + d_step["h_prev"]'


def test_a_function_is_shown_without_its_docstring() -> None:
    assert lines_of("seqmem.reference.length_mask").splitlines() == [
        "def length_mask(lengths: Array, T: int) -> Array:",
        "    return np.arange(T)[:, None] < lengths",
    ]


def test_the_examples_of_the_script_hold() -> None:
    failed, attempted = doctest.testmod(derivations)
    assert (failed, attempted > 0) == (0, True)

"""The table of the tasks' page tells the lengths of the scripts, and each is at most twenty lines."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "tasks.md").read_text("utf-8")
ROWS = re.findall(r"^\| \[`\w+\.py`\]\(\.\./(examples/\w+\.py)\) \| (\d+) \|", TABLE, re.MULTILINE)


def test_the_table_has_a_script_for_every_task_but_translation() -> None:
    assert len(ROWS) == 5


@pytest.mark.parametrize(("path", "lines"), ROWS)
def test_a_script_has_the_lines_that_the_table_says_and_at_most_twenty(path: str, lines: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    code = [line for line in text.split('"""', 2)[2].splitlines() if line.strip() and line[:1] != "#"]
    assert len(code) == int(lines) <= 20

"""Whatever a reader is shown runs: blocks of documents, examples in docstrings, scripts in examples/."""

import doctest
import importlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
DOCUMENTS = [path for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))] if path.is_file()]
SCRIPTS = sorted(ROOT.glob("examples/*.py"))
WITH_EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]

FENCE = re.compile(r"^ *```(?P<language>[^\n`]*)\n(?P<body>.*?)^ *```[ \t]*$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PACKAGE_IS_MISSING = 3  # the exit code of a script that has said on stderr which package to install


class Block(NamedTuple):
    line: int  # of the document, where the code begins
    code: str


def python_blocks(text: str) -> list[Block]:
    """The fenced blocks of a Markdown text whose language is Python, in order."""
    return [
        Block(text.count("\n", 0, match.start("body")) + 1, textwrap.dedent(match["body"]))
        for match in FENCE.finditer(text)
        if match["language"].strip().lower().startswith("py")
    ]


def run_blocks(text: str, filename: str) -> None:
    """Run a document's Python blocks in one namespace; a block with >>> must also print what it shows."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for line, code in python_blocks(text):
        if code.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(code, {}, filename, filename, line - 1)
            test.globs = namespace
            failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, clear_globs=False).failed
            assert failed == 0, f"{filename}: an example of the block at line {line} shows another result"
        else:
            in_place = "\n" * (line - 1) + code  # so that a traceback names the document's own line
            exec(compile(in_place, filename, "exec", dont_inherit=True), namespace)


def run_script(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an example's quick form in another folder, numerical warnings being errors."""
    command = [sys.executable, "-W", "error::RuntimeWarning", str(path), "--quick"]
    no_input = subprocess.DEVNULL
    return subprocess.run(command, cwd=folder, stdin=no_input, capture_output=True, text=True, timeout=240)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.quick
@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_the_blocks_of_a_document_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(path.read_text("utf-8"), str(path))


@pytest.mark.quick
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=short)
def test_the_examples_in_docstrings_show_what_they_say(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = path.relative_to(SOURCE).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    failed, attempted = doctest.testmod(module, extraglobs={"np": np}, optionflags=FLAGS)
    assert attempted > 0, "it has examples that doctest does not see"
    assert failed == 0


@pytest.mark.parametrize("path", SCRIPTS, ids=short)
def test_an_example_script_runs(path: Path, tmp_path: Path) -> None:
    run = run_script(path, tmp_path)
    if run.returncode == PACKAGE_IS_MISSING and "pip install" in run.stderr:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr


@pytest.mark.quick
def test_contributors_and_ci_run_the_same_commands() -> None:
    ci = ROOT / ".ci" / "run"
    if not ci.is_file():
        pytest.skip("this tree comes without .ci/run")
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    commands = [line for match in FENCE.finditer(text) for line in match["body"].split("\n") if line.strip()]
    lines = [line.strip() for line in ci.read_text("utf-8").splitlines()]
    install, tests, *others = [part.strip() for command in commands for part in command.split("&&")]
    assert install.startswith("pip install -e")
    assert tests == "pytest"
    assert others
    assert [command for command in others if command not in lines] == []


DOCUMENT = """
# Title

```python
x = 2
```

```console
$ pip install nothing-of-this-is-run
```

1. An item:

   ```python
   y = x + 1
   ```

```python
>>> y
3
```
"""


def test_blocks_share_a_namespace_and_other_languages_are_left_alone() -> None:
    assert [line for line, _ in python_blocks(DOCUMENT)] == [5, 15, 19]
    run_blocks(DOCUMENT, "made-up.md")


def test_a_block_that_raises_is_found_at_its_line() -> None:
    with pytest.raises(NameError, match="'z'") as raised:
        run_blocks(DOCUMENT.replace("x + 1", "z + 1"), "made-up.md")
    last = raised.traceback[-1]
    assert (str(last.path), last.lineno + 1) == ("made-up.md", 15)


def test_a_block_that_shows_another_result_is_found() -> None:
    with pytest.raises(AssertionError, match="block at line 19"):
        run_blocks(DOCUMENT.replace("\n3\n", "\n4\n"), "made-up.md")


def test_a_script_that_fails_is_found(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys, warnings\nwarnings.warn('overflow', RuntimeWarning)\n", "utf-8")
    assert run_script(script, tmp_path).returncode == 1

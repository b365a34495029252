"""Whatever a reader is shown runs: blocks of documents, examples in docstrings, scripts in examples/."""

import __future__

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
DOCUMENTS = [path for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))] if path.is_file()]
PROSE = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
SCRIPTS = sorted(ROOT.glob("examples/*.py"))
WITH_EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]

FENCE = re.compile(r"^ *```(?P<language>[^\n`]*)\n(?P<body>.*?)^ *```[ \t]*$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
LONGEST_LINE = 110  # of the changelog: code hosts show it as it stands
ANNOTATIONS = __future__.annotations.compiler_flag  # a method may be shown without the imports of its file
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
            code_object = compile(in_place, filename, "exec", ANNOTATIONS, dont_inherit=True)
            exec(code_object, namespace)


def run_script(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an example's quick form in another folder, numerical warnings being errors."""
    command = [sys.executable, "-W", "error::RuntimeWarning", str(path), "--quick"]
    no_input = subprocess.DEVNULL
    return subprocess.run(command, cwd=folder, stdin=no_input, capture_output=True, text=True, timeout=240)


def anchors_of(text: str) -> set[str]:
    """What a code host calls the headings of a Markdown text in its links."""
    titles = [match["title"].lower() for match in HEADING.finditer(FENCE.sub("", text))]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def broken_links(text: str, path: Path) -> list[str]:
    """The links of the document at `path` that lead to no file and no heading of the project."""

    def is_broken(target: str) -> bool:
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        if name and not file.exists():
            return True
        return bool(anchor) and anchor not in anchors_of(text if file == path else file.read_text("utf-8"))

    targets = [match["target"] for match in LINK.finditer(FENCE.sub("", text))]
    return [target for target in targets if "://" not in target and is_broken(target)]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.quick
@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_the_blocks_of_a_document_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(path.read_text("utf-8"), str(path))


@pytest.mark.quick
@pytest.mark.parametrize("path", PROSE, ids=short)
def test_the_links_of_a_document_lead_somewhere(path: Path) -> None:
    assert broken_links(path.read_text("utf-8"), path) == []


@pytest.mark.quick
def test_a_table_of_contents_leads_to_every_page() -> None:
    """Sphinx warns of a page that it does not find in one, and CI makes an error of the warning."""
    pages = {path for path in DOCUMENTS if path.is_relative_to(ROOT / "docs")}
    contents = {path for path in pages if path.name == "index.md"}
    found = {
        (path.parent / match["target"]).resolve()
        for path in contents
        for match in LINK.finditer(FENCE.sub("", path.read_text("utf-8")))
    }
    assert sorted(map(short, pages - {ROOT / "docs" / "index.md"} - found)) == []


@pytest.mark.quick
def test_the_changelog_has_short_lines_and_only_the_kinds_of_change_that_keep_a_changelog_knows() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert [line for line in text.split("\n") if len(line) > LONGEST_LINE] == []
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - .+", version) for version in versions)
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.quick
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=short)
def test_the_examples_in_docstrings_show_what_they_say(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = path.relative_to(SOURCE).with_suffix("").parts
    try:
        module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    except ImportError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))  # the tests of the extra run them
    failed, attempted = doctest.testmod(module, extraglobs={"np": np}, optionflags=FLAGS)
    assert attempted > 0, "it has examples that doctest does not see"
    assert failed == 0


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.stem == "pronounce")) for path in SCRIPTS],
    ids=short,
)
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
    blocks = [match["body"] for match in FENCE.finditer(text) if match["language"].strip() == "console"]
    commands = [line for block in blocks for line in block.split("\n") if line.strip()]
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


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    path = tmp_path / "one.md"
    (tmp_path / "two.md").write_text("# Here, now & `there`\n", "utf-8")
    assert (
        broken_links("# Top\n[a](two.md) [b](two.md#here-now--there) [c](#top) [d](https://e.org)", path)
        == []
    )
    assert broken_links("[a](gone.md) [b](two.md#gone) [c](#gone)", path) == [
        "gone.md",
        "two.md#gone",
        "#gone",
    ]


def test_a_script_that_fails_is_found(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys, warnings\nwarnings.warn('overflow', RuntimeWarning)\n", "utf-8")
    assert run_script(script, tmp_path).returncode == 1

"""The rooms of the package stand in order, and imports point one way: to the same room or an earlier one."""

import ast
import graphlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.quick

PACKAGE = Path(__file__).parents[1] / "src" / "seqmem"
ROOMS = (
    *("version", "module", "nests", "activations", "registry", "initializers", "validation"),  # one file each
    *("reference", "data", "cells", "contexts", "layers", "search", "models", "training", "interop", "tasks"),
    "sklearn",
    *("checking", "exercises", "insight", "experiments", "pages", "cli"),
)
SUBROOMS = {  # of a room too large for one, in order; a file counts by its name
    "reference": (
        *("activations", "masks", "rnn", "lstm", "gru_before", "gru_after", "layers", "embedding"),
        *(
            "cross_entropy",
            "losses",
            "clipping",
            "optimizers",
            "attention",
            "encoder_decoder",
            "search",
            "models",
            "measures",
            "variants",
        ),
    ),
    "data": (
        *(
            "batch",
            "bounds",
            "reading",
            "text",
            "subwords",
            "vocabulary",
            "buckets",
            "pairs",
            "batches",
            "sequences",
        ),
        *("vectors", "conll", "generators"),
    ),
    "training": (
        *(
            "optimizers",
            "schedules",
            "files",
            "averaging",
            "scoring",
            "history",
            "progress",
            "clock",
            "callbacks",
        ),
        *("steps", "measuring", "resuming", "loop"),
    ),
    "checking": (
        *(
            "report",
            "exposing",
            "contract",
            "gradients",
            "catalogue",
            "gradient_check",
            "module_check",
            "strategies",
        ),
        *("reading", "calling", "repairs", "submissions", "selftest"),
    ),
    "cli": (
        *("terminal", "arguments", "summary", "check", "compare", "demo", "explore", "memory"),
        *("saved", "train_task", "train", "exercises", "main"),
    ),
    "pages": ("page", "page_data", "explorer", "attention", "movie", "vanishing", "quiz", "course"),
    "exercises": (
        *("exercise", "asking", "cutting", "lectures", "bugs", "catalogue", "judging"),
        *("notebooks", "course", "verifying", "grading", "student"),
    ),
}
FREE = ("seqmem", "seqmem.__main__")  # the front door may import anything
EXTRAS = {"seqmem.sklearn": "sklearn"}  # whose classes derive from the package's
MOST_FILES = 15  # side by side in a folder
MOST_LINES = 2500  # of a room, a subroom standing for itself
UNLIMITED = ("checking.catalogue.mistakes",)  # a list: longer with every mistake, and no harder to know


class Import(NamedTuple):
    line: int
    target: str  # absolute and dotted, the imported name included: "seqmem.cells.LSTMCell", "numpy.typing.*"
    at_top: bool  # outside any function, hence run when the file is imported


def imports_of(source: str, package: str) -> Iterator[Import]:
    """Every import in a source text, inside functions too; `package` is what relative imports start from."""

    def visit(node: ast.AST, at_top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(child.lineno, alias.name, at_top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) + 1 - child.level] if child.level else []
                base = ".".join([*above, *([child.module] if child.module else [])])
                yield from (Import(child.lineno, f"{base}.{alias.name}", at_top) for alias in child.names)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from visit(child, at_top and not inside)

    return visit(ast.parse(source), True)


def room_of(name: str) -> str | None:
    """The room of a dotted name of the package; None for the package itself and for what is no room."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def subroom_of(name: str) -> str | None:
    """The subroom of a dotted name; None for a room itself and for a room that has none."""
    parts = name.split(".")
    return parts[2] if len(parts) > 2 and parts[2] in SUBROOMS.get(parts[1], ()) else None


def complaints(source: str, name: str, is_package: bool = False) -> list[str]:
    """What is wrong with the imports of the file that is imported as `name`, one line each."""
    found = [f"{name}: stands in no {what}" for what in _homeless(name)]
    for line, target, at_top in imports_of(source, name if is_package else name.rpartition(".")[0]):
        where, root = f"{name}:{line}", target.split(".")[0]
        if target.endswith(".*"):
            found.append(f"{where}: star import of {target[:-2]}")
        if root == "seqmem":
            found += [f"{where}: {complaint}" for complaint in _backward(name, target)]
        elif at_top and root not in ("numpy", EXTRAS.get(name)) and root not in sys.stdlib_module_names:
            found.append(f"{where}: imports {root} at module level, where only NumPy may be")
    return found


def _homeless(name: str) -> Iterator[str]:
    room = room_of(name)
    if room is None and name not in FREE:
        yield "room of ROOMS"
    if room in SUBROOMS and subroom_of(name) is None and name != f"seqmem.{room}":
        yield "subroom of SUBROOMS"


def _backward(name: str, target: str) -> Iterator[str]:
    """Why a file may not import something of the package."""
    room, other = room_of(name), room_of(target)
    if room is None:
        return
    if other is None:
        yield f"imports {target}, which is the front door or no room"
    elif ROOMS.index(other) > ROOMS.index(room):
        yield f"{room} imports {target}, but {other} comes after {room}"
    elif other == room and subroom_of(name):
        subroom, inner = subroom_of(name), subroom_of(target)
        if inner is None:
            yield f"imports {target}, which is the door of {room} or no subroom"
        elif SUBROOMS[room].index(inner) > SUBROOMS[room].index(subroom):
            yield f"{subroom} imports {target}, but {inner} comes after {subroom}"


def cycle_in(sources: dict[str, str]) -> list[str] | None:
    """The first circle of files that import each other, by name; None if there is none."""

    def file_of(target: str) -> str:
        while target not in sources and "." in target:
            target = target.rpartition(".")[0]
        return target

    graph = {
        name: {file_of(target) for _, target, _ in imports_of(source, name.rpartition(".")[0])}
        for name, source in sources.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


def crowded_folders(paths: Iterable[Path]) -> dict[Path, int]:
    """The folders in which too many files stand side by side, with how many there are."""
    counts = Counter(path.parent for path in paths)
    return {folder: count for folder, count in counts.items() if count > MOST_FILES}


def large_rooms(lines: dict[str, int]) -> dict[str, int]:
    """The rooms, subrooms and folders of assets that have too many lines, from the lines of each file."""
    sizes: Counter[str] = Counter()
    for file, count in lines.items():
        parts = file.split("/")
        depth = 2 if parts[0] in SUBROOMS or "assets" in parts else 1
        place = next((one for one in UNLIMITED if file.startswith(one.replace(".", "/"))), None)
        sizes[place or "/".join(parts[: min(depth, len(parts) - 1)])] += count
    return {place: size for place, size in sizes.items() if size > MOST_LINES and place not in UNLIMITED}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ALL_FILES = [
    path for path in sorted(PACKAGE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts
]  # style sheets and scripts of the pages, too


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_from_its_own_room_or_those_before_it(name: str) -> None:
    path = FILES[name]
    assert complaints(path.read_text("utf-8"), name, path.name == "__init__.py") == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert cycle_in({name: FILES[name].read_text("utf-8") for name in FILES if name not in FREE}) is None


def test_a_folder_has_few_enough_files_to_look_over() -> None:
    assert crowded_folders(ALL_FILES) == {}


def test_a_room_is_small_enough_to_know() -> None:
    lines = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text("utf-8").splitlines()) for path in ALL_FILES
    }
    assert large_rooms(lines) == {}


def test_a_crowded_folder_is_found() -> None:
    files = [Path("room", f"{k}.py") for k in range(MOST_FILES)]
    assert crowded_folders([*files, Path("room", "inner", "one.py")]) == {}
    assert crowded_folders([*files, Path("room", "one_more.js")]) == {Path("room"): MOST_FILES + 1}


@pytest.mark.parametrize(
    ("lines", "large"),
    [
        ({"cells/a.py": 1000, "cells/b/c.py": 1600}, {"cells": 2600}),
        ({"checking/contract/a.py": 1300, "checking/gradients/b.py": 1300}, {}),
        ({"checking/contract/a.py": 1300, "checking/contract/b/c.py": 1300}, {"checking/contract": 2600}),
        ({"checking/catalogue/mistakes/a.py": 9000, "checking/catalogue/kinds.py": 2500}, {}),
        ({"checking/catalogue/kinds.py": 2501}, {"checking/catalogue": 2501}),
        ({"pages/a.py": 2000, "pages/assets/a/b.js": 2000}, {}),
        ({"pages/assets/a/b.js": 2000, "pages/assets/c/d.css": 600}, {"pages/assets": 2600}),
    ],
)
def test_a_large_room_is_found(lines: dict[str, int], large: dict[str, int]) -> None:
    assert large_rooms(lines) == large


def test_importing_every_file_of_the_package_loads_nothing_but_numpy_and_the_standard_library() -> None:
    names = [name for name in FILES if name != "seqmem.__main__" and name not in EXTRAS]
    script = f"""
import sys, json, importlib
before = set(sys.modules)
for name in {names!r}:
    importlib.import_module(name)
files = [name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)]
print(json.dumps(sorted({{name.split(".")[0] for name in files}} - set(sys.stdlib_module_names))))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == ["numpy", "seqmem"]


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("seqmem.cells.lstm", "from seqmem.layers.linear import Linear", "layers comes after cells"),
        ("seqmem.cells.lstm", "from seqmem.layers import Linear", "layers comes after cells"),
        ("seqmem.cells.lstm", "from seqmem import layers", "layers comes after cells"),
        ("seqmem.cells.lstm", "import seqmem.layers.linear as linear", "layers comes after cells"),
        ("seqmem.cells.lstm", "from ..layers import linear", "layers comes after cells"),
        ("seqmem.cells.lstm", "from .. import layers", "layers comes after cells"),
        ("seqmem.cells.lstm", "def f():\n    from seqmem.cli.main import main", "cli comes after cells"),
        ("seqmem.module", "from seqmem.activations import sigmoid", "activations comes after module"),
        ("seqmem.data.batches", "from seqmem.training import fit", "training comes after data"),
        ("seqmem.data.generators.dates", "from seqmem import Vocabulary", "front door"),
        ("seqmem.data.generators.dates", "import seqmem", "front door"),
        ("seqmem.attic.old", "import math", "stands in no room"),
        ("seqmem.checking.attic.old", "import math", "stands in no subroom"),
        (
            "seqmem.checking.gradients.check",
            "from seqmem.checking.catalogue.kinds import KINDS",
            "catalogue comes after gradients",
        ),
        (
            "seqmem.checking.gradients.check",
            "def f():\n    from seqmem.checking.selftest import score",
            "selftest comes after gradients",
        ),
        ("seqmem.checking.gradients.check", "from seqmem.checking import Report", "the door of checking"),
        ("seqmem.models.decoder", "from .encoder import *", "star import of seqmem.models.encoder"),
        ("seqmem", "from seqmem.cells import *", "star import of seqmem.cells"),
        ("seqmem.training.loop", "import tqdm", "imports tqdm at module level"),
        ("seqmem.training.loop", "try:\n    from tqdm import tqdm\nexcept ImportError: ...", "imports tqdm"),
        ("seqmem.insight.plots", "class A:\n    import matplotlib.pyplot", "imports matplotlib"),
    ],
)
def test_a_wrong_import_is_found(name: str, source: str, complaint: str) -> None:
    found = complaints(source, name)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("seqmem.layers.recurrent", "from seqmem.cells import LSTMCell\nfrom seqmem.module import Module"),
        ("seqmem.models.decoder", "from seqmem.models.encoder import Encoder\nimport numpy.typing as npt"),
        ("seqmem.models.decoder", "from .encoder import Encoder\nfrom ..layers.linear import Linear"),
        ("seqmem.checking.module_check", "from seqmem.checking.gradients.check import check"),
        ("seqmem.checking.module_check", "from seqmem.checking.contract import axes"),
        ("seqmem.training.loop", "import sys, time\ndef f():\n    from tqdm import tqdm"),
        ("seqmem", "from seqmem.cells import LSTMCell\nfrom seqmem.cli.main import main"),
        ("seqmem.__main__", "from seqmem.cli.main import main"),
    ],
)
def test_a_right_import_is_left_alone(name: str, source: str) -> None:
    assert complaints(source, name) == []


def test_a_room_is_what_its_relative_imports_start_from() -> None:
    assert complaints("from .lstm import LSTMCell", "seqmem.cells", is_package=True) == []
    assert complaints("from ..layers import linear", "seqmem.cells", is_package=True) != []


def test_a_circle_is_found() -> None:
    sources = {
        "seqmem.cells": "from seqmem.cells.rnn import RNNCell",
        "seqmem.cells.rnn": "import numpy as np\nfrom seqmem.cells import LSTMCell",
    }
    assert sorted(set(cycle_in(sources) or [])) == ["seqmem.cells", "seqmem.cells.rnn"]
    assert cycle_in(sources | {"seqmem.cells.rnn": "import numpy as np"}) is None


def public_names(path: Path) -> set[str]:
    """The names in a room's `__all__`."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


DOORS = {name: path for name, path in FILES.items() if path.name == "__init__.py" and name not in FREE}


@pytest.mark.parametrize("name", DOORS)
def test_no_name_of_a_room_is_both_a_file_and_what_stands_in_it(name: str) -> None:
    files = {path.stem for path in DOORS[name].parent.iterdir()}
    assert files & public_names(DOORS[name]) <= {"dates", "recall"}  # the files themselves, as names


def test_a_folder_holds_at_most_fifteen_files() -> None:
    folders = [
        PACKAGE,
        *(path for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"),
    ]
    counts = {folder.name: sum(path.is_file() for path in folder.iterdir()) for folder in folders}
    assert {name: count for name, count in counts.items() if count > 15} == {}

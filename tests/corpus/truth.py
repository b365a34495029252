"""The truth about the corpus: every gradient of every pass against central differences.

Nothing here uses the checker that the corpus judges. `python tests/corpus/truth.py` prints a table.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import io
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
RIGHT = 1e-6  # relative to the largest entry of the numerical gradient
_STEP = 1e-5
_SAMPLE = "the quick brown fox jumps over the lazy dog\n" * 40  # what open() finds for a script's data
_DEFINITIONS = (ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)

Run = Callable[[Any, Any], tuple[Any, Callable[..., dict[str, Any]]]]


class Case(NamedTuple):
    """How to run one pass: `run(module, arrays)` returns the outputs and a function of their gradients."""

    file: str
    name: str
    shapes: dict[str, Any]
    run: Run
    names: dict[str, str]  # what the file calls an array, where that differs


class Judgement(NamedTuple):
    """Relative errors by gradient, and what else the pass does."""

    errors: dict[str, float]
    effects: list[str]

    @property
    def wrong(self) -> list[str]:
        """Names of the gradients that differ."""
        return sorted(name for name, error in self.errors.items() if not error <= RIGHT)


class _Stub:
    """Stands for whatever a missing package would have offered."""

    def __getattr__(self, name: str) -> _Stub:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any, **__: Any) -> _Stub:
        return self


def manifest() -> list[dict[str, Any]]:
    """Return the manifest's passes, each with its file's path and manner."""
    files = tomllib.loads((HERE / "manifest.toml").read_text(encoding="utf-8"))["file"]
    return [
        {**{k: v for k, v in file.items() if k != "pass"}, **entry}
        for file in files
        for entry in file["pass"]
    ]


def source(path: Path) -> str:
    """Return a file's Python: a notebook's code cells without magics, Python 2's prints as calls."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        lines = "\n".join(cell for cell in cells if not cell.startswith("%%")).splitlines()
        text = "\n".join(line for line in lines if not re.match(r"\s*[%!]|.*\?$", line))
    return re.sub(r"(?m)^(\s*)print (.+)$", r"\1print(\2)", text)


def load(file: str) -> ModuleType:
    """Execute a file's imports, definitions and assignments, nothing else."""
    path = HERE / file
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    module = ModuleType("corpus_file")
    module.__dict__.update(__file__=str(path), open=lambda *_, **__: io.StringIO(_SAMPLE), xrange=range)
    module.__package__ = ".".join(path.parent.relative_to(root).parts)
    with _paths(path.parent, root), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for node in ast.parse(source(path)).body:
            called = ast.unparse(node) if isinstance(node, ast.Expr) else ""
            if isinstance(node, ast.Import):  # one package of several may be missing
                for alias in node.names:
                    _execute(ast.Import([alias], lineno=node.lineno, col_offset=0), module)
            elif isinstance(node, _DEFINITIONS) or called.startswith("sys.path"):
                _execute(node, module)
    return module


@contextlib.contextmanager
def _paths(folder: Path, root: Path) -> Iterator[None]:
    before_path, before_modules = list(sys.path), dict(sys.modules)
    sys.path[:0] = [str(folder), str(root)]
    importlib.invalidate_caches()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.path[:] = before_path
        for name, module in list(sys.modules.items()):
            if name not in before_modules and str(HERE) in str(getattr(module, "__file__", None)):
                del sys.modules[name]


def _execute(node: ast.stmt, module: ModuleType) -> None:
    code = compile(ast.Module([node], []), module.__file__ or "", "exec")
    try:
        exec(code, module.__dict__)
    except ImportError:
        for alias in getattr(node, "names", []):
            module.__dict__.update(_substitute(node, alias))
    except Exception:
        if not isinstance(node, ast.Assign):
            raise


def _substitute(node: ast.stmt, alias: ast.alias) -> dict[str, Any]:
    if alias.name == "*":
        return {}
    if alias.name == "autograd.numpy":
        return {alias.asname or "autograd": np}
    name = alias.asname or alias.name.partition(".")[0]
    return {name: getattr(builtins, name, _Stub())}


def draw(case: Case) -> dict[str, np.ndarray]:
    """Return one array per name: a shape is filled at random, an array is taken as it is."""
    rng = np.random.default_rng([len(case.shapes), *case.name.encode()])
    return {
        name: shape.copy() if isinstance(shape, np.ndarray) else 0.8 * rng.normal(size=shape)
        for name, shape in case.shapes.items()
    }


def judge(case: Case) -> Judgement:
    """Compare a pass's gradients with central differences and look for side effects.

    Raises:
        ImportError: when the pass is torch's and torch is not installed.
    """
    if case.file.startswith("torch_functions/"):
        importlib.import_module("torch")
    if "clip" in case.name:
        return judge_clipping(case)
    arrays = draw(case)
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        module = load(case.file)

        def outputs(values: dict[str, np.ndarray]) -> list[np.ndarray]:
            copies = SimpleNamespace(**{k: v.copy() for k, v in values.items()})
            return _listed(case.run(module, copies)[0])

        rng = np.random.default_rng(5)
        upstream = [np.ones(()) if o.ndim == 0 else rng.normal(size=o.shape) for o in outputs(arrays)]
        gradients, effects = _gradients(case, module, arrays, upstream)

        def total(values: dict[str, np.ndarray]) -> float:
            return sum(float((u * o).sum()) for u, o in zip(upstream, outputs(values), strict=True))

        errors = {case.names.get(k, k): _error(g, _numerical(total, arrays, k)) for k, g in gradients.items()}
    return Judgement(errors, effects)


def judge_clipping(case: Case) -> Judgement:
    """Compare clipped gradients with their definition: all are scaled by max_norm / norm, or none."""
    arrays = draw(case)
    norm = np.sqrt(sum(np.sum(g**2) for g in arrays.values()))
    errors: dict[str, float] = {}
    effects: set[str] = set()
    for max_norm in (0.4 * norm, 2.0 * norm):
        given = {k: g.copy() for k, g in arrays.items()}
        clipped = case.run(load(case.file), (given, max_norm))[0]
        for name, g in arrays.items():
            error = _error(clipped[name], g * min(1.0, max_norm / norm))
            errors[name] = max(error, errors.get(name, 0.0))
            if not np.array_equal(given[name], g):
                effects.add("arguments")
    return Judgement(errors, sorted(effects))


def _listed(outputs: Any) -> list[np.ndarray]:
    return [np.array(o) for o in (outputs if isinstance(outputs, tuple) else (outputs,))]


def _gradients(
    case: Case, module: ModuleType, arrays: dict[str, np.ndarray], upstream: list[np.ndarray]
) -> tuple[dict[str, np.ndarray], list[str]]:
    given = SimpleNamespace(**{k: v.copy() for k, v in arrays.items()})
    handed = [u.copy() for u in upstream]
    _, backward = case.run(module, given)
    gradients = {k: np.array(g) for k, g in backward(*handed).items()}
    effects = []
    if any(not np.array_equal(vars(given)[k], v) for k, v in arrays.items()):
        effects.append("arguments")
    if any(not np.array_equal(h, u) for h, u in zip(handed, upstream, strict=True)):
        effects.append("upstream")
    if not effects:
        effects += _again(backward, upstream, gradients)
    return gradients, effects


def _again(backward: Callable[..., dict[str, Any]], upstream: Any, first: dict[str, np.ndarray]) -> list[str]:
    """What a second backward pass from the same cache shows."""
    try:
        second = {k: np.array(g) for k, g in backward(*[u.copy() for u in upstream]).items()}
    except (IndexError, KeyError, TypeError, ValueError):
        return ["cache"]
    changed = [k for k, g in first.items() if not np.array_equal(second[k], g)]
    if not changed:
        return []
    doubled = all(_error(second[k], 2 * first[k]) < 1e-12 for k in changed)
    return ["accumulates" if doubled else "cache"]


def _numerical(total: Callable[..., float], arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    gradient = np.zeros(arrays[name].shape)
    for index in np.ndindex(gradient.shape):
        sides = []
        for step in (_STEP, -_STEP):
            moved = dict(arrays)
            moved[name] = arrays[name].copy()
            moved[name][index] += step
            sides.append(total(moved))
        gradient[index] = (sides[0] - sides[1]) / (2 * _STEP)
    return gradient


def _error(gradient: np.ndarray, numerical: np.ndarray) -> float:
    if gradient.shape != numerical.shape:
        return np.inf
    size = max(np.abs(numerical).max(initial=0), 1e-3)  # a gradient that is zero has no size of its own
    return float(np.abs(gradient - numerical).max(initial=0) / size)


def main() -> None:
    """Print every pass with its truth and what was found."""
    sys.path.insert(0, str(HERE.parent))
    from corpus.adapters import CASES

    for entry in manifest():
        case = CASES[entry["path"], entry["name"]]
        try:
            found = judge(case)
        except ImportError as error:
            print(f"{entry['path']}:{entry['name']}: skipped, {error}")
            continue
        wrong = ", ".join(f"{k} ({found.errors[k]:.1e})" for k in found.wrong) or "right"
        print(f"{entry['path']}:{entry['name']}: {entry['truth']} | {wrong} | {' '.join(found.effects)}")


if __name__ == "__main__":
    main()

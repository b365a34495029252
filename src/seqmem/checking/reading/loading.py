"""Executing the definitions of a file, but not the rest of it."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import re
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from seqmem.checking.reading.source import Source, UnreadableError, read_source
from seqmem.checking.reading.stand_ins import StandIn, smaller

NAME = "student"
NOT_IMPORTED = "__not_imported__"  # names of a file whose import failed, each with the reason
PATIENCE = 3.0  # seconds per statement if only the definitions are wanted
OF_IMPORTS = 30.0  # seconds: a large package that is cut short is left half imported
MOST_STUBS = 100
_EFFECTS = re.compile(
    r"(^|[._])(input|raw_input|exec|eval|exit|quit|system|popen|run|call|Popen|urlopen|urlretrieve|download|"
    r"get_file|fetch|show|plot|imshow|savefig|figure|subplots?|train|fit|train_step|main|test|learn|solve|sleep|save|"
    r"savez|dump|load|loadtxt|genfromtxt|read_csv|load_data|load_model|load_dataset|get_data|minimize)$",
    re.I,
)
_OF_PYTHON2 = {"xrange": range, "raw_input": input, "unicode": str, "long": int, "unichr": chr}
_MAKERS = re.compile(
    r"^_?(init|make|create|build|new|get|zeros|rand|xavier|glorot|he|orthogonal|uniform|normal)", re.I
)


class Stub(types.ModuleType):
    """A substitute for a missing package; its use raises an error that names the package."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__dict__["_stub"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(f"{self.__dict__['_stub']}.{name}")


class _MissingType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return False


class _Missing(metaclass=_MissingType):
    """A name of a missing package; it may be imported, subclassed and used as a decorator, not called."""

    def __init__(self, *names: Any, **_: Any) -> None:
        self._name = names[0] if names and isinstance(names[0], str) else "a missing package"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(f"{self._name}.{name}")

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        if len(arguments) == 1 and isinstance(arguments[0], (types.FunctionType, type)):
            return arguments[0]  # a decorator
        raise ModuleNotFoundError(
            f"{self._name} was called, and {self._name.partition('.')[0]} is not installed", name=self._name
        )

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (object,) if not any(isinstance(base, type) and base is not object for base in bases) else ()


class Loaded(NamedTuple):
    """A file's names, and notes on everything that was left out."""

    module: types.ModuleType
    source: Source
    notes: tuple[str, ...]

    @property
    def names(self) -> dict[str, Any]:
        return vars(self.module)


def load(path: Path, run_all: bool = False) -> Loaded:
    """Return the definitions of a file.

    Args:
        path: a Python file, or a notebook.
        run_all: whether to run the whole file, not only its definitions.

    Raises:
        UnreadableError: if it is not Python.
        Exception: any exception that the file raises, with `run_all`.
    """
    source = read_source(path)
    module = types.ModuleType(NAME)
    module.__file__ = str(path)
    module.__dict__["__name__"] = "__main__" if run_all else NAME
    root = _paths(path, source)
    module.__package__ = ".".join(path.parent.relative_to(root).parts)
    sys.modules[NAME] = module
    sys.argv = [str(path)]
    linecache.cache[str(path)] = (len(source.text), None, source.text.splitlines(keepends=True), str(path))
    finder = _Finder()
    sys.meta_path.append(finder)
    if source.is_python2:
        vars(module).update(_OF_PYTHON2)
    if run_all:
        _run(source.tree, module, finder, str(path))
        return Loaded(module, source, source.notes + _missing(finder))
    skipped: dict[str, list[int]] = {}
    failed: dict[str, str] = {}
    vars(module)[NOT_IMPORTED] = failed
    files = StandIn()
    vars(module)["open"] = files.open
    for node in source.tree.body:
        why = _refused(node, finder, vars(module)) or _execute(smaller(node), module, finder, str(path))
        if why:
            skipped.setdefault(why, []).append(node.lineno)
        if why and isinstance(node, (ast.Import, ast.ImportFrom)):
            failed |= {alias.asname or alias.name: f"line {node.lineno} {why}" for alias in node.names}
    notes = source.notes + _missing(finder) + files.notes() + tuple(_told(skipped))
    return Loaded(module, source, notes)


def definitions(path: Path) -> dict[str, Any]:
    """Return the names that a file beside the checked one defines, which stays the checked one."""
    before, arguments = sys.modules[NAME], sys.argv
    try:
        return load(path).names
    finally:
        sys.modules[NAME], sys.argv = before, arguments


def _above(path: Path, source: Source) -> Iterator[Path]:
    """Yield the folders that contain a folder of which the file imports, and in which it lies."""
    wanted = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            wanted |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wanted.add(node.module.partition(".")[0])
    yield from (folder.parent for folder in path.parents if folder.name in wanted)


def _paths(path: Path, source: Source) -> Path:
    """Put the file's folders on the path, after installed packages; return the root of its package."""
    root = path.parent
    while (root / "__init__.py").exists() and root.parent != root:
        root = root.parent
    folders = [path.parent, root, path.parent.parent, root.parent, *_above(path, source)]
    for folder in dict.fromkeys(map(str, folders)):
        if folder not in sys.path:
            sys.path.append(folder)
    return root


def _run(tree: ast.Module, module: types.ModuleType, finder: _Finder, path: str) -> None:
    """Run a whole file, with substitutes for missing packages."""
    for node in tree.body:
        _import_or_run(node, module, finder, path)


def _import_or_run(node: ast.stmt, module: types.ModuleType, finder: _Finder, path: str) -> None:
    code = compile(ast.Module([node], []), path, "exec")
    for _ in range(MOST_STUBS):
        try:
            exec(code, vars(module))
            break
        except ImportError as error:
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or not finder.allow(error):
                raise
        except SyntaxError as error:
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or not finder.mend(error):
                raise
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        _numpy_by_another_name(node, module)


def _execute(node: ast.stmt, module: types.ModuleType, finder: _Finder, path: str) -> str:
    """Execute a statement; return the reason for a failure, or ""."""
    try:
        is_import = isinstance(node, (ast.Import, ast.ImportFrom))
        with _patience(OF_IMPORTS if is_import else PATIENCE), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _import_or_run(node, module, finder, path)
    except TimeoutError:
        return "takes too long"
    except SystemExit as error:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            raise
        return f"calls exit({error.code!r:.50})"
    except Exception as error:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if isinstance(error, NameError) and error.name and error.name not in vars(module):
                vars(module)[error.name] = _Missing(error.name)  # a default value that was not run
                return _execute(node, module, finder, path)
            if isinstance(error, ModuleNotFoundError) and node.decorator_list:
                node.decorator_list = []  # decorators of a missing package
                return _execute(node, module, finder, path)
            raise
        if isinstance(error, MemoryError):
            raise
        text = str(error).strip().split("\n")[0]
        return f"raises {type(error).__name__}: {text[:100]}"
    return ""


@contextlib.contextmanager
def _patience(seconds: float = PATIENCE) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds, if the system supports it."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


patience = _patience


def _refused(node: ast.stmt, finder: _Finder, names: dict[str, Any]) -> str:
    """Return why a statement is not executed if only definitions are wanted, or ""."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if isinstance(node, kinds) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return ""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        effect = next(_effects(node, names), "")
        return f"calls {effect}" if effect else ""
    if isinstance(node, ast.Expr):
        called = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
        allowed = called.startswith("sys.path.") or called.endswith(
            ("random.seed", "seterr", "set_printoptions")
        )
        return "" if allowed else "calls"
    if isinstance(node, ast.Try) and any(
        isinstance(part, (ast.Import, ast.ImportFrom)) for part in node.body
    ):
        return ""
    if isinstance(node, ast.If):
        return _refused_if(node, finder, names)
    if isinstance(node, ast.With) and _only_reads(node):
        return next((why for part in node.body if (why := _refused(part, finder, names))), "")
    words = {
        ast.For: "loop",
        ast.While: "loop",
        ast.With: "with block",
        ast.Try: "try block",
        ast.Assert: "assert",
    }
    return next((word for kind, word in words.items() if isinstance(node, kind)), "")


def _only_reads(node: ast.With) -> bool:
    """Return whether a with block opens files and nothing else."""
    calls = [item.context_expr for item in node.items]
    return all(isinstance(call, ast.Call) and ast.unparse(call.func) in ("open", "io.open") for call in calls)


def _refused_if(node: ast.If, finder: _Finder, names: dict[str, Any]) -> str:
    if "__name__" in ast.unparse(node.test):
        return "main guard"
    inner = [part for part in (*node.body, *node.orelse) if _refused(part, finder, names)]
    return "if" if inner else ""


def _effects(node: ast.AST, names: dict[str, Any]) -> Iterator[str]:
    """Yield the calls in an assignment that may have effects or take long."""
    for part in ast.walk(node):
        if not isinstance(part, ast.Call):
            continue
        called = ast.unparse(part.func) if isinstance(part.func, (ast.Name, ast.Attribute)) else ""
        last = called.rpartition(".")[2]
        if _EFFECTS.search(called):
            yield f"{called}()"
            continue
        own = names.get(called)
        is_own = isinstance(own, types.FunctionType) and own.__module__ == NAME
        if is_own and not _MAKERS.match(last):
            yield f"{called}()"


def _told(skipped: dict[str, list[int]]) -> Iterator[str]:
    """Yield one line about everything that was not run."""
    if not skipped:
        return
    words = []
    for why, lines in sorted(skipped.items(), key=lambda item: item[1][0]):
        shown = ", ".join(map(str, lines[:3])) + (" ..." if len(lines) > 3 else "")
        words.append(f"line{'s' * (len(lines) > 1)} {shown} ({why})")
    more = f", and {len(words) - 5} more" if len(words) > 5 else ""
    yield f"definitions only; not run: {'; '.join(words[:5])}{more}. --run-all runs them"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last import finder, for modules of packages known to be missing."""

    def __init__(self) -> None:
        self.missing: dict[str, None] = {}

    def allow(self, error: ImportError) -> bool:
        """Substitute a module that could not be imported; return False if that does not help."""
        name = error.name or ""
        if not name:
            return False
        if isinstance(error, ModuleNotFoundError):
            if name in self.missing:
                return False
            self.missing[name] = None
            return True
        module = sys.modules.get(name)
        wanted = re.match(r"cannot import name '(\w+)'", str(error))
        if wanted is None or module is None or "circular" in str(error):
            return False
        if hasattr(module, wanted[1]):
            return False
        setattr(module, wanted[1], getattr(builtins, wanted[1], None) or _Missing(f"{name}.{wanted[1]}"))
        self.missing[f"{name}.{wanted[1]}"] = None
        return True

    def mend(self, error: SyntaxError) -> bool:
        """Read an imported file as Python 2; return False if that does not help."""
        path = str(error.filename)
        if any(one.path == path for one in sys.meta_path if isinstance(one, _Mended)):
            return False
        try:
            source = read_source(Path(path))
        except (UnreadableError, OSError):
            return False
        if source.is_python2:
            sys.meta_path.insert(0, _Mended(path, source))
        return source.is_python2

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        allowed = any(name == one or name.startswith(f"{one}.") for one in self.missing)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if allowed else None

    def create_module(self, spec: Any) -> types.ModuleType:
        if spec.name.rpartition(".")[2] == "numpy":
            import numpy

            return _copy_of(numpy, spec.name)
        if spec.name == "six.moves":
            return _copy_of(builtins, spec.name, xrange=range, cPickle=None, zip_longest=None)
        return Stub(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: the module is empty."""


class _Mended(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An import finder for one file of Python 2, which it reads as Python 3."""

    def __init__(self, path: str, source: Source) -> None:
        self.path, self.source = path, source

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        found = importlib.machinery.PathFinder.find_spec(name, path)
        is_mine = found is not None and found.origin == self.path
        return importlib.util.spec_from_loader(name, self, origin=self.path) if is_mine else None

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute the file."""
        vars(module).update(_OF_PYTHON2, __file__=self.path)
        exec(compile(self.source.tree, self.path, "exec"), vars(module))


def _copy_of(module: types.ModuleType, name: str, **more: Any) -> types.ModuleType:
    copied = types.ModuleType(name)
    copied.__dict__.update({key: value for key, value in vars(module).items() if not key.startswith("__")})
    copied.__dict__.update(more)
    return copied


def _numpy_by_another_name(node: ast.Import | ast.ImportFrom, module: types.ModuleType) -> None:
    """Import NumPy as np if it comes from a missing package or through another package."""
    import numpy

    for alias in node.names:
        name = alias.asname or alias.name
        stands = isinstance(vars(module).get(name), (Stub, _Missing))
        if name in ("np", "numpy", "xp", "cp", "jnp") and stands:
            vars(module)[name] = numpy
        if alias.name == "*":
            vars(module).setdefault("np", numpy)


def _missing(finder: _Finder) -> tuple[str, ...]:
    names = [name for name in finder.missing if name.partition(".")[0] not in ("autograd", "cupy", "six")]
    if not names:
        return ()
    roots = list(dict.fromkeys(names))
    return (f"not installed, replaced by stand-ins: {', '.join(roots[:8])}{' ...' * (len(roots) > 8)}",)

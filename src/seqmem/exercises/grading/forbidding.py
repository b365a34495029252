"""Protection against answering an exercise with the library itself, however it is hidden.

An import under any name is refused by a finder, which code can remove; opening the library's files is refused
by an audit hook, which code cannot remove without changing the interpreter's memory. If Linux has Landlock,
the files cannot be opened in any way.
"""

from __future__ import annotations

import errno
import importlib.abc
import os
import sys
from collections.abc import Iterable
from typing import Any

_STARTERS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "ctypes.dlopen")


class ForbiddenError(Exception):
    """A submission uses a package that already solves the exercise."""


def _is_of(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith((f"{one}.", f"{one} ")) for one in packages)


def refuse(forbids: Iterable[str], hidden: Iterable[str]) -> None:
    """Forbid, permanently in this process, to import some packages and to open files in some folders."""
    names = tuple(forbids)
    if not names:
        return
    sys.meta_path.insert(0, _Refusing(names))
    folders = tuple(os.path.realpath(folder) + os.sep for folder in hidden)
    if folders:
        sys.addaudithook(_watching(folders))


class _Refusing(importlib.abc.MetaPathFinder):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if _is_of(name, self.names):
            raise ForbiddenError(f"import {name}: this exercise must be answered without it")


def _watching(folders: tuple[str, ...]) -> Any:
    real, decoded = os.path.realpath, os.fsdecode

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir") and isinstance(
            arguments[0], (str, bytes, os.PathLike)
        ):
            if (real(decoded(arguments[0])) + os.sep).startswith(folders):
                raise PermissionError(
                    errno.EACCES, "this exercise must be answered without the library's files"
                )
        elif event.startswith(_STARTERS):
            raise ForbiddenError(f"{event}: an exercise must be answered without other programs")

    return watch

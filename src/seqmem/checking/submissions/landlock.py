"""Linux's Landlock: a process permanently gives up the right to open files, to connect and to signal others.

It needs no privileges, and also binds the children of the process (Salaün, "Landlock", Linux 5.13, 2021; the
numbers are those of `linux/landlock.h`). On a system without Landlock, `restrict` returns False.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
READ = EXECUTE | READ_FILE | READ_DIR
_OF_FILES = (
    EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
)  # truncating and device commands, the last two
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK, _SCOPES = 3, 3  # to bind and to connect by TCP; to abstract sockets and signals of others
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # of the system calls, on every processor
_NO_NEW_PRIVILEGES = 38  # of prctl


def version() -> int:
    """Return the version of Landlock on this system; 0 if there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return max(0, int(ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), 1)))
    except (OSError, AttributeError):
        return 0


def restrict(readable: Iterable[Path], writable: Iterable[Path], hidden: Iterable[Path] = ()) -> bool:
    """Restrict this process to some folders, and keep it from other processes and the network.

    Args:
        readable: files and folders that stay readable; files in them may be executed.
        writable: files and folders that may also be changed.
        hidden: folders within the readable ones that may not be read.

    Returns:
        Whether the system has Landlock and the restriction took effect.
    """
    number = version()
    if not number:
        return False
    rights = _RIGHTS[min(number, max(_RIGHTS))]
    about = [rights] + [_NETWORK] * (number >= 4) + [_SCOPES] * (number >= 6)
    data = struct.pack(f"={len(about)}Q", *about)
    system = ctypes.CDLL(None, use_errno=True)
    rules = system.syscall(_CREATE, data, ctypes.c_size_t(len(data)), 0)
    if rules < 0:
        return False
    try:
        kept_out = [_real(path) for path in hidden]
        for path, allowed in _allowed(readable, kept_out):
            _add(system, rules, path, allowed & rights)
        for path in writable:
            _add(system, rules, _real(path), rights)
        system.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), 0, 0, 0)
        return system.syscall(_RESTRICT, rules, 0) == 0
    finally:
        os.close(rules)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _allowed(readable: Iterable[Path], hidden: list[Path]) -> Iterator[tuple[Path, int]]:
    """Yield the rules for reading: in a folder with hidden entries, each other entry has its own rule."""
    for path in readable:
        real = _real(path)
        if any(real.is_relative_to(one) for one in hidden):
            continue
        if any(one.is_relative_to(real) for one in hidden):
            yield real, READ_DIR
            with contextlib.suppress(OSError):
                yield from _allowed([entry for entry in real.iterdir() if not entry.is_symlink()], hidden)
        else:
            yield real, READ


def _add(system: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        number = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except OSError:
        return  # a missing path needs no rule
    try:
        allowed = rights if path.is_dir() else rights & _OF_FILES
        rule = struct.pack("=Qi", allowed, number)
        system.syscall(_ADD, rules, 1, rule, 0)
    finally:
        os.close(number)

"""The walls around a stranger's code: limits on all resources, a separate user, and a few folders.

Each wall depends on the system: resource limits on POSIX systems; a separate user if the grader is root; no
other files, no network and no signals to others if Linux has Landlock; no shared memory that outlives the
code if root may create namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import shutil
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

from seqmem.checking.submissions.landlock import restrict

USERS = range(61184, 65520)  # without accounts: systemd's range for transient services
NEW_IPC, NEW_NET = 0x08000000, 0x40000000  # of unshare
_KEEP_CAPABILITIES, _READ_SEARCH, _CAPSET_VERSION = 8, 2, 0x20080522
_SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


class Measures(NamedTuple):
    """The resources that a user's code may use; 0 processes or open files means no limit of ours."""

    seconds: float = 20.0  # of processor time and of wall-clock time
    megabytes: int = 1024  # of memory per process
    file_megabytes: int = 16
    processes: int = 16  # and threads
    open_files: int = 64


class UnusableError(RuntimeError):
    """The grader's own set-up prevents the code from running; the argument says how to fix that."""


class User(NamedTuple):
    """An unused user, for one run; `lock` marks it as taken."""

    number: int
    lock: socket.socket


def own_user() -> User | None:
    """Return a user that nothing else runs as; None if this process may not change its user."""
    if not hasattr(os, "setresuid") or os.geteuid() != 0:
        return None
    start = int.from_bytes(os.urandom(4), "big")
    for k in range(len(USERS)):
        number = USERS[(start + k) % len(USERS)]
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0seqmem-grading-{number}" if sys.platform == "linux" else "")
            return User(number, lock)
        except OSError:  # taken by another run
            lock.close()
    return None


def enter(measures: Measures, user: int | None, folder: Path, hidden: list[Path]) -> None:
    """Put this process within the walls, permanently.

    Args:
        measures: the resource limits.
        user: the user to become; None to stay the same.
        folder: the folder of the process.
        hidden: folders that it must not read, if the system supports that.

    Raises:
        UnusableError: if Python could not run within the walls.
    """
    system = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None
    if user is not None and sys.platform == "linux" and system is not None:
        system.unshare(NEW_IPC)
        system.unshare(NEW_NET)
    folders = _interpreter()
    with contextlib.suppress(OSError):
        os.chdir(folder)
    limit(measures, user, for_good=True)
    is_walled = restrict([*folders, *map(Path, _SYSTEM + _DEVICES)], [folder, Path("/dev/null")], hidden)
    if user is not None and system is not None:
        try:
            _become(user, system, is_walled and not all(map(_open_to_all, [*folders, folder])))
        except OSError as error:
            raise UnusableError(f"its root may not become another user: {error.strerror}") from None
    try:
        with open(os.__file__, "rb"):
            os.listdir(folder)
    except OSError as error:
        raise UnusableError(
            f"{error.filename} may not be read by a user without rights: install Python and seqmem where "
            "everybody may read them, or grade in a container"
        ) from None


def _interpreter() -> list[Path]:
    """Return the folders from which Python and its packages are imported."""
    places = [sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))]
    places += [path for path in sys.path if path and Path(path).is_absolute()]
    numpy = sys.modules.get("numpy")
    places += [str(Path(str(numpy.__file__)).parent)] if numpy is not None else []
    return [Path(place) for place in dict.fromkeys(map(os.path.realpath, places)) if place != "/"]


def _open_to_all(path: Path) -> bool:
    """Return whether a user without rights can reach a folder."""
    try:
        return all(one.stat().st_mode & 0o001 for one in [path.resolve(), *path.resolve().parents][1:])
    except OSError:
        return False


def _become(user: int, system: Any, keeps_reading: bool) -> None:
    """Become another user; with `keeps_reading`, one that may read everything that Landlock allows."""
    os.setgroups([])
    os.setresgid(user, user, user)
    if keeps_reading and sys.platform == "linux":
        system.prctl(_KEEP_CAPABILITIES, ctypes.c_ulong(1), 0, 0, 0)
    os.setresuid(user, user, user)
    if keeps_reading and sys.platform == "linux":
        head = struct.pack("=Ii", _CAPSET_VERSION, 0)
        low = 1 << _READ_SEARCH
        system.capset(head, struct.pack("=6I", low, low, 0, 0, 0, 0))


def limit(measures: Measures, user: int | None = None, for_good: bool = False) -> None:
    """Limit the resources of this process and its children, if the system supports it.

    Args:
        measures: the limits.
        user: a user without processes so far; None if this process's user may have others.
        for_good: whether the limits cannot be raised again.
    """
    try:
        import resource
    except ImportError:  # not available on this system
        return
    cpu = math.ceil(min(measures.seconds, 1e8)) + 1  # the wall-clock limit comes first; this is a fallback
    limits = {
        "RLIMIT_AS": measures.megabytes << 20,
        "RLIMIT_CPU": cpu,
        "RLIMIT_FSIZE": measures.file_megabytes << 20,
        "RLIMIT_CORE": 0,
    }
    if measures.processes:
        limits["RLIMIT_NPROC"] = measures.processes + (_running() if user is None else 0)
    if measures.open_files:
        limits["RLIMIT_NOFILE"] = measures.open_files
    for name, size in limits.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):
            kind = getattr(resource, name)
            most = resource.getrlimit(kind)[1]
            size = size if most < 0 else min(size, most)
            resource.setrlimit(kind, (size, size + (name == "RLIMIT_CPU") if for_good else most))


def _running() -> int:
    """Return how many processes and threads this user has."""
    count = 0
    for task in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(OSError):
            if task.stat().st_uid == os.getuid():
                count += len(os.listdir(task))
    return count


def end_all_of(user: int) -> None:
    """End every process of a user at once, so that none of them can start another."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)  # all that this user may end, except itself
        finally:
            os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def sweep(user: int) -> None:
    """Remove a user's files in world-writable folders."""
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_uid != user:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


def is_too_much(folder: Path, megabytes: int, most_files: int = 2000) -> bool:
    """Return whether a folder holds more than its limit."""
    size, count, folders = 0, 0, [folder]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                about = entry.stat(follow_symlinks=False)
                size += about.st_blocks * 512
                if count > most_files or size > megabytes << 20:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
    return False

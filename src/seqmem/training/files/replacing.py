"""Files that are replaced completely or not at all.

The new content is written to a temporary file next to the target, which is then renamed. The temporary file
is called `.TARGET.HOST.PID.TOKEN.tmp`, so its name identifies the owner, and the process holds a lock (flock)
on it while writing. A process that is killed cannot clean up; the next save of the same target does. It
removes

- a file of this host whose process is gone,
- a file of this host whose process number is in use again, a minute after the last write: the original
  writer would still hold the lock,
- a file of another host, whose processes cannot be queried, a day after the last write,

but never a locked file. On a system without such locks (Windows), open files cannot be removed.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

if sys.platform != "win32":
    import fcntl

PathLike = str | os.PathLike[str]

MINUTE, DAY = 60.0, 86400.0  # seconds without a write after which a file without a lock counts as abandoned
LONGEST_NAME = 160  # bytes of the target's name within the temporary name, which may have 255


class Target(NamedTuple):
    """The file that a path refers to, through any link, and its status."""

    path: Path
    status: os.stat_result | None  # None: nothing yet


@contextmanager
def replacing(path: PathLike) -> Iterator[BinaryIO]:
    """Yield a file to write to, which replaces `path` when the block ends without an exception.

    The new file takes over the permissions and, if the system allows it, the owner of the old one. A link
    remains a link, to the new file.

    Raises:
        OSError: if the file cannot be written; it names `path`, whichever file caused it.
    """
    with _temporary(path) as (file, target):
        yield file
        file.flush()
        os.fsync(file.fileno())  # the data reach the disk before the new name does
        file.close()
        os.replace(file.name, target.path)


def check_writable(path: PathLike) -> None:
    """Raise the OSError that `replacing` would raise now, except for a lack of disk space.

    A temporary file is created and removed: no other test is reliable.
    """
    with _temporary(path):
        pass


@contextmanager
def _temporary(path: PathLike) -> Iterator[tuple[BinaryIO, Target]]:
    """Yield an open temporary file next to the target, which is removed after the block unless renamed."""
    name = os.fsdecode(path)
    temporary = None
    try:
        target = _find_target(name)
        _clear(target.path)
        owner = f".{_host()}.{os.getpid()}.{os.urandom(8).hex()}.tmp"
        temporary = target.path.with_name(_stem(target.path) + owner)
        # Whoever may not read the target may not read the temporary file, either.
        mode = 0o666 if target.status is None else stat.S_IMODE(target.status.st_mode) & 0o777
        with open(temporary, "xb", opener=lambda file, flags: os.open(file, flags, mode)) as file:
            _lock(file.fileno())
            if target.status is not None:
                _hand_on(target.status, temporary, mode)
            yield file, target
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), name) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # it was renamed, or never created
                temporary.unlink()


def _find_target(name: str) -> Target:
    path = Path(os.path.realpath(name))
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {path.parent}") from None
        return Target(path, None)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, expected a file")
    if not stat.S_ISREG(status.st_mode):  # a device must not become a file
        raise OSError(errno.EINVAL, "is not a regular file")
    return Target(path, status)


def _hand_on(status: os.stat_result, temporary: Path, mode: int) -> None:
    own = os.stat(temporary)
    if hasattr(os, "chown") and (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        with suppress(OSError):
            os.chown(temporary, status.st_uid, status.st_gid)
    os.chmod(temporary, mode)  # undoes the effect of the process's umask


def _clear(target: Path) -> None:
    """Remove the abandoned temporary files of a target."""
    form = re.compile(
        re.escape(_stem(target)) + r"\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>[0-9]{1,18})\.[0-9a-f]{16}\.tmp"
    )
    with suppress(OSError):  # a folder may be writable but not readable
        for name in os.listdir(target.parent):
            match = form.fullmatch(name)
            if match is None:
                continue
            with suppress(OSError):  # another process was faster, or the file belongs to another user
                if _is_abandoned(target.with_name(name), match["host"], int(match["pid"])):
                    target.with_name(name).unlink()


def _is_abandoned(path: Path, host: str, pid: int) -> bool:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return False
    if sys.platform == "win32":
        return True
    lock_is_free = _lock_is_free(path)
    if lock_is_free is False:
        return False
    age = time.time() - status.st_mtime
    if host != _host():
        return age > DAY
    return not _is_running(pid) or (lock_is_free is True and age > MINUTE)


def _lock(descriptor: int) -> None:
    """Signal to other processes that this process is writing; the lock ends with the process."""
    if sys.platform != "win32":
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_is_free(path: Path) -> bool | None:
    """Return whether no process has locked the file; None if unknown."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return True


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # not on Windows, where it would end the process
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:32] or "host"


def _stem(target: Path) -> str:
    """Return the beginning of the names of the target's temporary files."""
    name = os.fsencode(target.name)
    if len(name) <= LONGEST_NAME:
        return f".{target.name}"
    import hashlib  # loads OpenSSL, and such a name is rare

    return f".{hashlib.sha256(name).hexdigest()[:32]}"

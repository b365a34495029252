"""Files that are replaced: whole or not at all, with the old one's permissions, and nothing left behind."""

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmem.training.files import replacing as module
from seqmem.training.files.replacing import DAY, MINUTE, check_writable, replacing

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs flock and signals")
FORM = r"\.model\.npz\.[A-Za-z0-9-]+\.[0-9]+\.[0-9a-f]{16}\.tmp"


def put(path: Path, content: bytes = b"new") -> None:
    with replacing(path) as file:
        file.write(content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.npz"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755, 0o666, 0o200])
def test_a_file_that_is_replaced_hands_on_its_permissions(path: Path, mode: int) -> None:
    path.write_bytes(b"old")
    path.chmod(mode)
    put(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o600)
    assert path.read_bytes() == b"new"


def test_nobody_reads_the_temporary_file_who_may_not_read_the_target(path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(0o600)
    with replacing(path) as file:
        assert stat.S_IMODE(os.stat(file.name).st_mode) == 0o600


def test_a_new_file_has_the_permissions_that_open_gives(path: Path) -> None:
    with open(path.with_name("other"), "wb"):
        pass
    put(path)
    assert path.stat().st_mode == path.with_name("other").stat().st_mode


def test_a_file_keeps_its_owner_where_that_is_allowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs the right to give files away")
    os.chown(path, 12345, 54321)
    put(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
    monkeypatch.setattr(os, "chown", failing(errno.EPERM))
    put(path, b"newer")
    assert path.read_bytes() == b"newer"


def test_a_temporary_file_stands_beside_the_target_and_says_whose_it_is(path: Path) -> None:
    with replacing(path) as file:
        (name,) = os.listdir(path.parent)
        assert name == os.path.basename(file.name)
        assert re.fullmatch(FORM, name)
        assert name.split(".")[4] == str(os.getpid())
    assert os.listdir(path.parent) == ["model.npz"]


@posix
@pytest.mark.parametrize("name", ["m" * 255, "ł" * 127, "a.b" * 80, ".hidden", " "])
def test_a_name_of_any_length_can_be_written_and_cleaned_up_after(tmp_path: Path, name: str) -> None:
    kill_while_saving(tmp_path / name)
    assert len(os.listdir(tmp_path)) == 1
    put(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def start(code: str, *arguments: Any) -> subprocess.Popen[str]:
    """A process of its own, which waits when it has said that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


SAVING = """
import sys, time
from seqmem.training.files.replacing import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    time.sleep(600)
"""


def kill_while_saving(path: Path) -> None:
    process = start(SAVING, path)
    process.kill()
    process.communicate()


@posix
def test_what_a_killed_process_left_is_cleared_by_the_next_save_of_the_same_target(path: Path) -> None:
    put(path, b"old")
    other = path.with_name("other.npz")
    kill_while_saving(path)
    kill_while_saving(other)
    assert path.read_bytes() == b"old"
    assert len(os.listdir(path.parent)) == 3
    put(path)
    (left,) = set(os.listdir(path.parent)) - {"model.npz"}
    assert left.startswith(".other.npz.")
    check_writable(other)
    assert os.listdir(path.parent) == ["model.npz"]


@posix
def test_what_another_process_is_writing_is_left_alone(path: Path) -> None:
    process = start(SAVING, path)
    (theirs,) = os.listdir(path.parent)
    age(path.with_name(theirs), 2 * DAY)
    put(path)
    assert sorted(os.listdir(path.parent)) == [theirs, "model.npz"]
    process.kill()
    process.communicate()
    put(path)
    assert os.listdir(path.parent) == ["model.npz"]


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def gone() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


LEFTOVERS: dict[str, tuple[str, float, bool]] = {  # host and process, seconds without a write, cleared?
    "a process that is gone": ("HOST.GONE", 0, True),
    "a number that no process can have": ("HOST.999999999999999999", 0, True),
    "a number that is another process's by now": ("HOST.OWN", MINUTE + 5, True),
    "a process that may just begin": ("HOST.OWN", 0, False),
    "another host": ("elsewhere.GONE", DAY - 60, False),
    "another host, long ago": ("elsewhere.GONE", DAY + 60, True),
}


@posix
@pytest.mark.parametrize(("owner", "seconds", "cleared"), LEFTOVERS.values(), ids=LEFTOVERS)
def test_a_temporary_file_is_cleared_when_nobody_can_be_writing_to_it(
    path: Path, owner: str, seconds: float, cleared: bool
) -> None:
    owner = (
        owner.replace("HOST", module._host()).replace("GONE", str(gone())).replace("OWN", str(os.getpid()))
    )
    left = path.with_name(f".model.npz.{owner}.0123456789abcdef.tmp")
    left.write_bytes(b"half")
    age(left, seconds)
    put(path)
    assert left.exists() != cleared


@posix
def test_where_files_cannot_be_locked_the_process_decides(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.fcntl, "flock", failing(errno.ENOLCK))
    mine, theirs = (
        path.with_name(f".model.npz.{module._host()}.{pid}.0123456789abcdef.tmp")
        for pid in (os.getpid(), gone())
    )
    for left in (mine, theirs):
        left.write_bytes(b"half")
        age(left, 2 * MINUTE)
    put(path)
    assert mine.exists()
    assert not theirs.exists()


def test_files_of_another_form_are_never_touched(path: Path) -> None:
    pid = gone()
    names = [
        ".model.npz.tmp",
        f".model.npz.{module._host()}.{pid}.tmp",
        f".model.npz.{module._host()}.{pid}.0123456789ABCDEF.tmp",
        f".model.npz.{module._host()}.{pid}.0123456789abcdef.tmp.bak",
        f"model.npz.{module._host()}.{pid}.0123456789abcdef.tmp",
        f".modelXnpz.{module._host()}.{pid}.0123456789abcdef.tmp",
        f".model.npz.{module._host()}.x.0123456789abcdef.tmp",
    ]
    for name in names:
        path.with_name(name).write_bytes(b"mine")
    folder = path.with_name(f".model.npz.{module._host()}.{pid}.0123456789abcdef.tmp")
    folder.mkdir()
    put(path)
    assert sorted(os.listdir(path.parent)) == sorted([*names, folder.name, "model.npz"])


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number), "/somewhere/else.tmp")

    return fail


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("failure", ["open", "chmod", "fsync", "replace"])
def test_an_error_names_the_target_and_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, failure: str, existing: bool
) -> None:
    if existing:
        path.write_bytes(b"old")
    elif failure == "chmod":
        return
    with monkeypatch.context() as patch:
        patch.setattr(os, failure, failing(errno.EACCES))
        with pytest.raises(PermissionError) as raised:
            put(path)
    assert raised.value.filename == str(path)
    assert str(raised.value) == f"[Errno {errno.EACCES}] Permission denied: '{path}'"
    assert os.listdir(path.parent) == (["model.npz"] if existing else [])
    assert not existing or path.read_bytes() == b"old"


def test_an_error_without_a_number_or_of_the_block_names_the_target_too(path: Path) -> None:
    for error in (OSError("odd"), OSError(errno.ENOSPC, "No space left on device")):
        with pytest.raises(OSError, match=f"{error.strerror or 'odd'}: '{path}'"), replacing(path):
            raise error
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("write", [put, check_writable])
def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for name, kind, message in (
        ("folder", IsADirectoryError, "is a folder, expected a file"),
        ("nowhere/model", FileNotFoundError, f"there is no folder {tmp_path / 'nowhere'}"),
        ("file/model", NotADirectoryError, "Not a directory"),
        ("loop", OSError, "symbolic links"),
        ("m" * 256, OSError, "name too long"),
    ):
        with pytest.raises(kind, match=re.escape(message)) as raised:
            write(tmp_path / name)
        assert raised.value.filename == str(tmp_path / name)
    if os.path.exists("/dev/null"):
        with pytest.raises(OSError, match="is not a regular file: '/dev/null'"):
            write(Path("/dev/null"))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "loop"]


def test_what_can_be_written_is_left_as_it_is(path: Path) -> None:
    check_writable(path)
    assert os.listdir(path.parent) == []
    path.write_bytes(b"old")
    before = path.stat()
    check_writable(path)
    assert (os.listdir(path.parent), path.read_bytes()) == (["model.npz"], b"old")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_folder_that_cannot_be_written_to_is_found_out(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        if os.access(path.parent, os.W_OK):
            pytest.skip("this user may write anywhere")
        with pytest.raises(PermissionError, match=re.escape(str(path))):
            check_writable(path)
    finally:
        path.parent.chmod(0o700)


FULL = """
import os, resource, sys
import numpy as np
from seqmem import Linear, load, save
path, model = sys.argv[1], Linear(40, 30, rng=1)
size = os.path.getsize(path)
failed = 0
for limit in range(0, size, 499):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        save(path, model)
    except OSError as error:
        assert error.filename == path, error
        failed += 1
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    assert np.array_equal(load(path).W, Linear(40, 30, rng=0).W)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
save(path, model)
assert np.array_equal(load(path).W, model.W)
print(failed)
"""


@posix
def test_a_disk_that_is_full_after_any_number_of_bytes_leaves_the_old_file(path: Path) -> None:
    from seqmem import Linear, save

    save(path, Linear(40, 30, rng=0))
    found = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False
    )
    assert found.stderr == ""
    assert int(found.stdout) == len(range(0, path.stat().st_size, 499))


FOR_EVER = """
import sys
from seqmem import Linear, save
models = [Linear(300, 200, rng=seed) for seed in (0, 1)]
save(sys.argv[1], models[1])
print("ready", flush=True)
while True:
    for model in models:
        save(sys.argv[1], model)
"""


@posix
def test_a_kill_at_any_moment_leaves_a_whole_file(path: Path) -> None:
    from seqmem import Linear, load, save

    models = [Linear(300, 200, rng=seed) for seed in (0, 1)]
    for trial in range(4):
        process = start(FOR_EVER, path)
        time.sleep(0.003 * trial)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = load(path).params["W"].tobytes()
        assert found in [model.W.tobytes() for model in models]
        save(path, models[0])
        assert os.listdir(path.parent) == ["model.npz"]


@pytest.fixture(autouse=True)
def no_descriptor_stays_open() -> Iterator[None]:
    if not os.path.isdir("/proc/self/fd"):
        yield
        return
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before

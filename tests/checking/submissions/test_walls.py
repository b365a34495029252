"""What the system keeps a process from: each is tried in a process that is put within the walls."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seqmem.checking.submissions import landlock, walls
from seqmem.checking.submissions.walls import Measures, is_too_much, own_user, sweep

linux = pytest.mark.skipif(sys.platform != "linux", reason="the walls that are tried are Linux's")
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, who may become another user"
)
needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this system has no Landlock")
TRIES = """
import json, os, socket, sys
from pathlib import Path
from seqmem.checking.submissions import walls, landlock
def tried(what):
    try:
        what()
        return ""
    except (OSError, ValueError) as error:
        return type(error).__name__
def tcp():
    socket.create_connection(("127.0.0.1", 9), 1)
"""


FILES = ("read/a", "read/deep/a", "read/deep/hidden/a", "own/a", "no/a")


@pytest.fixture
def user():
    """A user that nobody is."""
    found = own_user()
    yield found
    found.lock.close()


def within(text, *arguments):
    """What a process prints as JSON."""
    run = subprocess.run(
        [sys.executable, "-c", TRIES + textwrap.dedent(text), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@linux
@needs_landlock
def test_landlock_keeps_a_process_to_its_folders_and_from_what_is_hidden_in_them(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = within(
        """
        root, *files = map(Path, sys.argv[1:])
        hidden = [root / "read/deep/hidden"]
        assert landlock.restrict([root / "read", Path(sys.prefix)], [root / "own"], hidden)
        print(json.dumps({
            "read": [tried((root / name).read_text) for name in files],
            "write": [tried(lambda name=name: (root / name).write_text("y")) for name in files],
            "list": [tried(lambda: os.listdir(root / "read/deep")), tried(lambda: os.listdir(root / "no"))],
            "parent": tried(lambda: open(f"/proc/{os.getppid()}/environ", "rb").read()),
        }))
        """,
        tmp_path,
        *FILES,
    )
    no = "PermissionError"
    assert found == {
        "read": ["", "", no, "", no],
        "write": [no, no, no, "", no],
        "list": ["", no],
        "parent": no,
    }


ENTERS = """
root, user = Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[3] == "without":
    walls.restrict = lambda *_: False
try:
    walls.enter(walls.Measures(processes=8), user, root / "own", [])
except walls.UnusableError as error:
    print(json.dumps(str(error)))
    sys.exit()
"""


def own_folder(tmp_path, user):
    own = tmp_path / "own"
    own.mkdir()
    os.chown(own, user.number, user.number)


@linux
@needs_root
def test_root_becomes_a_user_that_owns_nothing_and_cannot_come_back(user, tmp_path):
    own_folder(tmp_path, user)
    found = within(
        ENTERS
        + """
import resource
print(json.dumps({
    "who": [os.getuid(), os.geteuid(), os.getgid(), len(os.getgroups())],
    "back": tried(lambda: os.setuid(0)),
    "tcp": tried(tcp) != "",
    "raise": tried(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10**6, 10**6))),
}))
""",
        tmp_path,
        user.number,
        "with",
    )
    who = [user.number, user.number, user.number, 0]
    assert found == {"who": who, "back": "PermissionError", "tcp": True, "raise": "ValueError"}


@linux
@needs_root
def test_without_landlock_it_is_another_users_process_or_it_is_said_why_not(user, tmp_path):
    own_folder(tmp_path, user)
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="utf-8")
    secret.chmod(0o600)
    found = within(
        ENTERS
        + """
tries = [(root / "secret").read_text, lambda: os.kill(os.getppid(), 0)]
print(json.dumps([*map(tried, tries), tried(tcp) != ""]))
""",
        tmp_path,
        user.number,
        "without",
    )
    if isinstance(found, str):
        assert "may not be read by a user without rights: install Python and seqmem where" in found
    else:
        assert found == ["PermissionError", "PermissionError", True]


@needs_root
@linux
def test_two_runs_are_never_the_same_user():
    users = [own_user() for _ in range(20)]
    assert len({user.number for user in users}) == 20
    for user in users:
        user.lock.close()


@needs_root
@linux
def test_what_a_user_left_where_everybody_may_write_is_removed(user):
    left = [Path("/tmp") / f"seqmem-test-{user.number}{kind}" for kind in ("", "-folder", "-link")]
    left[0].write_text("x", encoding="utf-8")
    left[1].mkdir()
    (left[1] / "inner").write_text("x", encoding="utf-8")
    left[2].symlink_to("/etc/passwd")
    try:
        for path in (*left, left[1] / "inner"):
            os.chown(path, user.number, user.number, follow_symlinks=False)
        sweep(user.number)
        assert [path for path in left if os.path.lexists(path)] == []
        assert Path("/etc/passwd").exists()
    finally:
        for path in left[::2]:
            path.unlink(missing_ok=True)


def test_a_folder_holds_too_much_by_its_bytes_or_its_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "large").write_bytes(os.urandom(3 << 20))
    assert is_too_much(tmp_path, 2)
    assert not is_too_much(tmp_path, 4)
    for k in range(10):
        (tmp_path / f"{k}").write_bytes(b"")
    assert is_too_much(tmp_path, 4, most_files=11)
    assert not is_too_much(tmp_path, 4, most_files=12)
    assert not is_too_much(tmp_path / "gone", 1)


def test_a_system_without_landlock_is_told_so(monkeypatch):
    monkeypatch.setattr(landlock.sys, "platform", "darwin")
    assert landlock.version() == 0
    assert not landlock.restrict([Path()], [Path()])


def test_measures_have_a_limit_of_everything():
    assert all(size > 0 for size in Measures())
    assert walls.USERS.start > 60_000

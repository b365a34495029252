"""Submissions that mean harm: each ends in a failed check or is harmless, and leaves nothing behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from seqmem.checking.submissions.walls import USERS, Measures
from seqmem.exercises.asking import Call, Question
from seqmem.exercises.grading.apart import ask

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls that are tried are Linux's")
X = np.array([1.0, 2.0, 3.0])
QUESTIONS = [Question((Call("double", (X,)),)), Question((Call("double", (X + 1,)),))]
MEASURES = Measures(seconds=3.0, megabytes=700)
RIGHT = "def double(x):\n    return 2 * x\n"


class Kind(NamedTuple):
    """A kind of harm: what it does before it answers, and what is to come of it."""

    text: str
    says: str = ""  # why there is no right answer; "" where it is harmless and the numbers are right


def before(text):
    """Do something as soon as the file is read, in a class, whose body runs where definitions alone do."""
    return f"class Body:\n{textwrap.indent(textwrap.dedent(text), '    ')}\n{RIGHT}"


def within(text):
    """Do something when the function is called."""
    return f"def double(x):\n{textwrap.indent(textwrap.dedent(text), '    ')}\n    return 2 * x\n"


def of_results(text):
    return f'{{"answer": {{"Answer": [{{"tuple": [{text}]}}, {{"tuple": []}}, {{"float": "0x1p0"}}, null]}}}}'


LYING = """
import numpy as np
class Lying(np.ndarray):
    def __eq__(self, other): return np.True_
    def __sub__(self, other): return np.zeros(3)
    __rsub__ = __array_wrap__ = __sub__
    def __array__(self, *a, **k): return np.array([2.0, 4.0, 6.0])
    def __array_function__(self, *a, **k): return np.True_
    def __array_ufunc__(self, *a, **k): return np.True_
    shape = (3,)
def double(x):
    return np.full(3, 7.0).view(Lying)
"""
EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __array__(self, *a, **k): return None
    dtype = shape = ndim = 0
def double(x):
    return Equal()
"""
FORGED = """
import os, re, sys
def double(x):
    frame = sys._getframe()
    while frame and "token" not in frame.f_locals:
        frame = frame.f_back
    token = frame.f_locals["token"] if frame else "0" * 32
    for number in range(3, 64):
        try:
            for text in LINES:
                os.write(number, f"{token} {text}\\n".encode())
        except OSError:
            pass
    return x
LINES = %r
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(1)
    os._exit(0)
"""
BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
EACH_FILE = "for k in range(100_000):\n    io.open(f'file{k}', 'wb').write(b'x' * 4_000_000)"
DEEP = "import os\nfor k in range(600):\n    os.mkdir('d')\n    os.chdir('d')"
ENDLESS, ENDED = "did not finish within", "it was ended by SIG"
NO_ANSWER = "the answer is not"
KINDS = {
    "an endless loop": Kind(within("while True: pass"), ENDLESS),
    "an endless loop as it is read": Kind(before("while True: pass"), ENDLESS),
    "a fork bomb": Kind(within(BOMB), "i"),
    "a fork bomb as it is read": Kind(before(BOMB), "i"),
    "a daemon": Kind(before(DAEMON)),
    "os._exit": Kind(within("import os\nos._exit(0)"), "ended"),
    "sys.exit": Kind(within("raise SystemExit(0)"), "SystemExit"),
    "exit as it is read": Kind(before("raise SystemExit(0)")),  # reading goes on without it
    "SystemExit in __del__": Kind(
        "class Bad:\n    def __del__(self):\n        raise SystemExit\n" + within("Bad()\nx.flat[0] += 0")
    ),
    "huge output": Kind(within("while True: print('x' * 100_000)"), ENDLESS),
    "much output": Kind(within("print('x' * 10_000_000)")),
    "all memory": Kind(within("kept = []\nwhile True: kept.append(bytearray(1 << 26))"), "MemoryError"),
    "a huge array": Kind("import numpy as np\n" + within("return np.zeros(1 << 45)"), "MemoryError"),
    "a huge answer": Kind("import numpy as np\n" + within("return np.zeros(20_000_000)"), "i"),
    "a cheap array that is huge": Kind(
        "import numpy as np\n" + within("return np.broadcast_to(0.0, (1 << 40,))"), "MemoryError"
    ),
    "deep recursion": Kind("def f(x):\n    return f(x)\n" + within("f(x)"), "RecursionError"),
    "recursion without a limit": Kind(
        "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(x):\n    return f(x)\n"
        + within("import sys\nsys.setrecursionlimit(1 << 30)\nf(x)"),
        "i",
    ),
    "importing the library within": Kind(within("from seqmem.reference import lstm_step"), "without it"),
    "importing it by a made-up name": Kind(
        within("m = __import__('seq' + 'mem.reference')\nreturn 0 * x"), "without"
    ),
    "importing it without its finder": Kind(
        within("import sys\nsys.meta_path.pop(0)\n__import__('seq' + 'mem')\nreturn 0 * x"), "without"
    ),
    "reading the library's files": Kind(within(f"return len(io.open({__file__!r}).read()) * x"), "Error"),
    "reading them by another program": Kind(
        within("import subprocess\nsubprocess.run(['/bin/cat', '/etc/passwd'], check=True)"), "without other"
    ),
    "finding the library in memory": Kind(
        within(
            "import gc, sys\nassert not [m for m in sys.modules if m.startswith('seqmem')]\n"
            "assert not [f for f in gc.get_objects() if getattr(f, '__name__', '') == 'lstm_step_backward']"
        )
    ),
    "writing to the results": Kind(within("io.open(RESULTS, 'w').write('100')"), "Error"),
    "a link to the results": Kind(
        within("import os\nos.path.lexists('r') or os.symlink(RESULTS, 'r')\nio.open('r', 'w').write('100')"),
        "Error",
    ),
    "a link in the folder's place": Kind(
        within(
            "import os, shutil\nhere = os.getcwd()\nos.chdir('/')\nshutil.rmtree(here)\nos.symlink('/', here)"
        ),
        "Error",
    ),
    "signals that it ignores": Kind(
        within(
            "import signal\nfor n in set(signal.Signals) - {9, 19}:\n    signal.signal(n, signal.SIG_IGN)\n"
            "while True: pass"
        ),
        ENDLESS,
    ),
    "threads that never end": Kind(
        within("import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,)).start()")
    ),
    "a thread for everything": Kind(
        within(
            "import threading, time\nfor k in range(500):\n"
            "    threading.Thread(target=time.sleep, args=(1e6,)).start()"
        ),
        "can't start new thread",
    ),
    "an endless exit handler": Kind(
        within("import atexit, itertools\natexit.register(lambda: [0 for _ in itertools.count()])")
    ),
    "closed files": Kind(within("import os\nos.closerange(0, 64)"), "ended"),
    "forged lines": Kind(FORGED % (['{"done": true}', "{}", "[1]", "\0"],), "the answer is"),
    "forged answers": Kind(
        FORGED % (['{"answer": {"Answer": [1, 2, 3, 4]}}', '{"answer": {"array": ["O", [1], "AAAA"]}}'],),
        "the answer is",
    ),
    "forged arrays": Kind(FORGED % ([of_results('{"array": ["<f8", [99999999999], ""]}')],), "the answer is"),
    "a forged excuse": Kind(FORGED % (['{"unusable": "stop the grading"}', '{"within": true}'],), "numbers"),
    "forged numbers": Kind(FORGED % ([of_results("1")],), "numbers"),
    "answers nested deeply": Kind(FORGED % (['{"answer": ' + "[" * 100_000],), NO_ANSWER),
    "reading its parents' memory": Kind(
        within("import os\nfor p in (os.getppid(), 1):\n    io.open(f'/proc/{p}/mem', 'rb').read(1)"), "Error"
    ),
    "reading its parents' environment": Kind(
        within("import os\nio.open(f'/proc/{os.getppid()}/environ', 'rb').read()"), "Error"
    ),
    "objects for numbers": Kind(
        "import numpy as np\nclass P:\n    def __reduce__(self):\n        return (print, (1,))\n"
        + within("return np.array([P(), P(), P()])"),
        "dtype object",
    ),
    "NaN with a message": Kind(
        "import numpy as np\n" + within("return np.full(3, 0x7FF8DEADBEEF0001, np.uint64).view(float)"),
        "numbers",
    ),
    "a subclass that lies": Kind(LYING, "numbers"),
    "equal to everything": Kind(EQUAL, "type Equal"),
    "ending its parent": Kind(within("import os\nos.kill(os.getppid(), 9)"), "i"),
    "ending everything": Kind(within("import os\nos.kill(-1, 9)")),
    "stopping itself": Kind(within("import os\nos.kill(os.getpid(), 19)"), ENDLESS),
    "standard input": Kind(within("import sys\nassert sys.stdin.read() == ''\ninput()"), "EOFError"),
    "another folder": Kind(within("import os\nos.chdir('/')")),
    "no folder": Kind(within("import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)")),
    "a folder that is closed": Kind(within("import os\nos.makedirs('a/b', exist_ok=True)\nos.chmod('a', 0)")),
    "a folder too deep to walk": Kind(within(f"{DEEP}")),
    "a full disk": Kind(before(EACH_FILE), "it "),  # wrote more than it may, or did not finish on a slow disk
    "a file without an end": Kind(
        within("with io.open('large', 'wb') as f:\n    while True: f.write(bytes(1 << 20))"), "File too large"
    ),
    "a patched numpy": Kind(
        "import numpy as np\nimport numpy.testing, builtins\n"
        "np.testing.assert_allclose = np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
        "np.abs = lambda *a, **k: 0.0\nbuiltins.abs = lambda *a: 0\n"
        "class Patch:\n    np.random.default_rng = np.testing.assert_allclose = lambda *a: None\n"
        "def double(x):\n    return 0 * x\n",
        "numbers",
    ),
    "a patched seed": Kind(
        "import numpy as np\nclass Patch:\n    np.random.seed(0)\n    np.random.default_rng = None\n" + RIGHT
    ),
    "a wrong clock": Kind(
        "import time\nclass Patch:\n    time.perf_counter = lambda: float('nan')\n" + RIGHT
    ),
    "no audit": Kind(within("import sys\nsys.addaudithook(lambda *a: None)")),
    "changed limits": Kind(
        within("import resource as r\nr.setrlimit(r.RLIMIT_NPROC, (10**6, 10**6))"), "Error"
    ),
    "another user": Kind(within("import os\nos.setuid(0) if os.getuid() else 1 / 0"), "Error"),
    "the network": Kind(
        within("import socket\nsocket.create_connection(('127.0.0.1', PORT), 1).send(b'x')"), "Error"
    ),
    "a crash": Kind(within("import ctypes\nctypes.string_at(0)"), "i"),
}
BESIDE = {
    "a module named numpy": "numpy.py",
    "a module named json": "json.py",
    "a module named seqmem": "seqmem.py",
    "a start-up file": "sitecustomize.py",
    "a path file": "evil.pth",
}
QUICK = {  # of the others' kinds, too; the rest is a slow test
    "importing it without its finder",
    "writing to the results",
    "a subclass that lies",
    "forged answers",
    "a forged excuse",
    "ending everything",
}


def verdict(asked):
    """Why there is no right answer, or ""."""
    for question, answer in zip(QUESTIONS, asked.answers, strict=True):
        if answer.trouble is not None:
            return f"{answer.trouble.kind}: {answer.trouble.message}"
        (got,), (call,) = answer.results, question.calls
        if type(got) is not np.ndarray or not np.array_equal(got, 2 * call.arguments[0]):
            return "other numbers"
    return ""


def tried(text, files=None):
    """The verdict on a file that may mean harm, and how long that took."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.json")
        results.write_text("0", encoding="utf-8")
        data = f"import io\nRESULTS, PORT = {str(results)!r}, 9\n{text}".encode()
        asked = ask({"mine.py": data, **(files or {})}, "mine.py", QUESTIONS, MEASURES, ["seqmem"])
        assert results.read_text(encoding="utf-8") == "0"
    return verdict(asked), time.monotonic() - start


def left_running():
    """The processes of the users that nobody is."""
    found = []
    for about in Path("/proc").glob("[0-9]*"):
        try:
            if about.stat().st_uid in USERS:
                found.append(about.name)
        except OSError:
            continue
    return found


def all_end(pids):
    """Whether processes end by themselves: those of another grading on this machine do, a daemon does not."""
    end = time.monotonic() + 60
    while set(pids) & set(left_running()) and time.monotonic() < end:
        time.sleep(0.1)
    return not set(pids) & set(left_running())


def is_as_expected(kind, said):
    return kind.says in said if kind.says else not said


def is_slow(name):
    return () if name in QUICK else pytest.mark.slow


@pytest.mark.parametrize("name", [pytest.param(name, marks=is_slow(name)) for name in KINDS])
def test_harm_is_failed_or_harmless_and_leaves_nothing_behind(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tempfile.tempdir = None
    try:
        said, seconds = tried(KINDS[name].text)
    finally:
        tempfile.tempdir = None
    assert is_as_expected(KINDS[name], said), said
    assert seconds < 30
    assert list(tmp_path.iterdir()) == []
    assert all_end(left_running())


@pytest.mark.slow
@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE.keys())
def test_what_lies_beside_a_file_stands_for_nothing_that_is_installed(beside):
    said, _ = tried(RIGHT, {beside: b"import os; os._exit(0)\nclass Stop(SystemExit): pass\nraise Stop"})
    assert said == ""


def test_a_file_imports_what_lies_beside_it():
    files = {"helpers.py": b"def twice(x):\n    return 2 * x\n", "data/more.py": b""}
    assert tried("from helpers import twice\ndef double(x):\n    return twice(x)\n", files)[0] == ""


@pytest.mark.parametrize("name", ["../mine.py", "/etc/mine.py", "a/../../mine.py", "", "a\0.py"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name):
    with pytest.raises(ValueError, match="leads out of the submission's folder"):
        ask({name: RIGHT.encode()}, "mine.py", QUESTIONS)


def test_what_the_process_is_given_holds_nothing_of_the_graders(monkeypatch):
    monkeypatch.setenv("SECRET_SEED", "1234")
    text = """
import os, sys
def double(x):
    assert not {name for name in os.environ if "SECRET" in name.upper()}, os.environ
    assert len(sys.orig_argv) == 3, sys.orig_argv
    return 2 * x
"""
    assert tried(text)[0] == ""


def test_a_process_of_its_own_user_may_not_come_back(monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("needs root, whose process gives up its user")
    text = """
import os
def double(x):
    assert os.getuid() == os.geteuid() == os.getgid() and os.getuid() >= 61184 and not os.getgroups()
    return 2 * x
"""
    assert tried(text)[0] == ""


ORDINARY = 65534
DRIVER = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_hostile as tests
names = sys.argv[1:]
print(json.dumps({{name: tests.tried(tests.KINDS[name].text)[0] for name in names}}))
"""
ALONE = {"another user"}  # what only a user of its own is kept from


@pytest.mark.slow
def test_an_ordinary_users_grader_is_safe_as_well(tmp_path):
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("needs root and setpriv, to become an ordinary user")
    names = [name for name in KINDS if name not in ALONE]
    tmp_path.chmod(0o777)
    reads = [
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
    ]  # this checkout, wherever it is
    become = [setpriv, f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", *reads]
    run = subprocess.run(
        [*become, sys.executable, "-P", "-c", DRIVER, *names],
        capture_output=True,
        text=True,
        cwd="/",
        env=os.environ | {"TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    said = json.loads(run.stdout)
    assert {name: said[name] for name in names if not is_as_expected(KINDS[name], said[name])} == {}


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["chown", "setuid", "setgid"])
def test_a_root_that_may_not_change_its_user_says_so_and_blames_nobody(missing):
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("needs root and setpriv, to be a root without that right")
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_hostile as tests
from seqmem.checking.submissions.walls import UnusableError
try:
    print(tests.tried(tests.RIGHT))
except UnusableError as error:
    print(error)
"""
    run = subprocess.run(
        [setpriv, f"--bounding-set=-{missing}", "--inh-caps=-all", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith(("its root may not ", "its root user cannot "))

"""Whoever ends whom: nobody is left running, nothing is left lying, and no answer is forged in passing."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from seqmem.checking import gradcheck_functions
from seqmem.checking.submissions.run_apart import Said, check_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and what is tried is Linux's")
DEADLINE = 60.0  # of a machine that has much else to do
RIGHT = """
def forward(x):
    return x**2, x

def backward(d, x):
    return 2 * x * d

def inputs():
    return {"x": [1.0, 2.0]}
"""
LEFT = """
import os, subprocess, sys
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
others = [subprocess.Popen(sleeper), subprocess.Popen(sleeper, start_new_session=True)]
with open("pids.part", "w") as file:
    file.write(" ".join(map(str, [os.getpid(), os.getppid(), *(other.pid for other in others)])))
os.rename("pids.part", "pids")
"""
LOOP = f"{LEFT}\nwhile True: pass\n"


def runs(pid):
    """Whether a process does; one that has ended and that nobody asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def comes_true(condition):
    end = time.monotonic() + DEADLINE
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def run(tmp_path):
    def run(text, **options):
        path = tmp_path / "mine.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return check_file(path, said=Said(run_all=True), **options)

    return run


@pytest.fixture
def pids(tmp_path):
    """The processes of LEFT: itself, its parent, those that it started; none as long as it has not run."""
    path = tmp_path / "pids"
    return lambda: list(map(int, path.read_text().split())) if path.exists() else []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL", "SIGINT"])
def test_a_checker_that_is_ended_leaves_no_process_and_no_file(name, tmp_path, pids):
    folder = tmp_path / "temporary"
    folder.mkdir()
    (tmp_path / "loop.py").write_text(LOOP, encoding="utf-8")
    checker = subprocess.Popen(
        [sys.executable, "-m", "seqmem", "check", "loop.py", "--run-all"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert comes_true((tmp_path / "pids").exists)
        assert all(map(runs, pids()))
        checker.send_signal(signal.Signals[name])
        checker.wait(DEADLINE)
        assert comes_true(lambda: not any(map(runs, pids()))), [pid for pid in pids() if runs(pid)]
        assert list(folder.iterdir()) == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["loop.py", "pids", "temporary"]
    finally:
        checker.kill()


@pytest.mark.slow  # waits for limits of time
@pytest.mark.parametrize("text", [LOOP, LEFT + RIGHT, f"{LEFT}\nos._exit(3)"], ids=["loop", "right", "exit"])
def test_what_a_file_leaves_running_is_ended_wherever_it_moved_to(text, run, pids):
    seconds = 5.0 if text == LOOP else 60.0
    answer = run(text, seconds=seconds)
    assert (answer.report is not None) == (text == LEFT + RIGHT)
    assert comes_true(lambda: not any(map(runs, pids())))


ATTACKS = {
    "the parent": ("os.kill(os.getppid(), signal.SIGKILL)", "it was ended by SIGKILL"),
    "the parent, politely": ("os.kill(os.getppid(), signal.SIGTERM)", "it was ended by SIGTERM"),
    "the parent's group": ("os.killpg(os.getpgid(os.getppid()), signal.SIGHUP)", "it was ended by SIGHUP"),
    "its own group": ("os.killpg(0, signal.SIGKILL)", "it was ended by SIGKILL"),
    "itself": ("os.kill(0, signal.SIGTERM)", "it was ended by SIGTERM"),
    "a parent that is stopped": ("os.kill(os.getppid(), signal.SIGSTOP)", "it did not finish within"),
}


@pytest.mark.slow  # waits for limits of time
@pytest.mark.parametrize(("attack", "trouble"), ATTACKS.values(), ids=ATTACKS.keys())
def test_a_file_that_ends_its_parent_does_not_end_whoever_checks_it(attack, trouble, run, pids):
    seconds = 5.0 if "STOP" in attack else 60.0
    answer = run(f"{LEFT}\nimport signal\n{attack}\nimport time; time.sleep(300)\n{RIGHT}", seconds=seconds)
    assert answer.report is None
    assert answer.trouble.startswith(trouble)
    assert comes_true(lambda: not any(map(runs, pids())))


def forged():
    report = gradcheck_functions(lambda x: (x**2, x), lambda d, x: 2 * x * d, ([1.0, 2.0],))
    return json.dumps({"report": report.to_json()})


FORGERIES = {
    "a report": forged(),
    "a list": "[1]",
    "nothing": "{}",
    "nested deeply": "[" * 200_000,
    "a name alone": '{"report": 1}',
    "no text": "\xff\xfe\0",
    "300 MB": None,
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize("goes_on", [True, False])
def test_what_is_written_to_every_open_file_is_no_answer(forgery, goes_on, run):
    text = repr(forgery) if forgery is not None else "'x' * 300_000_000"
    answer = run(
        f"""
import os
for number in range(3, 64):
    try:
        os.set_blocking(number, True)
        data = ({text} + chr(10)).encode()
        while data:
            data = data[os.write(number, data):]
    except OSError:
        pass
{RIGHT if goes_on else "os._exit(0)"}
"""
    )
    assert answer.report is None
    assert answer.trouble.startswith("the answer is ")


def test_what_was_ordered_is_not_to_be_read_from_how_the_process_was_started(run):
    answer = run("import sys\nprint(*sys.orig_argv, *sys.argv)\n" + RIGHT)
    assert answer.report.passed
    assert [Path(word).name for word in answer.printed.split()][-3:] == ["-P", "box.py", "mine.py"]


def test_time_memory_and_the_size_of_files_are_limited(run, tmp_path):
    answer = run(
        "import resource as r\n"
        "print([r.getrlimit(k)[0] for k in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_CORE)])\n"
        + RIGHT,
        seconds=77.5,
        megabytes=1500,
    )
    assert answer.printed == str([79, 1500 << 20, 64 << 20, 0])
    answer = run("import os\nopen('large', 'wb').truncate(1 << 40)\n" + RIGHT)
    assert "File too large" in answer.trouble
    assert (tmp_path / "large").stat().st_size == 0


def test_a_busy_processor_is_named_when_its_limit_ends_it(run):
    answer = run("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 5))\nwhile True: pass")
    assert answer.trouble.startswith("it kept the processor busy for longer than the time limit")


def test_no_limit_of_time_is_too_long(run):
    assert run(RIGHT, seconds=1e6).report.passed


def test_where_there_is_no_fork_the_file_is_checked_all_the_same_and_ends_with_its_caller(tmp_path):
    path, box = tmp_path / "mine.py", Path(sys.modules[check_file.__module__].__file__).with_name("box.py")
    order = {
        "path": str(path),
        "name": "",
        "like": "",
        "seed": 0,
        "megabytes": 2048,
        "seconds": 60,
        "token": "t",
        **Said(run_all=True)._asdict(),
    }

    def started(text):
        path.write_text(text, encoding="utf-8")
        start = f"import os, runpy; del os.fork; runpy.run_path({str(box)!r}, run_name='__main__')"
        process = subprocess.Popen(
            [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
        )
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        return process

    with started(RIGHT) as process:
        assert process.stdout.read().startswith(b't {"notes": ')
        assert process.wait(DEADLINE) == 0
    with started("open('started', 'w').close()\nwhile True: pass") as process:
        assert comes_true((tmp_path / "started").exists)
        process.stdin.close()
        assert process.wait(DEADLINE) == 1

"""The corpus as it is: every file is read, every pass found, called and judged as its truth says."""

import os
import re

import numpy as np
import pytest
from corpus.truth import HERE, manifest

from seqmem.checking.contract.conduct import FAULTS
from seqmem.checking.reading.loading import load
from seqmem.checking.submissions.find import check_names, options_of

pytestmark = pytest.mark.slow
NOT_CHECKED = {  # what is asked for something, or cannot be told
    ("scripts/count_ones.py", "backward_gradient"): "an upstream gradient for the last of the states alone",
    ("notebooks/lstm_in_one_notebook.ipynb", "forward"): "a loss that only the backward pass knows",
}
NOT_NAMED = {
    ("students/recorded_lstm.py", "LstmLayer"),  # one call is one step, and nothing is carried in it
}
PLACES = {"U.h": "Uh"}  # what a report calls an array that is an entry of a dictionary
ELSEWHERE = {"students/recorded_lstm.py"}  # wrong, and not all of its wrong gradients are shown by one call
PASSES = [entry for entry in manifest() if (entry["path"], entry["name"]) not in NOT_CHECKED]


def order(flag):
    """What the command line would send for a flag."""
    given = {"like": "", "seed": 0, "sets": {}, "inputs": {}}
    if flag.startswith("--pair "):
        given["pair"] = flag.removeprefix("--pair ").split(",")
    if flag.startswith("--inputs "):
        return given | {"inputs": dict(part.split("=") for part in flag.split()[1:])}
    for name, value in re.findall(r"(\w+)=(\{.*?\}|\d+)", flag):
        given["sets"][name] = value
    return given


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own(monkeypatch):
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before, folder, state = set(sys.modules), os.getcwd(), np.random.get_state()  # noqa: NPY002
    yield
    os.chdir(folder)
    np.random.set_state(state)  # noqa: NPY002
    for name in set(sys.modules) - before:
        if not name.startswith(("seqmem", "numpy", "scipy", "torch")):
            del sys.modules[name]


def assert_named(report, entry):
    """The line that has to be changed, or the mistake of the catalogue, and nothing else."""
    said = "\n".join(cause.message for cause in report.causes)
    codes = {cause.code for cause in report.causes} - set(FAULTS)
    if "line" in entry:
        assert all(part in said for part in entry["line"]), str(report)
        assert {code.partition("-")[0] for code in codes} == {"line"}
    else:
        assert codes == set(entry["code"].split(" + ")), str(report)


def test_nine_natural_mistakes_of_ten_are_named_in_full():
    wrong = [entry for entry in PASSES if entry["truth"] == "wrong"]
    named = [entry for entry in wrong if (entry["path"], entry["name"]) not in NOT_NAMED]
    assert all("line" in entry or "code" in entry for entry in named)
    assert len(named) >= 0.9 * len(wrong)


@pytest.mark.parametrize("entry", PASSES, ids=lambda entry: f"{entry['path']}:{entry['name']}")
def test_a_pass_is_judged_as_its_truth_says(entry, require, capsys):
    if entry["path"].startswith("torch_functions/"):
        require("torch")
    path = HERE / entry["path"]
    os.chdir(path.parent)
    loaded = load(path)
    report = check_names(loaded.names, entry["name"], "", 0, options_of(order(entry.get("flag", ""))))
    numbers = {row.name for row in report.rows if row.verdict == "wrong"}
    if entry["truth"] == "wrong":
        assert report.verdict == "wrong", str(report)
        if report.rows and entry["path"] not in ELSEWHERE:
            assert {PLACES.get(name, name) for name in numbers} == set(entry["wrong"]), str(report)
        if (entry["path"], entry["name"]) not in NOT_NAMED:
            assert_named(report, entry)
    else:
        assert report.verdict == entry["truth"], str(report)

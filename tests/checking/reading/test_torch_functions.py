"""Without torch, a torch.autograd.Function is recognised by its text, and torch is asked for."""

import sys
import textwrap

import pytest

from seqmem.checking.reading.candidates import candidates
from seqmem.checking.reading.loading import NAME, load
from seqmem.checking.submissions.find import check_names
from seqmem.checking.submissions.verdict import Options

SCALED = """
    import torch
    from torch.autograd import Function

    class Scaled(Function):
        @staticmethod
        def forward(ctx, x, w, times=2):
            ctx.save_for_backward(x, w)
            ctx.times = times
            return times * x @ w.t()

        @staticmethod
        def backward(ctx, grad_output):
            x, w = ctx.saved_tensors
            d_x = d_w = None
            if ctx.needs_input_grad[0]:
                d_x = ctx.times * grad_output @ w
            if ctx.needs_input_grad[1]:
                d_w = ctx.times * grad_output.t() @ x
            return d_x, d_w, None
"""


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name == NAME or sys.modules[name].__class__.__name__ == "Stub":
            del sys.modules[name]


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "mine.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return load(tmp_path / "mine.py").names

    return read


def judged(names, name):
    return check_names(names, name, "", 0, Options())


def test_without_torch_the_pass_is_found_and_torch_is_asked_for(read, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_NoTorch(), *sys.meta_path])
    names = read(SCALED)
    assert [one.is_torch for one in candidates(names)] == [True]
    with pytest.raises(LookupError, match=r"^Scaled is a torch\.autograd\.Function, and torch is not"):
        judged(names, "Scaled")


class _NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            sys.meta_path.remove(self)  # what stands in for it comes from a finder that is added later
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_class_of_ones_own_that_is_called_function_is_none_of_torch(read):
    names = read("""
        import numpy as np

        class Function:
            pass

        class Square(Function):
            def forward(self, x):
                self.x = x
                return x**2

            def backward(self, d):
                return 2 * d * self.x
    """)
    assert [one.is_torch for one in candidates(names)] == [False]
    assert judged(names, "Square").verdict == "right"

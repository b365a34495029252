"""A torch.autograd.Function written by hand is called with tensors, whatever its form."""

import sys
import textwrap

import pytest

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
SEPARATE = """
    import torch

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(x, v):
            return torch.exp(x) * v, x > 0

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, v = inputs
            ctx.save_for_backward(x, output[0])

        @staticmethod
        def backward(ctx, *upstream):
            x, product = ctx.saved_tensors
            return upstream[0] * product, upstream[0] * torch.exp(x)
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


@pytest.fixture
def torch(require):
    return require("torch")


@pytest.mark.parametrize("ending", ["", ", None"])
def test_the_context_is_no_input_and_an_option_keeps_its_default(torch, read, ending):
    report = judged(read(SCALED.replace("d_w, None", f"d_w{ending}")), "Scaled")
    assert (report.verdict, [row.name for row in report.rows]) == ("right", ["x", "w"]), str(report)


def test_a_context_that_is_filled_apart_and_upstreams_without_names(torch, read):
    report = judged(read(SEPARATE), "Product")
    assert (report.verdict, [row.name for row in report.rows]) == ("right", ["x", "v"]), str(report)


def test_torch_goes_by_the_order_of_gradients_and_not_by_their_names(torch, read):
    report = judged(read(SCALED.replace("return d_x, d_w, None", "return d_w, d_x, None")), "Scaled")
    assert report.verdict == "wrong", str(report)


def test_single_precision_in_the_file_does_not_stop_a_check_in_double(torch, read):
    text = SCALED.replace("return times * x @ w.t()", "return times * x @ (w + torch.zeros(w.shape)).t()")
    assert judged(read(text), "Scaled").verdict == "right"
    assert torch.get_default_dtype() == torch.float32


def test_a_gradient_too_few_is_said_as_torch_says_it(torch, read):
    with pytest.raises(LookupError, match="the number of gradients returned is 1, expected 2: one for each"):
        judged(read(SCALED.replace("return d_x, d_w, None", "return d_x")), "Scaled")

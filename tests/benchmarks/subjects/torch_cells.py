"""nn.LSTMCell, in a Python loop: what torch's users write when each step needs something of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.contests import CALLS
from benchmarks.problems import LayerProblem
from benchmarks.subjects import Subject
from benchmarks.subjects.torch_layout import biases_to_torch, from_torch, to_torch


def layer(problem: LayerProblem) -> Subject:
    """Forward with the graph that backward needs; backward into every .grad."""
    _, B, _, H = problem.shape
    cell = cell_of(problem)
    xs = torch.from_numpy(problem.xs).requires_grad_()
    upstream = [torch.from_numpy(d) for d in (problem.d_hs, *problem.d_final)]

    def forward() -> Any:
        h = c = torch.zeros(B, H, dtype=xs.dtype)
        hs = []
        for x in xs:  # unbinds once: xs[t] would give each step a gradient of the size of xs
            h, c = cell(x, (h, c))
            hs.append(h)
        return torch.stack(hs), h, c

    def both() -> Any:
        cell.zero_grad()
        xs.grad = None
        outputs = forward()
        torch.autograd.backward(outputs, upstream)
        return outputs

    def results() -> dict[str, np.ndarray]:
        hs, h, c = (output.detach().numpy() for output in both())
        return {
            "hs": hs,
            "final[0]": h,
            "final[1]": c,
            "d_xs": xs.grad.numpy(),
            **gradients_of(cell),
        }

    return Subject({"forward": forward, "forward + backward": both}, results)


def step(problem: LayerProblem) -> Subject:
    """The cell step by step: without a graph, and with the gradients of everything."""
    cell = cell_of(problem)
    x = torch.from_numpy(problem.xs[0]).requires_grad_()
    h, c = (torch.from_numpy(part).requires_grad_() for part in problem.initial)
    upstream = [torch.from_numpy(d) for d in problem.d_final]

    def forward() -> None:
        with torch.no_grad():
            for _ in range(CALLS):
                cell(x, (h, c))

    def one() -> Any:
        cell.zero_grad()
        x.grad = h.grad = c.grad = None
        outputs = cell(x, (h, c))
        torch.autograd.backward(outputs, upstream)
        return outputs

    def both() -> None:
        for _ in range(CALLS):
            one()

    def results() -> dict[str, np.ndarray]:
        after = one()
        named = {f"state[{k}]": part.detach().numpy() for k, part in enumerate(after)}
        return {
            **named,
            "d_state[0]": h.grad.numpy(),
            "d_state[1]": c.grad.numpy(),
            "d_x": x.grad.numpy(),
            **gradients_of(cell),
        }

    return Subject({"forward": forward, "forward + backward": both}, results)


def cell_of(problem: LayerProblem) -> torch.nn.LSTMCell:
    """The cell with the problem's parameters."""
    _, _, D, H = problem.shape
    cell = torch.nn.LSTMCell(D, H, dtype=getattr(torch, problem.xs.dtype.name))
    b_ih, b_hh = biases_to_torch(problem.b, None, "lstm")
    with torch.no_grad():
        cell.weight_ih.copy_(to_torch(problem.W_x, "lstm"))
        cell.weight_hh.copy_(to_torch(problem.W_h, "lstm"))
        cell.bias_ih.copy_(b_ih)
        cell.bias_hh.copy_(b_hh)
    return cell


def gradients_of(cell: torch.nn.LSTMCell) -> dict[str, np.ndarray]:
    """The gradients of the parameters, by our names."""
    return {
        "d_W_x": from_torch(cell.weight_ih.grad, "lstm"),
        "d_W_h": from_torch(cell.weight_hh.grad, "lstm"),
        "d_b": from_torch(cell.bias_ih.grad, "lstm"),
    }

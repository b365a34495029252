"""torch's own layers, whole sequences in one call: nn.LSTM, nn.GRU, nn.RNN."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.problems import LayerProblem, StackProblem
from benchmarks.subjects import Subject
from benchmarks.subjects.torch_layout import biases_to_torch, from_torch, to_torch

LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def layer(problem: LayerProblem) -> Subject:
    """Forward with the graph that backward needs, as ours keeps its cache; backward into every .grad."""
    _, _, D, H = problem.shape
    kind = problem.kind
    module = LAYERS[kind](D, H, dtype=getattr(torch, problem.xs.dtype.name))
    b_ih, b_hh = biases_to_torch(problem.b, problem.b_hn, kind)
    with torch.no_grad():
        module.weight_ih_l0.copy_(to_torch(problem.W_x, kind))
        module.weight_hh_l0.copy_(to_torch(problem.W_h, kind))
        module.bias_ih_l0.copy_(b_ih)
        module.bias_hh_l0.copy_(b_hh)
    xs = torch.from_numpy(problem.xs).requires_grad_()
    upstream = [torch.from_numpy(problem.d_hs), *(torch.from_numpy(d)[None] for d in problem.d_final)]

    def forward() -> Any:
        return module(xs)

    def both() -> Any:
        module.zero_grad()
        xs.grad = None
        hs, final = module(xs)
        outputs = [hs, *(final if kind == "lstm" else [final])]
        torch.autograd.backward(outputs, upstream)
        return outputs

    def results() -> dict[str, np.ndarray]:
        hs, *final = (output.detach().numpy() for output in both())
        found = {
            "hs": hs,
            "d_xs": xs.grad.numpy(),
            "d_W_x": from_torch(module.weight_ih_l0.grad, kind),
            "d_W_h": from_torch(module.weight_hh_l0.grad, kind),
            "d_b": from_torch(module.bias_ih_l0.grad, kind),
        }
        if kind == "gru":
            found["d_b_hn"] = from_torch(module.bias_hh_l0.grad, kind)[2]
        return found | {f"final[{k}]": part[0] for k, part in enumerate(final)}

    return Subject({"forward": forward, "forward + backward": both}, results)


def stack(problem: StackProblem) -> Subject:
    """nn.LSTM with two layers and both directions."""
    _, _, D, H = problem.shape
    dtype = getattr(torch, problem.xs.dtype.name)
    module = torch.nn.LSTM(D, H, num_layers=2, bidirectional=True, dtype=dtype)
    names = {  # by seqmem's
        f"layers.{k}.{direction}_layer.cell.{ours}": f"{theirs}_l{k}{suffix}"
        for k in range(2)
        for direction, suffix in (("forward", ""), ("backward", "_reverse"))
        for ours, theirs in (("W_x", "weight_ih"), ("W_h", "weight_hh"), ("b", "bias_ih"))
    }
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        for name, theirs in names.items():
            getattr(module, theirs).copy_(to_torch(problem.params[name], "lstm"))
    xs, upstream = torch.from_numpy(problem.xs).requires_grad_(), torch.from_numpy(problem.d_hs)

    def forward() -> Any:
        return module(xs)

    def both() -> Any:
        module.zero_grad()
        xs.grad = None
        hs, _ = module(xs)
        hs.backward(upstream)
        return hs

    def results() -> dict[str, np.ndarray]:
        hs = both().detach().numpy()
        grads = {f"d_{name}": from_torch(getattr(module, of).grad, "lstm") for name, of in names.items()}
        return {"hs": hs, "d_xs": xs.grad.numpy(), **grads}

    return Subject({"forward": forward, "forward + backward": both}, results)

import torch
import torch.nn.functional as F


class LLTMFunction(torch.autograd.Function):
    """A cell like an LSTM without a forget gate, with ELU for the candidate; weights act on [h, x]."""

    @staticmethod
    def forward(ctx, input, weights, bias, old_h, old_cell):
        X = torch.cat([old_h, input], dim=1)
        gates = F.linear(X, weights, bias)
        i, o, a = gates.chunk(3, dim=1)
        i, o, c = torch.sigmoid(i), torch.sigmoid(o), F.elu(a)
        new_cell = old_cell + c * i
        new_h = torch.tanh(new_cell) * o
        ctx.save_for_backward(X, weights, i, o, c, a, new_cell)
        return new_h, new_cell

    @staticmethod
    def backward(ctx, grad_h, grad_cell):
        X, weights, i, o, c, a, new_cell = ctx.saved_tensors
        t = torch.tanh(new_cell)
        d_cell = grad_cell + grad_h * o * (1 - t * t)
        d_i = d_cell * c * i * (1 - i)
        d_o = grad_h * t * o * (1 - o)
        d_a = d_cell * i * torch.where(a > 0, torch.ones_like(a), torch.exp(a))
        d_gates = torch.cat([d_i, d_o, d_a], dim=1)
        d_X = d_gates.mm(weights)
        H = grad_h.shape[1]
        return d_X[:, H:], d_gates.t().mm(X), d_gates.sum(0), d_X[:, :H], d_cell

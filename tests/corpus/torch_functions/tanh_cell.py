import torch
from torch.autograd import Function


class TanhCell(Function):
    @staticmethod
    def forward(ctx, x, h, w_ih, w_hh):
        out = torch.tanh(x @ w_ih.t() + h @ w_hh.t())
        ctx.save_for_backward(x, h, w_ih, w_hh, out)
        return out

    @staticmethod
    def backward(ctx, grad):
        x, h, w_ih, w_hh, out = ctx.saved_tensors
        da = grad * (1 - out ** 2)
        return da @ w_ih, da @ w_hh, da.t() @ x, da.t() @ h


if __name__ == '__main__':
    args = [torch.randn(s, dtype=torch.double, requires_grad=True) for s in ((2, 3), (2, 4), (4, 3), (4, 4))]
    print(torch.autograd.gradcheck(TanhCell.apply, args))

import numpy as np


def rnn_forward(X, h, Wxh, Whh):
    """X is a list of (N, D) arrays, no bias; the cache is a stack"""
    stack, hs = [], []
    for x in X:
        h_new = np.tanh(x @ Wxh + h @ Whh)
        stack.append((x, h, h_new))
        h = h_new
        hs.append(h)
    return np.array(hs), (stack, Wxh, Whh)


def rnn_backward(dhs, cache):
    stack, Wxh, Whh = cache
    dWxh, dWhh = np.zeros_like(Wxh), np.zeros_like(Whh)
    dX = []
    dh = np.zeros_like(dhs[0])
    t = len(dhs)
    while stack:
        t -= 1
        x, h_prev, h = stack.pop()
        da = (dhs[t] + dh) * (1 - h ** 2)
        dWxh += x.T @ da
        dWhh += h_prev.T @ da
        dX.append(da @ Wxh.T)
        dh = da @ Whh.T
    dX.reverse()
    return np.array(dX), dh, dWxh, dWhh

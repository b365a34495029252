"""Layers as functions: forward returns the output and a callback that takes the output's gradient."""
from typing import Callable, Dict, Tuple

import numpy as np

Array = np.ndarray


class Model:
    def __init__(self, name: str, forward: Callable, params: Dict[str, Array]):
        self.name = name
        self._forward = forward
        self.params = params
        self.grads: Dict[str, Array] = {}

    def get_param(self, name: str) -> Array:
        return self.params[name]

    def inc_grad(self, name: str, value: Array) -> None:
        self.grads[name] = self.grads[name] + value if name in self.grads else value

    def __call__(self, X: Array, is_train: bool = True) -> Tuple[Array, Callable]:
        return self._forward(self, X, is_train)


def Maxout(W: Array, b: Array) -> Model:
    return Model("maxout", maxout_forward, {"W": W, "b": b})


def LSTM(W: Array, b: Array, h0: Array) -> Model:
    return Model("lstm", lstm_forward, {"W": W, "b": b, "h0": h0})


def maxout_forward(model: Model, X: Array, is_train: bool) -> Tuple[Array, Callable]:
    W, b = model.get_param("W"), model.get_param("b")  # (O, P, I), (O, P)
    pieces = np.einsum("ni,opi->nop", X, W) + b
    which = pieces.argmax(axis=-1)
    Y = pieces.max(axis=-1)

    def backprop(dY: Array) -> Array:
        dP = np.zeros_like(pieces)
        np.put_along_axis(dP, which[..., None], dY[..., None], axis=-1)
        model.inc_grad("W", np.einsum("nop,ni->opi", dP, X))
        model.inc_grad("b", dP.sum(axis=0))
        return np.einsum("nop,opi->ni", dP, W)

    return Y, backprop


def lstm_forward(model: Model, X: Array, is_train: bool) -> Tuple[Array, Callable]:
    """X: (steps, inputs), one sequence; W: (4, hidden, hidden + inputs) acting on [h, x]"""
    W, b, h0 = model.get_param("W"), model.get_param("b"), model.get_param("h0")
    H = h0.shape[0]
    h, c = h0, np.zeros(H)
    Y = np.zeros((X.shape[0], H))
    tape = []
    for t, x in enumerate(X):
        hx = np.concatenate((h, x))
        a = W @ hx + b
        f, i, o = 1 / (1 + np.exp(-a[:3]))
        g = np.tanh(a[3])
        tape.append((hx, f, i, o, g, c))
        c = f * c + i * g
        h = Y[t] = o * np.tanh(c)

    def backprop(dY: Array) -> Array:
        dX, dW, db = np.zeros_like(X), np.zeros_like(W), np.zeros_like(b)
        dh, dc = np.zeros(H), np.zeros(H)
        for t in range(len(tape) - 1, -1, -1):
            hx, f, i, o, g, c_prev = tape[t]
            tanhc = np.tanh(f * c_prev + i * g)
            dh = dh + dY[t]
            dc = dc + dh * o * (1 - tanhc**2)
            da = np.stack((dc * c_prev * f * (1 - f), dc * g * i * (1 - i), dh * tanhc * o * (1 - o), dc * i * (1 - g**2)))
            dW += da[:, :, None] * hx
            db += da
            dhx = np.einsum("gh,ghk->k", da, W)
            dh, dX[t] = dhx[:H], dhx[H:]
            dc = dc * f
        model.inc_grad("W", dW)
        model.inc_grad("b", db)
        model.inc_grad("h0", dh)
        return dX

    return Y, backprop

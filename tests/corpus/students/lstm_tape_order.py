import numpy as np


class Sigmoid:
    @staticmethod
    def of(x):
        return 1 / (1 + np.exp(-x))


def lstm_fprop(X, h0, c0, Wx, Wh, b):
    """X: (T, B, D)"""
    H = h0.shape[1]
    h, c, H_out, tape = h0, c0, [], []
    for x in X:
        a = x @ Wx + h @ Wh + b
        gates = Sigmoid.of(a[:, :3 * H])
        i, f, o = gates[:, :H], gates[:, H:2 * H], gates[:, 2 * H:]
        g = np.tanh(a[:, 3 * H:])
        tape.append((x, h, c, i, f, o, g))
        c = f * c + i * g
        h = o * np.tanh(c)
        H_out.append(h)
    return np.array(H_out), (tape, Wx, Wh)


def lstm_bprop(dH, cache):
    tape, Wx, Wh = cache
    dX, dWx, dWh, db = [None] * len(tape), 0, 0, 0
    dh = dc = np.zeros_like(dH[0])
    for t in reversed(range(len(tape))):
        x, h, c, i, f, o, g = tape[t]
        tanh_c = np.tanh(f * c + i * g)
        dh = dh + dH[t]
        dc = dc + dh * o * (1 - tanh_c ** 2)
        da = np.concatenate([
            dc * g * i * (1 - i),
            dc * c * f * (1 - f),
            dh * tanh_c * o * (1 - o),
            dc * i * (1 - g ** 2),
        ], axis=1)
        dX[len(tape) - 1 - t] = da @ Wx.T
        dWx, dWh, db = dWx + x.T @ da, dWh + h.T @ da, db + da.sum(axis=0)
        dh, dc = da @ Wh.T, dc * f
    return np.array(dX), dh, dc, dWx, dWh, db

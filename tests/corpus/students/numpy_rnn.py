import numpy as np
import torch.nn as nn


def rnn_cell_forward(x, h, W, U, b):
    h_new = np.tanh(x @ W + h @ U + b)
    return h_new, (x, h, W, U, h_new)


def rnn_cell_backward(dh_new, cache):
    x, h, W, U, h_new = cache
    dz = dh_new * (1 - np.square(h_new))
    dx = np.matmul(dz, W.T)
    dh = np.matmul(dz, U)
    dW = np.matmul(x.T, dz)
    dU = np.matmul(h.T, dz)
    db = np.sum(dz, axis=0)
    return dx, dh, dW, dU, db

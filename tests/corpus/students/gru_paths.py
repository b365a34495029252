import numpy as np
sigmoid = lambda v: 1.0 / (1.0 + np.exp(-v))


def gru_step_forward(x, h_prev, W, U, b):
    """z, r, n side by side; reset before the product"""
    H = h_prev.shape[1]
    z = sigmoid(x @ W[:, :H] + h_prev @ U[:, :H] + b[:H])
    r = sigmoid(x @ W[:, H:2*H] + h_prev @ U[:, H:2*H] + b[H:2*H])
    n = np.tanh(x @ W[:, 2*H:] + (r * h_prev) @ U[:, 2*H:] + b[2*H:])
    h = (1 - z) * n + z * h_prev
    return h, (x, h_prev, W, U, z, r, n)


def gru_step_backward(dh, cache):
    x, h_prev, W, U, z, r, n = cache
    H = h_prev.shape[1]
    dn = dh * (1 - z) * (1 - n ** 2)
    dz = dh * (h_prev - n) * z * (1 - z)
    drh = dn @ U[:, 2*H:].T
    dr = drh * h_prev * r * (1 - r)
    d = np.hstack((dz, dr, dn))
    dx = d @ W.T
    dh_prev = drh * r + np.hstack((dz, dr)) @ U[:, :2*H].T
    dW = x.T @ d
    dU = np.hstack((h_prev.T @ dz, h_prev.T @ dr, (r * h_prev).T @ dn))
    return dx, dh_prev, dW, dU, d.sum(axis=0)

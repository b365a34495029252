import numpy as np


def lstm_fwd(params, x_t, h_prev, c_prev):
    """
    One weight matrix for [x, h]: params = {'W': (D + H, 4H), 'b': (1, 4H)}; order i, f, c, o
    """
    z = np.concatenate([x_t, h_prev], axis=1)
    gates = z @ params['W'] + params['b']
    i, f, g, o = np.split(gates, 4, axis=1)
    i, f, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o))
    g = np.tanh(g)
    c = f * c_prev + i * g
    th = np.tanh(c)
    h = o * th
    return h, c, (z, i, f, g, o, th, c_prev, x_t.shape[1])


def lstm_bwd(params, dh, dc, cache):
    z, i, f, g, o, th, c_prev, D = cache
    dct = dc + dh * o * (1 - th * th)
    dgates = np.concatenate([
        dct * g * i * (1 - i),
        dct * c_prev * f * (1 - f),
        dct * i * (1 - g * g),
        dh * th * o * (1 - o),
    ], axis=1)
    grads = {'W': z.T @ dgates, 'b': dgates.sum(axis=0, keepdims=True)}
    dz = dgates @ params['W'].T
    dx, dh_prev = dz[:, :D], dz[:, D:]
    return dx, dh_prev, dct * f, grads

import numpy as np


def bahdanau_forward(s_prev, enc, Wa, Ua, va):
    """s_prev (N, H), enc (N, S, E), Wa (H, A), Ua (E, A), va (A,)"""
    e = np.tanh(s_prev.dot(Wa)[:, np.newaxis] + enc.dot(Ua))
    score = e.dot(va)
    alpha = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    ctx = np.sum(alpha[:, :, np.newaxis] * enc, axis=1)
    return ctx, (s_prev, enc, Wa, Ua, va, e, alpha)


def bahdanau_backward(dctx, cache):
    s_prev, enc, Wa, Ua, va, e, alpha = cache
    dalpha = np.sum(dctx[:, np.newaxis] * enc, axis=2)
    denc = alpha[:, :, np.newaxis] * dctx[:, np.newaxis]
    dscore = alpha * (dalpha - np.sum(alpha * dalpha, axis=1, keepdims=True))
    dva = np.sum(dscore[:, :, np.newaxis] * e, axis=(0, 1))
    dz = dscore[:, :, np.newaxis] * va * (1 - e ** 2)
    dUa = np.tensordot(enc, dz, axes=([0, 1], [0, 1]))
    dWa = s_prev.T.dot(dz.sum(axis=1))
    ds_prev = dz.sum(axis=1).dot(Wa.T)
    return ds_prev, denc, dWa, dUa, dva

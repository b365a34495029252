"""RNN step with layer normalization before the tanh."""
import numpy as np

try:
    from im2col_cython import col2im_cython
except ImportError:
    print('compile the extension first: python setup.py build_ext --inplace')


def ln_forward(a, gain, bias, eps=1e-5):
    mean = a.mean(1, keepdims=True)
    inv = 1 / np.sqrt(a.var(1, keepdims=True) + eps)
    norm = (a - mean) * inv
    return gain * norm + bias, (norm, inv, gain)


def ln_backward(dout, cache):
    norm, inv, gain = cache
    dn = dout * gain
    da = inv * (dn - dn.mean(1, keepdims=True) - norm * np.mean(dn * norm, 1, keepdims=True))
    return da, (dout * norm).sum(0), dout.sum(0)


def lnrnn_step_forward(x, prev_h, Wx, Wh, gain, bias):
    pre, ln_cache = ln_forward(x.dot(Wx) + prev_h.dot(Wh), gain, bias)
    next_h = np.tanh(pre)
    return next_h, (x, prev_h, Wx, Wh, next_h, ln_cache)


def lnrnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h, ln_cache = cache
    da, dgain, dbias = ln_backward(dnext_h * (1 - next_h**2), ln_cache)
    return da.dot(Wx.T), da.dot(Wh.T), x.T.dot(da), prev_h.T.dot(da), dgain, dbias
